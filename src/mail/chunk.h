/* chunk.h: up to CHUNK_MESSAGES_MAX consecutive messages of a mailbox as columns.
 * Immutable once it is part of a snapshot; reference counted; shared by all snapshots that did not change it.
 * A chunk read from the store begins as its summary alone; the columns are loaded when someone asks
 * (chunk_columns).
 * Invariants: uids ascend strictly, from 1 to UID_MAX; a chunk in a snapshot is never empty; a chunk that a
 * change replaced or removed has its columns, so that snapshots which still hold it never miss the state key
 * that the fold deletes.
 * Threads: any. Loading is safe at once from several threads: one result is kept, the other freed. */
#ifndef LOFT_MAIL_CHUNK_H
#define LOFT_MAIL_CHUNK_H

#include "base/codec.h"
#include "mail/flag.h"
#include "store/store.h"

enum { CHUNK_MESSAGES_MAX = 256 };
#define UID_MAX (UINT32_MAX - 1) /* uidnext must fit 32 bits too */

/* One message's row. What FETCH needs besides the blob's records. */
struct message {
    uint32_t uid;
    uint32_t size_bytes;       /* RFC822.SIZE */
    uint64_t modseq;           /* RFC 7162; never 0 */
    int64_t internal_date_s;   /* UTC seconds since 1970 */
    int16_t internal_zone_min; /* minutes east of UTC, as it was given: for FETCH INTERNALDATE */
    uint8_t flags;             /* enum flag */
    int64_t save_date_s;       /* RFC 8514: when it came into this mailbox */
    uint64_t blob;             /* struct blob_id.n */
    uint64_t email_id;         /* RFC 8474 EMAILID: same for copies, own counter of the account */
    uint64_t thread_id;        /* RFC 8474 THREADID: email_id of the thread's first message */
    struct keyword_set keywords;
};

/* What is known of a chunk without its columns. */
struct chunk_summary {
    uint64_t id; /* names its state key; 0: none yet. Read and written by the fold alone */
    uint32_t count, unseen, deleted;
    uint32_t uid_first, uid_last;
    uint64_t modseq_max;
    uint64_t size_bytes;         /* sum over its messages */
    uint64_t deleted_size_bytes; /* sum over those with \Deleted: RFC 9208 DELETED-STORAGE */
};

/* Columns, each `count` long. */
struct chunk_columns {
    uint32_t count;
    uint32_t keyword_words; /* words of keyword bits per message: 0..KEYWORD_WORDS */
    const uint32_t *uid, *size_bytes;
    const uint64_t *modseq, *blob, *email_id, *thread_id;
    const int64_t *internal_date_s, *save_date_s;
    const int16_t *internal_zone_min;
    const uint8_t *flags;
    const uint64_t *keywords; /* message i: keywords[i * keyword_words ...] */
};

/* Where a stored chunk's columns are read from. Lives at least as long as every chunk that points to it. */
struct chunk_source {
    struct store *store;
    struct account_id account;
    uint64_t mailbox_id;
    atomic_size_t *loaded_bytes; /* counts the memory of columns that were read and are there; may be NULL */
};

struct chunk {
    struct ref ref;
    struct chunk_summary summary;
    const struct chunk_source *source;
    atomic_bool stored;                      /* its columns are in the store under summary.id */
    _Atomic(struct chunk_columns *) columns; /* one allocation; NULL until loaded */
};

/* A new, dirty chunk of 1..CHUNK_MESSAGES_MAX rows in order of uid. */
struct chunk *chunk_new(const struct message *rows, size_t count);
/* A stored chunk, not loaded. `source` is borrowed for the chunk's life. */
struct chunk *chunk_new_stored(const struct chunk_summary *summary, const struct chunk_source *source);
struct chunk *chunk_ref(struct chunk *chunk);
void chunk_unref(struct chunk **chunk);

/* For the fold, one at a time an account: give each dirty chunk that has none an id, write it, and when the
 * commit is through mark it stored. When the commit failed it stays dirty, keeps its id, and the next fold
 * writes it again under the same key. */
bool chunk_is_dirty(const struct chunk *chunk);
void chunk_give_id(struct chunk *chunk, uint64_t id); /* once; id > 0, never used before in this mailbox */
void chunk_mark_stored(struct chunk *chunk);

/* The columns, loaded if need be; they live as long as the chunk. -ERR_IO, -ERR_CORRUPT (also when they do
 * not agree with the summary), -ERR_NOT_FOUND when another machine has folded the chunk away. */
MUST_USE int chunk_columns(struct chunk *chunk, const struct chunk_columns **columns_out, struct err *err);

void chunk_row(const struct chunk_columns *columns, uint32_t i, struct message *row_out);
struct keyword_set chunk_keywords(const struct chunk_columns *columns, uint32_t i);

/* Index of the first message with a uid >= `uid`; count when there is none. */
uint32_t chunk_lower_bound(const struct chunk_columns *columns, uint32_t uid);

/* Stored form: documented, checksummed by the store, delta-coded; about 20 bytes a message (layout:
 * chunk_codec.c). */
void chunk_encode(const struct chunk_columns *columns, struct buf *out);
/* -ERR_CORRUPT. */
MUST_USE int chunk_decode(struct str bytes, struct chunk_columns **columns_out, struct err *err);
void chunk_summary_encode(const struct chunk_summary *summary, struct buf *out);
/* False: damaged, or figures that cannot be. */
bool chunk_summary_decode(struct reader *r, struct chunk_summary *summary_out);

/* "C" mailbox_id chunk_id: the state key of a chunk. */
void chunk_key(uint64_t mailbox_id, uint64_t chunk_id, struct buf *out);

#endif
