/* Digit by digit from the lowest, those left out in which no two keys differ. */
#include "base/radix.h"

#include <stdbool.h>
#include <string.h>

enum {
    INSERT_MAX = 32, /* fewer are put in place one by one */
    FEW = 4096,      /* fewer have shorter digits: counting them is most of the work */
    DIGIT_BITS = 11,
    DIGIT_BITS_OF_FEW = 8,
};

static void insert_each(struct radix_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct radix_item item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1].key > item.key; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* The bits in which keys differ; 0 also when they are in order. */
static uint64_t bits_to_sort(const struct radix_item *items, size_t count)
{
    uint64_t differ = 0;
    bool sorted = true;
    for (size_t i = 1; i < count; i++) {
        differ |= items[i].key ^ items[0].key;
        sorted = sorted && items[i - 1].key <= items[i].key;
    }
    return sorted ? 0 : differ;
}

static void sort_by_digit(const struct radix_item *from, struct radix_item *to, size_t count, unsigned shift,
                          unsigned bits)
{
    size_t places[1u << DIGIT_BITS] = { 0 }, sum = 0;
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    for (size_t i = 0; i < count; i++)
        places[from[i].key >> shift & mask]++;
    for (size_t digit = 0; digit <= mask; digit++) {
        size_t n = places[digit];
        places[digit] = sum;
        sum += n;
    }
    for (size_t i = 0; i < count; i++)
        to[places[from[i].key >> shift & mask]++] = from[i];
}

void radix_sort(struct radix_item *items, struct radix_item *room, size_t count)
{
    struct radix_item *from = items, *to = room;
    if (count <= INSERT_MAX) {
        insert_each(items, count);
        return;
    }
    const unsigned bits = count < FEW ? DIGIT_BITS_OF_FEW : DIGIT_BITS;
    uint64_t differ = bits_to_sort(items, count);
    for (unsigned shift = 0; shift < 64 && differ >> shift; shift += bits) {
        if ((differ >> shift & ((UINT64_C(1) << bits) - 1)) == 0)
            continue;
        sort_by_digit(from, to, count, shift, bits);
        struct radix_item *other = from;
        from = to;
        to = other;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}
