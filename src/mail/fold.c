/* The fold: dirty chunks and mailbox records are written and the log before them is dropped, in one commit.
 * Where more is dirty than a commit can hold, chunks are written ahead in commits of their own; should the
 * last one never come, they are never looked at. */
#include "mail/account_private.h"
#include "mail/delta.h"

#include <assert.h>
#include <stdlib.h>

/* ---- encoding ahead, beside the commits ---- */

struct fold_body {
    struct chunk *chunk; /* own reference */
    struct buf bytes;
};

struct fold_bodies {
    struct fold_body *items;
    size_t count, cap;
    struct mailbox **mailboxes; /* own references, to keep the sources of the chunks */
    size_t mailbox_count;
};

static int encode_chunk(struct chunk *chunk, struct buf *out, struct err *err)
{
    const struct chunk_columns *columns;
    int r = chunk_columns(chunk, &columns, err);
    if (r == 0)
        chunk_encode(columns, out);
    return r;
}

static int encode_body(void *ctx, struct chunk *chunk, struct err *err)
{
    struct fold_bodies *bodies = ctx;

    if (bodies->count == bodies->cap) {
        bodies->cap = bodies->cap ? bodies->cap * 2 : 64;
        bodies->items = reallocarray(bodies->items, bodies->cap, sizeof *bodies->items);
        if (!bodies->items)
            abort();
    }
    struct fold_body *body = &bodies->items[bodies->count++];
    *body = (struct fold_body){ .chunk = chunk_ref(chunk) };
    return encode_chunk(chunk, &body->bytes, err);
}

static int compare_body(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct fold_body *)a)->chunk,
              y = (uintptr_t)((const struct fold_body *)b)->chunk;
    return x < y ? -1 : x > y;
}

/* All mailboxes, kept in `bodies`, and their snapshots. */
static struct snapshot **all_snapshots(struct account *a, struct fold_bodies *bodies)
{
    struct str key;
    void *value;
    size_t count = 0;

    pthread_mutex_lock(&a->mutex);
    struct snapshot **snapshots = calloc(a->mailboxes.count + 1, sizeof(struct snapshot *));
    bodies->mailboxes = calloc(a->mailboxes.count + 1, sizeof(struct mailbox *));
    if (!snapshots || !bodies->mailboxes)
        abort();
    for (size_t i = 0; map_next(&a->mailboxes, &i, &key, &value);) {
        snapshots[count] = snapshot_ref(mailbox_peek(value));
        bodies->mailboxes[count++] = mailbox_ref(value);
    }
    pthread_mutex_unlock(&a->mutex);
    bodies->mailbox_count = count;
    return snapshots;
}

struct fold_bodies *fold_encode_ahead(struct account *a)
{
    struct fold_bodies *bodies = calloc(1, sizeof *bodies);

    if (!bodies)
        abort();
    struct snapshot **snapshots = all_snapshots(a, bodies);
    for (size_t i = 0; i < bodies->mailbox_count; i++) {
        struct err err; /* a chunk that cannot be encoded here is tried again by the fold, which tells */
        if (snapshot_each_dirty(snapshots[i], encode_body, bodies, &err) < 0) {
            struct fold_body *failed = &bodies->items[--bodies->count];
            chunk_unref(&failed->chunk);
            buf_deinit(&failed->bytes);
        }
        snapshot_unref(&snapshots[i]);
    }
    free(snapshots);
    if (bodies->count > 1)
        qsort(bodies->items, bodies->count, sizeof *bodies->items, compare_body);
    return bodies;
}

void fold_bodies_free(struct fold_bodies **bodies)
{
    if (!*bodies)
        return;
    for (size_t i = 0; i < (*bodies)->count; i++) {
        chunk_unref(&(*bodies)->items[i].chunk);
        buf_deinit(&(*bodies)->items[i].bytes);
    }
    for (size_t i = 0; i < (*bodies)->mailbox_count; i++)
        mailbox_unref(&(*bodies)->mailboxes[i]);
    free((*bodies)->mailboxes);
    free((*bodies)->items);
    free(*bodies);
    *bodies = NULL;
}

static const struct fold_body *find_body(const struct fold_bodies *bodies, struct chunk *chunk)
{
    struct fold_body wanted = { .chunk = chunk };
    if (!bodies || bodies->count == 0)
        return NULL;
    return bsearch(&wanted, bodies->items, bodies->count, sizeof *bodies->items, compare_body);
}

/* ---- the fold ---- */

struct written_chunk {
    struct chunk *chunk; /* borrows the mailbox's snapshot */
    struct mailbox *mailbox;
};

struct folded_mailbox {
    struct mailbox *mailbox;
    uint64_t *ids; /* of its chunks, ascending; heap */
    size_t count;
    uint32_t vanished_ranges;
    struct readers *readers; /* own reference: without what they have seen of expunged messages; NULL: none */
};

