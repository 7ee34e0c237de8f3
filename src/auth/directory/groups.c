#include "auth/directory/groups_private.h"

#include "base/codec.h"

enum { GROUP_FORMAT = 1 };

#define GROUPS_FROM STR("G/")
#define GROUPS_TO   STR("G0")

/* ---- keys ---- */

struct str group_key(const char *name, struct buf *key)
{
    buf_clear(key);
    buf_add(key, GROUPS_FROM);
    buf_add(key, str_c(name));
    return buf_str(key);
}

struct str group_pair_key(const char *letters, uint64_t a, uint64_t b, struct buf *key)
{
    buf_clear(key);
    buf_add(key, str_c(letters));
    buf_put_be64(key, a);
    buf_put_be64(key, b);
    return buf_str(key);
}

/* What all keys of one `a` begin with. */
static struct str half_key(const char *letters, uint64_t a, struct buf *key)
{
    buf_clear(key);
    buf_add(key, str_c(letters));
    buf_put_be64(key, a);
    return buf_str(key);
}

static int second_of(struct str key, uint64_t *id_out, struct err *err)
{
    struct reader r = reader_make(str_skip(key, 2 + 8));
    *id_out = reader_be64(&r);
    if (r.bad || reader_left(&r) > 0)
        return err_set(err, ERR_CORRUPT, "the directory has a damaged membership of a group");
    return 0;
}

/* ---- groups ---- */

static int group_decode(struct str name, struct str value, struct group *group_out, struct err *err)
{
    struct reader r = reader_make(value);
    struct group group = { .id = 0 };
    uint8_t format = reader_u8(&r);
    group.id = reader_be64(&r);
    if (format != GROUP_FORMAT || r.bad || reader_left(&r) > 0 || name.n >= sizeof group.name)
        return err_set(err, ERR_CORRUPT, "record of group " STR_FMT " is damaged",
                       STR_ARG(str_sub(name, 0, 100)));
    memcpy(group.name, name.p, name.n);
    *group_out = group;
    return 0;
}

int group_read(struct users *users, const char *name, struct group *group_out, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT, group_key(name, &key), &value, err);
    if (r == 0)
        r = group_decode(str_c(name), buf_str(&value), group_out, err);
    else if (r == -ERR_NOT_FOUND)
        r = err_set(err, ERR_NOT_FOUND, "there is no group %.200s", name);
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}

int groups_find(struct users *users, struct str name, struct group *group_out, struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    if (users_normalise_name(name, normal, NULL) < 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such group");
    return group_read(users, normal, group_out, err);
}

void group_put(const struct group *group, struct batch *batch)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    buf_put_u8(&value, GROUP_FORMAT);
    buf_put_be64(&value, group->id);
    batch_put(batch, group_key(group->name, &key), buf_str(&value));
    buf_deinit(&key);
    buf_deinit(&value);
}

static int add_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    struct group *group = args, existing;
    (void)version;
    int r = group_read(users, group->name, &existing, err);
    if (r == 0)
        return err_set(err, ERR_EXISTS, "group %.200s exists already", group->name);
    if (r == -ERR_NOT_FOUND)
        r = users_next_id(users, &group->id, err);
    if (r < 0)
        return r;
    users_put_next_id(group->id + 1, batch);
    group_put(group, batch);
    return 0;
}

int groups_add(struct users *users, struct str name, struct group *group_out, struct err *err)
{
    struct group group = { .id = 0 };
    int r = users_normalise_name(name, group.name, err);
    if (r < 0)
        return err_context(err, "as a name of a group");
    r = users_change(users, add_plan, &group, err);
    if (r == 0)
        *group_out = group;
    return r;
}

struct pairs {
    struct batch *batch;
    const char *reverse; /* letters of the keys the other way round */
    uint64_t first;
};

static int drop_reverse(void *ctx, struct str key, struct str value, struct err *err)
{
    struct pairs *p = ctx;
    struct buf reverse = BUF_INIT;
    uint64_t second;
    (void)value;
    int r = second_of(key, &second, err);
    if (r == 0)
        batch_delete(p->batch, group_pair_key(p->reverse, second, p->first, &reverse));
    buf_deinit(&reverse);
    return r;
}

/* All memberships of one group, or of one user. */
static int drop_pairs(struct users *users, const char *letters, const char *reverse, uint64_t first,
                      struct batch *batch, struct err *err)
{
    struct pairs p = { batch, reverse, first };
    struct buf from = BUF_INIT, to = BUF_INIT;
    half_key(letters, first, &from);
    half_key(letters, first + 1, &to);
    int r = store_scan(users->params.store, DIRECTORY_ACCOUNT, buf_str(&from), buf_str(&to), NULL,
                       drop_reverse, &p, err);
    if (r == 0)
        batch_delete_range(batch, buf_str(&from), buf_str(&to));
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}

int groups_forget_user(struct users *users, struct account_id user, struct batch *batch, struct err *err)
{
    return drop_pairs(users, "GU", "GM", user.n, batch, err);
}

static int delete_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                       struct err *err)
{
    struct group *group = args;
    struct buf key = BUF_INIT;
    (void)version;
    int r = group_read(users, group->name, group, err);
    if (r == 0)
        r = drop_pairs(users, "GM", "GU", group->id, batch, err);
    if (r == 0)
        batch_delete(batch, group_key(group->name, &key));
    buf_deinit(&key);
    return r;
}

