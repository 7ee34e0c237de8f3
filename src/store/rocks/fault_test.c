/* Short of space, failing disks, damaged files, two processes: each is told apart and reported,
 * and nothing acknowledged is lost. */
#include "base/clock.h"
#include "store/rocks/rocks_testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct account_id anna = { 7 };

static struct str content(struct buf *out, uint64_t seed, size_t n)
{
    buf_clear(out);
    fixture_noise(out, seed, n);
    return buf_str(out);
}

static int put(struct fixture *f, const char *key, const char *value)
{
    struct batch b = BATCH_INIT;
    batch_put(&b, str_c(key), str_c(value));
    int r = fixture_commit(f, anna, &b);
    batch_deinit(&b);
    return r;
}

static struct store_stats stats_of(struct fixture *f)
{
    struct store_stats s;
    store_stats(f->store, &s);
    return s;
}

/* ---- failing system calls ---- */

struct workload {
    struct blob_id ids[12];
    unsigned acknowledged;
    int first_error;
};

/* Deliveries that fill several segments, until the first error. */
static void work(struct fixture *f, struct workload *w)
{
    struct buf bytes = BUF_INIT;
    struct batch b = BATCH_INIT;
    for (unsigned i = 0; i < ARRAY_COUNT(w->ids) && w->first_error == 0; i++) {
        struct blob_id id;
        size_t n = i % 5 == 4 ? 40000 : 3000 + i; /* some in files of their own */
        w->first_error = store_blob_write(f->store, anna, content(&bytes, i, n), STR("m"), STR("h"), &id,
                                          &f->err);
        if (w->first_error < 0)
            break;
        batch_clear(&b);
        batch_add_blob(&b, id);
        w->first_error = store_commit(f->store, anna, i, i + 1, &b, &f->err);
        if (w->first_error == 0)
            w->ids[w->acknowledged++] = id;
    }
    batch_deinit(&b);
    buf_deinit(&bytes);
}

static void check_acknowledged(struct fixture *f, const struct workload *w)
{
    struct buf bytes = BUF_INIT;
    for (unsigned i = 0; i < w->acknowledged; i++)
        assert_row(
            fixture_check_blob(f, anna, w->ids[i], content(&bytes, i, i % 5 == 4 ? 40000 : 3000 + i)) == 0, i,
            "blob");
    assert_true(fixture_version(f, anna) >= w->acknowledged);
    buf_deinit(&bytes);
}

static void count_damage(void *ctx, const char *what, const char *file, uint64_t offset)
{
    unsigned *count = ctx;
    (void)offset;
    assert_true(what[0] && file[0] == '/');
    (*count)++;
}

static unsigned scrub(struct fixture *f)
{
    unsigned count = 0;
    assert_int_equal(store_scrub(f->store, count_damage, &count, &f->err), 0);
    return count;
}

static void fail_each_call(int error, int expected)
{
    for (int n = 0;; n++) {
        struct fixture f;
        struct workload w = { .first_error = 0 };
        fixture_init(&f);
        atomic_store(&f.faults.calls, 0);
        atomic_store(&f.faults.error, error);
        atomic_store(&f.faults.fail_at, n);
        work(&f, &w);
        bool reached = w.first_error != 0;
        if (reached) {
            assert_row(w.first_error == expected || w.first_error == -ERR_IO, n, f.err.text);
            check_acknowledged(&f, &w); /* reads go on */
            atomic_store(&f.faults.fail_at, -1);
            if (stats_of(&f).failed) {
                assert_int_equal(put(&f, "k", "v"), -ERR_UNAVAILABLE);
                assert_int_equal(atomic_load(&f.events[ROCKS_WRITE_FAILED]), 1);
            } else {
                assert_row(w.first_error == -ERR_FULL, n, "an error that is not final");
                assert_int_equal(put(&f, "k", "v"), 0);
            }
        }
        atomic_store(&f.faults.fail_at, -1);
        fixture_reopen(&f);
        check_acknowledged(&f, &w);
        assert_int_equal(scrub(&f), 0);
        assert_int_equal(put(&f, "k", "v"), 0);
        fixture_deinit(&f);
        if (!reached)
            return;
    }
}

