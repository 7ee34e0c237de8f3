/* sort_hits.h: what SORT and THREAD begin with: the messages that match, and their stored keys.     RFC 5256, 3 */
#ifndef LOFT_IMAP_CMD_SORT_HITS_H
#define LOFT_IMAP_CMD_SORT_HITS_H

#include "imap/session.h"
#include "imap/wire/search_args.h"
#include "mail/meta_scan.h"

/* A message that matches, in order of sequence number; `number` is its UID in the UID form. */
typedef void sort_hit_fn(void *ctx, uint32_t number, const struct message *row);

/* Call `fn` for every match.
 *   wanted_out, count_out  the same messages for meta_scan; the caller frees *wanted_out, also after an error
 *   errors                 those of search_program_new and search_program_match; BADCHARSET is told as the reply's code */
MUST_USE int sort_find_hits(struct session *s, const struct search_args *search, sort_hit_fn *fn, void *ctx,
                            struct meta_wanted **wanted_out, size_t *count_out, struct err *err);

/* Hand the stored keys of the matches to `fn`. Records that are damaged are passed over, and a word of it goes to the log. */
MUST_USE int sort_read_keys(struct session *s, struct meta_wanted *wanted, size_t count, meta_scan_fn *fn,
                            void *ctx, struct err *err);

#endif
