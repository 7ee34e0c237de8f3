/* Blobs that are open while they go. */
#include "store/conformance_impl.h"

#include <stdlib.h>

static const struct account_id anna = { 7 }, bert = { 8 };

enum { BLOB_BYTES = 700 * 1000 }; /* of more than one block */

static void assert_bytes(struct fixture *f, struct open_blob *blob, struct str want)
{
    static const struct {
        uint64_t offset, length;
    } parts[] = {
        { 0, UINT64_MAX },       { 0, 10 },         { 299990, 20 },
        { BLOB_BYTES - 5, 100 }, { BLOB_BYTES, 1 }, { BLOB_BYTES + 9, 1 },
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        size_t from = parts[i].offset < want.n ? (size_t)parts[i].offset : want.n;
        buf_clear(&out);
        buf_add_lit(&out, "x");
        assert_ok(f, store_blob_read_open(blob, parts[i].offset, parts[i].length, &out, &f->err));
        assert_row(str_eq(str_skip(buf_str(&out), 1), str_sub(want, from, (size_t)parts[i].length)), i,
                   "part");
    }
    buf_deinit(&out);
}

static void drop(struct fixture *f, struct account_id account, struct blob_id id)
{
    struct batch b = BATCH_INIT;
    batch_drop_blob(&b, id);
    commit(f, account, &b);
    batch_deinit(&b);
}

static void test_an_open_blob_is_read_after_it_was_dropped(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(BLOB_BYTES);
    struct open_blob *first, *second, *never;
    assert_non_null(text);
    fill_text(text, BLOB_BYTES, 3);
    const struct str bytes = str_make(text, BLOB_BYTES);
    struct blob_id id = write_live(f, anna, bytes, STR("meta"), STR("header"));
    assert_ok(f, store_blob_open(f->store, anna, id, &first, &f->err));
    assert_ok(f, store_blob_open(f->store, anna, id, &second, &f->err));
    assert_bytes(f, first, bytes);
    drop(f, anna, id);
    assert_false(is_readable(f, anna, id));
    assert_error(f, ERR_NOT_FOUND, store_blob_open(f->store, anna, id, &never, &f->err));
    assert_bytes(f, first, bytes);
    store_blob_close(&first);
    assert_null(first);
    store_blob_close(&first);
    (void)write_live(f, anna, STR("another"), STR("meta"), STR("header"));
    assert_bytes(f, second, bytes);
    store_blob_close(&second);
    free(text);
}

static void test_an_open_blob_is_read_after_its_account_was_dropped(void **state)
{
    struct fixture *f = *state;
    char *noise = malloc(BLOB_BYTES);
    struct open_blob *blob;
    assert_non_null(noise);
    fill_noise(noise, BLOB_BYTES, 4);
    const struct str bytes = str_make(noise, BLOB_BYTES);
    struct blob_id id = write_live(f, anna, bytes, STR("meta"), STR("header"));
    assert_ok(f, store_blob_open(f->store, anna, id, &blob, &f->err));
    assert_ok(f, store_drop_account(f->store, anna, &f->err));
    assert_bytes(f, blob, bytes);
    store_blob_close(&blob);
    free(noise);
}

static void test_only_what_can_be_read_is_opened(void **state)
{
    struct fixture *f = *state;
    struct open_blob *blob = NULL;
    struct blob_id pending = write_pending(f, anna, STR("bytes"), STR("meta"), STR("header"));
    assert_error(f, ERR_NOT_FOUND, store_blob_open(f->store, bert, pending, &blob, &f->err));
    assert_error(f, ERR_NOT_FOUND, store_blob_open(f->store, anna, (struct blob_id){ 0 }, &blob, &f->err));
    assert_null(blob);
    assert_ok(f, store_blob_open(f->store, anna, pending, &blob, &f->err));
    store_blob_close(&blob);
    store_blob_abandon(f->store, anna, pending);
    assert_error(f, ERR_NOT_FOUND, store_blob_open(f->store, anna, pending, &blob, &f->err));
}

int conformance_run_open(const struct conformance_target *target)
{
    const struct CMUnitTest tests[] = {
        conformance_test(test_an_open_blob_is_read_after_it_was_dropped),
        conformance_test(test_an_open_blob_is_read_after_its_account_was_dropped),
        conformance_test(test_only_what_can_be_read_is_opened),
    };
    return run_group(target, "open blobs", tests, ARRAY_COUNT(tests));
}
