/* UIDs that vanished, for QRESYNC.    RFC 7162, 3.2.5 and 5.3
 * "V" mailbox_id modseq holds the UIDs that vanished with that modseq; "V" mailbox_id 0 holds the modseq up
 * to which they were cut. */
#include "mail/account_private.h"

struct vanished_scan {
    struct arena *arena;
    uint64_t until; /* later ones are left out */
    struct seqset all;
};

/* Most records hold a range or two, in no order; large ones are united. */
static int gather(void *ctx, struct str key, struct str value, struct err *err)
{
    struct vanished_scan *scan = ctx;
    struct reader k = reader_make(str_skip(key, 9)), v = reader_make(value);
    struct seqset uids;
    uint64_t modseq = reader_be64(&k);

    if (!k.bad && modseq > scan->until)
        return 1;
    if (k.bad || !uids_decode(&v, scan->arena, &uids))
        return err_set(err, ERR_CORRUPT, "record of vanished UIDs is damaged");
    if (uids.count > 8) {
        struct seqset united;
        seqset_union(&scan->all, &uids, scan->arena, &united);
        scan->all = united;
        return 0;
    }
    for (size_t i = 0; i < uids.count; i++)
        seqset_add_range(&scan->all, uids.ranges[i].first, uids.ranges[i].last);
    return 0;
}

static int read_floor(struct mailbox *mailbox, uint64_t *floor_out, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    struct account *a = mailbox->account;

    *floor_out = 0;
    int r = store_get(a->mail->options.store, a->id, key_numbers(KEY_VANISHED, mailbox->id, 0, &key), &value,
                      err);
    if (r == 0) {
        struct reader reader = reader_make(buf_str(&value));
        *floor_out = reader_varint(&reader);
        if (reader.bad)
            r = err_set(err, ERR_CORRUPT, "floor of vanished UIDs is damaged");
    }
    buf_deinit(&key);
    buf_deinit(&value);
    return r == -ERR_NOT_FOUND ? 0 : r;
}

/* All that ever were and are not there. */
static int everything_missing(const struct snapshot *as_of, struct arena *arena, struct seqset *uids_out,
                              struct err *err)
{
    struct seqset ever, present;

    int r = snapshot_uids(as_of, arena, &present, err);
    if (r < 0)
        return r;
    seqset_init(&ever, arena);
    if (as_of->uidnext > 1)
        seqset_add_range(&ever, 1, as_of->uidnext - 1);
    seqset_difference(&ever, &present, arena, uids_out);
    return 0;
}

static int scan_vanished(struct mailbox *mailbox, uint64_t modseq, struct vanished_scan *scan,
                         struct err *err)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    struct account *a = mailbox->account;

    int r = store_scan(a->mail->options.store, a->id,
                       key_numbers(KEY_VANISHED, mailbox->id, modseq + 1, &from),
                       key_number(KEY_VANISHED, mailbox->id + 1, &to), NULL, gather, scan, err);
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}

int mailbox_vanished_since(struct mailbox *mailbox, const struct snapshot *as_of, uint64_t modseq,
                           const struct seqset *known, struct arena *arena, struct seqset *uids_out,
                           bool *complete_out, struct err *err)
{
    struct vanished_scan scan = { .arena = arena, .until = as_of->highest_modseq };
    uint64_t floor = 0;

    if (modseq > STORE_VERSION_MAX)
        modseq = STORE_VERSION_MAX;
    seqset_init(&scan.all, arena);
    int r = scan_vanished(mailbox, modseq, &scan, err);
    if (r == 0) /* after the scan: what was cut before it or while it ran shows here */
        r = read_floor(mailbox, &floor, err);
    if (r == 0 && modseq < floor)
        r = everything_missing(as_of, arena, &scan.all, err);
    if (r < 0)
        return r;
    *complete_out = modseq >= floor;
    if (known)
        seqset_intersection(&scan.all, known, arena, uids_out);
    else
        *uids_out = scan.all;
    return 0;
}

/* ---- cutting, by the fold ---- */

struct cut_scan {
    uint64_t excess, kept; /* ranges still to go; ranges seen after that */
    uint64_t floor;
};

static int count_ranges(void *ctx, struct str key, struct str value, struct err *err)
{
    struct cut_scan *cut = ctx;
    struct reader k = reader_make(str_skip(key, 9)), v = reader_make(value);
    uint64_t modseq = reader_be64(&k), count = reader_varint(&v);

    if (k.bad || v.bad)
        return err_set(err, ERR_CORRUPT, "record of vanished UIDs is damaged");
    if (cut->excess > 0) {
        cut->excess -= count < cut->excess ? count : cut->excess;
        cut->floor = modseq;
    } else {
        cut->kept += count;
    }
    return 0;
}

int vanished_cut(struct mailbox *mailbox, struct batch *batch, uint32_t *ranges_left_out, struct err *err)
{
    struct account *a = mailbox->account;
    uint32_t max = a->mail->options.vanished_ranges_max;
    struct cut_scan cut = { .excess = (uint64_t)mailbox->vanished_ranges - max + max / 4 };
    struct buf from = BUF_INIT, to = BUF_INIT, value = BUF_INIT;

    int r = store_scan(a->mail->options.store, a->id, key_numbers(KEY_VANISHED, mailbox->id, 1, &from),
                       key_number(KEY_VANISHED, mailbox->id + 1, &to), NULL, count_ranges, &cut, err);
    if (r == 0 && cut.floor > 0) {
        batch_delete_range(batch, buf_str(&from), key_numbers(KEY_VANISHED, mailbox->id, cut.floor + 1, &to));
        buf_put_varint(&value, cut.floor);
        batch_put(batch, key_numbers(KEY_VANISHED, mailbox->id, 0, &from), buf_str(&value));
    }
    if (r == 0)
        *ranges_left_out = cut.kept > UINT32_MAX ? UINT32_MAX : (uint32_t)cut.kept;
    buf_deinit(&from);
    buf_deinit(&to);
    buf_deinit(&value);
    return r;
}
