/* cmd_sort.c: SORT and UID SORT.     RFC 5256, 3; RFC 5957; RFC 5267, 3 (ESORT); RFC 5182 (SAVE); RFC 7162, 3.1.9 and 3.1.10 (MODSEQ) */
#include "imap/cmd/command.h"
#include "imap/cmd/sort_hits.h"
#include "imap/wire/sort_args.h"
#include "imap/wire/writer.h"
#include "mail/sort.h"

#include <stdlib.h>

enum { PIECE_NUMBERS = 4096 }; /* written before we look whether the client still reads */

struct hit {
    uint32_t number, uid; /* number: what is told */
    uint64_t modseq;
};

struct sort_cursor {
    const struct sort_args *args;
    struct sorter sorter;
    struct hit *hits; /* in order of the mailbox */
    size_t count, cap;
    uint32_t *order; /* indexes of hits, sorted; NULL while nothing was written */
    size_t next;     /* in order: the next to write */
};

static void cursor_drop(struct session *s)
{
    struct sort_cursor *c = s->cursor;
    sorter_deinit(&c->sorter);
    free(c->hits);
    free(c->order);
}

/* ---- find, sort ---- */

static void take_hit(void *ctx, uint32_t number, const struct message *row)
{
    struct sort_cursor *c = ctx;
    if (c->count == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 256;
        c->hits = realloc(c->hits, c->cap * sizeof *c->hits);
        if (!c->hits)
            abort();
    }
    c->hits[c->count++] = (struct hit){ number, row->uid, row->modseq };
    sorter_add(&c->sorter, row);
}

static int take_keys(void *ctx, uint32_t index, const struct meta_view *view, struct err *err)
{
    struct sort_cursor *c = ctx;
    (void)err;
    sorter_take_meta(&c->sorter, index, view);
    return 0;
}

static int find_and_sort(struct session *s, struct sort_cursor *c, struct err *err)
{
    struct meta_wanted *wanted = NULL;
    size_t count;
    int r = sort_find_hits(s, &c->args->search, take_hit, c, &wanted, &count, err);
    if (r == 0 && sorter_needs_meta(&c->sorter))
        r = sort_read_keys(s, wanted, count, take_keys, c, err);
    free(wanted);
    if (r < 0)
        return r;
    c->order = malloc((c->count ? c->count : 1) * sizeof *c->order);
    if (!c->order)
        abort();
    sorter_order(&c->sorter, c->order);
    sorter_deinit(&c->sorter);
    return 0;
}

/* ---- SAVE ---- */

static void forget_saved(struct session *s)
{
    arena_deinit(&s->saved_arena);
    seqset_init(&s->saved, &s->saved_arena);
}

/* RFC 5182, 2.1: with MIN or MAX alone only those, here the first and the last of the order, are saved. */
static void save(struct session *s, const struct sort_cursor *c)
{
    unsigned bits = c->args->search.return_bits;
    bool all = bits & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT) ||
               !(bits & (SEARCH_RETURN_MIN | SEARCH_RETURN_MAX));
    forget_saved(s);
    for (size_t i = 0; all && i < c->count; i++)
        seqset_add(&s->saved, c->hits[i].uid);
    if (all || c->count == 0)
        return;
    if (bits & SEARCH_RETURN_MIN)
        seqset_add(&s->saved, c->hits[c->order[0]].uid);
    if (bits & SEARCH_RETURN_MAX)
        seqset_add(&s->saved, c->hits[c->order[c->count - 1]].uid);
}

/* ---- respond ---- */

static uint64_t modseq_of_all(const struct sort_cursor *c)
{
    uint64_t modseq = 0;
    for (size_t i = 0; i < c->count; i++)
        modseq = c->hits[i].modseq > modseq ? c->hits[i].modseq : modseq;
    return modseq;
}

/* RFC 4731, 3.2: with MIN or MAX alone the modseq of those that are told. */
static uint64_t told_modseq(const struct sort_cursor *c)
{
    unsigned bits = c->args->search.return_bits;
    if (!c->args->search.has_return || bits & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT))
        return modseq_of_all(c);
    uint64_t first = c->hits[c->order[0]].modseq, last = c->hits[c->order[c->count - 1]].modseq;
    if (!(bits & SEARCH_RETURN_MAX))
        return first;
    return bits & SEARCH_RETURN_MIN && first > last ? first : last;
}

