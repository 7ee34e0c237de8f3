/* The checks that every engine relies on: limits at n-1, n, n+1,
 * and that nothing refused reaches the engine. */
#include "store/store.h"

#include "base/testing.h"

#include <stdlib.h>

static char bytes[STORE_VALUE_BYTES_MAX + 1]; /* zeroed by the loader, never written */

/* An engine that counts its calls, appends "junk" where it can, and answers `result`. */
struct counting_store {
    struct store store;
    int calls, result;
};

static int called(struct store *store, struct err *err)
{
    struct counting_store *c = (struct counting_store *)store;
    c->calls++;
    return c->result < 0 ? err_set(err, (enum err_kind)(-c->result), "as told") : 0;
}

static int count_commit(struct store *store, struct account_id account, uint64_t expected_version,
                        uint64_t new_version, const struct batch *batch, struct err *err)
{
    (void)account, (void)expected_version, (void)new_version, (void)batch;
    return called(store, err);
}

static int count_get(struct store *store, struct account_id account, struct str key, struct buf *out,
                     struct err *err)
{
    (void)account, (void)key;
    buf_add_lit(out, "junk");
    return called(store, err);
}

static int count_scan(struct store *store, struct account_id account, struct str from, struct str to,
                      uint64_t *version_out, store_pair_fn *fn, void *ctx, struct err *err)
{
    (void)account, (void)from, (void)to, (void)version_out, (void)fn, (void)ctx;
    return called(store, err);
}

static int count_blob_write(struct store *store, struct account_id account, struct str body, struct str meta,
                            struct str header, enum blob_reading reading, struct blob_id *id_out,
                            struct err *err)
{
    (void)account, (void)body, (void)meta, (void)header, (void)reading, (void)id_out;
    return called(store, err);
}

static int count_blob_read(struct store *store, struct account_id account, struct blob_id id, uint64_t offset,
                           uint64_t length, struct buf *out, struct err *err)
{
    (void)account, (void)id, (void)offset, (void)length;
    buf_add_lit(out, "junk");
    return called(store, err);
}

static int count_blob_record(struct store *store, struct account_id account, struct blob_id id,
                             enum blob_slot slot, struct buf *out, struct err *err)
{
    (void)account, (void)id, (void)slot;
    buf_add_lit(out, "junk");
    return called(store, err);
}

static int count_blob_scan(struct store *store, struct account_id account, const struct blob_range *range,
                           store_blob_fn *fn, void *ctx, struct err *err)
{
    (void)account, (void)range, (void)fn, (void)ctx;
    return called(store, err);
}

static void count_close(struct store *store)
{
    free(store);
}

static const struct store_ops counting_ops = {
    .name = "counting",
    .close = count_close,
    .commit = count_commit,
    .get = count_get,
    .scan = count_scan,
    .blob_write = count_blob_write,
    .blob_read = count_blob_read,
    .blob_record = count_blob_record,
    .blob_scan = count_blob_scan,
};

static struct counting_store *counting_new(int result)
{
    struct counting_store *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->store.ops = &counting_ops;
    c->result = result;
    return c;
}

static void counting_free(struct counting_store *c)
{
    struct store *store = &c->store;
    store_close(&store);
    assert_null(store);
    store_close(&store);
}

static const struct account_id anna = { 7 };

/* A refused call answers `want` and is not seen by the engine; any other reaches it once. */
#define assert_checked(c, i, want, call)                                                                     \
    do {                                                                                                     \
        int before_ = (c)->calls;                                                                            \
        assert_row((call) == (want), (i), "result");                                                         \
        assert_row((c)->calls == before_ + ((want) == 0), (i), "calls of the engine");                       \
    } while (0)

