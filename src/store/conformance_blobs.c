/* Blobs: pending, live and gone; reading any part of them; their records. */
#include "store/conformance_impl.h"

#include "base/rand.h"

#include <stdlib.h>

static const struct account_id anna = { 7 }, bert = { 8 };

static void assert_record(struct fixture *f, struct blob_id id, enum blob_slot slot, const char *want)
{
    struct buf out = BUF_INIT;
    assert_ok(f, store_blob_record(f->store, anna, id, slot, &out, &f->err));
    assert_str(buf_str(&out), want);
    buf_deinit(&out);
}

static void test_a_pending_blob_is_read_by_id_only(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT;
    struct blob_id id = write_pending(f, anna, STR("bytes"), STR("meta"), STR("header"));

    assert_false(is_live(f, anna, id));
    assert_false(is_readable(f, bert, id));
    assert_int_equal(version_of(f, anna), 0);
    buf_add_lit(&out, "<");
    assert_ok(f, store_blob_read(f->store, anna, id, 1, 3, &out, &f->err));
    assert_str(buf_str(&out), "<yte");
    assert_record(f, id, BLOB_META, "meta");
    assert_record(f, id, BLOB_HEADER, "header");
    buf_deinit(&out);
}

static void test_an_abandoned_blob_is_gone(void **state)
{
    struct fixture *f = *state;
    struct batch b = BATCH_INIT;
    struct blob_id id = write_pending(f, anna, STR("bytes"), STR("meta"), STR("header"));
    struct blob_id live = write_live(f, anna, STR("bytes"), STR("meta"), STR("header"));

    store_blob_abandon(f->store, bert, id); /* not bert's */
    assert_true(is_readable(f, anna, id));
    store_blob_abandon(f->store, anna, id);
    assert_false(is_readable(f, anna, id));
    store_blob_abandon(f->store, anna, id);
    store_blob_abandon(f->store, anna, (struct blob_id){ UINT64_MAX });
    store_blob_abandon(f->store, anna, live); /* live: stays */
    assert_true(is_live(f, anna, live) && is_readable(f, anna, live));
    batch_add_blob(&b, id);
    assert_error(f, ERR_NOT_FOUND, store_commit(f->store, anna, 1, 2, &b, &f->err));
    batch_deinit(&b);
}

static void test_a_live_blob_is_seen_by_scan_until_it_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct batch b = BATCH_INIT;
    struct blob_id id = write_live(f, anna, STR("bytes"), STR("meta"), STR(""));
    struct blob_id other = write_live(f, anna, STR("other"), STR(""), STR("header"));

    assert_true(is_live(f, anna, id) && is_readable(f, anna, id) && other.n > id.n);
    assert_record(f, id, BLOB_META, "meta");
    assert_record(f, id, BLOB_HEADER, "");
    assert_record(f, other, BLOB_META, "");
    assert_record(f, other, BLOB_HEADER, "header");
    assert_false(is_live(f, bert, id) || is_readable(f, bert, id));
    batch_drop_blob(&b, id);
    commit(f, anna, &b);
    assert_false(is_live(f, anna, id) || is_readable(f, anna, id));
    assert_true(is_live(f, anna, other) && is_readable(f, anna, other));
    batch_deinit(&b);
}

/* What a blob is before the batch, and what the batch does with it. */
enum before { UNKNOWN, PENDING, OF_BERT, ABANDONED, LIVE, DROPPED };

static struct blob_id make_blob(struct fixture *f, enum before before)
{
    struct batch b = BATCH_INIT;
    struct blob_id id = { 0 };
    switch (before) {
    case UNKNOWN:
        id.n = UINT64_MAX - 1;
        break;
    case PENDING:
    case ABANDONED:
        id = write_pending(f, anna, STR("bytes"), STR("meta"), STR("header"));
        if (before == ABANDONED)
            store_blob_abandon(f->store, anna, id);
        break;
    case OF_BERT:
        id = write_pending(f, bert, STR("bytes"), STR("meta"), STR("header"));
        break;
    case LIVE:
    case DROPPED:
        id = write_live(f, anna, STR("bytes"), STR("meta"), STR("header"));
        batch_drop_blob(&b, id);
        if (before == DROPPED)
            commit(f, anna, &b);
        break;
    }
    batch_deinit(&b);
    return id;
}

