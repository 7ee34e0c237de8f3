/* cmd_search.c: SEARCH and UID SEARCH.
 * RFC 9051, 6.4.4 and 7.3.4; RFC 4731 (ESEARCH); RFC 5182 (SEARCHRES); RFC 7162, 3.1.5; RFC 9394 (PARTIAL);
 * RFC 5267 (UPDATE) */
#include "imap/cmd/answer.h"
#include "imap/cmd/command.h"
#include "imap/cmd/limit.h"
#include "imap/cmd/search_walk.h"
#include "imap/context.h"

struct hits {
    struct seqset numbers; /* sequence numbers, or UIDs in the UID form */
    struct seqset uids;
    uint64_t modseq_max;
    uint8_t *scores; /* RELEVANCY; NULL: not wanted */
    size_t score_count, scores_cap;
};

/* Of a search that stops as soon as it has its page. */
struct page {
    size_t skip, wanted; /* hits still to be passed over, and taken */
    uint32_t *seqs, *uids;
    size_t count, seqs_cap, uids_cap;
};

struct search_cursor {
    struct search_walk walk;
    bool page_only, answering;
    struct page page;
    struct hits hits;
    struct answer answer;
};

static void cursor_drop(struct session *s)
{
    struct search_cursor *c = s->cursor;
    search_walk_deinit(&c->walk);
}

static void add_score(struct session *s, struct search_cursor *c)
{
    struct hits *hits = &c->hits;
    if (!c->walk.scores)
        return;
    hits->scores = arena_grow(&s->arena, hits->scores, hits->score_count, &hits->scores_cap, 1);
    hits->scores[hits->score_count++] = (uint8_t)c->walk.score;
}

/* Scores of a page that was found from its end. */
static void turn_scores(struct hits *hits)
{
    for (size_t i = 0; i < hits->score_count / 2; i++) {
        uint8_t score = hits->scores[i];
        hits->scores[i] = hits->scores[hits->score_count - 1 - i];
        hits->scores[hits->score_count - 1 - i] = score;
    }
}

static void add_hit(struct hits *hits, bool uid, uint32_t seq, const struct message *row)
{
    seqset_add(&hits->numbers, uid ? row->uid : seq);
    seqset_add(&hits->uids, row->uid);
    if (row->modseq > hits->modseq_max)
        hits->modseq_max = row->modseq;
}

static int find_all(struct session *s, struct search_cursor *c, bool uid, struct err *err)
{
    struct message row;
    uint32_t seq;
    int r;
    while ((r = search_walk_next(&c->walk, s, &seq, &row, err)) == 1) {
        add_hit(&c->hits, uid, seq, &row);
        add_score(s, c);
    }
    return r;
}

static int find_page(struct session *s, struct search_cursor *c, bool uid, struct err *err)
{
    struct page *page = &c->page;
    struct message row;
    uint32_t seq;
    int r = 0;
    while (page->wanted && (r = search_walk_next(&c->walk, s, &seq, &row, err)) == 1) {
        if (page->skip) {
            page->skip--;
            continue;
        }
        page->seqs = arena_grow(&s->arena, page->seqs, page->count, &page->seqs_cap, sizeof seq);
        page->uids = arena_grow(&s->arena, page->uids, page->count, &page->uids_cap, sizeof seq);
        page->seqs[page->count] = seq;
        page->uids[page->count++] = row.uid;
        add_score(s, c);
        page->wanted--;
        if (row.modseq > c->hits.modseq_max)
            c->hits.modseq_max = row.modseq;
    }
    if (r < 0)
        return r;
    if (c->walk.backward)
        turn_scores(&c->hits);
    for (size_t i = 0; i < page->count; i++) {
        size_t at = c->walk.backward ? page->count - 1 - i : i;
        seqset_add(&c->hits.numbers, uid ? page->uids[at] : page->seqs[at]);
        seqset_add(&c->hits.uids, page->uids[at]);
    }
    return 0;
}

static int begin(struct session *s, const struct search_args *a, struct err *err)
{
    struct search_cursor *c = arena_new(&s->arena, struct search_cursor);
    struct search_place place = search_place_selected(s);
    if (s->utf8_accept && !str_is_nil(a->charset)) /* RFC 9755: the client has said that all is UTF-8 */
        return err_set(err, ERR_SYNTAX, "No CHARSET after ENABLE UTF8=ACCEPT");
    int r = context_check_tag(s, a, err);
    if (r == 0 && a->partial.first)
        r = limit_page(s, &a->partial, err);
    if (r < 0)
        return r;
    seqset_init(&c->hits.numbers, &s->arena);
    seqset_init(&c->hits.uids, &s->arena);
    if (a->uses_modseq)
        session_enable_condstore(s);
    c->page_only = answer_needs_page_only(a);
    if (c->page_only) {
        uint32_t low = a->partial.first < a->partial.last ? a->partial.first : a->partial.last;
        uint32_t high = a->partial.first < a->partial.last ? a->partial.last : a->partial.first;
        c->page.skip = low - 1;
        c->page.wanted = (size_t)high - low + 1;
    }
    r = search_walk_init(&c->walk, s, &place, a, &s->arena, c->page_only && a->partial.from_end, err);
    if (r < 0)
        return r;
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    return search_walk_limit(&c->walk, s, false, err);
}

static int find(struct session *s, const struct search_args *a, struct err *err)
{
    int r = s->cursor ? 0 : begin(s, a, err);
    if (r < 0)
        return r;
    struct search_cursor *c = s->cursor;
    r = c->page_only ? find_page(s, c, a->uid, err) : find_all(s, c, a->uid, err);
    if (r < 0)
        return r;
    const struct found found = { .numbers = numbers_of_set(c->hits.numbers),
                                 .uids = numbers_of_set(c->hits.uids),
                                 .scores = c->hits.scores,
                                 .is_page = c->page_only,
                                 .modseq_max = c->hits.modseq_max };
    c->answering = true;
    return answer_init(&c->answer, s, a, &found, c->walk.place.snapshot, s->rev2 ? NULL : "* SEARCH", err);
}

int search_run(struct session *s, const void *args, struct err *err)
{
    const struct search_args *a = args;
    struct search_cursor *c = s->cursor;
    if (!c || !c->answering) {
        int r = find(s, a, err);
        bool saves = a->return_bits & SEARCH_RETURN_SAVE;
        if (saves && r < 0 && r != -ERR_AGAIN)
            answer_save_nothing(s);
        if (r < 0)
            return r;
        c = s->cursor;
        if (saves)
            answer_save(&c->answer, s);
    }
    int r = answer_write(&c->answer, s);
    if (r == 0 && a->return_bits & SEARCH_RETURN_UPDATE)
        r = context_add(s, a, NULL, 0, &c->answer.found.uids, err);
    return r;
}
