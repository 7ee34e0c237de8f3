/* cmd_notify.c: NOTIFY.     RFC 5465, 3.1
 * NOTIFY SET is a NOOP too: what has accumulated in the selected mailbox is told, all of it, before what was asked for
 * counts; then, with STATUS, how the other mailboxes stand. */
#include "imap/cmd/command.h"
#include "imap/notify.h"
#include "imap/update.h"

/* RFC 5465, 3.1: NO, and the code lists what there is. ANNOTATE (RFC 5257) is not supported. */
static int refuse_events(struct session *s, struct err *err)
{
    struct buf names = BUF_INIT;
    for (unsigned event = 1; event < EVENT_UNKNOWN; event <<= 1)
        if (event & notify_supported)
            buf_printf(&names, "%s" STR_FMT, names.n ? " " : "", STR_ARG(notify_event_name(event)));
    session_code(s, "BADEVENT (" STR_FMT ")", STR_ARG(buf_str(&names)));
    buf_deinit(&names);
    return err_set(err, ERR_CANNOT, "No such event");
}

static int set(struct session *s, const struct notify_args *a, struct err *err)
{
    if (a->events & ~notify_supported)
        return refuse_events(s, err);
    int r = notify_set(s, a, err);
    if (r == -ERR_LIMIT)
        session_code(s, "NOTIFICATIONOVERFLOW");
    return r;
}

int notify_run(struct session *s, const void *args, struct err *err)
{
    const struct notify_args *a = args;
    int r = 0;
    s->updates_sent = true;
    if (a->none) {
        notify_none(s);
        return 0;
    }
    if (!s->cursor && (r = set(s, a, err)) == 0)
        s->cursor = s->notify; /* set: what is left is to tell */
    if (r < 0)
        return r;
    notify_catch_up(s, true);
    r = update_send(s, true, NULL, err);
    notify_catch_up(s, false);
    return r < 0 || s->state == STATE_LOGOUT ? r : notify_tell(s, err);
}
