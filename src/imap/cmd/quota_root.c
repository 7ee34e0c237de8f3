#include "imap/cmd/quota_root.h"

#include "auth/directory/owner.h"

/* ---- who ---- */

static bool is_user(struct str name, const char *user_name)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    return users_normalise_name(name, normal, NULL) == 0 && strcmp(normal, user_name) == 0;
}

bool quota_is_administrator(const struct session *s)
{
    struct str rest = str_c(s->server->settings.quota_administrators), name;

    while (!str_is_nil(name = str_next_word(&rest)))
        if (is_user(name, s->user_name))
            return true;
    return false;
}

/* ---- names ---- */

struct str quota_owner(struct session *s, const struct account *account, struct str name)
{
    if (name.n)
        return arena_printf(&s->arena, "user/" STR_FMT, STR_ARG(name));
    return arena_printf(&s->arena, "account/%llu", (unsigned long long)account_id(account).n);
}

struct str quota_root_name(struct session *s, struct str owner, struct str mailbox)
{
    if (mailbox.n == 0)
        return owner;
    return arena_printf(&s->arena, STR_FMT "/" STR_FMT, STR_ARG(owner), STR_ARG(mailbox));
}

static int no_such_root(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no such quota root");
}

/* By its owner's name, or by its id. */
static int open_other(struct session *s, struct str name, bool by_id, struct quota_place *place,
                      struct err *err)
{
    struct user user = { 0 };
    int r = 0;

    if (by_id && (!str_to_u64(name, UINT64_MAX, &user.account.n) || user.account.n == DIRECTORY_ACCOUNT.n))
        return no_such_root(err);
    if (by_id)
        r = users_owner(s->server->users, user.account, user.name, err);
    else
        r = users_find(s->server->users, name, &user, err);
    if (r == 0 || (by_id && r == -ERR_NOT_FOUND)) /* nobody's: public mailboxes */
        r = mail_account_open(s->server->mail, user.account, &place->account, err);
    if (r == -ERR_NOT_FOUND)
        return no_such_root(err);
    if (r == 0)
        place->owner = quota_owner(s, place->account, str_c(user.name));
    return r;
}

static int open_account(struct session *s, struct str name, bool by_id, struct quota_place *place,
                        struct err *err)
{
    if (!by_id && is_user(name, s->user_name)) {
        place->account = account_ref(s->account);
        place->owner = quota_owner(s, s->account, str_c(s->user_name));
        return 0;
    }
    return quota_is_administrator(s) ? open_other(s, name, by_id, place, err) : no_such_root(err);
}

int quota_root_find(struct session *s, struct str root, struct quota_place *place_out, struct err *err)
{
    struct quota_place place = { 0 };
    struct str rest, mailbox, kind = str_cut(root, '/', &rest), name = str_cut(rest, '/', &mailbox);

    if (str_eq(kind, STR("domain")) && quota_is_administrator(s)) {
        *place_out = (struct quota_place){ .domain = rest };
        return 0;
    }
    bool by_id = str_eq(kind, STR("account"));
    if ((!by_id && !str_eq(kind, STR("user"))) || (!str_is_nil(mailbox) && mailbox.n == 0))
        return no_such_root(err);
    int r = open_account(s, name, by_id, &place, err);
    if (r < 0) {
        account_unref(&place.account);
        return r;
    }
    place.mailbox = mailbox;
    *place_out = place;
    return 0;
}

void quota_place_leave(struct quota_place *place)
{
    account_unref(&place->account);
}

static void tell(struct session *s)
{
    session_untagged(s, "NO", "OVERQUOTA", "Soft quota has been exceeded");
}

void quota_selected(struct session *s)
{
    s->over_quota = s->selected_account && account_is_over_quota(s->selected_account);
}

void quota_tell_soft(struct session *s, const struct change *change)
{
    if (!change->soft_quota)
        return;
    tell(s);
    quota_selected(s);
}

void quota_tell_passed(struct session *s)
{
    bool before = s->over_quota;
    quota_selected(s);
    if (s->over_quota && !before)
        tell(s);
}
