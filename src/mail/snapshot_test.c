#include "base/testing.h"
#include "mail/testing_shelf.h"

#include <pthread.h>

enum { NODE_MESSAGES = CHUNK_MESSAGES_MAX * NODE_CHUNKS_MAX };

static struct message row_of(uint32_t uid)
{
    return (struct message){
        .uid = uid, .size_bytes = 10, .modseq = 1, .blob = uid, .email_id = uid, .thread_id = uid
    };
}

static void add_rows(struct snapshot_draft *d, uint32_t first, uint32_t count, uint32_t step)
{
    for (uint32_t i = 0; i < count; i++) {
        struct message row = row_of(first + i * step);
        assert_int_equal(snapshot_draft_add(d, &row, 1, NULL), 0);
    }
}

static struct snapshot *finish(struct snapshot_draft **d)
{
    struct snapshot *s = snapshot_draft_finish(*d);
    snapshot_draft_free(d);
    return s;
}

static struct snapshot *new_snapshot(uint32_t count, uint32_t step)
{
    struct snapshot *empty = snapshot_new_empty(1);
    struct snapshot_draft *d = snapshot_draft_new(empty);
    snapshot_unref(&empty);
    add_rows(d, 1, count, step);
    return finish(&d);
}

/* Stored, and come back: no chunk is loaded. */
static struct snapshot *reload(struct shelf *shelf, struct snapshot **s)
{
    struct buf bytes = BUF_INIT;
    struct snapshot *again;
    assert_int_equal(snapshot_each_dirty(*s, shelf_store_chunk, shelf, NULL), 0);
    snapshot_encode(*s, &bytes);
    struct reader r = reader_make(buf_str(&bytes));
    assert_int_equal(snapshot_decode(&r, &shelf->source, &again, NULL), 0);
    buf_deinit(&bytes);
    snapshot_unref(s);
    atomic_store(&shelf->loads, 0);
    return again;
}

static struct seqset set_of(struct arena *arena, const char *text)
{
    struct seqset set;
    assert_int_equal(seqset_parse(str_c(text), arena, &set, NULL), 0);
    return set;
}

static int mark_seen(void *ctx, struct message *row, struct err *err)
{
    (void)err;
    row->flags |= FLAG_SEEN;
    row->modseq = *(uint64_t *)ctx;
    return 1;
}

static struct snapshot *edited(struct snapshot *s, struct arena *arena, const char *uids, uint64_t modseq)
{
    struct seqset set = set_of(arena, uids);
    struct snapshot_draft *d = snapshot_draft_new(s);
    assert_int_equal(snapshot_draft_edit(d, &set, mark_seen, &modseq, NULL), 0);
    return finish(&d);
}

static struct snapshot *removed(struct snapshot *s, struct arena *arena, const char *uids)
{
    struct seqset set = set_of(arena, uids);
    struct snapshot_draft *d = snapshot_draft_new(s);
    assert_int_equal(snapshot_draft_remove(d, &set, NULL, NULL, NULL), 0);
    return finish(&d);
}

/* ---- shape ---- */

static void test_messages_added_one_by_one_fill_chunks_and_nodes(void **state)
{
    (void)state;
    static const struct {
        uint32_t count, nodes, last_node_chunks, last_chunk;
    } cases[] = {
        { 1, 1, 1, 1 },
        { CHUNK_MESSAGES_MAX - 1, 1, 1, CHUNK_MESSAGES_MAX - 1 },
        { CHUNK_MESSAGES_MAX, 1, 1, CHUNK_MESSAGES_MAX },
        { CHUNK_MESSAGES_MAX + 1, 1, 2, 1 },
        { NODE_MESSAGES - 1, 1, NODE_CHUNKS_MAX, CHUNK_MESSAGES_MAX - 1 },
        { NODE_MESSAGES, 1, NODE_CHUNKS_MAX, CHUNK_MESSAGES_MAX },
        { NODE_MESSAGES + 1, 2, 1, 1 },
        { 2 * NODE_MESSAGES + CHUNK_MESSAGES_MAX, 3, 1, CHUNK_MESSAGES_MAX },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct snapshot *s = new_snapshot(cases[i].count, 1);
        const struct snapshot_node *last = s->nodes[s->node_count - 1];
        assert_row(s->exists == cases[i].count && s->uidnext == cases[i].count + 1, i, "messages");
        assert_row(s->node_count == cases[i].nodes && last->chunk_count == cases[i].last_node_chunks, i,
                   "nodes");
        assert_row(last->chunks[last->chunk_count - 1]->summary.count == cases[i].last_chunk, i,
                   "last chunk");
        snapshot_unref(&s);
    }
}

