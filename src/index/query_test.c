/* What a query of the index says against what a plain search finds. */
#include "base/testing.h"
#include "base/utf8.h"
#include "index/layout.h"
#include "index/merge.h"
#include "index/testing_index.h"
#include "mime/fuzzy.h"

enum { DOCUMENTS = 400, DOCUMENT_BYTES = 3000, NEEDLES = 1500 };

struct fixture {
    struct rand_seeded source;
    struct testing_documents documents;
    struct buf needle;
    unsigned exact, hits; /* so that the test is known to have met some */
};

static void setup(struct fixture *f, uint64_t seed, uint32_t count)
{
    *f = (struct fixture){ .needle = BUF_INIT };
    rand_seeded_init(&f->source, seed);
    testing_documents_init(&f->documents, &f->source.source, count, DOCUMENT_BYTES, 100);
}

static void teardown(struct fixture *f)
{
    testing_documents_deinit(&f->documents);
    buf_deinit(&f->needle);
}

static void check_document(struct fixture *f, const struct testing_document *document, bool is_exact,
                           bool sure, bool maybe, unsigned fields)
{
    bool holds = testing_holds(document, buf_str(&f->needle), fields);
    bool wrong = (sure && maybe) || (sure && !holds) || (holds && !sure && !maybe) ||
                 (is_exact && maybe != document->is_partial) || (document->is_partial && !maybe);
    f->hits += holds;
    if (wrong) {
        print_error("needle <" STR_FMT "> fields %x blob %llu: holds %d, exact %d, sure %d, maybe %d\n",
                    STR_ARG(buf_str(&f->needle)), fields, (unsigned long long)document->blob.n, holds,
                    is_exact, sure, maybe);
        fail();
    }
}

static void ask(struct fixture *f, struct index_segment *segment, unsigned fields)
{
    struct index_query *query = index_query_new(buf_str(&f->needle), fields, INDEX_EXACT);
    struct index_set sure = INDEX_SET_INIT, maybe = INDEX_SET_INIT;
    assert_int_equal(index_query_run(query, segment, &sure, &maybe, NULL), 0);
    f->exact += index_query_is_exact(query);
    for (uint32_t i = 0; i < index_segment_documents(segment); i++)
        check_document(f, testing_find(&f->documents, index_segment_blob(segment, i)),
                       index_query_is_exact(query), index_set_has(&sure, i), index_set_has(&maybe, i),
                       fields);
    index_set_deinit(&sure);
    index_set_deinit(&maybe);
    index_query_free(&query);
}

static void ask_all(struct fixture *f, struct str bytes, unsigned needles)
{
    static const unsigned fields[] = { INDEX_ANY,     INDEX_ANY,  INDEX_BODY,
                                       INDEX_SUBJECT, INDEX_FROM, INDEX_HEADER };
    struct index_segment *segment;
    assert_int_equal(index_segment_open_bytes(bytes, &segment, NULL), 0);
    assert_int_equal(index_segment_check(segment, NULL), 0);
    for (unsigned i = 0; i < needles; i++) {
        testing_needle(&f->documents, &f->source.source, &f->needle);
        ask(f, segment, fields[rand_below(&f->source.source, ARRAY_COUNT(fields))]);
    }
    index_segment_unref(&segment);
}

/* Large enough for that? */
static bool has_trigrams(struct str bytes)
{
    struct index_segment *segment;
    assert_int_equal(index_segment_open_bytes(bytes, &segment, NULL), 0);
    bool has = segment->pages.count > 0;
    index_segment_unref(&segment);
    return has;
}

static void test_query_finds_what_a_plain_search_finds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct fixture f;
        struct buf bytes = BUF_INIT;
        setup(&f, seed, DOCUMENTS);
        testing_build(&f.documents, 0, f.documents.count, &f.source.source, NULL, &bytes);
        assert_true(has_trigrams(buf_str(&bytes)));
        ask_all(&f, buf_str(&bytes), NEEDLES);
        assert_true(f.exact > NEEDLES / 4 && f.hits > NEEDLES);
        buf_deinit(&bytes);
        teardown(&f);
    }
}

static void test_query_of_small_segments(void **state)
{
    (void)state;
    for (uint32_t count = 0; count < 8; count++) {
        struct fixture f;
        struct buf bytes = BUF_INIT;
        setup(&f, count, 8);
        testing_build(&f.documents, 0, count, &f.source.source, NULL, &bytes);
        ask_all(&f, buf_str(&bytes), 200);
        buf_deinit(&bytes);
        teardown(&f);
    }
}

/* ---- in steps ---- */

