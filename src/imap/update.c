#include "imap/update.h"

#include "imap/cmd/fetch.h"
#include "imap/cmd/quota_root.h"
#include "imap/context.h"
#include "imap/door.h"
#include "imap/metadata_news.h"
#include "imap/notify.h"
#include "imap/wire/writer.h"
#include "mail/delta.h"

#include <stdlib.h>

void update_write_flags(struct session *s)
{
    s->flags_due = false;
    struct buf *out = session_out(s);
    const struct keyword_table *table = s->view.snapshot->keywords;
    buf_add_lit(out, "* FLAGS ");
    write_flag_names(out, FLAG_ALL, table->names, table->count, false);
    buf_add_lit(out, "\r\n");
    uint8_t allowed = s->view.read_only ? 0 : door_flags_allowed(s->rights);
    bool keywords = !s->view.read_only && s->rights & RIGHT_WRITE;
    struct buf code = BUF_INIT;
    buf_add_lit(&code, "PERMANENTFLAGS ");
    if (!allowed)
        buf_add_lit(&code, "()");
    else
        write_flag_names(&code, allowed, table->names, keywords ? table->count : 0,
                         keywords && table->count < KEYWORDS_MAX);
    session_status(s, STR_NIL, "OK", buf_str(&code),
                   allowed ? STR("Flags that can be set") : STR("Nothing can be changed here"));
    buf_deinit(&code);
}

void update_begin_fetch(struct session *s, uint32_t seq, uint32_t uid)
{
    struct buf *out = session_out(s);
    buf_add_lit(out, "* ");
    buf_add_u64(out, s->uidonly ? uid : seq);
    buf_add(out, s->uidonly ? STR(" UIDFETCH (") : STR(" FETCH ("));
}

void update_write_fetch(struct session *s, uint32_t seq, const struct message *m, bool with_flags)
{
    struct buf *out = session_out(s);
    const char *separator = "";
    update_begin_fetch(s, seq, m->uid);
    /* RFC 7162, 3.2.4: UID in every FETCH once QRESYNC is on; RFC 5465, 5.1: of NOTIFY. UIDFETCH begins with it. */
    if (!s->uidonly && (s->rev2 || s->qresync || s->uid_form || s->notify)) {
        buf_add_lit(out, "UID ");
        buf_add_u64(out, m->uid);
        separator = " ";
    }
    if (with_flags) {
        buf_add(out, str_c(separator));
        buf_add_lit(out, "FLAGS ");
        write_flags(out, m->flags, !s->rev2 && view_is_recent(&s->view, m->uid), &m->keywords,
                    s->view.snapshot->keywords);
        separator = " ";
    }
    if (s->condstore) {
        buf_add(out, str_c(separator));
        buf_add_lit(out, "MODSEQ (");
        buf_add_u64(out, m->modseq);
        buf_add_char(out, ')');
    }
    buf_add_lit(out, ")\r\n");
}

static bool is_own(const struct update_own *own, const struct message *m)
{
    return own && (own->modseq == 0 || m->modseq == own->modseq) && seqset_contains(own->uids, m->uid);
}

/* What a STORE .SILENT makes its client assume. */
struct assumption {
    const struct change *change;
    const struct snapshot *before; /* what the client knew */
    struct keyword_set keywords;
};

static struct assumption assumption_of(const struct session *s, const struct change *change,
                                       const struct snapshot *before)
{
    struct assumption a = { .change = change, .before = before };
    for (size_t i = 0; change && i < change->store.keyword_count; i++) {
        int at = keyword_table_find(s->view.snapshot->keywords, change->store.keywords[i]);
        if (at >= 0)
            keyword_set_add(&a.keywords, (unsigned)at);
    }
    return a;
}