static void test_small_neighbours_merge_when_messages_go(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct seqset gone;
    struct snapshot *s = new_snapshot(4 * NODE_MESSAGES, 1);
    struct snapshot_draft *d = snapshot_draft_new(s);
    seqset_init(&gone, &arena);
    for (uint32_t uid = 1; uid <= 4 * NODE_MESSAGES; uid += 64) /* leave every 64th */
        seqset_add_range(&gone, uid + 1, uid + 63);
    assert_int_equal(snapshot_draft_remove(d, &gone, NULL, NULL, NULL), 0);
    struct snapshot *few = snapshot_draft_finish(d);
    assert_int_equal(few->exists, 4 * NODE_CHUNKS_MAX * 4);
    assert_int_equal(few->node_count, 1);
    assert_int_equal(few->nodes[0]->chunk_count, 4 * NODE_CHUNKS_MAX * 4 / (CHUNK_MESSAGES_MAX / 2));

    struct seqset all = set_of(&arena, "1:4294967295");
    assert_int_equal(snapshot_draft_remove(d, &all, NULL, NULL, NULL), 0);
    struct snapshot *none = snapshot_draft_finish(d);
    assert_int_equal(none->exists, 0);
    assert_int_equal(none->node_count, 0);
    assert_int_equal(none->uidnext, 4 * NODE_MESSAGES + 1);
    snapshot_draft_free(&d);
    snapshot_unref(&none);
    snapshot_unref(&few);
    snapshot_unref(&s);
    arena_deinit(&arena);
}

static void test_uids_end_at_uid_max(void **state)
{
    (void)state;
    static const struct {
        uint32_t uid;
        int r;
    } cases[] = { { UID_MAX - 1, 0 }, { UID_MAX, 0 }, { UINT32_MAX, -ERR_LIMIT } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct snapshot *empty = snapshot_new_empty(1);
        struct snapshot_draft *d = snapshot_draft_new(empty);
        struct message rows[2] = { row_of(1), row_of(cases[i].uid) };
        assert_row(snapshot_draft_add(d, rows, 2, NULL) == cases[i].r, i, "uid");
        assert_row(snapshot_draft_exists(d) == (cases[i].r ? 0 : 2), i, "all or nothing");
        snapshot_draft_free(&d);
        snapshot_unref(&empty);
    }
}

/* ---- sharing ---- */

static void test_an_edit_shares_all_but_one_chunk(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct snapshot *s = new_snapshot(3 * NODE_MESSAGES, 1), *next = edited(s, &arena, "20000", 9);
    for (uint32_t n = 0; n < s->node_count; n++)
        assert_row((s->nodes[n] == next->nodes[n]) == (n != 1), n, "node");
    uint32_t hit = (20000 - 1 - NODE_MESSAGES) / CHUNK_MESSAGES_MAX;
    for (uint32_t i = 0; i < NODE_CHUNKS_MAX; i++)
        assert_row((s->nodes[1]->chunks[i] == next->nodes[1]->chunks[i]) == (i != hit), i, "chunk");
    assert_int_equal(next->unseen, s->unseen - 1);
    assert_int_equal(next->highest_modseq, 9);
    assert_int_equal(s->highest_modseq, 1);
    snapshot_unref(&next);
    snapshot_unref(&s);
    arena_deinit(&arena);
}

