#include "store/rocks/db.h"

#include "base/codec.h"
#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>
#define XXH_INLINE_ALL /* keys are short: the call would cost more than the hash */
#include <xxhash.h>

/* RocksDB insists on a family named "default": ours for the engine itself. */
const char *const db_family_names[DB_FAMILY_COUNT] = {
    [DB_ENGINE] = "default", [DB_ACCOUNT] = "account", [DB_STATE] = "state",
    [DB_META] = "meta",      [DB_HEADER] = "header",   [DB_PLACE] = "place",
};

/* meta and header are what FETCH and SEARCH scan: with zstd a scan that misses the cache cost 1.0 us a record of 600 bytes,
 * with LZ4 0.7, uncompressed 0.55. */
static const struct family_setting {
    int compression, settled_compression;
    size_t block_bytes, memtable_bytes;
} family_settings[DB_FAMILY_COUNT] = {
    [DB_ENGINE] = { rocksdb_no_compression, rocksdb_no_compression, 4096, 1 << 20 },
    [DB_ACCOUNT] = { rocksdb_no_compression, rocksdb_no_compression, 4096, 4 << 20 },
    [DB_STATE] = { rocksdb_lz4_compression, rocksdb_lz4_compression, 8192, 16 << 20 },
    [DB_META] = { rocksdb_lz4_compression, rocksdb_lz4_compression, 32768, 16 << 20 },
    [DB_HEADER] = { rocksdb_lz4_compression, rocksdb_lz4_compression, 32768, 16 << 20 },
    [DB_PLACE] = { rocksdb_no_compression, rocksdb_lz4_compression, 8192, 16 << 20 },
};

enum {
    MEMTABLES_BYTES = 64 << 20, /* of all families together */
    WAL_BYTES_MAX = 256 << 20,
    OPEN_TABLES_MAX = 512,
    BLOOM_BITS = 10,
    /* "Tolerate corrupted tail records": a torn last record is a crash, anything else refuses to open.
     * RocksDB's default (point in time) drops what follows a damaged record without a word. */
    WAL_RECOVERY_TOLERATE_TAIL = 0,
    INFO_LOG_WARN = 2,
};

#define MEMTABLE_BLOOM_RATIO 0.02 /* of a memtable's size */

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#endif
#ifdef UNDER_TSAN
/* The library is not built for ThreadSanitizer, which sees its memcpy but not the atomics that order it.
 * Nothing of ours is C++. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:librocksdb.so\ncalled_from_lib:libzstd.so\ncalled_from_lib:liblz4.so\n"
           "race:librocksdb.so\nrace:libstdc++.so\nrace:libzstd.so\nrace:liblz4.so\n";
}
#endif

int db_error(char *rocks_error, struct err *err, const char *what)
{
    enum err_kind kind = ERR_IO;
    if (strncmp(rocks_error, "Corruption", 10) == 0)
        kind = ERR_CORRUPT;
    else if (strstr(rocks_error, "No space left") || strstr(rocks_error, "Disk quota exceeded"))
        kind = ERR_FULL;
    int r = err_set(err, kind, "%s: %.200s", what, rocks_error);
    rocksdb_free(rocks_error);
    return r;
}

/* ---- open, close ---- */

static void set_family_options(struct db *db, enum db_family family)
{
    const struct family_setting *s = &family_settings[family];
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(t, db->cache);
    rocksdb_block_based_options_set_block_size(t, s->block_bytes);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    rocksdb_block_based_options_set_format_version(t, 5);
    rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));

    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_options_set_compression(o, s->compression);
    rocksdb_options_set_bottommost_compression(o, s->settled_compression);
    rocksdb_options_set_write_buffer_size(o, s->memtable_bytes);
    if (family ==
        DB_STATE) { /* most keys that are looked up here are not there: Message-IDs that nobody referred to */
        rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, MEMTABLE_BLOOM_RATIO);
        rocksdb_options_set_memtable_whole_key_filtering(o, 1);
    }
    rocksdb_options_set_max_write_buffer_number(o, 3);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    db->table_options[family] = t;
    db->family_options[family] = o;
}

