#include "mail/sort.h"

#include "base/codec.h"
#include "base/radix.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct sort_value {
    uint64_t number; /* strings: their first eight bytes */
    uint64_t offset; /* strings: in sorter.strings */
    uint32_t n;
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

bool sort_key_is_stored(enum sort_key key)
{
    return is_string(key) || key == SORT_DATE;
}

bool sorter_needs_meta(const struct sorter *s)
{
    for (size_t i = 0; i < s->criterion_count; i++)
        if (sort_key_is_stored(s->criteria[i].key))
            return true;
    return false;
}

uint64_t sort_number_of_row(enum sort_key key, const struct message *row)
{
    assert(!is_string(key) && key != SORT_RELEVANCY);
    /* RFC 5256, 2.2: INTERNALDATE also for a message whose own date is not known */
    return key == SORT_SIZE ? row->size_bytes : from_signed(row->internal_date_s);
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
        if (!is_string(key) && key != SORT_RELEVANCY)
            values[i].number = sort_number_of_row(key, row);
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

struct str sorter_key(const struct sorter *s, uint32_t index, char *room)
{
    const struct sort_value *value = s->values + index * s->criterion_count;
    if (is_string(s->criteria[0].key))
        return str_make(value->n ? s->strings.p + value->offset : "", value->n);
    store_be64(room, value->number);
    return str_make(room, SORTER_KEY_ROOM);
}

static int compare_items(const void *x, const void *y, void *ctx)
{
    const struct radix_item *a = x, *b = y;
    int d = sorter_compare(ctx, a->index, b->index);
    /* RFC 5256, 3: REVERSE does not touch the order of equal messages */
    return d ? d : a->index < b->index ? -1 : 1;
}

/* Those that the first criterion's number, which may be only the beginning of a string, does not tell apart. */
static void order_ties(const struct sorter *s, struct radix_item *items)
{
    for (size_t i = 0, end; i < s->count; i = end) {
        for (end = i + 1; end < s->count && items[end].key == items[i].key; end++)
            ;
        if (end - i > 1)
            qsort_r(items + i, end - i, sizeof *items, compare_items, (void *)(uintptr_t)s);
    }
}

void sorter_order(const struct sorter *s, uint32_t *order_out)
{
    struct radix_item *items = malloc((2 * s->count + 1) * sizeof *items);
    if (!items)
        abort();
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t number = s->values[i * s->criterion_count].number;
        items[i] = (struct radix_item){ s->criteria[0].reverse ? ~number : number, i };
    }
    radix_sort(items, items + s->count, s->count);
    if (s->criterion_count > 1 || is_string(s->criteria[0].key))
        order_ties(s, items);
    for (size_t i = 0; i < s->count; i++)
        order_out[i] = items[i].index;
    free(items);
}
