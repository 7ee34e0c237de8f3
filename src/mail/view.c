#include "mail/view.h"

#include "mail/account_private.h"

#include <assert.h>
#include <stdlib.h>

static void add_recent(struct view *view, uint32_t first, uint32_t last)
{
    struct recent_range *end = view->recent_range_count ? &view->recent[view->recent_range_count - 1] : NULL;

    if (end && end->last + 1 == first) {
        end->last = last;
        return;
    }
    view->recent = reallocarray(view->recent, view->recent_range_count + 1, sizeof *view->recent);
    if (!view->recent)
        abort();
    view->recent[view->recent_range_count++] = (struct recent_range){ first, last };
}

/* The mailbox as it is now; what nobody was told of becomes ours.
 * RFC 3501, 2.3.2: "the first session to have been notified" */
static int look(struct view *view, struct snapshot **now_out, struct err *err)
{
    struct mailbox *mailbox = view->mailbox;
    struct snapshot *now;

    int r = mailbox_snapshot_for(mailbox, view->reader, &now, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&mailbox->account->mutex);
    uint32_t from = mailbox->recent_uid;
    if (!view->read_only && now->uidnext > from)
        mailbox->recent_uid = now->uidnext;
    pthread_mutex_unlock(&mailbox->account->mutex);
    if (view->read_only && view->latest && view->latest->uidnext > from)
        from = view->latest->uidnext; /* looked at before, and not taken */
    if (from < now->uidnext)
        add_recent(view, from, now->uidnext - 1);
    *now_out = now;
    return 0;
}

int view_open_for(struct mailbox *mailbox, uint64_t reader, bool read_only, struct view *view_out,
                  struct err *err)
{
    struct view view = { .mailbox = mailbox_ref(mailbox), .reader = reader, .read_only = read_only };
    int r = look(&view, &view.latest, err);
    if (r < 0) {
        view_close(&view);
        return r;
    }
    view.snapshot = snapshot_ref(view.latest);
    *view_out = view;
    return 0;
}

void view_open(struct mailbox *mailbox, bool read_only, struct view *view_out)
{
    int r = view_open_for(mailbox, 0, read_only, view_out, NULL);
    assert(r == 0); /* nothing is read for the owner */
    (void)r;
}

void view_close(struct view *view)
{
    snapshot_unref(&view->snapshot);
    snapshot_unref(&view->latest);
    mailbox_unref(&view->mailbox);
    free(view->recent);
    *view = (struct view){ 0 };
}

bool view_is_recent(const struct view *view, uint32_t uid)
{
    uint32_t low = 0, high = view->recent_range_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (view->recent[middle].last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < view->recent_range_count && view->recent[low].first <= uid;
}

uint32_t view_recent_count(const struct view *view)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < view->recent_range_count; i++) {
        const struct recent_range *range = &view->recent[i];
        uint32_t first, end;
        /* A chunk that cannot be read is the business of who reads its messages. */
        if (snapshot_lower_bound(view->snapshot, range->first, &first, NULL) == 0 &&
            snapshot_lower_bound(view->snapshot, range->last + 1, &end, NULL) == 0)
            count += end - first;
    }
    return count;
}

bool view_is_stale(const struct view *view)
{
    return view->snapshot != view->latest ||
           (view->reader ? !mailbox_is_shown(view->mailbox, view->reader, view->latest)
                         : mailbox_peek(view->mailbox) != view->latest) ||
           mailbox_is_deleted(view->mailbox) || account_is_behind(view->mailbox->account);
}

/* Put `now` and what is shown of it in place. Takes both references. */
static void advance(struct view *view, struct snapshot *now, struct snapshot *shown)
{
    snapshot_unref(&view->latest);
    snapshot_unref(&view->snapshot);
    view->latest = now;
    view->snapshot = shown;
}

int view_sync(struct view *view, bool may_expunge, struct arena *arena, struct view_update *update_out,
              struct err *err)
{
    struct view_update update = { 0 };
    struct snapshot *shown;

    int r = account_refresh(view->mailbox->account, err);
    if (r < 0)
        return r;
    update.mailbox_deleted = mailbox_is_deleted(view->mailbox);
    struct snapshot *now;
    r = look(view, &now, err);
    if (r < 0)
        return r;
    if (may_expunge)
        shown = snapshot_ref(now);
    else
        r = snapshot_keep_expunged(view->snapshot, now, &shown, err);
    if (r == 0) {
        r = snapshot_diff(view->snapshot, shown, arena, &update.diff, err);
        if (r < 0)
            snapshot_unref(&shown);
    }
    if (r < 0) {
        snapshot_unref(&now);
        return r;
    }
    update.exists_changed = update.diff.added_count > 0;
    advance(view, now, shown);
    *update_out = update;
    return 0;
}

/* ---- view_sync_only ---- */

/* A message as it is now; 0 when it is gone. */
static int present_row(const struct snapshot *now, uint32_t uid, struct message *row_out, struct err *err)
{
    uint32_t seq;
    int r = snapshot_seq_of_uid(now, uid, &seq, err);
    if (r < 0 || seq == 0)
        return r;
    r = snapshot_message(now, seq, row_out, err);
    return r < 0 ? r : 1;
}

static int bring_up(void *now, struct message *row, struct err *err)
{
    struct message present;
    int r = present_row(now, row->uid, &present, err);
    if (r <= 0 || present.modseq == row->modseq)
        return r < 0 ? r : 0;
    row->flags = present.flags;
    row->keywords = present.keywords;
    row->modseq = present.modseq;
    return 1;
}

static int is_gone(void *now, struct message *row, struct err *err)
{
    struct message present;
    int r = present_row(now, row->uid, &present, err);
    return r < 0 ? r : r == 0;
}

static int bring_up_only(struct snapshot *shown, struct snapshot *now, const struct seqset *uids,
                         bool may_expunge, struct snapshot **out, struct err *err)
{
    struct snapshot_draft *draft = snapshot_draft_new(shown);
    snapshot_draft_set_keywords(draft, now->keywords);
    int r = snapshot_draft_edit(draft, uids, bring_up, now, err);
    if (r == 0 && may_expunge)
        r = snapshot_draft_remove(draft, uids, is_gone, now, err);
    if (r == 0)
        *out = snapshot_draft_finish(draft);
    snapshot_draft_free(&draft);
    return r;
}

int view_sync_only(struct view *view, const struct seqset *uids, bool may_expunge, struct arena *arena,
                   struct view_update *update_out, struct err *err)
{
    struct view_update update = { 0 };
    struct snapshot *shown = NULL;

    int r = account_refresh(view->mailbox->account, err);
    if (r < 0)
        return r;
    update.mailbox_deleted = mailbox_is_deleted(view->mailbox);
    struct snapshot *now;
    r = mailbox_snapshot_for(view->mailbox, view->reader, &now, err);
    if (r < 0)
        return r;
    r = bring_up_only(view->snapshot, now, uids, may_expunge, &shown, err);
    if (r == 0)
        r = snapshot_diff(view->snapshot, shown, arena, &update.diff, err);
    snapshot_unref(&now);
    if (r < 0) {
        snapshot_unref(&shown);
        return r;
    }
    snapshot_unref(&view->snapshot);
    view->snapshot = shown;
    *update_out = update;
    return 0;
}