struct fold {
    struct account *account;
    const struct fold_bodies *bodies;
    struct batch batch;
    struct buf key, value;
    struct mailbox *mailbox;       /* being written */
    struct written_chunk *written; /* in the batch */
    size_t written_count, written_cap;
    struct folded_mailbox *mailboxes;
    size_t mailbox_count;
    uint64_t next_chunk_id;
};

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* An id belongs to a chunk once it is committed: until then another machine may give it to one of its own. */
static void take_back_ids(struct fold *f)
{
    for (size_t i = 0; i < f->written_count; i++)
        f->written[i].chunk->summary.id = 0;
    f->written_count = 0;
}

static int commit(struct fold *f, struct account_record *record, struct err *err)
{
    struct account *a = f->account;

    record->next_chunk_id = f->next_chunk_id;
    buf_clear(&f->value);
    account_record_encode(record, &f->value);
    batch_put(&f->batch, key_letter(KEY_ACCOUNT, &f->key), buf_str(&f->value));
    atomic_store(&a->committing_version, record->version);
    int r = store_commit(a->mail->options.store, a->id, a->record.version, record->version, &f->batch, err);
    if (r == 0) {
        pthread_mutex_lock(&a->mutex);
        a->record = *record;
        atomic_store(&a->version, record->version);
        pthread_mutex_unlock(&a->mutex);
        for (size_t i = 0; i < f->written_count; i++)
            chunk_mark_stored(f->written[i].chunk);
    }
    atomic_store(&a->committing_version, 0);
    if (r == -ERR_IO)
        a->reread = a->reread_all = true; /* the ids may be in use */
    return r;
}

/* Commit the chunks so far, ahead of the record that will name them. */
static int write_ahead(struct fold *f, struct err *err)
{
    struct account *a = f->account;
    struct account_record record = a->record;
    struct delta d = { .kind = DELTA_CHUNK_IDS,
                       .modseq = record.version + 1,
                       .next_chunk_id = f->next_chunk_id };
    uint64_t modseq = record.version;

    buf_clear(&f->value);
    log_record_begin(record.version, &f->value);
    delta_encode(&d, &modseq, &f->value);
    record.version++;
    record.log_count++;
    record.log_bytes += f->value.n;
    batch_put(&f->batch, key_log(record.version, 0, &f->key), buf_str(&f->value));
    int r = commit(f, &record, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < f->written_count; i++) { /* so that the keys go when the chunks are replaced */
        struct mailbox *mailbox = f->written[i].mailbox;
        mailbox->stored_ids = reallocarray(mailbox->stored_ids, mailbox->stored_count + 1,
                                           sizeof *mailbox->stored_ids);
        if (!mailbox->stored_ids)
            abort();
        mailbox->stored_ids[mailbox->stored_count++] = f->written[i].chunk->summary.id;
    }
    f->written_count = 0;
    batch_clear(&f->batch);
    return 0;
}

static int write_chunk(void *ctx, struct chunk *chunk, struct err *err)
{
    struct fold *f = ctx;
    struct account *a = f->account;
    const struct fold_body *body = find_body(f->bodies, chunk);
    int r = 0;

    if (f->batch.ops.n > a->mail->fold_batch_bytes)
        r = write_ahead(f, err);
    buf_clear(&f->value);
    if (r == 0 && !body)
        r = encode_chunk(chunk, &f->value, err);
    if (r < 0)
        return r;
    chunk_give_id(chunk, f->next_chunk_id++);
    buf_clear(&f->key);
    chunk_key(f->mailbox->id, chunk->summary.id, &f->key);
    batch_put(&f->batch, buf_str(&f->key), body ? buf_str(&body->bytes) : buf_str(&f->value));
    if (f->written_count == f->written_cap) {
        f->written_cap = f->written_cap ? f->written_cap * 2 : 64;
        f->written = reallocarray(f->written, f->written_cap, sizeof *f->written);
        if (!f->written)
            abort();
    }
    f->written[f->written_count++] = (struct written_chunk){ chunk, f->mailbox };
    return 0;
}

static void list_ids(struct folded_mailbox *folded)
{
    const struct snapshot *s = mailbox_peek(folded->mailbox);
    size_t cap = 0;

    for (uint32_t i = 0; i < s->node_count; i++)
        for (uint32_t k = 0; k < s->nodes[i]->chunk_count; k++)
            list_add_u64(&folded->ids, &folded->count, &cap, s->nodes[i]->chunks[k]->summary.id);
    if (folded->count > 1)
        qsort(folded->ids, folded->count, sizeof *folded->ids, compare_u64);
}

