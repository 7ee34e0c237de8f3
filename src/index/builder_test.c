#include "base/testing.h"
#include "index/builder.h"
#include "index/query.h"
#include "index/token.h"

static void add_tokens(struct index_builder *b, uint64_t blob, unsigned count)
{
    index_builder_begin(b, (struct blob_id){ blob });
    for (unsigned i = 0; i < count; i++) {
        char token[16];
        index_builder_feed(b, INDEX_BODY, str_make(token, (size_t)snprintf(token, sizeof token, "t%u ", i)));
    }
    index_builder_end(b);
}

static void finish(struct index_builder *b, struct buf *bytes, struct index_segment **segment_out)
{
    buf_clear(bytes);
    index_builder_finish(b, bytes);
    assert_int_equal(index_segment_open_bytes(buf_str(bytes), segment_out, NULL), 0);
}

static void test_builder_bounds_the_tokens_of_a_document(void **state)
{
    struct index_builder *b = index_builder_new();
    struct index_segment *segment;
    struct buf bytes = BUF_INIT;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        add_tokens(b, 10 + i, INDEX_DOCUMENT_TOKENS_MAX - 1 + i);
    finish(b, &bytes, &segment);
    assert_false(index_segment_is_partial(segment, 0));
    assert_false(index_segment_is_partial(segment, 1));
    assert_true(index_segment_is_partial(segment, 2));
    index_segment_unref(&segment);
    index_builder_free(&b);
    buf_deinit(&bytes);
}

/* Tokens of the greatest length, each another one. */
static void add_text(struct index_builder *b, uint64_t blob, size_t bytes)
{
    static char token[INDEX_TOKEN_BYTES_MAX + 1];
    index_builder_begin(b, (struct blob_id){ blob });
    for (size_t at = 0; at < bytes; at += INDEX_TOKEN_BYTES_MAX) {
        memset(token, 'a', sizeof token);
        token[snprintf(token, sizeof token, "%zux%llu", at, (unsigned long long)blob)] = 'a';
        token[INDEX_TOKEN_BYTES_MAX] = ' ';
        index_builder_feed(b, INDEX_BODY, str_make(token, sizeof token));
    }
    index_builder_end(b);
}

static void test_builder_bounds_the_text_of_a_document(void **state)
{
    struct index_builder *b = index_builder_new();
    struct index_segment *segment;
    struct buf bytes = BUF_INIT;
    (void)state;
    add_text(b, 1, INDEX_DOCUMENT_TEXT_BYTES_MAX);
    add_text(b, 2, INDEX_DOCUMENT_TEXT_BYTES_MAX + 2 * INDEX_TOKEN_BYTES_MAX);
    finish(b, &bytes, &segment);
    assert_false(index_segment_is_partial(segment, 0));
    assert_true(index_segment_is_partial(segment, 1));
    index_segment_unref(&segment);
    index_builder_free(&b);
    buf_deinit(&bytes);
}

static uint32_t count(struct index_segment *segment, const char *needle, unsigned fields)
{
    struct index_query *query = index_query_new(str_c(needle), fields, INDEX_EXACT);
    struct index_set sure, maybe;
    assert_int_equal(index_query_run(query, segment, &sure, &maybe, NULL), 0);
    uint32_t sum = sure.count + maybe.count;
    index_set_deinit(&sure);
    index_set_deinit(&maybe);
    index_query_free(&query);
    return sum;
}

static void test_builder_keeps_texts_and_fields_apart(void **state)
{
    struct index_builder *b = index_builder_new();
    struct index_segment *segment;
    struct buf bytes = BUF_INIT;
    (void)state;
    index_builder_begin(b, (struct blob_id){ 1 });
    index_builder_feed(b, INDEX_SUBJECT, STR("ab"));
    index_builder_feed(b, INDEX_SUBJECT, STR("cd")); /* goes on */
    index_builder_end_text(b);
    index_builder_feed(b, INDEX_SUBJECT, STR("ef")); /* another */
    index_builder_feed(b, INDEX_BODY, STR("gh"));
    index_builder_end(b);
    finish(b, &bytes, &segment);
    assert_int_equal(count(segment, "abcd", INDEX_SUBJECT), 1);
    assert_int_equal(count(segment, "abcd", INDEX_BODY), 0);
    assert_int_equal(count(segment, "cdef", INDEX_ANY), 0);
    assert_int_equal(count(segment, "efgh", INDEX_ANY), 0);
    assert_int_equal(count(segment, "gh", INDEX_BODY), 1);
    assert_int_equal(count(segment, "gh", INDEX_ANY & ~(unsigned)INDEX_BODY), 0);
    index_segment_unref(&segment);
    index_builder_free(&b);
    buf_deinit(&bytes);
}

static void test_builder_begins_anew_after_each_segment(void **state)
{
    struct index_builder *b = index_builder_new();
    struct index_segment *segment;
    struct buf bytes = BUF_INIT;
    (void)state;
    add_tokens(b, 5, 50000);
    size_t full = index_builder_memory_bytes(b);
    finish(b, &bytes, &segment);
    index_segment_unref(&segment);
    assert_true(index_builder_memory_bytes(b) < full / 10);
    assert_int_equal(index_builder_documents(b), 0);
    add_tokens(b, 2, 3); /* ids begin anew, too */
    finish(b, &bytes, &segment);
    assert_int_equal(index_segment_documents(segment), 1);
    assert_int_equal(count(segment, "t1", INDEX_ANY), 1);
    assert_int_equal(count(segment, "t49999", INDEX_ANY), 0);
    index_segment_unref(&segment);
    index_builder_free(&b);
    buf_deinit(&bytes);
}

static void test_segment_finds_documents_from_any_hint(void **state)
{
    struct index_builder *b = index_builder_new();
    struct index_segment *segment;
    struct buf bytes = BUF_INIT;
    (void)state;
    for (uint64_t i = 0; i < 50; i++)
        add_tokens(b, 100 + 3 * i, 1);
    finish(b, &bytes, &segment);
    for (uint64_t blob = 90; blob < 260; blob++)
        for (uint32_t hint = 0; hint <= 51; hint++) {
            uint32_t want = 0;
            while (want < 50 && index_segment_blob(segment, want).n < blob)
                want++;
            uint32_t found = index_segment_seek(segment, (struct blob_id){ blob }, hint);
            assert_int_equal(found, want);
        }
    index_segment_unref(&segment);
    index_builder_free(&b);
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builder_bounds_the_tokens_of_a_document),
        cmocka_unit_test(test_builder_bounds_the_text_of_a_document),
        cmocka_unit_test(test_builder_keeps_texts_and_fields_apart),
        cmocka_unit_test(test_builder_begins_anew_after_each_segment),
        cmocka_unit_test(test_segment_finds_documents_from_any_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
