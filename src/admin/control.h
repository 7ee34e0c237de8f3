/* control.h: the local socket over which the command line talks to the running server: one JSON object a line
 * each way, and raw bytes behind it where its "bytes" says so. Requests and results: admin.h
 * The socket has mode 0600: whoever may open it owns the data anyway.
 *
 *   ->  {"command": "user-list", ...}\n
 *   <-  {"ok": true, "result": ..., "bytes": N}\n
 *   or  {"ok": false, "kind": "not-found", "text": "..."}\n
 *
 * Requests of one connection run one after the other, on the workers of the net: they may block. */
#ifndef LOFT_ADMIN_CONTROL_H
#define LOFT_ADMIN_CONTROL_H

#include "admin/admin.h"

enum { CONTROL_LINE_BYTES_MAX = 64 * 1024 }; /* of a request, without its raw bytes */

struct control;

/* Listen at config's server.control_socket; `admin` is borrowed until control_free, `admin->server` is set.
 * -ERR_EXISTS when another server answers there; -ERR_SYNTAX for a path too long; -ERR_IO. A socket file left
 * by a crash is replaced. */
MUST_USE int control_start(const struct admin *admin, struct control **control_out, struct err *err);
void control_free(struct control **control); /* after net_stop; accepts NULL */

#endif