static uint32_t number_at(const struct sort_cursor *c, size_t i)
{
    return c->hits[c->order[i]].number;
}

/* Up to the numbers: "* SORT", "* ESEARCH (TAG "a") UID MIN 2 MAX 9 ALL " */
static void write_head(struct session *s, const struct sort_cursor *c)
{
    const struct search_args *a = &c->args->search;
    struct buf *out = session_out(s);
    if (!a->has_return) {
        buf_add_lit(out, "* SORT");
        return;
    }
    buf_add_lit(out, "* ESEARCH (TAG ");
    write_string(out, s->tag, false);
    buf_add_char(out, ')');
    if (a->uid)
        buf_add_lit(out, " UID");
    if (c->count == 0)
        return;
    if (a->return_bits & SEARCH_RETURN_MIN)
        buf_printf(out, " MIN %u", number_at(c, 0));
    if (a->return_bits & SEARCH_RETURN_MAX)
        buf_printf(out, " MAX %u", number_at(c, c->count - 1));
    if (a->return_bits & SEARCH_RETURN_ALL)
        buf_add_lit(out, " ALL ");
}

/* RFC 5267, 3.2: in the order asked for; a range only where the numbers ascend. */
static void write_range(struct session *s, struct sort_cursor *c)
{
    struct buf *out = session_out(s);
    uint32_t first = number_at(c, c->next), last = first;
    if (c->next > 0)
        buf_add_char(out, ',');
    for (c->next++; c->next < c->count && number_at(c, c->next) == last + 1; c->next++)
        last++;
    buf_add_u64(out, first);
    if (last == first)
        return;
    buf_add_char(out, ':');
    buf_add_u64(out, last);
}

static void write_piece(struct session *s, struct sort_cursor *c)
{
    struct buf *out = session_out(s);
    for (size_t i = 0; i < PIECE_NUMBERS && c->next < c->count; i++) {
        if (c->args->search.has_return) {
            write_range(s, c);
            continue;
        }
        buf_add_char(out, ' ');
        buf_add_u64(out, number_at(c, c->next++));
    }
}

static void write_tail(struct session *s, const struct sort_cursor *c)
{
    const struct search_args *a = &c->args->search;
    struct buf *out = session_out(s);
    bool modseq = a->uses_modseq && c->count > 0;
    if (a->has_return && a->return_bits & SEARCH_RETURN_COUNT)
        buf_printf(out, " COUNT %zu", c->count);
    if (modseq)
        buf_printf(out, a->has_return ? " MODSEQ %llu" : " (MODSEQ %llu)",
                   (unsigned long long)told_modseq(c));
    buf_add_lit(out, "\r\n");
}

static int respond(struct session *s, struct sort_cursor *c)
{
    bool all = !c->args->search.has_return || c->args->search.return_bits & SEARCH_RETURN_ALL;
    while (all && c->next < c->count) {
        write_piece(s, c);
        s->half_said = session_must_wait(s);
        if (s->half_said)
            return -ERR_AGAIN;
    }
    s->half_said = false;
    write_tail(s, c);
    return 0;
}

int sort_run(struct session *s, const void *args, struct err *err)
{
    const struct sort_args *a = args;
    struct sort_cursor *c = s->cursor;
    if (c)
        return respond(s, c);
    c = arena_new(&s->arena, struct sort_cursor);
    c->args = a;
    sorter_init(&c->sorter, a->criteria, a->criterion_count);
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    if (a->search.uses_modseq)
        session_enable_condstore(s);
    int r = find_and_sort(s, c, err);
    if (a->search.return_bits & SEARCH_RETURN_SAVE) {
        if (r == 0)
            save(s, c);
        else
            forget_saved(s); /* RFC 5182, 2.1: a search that fails with NO leaves an empty result */
    }
    if (r < 0 || a->search.return_bits == SEARCH_RETURN_SAVE)
        return r;
    write_head(s, c);
    return respond(s, c);
}
