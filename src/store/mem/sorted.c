#include "store/mem/sorted.h"

#include <stdlib.h>

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static struct str place(char **at, struct str s)
{
    struct str copy = str_make(*at, s.n);
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

struct item *item_new(struct str key, const struct str part[ITEM_PARTS])
{
    size_t n = key.n;
    for (size_t i = 0; i < ITEM_PARTS; i++)
        n += part[i].n;
    struct item *item = must(malloc(sizeof *item + n));
    char *at = (char *)(item + 1);

    ref_init(&item->ref);
    item->key = place(&at, key);
    for (size_t i = 0; i < ITEM_PARTS; i++)
        item->part[i] = place(&at, part[i]);
    return item;
}

struct item *item_ref(struct item *item)
{
    ref_get(&item->ref);
    return item;
}

void item_unref(struct item **item)
{
    if (*item && ref_put(&(*item)->ref))
        free(*item);
    *item = NULL;
}

struct sorted *sorted_new(void)
{
    struct sorted *s = must(calloc(1, sizeof *s));
    ref_init(&s->ref);
    return s;
}

struct sorted *sorted_ref(struct sorted *s)
{
    ref_get(&s->ref);
    return s;
}

void sorted_unref(struct sorted **s)
{
    struct sorted *old = *s;
    *s = NULL;
    if (!old || !ref_put(&old->ref))
        return;
    for (size_t i = 0; i < old->n; i++)
        item_unref(&old->items[i]);
    free(old->items);
    free(old);
}

size_t sorted_lower(const struct sorted *s, struct str key)
{
    size_t low = 0, high = s->n;
    if (s->n > 0 && str_cmp(s->items[s->n - 1]->key, key) < 0) /* filling in order is common */
        return s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(s->items[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct sorted *s, size_t i, struct str key)
{
    return i < s->n && str_eq(s->items[i]->key, key);
}

struct item *sorted_find(const struct sorted *s, struct str key)
{
    size_t i = sorted_lower(s, key);
    return is_at(s, i, key) ? s->items[i] : NULL;
}

/* Under the owner's lock nobody can take a new reference, so a count of 1 stays 1. */
static void make_own(struct sorted **s)
{
    struct sorted *old = *s;
    if (atomic_load_explicit(&old->ref.n, memory_order_acquire) == 1)
        return;
    struct sorted *own = sorted_new();
    own->cap = own->n = old->n;
    own->items = must(malloc((old->n + 1) * sizeof(struct item *)));
    for (size_t i = 0; i < old->n; i++)
        own->items[i] = item_ref(old->items[i]);
    sorted_unref(s);
    *s = own;
}

/* Make room for one item at `i`. */
static void open_gap(struct sorted *s, size_t i)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 8;
        s->items = must(realloc(s->items, s->cap * sizeof(struct item *)));
    }
    memmove(&s->items[i + 1], &s->items[i], (s->n - i) * sizeof(struct item *));
    s->n++;
}

void sorted_put(struct sorted **s, struct item *item)
{
    make_own(s);
    size_t i = sorted_lower(*s, item->key);
    if (is_at(*s, i, item->key))
        item_unref(&(*s)->items[i]);
    else
        open_gap(*s, i);
    (*s)->items[i] = item;
}

bool sorted_remove(struct sorted **s, struct str key)
{
    size_t i = sorted_lower(*s, key);
    if (!is_at(*s, i, key))
        return false;
    sorted_remove_range(s, i, i + 1);
    return true;
}

void sorted_remove_range(struct sorted **s, size_t from, size_t to)
{
    if (from >= to)
        return;
    make_own(s);
    struct sorted *own = *s;
    for (size_t i = from; i < to; i++)
        item_unref(&own->items[i]);
    memmove(&own->items[from], &own->items[to], (own->n - to) * sizeof(struct item *));
    own->n -= to - from;
}
