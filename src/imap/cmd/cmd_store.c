/* cmd_store.c: STORE, EXPUNGE, COPY, MOVE and their UID forms.
 * RFC 9051, 6.4.3, 6.4.6 to 6.4.9; RFC 7162, 3.1.3; RFC 4315; RFC 6851 */
#include "imap/cmd/command.h"
#include "imap/cmd/copy_across.h"
#include "imap/cmd/limit.h"
#include "imap/cmd/quota_root.h"
#include "imap/cmd/saved.h"
#include "imap/door.h"
#include "imap/notify.h"
#include "imap/trail.h"
#include "imap/update.h"
#include "imap/wire/message_args.h"

static int commit(struct session *s, struct change *change, struct err *err)
{
    return session_commit(s, s->selected_account, change, err);
}

/* ---- STORE ---- */

struct store_cursor {
    struct seqset uids; /* named and there */
    struct change change;
    struct update_own own;
    bool stored; /* and durable */
    bool told;   /* what others changed; the answers follow */
    struct seqset seqs;
    struct seqset_iter at;
};

/* FETCH of every message that the client named and that is still there: the answer to a STORE without
 * .SILENT. With .SILENT only its MODSEQ, to those who asked for such: RFC 7162, 3.1.3. */
static int respond_stored(struct session *s, const struct store_args *a, struct store_cursor *c,
                          struct err *err)
{
    uint32_t seq;
    if (a->silent && !s->condstore)
        return 0;
    while (!session_must_wait(s)) {
        struct message m;
        if (!seqset_next(&c->at, &seq))
            return 0;
        int r = snapshot_message(s->view.snapshot, seq, &m, err);
        if (r < 0)
            return r;
        if (!seqset_contains(&c->change.missing, m.uid) && !seqset_contains(&c->change.modified, m.uid))
            update_write_fetch(s, seq, &m, !a->silent);
    }
    return -ERR_AGAIN;
}

/* [MODIFIED set]: sequence numbers for STORE, UIDs for UID STORE. RFC 7162, 3.1.3 */
static int respond_modified(struct session *s, const struct change *change, struct err *err)
{
    struct seqset seqs;
    struct buf text = BUF_INIT;
    int r = 0;
    if (seqset_is_empty(&change->modified))
        return 0;
    if (s->uid_form) {
        seqset_write(&change->modified, &text);
    } else {
        r = snapshot_uids_to_seqs(s->view.snapshot, &change->modified, &s->arena, &seqs, err);
        if (r == 0)
            seqset_write(&seqs, &text);
    }
    if (text.n)
        session_code(s, "MODIFIED " STR_FMT, STR_ARG(buf_str(&text)));
    buf_deinit(&text);
    return r;
}

/* RFC 4314, 4: flags without right stay as they are, and only a STORE that could change nothing is refused. */
static int protect(const struct session *s, const struct store_args *a, struct change *change,
                   struct err *err)
{
    uint8_t allowed = door_flags_allowed(s->rights);
    bool keywords = s->rights & RIGHT_WRITE, names_any = a->flags.flags || a->flags.keyword_count;
    change->store.protected_flags = FLAG_ALL & (uint8_t)~allowed;
    change->store.protect_keywords = !keywords;
    if (a->mode == STORE_REPLACE || !names_any
            ? allowed != 0
            : (a->flags.flags & allowed) || (a->flags.keyword_count && keywords))
        return 0;
    return err_set(err, ERR_DENIED, "You may not change these flags here");
}

static int begin_store(struct session *s, const struct store_args *a, struct store_cursor *c, struct err *err)
{
    if (a->conditional)
        session_enable_condstore(s);
    int r = message_set_uids(s, &a->set, &c->uids, err);
    if (r == 0)
        r = limit_uids(s, &c->uids, err);
    if (r < 0)
        return r;
    c->change = (struct change){ .kind = CHANGE_STORE };
    c->change.store.mailbox_id = mailbox_id(s->view.mailbox);
    c->change.store.reader = s->view.reader;
    c->change.store.uids = &c->uids;
    c->change.store.mode = a->mode;
    c->change.store.flags = a->flags.flags;
    c->change.store.keywords = a->flags.keywords;
    c->change.store.keyword_count = a->flags.keyword_count;
    c->change.store.conditional = a->conditional;
    c->change.store.unchanged_since = a->unchanged_since;
    return protect(s, a, &c->change, err);
}