static void test_after_any_failed_call_what_was_acknowledged_is_there(void **state)
{
    (void)state;
    fail_each_call(EIO, -ERR_IO);
    fail_each_call(ENOSPC, -ERR_FULL);
}

/* RocksDB's own log cannot grow: Debian's build ends the process then, others report it.
 * Either way nothing is lost. */
static void test_a_failing_log_loses_nothing(void **state)
{
    (void)state;
    struct fixture f;
    int acks[2];
    uint64_t acknowledged = 0, n;
    fixture_settings(&f);
    assert_int_equal(pipe(acks), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = { 2 << 20, 2 << 20 }, no_core = { 0, 0 };
        char value[5000];
        struct batch b = BATCH_INIT;
        signal(SIGXFSZ, SIG_IGN);
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &no_core);
        (void)!freopen("/dev/null", "w", stderr);
        if (rocks_store_open(&f.options, &f.store, NULL) < 0)
            _exit(2);
        setrlimit(RLIMIT_FSIZE, &limit);
        memset(value, 'v', sizeof value);
        batch_put(&b, STR("k"), str_make(value, sizeof value));
        for (n = 1; store_commit(f.store, anna, n - 1, n, &b, NULL) == 0; n++)
            (void)!write(acks[1], &n, sizeof n);
        if (store_commit(f.store, anna, n - 1, n, &b, NULL) != -ERR_UNAVAILABLE)
            _exit(3);
        _exit(0);
    }
    close(acks[1]);
    while (read(acks[0], &n, sizeof n) == sizeof n)
        acknowledged = n;
    close(acks[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    assert_true(acknowledged > 10);
    fixture_open(&f);
    assert_true(fixture_version(&f, anna) >= acknowledged);
    fixture_deinit(&f);
}

/* ---- space ---- */

static void test_below_the_watermark_mail_is_refused_and_deleting_works(void **state)
{
    (void)state;
    struct fixture f;
    struct clock_fake clock;
    struct batch b = BATCH_INIT;
    struct blob_id id, late;
    struct stat st;
    char ballast[96];
    clock_fake_init(&clock, 1000000);
    fixture_settings(&f);
    f.options.clock = &clock.clock;
    f.options.watermark_bytes = 16 << 20;
    f.options.ballast_bytes = 1 << 20;
    atomic_store(&f.faults.free_bytes, 64 << 20);
    fixture_open(&f);
    snprintf(ballast, sizeof ballast, "%s/BALLAST", f.folder);
    assert_int_equal(stat(ballast, &st), 0);
    assert_int_equal(st.st_size, 1 << 20);
    id = fixture_deliver(&f, anna, STR("early"));
    late = fixture_put_blob(&f, anna, STR("late"));

    atomic_store(&f.faults.free_bytes, (16 << 20) - 1);
    clock_fake_advance(&clock, 101);
    assert_true(stats_of(&f).below_watermark);
    struct blob_id refused;
    assert_int_equal(store_blob_write(f.store, anna, STR("new"), STR(""), STR(""), &refused, &f.err),
                     -ERR_FULL);
    batch_add_blob(&b, late);
    assert_int_equal(fixture_commit(&f, anna, &b), -ERR_FULL);
    assert_int_equal(put(&f, "k", "v"), 0);
    assert_int_equal(stat(ballast, &st), 0);

    atomic_store(&f.faults.free_bytes, 3 << 20); /* a quarter: the ballast goes */
    clock_fake_advance(&clock, 101);
    assert_int_equal(put(&f, "k", "v2"), 0);
    assert_int_equal(stat(ballast, &st), -1);
    assert_int_equal(atomic_load(&f.events[ROCKS_BALLAST_RELEASED]), 1);
    fixture_drop(&f, anna, id);

    atomic_store(&f.faults.free_bytes, (1 << 20) - 1); /* a sixteenth: nothing more */
    clock_fake_advance(&clock, 101);
    assert_int_equal(put(&f, "k", "v3"), -ERR_FULL);
    assert_false(stats_of(&f).failed);

    atomic_store(&f.faults.free_bytes, 64 << 20); /* all is well again */
    clock_fake_advance(&clock, 101);
    assert_int_equal(fixture_commit(&f, anna, &b), 0); /* it stayed pending */
    assert_int_equal(fixture_check_blob(&f, anna, late, STR("late")), 0);
    assert_int_equal(stat(ballast, &st), 0);
    assert_int_equal(atomic_load(&f.events[ROCKS_BALLAST_RESTORED]), 1);
    fixture_deinit(&f);
    batch_deinit(&b);
}

static void test_a_batch_larger_than_what_is_left_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct batch b = BATCH_INIT;
    struct buf value = BUF_INIT;
    fixture_settings(&f);
    f.options.watermark_bytes = 16 << 20;
    atomic_store(&f.faults.free_bytes, 5 << 20);
    fixture_open(&f);
    fixture_text(&value, 1, 6 << 20);
    batch_put(&b, STR("k"), buf_str(&value));
    assert_int_equal(fixture_commit(&f, anna, &b), -ERR_FULL);
    batch_clear(&b);
    batch_put(&b, STR("k"), str_sub(buf_str(&value), 0, 2 << 20));
    assert_int_equal(fixture_commit(&f, anna, &b), 0);
    fixture_deinit(&f);
    buf_deinit(&value);
    batch_deinit(&b);
}

