/* gate.h: at most so many at once, and at most so many who wait.     Threads: any. */
#ifndef LOFT_AUTH_GATE_H
#define LOFT_AUTH_GATE_H

#include "base/err.h"

#include <pthread.h>
#include <stdint.h>

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    uint32_t inside, waiting;
    uint32_t inside_max, waiting_max;
};

void gate_init(struct gate *gate, uint32_t inside_max, uint32_t waiting_max); /* inside_max is not 0 */
void gate_deinit(struct gate *gate);                                          /* nobody is inside, or waits */

/* -ERR_UNAVAILABLE when too many wait already; else leave once. */
MUST_USE int gate_enter(struct gate *gate, struct err *err);
void gate_leave(struct gate *gate);

#endif