int groups_delete(struct users *users, struct str name, struct err *err)
{
    struct group group;
    int r = groups_find(users, name, &group, err);
    return r < 0 ? r : users_change(users, delete_plan, &group, err);
}

/* ---- members ---- */

struct membership {
    struct str group_name, user_name;
    bool add;
};

static int is_member(struct users *users, const struct group *group, const struct user *user, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT,
                      group_pair_key("GM", group->id, user->account.n, &key), &value, err);
    buf_deinit(&key);
    buf_deinit(&value);
    return r == 0 ? 1 : r == -ERR_NOT_FOUND ? 0 : r;
}

static int check_membership(struct users *users, const struct membership *m, const struct group *group,
                            const struct user *user, struct err *err)
{
    uint64_t ids[GROUPS_OF_USER_MAX];
    size_t count;
    int r = is_member(users, group, user, err);
    if (r < 0)
        return r;
    if (m->add && r == 1)
        return err_set(err, ERR_EXISTS, "%.200s is in group %.200s already", user->name, group->name);
    if (!m->add && r == 0)
        return err_set(err, ERR_NOT_FOUND, "%.200s is not in group %.200s", user->name, group->name);
    if (!m->add)
        return 0;
    r = groups_of_user(users, user->account, ids, &count, err);
    if (r == 0 && count == GROUPS_OF_USER_MAX)
        r = err_set(err, ERR_LIMIT, "%.200s is in %d groups, more are not possible", user->name,
                    GROUPS_OF_USER_MAX);
    return r;
}

static int member_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                       struct err *err)
{
    const struct membership *m = args;
    struct buf key = BUF_INIT;
    struct group group;
    struct user user;
    (void)version;
    int r = groups_find(users, m->group_name, &group, err);
    if (r == 0)
        r = users_find(users, m->user_name, &user, err);
    if (r == 0)
        r = check_membership(users, m, &group, &user, err);
    if (r < 0)
        return r;
    if (m->add) {
        batch_put(batch, group_pair_key("GM", group.id, user.account.n, &key), str_c(user.name));
        batch_put(batch, group_pair_key("GU", user.account.n, group.id, &key), str_c(group.name));
    } else {
        batch_delete(batch, group_pair_key("GM", group.id, user.account.n, &key));
        batch_delete(batch, group_pair_key("GU", user.account.n, group.id, &key));
    }
    buf_deinit(&key);
    return 0;
}

int groups_add_member(struct users *users, struct str group, struct str user, struct err *err)
{
    struct membership m = { group, user, true };
    return users_change(users, member_plan, &m, err);
}

int groups_remove_member(struct users *users, struct str group, struct str user, struct err *err)
{
    struct membership m = { group, user, false };
    return users_change(users, member_plan, &m, err);
}

/* ---- lists ---- */

struct listing {
    groups_fn *group;
    groups_member_fn *member;
    void *ctx;
};

static int list_group(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct listing *listing = ctx;
    struct group group;
    int r = group_decode(str_skip(key, GROUPS_FROM.n), value, &group, err);
    return r < 0 ? r : listing->group(listing->ctx, &group, err);
}

int groups_list(struct users *users, groups_fn *fn, void *ctx, struct err *err)
{
    struct listing listing = { .group = fn, .ctx = ctx };
    int r = store_scan(users->params.store, DIRECTORY_ACCOUNT, GROUPS_FROM, GROUPS_TO, NULL, list_group,
                       &listing, err);
    return r < 0 ? r : 0;
}

static int list_member(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct listing *listing = ctx;
    (void)key;
    return listing->member(listing->ctx, value, err);
}

int groups_members(struct users *users, const struct group *group, groups_member_fn *fn, void *ctx,
                   struct err *err)
{
    struct listing listing = { .member = fn, .ctx = ctx };
    struct buf from = BUF_INIT, to = BUF_INIT;
    int r = store_scan(users->params.store, DIRECTORY_ACCOUNT, half_key("GM", group->id, &from),
                       half_key("GM", group->id + 1, &to), NULL, list_member, &listing, err);
    buf_deinit(&from);
    buf_deinit(&to);
    return r < 0 ? r : 0;
}

struct id_list {
    uint64_t *ids;
    size_t count;
};

static int take_id(void *ctx, struct str key, struct str value, struct err *err)
{
    struct id_list *list = ctx;
    (void)value;
    if (list->count == GROUPS_OF_USER_MAX)
        return 1;
    int r = second_of(key, &list->ids[list->count], err);
    list->count++;
    return r;
}

int groups_of_user(struct users *users, struct account_id user, uint64_t ids_out[GROUPS_OF_USER_MAX],
                   size_t *count_out, struct err *err)
{
    struct id_list list = { ids_out, 0 };
    struct buf from = BUF_INIT, to = BUF_INIT;
    int r = store_scan(users->params.store, DIRECTORY_ACCOUNT, half_key("GU", user.n, &from),
                       half_key("GU", user.n + 1, &to), NULL, take_id, &list, err);
    buf_deinit(&from);
    buf_deinit(&to);
    if (r < 0)
        return r;
    *count_out = list.count;
    return 0;
}
