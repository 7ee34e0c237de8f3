#include "base/seqset.h"

#include <assert.h>
#include <stdlib.h>

void seqset_init(struct seqset *set, struct arena *arena)
{
    *set = (struct seqset){ .arena = arena };
}

static bool is_plain(const struct seqset *set)
{
    return set->star_from == 0 && !set->saved;
}

/* ---- building ---- */

static void push_range(struct seqset *set, uint32_t first, uint32_t last)
{
    set->ranges = arena_grow(set->arena, set->ranges, set->count, &set->cap, sizeof *set->ranges);
    set->ranges[set->count++] = (struct seqset_range){ first, last };
}

/* Add a range that begins no earlier than the last one does: merge with it, or stand behind it. */
static void append_range(struct seqset *set, uint32_t first, uint32_t last)
{
    struct seqset_range *end = set->count ? &set->ranges[set->count - 1] : NULL;
    assert(!end || first >= end->first);
    if (!end || first > (uint64_t)end->last + 1)
        push_range(set, first, last);
    else if (last > end->last)
        end->last = last;
}

/* Index of the first range that ends at `n` or above; set->count when there is none. */
static size_t find_range(const struct seqset *set, uint32_t n)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].last < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Add a range that begins before the last one: it swallows ranges [from, to) and takes their place. */
static void insert_range(struct seqset *set, uint32_t first, uint32_t last)
{
    size_t from = find_range(set, first > 1 ? first - 1 : 1); /* adjacent below counts as touching */
    size_t to = from;
    while (to < set->count && set->ranges[to].first <= (uint64_t)last + 1)
        to++;
    if (from == to) {
        push_range(set, 0, 0); /* room for one more */
        memmove(&set->ranges[from + 1], &set->ranges[from], (set->count - 1 - from) * sizeof *set->ranges);
        set->ranges[from] = (struct seqset_range){ first, last };
        return;
    }
    if (set->ranges[from].first < first)
        first = set->ranges[from].first;
    if (set->ranges[to - 1].last > last)
        last = set->ranges[to - 1].last;
    set->ranges[from] = (struct seqset_range){ first, last };
    memmove(&set->ranges[from + 1], &set->ranges[to], (set->count - to) * sizeof *set->ranges);
    set->count -= to - from - 1;
}

void seqset_add_range(struct seqset *set, uint32_t first, uint32_t last)
{
    assert(first >= 1 && first <= last);
    if (set->count == 0 || first >= set->ranges[set->count - 1].first)
        append_range(set, first, last);
    else
        insert_range(set, first, last);
}

void seqset_add(struct seqset *set, uint32_t n)
{
    seqset_add_range(set, n, n);
}

void seqset_copy(const struct seqset *set, struct arena *arena, struct seqset *out)
{
    *out = *set;
    out->arena = arena;
    out->cap = set->count;
    out->ranges = arena_new_array(arena, struct seqset_range, set->count);
    if (set->count)
        memcpy(out->ranges, set->ranges, set->count * sizeof *out->ranges);
}

/* ---- parsing ---- */

struct reader_at {
    const char *p, *end;
};

/* seq-number = nz-number / "*"; "*" reads as 0, which no number is.
 * Leading zeros are not in the grammar: digit-nz comes first. */
static bool read_number(struct reader_at *at, uint32_t *n_out)
{
    if (at->p < at->end && *at->p == '*') {
        at->p++;
        *n_out = 0;
        return true;
    }
    const char *from = at->p;
    uint64_t n = 0;
    while (at->p < at->end && ascii_is_digit(*at->p) && n <= UINT32_MAX)
        n = n * 10 + (uint64_t)(*at->p++ - '0');
    if (at->p == from || *from == '0' || n > UINT32_MAX)
        return false;
    *n_out = (uint32_t)n;
    return true;
}