static int store(struct session *s, const struct store_args *a, struct store_cursor *c, struct err *err)
{
    int r = commit(s, &c->change, err);
    if (r < 0)
        return r;
    c->stored = true;
    c->own = (struct update_own){ &c->uids, 0, NULL,
                                  &c->uids }; /* all are answered, whoever changed them last */
    if (a->silent || !seqset_is_empty(&c->change.modified))
        c->own = (struct update_own){ &c->change.uids, c->change.modseq, a->silent ? &c->change : NULL,
                                      &c->uids };
    return 0;
}

/* Tell what is new, so that all messages stand as the view has them, and make ready for the answers. */
static int tell(struct session *s, const struct store_args *a, struct store_cursor *c, struct err *err)
{
    int r = update_send(s, s->uid_form, &c->own, err);
    if (r < 0 || s->state != STATE_SELECTED)
        return r;
    s->updates_sent = true;
    r = snapshot_uids_to_seqs(s->view.snapshot, a->silent ? &c->change.uids : &c->uids, &s->arena, &c->seqs,
                              err);
    c->at = limit_was_met(s) ? seqset_each_back(&c->seqs) : seqset_each(&c->seqs);
    c->told = r == 0;
    return r;
}

int store_run(struct session *s, const void *args, struct err *err)
{
    const struct store_args *a = args;
    struct store_cursor *c = s->cursor;
    int r = 0;
    if (!c) {
        s->cursor = c = arena_new(&s->arena, struct store_cursor);
        r = begin_store(s, a, c, err);
    }
    if (r == 0 && !c->stored)
        r = store(s, a, c, err);
    if (r == 0 && !c->told)
        r = tell(s, a, c, err);
    if (r < 0 || s->state != STATE_SELECTED)
        return r;
    r = respond_stored(s, a, c, err);
    if (r == 0)
        r = respond_modified(s, &c->change, err);
    /* RFC 2180, 4.2; a UID that is gone is no error. MODIFIED stays its code: RFC 7162, 3.1.3 */
    if (r == 0 && !s->uid_form && !seqset_is_empty(&c->change.missing))
        return err_set(err, ERR_EXPUNGED, "Some of the messages are gone");
    return r;
}

/* ---- EXPUNGE ---- */

/* These are gone by what the client did itself: RFC 5465, 3.1, it is told so whatever it wants to hear of. */
static void set_own_gone(struct session *s, const struct seqset *uids)
{
    struct update_own *own = arena_new(&s->arena, struct update_own);
    struct seqset *copy = arena_new(&s->arena, struct seqset);
    *copy = *uids;
    *own = (struct update_own){ .uids = copy, .named = copy };
    s->own = own;
}

struct expunge_cursor {
    struct seqset uids; /* UID EXPUNGE: those asked for */
    struct change change;
};

/*   set  NULL: all that are marked */
static int begin_expunge(struct session *s, const struct seqset *set, struct expunge_cursor *c,
                         struct err *err)
{
    if (!(s->rights & RIGHT_EXPUNGE)) /* RFC 4314, 4 */
        return err_set(err, ERR_DENIED, "You may not expunge here");
    int r = set ? message_set_uids(s, set, &c->uids, err) : 0;
    if (r == 0 && set)
        r = limit_deleted(s, &c->uids, err);
    c->change = (struct change){ .kind = CHANGE_EXPUNGE };
    c->change.expunge.mailbox_id = mailbox_id(s->view.mailbox);
    c->change.expunge.uids = set ? &c->uids : NULL;
    c->change.expunge.only_deleted = true;
    return r;
}

static int expunge(struct session *s, const struct seqset *set, struct err *err)
{
    struct expunge_cursor *c = s->cursor;
    int r = 0;
    if (!c) {
        s->cursor = c = arena_new(&s->arena, struct expunge_cursor);
        r = begin_expunge(s, set, c, err);
    }
    if (r == 0)
        r = commit(s, &c->change, err);
    if (r < 0)
        return r;
    set_own_gone(s, &c->change.uids);
    trail_expunged(s, seqset_count(&c->change.uids), NULL);
    if (s->qresync && c->change.modseq) /* RFC 7162, 3.2.7 */
        session_code(s, "HIGHESTMODSEQ %llu", (unsigned long long)c->change.modseq);
    return 0;
}

int expunge_run(struct session *s, const void *args, struct err *err)
{
    (void)args;
    return expunge(s, NULL, err);
}

int uid_expunge_run(struct session *s, const void *args, struct err *err)
{
    const struct set_args *a = args;
    return expunge(s, &a->set, err);
}

