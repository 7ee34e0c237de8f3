/* cert.h: a self-signed certificate for a server that has none, so that the first start speaks TLS.
 * RFC 5280
 * EC P-256, CERT_DAYS days (what clients accept at most), SAN: the host name, localhost, 127.0.0.1, ::1.
 * Key and certificate go into one PEM file of mode 0600, replaced atomically, so that they always belong
 * together.
 * Threads: any. */
#ifndef LOFT_NET_CERT_H
#define LOFT_NET_CERT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

enum { CERT_DAYS = 825 };

/* Make `path` unless a certificate with its key is there that has not run out by `clock`. For a file of our
 * own making only: what the operator has put elsewhere is never replaced.
 *   made_out  true when a new one was written; tell the operator: clients will ask again
 *   returns   0; -ERR_IO, -ERR_FULL; -ERR_INVALID when host_name is no DNS name */
MUST_USE int cert_ensure_self_signed(const char *path, struct str host_name, const struct clock *clock,
                                     bool *made_out, struct err *err);

#endif
