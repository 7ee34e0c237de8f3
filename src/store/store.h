/* store.h: the contract of a storage engine. Everything above knows only this file; which engine is below is
 * main's business.
 *
 * An engine keeps, per account,
 *   state  a small ordered key-value map (keys compared as bytes) at one version number, changed by commit()
 *          alone;
 *   blobs  immutable bytes (a message) with two small records beside them: `meta` (what FETCH asks for again
 *          and again) and `header` (header fields as they came), each read without touching the bytes.
 *
 * Life of a blob:   blob_write -> PENDING -- commit with batch_add_blob --> LIVE -- commit with batch_drop_blob --> gone, space
 *                                 PENDING -- blob_abandon, or the process ends --> gone                 collected later
 * Promises
 *   atomic    a commit is there whole or not at all, whatever happens to process or machine.
 *   durable   when commit returns 0 the batch, and all bytes of the blobs that it adds, survive a power cut.
 *   ordered   commits of one account follow each other by version; -ERR_CONFLICT when `expected_version` is
 *             not the version stored: nothing was written, the caller reloads and plans again.
 *   checked   every record carries a checksum that is verified when it is read: -ERR_CORRUPT with file and
 *             offset, never wrong bytes.
 *   bounded   values up to STORE_VALUE_BYTES_MAX; a batch up to STORE_BATCH_BYTES_MAX.
 * Short of space (-ERR_FULL): a commit that adds blobs is refused below the engine's free-space watermark;
 * one that only changes state or drops blobs still works until the reserve is gone too, so that people can
 * delete. After an engine's write error (-ERR_IO) the engine may refuse all further commits with
 * -ERR_UNAVAILABLE; reads go on.
 *
 * Limits of arguments are checked once, in store.c, before an engine sees them; on an error every `out`
 * buffer is as before.
 *
 * Threads: every function may be called from any thread at once; all block until done, store_commit_start
 * alone does not. Callbacks run on the
 * caller's thread with no lock of the engine held, so they may call the store themselves; watch callbacks are
 * the exception, see below. */
#ifndef LOFT_STORE_STORE_H
#define LOFT_STORE_STORE_H

#include "base/buf.h"
#include "base/err.h"

enum {
    STORE_KEY_BYTES_MAX = 512, /* of a state key, and of the bounds of a range; a key has at least 1 byte */
    STORE_VALUE_BYTES_MAX = 16 * 1024 * 1024, /* of a state value, and of a record of a blob; from 0 */
    STORE_BATCH_BYTES_MAX = 64 * 1024 * 1024, /* of batch.ops, encoded */
};
#define STORE_BLOB_BYTES_MAX (UINT64_C(1) << 31)   /* of one blob, uncompressed; from 0 */
#define STORE_VERSION_MAX    ((uint64_t)INT64_MAX) /* a version is a modseq: 63 bits (RFC 7162, 1) */

/* Chosen by the caller (auth/directory/users.h), never reused, below STORE_EXTRACTED_ACCOUNT_BIT. Account 0 is the directory of accounts
 * itself. */
struct account_id {
    uint64_t n;
};

/* What is derived from an account, its search index, lies in an account of its own, with a version line of its own: its
 * commits never meet those of the mail. It goes when that account is dropped. */
#define STORE_INDEX_ACCOUNT_BIT (UINT64_C(1) << 63)

static inline struct account_id account_id_of_index(struct account_id account)
{
    return (struct account_id){ account.n | STORE_INDEX_ACCOUNT_BIT };
}

/* The same for the texts of attachments that a program made (mail/extracted.h): they outlive the index. */
#define STORE_EXTRACTED_ACCOUNT_BIT (UINT64_C(1) << 62)

static inline struct account_id account_id_of_extracted(struct account_id account)
{
    return (struct account_id){ account.n | STORE_INDEX_ACCOUNT_BIT | STORE_EXTRACTED_ACCOUNT_BIT };
}

