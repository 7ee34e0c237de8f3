/* cmd_mailbox.c: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.
 * RFC 9051, 6.3.4 to 6.3.8; RFC 6154, 3; RFC 8474, 4.1 */
#include "imap/cmd/command.h"
#include "imap/door.h"
#include "imap/notify.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/writer.h"

/* A name that follows the grammar but can be no mailbox is answered NO [CANNOT] (RFC 5530, 3), not BAD. */
static int commit(struct session *s, struct account *account, struct change *change, struct err *err)
{
    change->arena = &s->arena;
    int r = account_commit(account, change, 1, err);
    if (r == -ERR_INVALID) {
        err->kind = ERR_CANNOT;
        r = -ERR_CANNOT;
    }
    return r;
}

static int create_at(struct session *s, struct str name, struct change *change, struct err *err)
{
    struct place place;
    int r = door_find_new(s, name, &place, err);
    if (r < 0)
        return r;
    change->create.name = place.name;
    if (change->create.use && place.account != s->account) /* it says what the owner uses it for */
        r = err_set(err, ERR_CANNOT, "Only mailboxes of your own have a special use");
    else
        r = commit(s, place.account, change, err);
    if (r == 0)
        notify_own_naming(s, place.account,
                          &(struct name_doing){
                              .what = DOING_CREATE, .name = place.name, .mailbox_id = change->mailbox_id });
    place_leave(&place);
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
    change.create.use = a->use;
    int r = create_at(s, a->mailbox, &change, err);
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
    struct place place;
    int r = door_find(s, a->mailbox, RIGHT_DELETE_MAILBOX, &place, err);
    if (r < 0)
        return r;
    change.delete.name = place.name;
    if (!place.mailbox && place.account != s->account) /* hidden, or a level that leads to others */
        r = err_set(err, ERR_NOT_FOUND, "no such mailbox");
    else
        r = commit(s, place.account, &change, err);
    if (r == 0)
        notify_own_naming(s, place.account, &(struct name_doing){ .what = DOING_DELETE, .name = place.name });
    place_leave(&place);
    if (r == 0 && s->rev2 && !str_is_nil(a->given)) /* RFC 9051, 6.3.5 */
        write_list(session_out(s), "\\NonExistent", a->mailbox, a->given, true);
    if (r == 0 && s->state == STATE_SELECTED && mailbox_is_deleted(s->view.mailbox))
        session_deselect(s); /* its own client knows; other sessions that have it selected say BYE */
    return r;
}

/* Within one account: a mailbox with its messages and rights stays where it is accounted for. */
static int rename_at(struct session *s, const struct place *from, const struct place *to, struct err *err)
{
    struct change change = { .kind = CHANGE_RENAME };
    if (from->account != to->account)
        return err_set(err, ERR_CANNOT, "Another account: make a mailbox there and move the messages");
    change.rename.from = from->name;
    change.rename.to = to->name;
    int r = commit(s, from->account, &change, err);
    if (r == 0)
        notify_own_naming(s, from->account,
                          &(struct name_doing){ .what = DOING_RENAME, .name = to->name, .from = from->name });
    return r;
}

int rename_run(struct session *s, const void *args, struct err *err)
{
    const struct rename_args *a = args;
    struct place from, to;
    int r = door_find(s, a->from, RIGHT_DELETE_MAILBOX, &from, err); /* RFC 4314, 4 */
    if (r < 0)
        return r;
    if (!from.mailbox && from.account != s->account) /* hidden, or a level that leads to others */
        r = err_set(err, ERR_NOT_FOUND, "no such mailbox");
    else
        r = door_find_new(s, a->to, &to, err);
    if (r == 0) {
        r = rename_at(s, &from, &to, err);
        place_leave(&to);
    }
    place_leave(&from);
    /* RFC 9051, 6.3.6: when either name is not as it was spelled, the old one as it was. */
    if (r == 0 && s->rev2 && !(str_is_nil(a->from_given) && str_is_nil(a->to_given)))
        write_list(session_out(s), "", a->to, str_is_nil(a->from_given) ? a->from : a->from_given, true);
    return r;
}

/* Subscriptions are one's own, whoever owns the mailbox; no right is needed (RFC 4314, 4). The name is kept as LIST tells
 * it, where that tells nothing of mailboxes and users that must stay hidden. */
static int subscribe(struct session *s, const struct mailbox_args *a, bool on, struct err *err)
{
    struct change change = { .kind = CHANGE_SUBSCRIBE };
    struct place place;
    change.subscribe.name = a->mailbox;
    change.subscribe.subscribe = on;
    if (door_open(s, a->mailbox, 0, &place, NULL) == 0) {
        change.subscribe.name = door_shown_name(s, place.account, place.name, &s->arena);
        place_leave(&place);
    }
    int r = commit(s, s->account, &change, err);
    if (r == 0)
        notify_own_naming(
            s, s->account,
            &(struct name_doing){ .what = DOING_SUBSCRIBE, .name = change.subscribe.name, .subscribed = on });
    return r;
}

int subscribe_run(struct session *s, const void *args, struct err *err)
{
    return subscribe(s, args, true, err);
}

int unsubscribe_run(struct session *s, const void *args, struct err *err)
{
    return subscribe(s, args, false, err);
}
