/* store_bench.c: what the embedded engine costs, beside what the disk itself costs in the same run.
 *
 *   store_bench FOLDER [CORPUS]     FOLDER must not exist, is made and removed; CORPUS is a folder of messages, generated text without it
 *
 * A delivery is a 30 KB message of real text with 600 bytes of meta, and two records of state; acknowledged
 * when durable. "raw" writes the same bytes, compressed before, to a preallocated file, with one fdatasync
 * for all that wait. CPU is user + system of the whole process, background work included. Rates depend on
 * what else the machine does: compare rows of one run. */
#include "base/codec.h"
#include "base/file.h"
#include "store/rocks/compress.h"
#include "store/rocks/rocks.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE_BYTES = 30 * 1024,
    MESSAGES = 2000, /* different ones */
    ACCOUNTS = 100,
    THREADS_MAX = 64,
    META_BYTES = 600,
    HEADER_BYTES = 1500,
    TEXT_BYTES_MAX = 80 << 20,
    LARGE_BYTES = 20 << 20,
};

static void check(int r, const struct err *err)
{
    if (r < 0) {
        fprintf(stderr, "store_bench: %s\n", err->text);
        exit(1);
    }
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- messages ---- */

struct corpus {
    struct buf text;
    struct str messages[MESSAGES];
};

static struct buf *loading; /* nftw has no context */

static int load_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    struct err err;
    (void)st;
    (void)ftw;
    if (type == FTW_F && loading->n < TEXT_BYTES_MAX)
        check(file_read(path, 64 << 20, loading, &err), &err);
    return 0;
}

static void corpus_load(struct corpus *c, const char *folder)
{
    c->text = BUF_INIT;
    loading = &c->text;
    if (folder)
        nftw(folder, load_file, 16, FTW_PHYS);
    for (uint64_t i = 0; c->text.n < 4 * MESSAGE_BYTES || (!folder && c->text.n < MESSAGES * MESSAGE_BYTES);
         i++)
        buf_printf(&c->text, "line %llu of a text that was %llu made up\r\n", (unsigned long long)i,
                   (unsigned long long)(i * 2654435761u % 100003));
    for (size_t i = 0; i < MESSAGES; i++)
        c->messages[i] = str_sub(buf_str(&c->text), i * 7919 * 1021 % (c->text.n - MESSAGE_BYTES),
                                 MESSAGE_BYTES);
}

/* ---- a crowd of threads, each with accounts of its own ---- */

struct crowd {
    struct store *store;
    const struct corpus *corpus;
    int threads;
    atomic_int left;
    uint64_t versions[ACCOUNTS];
    void (*run)(struct crowd *c, uint64_t account, uint64_t n, struct err *err);
};

struct member {
    struct crowd *crowd;
    int index;
};

static void *member_main(void *arg)
{
    const struct member *m = arg;
    struct crowd *c = m->crowd;
    struct err err;
    for (uint64_t n = 0;; n++) {
        int left = atomic_fetch_sub(&c->left, 1);
        if (left <= 0)
            return NULL;
        uint64_t account = (uint64_t)m->index + n % 2 * THREADS_MAX;
        c->run(c, account < ACCOUNTS ? account : (uint64_t)m->index, (uint64_t)left, &err);
    }
}

static void report(const char *what, int in_flight, int count, double s, double cpu,
                   const struct store_stats *before, const struct store_stats *after)
{
    printf("%-34s %2d in flight  %8.0f /s  %6.1f us CPU each", what, in_flight, count / s, cpu / count * 1e6);
    if (before)
        printf("  %5.2f syncs each  %5.1f per group  %6.2f KB written each",
               (double)(after->flush_count - before->flush_count) / count,
               (double)(after->commit_count - before->commit_count) /
                   (double)(after->group_count - before->group_count),
               (double)(after->written_bytes - before->written_bytes) / count / 1024);
    printf("\n");
    fflush(stdout);
}

static void crowd_run(struct crowd *c, const char *what, int threads, int count)
{
    pthread_t ids[THREADS_MAX];
    struct member members[THREADS_MAX];
    struct store_stats before, after;
    store_stats(c->store, &before);
    atomic_store(&c->left, count);
    double s = now_s(), cpu = cpu_s();
    for (int i = 0; i < threads; i++) {
        members[i] = (struct member){ c, i };
        if (pthread_create(&ids[i], NULL, member_main, &members[i]) != 0)
            abort();
    }
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    s = now_s() - s;
    cpu = cpu_s() - cpu;
    store_stats(c->store, &after);
    report(what, threads, count, s, cpu, &before, &after);
}