static rocksdb_options_t *make_options(bool read_only)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, !read_only);
    rocksdb_options_set_create_missing_column_families(o, !read_only);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_wal_recovery_mode(o, WAL_RECOVERY_TOLERATE_TAIL);
    rocksdb_options_set_max_total_wal_size(o, WAL_BYTES_MAX);
    rocksdb_options_set_db_write_buffer_size(o, MEMTABLES_BYTES);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_max_open_files(o, OPEN_TABLES_MAX);
    rocksdb_options_set_avoid_unnecessary_blocking_io(o, 1);
    rocksdb_options_set_allow_concurrent_memtable_write(o, 0); /* one committer */
    rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
    /* Or each page of a file would be fetched on its own: a first scan cost three times the CPU of a second. */
    rocksdb_options_set_advise_random_on_open(o, 0);
    rocksdb_options_set_bytes_per_sync(o, 1 << 20);
    rocksdb_options_set_info_log_level(o, INFO_LOG_WARN);
    rocksdb_options_set_max_log_file_size(o, 1 << 20);
    rocksdb_options_set_keep_log_file_num(o, 4);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    return o;
}

int db_open(struct db *db, const struct db_open_options *options, struct err *err)
{
    *db = (struct db){ 0 };
    db->cache = rocksdb_cache_create_lru(options->cache_bytes);
    db->options = make_options(options->read_only);
    for (int i = 0; i < DB_FAMILY_COUNT; i++)
        set_family_options(db, (enum db_family)i);
    db->read = rocksdb_readoptions_create();
    db->write_sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(db->write_sync, 1);

    char *error = NULL;
    const rocksdb_options_t *family_options[DB_FAMILY_COUNT];
    for (int i = 0; i < DB_FAMILY_COUNT; i++)
        family_options[i] = db->family_options[i];
    if (options->read_only)
        db->rocks = rocksdb_open_for_read_only_column_families(db->options, options->folder, DB_FAMILY_COUNT,
                                                               db_family_names, family_options, db->families,
                                                               0, &error);
    else
        db->rocks = rocksdb_open_column_families(db->options, options->folder, DB_FAMILY_COUNT,
                                                 db_family_names, family_options, db->families, &error);
    if (error) {
        db->rocks = NULL;
        return db_error(error, err, "cannot open the database");
    }
    return 0;
}

void db_close(struct db *db)
{
    if (db->rocks) {
        for (int i = 0; i < DB_FAMILY_COUNT; i++)
            rocksdb_column_family_handle_destroy(db->families[i]);
        rocksdb_close(db->rocks);
    }
    if (db->options) {
        rocksdb_writeoptions_destroy(db->write_sync);
        rocksdb_readoptions_destroy(db->read);
        for (int i = 0; i < DB_FAMILY_COUNT; i++) {
            rocksdb_options_destroy(db->family_options[i]);
            rocksdb_block_based_options_destroy(db->table_options[i]);
        }
        rocksdb_options_destroy(db->options);
        rocksdb_cache_destroy(db->cache);
    }
    *db = (struct db){ 0 };
}

/* ---- values ---- */

uint64_t db_check(struct str key, struct str value)
{
    /* As a seed it would cost more: XXH3 derives a secret from a seed first. */
    uint64_t k = XXH3_64bits(key.p, key.n);
    return hash_xxh3(value.p, value.n) ^ (k << 32 | k >> 32);
}

static int value_verify(enum db_family family, struct str key, struct str stored, struct str *value_out,
                        struct err *err)
{
    struct str value = str_sub(stored, 0, stored.n >= DB_CHECK_BYTES ? stored.n - DB_CHECK_BYTES : 0);
    if (stored.n >= DB_CHECK_BYTES && load_u64(stored.p + value.n) == db_check(key, value)) {
        *value_out = value;
        return 0;
    }
    struct buf hex = BUF_INIT;
    hex_encode(str_sub(key, 0, 64), &hex);
    int r = err_set(err, ERR_CORRUPT, "family %s, key %s: the value is damaged", db_family_names[family],
                    buf_c(&hex));
    buf_deinit(&hex);
    return r;
}

int db_get(const struct db *db, enum db_family family, const rocksdb_snapshot_t *snapshot, struct str key,
           struct buf *out, struct err *err)
{
    char *error = NULL;
    rocksdb_readoptions_t *read = db->read;
    if (snapshot) {
        read = rocksdb_readoptions_create();
        rocksdb_readoptions_set_snapshot(read, snapshot);
    }
    rocksdb_pinnableslice_t *pinned = rocksdb_get_pinned_cf(db->rocks, read, db->families[family], key.p,
                                                            key.n, &error);
    if (snapshot)
        rocksdb_readoptions_destroy(read);
    if (error)
        return db_error(error, err, db_family_names[family]);
    if (!pinned)
        return err_set(err, ERR_NOT_FOUND, "not found");
    struct str stored, value;
    stored.p = rocksdb_pinnableslice_value(pinned, &stored.n);
    int r = value_verify(family, key, stored, &value, err);
    if (r == 0)
        buf_add(out, value);
    rocksdb_pinnableslice_destroy(pinned);
    return r;
}

