/* A snapshot against the simplest model there is: an array of rows. Random edits; after each, everything that
 * a snapshot answers must be what the array says. The seed is fixed; LOFT_TEST_SEED sets another. */
#include "base/testing.h"
#include "mail/testing_shelf.h"

#include <stdlib.h>

enum { OLD_KEPT = 6 };

struct model {
    struct message *rows;
    uint32_t count, uidnext;
    uint64_t modseq;
};

struct past {
    struct model model; /* as it was */
    struct snapshot *snapshot;
};

struct world {
    uint64_t random;
    struct model model;
    struct snapshot *snapshot;
    struct snapshot_draft *draft;
    struct past past[OLD_KEPT]; /* oldest first */
    int past_count;
    struct shelf shelf;
    struct arena arena;
    uint32_t count_max; /* messages, about */
};

/* ---- chance ---- */

static uint64_t next_random(struct world *w)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random;
}

static uint32_t below(struct world *w, uint32_t n)
{
    return n ? (uint32_t)((next_random(w) >> 20) % n) : 0;
}

/* Some ranges out of the uids in use and a little beyond; sparse, dense or everything. */
static struct seqset random_set(struct world *w)
{
    struct seqset set;
    uint32_t last = w->model.uidnext + 3, ranges = 1 + below(w, 40), width = below(w, 3) ? 3 : 400;
    seqset_init(&set, &w->arena);
    if (below(w, 50) == 0) {
        seqset_add_range(&set, 1, UINT32_MAX);
        return set;
    }
    for (uint32_t i = 0; i < ranges; i++) {
        uint32_t first = 1 + below(w, last), to = first + below(w, width);
        seqset_add_range(&set, first, to);
    }
    return set;
}

/* \Deleted is set in some stretches of UIDs alone, so that there are chunks without. */
static uint8_t some_flags(uint32_t uid, uint64_t random)
{
    return (uint8_t)(random & FLAG_ALL & ((uid >> 9) % 4 == 0 ? FLAG_ALL : ~(unsigned)FLAG_DELETED));
}

static struct message random_row(struct world *w, uint32_t uid)
{
    struct message row = {
        .uid = uid,
        .size_bytes = below(w, 100000),
        .modseq = w->model.modseq,
        .internal_date_s = (int64_t)below(w, 2000000000),
        .internal_zone_min = (int16_t)((int)below(w, 1440) - 720),
        .flags = some_flags(uid, below(w, FLAG_ALL + 1)),
        .save_date_s = (int64_t)below(w, 2000000000),
        .blob = next_random(w),
        .email_id = uid + 7,
        .thread_id = below(w, uid),
    };
    if (below(w, 4) == 0)
        keyword_set_add(&row.keywords, below(w, KEYWORDS_MAX));
    return row;
}

/* ---- the edits, on model and draft alike ---- */

static void do_add(struct world *w)
{
    uint32_t count = below(w, 4) ? 1 + below(w, 5) : 1 + below(w, 700);
    struct message *rows = arena_new_array(&w->arena, struct message, count);
    uint32_t uid = w->model.uidnext + (below(w, 5) ? 0 : below(w, 20));
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = random_row(w, uid);
        uid += 1 + (below(w, 10) ? 0 : below(w, 9));
    }
    assert_int_equal(snapshot_draft_add(w->draft, rows, count, NULL), 0);
    w->model.rows = realloc(w->model.rows, (w->model.count + count) * sizeof *rows);
    assert_non_null(w->model.rows);
    memcpy(w->model.rows + w->model.count, rows, count * sizeof *rows);
    w->model.count += count;
    w->model.uidnext = rows[count - 1].uid + 1;
}

/* What both sides do to a row, chosen by its uid: 0 leaves it alone. */
static int edit_row(uint64_t modseq, struct message *row)
{
    if ((row->uid + modseq) % 3 == 0)
        return 0;
    row->flags = some_flags(row->uid, row->flags ^ (row->uid + modseq));
    row->modseq = modseq;
    if (row->uid % 5 == 0)
        row->keywords = (struct keyword_set){ 0 };
    else if (row->uid % 7 == 0)
        keyword_set_add(&row->keywords, (unsigned)(modseq % KEYWORDS_MAX));
    return 1;
}

struct visit {
    struct world *w;
    uint32_t at; /* index in the model that must come next, or behind */
    const struct seqset *set;
};

