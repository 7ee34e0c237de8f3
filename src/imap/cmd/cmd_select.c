/* cmd_select.c: SELECT, EXAMINE, UNSELECT, CLOSE.
 * RFC 9051, 6.3.2, 6.3.3, 6.4.1, 6.4.2; RFC 7162, 3.1.8 and 3.2.5 (QRESYNC) */
#include "imap/cmd/command.h"
#include "imap/cmd/quota_root.h"
#include "imap/door.h"
#include "imap/notify.h"
#include "imap/trail.h"
#include "imap/update.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/writer.h"

enum { RIGHTS_THAT_WRITE = RIGHT_INSERT | RIGHT_EXPUNGE | RIGHT_WRITE | RIGHT_DELETE_MESSAGES };

/* RFC 4314, 5.2: a \Seen that is the reader's own writes nothing that others see. */
static bool may_write(const struct session *s)
{
    struct acl *acl = mailbox_acl(s->view.mailbox);
    bool seen_shared = !s->view.reader || (acl && acl->seen_shared);
    acl_unref(&acl);
    return !s->view.read_only && s->rights & (RIGHTS_THAT_WRITE | (seen_shared ? RIGHT_SEEN : 0));
}

/* The untagged responses of a mailbox that was opened: RFC 9051, 6.3.2. */
static int respond_opened(struct session *s, const struct select_args *a, struct err *err)
{
    struct buf *out = session_out(s);
    const struct snapshot *snapshot = s->view.snapshot;
    update_write_flags(s);
    buf_printf(out, "* %u EXISTS\r\n", snapshot->exists);
    if (!s->rev2) {
        uint32_t unseen;
        int r = snapshot_first_unseen(snapshot, &unseen, err);
        if (r < 0)
            return r;
        buf_printf(out, "* %u RECENT\r\n", view_recent_count(&s->view));
        if (unseen && !s->uidonly) /* a message number: RFC 9586, 3 */
            session_untagged_code(s, "First unseen", "UNSEEN %u", unseen);
    }
    session_untagged_code(s, "UIDs valid", "UIDVALIDITY %u", mailbox_uidvalidity(s->view.mailbox));
    session_untagged_code(s, "Predicted next UID", "UIDNEXT %u", snapshot->uidnext);
    session_untagged_code(s, "Highest", "HIGHESTMODSEQ %llu", (unsigned long long)snapshot->highest_modseq);
    session_untagged_code(s, "Ok", "MAILBOXID (" STR_FMT ")",
                          STR_ARG(mailbox_id_text(mailbox_id(s->view.mailbox), &s->arena)));
    if (s->rev2) /* RFC 9051, 6.3.2: LIST tells the name as it really is */
        write_list(
            out, "",
            door_shown_name(s, s->selected_account, mailbox_name(s->view.mailbox, &s->arena), &s->arena),
            a->given, true);
    return 0;
}

/* UIDs that the client need not be told of again: where its sample of numbers and UIDs still agrees from the
 * start, nothing below the last agreeing pair has vanished. RFC 7162, 3.2.5.2 */
static int matched_below(struct session *s, const struct select_args *a, uint32_t *uid_out, struct err *err)
{
    struct seqset_iter seqs = seqset_each(&a->match_seqs), uids = seqset_each(&a->match_uids);
    uint32_t seq, uid;
    *uid_out = 0;
    while (seqset_next(&seqs, &seq) && seqset_next(&uids, &uid)) {
        struct message m;
        if (seq > s->view.snapshot->exists)
            break;
        int r = snapshot_message(s->view.snapshot, seq, &m, err);
        if (r < 0)
            return r;
        if (m.uid != uid)
            break;
        *uid_out = uid;
    }
    return 0;
}

/* What a client is told that was here before. */
struct select_cursor {
    struct seqset known; /* UIDs that it has */
    struct seqset vanished;
    size_t vanished_at; /* range that is told next */
    uint32_t seq;       /* message that is looked at next */
};

/* What has vanished since the client was here. RFC 7162, 3.2.5.1 */
static int find_vanished(struct session *s, const struct select_args *a, struct select_cursor *c,
                         struct err *err)
{
    bool complete;
    uint32_t matched = 0;
    seqset_init(&c->known, &s->arena);
    if (a->has_known_uids)
        seqset_copy(&a->known_uids, &s->arena, &c->known);
    else if (s->view.snapshot->uidnext > 1) /* none given: all that there ever were */
        seqset_add_range(&c->known, 1, s->view.snapshot->uidnext - 1);
    int r = mailbox_vanished_since(s->view.mailbox, s->view.snapshot, a->modseq, &c->known, &s->arena,
                                   &c->vanished, &complete, err);
    if (r == 0 && a->has_match)
        r = matched_below(s, a, &matched, err);
    if (r == 0 && matched) {
        struct seqset below, rest;
        seqset_init(&below, &s->arena);
        seqset_add_range(&below, 1, matched);
        seqset_difference(&c->vanished, &below, &s->arena, &rest);
        c->vanished = rest;
    }
    return r;
}

