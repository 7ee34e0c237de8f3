#include "mail/annotation.h"

#include "mail/account_private.h"

#include <stdlib.h>

/* ---- reading ---- */

struct reading {
    struct str entry;
    size_t name_at; /* in a key */
    unsigned depth;
    annotation_fn *fn;
    void *ctx;
};

bool annotation_is_within(struct str name, struct str entry, unsigned depth)
{
    struct str below = str_skip(name, entry.n);
    unsigned levels = 0;
    for (size_t i = 0; i < below.n; i++)
        levels += below.p[i] == '/';
    return str_starts(name, entry) && (below.n == 0 || below.p[0] == '/') && levels <= depth;
}

static int take_value(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct reading *reading = ctx;
    struct str name = str_skip(key, reading->name_at);

    /* "/a-b" stands between "/a" and "/a/b" */
    return annotation_is_within(name, reading->entry, reading->depth)
               ? reading->fn(reading->ctx, name, value, err)
               : 0;
}

int account_annotations(struct account *account, uint64_t mailbox_id, uint64_t user, struct str entry,
                        unsigned depth, annotation_fn *fn, void *ctx, struct err *err)
{
    struct store *store = account->mail->options.store;
    struct buf from = BUF_INIT, to = BUF_INIT;
    struct reading reading = { .entry = entry, .depth = depth, .fn = fn, .ctx = ctx };
    int r;

    reading.name_at = key_annotation(mailbox_id, user, STR(""), &from).n;
    key_annotation(mailbox_id, user, entry, &from);
    if (depth == 0) {
        r = store_get(store, account->id, buf_str(&from), &to, err);
        r = r == 0 ? fn(ctx, entry, buf_str(&to), err) : r == -ERR_NOT_FOUND ? 0 : r;
    } else {
        key_annotation(mailbox_id, user, entry, &to);
        buf_add_char(&to, entry.n ? '0' : '\xff'); /* '0' follows '/'; names are ASCII */
        r = store_scan(store, account->id, buf_str(&from), buf_str(&to), NULL, take_value, &reading, err);
    }
    buf_deinit(&from);
    buf_deinit(&to);
    return r < 0 ? r : 0;
}

/* ---- what changed of late; under the account's mutex ---- */

static void forget_first(struct annotation_history *h, size_t count)
{
    if (count == 0)
        return; /* also before there is any room */
    for (size_t i = 0; i < count; i++) {
        h->forgotten = h->items[i].modseq;
        free((void *)(uintptr_t)h->items[i].entry.p);
    }
    h->count -= count;
    memmove(h->items, h->items + count, h->count * sizeof *h->items);
}

void annotation_history_add(struct annotation_history *h, const struct annotation_change *change)
{
    for (size_t i = 0; i < h->count; i++) {
        struct annotation_change known = h->items[i];
        if (known.mailbox_id != change->mailbox_id || known.user != change->user ||
            !str_eq(known.entry, change->entry))
            continue;
        known.modseq = change->modseq;
        memmove(&h->items[i], &h->items[i + 1], (h->count - i - 1) * sizeof known);
        h->items[h->count - 1] = known;
        return;
    }
    if (h->count == ANNOTATION_CHANGES_KEPT)
        forget_first(h, ANNOTATION_CHANGES_KEPT / 2);
    if (h->count == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 16;
        h->items = reallocarray(h->items, h->cap, sizeof *h->items);
    }
    char *entry = malloc(change->entry.n + 1);
    if (!h->items || !entry)
        abort();
    memcpy(entry, change->entry.p, change->entry.n);
    h->items[h->count] = *change;
    h->items[h->count++].entry = str_make(entry, change->entry.n);
}

void annotation_history_forget(struct annotation_history *h, uint64_t modseq)
{
    forget_first(h, h->count);
    h->forgotten = modseq;
    free(h->items);
    h->items = NULL;
    h->cap = 0;
}

uint64_t account_annotation_modseq(struct account *account)
{
    pthread_mutex_lock(&account->mutex);
    uint64_t modseq = account->record.annotation_modseq;
    pthread_mutex_unlock(&account->mutex);
    return modseq;
}

bool account_annotation_changes(struct account *account, uint64_t since, struct arena *arena,
                                struct annotation_change **changes_out, size_t *count_out)
{
    const struct annotation_history *h = &account->annotations;
    size_t first = 0;

    pthread_mutex_lock(&account->mutex);
    while (first < h->count && h->items[first].modseq <= since)
        first++;
    *count_out = h->count - first;
    *changes_out = arena_new_array(arena, struct annotation_change, *count_out);
    for (size_t i = 0; i < *count_out; i++) {
        (*changes_out)[i] = h->items[first + i];
        (*changes_out)[i].entry = arena_dup(arena, h->items[first + i].entry);
    }
    bool complete = since >= h->forgotten;
    pthread_mutex_unlock(&account->mutex);
    return complete;
}