/* One member, "*", "n", "n:m", "n:*", "*:n", "$", goes into the set unsorted. */
static bool read_member(struct reader_at *at, struct seqset *set)
{
    uint32_t a, b;
    if (at->p < at->end && *at->p == '$') {
        at->p++;
        set->saved = true;
        return true;
    }
    if (!read_number(at, &a))
        return false;
    b = a;
    if (at->p < at->end && *at->p == ':') {
        at->p++;
        if (!read_number(at, &b))
            return false;
    }
    if (a == 0 || b == 0) {
        uint32_t from = a + b ? a + b : UINT32_MAX; /* the one that is a number */
        if (set->star_from == 0 || from < set->star_from)
            set->star_from = from;
        return true;
    }
    push_range(set, a < b ? a : b, a < b ? b : a);
    return true;
}

static int compare_ranges(const void *pa, const void *pb)
{
    const struct seqset_range *a = pa, *b = pb;
    return (a->first > b->first) - (a->first < b->first);
}

/* Sort and merge what read_member() left unsorted. Most clients send ascending sets: nothing to sort then. */
static void normalize(struct seqset *set)
{
    size_t i = 1;
    while (i < set->count && set->ranges[i].first > (uint64_t)set->ranges[i - 1].last + 1)
        i++;
    if (i >= set->count)
        return;
    qsort(set->ranges, set->count, sizeof *set->ranges, compare_ranges);
    size_t count = set->count;
    set->count = 0;
    for (i = 0; i < count; i++) {
        struct seqset_range range = set->ranges[i]; /* written at or before where it is read */
        append_range(set, range.first, range.last);
    }
}

int seqset_parse(struct str in, struct arena *arena, struct seqset *set_out, struct err *err)
{
    struct reader_at at = { in.p, in.p + in.n };
    struct seqset set;
    seqset_init(&set, arena);
    for (size_t members = 1;; members++) {
        if (members > SEQSET_RANGES_MAX)
            return err_set(err, ERR_LIMIT, "more than %d ranges in a set of messages", SEQSET_RANGES_MAX);
        if (!read_member(&at, &set))
            return err_set(err, ERR_SYNTAX, "wrong number in a set of messages, at byte %td", at.p - in.p);
        if (at.p == at.end)
            break;
        if (*at.p != ',')
            return err_set(err, ERR_SYNTAX, "unexpected byte in a set of messages, at byte %td", at.p - in.p);
        at.p++;
    }
    normalize(&set);
    *set_out = set;
    return 0;
}

void seqset_resolve(struct seqset *set, uint32_t max)
{
    uint32_t from = set->star_from;
    set->star_from = 0;
    if (from && max)
        seqset_add_range(set, from < max ? from : max, max);
}

/* ---- reading ---- */

bool seqset_is_empty(const struct seqset *set)
{
    return set->count == 0 && is_plain(set);
}

bool seqset_contains(const struct seqset *set, uint32_t n)
{
    assert(is_plain(set));
    size_t i = find_range(set, n);
    return i < set->count && set->ranges[i].first <= n;
}

bool seqset_equals(const struct seqset *a, const struct seqset *b)
{
    assert(is_plain(a) && is_plain(b));
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->ranges, b->ranges, a->count * sizeof *a->ranges) == 0);
}

uint64_t seqset_count(const struct seqset *set)
{
    uint64_t count = 0;
    assert(is_plain(set));
    for (size_t i = 0; i < set->count; i++)
        count += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
    return count;
}

uint32_t seqset_first(const struct seqset *set)
{
    assert(is_plain(set));
    return set->count ? set->ranges[0].first : 0;
}

uint32_t seqset_last(const struct seqset *set)
{
    assert(is_plain(set));
    return set->count ? set->ranges[set->count - 1].last : 0;
}

struct seqset_iter seqset_each(const struct seqset *set)
{
    assert(is_plain(set));
    return (struct seqset_iter){ .set = set };
}

struct seqset_iter seqset_each_back(const struct seqset *set)
{
    assert(is_plain(set));
    return (struct seqset_iter){ .set = set, .range = set->count, .back = true };
}

static bool next_back(struct seqset_iter *it, uint32_t *n_out)
{
    if (it->range == 0)
        return false;
    const struct seqset_range *range = &it->set->ranges[it->range - 1];
    uint32_t n = it->next ? it->next : range->last;
    if (n == range->first) {
        it->range--;
        it->next = 0;
    } else {
        it->next = n - 1;
    }
    *n_out = n;
    return true;
}

