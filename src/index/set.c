#include "index/set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A list takes 32 bits a member, the bits one a number of the universe. */
enum { LIST_MAX_SHARE = 32, LIST_CAP_FIRST = 16 };

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

static size_t word_count(const struct index_set *set)
{
    return ((size_t)set->universe + 63) / 64;
}

void index_set_init(struct index_set *set, uint32_t universe)
{
    *set = (struct index_set){ .universe = universe };
}

void index_set_deinit(struct index_set *set)
{
    free(set->list);
    free(set->bits);
    *set = INDEX_SET_INIT;
}

void index_set_clear(struct index_set *set)
{
    uint32_t universe = set->universe;
    index_set_deinit(set);
    set->universe = universe;
}

/* ---- from a list to bits, and back ---- */

void index_set_use_bits(struct index_set *set)
{
    if (set->bits)
        return;
    set->bits = checked(calloc(word_count(set) + 1, sizeof *set->bits));
    for (uint32_t i = 0; i < set->count; i++)
        set->bits[set->list[i] / 64] |= UINT64_C(1) << (set->list[i] % 64);
    free(set->list);
    set->list = NULL;
    set->list_cap = 0;
}

void index_set_settle(struct index_set *set)
{
    uint32_t count = 0;
    if (!set->bits)
        return;
    for (size_t i = 0; i < word_count(set); i++)
        count += (uint32_t)__builtin_popcountll(set->bits[i]);
    set->count = count;
    if (count > set->universe / LIST_MAX_SHARE)
        return;
    uint32_t *list = checked(malloc((count + 1) * sizeof *list)), n = 0;
    for (size_t i = 0; i < word_count(set); i++)
        for (uint64_t word = set->bits[i]; word; word &= word - 1)
            list[n++] = (uint32_t)(i * 64 + (size_t)__builtin_ctzll(word));
    free(set->bits);
    set->bits = NULL;
    set->list = list;
    set->list_cap = count + 1;
}

/* ---- members ---- */

static void grow_list(struct index_set *set)
{
    set->list_cap = set->list_cap ? 2 * set->list_cap : LIST_CAP_FIRST;
    set->list = checked(realloc(set->list, set->list_cap * sizeof *set->list));
}

void index_set_add(struct index_set *set, uint32_t number)
{
    assert(number < set->universe);
    if (!set->bits) {
        if (set->count == 0 || set->list[set->count - 1] < number) {
            if (set->count < set->universe / LIST_MAX_SHARE || set->count < LIST_CAP_FIRST) {
                if (set->count == set->list_cap)
                    grow_list(set);
                set->list[set->count++] = number;
                return;
            }
        } else if (index_set_has(set, number)) {
            return;
        }
        index_set_use_bits(set);
    }
    uint64_t *word = &set->bits[number / 64], bit = UINT64_C(1) << (number % 64);
    set->count += !(*word & bit);
    *word |= bit;
}

void index_set_add_all(struct index_set *set)
{
    index_set_use_bits(set);
    memset(set->bits, 0xff, word_count(set) * sizeof *set->bits);
    if (set->universe % 64)
        set->bits[set->universe / 64] = (UINT64_C(1) << (set->universe % 64)) - 1;
    set->count = set->universe;
}

bool index_set_has(const struct index_set *set, uint32_t number)
{
    uint32_t at;
    if (number >= set->universe || set->count == 0)
        return false;
    if (set->bits)
        return set->bits[number / 64] >> (number % 64) & 1;
    return index_set_next(set, number, &at) && at == number;
}

bool index_set_next(const struct index_set *set, uint32_t from, uint32_t *number_out)
{
    if (from >= set->universe || set->count == 0)
        return false;
    if (set->bits) {
        size_t at = from / 64;
        uint64_t word = set->bits[at] & (~UINT64_C(0) << (from % 64));
        while (!word)
            if (++at == word_count(set))
                return false;
            else
                word = set->bits[at];
        *number_out = (uint32_t)(at * 64 + (size_t)__builtin_ctzll(word));
        return true;
    }
    uint32_t low = 0, high = set->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->list[middle] < from)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == set->count)
        return false;
    *number_out = set->list[low];
    return true;
}

/* ---- two sets of one universe ---- */

void index_set_unite(struct index_set *set, const struct index_set *other)
{
    assert(set->universe == other->universe);
    if (other->count == 0)
        return;
    index_set_use_bits(set);
    if (other->bits)
        for (size_t i = 0; i < word_count(set); i++)
            set->bits[i] |= other->bits[i];
    else
        for (uint32_t i = 0; i < other->count; i++)
            set->bits[other->list[i] / 64] |= UINT64_C(1) << (other->list[i] % 64);
    index_set_settle(set);
}

/* Keep the members that `other` has, or has not. */
static void filter(struct index_set *set, const struct index_set *other, bool keep)
{
    uint32_t n = 0;
    assert(set->universe == other->universe);
    if (set->bits) {
        struct index_set copy = *other;
        if (!other->bits) { /* few: as bits */
            copy.list = checked(malloc((other->count + 1) * sizeof *copy.list));
            if (other->count)
                memcpy(copy.list, other->list, other->count * sizeof *copy.list);
            index_set_use_bits(&copy);
        }
        for (size_t i = 0; i < word_count(set); i++)
            set->bits[i] &= keep ? copy.bits[i] : ~copy.bits[i];
        if (!other->bits)
            index_set_deinit(&copy);
        index_set_settle(set);
        return;
    }
    for (uint32_t i = 0; i < set->count; i++)
        if (index_set_has(other, set->list[i]) == keep)
            set->list[n++] = set->list[i];
    set->count = n;
}

void index_set_intersect(struct index_set *set, const struct index_set *other)
{
    filter(set, other, true);
}

void index_set_subtract(struct index_set *set, const struct index_set *other)
{
    filter(set, other, false);
}
