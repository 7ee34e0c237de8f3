/* Which messages of an account are no documents, and which documents are no messages any more. */
#include "mail/indexer_private.h"

#include <assert.h>
#include <stdlib.h>

enum { ALIVE_IDS = 1024 };

/* ---- documents ---- */

static void *list_of(size_t count, size_t size)
{
    void *list = calloc(count ? count : 1, size);
    if (!list)
        abort();
    return list;
}

void indexer_lookup_init(struct indexer_lookup *l, struct index_view *view)
{
    size_t count = index_view_count(view);
    *l = (struct indexer_lookup){ .view = view,
                                  .segments = list_of(count, sizeof(struct index_segment *)),
                                  .hints = list_of(count, sizeof(uint32_t)),
                                  .count = count };
}

void indexer_lookup_deinit(struct indexer_lookup *l)
{
    for (size_t i = 0; i < l->count; i++)
        index_segment_unref(&l->segments[i]);
    free(l->segments);
    free(l->hints);
    *l = (struct indexer_lookup){ .count = 0 };
}

static bool segment_has(const struct indexer_lookup *l, size_t at, struct blob_id blob)
{
    const struct index_segment *segment = l->segments[at];
    uint32_t document = index_segment_seek(segment, blob, l->hints[at]);

    l->hints[at] = document;
    return document < index_segment_documents(segment) && index_segment_blob(segment, document).n == blob.n;
}

int indexer_lookup_has(struct indexer_lookup *l, struct blob_id blob, size_t *damaged_at_out, struct err *err)
{
    for (size_t at = l->count; at-- > 0;) {
        const struct index_entry *entry = index_view_entry(l->view, at);
        if (blob.n < entry->first.n || blob.n > entry->last.n)
            continue;
        if (!l->segments[at]) {
            int r = index_view_segment(l->view, at, &l->segments[at], err);
            if (r < 0) {
                *damaged_at_out = at;
                return r;
            }
        }
        if (segment_has(l, at, blob))
            return 1;
    }
    return 0;
}

/* ---- messages ---- */

struct search {
    struct indexer_lookup *lookup;
    struct indexer_missing *missing;
    uint64_t version;
    size_t *damaged_at;
};

void indexer_missing_add(struct indexer_missing *m, uint64_t blob)
{
    if (m->count == INDEXER_MISSING_MAX) {
        m->too_many = true;
        return;
    }
    if (m->count == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->blobs = realloc(m->blobs, m->cap * sizeof *m->blobs);
        if (!m->blobs)
            abort();
    }
    m->blobs[m->count++] = blob;
}

/* Rows that came or changed after the version: a message that came has a greater modseq for good. */
static int look_at_chunk(struct search *s, struct chunk *chunk, struct err *err)
{
    const struct chunk_columns *columns;

    int r = chunk_columns(chunk, &columns, err);
    for (uint32_t i = 0; r == 0 && i < columns->count; i++) {
        if (columns->modseq[i] <= s->version)
            continue;
        s->missing->rows++;
        r = indexer_lookup_has(s->lookup, (struct blob_id){ columns->blob[i] }, s->damaged_at, err);
        if (r == 0)
            indexer_missing_add(s->missing, columns->blob[i]);
        if (r == 1)
            r = 0;
    }
    return r;
}

static int look_at_mailbox(struct search *s, struct mailbox *mailbox, struct err *err)
{
    struct snapshot *snapshot = mailbox_snapshot(mailbox);
    int r = 0;

    for (uint32_t n = 0; r == 0 && n < snapshot->node_count && !s->missing->too_many; n++) {
        const struct snapshot_node *node = snapshot->nodes[n];
        if (node->modseq_max <= s->version)
            continue;
        for (uint32_t c = 0; r == 0 && c < node->chunk_count && !s->missing->too_many; c++)
            if (node->chunks[c]->summary.modseq_max > s->version)
                r = look_at_chunk(s, node->chunks[c], err);
    }
    snapshot_unref(&snapshot);
    return r;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_unique(struct indexer_missing *m)
{
    size_t to = 0;

    if (m->count == 0)
        return;
    qsort(m->blobs, m->count, sizeof *m->blobs, compare_u64);
    for (size_t i = 1; i < m->count; i++)
        if (m->blobs[i] != m->blobs[to])
            m->blobs[++to] = m->blobs[i];
    m->count = to + 1;
}

int indexer_find_missing(struct indexer *indexer, struct account_id id, uint64_t version,
                         struct indexer_lookup *lookup, struct indexer_missing *missing_out,
                         size_t *damaged_at_out, struct err *err)
{
    struct search s = { lookup, missing_out, version, damaged_at_out };
    struct account_totals totals;
    struct account *account;

    *missing_out = (struct indexer_missing){ .count = 0 };
    int r = mail_account_open(indexer->mail, id, &account, err);
    if (r < 0)
        return r;
    account_totals(account, &totals); /* before the mailboxes: what comes meanwhile is looked at again */
    missing_out->version = totals.version;
    missing_out->messages = totals.message_count;
    struct tree *tree = account_tree(account);
    for (uint32_t i = 0; r == 0 && i < tree->count && !missing_out->too_many; i++)
        if (tree->entries[i].mailbox)
            r = look_at_mailbox(&s, tree->entries[i].mailbox, err);
    tree_unref(&tree);
    account_unref(&account);
    sort_unique(missing_out);
    if (r < 0)
        free(missing_out->blobs);
    return r;
}

/* ---- what is alive ---- */

void indexer_alive_init(struct indexer_alive *a, struct store *store, struct account_id account)
{
    *a = (struct indexer_alive){
        .store = store, .account = account, .from = 1, .ids = list_of(ALIVE_IDS, sizeof(uint64_t))
    };
}

void indexer_alive_deinit(struct indexer_alive *a)
{
    free(a->ids);
}

static int take_id(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct indexer_alive *a = ctx;
    (void)record;
    (void)err;
    a->ids[a->count++] = id.n;
    return a->count == ALIVE_IDS;
}

bool indexer_alive_has(struct indexer_alive *a, struct blob_id blob)
{
    if (blob.n < a->from || blob.n > a->to) {
        const struct blob_range range = {
            .slot = BLOB_META, .first = blob, .last = { UINT64_MAX }, .in_passing = true
        };
        a->count = a->at = 0;
        a->from = blob.n;
        if (store_blob_scan(a->store, a->account, &range, take_id, a, NULL) < 0) {
            a->from = 1;
            a->to = 0;
            return true;
        }
        a->to = a->count < ALIVE_IDS ? UINT64_MAX : a->ids[a->count - 1];
    }
    if (a->at < a->count && a->ids[a->at] > blob.n)
        a->at = 0;
    while (a->at < a->count && a->ids[a->at] < blob.n)
        a->at++;
    return a->at < a->count && a->ids[a->at] == blob.n;
}
