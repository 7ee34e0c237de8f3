/* cmd_fetch.c: FETCH and UID FETCH.     RFC 9051, 6.4.5; RFC 7162, 3.1.4 (CHANGEDSINCE) and 3.2.6 (VANISHED); RFC 9394, 3.3 (PARTIAL)
 * Messages are taken in batches: the records of a batch come from one range read, the answers of a batch go
 * out before the next is read. A client that does not read stops us between two pieces of one literal at the
 * latest. */
#include "imap/cmd/command.h"
#include "imap/cmd/fetch.h"
#include "imap/cmd/limit.h"
#include "imap/cmd/saved.h"
#include "imap/door.h"
#include "imap/update.h"
#include "mail/records.h"

#include <stdlib.h>

enum {
    BATCH_MESSAGES = 512,           /* to begin a range read costs as much as some dozen records */
    BATCH_BODY_BYTES = 1024 * 1024, /* of messages that one batch marks \Seen before they are sent */
};

struct fetch_cursor {
    const struct fetch_args *args;
    struct fetch_att *atts; /* what is written, in order */
    size_t att_count;
    bool implies_uid; /* the first of them was not asked for */
    bool needs_meta, needs_header;
    struct seqset seqs; /* asked for and there ... */
    size_t total;       /* ... and how many */
    struct seqset_iter at;
    bool at_end;
    const struct snapshot *snapshot; /* that `span` was read from; only compared */
    struct chunk_span span;          /* where the last row was */

    /* The batch. */
    struct arena batch_arena;
    struct record_batch meta, header;
    struct fetch_message *messages; /* room for batch_max */
    size_t batch_max;
    size_t count, next;
    enum { BATCH_CHOOSE, BATCH_COMMIT_SEEN, BATCH_TELL_SEEN, BATCH_LOAD, BATCH_WRITE } step;
    struct seqset unseen;   /* its UIDs that `seen` is to change */
    struct change seen;     /* marks the batch \Seen */
    struct seqset seen_now; /* UIDs that it changed */

    /* The message that is being written. */
    struct meta_view view;
    size_t att;
    bool is_open; /* "* n FETCH (" is out */
    struct fetch_literal literal;
    struct fetch_source source;
    size_t start_n; /* where its line began, while it can still be taken back */
    bool can_take_back;

    int failed; /* first error of a single message: told at the end */
    struct err err;
};

void fetch_end(struct fetch_cursor *c)
{
    store_blob_close(&c->source.open);
    buf_deinit(&c->literal.decoded);
    record_batch_deinit(&c->meta);
    record_batch_deinit(&c->header);
    arena_deinit(&c->batch_arena);
}

static void cursor_drop(struct session *s)
{
    fetch_end(s->cursor);
}

/* ---- what to write ---- */

static bool has_item(const struct fetch_args *a, enum fetch_item item)
{
    return a->items & item;
}

static void add_att(struct fetch_cursor *c, enum fetch_item item)
{
    c->atts[c->att_count++] = (struct fetch_att){ .item = item };
}

static void choose_atts(struct fetch_cursor *c, struct arena *arena)
{
    const struct fetch_args *a = c->args;
    c->atts = arena_new_array(arena, struct fetch_att, a->att_count + 2);
    c->implies_uid = a->uid && !has_item(a, FETCH_UID); /* RFC 9051, 6.4.9: always told */
    if (c->implies_uid)
        add_att(c, FETCH_UID);
    for (size_t i = 0; i < a->att_count; i++) {
        c->atts[c->att_count++] = a->atts[i];
        c->needs_header = c->needs_header || fetch_needs_header(&a->atts[i]);
        c->needs_meta = c->needs_meta || fetch_needs_meta(&a->atts[i]);
    }
    if (a->has_changed_since && !has_item(a, FETCH_MODSEQ)) /* RFC 7162, 3.1.4.1 */
        add_att(c, FETCH_MODSEQ);
    for (size_t i = 0; i < c->att_count; i++)
        fetch_att_make_name(&c->atts[i], arena);
}

static int respond_vanished(struct session *s, const struct fetch_args *a, struct err *err)
{
    struct seqset known, vanished;
    bool complete;
    if (!s->qresync)
        return err_set(err, ERR_STATE, "VANISHED needs ENABLE QRESYNC"); /* RFC 7162, 3.2.6 */
    message_set_resolve(s, &a->set, s->view.snapshot->uidnext - 1, &known);
    int r = mailbox_vanished_since(s->view.mailbox, s->view.snapshot, a->changed_since, &known, &s->arena,
                                   &vanished, &complete, err);
    if (r < 0 || seqset_is_empty(&vanished))
        return r;
    buf_add_lit(session_out(s), "* VANISHED (EARLIER) ");
    seqset_write(&vanished, session_out(s));
    buf_add_lit(session_out(s), "\r\n");
    return 0;
}