static void add_records(struct batch *b, uint64_t version)
{
    char key[10] = "L/", record[96] = "what changed";
    store_be64(key + 2, version);
    batch_put(b, str_make(key, sizeof key), str_make(record, 40));
    batch_put(b, STR("A"), str_make(record, sizeof record));
}

static void run_delivery(struct crowd *c, uint64_t account, uint64_t n, struct err *err)
{
    char meta[META_BYTES], header[HEADER_BYTES];
    struct str message = c->corpus->messages[n % MESSAGES];
    struct batch b = BATCH_INIT;
    struct blob_id id;
    memcpy(meta, message.p + 100, sizeof meta);
    memcpy(header, message.p, sizeof header);
    check(store_blob_write(c->store, (struct account_id){ account }, message, str_make(meta, sizeof meta),
                           str_make(header, sizeof header), &id, err),
          err);
    batch_add_blob(&b, id);
    uint64_t version = c->versions[account];
    add_records(&b, version);
    check(store_commit(c->store, (struct account_id){ account }, version, version + 1, &b, err), err);
    c->versions[account]++;
    batch_deinit(&b);
}

static void run_flag(struct crowd *c, uint64_t account, uint64_t n, struct err *err)
{
    struct batch b = BATCH_INIT;
    uint64_t version = c->versions[account];
    (void)n;
    add_records(&b, version);
    check(store_commit(c->store, (struct account_id){ account }, version, version + 1, &b, err), err);
    c->versions[account]++;
    batch_deinit(&b);
}

/* ---- the disk itself: the same bytes, appended; whoever finds nobody syncing syncs for all ---- */

struct raw {
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t synced_more;
    uint64_t end, written, synced;
    bool syncing;
    struct str messages[MESSAGES]; /* compressed before */
    atomic_int left;
};

static void raw_sync(struct raw *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t mine = ++r->written;
    while (r->synced < mine) {
        if (r->syncing) {
            pthread_cond_wait(&r->synced_more, &r->lock);
            continue;
        }
        r->syncing = true;
        uint64_t upto = r->written;
        pthread_mutex_unlock(&r->lock);
        if (fdatasync(r->fd) < 0)
            abort();
        pthread_mutex_lock(&r->lock);
        r->synced = upto;
        r->syncing = false;
        pthread_cond_broadcast(&r->synced_more);
    }
    pthread_mutex_unlock(&r->lock);
}

static void *raw_main(void *arg)
{
    struct raw *r = arg;
    struct err err;
    int left;
    while ((left = atomic_fetch_sub(&r->left, 1)) > 0) {
        struct str bytes = r->messages[left % MESSAGES];
        pthread_mutex_lock(&r->lock);
        uint64_t at = r->end;
        r->end += bytes.n;
        pthread_mutex_unlock(&r->lock);
        check(file_pwrite(r->fd, bytes, at, &err), &err);
        raw_sync(r);
    }
    return NULL;
}

static void raw_run(const char *folder, const struct corpus *corpus, int threads, int count)
{
    struct raw r = { .lock = PTHREAD_MUTEX_INITIALIZER, .synced_more = PTHREAD_COND_INITIALIZER };
    struct compressor_pool pool;
    struct buf path = BUF_INIT, out = BUF_INIT;
    pthread_t ids[THREADS_MAX];
    compressor_pool_init(&pool);
    struct compressor *c = compressor_take(&pool);
    size_t ends[MESSAGES];
    for (size_t i = 0; i < MESSAGES; i++) {
        compress_block(c, CODEC_LZ4, corpus->messages[i], &out);
        ends[i] = out.n;
    }
    for (size_t i = 0; i < MESSAGES; i++)
        r.messages[i] = str_sub(buf_str(&out), i ? ends[i - 1] : 0, ends[i] - (i ? ends[i - 1] : 0));
    buf_printf(&path, "%s/raw", folder);
    r.fd = open(buf_c(&path), O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (r.fd < 0 || posix_fallocate(r.fd, 0, (off_t)count * (off_t)(out.n / MESSAGES + 1024)) != 0)
        abort();
    atomic_store(&r.left, count);
    double s = now_s(), cpu = cpu_s();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, raw_main, &r) != 0)
            abort();
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    report("raw append + fdatasync", threads, count, now_s() - s, cpu_s() - cpu, NULL, NULL);
    close(r.fd);
    unlink(buf_c(&path));
    compressor_give(&pool, &c);
    compressor_pool_deinit(&pool);
    buf_deinit(&out);
    buf_deinit(&path);
}

/* ---- reading ---- */

static int count_record(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    uint64_t *count = ctx;
    (void)id;
    (void)err;
    *count += record.n > 0;
    return 0;
}