static void test_adds_and_drops_that_cannot_be_write_nothing(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum before before;
        const char *ops; /* 'a' adds, 'd' drops */
        int r;
        bool live;
    } cases[] = {
        { UNKNOWN, "a", -ERR_NOT_FOUND, false },
        { UNKNOWN, "d", -ERR_NOT_FOUND, false },
        { PENDING, "a", 0, true },
        { PENDING, "d", -ERR_NOT_FOUND, false },
        { PENDING, "ad", 0, false },
        { PENDING, "aa", -ERR_NOT_FOUND, false },
        { PENDING, "ada", -ERR_NOT_FOUND, false },
        { PENDING, "add", -ERR_NOT_FOUND, false },
        { PENDING, "da", -ERR_NOT_FOUND, false },
        { OF_BERT, "a", -ERR_NOT_FOUND, false },
        { OF_BERT, "d", -ERR_NOT_FOUND, false },
        { ABANDONED, "a", -ERR_NOT_FOUND, false },
        { ABANDONED, "d", -ERR_NOT_FOUND, false },
        { LIVE, "a", -ERR_NOT_FOUND, true },
        { LIVE, "d", 0, false },
        { LIVE, "dd", -ERR_NOT_FOUND, true },
        { LIVE, "da", -ERR_NOT_FOUND, true },
        { DROPPED, "a", -ERR_NOT_FOUND, false },
        { DROPPED, "d", -ERR_NOT_FOUND, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct batch b = BATCH_INIT;
        struct blob_id id = make_blob(f, cases[i].before);
        struct blob_id good = make_blob(f, PENDING), old = make_blob(f, LIVE);
        uint64_t version = version_of(f, anna);

        batch_put(&b, STR("row"), str_make(&i, sizeof i));
        batch_add_blob(&b, good);
        batch_drop_blob(&b, old);
        for (const char *op = cases[i].ops; *op; op++)
            *op == 'a' ? batch_add_blob(&b, id) : batch_drop_blob(&b, id);
        int r = store_commit(f->store, anna, version, version + 1, &b, &f->err);
        assert_row(r == cases[i].r, i, cases[i].ops);
        assert_row(is_live(f, anna, id) == cases[i].live, i, cases[i].ops);

        struct buf out = BUF_INIT;
        int got = store_get(f->store, anna, STR("row"), &out, &f->err);
        bool written = got == 0 && str_eq(buf_str(&out), str_make(&i, sizeof i));
        assert_row(written == (r == 0), i, "state");
        assert_row(version_of(f, anna) == version + (r == 0), i, "version");
        assert_row(is_live(f, anna, good) == (r == 0), i, "the good blob");
        assert_row(is_live(f, anna, old) == (r != 0), i, "the old blob");
        assert_row(is_readable(f, anna, good), i, "the good blob");
        if (cases[i].before == PENDING && r != 0)
            assert_row(is_readable(f, anna, id), i, "still pending");
        buf_deinit(&out);
        batch_deinit(&b);
    }
}

/* ---- reading parts ---- */

enum { INNER_BLOCK = 256 * 1024 }; /* an engine may cut large blobs into blocks of this size */

static void check_read(struct fixture *f, struct blob_id id, struct str bytes, uint64_t offset,
                       uint64_t length, struct buf *out)
{
    struct str want = offset < bytes.n ? str_sub(bytes, (size_t)offset, (size_t)length) : STR("");
    buf_clear(out);
    buf_add_char(out, '<');
    assert_ok(f, store_blob_read(f->store, anna, id, offset, length, out, &f->err));
    if (out->n != 1 + want.n || out->p[0] != '<' || memcmp(out->p + 1, want.p, want.n) != 0) {
        print_error("of %zu bytes, offset %llu, length %llu: got %zu bytes, want %zu\n", bytes.n,
                    (unsigned long long)offset, (unsigned long long)length, out->n - 1, want.n);
        fail();
    }
}