/* 1 when `m` has the flags that the client assumes, 0 when not, or an error. */
static int is_as_assumed(const struct assumption *a, const struct message *m, struct err *err)
{
    struct message assumed;
    uint32_t seq;
    int r = snapshot_seq_of_uid(a->before, m->uid, &seq, err);
    if (r == 0 && seq)
        r = snapshot_message(a->before, seq, &assumed, err);
    if (r < 0 || !seq)
        return r;
    store_apply(a->change->store.mode, a->change->store.flags & FLAG_ALL, &a->keywords, &assumed);
    return assumed.flags == m->flags && memcmp(&assumed.keywords, &m->keywords, sizeof m->keywords) == 0;
}

/* The owner's \Seen, which a reader of his mailbox does not see, moves the modseq all the same: there is nothing to tell. */
static int is_as_before(const struct session *s, const struct snapshot *before, const struct message *m,
                        struct err *err)
{
    struct message old;
    uint32_t seq;
    if (!s->view.reader)
        return 0;
    int r = snapshot_seq_of_uid(before, m->uid, &seq, err);
    if (r < 0 || !seq)
        return r;
    r = snapshot_message(before, seq, &old, err);
    if (r < 0)
        return r;
    return old.flags == m->flags && memcmp(&old.keywords, &m->keywords, sizeof m->keywords) == 0;
}

/* ---- what is being told ----
 *
 *   (NEWCOMERS ->) GONE -> EXPUNGES -> COUNTS -> FLAGS -> NEWS -> ITEMS -> done
 *
 * GONE and NEWS are for the contexts of RFC 5267: what leaves them by EXPUNGE still has its numbers, what comes in has them already.
 * ITEMS are what NOTIFY wants of new messages, behind the news of contexts: RFC 5465, 5.2.
 *
 * Each step keeps its place in `next`, so that it goes on where its client stopped to read. */

enum { VANISHED_RANGES_AT_ONCE = 1000 };

enum update_step {
    UPDATE_NEWCOMERS,
    UPDATE_GONE,
    UPDATE_EXPUNGES,
    UPDATE_COUNTS,
    UPDATE_FLAGS,
    UPDATE_NEWS,
    UPDATE_ITEMS,
    UPDATE_DONE
};

struct update {
    enum update_step step;
    size_t next;
    struct view_update changes;
    struct context_round contexts;
    struct snapshot *before;    /* what the client knew; own reference */
    unsigned events;            /* which are told: enum notify_event */
    struct fetch_cursor *items; /* of new messages; NULL: not begun */
    struct arena items_arena;
    struct seqset own_new; /* UIDs that the client brought itself */
    struct arena arena;
};

bool update_write_vanished(struct session *s, const struct seqset *uids, bool earlier, size_t *at)
{
    struct buf *out = session_out(s);
    while (*at < uids->count) {
        if (session_must_wait(s))
            return false;
        size_t left = uids->count - *at;
        struct seqset piece = *uids;
        piece.ranges += *at;
        piece.count = left < VANISHED_RANGES_AT_ONCE ? left : VANISHED_RANGES_AT_ONCE;
        buf_add(out, earlier ? STR("* VANISHED (EARLIER) ") : STR("* VANISHED "));
        seqset_write(&piece, out);
        buf_add_lit(out, "\r\n");
        *at += piece.count;
    }
    return true;
}

static int write_expunges(struct session *s, struct update *u)
{
    struct buf *out = session_out(s);
    const struct snapshot_diff *diff = &u->changes.diff;
    if (s->qresync || s->uidonly)
        return update_write_vanished(s, &diff->vanished, false, &u->next) ? 0 : -ERR_AGAIN;
    /* From the end, so that no number shifts under another. */
    for (; u->next < diff->expunged_count; u->next++) {
        if (session_must_wait(s))
            return -ERR_AGAIN;
        buf_add_lit(out, "* ");
        buf_add_u64(out, diff->expunged_seqs[diff->expunged_count - 1 - u->next]);
        buf_add_lit(out, " EXPUNGE\r\n");
    }
    return 0;
}

static void write_exists(struct session *s, uint32_t exists)
{
    buf_printf(session_out(s), "* %u EXISTS\r\n", exists);
    if (!s->rev2)
        buf_printf(session_out(s), "* %u RECENT\r\n", view_recent_count(&s->view));
    quota_tell_passed(s); /* RFC 9208, 4.3.1 */
}

