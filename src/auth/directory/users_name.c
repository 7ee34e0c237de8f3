/* The one spelling of a name.     RFC 8265, 3.3 (UsernameCaseMapped) */
#include "auth/directory/users_private.h"

#include "base/precis.h"
#include "base/utf8.h"

enum { RAW_BYTES_MAX = 4 * USER_NAME_BYTES_MAX }; /* preparing may shorten, but not to a quarter */

/* Beyond the profile: names are keys, and parts of paths in other programs. */
static bool is_bad_in_name(int32_t c)
{
    return c < 0x21 || c == '/' || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029 || c == 0x3000 ||
           c == 0xfeff;
}

static int check_length(struct str name, struct err *err)
{
    return name.n > USER_NAME_BYTES_MAX
               ? err_set(err, ERR_LIMIT, "the user name is longer than %d bytes", USER_NAME_BYTES_MAX)
               : 0;
}

static int check_name(struct str name, struct err *err)
{
    if (name.n == 0)
        return err_set(err, ERR_INVALID, "the user name is empty");
    int r = check_length(name, err);
    if (r < 0)
        return r;
    if (name.p[0] == '.')
        return err_set(err, ERR_INVALID, "the user name begins with a dot");
    for (const char *p = name.p, *end = str_end(name); p < end;)
        if (is_bad_in_name(utf8_next(&p, end)))
            return err_set(err, ERR_INVALID, "the user name has a blank, a control character or \"/\" in it");
    return 0;
}

static void put_lower(struct str ascii, char *out)
{
    for (size_t i = 0; i < ascii.n; i++)
        out[i] = ascii_lower(ascii.p[i]);
    out[ascii.n] = '\0';
}

/* Each label by itself, so that one may be written from right to left and the next not. */
static bool put_domain(struct str domain, struct buf *out)
{
    while (!str_is_nil(domain)) {
        struct str label = str_cut(domain, '.', &domain);
        if (label.n && !precis_userpart(label, out))
            return false;
        if (!str_is_nil(domain))
            buf_add_char(out, '.');
    }
    return true;
}

/* What stands before the last "@" is a userpart; it may be empty. */
static bool put_name(struct str name, struct buf *out)
{
    ptrdiff_t at = str_rfind_char(name, '@');
    struct str local = at < 0 ? name : str_sub(name, 0, (size_t)at);
    if (local.n && !precis_userpart(local, out))
        return false;
    if (at < 0)
        return true;
    buf_add_char(out, '@');
    return put_domain(str_skip(name, (size_t)at + 1), out);
}

/* Of what is not ASCII. */
static int prepare(struct str name, bool (*put)(struct str name, struct buf *out), char *out, struct err *err)
{
    struct buf prepared = BUF_INIT;
    int r = 0;
    if (!utf8_is_valid(name))
        r = err_set(err, ERR_INVALID, "the user name is not UTF-8");
    else if (!put(name, &prepared))
        r = err_set(err, ERR_INVALID,
                    "the user name has characters in it, or in an order, that no name may have (RFC 8265)");
    if (r == 0)
        r = check_name(buf_str(&prepared), err);
    if (r == 0)
        memcpy(out, buf_c(&prepared), prepared.n + 1);
    buf_deinit(&prepared);
    return r;
}

static int normalise(struct str name, bool (*put)(struct str name, struct buf *out), char *out,
                     struct err *err)
{
    if (name.n > RAW_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the user name is longer than %d bytes", USER_NAME_BYTES_MAX);
    if (!utf8_is_ascii(name))
        return prepare(name, put, out, err);
    int r = check_name(name, err);
    if (r == 0)
        put_lower(name, out);
    return r;
}

int users_normalise_name(struct str name, char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    return normalise(name, put_name, out, err);
}

int users_normalise_domain(struct str domain, char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    int r = normalise(domain, put_domain, out, err);
    if (r < 0)
        return err_context(err, "as the name of a domain");
    return strchr(out, '@') ? err_set(err, ERR_INVALID, "\"@\" in the name of a domain") : 0;
}

bool users_old_spelling(struct str name, char out[USER_NAME_BYTES_MAX + 1])
{
    struct arena arena = ARENA_INIT;
    struct str nfc;
    bool good = name.n <= RAW_BYTES_MAX && utf8_to_nfc(name, &arena, &nfc) && check_name(nfc, NULL) == 0;
    if (good)
        put_lower(nfc, out);
    arena_deinit(&arena);
    return good;
}

int users_normalise_existing(struct users *users, struct str name, char out[USER_NAME_BYTES_MAX + 1],
                             struct err *err)
{
    struct user user;
    if (utf8_is_ascii(name))
        return users_normalise_name(name, out, err) < 0 ? err_set(err, ERR_NOT_FOUND, "there is no such user")
                                                        : 0;
    int r = users_find(users, name, &user, err);
    if (r == 0)
        memcpy(out, user.name, sizeof user.name);
    return r;
}
