#include "auth/directory/owner.h"

struct search {
    struct account_id account;
    char *name;
    bool found;
};

static int look_at(void *ctx, const struct user *user, struct err *err)
{
    struct search *search = ctx;
    (void)err;
    if (user->account.n != search->account.n)
        return 0;
    memcpy(search->name, user->name, sizeof user->name);
    search->found = true;
    return 1;
}

int users_owner(struct users *users, struct account_id account, char name_out[USER_NAME_BYTES_MAX + 1],
                struct err *err)
{
    struct search search = { account, name_out, false };
    int r = users_list(users, look_at, &search, err);
    if (r < 0 || search.found)
        return r < 0 ? r : 0;
    return err_set(err, ERR_NOT_FOUND, "the account belongs to nobody");
}
