/* Aliases: made, deleted, listed. */
#include "auth/directory/names_private.h"

static void put_targets(struct str name, struct str targets, uint64_t count, struct batch *batch)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    alias_key(name, &key);
    if (count) {
        buf_put_u8(&value, 1);
        buf_put_varint(&value, count);
        buf_add(&value, targets);
        batch_put(batch, buf_str(&key), buf_str(&value));
    } else {
        batch_delete(batch, buf_str(&key));
    }
    buf_deinit(&key);
    buf_deinit(&value);
}

/* From the store: `value` holds what the reader reads. count_out 0: there is none. */
static int read_alias(struct users *users, struct str name, struct buf *value, struct reader *targets_out,
                      uint64_t *count_out, struct err *err)
{
    struct buf key = BUF_INIT;
    alias_key(name, &key);
    int r = store_get(users_store(users), DIRECTORY_ACCOUNT, buf_str(&key), value, err);
    buf_deinit(&key);
    *count_out = 0;
    if (r == -ERR_NOT_FOUND)
        return 0;
    return r < 0 ? r : alias_decode(name, buf_str(value), targets_out, count_out, err);
}

/* The targets without one; *found_out: it was among them. */
static uint64_t targets_without(struct reader targets, uint64_t count, struct str gone, struct buf *out,
                                bool *found_out)
{
    uint64_t left = 0;
    *found_out = false;
    for (uint64_t i = 0; i < count; i++) {
        struct str target = reader_str(&targets);
        if (str_eq(target, gone)) {
            *found_out = true;
            continue;
        }
        buf_put_str(out, target);
        left++;
    }
    return left;
}

/* ---- aliases ---- */

struct aliasing {
    char alias[USER_NAME_BYTES_MAX + 1];
    char target[USER_NAME_BYTES_MAX + 1]; /* "": all of them */
};

/* Is `alias` among those that `name` stands for? Then -ERR_INVALID. `*looked` counts the names met. */
static int look_for_loop(struct users *users, struct str name, const char *alias, unsigned depth,
                         size_t *looked, struct err *err)
{
    struct buf value = BUF_INIT;
    struct reader targets;
    uint64_t count;
    if (str_eq(name, str_c(alias)))
        return err_set(err, ERR_INVALID, "%.200s would stand for itself", alias);
    if (depth > NAMES_ALIAS_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "aliases may stand for aliases %d deep", NAMES_ALIAS_DEPTH_MAX);
    if (++*looked > NAMES_LOOKED_MAX)
        return err_set(err, ERR_LIMIT, "%.200s would stand for too many names", alias);
    int r = read_alias(users, name, &value, &targets, &count, err);
    for (uint64_t i = 0; r == 0 && i < count; i++)
        r = look_for_loop(users, reader_str(&targets), alias, depth + 1, looked, err);
    buf_deinit(&value);
    return r;
}

static int add_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    const struct aliasing *a = args;
    struct buf value = BUF_INIT, targets = BUF_INIT;
    struct reader reader;
    struct user user;
    uint64_t count = 0;
    size_t looked = 0;
    bool found = false;
    (void)version;
    int r = users_read(users, a->alias, &user, err);
    if (r == 0)
        r = err_set(err, ERR_EXISTS, "%.200s is a user", a->alias);
    else if (r == -ERR_NOT_FOUND)
        r = look_for_loop(users, str_c(a->target), a->alias, 1, &looked, err);
    if (r == 0)
        r = read_alias(users, str_c(a->alias), &value, &reader, &count, err);
    if (r == 0 && count)
        targets_without(reader, count, str_c(a->target), &targets, &found);
    if (r == 0 && found)
        r = err_set(err, ERR_EXISTS, "%.100s stands for %.100s already", a->alias, a->target);
    if (r == 0 && count >= NAMES_TARGETS_MAX)
        r = err_set(err, ERR_LIMIT, "an alias may stand for %d names", NAMES_TARGETS_MAX);
    if (r == 0) {
        buf_put_str(&targets, str_c(a->target));
        put_targets(str_c(a->alias), buf_str(&targets), count + 1, batch);
    }
    buf_deinit(&value);
    buf_deinit(&targets);
    return r;
}

/* The one of its spellings that is an alias; -ERR_NOT_FOUND. */
static int find_spelling(struct names *names, const struct spellings *s, char out[USER_NAME_BYTES_MAX + 1],
                         struct err *err)
{
    for (size_t i = 0; i < s->count; i++) {
        struct buf value = BUF_INIT;
        struct reader targets;
        uint64_t count;
        int r = read_alias(names->users, str_c(s->name[i]), &value, &targets, &count, err);
        buf_deinit(&value);
        if (r == 0 && count)
            memcpy(out, s->name[i], sizeof s->name[i]);
        if (r < 0 || count)
            return r;
    }
    return -ERR_NOT_FOUND;
}

/* The name of the user or alias, as it is kept. */
static int find_target(struct names *names, struct str target, names_find_fn *find, void *ctx,
                       char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    struct spellings s;
    struct user user;
    int r = names_normalise(names, target, out, err);
    if (r == 0)
        r = names_spell(names, out, &s, err);
    if (r == 0)
        r = names_find_user(names, &s, &user, err);
    if (r == -ERR_NOT_FOUND) {
        r = find_spelling(names, &s, out, err);
        if (r == 0)
            return 0;
    }
    if (r == -ERR_NOT_FOUND && find)
        r = find(ctx, str_c(s.name[s.canonical]), &user, err);
    if (r == 0)
        memcpy(out, user.name, sizeof user.name);
    return r == -ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "there is no user or alias " STR_FMT,
                                         STR_ARG(str_sub(target, 0, 200)))
                               : r;
}

