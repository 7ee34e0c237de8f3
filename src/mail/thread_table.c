#include "mail/thread_table.h"

#include <stdlib.h>

enum { BITS_MIN = 8, BITS_OF_EXPECTED_MAX = 31 };

static size_t slot_of(const struct thread_table *table, uint64_t hash)
{
    __uint128_t product = (__uint128_t)(hash ^ table->key[0]) * (table->key[1] | 1);
    return (size_t)(((uint64_t)product ^ (uint64_t)(product >> 64)) * UINT64_C(0x9e3779b97f4a7c15) >>
                    table->shift);
}

static size_t table_size(const struct thread_table *table)
{
    return (size_t)1 << (64 - table->shift);
}

static void allocate(struct thread_table *table, unsigned bits)
{
    table->shift = 64 - bits;
    table->slots = calloc(table_size(table), sizeof *table->slots);
    if (!table->slots)
        abort();
}

void thread_table_init(struct thread_table *table, size_t expected, struct rand_source *random)
{
    unsigned bits = BITS_MIN;
    *table = (struct thread_table){ .key = { rand_u64(random), rand_u64(random) } };
    while (bits < BITS_OF_EXPECTED_MAX && (size_t)1 << bits < 2 * expected)
        bits++;
    allocate(table, bits);
}

void thread_table_deinit(struct thread_table *table)
{
    free(table->slots);
    table->slots = NULL;
}

struct thread_slot *thread_table_find(const struct thread_table *table, uint64_t hash)
{
    size_t mask = table_size(table) - 1;
    for (size_t i = slot_of(table, hash);; i = (i + 1) & mask)
        if (table->slots[i].node == 0 || table->slots[i].hash == hash)
            return &table->slots[i];
}

void thread_table_put(struct thread_table *table, struct thread_slot *slot, uint64_t hash, uint32_t node)
{
    *slot = (struct thread_slot){ hash, node };
    if (++table->count * 2 <= table_size(table))
        return;
    struct thread_table larger = *table;
    allocate(&larger, 64 - table->shift + 1);
    for (size_t i = 0; i < table_size(table); i++)
        if (table->slots[i].node)
            *thread_table_find(&larger, table->slots[i].hash) = table->slots[i];
    free(table->slots);
    *table = larger;
}
