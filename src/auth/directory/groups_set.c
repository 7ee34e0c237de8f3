/* The groups of a user as somebody else tells them. */
#include "auth/directory/groups_private.h"

struct setting {
    const struct user *user;
    struct str names; /* each with a NUL behind it */
    size_t changes;   /* of the last plan */
};

struct wanted {
    uint64_t ids[GROUPS_OF_USER_MAX];
    size_t count;
};

static bool contains(const uint64_t *ids, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* What one plan has made already: the store does not have it yet. */
struct made {
    uint64_t next_id;
    struct buf names; /* each with a NUL behind it */
};

static bool is_made(const struct made *made, const char *name)
{
    struct str rest = buf_str(&made->names);
    while (rest.n > 0)
        if (str_eq(str_cut(rest, '\0', &rest), str_c(name)))
            return true;
    return false;
}

/* The group, made when there is none. 1: it was made a moment ago, and is wanted twice. */
static int find_or_make(struct users *users, const char *name, struct made *made, struct group *group_out,
                        struct batch *batch, struct err *err)
{
    int r = group_read(users, name, group_out, err);
    if (r != -ERR_NOT_FOUND)
        return r;
    if (is_made(made, name))
        return 1;
    *group_out = (struct group){ .id = made->next_id++ };
    memcpy(group_out->name, name, strlen(name) + 1);
    buf_add_bytes(&made->names, name, strlen(name) + 1);
    group_put(group_out, batch);
    users_put_next_id(made->next_id, batch);
    return 0;
}

static void put_member(const struct user *user, const struct group *group, struct batch *batch)
{
    struct buf key = BUF_INIT;
    batch_put(batch, group_pair_key("GM", group->id, user->account.n, &key), str_c(user->name));
    batch_put(batch, group_pair_key("GU", user->account.n, group->id, &key), str_c(group->name));
    buf_deinit(&key);
}

static void end_member(const struct user *user, uint64_t group, struct batch *batch)
{
    struct buf key = BUF_INIT;
    batch_delete(batch, group_pair_key("GM", group, user->account.n, &key));
    batch_delete(batch, group_pair_key("GU", user->account.n, group, &key));
    buf_deinit(&key);
}

static int set_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    struct setting *s = args;
    struct wanted wanted = { .count = 0 };
    struct made made = { .names = BUF_INIT };
    uint64_t had[GROUPS_OF_USER_MAX];
    size_t had_count;
    struct str rest = s->names;
    (void)version;
    s->changes = 0;
    int r = groups_of_user(users, s->user->account, had, &had_count, err);
    if (r == 0)
        r = users_next_id(users, &made.next_id, err);
    while (r >= 0 && rest.n > 0 && wanted.count < GROUPS_OF_USER_MAX) {
        char name[USER_NAME_BYTES_MAX + 1];
        struct group group;
        if (users_normalise_name(str_cut(rest, '\0', &rest), name, NULL) < 0)
            continue;
        r = find_or_make(users, name, &made, &group, batch, err);
        if (r != 0 || contains(wanted.ids, wanted.count, group.id))
            continue;
        wanted.ids[wanted.count++] = group.id;
        if (!contains(had, had_count, group.id)) {
            put_member(s->user, &group, batch);
            s->changes++;
        }
    }
    for (size_t i = 0; r >= 0 && i < had_count; i++)
        if (!contains(wanted.ids, wanted.count, had[i])) {
            end_member(s->user, had[i], batch);
            s->changes++;
        }
    buf_deinit(&made.names);
    return r < 0 ? r : 0;
}

int groups_set_of_user(struct users *users, const struct user *user, struct str names, struct err *err)
{
    struct setting s = { .user = user, .names = names };
    struct batch batch = BATCH_INIT;
    int r = set_plan(users, &s, 0, &batch, err); /* only to see whether there is something to do */
    batch_deinit(&batch);
    return r < 0 || s.changes == 0 ? r : users_change(users, set_plan, &s, err);
}
