/* cmd_search.c: SEARCH and UID SEARCH.
 * RFC 9051, 6.4.4 and 7.3.4; RFC 4731 (ESEARCH); RFC 5182 (SEARCHRES); RFC 7162, 3.1.5 */
#include "imap/cmd/command.h"
#include "imap/cmd/search_match.h"
#include "imap/wire/search_args.h"
#include "imap/wire/writer.h"

struct hits {
    struct seqset numbers; /* sequence numbers, or UIDs in the UID form */
    struct seqset uids;
    uint64_t modseq_max, modseq_first, modseq_last;
};

/* A search that takes long is left now and then, so that others are served and its client can be sent
 * away. */
struct search_cursor {
    struct search_program *program;
    uint32_t next_seq;
    struct hits hits;
};

static void cursor_drop(struct session *s)
{
    struct search_cursor *c = s->cursor;
    search_program_free(&c->program);
}

static int find_hits(struct session *s, struct search_cursor *c, bool uid, struct err *err)
{
    struct snapshot_cursor cursor = snapshot_cursor_at(s->view.snapshot, c->next_seq);
    struct chunk_span span;
    struct hits *hits = &c->hits;
    int r;
    while ((r = snapshot_cursor_next(&cursor, &span, err)) == 1) {
        for (uint32_t i = span.first; i < span.columns->count; i++) {
            struct message row;
            uint32_t seq = span.seq + (i - span.first);
            if (session_must_wait(s)) {
                c->next_seq = seq;
                search_program_rest(c->program);
                return -ERR_AGAIN;
            }
            chunk_row(span.columns, i, &row);
            int match = search_program_match(c->program, seq, &row, err);
            if (match < 0)
                return match;
            if (!match)
                continue;
            seqset_add(&hits->numbers, uid ? row.uid : seq);
            seqset_add(&hits->uids, row.uid);
            hits->modseq_first = hits->modseq_first ? hits->modseq_first : row.modseq;
            hits->modseq_last = row.modseq;
            if (row.modseq > hits->modseq_max)
                hits->modseq_max = row.modseq;
        }
    }
    return r;
}

/* RFC 7162, 3.1.10 of what MODSEQ tells with MIN and MAX: only of the messages that are told themselves. */
static uint64_t told_modseq(const struct search_args *a, const struct hits *hits)
{
    unsigned told = a->return_bits &
                    (SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT);
    if (!a->has_return || (told & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT)))
        return hits->modseq_max;
    if (told == SEARCH_RETURN_MIN)
        return hits->modseq_first;
    if (told == SEARCH_RETURN_MAX)
        return hits->modseq_last;
    return hits->modseq_first > hits->modseq_last ? hits->modseq_first : hits->modseq_last;
}

/* "* SEARCH 2 3 6 (MODSEQ 917162500)": IMAP4rev1 without RETURN. */
static void respond_search(struct session *s, const struct search_args *a, const struct hits *hits)
{
    struct buf *out = session_out(s);
    struct seqset_iter it = seqset_each(&hits->numbers);
    uint32_t n;
    buf_add_lit(out, "* SEARCH");
    while (seqset_next(&it, &n)) {
        buf_add_char(out, ' ');
        buf_add_u64(out, n);
    }
    if (a->uses_modseq && hits->modseq_max)
        buf_printf(out, " (MODSEQ %llu)", (unsigned long long)hits->modseq_max);
    buf_add_lit(out, "\r\n");
}

/* "* ESEARCH (TAG "a") UID MIN 2 MAX 9 ALL 2:9 COUNT 5": RFC 4731, 3.1; what has no value is left out. */
static void respond_esearch(struct session *s, const struct search_args *a, const struct hits *hits)
{
    struct buf *out = session_out(s);
    unsigned bits = a->has_return ? a->return_bits : SEARCH_RETURN_ALL;
    bool any = !seqset_is_empty(&hits->numbers);
    buf_add_lit(out, "* ESEARCH (TAG ");
    write_string(out, s->tag, false);
    buf_add_char(out, ')');
    if (a->uid)
        buf_add_lit(out, " UID");
    if (bits & SEARCH_RETURN_MIN && any)
        buf_printf(out, " MIN %u", seqset_first(&hits->numbers));
    if (bits & SEARCH_RETURN_MAX && any)
        buf_printf(out, " MAX %u", seqset_last(&hits->numbers));
    if (bits & SEARCH_RETURN_ALL && any) {
        buf_add_lit(out, " ALL ");
        seqset_write(&hits->numbers, out);
    }
    if (bits & SEARCH_RETURN_COUNT)
        buf_printf(out, " COUNT %llu", (unsigned long long)seqset_count(&hits->numbers));
    if (a->uses_modseq && any)
        buf_printf(out, " MODSEQ %llu", (unsigned long long)told_modseq(a, hits));
    buf_add_lit(out, "\r\n");
}

/* RFC 5182, 2.1: with MIN or MAX alone only those are saved. */
static void save(struct session *s, const struct search_args *a, const struct hits *hits)
{
    arena_deinit(&s->saved_arena);
    seqset_init(&s->saved, &s->saved_arena);
    bool all = a->return_bits & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT) ||
               !(a->return_bits & (SEARCH_RETURN_MIN | SEARCH_RETURN_MAX));
    if (seqset_is_empty(&hits->uids))
        return;
    if (all) {
        seqset_copy(&hits->uids, &s->saved_arena, &s->saved);
        return;
    }
    if (a->return_bits & SEARCH_RETURN_MIN)
        seqset_add(&s->saved, seqset_first(&hits->uids));
    if (a->return_bits & SEARCH_RETURN_MAX)
        seqset_add(&s->saved, seqset_last(&hits->uids));
}

static int search(struct session *s, const struct search_args *a, struct err *err)
{
    struct search_cursor *c = s->cursor;
    if (!c) {
        c = arena_new(&s->arena, struct search_cursor);
        c->next_seq = 1;
        seqset_init(&c->hits.numbers, &s->arena);
        seqset_init(&c->hits.uids, &s->arena);
        int r = search_program_new(s, a, &c->program, err);
        if (r == -ERR_CHARSET)
            session_code(s, "BADCHARSET (US-ASCII UTF-8)"); /* RFC 9051, 7.1 */
        if (r < 0)
            return r;
        s->cursor = c;
        s->cursor_drop = cursor_drop;
    }
    return find_hits(s, c, a->uid, err);
}

int search_run(struct session *s, const void *args, struct err *err)
{
    const struct search_args *a = args;
    bool saves = a->has_return && a->return_bits & SEARCH_RETURN_SAVE;
    if (s->utf8_accept && !str_is_nil(a->charset)) /* RFC 9755: the client has said that all is UTF-8 */
        return err_set(err, ERR_SYNTAX, "No CHARSET after ENABLE UTF8=ACCEPT");
    if (a->uses_modseq)
        session_enable_condstore(s);
    int r = search(s, a, err);
    if (r < 0) {
        /* RFC 5182, 2.1: a search that fails with NO leaves an empty result. */
        if (saves && r != -ERR_AGAIN) {
            arena_deinit(&s->saved_arena);
            s->saved = (struct seqset){ 0 };
        }
        return r;
    }
    const struct hits *hits = &((struct search_cursor *)s->cursor)->hits;
    if (saves)
        save(s, a, hits);
    if (!a->has_return && !s->rev2)
        respond_search(s, a, hits);
    else if (!a->has_return || a->return_bits != SEARCH_RETURN_SAVE)
        respond_esearch(s, a, hits);
    return 0;
}
