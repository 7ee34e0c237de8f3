/* file.h: whole reads and writes, and what it takes to make a name durable.     Threads: any. */
#ifndef LOFT_BASE_FILE_H
#define LOFT_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/types.h>

/* Append the file to `out`. -ERR_NOT_FOUND; -ERR_LIMIT above max_bytes; -ERR_IO. */
MUST_USE int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);

/* Write beside, fsync, rename over, fsync the folder:
 * after a crash the old or the new file is there, whole. */
MUST_USE int file_replace(const char *path, struct str bytes, mode_t mode, struct err *err);

MUST_USE int file_mkdir_all(const char *path, mode_t mode, struct err *err); /* an existing folder is fine */
MUST_USE int file_sync_dir(const char *path, struct err *err);

/* All bytes or an error; retries EINTR and short counts. pread at the end of the file is -ERR_IO "short
 * read". */
MUST_USE int file_pread(int fd, void *out, size_t n, uint64_t offset, struct err *err);
MUST_USE int file_pwrite(int fd, struct str bytes, uint64_t offset, struct err *err);
MUST_USE int file_write(int fd, struct str bytes, struct err *err);

/* A file without a name in `folder` (NULL: /tmp), to read and write, so that nothing is left after a crash: a descriptor, or -ERR_x. */
MUST_USE int file_open_unnamed(const char *folder, struct err *err);

/* Free bytes of the file system that holds `path`, as an unprivileged process may use them. */
MUST_USE int file_free_bytes(const char *path, uint64_t *free_bytes_out, struct err *err);

#endif
