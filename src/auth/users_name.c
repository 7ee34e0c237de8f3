/* The one spelling of a name. */
#include "auth/users_private.h"

#include "base/utf8.h"

static bool is_bad_in_name(int32_t c)
{
    return c < 0x21 || c == '/' || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029 || c == 0x3000 ||
           c == 0xfeff;
}

static int check_name(struct str name, struct err *err)
{
    if (name.n == 0)
        return err_set(err, ERR_INVALID, "the user name is empty");
    if (name.n > USER_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the user name is longer than %d bytes", USER_NAME_BYTES_MAX);
    if (name.p[0] == '.')
        return err_set(err, ERR_INVALID, "the user name begins with a dot");
    for (const char *p = name.p, *end = str_end(name); p < end;)
        if (is_bad_in_name(utf8_next(&p, end)))
            return err_set(err, ERR_INVALID, "the user name has a blank, a control character or \"/\" in it");
    return 0;
}

int users_normalise_name(struct str name, char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    enum { RAW_BYTES_MAX = 4 * USER_NAME_BYTES_MAX }; /* NFC may shorten, but not to a quarter */
    struct arena arena = ARENA_INIT;
    struct str nfc;
    if (name.n > RAW_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the user name is longer than %d bytes", USER_NAME_BYTES_MAX);
    int r = utf8_to_nfc(name, &arena, &nfc) ? check_name(nfc, err)
                                            : err_set(err, ERR_INVALID, "the user name is not UTF-8");
    if (r == 0) {
        for (size_t i = 0; i < nfc.n; i++)
            out[i] = ascii_lower(nfc.p[i]);
        out[nfc.n] = '\0';
    }
    arena_deinit(&arena);
    return r;
}

/* A name that cannot be anybody's is not found. */
int users_normalise_existing(struct str name, char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    if (users_normalise_name(name, out, err) < 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such user");
    return 0;
}
