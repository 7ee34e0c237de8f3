/* segment_walk.c: the part of segment.h that finds records without knowing where they are. */
#include "base/file.h"
#include "store/rocks/segment.h"

#include <string.h>

enum { WINDOW_BYTES = 64 * 1024 };

void segment_walk_init(struct segment_walk *w, int fd, uint64_t salt, uint64_t end)
{
    *w = (struct segment_walk){
        .fd = fd, .salt = salt, .at = SEGMENT_HEAD_BYTES, .end = end, .window = BUF_INIT
    };
}

void segment_walk_deinit(struct segment_walk *w)
{
    buf_deinit(&w->window);
}

/* `n` bytes of the file at `at`, which is inside [at, end - n]; borrows the window. */
static int window_get(struct segment_walk *w, uint64_t at, size_t n, const char **p_out, struct err *err)
{
    if (at < w->window_at || at + n > w->window_at + w->window.n) {
        size_t want = n > WINDOW_BYTES ? n : WINDOW_BYTES;
        if (want > w->end - at)
            want = (size_t)(w->end - at);
        buf_clear(&w->window);
        int r = file_pread(w->fd, buf_reserve(&w->window, want), want, at, err);
        if (r < 0)
            return r;
        w->window.n = want;
        w->window_at = at;
    }
    *p_out = w->window.p + (at - w->window_at);
    return 0;
}

/* 1: a record begins at w->at. 0: none does. */
static int record_here(struct segment_walk *w, struct record_head *head_out, struct err *err)
{
    const char *p;
    if (w->end - w->at < RECORD_HEAD_BYTES)
        return 0;
    int r = window_get(w, w->at, RECORD_HEAD_BYTES, &p, err);
    if (r < 0)
        return r;
    if (!record_head_decode((const unsigned char *)p, w->salt + w->at, head_out) ||
        head_out->stored_bytes > w->end - w->at)
        return 0;
    size_t table_n = (size_t)head_out->block_count * BLOCK_ENTRY_BYTES;
    r = window_get(w, w->at, RECORD_HEAD_BYTES + table_n, &p, err);
    if (r < 0)
        return r;
    return record_table_valid(head_out, str_make(p + RECORD_HEAD_BYTES, table_n)) ? 1 : 0;
}

int segment_walk_next(struct segment_walk *w, struct record_head *head_out, uint64_t *offset_out,
                      struct err *err)
{
    while (w->at + RECORD_ALIGN <= w->end) {
        int r = record_here(w, head_out, err);
        if (r < 0)
            return r;
        if (r == 1) {
            *offset_out = w->at;
            w->at += record_padded(head_out->stored_bytes);
            return 1;
        }
        const char *p;
        r = window_get(w, w->at, RECORD_ALIGN, &p, err);
        if (r < 0)
            return r;
        static const char zero[RECORD_ALIGN];
        if (memcmp(p, zero, RECORD_ALIGN) != 0)
            w->skipped_bytes += RECORD_ALIGN;
        w->at += RECORD_ALIGN;
    }
    return 0;
}