/* ---- COPY and MOVE ---- */

static struct str copyuid(struct session *s, const struct change *change)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "COPYUID %u ", change->uidvalidity);
    seqset_write(&change->source_uids, &text);
    buf_add_char(&text, ' ');
    seqset_write(&change->uids, &text);
    struct str code = arena_dup(&s->arena, buf_str(&text));
    buf_deinit(&text);
    return code;
}

/* RFC 6851, 4.2: those of COPY, STORE and EXPUNGE. */
enum { RIGHTS_TO_MOVE = RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE };

struct copy_cursor {
    struct seqset uids;
    struct change change;
    bool across;   /* into another account: it is done already */
    bool may_know; /* RFC 4315, 3: one who may not look into the target is not told its UIDs */
};

static int begin_copy_to(struct session *s, struct str name, bool move, struct copy_cursor *c,
                         struct err *err)
{
    struct place target;
    int r = door_open(s, name, RIGHT_INSERT, &target, err); /* RFC 4314, 4 */
    if (r < 0)
        return r;
    c->across = target.account != s->selected_account;
    c->may_know = target.rights & RIGHT_READ;
    if (c->across) {
        r = copy_across(s, &target, &c->uids, move, &c->change, err);
        if (r == 0)
            notify_own_messages(s, target.account, mailbox_id(target.mailbox), &c->change.uids);
    } else {
        c->change.copy.reader = s->view.reader;
        c->change.copy.lose_flags = FLAG_ALL & (uint8_t)~door_flags_allowed(target.rights);
        c->change.copy.lose_keywords = !(target.rights & RIGHT_WRITE);
        c->change.copy.mailbox_id = mailbox_id(s->view.mailbox);
        c->change.copy.uids = &c->uids;
        c->change.copy.target = target.name;
        c->change.copy.move = move;
    }
    place_leave(&target);
    return r;
}

static int begin_copy(struct session *s, const struct copy_args *a, bool move, struct copy_cursor *c,
                      struct err *err)
{
    c->change.kind = CHANGE_COPY;
    int r = message_set_uids(s, &a->set, &c->uids, err);
    if (r == 0 && move && (s->rights & RIGHTS_TO_MOVE) != RIGHTS_TO_MOVE)
        r = err_set(err, ERR_DENIED, "You may not take messages out of this mailbox");
    if (r == 0)
        r = move ? limit_uids(s, &c->uids, err) : limit_copy(s, &c->uids, err);
    return r < 0 ? r : begin_copy_to(s, a->mailbox, move, c, err);
}

static int copy(struct session *s, const struct copy_args *a, bool move, struct err *err)
{
    struct copy_cursor *c = s->cursor;
    int r = 0;
    if (!c) {
        s->cursor = c = arena_new(&s->arena, struct copy_cursor);
        r = begin_copy(s, a, move, c, err);
    }
    if (r == 0 && !c->across) {
        r = commit(s, &c->change, err);
        if (r == 0)
            notify_own_messages(s, s->selected_account, c->change.mailbox_id, &c->change.uids);
    }
    if (r == -ERR_NOT_FOUND)
        session_code(s, "TRYCREATE");
    if (r < 0)
        return r;
    if (seqset_is_empty(&c->change.uids)) {
        /* UIDs that are gone are no error (RFC 9051, 6.4.9), and who moves what is gone has what he wants.
         * But a COPY by number that copied nothing must not look like a success: RFC 2180, 4.4 */
        if (s->uid_form || move || seqset_is_empty(&c->change.missing))
            return 0;
        return err_set(err, ERR_EXPUNGED, "The messages are gone");
    }
    quota_tell_soft(s, &c->change);
    struct str code = c->may_know ? copyuid(s, &c->change) : STR_NIL;
    if (!move) {
        s->reply_code = code;
        return 0;
    }
    set_own_gone(s, &c->change.source_uids);
    trail_expunged(s, seqset_count(&c->change.source_uids), &a->mailbox);
    /* RFC 6851, 4.3: COPYUID goes in an untagged OK, before the EXPUNGEs that the dispatcher sends next. */
    session_untagged(s, "OK", code.p, "Moved");
    if (s->qresync)
        session_code(s, "HIGHESTMODSEQ %llu", (unsigned long long)c->change.modseq);
    return 0;
}

int copy_run(struct session *s, const void *args, struct err *err)
{
    return copy(s, args, false, err);
}

int move_run(struct session *s, const void *args, struct err *err)
{
    return copy(s, args, true, err);
}