static bool same_row(const struct message *a, const struct message *b)
{
    return a->uid == b->uid && a->size_bytes == b->size_bytes && a->modseq == b->modseq &&
           a->flags == b->flags && a->internal_date_s == b->internal_date_s &&
           a->internal_zone_min == b->internal_zone_min && a->save_date_s == b->save_date_s &&
           a->blob == b->blob && a->email_id == b->email_id && a->thread_id == b->thread_id &&
           memcmp(&a->keywords, &b->keywords, sizeof a->keywords) == 0;
}

/* Each message of the set is seen once, in order, as the model has it. */
static void expect_next(struct visit *v, const struct message *row)
{
    const struct model *m = &v->w->model;
    while (v->at < m->count && !seqset_contains(v->set, m->rows[v->at].uid))
        v->at++;
    assert_true(v->at < m->count && same_row(row, &m->rows[v->at]));
    v->at++;
}

static void expect_no_more(struct visit *v)
{
    for (; v->at < v->w->model.count; v->at++)
        assert_false(seqset_contains(v->set, v->w->model.rows[v->at].uid));
}

static int read_fn(void *ctx, struct message *row, struct err *err)
{
    (void)err;
    expect_next(ctx, row);
    return 0;
}

/* As read_fn, of those with \Deleted. */
static int read_deleted_fn(void *ctx, struct message *row, struct err *err)
{
    struct visit *v = ctx;
    const struct model *m = &v->w->model;
    (void)err;
    if (!(row->flags & FLAG_DELETED))
        return 0;
    while (v->at < m->count &&
           !(m->rows[v->at].flags & FLAG_DELETED && seqset_contains(v->set, m->rows[v->at].uid)))
        v->at++;
    assert_true(v->at < m->count && same_row(row, &m->rows[v->at]));
    v->at++;
    return 0;
}

static int edit_fn(void *ctx, struct message *row, struct err *err)
{
    struct visit *v = ctx;
    (void)err;
    expect_next(v, row);
    return edit_row(v->w->model.modseq, row);
}

static bool is_removed(uint32_t uid)
{
    return uid % 4 != 0;
}

static int remove_fn(void *ctx, struct message *row, struct err *err)
{
    (void)err;
    expect_next(ctx, row);
    return is_removed(row->uid);
}

static void do_read_deleted(struct world *w, const struct seqset *set)
{
    struct visit v = { .w = w, .set = set };
    assert_int_equal(snapshot_draft_read_deleted(w->draft, set, read_deleted_fn, &v, NULL), 0);
    for (; v.at < w->model.count; v.at++)
        assert_false(seqset_contains(set, w->model.rows[v.at].uid) &&
                     w->model.rows[v.at].flags & FLAG_DELETED);
}

static void do_read(struct world *w)
{
    struct seqset set = random_set(w);
    struct visit v = { .w = w, .set = &set };
    assert_int_equal(snapshot_draft_read(w->draft, &set, read_fn, &v, NULL), 0);
    expect_no_more(&v);
    do_read_deleted(w, &set);
}

static void do_edit(struct world *w)
{
    struct seqset set = random_set(w);
    struct visit v = { .w = w, .set = &set };
    assert_int_equal(snapshot_draft_edit(w->draft, &set, edit_fn, &v, NULL), 0);
    expect_no_more(&v);
    for (uint32_t i = 0; i < w->model.count; i++)
        if (seqset_contains(&set, w->model.rows[i].uid))
            edit_row(w->model.modseq, &w->model.rows[i]);
}

static void do_remove(struct world *w)
{
    struct seqset set = random_set(w);
    struct visit v = { .w = w, .set = &set };
    bool all = below(w, 2);
    assert_int_equal(snapshot_draft_remove(w->draft, &set, all ? NULL : remove_fn, &v, NULL), 0);
    if (!all)
        expect_no_more(&v);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->model.count; i++) {
        uint32_t uid = w->model.rows[i].uid;
        if (!seqset_contains(&set, uid) || (!all && !is_removed(uid)))
            w->model.rows[kept++] = w->model.rows[i];
    }
    w->model.count = kept;
    snapshot_draft_touch(w->draft, w->model.modseq);
}

/* ---- the checks ---- */

