#include "imap/cmd/command.h"
#include "imap/cmd/idle.h"
#include "imap/update.h"

/* IDLE runs twice: at its beginning, and when the line that ends it has come. */
struct idle {
    bool over;
    bool wrong; /* the line was not DONE */
};

static int begin(struct session *s, struct err *err)
{
    int r = update_send(s, true, NULL, err);
    if (r < 0 && r != -ERR_AGAIN)
        session_unwatch(s);
    if (r < 0 || s->state == STATE_LOGOUT)
        return r;
    buf_add_lit(session_out(s), "+ idling\r\n");
    s->heartbeat_ms = conn_now_mono_ms(s->conn) + s->server->settings.idle_heartbeat_ms;
    s->deadline_ms = conn_now_mono_ms(s->conn) + s->server->settings.autologout_ms;
    s->input = INPUT_IDLE;
    return -ERR_AGAIN;
}

int idle_run(struct session *s, const void *args, struct err *err)
{
    (void)args;
    struct idle *idle = s->cursor;
    if (!idle) {
        s->cursor = idle = arena_new(&s->arena, struct idle);
        session_watch(s); /* first, so that nothing falls between the updates below and the first wake */
    }
    if (!idle->over)
        return begin(s, err);
    int r = update_send(s, true, NULL, err); /* what came while DONE was on its way */
    s->updates_sent = r != -ERR_AGAIN;
    return r == 0 && idle->wrong ? err_set(err, ERR_SYNTAX, "Expected DONE") : r;
}

void idle_line(struct session *s, struct str line)
{
    struct idle *idle = s->cursor;
    idle->over = true;
    idle->wrong = !str_eq_nocase(line, STR("DONE"));
    session_unwatch(s);
    s->heartbeat_ms = 0;
    s->input = INPUT_COMMAND;
    session_run_command(s);
}
