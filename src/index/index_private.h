/* index_private.h: what index.c (life, views), shelf.c (open segments) and index_change.c share. */
#ifndef LOFT_INDEX_INDEX_PRIVATE_H
#define LOFT_INDEX_INDEX_PRIVATE_H

#include "base/map.h"
#include "base/ref.h"
#include "index/index.h"
#include "index/pages.h"
#include "index/record.h"

#include <pthread.h>

/* A segment that is listed, or was: shared by the views that have it. */
struct listed {
    struct ref ref;
    struct index_entry entry;
};

struct index_view {
    struct ref ref;
    struct index *index; /* which outlives its views */
    uint64_t version;
    struct buf mark;
    size_t count;
    struct listed *segments[];
};

struct index {
    struct index_shelf *shelf;
    struct account_id account; /* the index's own */
    unsigned users;            /* of the shelf's lock: opened and not closed, and views */
    pthread_mutex_t change;    /* held by who changes it */
    pthread_mutex_t lock;      /* of what follows; never held across I/O */
    struct index_view *view;
    struct listed **dead; /* listed no more, to be dropped when nobody reads them; of `change` */
    size_t dead_count;
};

/* A segment that is kept open. */
struct opened {
    uint64_t account, blob;
    struct index_segment *segment;
    struct opened *newer, *older;
};

struct index_shelf {
    struct store *store;
    struct pages *pages;
    pthread_mutex_t lock;
    struct map indexes; /* account -> struct index */
    struct map opened;
    struct opened *newest, *oldest;
    size_t opened_bytes, opened_bytes_max;
};

/* shelf.c: a segment of a listed blob, from the cache or read now; through `pages`, not kept, if that is not NULL. */
MUST_USE int shelf_open_segment(struct index_shelf *shelf, struct pages *pages, struct account_id account,
                                const struct index_entry *entry, struct index_segment **segment_out,
                                struct err *err);
/* shelf.c: close those that are kept and not in use. */
void shelf_close_segments(struct index_shelf *shelf);

/* index.c: read the list anew and show it. With `change` held, but when the index is opened. */
MUST_USE int index_reload(struct index *index, struct err *err);
/* index.c: a view of these segments, each with a reference that is taken; shown. */
void index_show(struct index *index, struct listed **segments, size_t count, struct str mark,
                uint64_t version);
struct listed *listed_new(const struct index_entry *entry);
void listed_unref(struct listed **listed);

#endif
