/* meta_collate.h: the sort keys of a message under another collation than the one that its stored keys were folded by.
 * They are taken from its stored ENVELOPE: no mail is read.     RFC 5255, 4.2; RFC 5256, 3; RFC 5957, 3
 * Threads: see charset.h. */
#ifndef LOFT_MIME_META_COLLATE_H
#define LOFT_MIME_META_COLLATE_H

#include "base/collation.h"
#include "mime/charset.h"
#include "mime/meta.h"

struct collator {
    enum collation collation;
    struct charset_cache *cache;
    struct buf room; /* of the keys */
    struct meta_view view;
};

void collator_init(struct collator *c, enum collation collation);
void collator_deinit(struct collator *c);

/* `view` with subject, from, to, cc, display_from and display_to as keys by collation_key(), cut at META_KEY_BYTES_MAX; itself under the
 * default collation. Borrows what `view` borrows, and the collator, until the next call. */
const struct meta_view *collator_view(struct collator *c, const struct meta_view *view);

#endif
