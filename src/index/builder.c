#include "index/builder.h"

#include "base/rand.h"
#include "index/heap.h"
#include "index/layout.h"
#include "index/writer.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

enum { SLOTS_FIRST = 4096, NO_DOCUMENT = UINT32_MAX };

/* A token that some document has. */
struct word {
    uint64_t head; /* its first bytes: most comparisons need no more */
    uint32_t hash;
    uint32_t at; /* in `text` */
    uint32_t documents;
    uint32_t last; /* the document that had it last, */
    uint16_t n;
    uint8_t fields; /* and where */
};

/* A token of a document. */
struct use {
    uint32_t word;
    uint32_t document : 25, fields : 7;
};

struct index_builder {
    struct index_tokens tokens;
    enum index_field field; /* of the text being fed; */
    bool is_fed;            /* if there is one */
    uint64_t seed[2];       /* senders shall not know which tokens collide */
    uint32_t *slots;        /* words by hash: number + 1; open addressing */
    size_t slot_count;
    struct word *words;
    size_t word_count, word_cap;
    struct buf text; /* of all words */
    struct use *uses;
    size_t use_count, use_cap;
    size_t document_uses, document_text; /* where those of the open document begin */
    uint64_t *blobs;                     /* document -> id */
    bool *partial;
    uint32_t document_count, document_cap;
};

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

static void add_token(void *ctx, struct str token);

static void begin_anew(struct index_builder *b)
{
    b->slot_count = SLOTS_FIRST;
    b->slots = checked(calloc(b->slot_count, sizeof *b->slots));
    index_tokens_begin(&b->tokens, add_token, b);
}

struct index_builder *index_builder_new(void)
{
    struct index_builder *b = checked(calloc(1, sizeof *b));
    b->seed[0] = rand_u64(&rand_system);
    b->seed[1] = rand_u64(&rand_system);
    begin_anew(b);
    return b;
}

static void clear(struct index_builder *b)
{
    free(b->slots);
    free(b->words);
    free(b->uses);
    free(b->blobs);
    free(b->partial);
    buf_deinit(&b->text);
    *b = (struct index_builder){ .seed = { b->seed[0], b->seed[1] } };
}

void index_builder_free(struct index_builder **builder)
{
    if (!*builder)
        return;
    clear(*builder);
    free(*builder);
    *builder = NULL;
}

/* ---- tokens ---- */

static void grow_slots(struct index_builder *b)
{
    size_t mask = b->slot_count * 2 - 1;
    free(b->slots);
    b->slot_count *= 2;
    b->slots = checked(calloc(b->slot_count, sizeof *b->slots));
    for (size_t i = 0; i < b->word_count; i++) {
        size_t at = b->words[i].hash & mask;
        while (b->slots[at])
            at = (at + 1) & mask;
        b->slots[at] = (uint32_t)i + 1;
    }
}