static void scan_run(struct store *store, const char *what)
{
    struct err err;
    uint64_t count = 0;
    double cpu = cpu_s();
    const struct blob_range all = { .slot = BLOB_META, .first = { 1 }, .last = { UINT64_MAX } };
    for (uint64_t account = 0; account < ACCOUNTS; account++)
        check(store_blob_scan(store, (struct account_id){ account }, &all, count_record, &count, &err), &err);
    printf("%-34s %llu records, %.0f ns CPU each\n", what, (unsigned long long)count,
           (cpu_s() - cpu) / (double)count * 1e9);
}

static void read_run(struct store *store, const struct corpus *corpus)
{
    struct buf large = BUF_INIT, out = BUF_INIT;
    struct batch b = BATCH_INIT;
    struct blob_id id;
    struct err err;
    const struct account_id account = { ACCOUNTS + 1 };
    while (large.n < LARGE_BYTES)
        buf_add(&large, corpus->messages[large.n / MESSAGE_BYTES % MESSAGES]);
    double cpu = cpu_s();
    check(store_blob_write(store, account, buf_str(&large), STR("m"), STR("h"), &id, &err), &err);
    batch_add_blob(&b, id);
    check(store_commit(store, account, 0, 1, &b, &err), &err);
    printf("%-34s %.1f ms CPU\n", "write of a 20 MB blob", (cpu_s() - cpu) * 1e3);
    static const uint64_t sizes[] = { 1, 64 << 10, 1 << 20, LARGE_BYTES };
    for (size_t s = 0; s < ARRAY_COUNT(sizes); s++) {
        int count = sizes[s] > 1 << 20 ? 10 : 500;
        cpu = cpu_s();
        for (int i = 0; i < count; i++) {
            buf_clear(&out);
            uint64_t at = (uint64_t)i * 7919 * 104729 % (large.n - sizes[s] + 1);
            check(store_blob_read(store, account, id, at, sizes[s], &out, &err), &err);
        }
        printf("read %8llu bytes of a 20 MB blob    %.1f us CPU each\n", (unsigned long long)sizes[s],
               (cpu_s() - cpu) / count * 1e6);
    }
    buf_deinit(&large);
    buf_deinit(&out);
    batch_deinit(&b);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    static struct corpus corpus;
    static struct crowd crowd;
    struct err err;
    if (argc < 2) {
        fprintf(stderr, "usage: store_bench FOLDER [CORPUS]\n");
        return 2;
    }
    if (mkdir(argv[1], 0700) < 0) { /* it is removed in the end: it must be ours */
        perror(argv[1]);
        return 1;
    }
    corpus_load(&corpus, argc > 2 ? argv[2] : NULL);
    static const struct {
        const char *name;
        enum rocks_compression compression;
        bool inline_commit;
    } variants[] = {
        { "LZ4", ROCKS_LZ4, true },
        { "LZ4, committer thread only", ROCKS_LZ4, false },
        { "zstd", ROCKS_ZSTD, true },
    };
    for (size_t v = 0; v < ARRAY_COUNT(variants); v++) {
        struct rocks_options options = rocks_options_default();
        struct buf folder = BUF_INIT;
        buf_printf(&folder, "%s/%zu", argv[1], v);
        options.folder = buf_c(&folder);
        options.compression = variants[v].compression;
        options.inline_commit = variants[v].inline_commit;
        printf("-- %s\n", variants[v].name);
        crowd = (struct crowd){ .corpus = &corpus };
        check(rocks_store_open(&options, &crowd.store, &err), &err);
        raw_run(argv[1], &corpus, 64, 20000);
        raw_run(argv[1], &corpus, 1, 1000);
        crowd.run = run_delivery;
        crowd_run(&crowd, "delivery of 30 KB", 64, 20000);
        crowd_run(&crowd, "delivery of 30 KB", 8, 8000);
        crowd_run(&crowd, "delivery of 30 KB", 1, 1000);
        crowd.run = run_flag;
        crowd_run(&crowd, "flag change", 64, 100000);
        crowd_run(&crowd, "flag change", 8, 20000);
        crowd_run(&crowd, "flag change", 1, 3000);
        scan_run(crowd.store, "scan of meta, first");
        scan_run(crowd.store, "scan of meta, again");
        store_close(&crowd.store); /* what is in memory goes to tables */
        check(rocks_store_open(&options, &crowd.store, &err), &err);
        scan_run(crowd.store, "scan of meta, reopened");
        scan_run(crowd.store, "scan of meta, reopened, again");
        read_run(crowd.store, &corpus);
        store_close(&crowd.store);
        buf_deinit(&folder);
    }
    buf_deinit(&corpus.text);
    nftw(argv[1], remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