static void test_a_draft_without_change_finishes_as_its_base(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct snapshot *s = new_snapshot(10, 1);
    struct snapshot_draft *d = snapshot_draft_new(s);
    struct seqset none = set_of(&arena, "11:20");
    uint64_t modseq = 5;
    assert_int_equal(snapshot_draft_edit(d, &none, mark_seen, &modseq, NULL), 0);
    snapshot_draft_touch(d, 1);
    snapshot_draft_set_uidnext(d, 11);
    snapshot_draft_set_keywords(d, s->keywords);
    struct snapshot *same = snapshot_draft_finish(d);
    assert_ptr_equal(same, s);
    snapshot_unref(&same);
    snapshot_draft_touch(d, 6);
    snapshot_draft_set_uidnext(d, 100);
    struct snapshot *next = snapshot_draft_finish(d);
    assert_true(next != s && next->nodes[0] == s->nodes[0] && next->highest_modseq == 6 &&
                next->uidnext == 100);
    snapshot_draft_free(&d);
    snapshot_unref(&next);
    snapshot_unref(&s);
    arena_deinit(&arena);
}

static void test_new_keywords_show_in_the_diff(void **state)
{
    (void)state;
    static const struct str names[] = { STR_INIT("$Junk") };
    struct arena arena = ARENA_INIT;
    struct snapshot_diff diff;
    struct snapshot *s = new_snapshot(1, 1);
    struct snapshot_draft *d = snapshot_draft_new(s);
    struct keyword_table *table = keyword_table_new(names, 1);
    snapshot_draft_set_keywords(d, table);
    assert_ptr_equal(snapshot_draft_keywords(d), table);
    keyword_table_unref(&table);
    struct snapshot *next = finish(&d);
    assert_int_equal(snapshot_diff(s, next, &arena, &diff, NULL), 0);
    assert_true(diff.keywords_changed && diff.changed_count == 0);
    assert_int_equal(snapshot_diff(next, next, &arena, &diff, NULL), 0);
    assert_false(diff.keywords_changed);
    snapshot_unref(&next);
    snapshot_unref(&s);
    arena_deinit(&arena);
}

/* ---- what is loaded, and what happens when it cannot be ---- */

static void test_questions_of_select_load_no_chunk_but_that_of_first_unseen(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct shelf shelf;
    uint32_t seq;
    shelf_init(&shelf);
    struct snapshot *s = new_snapshot(NODE_MESSAGES + 1000, 1);
    struct snapshot *seen = edited(s, &arena, "1:17000", 2);
    snapshot_unref(&s);
    s = reload(&shelf, &seen);
    assert_int_equal(s->exists, NODE_MESSAGES + 1000);
    assert_int_equal(s->unseen, NODE_MESSAGES + 1000 - 17000);
    struct seqset all = set_of(&arena, "1:4294967295"), some = set_of(&arena, "5:300,16000:16999"), out;
    assert_int_equal(snapshot_uids_to_seqs(s, &all, &arena, &out, NULL), 0);
    assert_int_equal(seqset_count(&out), s->exists);
    assert_int_equal(snapshot_seqs_to_uids(s, &some, &arena, &out, NULL), 0);
    assert_true(seqset_equals(&out, &some));
    assert_int_equal(snapshot_uids(s, &arena, &out, NULL), 0);
    assert_int_equal(snapshot_seq_of_uid(s, 16500, &seq, NULL), 0);
    assert_int_equal(seq, 16500);
    assert_int_equal(shelf.loads, 0);
    assert_int_equal(snapshot_first_unseen(s, &seq, NULL), 0);
    assert_int_equal(seq, 17001);
    assert_int_equal(shelf.loads, 1);
    snapshot_unref(&s);
    shelf_deinit(&shelf);
    arena_deinit(&arena);
}

