/* Space comes back, and nothing that is alive is ever lost or wrong meanwhile.
 * Checkpoints share files with all of this. */
#include "base/clock.h"
#include "store/rocks/rocks_testing.h"

#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOBS = 40, BLOB_BYTES = 4000 };
static const struct account_id anna = { 7 };

static unsigned count_segments(const char *folder)
{
    char path[128];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/segments", folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    const struct dirent *e;
    while ((e = readdir(dir)))
        n += str_ends(str_c(e->d_name), STR(".seg"));
    closedir(dir);
    return n;
}

static struct str content(struct buf *out, uint64_t seed)
{
    buf_clear(out);
    fixture_noise(out, seed, BLOB_BYTES - seed % 7);
    return buf_str(out);
}

static void count_damage(void *ctx, const char *what, const char *file, uint64_t offset)
{
    unsigned *count = ctx;
    print_message("damage: %s (%s, %llu)\n", what, file, (unsigned long long)offset);
    (*count)++;
}

static void scrubs_clean(struct fixture *f)
{
    unsigned damages = 0;
    assert_int_equal(store_scrub(f->store, count_damage, &damages, &f->err), 0);
    assert_int_equal(damages, 0);
}

static struct store_stats stats_of(struct fixture *f)
{
    struct store_stats s;
    store_stats(f->store, &s);
    return s;
}

static void test_a_collected_segment_gives_its_space_back(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT;
    struct blob_id ids[BLOBS];
    fixture_init(&f);
    for (size_t i = 0; i < BLOBS; i++)
        ids[i] = fixture_deliver(&f, anna, content(&bytes, i));
    for (size_t i = 0; i < BLOBS; i++) /* their places are known, and will not be theirs */
        assert_row(fixture_check_blob(&f, anna, ids[i], content(&bytes, i)) == 0, i, "blob");
    unsigned files = count_segments(f.folder);
    for (size_t i = 0; i < BLOBS; i++)
        if (i % 4 != 0)
            fixture_drop(&f, anna, ids[i]);
    struct store_stats before = stats_of(&f);
    assert_int_equal(rocks_collect(f.store, &f.err), 0);
    struct store_stats after = stats_of(&f);
    assert_true(count_segments(f.folder) < files);
    assert_true(atomic_load(&f.events[ROCKS_SEGMENT_COLLECTED]) > 0);
    assert_true(after.dead_bytes < before.dead_bytes / 2);
    assert_true(after.blob_bytes_raw == before.blob_bytes_raw);
    assert_true(after.blob_bytes_stored == before.blob_bytes_stored);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < BLOBS; i++)
            assert_row(fixture_check_blob(&f, anna, ids[i], content(&bytes, i)) ==
                           (i % 4 ? -ERR_NOT_FOUND : 0),
                       i, "blob");
        assert_true(stats_of(&f).blob_bytes_raw == after.blob_bytes_raw);
        scrubs_clean(&f);
        fixture_reopen(&f);
    }
    fixture_deinit(&f);
    buf_deinit(&bytes);
}

static void test_an_empty_segment_goes_by_itself(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT;
    struct blob_id ids[BLOBS];
    fixture_init(&f);
    for (size_t i = 0; i < BLOBS; i++)
        ids[i] = fixture_deliver(&f, anna, content(&bytes, i));
    unsigned files = count_segments(f.folder);
    assert_true(files > 2);
    for (size_t i = 0; i < BLOBS; i++)
        fixture_drop(&f, anna, ids[i]);
    for (int i = 0; i < 5000 && count_segments(f.folder) > 1; i++)
        usleep(1000);
    assert_int_equal(count_segments(f.folder), 1); /* the head */
    fixture_deinit(&f);
    buf_deinit(&bytes);
}