static uint64_t eight(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t four(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Eight bytes that tell tokens of a length apart: of those up to eight bytes all. */
static uint64_t head_of(struct str token)
{
    const char *p = token.p;
    if (token.n >= 8)
        return eight(p);
    if (token.n >= 4)
        return four(p) | four(p + token.n - 4) << 32;
    return (unsigned char)p[0] | (unsigned)(unsigned char)p[token.n / 2] << 8 |
           (unsigned)(unsigned char)p[token.n - 1] << 16;
}

/* Most tokens are short: a multiplication mixes them with what no sender knows. */
static uint32_t hash_of(const struct index_builder *b, struct str token, uint64_t head)
{
    if (token.n > 16)
        return (uint32_t)XXH3_64bits_withSeed(token.p, token.n, b->seed[0]);
    uint64_t tail = token.n > 8 ? eight(token.p + token.n - 8) : 0;
    unsigned __int128 product = (unsigned __int128)(head ^ b->seed[0]) * (tail ^ token.n ^ b->seed[1]);
    return (uint32_t)(product ^ product >> 64);
}

static struct word *add_word(struct index_builder *b, struct str token, uint64_t head, uint32_t hash)
{
    if (b->word_count == b->word_cap) {
        b->word_cap = b->word_cap ? b->word_cap * 2 : SLOTS_FIRST;
        b->words = checked(realloc(b->words, b->word_cap * sizeof *b->words));
    }
    struct word *word = &b->words[b->word_count++];
    *word = (struct word){
        .head = head, .hash = hash, .at = (uint32_t)b->text.n, .last = NO_DOCUMENT, .n = (uint16_t)token.n
    };
    buf_add(&b->text, token);
    return word;
}

static struct word *find_word(struct index_builder *b, struct str token)
{
    uint64_t head = head_of(token);
    uint32_t hash = hash_of(b, token, head);
    size_t mask = b->slot_count - 1, at = hash & mask;
    for (; b->slots[at]; at = (at + 1) & mask) {
        struct word *word = &b->words[b->slots[at] - 1];
        if (word->head == head && word->n == token.n && word->hash == hash &&
            (token.n <= sizeof head || memcmp(b->text.p + word->at, token.p, token.n) == 0))
            return word;
    }
    b->slots[at] = (uint32_t)b->word_count + 1;
    struct word *word = add_word(b, token, head, hash);
    if (b->word_count * 2 > b->slot_count)
        grow_slots(b);
    return word;
}

static void add_token(void *ctx, struct str token)
{
    struct index_builder *b = ctx;
    uint32_t document = b->document_count - 1;
    if (b->use_count - b->document_uses >= INDEX_DOCUMENT_TOKENS_MAX ||
        b->text.n - b->document_text > INDEX_DOCUMENT_TEXT_BYTES_MAX) {
        b->partial[document] = true;
        return;
    }
    struct word *word = find_word(b, token);
    if (word->last == document) {
        word->fields |= (uint8_t)b->field;
        return;
    }
    if (b->use_count == b->use_cap) {
        b->use_cap = b->use_cap ? b->use_cap * 2 : SLOTS_FIRST;
        b->uses = checked(realloc(b->uses, b->use_cap * sizeof *b->uses));
    }
    word->last = document;
    word->fields = (uint8_t)b->field;
    word->documents++;
    b->uses[b->use_count++] = (struct use){ .word = (uint32_t)(word - b->words), .document = document };
}

/* ---- documents ---- */

void index_builder_begin(struct index_builder *b, struct blob_id blob)
{
    assert(b->document_count < INDEX_DOCUMENTS_MAX);
    assert(b->document_count == 0 || b->blobs[b->document_count - 1] < blob.n);
    if (b->document_count == b->document_cap) {
        b->document_cap = b->document_cap ? b->document_cap * 2 : 64;
        b->blobs = checked(realloc(b->blobs, b->document_cap * sizeof *b->blobs));
        b->partial = checked(realloc(b->partial, b->document_cap * sizeof *b->partial));
    }
    b->blobs[b->document_count] = blob.n;
    b->partial[b->document_count++] = false;
    b->document_uses = b->use_count;
    b->document_text = b->text.n;
}

void index_builder_feed(struct index_builder *b, enum index_field field, struct str piece)
{
    if (b->is_fed && b->field != field)
        index_builder_end_text(b);
    b->field = field;
    b->is_fed = true;
    index_tokens_feed(&b->tokens, piece);
}

void index_builder_end_text(struct index_builder *b)
{
    index_tokens_end(&b->tokens);
    b->is_fed = false;
}

void index_builder_mark_partial(struct index_builder *b)
{
    b->partial[b->document_count - 1] = true;
}

void index_builder_end(struct index_builder *b)
{
    index_builder_end_text(b);
    for (size_t i = b->document_uses; i < b->use_count; i++)
        b->uses[i].fields = b->words[b->uses[i].word].fields & INDEX_ANY;
    b->document_uses = b->use_count;
}

uint32_t index_builder_documents(const struct index_builder *b)
{
    return b->document_count;
}

size_t index_builder_memory_bytes(const struct index_builder *b)
{
    return b->slot_count * sizeof *b->slots + b->word_cap * sizeof *b->words + b->text.cap +
           b->use_cap * sizeof *b->uses + b->document_cap * (sizeof *b->blobs + sizeof *b->partial);
}

/* ---- the segment ---- */

/* A token and eight bytes of it, which decide most comparisons. */
struct rank {
    uint64_t head;
    const char *p;
    uint32_t n, word;
};

static int compare_ranks(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->head != y->head)
        return x->head < y->head ? -1 : 1;
    return str_cmp(str_make(x->p, x->n), str_make(y->p, y->n));
}

/* Where the uses of each word lie when they are ordered by word; [word_count] is the end. Words that go to the heap have none. */
struct order {
    bool *in_heap;
    uint32_t *begin;
    struct use *uses;
    struct rank *ranks;
    size_t rank_count;
};

static struct str word_text(const struct index_builder *b, const struct word *word)
{
    return str_make(b->text.p + word->at, word->n);
}

static void order_init(const struct index_builder *b, struct order *o)
{
    uint32_t at = 0;
    o->in_heap = checked(calloc(b->word_count + 1, sizeof *o->in_heap));
    o->begin = checked(calloc(b->word_count + 1, sizeof *o->begin));
    o->ranks = checked(calloc(b->word_count + 1, sizeof *o->ranks));
    o->rank_count = 0;
    for (size_t i = 0; i < b->word_count; i++) {
        const struct word *word = &b->words[i];
        struct str text = word_text(b, word);
        unsigned char head[8] = { 0 };
        o->begin[i] = at;
        o->in_heap[i] = word->documents == 1 && index_heap_takes(text);
        if (o->in_heap[i])
            continue;
        at += word->documents;
        memcpy(head, text.p, text.n < 8 ? text.n : 8);
        o->ranks[o->rank_count++] = (struct rank){ load_be64(head), text.p, (uint32_t)text.n, (uint32_t)i };
    }
    o->begin[b->word_count] = at;
    qsort(o->ranks, o->rank_count, sizeof *o->ranks, compare_ranks);
    o->uses = checked(malloc((at + 1) * sizeof *o->uses));
    uint32_t *fill = checked(malloc((b->word_count + 1) * sizeof *fill));
    memcpy(fill, o->begin, (b->word_count + 1) * sizeof *fill);
    for (size_t i = 0; i < b->use_count; i++)
        if (!o->in_heap[b->uses[i].word])
            o->uses[fill[b->uses[i].word]++] = b->uses[i];
    free(fill);
}

static void order_deinit(struct order *o)
{
    free(o->in_heap);
    free(o->begin);
    free(o->uses);
    free(o->ranks);
}

/* The uses of one document that go to the heap, those of one set of fields together. */
static void write_heap_of(const struct index_builder *b, const struct order *o, size_t from, size_t to,
                          struct buf *text, struct index_writer *w)
{
    uint64_t todo[2] = { 0 };
    for (size_t i = from; i < to; i++)
        if (o->in_heap[b->uses[i].word])
            todo[b->uses[i].fields / 64] |= UINT64_C(1) << (b->uses[i].fields % 64);
    for (unsigned fields = 1; fields <= INDEX_ANY; fields++) {
        if (!(todo[fields / 64] >> (fields % 64) & 1))
            continue;
        buf_clear(text);
        for (size_t i = from; i < to; i++)
            if (b->uses[i].fields == fields && o->in_heap[b->uses[i].word]) {
                buf_add(text, word_text(b, &b->words[b->uses[i].word]));
                buf_add_char(text, LAYOUT_EDGE);
            }
        index_writer_add_heap(w, b->uses[from].document, fields, buf_str(text));
    }
}

static void write_all(const struct index_builder *b, const struct order *o, struct index_writer *w)
{
    struct buf text = BUF_INIT;
    struct posting_lists *lists = checked(calloc(1, sizeof *lists));
    for (uint32_t i = 0; i < b->document_count; i++)
        index_writer_add_document(w, (struct blob_id){ b->blobs[i] }, b->partial[i]);
    for (size_t i = 0; i < o->rank_count; i++) {
        const struct rank *rank = &o->ranks[i];
        const struct use *uses = o->uses + o->begin[rank->word];
        posting_lists_clear(lists);
        for (uint32_t k = 0; k < b->words[rank->word].documents; k++)
            posting_lists_add(lists, uses[k].fields, uses[k].document);
        index_writer_add_token(w, str_make(rank->p, rank->n), lists);
    }
    for (size_t from = 0, to; from < b->use_count; from = to) {
        for (to = from; to < b->use_count && b->uses[to].document == b->uses[from].document;)
            to++;
        write_heap_of(b, o, from, to, &text, w);
    }
    buf_deinit(&text);
    posting_lists_deinit(lists);
    free(lists);
}

static int append(void *ctx, struct str piece, struct err *err)
{
    (void)err;
    buf_add(ctx, piece);
    return 0;
}

void index_builder_finish(struct index_builder *b, struct buf *out)
{
    struct index_writer *w = index_writer_new(append, out);
    struct order order;
    struct err err;
    order_init(b, &order);
    write_all(b, &order, w);
    int r = index_writer_finish(w, &err);
    assert(r == 0); /* who fills it looks at its memory before INDEX_SEGMENT_BYTES_MAX */
    index_writer_free(&w);
    order_deinit(&order);
    clear(b);
    begin_anew(b);
}
