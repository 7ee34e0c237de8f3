/* account_bench: what the model costs above the memory engine: flag changes by one thread and by many,
 * appends, opening.
 *   build/bench/account_bench [messages of the large mailbox, default 1000000] */
#include "mail/view.h"
#include "store/mem/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FLAG_CHANGES = 200000, THREADS = 64, APPENDS = 100000, APPEND_BATCH = 1000, OPENS = 20 };

struct bench {
    struct mem_world *world;
    struct store *store;
    struct mail *mail;
    struct account *account;
};

static uint64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(int r, const struct err *err)
{
    if (r < 0) {
        fprintf(stderr, "account_bench: %s\n", err->text);
        exit(1);
    }
}

static void report(const char *what, double value, const char *unit)
{
    printf("%-66s %10.2f %s\n", what, value, unit);
}

static void attach(struct bench *b)
{
    struct err err;
    must(mem_store_open((struct mem_store_options){ b->world }, &b->store, &err), &err);
    must(mail_open(&(struct mail_options){ .store = b->store, .clock = &clock_system }, &b->mail, &err),
         &err);
}

static void detach(struct bench *b)
{
    account_unref(&b->account);
    mail_close(&b->mail);
    store_close(&b->store);
}

/* Without Message-IDs: the memory engine keeps keys in one array,
 * and a thread record each would make every commit move megabytes. */
static void append(struct account *account, struct store *store, uint32_t count)
{
    struct new_message *m = calloc(count, sizeof *m);
    struct arena arena = ARENA_INIT;
    struct err err;
    if (!m)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        m[i] = (struct new_message){ .size_bytes = 30000, .internal_date_s = 1700000000 + i };
        must(store_blob_write(store, account_id(account), STR("m"), STR("meta"), STR("header"), &m[i].blob,
                              &err),
             &err);
    }
    struct change c = { .kind = CHANGE_APPEND,
                        .arena = &arena,
                        .append = { .mailbox = STR("INBOX"), .messages = m, .count = count } };
    must(account_commit(account, &c, 1, &err), &err);
    arena_deinit(&arena);
    free(m);
}

/* ---- flags ---- */

struct flagger {
    struct account *account;
    uint64_t mailbox_id;
    uint32_t first, changes, messages;
};

static void *flag(void *ctx)
{
    struct flagger *f = ctx;
    struct arena arena = ARENA_INIT;
    struct err err;
    for (uint32_t i = 0; i < f->changes; i++) {
        struct seqset uids;
        seqset_init(&uids, &arena);
        seqset_add(&uids, 1 + (f->first + i * 7919u) % f->messages);
        struct change c = {
            .kind = CHANGE_STORE,
            .arena = &arena,
            .store = { f->mailbox_id, &uids, STORE_REPLACE,
                       (uint8_t)((i * 2654435761u + f->first) >> 20 & FLAG_ALL), NULL, 0, false, 0 },
        };
        must(account_commit(f->account, &c, 1, &err), &err);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    return NULL;
}

static void bench_flags(struct bench *b, int threads, uint32_t messages)
{
    struct flagger f[THREADS];
    pthread_t thread[THREADS];
    struct mailbox *box;
    struct err err;
    char what[80];

    must(account_mailbox(b->account, STR("INBOX"), &box, &err), &err);
    uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < threads; i++) {
        f[i] = (struct flagger){ b->account, mailbox_id(box), (uint32_t)i * 1009u,
                                 FLAG_CHANGES / (uint32_t)threads, messages };
        pthread_create(&thread[i], NULL, flag, &f[i]);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = clock_ns(CLOCK_MONOTONIC) - wall;
    mailbox_unref(&box);
    snprintf(what, sizeof what, "flag change, %d thread(s), one account of %u messages: CPU", threads,
             messages);
    report(what, (double)cpu / FLAG_CHANGES / 1000, "us");
    snprintf(what, sizeof what, "flag change, %d thread(s), one account of %u messages: rate", threads,
             messages);
    report(what, FLAG_CHANGES * 1e9 / (double)wall, "/s");
}

/* ---- appends ---- */

static void bench_appends(struct bench *b)
{
    uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < APPENDS / 10; i++)
        append(b->account, b->store, 1);
    report("append of one message (blob write and commit): CPU",
           (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (APPENDS / 10.0) / 1000, "us");
    cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < APPENDS / APPEND_BATCH; i++)
        append(b->account, b->store, APPEND_BATCH);
    report("append of 1000 messages at once: CPU a message",
           (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / APPENDS / 1000, "us");
}

/* ---- opening ---- */

static void bench_open(struct bench *b, const char *what)
{
    struct err err;
    uint64_t open_ns = 0, view_ns = 0;

    for (int i = 0; i < OPENS; i++) {
        struct mailbox *box;
        struct view view;
        detach(b);
        attach(b);
        uint64_t at = clock_ns(CLOCK_MONOTONIC);
        must(mail_account_open(b->mail, (struct account_id){ 1 }, &b->account, &err), &err);
        open_ns += clock_ns(CLOCK_MONOTONIC) - at;
        must(account_mailbox(b->account, STR("INBOX"), &box, &err), &err);
        at = clock_ns(CLOCK_MONOTONIC);
        view_open(box, false, &view);
        uint32_t unseen;
        must(snapshot_first_unseen(view.snapshot, &unseen, &err), &err);
        view_ns += clock_ns(CLOCK_MONOTONIC) - at;
        view_close(&view);
        mailbox_unref(&box);
    }
    report(what, (double)open_ns / OPENS / 1e6, "ms");
    report("  and its mailbox seen for the first time", (double)view_ns / OPENS / 1e6, "ms");
}

static void start(struct bench *b, uint32_t messages)
{
    struct err err;
    *b = (struct bench){ .world = mem_world_new() };
    attach(b);
    must(mail_account_create(b->mail, (struct account_id){ 1 }, &err), &err);
    must(mail_account_open(b->mail, (struct account_id){ 1 }, &b->account, &err), &err);
    for (uint32_t at = 0; at < messages; at += APPEND_BATCH)
        append(b->account, b->store, APPEND_BATCH);
}

int main(int argc, char **argv)
{
    uint32_t large = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    struct bench b;
    struct err err;

    start(&b, 10000);
    bench_flags(&b, 1, 10000);
    bench_flags(&b, THREADS, 10000);
    bench_appends(&b);
    detach(&b);
    mem_world_free(&b.world);

    start(&b, large);
    bench_flags(&b, THREADS, large);
    uint64_t at = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    must(account_fold(b.account, &err), &err);
    report("fold of what is dirty: CPU", (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - at) / 1e6, "ms");
    bench_open(&b, "open of an account with a large mailbox, folded");
    append(b.account, b.store, 100);
    for (int i = 0; i < 100; i++)
        append(b.account, b.store, 1);
    bench_open(&b, "open of the same, 101 log records");
    detach(&b);
    mem_world_free(&b.world);
    return 0;
}
