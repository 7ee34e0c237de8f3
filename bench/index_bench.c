/* What the search index costs: CPU to build it, bytes, and CPU of queries, in memory and without a server.
 *   index_bench [MESSAGES [BYTES]]              generated text (load/text.h), 20000 messages of 27000 bytes
 *   index_bench files < list-of-files           e.g.  find corpus -type f | build-bench/bench/index_bench files
 * Messages are added in batches and merged as the indexer does. A query is asked of all segments: "cold" opens them first, over a
 * store that is in memory. Words are chosen from the texts by how many messages hold them. */
#include "base/file.h"
#include "index/builder.h"
#include "index/index.h"
#include "index/query.h"
#include "load/text.h"
#include "mime/text.h"
#include "store/mem/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 500, CACHE_BYTES = 64 << 20, ROUNDS = 20, FILE_BYTES_MAX = 64 << 20, CANDIDATES = 400 };

struct bench {
    struct charset_cache *cache;
    struct index_shelf *shelf;
    struct index *index;
    struct index_builder *builder;
    uint64_t messages, raw_bytes, text_bytes;
    double decode_s, build_s, add_s, merge_s;
    struct buf words; /* sampled, a line each */
    bool is_fed;      /* or only decoded */
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int r, const struct err *err)
{
    if (r >= 0)
        return;
    fprintf(stderr, "index_bench: %s\n", err->text);
    exit(1);
}

/* ---- messages ---- */

static int feed(void *ctx, const struct text_piece *piece)
{
    struct bench *b = ctx;
    if (!b->is_fed) {
        b->text_bytes += piece->text.n;
        return 0;
    }
    if (piece->begins)
        index_builder_end_text(b->builder);
    index_builder_feed(b->builder, piece->from == TEXT_HEADER ? INDEX_HEADER : INDEX_BODY, piece->text);
    return 0;
}

static void decode(struct bench *b, struct str message, const struct meta_view *view)
{
    struct err err;
    must(mime_text_each(message, view, TEXT_HEADER | TEXT_BODY, 0, COLLATION_UNICODE_CASEMAP, b->cache, feed,
                        b, &err),
         &err);
}

/* Words of some messages, to choose from. */
static void sample(struct bench *b, struct str message)
{
    for (unsigned i = 0; i < 4; i++) {
        size_t from = (size_t)((b->messages * 2654435761u + i * 40503u) % (message.n + 1)), to;
        while (from < message.n && message.p[from] != ' ')
            from++;
        for (to = ++from; to < message.n && message.p[to] >= 'a' && message.p[to] <= 'z';)
            to++;
        if (to > from + 2 && to < message.n) {
            buf_add(&b->words, str_sub(message, from, to - from));
            buf_add_char(&b->words, '\n');
        }
    }
}

static void add_message(struct bench *b, struct str message)
{
    struct buf meta = BUF_INIT, header = BUF_INIT;
    struct meta_view view;
    struct err err;
    must(mime_meta_build(message, b->cache, &meta, &header, &err), &err);
    must(mime_meta_view(buf_str(&meta), &view, &err), &err);
    double start = cpu_s();
    b->is_fed = false;
    decode(b, message, &view);
    double decoded = cpu_s();
    b->is_fed = true;
    index_builder_begin(b->builder, (struct blob_id){ ++b->messages });
    decode(b, message, &view);
    index_builder_end(b->builder);
    double end = cpu_s();
    b->decode_s += decoded - start;
    b->build_s += end - decoded - (decoded - start);
    b->raw_bytes += message.n;
    if (b->messages % 20 == 0)
        sample(b, message);
    buf_deinit(&meta);
    buf_deinit(&header);
}

/* ---- segments ---- */

static void merge_all(struct bench *b)
{
    struct err err;
    for (int due = 1; due;) {
        size_t positions[INDEX_MERGE_SEGMENTS_MAX], count;
        struct index_view *view = index_view(b->index);
        due = index_merge_due(view, positions, &count);
        if (due)
            must(index_merge(b->index, view, positions, count, NULL, NULL, NULL, NULL, &err), &err);
        index_view_unref(&view);
    }
}

static void end_batch(struct bench *b)
{
    struct buf segment = BUF_INIT;
    struct err err;
    double start = cpu_s();
    index_builder_finish(b->builder, &segment);
    double built = cpu_s();
    must(index_add(b->index, buf_str(&segment), STR_NIL, &err), &err);
    double added = cpu_s();
    merge_all(b);
    double end = cpu_s();
    b->build_s += built - start;
    b->add_s += added - built;
    b->merge_s += end - added;
    buf_deinit(&segment);
}

static void add_generated(struct bench *b, unsigned count, unsigned bytes)
{
    struct text text;
    struct buf message = BUF_INIT;
    text_init(&text);
    for (unsigned i = 0; i < count; i++) {
        buf_clear(&message);
        text_message(&text, i + 1, bytes, &message);
        add_message(b, buf_str(&message));
        if (b->messages % BATCH == 0)
            end_batch(b);
    }
    buf_deinit(&message);
    text_deinit(&text);
}

static void add_files(struct bench *b)
{
    struct buf message = BUF_INIT;
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        buf_clear(&message);
        if (file_read(line, FILE_BYTES_MAX, &message, NULL) < 0)
            continue;
        add_message(b, buf_str(&message));
        if (b->messages % BATCH == 0)
            end_batch(b);
    }
    free(line);
    buf_deinit(&message);
}

/* ---- queries ---- */

struct answer {
    uint64_t sure, maybe;
    double us;
};

