#include "mail/ranking.h"

#include "base/radix.h"

#include <stdlib.h>

enum { GONE_MAX = 1024 }; /* of the messages of a column that need not be there any more */

/* ---- life ---- */

static struct key_cache_id id_of(const struct ranking *r, enum sort_key key)
{
    struct key_cache_id id = r->id;
    id.kind = (uint64_t)key << 8 | (uint64_t)r->collation;
    return id;
}

void ranking_init(struct ranking *r, struct key_cache *cache, uint64_t account, uint64_t mailbox,
                  uint32_t exists, const struct sort_criterion *criteria, size_t count,
                  enum collation collation)
{
    assert(count >= 1 && count <= SORT_CRITERIA_MAX);
    *r = (struct ranking){ .cache = cache,
                           .id = { .account = account, .mailbox = mailbox },
                           .collation = collation,
                           .criteria = criteria,
                           .criterion_count = count };
    for (size_t i = 0; i < count; i++) {
        struct ranking_key *key = &r->keys[i];
        key->criterion.key = criteria[i].key;
        if (!sort_key_is_stored(criteria[i].key))
            continue;
        const struct key_cache_id id = id_of(r, criteria[i].key);
        sorter_init(&key->sorter, &key->criterion, 1, collation);
        key->column = (struct key_column *)key_cache_get(cache, &id);
        if (key->column && key->column->count > 2 * (uint64_t)exists + GONE_MAX)
            key_column_unref(&key->column);
    }
}

void ranking_deinit(struct ranking *r)
{
    for (size_t i = 0; i < r->criterion_count; i++) {
        if (sort_key_is_stored(r->criteria[i].key))
            sorter_deinit(&r->keys[i].sorter);
        key_column_unref(&r->keys[i].column);
        free(r->keys[i].numbers);
    }
    free(r->uids);
    free(r->missing);
    *r = (struct ranking){ 0 };
}

/* ---- messages ---- */

static void *resize(void *p, size_t cap, size_t size)
{
    p = realloc(p, cap * size);
    if (!p)
        abort();
    return p;
}

static void grow(struct ranking *r)
{
    r->cap = r->cap ? 2 * r->cap : 256;
    r->uids = resize(r->uids, r->cap, sizeof *r->uids);
    r->missing = resize(r->missing, r->cap, sizeof *r->missing);
    for (size_t i = 0; i < r->criterion_count; i++)
        r->keys[i].numbers = resize(r->keys[i].numbers, r->cap, sizeof *r->keys[i].numbers);
}

static bool find_rank(struct ranking_key *key, uint32_t uid, uint64_t *number_out)
{
    uint32_t rank = 0;
    bool known = key->column && key_column_rank(key->column, uid, &key->at, &rank);
    *number_out = rank;
    return known;
}

static void add_missing(struct ranking *r, uint32_t index, const struct message *row)
{
    r->missing[r->missing_count++] = index;
    for (size_t i = 0; i < r->criterion_count; i++)
        if (sort_key_is_stored(r->criteria[i].key))
            sorter_add(&r->keys[i].sorter, row);
}

void ranking_add(struct ranking *r, const struct message *row, unsigned relevancy)
{
    bool known = true;
    if (r->count == r->cap)
        grow(r);
    uint32_t index = (uint32_t)r->count++;
    assert(index == 0 || r->uids[index - 1] < row->uid);
    r->uids[index] = row->uid;
    for (size_t i = 0; i < r->criterion_count; i++) {
        uint64_t *number = &r->keys[i].numbers[index];
        if (r->criteria[i].key == SORT_RELEVANCY)
            *number = 100 - relevancy;
        else if (!sort_key_is_stored(r->criteria[i].key))
            *number = sort_number_of_row(r->criteria[i].key, row);
        else if (!find_rank(&r->keys[i], row->uid, number))
            known = false;
    }
    if (!known)
        add_missing(r, index, row);
}

void ranking_take_meta(struct ranking *r, uint32_t i, const struct meta_view *view)
{
    assert(i < r->missing_count);
    for (size_t k = 0; k < r->criterion_count; k++)
        if (sort_key_is_stored(r->criteria[k].key))
            sorter_take_meta(&r->keys[k].sorter, i, view);
}

/* ---- order ---- */

/* All ranks anew: what came in between has moved them. */
static void extend(struct ranking *r, struct ranking_key *key, const uint32_t *missing_uids, bool keep)
{
    struct key_column *column = key_column_extend(key->column, &key->sorter, missing_uids);
    const struct key_cache_id id = id_of(r, key->criterion.key);
    key_column_unref(&key->column);
    sorter_deinit(&key->sorter);
    sorter_init(&key->sorter, &key->criterion, 1, r->collation);
    key->column = column;
    key->at = 0;
    for (size_t i = 0; i < r->count; i++) {
        bool known = find_rank(key, r->uids[i], &key->numbers[i]);
        assert(known);
        (void)known;
    }
    if (keep)
        key_cache_put(r->cache, &id, &column->cached);
}

static void extend_all(struct ranking *r, bool keep)
{
    uint32_t *uids = malloc(r->missing_count * sizeof *uids);
    if (!uids)
        abort();
    for (size_t i = 0; i < r->missing_count; i++)
        uids[i] = r->uids[r->missing[i]];
    for (size_t i = 0; i < r->criterion_count; i++)
        if (sort_key_is_stored(r->criteria[i].key))
            extend(r, &r->keys[i], uids, keep);
    free(uids);
    r->missing_count = 0;
}

/* From the last criterion to the first: each leaves the order of those before where it does not tell apart. */
void ranking_order(struct ranking *r, bool keep, uint32_t *order_out)
{
    struct radix_item *items = malloc((2 * r->count + 1) * sizeof *items);
    if (!items)
        abort();
    if (r->missing_count)
        extend_all(r, keep);
    for (uint32_t i = 0; i < r->count; i++)
        items[i].index = i;
    for (size_t k = r->criterion_count; k-- > 0;) {
        const uint64_t turn = r->criteria[k].reverse ? UINT64_MAX : 0;
        for (size_t i = 0; i < r->count; i++)
            items[i].key = r->keys[k].numbers[items[i].index] ^ turn;
        radix_sort(items, items + r->count, r->count);
    }
    for (size_t i = 0; i < r->count; i++)
        order_out[i] = items[i].index;
    free(items);
}