/* A block a step, until it is done. */
static unsigned step_through(const struct index_query *query, struct index_segment *segment,
                             struct index_set *sure, struct index_set *maybe)
{
    struct index_run *run = index_run_new(query, segment);
    unsigned steps = 1;
    int r;
    while ((r = index_run_step(run, 1, NULL)) == 0)
        steps++;
    assert_int_equal(r, 1);
    index_run_answer(run, sure, maybe);
    index_run_free(&run);
    return steps;
}

static void check_same_set(const struct index_set *a, const struct index_set *b)
{
    uint32_t number = 0;
    assert_int_equal(a->count, b->count);
    for (; index_set_next(a, number, &number); number++)
        assert_true(index_set_has(b, number));
}

static void check_steps(struct index_segment *segment, struct str needle, unsigned steps_min,
                        unsigned steps_max)
{
    struct index_query *query = index_query_new(needle, INDEX_ANY, INDEX_EXACT);
    struct index_set sure = INDEX_SET_INIT, maybe = INDEX_SET_INIT, sure2 = INDEX_SET_INIT,
                     maybe2 = INDEX_SET_INIT;
    assert_int_equal(index_query_run(query, segment, &sure, &maybe, NULL), 0);
    unsigned steps = step_through(query, segment, &sure2, &maybe2);
    assert_in_range(steps, steps_min, steps_max);
    check_same_set(&sure, &sure2);
    check_same_set(&maybe, &maybe2);
    index_set_deinit(&sure);
    index_set_deinit(&maybe);
    index_set_deinit(&sure2);
    index_set_deinit(&maybe2);
    index_query_free(&query);
}

static void test_a_query_may_be_left_between_blocks(void **state)
{
    struct fixture f;
    struct buf bytes = BUF_INIT;
    struct index_segment *segment;
    (void)state;
    setup(&f, 31, DOCUMENTS);
    testing_build(&f.documents, 0, f.documents.count, &f.source.source, NULL, &bytes);
    assert_int_equal(index_segment_open_bytes(buf_str(&bytes), &segment, NULL), 0);
    const unsigned blocks = segment->dictionary.count + segment->heap.count;
    assert_true(blocks > 20);
    /* No trigram helps to find it: every block is looked at, one a step. */
    check_steps(segment, STR("\xd4\x81"), blocks, blocks + 3);
    check_steps(segment, STR(""), 1, 1);
    for (unsigned i = 0; i < NEEDLES / 5; i++) {
        testing_needle(&f.documents, &f.source.source, &f.needle);
        check_steps(segment, buf_str(&f.needle), 1, INDEX_NEEDLE_WORDS_MAX * 4 * (blocks + 3));
    }
    index_segment_unref(&segment);
    buf_deinit(&bytes);
    teardown(&f);
}

/* ---- fuzzy ---- */

/* A letter more, less, other, or two exchanged; sometimes a word more. */
static void make_typo(struct fixture *f)
{
    struct rand_source *source = &f->source.source;
    struct buf *needle = &f->needle;
    size_t at = rand_below(source, needle->n);
    char c = (char)('a' + rand_below(source, 26)), other = needle->p[at];
    switch (rand_below(source, 5)) {
    case 0:
        needle->p[at] = c;
        break;
    case 1:
        buf_add_char(needle, c);
        break;
    case 2:
        needle->n -= needle->n > 1;
        break;
    case 3:
        needle->p[at] = needle->p[(at + 1) % needle->n];
        needle->p[(at + 1) % needle->n] = other;
        break;
    default:
        buf_add_char(needle, ' ');
        testing_add_word(source, needle);
    }
}

static unsigned score(const struct testing_document *document, struct str needle, unsigned fields)
{
    struct fuzzy fuzzy;
    fuzzy_init(&fuzzy, needle);
    fuzzy_begin(&fuzzy);
    for (unsigned i = 0; i < document->count; i++)
        if (document->fields[i] & fields)
            fuzzy_feed(&fuzzy, buf_str(&document->texts[i]));
    return fuzzy_score(&fuzzy);
}

static void ask_fuzzy(struct fixture *f, struct index_segment *segment)
{
    struct str needle = buf_str(&f->needle);
    struct index_query *query = index_query_new(needle, INDEX_ANY, INDEX_FUZZY);
    struct index_set sure = INDEX_SET_INIT, maybe = INDEX_SET_INIT;
    assert_int_equal(index_query_run(query, segment, &sure, &maybe, NULL), 0);
    assert_int_equal(sure.count, 0);
    for (uint32_t i = 0; i < index_segment_documents(segment); i++) {
        const struct testing_document *document = testing_find(&f->documents, index_segment_blob(segment, i));
        bool has_score = score(document, needle, INDEX_ANY) > 0;
        f->hits += has_score;
        if (has_score && !index_set_has(&maybe, i)) {
            print_error("needle <" STR_FMT "> blob %llu\n", STR_ARG(needle),
                        (unsigned long long)document->blob.n);
            fail();
        }
    }
    index_set_deinit(&sure);
    index_set_deinit(&maybe);
    index_query_free(&query);
}

