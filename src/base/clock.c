#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_wall_ms(const struct clock *clock)
{
    (void)clock;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(const struct clock *clock)
{
    (void)clock;
    return read_ms(CLOCK_MONOTONIC);
}

const struct clock clock_system = { system_wall_ms, system_mono_ms };

static int64_t fake_wall_ms(const struct clock *clock)
{
    return atomic_load(&((const struct clock_fake *)clock)->wall_ms);
}

static int64_t fake_mono_ms(const struct clock *clock)
{
    return atomic_load(&((const struct clock_fake *)clock)->mono_ms);
}

void clock_fake_init(struct clock_fake *fake, int64_t wall_ms)
{
    fake->clock = (struct clock){ fake_wall_ms, fake_mono_ms };
    atomic_init(&fake->wall_ms, wall_ms);
    atomic_init(&fake->mono_ms, 0);
}

void clock_fake_advance(struct clock_fake *fake, int64_t ms)
{
    atomic_fetch_add(&fake->wall_ms, ms);
    atomic_fetch_add(&fake->mono_ms, ms);
}