static void delete_replaced(struct fold *f, const struct folded_mailbox *folded)
{
    struct mailbox *mailbox = folded->mailbox;

    for (size_t i = 0; i < mailbox->stored_count; i++) {
        uint64_t id = mailbox->stored_ids[i];
        if (folded->count && bsearch(&id, folded->ids, folded->count, sizeof id, compare_u64))
            continue;
        buf_clear(&f->key);
        chunk_key(mailbox->id, id, &f->key);
        batch_delete(&f->batch, buf_str(&f->key));
    }
}

static void write_acl(struct fold *f, const struct mailbox *mailbox)
{
    struct str key = key_number(KEY_ACL, mailbox->id, &f->key);
    if (!mailbox->acl) {
        batch_delete(&f->batch, key);
        return;
    }
    buf_clear(&f->value);
    acl_encode(mailbox->acl, &f->value);
    batch_put(&f->batch, key, buf_str(&f->value));
}

/* What readers have seen, where it changed since the fold before; of messages that are still there. */
static void write_readers(struct fold *f, struct folded_mailbox *folded)
{
    const struct mailbox *mailbox = folded->mailbox;
    folded->readers = readers_ref(mailbox->readers);
    for (uint32_t i = 0; mailbox->readers && i < mailbox->readers->count; i++) {
        struct seen *seen = mailbox->readers->items[i], *trimmed;
        struct err err;
        if (seen->modseq_max <= f->account->record.fold_version)
            continue;
        if (seen_trim(seen, mailbox_peek(mailbox), &trimmed, &err) <
            0) /* a damaged chunk: others will tell of it */
            trimmed = seen_ref(seen);
        if (trimmed != seen) {
            struct readers *readers = readers_put(folded->readers, trimmed);
            readers_unref(&folded->readers);
            folded->readers = readers;
        }
        buf_clear(&f->value);
        seen_encode(trimmed, &f->value);
        batch_put(&f->batch, key_numbers(KEY_SEEN, mailbox->id, seen->user, &f->key), buf_str(&f->value));
        seen_unref(&trimmed);
    }
}

static int write_mailbox(struct fold *f, struct folded_mailbox *folded, struct err *err)
{
    struct account *a = f->account;
    struct mailbox *mailbox = folded->mailbox;
    struct str name = mailbox_peek_name(mailbox);
    const struct tree_entry *entry = tree_find(a->tree, name);
    int r = 0;

    assert(entry && entry->mailbox == mailbox);
    list_ids(folded);
    delete_replaced(f, folded);
    folded->vanished_ranges = mailbox->vanished_ranges;
    if (mailbox->vanished_ranges > a->mail->options.vanished_ranges_max)
        r = vanished_cut(mailbox, &f->batch, &folded->vanished_ranges, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&a->mutex);
    uint32_t recent_uid = mailbox->recent_uid;
    pthread_mutex_unlock(&a->mutex);
    struct mailbox_record record = { .name = name,
                                     .uidvalidity = mailbox->uidvalidity,
                                     .use = entry->use,
                                     .subscribed = entry->subscribed,
                                     .recent_uid = recent_uid,
                                     .vanished_ranges = folded->vanished_ranges };
    buf_clear(&f->value);
    mailbox_record_encode(&record, &f->value);
    snapshot_encode(mailbox_peek(mailbox), &f->value);
    batch_put(&f->batch, key_number(KEY_MAILBOX, mailbox->id, &f->key), buf_str(&f->value));
    write_acl(f, mailbox);
    write_readers(f, folded);
    return 0;
}

static void delete_mailbox(struct fold *f, uint64_t id)
{
    struct buf to = BUF_INIT;
    batch_delete(&f->batch, key_number(KEY_MAILBOX, id, &f->key));
    batch_delete(&f->batch, key_number(KEY_ACL, id, &f->key));
    batch_delete_range(&f->batch, key_number(KEY_SEEN, id, &f->key), key_number(KEY_SEEN, id + 1, &to));
    batch_delete_range(&f->batch, key_number(KEY_CHUNK, id, &f->key), key_number(KEY_CHUNK, id + 1, &to));
    batch_delete_range(&f->batch, key_number(KEY_VANISHED, id, &f->key),
                       key_number(KEY_VANISHED, id + 1, &to));
    buf_deinit(&to);
}

static void write_subscriptions(struct fold *f)
{
    const struct tree *tree = f->account->tree;
    struct buf to = BUF_INIT;

    batch_delete_range(&f->batch, key_letter(KEY_SUBSCRIPTION, &f->key), key_letter(KEY_THREAD, &to));
    for (uint32_t i = 0; i < tree->count; i++)
        if (!tree->entries[i].mailbox)
            batch_put(&f->batch, key_subscription(tree->entries[i].name, &f->key), tree->entries[i].name);
    buf_deinit(&to);
}