struct fetch_cursor *fetch_begin(const struct fetch_args *args, const struct seqset *seqs,
                                 struct arena *arena)
{
    struct fetch_cursor *c = arena_new(arena, struct fetch_cursor);
    c->args = args;
    c->seqs = *seqs;
    c->total = (size_t)seqset_count(seqs);
    c->batch_max = c->total == 0 ? 1 : c->total < BATCH_MESSAGES ? c->total : BATCH_MESSAGES;
    c->messages = arena_new_array(arena, struct fetch_message, c->batch_max);
    c->at = seqset_each(&c->seqs);
    choose_atts(c, arena);
    return c;
}

/* RFC 9394, 3.3: of the messages that are there, before CHANGEDSINCE chooses among them. */
static void keep_page(struct session *s, const struct partial_range *range, struct seqset *seqs)
{
    const struct seqset all = *seqs;
    size_t from, count;
    partial_range_window(range, (size_t)seqset_count(&all), &from, &count);
    seqset_slice(&all, from, count, &s->arena, seqs);
}

static int begin(struct session *s, const struct fetch_args *a, struct err *err)
{
    struct seqset seqs;
    int r = a->partial.first ? limit_page(s, &a->partial, err) : 0;
    if (r < 0)
        return r;
    if (a->has_changed_since || has_item(a, FETCH_MODSEQ))
        session_enable_condstore(s);
    if (a->vanished && (r = respond_vanished(s, a, err)) < 0)
        return r;
    r = message_set_seqs(s, &a->set, a->uid, &seqs, err);
    if (r < 0)
        return r;
    if (a->partial.first)
        keep_page(s, &a->partial, &seqs);
    else if ((r = limit_seqs(s, &seqs, err)) < 0)
        return r;
    struct fetch_cursor *c = fetch_begin(a, &seqs, &s->arena);
    if (limit_was_met(s)) /* RFC 9738, 3.1: from the highest to the lowest */
        c->at = seqset_each_back(&c->seqs);
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    return 0;
}

/* ---- a batch ---- */

/* Next sequence number in c->seqs; 0 at the end. */
static uint32_t next_seq(struct fetch_cursor *c)
{
    uint32_t seq;
    c->at_end = !seqset_next(&c->at, &seq);
    return c->at_end ? 0 : seq;
}

/* The row of message `seq`: chunk after chunk, without a search for each. */
static int read_row(const struct session *s, struct fetch_cursor *c, uint32_t seq, struct message *row_out,
                    struct err *err)
{
    const struct chunk_span *span = &c->span;
    if (c->snapshot != s->view.snapshot || seq < span->seq ||
        seq - span->seq >= span->columns->count - span->first) {
        struct snapshot_cursor at = snapshot_cursor_at(s->view.snapshot, seq);
        c->snapshot = NULL;
        int r = snapshot_cursor_next(&at, &c->span, err);
        if (r <= 0)
            return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no message %u", seq);
        c->snapshot = s->view.snapshot;
    }
    chunk_row(span->columns, span->first + (seq - span->seq), row_out);
    return 0;
}

static bool marks_seen(const struct session *s, const struct fetch_cursor *c)
{
    return c->args->sets_seen && !s->view.read_only;
}

/* The records of one slot for the whole batch. Where one of them is damaged, those behind it are read when they are written,
 * each alone: only its own message is left out then. */
static void load_records(struct session *s, struct fetch_cursor *c, enum blob_slot slot,
                         struct record_batch *records)
{
    struct err err;
    const struct record_source from = record_source_of(s->selected_account, slot, c->total);
    record_batch_clear(records);
    for (size_t i = 0; i < c->count; i++)
        record_batch_want(records, c->messages[i].row.blob);
    int r = record_batch_read(records, &from, &err);
    if (r < 0)
        log_debug(&s->log, "records-not-read", KV("text", (const char *)err.text));
    for (size_t i = 0; i < c->count; i++) {
        struct str record = record_batch_get(records, (uint32_t)i);
        if (slot == BLOB_META)
            c->messages[i].meta = record;
        else
            c->messages[i].header = record;
    }
}

