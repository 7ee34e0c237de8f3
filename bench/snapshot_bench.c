/* snapshot_bench: what the model's snapshots cost: walking flags, one edit, decoding, diff.
 * Prints a table; needs no files.
 *   build/bench/snapshot_bench [messages, default 1000000] */
#include "mail/testing_shelf.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>

/* CPU time of this thread: what else the machine does counts little. */
static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(int r)
{
    if (r < 0)
        abort();
}

static void report(const char *what, double value, const char *unit)
{
    printf("%-58s %10.2f %s\n", what, value, unit);
}

/* A mailbox as mail makes one: some UIDs are missing, so that no shortcut for unbroken runs helps. */
static struct snapshot *fill(uint32_t count)
{
    enum { BATCH = 1000 };
    struct snapshot *empty = snapshot_new_empty(1), *s;
    struct snapshot_draft *d = snapshot_draft_new(empty);
    struct message *rows = calloc(BATCH, sizeof *rows);
    uint32_t uid = 0;
    for (uint32_t at = 0; at < count; at += BATCH) {
        uint32_t n = count - at < BATCH ? count - at : BATCH;
        for (uint32_t i = 0; i < n; i++) {
            uid += uid % 20 == 0 ? 2 : 1;
            rows[i] = (struct message){
                .uid = uid,
                .size_bytes = 3000 + uid * 7919 % 60000,
                .modseq = 1 + uid / 3,
                .internal_date_s = 1500000000 + (int64_t)uid * 311,
                .internal_zone_min = 120,
                .flags = at + i < count / 2 ? FLAG_SEEN : 0,
                .save_date_s = 1500000003 + (int64_t)uid * 311,
                .blob = uid + 5,
                .email_id = uid,
                .thread_id = uid - uid % 4,
            };
        }
        must(snapshot_draft_add(d, rows, n, NULL));
    }
    s = snapshot_draft_finish(d);
    snapshot_draft_free(&d);
    snapshot_unref(&empty);
    free(rows);
    return s;
}

static void walk(const struct snapshot *s, const char *what)
{
    struct snapshot_cursor cursor = snapshot_cursor_at(s, 1);
    struct chunk_span span;
    uint64_t sum = 0, start = now_ns();
    int r;
    while ((r = snapshot_cursor_next(&cursor, &span, NULL)) == 1)
        for (uint32_t i = span.first; i < span.columns->count; i++)
            sum += (uint64_t)span.columns->uid[i] << (span.columns->flags[i] & 1);
    must(r);
    uint64_t ns = now_ns() - start;
    if (sum == 0)
        abort();
    report(what, (double)ns / s->exists, "ns a message");
}

static int toggle_seen(void *ctx, struct message *row, struct err *err)
{
    (void)err;
    row->flags ^= FLAG_SEEN;
    row->modseq = *(uint64_t *)ctx;
    return 1;
}

/* The whole way: a new draft, one message, the next snapshot, the old one dropped. */
static void edit_one(struct snapshot **s, uint32_t messages)
{
    enum { ROUNDS = 20000 };
    struct seqset_range range;
    struct seqset set = { .ranges = &range, .count = 1, .cap = 1 };
    uint64_t modseq = (*s)->highest_modseq, start = now_ns();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        range.first = 1 + (uint32_t)((uint64_t)i * 2654435761u % messages);
        range.last = range.first + 1; /* one of the two is there at least */
        modseq++;
        struct snapshot_draft *d = snapshot_draft_new(*s);
        must(snapshot_draft_edit(d, &set, toggle_seen, &modseq, NULL));
        struct snapshot *next = snapshot_draft_finish(d);
        snapshot_draft_free(&d);
        snapshot_unref(s);
        *s = next;
    }
    char what[80];
    snprintf(what, sizeof what, "edit and finish, one place in %u", messages);
    report(what, (double)(now_ns() - start) / ROUNDS / 1000, "us");
}

static void append_one(struct snapshot **s)
{
    enum { ROUNDS = 20000 };
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct message row = { .uid = (*s)->uidnext, .size_bytes = 1, .modseq = (*s)->highest_modseq + 1 };
        struct snapshot_draft *d = snapshot_draft_new(*s);
        must(snapshot_draft_add(d, &row, 1, NULL));
        struct snapshot *next = snapshot_draft_finish(d);
        snapshot_draft_free(&d);
        snapshot_unref(s);
        *s = next;
    }
    report("append and finish, one message", (double)(now_ns() - start) / ROUNDS / 1000, "us");
}

static void diff_one(struct snapshot *s)
{
    enum { ROUNDS = 20000 };
    struct seqset_range range = { s->uidnext / 2, s->uidnext / 2 + 1 };
    struct seqset set = { .ranges = &range, .count = 1, .cap = 1 };
    struct arena arena = ARENA_INIT;
    struct snapshot_diff diff;
    uint64_t modseq = s->highest_modseq + 1;
    struct snapshot_draft *d = snapshot_draft_new(s);
    must(snapshot_draft_edit(d, &set, toggle_seen, &modseq, NULL));
    struct snapshot *next = snapshot_draft_finish(d);
    uint64_t start = now_ns();
    for (int i = 0; i < ROUNDS; i++) {
        must(snapshot_diff(s, next, &arena, &diff, NULL));
        arena_reset(&arena);
    }
    report("diff, one chunk differs", (double)(now_ns() - start) / ROUNDS / 1000, "us");
    snapshot_draft_free(&d);
    snapshot_unref(&next);
    arena_deinit(&arena);
}

static struct snapshot *decode(struct snapshot *s, struct shelf *shelf)
{
    enum { ROUNDS = 50 };
    struct buf bytes = BUF_INIT;
    struct snapshot *again = NULL;
    uint64_t ns = 0;
    must(snapshot_each_dirty(s, shelf_store_chunk, shelf, NULL));
    snapshot_encode(s, &bytes);
    for (int i = 0; i < ROUNDS; i++) {
        struct reader r = reader_make(buf_str(&bytes));
        snapshot_unref(&again);
        uint64_t start = now_ns();
        must(snapshot_decode(&r, &shelf->source, &again, NULL));
        ns += now_ns() - start;
    }
    report("mailbox record", (double)bytes.n / 1024, "KiB");
    report("decode of the mailbox record", (double)ns / ROUNDS / 1e6, "ms");
    buf_deinit(&bytes);
    return again;
}

static double stored_bytes(const struct shelf *shelf)
{
    struct str key;
    void *value;
    size_t bytes = 0;
    for (size_t i = 0; map_next(&shelf->values, &i, &key, &value);)
        bytes += ((const struct buf *)value)->n;
    return (double)bytes;
}

int main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    struct shelf shelf;
    shelf_init(&shelf);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    uint64_t start = now_ns();
    struct snapshot *s = fill(count), *small = fill(20000);
    report("filling, 1000 a batch", (double)(now_ns() - start) / (count + 20000), "ns a message");
    report("memory", (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / (count + 20000),
           "bytes a message");
    walk(s, "walk of UIDs and flags, in memory");
    edit_one(&small, 20000);
    edit_one(&s, count);
    append_one(&small);
    diff_one(s);
    struct snapshot *again = decode(s, &shelf);
    report("stored chunks", stored_bytes(&shelf) / count, "bytes a message");
    walk(again, "walk of UIDs and flags, the first time (chunks decoded)");
    walk(again, "walk of UIDs and flags, the second time");
    snapshot_unref(&again);
    snapshot_unref(&small);
    snapshot_unref(&s);
    shelf_deinit(&shelf);
    return 0;
}
