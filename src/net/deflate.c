#define ZLIB_CONST
#include "net/deflate.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    /* Of 20 MB of mail level 2 leaves 27 % for 10 ms of CPU a MB, level 6 24 % for 23 ms. A window of 8 KiB
       with memLevel 6: 34 %, 16 ms. */
    LEVEL = 2,
    MEM_LEVEL = 8,
    WINDOW_BITS = 15, /* both ways */
    WINDOW_BYTES = 1 << WINDOW_BITS,
    OUT_STEP_BYTES = 4096,
    STREAM_END = 1, /* of inflate_step */
    /* data_type of inflate(): bits 0 to 5 count the bits left of the last byte, then come "in the last block"
       and "at the end of a block". */
    AT_BLOCK_END = 128,
    AT_END = AT_BLOCK_END | 64,
};

/* ---- the pool ---- */

struct spares {
    z_stream *stream[DEFLATE_SPARES_MAX];
    unsigned count;
};

/* Streams come back reset: of one that is lent again, no byte of the connection before can be referred to. */
struct deflate_pool {
    pthread_mutex_t lock;
    struct spares out, in;
};

struct deflate_pool *deflate_pool_new(void)
{
    struct deflate_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        abort();
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

static void free_out(z_stream **stream)
{
    if (*stream)
        deflateEnd(*stream);
    free(*stream);
    *stream = NULL;
}

static void free_in(z_stream **stream)
{
    if (*stream)
        inflateEnd(*stream);
    free(*stream);
    *stream = NULL;
}

void deflate_pool_free(struct deflate_pool **pool)
{
    struct deflate_pool *p = *pool;
    *pool = NULL;
    if (!p)
        return;
    while (p->out.count > 0)
        free_out(&p->out.stream[--p->out.count]);
    while (p->in.count > 0)
        free_in(&p->in.stream[--p->in.count]);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static z_stream *borrow(struct deflate_pool *pool, struct spares *spares)
{
    pthread_mutex_lock(&pool->lock);
    z_stream *stream = spares->count > 0 ? spares->stream[--spares->count] : NULL;
    pthread_mutex_unlock(&pool->lock);
    return stream;
}

/* False: there are spares enough. */
static bool give_back(struct deflate_pool *pool, struct spares *spares, z_stream *stream)
{
    pthread_mutex_lock(&pool->lock);
    bool taken = spares->count < DEFLATE_SPARES_MAX;
    if (taken)
        spares->stream[spares->count++] = stream;
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

/* ---- the layer ---- */

enum in_state {
    IN_STREAM,   /* compressed */
    IN_ENDING,   /* no byte may come out of it any more: up to the next flush or the final block */
    IN_LAST_BIT, /* behind that flush: does a final block follow? */
    IN_FINAL,    /* it does: up to its end */
    IN_CLEAR,    /* bytes pass */
};

/* What a stream that is not there would have to know. */
struct memory {
    unsigned char *p;
    unsigned n;
};

struct deflate {
    struct deflate_pool *pool;
    z_stream *out, *in; /* NULL: at rest */
    struct memory out_memory, in_memory;
    bool out_ended;
    uint8_t in_state; /* enum in_state */
    bool in_flushed;  /* the last byte that was inflated ended a flush, or there was none yet */
    bool in_finished; /* the final block is behind us */
    bool in_more;     /* inflate() stopped for want of room */
    unsigned char in_last[4];
    struct buf fed;
    size_t fed_at;
};

struct deflate *deflate_new(struct deflate_pool *pool)
{
    struct deflate *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    d->pool = pool;
    d->in_flushed = true;
    return d;
}

static void memory_drop(struct memory *m)
{
    free(m->p);
    *m = (struct memory){ NULL, 0 };
}

static void memory_keep(struct memory *m, const unsigned char *p, unsigned n)
{
    memory_drop(m);
    if (n == 0)
        return;
    if (!(m->p = malloc(n)))
        abort();
    memcpy(m->p, p, n);
    m->n = n;
}

static void let_out_go(struct deflate *d)
{
    if (d->out && (deflateReset(d->out) != Z_OK || !give_back(d->pool, &d->pool->out, d->out)))
        free_out(&d->out);
    d->out = NULL;
}

static void let_in_go(struct deflate *d)
{
    if (d->in && (inflateReset(d->in) != Z_OK || !give_back(d->pool, &d->pool->in, d->in)))
        free_in(&d->in);
    d->in = NULL;
}

void deflate_free(struct deflate **deflate)
{
    struct deflate *d = *deflate;
    *deflate = NULL;
    if (!d)
        return;
    let_out_go(d);
    let_in_go(d);
    memory_drop(&d->out_memory);
    memory_drop(&d->in_memory);
    buf_deinit(&d->fed);
    free(d);
}

void deflate_rest(struct deflate *d)
{
    unsigned char window[WINDOW_BYTES];
    unsigned n = 0;
    if (d->out) { /* flushed: deflate_out() leaves it no other way */
        if (!d->out_ended && deflateGetDictionary(d->out, window, &n) == Z_OK) {
            unsigned keep = n < DEFLATE_OUT_MEMORY_BYTES ? n : DEFLATE_OUT_MEMORY_BYTES;
            memory_keep(&d->out_memory, window + n - keep, keep);
        }
        let_out_go(d);
    }
    /* Input can rest only where no bit of the next block has been looked at. */
    if (d->in && d->in_flushed && !d->in_more && inflateGetDictionary(d->in, window, &n) == Z_OK) {
        memory_keep(&d->in_memory, window, n);
        let_in_go(d);
    }
    if (d->fed_at == d->fed.n) {
        buf_deinit(&d->fed);
        d->fed_at = 0;
    }
}

/* ---- output ---- */

static void wake_out(struct deflate *d)
{
    if (d->out)
        return;
    d->out = borrow(d->pool, &d->pool->out);
    if (!d->out) {
        if (!(d->out = calloc(1, sizeof *d->out)) ||
            deflateInit2(d->out, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
            abort();
    }
    if (d->out_memory.n > 0 && deflateSetDictionary(d->out, d->out_memory.p, d->out_memory.n) != Z_OK)
        abort();
    memory_drop(&d->out_memory);
}

void deflate_out(struct deflate *d, struct str plain, bool last, struct buf *wire)
{
    if (d->out_ended) {
        buf_add(wire, plain);
        return;
    }
    if (plain.n == 0 && !last)
        return;
    wake_out(d);
    do {
        uInt n = plain.n < UINT32_MAX / 2 ? (uInt)plain.n : UINT32_MAX / 2;
        d->out->next_in = (const Bytef *)plain.p;
        d->out->avail_in = n;
        plain = str_skip(plain, n);
        int flush = plain.n > 0 ? Z_NO_FLUSH : last ? Z_FINISH : Z_SYNC_FLUSH;
        do {
            d->out->next_out = (Bytef *)buf_reserve(wire, OUT_STEP_BYTES);
            d->out->avail_out = OUT_STEP_BYTES;
            int r = deflate(d->out, flush);
            assert(r != Z_STREAM_ERROR);
            wire->n += OUT_STEP_BYTES - d->out->avail_out;
        } while (d->out->avail_out == 0);
    } while (plain.n > 0);
    if (last) {
        d->out_ended = true;
        let_out_go(d);
    }
}

bool deflate_out_ended(const struct deflate *d)
{
    return d->out_ended;
}

/* ---- input ---- */

char *deflate_feed_begin(struct deflate *d, size_t bytes)
{
    if (d->fed_at > 0) {
        buf_drop(&d->fed, d->fed_at);
        d->fed_at = 0;
    }
    return buf_reserve(&d->fed, bytes);
}

void deflate_feed_end(struct deflate *d, size_t bytes)
{
    d->fed.n += bytes;
}

void deflate_feed(struct deflate *d, struct str wire)
{
    if (wire.n > 0)
        memcpy(deflate_feed_begin(d, wire.n), wire.p, wire.n);
    deflate_feed_end(d, wire.n);
}

struct str deflate_in_left(const struct deflate *d)
{
    return str_skip(buf_str(&d->fed), d->fed_at);
}

bool deflate_in_starved(const struct deflate *d)
{
    return d->fed_at == d->fed.n && !d->in_more;
}

bool deflate_in_over(const struct deflate *d)
{
    return d->in_state == IN_CLEAR && deflate_in_starved(d);
}

void deflate_in_end(struct deflate *d)
{
    if (d->in_state != IN_STREAM)
        return;
    d->in_state = d->in_finished ? IN_CLEAR : d->in_flushed ? IN_LAST_BIT : IN_ENDING;
    if (d->in_finished)
        d->in_more = false;
}

static void wake_in(struct deflate *d)
{
    if (d->in)
        return;
    d->in = borrow(d->pool, &d->pool->in);
    if (!d->in && (!(d->in = calloc(1, sizeof *d->in)) || inflateInit2(d->in, -WINDOW_BITS) != Z_OK))
        abort();
    if (d->in_memory.n > 0 && inflateSetDictionary(d->in, d->in_memory.p, d->in_memory.n) != Z_OK)
        abort();
    memory_drop(&d->in_memory);
}

static void eat(struct deflate *d, size_t n)
{
    for (size_t i = n > 4 ? n - 4 : 0; i < n; i++) {
        memmove(d->in_last, d->in_last + 1, 3);
        d->in_last[3] = (unsigned char)d->fed.p[d->fed_at + i];
    }
    d->fed_at += n;
}

/* One call of inflate(), to the end of a block at most. STREAM_END behind the final block. */
static int inflate_step(struct deflate *d, char *p, size_t room, size_t *got_out, struct err *err)
{
    static const unsigned char flush[4] = { 0, 0, 0xff, 0xff };
    struct str fed = deflate_in_left(d);
    wake_in(d);
    size_t in_n = fed.n < UINT32_MAX ? fed.n : UINT32_MAX, out_n = room < UINT32_MAX ? room : UINT32_MAX;
    d->in->next_in = (const Bytef *)fed.p;
    d->in->avail_in = (uInt)in_n;
    d->in->next_out = (Bytef *)p;
    d->in->avail_out = (uInt)out_n;
    int r = inflate(d->in, Z_BLOCK);
    if (r == Z_OK && (d->in->data_type & AT_END) == AT_END) /* it stops before it says so */
        r = inflate(d->in, Z_BLOCK);
    eat(d, in_n - d->in->avail_in);
    *got_out = out_n - d->in->avail_out;
    d->in_more = d->in->avail_out == 0 && r != Z_STREAM_END;
    d->in_flushed = d->in->data_type == AT_BLOCK_END && memcmp(d->in_last, flush, sizeof flush) == 0;
    if (r == Z_STREAM_END) {
        d->in_finished = true;
        let_in_go(d);
        return STREAM_END;
    }
    if (r == Z_OK || r == Z_BUF_ERROR)
        return 0;
    if (r == Z_MEM_ERROR)
        abort();
    return err_set(err, ERR_CLOSED, "compressed input is damaged: %s",
                   d->in->msg ? d->in->msg : "not deflate");
}

static int in_stream(struct deflate *d, char *p, size_t room, size_t *got_out, struct err *err)
{
    while (!d->in_finished && *got_out < room && !deflate_in_starved(d)) {
        size_t n = 0;
        int r = inflate_step(d, p + *got_out, room - *got_out, &n, err);
        *got_out += n;
        if (r < 0)
            return r;
        if (d->in_flushed)
            return DEFLATE_FLUSHED;
    }
    return d->in_finished ? DEFLATE_ENDED : *got_out == room ? DEFLATE_FULL : DEFLATE_STARVED;
}

/* What is left of the stream: nothing but its marks. */
static int in_ending(struct deflate *d, struct err *err)
{
    while (!deflate_in_starved(d)) {
        if (d->in_state == IN_LAST_BIT) {
            unsigned char next = (unsigned char)d->fed.p[d->fed_at];
            d->in_state = next == 1 || next == 3 ? IN_FINAL : IN_CLEAR;
        }
        if (d->in_state == IN_CLEAR)
            break;
        char waste;
        size_t n = 0;
        int r = inflate_step(d, &waste, 1, &n, err);
        if (r < 0)
            return r;
        if (n > 0)
            return err_set(err, ERR_CLOSED, "compressed input goes on behind its end");
        if (r == STREAM_END)
            d->in_state = IN_CLEAR;
        else if (d->in_flushed && d->in_state == IN_ENDING)
            d->in_state = IN_LAST_BIT;
    }
    if (d->in_state == IN_CLEAR) {
        let_in_go(d);
        memory_drop(&d->in_memory);
    }
    return 0;
}

int deflate_in(struct deflate *d, char *p, size_t room, size_t *got_out, struct err *err)
{
    *got_out = 0;
    if (d->in_state == IN_STREAM)
        return in_stream(d, p, room, got_out, err);
    if (d->in_state != IN_CLEAR) {
        int r = in_ending(d, err);
        if (r < 0 || d->in_state != IN_CLEAR)
            return r < 0 ? r : DEFLATE_STARVED;
    }
    struct str left = deflate_in_left(d);
    *got_out = left.n < room ? left.n : room;
    if (*got_out > 0)
        memcpy(p, left.p, *got_out);
    d->fed_at += *got_out;
    return *got_out == room ? DEFLATE_FULL : DEFLATE_STARVED;
}