static void check_shape(const struct snapshot *s)
{
    uint32_t uid_last = 0, messages = 0;
    for (uint32_t n = 0; n < s->node_count; n++) {
        const struct snapshot_node *node = s->nodes[n];
        assert_in_range(node->chunk_count, 1, NODE_CHUNKS_MAX);
        assert_int_equal(s->before[n], messages);
        assert_true(node->uid_first == node->chunks[0]->summary.uid_first);
        for (uint32_t i = 0; i < node->chunk_count; i++) {
            const struct chunk_summary *c = &node->chunks[i]->summary;
            assert_in_range(c->count, 1, CHUNK_MESSAGES_MAX);
            assert_true(c->uid_first > uid_last && c->uid_last >= c->uid_first &&
                        c->modseq_max <= node->modseq_max);
            assert_int_equal(s->before[n] + node->before[i], messages);
            uid_last = c->uid_last;
            messages += c->count;
        }
        assert_true(node->uid_last == uid_last);
    }
    assert_true(messages == s->exists && uid_last < s->uidnext);
}

static void check_figures(const struct snapshot *s, const struct model *m)
{
    uint32_t unseen = 0, deleted = 0, first_unseen = 0, got;
    uint64_t size = 0, deleted_size = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct message *row = &m->rows[i];
        unseen += !(row->flags & FLAG_SEEN);
        if (first_unseen == 0 && !(row->flags & FLAG_SEEN))
            first_unseen = i + 1;
        deleted += (row->flags & FLAG_DELETED) != 0;
        size += row->size_bytes;
        deleted_size += row->flags & FLAG_DELETED ? row->size_bytes : 0;
    }
    assert_int_equal(s->exists, m->count);
    assert_int_equal(s->uidnext, m->uidnext);
    assert_int_equal(s->unseen, unseen);
    assert_int_equal(s->deleted, deleted);
    assert_int_equal(s->size_bytes, size);
    assert_int_equal(s->deleted_size_bytes, deleted_size);
    assert_true(s->highest_modseq <= m->modseq);
    assert_int_equal(snapshot_first_unseen(s, &got, NULL), 0);
    assert_int_equal(got, first_unseen);
}

static void check_rows(const struct snapshot *s, const struct model *m)
{
    struct snapshot_cursor cursor = snapshot_cursor_at(s, 1);
    struct chunk_span span;
    uint32_t n = 0;
    int r;
    while ((r = snapshot_cursor_next(&cursor, &span, NULL)) == 1) {
        for (uint32_t i = span.first; i < span.columns->count; i++, n++) {
            struct message row;
            chunk_row(span.columns, i, &row);
            assert_true(n < m->count && span.seq + (i - span.first) == n + 1 && same_row(&row, &m->rows[n]));
            assert_true(row.modseq <= s->highest_modseq);
        }
    }
    assert_int_equal(r, 0);
    assert_int_equal(n, m->count);
}

