/* testing_memory.h: for tests: a process that gets no more memory than it has, but for a little. */
#ifndef LOFT_AUTH_TESTING_MEMORY_H
#define LOFT_AUTH_TESTING_MEMORY_H

#include "base/testing.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TESTING_MEMORY_LEFT_BYTES = 16 * 1024 * 1024 };

/* What the limit was: give it back to testing_memory_back. */
static inline struct rlimit testing_memory_low(void)
{
    struct rlimit before, low;
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_true(f && fscanf(f, "%lu", &pages) == 1);
    fclose(f);
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    low = before;
    low.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + TESTING_MEMORY_LEFT_BYTES;
    assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
    return before;
}

static inline void testing_memory_back(struct rlimit before)
{
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

#endif
