/* meta_collate.h: the sort keys of a message under another collation than the one that its stored keys were folded by.
 * They are taken from its stored ENVELOPE: no mail is read.     RFC 5255, 4.2; RFC 5256, 3; RFC 5957, 3
 * Threads: see charset.h. */
#ifndef LOFT_MIME_META_COLLATE_H
#define LOFT_MIME_META_COLLATE_H

#include "base/collation.h"
#include "mime/charset.h"
#include "mime/meta.h"

/* A view like `view` whose subject, from, to, cc, display_from and display_to are keys by collation_key().
 *   room      the keys' bytes, cleared first: the view is good until it changes
 *   view_out  borrows what `view` borrows, and `room` */
void meta_view_collate(const struct meta_view *view, enum collation collation, struct charset_cache *cache,
                       struct buf *room, struct meta_view *view_out);

#endif
