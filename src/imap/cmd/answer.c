#include "imap/cmd/answer.h"

#include "imap/wire/writer.h"

#include <stdlib.h>

enum { PIECE_NUMBERS = 4096 }; /* written before we look whether the client still reads */

static bool asks(const struct search_args *a, unsigned bits)
{
    return a->return_bits & bits;
}

bool answer_needs_page_only(const struct search_args *a)
{
    return asks(a, SEARCH_RETURN_PARTIAL) &&
           !(a->return_bits & ~(unsigned)(SEARCH_RETURN_PARTIAL | SEARCH_RETURN_SAVE | SEARCH_RETURN_CONTEXT |
                                          SEARCH_RETURN_RELEVANCY));
}

/* RFC 5182, 2.1; RFC 9394, 3.2: with MIN, MAX or PARTIAL and neither ALL nor COUNT only those that they tell. */
static bool tells_all(const struct search_args *a)
{
    return asks(a, SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT) ||
           !asks(a, SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_PARTIAL);
}

bool answer_needs_uids(const struct search_args *a)
{
    return !tells_all(a) || asks(a, SEARCH_RETURN_SAVE | SEARCH_RETURN_UPDATE);
}

/* ---- getting ready ---- */

static struct numbers page_of(const struct search_args *a, const struct found *found,
                              const struct numbers *all, struct arena *arena, size_t *from_out)
{
    size_t count = all->count;
    *from_out = 0;
    if (asks(a, SEARCH_RETURN_PARTIAL) && !found->is_page)
        partial_range_window(&a->partial, all->count, from_out, &count);
    return numbers_slice(all, *from_out, count, arena);
}

