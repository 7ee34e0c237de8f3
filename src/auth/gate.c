#include "auth/gate.h"

#include <assert.h>

void gate_init(struct gate *g, uint32_t inside_max, uint32_t waiting_max)
{
    assert(inside_max > 0);
    *g = (struct gate){ .inside_max = inside_max, .waiting_max = waiting_max };
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->left, NULL);
}

void gate_deinit(struct gate *g)
{
    assert(g->inside == 0 && g->waiting == 0);
    pthread_cond_destroy(&g->left);
    pthread_mutex_destroy(&g->lock);
}

int gate_enter(struct gate *g, struct err *err)
{
    int r = 0;
    pthread_mutex_lock(&g->lock);
    if (g->inside >= g->inside_max && g->waiting >= g->waiting_max) {
        r = err_set(err, ERR_UNAVAILABLE, "too many sign-ins at once: try again in a moment");
    } else {
        g->waiting++;
        while (g->inside >= g->inside_max)
            pthread_cond_wait(&g->left, &g->lock);
        g->waiting--;
        g->inside++;
    }
    pthread_mutex_unlock(&g->lock);
    return r;
}

void gate_leave(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->inside--;
    pthread_cond_signal(&g->left);
    pthread_mutex_unlock(&g->lock);
}