/* A file system that really fills up, where this process may mount one. */
static void test_a_full_file_system_never_reaches_the_log(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT;
    struct blob_id ids[4000];
    unsigned count = 0;
    fixture_settings(&f);
    if (mount("tmpfs", f.folder, "tmpfs", 0, "size=96m") < 0) {
        fixture_remove(f.folder);
        skip();
    }
    f.options.files = &rocks_file_ops_system;
    f.options.watermark_bytes = 32 << 20;
    f.options.ballast_bytes = 4 << 20;
    f.options.segment_bytes = 4 << 20;
    fixture_open(&f);
    int r = 0;
    while (count < ARRAY_COUNT(ids)) {
        struct batch b = BATCH_INIT;
        r = store_blob_write(f.store, anna, content(&bytes, count, 60000), STR("m"), STR("h"), &ids[count],
                             &f.err);
        batch_add_blob(&b, ids[count]);
        if (r == 0)
            r = fixture_commit(&f, anna, &b);
        batch_deinit(&b);
        if (r < 0)
            break;
        count++;
    }
    assert_int_equal(r, -ERR_FULL);
    assert_true(count > 100);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(fixture_check_blob(&f, anna, ids[i], content(&bytes, i, 60000)), 0);
    for (unsigned i = 0; i < count; i++)
        if (i % 3 != 0)
            fixture_drop(&f, anna, ids[i]);
    assert_int_equal(rocks_collect(f.store, &f.err), 0);
    usleep(110 * 1000);
    fixture_deliver(&f, anna, content(&bytes, 1, 60000)); /* there is room again */
    fixture_reopen(&f);
    for (unsigned i = 0; i < count; i += 3)
        assert_int_equal(fixture_check_blob(&f, anna, ids[i], content(&bytes, i, 60000)), 0);
    fixture_close(&f);
    assert_int_equal(umount(f.folder), 0);
    fixture_remove(f.folder);
    buf_deinit(&bytes);
}

/* ---- who may open it ---- */

static void test_two_processes_never_open_the_same_folder(void **state)
{
    (void)state;
    struct fixture f;
    struct store *second;
    char pid[32];
    fixture_init(&f);
    assert_int_equal(rocks_store_open(&f.options, &second, &f.err), -ERR_UNAVAILABLE);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_non_null(strstr(f.err.text, pid));
    assert_non_null(strstr(f.err.text, f.folder));
    assert_int_equal(put(&f, "k", "v"), 0); /* the first one is not disturbed */
    fixture_deinit(&f);
}

static void test_mail_without_its_database_is_not_thrown_away(void **state)
{
    (void)state;
    struct fixture f;
    char db[96], segment[96];
    fixture_init(&f);
    fixture_deliver(&f, anna, STR("precious"));
    fixture_close(&f);
    snprintf(db, sizeof db, "%s/db", f.folder);
    snprintf(segment, sizeof segment, "%s/segments/0000000001.seg", f.folder);
    fixture_remove(db);
    for (int i = 0; i < 2; i++) /* the second time as the first */
        if (rocks_store_open(&f.options, &f.store, &f.err) != -ERR_CORRUPT) {
            print_error("opened, round %d\n", i);
            fail();
        }
    assert_int_equal(access(segment, F_OK), 0);
    fixture_remove(f.folder);
}