/* Mark what this batch is about to send. RFC 9051, 6.4.5: \Seen is set, and told in the same answer. */
static void mark_seen(struct session *s, struct fetch_cursor *c)
{
    seqset_init(&c->unseen, &c->batch_arena);
    for (size_t i = 0; i < c->count; i++)
        if (!(c->messages[i].row.flags & FLAG_SEEN))
            seqset_add(&c->unseen, c->messages[i].row.uid);
    if (seqset_is_empty(&c->unseen) || !(s->rights & RIGHT_SEEN)) /* RFC 4314, 4 (FETCH) */
        return;
    c->seen = (struct change){ .kind = CHANGE_STORE, .arena = &c->batch_arena };
    c->seen.store.mailbox_id = mailbox_id(s->view.mailbox);
    c->seen.store.uids = &c->unseen;
    c->seen.store.mode = STORE_ADD;
    c->seen.store.flags = FLAG_SEEN;
    c->seen.store.reader = s->view.reader;
    c->step = BATCH_COMMIT_SEEN;
}

static int commit_seen(struct session *s, struct fetch_cursor *c)
{
    struct err err;
    int r = session_commit(s, s->selected_account, &c->seen, &err);
    if (r == -ERR_AGAIN)
        return r;
    c->step = r == 0 ? BATCH_TELL_SEEN : BATCH_LOAD;
    if (r == 0)
        c->seen_now = c->seen.uids;
    else /* a full disk must not stop reading */
        log_warn(&s->log, "seen-not-set", KV("text", (const char *)err.text));
    return 0;
}

/* What else is new comes first: the answers of this batch show the messages as they are now. */
static int tell_seen(struct session *s, struct fetch_cursor *c)
{
    struct err err;
    const struct update_own own = { &c->seen.uids, c->seen.modseq, NULL, &c->seen.uids };
    int r = update_send(s, false, &own, &err);
    if (r == -ERR_AGAIN)
        return r;
    c->snapshot = NULL; /* the view may have a new one */
    if (s->state != STATE_SELECTED)
        return 0;
    for (size_t i = 0; r == 0 && i < c->count; i++) /* numbers stand: no EXPUNGE was told */
        r = read_row(s, c, c->messages[i].seq, &c->messages[i].row, &err);
    c->step = BATCH_LOAD;
    return 0;
}

static int choose(struct session *s, struct fetch_cursor *c, struct err *err)
{
    uint64_t bytes = 0;
    uint32_t seq;
    arena_reset(&c->batch_arena);
    c->count = c->next = 0;
    c->seen_now = (struct seqset){ 0 };
    while (c->count < c->batch_max && bytes < BATCH_BODY_BYTES && (seq = next_seq(c)) != 0) {
        struct fetch_message *m = &c->messages[c->count];
        m->arena = &c->batch_arena;
        m->seq = seq;
        m->view = &c->view;
        m->source = &c->source;
        m->has_view = false;
        m->meta = m->header = STR_NIL;
        int r = read_row(s, c, seq, &m->row, err);
        if (r < 0)
            return r;
        if (c->args->has_changed_since && m->row.modseq <= c->args->changed_since)
            continue;
        c->count++;
        if (marks_seen(s, c))
            bytes += m->row.size_bytes;
    }
    c->step = BATCH_LOAD;
    if (marks_seen(s, c) && c->count)
        mark_seen(s, c);
    return 0;
}

/* 0 when a batch (of none, at the end) is ready to be written. */
static int next_batch(struct session *s, struct fetch_cursor *c, struct err *err)
{
    int r = 0;
    if (c->step == BATCH_CHOOSE)
        r = choose(s, c, err);
    if (r == 0 && c->step == BATCH_COMMIT_SEEN)
        r = commit_seen(s, c);
    if (r == 0 && c->step == BATCH_TELL_SEEN)
        r = tell_seen(s, c);
    if (r < 0 || c->step != BATCH_LOAD)
        return r;
    if (c->needs_meta)
        load_records(s, c, BLOB_META, &c->meta);
    if (c->needs_header)
        load_records(s, c, BLOB_HEADER, &c->header);
    c->step = BATCH_WRITE;
    return 0;
}

/* ---- one message ---- */

