/* cmd_unauthenticate.c: UNAUTHENTICATE: another user on the same connection.     RFC 8437
 * All of the session is reset but TLS, what the client said of itself with ID (RFC 8437, 3 leaves that open;
 * the log has it), and the count of failed logins, which is the connection's. */
#include "imap/cmd/command.h"
#include "imap/wire/writer.h"

int unauthenticate_run(struct session *s, const void *args, struct err *err)
{
    (void)args;
    if (!s->server->settings.unauthenticate) /* RFC 8437, 3: BAD; 8: there must be a way to switch it off */
        return err_set(err, ERR_SYNTAX, "Unknown command");
    session_sign_out(s);
    session_status(s, s->tag, "OK", STR_NIL, STR("UNAUTHENTICATE completed"));
    s->answered = true;
    /* RFC 8437, 4.1: both sides end their compression here. It may not answer NO: RFC 8437, 3. */
    if (conn_stop_deflate(s->conn, err) < 0)
        session_bye(s, NULL, "Compressed input goes on behind UNAUTHENTICATE");
    return 0;
}