static int by_number(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

/* `set_out` lives in `arena`. */
static void set_of(const struct numbers *n, struct arena *arena, struct seqset *set_out)
{
    if (!n->list) {
        seqset_copy(&n->set, arena, set_out);
        return;
    }
    struct arena scratch = ARENA_INIT;
    uint32_t *ascending = arena_new_array(&scratch, uint32_t, n->count);
    seqset_init(set_out, arena);
    if (n->count)
        memcpy(ascending, n->list, n->count * sizeof *ascending);
    qsort(ascending, n->count, sizeof *ascending, by_number);
    for (size_t i = 0; i < n->count; i++)
        seqset_add(set_out, ascending[i]);
    arena_deinit(&scratch);
}

static void find_told(struct answer *answer, struct arena *arena)
{
    const struct search_args *a = answer->args;
    const struct numbers *uids = &answer->found.uids;
    seqset_init(&answer->told_uids, arena);
    if (asks(a, SEARCH_RETURN_PARTIAL)) {
        size_t from;
        struct numbers page = page_of(a, &answer->found, uids, arena, &from);
        set_of(&page, arena, &answer->told_uids);
    }
    if (asks(a, SEARCH_RETURN_MIN) && uids->count)
        seqset_add(&answer->told_uids, numbers_first(uids));
    if (asks(a, SEARCH_RETURN_MAX) && uids->count)
        seqset_add(&answer->told_uids, numbers_last(uids));
}

static int highest_modseq(const struct seqset *uids, const struct snapshot *snapshot, uint64_t *modseq_out,
                          struct err *err)
{
    struct seqset_iter it = seqset_each(uids);
    uint32_t uid, seq;
    *modseq_out = 0;
    while (seqset_next(&it, &uid)) {
        struct message m;
        int r = snapshot_seq_of_uid(snapshot, uid, &seq, err);
        if (r == 0)
            r = snapshot_message(snapshot, seq, &m, err);
        if (r < 0)
            return r;
        if (m.modseq > *modseq_out)
            *modseq_out = m.modseq;
    }
    return 0;
}

int answer_init(struct answer *answer, struct session *s, const struct search_args *args,
                const struct found *found, const struct search_place *place, const char *plain,
                struct str source, struct arena *arena, struct err *err)
{
    *answer = (struct answer){ .args = args, .found = *found, .plain = plain };
    answer->page = page_of(args, found, &found->numbers, arena, &answer->page_from);
    if (args->has_return || !plain) {
        struct buf correlator = BUF_INIT;
        buf_add_lit(&correlator, "(TAG ");
        write_string(&correlator, s->tag, false);
        buf_add(&correlator, source);
        buf_add_char(&correlator, ')');
        answer->correlator = arena_dup(arena, buf_str(&correlator));
        buf_deinit(&correlator);
    }
    if (!tells_all(args))
        find_told(answer, arena);
    if (!args->uses_modseq)
        return 0;
    answer->modseq = found->modseq_max;
    return tells_all(args) ? 0 : highest_modseq(&answer->told_uids, place->snapshot, &answer->modseq, err);
}

/* ---- telling ---- */

/* Up to the numbers: "* SORT", "* ESEARCH (TAG "a") UID MIN 2 MAX 9 ALL " */
static void write_head(const struct answer *answer, struct buf *out)
{
    const struct search_args *a = answer->args;
    const struct numbers *found = &answer->found.numbers;
    if (str_is_nil(answer->correlator)) {
        buf_add(out, str_c(answer->plain));
        return;
    }
    buf_add_lit(out, "* ESEARCH ");
    buf_add(out, answer->correlator);
    if (a->uid)
        buf_add_lit(out, " UID");
    if (asks(a, SEARCH_RETURN_MIN) && found->count)
        buf_printf(out, " MIN %u", numbers_first(found));
    if (asks(a, SEARCH_RETURN_MAX) && found->count)
        buf_printf(out, " MAX %u", numbers_last(found));
    if (asks(a, SEARCH_RETURN_PARTIAL)) {
        buf_add_lit(out, " PARTIAL (");
        partial_range_write(&a->partial, out);
        buf_add(out, answer->page.count ? STR(" ") : STR(" NIL"));
    } else if ((!a->has_return || asks(a, SEARCH_RETURN_ALL)) && found->count) {
        buf_add_lit(out, " ALL ");
    }
}

static bool tells_numbers(const struct search_args *a)
{
    return !a->has_return || asks(a, SEARCH_RETURN_ALL | SEARCH_RETURN_PARTIAL);
}

/* "RELEVANCY (4 99 42)", in the order of the numbers. False when the client must read first. */
static bool write_scores(struct answer *answer, struct session *s)
{
    struct buf *out = session_out(s);
    if (answer->next_score == 0)
        buf_add_lit(out, " RELEVANCY (");
    while (answer->next_score < answer->page.count) {
        if (answer->next_score > 0)
            buf_add_char(out, ' ');
        buf_add_u64(out, answer->found.scores[answer->page_from + answer->next_score++]);
        if (answer->next_score % PIECE_NUMBERS == 0 && session_must_wait(s))
            return false;
    }
    buf_add_char(out, ')');
    return true;
}

static void write_tail(const struct answer *answer, struct buf *out)
{
    const struct search_args *a = answer->args;
    bool plain = str_is_nil(answer->correlator);
    if (asks(a, SEARCH_RETURN_COUNT))
        buf_printf(out, " COUNT %zu", answer->found.numbers.count);
    if (answer->modseq)
        buf_printf(out, plain ? " (MODSEQ %llu)" : " MODSEQ %llu", (unsigned long long)answer->modseq);
    buf_add_lit(out, "\r\n");
}

int answer_write(struct answer *answer, struct session *s)
{
    struct buf *out = session_out(s);
    bool as_set = !str_is_nil(answer->correlator);
    if (answer->args->return_bits == SEARCH_RETURN_SAVE)
        return 0;
    switch (answer->stage) {
    case ANSWER_HEAD:
        write_head(answer, out);
        answer->stage = ANSWER_NUMBERS;
        /* fall through */
    case ANSWER_NUMBERS:
        while (tells_numbers(answer->args) &&
               numbers_write(&answer->page, as_set, PIECE_NUMBERS, &answer->place, out)) {
            s->half_said = session_must_wait(s);
            if (s->half_said)
                return -ERR_AGAIN;
        }
        if (asks(answer->args, SEARCH_RETURN_PARTIAL))
            buf_add_char(out, ')');
        answer->stage = ANSWER_SCORES;
        /* fall through */
    case ANSWER_SCORES:
        s->half_said = asks(answer->args, SEARCH_RETURN_RELEVANCY) && !write_scores(answer, s);
        if (s->half_said)
            return -ERR_AGAIN;
        answer->stage = ANSWER_TAIL;
        /* fall through */
    case ANSWER_TAIL:
        break;
    }
    s->half_said = false;
    write_tail(answer, out);
    return 0;
}

/* ---- SAVE ---- */

void answer_save_nothing(struct session *s)
{
    arena_deinit(&s->saved_arena);
    seqset_init(&s->saved, &s->saved_arena);
}

void answer_save(const struct answer *answer, struct session *s)
{
    answer_save_nothing(s);
    if (tells_all(answer->args))
        set_of(&answer->found.uids, &s->saved_arena, &s->saved);
    else
        seqset_copy(&answer->told_uids, &s->saved_arena, &s->saved);
}
