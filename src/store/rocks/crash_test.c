/* kill -9 in the middle of everything, again and again: what was acknowledged is there, whole; what was
 * dropped is gone; ids are never given twice. The writer is this program run again (RocksDB's threads do not
 * survive a fork), and acknowledges through a pipe. */
#include "base/codec.h"
#include "base/rand.h"
#include "store/rocks/rocks_testing.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 12, KEEP = 12, LIFE_MS_MAX = 120 };

enum ack_kind { ACK_DELIVERED, ACK_DROPPING, ACK_CHANGED };

struct ack {
    uint32_t kind, thread;
    uint64_t id, seed, version;
};

static struct str content(struct buf *out, uint64_t seed)
{
    buf_clear(out);
    if (seed % 2)
        fixture_noise(out, seed, 100 + seed % 9000); /* the largest in files of their own */
    else
        fixture_text(out, seed, 100 + seed % 9000);
    return buf_str(out);
}

static void settings(struct rocks_options *o, const char *folder)
{
    *o = rocks_options_default();
    o->folder = folder;
    o->segment_bytes = 128 << 10;
    o->watermark_bytes = 0;
    o->ballast_bytes = 0;
    o->collect_interval_ms = 2;
    o->collect_below_percent = 70;
    o->collect_bytes_per_s = 0;
}

/* ---- the writer ---- */

struct writer {
    struct store *store;
    int out;
    uint32_t thread;
    struct {
        uint64_t id;
    } kept[KEEP];
};

static void tell(const struct writer *w, enum ack_kind kind, uint64_t id, uint64_t seed, uint64_t version)
{
    struct ack a = { kind, w->thread, id, seed, version };
    if (write(w->out, &a, sizeof a) != sizeof a) /* below PIPE_BUF: whole or not at all */
        _exit(4);
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    struct account_id account = { w->thread + 1 };
    struct buf bytes = BUF_INIT;
    struct batch b = BATCH_INIT;
    struct blob_id id;
    uint64_t version;
    if (store_version(w->store, account, &version, NULL) < 0)
        _exit(5);
    for (uint64_t i = 0;; i++) {
        batch_clear(&b);
        if (i % 3 == 2) { /* a change of state alone */
            char value[8];
            store_u64(value, version + 1);
            batch_put(&b, STR("version"), str_make(value, sizeof value));
            if (store_commit(w->store, account, version, version + 1, &b, NULL) < 0)
                _exit(6);
            tell(w, ACK_CHANGED, 0, 0, ++version);
            continue;
        }
        uint64_t seed = version * THREADS + w->thread, *slot = &w->kept[i % KEEP].id;
        if (store_blob_write(w->store, account, content(&bytes, seed), STR("m"), STR("h"), &id, NULL) < 0)
            _exit(7);
        batch_add_blob(&b, id);
        if (*slot != 0) {
            tell(w, ACK_DROPPING, *slot, 0, version);
            batch_drop_blob(&b, (struct blob_id){ *slot });
        }
        if (store_commit(w->store, account, version, version + 1, &b, NULL) < 0)
            _exit(8);
        version++;
        *slot = id.n;
        tell(w, ACK_DELIVERED, id.n, seed, version);
    }
}

static int write_until_killed(const char *folder, int out)
{
    struct rocks_options o;
    struct store *store;
    struct err err;
    pthread_t ids[THREADS];
    static struct writer writers[THREADS];
    settings(&o, folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (rocks_store_open(&o, &store, &err) < 0) {
        fprintf(stderr, "writer: %s\n", err.text);
        return 3;
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){ .store = store, .out = out, .thread = i };
        if (pthread_create(&ids[i], NULL, writer_main, &writers[i]) != 0)
            return 3;
    }
    for (;;)
        pause();
}

/* ---- what the writer said ---- */

struct blob_fact {
    uint64_t id, seed, thread;
    bool dropping, dropped; /* dropped: a later commit of its account was acknowledged */
};

struct facts {
    struct blob_fact *blobs;
    size_t count, cap;
    uint64_t versions[THREADS];
};

static void note(struct facts *f, const struct ack *a)
{
    if (a->kind != ACK_DROPPING && a->version > f->versions[a->thread])
        f->versions[a->thread] = a->version;
    if (a->kind == ACK_DELIVERED) {
        for (size_t i = 0; i < f->count; i++) {
            assert_true(f->blobs[i].id != a->id); /* given twice */
            if (f->blobs[i].thread == a->thread && f->blobs[i].dropping)
                f->blobs[i].dropped = true;
        }
        if (f->count == f->cap) {
            f->cap = f->cap ? f->cap * 2 : 256;
            f->blobs = realloc(f->blobs, f->cap * sizeof *f->blobs);
            assert_non_null(f->blobs);
        }
        f->blobs[f->count++] = (struct blob_fact){ .id = a->id, .seed = a->seed, .thread = a->thread };
    }
    for (size_t i = 0; a->kind == ACK_DROPPING && i < f->count; i++)
        if (f->blobs[i].id == a->id)
            f->blobs[i].dropping = true;
}