static void test_diff_loads_nothing_that_both_share(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct shelf shelf;
    struct snapshot_diff diff;
    shelf_init(&shelf);
    struct snapshot *fresh = new_snapshot(3 * NODE_MESSAGES, 2), *s = reload(&shelf, &fresh);
    struct snapshot *flagged = edited(s, &arena, "20001,60001", 2), *next = removed(flagged, &arena, "40001"),
                    *held;
    unsigned loads = shelf.loads;
    assert_int_equal(loads, 3);
    assert_int_equal(snapshot_diff(s, next, &arena, &diff, NULL), 0);
    assert_int_equal(diff.changed_count, 2);
    assert_int_equal(diff.changed_seqs[0], 10001);
    assert_int_equal(diff.changed_seqs[1], 30000);
    assert_int_equal(diff.expunged_count, 1);
    assert_int_equal(diff.expunged_seqs[0], 20001);
    assert_int_equal(snapshot_keep_expunged(s, next, &held, NULL), 0);
    assert_int_equal(held->exists, s->exists);
    assert_int_equal(shelf.loads, loads);
    assert_ptr_equal(held->nodes[0]->chunks[0], s->nodes[0]->chunks[0]);
    snapshot_unref(&held);
    snapshot_unref(&next);
    snapshot_unref(&flagged);
    snapshot_unref(&s);
    shelf_deinit(&shelf);
    arena_deinit(&arena);
}

static void test_what_cannot_be_loaded_is_an_error_and_harms_nothing(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct shelf shelf;
    struct snapshot *out;
    struct snapshot_diff diff;
    struct message row;
    struct seqset set = set_of(&arena, "601:1201"), result;
    struct err err = { 0 };
    uint32_t seq;
    uint64_t modseq = 3;
    shelf_init(&shelf);
    struct snapshot *fresh = new_snapshot(1000, 2), *s = reload(&shelf, &fresh);
    struct snapshot *other = removed(s, &arena, "3"), *third = reload(&shelf, &other);
    struct snapshot_draft *d = snapshot_draft_new(s);
    struct snapshot_cursor cursor = snapshot_cursor_at(s, 500);
    struct chunk_span span;
    shelf.fail = -ERR_IO;
    assert_int_equal(snapshot_message(s, 999, &row, &err), -ERR_IO);
    assert_non_null(strstr(err.text, "mailbox 7"));
    assert_int_equal(snapshot_seq_of_uid(s, 1201, &seq, NULL), -ERR_IO);
    assert_int_equal(snapshot_lower_bound(s, 1201, &seq, NULL), -ERR_IO);
    assert_int_equal(snapshot_first_unseen(third, &seq, NULL), -ERR_IO);
    assert_int_equal(snapshot_cursor_next(&cursor, &span, NULL), -ERR_IO);
    assert_int_equal(snapshot_seqs_to_uids(s, &set, &arena, &result, NULL), -ERR_INVALID);
    assert_int_equal(snapshot_uids_to_seqs(s, &set, &arena, &result, NULL), -ERR_IO);
    assert_int_equal(snapshot_uids(s, &arena, &result, NULL), -ERR_IO);
    assert_int_equal(snapshot_diff(s, third, &arena, &diff, NULL), -ERR_IO);
    assert_int_equal(snapshot_keep_expunged(s, third, &out, NULL), -ERR_IO);
    assert_int_equal(snapshot_draft_edit(d, &set, mark_seen, &modseq, NULL), -ERR_IO);
    assert_int_equal(snapshot_draft_remove(d, &set, NULL, NULL, NULL), -ERR_IO);
    assert_int_equal(snapshot_draft_read(d, &set, mark_seen, &modseq, NULL), -ERR_IO);
    assert_int_equal(snapshot_draft_exists(d), 1000);

    struct message more = row_of(5000); /* the last chunk cannot be read: delivery goes on behind it */
    assert_int_equal(snapshot_draft_add(d, &more, 1, NULL), 0);
    shelf.fail = 0;
    assert_int_equal(snapshot_draft_edit(d, &set, mark_seen, &modseq, NULL), 0);
    struct snapshot *next = finish(&d);
    assert_int_equal(next->exists, 1001);
    assert_int_equal(next->nodes[0]->chunk_count, s->nodes[0]->chunk_count + 1);
    assert_int_equal(next->unseen, 1001 - 301);
    snapshot_unref(&next);
    snapshot_unref(&third);
    snapshot_unref(&s);
    shelf_deinit(&shelf);
    arena_deinit(&arena);
}

static int refuse_third(void *ctx, struct message *row, struct err *err)
{
    (void)ctx;
    return row->uid == 3 ? err_set(err, ERR_LIMIT, "not this one") : 1;
}