static struct answer ask(struct index_shelf *shelf, struct str needle, enum index_kind kind)
{
    struct answer answer = { 0 };
    struct index *index;
    struct err err;
    double start = cpu_s();
    must(index_open(shelf, (struct account_id){ 1 }, &index, &err), &err);
    struct index_view *view = index_view(index);
    struct index_query *query = index_query_new(needle, INDEX_ANY, kind);
    for (size_t i = 0; i < index_view_count(view); i++) {
        struct index_segment *segment;
        struct index_set sure, maybe;
        must(index_view_segment(view, i, &segment, &err), &err);
        must(index_query_run(query, segment, &sure, &maybe, &err), &err);
        answer.sure += sure.count;
        answer.maybe += maybe.count;
        index_set_deinit(&sure);
        index_set_deinit(&maybe);
        index_segment_unref(&segment);
    }
    index_query_free(&query);
    index_view_unref(&view);
    index_close(&index);
    answer.us = (cpu_s() - start) * 1e6;
    return answer;
}

static void tell(struct bench *b, struct store *store, const char *what, struct str needle,
                 enum index_kind kind)
{
    struct index_shelf *cold_shelf = index_shelf_new(store, CACHE_BYTES);
    struct answer cold = ask(cold_shelf, needle, kind), warm = { .us = 1e18 };
    index_shelf_free(&cold_shelf);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct answer again = ask(b->shelf, needle, kind);
        warm = again.us < warm.us ? again : warm;
    }
    printf("%-14s %-28.*s sure %7llu maybe %7llu   warm %8.0f us   cold %8.0f us\n", what, (int)needle.n,
           needle.p, (unsigned long long)warm.sure, (unsigned long long)warm.maybe, warm.us, cold.us);
}

/* The word of the sample whose number of messages is nearest to `wanted`. */
static struct str choose(struct bench *b, uint64_t wanted, size_t bytes_min)
{
    struct str best = STR("the"), rest = buf_str(&b->words);
    uint64_t best_distance = UINT64_MAX;
    for (unsigned i = 0; i < CANDIDATES && rest.n > 0; i++) {
        struct str word = str_cut(rest, '\n', &rest);
        uint64_t count = word.n >= bytes_min ? ask(b->shelf, word, INDEX_EXACT).sure : 0;
        uint64_t distance = count > wanted ? count - wanted : wanted - count;
        if (count > 0 && distance < best_distance) {
            best = word;
            best_distance = distance;
        }
    }
    return best;
}

static void tell_queries(struct bench *b, struct store *store)
{
    struct buf phrase = BUF_INIT;
    struct str rare = choose(b, 1, 6), common = choose(b, b->messages * 5 / 6, 3),
               some = choose(b, b->messages / 10, 4);
    tell(b, store, "rare", rare, INDEX_EXACT);
    tell(b, store, "absent", STR("quixotry"), INDEX_EXACT);
    tell(b, store, "absent, short", STR("qzxj"), INDEX_EXACT);
    tell(b, store, "some", some, INDEX_EXACT);
    tell(b, store, "common", common, INDEX_EXACT);
    tell(b, store, "three letters", STR("ing"), INDEX_EXACT);
    tell(b, store, "three letters", STR("qzj"), INDEX_EXACT);
    tell(b, store, "two letters", STR("qz"), INDEX_EXACT);
    tell(b, store, "one letter", STR("e"), INDEX_EXACT);
    buf_printf(&phrase, STR_FMT " " STR_FMT, STR_ARG(some), STR_ARG(common));
    tell(b, store, "phrase", buf_str(&phrase), INDEX_EXACT);
    tell(b, store, "address", STR("anna@example.org"), INDEX_EXACT);
    tell(b, store, "fuzzy", some, INDEX_FUZZY);
    tell(b, store, "fuzzy, rare", rare, INDEX_FUZZY);
    buf_deinit(&phrase);
}

int main(int argc, char **argv)
{
    struct bench b = { .cache = charset_cache_new(), .builder = index_builder_new() };
    struct store *store;
    struct err err;
    must(mem_store_open((struct mem_store_options){ 0 }, &store, &err), &err);
    b.shelf = index_shelf_new(store, CACHE_BYTES);
    must(index_open(b.shelf, (struct account_id){ 1 }, &b.index, &err), &err);
    if (argc > 1 && str_eq(str_c(argv[1]), STR("files")))
        add_files(&b);
    else
        add_generated(&b, argc > 1 ? (unsigned)atoi(argv[1]) : 20000,
                      argc > 2 ? (unsigned)atoi(argv[2]) : 27000);
    if (b.messages == 0) {
        fprintf(stderr, "index_bench: no messages\n");
        return 1;
    }
    if (b.messages % BATCH)
        end_batch(&b);
    struct index_stats stats;
    struct index_view *view = index_view(b.index);
    double n = (double)b.messages;
    index_stats(view, &stats);
    printf("messages %llu, %.0f bytes each, text %.0f\n", (unsigned long long)b.messages,
           (double)b.raw_bytes / n, (double)b.text_bytes / n);
    printf("us a message: decode %.1f, build %.1f, add %.1f, merge %.1f\n", b.decode_s * 1e6 / n,
           b.build_s * 1e6 / n, b.add_s * 1e6 / n, b.merge_s * 1e6 / n);
    printf("index: %zu segments, %.0f bytes a message, %.3f of the raw bytes\n", stats.segments,
           (double)stats.bytes / n, (double)stats.bytes / (double)b.raw_bytes);
    index_view_unref(&view);
    tell_queries(&b, store);
    index_close(&b.index);
    index_shelf_free(&b.shelf);
    store_close(&store);
    index_builder_free(&b.builder);
    charset_cache_free(&b.cache);
    buf_deinit(&b.words);
    return 0;
}