/* Is it one of those two? Whoever walks store_accounts asks this first. */
static inline bool account_id_is_index(struct account_id account)
{
    return (account.n & STORE_INDEX_ACCOUNT_BIT) != 0;
}

static inline struct account_id account_id_of_indexed(struct account_id index)
{
    return (struct account_id){ index.n & ~(STORE_INDEX_ACCOUNT_BIT | STORE_EXTRACTED_ACCOUNT_BIT) };
}

/* Given by the engine. Within one account the ids of later writes are greater; an id is never given twice,
 * whatever became of the first: dropped, abandoned, its account dropped, the store reopened. An id means a
 * blob only together with its account: under another account it is -ERR_NOT_FOUND. 0 is no blob. */
struct blob_id {
    uint64_t n;
};

struct open_blob;

/* An engine; opened by its own header: store/rocks/rocks.h, store/mem/mem.h, store/faulty/faulty.h. */
struct store;

/* ---- batch: what one commit does ----
 * Operations apply in the order given, on blobs too: put, delete_range over it, put again leaves the second
 * value; add, then drop of the same blob leaves none. A batch without operations sets the version only.
 * A batch has one owner at a time; it may be committed again, after a conflict say. */

enum batch_op_kind { BATCH_PUT, BATCH_DELETE, BATCH_DELETE_RANGE, BATCH_ADD_BLOB, BATCH_DROP_BLOB };

struct batch {
    struct buf ops; /* encoded; read back with batch_next */
    size_t op_count;
    size_t add_blob_count;
};

#define BATCH_INIT ((struct batch){ BUF_INIT, 0, 0 })

void batch_deinit(struct batch *b);
void batch_clear(struct batch *b);
void batch_put(struct batch *b, struct str key, struct str value); /* copies; a NIL value is stored as "" */
void batch_delete(struct batch *b, struct str key);                /* an absent key is fine */

/* from <= key < to; NIL `to`: to the end.
 * An empty range (from >= to) adds no operation: engines never see one. */
void batch_delete_range(struct batch *b, struct str from, struct str to);
void batch_add_blob(struct batch *b, struct blob_id id);
void batch_drop_blob(struct batch *b, struct blob_id id);

struct batch_op {
    enum batch_op_kind kind;
    struct str key;   /* PUT, DELETE; DELETE_RANGE: from. Both borrow the batch */
    struct str value; /* PUT; DELETE_RANGE: to, NIL is the end */
    struct blob_id blob;
};

/* for (size_t at = 0; batch_next(b, &at, &op);): the operations in order, for engines. Stops at damaged
 * bytes, and then `at` stays below ops.n; store_commit has checked that, so engines need not. */
bool batch_next(const struct batch *b, size_t *at, struct batch_op *op);

/* ---- reading ---- */

/* One pair of a scan; both borrow until the callback returns and are never NIL. Return 0 to go on, 1 to stop
 * (the scan returns 0), -ERR_x to fail (the scan returns that). */
typedef int store_pair_fn(void *ctx, struct str key, struct str value, struct err *err);

enum blob_slot { BLOB_META, BLOB_HEADER };

/* What a blob_scan reads: one record of each live blob with first <= id <= last (first > last: none). */
struct blob_range {
    enum blob_slot slot;
    struct blob_id first, last;
    const uint64_t
        *only; /* NULL, or: of these ids alone, ascending; what lies between them is passed over fast */
    size_t only_count;
    bool in_passing; /* one of a great many: an engine need not remember them, nor forget others for them */
};

/* Whether the scan is to tell of `id`; ids are asked for in ascending order. `at` is 0 at first. */
static inline bool blob_range_has(const struct blob_range *range, struct blob_id id, size_t *at)
{
    while (range->only && *at < range->only_count && range->only[*at] < id.n)
        ++*at;
    return !range->only || (*at < range->only_count && range->only[*at] == id.n);
}

