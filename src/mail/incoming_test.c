#include "mail/incoming.h"

#include "mail/testing_mail.h"
#include "mime/meta.h"

static const char message[] =
    "Message-ID: <one@example.org>\r\nIn-Reply-To: <two@example.org>\r\n"
    "References: <zero@example.org> <two@example.org>\r\nSubject: hello\r\n\r\nbody\r\n";

/* Feed `n` bytes in pieces of `piece`. */
static int feed(struct incoming *in, size_t n, size_t piece, struct err *err)
{
    char bytes[5000];
    int r = 0;
    for (size_t at = 0; at < n; at += piece) {
        size_t now = n - at < piece ? n - at : piece;
        for (size_t i = 0; i < now; i++)
            bytes[i] = (char)('a' + (at + i) % 26);
        r = incoming_write(in, str_make(bytes, now), err);
    }
    return r;
}

static void test_bytes_come_out_as_they_went_in(void **state)
{
    enum { MEMORY = INCOMING_MEMORY_BYTES };
    static const size_t sizes[] = { 0, 1, 4999, MEMORY - 1, MEMORY, MEMORY + 1, 3 * MEMORY };
    static const char *const folders[] = { NULL, "/tmp", "/dev/shm" };
    (void)state;
    for (size_t f = 0; f < ARRAY_COUNT(folders); f++) {
        struct bench b;
        bench_init(&b, &(struct mail_options){ .spool_folder = folders[f] });
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            struct incoming *in = incoming_new(b.mail, 0);
            struct str bytes;
            assert_int_equal(feed(in, sizes[i], 4999, &b.err), 0);
            assert_int_equal(incoming_bytes(in, &bytes, &b.err), 0);
            assert_int_equal(bytes.n, sizes[i]);
            for (size_t k = 0; k < bytes.n; k++)
                assert_int_equal(bytes.p[k], 'a' + k % 26);
            assert_int_equal(incoming_write(in, STR("more"), &b.err), 0); /* a view does not end it */
            assert_int_equal(incoming_bytes(in, &bytes, &b.err), 0);
            assert_int_equal(bytes.n, sizes[i] + 4);
            assert_str(str_skip(bytes, sizes[i]), "more");
            incoming_free(&in);
        }
        bench_deinit(&b);
    }
}

static void test_size_has_a_limit(void **state)
{
    static const struct {
        size_t max, n;
        int result;
    } cases[] = { { 100, 99, 0 },
                  { 100, 100, 0 },
                  { 100, 101, -ERR_LIMIT },
                  { 300000, 300000, 0 },
                  { 300000, 300001, -ERR_LIMIT },
                  { 0, 5000, 0 },
                  { 0, 5001, -ERR_LIMIT } };
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .message_bytes_max = 5000 });
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct incoming *in = incoming_new(b.mail, cases[i].max);
        struct new_message m = { .size_bytes = 0 };
        struct str bytes;
        assert_row(feed(in, cases[i].n, 7, &b.err) == cases[i].result, i, b.err.text);
        assert_row(incoming_bytes(in, &bytes, &b.err) == cases[i].result, i, b.err.text);
        /* The error stays, whatever is fed. */
        int r = incoming_write(in, STR(""), &b.err);
        assert_row(r == cases[i].result, i, b.err.text);
        if (r < 0)
            assert_row(incoming_prepare(in, b.account, STR_NIL, &m, &b.err) == r, i, b.err.text);
        incoming_free(&in);
    }
    bench_deinit(&b);
}

static void test_spool_folder_that_is_missing_is_an_error(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .spool_folder = "/nonexistent" });
    struct incoming *in = incoming_new(b.mail, 0);
    assert_int_equal(feed(in, INCOMING_MEMORY_BYTES, 4096, &b.err), 0);
    assert_int_equal(incoming_write(in, STR("x"), &b.err), -ERR_IO);
    assert_int_equal(incoming_write(in, STR("x"), &b.err), -ERR_IO);
    incoming_free(&in);
    bench_deinit(&b);
}

