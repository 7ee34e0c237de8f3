/* cmd_mailbox.c: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.
 * RFC 9051, 6.3.4 to 6.3.8; RFC 6154, 3; RFC 8474, 4.1 */
#include "imap/cmd/command.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/writer.h"

/* A name that follows the grammar but can be no mailbox is answered NO [CANNOT] (RFC 5530, 3), not BAD. */
static int commit(struct session *s, struct change *change, struct err *err)
{
    change->arena = &s->arena;
    int r = account_commit(s->account, change, 1, err);
    if (r == -ERR_INVALID) {
        err->kind = ERR_CANNOT;
        r = -ERR_CANNOT;
    }
    return r;
}

int create_run(struct session *s, const void *args, struct err *err)
{
    const struct create_args *a = args;
    struct change change = { .kind = CHANGE_CREATE };
    if (a->use_unknown) {
        session_code(s, "USEATTR");
        return err_set(err, ERR_CANNOT, "Special use not supported");
    }
    change.create.name = a->mailbox;
    change.create.use = a->use;
    int r = commit(s, &change, err);
    if (r == -ERR_CANNOT && a->use)
        session_code(s, "USEATTR");
    if (r == 0 && s->rev2 && !str_is_nil(a->given)) /* RFC 9051, 6.3.4 */
        write_list(session_out(s), "", a->mailbox, a->given, true);
    if (r == 0)
        session_code(s, "MAILBOXID (" STR_FMT ")", STR_ARG(mailbox_id_text(change.mailbox_id, &s->arena)));
    return r;
}

int delete_run(struct session *s, const void *args, struct err *err)
{
    const struct mailbox_args *a = args;
    struct change change = { .kind = CHANGE_DELETE };
    change.delete.name = a->mailbox;
    int r = commit(s, &change, err);
    if (r == 0 && s->state == STATE_SELECTED && mailbox_is_deleted(s->view.mailbox))
        session_deselect(s); /* its own client knows; other sessions that have it selected say BYE */
    return r;
}

int rename_run(struct session *s, const void *args, struct err *err)
{
    const struct rename_args *a = args;
    struct change change = { .kind = CHANGE_RENAME };
    change.rename.from = a->from;
    change.rename.to = a->to;
    return commit(s, &change, err);
}

static int subscribe(struct session *s, const struct mailbox_args *a, bool on, struct err *err)
{
    struct change change = { .kind = CHANGE_SUBSCRIBE };
    change.subscribe.name = a->mailbox;
    change.subscribe.subscribe = on;
    return commit(s, &change, err);
}

int subscribe_run(struct session *s, const void *args, struct err *err)
{
    return subscribe(s, args, true, err);
}

int unsubscribe_run(struct session *s, const void *args, struct err *err)
{
    return subscribe(s, args, false, err);
}