static void test_a_segment_with_damage_is_kept(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT;
    struct blob_id ids[BLOBS];
    char path[128];
    fixture_init(&f);
    for (size_t i = 0; i < BLOBS; i++)
        ids[i] = fixture_deliver(&f, anna, content(&bytes, i));
    snprintf(path, sizeof path, "%s/segments/0000000001.seg", f.folder);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 500, SEEK_SET), 0); /* in the first record */
    assert_true(fputs("damage", file) > 0);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 3; i < BLOBS; i++)
        fixture_drop(&f, anna, ids[i]);
    assert_int_equal(rocks_collect(f.store, &f.err), 0);
    assert_true(atomic_load(&f.events[ROCKS_DAMAGE]) > 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(fixture_check_blob(&f, anna, ids[0], content(&bytes, 0)), -ERR_CORRUPT);
    assert_int_equal(fixture_check_blob(&f, anna, ids[1], content(&bytes, 1)), 0);
    assert_int_equal(fixture_check_blob(&f, anna, ids[2], content(&bytes, 2)), 0);
    fixture_drop(&f, anna, ids[0]); /* the way to be rid of it */
    fixture_reopen(&f);
    assert_int_equal(rocks_collect(f.store, &f.err), 0);
    assert_int_equal(access(path, F_OK), -1);
    scrubs_clean(&f);
    fixture_deinit(&f);
    buf_deinit(&bytes);
}

static void test_a_large_blob_has_a_file_of_its_own(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT, part = BUF_INIT;
    fixture_init(&f);
    fixture_noise(&bytes, 1, 700000);
    fixture_text(&bytes, 2, 700000);
    struct blob_id large = fixture_deliver(&f, anna, buf_str(&bytes));
    assert_int_equal(count_segments(f.folder), 1);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(fixture_check_blob(&f, anna, large, buf_str(&bytes)), 0);
        assert_int_equal(store_blob_read(f.store, anna, large, 699999, 300000, &part, &f.err), 0);
        assert_true(str_eq(buf_str(&part), str_sub(buf_str(&bytes), 699999, 300000)));
        buf_clear(&part);
        fixture_reopen(&f);
    }
    scrubs_clean(&f);
    fixture_drop(&f, anna, large);
    assert_int_equal(rocks_collect(f.store, &f.err), 0);
    fixture_reopen(&f);
    assert_true(stats_of(&f).blob_bytes_raw == 0);
    assert_int_equal(fixture_check_blob(&f, anna, large, buf_str(&bytes)), -ERR_NOT_FOUND);
    fixture_deinit(&f);
    buf_deinit(&bytes);
    buf_deinit(&part);
}

static void test_many_segments_are_read_with_few_descriptors(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT;
    struct blob_id ids[3 * BLOBS];
    fixture_init(&f); /* 4 stay open */
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++)
        ids[i] = fixture_deliver(&f, anna, content(&bytes, i));
    assert_true(count_segments(f.folder) > 6);
    for (size_t i = 0; i < 4 * ARRAY_COUNT(ids); i++) {
        size_t n = i * 37 % ARRAY_COUNT(ids);
        assert_int_equal(fixture_check_blob(&f, anna, ids[n], content(&bytes, n)), 0);
    }
    unsigned open_files = 0;
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *e;
    char link[512], target[512];
    while (dir && (e = readdir(dir))) {
        snprintf(link, sizeof link, "/proc/self/fd/%s", e->d_name);
        ssize_t n = readlink(link, target, sizeof target);
        open_files += n > 0 && str_ends(str_make(target, (size_t)n), STR(".seg"));
    }
    closedir(dir);
    assert_true(open_files <= 5); /* and the head */
    fixture_deinit(&f);
    buf_deinit(&bytes);
}

static void test_a_dropped_account_is_collected(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT;
    const struct account_id bob = { 8 };
    struct blob_id kept = { 0 };
    fixture_init(&f);
    for (size_t i = 0; i < 700; i++) { /* more than one step of the drop */
        fixture_deliver(&f, anna, STR("small"));
        if (i == 350)
            kept = fixture_deliver(&f, bob, content(&bytes, 1));
    }
    assert_int_equal(store_drop_account(f.store, anna, &f.err), 0);
    assert_true(stats_of(&f).blob_bytes_raw == BLOB_BYTES - 1);
    fixture_reopen(&f);
    assert_true(stats_of(&f).blob_bytes_raw == BLOB_BYTES - 1);
    assert_int_equal(rocks_collect(f.store, &f.err), 0);
    assert_int_equal(fixture_check_blob(&f, bob, kept, content(&bytes, 1)), 0);
    scrubs_clean(&f);
    fixture_deinit(&f);
    buf_deinit(&bytes);
}

