/* kernel.h: what the kernel holds for a server. Nobody accounts that as a whole, so it is put together from what
 * /proc tells of its processes: page tables, stacks, and the structures of tasks, mappings, memory and sockets (as
 * if all were of TCP and watched by epoll), by number and size. Bytes under way in sockets are not in it. */
#ifndef LOFT_BENCH_LOAD_KERNEL_H
#define LOFT_BENCH_LOAD_KERNEL_H

#include "load/usage.h"

uint64_t kernel_bytes(const struct target *t);

#endif