static void test_message_becomes_a_blob(void **state)
{
    struct bench b;
    struct new_message m = { .size_bytes = 0 };
    (void)state;
    bench_init(&b, NULL);
    struct incoming *in = incoming_new(b.mail, 0);
    assert_int_equal(incoming_write(in, str_c(message), &b.err), 0);
    static const char *const prefixes[] = { NULL, "Return-Path: <>\r\n" };
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        struct buf out = BUF_INIT;
        struct meta_view meta;
        assert_int_equal(incoming_prepare(in, b.account, str_c(prefixes[i]), &m, &b.err), 0);
        assert_int_equal(m.size_bytes, strlen(message) + (prefixes[i] ? strlen(prefixes[i]) : 0));
        assert_int_equal(m.message_id_hash, meta_hash_id(STR("<one@example.org>")));
        assert_int_equal(m.reference_count, 3);
        assert_int_equal(m.references[0], meta_hash_id(STR("<two@example.org>")));
        assert_int_equal(m.references[1], meta_hash_id(STR("<two@example.org>")));
        assert_int_equal(m.references[2], meta_hash_id(STR("<zero@example.org>")));
        struct change c = append_change(&b, "INBOX", &m, 1);
        assert_int_equal(commit_one(&b, &c), 0);
        assert_int_equal(store_blob_read(b.store, account_id(b.account), m.blob, 0, UINT64_MAX, &out, &b.err),
                         0);
        assert_true(str_ends(buf_str(&out), str_c(message)));
        assert_int_equal(out.n, m.size_bytes);
        buf_clear(&out);
        assert_int_equal(store_blob_record(b.store, account_id(b.account), m.blob, BLOB_META, &out, &b.err),
                         0);
        assert_int_equal(mime_meta_view(buf_str(&out), &meta, &b.err), 0);
        assert_int_equal(meta.message_bytes, m.size_bytes);
        buf_deinit(&out);
    }
    /* One that is not committed leaves nothing. */
    assert_int_equal(incoming_prepare(in, b.account, STR_NIL, &m, &b.err), 0);
    struct blob_id blob = m.blob;
    struct buf out = BUF_INIT;
    incoming_abandon(b.account, &m);
    assert_int_equal(store_blob_read(b.store, account_id(b.account), blob, 0, 1, &out, &b.err),
                     -ERR_NOT_FOUND);
    faulty_store_plan(b.store,
                      &(struct faulty_plan){ .ops = FAULTY_BLOB_WRITE, .nth = 1, .error = ERR_FULL });
    assert_int_equal(incoming_prepare(in, b.account, STR_NIL, &m, &b.err), -ERR_FULL);
    incoming_free(&in);
    bench_deinit(&b);
}

/* The same bytes with prefixes of every length that matters, from memory and from a file. */
static void test_prefix_goes_before_the_bytes(void **state)
{
    static const size_t sizes[] = { 0, 1, INCOMING_MEMORY_BYTES, INCOMING_MEMORY_BYTES + 1 };
    static const size_t prefixes[] = { 1, 4095, INCOMING_PREFIX_BYTES_MAX - 1, INCOMING_PREFIX_BYTES_MAX };
    char prefix[INCOMING_PREFIX_BYTES_MAX];
    struct bench b;
    struct new_message m = { .size_bytes = 0 };
    (void)state;
    bench_init(&b, NULL);
    memset(prefix, 'p', sizeof prefix);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct incoming *in = incoming_new(b.mail, 0);
        assert_int_equal(feed(in, sizes[i], 4999, &b.err), 0);
        for (size_t k = 0; k < ARRAY_COUNT(prefixes); k++) {
            struct buf out = BUF_INIT;
            struct str bytes;
            assert_int_equal(incoming_prepare(in, b.account, str_make(prefix, prefixes[k]), &m, &b.err), 0);
            assert_int_equal(
                store_blob_read(b.store, account_id(b.account), m.blob, 0, UINT64_MAX, &out, &b.err), 0);
            assert_int_equal(out.n, prefixes[k] + sizes[i]);
            assert_true(str_starts(buf_str(&out), str_make(prefix, prefixes[k])));
            assert_int_equal(incoming_bytes(in, &bytes, &b.err), 0);
            assert_true(str_eq(str_skip(buf_str(&out), prefixes[k]), bytes));
            incoming_abandon(b.account, &m);
            buf_deinit(&out);
        }
        incoming_free(&in);
    }
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_come_out_as_they_went_in),
        cmocka_unit_test(test_size_has_a_limit),
        cmocka_unit_test(test_spool_folder_that_is_missing_is_an_error),
        cmocka_unit_test(test_message_becomes_a_blob),
        cmocka_unit_test(test_prefix_goes_before_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