/* ---- everybody at once ---- */

enum { WRITERS = 3, READERS = 2, ROUNDS = 150, SLOTS = 24 };

struct race {
    struct fixture *f;
    atomic_bool stop;
    struct slot {
        _Atomic uint64_t id, seed; /* seed is stored first; id 0: nothing there */
    } slots[WRITERS][SLOTS];
    atomic_uint reads;
};

struct racer {
    struct race *race;
    unsigned index;
};

/* Each writer has an account of its own; replaces a blob by a newer one in one commit. */
static void *race_write(void *arg)
{
    const struct racer *me = arg;
    struct race *race = me->race;
    struct store *store = race->f->store;
    struct account_id account = { me->index + 1 };
    struct buf bytes = BUF_INIT;
    struct batch b = BATCH_INIT;
    struct err err;
    uint64_t version = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct slot *slot = &race->slots[me->index][i * 7 % SLOTS];
        uint64_t seed = i * WRITERS + me->index + 1, old = atomic_load(&slot->id);
        struct blob_id id;
        if (store_blob_write(store, account, content(&bytes, seed), STR("m"), STR("h"), &id, &err) < 0)
            abort();
        batch_clear(&b);
        batch_add_blob(&b, id);
        if (old != 0)
            batch_drop_blob(&b, (struct blob_id){ old });
        if (store_commit(store, account, version, version + 1, &b, &err) < 0)
            abort();
        version++;
        atomic_store(&slot->id, 0);
        atomic_store(&slot->seed, seed);
        atomic_store(&slot->id, id.n);
    }
    batch_deinit(&b);
    buf_deinit(&bytes);
    return NULL;
}

static void *race_read(void *arg)
{
    const struct racer *me = arg;
    struct race *race = me->race;
    struct buf want = BUF_INIT, got = BUF_INIT;
    struct err err;
    for (unsigned i = me->index; !atomic_load(&race->stop); i += 13) {
        unsigned writer = i % WRITERS;
        struct slot *slot = &race->slots[writer][i % SLOTS];
        uint64_t id = atomic_load(&slot->id), seed = atomic_load(&slot->seed);
        if (id == 0 || atomic_load(&slot->id) != id)
            continue;
        buf_clear(&got);
        int r = store_blob_read(race->f->store, (struct account_id){ writer + 1 }, (struct blob_id){ id }, 0,
                                UINT64_MAX, &got, &err);
        if (r != 0 && r != -ERR_NOT_FOUND)
            abort();
        if (r == 0 && !str_eq(buf_str(&got), content(&want, seed)))
            abort();
        atomic_fetch_add(&race->reads, r == 0);
    }
    buf_deinit(&want);
    buf_deinit(&got);
    return NULL;
}

static void test_collecting_disturbs_neither_readers_nor_writers(void **state)
{
    (void)state;
    struct fixture f;
    static struct race race;
    struct buf bytes = BUF_INIT;
    fixture_settings(&f);
    f.options.collect_interval_ms = 1;
    f.options.collect_bytes_per_s = 0;
    f.options.collect_below_percent = 80;
    fixture_open(&f);
    race = (struct race){ .f = &f };
    pthread_t writers[WRITERS], readers[READERS];
    struct racer w[WRITERS], r[READERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        w[i] = (struct racer){ &race, i };
        assert_int_equal(pthread_create(&writers[i], NULL, race_write, &w[i]), 0);
    }
    for (unsigned i = 0; i < READERS; i++) {
        r[i] = (struct racer){ &race, i };
        assert_int_equal(pthread_create(&readers[i], NULL, race_read, &r[i]), 0);
    }
    char copy[96];
    snprintf(copy, sizeof copy, "%s-copy", f.folder);
    assert_int_equal(store_checkpoint(f.store, copy, &f.err), 0); /* in the middle of it */
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&race.stop, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    assert_true(atomic_load(&f.events[ROCKS_SEGMENT_COLLECTED]) > 0);
    for (int round = 0; round < 2; round++) {
        uint64_t live = 0;
        for (unsigned i = 0; i < WRITERS; i++)
            for (unsigned s = 0; s < SLOTS; s++) {
                struct str want = content(&bytes, atomic_load(&race.slots[i][s].seed));
                struct blob_id id = { atomic_load(&race.slots[i][s].id) };
                assert_int_equal(fixture_check_blob(&f, (struct account_id){ i + 1 }, id, want), 0);
                live += want.n;
            }
        assert_true(stats_of(&f).blob_bytes_raw == live);
        assert_int_equal(atomic_load(&f.events[ROCKS_DAMAGE]), 0);
        scrubs_clean(&f);
        fixture_reopen(&f);
    }
    fixture_deinit(&f);
    f.options.folder = copy; /* the copy is whole, too */
    fixture_open(&f);
    scrubs_clean(&f);
    fixture_close(&f);
    fixture_remove(copy);
    buf_deinit(&bytes);
}

