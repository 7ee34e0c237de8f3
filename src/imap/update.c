#include "imap/update.h"

#include "imap/wire/writer.h"
#include "mail/delta.h"

void update_write_flags(struct session *s)
{
    struct buf *out = session_out(s);
    const struct keyword_table *table = s->view.snapshot->keywords;
    buf_add_lit(out, "* FLAGS ");
    write_flag_names(out, FLAG_ALL, table->names, table->count, false);
    buf_add_lit(out, "\r\n* OK [PERMANENTFLAGS ");
    if (s->view.read_only)
        buf_add_lit(out, "()] Nothing can be changed here\r\n");
    else {
        write_flag_names(out, FLAG_ALL, table->names, table->count, table->count < KEYWORDS_MAX);
        buf_add_lit(out, "] Flags that can be set\r\n");
    }
}

void update_write_fetch(struct session *s, uint32_t seq, const struct message *m, bool with_flags)
{
    struct buf *out = session_out(s);
    const char *separator = "";
    buf_add_lit(out, "* ");
    buf_add_u64(out, seq);
    buf_add_lit(out, " FETCH (");
    if (s->rev2 || s->qresync || s->uid_form) { /* RFC 7162, 3.2.4: UID in every FETCH once QRESYNC is on */
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

static void write_expunges(struct session *s, const struct snapshot_diff *diff)
{
    struct buf *out = session_out(s);
    if (s->qresync) {
        buf_add_lit(out, "* VANISHED ");
        seqset_write(&diff->vanished, out);
        buf_add_lit(out, "\r\n");
        return;
    }
    /* From the end, so that no number shifts under another. */
    for (uint32_t i = diff->expunged_count; i-- > 0;) {
        buf_add_lit(out, "* ");
        buf_add_u64(out, diff->expunged_seqs[i]);
        buf_add_lit(out, " EXPUNGE\r\n");
    }
}

static bool is_own(const struct update_own *own, const struct message *m)
{
    return own && m->modseq == own->modseq && seqset_contains(own->uids, m->uid);
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

static int write_changes(struct session *s, const struct snapshot *before, const struct snapshot_diff *diff,
                         const struct update_own *own, struct err *err)
{
    struct assumption assumption = assumption_of(s, own ? own->assumed : NULL, before);
    for (uint32_t i = 0; i < diff->changed_count; i++) {
        struct message m;
        int r = snapshot_message(s->view.snapshot, diff->changed_seqs[i], &m, err);
        if (r == 0 && is_own(own, &m))
            r = own->assumed ? is_as_assumed(&assumption, &m, err) : 1;
        if (r < 0)
            return r;
        if (r == 1)
            continue;
        update_write_fetch(s, diff->changed_seqs[i], &m, true);
        /* A mailbox of a million: what the client takes need not pile up here. */
        if (conn_output_full(s->conn))
            (void)conn_flush(s->conn);
    }
    return 0;
}

int update_send(struct session *s, bool may_expunge, const struct update_own *own, struct err *err)
{
    if (s->state != STATE_SELECTED || !view_is_stale(&s->view))
        return 0;
    struct arena arena = ARENA_INIT;
    struct view_update update;
    struct snapshot *before = snapshot_ref(s->view.snapshot);
    int r = view_sync(&s->view, may_expunge, &arena, &update, err);
    if (r < 0)
        goto out;
    if (update.diff.expunged_count)
        write_expunges(s, &update.diff);
    if (update.exists_changed) {
        buf_printf(session_out(s), "* %u EXISTS\r\n", s->view.snapshot->exists);
        if (!s->rev2)
            buf_printf(session_out(s), "* %u RECENT\r\n", view_recent_count(&s->view));
    }
    if (update.diff.keywords_changed)
        update_write_flags(s);
    r = write_changes(s, before, &update.diff, own, err);
    if (r == 0 && update.mailbox_deleted)
        session_bye(s, NULL, "The selected mailbox has been deleted");
out:
    snapshot_unref(&before);
    arena_deinit(&arena);
    return r;
}