/* A message that cannot be read is left out, whole, and the tagged reply says so; others still come. */
static void leave_out(struct session *s, struct fetch_cursor *c, int r, const struct err *err)
{
    session_out(s)->n = c->start_n;
    if (r == -ERR_NOT_FOUND) /* it was expunged meanwhile: RFC 5530, EXPUNGEISSUED */
        r = -ERR_EXPUNGED;
    if (c->failed == 0) {
        c->failed = r;
        c->err = *err;
        c->err.kind = (enum err_kind)(-r);
    }
}

static int write_piece(struct session *s, struct fetch_cursor *c, struct err *err)
{
    c->can_take_back = false;
    int r = fetch_write_piece(s, &c->literal, err);
    if (r < 0) { /* bytes were promised that cannot be had: the stream is of no use any more */
        log_error(&s->log, "fetch-broken-off", KV("text", (const char *)err->text));
        s->state = STATE_LOGOUT;
        conn_close_now(s->conn);
    }
    return r;
}

/* This FETCH has set \Seen: that is told with it, like any other change of flags.
 * RFC 9051, 6.4.5; RFC 7162, 3.1 (MODSEQ) and 3.2.4 (UID) */
static void write_seen(struct session *s, struct fetch_cursor *c, struct fetch_message *m)
{
    const struct {
        enum fetch_item item;
        bool wanted;
    } items[] = {
        { FETCH_UID, s->qresync && !c->args->uid },
        { FETCH_FLAGS, true },
        { FETCH_MODSEQ, s->condstore && !c->args->has_changed_since },
    };
    for (size_t i = 0; i < ARRAY_COUNT(items); i++) {
        const struct fetch_att att = { .item = items[i].item };
        struct err err;
        if (!items[i].wanted || has_item(c->args, att.item))
            continue;
        buf_add_char(session_out(s), ' ');
        int r = fetch_write_item(s, m, &att, &c->literal, &err);
        (void)r; /* these come from the row and cannot fail */
    }
}

static void end_message(struct fetch_cursor *c)
{
    c->is_open = false;
    store_blob_close(&c->source.open);
}

/* 0 done, -ERR_AGAIN to be continued, or another error: the session is at its end. */
static int write_message(struct session *s, struct fetch_cursor *c, struct fetch_message *m, struct err *err)
{
    struct buf *out = session_out(s);
    size_t first = c->implies_uid && s->uidonly; /* UIDFETCH begins with the UID: RFC 9586, 3.3 */
    if (!c->is_open) {
        c->start_n = out->n;
        c->can_take_back = true;
        update_begin_fetch(s, m->seq, m->row.uid);
        c->is_open = true;
        c->att = first;
        c->source.blob = m->row.blob;
    }
    for (;;) {
        while (c->literal.open) {
            int r = write_piece(s, c, err);
            if (r < 0)
                return r;
            if (session_must_wait(s))
                return -ERR_AGAIN;
        }
        if (c->att == c->att_count)
            break;
        if (c->att > first)
            buf_add_char(out, ' ');
        int r = fetch_write_item(s, m, &c->atts[c->att++], &c->literal, err);
        if (r < 0 && c->can_take_back) {
            leave_out(s, c, r, err);
            end_message(c);
            return 0;
        }
        /* Too late to take it back: say nothing of this item but NIL,
         * which every item but the numbers may be. */
        if (r < 0) {
            fetch_att_write_name(&c->atts[c->att - 1], out);
            buf_add_lit(out, " NIL");
            if (c->failed == 0) {
                c->failed = r;
                c->err = *err;
            }
        }
    }
    if (seqset_contains(&c->seen_now, m->row.uid))
        write_seen(s, c, m);
    buf_add_lit(out, ")\r\n");
    end_message(c);
    return 0;
}

int fetch_continue(struct session *s, struct fetch_cursor *c, struct err *err)
{
    for (;;) {
        int r = c->step == BATCH_WRITE ? 0 : next_batch(s, c, err);
        if (r < 0 || s->state != STATE_SELECTED)
            return r;
        for (; c->next < c->count; c->next++) {
            if (!c->is_open && session_must_wait(s))
                return -ERR_AGAIN;
            r = write_message(s, c, &c->messages[c->next], err);
            s->half_said = r == -ERR_AGAIN;
            if (r < 0)
                return r;
        }
        if (c->count == 0 && c->at_end)
            break;
        c->step = BATCH_CHOOSE;
    }
    if (c->failed < 0)
        *err = c->err;
    return c->failed;
}

int fetch_run(struct session *s, const void *args, struct err *err)
{
    int r = s->cursor ? 0 : begin(s, args, err);
    return r < 0 ? r : fetch_continue(s, s->cursor, err);
}
