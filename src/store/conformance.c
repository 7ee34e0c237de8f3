#include "store/conformance_impl.h"

#include "base/rand.h"

#include <stdlib.h>

uint64_t version_of(struct fixture *f, struct account_id account)
{
    uint64_t version = UINT64_MAX;
    assert_ok(f, store_version(f->store, account, &version, &f->err));
    return version;
}

void commit(struct fixture *f, struct account_id account, const struct batch *batch)
{
    uint64_t version = version_of(f, account);
    assert_ok(f, store_commit(f->store, account, version, version + 1, batch, &f->err));
}

void put(struct fixture *f, struct account_id account, struct str key, struct str value)
{
    struct batch b = BATCH_INIT;
    batch_put(&b, key, value);
    commit(f, account, &b);
    batch_deinit(&b);
}

void add_script(struct batch *b, const char *script)
{
    struct str rest = str_c(script);
    while (!str_is_nil(rest) && rest.n > 0) {
        struct str word = str_cut(rest, ' ', &rest), tail;
        ptrdiff_t dots = str_find(word, STR(".."));
        if (word.p[0] == '+') {
            struct str key = str_cut(str_skip(word, 1), '=', &tail);
            batch_put(b, key, tail);
        } else if (word.p[0] == '-') {
            batch_delete(b, str_skip(word, 1));
        } else {
            struct str to = str_skip(word, (size_t)dots + 2);
            batch_delete_range(b, str_sub(word, 0, (size_t)dots), to.n ? to : STR_NIL);
        }
    }
}

struct blob_id write_pending(struct fixture *f, struct account_id account, struct str bytes, struct str meta,
                             struct str header)
{
    struct blob_id id = { 0 };
    assert_ok(f, store_blob_write(f->store, account, bytes, meta, header, &id, &f->err));
    assert_true(id.n != 0);
    return id;
}

struct blob_id write_live(struct fixture *f, struct account_id account, struct str bytes, struct str meta,
                          struct str header)
{
    struct blob_id id = write_pending(f, account, bytes, meta, header);
    struct batch b = BATCH_INIT;
    batch_add_blob(&b, id);
    commit(f, account, &b);
    batch_deinit(&b);
    return id;
}

static int dump_pair(void *ctx, struct str key, struct str value, struct err *err)
{
    (void)err;
    buf_printf(ctx, STR_FMT "=" STR_FMT ";", STR_ARG(key), STR_ARG(value));
    return 0;
}

void assert_state(struct fixture *f, struct account_id account, const char *want)
{
    struct buf dump = BUF_INIT;
    assert_ok(f, store_scan(f->store, account, STR(""), STR_NIL, NULL, dump_pair, &dump, &f->err));
    assert_str(buf_str(&dump), want);
    buf_deinit(&dump);
}

int take_id(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct ids *ids = ctx;
    (void)record;
    if (ids->n == ARRAY_COUNT(ids->id))
        return err_set(err, ERR_LIMIT, "more blobs than the test wrote");
    ids->id[ids->n++] = id;
    return 0;
}

void scan_ids(struct fixture *f, struct account_id account, struct blob_id first, struct blob_id last,
              struct ids *out)
{
    out->n = 0;
    const struct blob_range range = { .slot = BLOB_META, .first = first, .last = last };
    assert_ok(f, store_blob_scan(f->store, account, &range, take_id, out, &f->err));
    for (size_t i = 1; i < out->n; i++)
        assert_row(out->id[i - 1].n < out->id[i].n, i, "ids ascend");
}

bool is_live(struct fixture *f, struct account_id account, struct blob_id id)
{
    struct ids ids;
    scan_ids(f, account, id, id, &ids);
    assert_true(ids.n == 0 || (ids.n == 1 && ids.id[0].n == id.n));
    return ids.n == 1;
}

bool is_readable(struct fixture *f, struct account_id account, struct blob_id id)
{
    struct buf out = BUF_INIT;
    int r = store_blob_read(f->store, account, id, 0, UINT64_MAX, &out, &f->err);
    int s = store_blob_record(f->store, account, id, BLOB_META, &out, &f->err);
    int t = store_blob_record(f->store, account, id, BLOB_HEADER, &out, &f->err);

    buf_deinit(&out);
    assert_true(r == 0 || r == -ERR_NOT_FOUND);
    assert_int_equal(r, s);
    assert_int_equal(r, t);
    return r == 0;
}

bool restart(struct fixture *f)
{
    if (!f->target->open_again)
        return false;
    store_close(&f->store);
    assert_ok(f, f->target->open_again(f->target->ctx, &f->store, &f->err));
    return true;
}

void fill_text(char *p, size_t n, uint64_t seed)
{
    static const char line[] = "The pigeon carries the letter home, line 00000000 of the same old song.\r\n";
    for (size_t i = 0, k = 0; i < n; i++, k++) {
        size_t column = k % (sizeof line - 1), row = k / (sizeof line - 1) + (size_t)seed;
        bool digit = column >= 41 && column < 49;
        p[i] = digit ? (char)('0' + (row >> (48 - column) & 7)) : line[column];
    }
}

void fill_noise(char *p, size_t n, uint64_t seed)
{
    struct rand_seeded rand;
    rand_seeded_init(&rand, seed);
    rand.source.bytes(&rand.source, p, n);
}

int fixture_setup(void **state)
{
    const struct conformance_target *target = *state;
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->target = target;
    if (target->clean)
        target->clean(target->ctx);
    if (target->open(target->ctx, &f->store, &f->err) < 0) {
        print_error("cannot open %s: %s\n", target->name, f->err.text);
        free(f);
        return -1;
    }
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    store_close(&f->store);
    if (f->target->clean)
        f->target->clean(f->target->ctx);
    free(f);
    return 0;
}

int run_group(const struct conformance_target *target, const char *what, const struct CMUnitTest *tests,
              size_t count)
{
    char name[128];
    struct CMUnitTest *own = calloc(count, sizeof *own);
    if (!own)
        abort();
    for (size_t i = 0; i < count; i++) {
        own[i] = tests[i];
        memcpy(&own[i].initial_state, &target, sizeof target); /* cmocka's pointer is not const */
    }
    snprintf(name, sizeof name, "%s: %s", target->name, what);
    int failed = _cmocka_run_group_tests(name, own, count, NULL, NULL);
    free(own);
    return failed;
}

int conformance_run(const struct conformance_target *target)
{
    return conformance_run_state(target) + conformance_run_accounts(target) + conformance_run_blobs(target) +
           conformance_run_drops(target) + conformance_run_open(target) + conformance_run_races(target);
}
