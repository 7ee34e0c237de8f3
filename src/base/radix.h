/* radix.h: the order of many numbers, in time that grows as their count.     Threads: none; values. */
#ifndef LOFT_BASE_RADIX_H
#define LOFT_BASE_RADIX_H

#include <stddef.h>
#include <stdint.h>

struct radix_item {
    uint64_t key;
    uint32_t index; /* the caller's */
};

/* Sort by key, ascending; equal ones stay as they stand.   room: for `count` items */
void radix_sort(struct radix_item *items, struct radix_item *room, size_t count);

#endif
