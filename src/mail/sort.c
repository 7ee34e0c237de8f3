#include "mail/sort.h"

#include "base/codec.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct sort_value {
    uint64_t number; /* strings: their first eight bytes */
    uint64_t offset; /* strings: in sorter.strings */
    uint32_t n;
};

struct sort_item {
    uint64_t number; /* of the first criterion, turned round when it is reversed: decides most comparisons */
    uint32_t index;
};

static bool is_string(enum sort_key key)
{
    return key != SORT_ARRIVAL && key != SORT_DATE && key != SORT_SIZE && key != SORT_RELEVANCY;
}

/* Numbers that sort as the signed ones do. */
static uint64_t from_signed(int64_t n)
{
    return (uint64_t)n ^ UINT64_C(1) << 63;
}

void sorter_init(struct sorter *s, const struct sort_criterion *criteria, size_t count,
                 enum collation collation)
{
    assert(count >= 1 && count <= SORT_CRITERIA_MAX);
    *s = (struct sorter){ .criteria = criteria, .criterion_count = count };
    collator_init(&s->collator, collation);
}

void sorter_deinit(struct sorter *s)
{
    free(s->values);
    buf_deinit(&s->strings);
    collator_deinit(&s->collator);
    *s = (struct sorter){ 0 };
}

bool sorter_needs_meta(const struct sorter *s)
{
    for (size_t i = 0; i < s->criterion_count; i++)
        if (is_string(s->criteria[i].key) || s->criteria[i].key == SORT_DATE)
            return true;
    return false;
}

void sorter_add(struct sorter *s, const struct message *row)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 256;
        s->values = realloc(s->values, s->cap * s->criterion_count * sizeof *s->values);
        if (!s->values)
            abort();
    }
    struct sort_value *values = s->values + s->count++ * s->criterion_count;
    for (size_t i = 0; i < s->criterion_count; i++) {
        enum sort_key key = s->criteria[i].key;
        values[i] = (struct sort_value){ 0 };
        if (key == SORT_SIZE)
            values[i].number = row->size_bytes;
        else if (!is_string(key) &&
                 key != SORT_RELEVANCY) /* RFC 5256, 2.2: also for a message whose own date is not known */
            values[i].number = from_signed(row->internal_date_s);
    }
}

void sorter_set_relevancy(struct sorter *s, unsigned score)
{
    assert(s->count > 0 && score <= 100);
    struct sort_value *values = s->values + (s->count - 1) * s->criterion_count;
    for (size_t i = 0; i < s->criterion_count; i++)
        if (s->criteria[i].key == SORT_RELEVANCY)
            values[i].number = 100 - score;
}

static struct str string_of(const struct meta_view *view, enum sort_key key)
{
    switch (key) {
    case SORT_CC:
        return view->cc;
    case SORT_FROM:
        return view->from;
    case SORT_TO:
        return view->to;
    case SORT_DISPLAY_FROM:
        return view->display_from;
    case SORT_DISPLAY_TO:
        return view->display_to;
    default:
        return view->subject;
    }
}

void sorter_take_meta(struct sorter *s, uint32_t index, const struct meta_view *view)
{
    assert(index < s->count);
    struct sort_value *values = s->values + index * s->criterion_count;
    view = collator_view(&s->collator, view);
    for (size_t i = 0; i < s->criterion_count; i++) {
        enum sort_key key = s->criteria[i].key;
        if (key == SORT_DATE && view->flags & META_HAS_DATE)
            values[i].number = from_signed(view->sent_s);
        if (!is_string(key))
            continue;
        unsigned char head[8] = { 0 };
        values[i].offset = s->strings.n;
        if (s->collator.collation == COLLATION_UNICODE_CASEMAP)
            utf8_collate(string_of(view, key), &s->strings);
        else
            buf_add(&s->strings, string_of(view, key));
        values[i].n = (uint32_t)(s->strings.n - values[i].offset);
        if (values[i].n)
            memcpy(head, s->strings.p + values[i].offset,
                   values[i].n < sizeof head ? values[i].n : sizeof head);
        values[i].number = load_be64(head);
    }
}

static int compare_value(const struct sorter *s, enum sort_key key, const struct sort_value *a,
                         const struct sort_value *b)
{
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    if (!is_string(key))
        return 0;
    uint32_t n = a->n < b->n ? a->n : b->n;
    int d = n ? memcmp(s->strings.p + a->offset, s->strings.p + b->offset, n) : 0;
    return d ? d : (a->n > b->n) - (a->n < b->n);
}

int sorter_compare(const struct sorter *s, uint32_t a, uint32_t b)
{
    const struct sort_value *left = s->values + a * s->criterion_count;
    const struct sort_value *right = s->values + b * s->criterion_count;
    for (size_t i = 0; i < s->criterion_count; i++) {
        int d = compare_value(s, s->criteria[i].key, &left[i], &right[i]);
        if (d)
            return s->criteria[i].reverse ? -d : d;
    }
    return 0;
}

static int compare_items(const void *x, const void *y, void *ctx)
{
    const struct sort_item *a = x, *b = y;
    const struct sorter *s = ctx;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    int d = sorter_compare(s, a->index, b->index);
    /* RFC 5256, 3: REVERSE does not touch the order of equal messages */
    return d ? d : a->index < b->index ? -1 : 1;
}

void sorter_order(struct sorter *s, uint32_t *order_out)
{
    struct sort_item *items = malloc((s->count ? s->count : 1) * sizeof *items);
    if (!items)
        abort();
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t number = s->values[i * s->criterion_count].number;
        items[i] = (struct sort_item){ s->criteria[0].reverse ? ~number : number, i };
    }
    qsort_r(items, s->count, sizeof *items, compare_items, s);
    for (size_t i = 0; i < s->count; i++)
        order_out[i] = items[i].index;
    free(items);
}