/* Start a writer, kill it after a while, take in what it acknowledged. */
static void one_life(struct facts *f, const char *folder, unsigned life_ms)
{
    int p[2];
    assert_int_equal(pipe(p), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char fd[16];
        snprintf(fd, sizeof fd, "%d", p[1]);
        close(p[0]);
        execl("/proc/self/exe", "crash_test", "--write", folder, fd, (char *)NULL);
        _exit(9);
    }
    close(p[1]);
    struct ack a;
    ssize_t n = read(p[0], &a, sizeof a); /* it is at work: now its time runs */
    if (n == sizeof a) {
        note(f, &a);
        /* The pipe is drained while it lives, or it would block. */
        int64_t end = clock_mono_ms(&clock_system) + life_ms;
        while (clock_mono_ms(&clock_system) < end && read(p[0], &a, sizeof a) == sizeof a)
            note(f, &a);
    }
    kill(child, SIGKILL);
    while (read(p[0], &a, sizeof a) == sizeof a)
        note(f, &a);
    close(p[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status))
        fail_msg("the writer ended by itself: %d", WEXITSTATUS(status));
}

static void count_damage(void *ctx, const char *what, const char *file, uint64_t offset)
{
    unsigned *count = ctx;
    print_message("damage: %s (%s, %llu)\n", what, file, (unsigned long long)offset);
    (*count)++;
}

static void check_facts(struct facts *f, struct fixture *fx)
{
    struct buf bytes = BUF_INIT, value = BUF_INIT;
    for (uint32_t t = 0; t < THREADS; t++) {
        const struct account_id account = { t + 1 };
        uint64_t version = fixture_version(fx, account);
        assert_row(version >= f->versions[t], t, "acknowledged commits are lost");
        /* One may have been under way. */
        assert_row(version <= f->versions[t] + 1, t, "commits that nobody made");
        f->versions[t] = version;
        buf_clear(&value);
        int r = store_get(fx->store, account, STR("version"), &value, &fx->err);
        assert_true(r == -ERR_NOT_FOUND || (r == 0 && load_u64(value.p) <= version));
    }
    for (size_t i = 0; i < f->count; i++) {
        struct blob_fact *b = &f->blobs[i];
        int r = fixture_check_blob(fx, (struct account_id){ b->thread + 1 }, (struct blob_id){ b->id },
                                   content(&bytes, b->seed));
        if (b->dropped)
            assert_row(r == -ERR_NOT_FOUND, i, "dropped, but there");
        else if (b->dropping)
            assert_row(r == 0 || r == -ERR_NOT_FOUND, i, fx->err.text);
        else
            assert_row(r == 0, i, fx->err.text);
        b->dropped |= r == -ERR_NOT_FOUND;
        b->dropping = b->dropped; /* the one in flight was not done, or it is done for good */
    }
    buf_deinit(&bytes);
    buf_deinit(&value);
}

static void test_killed_at_any_moment_it_keeps_what_it_acknowledged(void **state)
{
    (void)state;
    struct fixture fx;
    struct facts facts = { 0 };
    struct rand_seeded r;
    rand_seeded_init(&r, (uint64_t)getpid());
    fixture_settings(&fx);
    settings(&fx.options, fx.folder);
    fx.options.collect_interval_ms = 3600 * 1000;
    for (int round = 0; round < ROUNDS; round++) {
        one_life(&facts, fx.folder, (unsigned)rand_below(&r.source, LIFE_MS_MAX));
        fixture_open(&fx);
        check_facts(&facts, &fx);
        if (round % 4 == 3) {
            unsigned damages = 0;
            assert_int_equal(store_scrub(fx.store, count_damage, &damages, &fx.err), 0);
            assert_int_equal(damages, 0);
        }
        fixture_close(&fx);
    }
    print_message("%zu blobs acknowledged in %d lives\n", facts.count, ROUNDS);
    assert_true(facts.count > ROUNDS);
    free(facts.blobs);
    fixture_deinit(&fx);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--write") == 0)
        return write_until_killed(argv[2], atoi(argv[3]));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_any_moment_it_keeps_what_it_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
