/* ref.h: a reference count.     Threads: any. */
#ifndef LOFT_BASE_REF_H
#define LOFT_BASE_REF_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ref {
    atomic_uint n;
};

static inline void ref_init(struct ref *r)
{
    atomic_init(&r->n, 1);
}
static inline void ref_get(struct ref *r)
{
    unsigned before = atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
}
/* True when the last one is gone: the caller frees. */
static inline bool ref_put(struct ref *r)
{
    unsigned before = atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel);
    assert(before > 0);
    return before == 1;
}

#endif