static void write_references(struct fold *f)
{
    struct account *a = f->account;

    for (size_t i = 0; i < a->refs_changed_count; i++) {
        uintptr_t count = (uintptr_t)map_get(&a->refs, map_key_u64(&a->refs_changed[i]));
        struct str key = key_number(KEY_REFERENCES, a->refs_changed[i], &f->key);
        buf_clear(&f->value);
        buf_put_varint(&f->value, count);
        if (count > 1)
            batch_put(&f->batch, key, buf_str(&f->value));
        else
            batch_delete(&f->batch, key);
    }
}

static void write_quota(struct fold *f)
{
    const struct quota *quota = f->account->quota;
    struct buf to = BUF_INIT;

    batch_delete_range(&f->batch, key_letter(KEY_QUOTA, &f->key), key_letter(KEY_REFERENCES, &to));
    for (size_t i = 0; i < quota->count; i++) {
        buf_clear(&f->value);
        quota_root_encode(&quota->roots[i], &f->value);
        batch_put(&f->batch, key_number(KEY_QUOTA, quota->roots[i].mailbox_id, &f->key), buf_str(&f->value));
    }
    buf_deinit(&to);
}

/* Chunks first: should they be too many for one commit, only they go ahead. */
static int write_all(struct fold *f, struct err *err)
{
    struct account *a = f->account;
    struct str key;
    void *value;
    struct buf to = BUF_INIT;

    for (size_t i = 0; map_next(&a->mailboxes, &i, &key, &value);) {
        f->mailbox = value;
        if (!f->mailbox->changed)
            continue;
        f->mailboxes[f->mailbox_count++].mailbox = f->mailbox;
        int r = snapshot_each_dirty(mailbox_peek(f->mailbox), write_chunk, f, err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < f->mailbox_count; i++) {
        int r = write_mailbox(f, &f->mailboxes[i], err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < a->deleted_count; i++)
        delete_mailbox(f, a->deleted_ids[i]);
    if (a->subscriptions_changed)
        write_subscriptions(f);
    if (a->quota_changed)
        write_quota(f);
    write_references(f);
    batch_delete_range(&f->batch, key_letter(KEY_LOG, &f->key), key_letter(KEY_MAILBOX, &to));
    buf_deinit(&to);
    return 0;
}

/* The commit is through: what was dirty is clean. */
static void settle(struct fold *f)
{
    struct account *a = f->account;

    for (size_t i = 0; i < f->mailbox_count; i++) {
        struct folded_mailbox *folded = &f->mailboxes[i];
        struct mailbox *mailbox = folded->mailbox;
        free(mailbox->stored_ids);
        mailbox->stored_ids = folded->ids;
        mailbox->stored_count = folded->count;
        folded->ids = NULL;
        mailbox->vanished_ranges = folded->vanished_ranges;
        mailbox->changed = false;
        pthread_mutex_lock(&a->mutex);
        struct readers *before = mailbox->readers;
        mailbox->readers = folded->readers;
        folded->readers = before;
        pthread_mutex_unlock(&a->mutex);
    }
    a->refs_changed_count = 0;
    a->deleted_count = 0;
    a->subscriptions_changed = a->quota_changed = false;
}

static int run(struct fold *f, struct err *err)
{
    struct account *a = f->account;

    int r = write_all(f, err);
    if (r < 0)
        return r;
    struct account_record record = a->record;
    record.version++;
    record.fold_version = record.version;
    record.log_count = record.log_bytes = 0;
    r = commit(f, &record, err);
    if (r == 0)
        settle(f);
    return r;
}

int fold_commit(struct account *a, const struct fold_bodies *bodies, struct err *err)
{
    struct fold f = { .account = a, .bodies = bodies, .next_chunk_id = a->record.next_chunk_id };

    if (a->record.log_count == 0)
        return 0;
    f.mailboxes = calloc(a->mailboxes.count + 1, sizeof *f.mailboxes);
    if (!f.mailboxes)
        abort();
    int r = run(&f, err);
    if (r < 0)
        take_back_ids(&f);
    for (size_t i = 0; i < f.mailbox_count; i++) {
        free(f.mailboxes[i].ids);
        readers_unref(&f.mailboxes[i].readers);
    }
    free(f.mailboxes);
    free(f.written);
    batch_deinit(&f.batch);
    buf_deinit(&f.key);
    buf_deinit(&f.value);
    a->fold_at = a->record.log_count + a->mail->options.fold_log_records / (r < 0 ? 4 : 1) + 1;
    return r < 0 ? err_context(err, "fold") : 0;
}

bool fold_is_worth_it(const struct account *a)
{
    return a->record.log_count > a->mail->options.fold_log_records / 8 ||
           a->record.log_bytes > FOLD_LOG_BYTES / 64;
}
