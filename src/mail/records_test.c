/* Batches and scans over a store in memory: blobs of an account at known places, some of them gone. */
#include "mail/records.h"

#include "base/testing.h"
#include "store/mem/mem.h"

enum { BLOBS = 600 };

struct fixture {
    struct store *store;
    struct blob_id id[BLOBS]; /* ascending */
    struct buf text;
};

static const struct account_id anna = { 7 };

static void must(int r)
{
    assert_int_equal(r, 0);
}

/* The records of blob `i`: "meta i" and "header i". */
static int set_up(void **state)
{
    static struct fixture f;
    struct batch batch = BATCH_INIT;
    f = (struct fixture){ .text = BUF_INIT };
    must(mem_store_open((struct mem_store_options){ 0 }, &f.store, NULL));
    for (unsigned i = 0; i < BLOBS; i++) {
        char meta[32], header[32];
        snprintf(meta, sizeof meta, "meta %u", i);
        snprintf(header, sizeof header, "header %u", i);
        must(store_blob_write(f.store, anna, STR("b"), str_c(meta), str_c(header), &f.id[i], NULL));
        batch_add_blob(&batch, f.id[i]);
    }
    must(store_commit(f.store, anna, 0, 1, &batch, NULL));
    batch_deinit(&batch);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_close(&f->store);
    buf_deinit(&f->text);
    return 0;
}

static struct record_source source_of(const struct fixture *f, enum blob_slot slot)
{
    return (struct record_source){ .store = f->store, .account = anna, .slot = slot };
}

static void check(struct fixture *f, const struct record_batch *b, size_t row, uint32_t index, unsigned blob)
{
    buf_clear(&f->text);
    buf_printf(&f->text, "header %u", blob);
    assert_row(str_eq(record_batch_get(b, index), buf_str(&f->text)), row, buf_c(&f->text));
}

static void test_a_batch_finds_records_in_any_order_and_over_gaps(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned blob[5];
        size_t count;
    } rows[] = {
        { { 0 }, 0 },
        { { 17 }, 1 },
        { { 0, 1, 2, 3, 4 }, 5 },
        { { 0, 64, 65, 130, 599 }, 5 }, /* gaps of as many strangers as are passed over, and more */
        { { 0, 65, 131, 198, 266 }, 5 },
        { { 599, 3, 300, 4, 0 }, 5 },
        { { 5, 5, 599, 5, 599 }, 5 },
    };
    const struct record_source from = source_of(f, BLOB_HEADER);
    struct record_batch batch = { 0 };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        record_batch_clear(&batch);
        for (size_t k = 0; k < rows[i].count; k++)
            assert_int_equal(record_batch_want(&batch, f->id[rows[i].blob[k]].n), k);
        must(record_batch_read(&batch, &from, NULL));
        for (size_t k = 0; k < rows[i].count; k++)
            check(f, &batch, i, (uint32_t)k, rows[i].blob[k]);
    }
    record_batch_deinit(&batch);
}

static void test_a_batch_has_none_of_what_is_not_there(void **state)
{
    struct fixture *f = *state;
    const struct record_source from = source_of(f, BLOB_HEADER);
    struct record_batch batch = { 0 };
    static const size_t counts[] = { 1, 3 }; /* one alone is read in another way */
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        record_batch_clear(&batch);
        record_batch_want(&batch, f->id[BLOBS - 1].n + 1000);
        for (size_t k = 1; k < counts[i]; k++)
            record_batch_want(&batch, f->id[k].n);
        must(record_batch_read(&batch, &from, NULL));
        assert_true(str_is_nil(record_batch_get(&batch, 0)));
        for (size_t k = 1; k < counts[i]; k++)
            check(f, &batch, i, (uint32_t)k, (unsigned)k);
    }
    record_batch_deinit(&batch);
}

struct stops {
    size_t seen, stop;
};

static int stop(void *ctx, uint32_t index, struct str record, struct err *err)
{
    struct stops *s = ctx;
    (void)index, (void)record;
    return ++s->seen == s->stop ? err_set(err, ERR_LIMIT, "enough") : 0;
}

static void test_a_scan_ends_with_the_error_of_its_callback(void **state)
{
    struct fixture *f = *state;
    const struct record_source from = source_of(f, BLOB_META);
    struct record_wanted wanted[BLOBS];
    struct stops s = { .stop = 3 };
    for (uint32_t i = 0; i < BLOBS; i++)
        wanted[i] = (struct record_wanted){ f->id[i].n, i };
    assert_int_equal(records_scan(&from, wanted, BLOBS, stop, &s, NULL), -ERR_LIMIT);
    assert_int_equal(s.seen, 3);
}

static int no_meta(void *ctx, uint32_t index, const struct meta_view *view, struct err *err)
{
    (void)ctx, (void)index, (void)view;
    return err_set(err, ERR_INVALID, "none of them is one");
}

static void test_damaged_meta_is_counted_and_passed_over(void **state)
{
    struct fixture *f = *state;
    const struct record_source from = source_of(f, BLOB_HEADER); /* the slot does not matter */
    struct record_wanted wanted[] = { { f->id[2].n, 0 }, { f->id[2].n, 1 }, { f->id[5].n, 2 } };
    size_t damaged = 0;
    must(records_scan_meta(&from, wanted, ARRAY_COUNT(wanted), no_meta, NULL, &damaged, NULL));
    assert_int_equal(damaged, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_finds_records_in_any_order_and_over_gaps),
        cmocka_unit_test(test_a_batch_has_none_of_what_is_not_there),
        cmocka_unit_test(test_a_scan_ends_with_the_error_of_its_callback),
        cmocka_unit_test(test_damaged_meta_is_counted_and_passed_over),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