static void read_all_parts(struct fixture *f, struct blob_id id, struct str bytes)
{
    const uint64_t n = bytes.n, k = INNER_BLOCK;
    const uint64_t offsets[] = { 0,     1,     k - 1, k,     k + 1, 2 * k - 1,      2 * k,     2 * k + 1,
                                 n / 2, n - 1, n,     n + 1, n + k, UINT64_MAX - 1, UINT64_MAX };
    const uint64_t lengths[] = { 0,     1,         2, 4096,  k - 1,          k,
                                 k + 1, 2 * k + 1, n, n + 1, UINT64_MAX - 1, UINT64_MAX };
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < ARRAY_COUNT(offsets); i++)
        for (size_t j = 0; j < ARRAY_COUNT(lengths); j++)
            check_read(f, id, bytes, offsets[i], lengths[j], &out);
    buf_deinit(&out);
}

static void fill_mixed(char *p, size_t n, uint64_t seed)
{
    fill_text(p, n, seed);
    if (n > INNER_BLOCK) /* a message with an attachment */
        fill_noise(p + INNER_BLOCK / 2, n - INNER_BLOCK, seed);
}

static void (*const fills[])(char *p, size_t n, uint64_t seed) = { fill_text, fill_noise, fill_mixed };

static void test_every_part_of_a_blob_can_be_read(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {
        0, 1, 30000, INNER_BLOCK - 1, INNER_BLOCK, INNER_BLOCK + 1, 2 * INNER_BLOCK, 3 * INNER_BLOCK + 17
    };
    char *p = malloc(3 * INNER_BLOCK + 17);

    assert_non_null(p);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(fills); k++) {
            struct batch b = BATCH_INIT;
            fills[k](p, sizes[i], i);
            struct blob_id id = write_pending(f, anna, str_make(p, sizes[i]), STR("m"), STR("h"));
            read_all_parts(f, id, str_make(p, sizes[i]));
            batch_add_blob(&b, id);
            commit(f, anna, &b);
            read_all_parts(f, id, str_make(p, sizes[i]));
            assert_ok(f, store_blob_write_for(f->store, anna, str_make(p, sizes[i]), BLOB_READ_IN_PARTS, &id,
                                              &f->err));
            read_all_parts(f, id, str_make(p, sizes[i]));
            store_blob_abandon(f->store, anna, id);
            batch_deinit(&b);
        }
    }
    free(p);
}

static void test_a_large_blob_is_read_at_random_offsets(void **state)
{
    struct fixture *f = *state;
    enum { LARGE = 20 * 1000 * 1000 };
    struct rand_seeded rand;
    struct buf out = BUF_INIT;
    char *p = malloc(LARGE);

    assert_non_null(p);
    rand_seeded_init(&rand, 3);
    for (size_t k = 0; k < ARRAY_COUNT(fills); k++) {
        fills[k](p, LARGE, k);
        struct str bytes = str_make(p, LARGE);
        struct blob_id id = write_live(f, anna, bytes, STR("meta"), STR("header"));
        check_read(f, id, bytes, 0, UINT64_MAX, &out);
        for (int i = 0; i < 100; i++) {
            uint64_t offset = rand_below(&rand.source, LARGE);
            check_read(f, id, bytes, offset, rand_below(&rand.source, 600 * 1000), &out);
        }
        if (restart(f))
            check_read(f, id, bytes, 0, UINT64_MAX, &out);
        assert_ok(f, store_blob_write_for(f->store, anna, bytes, BLOB_READ_IN_PARTS, &id, &f->err));
        check_read(f, id, bytes, 1000 * 1000, 600 * 1000, &out);
        check_read(f, id, bytes, 0, UINT64_MAX, &out);
    }
    buf_deinit(&out);
    free(p);
}

