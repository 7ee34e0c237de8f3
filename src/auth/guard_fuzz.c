/* Any bytes as the file of a guard, with a checksum that matches: what is taken must be written, read again and be the same. */
#include "auth/guard.h"
#include "base/codec.h"
#include "base/hash.h"

#include <assert.h>
#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct guard *new_guard(const struct clock *clock)
{
    return guard_new(&(struct guard_params){ .clock = clock,
                                             .failure_delay_ms = 500,
                                             .failure_delay_max_ms = 15000,
                                             .failure_forget_s = 300,
                                             .lock_failures = 10,
                                             .lock_s = 900 });
}

static void check_again(const struct clock *clock, struct guard *guard)
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct guard *again = new_guard(clock);
    guard_encode(guard, &first);
    int r = guard_decode(again, buf_str(&first), NULL);
    assert(r == 0);
    guard_encode(again, &second);
    assert(str_eq(buf_str(&first), buf_str(&second)));
    buf_deinit(&first);
    buf_deinit(&second);
    guard_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct clock_fake clock;
    struct buf bytes = BUF_INIT;
    clock_fake_init(&clock, 1700000000000);
    struct guard *guard = new_guard(&clock.clock);
    buf_add_bytes(&bytes, data, n);
    buf_put_u64(&bytes, hash_xxh3(bytes.p, bytes.n));
    if (guard_decode(guard, buf_str(&bytes), NULL) == 0)
        check_again(&clock.clock, guard);
    guard_free(&guard);
    buf_deinit(&bytes);
    return 0;
}
