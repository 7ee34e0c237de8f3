/* Many blobs dropped by one commit: an engine may do that in another way than for one. */
#include "store/conformance_impl.h"

static const struct account_id anna = { 7 }, bert = { 8 };

enum { MANY = 1200 };

/* Blobs of anna with those of bert between them; `live` of anna's are committed. */
struct many {
    struct blob_id anna[MANY], bert[MANY / 8];
};

static void write_all(struct fixture *f, struct many *m)
{
    struct batch for_anna = BATCH_INIT, for_bert = BATCH_INIT;
    for (size_t i = 0; i < MANY; i++) {
        m->anna[i] = write_pending(f, anna, STR("bytes"), STR("meta"), STR("header"));
        batch_add_blob(&for_anna, m->anna[i]);
        if (i % 8 == 0) {
            m->bert[i / 8] = write_pending(f, bert, STR("bytes"), STR("meta"), STR("header"));
            batch_add_blob(&for_bert, m->bert[i / 8]);
        }
    }
    commit(f, anna, &for_anna);
    commit(f, bert, &for_bert);
    batch_deinit(&for_anna);
    batch_deinit(&for_bert);
}

static void count_damage(void *ctx, const char *what, const char *file, uint64_t offset)
{
    (void)what, (void)file, (void)offset;
    ++*(size_t *)ctx;
}

/* Of anna's blobs exactly those are live which `keeps` says, in every respect; and all of bert's. */
static void assert_live(struct fixture *f, const struct many *m, bool (*keeps)(size_t i), size_t row)
{
    static struct ids ids;
    size_t damage = 0, n = 0;
    for (enum blob_slot slot = BLOB_META; slot <= BLOB_HEADER; slot++) {
        const struct blob_range all = { .slot = slot, .first = BLOB_FIRST, .last = BLOB_LAST };
        ids.n = n = 0;
        assert_ok(f, store_blob_scan(f->store, anna, &all, take_id, &ids, &f->err));
        for (size_t i = 0; i < MANY; i++)
            if (keeps(i))
                assert_row(n < ids.n && ids.id[n++].n == m->anna[i].n, row, "a blob that stays");
        assert_row(n == ids.n, row, "no other");
    }
    for (size_t i = 0; i < MANY; i++)
        assert_row(is_readable(f, anna, m->anna[i]) == keeps(i), row, "bytes of what stays");
    scan_ids(f, bert, BLOB_FIRST, BLOB_LAST, &ids);
    assert_row(ids.n == MANY / 8, row, "those of another account");
    assert_ok(f, store_scrub(f->store, count_damage, &damage, &f->err));
    assert_row(damage == 0, row, "scrub");
}

static bool keeps_none(size_t i)
{
    (void)i;
    return false;
}

static bool keeps_all(size_t i)
{
    (void)i;
    return true;
}

static bool keeps_some(size_t i)
{
    return i % 700 == 600;
}

static bool keeps_a_third(size_t i)
{
    return i % 3 == 0;
}

static bool keeps_most(size_t i)
{
    return i % 80 != 7;
}

static bool keeps_a_block(size_t i)
{
    return i >= 700 && i < 900;
}

static bool keeps_the_ends(size_t i)
{
    return i == 0 || i == MANY - 1;
}

static void drop_others(const struct many *m, bool (*keeps)(size_t i), struct batch *b)
{
    for (size_t i = 0; i < MANY; i++)
        if (!keeps(i))
            batch_drop_blob(b, m->anna[i]);
}

static void drop_rest(struct fixture *f, const struct many *m, bool (*keeps)(size_t i))
{
    struct batch b = BATCH_INIT;
    for (size_t i = 0; i < MANY; i++)
        if (keeps(i))
            batch_drop_blob(&b, m->anna[i]);
    commit(f, anna, &b);
    batch_clear(&b);
    for (size_t i = 0; i < MANY / 8; i++)
        batch_drop_blob(&b, m->bert[i]);
    commit(f, bert, &b);
    batch_deinit(&b);
}

static void test_many_are_dropped_at_once_and_no_other(void **state)
{
    struct fixture *f = *state;
    static bool (*const patterns[])(size_t i) = {
        keeps_none, keeps_some, keeps_a_third, keeps_most, keeps_a_block, keeps_the_ends,
    };
    static struct many m;
    for (size_t i = 0; i < ARRAY_COUNT(patterns); i++) {
        struct batch b = BATCH_INIT;
        write_all(f, &m);
        assert_live(f, &m, keeps_all, i); /* an engine may remember where they are */
        drop_others(&m, patterns[i], &b);
        commit(f, anna, &b);
        assert_live(f, &m, patterns[i], i);
        if (restart(f))
            assert_live(f, &m, patterns[i], i);
        drop_rest(f, &m, patterns[i]);
        batch_deinit(&b);
    }
}

