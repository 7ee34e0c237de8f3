#include "imap/cmd/saved.h"

/* `set` with "*" resolved to `max`. */
static void resolve(struct session *s, const struct seqset *set, uint32_t max, struct seqset *out)
{
    seqset_copy(set, &s->arena, out);
    seqset_resolve(out, max);
    out->saved = false;
}

void message_set_resolve(struct session *s, const struct seqset *set, uint32_t max, struct seqset *uids_out)
{
    struct seqset own;
    resolve(s, set, max, &own);
    if (set->saved)
        seqset_union(&own, &s->saved, &s->arena, uids_out);
    else
        *uids_out = own;
}

static uint32_t last_uid(const struct snapshot *snapshot, struct err *err, int *r)
{
    struct message m = { 0 };
    *r = snapshot->exists ? snapshot_message(snapshot, snapshot->exists, &m, err) : 0;
    return m.uid;
}

int message_set_seqs(struct session *s, const struct seqset *set, bool are_uids, struct seqset *seqs_out,
                     struct err *err)
{
    struct snapshot *snapshot = s->view.snapshot;
    struct seqset own, saved;
    int r;
    if (are_uids) {
        uint32_t max = last_uid(snapshot, err, &r);
        if (r < 0)
            return r;
        resolve(s, set, max, &own);
        r = snapshot_uids_to_seqs(snapshot, &own, &s->arena, seqs_out, err);
    } else {
        resolve(s, set, snapshot->exists, seqs_out);
        r = 0;
        if (seqset_last(seqs_out) > snapshot->exists)
            r = err_set(err, ERR_INVALID, "No message %u, there are %u", seqset_last(seqs_out),
                        snapshot->exists);
        else if (snapshot->exists == 0 && !set->saved) /* "*" in an empty mailbox */
            r = err_set(err, ERR_INVALID, "The mailbox is empty");
    }
    if (r < 0 || !set->saved)
        return r;
    r = snapshot_uids_to_seqs(snapshot, &s->saved, &s->arena, &saved, err);
    if (r < 0)
        return r;
    own = *seqs_out;
    seqset_union(&own, &saved, &s->arena, seqs_out);
    return 0;
}

int message_set_uids(struct session *s, const struct seqset *set, struct seqset *uids_out, struct err *err)
{
    struct seqset seqs, own, all;
    int r;
    if (!s->uid_form) {
        r = message_set_seqs(s, set, false, &seqs, err);
        return r < 0 ? r : snapshot_seqs_to_uids(s->view.snapshot, &seqs, &s->arena, uids_out, err);
    }
    uint32_t max = last_uid(s->view.snapshot, err, &r);
    if (r < 0)
        return r;
    message_set_resolve(s, set, max, &own);
    seqset_init(&all, &s->arena);
    if (max)
        seqset_add_range(&all, 1, max);
    seqset_intersection(&own, &all, &s->arena, uids_out);
    return 0;
}
