/* control.h: the local socket over which the command line talks to the running server: one JSON object a line each way.
 * The socket has mode 0600: whoever may open it owns the data anyway.
 *
 *   -> {"command": "user-list", ...}          <- {"ok": true, ...} or {"ok": false, "kind": "not-found", "text": "..."} */
#ifndef LOFT_ADMIN_CONTROL_H
#define LOFT_ADMIN_CONTROL_H

#include "admin/backend.h"
#include "auth/presence.h"
#include "net/net.h"

struct control;

struct control_params { /* all borrowed until control_stop */
    const char *path;
    struct backend *backend;
    struct net *net;
    struct presence *presence;
    const struct config *config;
    struct logger log;
};

/* -ERR_EXISTS when another server answers there; -ERR_IO. A socket file left by a crash is replaced. */
MUST_USE int control_start(const struct control_params *params, struct control **control_out, struct err *err);
void control_stop(struct control **control); /* accepts NULL */

#endif
