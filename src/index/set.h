/* set.h: a set of documents of a segment, by number. Few are kept as a list, many as bits.     Threads: one owner to change it; any to look. */
#ifndef LOFT_INDEX_SET_H
#define LOFT_INDEX_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_set {
    uint32_t universe; /* numbers are below it */
    uint32_t count;
    uint32_t *list; /* ascending; or NULL: */
    uint64_t *bits; /* (universe + 63) / 64; or NULL: empty */
    uint32_t list_cap;
};

#define INDEX_SET_INIT ((struct index_set){ 0 })

void index_set_init(struct index_set *set, uint32_t universe); /* empty */
void index_set_deinit(struct index_set *set);                  /* leaves INDEX_SET_INIT */
void index_set_clear(struct index_set *set);                   /* empty, of the same universe */

void index_set_add(struct index_set *set, uint32_t number);
void index_set_add_all(struct index_set *set);
void index_set_unite(struct index_set *set, const struct index_set *other);
void index_set_intersect(struct index_set *set, const struct index_set *other);
void index_set_subtract(struct index_set *set, const struct index_set *other);

/* For who fills one at length: make it bits (`bits` is there from then on; counts nothing), and in the end whatever takes less,
 * counted. */
void index_set_use_bits(struct index_set *set);
void index_set_settle(struct index_set *set);

bool index_set_has(const struct index_set *set, uint32_t number);

/* The least number of the set that is `from` or more; false: there is none. */
bool index_set_next(const struct index_set *set, uint32_t from, uint32_t *number_out);

#endif