/* FETCH of all that changed since the client was here, chunk by chunk. */
static int respond_changed(struct session *s, const struct select_args *a, struct select_cursor *c,
                           struct err *err)
{
    struct snapshot_cursor cursor = snapshot_cursor_at(s->view.snapshot, c->seq);
    struct chunk_span span;
    int r;
    while ((r = snapshot_cursor_next(&cursor, &span, err)) == 1) {
        if (span.chunk->summary.modseq_max <= a->modseq)
            continue;
        for (uint32_t i = span.first; i < span.columns->count; i++) {
            struct message m;
            c->seq = span.seq + (i - span.first);
            if (span.columns->modseq[i] <= a->modseq ||
                (a->has_known_uids && !seqset_contains(&c->known, span.columns->uid[i])))
                continue;
            if (session_must_wait(s))
                return -ERR_AGAIN;
            chunk_row(span.columns, i, &m);
            update_write_fetch(s, c->seq, &m, true);
        }
    }
    return r;
}

/* VANISHED (EARLIER) and the FETCHes, resumed where the client stopped to read. */
static int respond_resync(struct session *s, const struct select_args *a, struct err *err)
{
    struct select_cursor *c = s->cursor;
    if (!update_write_vanished(s, &c->vanished, true, &c->vanished_at))
        return -ERR_AGAIN;
    return respond_changed(s, a, c, err);
}

static bool wants_resync(const struct session *s, const struct select_args *a)
{
    /* RFC 7162, 3.2.5: another UIDVALIDITY is as if QRESYNC had not been given */
    return a->qresync && a->uidvalidity == mailbox_uidvalidity(s->view.mailbox);
}

static int open_mailbox(struct session *s, const struct select_args *a, bool read_only, struct err *err)
{
    struct place place;
    if (s->state == STATE_SELECTED) {
        session_deselect(s); /* also when the new one does not open: RFC 9051, 6.3.2 */
        session_untagged(s, "OK", "CLOSED", "Previous mailbox closed");
    }
    int r = door_open(s, a->mailbox, RIGHT_READ, &place, err); /* RFC 4314, 4 */
    if (r < 0)
        return r;
    r = view_open_for(place.mailbox, door_reader(s, place.account), read_only || s->read_only, &s->view, err);
    if (r < 0) {
        place_leave(&place);
        return r;
    }
    s->selected_account = account_ref(place.account);
    s->rights = place.rights;
    place_leave(&place);
    s->state = STATE_SELECTED;
    notify_opened(s);
    quota_selected(s);
    s->condstore = s->condstore || a->condstore || a->qresync;
    presence_set_mailbox(s->server->presence, s->presence, a->mailbox);
    trail_device(s);
    r = respond_opened(s, a, err);
    if (r < 0 || !wants_resync(s, a))
        return r;
    struct select_cursor *c = arena_new(&s->arena, struct select_cursor);
    c->seq = 1;
    s->cursor = c;
    return find_vanished(s, a, c, err);
}

static int run(struct session *s, const struct select_args *a, bool read_only, struct err *err)
{
    if (a->qresync && !s->qresync)
        return err_set(err, ERR_STATE, "QRESYNC has not been enabled"); /* RFC 7162, 3.2.5 */
    if (a->has_match && s->uidonly)                                     /* RFC 9586, 3.7 */
        return session_uid_required(s, err);
    int r = s->cursor ? 0 : open_mailbox(s, a, read_only, err);
    if (r == 0 && s->cursor)
        r = respond_resync(s, a, err);
    if (r == 0)
        session_code(s, may_write(s) ? "READ-WRITE" : "READ-ONLY");
    else if (r != -ERR_AGAIN)
        session_deselect(s);
    return r;
}

int select_run(struct session *s, const void *args, struct err *err)
{
    return run(s, args, false, err);
}

int examine_run(struct session *s, const void *args, struct err *err)
{
    return run(s, args, true, err);
}

int unselect_run(struct session *s, const void *args, struct err *err)
{
    (void)args, (void)err;
    session_deselect(s);
    return 0;
}

/* CLOSE expunges without telling. RFC 9051, 6.4.1 */
int close_run(struct session *s, const void *args, struct err *err)
{
    struct change *change = s->cursor;
    (void)args;
    int r = 0;
    if (!s->view.read_only && s->rights & RIGHT_EXPUNGE) { /* without it CLOSE only closes: RFC 4314, 4 */
        if (!change) {
            s->cursor = change = arena_new(&s->arena, struct change);
            *change = (struct change){ .kind = CHANGE_EXPUNGE };
            change->expunge.mailbox_id = mailbox_id(s->view.mailbox);
            change->expunge.only_deleted = true;
        }
        r = session_commit(s, s->selected_account, change, err);
        if (r == -ERR_AGAIN)
            return r;
        if (r == 0)
            trail_expunged(s, seqset_count(&change->uids), NULL);
        if (r == 0 && s->qresync && change->modseq) /* RFC 7162, 3.2.8 */
            session_code(s, "HIGHESTMODSEQ %llu", (unsigned long long)change->modseq);
    }
    session_deselect(s);
    return r;
}
