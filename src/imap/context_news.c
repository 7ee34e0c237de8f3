/* context_news.c: what leaves a list of results and what comes in, and where.     RFC 5267, 4.3.2 to 4.3.4 */
#include "imap/context_private.h"
#include "mail/records.h"
#include "mail/sort.h"

#include <stdlib.h>
#include <string.h>

struct news_list {
    struct context_news *first, **end;
    struct arena *arena;
};

static void add_news(struct news_list *list, bool adds, size_t position, const uint32_t *numbers,
                     size_t count)
{
    struct context_news *news = arena_new(list->arena, struct context_news);
    news->adds = adds;
    news->position = (uint32_t)position;
    news->numbers = numbers_of_list(numbers, count);
    *list->end = news;
    list->end = &news->next;
}

static uint32_t *list_of(const struct seqset *set, struct arena *arena)
{
    uint32_t *list = arena_new_array(arena, uint32_t, (size_t)seqset_count(set) + 1);
    struct seqset_iter it = seqset_each(set);
    for (size_t i = 0; seqset_next(&it, &list[i]); i++)
        ;
    return list;
}

/* ---- what leaves ---- */

/* Runs of neighbours leave together; each position is the one after all that left before. */
static void leave_order(struct context *c, const struct seqset *lost, struct news_list *news)
{
    uint32_t *run = NULL;
    size_t kept = 0, run_count = 0, run_cap = 0;
    for (size_t i = 0; i <= c->count; i++) {
        bool leaves = i < c->count && seqset_contains(lost, c->order[i]);
        if (leaves) {
            run = arena_grow(news->arena, run, run_count, &run_cap, sizeof *run);
            run[run_count++] = c->order[i];
        } else if (run_count) {
            add_news(news, false, kept + 1, run, run_count);
            run = NULL;
            run_count = run_cap = 0;
        }
        if (!leaves && i < c->count)
            c->order[kept++] = c->order[i];
    }
}

static void leave(struct context *c, const struct seqset *lost, struct news_list *news)
{
    if (c->order)
        leave_order(c, lost, news);
    else
        add_news(news, false, 0, list_of(lost, news->arena), (size_t)seqset_count(lost));
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++)
        if (!seqset_contains(lost, c->members[i]))
            c->members[kept++] = c->members[i];
    c->count = kept;
}

/* ---- what comes, in order ---- */

struct comparing {
    struct session *s;
    const struct context *context;
    struct sorter sorter;
    uint32_t *uids;  /* of its messages */
    bool *has_keys;  /* they were read: not of one that is expunged, but still shown to this client */
    uint32_t *known; /* index in the sorter + 1 of each in context->order; 0: not read yet */
    size_t count, cap;
};

static int add_row(struct comparing *c, uint32_t uid, struct message *row_out, struct err *err)
{
    const struct snapshot *snapshot = c->s->view.snapshot;
    uint32_t seq;
    int r = snapshot_seq_of_uid(snapshot, uid, &seq, err);
    if (r == 0)
        r = snapshot_message(snapshot, seq, row_out, err);
    if (r < 0)
        return r;
    if (c->count == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        c->uids = reallocarray(c->uids, c->cap, sizeof *c->uids);
        c->has_keys = reallocarray(c->has_keys, c->cap, sizeof *c->has_keys);
        if (!c->uids || !c->has_keys)
            abort();
    }
    c->has_keys[c->count] = !sorter_needs_meta(&c->sorter);
    c->uids[c->count++] = uid;
    sorter_add(&c->sorter, row_out);
    return 0;
}

static int take_keys(void *ctx, uint32_t index, const struct meta_view *view, struct err *err)
{
    struct comparing *c = ctx;
    (void)err;
    sorter_take_meta(&c->sorter, index, view);
    c->has_keys[index] = true;
    return 0;
}

static int read_keys(struct comparing *c, struct record_wanted *wanted, size_t count, struct err *err)
{
    struct account *account = c->s->selected_account;
    size_t damaged;
    if (!sorter_needs_meta(&c->sorter))
        return 0;
    const struct record_source from = record_source_of(account, BLOB_META, count);
    return records_scan_meta(&from, wanted, count, take_keys, c, &damaged, err);
}

static int read_gained(struct comparing *c, const struct seqset *gained, struct arena *arena, struct err *err)
{
    struct record_wanted *wanted = arena_new_array(arena, struct record_wanted, (size_t)seqset_count(gained));
    struct seqset_iter it = seqset_each(gained);
    uint32_t uid;
    while (seqset_next(&it, &uid)) {
        struct message row;
        int r = add_row(c, uid, &row, err);
        if (r < 0)
            return r;
        wanted[c->count - 1] = (struct record_wanted){ row.blob, (uint32_t)(c->count - 1) };
    }
    return read_keys(c, wanted, c->count, err);
}

