#include "base/testing.h"
#include "mail/chunk.h"
#include "mail/testing_shelf.h"

#include <pthread.h>

static struct message row_of(uint32_t uid)
{
    return (struct message){
        .uid = uid,
        .size_bytes = 1000 + uid % 7,
        .modseq = 50 + uid,
        .internal_date_s = 1700000000 + (int64_t)uid * 3600,
        .internal_zone_min = (int16_t)(uid % 2 ? -330 : 120),
        .flags = (uint8_t)(uid % 32),
        .save_date_s = 1700000005 + (int64_t)uid * 3600,
        .blob = 3 * uid,
        .email_id = 100000 + uid,
        .thread_id = 100000 + uid - uid % 5,
    };
}

/* Values at the edges of their types, and keywords in the first and the last word. */
static struct message extreme_row(uint32_t uid)
{
    struct message row = {
        .uid = uid,
        .size_bytes = UINT32_MAX,
        .modseq = INT64_MAX,
        .internal_date_s = uid % 2 ? INT64_MIN : INT64_MAX,
        .internal_zone_min = uid % 2 ? INT16_MIN : INT16_MAX,
        .flags = FLAG_ALL,
        .save_date_s = uid % 2 ? INT64_MAX : INT64_MIN,
        .blob = uid % 2 ? UINT64_MAX : 0,
        .email_id = uid % 2 ? 0 : UINT64_MAX,
        .thread_id = uid % 3 ? UINT64_MAX : 1,
    };
    keyword_set_add(&row.keywords, 0);
    if (uid % 4 == 0)
        keyword_set_add(&row.keywords, KEYWORDS_MAX - 1);
    return row;
}

static void assert_same_rows(const struct chunk_columns *columns, const struct message *rows, uint32_t count)
{
    assert_int_equal(columns->count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct message row;
        memset(&row, 0, sizeof row);
        chunk_row(columns, i, &row);
        const struct message *want = &rows[i];
        assert_row(row.uid == want->uid && row.size_bytes == want->size_bytes && row.modseq == want->modseq,
                   i, "numbers");
        assert_row(row.internal_date_s == want->internal_date_s && row.save_date_s == want->save_date_s, i,
                   "dates");
        assert_row(row.internal_zone_min == want->internal_zone_min && row.flags == want->flags, i,
                   "zone, flags");
        assert_row(row.blob == want->blob && row.email_id == want->email_id &&
                       row.thread_id == want->thread_id,
                   i, "ids");
        assert_row(memcmp(&row.keywords, &want->keywords, sizeof row.keywords) == 0, i, "keywords");
    }
}

static void test_rows_come_back_from_columns_and_from_stored_bytes(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 1, 2, 63, 255, CHUNK_MESSAGES_MAX };
    static const struct {
        const char *name;
        struct message (*make)(uint32_t uid);
        uint32_t uid_first, uid_step, keyword_words;
    } kinds[] = {
        { "plain", row_of, 1, 1, 0 },
        { "sparse", row_of, 9, 3, 0 },
        { "extreme", extreme_row, 2, 2, KEYWORD_WORDS },
        { "last uid", row_of, UID_MAX - 5 * 255, 5, 0 },
    };
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        for (size_t c = 0; c < ARRAY_COUNT(counts); c++) {
            struct message rows[CHUNK_MESSAGES_MAX];
            const struct chunk_columns *columns;
            struct chunk_columns *decoded;
            struct buf bytes = BUF_INIT;
            for (uint32_t i = 0; i < counts[c]; i++)
                rows[i] = kinds[k].make(kinds[k].uid_first + i * kinds[k].uid_step);
            struct chunk *chunk = chunk_new(rows, counts[c]);
            assert_int_equal(chunk_columns(chunk, &columns, NULL), 0);
            assert_same_rows(columns, rows, counts[c]);
            assert_row(counts[c] < 4 || columns->keyword_words == kinds[k].keyword_words, k, kinds[k].name);
            chunk_encode(columns, &bytes);
            assert_int_equal(chunk_decode(buf_str(&bytes), &decoded, NULL), 0);
            assert_same_rows(decoded, rows, counts[c]);
            free(decoded);
            buf_deinit(&bytes);
            chunk_unref(&chunk);
        }
    }
}

static void test_the_stored_form_is_small(void **state)
{
    (void)state;
    struct message rows[CHUNK_MESSAGES_MAX];
    const struct chunk_columns *columns;
    struct buf bytes = BUF_INIT;
    for (uint32_t i = 0; i < CHUNK_MESSAGES_MAX; i++) {
        rows[i] = row_of(i + 1);
        rows[i].size_bytes = 30000 + i * 37;
    }
    struct chunk *chunk = chunk_new(rows, CHUNK_MESSAGES_MAX);
    assert_int_equal(chunk_columns(chunk, &columns, NULL), 0);
    chunk_encode(columns, &bytes);
    assert_in_range(bytes.n, 1, 20 * CHUNK_MESSAGES_MAX);
    buf_deinit(&bytes);
    chunk_unref(&chunk);
}

