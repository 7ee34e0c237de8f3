/* The index of an account: what is added is found, whatever is merged, removed, or fails meanwhile. */
#include "base/testing.h"
#include "index/index.h"
#include "index/record.h"
#include "index/testing_index.h"
#include "store/faulty/faulty.h"
#include "store/mem/mem.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DOCUMENTS = 240, A_SEGMENT = 10, CACHE_BYTES = 1024 * 1024 };

static const struct account_id ACCOUNT = { 7 };

struct fixture {
    struct mem_world *world;
    struct store *store;
    struct index_shelf *shelf;
    struct index *index;
    struct rand_seeded source;
    struct testing_documents documents;
};

static void open_all(struct fixture *f)
{
    assert_int_equal(mem_store_open((struct mem_store_options){ .world = f->world }, &f->store, NULL), 0);
    f->shelf = index_shelf_new(f->store, CACHE_BYTES);
    assert_int_equal(index_open(f->shelf, ACCOUNT, &f->index, NULL), 0);
}

static void close_all(struct fixture *f)
{
    index_close(&f->index);
    index_shelf_free(&f->shelf);
    store_close(&f->store);
}

static void setup(struct fixture *f)
{
    *f = (struct fixture){ .world = mem_world_new() };
    rand_seeded_init(&f->source, 5);
    testing_documents_init(&f->documents, &f->source.source, DOCUMENTS, 600, 1);
    open_all(f);
}

static void teardown(struct fixture *f)
{
    close_all(f);
    mem_world_free(&f->world);
    testing_documents_deinit(&f->documents);
}

static int add(struct fixture *f, uint32_t from, uint32_t to, struct str mark, struct err *err)
{
    struct buf bytes = BUF_INIT;
    testing_build(&f->documents, from, to, &f->source.source, NULL, &bytes);
    int r = index_add(f->index, buf_str(&bytes), mark, err);
    buf_deinit(&bytes);
    return r;
}

/* Documents that hold the needle, or may: summed over the segments. */
static uint32_t count_hits(struct index_view *view, struct str needle)
{
    struct index_query *query = index_query_new(needle, INDEX_ANY, INDEX_EXACT);
    uint32_t count = 0;
    for (size_t i = 0; i < index_view_count(view); i++) {
        struct index_segment *segment;
        struct index_set sure, maybe;
        assert_int_equal(index_view_segment(view, i, &segment, NULL), 0);
        assert_int_equal(index_query_run(query, segment, &sure, &maybe, NULL), 0);
        for (uint32_t k = 0; k < index_segment_documents(segment); k++)
            count += index_set_has(&sure, k) || index_set_has(&maybe, k);
        index_set_deinit(&sure);
        index_set_deinit(&maybe);
        index_segment_unref(&segment);
    }
    index_query_free(&query);
    return count;
}

static uint32_t count_true(const struct fixture *f, uint32_t to, struct str needle,
                           bool (*keep)(void *, struct blob_id))
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < to; i++)
        if (!keep || keep(NULL, f->documents.documents[i].blob))
            count += f->documents.documents[i].is_partial ||
                     testing_holds(&f->documents.documents[i], needle, INDEX_ANY);
    return count;
}

static void check(struct fixture *f, uint32_t to, bool (*keep)(void *, struct blob_id))
{
    static const char *const needles[] = { "mail", "ing", "q", "report", "zzzz" };
    struct index_view *view = index_view(f->index);
    for (size_t i = 0; i < ARRAY_COUNT(needles); i++)
        assert_row(count_hits(view, str_c(needles[i])) == count_true(f, to, str_c(needles[i]), keep), i,
                   needles[i]);
    assert_int_equal(index_check(view, NULL, NULL, NULL, NULL), 0);
    index_view_unref(&view);
}

static int merge_due(struct fixture *f, bool (*keep)(void *, struct blob_id), struct err *err)
{
    size_t positions[INDEX_MERGE_SEGMENTS_MAX], count;
    struct index_view *view = index_view(f->index);
    int r = index_merge_due(view, positions, &count);
    if (r > 0) {
        r = index_merge(f->index, view, positions, count, keep, NULL, NULL, NULL, err);
        r = r < 0 ? r : 1;
    }
    index_view_unref(&view);
    return r;
}

