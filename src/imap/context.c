#include "imap/context.h"

#include "imap/context_private.h"
#include "imap/wire/fetch_args.h"
#include "imap/wire/writer.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_NUMBERS = 4096 }; /* written before we look whether the client still reads */

static struct context *find(const struct session *s, struct str tag)
{
    for (struct context *c = s->contexts; c; c = c->next)
        if (str_eq(c->tag, tag))
            return c;
    return NULL;
}

static int64_t now_s(const struct session *s)
{
    return clock_wall_ms(s->server->clock) / 1000;
}

static void context_free(struct context *c)
{
    search_program_free(&c->program);
    free(c->members);
    free(c->order);
    arena_deinit(&c->arena);
    free(c);
}

/* ---- beginning and end ---- */

int context_check_tag(const struct session *s, const struct search_args *args, struct err *err)
{
    if (args->return_bits & SEARCH_RETURN_UPDATE && find(s, s->tag))
        return err_set(err, ERR_INVALID, "Tag reuse: updates are sent under this tag");
    return 0;
}

static int by_number(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

static uint32_t *copy_list(const uint32_t *list, size_t count)
{
    uint32_t *copy = malloc((count + 1) * sizeof *copy);
    if (!copy)
        abort();
    if (count)
        memcpy(copy, list, count * sizeof *copy);
    return copy;
}

static void take_uids(struct context *c, const struct numbers *uids)
{
    c->count = uids->count;
    if (uids->list) {
        c->members = copy_list(uids->list, uids->count);
        qsort(c->members, c->count, sizeof *c->members, by_number);
    } else {
        struct seqset_iter it = seqset_each(&uids->set);
        c->members = calloc(c->count + 1, sizeof *c->members);
        if (!c->members)
            abort();
        for (size_t i = 0; seqset_next(&it, &c->members[i]); i++)
            ;
    }
    if (c->criterion_count)
        c->order = copy_list(uids->list, uids->count);
}

/* Of the order by RELEVANCY nothing is kept: whole messages would have to be read again to find a place in it. */
static bool is_refused(const struct session *s, const struct sort_criterion *criteria, size_t criterion_count,
                       const struct numbers *uids)
{
    for (size_t i = 0; i < criterion_count; i++)
        if (criteria[i].key == SORT_RELEVANCY)
            return true;
    size_t contexts = 0, results = uids->count, bytes = 0;
    for (const struct context *c = s->contexts; c; c = c->next) {
        contexts++;
        results += c->count;
        bytes += c->arena.total_bytes;
    }
    return contexts > 0 &&
           (contexts >= CONTEXTS_MAX || results > CONTEXT_RESULTS_MAX || bytes > CONTEXT_PROGRAM_BYTES_MAX);
}

static void tell_noupdate(struct session *s, struct str tag, struct str why)
{
    struct buf code = BUF_INIT;
    buf_add_lit(&code, "NOUPDATE ");
    write_string(&code, tag, false);
    session_status(s, STR_NIL, "NO", buf_str(&code), why);
    buf_deinit(&code);
}

void context_refuse(struct session *s)
{
    tell_noupdate(s, s->tag, STR("Too many results to keep up to date"));
}

int context_add(struct session *s, const struct search_args *args, const struct sort_criterion *criteria,
                size_t criterion_count, const struct numbers *uids, struct str correlator, struct err *err)
{
    if (is_refused(s, criteria, criterion_count, uids)) {
        context_refuse(s);
        return 0;
    }
    struct context *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->tag = arena_dup(&c->arena, s->tag);
    c->correlator = arena_dup(&c->arena, correlator);
    search_args_copy(args, &c->arena, &c->args);
    for (size_t i = 0; i < criterion_count; i++)
        c->criteria[i] = criteria[i];
    c->criterion_count = criterion_count;
    struct search_place place = search_place_selected(s);
    place.lasting = true;
    c->looked_s = place.now_s;
    c->collation = place.collation;
    int r = search_program_new(&place, &c->args, &c->arena, &c->program, err);
    if (r < 0) {
        context_free(c);
        return r;
    }
    take_uids(c, uids);
    struct context **end = &s->contexts;
    while (*end)
        end = &(*end)->next;
    *end = c;
    return 0;
}

int context_cancel(struct session *s, const struct str *tags, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!find(s, tags[i]))
            return err_set(err, ERR_INVALID, "No updates are sent under such a tag");
    for (size_t i = 0; i < count; i++)
        for (struct context **c = &s->contexts; *c; c = &(*c)->next)
            if (str_eq((*c)->tag, tags[i])) {
                struct context *gone = *c;
                *c = gone->next;
                context_free(gone);
                break;
            }
    return 0;
}

