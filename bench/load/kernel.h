/* kernel.h: what the kernel holds for a server: its processes and the connections to it. Nobody accounts that as a
 * whole, so it is put together from what /proc tells:
 *   of each process    page tables, stacks, and the structures of tasks, mappings and memory, by number and size
 *   of the machine     structures of sockets, open files and epoll, and buffers of TCP
 * The second part holds the generator's end of each connection, too; kernel_bytes_of_end is to be taken off. */
#ifndef LOFT_BENCH_LOAD_KERNEL_H
#define LOFT_BENCH_LOAD_KERNEL_H

#include "load/usage.h"

uint64_t kernel_bytes(const struct target *t);

/* What one end of a connection takes, watched by epoll as the generator's are. */
double kernel_bytes_of_end(void);

#endif
