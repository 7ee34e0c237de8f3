/* indexer_private.h: what the files behind indexer.h share. Nobody else includes it.
 *
 *   indexer.c           life, the thread, commands: who works on an account
 *   indexer_waiting.c   which accounts wait, and for how long
 *   indexer_round.c     one account: what is missing, segments, merges
 *   indexer_missing.c   which messages of an account are no documents
 *   indexer_records.c   records of messages, over those that are damaged
 *   indexer_document.c  a message into a builder
 *   indexer_extract.c   the text of its attachments
 *   indexer_check.c     figures, and whether an index is right */
#ifndef LOFT_MAIL_INDEXER_PRIVATE_H
#define LOFT_MAIL_INDEXER_PRIVATE_H

#include "base/map.h"
#include "index/builder.h"
#include "mail/indexer.h"
#include "mime/charset.h"

#include <pthread.h>

enum {
    INDEXER_BATCH_MESSAGES = 32,  /* so many that wait are indexed at once */
    INDEXER_SLICE_US = 5000,      /* worked without a pause, of processor time */
    INDEXER_WANTED_MS = 1000,     /* after a search */
    INDEXER_RETRY_MS = 60 * 1000, /* after an error */
    INDEXER_MISSING_MAX = 65536,  /* found one by one; when more are missing all blobs are walked */
    INDEXER_LOOK_RECORDS = 256,   /* records of messages that are read at once */
    INDEXER_DELAY_S = 300,
    INDEXER_CPU_PERCENT = 25,
    /* However much the setting allows: a full builder and one more message stay below INDEX_SEGMENT_BYTES_MAX. */
    INDEXER_BUILDER_BYTES_MAX = 512 << 20,
    INDEXER_TEXT_BYTES_MAX = 128 << 20,
};

/* An account that somebody works on; lies on that thread's stack. */
struct indexer_claim {
    struct account_id account;
    bool wanted; /* under the mutex: another waits for it: the thread in the background gives way */
    struct indexer_claim *next;
};

/* An account with something to do. */
struct indexer_waiting {
    uint64_t account;
    uint64_t added;
    bool suspect; /* a search met a segment that is damaged */
    int64_t due_ms;
    size_t at; /* its place in the heap */
};

struct indexer {
    struct mail *mail;
    const struct mail_options *options; /* with defaults */
    struct index_shelf *shelf;          /* NULL: indexes are off */

    pthread_mutex_t mutex;         /* of all below; never held across a store call */
    pthread_cond_t changed;        /* CLOCK_MONOTONIC */
    struct map waiting;            /* account id -> indexer_waiting */
    struct indexer_waiting **heap; /* the same, the one due first on top */
    size_t heap_count, heap_cap;
    struct indexer_claim *claims;
    bool running, stopping;
    bool told_no_extractor; /* that index.extractor could not be started */
    pthread_t thread;
};

/* Who works on an account, and how hard. */
struct indexer_work {
    struct indexer *indexer;
    struct store *store;
    struct account_id account;
    bool in_background; /* keeps to its share, and gives way */
    bool suspect;       /* look for damaged segments first */
    bool checks;        /* starts no program, changes nothing */
    int64_t until_ms;   /* -ERR_AGAIN from then on; 0: no end */
    struct indexer_claim claim;
    uint64_t looked;      /* documents so far */
    int64_t slice_cpu_us; /* of this thread, when the slice began */
    struct charset_cache *charsets;
    struct buf message, extracted;
};

/* Begin; for_ms as in indexer_run. Waits for who works on it; the thread in the background does not: false then. */
bool indexer_work_begin(struct indexer_work *work, struct indexer *indexer, struct account_id account,
                        bool in_background, uint32_t for_ms);
bool indexer_work_end(struct indexer_work *work); /* true: another waits for the account */
/* Is it to give up what it is doing? -ERR_UNAVAILABLE then. */
bool indexer_must_end(struct indexer_work *work);
/* After each message, say: sleeps, so that the share of the processor is kept. -ERR_UNAVAILABLE: stop; -ERR_AGAIN: the time is up. */
MUST_USE int indexer_pause(void *work, struct err *err);
/* index.extractor could not be started: the first time, `failed` is told. */
void indexer_tell_no_extractor(struct indexer_work *work, const struct err *why);

/* ---- indexer_waiting.c ---- */

int64_t indexer_now_ms(const struct indexer *indexer);
/* Under the mutex; ends early when something changed. */
void indexer_wait_us(struct indexer *indexer, int64_t us);

/* The account is to be taken up in so many ms, or at once when enough messages wait. suspect: its segments are to be checked. */
void indexer_wait(struct indexer *indexer, struct account_id account, uint64_t added, bool suspect,
                  int64_t in_ms);