void contexts_end_numbers(struct session *s)
{
    for (struct context **at = &s->contexts; *at;) {
        struct context *c = *at;
        if (c->args.uid) {
            at = &c->next;
            continue;
        }
        tell_noupdate(s, c->tag, STR("It has message numbers, and UIDONLY is enabled"));
        *at = c->next;
        context_free(c);
    }
}

void contexts_drop(struct session *s)
{
    while (s->contexts) {
        struct context *c = s->contexts;
        s->contexts = c->next;
        context_free(c);
    }
}

/* ---- looking ---- */

bool contexts_due(const struct session *s)
{
    for (const struct context *c = s->contexts; c; c = c->next)
        if (search_program_ages(c->program) && now_s(s) - c->looked_s >= CONTEXT_LOOK_S)
            return true;
    return false;
}

static bool is_member(const struct context *c, uint32_t uid)
{
    return bsearch(&uid, c->members, c->count, sizeof *c->members, by_number);
}

static int begin_look(struct session *s, struct context_round *round, struct err *err)
{
    struct context *c = round->at;
    int64_t since_s = c->looked_s, now = now_s(s);
    if (now - since_s < CONTEXT_LOOK_S) /* what time alone changes is looked for now and then */
        now = since_s;
    seqset_init(&round->lost, round->arena);
    seqset_init(&round->gained, round->arena);
    round->next = 0;
    round->news = NULL;
    if (round->gone)
        return 0;
    c->looked_s = now;
    int r = search_program_follow(c->program, s->view.snapshot, now, err);
    if (r < 0)
        return r;
    struct seqset uids;
    r = search_program_aged(c->program, round->before, s->view.snapshot, since_s, round->arena, &uids, err);
    if (r == 0)
        r = snapshot_uids_to_seqs(s->view.snapshot, &uids, round->arena, &round->aged, err);
    round->aged_left = seqset_each(&round->aged);
    return r;
}

static void look_for_gone(struct context_round *round)
{
    struct seqset_iter it = seqset_each(&round->diff->vanished);
    uint32_t uid;
    while (seqset_next(&it, &uid))
        if (is_member(round->at, uid))
            seqset_add(&round->lost, uid);
}

static int look_at(struct session *s, struct context_round *round, uint32_t seq, struct err *err)
{
    struct message row;
    int r = snapshot_message(s->view.snapshot, seq, &row, err);
    if (r < 0)
        return r;
    int match = search_program_match(round->at->program, seq, &row, err);
    if (match < 0) { /* one message that cannot be read is no reason to tell nothing any more */
        log_warn(&s->log, "context-not-read", KV("uid", row.uid), KV("text", (const char *)err->text));
        return 0;
    }
    if ((match == 1) == is_member(round->at, row.uid))
        return 0;
    seqset_add(match == 1 ? &round->gained : &round->lost, row.uid);
    return 0;
}

/* Messages that changed, then those that came. */
static int look_for_new(struct session *s, struct context_round *round, struct err *err)
{
    const struct snapshot_diff *diff = round->diff;
    size_t count = (size_t)diff->changed_count + diff->added_count;
    uint32_t first_added = s->view.snapshot->exists - diff->added_count + 1;
    for (; round->next < count; round->next++) {
        if (session_must_wait(s))
            return -ERR_AGAIN;
        uint32_t seq = round->next < diff->changed_count
                           ? diff->changed_seqs[round->next]
                           : first_added + (uint32_t)(round->next - diff->changed_count);
        int r = look_at(s, round, seq, err);
        if (r < 0)
            return r;
    }
    for (uint32_t seq;;) {
        if (session_must_wait(s))
            return -ERR_AGAIN;
        if (!seqset_next(&round->aged_left, &seq))
            return 0;
        int r = look_at(s, round, seq, err);
        if (r < 0)
            return r;
    }
}

/* ---- telling ---- */

/* Sequence number of a message: as it was before EXPUNGE is told, or as it is. */
static int seq_of(const struct session *s, const struct context_round *round, uint32_t uid, uint32_t *seq_out,
                  struct err *err)
{
    return snapshot_seq_of_uid(round->gone ? round->before : s->view.snapshot, uid, seq_out, err);
}

