#include "imap/cmd/limit.h"

static uint32_t limit_of(const struct session *s)
{
    return s->server->settings.message_limit;
}

uint32_t limit_of_saving(const struct session *s)
{
    return limit_of(s) ? limit_of(s) : s->server->settings.save_limit;
}

static int refuse(struct session *s, uint32_t limit, struct err *err)
{
    if (str_is_nil(s->reply_code))
        session_code(s, "MESSAGELIMIT %u", limit);
    return err_set(err, ERR_LIMIT, "More messages than the limit of %u", limit);
}

int limit_append(struct session *s, size_t count, struct err *err)
{
    uint32_t limit = limit_of_saving(s);
    return limit && count > limit ? refuse(s, limit, err) : 0;
}

/* Of more than `limit` members those with the highest numbers; false: there are not so many. */
static bool keep_highest(struct session *s, uint32_t limit, struct seqset *set)
{
    uint64_t count = limit ? seqset_count(set) : 0;
    const struct seqset all = *set;
    if (count <= limit)
        return false;
    seqset_slice(&all, count - limit, limit, &s->arena, set);
    return true;
}

static void note(struct session *s, uint32_t lowest_uid)
{
    s->limit_code = arena_printf(&s->arena, "MESSAGELIMIT %u %u", limit_of(s), lowest_uid);
}

int limit_copy(struct session *s, const struct seqset *uids, struct err *err)
{
    uint32_t limit = limit_of_saving(s);
    struct seqset seqs;
    struct message lowest;
    if (!limit || s->view.snapshot->exists <= limit)
        return 0;
    int r = snapshot_uids_to_seqs(s->view.snapshot, uids, &s->arena, &seqs, err);
    if (r < 0 || !keep_highest(s, limit, &seqs))
        return r;
    r = snapshot_message(s->view.snapshot, seqset_first(&seqs), &lowest, err);
    if (r < 0)
        return r;
    session_code(s, "MESSAGELIMIT %u %u", limit, lowest.uid);
    return refuse(s, limit, err);
}

int limit_seqs(struct session *s, struct seqset *seqs, struct err *err)
{
    struct message lowest;
    if (!keep_highest(s, limit_of(s), seqs))
        return 0;
    int r = snapshot_message(s->view.snapshot, seqset_first(seqs), &lowest, err);
    if (r == 0)
        note(s, lowest.uid);
    return r;
}

int limit_uids(struct session *s, struct seqset *uids, struct err *err)
{
    struct seqset seqs;
    if (!limit_of(s) || s->view.snapshot->exists <= limit_of(s))
        return 0;
    int r = snapshot_uids_to_seqs(s->view.snapshot, uids, &s->arena, &seqs, err);
    if (r == 0)
        r = limit_seqs(s, &seqs, err);
    return r < 0 || !limit_was_met(s) ? r
                                      : snapshot_seqs_to_uids(s->view.snapshot, &seqs, &s->arena, uids, err);
}

/* Those of `uids` that are marked in `snapshot`. */
static int find_deleted(struct session *s, const struct snapshot *snapshot, const struct seqset *uids,
                        struct seqset *deleted_out, struct err *err)
{
    struct seqset seqs;
    uint32_t seq;
    seqset_init(deleted_out, &s->arena);
    int r = snapshot_uids_to_seqs(snapshot, uids, &s->arena, &seqs, err);
    if (r < 0)
        return r;
    struct seqset_iter it = seqset_each(&seqs);
    while (seqset_next(&it, &seq)) {
        struct message m;
        r = snapshot_message(snapshot, seq, &m, err);
        if (r < 0)
            return r;
        if (m.flags & FLAG_DELETED)
            seqset_add(deleted_out, m.uid);
    }
    return 0;
}

int limit_deleted(struct session *s, struct seqset *uids, struct err *err)
{
    struct seqset deleted;
    int r = 0;
    struct snapshot *now = mailbox_snapshot(
        s->view.mailbox); /* what is marked is decided there, not in the view */
    if (limit_of(s) && now->deleted > limit_of(s)) {
        r = find_deleted(s, now, uids, &deleted, err);
        if (r == 0 && keep_highest(s, limit_of(s), &deleted)) {
            *uids = deleted;
            note(s, seqset_first(&deleted));
        }
    }
    snapshot_unref(&now);
    return r;
}

int limit_page(struct session *s, const struct partial_range *range, struct err *err)
{
    uint32_t low = range->first < range->last ? range->first : range->last;
    uint32_t high = range->first < range->last ? range->last : range->first;
    return limit_whole(s, (uint64_t)high - low + 1, err);
}

int limit_whole(struct session *s, uint64_t count, struct err *err)
{
    uint32_t limit = limit_of(s);
    return limit && count > limit ? refuse(s, limit, err) : 0;
}