static void test_index_of_an_account_without_one_is_empty(void **state)
{
    struct fixture f;
    struct index_stats stats;
    (void)state;
    setup(&f);
    struct index_view *view = index_view(f.index);
    index_stats(view, &stats);
    assert_int_equal(stats.segments + stats.documents + stats.bytes, 0);
    assert_int_equal(index_view_mark(view).n, 0);
    index_view_unref(&view);
    teardown(&f);
}

static void test_index_stays_small_in_segments_and_whole(void **state)
{
    struct fixture f;
    struct err err;
    (void)state;
    setup(&f);
    for (uint32_t i = 0; i < DOCUMENTS; i += A_SEGMENT) {
        assert_int_equal(add(&f, i, i + A_SEGMENT, STR("so far"), &err), 0);
        while (merge_due(&f, NULL, &err) > 0)
            ;
        check(&f, i + A_SEGMENT, NULL);
        struct index_view *view = index_view(f.index);
        assert_true(index_view_count(view) <= 9);
        assert_true(str_eq(index_view_mark(view), STR("so far")));
        index_view_unref(&view);
    }
    close_all(&f);
    open_all(&f); /* after a restart */
    check(&f, DOCUMENTS, NULL);
    teardown(&f);
}

static bool keep_even(void *ctx, struct blob_id blob)
{
    (void)ctx;
    return blob.n % 2 == 0;
}

static void test_index_drops_what_is_gone_when_it_merges(void **state)
{
    struct fixture f;
    size_t positions[] = { 0, 1, 2 };
    (void)state;
    setup(&f);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(add(&f, i * A_SEGMENT, (i + 1) * A_SEGMENT, STR(""), NULL), 0);
    struct index_view *view = index_view(f.index);
    assert_int_equal(index_merge(f.index, view, positions, 3, keep_even, NULL, NULL, NULL, NULL), 0);
    check(&f, 3 * A_SEGMENT, keep_even);
    assert_int_equal(index_merge(f.index, view, positions, 3, keep_even, NULL, NULL, NULL, NULL),
                     -ERR_CONFLICT);
    assert_int_equal(count_hits(view, STR("mail")),
                     count_true(&f, 3 * A_SEGMENT, STR("mail"), NULL)); /* the old view */
    assert_int_equal(index_set_mark(f.index, STR("m"), NULL), 0);
    assert_int_equal(count_hits(view, STR("ing")), count_true(&f, 3 * A_SEGMENT, STR("ing"), NULL));
    index_view_unref(&view);
    assert_int_equal(index_set_mark(f.index, STR("n"), NULL), 0); /* now nobody reads the old ones */
    check(&f, 3 * A_SEGMENT, keep_even);
    teardown(&f);
}

static void test_index_removes_segments_and_all(void **state)
{
    struct fixture f;
    size_t first = 0;
    (void)state;
    setup(&f);
    assert_int_equal(add(&f, 0, A_SEGMENT, STR("a"), NULL), 0);
    assert_int_equal(add(&f, A_SEGMENT, 2 * A_SEGMENT, STR("b"), NULL), 0);
    struct index_view *view = index_view(f.index);
    assert_int_equal(index_remove(f.index, view, &first, 1, STR("c"), NULL), 0);
    index_view_unref(&view);
    view = index_view(f.index);
    assert_int_equal(index_view_count(view), 1);
    assert_true(str_eq(index_view_mark(view), STR("c")));
    assert_int_equal(index_view_entry(view, 0)->first.n, f.documents.documents[A_SEGMENT].blob.n);
    index_view_unref(&view);
    assert_int_equal(index_drop(f.index, NULL), 0);
    check(&f, 0, NULL);
    assert_int_equal(add(&f, 0, A_SEGMENT, STR("a"), NULL), 0);
    check(&f, A_SEGMENT, NULL);
    teardown(&f);
}

