/* db.h: RocksDB as this engine uses it: six families, every value checked, errors in our terms.
 * Threads: any, as RocksDB.
 *
 *   family    key                         value (each followed by 8 bytes: XXH3 of the value, mixed with that of the key)
 *   engine    "format"                    u32
 *             "blob-id"                   u64: ids below it may have been given
 *             "segment/" be64             struct segment_counts (segments.h)
 *             "drop/" be64 account        u64: blobs up to this id are being dropped with their account
 *   account   be64 account                u64 version
 *   state     be64 account, key           as given
 *   meta      be64 account, be64 blob     as given
 *   header    be64 account, be64 blob     as given
 *   place     be64 account, be64 blob     varints segment, offset, stored bytes, raw bytes; u64 check of the record */
#ifndef LOFT_STORE_ROCKS_DB_H
#define LOFT_STORE_ROCKS_DB_H

#include "base/buf.h"
#include "base/err.h"
#include "store/rocks/segment.h"

#include <rocksdb/c.h>

enum db_family { DB_ENGINE, DB_ACCOUNT, DB_STATE, DB_META, DB_HEADER, DB_PLACE, DB_FAMILY_COUNT };
extern const char *const db_family_names[DB_FAMILY_COUNT];

enum { DB_CHECK_BYTES = 8, DB_KEY_BYTES_MAX = 8 + STORE_KEY_BYTES_MAX };

struct db {
    rocksdb_t *rocks;
    rocksdb_column_family_handle_t *families[DB_FAMILY_COUNT];
    rocksdb_options_t *options, *family_options[DB_FAMILY_COUNT];
    rocksdb_block_based_table_options_t *table_options[DB_FAMILY_COUNT];
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write_sync;
};

struct db_open_options {
    const char *folder;
    size_t cache_bytes;
    bool read_only; /* for looking at a checkpoint; else it is made when absent */
};
/* -ERR_CORRUPT, -ERR_FULL, -ERR_IO. */
MUST_USE int db_open(struct db *db, const struct db_open_options *options, struct err *err);
void db_close(struct db *db); /* also after a failed open */

/* Fill err from RocksDB's text and free it: -ERR_CORRUPT, -ERR_FULL, -ERR_IO. */
int db_error(char *rocks_error, struct err *err, const char *what);

uint64_t db_check(struct str key, struct str value);

/* Append the verified value to `out`.
 * -ERR_NOT_FOUND (with no text), -ERR_CORRUPT naming family and key, -ERR_IO. */
MUST_USE int db_get(const struct db *db, enum db_family family, const rocksdb_snapshot_t *snapshot,
                    struct str key, struct buf *out, struct err *err);
/* 0 when absent. */
MUST_USE int db_get_u64(const struct db *db, enum db_family family, const rocksdb_snapshot_t *snapshot,
                        struct str key, uint64_t *out, struct err *err);

/* Add to a batch; keys and values are copied. */
void db_put(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str key,
            struct str value);
void db_put_u64(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str key,
                uint64_t value);
void db_put_checked(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str key,
                    struct str value_and_check);
void db_delete(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str key);
void db_delete_range(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str from,
                     struct str to);

/* Atomic and durable when it returns 0. */
MUST_USE int db_write(const struct db *db, rocksdb_writebatch_t *batch, struct err *err);

/* Pairs with from <= key < to, in order:
 * for (r = db_iter_open(...); r == 0 && (r = db_iter_next(...)) == 1;) */
struct db_iter {
    const struct db *db;
    enum db_family family;
    rocksdb_iterator_t *rocks;
    rocksdb_readoptions_t *options;
    bool started;
    char from[DB_KEY_BYTES_MAX + 16], to[DB_KEY_BYTES_MAX + 16]; /* the iterator borrows its bounds */
    size_t from_n, to_n;
};
struct db_range {
    struct str from, to; /* each at most DB_KEY_BYTES_MAX + 1 bytes; NIL `to`: to the end */
    const rocksdb_snapshot_t *snapshot;
    bool bypass_cache; /* do not fill it: scrub, collector, scans in passing */
};
void db_iter_open(struct db_iter *it, const struct db *db, enum db_family family,
                  const struct db_range *range);
/* 1 with a verified pair that borrows until the next call; 0 at the end; -ERR_CORRUPT, -ERR_IO. After a value
 * that fails its own checksum (*key_out is set) the next call goes on behind it. */
MUST_USE int db_iter_next(struct db_iter *it, struct str *key_out, struct str *value_out, struct err *err);
/* The next pair is the first with `from` <= key. */
void db_iter_seek(struct db_iter *it, struct str from);
void db_iter_close(struct db_iter *it);

/* ---- keys and places ---- */

struct db_key {
    char p[DB_KEY_BYTES_MAX + 8];
    size_t n;
};
static inline struct str db_key_str(const struct db_key *k)
{
    return str_make(k->p, k->n);
}
struct db_key db_key_account(struct account_id account);     /* also where the account's keys begin */
struct db_key db_key_account_end(struct account_id account); /* greater than all keys of the account */
struct db_key db_key_state(struct account_id account, struct str key);
struct db_key db_key_blob(struct account_id account, struct blob_id blob);
struct db_key db_key_engine(const char *prefix, uint64_t n);

void place_encode(const struct place *place, struct buf *out);
bool place_decode(struct str value, struct place *place_out);

/* -ERR_NOT_FOUND, -ERR_CORRUPT, -ERR_IO. */
MUST_USE int db_get_place(const struct db *db, struct account_id account, struct blob_id blob,
                          struct place *place_out, struct err *err);

#endif
