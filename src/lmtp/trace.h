/* trace.h: the header lines that final delivery puts before a message: Return-Path, Delivered-To, Received.
 * RFC 5321, 4.4
 * Threads: none needed. */
#ifndef LOFT_LMTP_TRACE_H
#define LOFT_LMTP_TRACE_H

#include "base/buf.h"

enum {
    TRACE_RECIPIENTS_MAX = 8,   /* Delivered-To lines */
    TRACE_NAME_BYTES_MAX = 255, /* of `from` and `by`; the rest is cut off */
    TRACE_BYTES_MAX = 8192,
};

/* Addresses are text of lmtp_path or names of users: without control bytes, at most LMTP_PATH_BYTES_MAX
 * bytes. `from` may hold anything: what is not a letter, digit or "._:-[]" becomes "?", so that nobody writes
 * header lines or comments through it. */
struct trace {
    struct str sender;  /* without brackets; "" for none */
    struct str from;    /* LHLO; NIL: not by LMTP but from this machine, so without that clause */
    struct str from_ip; /* "192.0.2.1", "2001:db8::1"; NIL where there is none */
    struct str by;      /* our host */
    struct str id;      /* an atom */
    bool utf8;          /* with SMTPUTF8 */
    int64_t wall_s;     /* the date, told in local time */
};

/* Append them, each with its CRLF, at most TRACE_BYTES_MAX bytes.
 *   recipients  addresses of one and the same person; those beyond TRACE_RECIPIENTS_MAX are not named */
void trace_write(const struct trace *trace, const struct str *recipients, size_t recipient_count,
                 struct buf *out);

/* Append the time as Date and Received have it, local to this machine's zone. */
void trace_write_date(int64_t wall_s, struct buf *out);

#endif