static void test_a_summary_counts_what_the_rows_say(void **state)
{
    (void)state;
    struct message rows[3] = { row_of(4), row_of(8), row_of(9) };
    rows[0].flags = FLAG_SEEN, rows[1].flags = FLAG_DELETED, rows[2].flags = FLAG_DELETED | FLAG_SEEN;
    rows[0].size_bytes = 5, rows[1].size_bytes = 70, rows[2].size_bytes = 900;
    rows[1].modseq = 1000;
    struct chunk *chunk = chunk_new(rows, 3);
    const struct chunk_summary *s = &chunk->summary;
    assert_int_equal(s->count, 3);
    assert_int_equal(s->unseen, 1);
    assert_int_equal(s->deleted, 2);
    assert_int_equal(s->uid_first, 4);
    assert_int_equal(s->uid_last, 9);
    assert_int_equal(s->modseq_max, 1000);
    assert_int_equal(s->size_bytes, 975);
    assert_int_equal(s->deleted_size_bytes, 970);
    assert_true(chunk_is_dirty(chunk));
    chunk_give_id(chunk, 300);
    assert_true(chunk_is_dirty(chunk));
    chunk_mark_stored(chunk);
    assert_false(chunk_is_dirty(chunk));
    struct buf bytes = BUF_INIT, second = BUF_INIT;
    struct chunk_summary again;
    chunk_summary_encode(s, &bytes);
    struct reader r = reader_make(buf_str(&bytes));
    assert_true(chunk_summary_decode(&r, &again));
    chunk_summary_encode(&again, &second);
    assert_true(again.id == 300 && str_eq(buf_str(&bytes), buf_str(&second)));
    buf_deinit(&bytes);
    buf_deinit(&second);
    chunk_unref(&chunk);
}

static void test_a_summary_that_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint64_t v[9]; /* id, count, unseen, deleted, uid_first, uid span, modseq_max, size, deleted size */
        bool fine;
    } cases[] = {
        { "plain", { 1, 2, 1, 0, 1, 1, 5, 10, 0 }, true },
        { "one message", { 1, 1, 1, 1, UID_MAX, 0, 5, UINT32_MAX, UINT32_MAX }, true },
        { "full", { 1, 256, 256, 256, 1, 255, 5, 10, 0 }, true },
        { "no id", { 0, 2, 1, 0, 1, 1, 5, 10, 0 }, false },
        { "no messages", { 1, 0, 0, 0, 1, 0, 5, 0, 0 }, false },
        { "too many", { 1, 257, 0, 0, 1, 256, 5, 10, 0 }, false },
        { "unseen", { 1, 2, 3, 0, 1, 1, 5, 10, 0 }, false },
        { "deleted", { 1, 2, 1, 3, 1, 1, 5, 10, 0 }, false },
        { "uid 0", { 1, 2, 1, 0, 0, 1, 5, 10, 0 }, false },
        { "uid above all", { 1, 1, 1, 0, UINT32_MAX, 0, 5, 10, 0 }, false },
        { "span above all", { 1, 2, 1, 0, UID_MAX - 1, 2, 5, 10, 0 }, false },
        { "span of 64 bits", { 1, 2, 1, 0, 2, UINT64_MAX, 5, 10, 0 }, false },
        { "span too small", { 1, 3, 1, 0, 1, 1, 5, 10, 0 }, false },
        { "one with a span", { 1, 1, 1, 0, 1, 1, 5, 10, 0 }, false },
        { "modseq 0", { 1, 2, 1, 0, 1, 1, 0, 10, 0 }, false },
        { "modseq 64 bits", { 1, 2, 1, 0, 1, 1, UINT64_C(1) << 63, 10, 0 }, false },
        { "size too large", { 1, 2, 1, 0, 1, 1, 5, 2 * (uint64_t)UINT32_MAX + 1, 0 }, false },
        { "deleted too large", { 1, 2, 1, 0, 1, 1, 5, 10, 11 }, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf bytes = BUF_INIT;
        struct chunk_summary s;
        for (size_t k = 0; k < 9; k++)
            buf_put_varint(&bytes, cases[i].v[k]);
        struct reader r = reader_make(buf_str(&bytes));
        assert_row(chunk_summary_decode(&r, &s) == cases[i].fine, i, cases[i].what);
        for (size_t cut = 0; cut < bytes.n; cut++) {
            r = reader_make(str_sub(buf_str(&bytes), 0, cut));
            assert_row(!chunk_summary_decode(&r, &s), i, "cut short");
        }
        buf_deinit(&bytes);
    }
}

