/* cmd_uidbatches.c: UIDBATCHES: ranges of UIDs that cut the selected mailbox into pieces of a wanted size, the newest
 * messages first.     RFC 10022 */
#include "imap/cmd/command.h"
#include "imap/wire/message_args.h"
#include "imap/wire/writer.h"

enum { BATCH_MESSAGES_MIN = 500 };

/* Who asks again for what he was told must have seen much change: more than half a batch gone or come. Other batches
 * of the same size are no repetition: that is how a client goes on. */
static int check_repeated(struct session *s, const struct uidbatches_args *a, struct err *err)
{
    struct batches_told *told = &s->batches_told;
    const struct snapshot *now = s->view.snapshot;
    uint32_t seq;
    if (told->size == 0)
        return 0;
    int r = snapshot_lower_bound(now, told->uidnext, &seq, err);
    if (r < 0)
        return r;
    uint32_t left = seq - 1; /* of those that were there */
    if (told->exists - left > told->size / 2 || now->exists - left > told->size / 2)
        *told = (struct batches_told){ 0 };
    else if (a->size != told->size || (a->first <= told->last && a->last >= told->first))
        return err_set(err, ERR_LIMIT, "These batches were told, and little has changed since");
    return 0;
}

static void note_told(struct session *s, const struct uidbatches_args *a)
{
    struct batches_told *told = &s->batches_told;
    if (told->size == 0)
        *told = (struct batches_told){ .size = a->size,
                                       .first = a->first,
                                       .last = a->last,
                                       .exists = s->view.snapshot->exists,
                                       .uidnext = s->view.snapshot->uidnext };
    if (a->first < told->first)
        told->first = a->first;
    if (a->last > told->last)
        told->last = a->last;
}

static int uid_of(const struct snapshot *snapshot, uint64_t seq, uint32_t *uid_out, struct err *err)
{
    struct message m;
    int r = snapshot_message(snapshot, (uint32_t)seq, &m, err);
    if (r == 0)
        *uid_out = m.uid;
    return r;
}

/* " high:low,high:low ..."; each range begins right below the one before it, the last of all ends with 1. */
static int write_batches(const struct snapshot *snapshot, const struct uidbatches_args *a, struct buf *out,
                         struct err *err)
{
    uint64_t before = ((uint64_t)a->first - 1) * a->size; /* messages above the batch */
    uint32_t high = 0;
    for (uint32_t batch = a->first; batch <= a->last && before < snapshot->exists;
         batch++, before += a->size) {
        uint64_t high_seq = snapshot->exists - before;
        uint32_t low = 1;
        int r = 0;
        if (batch == a->first) {
            /* The range above ends with the message above. */
            r = uid_of(snapshot, before ? high_seq + 1 : high_seq, &high, err);
            high -= before ? 1 : 0;
        }
        if (r == 0 && high_seq > a->size)
            r = uid_of(snapshot, high_seq - a->size + 1, &low, err);
        if (r < 0)
            return r;
        buf_printf(out, "%s%u:%u", batch == a->first ? " " : ",", high, low);
        high = low - 1;
    }
    return 0;
}

int uidbatches_run(struct session *s, const void *args, struct err *err)
{
    const struct uidbatches_args *a = args;
    struct buf batches = BUF_INIT;
    if (a->first > a->last) {
        session_code(s, "CLIENTBUG");
        return err_set(err, ERR_INVALID, "A range of batches goes from the lower number to the higher");
    }
    if (a->size < BATCH_MESSAGES_MIN) {
        session_code(s, "TOOFEW");
        return err_set(err, ERR_LIMIT, "A batch has at least %d messages", BATCH_MESSAGES_MIN);
    }
    int r = check_repeated(s, a, err);
    if (r == 0)
        r = write_batches(s->view.snapshot, a, &batches, err);
    if (r == 0) {
        struct buf *out = session_out(s);
        buf_add_lit(out, "* UIDBATCHES (TAG ");
        write_string(out, s->tag, false);
        buf_add_char(out, ')');
        buf_add(out, buf_str(&batches));
        buf_add_lit(out, "\r\n");
        note_told(s, a);
    }
    buf_deinit(&batches);
    return r;
}
