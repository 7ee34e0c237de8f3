#include "auth/directory/server_metadata.h"

#include "auth/directory/users.h"
#include "base/testing.h"
#include "store/mem/mem.h"

static struct store *store_new(struct mem_world **world)
{
    struct store *store;
    struct err err;
    *world = mem_world_new();
    assert_int_equal(mem_store_open((struct mem_store_options){ *world }, &store, &err), 0);
    return store;
}

static int add(void *ctx, struct str entry, struct str value, struct err *err)
{
    struct buf *out = ctx;
    (void)err;
    buf_printf(out, "%s" STR_FMT "=" STR_FMT, out->n ? " " : "", STR_ARG(entry),
               STR_ARG(str_is_nil(value) ? STR("NIL") : value));
    return 0;
}

static void assert_read(struct store *store, const char *entry, unsigned depth, const char *expected)
{
    struct buf out = BUF_INIT;
    struct err err;
    assert_int_equal(server_metadata_read(store, str_c(entry), depth, add, &out, &err), 0);
    assert_string_equal(buf_c(&out), expected);
    buf_deinit(&out);
}

static int set(struct store *store, const char *entry, const char *value)
{
    struct err err = { 0 };
    int r = server_metadata_set(store, str_c(entry), str_c(value), &err);
    assert_true(r == 0 || r == -(int)err.kind);
    return r;
}

static void test_values_are_set_read_and_deleted(void **state)
{
    struct mem_world *world;
    struct store *store = store_new(&world);
    (void)state;
    assert_read(store, "", UINT_MAX, "");
    assert_int_equal(set(store, "/Comment", "hello"), 0);
    assert_int_equal(set(store, "/admin", "mailto:root@example.org"), 0);
    assert_int_equal(set(store, "/filters/values/a", "SEEN"), 0);
    assert_read(store, "", UINT_MAX, "/admin=mailto:root@example.org /comment=hello /filters/values/a=SEEN");
    assert_read(store, "/comment", 0, "/comment=hello");
    assert_read(store, "/filters", 1, "");
    assert_read(store, "/filters", 2, "/filters/values/a=SEEN");
    assert_read(store, "/comm", UINT_MAX, "");
    assert_int_equal(set(store, "/comment", NULL), 0);
    assert_int_equal(set(store, "/comment", NULL), -ERR_NOT_FOUND);
    assert_int_equal(set(store, "/none", NULL), -ERR_NOT_FOUND);
    assert_read(store, "/comment", 0, "");
    store_close(&store);
    mem_world_free(&world);
}

static void test_what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *entry, *value;
        int r;
    } cases[] = {
        { "", "x", -ERR_INVALID },       { "comment", "x", -ERR_INVALID }, { "/", "x", -ERR_INVALID },
        { "/a//b", "x", -ERR_INVALID },  { "/a/", "x", -ERR_INVALID },     { "/a*", "x", -ERR_INVALID },
        { "/admin", "x", -ERR_INVALID }, { "/admin", "tel:1", 0 },         { "/\xc3\xa4", "x", -ERR_INVALID },
    };
    struct mem_world *world;
    struct store *store = store_new(&world);
    struct buf big = BUF_INIT;
    struct err err;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(set(store, cases[i].entry, cases[i].value) == cases[i].r, i, cases[i].entry);
    memset(buf_reserve(&big, SERVER_METADATA_BYTES_MAX + 1), 'x', SERVER_METADATA_BYTES_MAX + 1);
    big.n = SERVER_METADATA_BYTES_MAX;
    assert_int_equal(server_metadata_set(store, STR("/a"), buf_str(&big), &err), 0);
    big.n++;
    assert_int_equal(server_metadata_set(store, STR("/a"), buf_str(&big), &err), -ERR_LIMIT);
    buf_deinit(&big);
    store_close(&store);
    mem_world_free(&world);
}

static void test_changes_since_are_told_deletions_too(void **state)
{
    struct mem_world *world;
    struct store *store = store_new(&world);
    uint64_t revision, none = 0;
    struct buf out = BUF_INIT;
    struct err err;
    (void)state;
    assert_int_equal(set(store, "/a", "1"), 0);
    assert_int_equal(set(store, "/b", "2"), 0);
    assert_int_equal(server_metadata_revision(store, &revision, &err), 0);
    assert_int_equal(set(store, "/a", NULL), 0);
    assert_int_equal(set(store, "/c", "3"), 0);
    assert_int_equal(server_metadata_changes(store, &revision, add, &out, &err), 0);
    assert_string_equal(buf_c(&out), "/a=NIL /c=3");
    assert_int_equal(server_metadata_changes(store, &revision, add, &out, &err), 0);
    assert_string_equal(buf_c(&out), "/a=NIL /c=3");
    buf_clear(&out);
    assert_int_equal(server_metadata_changes(store, &none, add, &out, &err), 0);
    assert_string_equal(buf_c(&out), "/a=NIL /b=2 /c=3");
    buf_deinit(&out);
    store_close(&store);
    mem_world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_set_read_and_deleted),
        cmocka_unit_test(test_what_cannot_be_is_refused),
        cmocka_unit_test(test_changes_since_are_told_deletions_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