/* As it is kept, or will be: a name with its domain, or "@domain". */
static int spell_alias(struct names *names, struct str alias, char out[USER_NAME_BYTES_MAX + 1],
                       struct err *err)
{
    struct spellings s;
    struct user user;
    int r = users_normalise_name(alias, out, err);
    if (r == 0 && out[0] == '@' && (out[1] == '\0' || strchr(out + 1, '@')))
        return err_set(err, ERR_INVALID, "a catch-all is written @example.org");
    if (r == 0)
        r = names_check_domain(names, str_c(out), err);
    if (r == 0)
        r = names_spell(names, out, &s, err);
    if (r < 0)
        return r;
    r = names_find_user(names, &s, &user, err);
    if (r == 0)
        return err_set(err, ERR_EXISTS, "%.200s is a user", user.name);
    if (r == -ERR_NOT_FOUND)
        r = find_spelling(names, &s, out, err);
    if (r == -ERR_NOT_FOUND) {
        memcpy(out, s.name[s.canonical], sizeof s.name[0]);
        r = 0;
    }
    return r;
}

int names_add_alias(struct names *names, struct str alias, struct str target, names_find_fn *find, void *ctx,
                    struct err *err)
{
    struct aliasing a;
    int r = spell_alias(names, alias, a.alias, err);
    if (r == 0)
        r = find_target(names, target, find, ctx, a.target, err);
    return r < 0 ? r : users_change(names->users, add_plan, &a, err);
}

static int delete_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                       struct err *err)
{
    const struct aliasing *a = args;
    struct buf value = BUF_INIT, targets = BUF_INIT;
    struct reader reader;
    uint64_t count;
    bool found = false;
    (void)version;
    int r = read_alias(users, str_c(a->alias), &value, &reader, &count, err);
    if (r == 0 && count == 0)
        r = err_set(err, ERR_NOT_FOUND, "there is no alias %.200s", a->alias);
    if (r == 0 && a->target[0]) {
        count = targets_without(reader, count, str_c(a->target), &targets, &found);
        if (!found)
            r = err_set(err, ERR_NOT_FOUND, "%.100s does not stand for %.100s", a->alias, a->target);
    } else {
        count = 0;
    }
    if (r == 0)
        put_targets(str_c(a->alias), buf_str(&targets), count, batch);
    buf_deinit(&value);
    buf_deinit(&targets);
    return r;
}

/* Existing or not: what stands for somebody who is gone can be deleted, too. */
static int spell_target(struct names *names, struct str target, char out[USER_NAME_BYTES_MAX + 1],
                        struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    int r = names_normalise(names, target, normal, err);
    if (r == 0)
        r = find_target(names, str_c(normal), NULL, NULL, out, err);
    if (r == -ERR_NOT_FOUND && names_normalise(names, target, out, err) == 0)
        r = 0;
    return r;
}

int names_delete_alias(struct names *names, struct str alias, struct str target, struct err *err)
{
    struct aliasing a = { .target = "" };
    struct spellings s;
    int r = names_normalise(names, alias, a.alias, err);
    if (r == 0)
        r = names_spell(names, a.alias, &s, err);
    if (r == 0)
        r = find_spelling(names, &s, a.alias, err);
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "there is no alias " STR_FMT, STR_ARG(str_sub(alias, 0, 200)));
    if (r == 0 && target.n)
        r = spell_target(names, target, a.target, err);
    return r < 0 ? r : users_change(names->users, delete_plan, &a, err);
}

struct listing {
    names_alias_fn *fn;
    void *ctx;
};

static int list_alias(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct listing *listing = ctx;
    struct str name = str_skip(key, ALIASES_FROM.n);
    struct reader targets;
    uint64_t count = 0;
    int r = alias_decode(name, value, &targets, &count, err);
    for (uint64_t i = 0; r == 0 && i < count; i++)
        r = listing->fn(listing->ctx, name, reader_str(&targets), err);
    return r;
}

int aliases_each(struct users *users, names_alias_fn *fn, void *ctx, struct err *err)
{
    struct listing listing = { fn, ctx };
    int r = store_scan(users_store(users), DIRECTORY_ACCOUNT, ALIASES_FROM, ALIASES_TO, NULL, list_alias,
                       &listing, err);
    return r < 0 ? r : 0;
}

int names_list_aliases(struct names *names, names_alias_fn *fn, void *ctx, struct err *err)
{
    return aliases_each(names->users, fn, ctx, err);
}

struct forgetting {
    const char *user;
    struct batch *batch;
};

static int forget_in_alias(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct forgetting *f = ctx;
    struct str name = str_skip(key, ALIASES_FROM.n);
    struct buf left = BUF_INIT;
    struct reader targets;
    uint64_t count;
    bool found;
    int r = alias_decode(name, value, &targets, &count, err);
    if (r < 0)
        return r;
    count = targets_without(targets, count, str_c(f->user), &left, &found);
    if (found)
        put_targets(name, buf_str(&left), count, f->batch);
    buf_deinit(&left);
    return 0;
}

int aliases_forget_user(struct users *users, const char *name, struct batch *batch, struct err *err)
{
    struct forgetting f = { name, batch };
    int r = store_scan(users_store(users), DIRECTORY_ACCOUNT, ALIASES_FROM, ALIASES_TO, NULL, forget_in_alias,
                       &f, err);
    return r < 0 ? r : 0;
}
