/* tls_file.h: files in PEM. For tls_*.c alone. */
#ifndef LOFT_NET_TLS_FILE_H
#define LOFT_NET_TLS_FILE_H

#include "base/buf.h"
#include "base/err.h"

struct bio_st;

/* Read it whole; bio_out reads from `bytes`. -ERR_NOT_FOUND, -ERR_IO, -ERR_DENIED; -ERR_LIMIT above TLS_FILE_BYTES_MAX */
MUST_USE int tls_file_open(const char *path, struct buf *bytes, struct bio_st **bio_out, struct err *err);

/* -ERR_INVALID: "PATH: WHAT: OpenSSL's reason"; empties this thread's queue of errors. */
int tls_file_error(struct err *err, const char *path, const char *what);

#endif