static void test_keys_have_1_to_512_bytes(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int as_key, as_bound;
    } cases[] = {
        { 0, -ERR_LIMIT, 0 },
        { 1, 0, 0 },
        { STORE_KEY_BYTES_MAX - 1, 0, 0 },
        { STORE_KEY_BYTES_MAX, 0, 0 },
        { STORE_KEY_BYTES_MAX + 1, -ERR_LIMIT, -ERR_LIMIT },
    };
    struct counting_store *c = counting_new(0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str key = str_make(bytes, cases[i].n);
        struct buf out = BUF_INIT;
        struct batch put = BATCH_INIT, del = BATCH_INIT, range = BATCH_INIT;
        batch_put(&put, key, STR("v"));
        batch_delete(&del, key);
        batch_delete_range(&range, key, STR_NIL);

        assert_checked(c, i, cases[i].as_key, store_get(&c->store, anna, key, &out, NULL));
        assert_checked(c, i, cases[i].as_key, store_commit(&c->store, anna, 0, 1, &put, NULL));
        assert_checked(c, i, cases[i].as_key, store_commit(&c->store, anna, 0, 1, &del, NULL));
        assert_checked(c, i, cases[i].as_bound, store_commit(&c->store, anna, 0, 1, &range, NULL));
        assert_checked(c, i, cases[i].as_bound,
                       store_scan(&c->store, anna, key, STR_NIL, NULL, NULL, NULL, NULL));
        assert_checked(c, i, cases[i].as_bound,
                       store_scan(&c->store, anna, STR(""), key, NULL, NULL, NULL, NULL));
        buf_deinit(&out);
        batch_deinit(&put);
        batch_deinit(&del);
        batch_deinit(&range);
    }
    counting_free(c);
}

static void test_values_and_records_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int r;
    } cases[] = {
        { 0, 0 },
        { STORE_VALUE_BYTES_MAX - 1, 0 },
        { STORE_VALUE_BYTES_MAX, 0 },
        { STORE_VALUE_BYTES_MAX + 1, -ERR_LIMIT },
    };
    struct counting_store *c = counting_new(0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str value = str_make(bytes, cases[i].n);
        struct blob_id id;
        struct batch put = BATCH_INIT;
        batch_put(&put, STR("k"), value);
        assert_checked(c, i, cases[i].r, store_commit(&c->store, anna, 0, 1, &put, NULL));
        assert_checked(c, i, cases[i].r,
                       store_blob_write(&c->store, anna, STR("x"), value, STR(""), &id, NULL));
        assert_checked(c, i, cases[i].r,
                       store_blob_write(&c->store, anna, STR("x"), STR(""), value, &id, NULL));
        batch_deinit(&put);
    }
    counting_free(c);
}

static void test_blobs_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        int r;
    } cases[] = {
        { 0, 0 },
        { STORE_BLOB_BYTES_MAX - 1, 0 },
        { STORE_BLOB_BYTES_MAX, 0 },
        { STORE_BLOB_BYTES_MAX + 1, -ERR_LIMIT },
    };
    struct counting_store *c = counting_new(0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) { /* nobody looks behind the first byte */
        struct blob_id id;
        struct str body = str_make(bytes, (size_t)cases[i].n);
        assert_checked(c, i, cases[i].r,
                       store_blob_write(&c->store, anna, body, STR(""), STR(""), &id, NULL));
    }
    counting_free(c);
}

/* A batch of `n` encoded bytes, all of them puts: 4 values of 15 MB, and one to fill. */
static void fill_batch(struct batch *b, size_t n)
{
    const size_t value_bytes = 15 * 1024 * 1024, put_overhead = 1 + 2 + 4;
    for (int i = 0; i < 4; i++)
        batch_put(b, STR("k"), str_make(bytes, value_bytes));
    batch_put(b, STR("k"), str_make(bytes, n - b->ops.n - put_overhead));
    assert_int_equal(b->ops.n, n);
}