static int use_seqs(const struct session *s, struct context_round *round, struct err *err)
{
    for (struct context_news *news = round->news; news; news = news->next) {
        uint32_t *seqs = arena_new_array(round->arena, uint32_t, news->numbers.count);
        for (size_t i = 0; i < news->numbers.count; i++) {
            int r = seq_of(s, round, news->numbers.list[i], &seqs[i], err);
            if (r < 0)
                return r;
        }
        news->numbers.list = seqs;
    }
    return 0;
}

/* The rest of a pair follows at the place that the first part has come to. */
static void write_pair(struct buf *out, struct context_news *news)
{
    size_t from = news->place.at;
    size_t left = news->numbers.count - from;
    struct numbers piece = numbers_of_list(news->numbers.list + from,
                                           left < PIECE_NUMBERS ? left : PIECE_NUMBERS);
    struct numbers_place place = { 0 };
    buf_add_u64(out, news->position && news->adds ? news->position + from : news->position);
    buf_add_char(out, ' ');
    numbers_write(&piece, true, piece.count, &place, out);
    news->place.at += piece.count;
}

/* "* ESEARCH (TAG "B01") UID REMOVEFROM (0 32768) ADDTO (0 4)": one response of about PIECE_NUMBERS. */
static void write_response(struct session *s, struct context_round *round)
{
    struct buf *out = session_out(s);
    size_t written = 0;
    const struct context_news *last = NULL;
    buf_add_lit(out, "* ESEARCH ");
    buf_add(out, round->at->correlator);
    if (round->at->args.uid)
        buf_add_lit(out, " UID");
    while (round->news && written < PIECE_NUMBERS) {
        struct context_news *news = round->news;
        if (last && last->adds != news->adds)
            buf_add_char(out, ')');
        if (!last || last->adds != news->adds)
            buf_add(out, news->adds ? STR(" ADDTO (") : STR(" REMOVEFROM ("));
        else
            buf_add_char(out, ' ');
        size_t before = news->place.at;
        write_pair(out, news);
        written += news->place.at - before;
        last = news;
        if (news->place.at == news->numbers.count)
            round->news = news->next;
    }
    buf_add_lit(out, ")\r\n");
}

static int tell(struct session *s, struct context_round *round)
{
    while (round->news) {
        if (session_must_wait(s))
            return -ERR_AGAIN;
        write_response(s, round);
    }
    return 0;
}

static int tell_one(struct session *s, struct context_round *round, struct err *err)
{
    int r = 0;
    if (round->stage == ROUND_BEGIN) {
        r = begin_look(s, round, err);
        if (r < 0)
            return r;
        round->stage = ROUND_LOOK;
    }
    if (round->stage == ROUND_LOOK) {
        if (round->gone)
            look_for_gone(round);
        else
            r = look_for_new(s, round, err);
        if (r == 0)
            r = context_move(s, round->at, &round->lost, &round->gained, round->arena, &round->news, err);
        if (r == 0 && !round->at->args.uid)
            r = use_seqs(s, round, err);
        if (r < 0)
            return r;
        search_program_rest(round->at->program);
        round->stage = ROUND_TELL;
    }
    return tell(s, round);
}

int contexts_tell(struct session *s, struct context_round *round, struct err *err)
{
    if (round->gone && !round->diff->expunged_count)
        return 0;
    if (!round->at && round->stage == ROUND_BEGIN)
        round->at = s->contexts;
    for (; round->at; round->at = round->at->next) {
        int r = tell_one(s, round, err);
        if (r < 0)
            return r;
        round->stage = ROUND_BEGIN;
    }
    round->stage = ROUND_END;
    return 0;
}

/* ---- items of new messages ---- */

bool contexts_want_items(const struct session *s)
{
    for (const struct context *c = s->contexts; c; c = c->next)
        if (c->args.update_items)
            return true;
    return false;
}

bool contexts_add_items(const struct session *s, uint32_t uid, struct fetch_args *args, struct arena *arena)
{
    bool any = false;
    for (const struct context *c = s->contexts; c; c = c->next)
        if (c->args.update_items && c->count && bsearch(&uid, c->members, c->count, sizeof uid, by_number)) {
            fetch_args_merge(args, c->args.update_items, arena);
            any = true;
        }
    return any;
}
