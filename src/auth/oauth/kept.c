#include "auth/oauth/kept.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct kept {
    struct kept_params params;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t fetched;
    void *value;         /* NULL: none */
    int64_t value_at_ms; /* when its fetch began; monotonic, as the next */
    int64_t tried_at_ms; /* when the last fetch ended */
    bool tried, fetching;
    struct err failure; /* of the last fetch; ERR_NONE: it went well */
};

struct kept *kept_new(const struct kept_params *params)
{
    struct kept *k = calloc(1, sizeof *k);
    if (!k)
        abort();
    k->params = *params;
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->fetched, NULL);
    return k;
}

void kept_free(struct kept **kept)
{
    struct kept *k = *kept;
    *kept = NULL;
    if (!k)
        return;
    if (k->value)
        k->params.ops->unref(k->value);
    pthread_cond_destroy(&k->fetched);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

/* Called with the lock, and gives it up meanwhile. */
static void fetch(struct kept *k, int64_t now_ms)
{
    void *value = NULL;
    struct err err = { 0 };
    k->fetching = true;
    k->tried = true;
    pthread_mutex_unlock(&k->lock);
    int r = k->params.ops->fetch(k->params.ctx, &value, &err);
    pthread_mutex_lock(&k->lock);
    void *old = r == 0 ? k->value : NULL;
    if (r == 0) {
        k->value = value;
        k->value_at_ms = now_ms;
        err.kind = ERR_NONE;
    }
    k->failure = err;
    k->tried_at_ms = clock_mono_ms(k->params.clock); /* it may have taken longer than retry_ms */
    k->fetching = false;
    pthread_cond_broadcast(&k->fetched);
    if (old)
        k->params.ops->unref(old);
}

int kept_get(struct kept *k, const void *older, void **value_out, struct err *err)
{
    const struct kept_params *p = &k->params;
    int r = -ERR_AGAIN;
    bool asked = false; /* by this call: once is enough */
    pthread_mutex_lock(&k->lock);
    while (r == -ERR_AGAIN) {
        int64_t now_ms = clock_mono_ms(p->clock);
        uint64_t age_ms = (uint64_t)(now_ms - k->value_at_ms);
        bool usable = k->value && k->value != older && age_ms < p->fresh_ms + p->stale_ms;
        if (usable && (age_ms < p->fresh_ms || k->fetching)) {
            r = 0;
        } else if (k->fetching) {
            pthread_cond_wait(&k->fetched, &k->lock);
        } else if (!asked && (!k->tried || (uint64_t)(now_ms - k->tried_at_ms) >= p->retry_ms)) {
            fetch(k, now_ms);
            asked = true;
        } else if (usable) {
            r = 0;
        } else if (k->failure.kind == ERR_NONE) {
            r = err_set(err, ERR_NOT_FOUND, "nothing newer has been fetched");
        } else {
            r = err_set(err, ERR_UNAVAILABLE, "%s", k->failure.text);
        }
    }
    if (r == 0)
        *value_out = p->ops->ref(k->value);
    pthread_mutex_unlock(&k->lock);
    return r;
}