static void test_a_missing_blob_leaves_the_buffer_as_it_was(void **state)
{
    struct fixture *f = *state;
    const struct blob_id none[] = { { 0 }, { 1 }, { 12345 }, { UINT64_MAX } };
    struct buf out = BUF_INIT;

    (void)write_live(f, bert, STR("bytes"), STR("meta"), STR("header"));
    put(f, anna, STR("k"), STR("v"));
    buf_add_lit(&out, "before");
    for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
        assert_error(f, ERR_NOT_FOUND, store_blob_read(f->store, anna, none[i], 0, 9, &out, &f->err));
        assert_error(f, ERR_NOT_FOUND, store_blob_record(f->store, anna, none[i], BLOB_META, &out, &f->err));
        assert_error(f, ERR_NOT_FOUND,
                     store_blob_record(f->store, anna, none[i], BLOB_HEADER, &out, &f->err));
    }
    assert_str(buf_str(&out), "before");
    buf_deinit(&out);
}

static void test_records_of_the_largest_size_come_back(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = { 0, 1, 100 * 1000, STORE_VALUE_BYTES_MAX - 1, STORE_VALUE_BYTES_MAX };
    char *p = malloc(STORE_VALUE_BYTES_MAX + 1);
    struct buf out = BUF_INIT;
    struct blob_id id;

    assert_non_null(p);
    fill_mixed(p, STORE_VALUE_BYTES_MAX + 1, 4);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct str record = str_make(p, sizes[i]);
        id = write_live(f, anna, STR("body"), i & 1 ? record : STR("x"), i & 1 ? STR("x") : record);
        buf_clear(&out);
        assert_ok(f, store_blob_record(f->store, anna, id, i & 1 ? BLOB_META : BLOB_HEADER, &out, &f->err));
        assert_row(str_eq(buf_str(&out), record), i, "record");
        assert_record(f, id, i & 1 ? BLOB_HEADER : BLOB_META, "x");
    }
    struct str over = str_make(p, STORE_VALUE_BYTES_MAX + 1);
    assert_error(f, ERR_LIMIT, store_blob_write(f->store, anna, STR("x"), over, STR(""), &id, &f->err));
    assert_error(f, ERR_LIMIT, store_blob_write(f->store, anna, STR("x"), STR(""), over, &id, &f->err));
    /* Refused before a byte of it is read. */
    assert_error(f, ERR_LIMIT,
                 store_blob_write(f->store, anna, str_make(p, (size_t)STORE_BLOB_BYTES_MAX + 1), STR(""),
                                  STR(""), &id, &f->err));
    id = write_live(f, anna, STR_NIL, STR_NIL, STR_NIL);
    assert_record(f, id, BLOB_META, "");
    assert_record(f, id, BLOB_HEADER, "");
    buf_deinit(&out);
    free(p);
}

/* ---- scans ---- */

enum { SCANNED = 1000 };

struct expect_records {
    const struct blob_id *id; /* of all blobs, ascending; every third was dropped */
    char kind;                /* first byte of the record */
    size_t next;
    bool wrong;
};

static int expect_record(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct expect_records *e = ctx;
    char want[32];
    (void)err;
    while (e->next % 3 == 0)
        e->next++;
    snprintf(want, sizeof want, "%c%zu", e->kind, e->next);
    e->wrong |= e->next >= SCANNED || id.n != e->id[e->next].n || !str_eq(record, str_c(want));
    e->next++;
    return e->wrong; /* 1 stops */
}

static void write_many(struct fixture *f, struct blob_id id[SCANNED])
{
    struct batch add = BATCH_INIT, drop = BATCH_INIT;
    for (size_t i = 0; i < SCANNED; i++) {
        char meta[32], header[32];
        snprintf(meta, sizeof meta, "m%zu", i);
        snprintf(header, sizeof header, "h%zu", i);
        id[i] = write_pending(f, anna, STR("bytes"), str_c(meta), str_c(header));
        assert_row(i == 0 || id[i].n > id[i - 1].n, i, "ids ascend");
        if (i % 100 == 0)
            (void)write_live(f, bert, STR("another's"), STR("m"), STR("h"));
    }
    for (size_t i = SCANNED; i-- > 0;) { /* the order of adding is not the order of ids */
        batch_add_blob(&add, id[i]);
        if (i % 3 == 0)
            batch_drop_blob(&drop, id[i]);
    }
    commit(f, anna, &add);
    commit(f, anna, &drop);
    batch_deinit(&add);
    batch_deinit(&drop);
}