/* ---- damage ---- */

enum { BLOBS = 12 };

struct damaged {
    struct fixture f;
    struct blob_id ids[BLOBS];
};

static void damaged_init(struct damaged *d)
{
    struct buf bytes = BUF_INIT;
    fixture_init(&d->f);
    for (unsigned i = 0; i < BLOBS; i++) {
        char key[16];
        d->ids[i] = fixture_deliver(&d->f, anna, content(&bytes, i, 3000));
        snprintf(key, sizeof key, "key%u", i);
        assert_int_equal(put(&d->f, key, key), 0);
    }
    fixture_close(&d->f);
    buf_deinit(&bytes);
}

/* Reads all there is: nothing may be wrong or missing without an error.
 * Returns how many reads were refused. */
static unsigned refused_reads(struct damaged *d)
{
    struct buf bytes = BUF_INIT, value = BUF_INIT;
    unsigned refused = 0;
    for (unsigned i = 0; i < BLOBS; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%u", i);
        int r = fixture_check_blob(&d->f, anna, d->ids[i], content(&bytes, i, 3000));
        assert_row(r == 0 || r == -ERR_CORRUPT, i, d->f.err.text);
        refused += r != 0;
        buf_clear(&value);
        r = store_get(d->f.store, anna, str_c(key), &value, &d->f.err);
        assert_row(r == -ERR_CORRUPT || (r == 0 && str_eq(buf_str(&value), str_c(key))), i, d->f.err.text);
        refused += r != 0;
    }
    buf_deinit(&bytes);
    buf_deinit(&value);
    return refused;
}

/* The paths of the files of `folder` that end so; at most `max`. */
static unsigned list_files(const char *folder, const char *ending, char paths[][160], unsigned max)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;
    unsigned n = 0;
    assert_non_null(dir);
    while ((e = readdir(dir)) && n < max)
        if (str_ends(str_c(e->d_name), str_c(ending)))
            snprintf(paths[n++], sizeof paths[0], "%s/%.60s", folder, e->d_name);
    closedir(dir);
    return n;
}

