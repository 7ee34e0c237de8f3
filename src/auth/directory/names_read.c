/* Aliases and domains as they lie in the directory, and what is kept of them in memory. */
#include "auth/directory/names_private.h"

#include <stdlib.h>

/* Values of "L/" and "V/", see names.h; both begin with this. */
enum { NAMES_FORMAT = 1 };
enum { CACHE_KEYS_MAX = 20000 }; /* strangers ask for any name */

struct names_cached {
    bool there;
    size_t n;
    char bytes[];
};

/* ---- layout ---- */

static void make_key(struct str prefix, struct str name, struct buf *key)
{
    buf_clear(key);
    buf_add(key, prefix);
    buf_add(key, name);
}

void alias_key(struct str name, struct buf *key)
{
    make_key(ALIASES_FROM, name, key);
}

void domain_key(struct str name, struct buf *key)
{
    make_key(DOMAINS_FROM, name, key);
}

static int damaged(struct str name, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "the record of " STR_FMT " is damaged, or a newer Loft wrote it",
                   STR_ARG(str_sub(name, 0, 150)));
}

static bool is_name(struct str s)
{
    return s.n > 0 && s.n <= USER_NAME_BYTES_MAX;
}

int alias_decode(struct str name, struct str value, struct reader *targets_out, uint64_t *count_out,
                 struct err *err)
{
    struct reader r = reader_make(value);
    uint8_t format = reader_u8(&r);
    uint64_t count = reader_varint(&r);
    struct reader targets = r;
    bool bad = format != NAMES_FORMAT || count == 0 || count > NAMES_TARGETS_MAX;
    for (uint64_t i = 0; i < count && !bad; i++)
        bad = !is_name(reader_str(&r)) || r.bad;
    if (bad || r.bad || reader_left(&r) > 0)
        return damaged(name, err);
    *targets_out = targets;
    *count_out = count;
    return 0;
}

int domain_decode(struct str name, struct str value, struct str *another_name_for_out, struct err *err)
{
    struct reader r = reader_make(value);
    uint8_t format = reader_u8(&r);
    struct str other = reader_str(&r);
    if (format != NAMES_FORMAT || r.bad || reader_left(&r) > 0 || other.n > USER_NAME_BYTES_MAX)
        return damaged(name, err);
    *another_name_for_out = other;
    return 0;
}

/* ---- memory ---- */

static void cache_clear(struct names *names)
{
    void *cached;
    for (size_t i = 0; map_next(&names->cache, &i, NULL, &cached);)
        free(cached);
    map_deinit(&names->cache);
    map_init(&names->cache);
}

static bool cache_look(struct names *names, struct str key, uint64_t version, struct buf *value,
                       bool *there_out)
{
    pthread_mutex_lock(&names->lock);
    if (names->version != version) {
        cache_clear(names);
        names->version = version;
    }
    const struct names_cached *cached = map_get(&names->cache, key);
    if (cached) {
        buf_clear(value);
        buf_add_bytes(value, cached->bytes, cached->n);
        *there_out = cached->there;
    }
    pthread_mutex_unlock(&names->lock);
    return cached != NULL;
}

/* `value` was read after `version` was: it is as new or newer. Not kept when the directory moved on. */
static void cache_keep(struct names *names, struct str key, uint64_t version, struct str value, bool there)
{
    pthread_mutex_lock(&names->lock);
    if (names->version == version) {
        struct names_cached *cached = malloc(sizeof *cached + value.n);
        if (!cached)
            abort();
        cached->there = there;
        cached->n = value.n;
        if (value.n)
            memcpy(cached->bytes, value.p, value.n);
        if (names->cache.count >= CACHE_KEYS_MAX)
            cache_clear(names);
        free(map_put(&names->cache, key, cached));
    }
    pthread_mutex_unlock(&names->lock);
}

int names_read(struct names *names, struct str key, struct buf *value_out, struct err *err)
{
    struct store *store = users_store(names->users);
    uint64_t version;
    bool there;
    int r = store_version(store, DIRECTORY_ACCOUNT, &version, err);
    if (r < 0)
        return r;
    if (cache_look(names, key, version, value_out, &there))
        return there ? 0 : -ERR_NOT_FOUND;
    buf_clear(value_out);
    r = store_get(store, DIRECTORY_ACCOUNT, key, value_out, err);
    if (r == 0 || r == -ERR_NOT_FOUND)
        cache_keep(names, key, version, r == 0 ? buf_str(value_out) : STR(""), r == 0);
    return r;
}

static int found_one(void *ctx, struct str key, struct str value, struct err *err)
{
    (void)key, (void)value, (void)err;
    *(bool *)ctx = true;
    return 1;
}

/* Kept under the key that no domain has. */
int names_have_domains(struct names *names, struct err *err)
{
    struct store *store = users_store(names->users);
    struct buf value = BUF_INIT;
    uint64_t version;
    bool have = false;
    int r = store_version(store, DIRECTORY_ACCOUNT, &version, err);
    if (r == 0 && !cache_look(names, DOMAINS_FROM, version, &value, &have)) {
        r = store_scan(store, DIRECTORY_ACCOUNT, DOMAINS_FROM, DOMAINS_TO, NULL, found_one, &have, err);
        if (r >= 0)
            cache_keep(names, DOMAINS_FROM, version, STR(""), have);
    }
    buf_deinit(&value);
    return r < 0 ? r : have;
}

int names_read_domain(struct names *names, struct str domain, char out[USER_NAME_BYTES_MAX + 1],
                      struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    struct str other;
    domain_key(domain, &key);
    int r = names_read(names, buf_str(&key), &value, err);
    if (r == 0)
        r = domain_decode(domain, buf_str(&value), &other, err);
    if (r == 0) {
        if (other.n == 0)
            other = domain;
        memmove(out, other.p, other.n);
        out[other.n] = '\0';
    }
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}

/* ---- life ---- */

int names_new(const struct names_params *params, struct names **names_out, struct err *err)
{
    struct names *names = calloc(1, sizeof *names);
    if (!names)
        abort();
    names->users = params->users;
    names->delimiter = params->delimiter;
    names->sign_in_with_alias = params->sign_in_with_alias;
    struct str domain = str_c(params->default_domain);
    int r = domain.n ? users_normalise_domain(domain, names->default_domain, err) : 0;
    if (r < 0) {
        free(names);
        return err_context(err, "default domain");
    }
    pthread_mutex_init(&names->lock, NULL);
    map_init(&names->cache);
    *names_out = names;
    return 0;
}

void names_free(struct names **names)
{
    struct names *n = *names;
    if (!n)
        return;
    cache_clear(n);
    map_deinit(&n->cache);
    pthread_mutex_destroy(&n->lock);
    free(n);
    *names = NULL;
}
