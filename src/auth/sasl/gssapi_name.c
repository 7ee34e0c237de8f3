/* Whom a principal stands for. */
#include "auth/sasl/gssapi.h"

static bool is_ours(struct str realm, struct str realms)
{
    for (struct str one; !str_is_nil(one = str_next_word(&realms));)
        if (str_eq(one, realm))
            return true;
    return false;
}

int gssapi_user_of(struct str display_name, struct str realms, char name_out[USER_NAME_BYTES_MAX + 1],
                   struct err *err)
{
    ptrdiff_t at = str_rfind_char(display_name, '@');
    /* Kerberos writes "/" between the parts of a principal, and "\" before "@", "/" and "\" that are part of one. */
    bool plain = str_find_char(display_name, '/') < 0 && str_find_char(display_name, '\\') < 0 &&
                 str_find_char(display_name, '\0') < 0;
    if (!plain || at <= 0 || display_name.n > USER_NAME_BYTES_MAX ||
        !is_ours(str_skip(display_name, (size_t)at + 1), realms))
        return err_set(err, ERR_AUTH, "the ticket is of nobody here");
    memcpy(name_out, display_name.p, display_name.n);
    name_out[display_name.n] = '\0';
    for (char *p = name_out + at; *p; p++)
        *p = ascii_lower(*p);
    return 0;
}