/* Before the EXPUNGEs: new messages stand behind all others, so the numbers of those that go still hold. */
static void write_newcomers(struct session *s, struct update *u)
{
    if (!s->exists_first || !u->changes.exists_changed)
        return;
    write_exists(s, s->view.snapshot->exists + u->changes.diff.expunged_count);
    u->changes.exists_changed = false;
}

static void write_counts(struct session *s, const struct update *u)
{
    if (u->changes.exists_changed)
        write_exists(s, s->view.snapshot->exists);
    if (u->changes.diff.keywords_changed)
        update_write_flags(s);
}

static int write_changes(struct session *s, struct update *u, const struct update_own *own, struct err *err)
{
    struct assumption assumption = assumption_of(s, own ? own->assumed : NULL, u->before);
    for (; u->next < u->changes.diff.changed_count; u->next++) {
        uint32_t seq = u->changes.diff.changed_seqs[u->next];
        struct message m;
        if (session_must_wait(s))
            return -ERR_AGAIN;
        int r = snapshot_message(s->view.snapshot, seq, &m, err);
        if (r == 0 && is_own(own, &m))
            r = own->assumed ? is_as_assumed(&assumption, &m, err) : 1;
        else if (r == 0)
            r = is_as_before(s, u->before, &m, err);
        if (r < 0)
            return r;
        if (r == 0)
            update_write_fetch(s, seq, &m, true);
    }
    return 0;
}

/* ---- items of new messages: RFC 5465, 5.2 (NOTIFY) and 7 (contexts), in one FETCH ---- */

/* What is wanted of a new message; NULL: nothing. */
static struct fetch_args *wanted_items(struct session *s, struct update *u, uint32_t uid)
{
    const struct fetch_args *notify = notify_new_message_items(s);
    struct fetch_args *args = arena_new(&u->items_arena, struct fetch_args);
    bool any = notify && u->events & EVENT_MESSAGE_NEW;
    if (any)
        fetch_args_merge(args, notify, &u->items_arena);
    any |= contexts_add_items(s, uid, args, &u->items_arena);
    args->uid = true;
    args->has_changed_since = s->condstore; /* since ever: MODSEQ is told. RFC 7162, 3.2 */
    return any ? args : NULL;
}

/* Begin with the new messages from the next on: with all of them, or with one, where contexts want something else of each. */
static int begin_items(struct session *s, struct update *u, struct err *err)
{
    uint32_t first = s->view.snapshot->exists - u->changes.diff.added_count + 1 + (uint32_t)u->next;
    uint32_t last = contexts_want_items(s) ? first : s->view.snapshot->exists;
    struct seqset seqs;
    struct message m;
    if (u->next == 0)
        notify_take_own_new(s, &u->arena, &u->own_new);
    int r = snapshot_message(s->view.snapshot, first, &m, err);
    struct fetch_args *args = r < 0 ? NULL : wanted_items(s, u, m.uid);
    u->next += last - first + 1;
    if (!args || (first == last && seqset_contains(&u->own_new, m.uid)))
        return r;
    seqset_init(&seqs, &u->items_arena);
    seqset_add_range(&seqs, first, last);
    if (first < last && !seqset_is_empty(&u->own_new)) {
        struct seqset own, others;
        r = snapshot_uids_to_seqs(s->view.snapshot, &u->own_new, &u->items_arena, &own, err);
        if (r < 0)
            return r;
        seqset_difference(&seqs, &own, &u->items_arena, &others);
        seqs = others;
    }
    u->items = fetch_begin(args, &seqs, &u->items_arena);
    return 0;
}

static void end_items(struct update *u)
{
    if (u->items)
        fetch_end(u->items);
    u->items = NULL;
    arena_deinit(&u->items_arena);
}

