/* clock.h: time is handed in, so that tests set it. Durations come from mono, dates from wall.
 * Threads: any. */
#ifndef LOFT_BASE_CLOCK_H
#define LOFT_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(const struct clock *clock); /* milliseconds since 1970-01-01T00:00:00Z */
    int64_t (*mono_ms)(const struct clock *clock); /* milliseconds of a clock that only goes forward */
};

extern const struct clock clock_system;

/* A clock for tests: stands still until it is set. clock_fake_init(&f, ...); pass &f.clock. */
struct clock_fake {
    struct clock clock;
    _Atomic int64_t wall_ms, mono_ms;
};
void clock_fake_init(struct clock_fake *fake, int64_t wall_ms);
void clock_fake_advance(struct clock_fake *fake, int64_t ms);

static inline int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c);
}
static inline int64_t clock_mono_ms(const struct clock *c)
{
    return c->mono_ms(c);
}

#endif