/* One that cannot be, wherever among the many: nothing is dropped. */
static void test_many_drops_with_one_that_cannot_be_write_nothing(void **state)
{
    struct fixture *f = *state;
    static struct many m;
    static const size_t places[] = { 0, 1, 600, MANY - 1 };
    write_all(f, &m);
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        struct batch b = BATCH_INIT;
        for (size_t k = 0; k < MANY; k++) {
            batch_drop_blob(&b, m.anna[k]);
            if (k == places[i])
                batch_drop_blob(&b, k < MANY - 1 ? (struct blob_id){ m.anna[k].n + (k % 8 == 0) }
                                                 : (struct blob_id){ UINT64_MAX });
        }
        uint64_t version = version_of(f, anna);
        assert_error(f, ERR_NOT_FOUND, store_commit(f->store, anna, version, version + 1, &b, &f->err));
        assert_live(f, &m, keeps_all, i);
        batch_deinit(&b);
    }
}

static void test_many_drops_again_are_refused(void **state)
{
    struct fixture *f = *state;
    static struct many m;
    struct batch b = BATCH_INIT;
    write_all(f, &m);
    drop_others(&m, keeps_none, &b);
    batch_drop_blob(&b, m.anna[800]); /* in the same batch, behind a range */
    assert_error(f, ERR_NOT_FOUND, store_commit(f->store, anna, 1, 2, &b, &f->err));
    assert_live(f, &m, keeps_all, 0);
    batch_clear(&b);
    drop_others(&m, keeps_none, &b);
    commit(f, anna, &b);
    assert_error(f, ERR_NOT_FOUND, store_commit(f->store, anna, 2, 3, &b, &f->err));
    assert_live(f, &m, keeps_none, 1);
    batch_deinit(&b);
}

/* A blob that lies among those which go, but is live only later. */
static void test_what_is_added_among_many_drops_lives(void **state)
{
    struct fixture *f = *state;
    struct batch add = BATCH_INIT, drop = BATCH_INIT;
    struct blob_id early = { 0 }, late = { 0 };
    for (size_t i = 0; i < MANY; i++) {
        struct blob_id id = write_pending(f, anna, STR("bytes"), STR("meta"), STR("header"));
        if (i == 700)
            early = id;
        else if (i == 800)
            late = id;
        else
            batch_add_blob(&add, id);
        if (i != 700 && i != 800)
            batch_drop_blob(&drop, id);
    }
    commit(f, anna, &add);
    batch_clear(&add);
    batch_add_blob(&drop, early); /* in the same batch, behind the drops */
    commit(f, anna, &drop);
    assert_true(is_live(f, anna, early) && is_readable(f, anna, early));
    batch_add_blob(&add, late);
    commit(f, anna, &add);
    for (int again = 0; again < 2; again++) {
        static struct ids ids;
        scan_ids(f, anna, BLOB_FIRST, BLOB_LAST, &ids);
        assert_int_equal(ids.n, 2);
        assert_true(is_readable(f, anna, early) && is_readable(f, anna, late));
        if (!restart(f))
            break;
    }
    batch_deinit(&add);
    batch_deinit(&drop);
}

/* All in one batch: what it adds is dropped before it is there. */
static void test_many_are_added_and_dropped_in_one_batch(void **state)
{
    struct fixture *f = *state;
    struct batch b = BATCH_INIT;
    static struct blob_id id[MANY];
    static struct ids ids;
    for (size_t i = 0; i < MANY; i++) {
        id[i] = write_pending(f, anna, STR("bytes"), STR("meta"), STR("header"));
        batch_add_blob(&b, id[i]);
    }
    for (size_t i = 0; i < MANY; i++)
        if (i != 5)
            batch_drop_blob(&b, id[i]);
    commit(f, anna, &b);
    scan_ids(f, anna, BLOB_FIRST, BLOB_LAST, &ids);
    assert_true(ids.n == 1 && ids.id[0].n == id[5].n);
    batch_deinit(&b);
}

int conformance_run_drops(const struct conformance_target *target)
{
    const struct CMUnitTest tests[] = {
        conformance_test(test_many_are_dropped_at_once_and_no_other),
        conformance_test(test_many_drops_with_one_that_cannot_be_write_nothing),
        conformance_test(test_many_drops_again_are_refused),
        conformance_test(test_what_is_added_among_many_drops_lives),
        conformance_test(test_many_are_added_and_dropped_in_one_batch),
    };
    return run_group(target, "drops", tests, ARRAY_COUNT(tests));
}