static void test_damaged_bytes_are_refused(void **state)
{
    (void)state;
    struct message rows[2] = { extreme_row(4), extreme_row(5) };
    struct chunk *chunk = chunk_new(rows, 2);
    const struct chunk_columns *columns;
    struct chunk_columns *decoded;
    struct buf bytes = BUF_INIT;
    struct err err;
    assert_int_equal(chunk_columns(chunk, &columns, NULL), 0);
    chunk_encode(columns, &bytes);
    for (size_t cut = 0; cut < bytes.n; cut++)
        assert_row(chunk_decode(str_sub(buf_str(&bytes), 0, cut), &decoded, &err) == -ERR_CORRUPT, cut,
                   "cut short");
    buf_add_char(&bytes, 0);
    assert_int_equal(chunk_decode(buf_str(&bytes), &decoded, &err), -ERR_CORRUPT);
    buf_deinit(&bytes);
    chunk_unref(&chunk);

    static const struct {
        const char *what;
        struct str bytes; /* format count words | uid flags size modseq date zone blob email save thread */
        bool fine;
    } cases[] = {
        { "plain", STR_INIT("\1\1\0\1\0\1\2\0\0\0\0\0\0"), true },
        { "format 0", STR_INIT("\0\1\0\1\0\1\2\0\0\0\0\0\0"), false },
        { "format 2", STR_INIT("\2\1\0\1\0\1\2\0\0\0\0\0\0"), false },
        { "no messages", STR_INIT("\1\0\0"), false },
        { "257 messages", STR_INIT("\1\x81\2\0\1\0\1\2\0\0\0\0\0\0"), false },
        { "5 keyword words", STR_INIT("\1\1\5\1\0\0\0\0\0\0\1\2\0\0\0\0\0\0"), false },
        { "uid 0", STR_INIT("\1\1\0\0\0\1\2\0\0\0\0\0\0"), false },
        { "uid UID_MAX", STR_INIT("\1\1\0\xfe\xff\xff\xff\xf\0\1\2\0\0\0\0\0\0"), true },
        { "uid UID_MAX + 1", STR_INIT("\1\1\0\xff\xff\xff\xff\xf\0\1\2\0\0\0\0\0\0"), false },
        { "equal uids", STR_INIT("\1\2\0\1\0\0\0\1\1\2\2\0\0\0\0\0\0\0\0\0\0\0\0"), false },
        { "unknown flag", STR_INIT("\1\1\0\1\x20\1\2\0\0\0\0\0\0"), false },
        { "size of 33 bits", STR_INIT("\1\1\0\1\0\x80\x80\x80\x80\x10\2\0\0\0\0\0\0"), false },
        { "modseq 0", STR_INIT("\1\1\0\1\0\1\0\0\0\0\0\0\0"), false },
        { "modseq negative", STR_INIT("\1\1\0\1\0\1\1\0\0\0\0\0\0"), false },
        { "zone of 17 bits", STR_INIT("\1\1\0\1\0\1\2\0\x80\x80\4\0\0\0\0"), false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int r = chunk_decode(cases[i].bytes, &decoded, &err);
        assert_row(r == (cases[i].fine ? 0 : -ERR_CORRUPT), i, cases[i].what);
        if (r == 0)
            free(decoded);
    }
}

static void test_lower_bound_finds_the_first_at_or_above(void **state)
{
    (void)state;
    struct message rows[3] = { row_of(10), row_of(20), row_of(30) };
    static const uint32_t uids[] = { 0, 10, 11, 20, 21, 30, 31, UINT32_MAX },
                          want[] = { 0, 0, 1, 1, 2, 2, 3, 3 };
    struct chunk *chunk = chunk_new(rows, 3);
    const struct chunk_columns *columns;
    assert_int_equal(chunk_columns(chunk, &columns, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(uids); i++)
        assert_row(chunk_lower_bound(columns, uids[i]) == want[i], i, "uid");
    chunk_unref(&chunk);
}

/* ---- loading ---- */

static struct chunk *stored_chunk(struct shelf *shelf, struct message *rows)
{
    for (uint32_t i = 0; i < CHUNK_MESSAGES_MAX; i++)
        rows[i] = row_of(i + 1);
    struct chunk *dirty = chunk_new(rows, CHUNK_MESSAGES_MAX);
    assert_int_equal(shelf_store_chunk(shelf, dirty, NULL), 0);
    struct chunk *stored = chunk_new_stored(&dirty->summary, &shelf->source);
    chunk_unref(&dirty);
    return stored;
}

static void test_a_stored_chunk_is_loaded_once_when_asked_for(void **state)
{
    (void)state;
    struct shelf shelf;
    struct message rows[CHUNK_MESSAGES_MAX];
    const struct chunk_columns *columns, *again;
    shelf_init(&shelf);
    struct chunk *chunk = stored_chunk(&shelf, rows);
    assert_false(chunk_is_dirty(chunk));
    assert_int_equal(shelf.loads, 0);
    assert_int_equal(chunk_columns(chunk, &columns, NULL), 0);
    assert_same_rows(columns, rows, CHUNK_MESSAGES_MAX);
    assert_int_equal(chunk_columns(chunk, &again, NULL), 0);
    assert_ptr_equal(columns, again);
    assert_int_equal(shelf.loads, 1);
    chunk_unref(&chunk);
    shelf_deinit(&shelf);
}

static void test_a_chunk_that_failed_to_load_can_be_loaded_later(void **state)
{
    (void)state;
    struct shelf shelf;
    struct message rows[CHUNK_MESSAGES_MAX];
    const struct chunk_columns *columns;
    struct err err;
    shelf_init(&shelf);
    struct chunk *chunk = stored_chunk(&shelf, rows);
    static const int failures[] = { -ERR_IO, -ERR_CORRUPT, -ERR_NOT_FOUND };
    for (size_t i = 0; i < ARRAY_COUNT(failures); i++) {
        shelf.fail = failures[i];
        assert_int_equal(chunk_columns(chunk, &columns, &err), failures[i]);
        assert_non_null(strstr(err.text, "mailbox 7"));
        assert_int_equal(chunk_columns(chunk, &columns, NULL), failures[i]);
    }
    shelf.fail = 0;
    assert_int_equal(chunk_columns(chunk, &columns, &err), 0);
    chunk_unref(&chunk);
    shelf_deinit(&shelf);
}

static void test_columns_that_contradict_their_summary_are_damage(void **state)
{
    (void)state;
    struct shelf shelf;
    struct message rows[CHUNK_MESSAGES_MAX];
    const struct chunk_columns *columns;
    shelf_init(&shelf);
    struct chunk *chunk = stored_chunk(&shelf, rows);
    for (size_t i = 0; i < 8; i++) {
        struct chunk_summary s = chunk->summary;
        uint32_t *const narrow[] = { &s.count, &s.unseen, &s.deleted, &s.uid_first, &s.uid_last };
        uint64_t *const wide[] = { &s.modseq_max, &s.size_bytes, &s.deleted_size_bytes };
        if (i < 5)
            (*narrow[i])--;
        else
            (*wide[i - 5])++;
        struct chunk *wrong = chunk_new_stored(&s, &shelf.source);
        assert_row(chunk_columns(wrong, &columns, NULL) == -ERR_CORRUPT, i, "figure");
        chunk_unref(&wrong);
    }
    chunk_unref(&chunk);
    shelf_deinit(&shelf);
}

struct loader {
    struct chunk *chunk;
    const struct chunk_columns *columns;
};

static void *load(void *arg)
{
    struct loader *loader = arg;
    struct chunk *own = chunk_ref(loader->chunk);
    int r = chunk_columns(own, &loader->columns, NULL);
    chunk_unref(&own);
    return r == 0 && loader->columns->uid[100] == 101 ? loader : NULL;
}

static void test_threads_that_load_at_once_get_the_same_columns(void **state)
{
    (void)state;
    enum { THREADS = 4, ROUNDS = 50 };
    struct shelf shelf;
    struct message rows[CHUNK_MESSAGES_MAX];
    shelf_init(&shelf);
    struct chunk *first = stored_chunk(&shelf, rows);
    for (int round = 0; round < ROUNDS; round++) {
        struct chunk *chunk = chunk_new_stored(&first->summary, &shelf.source);
        struct loader loaders[THREADS];
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            loaders[i] = (struct loader){ .chunk = chunk };
            assert_int_equal(pthread_create(&threads[i], NULL, load, &loaders[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            void *result;
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_ptr_equal(result, &loaders[i]);
            assert_ptr_equal(loaders[i].columns, loaders[0].columns);
        }
        chunk_unref(&chunk);
    }
    chunk_unref(&first);
    shelf_deinit(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_back_from_columns_and_from_stored_bytes),
        cmocka_unit_test(test_the_stored_form_is_small),
        cmocka_unit_test(test_a_summary_counts_what_the_rows_say),
        cmocka_unit_test(test_a_summary_that_cannot_be_is_refused),
        cmocka_unit_test(test_damaged_bytes_are_refused),
        cmocka_unit_test(test_lower_bound_finds_the_first_at_or_above),
        cmocka_unit_test(test_a_stored_chunk_is_loaded_once_when_asked_for),
        cmocka_unit_test(test_a_chunk_that_failed_to_load_can_be_loaded_later),
        cmocka_unit_test(test_columns_that_contradict_their_summary_are_damage),
        cmocka_unit_test(test_threads_that_load_at_once_get_the_same_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