/* Index in the sorter of the message at place `at` of the order. 1, or 0 when it has no keys to compare with. */
static int read_known(struct comparing *c, size_t at, uint32_t *index_out, struct err *err)
{
    if (!c->known[at]) {
        struct message row;
        int r = add_row(c, c->context->order[at], &row, err);
        if (r < 0)
            return r;
        c->known[at] = (uint32_t)c->count;
        struct record_wanted wanted = { row.blob, (uint32_t)c->count - 1 };
        r = read_keys(c, &wanted, 1, err);
        if (r < 0)
            return r;
    }
    *index_out = c->known[at] - 1;
    return c->has_keys[*index_out];
}

static bool comes_before(const struct comparing *c, uint32_t a, uint32_t b)
{
    int d = sorter_compare(&c->sorter, a, b);
    return d < 0 || (d == 0 && c->uids[a] < c->uids[b]);
}

/* The place in the order, from `low` on, before which message `index` belongs. Equal ones stand as in the mailbox. */
static int find_place(struct comparing *c, uint32_t index, size_t low, size_t *place_out, struct err *err)
{
    size_t high = c->context->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2, probe = middle;
        uint32_t other = 0;
        int r = 0;
        for (; probe < high && (r = read_known(c, probe, &other, err)) == 0; probe++)
            ;
        if (r < 0)
            return r;
        if (probe < high && comes_before(c, other, index))
            low = probe + 1;
        else
            high = middle;
    }
    *place_out = low;
    return 0;
}

/* `coming` are indexes in the sorter, in order: those that belong before the same message go in together. */
static int join(struct comparing *c, const uint32_t *coming, size_t count, uint32_t *order_out,
                struct news_list *news, struct err *err)
{
    const uint32_t *old = c->context->order;
    size_t from = 0, n = 0;
    for (size_t i = 0; i < count;) {
        size_t place, first = n;
        int r = find_place(c, coming[i], from, &place, err);
        if (r < 0)
            return r;
        memcpy(order_out + n, old + from, (place - from) * sizeof *old);
        n += place - from;
        first = n;
        from = place;
        do {
            order_out[n++] = c->uids[coming[i++]];
            r = i < count ? find_place(c, coming[i], from, &place, err) : 0;
            if (r < 0)
                return r;
        } while (i < count && place == from);
        uint32_t *run = arena_new_array(news->arena, uint32_t, n - first);
        memcpy(run, order_out + first, (n - first) * sizeof *run);
        add_news(news, true, first + 1, run, n - first);
    }
    memcpy(order_out + n, old + from, (c->context->count - from) * sizeof *old);
    return 0;
}

static int come_in_order(struct session *s, struct context *context, const struct seqset *gained,
                         struct news_list *news, struct err *err)
{
    size_t count = (size_t)seqset_count(gained);
    struct comparing c = { .s = s, .context = context };
    uint32_t *order = malloc((context->count + count) * sizeof *order);
    c.known = calloc(context->count + 1, sizeof *c.known);
    if (!order || !c.known)
        abort();
    sorter_init(&c.sorter, context->criteria, context->criterion_count, context->collation);
    int r = read_gained(&c, gained, news->arena, err);
    if (r == 0) {
        uint32_t *coming = arena_new_array(news->arena, uint32_t, count);
        sorter_order(&c.sorter, coming);
        r = join(&c, coming, count, order, news, err);
    }
    if (r == 0) {
        free(context->order);
        context->order = order;
    } else {
        free(order);
    }
    sorter_deinit(&c.sorter);
    free(c.uids);
    free(c.has_keys);
    free(c.known);
    return r;
}

static void come_as_members(struct context *c, const struct seqset *gained)
{
    size_t count = (size_t)seqset_count(gained), at = c->count + count;
    c->members = reallocarray(c->members, at, sizeof *c->members);
    if (!c->members)
        abort();
    size_t old = c->count;
    for (size_t i = gained->count; i-- > 0;)
        for (uint32_t uid = gained->ranges[i].last; uid >= gained->ranges[i].first; uid--) {
            while (old > 0 && c->members[old - 1] > uid)
                c->members[--at] = c->members[--old];
            c->members[--at] = uid;
        }
    c->count += count;
}

int context_move(struct session *s, struct context *context, const struct seqset *lost,
                 const struct seqset *gained, struct arena *arena, struct context_news **news_out,
                 struct err *err)
{
    struct news_list news = { .arena = arena };
    news.end = &news.first;
    if (lost->count)
        leave(context, lost, &news);
    if (gained->count && context->order) {
        int r = come_in_order(s, context, gained, &news, err);
        if (r < 0)
            return r;
    }
    if (gained->count && !context->order)
        add_news(&news, true, 0, list_of(gained, arena), (size_t)seqset_count(gained));
    if (gained->count)
        come_as_members(context, gained);
    *news_out = news.first;
    return 0;
}