/* One record of a blob_scan; `record` borrows until the callback returns. Results as store_pair_fn. */
typedef int store_blob_fn(void *ctx, struct blob_id id, struct str record, struct err *err);

/* `version` is only a hint: read the account for the truth. Calls may come out of order, and several commits
 * of one account may become one call; after the last commit to an account there is always a call. Runs on a
 * thread of the engine or inside whichever store call changed the account, maybe before that returns: be
 * short, call no store function that writes, watches or closes, take no lock that is held across a store
 * call. */
typedef void store_watch_fn(void *ctx, struct account_id account, uint64_t version);

typedef int store_account_fn(void *ctx, struct account_id account, uint64_t version, struct err *err);

/* One finding of a scrub: what is damaged and where. */
typedef void store_damage_fn(void *ctx, const char *what, const char *file, uint64_t offset);

struct store_stats {
    uint64_t commit_count;      /* since open: those that succeeded */
    uint64_t group_count;       /* the groups they were written in */
    uint64_t flush_count;       /* fsync and fdatasync calls, the engine's log included */
    uint64_t written_bytes;     /* handed to the file system for bodies and batches */
    uint64_t blob_bytes_raw;    /* live blobs without their records, before compression */
    uint64_t blob_bytes_stored; /* the same, after compression */
    uint64_t dead_bytes;        /* awaiting collection */
    uint64_t free_bytes;        /* of the file system; 0 where it does not apply */
    uint64_t watermark_bytes;
    bool below_watermark;
    bool failed; /* refuses commits after a write error */
};

/* A commit in two steps, for a thread that has others to serve while the disk works. */
struct store_commit {
    /* Called once, when `result` is there (as store_commit returns it, and `err`): on a thread of the engine, or
     * inside store_commit_start, store_push or whichever call commits. From then on the struct and the batch are
     * the caller's again. Be short, call no store function, take no lock that is held across one. */
    void (*done)(struct store_commit *commit);
    int result;
    struct err err;
};

/* How a blob will be read: mostly whole, or little of it here and there. Then its blocks are smaller, so that less is checked and
 * decompressed around what is asked for; and they are compressed harder, since who writes it has time. */
enum blob_reading { BLOB_READ_WHOLE, BLOB_READ_IN_PARTS };

enum {
    STORE_PART_BYTES = 64 * 1024
}; /* about what a read of BLOB_READ_IN_PARTS costs at least; at multiples of it */

/* What an engine implements. Call through the store_ functions below. */
struct store_ops {
    const char *name; /* "rocks", "mem" */
    void (*close)(struct store *store);
    int (*version)(struct store *store, struct account_id account, uint64_t *version_out, struct err *err);
    int (*commit)(struct store *store, struct account_id account, uint64_t expected_version,
                  uint64_t new_version, const struct batch *batch, struct err *err);
    /* Both NULL: the engine is done at once. */
    void (*commit_start)(struct store *store, struct account_id account, uint64_t expected_version,
                         uint64_t new_version, const struct batch *batch, struct store_commit *commit);
    void (*push)(struct store *store);
    int (*get)(struct store *store, struct account_id account, struct str key, struct buf *value_out,
               struct err *err);
    int (*scan)(struct store *store, struct account_id account, struct str from, struct str to,
                uint64_t *version_out, store_pair_fn *fn, void *ctx, struct err *err);
    int (*blob_write)(struct store *store, struct account_id account, struct str bytes, struct str meta,
                      struct str header, enum blob_reading reading, struct blob_id *id_out, struct err *err);
    void (*blob_abandon)(struct store *store, struct account_id account, struct blob_id id);
    int (*blob_read)(struct store *store, struct account_id account, struct blob_id id, uint64_t offset,
                     uint64_t length, struct buf *out, struct err *err);
    int (*blob_open)(struct store *store, struct account_id account, struct blob_id id,
                     struct open_blob **blob_out, struct err *err);
    int (*blob_read_open)(struct open_blob *blob, uint64_t offset, uint64_t length, struct buf *out,
                          struct err *err);
    void (*blob_close)(struct open_blob *blob);
    int (*blob_record)(struct store *store, struct account_id account, struct blob_id id, enum blob_slot slot,
                       struct buf *out, struct err *err);
    int (*blob_scan)(struct store *store, struct account_id account, const struct blob_range *range,
                     store_blob_fn *fn, void *ctx, struct err *err);
    int (*accounts)(struct store *store, store_account_fn *fn, void *ctx, struct err *err);
    int (*drop_account)(struct store *store, struct account_id account, struct err *err);
    int (*watch)(struct store *store, store_watch_fn *fn, void *ctx, struct err *err);
    int (*checkpoint)(struct store *store, const char *folder, struct err *err);
    int (*scrub)(struct store *store, store_damage_fn *fn, void *ctx, struct err *err);
    void (*stats)(struct store *store, struct store_stats *out);
};

