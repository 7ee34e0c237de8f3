#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BLOCK_BYTES_FIRST = 512, /* a client that idles holds one for its IDLE */
    BLOCK_BYTES_SECOND = 4096,
    BLOCK_BYTES_MAX = 256 * 1024,
    ARENA_ALIGN = _Alignof(max_align_t)
};

struct arena_block {
    struct arena_block *next;
    size_t cap, used;
    _Alignas(max_align_t) unsigned char bytes[];
};

static struct arena_block *block_new(struct arena *a, size_t n)
{
    size_t cap = a->head ? a->head->cap * 2 : BLOCK_BYTES_FIRST;
    if (a->head && cap < BLOCK_BYTES_SECOND)
        cap = BLOCK_BYTES_SECOND;
    if (cap > BLOCK_BYTES_MAX)
        cap = BLOCK_BYTES_MAX;
    if (cap < n)
        cap = n;
    struct arena_block *block = malloc(sizeof *block + cap);
    if (!block)
        abort();
    block->next = a->head;
    block->cap = cap;
    block->used = 0;
    a->head = block;
    a->total_bytes += cap;
    return block;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 4)
        abort();
    size_t rounded = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_block *block = a->head;
    if (!block || block->cap - block->used < rounded)
        block = block_new(a, rounded);
    void *p = block->bytes + block->used;
    block->used += rounded;
    memset(p, 0, rounded);
    return p;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 4 / size)
        abort();
    return arena_alloc(a, count * size);
}

void arena_wipe(struct arena *a)
{
    for (struct arena_block *block = a->head; block; block = block->next)
        explicit_bzero(block->bytes, block->used);
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = NULL;
    for (struct arena_block *block = a->head, *next; block; block = next) {
        next = block->next;
        if (!next && block->cap == BLOCK_BYTES_FIRST)
            keep = block;
        else
            free(block);
    }
    a->head = keep;
    a->total_bytes = keep ? keep->cap : 0;
    if (keep)
        keep->used = 0;
}

void arena_deinit(struct arena *a)
{
    arena_reset(a);
    free(a->head);
    *a = ARENA_INIT;
}

struct str arena_dup(struct arena *a, struct str s)
{
    if (str_is_nil(s))
        return s;
    return (struct str){ arena_c(a, s), s.n };
}

char *arena_c(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    char first[256]; /* most are shorter, and so formatted once */
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(first, sizeof first, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    char *text = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof first)
        memcpy(text, first, (size_t)n + 1);
    else
        vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){ text, (size_t)n };
}

void *arena_grow(struct arena *a, void *old, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return old;
    size_t bigger = *cap ? *cap * 2 : 8;
    void *array = arena_alloc_array(a, bigger, size);
    if (count)
        memcpy(array, old, count * size);
    *cap = bigger;
    return array;
}
