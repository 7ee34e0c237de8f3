#include "index/token.h"

#include <string.h>

void index_tokens_begin(struct index_tokens *t, index_token_fn *fn, void *ctx)
{
    t->fn = fn;
    t->ctx = ctx;
    t->class = WORD_NONE;
    t->n = 0;
}

static void tell(struct index_tokens *t, const char *p, size_t n)
{
    t->fn(t->ctx, str_make(p, n));
}

/* ---- runs that go on over the end of a piece, or beyond a window, are kept in t->run ---- */

static void keep_letters(struct index_tokens *t, const char *p, size_t n)
{
    while (n > 0) {
        size_t room = INDEX_TOKEN_BYTES_MAX - t->n, part = n < room ? n : room;
        if (room == 0) { /* and there is more: a window is full */
            tell(t, t->run, INDEX_TOKEN_BYTES_MAX);
            t->n = INDEX_TOKEN_BYTES_MAX - INDEX_TOKEN_STEP_BYTES;
            memmove(t->run, t->run + INDEX_TOKEN_STEP_BYTES, t->n);
            continue;
        }
        memcpy(t->run + t->n, p, part);
        t->n += part;
        p += part;
        n -= part;
    }
}

static void keep_script(struct index_tokens *t, const char *p, size_t n)
{
    if (t->n > 0) {
        memcpy(t->run + t->n, p, n);
        tell(t, t->run, t->n + n);
    }
    memcpy(t->run, p, n);
    t->n = n;
}

static void end_run(struct index_tokens *t)
{
    if (t->n > 0)
        tell(t, t->run, t->n);
    t->n = 0;
    t->class = WORD_NONE;
}

static void keep(struct index_tokens *t, enum word_class class, const char *p, size_t n)
{
    if (t->class != class)
        end_run(t);
    t->class = class;
    if (class == WORD_LETTER)
        keep_letters(t, p, n);
    else if (class == WORD_SCRIPT)
        keep_script(t, p, n);
}

/* From p on: the end of a run of letters. */
static const char *skip_letters(const char *p, const char *end)
{
    for (;;) {
        while (p < end && word_is_ascii((unsigned char)*p))
            p++;
        const char *next = p;
        if (p == end || (unsigned char)*p < 0x80 || word_class_next(&next, end) != WORD_LETTER)
            return p;
        p = next;
    }
}

void index_tokens_feed(struct index_tokens *t, struct str piece)
{
    const char *p = piece.p, *end = str_end(piece);
    while (p < end) {
        const char *from = p;
        enum word_class class = WORD_LETTER;
        if ((unsigned char)*p >= 0x80)
            class = word_class_next(&p, end);
        else if (!word_is_ascii((unsigned char)*p++))
            class = WORD_NONE;
        if (class == WORD_LETTER)
            p = skip_letters(p, end);
        if (class == WORD_NONE && t->class == WORD_NONE)
            continue;
        if (class == WORD_LETTER && t->class == WORD_NONE && p < end && p - from <= INDEX_TOKEN_BYTES_MAX)
            tell(t, from, (size_t)(p - from)); /* most: they need not be kept */
        else
            keep(t, class, from, (size_t)(p - from));
    }
}

void index_tokens_end(struct index_tokens *t)
{
    end_run(t);
}
