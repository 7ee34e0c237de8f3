#include "imap/cmd/command.h"
#include "imap/cmd/idle.h"
#include "imap/update.h"

int idle_run(struct session *s, const void *args, struct err *err)
{
    (void)args;
    session_watch(s); /* first, so that nothing falls between the updates below and the first wake */
    int r = update_send(s, true, NULL, err);
    if (r < 0) {
        session_unwatch(s);
        return r;
    }
    if (s->state == STATE_LOGOUT)
        return 0;
    buf_add_lit(session_out(s), "+ idling\r\n");
    s->heartbeat_ms = conn_now_mono_ms(s->conn) + s->server->settings.idle_heartbeat_ms;
    s->deadline_ms = conn_now_mono_ms(s->conn) + s->server->settings.autologout_ms;
    s->input = INPUT_IDLE;
    return -ERR_AGAIN;
}

void idle_line(struct session *s, struct str line)
{
    struct err err = { 0 };
    session_unwatch(s);
    s->heartbeat_ms = 0;
    s->input = INPUT_COMMAND;
    int r = 0;
    if (!str_eq_nocase(line, STR("DONE")))
        r = err_set(&err, ERR_SYNTAX, "Expected DONE");
    else
        r = update_send(s, true, NULL, &err); /* what came while DONE was on its way */
    if (s->state != STATE_LOGOUT)
        session_finish(s, r, &err);
}