static void test_a_callback_that_fails_stops_the_walk(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct seqset set = set_of(&arena, "1:5");
    struct snapshot *s = new_snapshot(5, 1);
    struct snapshot_draft *d = snapshot_draft_new(s);
    assert_int_equal(snapshot_draft_remove(d, &set, refuse_third, NULL, NULL), -ERR_LIMIT);
    assert_int_equal(snapshot_draft_edit(d, &set, refuse_third, NULL, NULL), -ERR_LIMIT);
    assert_int_equal(snapshot_draft_read(d, &set, refuse_third, NULL, NULL), -ERR_LIMIT);
    struct snapshot *next = finish(&d);
    assert_int_equal(next->exists, 5);
    snapshot_unref(&next);
    snapshot_unref(&s);
    arena_deinit(&arena);
}

static void test_a_message_that_appears_among_older_ones_is_damage(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct snapshot_diff diff;
    struct snapshot *all = new_snapshot(100, 1), *some = removed(all, &arena, "50"), *out;
    assert_int_equal(snapshot_diff(some, all, &arena, &diff, NULL), -ERR_CORRUPT);
    assert_int_equal(snapshot_keep_expunged(some, all, &out, NULL), -ERR_CORRUPT);
    snapshot_unref(&all);
    snapshot_unref(&some);
    arena_deinit(&arena);
}

static int give_id_only(void *ctx, struct chunk *chunk, struct err *err)
{
    uint64_t *last = ctx;
    (void)err;
    chunk_give_id(chunk, ++*last);
    return 0;
}

static int count_chunk(void *ctx, struct chunk *chunk, struct err *err)
{
    (void)chunk, (void)err;
    (*(int *)ctx)++;
    return 0;
}

static void test_a_fold_that_failed_finds_its_chunks_dirty_again(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct shelf shelf;
    int dirty = 0, all = 0;
    shelf_init(&shelf);
    struct snapshot *s = new_snapshot(1000, 1);
    assert_int_equal(snapshot_each_dirty(s, give_id_only, &shelf.last_id, NULL), 0);
    assert_int_equal(snapshot_each_dirty(s, count_chunk, &dirty, NULL), 0);
    assert_int_equal(dirty, 4);
    assert_int_equal(snapshot_each_dirty(s, shelf_store_chunk, &shelf, NULL), 0);
    assert_int_equal(shelf.last_id, 4);
    struct snapshot *next = edited(s, &arena, "300", 2);
    dirty = 0;
    assert_int_equal(snapshot_each_dirty(next, count_chunk, &dirty, NULL), 0);
    assert_int_equal(snapshot_each(next, count_chunk, &all, NULL), 0);
    assert_int_equal(dirty, 1);
    assert_int_equal(all, 4);
    snapshot_unref(&next);
    snapshot_unref(&s);
    shelf_deinit(&shelf);
    arena_deinit(&arena);
}

/* ---- stored form ---- */

