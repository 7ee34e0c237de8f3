#include "mail/key_column.h"

#include <stdlib.h>
#include <string.h>

/* ---- a new column: one allocation ---- */

static void column_free(struct cached_keys *keys)
{
    free(keys);
}

struct column_writer {
    struct key_column *column;
    uint64_t *begin;
    uint32_t *uids, *ranks;
    char *bytes;
};

static struct column_writer column_new(size_t count, size_t value_count, size_t key_bytes)
{
    size_t bytes = sizeof(struct key_column) + (value_count + 1) * sizeof(uint64_t) +
                   2 * count * sizeof(uint32_t) + key_bytes;
    struct key_column *column = malloc(bytes);
    if (!column)
        abort();
    struct column_writer w = { .column = column, .begin = (uint64_t *)(column + 1) };
    w.uids = (uint32_t *)(w.begin + value_count + 1);
    w.ranks = w.uids + count;
    w.bytes = (char *)(w.ranks + count);
    *column = (struct key_column){ .cached = { .bytes = bytes, .free = column_free },
                                   .begin = w.begin,
                                   .uids = w.uids,
                                   .ranks = w.ranks,
                                   .bytes = w.bytes };
    ref_init(&column->cached.ref);
    return w;
}

void key_column_unref(struct key_column **column)
{
    struct cached_keys *keys = *column ? &(*column)->cached : NULL;
    cached_keys_unref(&keys);
    *column = NULL;
}

static struct str value_of(const struct key_column *column, uint32_t rank)
{
    return str_make(column->bytes + column->begin[rank],
                    (size_t)(column->begin[rank + 1] - column->begin[rank]));
}

/* ---- the values of both, in order ---- */

struct merge {
    const struct key_column *old; /* may have none */
    struct sorter *sorter;
    const uint32_t *order;           /* of the sorter's messages */
    uint32_t *old_ranks, *new_ranks; /* what becomes of a rank, and the rank of each message of the sorter */
};

static void put_value(struct column_writer *w, struct str value, size_t *at)
{
    w->begin[w->column->value_count++] = *at;
    memcpy(w->bytes + *at, value.n ? value.p : "", value.n);
    *at += value.n;
}

static size_t merge_values(const struct merge *m, struct column_writer *w)
{
    size_t at = 0, i = 0;
    uint32_t old = 0, old_count = m->old ? m->old->value_count : 0;
    char room[SORTER_KEY_ROOM];
    while (old < old_count || i < m->sorter->count) {
        struct str new_value = i < m->sorter->count ? sorter_key(m->sorter, m->order[i], room) : STR_NIL;
        struct str value = old < old_count ? value_of(m->old, old) : STR_NIL;
        int d = i == m->sorter->count ? -1 : old == old_count ? 1 : str_cmp(value, new_value);
        uint32_t rank = w->column->value_count;
        put_value(w, d <= 0 ? value : new_value, &at);
        if (d <= 0)
            m->old_ranks[old++] = rank;
        if (d < 0)
            continue;
        uint32_t first = m->order[i];
        do
            m->new_ranks[m->order[i++]] = rank;
        while (i < m->sorter->count && sorter_compare(m->sorter, first, m->order[i]) == 0);
    }
    return at;
}

/* ---- the messages of both, by uid ---- */

static void put_message(struct column_writer *w, uint32_t uid, uint32_t rank)
{
    w->uids[w->column->count] = uid;
    w->ranks[w->column->count++] = rank;
}

static void merge_messages(const struct merge *m, const uint32_t *uids, struct column_writer *w)
{
    uint32_t old = 0, old_count = m->old ? m->old->count : 0;
    for (size_t i = 0; i < m->sorter->count; i++) {
        for (; old < old_count && m->old->uids[old] < uids[i]; old++)
            put_message(w, m->old->uids[old], m->old_ranks[m->old->ranks[old]]);
        if (old == old_count || m->old->uids[old] != uids[i])
            put_message(w, uids[i], m->new_ranks[i]);
    }
    for (; old < old_count; old++)
        put_message(w, m->old->uids[old], m->old_ranks[m->old->ranks[old]]);
}

static uint32_t *new_numbers(size_t count)
{
    uint32_t *numbers = malloc((count + 1) * sizeof *numbers);
    if (!numbers)
        abort();
    return numbers;
}

static size_t key_bytes_of(const struct key_column *column)
{
    return column ? (size_t)column->begin[column->value_count] : 0;
}

/* Room for what the sorter has. */
static void measure(const struct sorter *sorter, const uint32_t *order, size_t *different_out,
                    size_t *key_bytes_out)
{
    char room[SORTER_KEY_ROOM];
    *different_out = *key_bytes_out = 0;
    for (size_t i = 0; i < sorter->count; i++) {
        if (i > 0 && sorter_compare(sorter, order[i - 1], order[i]) == 0)
            continue;
        ++*different_out;
        *key_bytes_out += sorter_key(sorter, order[i], room).n;
    }
}

struct key_column *key_column_extend(const struct key_column *old, struct sorter *sorter,
                                     const uint32_t *uids)
{
    uint32_t old_count = old ? old->count : 0, old_values = old ? old->value_count : 0;
    uint32_t *order = new_numbers(sorter->count);
    const struct merge m = { .old = old,
                             .sorter = sorter,
                             .order = order,
                             .old_ranks = new_numbers(old_values),
                             .new_ranks = new_numbers(sorter->count) };
    size_t different, key_bytes;
    sorter_order(sorter, order);
    measure(sorter, order, &different, &key_bytes);
    struct column_writer w = column_new(old_count + sorter->count, old_values + different,
                                        key_bytes_of(old) + key_bytes);
    uint64_t end = merge_values(&m, &w);
    w.begin[w.column->value_count] = end;
    merge_messages(&m, uids, &w);
    free(order);
    free(m.old_ranks);
    free(m.new_ranks);
    return w.column;
}

bool key_column_rank(const struct key_column *column, uint32_t uid, uint32_t *at, uint32_t *rank_out)
{
    uint32_t low = *at, high = column->count;
    for (uint32_t step = 1; low < high && column->uids[low] < uid; step *= 2) {
        low++; /* mostly the next */
        if (step < high - low && column->uids[low + step] < uid)
            low += step;
    }
    *at = low;
    if (low == high || column->uids[low] != uid)
        return false;
    *rank_out = column->ranks[low];
    return true;
}
