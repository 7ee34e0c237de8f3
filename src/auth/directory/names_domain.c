/* Domains of this server: made, deleted, listed. */
#include "auth/directory/names_private.h"

#include "auth/directory/grants.h"

struct domaining {
    char domain[USER_NAME_BYTES_MAX + 1];
    char other[USER_NAME_BYTES_MAX + 1]; /* "": a domain of its own */
};

static void put_domain(struct str domain, struct str other, struct batch *batch)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    domain_key(domain, &key);
    buf_put_u8(&value, 1);
    buf_put_str(&value, other.n ? other : STR(""));
    batch_put(batch, buf_str(&key), buf_str(&value));
    buf_deinit(&key);
    buf_deinit(&value);
}

/* 0; 1: it has a record, `other_out` (may be NULL) says whether it is only another name. */
static int read_domain(struct users *users, const char *domain, bool *other_out, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    struct str other;
    domain_key(str_c(domain), &key);
    int r = store_get(users_store(users), DIRECTORY_ACCOUNT, buf_str(&key), &value, err);
    if (r == 0)
        r = domain_decode(str_c(domain), buf_str(&value), &other, err);
    if (r == 0 && other_out)
        *other_out = other.n > 0;
    buf_deinit(&key);
    buf_deinit(&value);
    return r == -ERR_NOT_FOUND ? 0 : r < 0 ? r : 1;
}

static int put_domain_of(void *ctx, const struct user *user, struct err *err)
{
    struct str domain = users_domain(str_c(user->name));
    (void)err;
    if (domain.n)
        put_domain(domain, STR(""), ctx);
    return 0;
}

static int note_one(void *ctx, struct str key, struct str value, struct err *err)
{
    (void)key, (void)value, (void)err;
    *(bool *)ctx = true;
    return 1;
}

static int add_domain_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                           struct err *err)
{
    const struct domaining *d = args;
    bool some = false, other = false;
    (void)version;
    int r = read_domain(users, d->domain, NULL, err);
    if (r == 1)
        return err_set(err, ERR_EXISTS, "%.200s is a domain of this server already", d->domain);
    if (r == 0)
        r = store_scan(users_store(users), DIRECTORY_ACCOUNT, DOMAINS_FROM, DOMAINS_TO, NULL, note_one, &some,
                       err);
    /* With the first record, domains without one end to be ours: nobody who is here shall be cut off. */
    if (r >= 0 && !some)
        r = users_list(users, put_domain_of, batch, err);
    if (r >= 0 && d->other[0] && some) {
        r = read_domain(users, d->other, &other, err);
        if (r == 0 || (r == 1 && other))
            return err_set(err, ERR_NOT_FOUND, "%.200s is no domain of this server", d->other);
    }
    if (r >= 0 && d->other[0] && !some)
        put_domain(str_c(d->other), STR(""), batch);
    if (r >= 0)
        put_domain(str_c(d->domain), str_c(d->other), batch);
    return r < 0 ? r : 0;
}

static int find_user_in(void *ctx, const struct user *user, struct err *err)
{
    const struct domaining *d = ctx;
    return str_eq(users_domain(str_c(user->name)), str_c(d->domain))
               ? err_set(err, ERR_CANNOT, "there are users in %.100s, such as %.100s", d->domain, user->name)
               : 0;
}

static int find_alias_in(void *ctx, struct str alias, struct str target, struct err *err)
{
    const struct domaining *d = ctx;
    (void)target;
    return str_eq(users_domain(alias), str_c(d->domain))
               ? err_set(err, ERR_CANNOT, "there are aliases in %.100s, such as " STR_FMT, d->domain,
                         STR_ARG(str_sub(alias, 0, 100)))
               : 0;
}

static int find_name_of(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct domaining *d = ctx;
    struct str other, name = str_skip(key, DOMAINS_FROM.n);
    int r = domain_decode(name, value, &other, err);
    return r == 0 && str_eq(other, str_c(d->domain))
               ? err_set(err, ERR_CANNOT, STR_FMT " is another name for %.100s",
                         STR_ARG(str_sub(name, 0, 100)), d->domain)
               : r;
}

static int scan_names_of(struct users *users, struct domaining *d, struct err *err)
{
    int r = store_scan(users_store(users), DIRECTORY_ACCOUNT, DOMAINS_FROM, DOMAINS_TO, NULL, find_name_of, d,
                       err);
    return r < 0 ? r : aliases_each(users, find_alias_in, d, err);
}

static int delete_domain_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                              struct err *err)
{
    struct domaining *d = args;
    struct buf key = BUF_INIT;
    bool other = false;
    (void)version;
    int r = read_domain(users, d->domain, &other, err);
    if (r == 0)
        return err_set(err, ERR_NOT_FOUND, "%.200s is no domain of this server", d->domain);
    if (r > 0)
        r = other ? 0 : users_list(users, find_user_in, d, err);
    if (r >= 0 && !other)
        r = scan_names_of(users, d, err);
    if (r < 0)
        return r;
    domain_key(str_c(d->domain), &key);
    batch_delete(batch, buf_str(&key));
    buf_deinit(&key);
    return 0;
}

int names_add_domain(struct names *names, struct str domain, struct str another_name_for, struct err *err)
{
    struct domaining d = { .other = "" };
    int r = users_normalise_domain(domain, d.domain, err);
    if (r == 0 && another_name_for.n)
        r = users_normalise_domain(another_name_for, d.other, err);
    if (r == 0 && strcmp(d.domain, d.other) == 0)
        return err_set(err, ERR_INVALID, "a domain cannot be another name for itself");
    return r < 0 ? r : users_change(names->users, add_domain_plan, &d, err);
}

int names_delete_domain(struct names *names, struct str domain, struct err *err)
{
    struct domaining d = { .other = "" };
    if (users_normalise_domain(domain, d.domain, NULL) < 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such domain");
    return users_change(names->users, delete_domain_plan, &d, err);
}

struct listing {
    names_domain_fn *fn;
    void *ctx;
};

static int list_domain(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct listing *listing = ctx;
    struct str other, name = str_skip(key, DOMAINS_FROM.n);
    int r = domain_decode(name, value, &other, err);
    return r < 0 ? r : listing->fn(listing->ctx, name, other, err);
}

int names_list_domains(struct names *names, names_domain_fn *fn, void *ctx, struct err *err)
{
    struct listing listing = { fn, ctx };
    int r = store_scan(users_store(names->users), DIRECTORY_ACCOUNT, DOMAINS_FROM, DOMAINS_TO, NULL,
                       list_domain, &listing, err);
    return r < 0 ? r : 0;
}