struct store {
    const struct store_ops *ops; /* first member of every engine's own struct */
};

/* Close and free; waits for background work. Pending blobs are gone.
 * No other call may run or follow; NULL is fine. */
void store_close(struct store **store);

/* 0 for an account that has never been committed to. */
MUST_USE int store_version(struct store *store, struct account_id account, uint64_t *version_out,
                           struct err *err);

/* Write `batch` and set the account's version. A blob added must be pending at this point of the batch, and
 * written by this instance for this account; one dropped must be live at this point of the batch, be it
 * through this batch: else -ERR_NOT_FOUND and nothing is written. The version is compared first.
 *   errors  -ERR_INVALID (new_version not above expected_version, or above STORE_VERSION_MAX), -ERR_LIMIT
 *           (key, value or batch too large, empty key), -ERR_CONFLICT, -ERR_NOT_FOUND, -ERR_FULL, -ERR_IO,
 *           -ERR_UNAVAILABLE. After any error but -ERR_IO nothing was written and added blobs stay pending.
 *           After -ERR_IO the batch may or may not be there, now or after a restart: reload the account
 *           before you go on; blobs added may be live or pending, and store_blob_abandon is right for
 *           both. */
MUST_USE int store_commit(struct store *store, struct account_id account, uint64_t expected_version,
                          uint64_t new_version, const struct batch *batch, struct err *err);

/* The same without waiting: commit->done tells. The batch is borrowed until then. Commits that were started may
 * wait for one another, so that many become one write: who starts some must call store_push before it sleeps
 * or waits for one of them. */
void store_commit_start(struct store *store, struct account_id account, uint64_t expected_version,
                        uint64_t new_version, const struct batch *batch, struct store_commit *commit);

/* Write what has been started, by whomever. May write on this thread; costs nothing when there is nothing. */
void store_push(struct store *store);

/* Append the value of `key` to `value_out`. -ERR_NOT_FOUND, -ERR_LIMIT, -ERR_IO, -ERR_CORRUPT. */
MUST_USE int store_get(struct store *store, struct account_id account, struct str key, struct buf *value_out,
                       struct err *err);

/* All pairs with from <= key < to (NIL `to`: to the end; from >= to: none), in key order, as of one version
 * (*version_out; may be NULL; set before the first callback, also when there are no pairs). Commits go on
 * meanwhile and are not seen. -ERR_LIMIT, -ERR_IO, -ERR_CORRUPT, or what `fn` returned. */
MUST_USE int store_scan(struct store *store, struct account_id account, struct str from, struct str to,
                        uint64_t *version_out, store_pair_fn *fn, void *ctx, struct err *err);

/* Store `bytes` (borrowed; may be a mapped file) as a pending blob of this instance. Compresses on the
 * caller's thread.
 *   meta, header  the two records; each up to STORE_VALUE_BYTES_MAX; NIL is stored as ""
 *   errors        -ERR_FULL below the watermark, -ERR_LIMIT, -ERR_IO, -ERR_UNAVAILABLE; then there is no
 *                 pending blob. */