bool seqset_next(struct seqset_iter *it, uint32_t *n_out)
{
    if (it->back)
        return next_back(it, n_out);
    if (it->range == it->set->count)
        return false;
    const struct seqset_range *range = &it->set->ranges[it->range];
    uint32_t n = it->next ? it->next : range->first;
    if (n == range->last) {
        it->range++;
        it->next = 0;
    } else {
        it->next = n + 1;
    }
    *n_out = n;
    return true;
}

static void write_star(uint32_t from, struct buf *out)
{
    if (from != UINT32_MAX) {
        buf_add_u64(out, from);
        buf_add_char(out, ':');
    }
    buf_add_char(out, '*');
}

void seqset_write(const struct seqset *set, struct buf *out)
{
    const char *separator = "";
    for (size_t i = 0; i < set->count; i++) {
        buf_add(out, str_c(separator));
        buf_add_u64(out, set->ranges[i].first);
        if (set->ranges[i].last != set->ranges[i].first) {
            buf_add_char(out, ':');
            buf_add_u64(out, set->ranges[i].last);
        }
        separator = ",";
    }
    if (set->star_from) {
        buf_add(out, str_c(separator));
        write_star(set->star_from, out);
        separator = ",";
    }
    if (set->saved) {
        buf_add(out, str_c(separator));
        buf_add_char(out, '$');
    }
}

/* ---- arithmetic ---- */

void seqset_union(const struct seqset *a, const struct seqset *b, struct arena *arena, struct seqset *out)
{
    assert(is_plain(a) && is_plain(b));
    seqset_init(out, arena);
    for (size_t i = 0, j = 0; i < a->count || j < b->count;) {
        bool from_a = j == b->count || (i < a->count && a->ranges[i].first <= b->ranges[j].first);
        const struct seqset_range *next = from_a ? &a->ranges[i++] : &b->ranges[j++];
        append_range(out, next->first, next->last);
    }
}

void seqset_intersection(const struct seqset *a, const struct seqset *b, struct arena *arena,
                         struct seqset *out)
{
    assert(is_plain(a) && is_plain(b));
    seqset_init(out, arena);
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        const struct seqset_range *x = &a->ranges[i], *y = &b->ranges[j];
        uint32_t first = x->first > y->first ? x->first : y->first;
        uint32_t last = x->last < y->last ? x->last : y->last;
        if (first <= last)
            append_range(out, first, last);
        if (x->last < y->last)
            i++;
        else
            j++;
    }
}

/* What is left of one range of `a` once the ranges of `b`, from index *j on, are cut out of it. */
static void add_uncovered(struct seqset_range range, const struct seqset *b, size_t *j, struct seqset *out)
{
    uint64_t first = range.first; /* 64 bits: one past the last number of all must not wrap */
    while (*j < b->count && b->ranges[*j].last < range.first)
        (*j)++;
    for (size_t k = *j; k < b->count && b->ranges[k].first <= range.last; k++) {
        if (b->ranges[k].first > first)
            append_range(out, (uint32_t)first, b->ranges[k].first - 1);
        first = (uint64_t)b->ranges[k].last + 1;
        *j = k; /* it may reach into the next range of `a` too */
    }
    if (first <= range.last)
        append_range(out, (uint32_t)first, range.last);
}

void seqset_slice(const struct seqset *set, uint64_t from, uint64_t count, struct arena *arena,
                  struct seqset *out)
{
    assert(is_plain(set));
    seqset_init(out, arena);
    for (size_t i = 0; i < set->count && count > 0; i++) {
        uint64_t here = (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
        if (from >= here) {
            from -= here;
            continue;
        }
        uint64_t take = here - from < count ? here - from : count;
        uint32_t first = set->ranges[i].first + (uint32_t)from;
        append_range(out, first, first + (uint32_t)(take - 1));
        count -= take;
        from = 0;
    }
}

void seqset_difference(const struct seqset *a, const struct seqset *b, struct arena *arena,
                       struct seqset *out)
{
    assert(is_plain(a) && is_plain(b));
    seqset_init(out, arena);
    for (size_t i = 0, j = 0; i < a->count; i++)
        add_uncovered(a->ranges[i], b, &j, out);
}
