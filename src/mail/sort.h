/* sort.h: the order of messages by stored keys.     RFC 5256, 3 (SORT); RFC 5957 (DISPLAYFROM, DISPLAYTO)
 *
 *   sorter_init -> sorter_add for each message, in order of sequence number -> sorter_take_meta for each that has a record, in any
 *   order -> sorter_order -> sorter_deinit
 *
 * Strings compare by a collation (RFC 5255, 4.2). By i;unicode-casemap as far as the stored keys tell: they were cut at META_KEY_BYTES_MAX, and
 * full case folding made "ß" and "ss" one.     Threads: one owner. */
#ifndef LOFT_MAIL_SORT_H
#define LOFT_MAIL_SORT_H

#include "mail/chunk.h"
#include "mail/sort_key.h"
#include "mime/meta_collate.h"

struct sort_value;

struct sorter {
    const struct sort_criterion *criteria;
    size_t criterion_count;
    struct sort_value *values; /* criterion_count of each message */
    size_t count, cap;
    struct buf strings;
    struct collator collator;
};

/* `criteria` (1..SORT_CRITERIA_MAX of them) is borrowed until sorter_deinit. */
void sorter_init(struct sorter *s, const struct sort_criterion *criteria, size_t count,
                 enum collation collation);
void sorter_deinit(struct sorter *s);

/* Does any criterion need the meta record? */
bool sorter_needs_meta(const struct sorter *s);

/* Does this one? */
bool sort_key_is_stored(enum sort_key key);

/* Of a key that is none, or of SORT_DATE where the message has no date of its own: a number that sorts as the key does. */
uint64_t sort_number_of_row(enum sort_key key, const struct message *row);

/* The next message: index 0, 1, ... Until its record is taken its header fields count as absent, and its date is INTERNALDATE. */
void sorter_add(struct sorter *s, const struct message *row);
/* How relevant the message added last is, 1 to 100. SORT_RELEVANCY has the highest first: RFC 6203, 6 */
void sorter_set_relevancy(struct sorter *s, unsigned score);
void sorter_take_meta(struct sorter *s, uint32_t index, const struct meta_view *view);

/* Negative, 0, positive: message `a` comes before `b`, the criteria do not tell them apart, after. */
int sorter_compare(const struct sorter *s, uint32_t a, uint32_t b);

/* The first criterion's key of message `index` as bytes: their order is that of the keys.   room: for keys that are numbers; borrows it,
 * or the sorter */
enum { SORTER_KEY_ROOM = 8 };
struct str sorter_key(const struct sorter *s, uint32_t index, char *room);

/* Indexes of all messages in the order of the criteria; equal ones in the order they were added.   order_out: room for s->count */
void sorter_order(const struct sorter *s, uint32_t *order_out);

#endif