static int write_items(struct session *s, struct update *u, struct err *err)
{
    if (!(notify_new_message_items(s) && u->events & EVENT_MESSAGE_NEW) && !contexts_want_items(s))
        return 0;
    while (u->items || u->next < u->changes.diff.added_count) {
        int r = u->items ? 0 : begin_items(s, u, err);
        if (r == 0 && u->items)
            r = fetch_continue(s, u->items, err);
        /* One that is gone already, or cannot be read, is left out: nobody has asked for it. */
        if (r == -ERR_AGAIN || s->state != STATE_SELECTED)
            return r;
        end_items(u);
        if (session_must_wait(s))
            return -ERR_AGAIN;
    }
    return 0;
}

/* One who wants to hear of nothing is told of what it has done itself. */
static int follow(struct session *s, struct update *u, bool may_expunge, const struct update_own *own,
                  struct err *err)
{
    if (u->events & EVENT_MESSAGE_NEW)
        return view_sync(&s->view, may_expunge, &u->arena, &u->changes, err);
    struct seqset none = { 0 };
    return view_sync_only(&s->view, own ? own->named : &none, may_expunge, &u->arena, &u->changes, err);
}

static int begin(struct session *s, bool may_expunge, const struct update_own *own, struct err *err)
{
    struct update *u = calloc(1, sizeof *u);
    if (!u)
        abort();
    u->before = snapshot_ref(s->view.snapshot);
    u->events = notify_selected_events(s);
    s->update = u;
    int r = follow(s, u, may_expunge, own, err);
    if (r < 0)
        update_drop(s);
    return r;
}

static bool has_news(const struct session *s, const struct update_own *own)
{
    if (s->state != STATE_SELECTED || (!view_is_stale(&s->view) && !contexts_due(s)))
        return false;
    return own || notify_selected_events(s) || mailbox_is_deleted(s->view.mailbox);
}

void update_drop(struct session *s)
{
    struct update *u = s->update;
    if (!u)
        return;
    end_items(u);
    snapshot_unref(&u->before);
    arena_deinit(&u->arena);
    free(u);
    s->update = NULL;
}

static int write_contexts(struct session *s, struct update *u, struct err *err)
{
    struct context_round *round = &u->contexts;
    bool gone = u->step == UPDATE_GONE;
    if (!s->contexts)
        return 0;
    if (!round->arena || round->gone != gone)
        *round = (struct context_round){
            .arena = &u->arena, .before = u->before, .diff = &u->changes.diff, .gone = gone
        };
    return contexts_tell(s, round, err);
}

static int tell(struct session *s, struct update *u, const struct update_own *own, struct err *err)
{
    for (; u->step != UPDATE_DONE; u->step++, u->next = 0) {
        int r = 0;
        if (u->step == UPDATE_NEWCOMERS)
            write_newcomers(s, u);
        else if (u->step == UPDATE_EXPUNGES)
            r = write_expunges(s, u);
        else if (u->step == UPDATE_COUNTS)
            write_counts(s, u);
        else if (u->step == UPDATE_FLAGS)
            r = u->events & EVENT_FLAG_CHANGE ? write_changes(s, u, own, err) : 0;
        else if (u->step == UPDATE_ITEMS)
            r = write_items(s, u, err);
        else
            r = write_contexts(s, u, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int update_send(struct session *s, bool may_expunge, const struct update_own *own, struct err *err)
{
    if (!s->update && s->state & (STATE_AUTHENTICATED | STATE_SELECTED))
        metadata_news_tell(s);
    if (!s->update && s->flags_due && s->state == STATE_SELECTED)
        update_write_flags(s);
    if (!s->update && !has_news(s, own))
        return 0;
    int r = s->update ? 0 : begin(s, may_expunge, own, err);
    if (r == 0)
        r = tell(s, s->update, own, err);
    if (r == -ERR_AGAIN || !s->update)
        return r;
    bool deleted = s->update->changes.mailbox_deleted;
    update_drop(s);
    if (r == 0 && deleted)
        session_bye(s, NULL, "The selected mailbox has been deleted");
    return r;
}
