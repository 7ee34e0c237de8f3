/* arena.h: memory that goes all at once. One arena per command: filled while it is parsed and run, reset when
 * its tagged reply is queued. Everything is zeroed and aligned for any type.
 * Threads: one owner at a time. */
#ifndef LOFT_BASE_ARENA_H
#define LOFT_BASE_ARENA_H

#include "base/str.h"

#include <stdarg.h>

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block; NULL until first use */
    size_t total_bytes;       /* of all blocks, for limits */
};

#define ARENA_INIT ((struct arena){ NULL, 0 })

void arena_deinit(struct arena *a); /* frees all, leaves ARENA_INIT */
void arena_wipe(struct arena *a);   /* overwrites all: it held a secret; arena_deinit or arena_reset next */
void arena_reset(struct arena *a);  /* frees all but one small block */

void *arena_alloc(struct arena *a, size_t n); /* zeroed; never NULL */

#define arena_new(a, type)              ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_array(a, type, count) ((type *)arena_alloc_array((a), (count), sizeof(type)))
void *arena_alloc_array(struct arena *a, size_t count, size_t size); /* checks the product */

struct str arena_dup(struct arena *a, struct str s); /* NIL stays NIL; also NUL-terminated behind n */
char *arena_c(struct arena *a, struct str s); /* as a C string, cut at an embedded NUL by its readers */
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Grow an array in the arena by doubling: returns the array with room for at least `count + 1`;
 * `*cap` is updated. */
void *arena_grow(struct arena *a, void *old, size_t count, size_t *cap, size_t size);

#endif
