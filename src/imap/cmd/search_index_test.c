/* What a search makes of the index of an account: exactly what segments hold, and no "no" about what they do not. */
#include "imap/cmd/search_index.h"

#include "base/testing.h"
#include "index/builder.h"
#include "store/mem/mem.h"

enum { COUNT = 250, CACHE_BYTES = 1024 * 1024, SUBJECT_KEY = 0, BODY_KEY = 1, PHRASE_KEY = 2, KEYS = 3 };

static const struct account_id ACCOUNT = { 7 };

/* Messages 1 to 250, their blobs 10, 20, 30 ...: the even ones have "kiwi soup" in their bodies, each third "mango" as its subject. */
struct fixture {
    struct mem_world *world;
    struct store *store;
    struct index_shelf *shelf;
    struct index *index;
    uint64_t blobs[CHUNK_MESSAGES_MAX];
    struct chunk_columns columns;
};

static uint64_t blob_of(uint32_t lane)
{
    return 10 * (uint64_t)(lane + 1);
}

static void add_segment(struct fixture *f, uint32_t from, uint32_t to)
{
    struct index_builder *builder = index_builder_new();
    struct buf bytes = BUF_INIT;
    for (uint32_t lane = from; lane < to; lane++) {
        index_builder_begin(builder, (struct blob_id){ blob_of(lane) });
        index_builder_feed(builder, INDEX_BODY, lane % 2 ? STR("some kiwi soup") : STR("soup of kiwi"));
        index_builder_end_text(builder);
        index_builder_feed(builder, INDEX_SUBJECT, lane % 3 ? STR("bread") : STR("mangoes"));
        index_builder_end_text(builder);
        index_builder_end(builder);
    }
    index_builder_finish(builder, &bytes);
    assert_int_equal(index_add(f->index, buf_str(&bytes), STR(""), NULL), 0);
    buf_deinit(&bytes);
    index_builder_free(&builder);
}

static void setup(struct fixture *f)
{
    *f = (struct fixture){ .world = mem_world_new() };
    assert_int_equal(mem_store_open((struct mem_store_options){ .world = f->world }, &f->store, NULL), 0);
    f->shelf = index_shelf_new(f->store, CACHE_BYTES);
    assert_int_equal(index_open(f->shelf, ACCOUNT, &f->index, NULL), 0);
    for (uint32_t lane = 0; lane < COUNT; lane++)
        f->blobs[lane] = blob_of(lane);
    f->columns = (struct chunk_columns){ .count = COUNT, .blob = f->blobs };
}

static void teardown(struct fixture *f)
{
    index_close(&f->index);
    index_shelf_free(&f->shelf);
    store_close(&f->store);
    mem_world_free(&f->world);
}

static struct search_index *ask_all(struct fixture *f)
{
    struct index_view *view = index_view(f->index);
    struct search_index *index = search_index_new(&view, KEYS);
    const struct lanes all = lanes_range(0, COUNT - 1);
    search_index_set_key(index, SUBJECT_KEY, STR("ango"), INDEX_SUBJECT, INDEX_EXACT);
    search_index_set_key(index, BODY_KEY, STR("kiwi"), INDEX_BODY, INDEX_EXACT);
    search_index_set_key(index, PHRASE_KEY, STR("kiwi soup"), INDEX_BODY, INDEX_EXACT);
    search_index_find(index, &f->columns, &all);
    while (search_index_ask(index))
        ;
    return index;
}

static struct lane_verdicts verdicts(const struct search_index *index, size_t key, bool is_exact)
{
    struct lane_verdicts v = { .open = lanes_range(0, COUNT - 1) };
    search_index_verdicts(index, key, is_exact, &v);
    return v;
}

static void test_what_segments_hold_is_told_and_what_they_do_not_stays_open(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    add_segment(&f, 0, 100);
    add_segment(&f, 100, 230);
    struct search_index *index = ask_all(&f);
    assert_true(search_index_has_missed(index));
    struct lane_verdicts subject = verdicts(index, SUBJECT_KEY, true);
    struct lane_verdicts candidates = verdicts(index, SUBJECT_KEY, false);
    struct lane_verdicts phrase = verdicts(index, PHRASE_KEY, true);
    struct lane_verdicts body = verdicts(index, BODY_KEY, true);
    for (uint32_t lane = 0; lane < COUNT; lane++) {
        bool known = lane < 230;
        assert_row(lanes_has(&subject.yes, lane) == (known && lane % 3 == 0), lane, "yes");
        assert_row(lanes_has(&subject.open, lane) == !known, lane, "open");
        assert_row(!lanes_has(&candidates.yes, lane), lane, "no candidate is sure");
        assert_row(lanes_has(&candidates.open, lane) == (!known || lane % 3 == 0), lane, "candidate");
        assert_row(lanes_has(&body.yes, lane) == known, lane, "body");
        assert_row(lanes_has(&phrase.open, lane) || (lane % 2 == 0 && known), lane, "phrase");
        assert_row(!lanes_has(&phrase.yes, lane), lane, "phrases are looked at");
    }
    search_index_free(&index);
    teardown(&f);
}

static void test_a_segment_that_cannot_be_read_says_nothing(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    add_segment(&f, 0, COUNT);
    struct index_view *view = index_view(f.index);
    struct search_index *index = search_index_new(&view, KEYS);
    const struct lanes all = lanes_range(0, COUNT - 1);
    assert_false(search_index_is_damaged(index));
    assert_int_equal(store_drop_account(f.store, index_account(ACCOUNT), NULL), 0);
    search_index_set_key(index, BODY_KEY, STR("absent"), INDEX_BODY, INDEX_EXACT);
    search_index_find(index, &f.columns, &all);
    while (search_index_ask(index))
        ;
    struct lane_verdicts v = verdicts(index, BODY_KEY, true);
    assert_int_equal(lanes_run(&v.open, 0), COUNT);
    assert_true(search_index_is_damaged(index));
    search_index_free(&index);
    teardown(&f);
}

static void test_keys_beyond_the_limit_are_left_to_the_scan(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f);
    add_segment(&f, 0, COUNT);
    struct index_view *view = index_view(f.index);
    struct search_index *index = search_index_new(&view, SEARCH_INDEX_KEYS_MAX + 1);
    const struct lanes all = lanes_range(0, COUNT - 1);
    for (size_t i = 0; i <= SEARCH_INDEX_KEYS_MAX; i++)
        search_index_set_key(index, i, STR("absent"), INDEX_BODY, INDEX_EXACT);
    search_index_find(index, &f.columns, &all);
    while (search_index_ask(index))
        ;
    struct lane_verdicts last = verdicts(index, SEARCH_INDEX_KEYS_MAX - 1, true);
    struct lane_verdicts beyond = verdicts(index, SEARCH_INDEX_KEYS_MAX, true);
    assert_true(lanes_are_empty(last.open) && lanes_are_empty(last.yes));
    assert_int_equal(lanes_run(&beyond.open, 0), COUNT);
    search_index_free(&index);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_segments_hold_is_told_and_what_they_do_not_stays_open),
        cmocka_unit_test(test_a_segment_that_cannot_be_read_says_nothing),
        cmocka_unit_test(test_keys_beyond_the_limit_are_left_to_the_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
