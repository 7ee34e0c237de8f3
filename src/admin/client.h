/* client.h: whoever answers administrative commands: the running server over its control socket, or, when
 * none runs, this process on the data folder, which it then holds until the client is closed.
 * Threads: one owner. */
#ifndef LOFT_ADMIN_CLIENT_H
#define LOFT_ADMIN_CLIENT_H

#include "admin/admin.h"

struct client;

/* For a server that is just starting or ending, or another command on the same folder. */
enum { CLIENT_WAIT_MS = 5000 };

/* `config` is borrowed until client_close.
 *   errors  -ERR_UNAVAILABLE: the folder is in use, and who uses it does not answer; -ERR_DENIED: it belongs
 *           to another user; -ERR_NOT_FOUND: there is no data folder, and `create` is false; those of
 *           backend_open */
MUST_USE int client_open(const struct config *config, const struct clock *clock, struct logger log,
                         bool create, struct client **client_out, struct err *err);
void client_close(struct client **client); /* accepts NULL */

bool client_is_server(const struct client *client); /* a running server answers */

/* Ask, and wait for the answer.
 *   body       raw bytes; NIL: none are sent
 *   reply_out  on success; admin_reply_deinit
 *   errors     of the command; -ERR_CLOSED when the server went away */
MUST_USE int client_call(struct client *client, json_t *request, struct str body,
                         struct admin_reply *reply_out, struct err *err);

#endif
