#include "net/limits.h"

#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct limits {
    pthread_mutex_t lock;
    struct map counts; /* the count itself in place of a pointer; never 0 */
};

struct limits *limits_new(void)
{
    struct limits *limits = calloc(1, sizeof *limits);
    if (!limits)
        abort();
    pthread_mutex_init(&limits->lock, NULL);
    map_init(&limits->counts);
    return limits;
}

void limits_free(struct limits **limits)
{
    if (!*limits)
        return;
    assert((*limits)->counts.count == 0);
    map_deinit(&(*limits)->counts);
    pthread_mutex_destroy(&(*limits)->lock);
    free(*limits);
    *limits = NULL;
}

static uintptr_t count_get(const struct limits *limits, struct str key)
{
    return (uintptr_t)map_get(&limits->counts, key);
}

static void count_set(struct limits *limits, struct str key, uintptr_t count)
{
    if (count == 0)
        map_remove(&limits->counts, key);
    else
        map_put(&limits->counts, key, (void *)count);
}

int limit_acquire(struct limits *limits, struct str key, unsigned max, const char *what, struct err *err)
{
    pthread_mutex_lock(&limits->lock);
    uintptr_t count = count_get(limits, key);
    bool free_place = max == 0 || count < max;
    if (free_place)
        count_set(limits, key, count + 1);
    pthread_mutex_unlock(&limits->lock);
    return free_place ? 0 : err_set(err, ERR_LIMIT, "too many %s (limit %u)", what, max);
}

void limit_release(struct limits *limits, struct str key)
{
    pthread_mutex_lock(&limits->lock);
    uintptr_t count = count_get(limits, key);
    assert(count > 0);
    count_set(limits, key, count - 1);
    pthread_mutex_unlock(&limits->lock);
}

unsigned limit_count(struct limits *limits, struct str key)
{
    pthread_mutex_lock(&limits->lock);
    uintptr_t count = count_get(limits, key);
    pthread_mutex_unlock(&limits->lock);
    return (unsigned)count;
}

size_t limit_keys(struct limits *limits)
{
    pthread_mutex_lock(&limits->lock);
    size_t keys = limits->counts.count;
    pthread_mutex_unlock(&limits->lock);
    return keys;
}
