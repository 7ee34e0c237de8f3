#include "index/index_private.h"

#include <stdlib.h>

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- segments and views ---- */

struct listed *listed_new(const struct index_entry *entry)
{
    struct listed *listed = checked(calloc(1, sizeof *listed));
    ref_init(&listed->ref);
    listed->entry = *entry;
    return listed;
}

void listed_unref(struct listed **listed)
{
    if (*listed && ref_put(&(*listed)->ref))
        free(*listed);
    *listed = NULL;
}

static void put_view(struct index_view *view)
{
    if (!ref_put(&view->ref))
        return;
    for (size_t i = 0; i < view->count; i++)
        listed_unref(&view->segments[i]);
    buf_deinit(&view->mark);
    free(view);
}

void index_show(struct index *index, struct listed **segments, size_t count, struct str mark,
                uint64_t version)
{
    struct index_view *before, *view = checked(calloc(1, sizeof *view + count * sizeof view->segments[0]));
    ref_init(&view->ref);
    view->index = index;
    view->version = version;
    view->count = count;
    buf_add(&view->mark, mark);
    for (size_t i = 0; i < count; i++)
        view->segments[i] = segments[i];
    pthread_mutex_lock(&index->lock);
    before = index->view;
    index->view = view;
    pthread_mutex_unlock(&index->lock);
    if (before)
        put_view(before);
}

/* ---- the list in the store ---- */

struct load {
    struct index_record record;
    struct buf bytes;
    bool found;
};

static int take_record(void *ctx, struct str key, struct str value, struct err *err)
{
    struct load *load = ctx;
    (void)key;
    buf_add(&load->bytes, value);
    load->found = true;
    return index_record_decode(buf_str(&load->bytes), &load->record, err);
}

static void forget_dead(struct index *index)
{
    for (size_t i = 0; i < index->dead_count; i++)
        listed_unref(&index->dead[i]);
    free(index->dead);
    index->dead = NULL;
    index->dead_count = 0;
}

/* Segments that views have already stay the same ones: so it is known who reads them. */
static struct listed *list_again(const struct index *index, const struct index_entry *entry)
{
    for (size_t i = 0; index->view && i < index->view->count; i++)
        if (index->view->segments[i]->entry.blob.n == entry->blob.n) {
            ref_get(&index->view->segments[i]->ref);
            return index->view->segments[i];
        }
    return listed_new(entry);
}

static struct listed *bury_again(const struct index *index, struct blob_id blob)
{
    for (size_t i = 0; i < index->dead_count; i++)
        if (index->dead[i]->entry.blob.n == blob.n) {
            ref_get(&index->dead[i]->ref);
            return index->dead[i];
        }
    return list_again(index, &(struct index_entry){ .blob = blob });
}

int index_reload(struct index *index, struct err *err)
{
    struct load load = { .bytes = BUF_INIT };
    uint64_t version = 0;
    int r = store_scan(index->shelf->store, index->account, INDEX_RECORD_KEY, STR("index\x01"), &version,
                       take_record, &load, err);
    if (r == 0) {
        const struct index_record *record = &load.record;
        struct listed **segments = checked(calloc(record->entry_count + 1, sizeof(struct listed *)));
        struct listed **dead = checked(calloc(record->dead_count + 1, sizeof(struct listed *)));
        for (size_t i = 0; i < record->entry_count; i++)
            segments[i] = list_again(index, &record->entries[i]);
        for (size_t i = 0; i < record->dead_count; i++)
            dead[i] = bury_again(index, record->dead[i]);
        forget_dead(index);
        index->dead = dead;
        index->dead_count = record->dead_count;
        index_show(index, segments, record->entry_count, load.found ? record->mark : STR(""), version);
        free(segments);
    }
    index_record_deinit(&load.record);
    buf_deinit(&load.bytes);
    return r;
}

/* ---- life ---- */

static void free_index(struct index *index)
{
    if (index->view)
        put_view(index->view);
    forget_dead(index);
    pthread_mutex_destroy(&index->lock);
    pthread_mutex_destroy(&index->change);
    free(index);
}

static struct index *find_index(struct index_shelf *shelf, struct account_id account)
{
    struct index *index = map_get(&shelf->indexes, map_key_u64(&account.n));
    if (index)
        index->users++;
    return index;
}

int index_open(struct index_shelf *shelf, struct account_id account, struct index **index_out,
               struct err *err)
{
    int r = 0;
    account = index_account(account);
    pthread_mutex_lock(&shelf->lock);
    struct index *index = find_index(shelf, account), *other = NULL;
    pthread_mutex_unlock(&shelf->lock);
    if (!index) {
        index = checked(calloc(1, sizeof *index));
        index->shelf = shelf;
        index->account = account;
        index->users = 1;
        if (pthread_mutex_init(&index->change, NULL) != 0 || pthread_mutex_init(&index->lock, NULL) != 0)
            abort();
        r = index_reload(index, err);
        pthread_mutex_lock(&shelf->lock);
        other = find_index(shelf, account);
        if (r == 0 && !other)
            map_put(&shelf->indexes, map_key_u64(&account.n), index);
        pthread_mutex_unlock(&shelf->lock);
        if (r < 0 || other)
            free_index(index);
        if (other) { /* another thread was faster */
            index = other;
            r = 0;
        }
    }
    if (r == 0)
        *index_out = index;
    return r;
}

static void put_index(struct index *index)
{
    struct index_shelf *shelf = index->shelf;
    pthread_mutex_lock(&shelf->lock);
    bool is_last = --index->users == 0;
    if (is_last)
        map_remove(&shelf->indexes, map_key_u64(&index->account.n));
    pthread_mutex_unlock(&shelf->lock);
    if (is_last)
        free_index(index);
}

void index_close(struct index **index)
{
    if (*index)
        put_index(*index);
    *index = NULL;
}

/* ---- looking: who has a view is a user of the index, too ---- */

static void add_user(struct index *index)
{
    pthread_mutex_lock(&index->shelf->lock);
    index->users++;
    pthread_mutex_unlock(&index->shelf->lock);
}

struct index_view *index_view(struct index *index)
{
    add_user(index);
    pthread_mutex_lock(&index->lock);
    struct index_view *view = index->view;
    ref_get(&view->ref);
    pthread_mutex_unlock(&index->lock);
    return view;
}

struct index_view *index_view_ref(struct index_view *view)
{
    add_user(view->index);
    ref_get(&view->ref);
    return view;
}

void index_view_unref(struct index_view **view)
{
    struct index_view *v = *view;
    *view = NULL;
    if (!v)
        return;
    struct index *index = v->index;
    put_view(v);
    put_index(index);
}

uint64_t index_view_version(const struct index_view *view)
{
    return view->version;
}

struct str index_view_mark(const struct index_view *view)
{
    return buf_str(&view->mark);
}

size_t index_view_count(const struct index_view *view)
{
    return view->count;
}

const struct index_entry *index_view_entry(const struct index_view *view, size_t at)
{
    return &view->segments[at]->entry;
}

int index_view_segment(struct index_view *view, size_t at, struct index_segment **segment_out,
                       struct err *err)
{
    return shelf_open_segment(view->index->shelf, NULL, view->index->account, &view->segments[at]->entry,
                              segment_out, err);
}

void index_stats(const struct index_view *view, struct index_stats *stats_out)
{
    *stats_out = (struct index_stats){ .segments = view->count };
    for (size_t i = 0; i < view->count; i++) {
        stats_out->documents += view->segments[i]->entry.documents;
        stats_out->bytes += view->segments[i]->entry.bytes;
    }
}