/* The next account that is due; waits for it. False: the end. */
bool indexer_next_due(struct indexer *indexer, struct account_id *account_out, bool *suspect_out);
void indexer_waiting_deinit(struct indexer *indexer);

/* ---- indexer_round.c ---- */

/* Committed with each segment: what the index is whole for. */
struct indexer_mark {
    uint64_t version; /* of the account: every message that was there then is a document ... */
    bool walking;     /* ... when its blob id is at most `walked` */
    uint64_t walked;
};
void indexer_mark_encode(const struct indexer_mark *mark, struct buf *out);
/* -ERR_CORRUPT. "" is the mark of an empty index: nothing is whole. */
MUST_USE int indexer_mark_decode(struct str bytes, struct indexer_mark *mark_out, struct err *err);

/* Bring one account up to date; afresh: throw away what there is. */
MUST_USE int indexer_round(struct indexer_work *work, bool afresh, struct err *err);

/* Is the index behind the account, as its mark tells? */
MUST_USE int indexer_is_behind(struct indexer *indexer, struct account_id account, uint64_t version,
                               bool *behind_out, struct err *err);

/* ---- indexer_missing.c ---- */

/* Which blobs are documents: the view's segments, open, for ids that mostly ascend. */
struct indexer_lookup {
    struct index_view *view;         /* borrowed */
    struct index_segment **segments; /* NULL until needed */
    uint32_t *hints;
    size_t count;
};
void indexer_lookup_init(struct indexer_lookup *l, struct index_view *view);
void indexer_lookup_deinit(struct indexer_lookup *l);
/* 1, 0, or an error of index_view_segment; then *damaged_at_out is the segment. */
MUST_USE int indexer_lookup_has(struct indexer_lookup *l, struct blob_id blob, size_t *damaged_at_out,
                                struct err *err);

struct indexer_missing {
    uint64_t *blobs; /* heap; ascending, each once */
    size_t count, cap;
    uint64_t version;  /* of the account that was looked at */
    uint64_t messages; /* in it */
    uint64_t rows;     /* that had changed */
    bool too_many;     /* the list was given up */
};
void indexer_missing_add(struct indexer_missing *missing, uint64_t blob);
/* The messages that came or changed since `version` and are no documents. */
MUST_USE int indexer_find_missing(struct indexer *indexer, struct account_id account, uint64_t version,
                                  struct indexer_lookup *lookup, struct indexer_missing *missing_out,
                                  size_t *damaged_at_out, struct err *err);

/* Which documents' blobs are still there: asked with ids that mostly ascend. */
struct indexer_alive {
    struct store *store;
    struct account_id account;
    uint64_t from, to; /* known between these, both included; from > to: nothing */
    uint64_t *ids;     /* heap: those alive in there */
    size_t count, at;
};
void indexer_alive_init(struct indexer_alive *a, struct store *store, struct account_id account);
void indexer_alive_deinit(struct indexer_alive *a);
bool indexer_alive_has(struct indexer_alive *a,
                       struct blob_id blob); /* true as well when it cannot be told */

/* ---- indexer_records.c ---- */

/* Records of some messages, read at once: of ids[i] the bytes from ends[i - 1] to ends[i]. */
struct indexer_records {
    uint64_t ids[INDEXER_LOOK_RECORDS];
    size_t ends[INDEXER_LOOK_RECORDS];
    size_t count;
    struct buf bytes;
    unsigned damaged; /* met so far */
};
/* The first of the range, none at its end. One that is damaged stands for itself as "", as long as they are few. Errors of the store. */
MUST_USE int indexer_records_read(struct indexer_work *work, const struct blob_range *range,
                                  struct indexer_records *records, struct err *err);

/* ---- indexer_extract.c ---- */

/* Append the text of the attachments of work->message: what was kept, else what the program says, which is kept then. A
 * program that fails or cannot be started says nothing. -ERR_UNAVAILABLE: stop; errors of the store. */
MUST_USE int indexer_extract(struct indexer_work *work, struct blob_id blob, struct buf *text_out,
                             struct err *err);

/* ---- indexer_document.c ---- */

/* Add one message to the builder. One that cannot be read, or is too large for the memory that there is, becomes a
 * partial document. `meta` is its record. -ERR_NOT_FOUND: it is gone (no document then); errors of the store that may pass. */
MUST_USE int indexer_add_document(struct indexer_work *work, struct index_builder *builder,
                                  struct blob_id blob, struct str meta, struct err *err);

/* It has gathered as much as a segment may, within the memory of the settings. */
bool indexer_is_full(const struct indexer_work *work, const struct index_builder *builder);

#endif