static void test_a_damaged_record_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        /* Format modseq uidnext keywords... chunks: id count unseen deleted uid span modseq size
         * deleted-size. */
        struct str bytes;
        bool fine;
    } cases[] = {
        { "empty mailbox", STR_INIT("\1\1\1\0\0"), true },
        { "one keyword", STR_INIT("\1\1\1\1\2k\0"), true },
        { "two chunks", STR_INIT("\1\5\7\0\2\1\2\0\0\1\1\5\0\0\2\1\0\0\6\0\5\0\0"), true },
        { "format", STR_INIT("\2\1\1\0\0"), false },
        { "modseq 0", STR_INIT("\1\0\1\0\0"), false },
        { "uidnext 0", STR_INIT("\1\1\0\0\0"), false },
        { "uidnext of 33 bits", STR_INIT("\1\1\x80\x80\x80\x80\x10\0\0"), false },
        { "257 keywords", STR_INIT("\1\1\1\x81\2\2k\0"), false },
        { "keyword NIL", STR_INIT("\1\1\1\1\0\0"), false },
        { "keyword empty", STR_INIT("\1\1\1\1\1\0"), false },
        { "keyword no atom", STR_INIT("\1\1\1\1\3k \0"), false },
        { "more chunks than bytes",
          STR_INIT("\1\5\7\0\xff\xff\xff\xff\xff\xff\xff\xff\x7f\1\2\0\0\1\1\5\0\0"), false },
        { "chunk without id", STR_INIT("\1\5\7\0\1\0\2\0\0\1\1\5\0\0"), false },
        { "uid at uidnext", STR_INIT("\1\5\2\0\1\1\2\0\0\1\1\5\0\0"), false },
        { "modseq above highest", STR_INIT("\1\4\7\0\1\1\2\0\0\1\1\5\0\0"), false },
        { "chunks overlap", STR_INIT("\1\5\7\0\2\1\2\0\0\1\1\5\0\0\2\1\0\0\2\0\5\0\0"), false },
        { "chunks backwards", STR_INIT("\1\5\7\0\2\1\1\0\0\5\0\5\0\0\2\1\0\0\2\0\5\0\0"), false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct reader r = reader_make(cases[i].bytes);
        struct snapshot *s;
        struct err err = { 0 };
        int got = snapshot_decode(&r, NULL, &s, &err);
        assert_row(got == (cases[i].fine ? 0 : -ERR_CORRUPT), i, cases[i].what);
        assert_row(got == 0 ? reader_left(&r) == 0 : err.text[0] != 0, i, cases[i].what);
        if (got == 0)
            snapshot_unref(&s);
        for (size_t cut = 0; cases[i].fine && cut < cases[i].bytes.n; cut++) {
            r = reader_make(str_sub(cases[i].bytes, 0, cut));
            assert_row(snapshot_decode(&r, NULL, &s, NULL) == -ERR_CORRUPT, i, "cut short");
        }
    }
}

/* ---- threads ---- */

static void *read_all(void *arg)
{
    struct snapshot *s = arg;
    struct snapshot_cursor cursor = snapshot_cursor_at(s, 1);
    struct chunk_span span;
    uint64_t sum = 0;
    while (snapshot_cursor_next(&cursor, &span, NULL) == 1)
        for (uint32_t i = span.first; i < span.columns->count; i++)
            sum += span.columns->uid[i];
    snapshot_unref(&s);
    return sum == 5000 * 5001 / 2 * 2 - 5000 ? arg : NULL;
}

static void test_readers_and_a_writer_share_chunks_that_are_not_loaded(void **state)
{
    (void)state;
    enum { READERS = 3, ROUNDS = 20 };
    struct arena arena = ARENA_INIT;
    struct shelf shelf;
    shelf_init(&shelf);
    struct snapshot *fresh = new_snapshot(5000, 2), *s = reload(&shelf, &fresh);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        pthread_t threads[READERS];
        for (int i = 0; i < READERS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, read_all, snapshot_ref(s)), 0);
        struct snapshot *next = edited(s, &arena, "1:100,5000:5100,9999", round + 2);
        snapshot_unref(&s);
        for (int i = 0; i < READERS; i++) {
            void *result;
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_non_null(result);
        }
        s = reload(&shelf, &next);
    }
    snapshot_unref(&s);
    shelf_deinit(&shelf);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_added_one_by_one_fill_chunks_and_nodes),
        cmocka_unit_test(test_small_neighbours_merge_when_messages_go),
        cmocka_unit_test(test_uids_end_at_uid_max),
        cmocka_unit_test(test_an_edit_shares_all_but_one_chunk),
        cmocka_unit_test(test_a_draft_without_change_finishes_as_its_base),
        cmocka_unit_test(test_new_keywords_show_in_the_diff),
        cmocka_unit_test(test_questions_of_select_load_no_chunk_but_that_of_first_unseen),
        cmocka_unit_test(test_diff_loads_nothing_that_both_share),
        cmocka_unit_test(test_what_cannot_be_loaded_is_an_error_and_harms_nothing),
        cmocka_unit_test(test_a_callback_that_fails_stops_the_walk),
        cmocka_unit_test(test_a_message_that_appears_among_older_ones_is_damage),
        cmocka_unit_test(test_a_fold_that_failed_finds_its_chunks_dirty_again),
        cmocka_unit_test(test_a_damaged_record_is_refused),
        cmocka_unit_test(test_readers_and_a_writer_share_chunks_that_are_not_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
