/* What a guard knows, over a restart. */
#include "auth/guard_private.h"

#include "base/codec.h"
#include "base/file.h"
#include "base/hash.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WRITE_EVERY_S = 5, FILE_BYTES_MAX = 8 * 1024 * 1024 };

static const char magic[8] = { 'L', 'o', 'f', 't', 'G', 'r', 'd', '1' };

uint64_t guard_changes(struct guard *g)
{
    return throttle_changes(g->throttle) + familiar_changes(g->familiar);
}

void guard_encode(struct guard *g, struct buf *out)
{
    size_t from = out->n;
    buf_add_bytes(out, magic, sizeof magic);
    buf_put_u64(out, (uint64_t)clock_wall_ms(g->params.clock));
    throttle_encode(g->throttle, clock_mono_ms(g->params.clock), out);
    familiar_encode(g->familiar, out);
    buf_put_u64(out, hash_xxh3(out->p + from, out->n - from));
}

/* A clock that was set back makes nothing older than it was. */
static int64_t away_ms(const struct guard *g, uint64_t written_wall_ms)
{
    int64_t now = clock_wall_ms(g->params.clock);
    return written_wall_ms < (uint64_t)now ? now - (int64_t)written_wall_ms : 0;
}

int guard_decode(struct guard *g, struct str bytes, struct err *err)
{
    enum { CHECKSUM_BYTES = 8 };
    if (bytes.n < sizeof magic + CHECKSUM_BYTES || memcmp(bytes.p, magic, sizeof magic) != 0)
        return err_set(err, ERR_CORRUPT, "not a file of failed sign-ins");
    struct str content = str_sub(bytes, 0, bytes.n - CHECKSUM_BYTES);
    if (load_u64(str_end(content)) != hash_xxh3(content.p, content.n))
        return err_set(err, ERR_CORRUPT, "the checksum does not match");
    struct reader in = reader_make(str_skip(content, sizeof magic));
    int64_t away = away_ms(g, reader_u64(&in));
    int r = throttle_decode(g->throttle, &in, clock_mono_ms(g->params.clock), away, err);
    if (r == 0)
        r = familiar_decode(g->familiar, &in, err);
    if (r == 0 && reader_left(&in) > 0)
        r = err_set(err, ERR_CORRUPT, "there is more than belongs there");
    return r;
}

/* ---- the file ---- */

static void read_file(struct guard *g)
{
    struct buf bytes = BUF_INIT;
    struct err err;
    int r = file_read(g->path, FILE_BYTES_MAX, &bytes, &err);
    if (r == 0)
        r = guard_decode(g, buf_str(&bytes), &err);
    if (r < 0 && r != -ERR_NOT_FOUND)
        log_warn(&g->params.log, "sign-in-failures-lost", KV("file", (const char *)g->path),
                 KV("text", (const char *)err.text));
    buf_deinit(&bytes);
}

static void write_file(struct guard *g)
{
    struct buf bytes = BUF_INIT;
    struct err err;
    uint64_t changes = guard_changes(g);
    if (changes == g->written)
        return;
    guard_encode(g, &bytes);
    int r = file_replace(g->path, buf_str(&bytes), 0600, &err);
    if (r == 0)
        g->written = changes;
    else if (!g->write_failing)
        log_warn(&g->params.log, "sign-in-failures-not-written", KV("file", (const char *)g->path),
                 KV("text", (const char *)err.text));
    g->write_failing = r < 0;
    buf_deinit(&bytes);
}

static void *write_now_and_then(void *ctx)
{
    struct guard *g = ctx;
    pthread_mutex_lock(&g->lock);
    while (!g->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += WRITE_EVERY_S;
        while (!g->stop && pthread_cond_timedwait(&g->stopping, &g->lock, &until) != ETIMEDOUT)
            ;
        pthread_mutex_unlock(&g->lock);
        write_file(g);
        pthread_mutex_lock(&g->lock);
    }
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

void guard_file_begin(struct guard *g, const char *path)
{
    pthread_condattr_t attr;
    g->path = strdup(path);
    if (!g->path)
        abort();
    read_file(g);
    g->written = guard_changes(g);
    pthread_mutex_init(&g->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&g->stopping, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&g->writer, NULL, write_now_and_then, g) != 0)
        abort();
}

void guard_file_end(struct guard *g)
{
    pthread_mutex_lock(&g->lock);
    g->stop = true;
    pthread_cond_signal(&g->stopping);
    pthread_mutex_unlock(&g->lock);
    pthread_join(g->writer, NULL);
    write_file(g); /* what came last */
    pthread_cond_destroy(&g->stopping);
    pthread_mutex_destroy(&g->lock);
    free(g->path);
}