static void test_fuzzy_query_has_whatever_has_a_score(void **state)
{
    struct fixture f;
    struct buf bytes = BUF_INIT;
    struct index_segment *segment;
    (void)state;
    setup(&f, 21, DOCUMENTS);
    testing_build(&f.documents, 0, f.documents.count, &f.source.source, NULL, &bytes);
    assert_int_equal(index_segment_open_bytes(buf_str(&bytes), &segment, NULL), 0);
    for (unsigned i = 0; i < NEEDLES / 5; i++) {
        do
            testing_add_word(&f.source.source, &f.needle);
        while (f.needle.n == 0);
        make_typo(&f);
        if (utf8_is_valid(buf_str(&f.needle)))
            ask_fuzzy(&f, segment);
        buf_clear(&f.needle);
    }
    assert_true(f.hits > NEEDLES);
    index_segment_unref(&segment);
    buf_deinit(&bytes);
    teardown(&f);
}

/* ---- merging ---- */

static int append(void *ctx, struct str piece, struct err *err)
{
    (void)err;
    buf_add(ctx, piece);
    return 0;
}

static bool keep_most(void *ctx, struct blob_id blob)
{
    (void)ctx;
    return blob.n % 7 != 0;
}

static void merge(const struct buf *parts, size_t count, bool (*keep)(void *ctx, struct blob_id blob),
                  struct buf *out)
{
    struct index_segment *segments[INDEX_MERGE_SEGMENTS_MAX];
    for (size_t i = 0; i < count; i++)
        assert_int_equal(index_segment_open_bytes(buf_str(&parts[i]), &segments[i], NULL), 0);
    struct index_merge m = {
        .segments = segments, .count = count, .keep = keep, .write = append, .ctx = out
    };
    assert_int_equal(index_merge_run(&m, NULL), 0);
    for (size_t i = 0; i < count; i++)
        index_segment_unref(&segments[i]);
}

static void check_same_documents(struct str a, struct str b)
{
    struct index_segment *x, *y;
    assert_int_equal(index_segment_open_bytes(a, &x, NULL), 0);
    assert_int_equal(index_segment_open_bytes(b, &y, NULL), 0);
    assert_int_equal(index_segment_documents(x), index_segment_documents(y));
    for (uint32_t i = 0; i < index_segment_documents(x); i++) {
        assert_int_equal(index_segment_blob(x, i).n, index_segment_blob(y, i).n);
        assert_int_equal(index_segment_is_partial(x, i), index_segment_is_partial(y, i));
    }
    index_segment_unref(&x);
    index_segment_unref(&y);
}

static void test_merge_answers_as_a_segment_built_at_once(void **state)
{
    enum { PARTS = 5 };
    (void)state;
    for (uint64_t seed = 11; seed <= 13; seed++) {
        struct fixture f;
        struct buf parts[PARTS] = { BUF_INIT }, merged = BUF_INIT, again = BUF_INIT, whole = BUF_INIT;
        setup(&f, seed, DOCUMENTS);
        for (uint32_t i = 0; i < PARTS; i++)
            testing_build(&f.documents, DOCUMENTS / PARTS * i, DOCUMENTS / PARTS * (i + 1), &f.source.source,
                          NULL, &parts[i]);
        merge(parts, PARTS, keep_most, &merged);
        assert_true(has_trigrams(buf_str(&merged)));
        testing_build(&f.documents, 0, DOCUMENTS, &f.source.source, keep_most, &whole);
        check_same_documents(buf_str(&merged), buf_str(&whole));
        ask_all(&f, buf_str(&merged), NEEDLES / 2);
        merge((struct buf[]){ merged, parts[2] }, 2, keep_most, &again); /* twice the same documents */
        check_same_documents(buf_str(&again), buf_str(&whole));
        ask_all(&f, buf_str(&again), NEEDLES / 2);
        for (unsigned i = 0; i < PARTS; i++)
            buf_deinit(&parts[i]);
        buf_deinit(&merged);
        buf_deinit(&again);
        buf_deinit(&whole);
        teardown(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query_of_small_segments),
        cmocka_unit_test(test_query_finds_what_a_plain_search_finds),
        cmocka_unit_test(test_a_query_may_be_left_between_blocks),
        cmocka_unit_test(test_fuzzy_query_has_whatever_has_a_score),
        cmocka_unit_test(test_merge_answers_as_a_segment_built_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
