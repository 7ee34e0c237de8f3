/* What a user's clients are told: capabilities that are hidden from them, and where the mail is.     RFC 2221 */
#include "auth/directory/users_private.h"

#include <stdio.h>

#define REFERRALS_FROM STR("R/")
#define REFERRALS_TO   STR("R0") /* '0' follows '/' */

/* ---- hidden capabilities ---- */

struct hiding {
    char name[USER_NAME_BYTES_MAX + 1];
    struct str capability;
    bool hide;
};

/* An atom; "*" at its end only. */
static int check_capability(struct str name, struct err *err)
{
    bool bad = name.n == 0 || str_eq(name, STR("*"));
    for (size_t i = 0; i < name.n; i++)
        bad = bad || name.p[i] <= ' ' || name.p[i] >= 0x7f || strchr("(){%\"\\],", name.p[i]) ||
              (name.p[i] == '*' && i + 1 < name.n);
    return bad ? err_set(err, ERR_INVALID, "\"" STR_FMT "\" is no name of a capability, such as QRESYNC",
                         STR_ARG(str_sub(name, 0, 100)))
               : 0;
}

/* The list without the capability; *found_out: it was there. */
static void list_without(struct str list, struct str capability, struct buf *out, bool *found_out)
{
    *found_out = false;
    while (list.n > 0) {
        struct str item = str_cut(list, ' ', &list);
        if (str_eq_nocase(item, capability)) {
            *found_out = true;
            continue;
        }
        if (out->n)
            buf_add_char(out, ' ');
        buf_add(out, item);
    }
}

static int edit_hidden(struct user *user, const struct hiding *hiding, struct err *err)
{
    struct buf list = BUF_INIT;
    bool found;
    int r = 0;

    list_without(str_c(user->hidden), hiding->capability, &list, &found);
    if (hiding->hide && found)
        r = err_set(err, ERR_EXISTS, STR_FMT " is hidden already", STR_ARG(hiding->capability));
    if (!hiding->hide && !found)
        r = err_set(err, ERR_NOT_FOUND, STR_FMT " is not hidden", STR_ARG(hiding->capability));
    if (hiding->hide)
        buf_printf(&list, "%s" STR_FMT, list.n ? " " : "", STR_ARG(hiding->capability));
    if (r == 0 && list.n > USER_HIDDEN_BYTES_MAX)
        r = err_set(err, ERR_LIMIT, "the names of hidden capabilities may have %d bytes in all",
                    USER_HIDDEN_BYTES_MAX);
    if (r == 0)
        snprintf(user->hidden, sizeof user->hidden, "%s", buf_c(&list));
    buf_deinit(&list);
    return r;
}

static int hide_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    const struct hiding *hiding = args;
    struct user user;
    int r = users_read(users, hiding->name, &user, err);
    if (r == 0)
        r = edit_hidden(&user, hiding, err);
    if (r < 0)
        return r;
    user.revision = version + 1;
    users_put(&user, batch);
    return 0;
}

int users_hide_capability(struct users *users, struct str name, struct str capability, bool hide,
                          struct err *err)
{
    struct hiding hiding = { .capability = capability, .hide = hide };
    int r = users_normalise_existing(users, name, hiding.name, err);
    if (r == 0)
        r = check_capability(capability, err);
    return r < 0 ? r : users_change(users, hide_plan, &hiding, err);
}

/* ---- referrals ---- */

struct referring {
    char name[USER_NAME_BYTES_MAX + 1];
    struct str url;
};

void users_referral_key(const char *name, struct buf *key)
{
    buf_clear(key);
    buf_add(key, REFERRALS_FROM);
    buf_add(key, str_c(name));
}

/* It goes into a response code: RFC 2221, 5; RFC 5092. */
static int check_url(struct str url, struct err *err)
{
    bool bad = !str_starts_nocase(url, STR("imap://")) && !str_starts_nocase(url, STR("imaps://"));
    for (size_t i = 0; i < url.n; i++)
        bad = bad || url.p[i] <= ' ' || url.p[i] >= 0x7f || strchr("]\"\\<>", url.p[i]);
    if (url.n > USER_REFERRAL_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the URL may have %d bytes", USER_REFERRAL_BYTES_MAX);
    return bad && url.n ? err_set(err, ERR_INVALID,
                                  "the URL must be one of IMAP, such as imap://anna;AUTH=*@imap.example.org/")
                        : 0;
}

static int refer_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    const struct referring *referring = args;
    struct buf key = BUF_INIT;
    struct user user;
    int r = users_read(users, referring->name, &user, err);
    if (r < 0)
        return r;
    snprintf(user.referral, sizeof user.referral, STR_FMT, STR_ARG(referring->url));
    user.revision = version + 1;
    users_put(&user, batch);
    users_referral_key(user.name, &key);
    if (referring->url.n)
        batch_put(batch, buf_str(&key), STR(""));
    else
        batch_delete(batch, buf_str(&key));
    buf_deinit(&key);
    return 0;
}

int users_set_referral(struct users *users, struct str name, struct str url, struct err *err)
{
    struct referring referring = { .url = url };
    int r = users_normalise_existing(users, name, referring.name, err);
    if (r == 0)
        r = check_url(url, err);
    return r < 0 ? r : users_change(users, refer_plan, &referring, err);
}

static int take_one(void *ctx, struct str key, struct str value, struct err *err)
{
    (void)key, (void)value, (void)err;
    *(bool *)ctx = true;
    return 1;
}

bool users_have_referrals(struct users *users)
{
    struct store *store = users->params.store;
    struct err err;
    uint64_t version;
    bool known, have;

    if (store_version(store, DIRECTORY_ACCOUNT, &version, &err) < 0)
        return false;
    pthread_mutex_lock(&users->cache_lock);
    known = users->referrals_version == version;
    have = users->have_referrals;
    pthread_mutex_unlock(&users->cache_lock);
    if (known)
        return have;
    have = false;
    if (store_scan(store, DIRECTORY_ACCOUNT, REFERRALS_FROM, REFERRALS_TO, &version, take_one, &have, &err) <
        0)
        return false;
    pthread_mutex_lock(&users->cache_lock);
    users->referrals_version = version;
    users->have_referrals = have;
    pthread_mutex_unlock(&users->cache_lock);
    return have;
}
