#include "imap/cmd/command.h"
#include "imap/cmd/status.h"
#include "imap/door.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/writer.h"

static uint64_t figure(struct session *s, struct mailbox *mailbox, const struct snapshot *snapshot,
                       enum status_item item)
{
    switch (item) {
    case STATUS_MESSAGES:
        return snapshot->exists;
    case STATUS_RECENT:
        return mailbox_recent_count(mailbox);
    case STATUS_UIDNEXT:
        return snapshot->uidnext;
    case STATUS_UIDVALIDITY:
        return mailbox_uidvalidity(mailbox);
    case STATUS_UNSEEN:
        return snapshot->unseen;
    case STATUS_DELETED:
        return snapshot->deleted;
    case STATUS_DELETED_STORAGE: /* each message that goes frees its size: mail/quota.h */
        return snapshot->deleted_size_bytes;
    case STATUS_SIZE:
        return snapshot->size_bytes;
    case STATUS_HIGHESTMODSEQ:
        return snapshot->highest_modseq;
    case STATUS_APPENDLIMIT:
        return s->server->settings.message_bytes_max;
    case STATUS_MAILBOXID:
        return mailbox_id(mailbox);
    }
    return 0;
}

void status_write_of(struct session *s, struct mailbox *mailbox, const struct snapshot *snapshot,
                     struct str name, unsigned items)
{
    struct buf *out = session_out(s);
    const char *separator = "";
    buf_add_lit(out, "* STATUS ");
    write_mailbox(out, name, session_utf8(s));
    buf_add_lit(out, " (");
    for (unsigned bit = 1; bit <= items; bit <<= 1) {
        enum status_item item = (enum status_item)bit;
        if (!(items & bit))
            continue;
        buf_add(out, str_c(separator));
        buf_add(out, status_item_name(item));
        buf_add_char(out, ' ');
        if (item == STATUS_MAILBOXID)
            buf_printf(out, "(" STR_FMT ")", STR_ARG(mailbox_id_text(mailbox_id(mailbox), &s->arena)));
        else
            buf_add_u64(out, figure(s, mailbox, snapshot, item));
        separator = " ";
    }
    buf_add_lit(out, ")\r\n");
}

int status_write(struct session *s, struct mailbox *mailbox, struct str name, unsigned items, struct err *err)
{
    struct snapshot *snapshot;
    int r = mailbox_snapshot_for(mailbox, door_reader(s, mailbox_account(mailbox)), &snapshot, err);
    if (r < 0)
        return r;
    status_write_of(s, mailbox, snapshot, name, items);
    snapshot_unref(&snapshot);
    if (items & STATUS_HIGHESTMODSEQ)
        session_enable_condstore(s); /* RFC 7162, 3.1: asking for it enables CONDSTORE */
    return 0;
}

int status_run(struct session *s, const void *args, struct err *err)
{
    const struct status_args *a = args;
    struct place place;
    int r = door_open(s, a->mailbox, RIGHT_READ, &place, err); /* RFC 4314, 4 */
    if (r < 0)
        return r;
    r = status_write(s, place.mailbox, a->mailbox, a->items, err);
    place_leave(&place);
    return r;
}
