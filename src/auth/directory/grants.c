#include "auth/directory/grants.h"

#include "auth/directory/groups.h"
#include "auth/directory/users_private.h"
#include "base/codec.h"

#define ANYONE_FROM STR("IA")
#define ANYONE_TO   STR("IB")

struct str users_domain(struct str name)
{
    ptrdiff_t at = str_rfind_char(name, '@');
    return at < 0 ? STR("") : str_skip(name, (size_t)at + 1);
}

/* ---- identifiers ---- */

/* A group without a domain in its name is for all of them. */
static int resolve_group(struct users *users, struct str name, struct str domain, bool every_domain,
                         struct arena *arena, struct acl_entry *entry, struct err *err)
{
    struct group group;
    int r = groups_find(users, name, &group, err);
    if (r < 0)
        return r;
    struct str own = users_domain(str_c(group.name));
    if (!every_domain && own.n > 0 && !str_eq(own, domain))
        return err_set(err, ERR_NOT_FOUND, "no such group");
    entry->kind = ACL_GROUP;
    entry->id = group.id;
    entry->name = arena_printf(arena, "group:%s", group.name);
    return 0;
}

static int resolve_user(struct users *users, struct str name, struct str domain, bool every_domain,
                        struct arena *arena, struct acl_entry *entry, struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    struct user user;
    int r = users_normalise_name(name, normal, err);
    if (r < 0)
        return err_set(err, ERR_INVALID, "An identifier that can be no name");
    if (!every_domain && !str_eq(users_domain(str_c(normal)), domain))
        return err_set(err, ERR_NOT_FOUND, "no such user");
    r = users_find(users, name, &user, err);
    if (r < 0)
        return r;
    entry->kind = ACL_USER;
    entry->id = user.account.n;
    entry->name = arena_dup(arena, str_c(user.name));
    return 0;
}

int grants_resolve(struct users *users, struct str identifier, struct str domain, bool every_domain,
                   struct arena *arena, struct acl_entry *entry_out, struct err *err)
{
    struct acl_entry entry = { .negative = str_starts(identifier, STR("-")) };
    struct str name = str_skip(identifier, entry.negative), group = STR("group:");
    int r = 0;
    if (str_eq(name, STR("anyone"))) {
        entry.kind = ACL_ANYONE;
        entry.name = STR("anyone");
    } else if (str_starts(name, group)) {
        r = resolve_group(users, str_skip(name, group.n), domain, every_domain, arena, &entry, err);
    } else {
        r = resolve_user(users, name, domain, every_domain, arena, &entry, err);
    }
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_CANNOT, "There is no such user or group");
    if (r == 0)
        *entry_out = entry;
    return r;
}

/* ---- the index ---- */

static void begin_key(enum acl_kind kind, uint64_t id, struct str domain, struct buf *key)
{
    static const char letters[] = { [ACL_USER] = 'U', [ACL_GROUP] = 'G', [ACL_ANYONE] = 'A' };
    buf_clear(key);
    buf_add_char(key, 'I');
    buf_add_char(key, letters[kind]);
    if (kind == ACL_ANYONE)
        buf_add(key, domain);
    else
        buf_put_be64(key, id);
    buf_add_char(key, '/');
}

struct note {
    struct str key, owner;
};

static int note_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    const struct note *note = args;
    (void)users, (void)version, (void)err;
    batch_put(batch, note->key, note->owner);
    return 0;
}

int grants_note(struct users *users, const struct acl_entry *entry, struct account_id account,
                struct str owner, struct str domain, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    if (entry->negative || entry->rights == 0)
        return 0;
    begin_key(entry->kind, entry->id, domain, &key);
    buf_put_be64(&key, account.n);
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT, buf_str(&key), &value, err);
    if (r == -ERR_NOT_FOUND) {
        struct note note = { buf_str(&key), owner };
        r = users_change(users, note_plan, &note, err);
    }
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}

struct finding {
    grants_fn *fn;
    void *ctx;
};

static int take(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct finding *f = ctx;
    struct reader r = reader_make(str_skip(key, key.n < 8 ? 0 : key.n - 8));
    struct account_id account = { reader_be64(&r) };
    if (r.bad)
        return err_set(err, ERR_CORRUPT, "the directory has a damaged note of a granted right");
    return f->fn(f->ctx, account, value, err);
}

static int scan(struct users *users, struct str from, struct str to, struct finding *f, struct err *err)
{
    int r = store_scan(users->params.store, DIRECTORY_ACCOUNT, from, to, NULL, take, f, err);
    return r < 0 ? r : 0;
}

static int find_by(struct users *users, enum acl_kind kind, uint64_t id, struct str domain, struct finding *f,
                   struct err *err)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    begin_key(kind, id, domain, &from);
    buf_add(&to, buf_str(&from));
    to.p[to.n - 1]++; /* behind the separator */
    int r = scan(users, buf_str(&from), buf_str(&to), f, err);
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}

int grants_find(struct users *users, const struct acl_identity *who, struct str domain, bool every_domain,
                grants_fn *fn, void *ctx, struct err *err)
{
    struct finding f = { fn, ctx };
    int r = find_by(users, ACL_USER, who->user, STR(""), &f, err);
    for (size_t i = 0; r == 0 && i < who->group_count; i++)
        r = find_by(users, ACL_GROUP, who->groups[i], STR(""), &f, err);
    if (r < 0)
        return r;
    return every_domain ? scan(users, ANYONE_FROM, ANYONE_TO, &f, err)
                        : find_by(users, ACL_ANYONE, 0, domain, &f, err);
}

/* ---- accounts that belong to nobody ---- */

static void public_key(struct str domain, struct buf *key)
{
    buf_add_lit(key, "P/");
    buf_add(key, domain);
}

int grants_public_account(struct users *users, struct str domain, struct account_id *account_out,
                          struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    public_key(domain, &key);
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT, buf_str(&key), &value, err);
    if (r == 0) {
        struct reader reader = reader_make(buf_str(&value));
        account_out->n = reader_be64(&reader);
        if (reader.bad)
            r = err_set(err, ERR_CORRUPT, "the directory's public account is damaged");
    } else if (r == -ERR_NOT_FOUND) {
        r = err_set(err, ERR_NOT_FOUND, "there are no public mailboxes");
    }
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}

struct new_account {
    struct str domain;
    struct account_id id;
};

static int add_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    struct new_account *account = args;
    struct buf key = BUF_INIT, value = BUF_INIT;
    (void)version;
    int r = grants_public_account(users, account->domain, &account->id, err);
    if (r != -ERR_NOT_FOUND)
        return r;
    r = users_next_id(users, &account->id.n, err);
    if (r < 0)
        return r;
    users_put_next_id(account->id.n + 1, batch);
    public_key(account->domain, &key);
    buf_put_be64(&value, account->id.n);
    batch_put(batch, buf_str(&key), buf_str(&value));
    buf_deinit(&key);
    buf_deinit(&value);
    return 0;
}

int grants_add_public_account(struct users *users, struct str domain, struct account_id *account_out,
                              struct err *err)
{
    struct new_account account = { .domain = domain };
    int r = grants_public_account(users, domain, account_out, err);
    if (r != -ERR_NOT_FOUND)
        return r;
    if (domain.n > USER_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the name of the domain is too long");
    r = users_change(users, add_plan, &account, err);
    if (r == 0)
        *account_out = account.id;
    return r;
}