/* ---- checkpoints ---- */

static void test_a_checkpoint_and_its_original_do_not_hurt_each_other(void **state)
{
    (void)state;
    struct fixture f, copy;
    struct buf bytes = BUF_INIT;
    struct blob_id before, after, in_copy;
    char folder[96];
    fixture_init(&f);
    before = fixture_deliver(&f, anna, content(&bytes, 1));
    snprintf(folder, sizeof folder, "%s-copy", f.folder);
    assert_int_equal(store_checkpoint(f.store, folder, &f.err), 0);
    assert_int_equal(store_checkpoint(f.store, folder, &f.err), -ERR_EXISTS);
    after = fixture_deliver(&f, anna, content(&bytes, 2));

    copy = f;
    copy.options.folder = folder;
    copy.options.files = &rocks_file_ops_system;
    copy.options.event = NULL;
    fixture_open(&copy);
    assert_true(fixture_version(&copy, anna) == 1);
    assert_int_equal(fixture_check_blob(&copy, anna, before, content(&bytes, 1)), 0);
    assert_int_equal(fixture_check_blob(&copy, anna, after, content(&bytes, 2)), -ERR_NOT_FOUND);
    in_copy = fixture_deliver(&copy, anna, content(&bytes, 3));
    for (int i = 0; i < 2;
         i++) { /* both go on, both are opened again, both drop and collect what they share */
        fixture_reopen(&copy);
        fixture_reopen(&f);
        assert_int_equal(fixture_check_blob(&copy, anna, in_copy, content(&bytes, 3)), 0);
        assert_int_equal(fixture_check_blob(&f, anna, after, content(&bytes, 2)), 0);
        fixture_deliver(&f, anna, content(&bytes, 4));
        fixture_deliver(&copy, anna, content(&bytes, 5));
    }
    fixture_drop(&copy, anna, before);
    assert_int_equal(rocks_collect(copy.store, &copy.err), 0);
    fixture_reopen(&copy);
    assert_int_equal(fixture_check_blob(&f, anna, before, content(&bytes, 1)), 0);
    scrubs_clean(&f);
    scrubs_clean(&copy);
    fixture_close(&copy);
    fixture_remove(folder);
    fixture_deinit(&f);
    buf_deinit(&bytes);
}

static void test_nothing_is_left_of_a_checkpoint_that_failed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    assert_int_equal(store_checkpoint(f.store, "/nonexistent/copy", &f.err), -ERR_IO);
    assert_non_null(strstr(f.err.text, "/nonexistent/copy"));
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_collected_segment_gives_its_space_back),
        cmocka_unit_test(test_an_empty_segment_goes_by_itself),
        cmocka_unit_test(test_a_segment_with_damage_is_kept),
        cmocka_unit_test(test_a_large_blob_has_a_file_of_its_own),
        cmocka_unit_test(test_many_segments_are_read_with_few_descriptors),
        cmocka_unit_test(test_a_dropped_account_is_collected),
        cmocka_unit_test(test_collecting_disturbs_neither_readers_nor_writers),
        cmocka_unit_test(test_a_checkpoint_and_its_original_do_not_hurt_each_other),
        cmocka_unit_test(test_nothing_is_left_of_a_checkpoint_that_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
