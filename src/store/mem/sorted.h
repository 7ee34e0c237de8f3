/* sorted.h: a sorted vector of shared items, of which a snapshot costs one reference.
 * Whoever changes a vector that somebody else holds gets a copy of it (of the pointers, not of the items) and
 * changes that. Finding is O(log n); a change moves pointers, O(n) bytes at worst: right for tests, up to
 * some 100 000 items.
 * Threads: changes under the owner's lock; a snapshot may be read and dropped without it. */
#ifndef LOFT_STORE_MEM_SORTED_H
#define LOFT_STORE_MEM_SORTED_H

#include "base/ref.h"
#include "base/str.h"

/* One key and what belongs to it; immutable. State pairs use part[0]; blobs use all: bytes, meta, header. */
enum { ITEM_VALUE = 0, ITEM_BYTES = 0, ITEM_META, ITEM_HEADER, ITEM_PARTS };

struct item {
    struct ref ref;
    struct str key, part[ITEM_PARTS]; /* in the same allocation, never NIL */
};

struct item *item_new(struct str key, const struct str part[ITEM_PARTS]); /* copies */
struct item *item_ref(struct item *item);
void item_unref(struct item **item); /* NULL is fine */

struct sorted {
    struct ref ref;
    struct item **items; /* by key, as bytes; each key once */
    size_t n, cap;
};

struct sorted *sorted_new(void);
struct sorted *sorted_ref(struct sorted *s);
void sorted_unref(struct sorted **s); /* NULL is fine */

size_t sorted_lower(const struct sorted *s, struct str key); /* index of the first item with a key >= `key` */
struct item *sorted_find(const struct sorted *s, struct str key); /* borrows; NULL: absent */

/* These may replace *s by a copy that is the caller's alone. */
void sorted_put(struct sorted **s, struct item *item); /* takes `item`; it replaces one with its key */
bool sorted_remove(struct sorted **s, struct str key); /* false: absent */
void sorted_remove_range(struct sorted **s, size_t from, size_t to); /* indexes, from <= i < to */

#endif
