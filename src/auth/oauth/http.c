#include "auth/oauth/http.h"

static bool is_host_char(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || ascii_is_digit(c) || c == '-' || c == '.' || c == '_';
}

/* host = "[" IPv6 "]" / 1*( ALPHA / DIGIT / "-" / "." / "_" ), then maybe ":" port     RFC 3986, 3.2 */
static bool cut_authority(struct str authority, struct str *host_out)
{
    struct str host, port = STR_NIL;
    size_t n = 0;
    if (authority.n > 0 && authority.p[0] == '[') {
        ptrdiff_t end = str_find_char(authority, ']');
        if (end < 3)
            return false;
        for (size_t i = 1; i < (size_t)end; i++)
            if (!strchr("0123456789abcdefABCDEF:.", authority.p[i]))
                return false;
        n = (size_t)end + 1;
    } else {
        while (n < authority.n && is_host_char(authority.p[n]))
            n++;
    }
    host = str_sub(authority, 0, n);
    uint64_t number;
    if (n < authority.n) {
        if (authority.p[n] != ':')
            return false;
        port = str_skip(authority, n + 1);
        if (!str_to_u64(port, 65535, &number) || number == 0)
            return false;
    }
    *host_out = host;
    return host.n > 0;
}

static bool is_loopback(struct str host)
{
    return str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("[::1]")) ||
           str_eq_nocase(host, STR("localhost"));
}

int http_address_check(struct str address, bool plain_on_loopback, struct err *err)
{
    bool tls = str_starts(address, STR("https://"));
    struct str rest = str_skip(address, tls ? 8 : 7), host;
    if (address.n > HTTP_ADDRESS_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "an address of more than %d bytes", HTTP_ADDRESS_BYTES_MAX);
    if (!tls && !(plain_on_loopback && str_starts(address, STR("http://"))))
        return err_set(err, ERR_INVALID, "the address does not begin with https://");
    for (size_t i = 0; i < address.n; i++)
        if (address.p[i] <= ' ' || address.p[i] >= 0x7f || strchr("\"\\<>^`{|}#", address.p[i]))
            return err_set(err, ERR_INVALID, "the address has a character that none may have");
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    if (!cut_authority(str_sub(rest, 0, n), &host))
        return err_set(err, ERR_INVALID, "the address has no host, or a user before it");
    if (!tls && !is_loopback(host))
        return err_set(err, ERR_INVALID, "the address is not this machine, and has no TLS");
    return 0;
}

void http_form_escape(struct str value, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i], lower = ascii_lower(c);
        if ((lower >= 'a' && lower <= 'z') || ascii_is_digit(c) || (c && strchr("-._~", c)))
            buf_add_char(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned char)c);
    }
}