static void test_batches_have_a_limit(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        int r;
    } cases[] = {
        { STORE_BATCH_BYTES_MAX - 1, 0 },
        { STORE_BATCH_BYTES_MAX, 0 },
        { STORE_BATCH_BYTES_MAX + 1, -ERR_LIMIT },
    };
    struct counting_store *c = counting_new(0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct batch b = BATCH_INIT;
        fill_batch(&b, cases[i].n);
        assert_checked(c, i, cases[i].r, store_commit(&c->store, anna, 0, 1, &b, NULL));
        batch_deinit(&b);
    }
    counting_free(c);
}

static void test_versions_go_up_and_stay_within_63_bits(void **state)
{
    (void)state;
    static const struct {
        uint64_t expected, next;
        int r;
    } cases[] = {
        { 0, 1, 0 },
        { 5, 6, 0 },
        { 5, 900, 0 },
        { 0, 0, -ERR_INVALID },
        { 5, 5, -ERR_INVALID },
        { 5, 4, -ERR_INVALID },
        { UINT64_MAX, 0, -ERR_INVALID },
        { 5, STORE_VERSION_MAX - 1, 0 },
        { 5, STORE_VERSION_MAX, 0 },
        { 5, STORE_VERSION_MAX + 1, -ERR_INVALID },
    };
    struct counting_store *c = counting_new(0);
    struct batch b = BATCH_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_checked(c, i, cases[i].r,
                       store_commit(&c->store, anna, cases[i].expected, cases[i].next, &b, NULL));
    batch_deinit(&b);
    counting_free(c);
}

static void test_damaged_batches_are_refused(void **state)
{
    (void)state;
    struct counting_store *c = counting_new(0);
    struct batch b = BATCH_INIT;
    batch_put(&b, STR("key"), STR("value"));
    b.ops.n--;
    assert_checked(c, 0, -ERR_INVALID, store_commit(&c->store, anna, 0, 1, &b, NULL));
    batch_deinit(&b);
    counting_free(c);
}

static void test_an_error_leaves_buffers_as_they_were(void **state)
{
    (void)state;
    const struct blob_id id = { 1 };
    struct counting_store *c = counting_new(-ERR_IO);
    struct buf out = BUF_INIT;
    struct err err;

    buf_add_lit(&out, "before");
    assert_int_equal(store_get(&c->store, anna, STR("k"), &out, &err), -ERR_IO);
    assert_int_equal(store_blob_read(&c->store, anna, id, 0, 9, &out, &err), -ERR_IO);
    assert_int_equal(store_blob_record(&c->store, anna, id, BLOB_META, &out, &err), -ERR_IO);
    assert_str(buf_str(&out), "before");
    c->result = 0;
    assert_int_equal(store_get(&c->store, anna, STR("k"), &out, &err), 0);
    assert_str(buf_str(&out), "beforejunk");
    buf_deinit(&out);
    counting_free(c);
}

static void test_a_blob_scan_of_no_ids_does_not_reach_the_engine(void **state)
{
    (void)state;
    struct counting_store *c = counting_new(0);
    const struct blob_range none = { .first = { 2 }, .last = { 1 } }, one = { .first = { 1 }, .last = { 1 } };
    assert_int_equal(store_blob_scan(&c->store, anna, &none, NULL, NULL, NULL), 0);
    assert_int_equal(c->calls, 0);
    assert_int_equal(store_blob_scan(&c->store, anna, &one, NULL, NULL, NULL), 0);
    assert_int_equal(c->calls, 1);
    counting_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_have_1_to_512_bytes),
        cmocka_unit_test(test_values_and_records_have_a_limit),
        cmocka_unit_test(test_blobs_have_a_limit),
        cmocka_unit_test(test_batches_have_a_limit),
        cmocka_unit_test(test_versions_go_up_and_stay_within_63_bits),
        cmocka_unit_test(test_damaged_batches_are_refused),
        cmocka_unit_test(test_an_error_leaves_buffers_as_they_were),
        cmocka_unit_test(test_a_blob_scan_of_no_ids_does_not_reach_the_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