static void test_a_scan_gives_records_in_order_of_id(void **state)
{
    struct fixture *f = *state;
    static const struct {
        size_t first, last;
    } ranges[] = { { 0, SCANNED - 1 },   { 1, 1 }, { 0, 0 }, { 3, 3 }, { 499, 501 },
                   { 500, SCANNED - 1 }, { 7, 2 } };
    static struct blob_id id[SCANNED];

    write_many(f, id);
    for (size_t i = 0; i < ARRAY_COUNT(ranges); i++) {
        for (int slot = BLOB_META; slot <= BLOB_HEADER; slot++) {
            size_t count = 0;
            for (size_t k = ranges[i].first; k <= ranges[i].last; k++)
                count += k % 3 != 0;
            struct expect_records e = { id, slot == BLOB_META ? 'm' : 'h', ranges[i].first, false };
            const struct blob_range range = { .slot = (enum blob_slot)slot,
                                              .first = id[ranges[i].first],
                                              .last = id[ranges[i].last],
                                              .in_passing = i % 2 };
            assert_ok(f, store_blob_scan(f->store, anna, &range, expect_record, &e, &f->err));
            assert_row(!e.wrong, i, "order or record");
            struct ids ids;
            scan_ids(f, anna, id[ranges[i].first], id[ranges[i].last], &ids);
            assert_row(ids.n == count, i, "count of records");
        }
    }
    struct expect_records all = { id, 'h', 0, false };
    const struct blob_range headers = { .slot = BLOB_HEADER, .first = BLOB_FIRST, .last = BLOB_LAST };
    assert_ok(f, store_blob_scan(f->store, anna, &headers, expect_record, &all, &f->err));
    assert_true(!all.wrong && all.next == SCANNED - 1); /* 999 is a multiple of three */
}

/* Sparse, dense, with ids that were dropped or never given; `step` 1 is all of them. */
static void test_a_scan_of_some_ids_tells_of_them_alone(void **state)
{
    struct fixture *f = *state;
    static const size_t steps[] = { 1, 2, 5, 16, 17, 18, 50, 400, 999 };
    static struct blob_id id[SCANNED];
    static uint64_t only[SCANNED + 1];

    write_many(f, id);
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        size_t count = 0, live = 0;
        struct ids ids = { .n = 0 };
        for (size_t k = 1; k < SCANNED; k += steps[i]) {
            only[count++] = id[k].n;
            live += k % 3 != 0;
        }
        only[count++] = id[SCANNED - 1].n + 5;
        const struct blob_range range = { .slot = BLOB_META,
                                          .first = { only[0] },
                                          .last = { only[count - 1] },
                                          .only = only,
                                          .only_count = count,
                                          .in_passing = i % 2 };
        assert_ok(f, store_blob_scan(f->store, anna, &range, take_id, &ids, &f->err));
        assert_row(ids.n == live, i, "count of records");
        for (size_t k = 0, at = 0; k < ids.n; k++, at++) {
            while (at < count && only[at] < ids.id[k].n)
                at++;
            assert_row(at < count && only[at] == ids.id[k].n, i, "one that was asked for, once");
        }
    }
}

static const struct blob_range all_meta = { .slot = BLOB_META, .first = { 1 }, .last = { UINT64_MAX } };

struct stop_at {
    size_t seen, stop;
    int result;
};

static int stop_record(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct stop_at *s = ctx;
    (void)id, (void)record;
    if (++s->seen < s->stop)
        return 0;
    return s->result < 0 ? err_set(err, (enum err_kind)(-s->result), "enough") : s->result;
}

static void test_a_callback_can_stop_and_fail_a_blob_scan(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int callback, scan;
    } cases[] = { { 1, 0 }, { -ERR_INVALID, -ERR_INVALID }, { -ERR_AGAIN, -ERR_AGAIN } };

    for (int i = 0; i < 3; i++)
        (void)write_live(f, anna, STR("b"), STR("m"), STR("h"));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct stop_at s = { 0, 2, cases[i].callback };
        int r = store_blob_scan(f->store, anna, &all_meta, stop_record, &s, &f->err);
        assert_row(r == cases[i].scan && s.seen == 2, i, "scan");
    }
}

