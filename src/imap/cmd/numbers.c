#include "imap/cmd/numbers.h"

#include <assert.h>

struct numbers numbers_of_set(struct seqset set)
{
    return (struct numbers){ .set = set, .count = (size_t)seqset_count(&set) };
}

struct numbers numbers_of_list(const uint32_t *list, size_t count)
{
    assert(list);
    return (struct numbers){ .list = list, .count = count };
}

uint32_t numbers_first(const struct numbers *n)
{
    return !n->list ? seqset_first(&n->set) : n->count ? n->list[0] : 0;
}

uint32_t numbers_last(const struct numbers *n)
{
    return !n->list ? seqset_last(&n->set) : n->count ? n->list[n->count - 1] : 0;
}

struct numbers numbers_slice(const struct numbers *n, size_t from, size_t count, struct arena *arena)
{
    assert(from + count <= n->count);
    if (n->list)
        return numbers_of_list(n->list + from, count);
    struct seqset part;
    seqset_slice(&n->set, from, count, arena, &part);
    return numbers_of_set(part);
}

static void write_range(uint32_t first, uint32_t last, bool more, struct buf *out)
{
    if (more)
        buf_add_char(out, ',');
    buf_add_u64(out, first);
    if (last == first)
        return;
    buf_add_char(out, ':');
    buf_add_u64(out, last);
}

static void write_next_range(const struct numbers *n, struct numbers_place *place, struct buf *out)
{
    size_t at = place->at++;
    if (!n->list) {
        write_range(n->set.ranges[at].first, n->set.ranges[at].last, at > 0, out);
        return;
    }
    uint32_t first = n->list[at], last = first;
    for (; place->at < n->count && n->list[place->at] == last + 1; place->at++)
        last++;
    write_range(first, last, at > 0, out);
}

static void write_next_number(const struct numbers *n, struct numbers_place *place, struct buf *out)
{
    buf_add_char(out, ' ');
    if (n->list) {
        buf_add_u64(out, n->list[place->at++]);
        return;
    }
    const struct seqset_range *range = &n->set.ranges[place->at];
    buf_add_u64(out, range->first + place->inside);
    if (place->inside++ < range->last - range->first)
        return;
    place->at++;
    place->inside = 0;
}

bool numbers_write(const struct numbers *n, bool as_set, size_t max, struct numbers_place *place,
                   struct buf *out)
{
    size_t end = n->list ? n->count : n->set.count;
    for (size_t i = 0; i < max && place->at < end; i++)
        if (as_set)
            write_next_range(n, place, out);
        else
            write_next_number(n, place, out);
    return place->at < end;
}
