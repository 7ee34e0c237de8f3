/* cmd_sort.c: SORT and UID SORT.     RFC 5256, 3; RFC 5957; RFC 5267 (ESORT, UPDATE); RFC 9394 (PARTIAL); RFC 7162, 3.1.9 (MODSEQ) */
#include "imap/cmd/answer.h"
#include "imap/cmd/command.h"
#include "imap/cmd/sort_hits.h"
#include "imap/context.h"
#include "imap/wire/sort_args.h"
#include "mail/ranking.h"

#include <stdlib.h>

struct hit {
    uint32_t number; /* what is told */
    uint8_t score;   /* RELEVANCY */
};

struct sort_cursor {
    const struct sort_args *args;
    struct sort_hits found;
    bool is_found; /* all of them; their keys are being read */
    struct ranking ranking;
    struct hit *hits; /* in order of the mailbox */
    size_t count, cap;
    uint64_t modseq_max;
    uint32_t *numbers, *uids; /* sorted; NULL while they are not */
    uint8_t *scores;
    struct answer answer;
};

static void cursor_drop(struct session *s)
{
    struct sort_cursor *c = s->cursor;
    sort_hits_deinit(&c->found);
    ranking_deinit(&c->ranking);
    free(c->hits);
    free(c->numbers);
    free(c->uids);
    free(c->scores);
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
    c->hits[c->count++] = (struct hit){ number, (uint8_t)c->found.walk.score };
    if (row->modseq > c->modseq_max)
        c->modseq_max = row->modseq;
    ranking_add(&c->ranking, row, c->found.walk.scores ? c->found.walk.score : 0);
}

static int take_keys(void *ctx, uint32_t index, const struct meta_view *view, struct err *err)
{
    struct sort_cursor *c = ctx;
    (void)err;
    ranking_take_meta(&c->ranking, index, view);
    return 0;
}

static uint32_t *new_numbers(size_t count)
{
    uint32_t *numbers = malloc((count ? count : 1) * sizeof *numbers);
    if (!numbers)
        abort();
    return numbers;
}

/* The numbers that are told, in order; memory that is of no use any more goes. */
static void put_in_order(struct sort_cursor *c)
{
    c->numbers = new_numbers(c->count);
    c->uids = new_numbers(c->count);
    c->scores = malloc(c->count + 1);
    if (!c->scores)
        abort();
    ranking_order(&c->ranking, c->found.damaged == 0, c->uids);
    for (size_t i = 0; i < c->count; i++) {
        uint32_t index = c->uids[i];
        c->numbers[i] = c->hits[index].number;
        c->scores[i] = c->hits[index].score;
        c->uids[i] = c->ranking.uids[index];
    }
    ranking_deinit(&c->ranking);
    free(c->hits);
    c->hits = NULL;
}

static int begin(struct session *s, const struct sort_args *a, struct err *err)
{
    struct sort_cursor *c = arena_new(&s->arena, struct sort_cursor);
    c->args = a;
    if (a->search.uses_modseq)
        session_enable_condstore(s);
    int r = context_check_tag(s, &a->search, err);
    if (r < 0)
        return r;
    r = sort_hits_init(&c->found, s, &a->search, take_hit, c, err);
    if (r < 0)
        return r;
    ranking_init(&c->ranking, mail_key_cache(account_mail(s->selected_account)),
                 account_id(s->selected_account).n, mailbox_id(s->view.mailbox), s->view.snapshot->exists,
                 a->criteria, a->criterion_count, s->collation);
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    return 0;
}

static int find_and_sort(struct session *s, const struct sort_args *a, struct err *err)
{
    int r = s->cursor ? 0 : begin(s, a, err);
    if (r < 0)
        return r;
    struct sort_cursor *c = s->cursor;
    if (!c->is_found && (r = sort_hits_find(&c->found, s, err)) == 0) {
        c->is_found = true;
        sort_hits_keep(&c->found, c->ranking.missing, c->ranking.missing_count);
    }
    if (r == 0)
        r = sort_hits_read_keys(&c->found, s, take_keys, c, err);
    if (r < 0)
        return r;
    put_in_order(c);
    const struct found found = { .numbers = numbers_of_list(c->numbers, c->count),
                                 .uids = numbers_of_list(c->uids, c->count),
                                 .scores = c->scores,
                                 .modseq_max = c->modseq_max };
    return answer_init(&c->answer, s, &a->search, &found, &c->found.walk.place, "* SORT", STR_NIL, &s->arena,
                       err);
}

int sort_run(struct session *s, const void *args, struct err *err)
{
    const struct sort_args *a = args;
    struct sort_cursor *c = s->cursor;
    if (!c || !c->numbers) {
        int r = find_and_sort(s, a, err);
        bool saves = a->search.return_bits & SEARCH_RETURN_SAVE;
        if (saves && r < 0 && r != -ERR_AGAIN)
            answer_save_nothing(s);
        if (r < 0)
            return r;
        c = s->cursor;
        if (saves)
            answer_save(&c->answer, s);
    }
    int r = answer_write(&c->answer, s);
    if (r == 0 && a->search.return_bits & SEARCH_RETURN_UPDATE)
        r = context_add(s, &a->search, a->criteria, a->criterion_count, &c->answer.found.uids,
                        c->answer.correlator, err);
    return r;
}
