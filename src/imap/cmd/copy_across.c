#include "imap/cmd/copy_across.h"

#include "mail/incoming.h"

struct across {
    struct session *s;
    const struct place *target;
    struct new_message *messages; /* in the session's arena */
    size_t count;
    uint8_t allowed; /* flags that may be set there */
    bool keywords_allowed;
};

static void take_flags(struct across *a, const struct message *row, struct new_message *m)
{
    const struct keyword_table *table = a->s->view.snapshot->keywords;
    m->flags = row->flags & a->allowed;
    m->internal_date_s = row->internal_date_s;
    m->internal_zone_min = row->internal_zone_min;
    if (!a->keywords_allowed)
        return;
    struct str *names = arena_new_array(&a->s->arena, struct str, table->count + 1);
    for (unsigned i = 0; i < table->count; i++)
        if (keyword_set_has(&row->keywords, i))
            names[m->keyword_count++] = arena_dup(&a->s->arena, table->names[i]);
    m->keywords = names;
}

/* The bytes of one message become a pending blob of the target's account. 1: they are gone. */
static int take_bytes(struct across *a, const struct message *row, struct new_message *m, struct err *err)
{
    struct session *s = a->s;
    struct buf bytes = BUF_INIT;
    struct incoming *in = incoming_new(account_mail(a->target->account), UINT64_MAX);
    int r = store_blob_read(mail_options(account_mail(s->selected_account))->store,
                            account_id(s->selected_account), (struct blob_id){ row->blob }, 0, UINT64_MAX,
                            &bytes, err);
    if (r == -ERR_NOT_FOUND)
        r = 1;
    if (r == 0)
        r = incoming_write(in, buf_str(&bytes), err);
    buf_deinit(&bytes);
    if (r == 0)
        r = incoming_prepare(in, a->target->account, STR_NIL, m, err);
    incoming_free(&in);
    return r;
}

static int take_messages(struct across *a, const struct seqset *uids, struct change *change, struct err *err)
{
    const struct snapshot *snapshot = a->s->view.snapshot;
    struct seqset_iter it = seqset_each(uids);
    uint32_t uid, seq;
    while (seqset_next(&it, &uid)) {
        struct message row;
        int r = snapshot_seq_of_uid(snapshot, uid, &seq, err);
        if (r == 0 && seq)
            r = snapshot_message(snapshot, seq, &row, err);
        if (r == 0)
            r = seq ? take_bytes(a, &row, &a->messages[a->count], err) : 1;
        if (r < 0)
            return r;
        if (r == 1) {
            seqset_add(&change->missing, uid);
            continue;
        }
        take_flags(a, &row, &a->messages[a->count++]);
        seqset_add(&change->source_uids, uid);
    }
    return 0;
}

/* No bytes are copied in vain. The commit looks again. */
static int check_quota(struct across *a, const struct seqset *uids, struct err *err)
{
    const struct snapshot *snapshot = a->s->view.snapshot;
    struct quota_amounts add = { 0 };
    struct seqset_iter it = seqset_each(uids);
    uint32_t uid, seq;
    while (seqset_next(&it, &uid)) {
        struct message row;
        int r = snapshot_seq_of_uid(snapshot, uid, &seq, err);
        if (r == 0 && seq)
            r = snapshot_message(snapshot, seq, &row, err);
        if (r < 0)
            return r;
        if (!seq)
            continue;
        add.of[QUOTA_STORAGE] += row.size_bytes;
        add.of[QUOTA_MESSAGE]++;
    }
    return account_quota_check(a->target->account, &add, err);
}

static int append(struct across *a, struct change *change, struct err *err)
{
    struct change append = { .kind = CHANGE_APPEND, .arena = &a->s->arena };
    append.append.mailbox = a->target->name;
    append.append.reader = door_reader(a->s, a->target->account);
    append.append.messages = a->messages;
    append.append.count = a->count;
    int r = account_commit(a->target->account, &append, 1, err);
    if (r < 0)
        return r;
    a->count = 0; /* they are the mailbox's now */
    change->soft_quota = append.soft_quota;
    change->mailbox_id = append.mailbox_id;
    change->uids = append.uids;
    change->uidvalidity = append.uidvalidity;
    return 0;
}

/* ---- the other half of a move ---- */

static void take_back(struct session *s, struct account *account, const struct change *append,
                      const struct seqset *uids)
{
    struct change undo = { .kind = CHANGE_EXPUNGE, .arena = &s->arena };
    struct err err;
    undo.expunge.mailbox_id = append->mailbox_id;
    undo.expunge.uids = uids;
    if (!seqset_is_empty(uids) && account_commit(account, &undo, 1, &err) < 0)
        log_warn(&s->log, "move-half-done", KV("account", account_id(account).n),
                 KV("text", (const char *)err.text));
}

/* Those that were not among `expunged`, somebody else has taken meanwhile. */
static void keep_own(struct session *s, const struct seqset *expunged, struct account *account,
                     struct change *append, struct seqset *sources)
{
    struct seqset kept, kept_sources, foreign;
    struct seqset_iter to = seqset_each(&append->uids), from = seqset_each(sources);
    uint32_t uid, source;
    seqset_init(&kept, &s->arena);
    seqset_init(&kept_sources, &s->arena);
    seqset_init(&foreign, &s->arena);
    while (seqset_next(&to, &uid) && seqset_next(&from, &source)) {
        bool ours = seqset_contains(expunged, source);
        seqset_add(ours ? &kept : &foreign, uid);
        if (ours)
            seqset_add(&kept_sources, source);
    }
    take_back(s, account, append, &foreign);
    append->uids = kept;
    *sources = kept_sources;
}

int across_expunge(struct session *s, uint64_t mailbox_id, struct seqset *sources, struct account *account,
                   struct change *append, struct err *err)
{
    struct change expunge = { .kind = CHANGE_EXPUNGE, .arena = &s->arena };
    expunge.expunge.mailbox_id = mailbox_id;
    expunge.expunge.uids = sources;
    int r = account_commit(s->selected_account, &expunge, 1, err);
    append->modseq = expunge.modseq;
    if (r == 0)
        keep_own(s, &expunge.uids, account, append, sources);
    else if (r != -ERR_IO) /* then they may be gone: two copies are better than none */
        take_back(s, account, append, &append->uids);
    return r;
}

/* ---- all of it ---- */

int copy_across(struct session *s, const struct place *target, const struct seqset *uids, bool move,
                struct change *change, struct err *err)
{
    struct across a = { .s = s,
                        .target = target,
                        .allowed = door_flags_allowed(target->rights),
                        .keywords_allowed = target->rights & RIGHT_WRITE };
    uint64_t count = seqset_count(uids);
    if (count > COPY_ACROSS_MAX)
        return err_set(err, ERR_LIMIT, "Not more than %d messages at once into another account",
                       COPY_ACROSS_MAX);
    a.messages = arena_new_array(&s->arena, struct new_message, count + 1);
    seqset_init(&change->uids, &s->arena);
    seqset_init(&change->source_uids, &s->arena);
    seqset_init(&change->missing, &s->arena);
    int r = check_quota(&a, uids, err);
    if (r == 0)
        r = take_messages(&a, uids, change, err);
    if (r == 0 && a.count > 0) {
        r = append(&a, change, err);
        if (r == 0 && move)
            r = across_expunge(s, mailbox_id(s->view.mailbox), &change->source_uids, target->account, change,
                               err);
    }
    for (size_t i = 0; i < a.count; i++)
        incoming_abandon(target->account, &a.messages[i]);
    return r;
}