static void test_index_refuses_what_is_too_much(void **state)
{
    struct fixture f;
    char mark[INDEX_MARK_BYTES_MAX + 1] = { 0 };
    (void)state;
    setup(&f);
    assert_int_equal(index_set_mark(f.index, str_make(mark, sizeof mark), NULL), -ERR_LIMIT);
    assert_int_equal(index_set_mark(f.index, str_make(mark, sizeof mark - 1), NULL), 0);
    assert_int_equal(index_add(f.index, STR("no segment at all, but long enough for a foot"), STR(""), NULL),
                     -ERR_CORRUPT);
    teardown(&f);
}

/* A list of segments of these sizes, which nobody wrote. */
static void list_sizes(struct fixture *f, const uint64_t *mib, size_t count)
{
    struct index_entry entries[INDEX_SEGMENTS_MAX] = { 0 };
    struct index_record record = { .entries = entries, .entry_count = count };
    struct batch batch = BATCH_INIT;
    struct buf bytes = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct index_entry){ { i + 1 }, 1, mib[i] << 20, { i + 1 }, { i + 1 } };
    index_record_encode(&record, &bytes);
    batch_put(&batch, INDEX_RECORD_KEY, buf_str(&bytes));
    assert_int_equal(store_commit(f->store, index_account(ACCOUNT), 0, 1, &batch, NULL), 0);
    buf_deinit(&bytes);
    batch_deinit(&batch);
    close_all(f);
    open_all(f);
}

static void test_index_makes_all_anew_in_groups_that_fit(void **state)
{
    static const uint64_t mib[] = { 200, 200, 200, 1000, 10, 20 };
    static const size_t expected[] = { 2, 1, 1, 2 };
    size_t positions[INDEX_MERGE_SEGMENTS_MAX], count, at = 0, seen = 0;
    struct fixture f;
    (void)state;
    setup(&f);
    list_sizes(&f, mib, ARRAY_COUNT(mib));
    struct index_view *view = index_view(f.index);
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_int_equal(index_merge_all(view, &at, positions, &count), 1);
        assert_row(count == expected[i], i, "segments at once");
        for (size_t k = 0; k < count; k++)
            assert_int_equal(positions[k], seen++);
    }
    assert_int_equal(index_merge_all(view, &at, positions, &count), 0);
    index_view_unref(&view);
    teardown(&f);
}

static void test_index_forgets_dead_segments_that_are_lost(void **state)
{
    struct batch batch = BATCH_INIT;
    uint64_t version;
    size_t first = 0;
    struct fixture f;
    (void)state;
    setup(&f);
    assert_int_equal(add(&f, 0, A_SEGMENT, STR("a"), NULL), 0);
    struct index_view *view = index_view(f.index);
    batch_drop_blob(&batch, index_view_entry(view, 0)->blob);
    assert_int_equal(index_remove(f.index, view, &first, 1, STR("b"), NULL), 0);
    index_view_unref(&view);
    assert_int_equal(store_version(f.store, index_account(ACCOUNT), &version, NULL), 0);
    assert_int_equal(store_commit(f.store, index_account(ACCOUNT), version, version + 1, &batch, NULL), 0);
    batch_deinit(&batch);
    close_all(&f);
    open_all(&f);
    for (uint32_t n = 0; n < 3; n++)
        assert_int_equal(add(&f, n * A_SEGMENT, (n + 1) * A_SEGMENT, STR("c"), NULL), 0);
    check(&f, 3 * A_SEGMENT, NULL);
    teardown(&f);
}

static void test_index_notices_that_another_instance_changed_it(void **state)
{
    struct fixture f, g;
    (void)state;
    setup(&f);
    g = f;
    open_all(&g);
    assert_int_equal(add(&f, 0, A_SEGMENT, STR("f"), NULL), 0);
    assert_int_equal(add(&g, A_SEGMENT, 2 * A_SEGMENT, STR("g"), NULL), -ERR_CONFLICT);
    check(&g, A_SEGMENT, NULL); /* it has read the list anew */
    assert_int_equal(add(&g, A_SEGMENT, 2 * A_SEGMENT, STR("g"), NULL), 0);
    check(&g, 2 * A_SEGMENT, NULL);
    close_all(&g);
    teardown(&f);
}

/* ---- calls of the store that fail ---- */