int db_get_u64(const struct db *db, enum db_family family, const rocksdb_snapshot_t *snapshot, struct str key,
               uint64_t *out, struct err *err)
{
    struct buf value = BUF_INIT;
    int r = db_get(db, family, snapshot, key, &value, err);
    if (r == -ERR_NOT_FOUND) {
        *out = 0;
        r = 0;
    } else if (r == 0 && value.n != 8) {
        r = err_set(err, ERR_CORRUPT, "family %s: a number of %zu bytes", db_family_names[family], value.n);
    } else if (r == 0) {
        *out = load_u64(value.p);
    }
    buf_deinit(&value);
    return r;
}

void db_put_checked(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str key,
                    struct str value_and_check)
{
    rocksdb_writebatch_put_cf(batch, db->families[family], key.p, key.n, value_and_check.p,
                              value_and_check.n);
}

void db_put(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str key,
            struct str value)
{
    char check[DB_CHECK_BYTES];
    store_u64(check, db_check(key, value));
    const char *values[] = { value.p ? value.p : "", check };
    const size_t value_sizes[] = { value.n, sizeof check };
    rocksdb_writebatch_putv_cf(batch, db->families[family], 1, &key.p, &key.n, 2, values, value_sizes);
}

void db_put_u64(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str key,
                uint64_t value)
{
    char bytes[8];
    store_u64(bytes, value);
    db_put(db, batch, family, key, str_make(bytes, sizeof bytes));
}

void db_delete(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str key)
{
    rocksdb_writebatch_delete_cf(batch, db->families[family], key.p, key.n);
}

void db_delete_range(const struct db *db, rocksdb_writebatch_t *batch, enum db_family family, struct str from,
                     struct str to)
{
    rocksdb_writebatch_delete_range_cf(batch, db->families[family], from.p, from.n, to.p, to.n);
}

int db_write(const struct db *db, rocksdb_writebatch_t *batch, struct err *err)
{
    char *error = NULL;
    rocksdb_write(db->rocks, db->write_sync, batch, &error);
    return error ? db_error(error, err, "cannot write to the database") : 0;
}

/* ---- ranges ---- */

void db_iter_seek(struct db_iter *it, struct str from)
{
    assert(from.n <= sizeof it->from);
    it->started = false;
    it->from_n = from.n;
    memcpy(it->from, from.n ? from.p : "", from.n);
}

void db_iter_open(struct db_iter *it, const struct db *db, enum db_family family,
                  const struct db_range *range)
{
    assert(range->to.n <= sizeof it->to);
    it->db = db;
    it->family = family;
    it->to_n = range->to.n;
    db_iter_seek(it, range->from);
    memcpy(it->to, range->to.n ? range->to.p : "", range->to.n);
    it->options = rocksdb_readoptions_create();
    if (!str_is_nil(range->to))
        rocksdb_readoptions_set_iterate_upper_bound(it->options, it->to, it->to_n);
    if (range->snapshot)
        rocksdb_readoptions_set_snapshot(it->options, range->snapshot);
    if (range->bypass_cache)
        rocksdb_readoptions_set_fill_cache(it->options, 0);
    it->rocks = rocksdb_create_iterator_cf(db->rocks, it->options, db->families[family]);
}

int db_iter_next(struct db_iter *it, struct str *key_out, struct str *value_out, struct err *err)
{
    if (!it->started)
        rocksdb_iter_seek(it->rocks, it->from, it->from_n);
    else if (rocksdb_iter_valid(it->rocks)) /* it asserts */
        rocksdb_iter_next(it->rocks);
    it->started = true;
    if (!rocksdb_iter_valid(it->rocks)) {
        char *error = NULL;
        *key_out = STR_NIL;
        rocksdb_iter_get_error(it->rocks, &error);
        return error ? db_error(error, err, db_family_names[it->family]) : 0;
    }
    struct str stored;
    key_out->p = rocksdb_iter_key(it->rocks, &key_out->n);
    stored.p = rocksdb_iter_value(it->rocks, &stored.n);
    int r = value_verify(it->family, *key_out, stored, value_out, err);
    return r < 0 ? r : 1;
}

void db_iter_close(struct db_iter *it)
{
    rocksdb_iter_destroy(it->rocks);
    rocksdb_readoptions_destroy(it->options);
}
