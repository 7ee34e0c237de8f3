/* cmd_mailbox.c: CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.
 * RFC 9051, 6.3.4 to 6.3.8; RFC 6154, 3; RFC 8474, 4.1 */
#include "imap/cmd/command.h"
#include "imap/door.h"
#include "imap/notify.h"
#include "imap/trail.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/writer.h"

/* A command on its way: found once, committed without holding a worker, then told. */
struct naming {
    struct change change;
    struct place place, to; /* `to` of RENAME alone */
};

static void drop_naming(struct session *s)
{
    struct naming *n = s->cursor;
    place_leave(&n->place);
    place_leave(&n->to);
}

static struct naming *begin(struct session *s, enum change_kind kind)
{
    struct naming *n = arena_new(&s->arena, struct naming);
    n->change.kind = kind;
    s->cursor = n;
    s->cursor_drop = drop_naming;
    return n;
}

/* A name that follows the grammar but can be no mailbox is answered NO [CANNOT] (RFC 5530, 3), not BAD. */
static int commit(struct session *s, struct account *account, struct change *change, struct err *err)
{
    int r = session_commit(s, account, change, err);
    if (r == -ERR_INVALID) {
        err->kind = ERR_CANNOT;
        r = -ERR_CANNOT;
    }
    return r;
}

/* ---- CREATE ---- */

static int find_new(struct session *s, const struct create_args *a, struct err *err)
{
    struct naming *n = begin(s, CHANGE_CREATE);
    int r = door_find_new(s, a->mailbox, &n->place, err);
    if (r < 0)
        return r;
    n->change.create.name = n->place.name;
    n->change.create.use = a->use;
    if (a->use && n->place.account != s->account) /* it says what the owner uses it for */
        return err_set(err, ERR_CANNOT, "Only mailboxes of your own have a special use");
    return 0;
}

static int create(struct session *s, const struct create_args *a, struct err *err)
{
    int r = s->cursor ? 0 : find_new(s, a, err);
    struct naming *n = s->cursor;
    if (r == 0)
        r = commit(s, n->place.account, &n->change, err);
    if (r == 0)
        notify_own_naming(s, n->place.account,
                          &(struct name_doing){ .what = DOING_CREATE,
                                                .name = n->place.name,
                                                .mailbox_id = n->change.mailbox_id });
    return r;
}

int create_run(struct session *s, const void *args, struct err *err)
{
    const struct create_args *a = args;
    if (a->use_unknown) {
        session_code(s, "USEATTR");
        return err_set(err, ERR_CANNOT, "Special use not supported");
    }
    int r = create(s, a, err);
    if (r == -ERR_CANNOT && a->use)
        session_code(s, "USEATTR");
    if (r < 0)
        return r;
    if (s->rev2 && !str_is_nil(a->given)) /* RFC 9051, 6.3.4 */
        write_list(session_out(s), "", a->mailbox, a->given, true);
    const struct naming *n = s->cursor;
    session_code(s, "MAILBOXID (" STR_FMT ")", STR_ARG(mailbox_id_text(n->change.mailbox_id, &s->arena)));
    return 0;
}

/* ---- DELETE ---- */

/* A mailbox that one may delete or rename. What is hidden, or a level that leads to others, is not there. */
static int find_own(struct session *s, struct str name, struct place *place, struct err *err)
{
    int r = door_find(s, name, RIGHT_DELETE_MAILBOX, place, err); /* RFC 4314, 4 */
    if (r == 0 && !place->mailbox && place->account != s->account)
        r = err_set(err, ERR_NOT_FOUND, "no such mailbox");
    return r;
}

int delete_run(struct session *s, const void *args, struct err *err)
{
    const struct mailbox_args *a = args;
    int r = s->cursor ? 0 : find_own(s, a->mailbox, &begin(s, CHANGE_DELETE)->place, err);
    struct naming *n = s->cursor;
    n->change.delete.name = n->place.name;
    if (r == 0)
        r = commit(s, n->place.account, &n->change, err);
    if (r < 0)
        return r;
    trail_mailbox(s, AUDIT_MAILBOX_DELETE, &n->place, STR_NIL);
    notify_own_naming(s, n->place.account,
                      &(struct name_doing){ .what = DOING_DELETE, .name = n->place.name });
    if (s->rev2 && !str_is_nil(a->given)) /* RFC 9051, 6.3.5 */
        write_list(session_out(s), "\\NonExistent", a->mailbox, a->given, true);
    if (s->state == STATE_SELECTED && mailbox_is_deleted(s->view.mailbox))
        session_deselect(s); /* its own client knows; other sessions that have it selected say BYE */
    return 0;
}

/* ---- RENAME ---- */

/* Within one account: a mailbox with its messages and rights stays where it is accounted for. */
static int find_both(struct session *s, const struct rename_args *a, struct err *err)
{
    struct naming *n = begin(s, CHANGE_RENAME);
    int r = find_own(s, a->from, &n->place, err);
    if (r == 0)
        r = door_find_new(s, a->to, &n->to, err);
    if (r < 0)
        return r;
    if (n->place.account != n->to.account)
        return err_set(err, ERR_CANNOT, "Another account: make a mailbox there and move the messages");
    n->change.rename.from = n->place.name;
    n->change.rename.to = n->to.name;
    return 0;
}

int rename_run(struct session *s, const void *args, struct err *err)
{
    const struct rename_args *a = args;
    int r = s->cursor ? 0 : find_both(s, a, err);
    struct naming *n = s->cursor;
    if (r == 0)
        r = commit(s, n->place.account, &n->change, err);
    if (r < 0)
        return r;
    trail_mailbox(s, AUDIT_MAILBOX_RENAME, &n->place, n->to.name);
    notify_own_naming(
        s, n->place.account,
        &(struct name_doing){ .what = DOING_RENAME, .name = n->to.name, .from = n->place.name });
    /* RFC 9051, 6.3.6: when either name is not as it was spelled, the old one as it was. */
    if (s->rev2 && !(str_is_nil(a->from_given) && str_is_nil(a->to_given)))
        write_list(session_out(s), "", a->to, str_is_nil(a->from_given) ? a->from : a->from_given, true);
    return 0;
}

/* ---- SUBSCRIBE, UNSUBSCRIBE ---- */

/* Subscriptions are one's own, whoever owns the mailbox; no right is needed (RFC 4314, 4). The name is kept as LIST tells
 * it, where that tells nothing of mailboxes and users that must stay hidden. */
static int subscribe(struct session *s, const struct mailbox_args *a, bool on, struct err *err)
{
    struct naming *n = s->cursor;
    if (!n) {
        n = begin(s, CHANGE_SUBSCRIBE);
        n->change.subscribe.name = a->mailbox;
        n->change.subscribe.subscribe = on;
        if (door_open(s, a->mailbox, 0, &n->place, NULL) == 0)
            n->change.subscribe.name = door_shown_name(s, n->place.account, n->place.name, &s->arena);
    }
    int r = commit(s, s->account, &n->change, err);
    if (r == 0)
        notify_own_naming(s, s->account,
                          &(struct name_doing){
                              .what = DOING_SUBSCRIBE, .name = n->change.subscribe.name, .subscribed = on });
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