static int work(struct fixture *f, struct err *err)
{
    int r = 0;
    for (uint32_t i = 0; r >= 0 && i < 5; i++) {
        r = add(f, i * A_SEGMENT, (i + 1) * A_SEGMENT, STR("mark"), err);
        if (r == 0)
            r = merge_due(f, NULL, err);
    }
    return r;
}

/* After each failure the index has whole segments: those of a commit, or those before. */
static void check_after_failure(struct fixture *f)
{
    struct index_view *view = index_view(f->index);
    uint32_t documents = 0;
    for (size_t i = 0; i < index_view_count(view); i++)
        documents += index_view_entry(view, i)->documents;
    assert_int_equal(documents % A_SEGMENT, 0);
    index_view_unref(&view);
    check(f, documents, NULL);
}

static void test_index_is_whole_whichever_call_fails(void **state)
{
    (void)state;
    for (unsigned when = FAULTY_BEFORE; when <= FAULTY_AFTER; when++)
        for (unsigned n = 1;; n++) {
            struct fixture f;
            struct store *inner, *faulty;
            struct err err;
            setup(&f);
            close_all(&f);
            assert_int_equal(mem_store_open((struct mem_store_options){ .world = f.world }, &inner, NULL), 0);
            faulty_store_open(&inner, &faulty);
            f.store = faulty;
            f.shelf = index_shelf_new(f.store, CACHE_BYTES);
            assert_int_equal(index_open(f.shelf, ACCOUNT, &f.index, NULL), 0);
            faulty_store_plan(
                faulty, &(struct faulty_plan){ .ops = FAULTY_ALL, .nth = n, .error = ERR_IO, .when = when });
            int r = work(&f, &err);
            unsigned calls = (unsigned)faulty_store_count(faulty);
            faulty_store_plan(faulty, &(struct faulty_plan){ 0 });
            close_all(&f);
            open_all(&f);
            check_after_failure(&f);
            teardown(&f);
            if (calls < n) {
                assert_true(r >= 0);
                break;
            }
        }
}

/* ---- threads ---- */

struct search {
    struct fixture *f;
    atomic_bool is_done;
};

static void *search_all_the_time(void *ctx)
{
    struct search *s = ctx;
    while (!atomic_load(&s->is_done)) {
        struct index_view *view = index_view(s->f->index), *again = index_view_ref(view);
        uint32_t documents = 0;
        for (size_t i = 0; i < index_view_count(view); i++)
            documents += index_view_entry(view, i)->documents;
        assert_int_equal(count_hits(view, STR("mail")), count_true(s->f, documents, STR("mail"), NULL));
        index_view_unref(&view);
        index_view_unref(&again);
    }
    return NULL;
}

static void test_index_is_searched_while_it_changes(void **state)
{
    enum { SEARCHERS = 3 };
    struct fixture f;
    pthread_t threads[SEARCHERS];
    (void)state;
    setup(&f);
    struct search s = { .f = &f };
    for (unsigned i = 0; i < SEARCHERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, search_all_the_time, &s), 0);
    for (uint32_t i = 0; i < DOCUMENTS; i += A_SEGMENT) {
        assert_int_equal(add(&f, i, i + A_SEGMENT, STR(""), NULL), 0);
        while (merge_due(&f, NULL, NULL) > 0)
            ;
    }
    atomic_store(&s.is_done, true);
    for (unsigned i = 0; i < SEARCHERS; i++)
        pthread_join(threads[i], NULL);
    check(&f, DOCUMENTS, NULL);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_of_an_account_without_one_is_empty),
        cmocka_unit_test(test_index_stays_small_in_segments_and_whole),
        cmocka_unit_test(test_index_drops_what_is_gone_when_it_merges),
        cmocka_unit_test(test_index_removes_segments_and_all),
        cmocka_unit_test(test_index_refuses_what_is_too_much),
        cmocka_unit_test(test_index_makes_all_anew_in_groups_that_fit),
        cmocka_unit_test(test_index_forgets_dead_segments_that_are_lost),
        cmocka_unit_test(test_index_notices_that_another_instance_changed_it),
        cmocka_unit_test(test_index_is_whole_whichever_call_fails),
        cmocka_unit_test(test_index_is_searched_while_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
