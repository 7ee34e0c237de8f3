/* rocks.h: the embedded engine: RocksDB for state and blob records, own segment files for mail bytes.
 * Contract: store/store.h.
 *
 *   FOLDER/LOCK               flock(2)ed while open, holds the process id
 *   FOLDER/BALLAST            preallocated; given back to the file system when even deleting gets hard
 *   FOLDER/db/                RocksDB: state, blob records (meta, header) and places; every value with its
 *                             own checksum
 *   FOLDER/segments/N.seg     mail bytes, append-only (segment.h has the byte layout)
 *
 *   caller's thread                                    committer (a caller when it is idle, else the engine's thread)
 *   blob_write: compress, reserve, pwrite --+
 *   commit: queue, wait ------------------- +--> [ group: check versions, fdatasync segments with new bytes, one WriteBatch + sync ]
 *                                                  answer everyone, call the watcher
 * A place never precedes its bytes: what a crash leaves are bytes that nothing refers to, and the collector
 * counts them as dead.
 *
 * The engine does not log: what an operator should know goes to `event`.
 * Threads: as store.h says. */
#ifndef LOFT_STORE_ROCKS_ROCKS_H
#define LOFT_STORE_ROCKS_ROCKS_H

#include "base/clock.h"
#include "store/store.h"

#include <sys/types.h>

/* LZ4: on real mail 15 us a message to write and 3 us to read, 0.58 of its size. zstd (level 1):
 * 31 us and 11 us, 0.43. */
enum rocks_compression { ROCKS_LZ4, ROCKS_ZSTD, ROCKS_UNCOMPRESSED };

enum rocks_event {
    ROCKS_SEGMENT_COLLECTED, /* rewritten or empty, its file is gone */
    ROCKS_DAMAGE,            /* the collector met damaged bytes and leaves that segment alone */
    ROCKS_WRITE_FAILED,      /* commits are refused from now on */
    ROCKS_BALLAST_RELEASED,  /* nearly out of space: only deleting works */
    ROCKS_BALLAST_RESTORED,
};
typedef void rocks_event_fn(void *ctx, enum rocks_event event, const char *text); /* any thread; be short */

/* The system calls that write, for tests that make them fail.
 * Each returns 0 or an errno value; from any thread. */
struct rocks_file_ops {
    void *ctx;
    int (*write)(void *ctx, int fd, const void *bytes, size_t n, off_t offset);
    int (*sync)(void *ctx, int fd);
    int (*allocate)(void *ctx, int fd, off_t offset, off_t n);
    int (*free_bytes)(void *ctx, const char *folder, uint64_t *free_bytes_out);
};
extern const struct rocks_file_ops rocks_file_ops_system;

struct rocks_options {
    const char *folder;        /* made if absent; borrowed during rocks_store_open */
    const struct clock *clock; /* borrows until close */
    uint64_t watermark_bytes;  /* free space below which new blobs are refused */
    uint64_t ballast_bytes;    /* size of BALLAST; 0 for none */
    uint64_t segment_bytes;    /* of one file; a blob above a sixteenth of it gets a file of its own */
    size_t block_cache_bytes;
    enum rocks_compression compression;
    unsigned collect_below_percent; /* segments with less live bytes are rewritten; 0: only empty ones go */
    uint64_t collect_bytes_per_s;   /* 0: as fast as it can */
    unsigned collect_interval_ms;   /* how often the collector looks */
    unsigned open_segments_max;     /* file descriptors kept for reading */
    /* An idle committer's work is done by the caller: no thread switch for a lone commit. */
    bool inline_commit;
    rocks_event_fn *event; /* may be NULL */
    void *event_ctx;
    const struct rocks_file_ops *files; /* borrows until close */
};

/* What a server uses; set folder (and event) on top. */
struct rocks_options rocks_options_default(void);

/* Open or make. Tails that a crash left are cut, interrupted drops of accounts are finished.
 *   errors  -ERR_UNAVAILABLE: another process has it open (the text says which); -ERR_CORRUPT: RocksDB
 *           refuses, or segments exist but no database; -ERR_INVALID: written by a newer Loft; -ERR_FULL;
 *           -ERR_IO */
MUST_USE int rocks_store_open(const struct rocks_options *options, struct store **store_out, struct err *err);

/* Run the collector now until nothing is left below the threshold; without rate limit.
 * For administration and tests. */
MUST_USE int rocks_collect(struct store *store, struct err *err);

#endif
