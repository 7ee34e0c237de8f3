#include "auth/directory/server_metadata.h"

#include "auth/directory/users.h"

enum { CHANGE_ATTEMPTS_MAX = 100 };

static const struct str prefix = STR_INIT("A/"), prefix_end = STR_INIT("A0"); /* '0' follows '/' */

/* ---- values ---- */

struct stored {
    uint64_t revision;
    struct str value; /* NIL: deleted */
};

static int decode(struct str bytes, struct stored *out, struct err *err)
{
    struct reader r = reader_make(bytes);
    out->revision = reader_u64(&r);
    bool present = reader_u8(&r) != 0;
    out->value = present ? reader_bytes(&r, reader_left(&r)) : STR_NIL;
    return r.bad ? err_set(err, ERR_CORRUPT, "an annotation of the server is damaged") : 0;
}

/* "A/" and the entry without its first "/". */
static struct str key_of(struct str entry, struct buf *out)
{
    buf_clear(out);
    buf_add(out, prefix);
    buf_add(out, str_skip(entry, 1));
    return buf_str(out);
}

/* ---- reading ---- */

struct reading {
    struct str entry;
    unsigned depth;
    uint64_t after, latest;
    bool deleted_too;
    annotation_fn *fn;
    void *ctx;
};

static int take(void *ctx, struct str key, struct str value, struct err *err)
{
    struct reading *reading = ctx;
    struct str name = str_skip(key, prefix.n - 1);
    struct stored stored;

    int r = decode(value, &stored, err);
    if (r < 0)
        return r;
    if (!annotation_is_within(name, reading->entry, reading->depth) || stored.revision <= reading->after ||
        (str_is_nil(stored.value) && !reading->deleted_too))
        return 0;
    if (stored.revision > reading->latest)
        reading->latest = stored.revision;
    return reading->fn(reading->ctx, name, stored.value, err);
}

int server_metadata_read(struct store *store, struct str entry, unsigned depth, annotation_fn *fn, void *ctx,
                         struct err *err)
{
    struct reading reading = { .entry = entry, .depth = depth, .fn = fn, .ctx = ctx };
    return store_scan(store, DIRECTORY_ACCOUNT, prefix, prefix_end, NULL, take, &reading, err);
}

int server_metadata_revision(struct store *store, uint64_t *revision_out, struct err *err)
{
    return store_version(store, DIRECTORY_ACCOUNT, revision_out, err);
}

int server_metadata_changes(struct store *store, uint64_t *revision, annotation_fn *fn, void *ctx,
                            struct err *err)
{
    struct reading reading = {
        .depth = UINT_MAX, .after = *revision, .deleted_too = true, .fn = fn, .ctx = ctx
    };
    uint64_t now;

    int r = server_metadata_revision(store, &now, err);
    if (r < 0 || now == *revision) /* users that come and go move it on, too */
        return r;
    r = store_scan(store, DIRECTORY_ACCOUNT, prefix, prefix_end, &now, take, &reading, err);
    if (r == 0)
        *revision = now;
    return r;
}

/* ---- writing ---- */

static int check_entry(struct str entry, struct str value, struct err *err)
{
    bool bad = entry.n < 2 || entry.p[0] != '/' || entry.p[entry.n - 1] == '/' ||
               str_find(entry, STR("//")) >= 0;
    for (size_t i = 0; i < entry.n; i++)
        bad = bad || entry.p[i] < 0x20 || entry.p[i] == 0x7f || entry.p[i] == '*' || entry.p[i] == '%';
    if (bad)
        return err_set(err, ERR_INVALID,
                       "\"" STR_FMT "\" is no name for an annotation: take one like /comment",
                       STR_ARG(str_sub(entry, 0, 100)));
    if (entry.n > ANNOTATION_ENTRY_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the name may have %d bytes", ANNOTATION_ENTRY_BYTES_MAX);
    if (value.n > SERVER_METADATA_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the value may have %d bytes", SERVER_METADATA_BYTES_MAX);
    if (str_eq(entry, STR("/admin")) && value.n && str_find_char(value, ':') <= 0) /* RFC 5464, 3.2.1.1 */
        return err_set(err, ERR_INVALID, "/admin must be a URI, such as mailto:postmaster@example.org");
    return 0;
}

static int count_one(void *ctx, struct str key, struct str value, struct err *err)
{
    (void)key, (void)value, (void)err;
    ++*(unsigned *)ctx;
    return 0;
}

static int plan(struct store *store, struct str entry, struct str value, uint64_t version,
                struct batch *batch, struct err *err)
{
    struct buf key = BUF_INIT, bytes = BUF_INIT;
    struct stored old = { 0 };
    unsigned count = 0;

    int r = store_get(store, DIRECTORY_ACCOUNT, key_of(entry, &key), &bytes, err);
    bool is_new = r == -ERR_NOT_FOUND;
    if (r == 0)
        r = decode(buf_str(&bytes), &old, err);
    else if (is_new)
        r = store_scan(store, DIRECTORY_ACCOUNT, prefix, prefix_end, NULL, count_one, &count, err);
    if (r == 0 && str_is_nil(value) && str_is_nil(old.value))
        r = err_set(err, ERR_NOT_FOUND, "there is no annotation " STR_FMT, STR_ARG(entry));
    if (r == 0 && is_new && count >= SERVER_METADATA_COUNT_MAX)
        r = err_set(err, ERR_LIMIT, "the server has %u annotations, no more are allowed", count);
    if (r == 0) {
        buf_clear(&bytes);
        buf_put_u64(&bytes, version + 1);
        buf_put_u8(&bytes, !str_is_nil(value));
        buf_add(&bytes, value);
        batch_put(batch, buf_str(&key), buf_str(&bytes));
    }
    buf_deinit(&key);
    buf_deinit(&bytes);
    return r;
}

static int set(struct store *store, struct str entry, struct str value, struct err *err)
{
    struct batch batch = BATCH_INIT;
    uint64_t version;
    int r = -ERR_CONFLICT;

    for (int i = 0; i < CHANGE_ATTEMPTS_MAX && r == -ERR_CONFLICT; i++) {
        batch_clear(&batch);
        r = store_version(store, DIRECTORY_ACCOUNT, &version, err);
        if (r == 0)
            r = plan(store, entry, value, version, &batch, err);
        if (r == 0)
            r = store_commit(store, DIRECTORY_ACCOUNT, version, version + 1, &batch, err);
    }
    batch_deinit(&batch);
    return r == -ERR_CONFLICT
               ? err_set(err, ERR_UNAVAILABLE, "the directory is changed by others all the time")
               : r;
}

int server_metadata_set(struct store *store, struct str entry, struct str value, struct err *err)
{
    struct arena arena = ARENA_INIT;
    char *lower = arena_c(&arena, entry);

    for (size_t i = 0; i < entry.n; i++)
        lower[i] = ascii_lower(lower[i]);
    entry = str_make(lower, entry.n);
    int r = check_entry(entry, value, err);
    if (r == 0)
        r = set(store, entry, value, err);
    arena_deinit(&arena);
    return r;
}
