/* admin.h: the administrative commands, one implementation each: run inside the server for whoever comes over
 * the control socket (control.h), or in the process of the command itself, on a data folder that it opened
 * (client.h).
 *
 *   request  {"command": "user-add", "name": "anna", "password": "...", "bytes": N}; `bytes`: so many raw
 *            bytes follow
 *   result   what the command's row in commands.c says; NULL-free JSON, printed as it is by --json
 *
 * A session is one conversation: it keeps an import or export under way. Everything a request holds is
 * checked here: the socket's other end may be an older or newer `loft`.
 * Threads: a session has one owner at a time; struct admin is read only and shared. */
#ifndef LOFT_ADMIN_ADMIN_H
#define LOFT_ADMIN_ADMIN_H

#include "admin/backend.h"
#include "admin/cage.h"
#include "auth/auth.h"
#include "auth/presence.h"
#include "mail/incoming.h"
#include "net/net.h"
#include "net/tls.h"

#include <jansson.h>

/* The running server, where there is one. */
struct admin_server {
    struct net *net;
    struct auth *auth;
    struct presence *presence;
    struct guard *guard;
    struct tls_context *tls;
    const struct cage *cage;
    int64_t started_wall_ms;
};

/* What commands act on; borrows everything. */
struct admin {
    struct backend *backend;
    const struct config *config;
    const struct clock *clock;
    struct logger log;
    const struct admin_server *server; /* NULL: none runs */
};

struct admin_session;

/* `uid`: the user of this machine who asks. */
struct admin_session *admin_session_new(const struct admin *admin, uid_t uid);
/* Accepts NULL; what an import had not committed is dropped. */
void admin_session_free(struct admin_session **session);

struct admin_reply {
    json_t *result;   /* own reference */
    struct buf bytes; /* raw bytes that follow */
};

void admin_reply_deinit(struct admin_reply *reply);

/* The room for the raw bytes that `request` announces: NULL and 0 when it announces none.
 * -ERR_LIMIT when they are more than any message may have; they have to be skipped then. */
MUST_USE int admin_body_new(const struct admin *admin, const json_t *request, struct incoming **body_out,
                            uint64_t *bytes_out, struct err *err);

/* Run one request. Blocks.
 *   body       the raw bytes, or NULL; borrowed
 *   reply_out  filled on success
 *   errors     -ERR_INVALID: no such command, an argument is missing, unknown or of another type; else those
 *              of the command */
MUST_USE int admin_run(struct admin_session *session, const json_t *request, struct incoming *body,
                       struct admin_reply *reply_out, struct err *err);

json_t *admin_text(struct str s); /* invalid UTF-8 is replaced, so that there always is a value */

/* err as the reply to a request, and back: {"ok": false, "kind": "not-found", "text": "..."}.
 * New reference. */
json_t *admin_error_json(const struct err *err);
MUST_USE int admin_error_from_json(const json_t *reply, struct err *err);

#endif