static void flip(const char *path, off_t at)
{
    char c;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 0x20;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void test_damage_in_a_segment_is_reported_and_never_served(void **state)
{
    (void)state;
    struct damaged d;
    char path[128];
    damaged_init(&d);
    snprintf(path, sizeof path, "%s/segments/0000000001.seg", d.f.folder);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    unsigned noticed = 0;
    for (off_t at = 40; at < st.st_size; at += 997) {
        flip(path, at);
        fixture_open(&d.f);
        unsigned refused = refused_reads(&d), found = scrub(&d.f);
        assert_row(refused == found, at, "scrub and reads disagree");
        noticed += refused > 0;
        fixture_close(&d.f);
        flip(path, at);
    }
    assert_true(noticed > 30); /* all but those in padding */
    assert_int_equal(truncate(path, st.st_size / 2), 0);
    fixture_open(&d.f);
    assert_true(atomic_load(&d.f.events[ROCKS_DAMAGE]) > 0); /* told at open already */
    assert_true(refused_reads(&d) >= BLOBS / 2 - 1);
    assert_true(scrub(&d.f) >= BLOBS / 2 - 1);
    fixture_close(&d.f);
    assert_int_equal(unlink(path), 0);
    fixture_open(&d.f);
    assert_int_equal(refused_reads(&d), BLOBS);
    assert_int_equal(scrub(&d.f), BLOBS);
    fixture_deinit(&d.f);
}

static void test_damage_in_a_table_of_the_database_is_reported_and_never_served(void **state)
{
    (void)state;
    struct damaged d;
    char db[96], paths[16][160];
    unsigned noticed = 0, files;
    damaged_init(&d);
    fixture_open(&d.f); /* puts what was in the log into tables */
    fixture_close(&d.f);
    snprintf(db, sizeof db, "%s/db", d.f.folder);
    files = list_files(db, ".sst", paths, 16);
    assert_true(files > 0);
    for (unsigned i = 0; i < files; i++) {
        struct stat st;
        assert_int_equal(stat(paths[i], &st), 0);
        for (off_t at = 3; at < st.st_size; at += st.st_size / 5 + 1) {
            flip(paths[i], at);
            int r = rocks_store_open(&d.f.options, &d.f.store, &d.f.err);
            if (r == 0) {
                unsigned refused = refused_reads(&d), found = scrub(&d.f);
                assert_row(refused == 0 || found > 0, at, "scrub did not see it");
                noticed += found > 0;
                fixture_close(&d.f);
            } else {
                assert_row(r == -ERR_CORRUPT || r == -ERR_IO, at, d.f.err.text);
                noticed++;
            }
            flip(paths[i], at);
            /* Opening may have written anew what it could still read; only an unchanged file goes on. */
            if (stat(paths[i], &st) < 0)
                break;
        }
    }
    assert_true(noticed > files);
    fixture_remove(d.f.folder);
}

static void test_damage_in_the_log_is_refused(void **state)
{
    (void)state;
    struct damaged d;
    char db[96], paths[4][160];
    struct stat st;
    damaged_init(&d);
    snprintf(db, sizeof db, "%s/db", d.f.folder);
    unsigned files = list_files(db, ".log", paths, 4);
    assert_int_equal(files, 1);
    int fd = open(paths[0], O_RDONLY);
    struct buf log = BUF_INIT;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(read(fd, buf_reserve(&log, (size_t)st.st_size), (size_t)st.st_size), st.st_size);
    close(fd);
    log.n = (size_t)st.st_size;
    while (log.n > 0 && log.p[log.n - 1] == '\0')
        log.n--;
    for (off_t at = 10; at < (off_t)log.n / 2; at += 101) {
        flip(paths[0], at);
        int r = rocks_store_open(&d.f.options, &d.f.store, &d.f.err);
        assert_row(r == -ERR_CORRUPT, at, "opened in spite of a damaged log");
        assert_int_equal(stat(paths[0], &st), 0);
        flip(paths[0], at);
    }
    fixture_open(&d.f);
    assert_int_equal(refused_reads(&d), 0);
    fixture_deinit(&d.f);
    buf_deinit(&log);
}

static void test_what_a_crash_left_behind_the_last_commit_is_cut(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT;
    char path[96];
    struct stat st;
    fixture_init(&f);
    struct blob_id id = fixture_deliver(&f, anna, content(&bytes, 1, 500));
    fixture_close(&f);
    snprintf(path, sizeof path, "%s/segments/0000000001.seg", f.folder);
    assert_int_equal(stat(path, &st), 0);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_true(fputs("torn", file) > 0);
    assert_int_equal(fclose(file), 0);
    fixture_open(&f);
    struct blob_id next = fixture_deliver(&f, anna, content(&bytes, 2, 500));
    fixture_close(&f);
    struct stat after;
    assert_int_equal(stat(path, &after), 0);
    /* The second record lies behind the first. */
    assert_true(after.st_size == st.st_size + (st.st_size - 32));
    fixture_open(&f);
    assert_int_equal(fixture_check_blob(&f, anna, id, content(&bytes, 1, 500)), 0);
    assert_int_equal(fixture_check_blob(&f, anna, next, content(&bytes, 2, 500)), 0);
    fixture_deinit(&f);
    buf_deinit(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: it forks, and RocksDB's threads would not come along. */
        cmocka_unit_test(test_a_failing_log_loses_nothing),
        cmocka_unit_test(test_after_any_failed_call_what_was_acknowledged_is_there),
        cmocka_unit_test(test_below_the_watermark_mail_is_refused_and_deleting_works),
        cmocka_unit_test(test_a_batch_larger_than_what_is_left_is_refused),
        cmocka_unit_test(test_a_full_file_system_never_reaches_the_log),
        cmocka_unit_test(test_two_processes_never_open_the_same_folder),
        cmocka_unit_test(test_mail_without_its_database_is_not_thrown_away),
        cmocka_unit_test(test_damage_in_a_segment_is_reported_and_never_served),
        cmocka_unit_test(test_damage_in_a_table_of_the_database_is_reported_and_never_served),
        cmocka_unit_test(test_damage_in_the_log_is_refused),
        cmocka_unit_test(test_what_a_crash_left_behind_the_last_commit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
