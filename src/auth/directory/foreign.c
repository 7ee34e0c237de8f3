#include "auth/directory/foreign.h"

#include "auth/directory/groups.h"
#include "auth/directory/names.h"

static const char own[] = "own";

/* Where the provider that the account belongs to stands; behind all, when it is not there. */
static size_t rank_of(const struct foreign *f, const struct user *user)
{
    const char *provider = user->provider[0] ? user->provider : own;
    size_t i = 0;
    while (i < f->order_count && strcmp(f->order[i], provider) != 0)
        i++;
    return i;
}

bool foreign_may_open(const struct foreign *f, size_t provider, const struct user *user)
{
    return provider <= rank_of(f, user);
}

static int make(const struct foreign *f, size_t provider, struct str name, struct user *user_out,
                struct err *err)
{
    int r = f->names ? names_check_new(f->names, name, err) : 0;
    if (r == -ERR_CANNOT)
        return err_set(err, ERR_NOT_FOUND, "the user is in no domain of this server");
    if (r == 0 && strcmp(f->order[provider], own) == 0)
        return err_set(err, ERR_NOT_FOUND, "the user was just deleted");
    if (r == 0)
        r = users_add_foreign(f->users, name, f->order[provider], user_out, err);
    if (r != -ERR_EXISTS)
        return r;
    r = users_find(f->users, name, user_out, err);
    if (r == -ERR_NOT_FOUND) /* and not another sign-in of that user that was quicker */
        r = err_set(err, ERR_DENIED, "an alias, or a user who is spelled otherwise, has the name");
    return r;
}

/* What a failure in between left: a user without a mail account. */
static int complete(const struct foreign *f, const struct user *user, struct err *err)
{
    uint64_t version;
    if (!f->make_account)
        return 0;
    int r = store_version(users_store(f->users), user->account, &version, err);
    return r == 0 && version == 0 ? f->make_account(f->ctx, user, err) : r;
}

int foreign_open(const struct foreign *f, size_t provider, struct str name,
                 const struct provider_answer *answer, struct user *user_out, struct err *err)
{
    struct user user;
    int r = users_find(f->users, name, &user, err);
    if (r == -ERR_NOT_FOUND)
        r = make(f, provider, name, &user, err);
    if (r == 0 && !foreign_may_open(f, provider, &user))
        r = err_set(err, ERR_DENIED, "the account belongs to a user of %s",
                    user.provider[0] ? user.provider : own);
    if (r == 0)
        r = complete(f, &user, err);
    if (r == 0 && answer && answer->groups_known)
        r = groups_set_of_user(f->users, &user, buf_str(&answer->groups), err);
    if (r == 0)
        *user_out = user;
    return r;
}