MUST_USE int store_blob_write(struct store *store, struct account_id account, struct str bytes,
                              struct str meta, struct str header, struct blob_id *id_out, struct err *err);

/* The same for a blob without records that will be read so. */
MUST_USE int store_blob_write_for(struct store *store, struct account_id account, struct str bytes,
                                  enum blob_reading reading, struct blob_id *id_out, struct err *err);

/* Forget a pending blob. One that is live, gone or unknown is left as it is. */
void store_blob_abandon(struct store *store, struct account_id account, struct blob_id id);

/* Append bytes [offset, offset + length) of the blob, clipped to its end, to `out`: nothing from the end on,
 * all from `offset` with UINT64_MAX. Reading a part of a large blob does not decompress the whole. Live blobs
 * can be read, and pending ones of this instance. A blob dropped meanwhile is read whole or -ERR_NOT_FOUND.
 * -ERR_NOT_FOUND, -ERR_IO, -ERR_CORRUPT. */
MUST_USE int store_blob_read(struct store *store, struct account_id account, struct blob_id id,
                             uint64_t offset, uint64_t length, struct buf *out, struct err *err);

/* ---- a blob that stays readable ----
 * Open it, and its bytes can be read until it is closed, whatever happens meanwhile: it is dropped, its account is, the engine moves it. The
 * engine keeps its space that long, so close it soon, and before the store. One owner at a time. */
struct open_blob {
    struct store *store; /* first member of every engine's own struct */
};
/* Errors as store_blob_read. Takes nothing from the blob yet. */
MUST_USE int store_blob_open(struct store *store, struct account_id account, struct blob_id id,
                             struct open_blob **blob_out, struct err *err);
/* As store_blob_read. -ERR_IO, -ERR_CORRUPT. */
MUST_USE int store_blob_read_open(struct open_blob *blob, uint64_t offset, uint64_t length, struct buf *out,
                                  struct err *err);
void store_blob_close(struct open_blob **blob); /* NULL is fine */

/* Append one record of the blob. Errors as store_blob_read. */
MUST_USE int store_blob_record(struct store *store, struct account_id account, struct blob_id id,
                               enum blob_slot slot, struct buf *out, struct err *err);

/* The records in `range` of one version, in order of id: one range read, 0.2 us a record when warm. */
MUST_USE int store_blob_scan(struct store *store, struct account_id account, const struct blob_range *range,
                             store_blob_fn *fn, void *ctx, struct err *err);

/* Every account with a version above 0, ascending, those of indexes too. `fn` returns as store_pair_fn. */
MUST_USE int store_accounts(struct store *store, store_account_fn *fn, void *ctx, struct err *err);

/* Remove all state and blobs of an account, the pending ones too, durably and at once; its version is 0
 * again, and watchers are told so. Then those of what is derived from it, in further steps: after an error, or a crash in between,
 * dropping it again ends what was begun. An account that was never committed to is fine. */
MUST_USE int store_drop_account(struct store *store, struct account_id account, struct err *err);

/* Call `fn` after each commit to any account, from whichever process or instance it came. One watcher a store
 * instance: a second call replaces the first, NULL takes it away. When this returns, the former watcher does
 * not run and is never called again. */
MUST_USE int store_watch(struct store *store, store_watch_fn *fn, void *ctx, struct err *err);

/* A consistent copy in `folder`, online. -ERR_EXISTS; -ERR_CANNOT where an engine has no files. */
MUST_USE int store_checkpoint(struct store *store, const char *folder, struct err *err);

/* Read and verify everything; `fn` is told of each damage.
 * Returns 0 even if damage was found, negative if it could not finish. */
MUST_USE int store_scrub(struct store *store, store_damage_fn *fn, void *ctx, struct err *err);

void store_stats(struct store *store, struct store_stats *out);

#endif