/* Each callback drops the blob it was told of and adds another:
 * the scan neither misses one nor sees the new ones. */
struct replace {
    struct fixture *f;
    size_t seen;
};

static int replace_blob(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct replace *r = ctx;
    struct batch b = BATCH_INIT;
    struct blob_id next;
    uint64_t version;

    r->seen++;
    int result = str_eq(record, STR("m")) ? 0
                                          : err_set(err, ERR_INVALID, "not what was written before the scan");
    if (result == 0)
        result = store_version(r->f->store, anna, &version, err);
    if (result == 0)
        result = store_blob_write(r->f->store, anna, STR("new"), STR("new"), STR("new"), &next, err);
    if (result == 0) {
        batch_drop_blob(&b, id);
        batch_add_blob(&b, next);
        result = store_commit(r->f->store, anna, version, version + 1, &b, err);
    }
    batch_deinit(&b);
    return result;
}

static void test_a_blob_scan_does_not_see_what_its_callback_writes(void **state)
{
    struct fixture *f = *state;
    struct replace r = { f, 0 };
    struct ids ids;

    for (int i = 0; i < 5; i++)
        (void)write_live(f, anna, STR("b"), STR("m"), STR("h"));
    assert_ok(f, store_blob_scan(f->store, anna, &all_meta, replace_blob, &r, &f->err));
    assert_int_equal(r.seen, 5);
    scan_ids(f, anna, BLOB_FIRST, BLOB_LAST, &ids);
    assert_int_equal(ids.n, 5);
}

static void test_pending_blobs_belong_to_the_instance_that_wrote_them(void **state)
{
    struct fixture *f = *state;
    struct store *other;
    struct batch b = BATCH_INIT;
    struct buf out = BUF_INIT;

    if (!f->target->shares)
        return;
    assert_ok(f, f->target->open_again(f->target->ctx, &other, &f->err));
    struct blob_id id = write_pending(f, anna, STR("bytes"), STR(""), STR(""));
    batch_add_blob(&b, id);
    assert_error(f, ERR_NOT_FOUND, store_blob_read(other, anna, id, 0, 9, &out, &f->err));
    store_blob_abandon(other, anna, id);
    assert_error(f, ERR_NOT_FOUND, store_commit(other, anna, 0, 1, &b, &f->err));
    assert_ok(f, store_commit(f->store, anna, 0, 1, &b, &f->err));
    assert_ok(f, store_blob_read(other, anna, id, 0, 9, &out, &f->err)); /* live: everybody's */
    assert_str(buf_str(&out), "bytes");
    store_close(&other);
    batch_deinit(&b);
    buf_deinit(&out);
}

int conformance_run_blobs(const struct conformance_target *target)
{
    const struct CMUnitTest tests[] = {
        conformance_test(test_a_pending_blob_is_read_by_id_only),
        conformance_test(test_an_abandoned_blob_is_gone),
        conformance_test(test_a_live_blob_is_seen_by_scan_until_it_is_dropped),
        conformance_test(test_adds_and_drops_that_cannot_be_write_nothing),
        conformance_test(test_every_part_of_a_blob_can_be_read),
        conformance_test(test_a_large_blob_is_read_at_random_offsets),
        conformance_test(test_a_missing_blob_leaves_the_buffer_as_it_was),
        conformance_test(test_records_of_the_largest_size_come_back),
        conformance_test(test_a_scan_gives_records_in_order_of_id),
        conformance_test(test_a_scan_of_some_ids_tells_of_them_alone),
        conformance_test(test_a_callback_can_stop_and_fail_a_blob_scan),
        conformance_test(test_a_blob_scan_does_not_see_what_its_callback_writes),
        conformance_test(test_pending_blobs_belong_to_the_instance_that_wrote_them),
    };
    return run_group(target, "blobs", tests, ARRAY_COUNT(tests));
}
