/* spool.h: bytes that are written once and then seen whole: few in memory, many in a file without a name.     Threads: one owner. */
#ifndef LOFT_INDEX_SPOOL_H
#define LOFT_INDEX_SPOOL_H

#include "base/buf.h"
#include "base/err.h"

enum { SPOOL_MEMORY_BYTES = 1024 * 1024 };

struct spool {
    const char *folder; /* borrowed; NULL: /tmp */
    struct buf memory;
    int fd; /* -1: all is in memory */
    uint64_t bytes;
    void *map;
};

void spool_init(struct spool *s, const char *folder);
void spool_deinit(struct spool *s);
MUST_USE int spool_write(struct spool *s, struct str bytes, struct err *err);
/* All of it, borrowed; nothing is written behind it. */
MUST_USE int spool_bytes(struct spool *s, struct str *bytes_out, struct err *err);

#endif
