#include "imap/cmd/search_find.h"

int search_find_init(struct search_find *f, struct session *s, const struct search_place *place,
                     const struct search_args *args, struct arena *arena, struct err *err)
{
    const struct partial_range *range = &args->partial;
    *f = (struct search_find){ .arena = arena, .uid = args->uid, .page_only = answer_needs_page_only(args) };
    f->needs_uids = f->uid || f->page_only || answer_needs_uids(args);
    seqset_init(&f->numbers, arena);
    seqset_init(&f->uids, arena);
    if (f->page_only) {
        uint32_t low = range->first < range->last ? range->first : range->last;
        uint32_t high = range->first < range->last ? range->last : range->first;
        f->skip = low - 1;
        f->wanted = (size_t)high - low + 1;
    }
    return search_walk_init(&f->walk, s, place, args, arena, f->page_only && range->from_end, err);
}

void search_find_deinit(struct search_find *f)
{
    search_walk_deinit(&f->walk);
}

static void add_hit(struct search_find *f, uint32_t seq, uint32_t uid)
{
    if (!f->uid)
        seqset_add(&f->numbers, seq);
    seqset_add(&f->uids, uid);
}

/* What else is told of a message. */
static void add_figures(struct search_find *f, const struct message *row)
{
    if (row->modseq > f->modseq_max)
        f->modseq_max = row->modseq;
    if (!f->walk.scores)
        return;
    f->scores = arena_grow(f->arena, f->scores, f->score_count, &f->scores_cap, 1);
    f->scores[f->score_count++] = (uint8_t)f->walk.score;
}

/* Neighbours are neighbours by sequence number, and often by UID. */
static void add_run(struct search_find *f, const struct search_hits *hits, uint32_t lane, uint32_t count)
{
    const uint32_t *uid = hits->columns->uid, last = lane + count - 1;
    if (!f->uid)
        seqset_add_range(&f->numbers, hits->first_seq + lane, hits->first_seq + last);
    if (!f->needs_uids)
        return;
    if (uid[last] - uid[lane] == last - lane) {
        seqset_add_range(&f->uids, uid[lane], uid[last]);
        return;
    }
    for (uint32_t i = lane; i <= last; i++)
        seqset_add(&f->uids, uid[i]);
}

static int find_chunks(struct search_find *f, struct session *s, struct err *err)
{
    struct search_hits hits;
    int r;
    while ((r = search_walk_next_chunk(&f->walk, s, &hits, err)) == 1) {
        f->any = true;
        for (uint32_t lane = 0; (lane = lanes_next(&hits.lanes, lane)) != LANE_NONE;) {
            uint32_t count = lanes_run(&hits.lanes, lane);
            add_run(f, &hits, lane, count);
            for (uint32_t i = lane; i < lane + count; i++)
                if (hits.columns->modseq[i] > f->modseq_max)
                    f->modseq_max = hits.columns->modseq[i];
            lane += count;
        }
    }
    return r;
}

static int find_scored(struct search_find *f, struct session *s, struct err *err)
{
    struct message row;
    uint32_t seq;
    int r;
    while ((r = search_walk_next(&f->walk, s, &seq, &row, err)) == 1) {
        f->any = true;
        add_hit(f, seq, row.uid);
        add_figures(f, &row);
    }
    return r;
}

static void turn_scores(struct search_find *f)
{
    for (size_t i = 0; i < f->score_count / 2; i++) {
        uint8_t score = f->scores[i];
        f->scores[i] = f->scores[f->score_count - 1 - i];
        f->scores[f->score_count - 1 - i] = score;
    }
}

static int find_page(struct search_find *f, struct session *s, struct err *err)
{
    struct message row;
    uint32_t seq;
    int r = 0;
    while (f->wanted && (r = search_walk_next(&f->walk, s, &seq, &row, err)) == 1) {
        f->any = true;
        if (f->skip) {
            f->skip--;
            continue;
        }
        f->seqs = arena_grow(f->arena, f->seqs, f->page_count, &f->seqs_cap, sizeof seq);
        f->page_uids = arena_grow(f->arena, f->page_uids, f->page_count, &f->uids_cap, sizeof seq);
        f->seqs[f->page_count] = seq;
        f->page_uids[f->page_count++] = row.uid;
        add_figures(f, &row);
        f->wanted--;
    }
    if (r < 0)
        return r;
    if (f->walk.backward)
        turn_scores(f);
    for (size_t i = 0; i < f->page_count; i++) {
        size_t at = f->walk.backward ? f->page_count - 1 - i : i;
        add_hit(f, f->seqs[at], f->page_uids[at]);
    }
    return 0;
}

int search_find_run(struct search_find *f, struct session *s, struct found *found_out, struct err *err)
{
    int r = f->page_only     ? find_page(f, s, err)
            : f->walk.scores ? find_scored(f, s, err)
                             : find_chunks(f, s, err);
    if (r == 0)
        *found_out = (struct found){ .numbers = numbers_of_set(f->uid ? f->uids : f->numbers),
                                     .uids = numbers_of_set(f->uids),
                                     .scores = f->scores,
                                     .is_page = f->page_only,
                                     .modseq_max = f->modseq_max };
    return r;
}
