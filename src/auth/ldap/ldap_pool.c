#include "auth/ldap/ldap_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct ldap_pool {
    struct ldap_pool_params params;
    char *uris[LDAP_URIS_MAX];
    size_t uri_count;

    pthread_mutex_t lock; /* of all below; held for no call that blocks */
    pthread_cond_t freed;
    struct ldap_link *idle[LDAP_POOL_LINKS_MAX];
    size_t idle_count, busy_count;
    size_t first_uri;      /* that answered last */
    int64_t rest_until_ms; /* monotonic; no server was there */
    struct err why;
};

struct ldap_pool *ldap_pool_new(const struct ldap_pool_params *params)
{
    struct ldap_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        abort();
    assert(params->links_max > 0 && params->links_max <= LDAP_POOL_LINKS_MAX);
    pool->params = *params;
    struct str rest = str_c(params->uris), uri;
    while (!str_is_nil(uri = str_next_word(&rest))) {
        assert(pool->uri_count < LDAP_URIS_MAX);
        pool->uris[pool->uri_count] = strndup(uri.p, uri.n);
        if (!pool->uris[pool->uri_count++])
            abort();
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    return pool;
}

void ldap_pool_free(struct ldap_pool **pool)
{
    struct ldap_pool *p = *pool;
    if (!p)
        return;
    assert(p->busy_count == 0);
    for (size_t i = 0; i < p->idle_count; i++)
        ldap_link_close(&p->idle[i]);
    for (size_t i = 0; i < p->uri_count; i++)
        free(p->uris[i]);
    pthread_cond_destroy(&p->freed);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pool = NULL;
}

/* ---- a place ---- */

/* An idle connection (NULL: the caller opens one), or -ERR_UNAVAILABLE. A place is taken when 0 is returned. */
static int take(struct ldap_pool *p, bool fresh, struct ldap_link **link_out, struct err *err)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += p->params.link.timeout_ms / 1000 + 1;
    int r = 0, waited = 0;
    pthread_mutex_lock(&p->lock);
    while (p->busy_count >= p->params.links_max && waited == 0)
        waited = pthread_cond_timedwait(&p->freed, &p->lock, &end);
    *link_out = NULL;
    if (p->busy_count >= p->params.links_max)
        r = err_set(err, ERR_UNAVAILABLE, "all %u connections to the directory are busy",
                    p->params.links_max);
    else if (!fresh && p->idle_count > 0)
        *link_out = p->idle[--p->idle_count];
    else if (clock_mono_ms(p->params.clock) < p->rest_until_ms)
        r = err_set(err, ERR_UNAVAILABLE, "%s", p->why.text);
    if (r == 0)
        p->busy_count++;
    pthread_mutex_unlock(&p->lock);
    return r;
}

static void give_back(struct ldap_pool *p, struct ldap_link *link)
{
    pthread_mutex_lock(&p->lock);
    p->busy_count--;
    if (link && !ldap_link_is_broken(link) && p->idle_count + p->busy_count < p->params.links_max) {
        p->idle[p->idle_count++] = link;
        link = NULL;
    }
    pthread_cond_signal(&p->freed);
    pthread_mutex_unlock(&p->lock);
    ldap_link_close(&link);
}

/* ---- a server ---- */

static void note_server(struct ldap_pool *p, size_t which)
{
    pthread_mutex_lock(&p->lock);
    p->first_uri = which;
    pthread_mutex_unlock(&p->lock);
}

static void note_none(struct ldap_pool *p, const struct err *why)
{
    pthread_mutex_lock(&p->lock);
    p->why = *why;
    p->rest_until_ms = clock_mono_ms(p->params.clock) + LDAP_POOL_REST_MS;
    pthread_mutex_unlock(&p->lock);
}

static int open_link(struct ldap_pool *p, struct ldap_link **link_out, struct err *err)
{
    struct err why = { .kind = ERR_NONE };
    pthread_mutex_lock(&p->lock);
    size_t first = p->first_uri;
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->uri_count; i++) {
        size_t which = (first + i) % p->uri_count;
        if (ldap_link_open(&p->params.link, p->uris[which], link_out, &why) == 0) {
            note_server(p, which);
            return 0;
        }
    }
    note_none(p, &why);
    return err_set(err, ERR_UNAVAILABLE, "%s", why.text);
}

int ldap_pool_ask(struct ldap_pool *p, ldap_pool_fn *fn, void *ctx, struct err *err)
{
    for (bool fresh = false;; fresh = true) {
        struct ldap_link *link;
        int r = take(p, fresh, &link, err);
        if (r < 0)
            return r;
        bool opened = link == NULL;
        if (opened)
            r = open_link(p, &link, err);
        if (r == 0)
            r = fn(ctx, link, err);
        bool again = !opened && link && ldap_link_is_broken(link) && r == -ERR_UNAVAILABLE;
        give_back(p, link);
        if (!again)
            return r;
    }
}