static uint32_t model_lower_bound(const struct model *m, uint32_t uid)
{
    uint32_t low = 0, high = m->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (m->rows[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void check_lookups(struct world *w, const struct snapshot *s, const struct model *m)
{
    for (int i = 0; i < 20; i++) {
        uint32_t uid = i ? below(w, m->uidnext + 3) : UINT32_MAX, seq, index = model_lower_bound(m, uid);
        assert_int_equal(snapshot_lower_bound(s, uid, &seq, NULL), 0);
        assert_int_equal(seq, index + 1);
        assert_int_equal(snapshot_seq_of_uid(s, uid, &seq, NULL), 0);
        assert_int_equal(seq, index < m->count && m->rows[index].uid == uid ? index + 1 : 0);
        struct message row;
        uint32_t ask = below(w, m->count + 2);
        int r = snapshot_message(s, ask, &row, NULL);
        assert_int_equal(r, ask >= 1 && ask <= m->count ? 0 : -ERR_NOT_FOUND);
        assert_true(r < 0 || same_row(&row, &m->rows[ask - 1]));
        struct snapshot_cursor cursor = snapshot_cursor_at(s, ask);
        struct chunk_span span;
        r = snapshot_cursor_next(&cursor, &span, NULL);
        assert_int_equal(r, ask <= m->count && m->count > 0);
        assert_true(r == 0 || (span.seq == (ask ? ask : 1) &&
                               span.columns->uid[span.first] == m->rows[span.seq - 1].uid));
    }
}

static void check_sets(struct world *w, const struct snapshot *s, const struct model *m)
{
    struct seqset uids, seqs, want, all;
    struct seqset set = random_set(w);
    seqset_init(&want, &w->arena);
    for (uint32_t i = 0; i < m->count; i++)
        if (seqset_contains(&set, m->rows[i].uid))
            seqset_add(&want, i + 1);
    assert_int_equal(snapshot_uids_to_seqs(s, &set, &w->arena, &seqs, NULL), 0);
    assert_true(seqset_equals(&seqs, &want));

    seqset_init(&want, &w->arena);
    struct seqset_iter it = seqset_each(&seqs);
    for (uint32_t n; seqset_next(&it, &n);)
        seqset_add(&want, m->rows[n - 1].uid);
    assert_int_equal(snapshot_seqs_to_uids(s, &seqs, &w->arena, &uids, NULL), 0);
    assert_true(seqset_equals(&uids, &want));

    seqset_init(&want, &w->arena);
    for (uint32_t i = 0; i < m->count; i++)
        seqset_add(&want, m->rows[i].uid);
    assert_int_equal(snapshot_uids(s, &w->arena, &all, NULL), 0);
    assert_true(seqset_equals(&all, &want));
    seqset_add(&seqs, m->count + 1);
    assert_int_equal(snapshot_seqs_to_uids(s, &seqs, &w->arena, &uids, NULL), -ERR_INVALID);
}

static void check_everything(struct world *w, const struct snapshot *s, const struct model *m)
{
    check_shape(s);
    check_figures(s, m);
    check_rows(s, m);
    check_lookups(w, s, m);
    check_sets(w, s, m);
}

/* The diff by the definition; the kept rows become `kept`. */
static void check_diff(struct world *w, const struct past *old, const struct snapshot *s,
                       const struct model *m, struct model *kept)
{
    struct snapshot_diff diff;
    struct seqset vanished;
    uint32_t expunged = 0, changed = 0, k = 0;
    assert_int_equal(snapshot_diff(old->snapshot, s, &w->arena, &diff, NULL), 0);
    seqset_init(&vanished, &w->arena);
    kept->rows = arena_new_array(&w->arena, struct message, old->model.count + m->count + 1);
    kept->count = 0;
    for (uint32_t i = 0; i < old->model.count; i++) {
        const struct message *was = &old->model.rows[i];
        if (k < m->count && m->rows[k].uid == was->uid) {
            if (m->rows[k].modseq != was->modseq) {
                assert_true(changed < diff.changed_count && diff.changed_seqs[changed] == k + 1);
                changed++;
            }
            kept->rows[kept->count++] = m->rows[k++];
        } else {
            seqset_add(&vanished, was->uid);
            assert_true(expunged < diff.expunged_count && diff.expunged_seqs[expunged] == i + 1);
            expunged++;
            kept->rows[kept->count++] = *was;
        }
    }
    assert_int_equal(diff.changed_count, changed);
    assert_int_equal(diff.expunged_count, expunged);
    assert_int_equal(diff.added_count, m->count - k);
    assert_true(seqset_equals(&diff.vanished, &vanished));
    while (k < m->count)
        kept->rows[kept->count++] = m->rows[k++];
    kept->uidnext = m->uidnext;
    kept->modseq = m->modseq;
}

/* From a past one to the present, and the same with the expunged kept for a while. */
static void check_past(struct world *w)
{
    if (w->past_count == 0)
        return;
    struct past *old = &w->past[below(w, (uint32_t)w->past_count)];
    struct model kept = { 0 }, none = { 0 };
    struct past held = { 0 };
    check_diff(w, old, w->snapshot, &w->model, &kept);
    assert_int_equal(snapshot_keep_expunged(old->snapshot, w->snapshot, &held.snapshot, NULL), 0);
    check_shape(held.snapshot);
    check_figures(held.snapshot, &kept);
    check_rows(held.snapshot, &kept);
    assert_true((held.snapshot == w->snapshot) == (kept.count == w->model.count));
    held.model = kept;
    check_diff(w, &held, w->snapshot, &w->model, &none);
    snapshot_unref(&held.snapshot);
}

static void remember(struct world *w)
{
    if (w->past_count == OLD_KEPT) {
        uint32_t drop = below(w, OLD_KEPT);
        snapshot_unref(&w->past[drop].snapshot);
        free(w->past[drop].model.rows);
        memmove(&w->past[drop], &w->past[drop + 1], (OLD_KEPT - 1 - drop) * sizeof w->past[0]);
        w->past_count--;
    }
    struct past *p = &w->past[w->past_count++];
    p->snapshot = snapshot_ref(w->snapshot);
    p->model = w->model;
    p->model.rows = malloc((w->model.count + 1) * sizeof *p->model.rows);
    assert_non_null(p->model.rows);
    if (w->model.count)
        memcpy(p->model.rows, w->model.rows, w->model.count * sizeof *p->model.rows);
}

/* Store what is dirty; sometimes leave memory and come back as summaries alone. */
static void do_fold(struct world *w)
{
    struct buf bytes = BUF_INIT;
    struct snapshot *again;
    assert_int_equal(snapshot_each_dirty(w->snapshot, shelf_store_chunk, &w->shelf, NULL), 0);
    snapshot_encode(w->snapshot, &bytes);
    struct reader r = reader_make(buf_str(&bytes));
    unsigned loads = w->shelf.loads;
    assert_int_equal(snapshot_decode(&r, &w->shelf.source, &again, NULL), 0);
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(w->shelf.loads, loads);
    assert_int_equal(again->highest_modseq, w->snapshot->highest_modseq);
    if (below(w, 2)) {
        snapshot_unref(&w->snapshot);
        w->snapshot = snapshot_ref(again);
        snapshot_draft_free(&w->draft);
        w->draft = snapshot_draft_new(w->snapshot);
    }
    snapshot_unref(&again);
    buf_deinit(&bytes);
}

static void one_step(struct world *w)
{
    w->model.modseq++;
    for (uint32_t edits = 1 + below(w, 4); edits > 0; edits--) {
        uint32_t dice = below(w, 10);
        if (w->model.count > w->count_max && dice < 5)
            dice = 5;
        if (dice < 5)
            do_add(w);
        else if (dice < 6)
            do_remove(w);
        else if (dice < 9)
            do_edit(w);
        else
            do_read(w);
        assert_int_equal(snapshot_draft_exists(w->draft), w->model.count);
        assert_int_equal(snapshot_draft_uidnext(w->draft), w->model.uidnext);
    }
    struct snapshot *next = snapshot_draft_finish(w->draft);
    snapshot_unref(&w->snapshot);
    w->snapshot = next;
    if (below(w, 3) == 0) { /* a draft that goes on, and one that begins, must do the same */
        snapshot_draft_free(&w->draft);
        w->draft = snapshot_draft_new(w->snapshot);
    }
}

static void world_init(struct world *w, uint64_t salt, uint32_t count_max)
{
    const char *seed = getenv("LOFT_TEST_SEED");
    *w = (struct world){ .count_max = count_max };
    w->random = (seed ? strtoull(seed, NULL, 10) : 20260101) * 2654435761u + salt;
    w->model.uidnext = 1;
    w->model.modseq = 1;
    w->snapshot = snapshot_new_empty(1);
    w->draft = snapshot_draft_new(w->snapshot);
    shelf_init(&w->shelf);
}

static void world_deinit(struct world *w)
{
    for (int i = 0; i < w->past_count; i++) {
        snapshot_unref(&w->past[i].snapshot);
        free(w->past[i].model.rows);
    }
    snapshot_draft_free(&w->draft);
    snapshot_unref(&w->snapshot);
    free(w->model.rows);
    arena_deinit(&w->arena);
    shelf_deinit(&w->shelf);
}

static void test_thousands_of_random_steps_agree_with_an_array(void **state)
{
    (void)state;
    static const struct {
        uint32_t count_max;
        int steps;
    } runs[] = {
        { 20, 1000 },
        { 300, 1000 },
        { 2500, 1000 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(runs); i++) {
        struct world w;
        world_init(&w, i, runs[i].count_max);
        for (int step = 0; step < runs[i].steps; step++) {
            one_step(&w);
            check_everything(&w, w.snapshot, &w.model);
            check_past(&w);
            if (step % 3 == 0)
                remember(&w);
            if (step % 11 == 0)
                do_fold(&w);
            for (int k = 0; step % 20 == 0 && k < w.past_count; k++) /* what is past never changes */
                check_rows(w.past[k].snapshot, &w.past[k].model);
            arena_reset(&w.arena);
        }
        world_deinit(&w);
    }
}

static void test_a_mailbox_of_several_nodes_agrees_with_an_array(void **state)
{
    (void)state;
    enum { NODE_MESSAGES = CHUNK_MESSAGES_MAX * NODE_CHUNKS_MAX, STEPS = 120 };
    struct world w;
    world_init(&w, 99, 2 * NODE_MESSAGES + 3000);
    while (w.model.count < 2 * NODE_MESSAGES + 1000)
        do_add(&w);
    for (int step = 0; step < STEPS; step++) {
        one_step(&w);
        check_everything(&w, w.snapshot, &w.model);
        check_past(&w);
        if (step % 5 == 0)
            remember(&w);
        if (step % 30 == 7)
            do_fold(&w);
        arena_reset(&w.arena);
    }
    assert_true(w.snapshot->node_count >= 2);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thousands_of_random_steps_agree_with_an_array),
        cmocka_unit_test(test_a_mailbox_of_several_nodes_agrees_with_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
