#include "lmtp/address.h"

#include "base/buf.h"
#include "base/utf8.h"

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Quoted-string at in.p[*at] == '"': its content, escapes undone, appended. False when it does not end. */
static bool take_quoted(struct str in, size_t *at, struct buf *out)
{
    for (++*at; *at < in.n; ++*at) {
        char c = in.p[*at];
        if (c == '"') {
            ++*at;
            return true;
        }
        if (c == '\\' && ++*at == in.n)
            return false;
        if (is_control(in.p[*at]))
            return false;
        buf_add_char(out, in.p[*at]);
    }
    return false;
}

/* Behind "<", up to ">". */
static int take_path(struct str in, size_t *at, struct buf *out, struct err *err)
{
    while (*at < in.n && in.p[*at] != '>') {
        char c = in.p[*at];
        if (c == '"') {
            if (!take_quoted(in, at, out))
                return err_set(err, ERR_SYNTAX, "quoted string does not end");
            continue;
        }
        if (is_control(c) || c == ' ' || c == '<')
            return err_set(err, ERR_SYNTAX, "byte not allowed in an address");
        buf_add_char(out, c);
        ++*at;
    }
    if (*at == in.n)
        return err_set(err, ERR_SYNTAX, "expected \">\"");
    ++*at;
    return 0;
}

int lmtp_path_parse(struct str in, struct arena *arena, struct str *path_out, struct str *rest_out, struct err *err)
{
    in = str_trim(in);
    if (in.n == 0 || in.p[0] != '<')
        return err_set(err, ERR_SYNTAX, "expected \"<\"");
    if (in.n > 1 && in.p[1] == '@') { /* RFC 5321, 4.1.1.3: a source route is accepted and ignored */
        ptrdiff_t colon = str_find_char(in, ':');
        if (colon < 0)
            return err_set(err, ERR_SYNTAX, "source route without \":\"");
        in = str_skip(in, (size_t)colon);
    }
    struct buf path = BUF_INIT;
    size_t at = 1;
    int r = take_path(in, &at, &path, err);
    struct str p = buf_str(&path);
    if (r == 0 && p.n > LMTP_PATH_BYTES_MAX)
        r = err_set(err, ERR_LIMIT, "address of more than %d bytes", LMTP_PATH_BYTES_MAX);
    if (r == 0 && (p.n > 0 ? p.p[0] == '@' : at > 2)) /* <""> and <@example.org> name nobody */
        r = err_set(err, ERR_SYNTAX, "empty local part");
    if (r == 0 && !utf8_is_valid(p))
        r = err_set(err, ERR_SYNTAX, "address is not UTF-8");
    if (r == 0 && at < in.n && in.p[at] != ' ')
        r = err_set(err, ERR_SYNTAX, "expected a space after \">\"");
    if (r == 0) {
        *path_out = arena_dup(arena, p);
        *rest_out = str_trim(str_skip(in, at));
    }
    buf_deinit(&path);
    return r;
}

bool lmtp_parameter_next(struct str *rest, struct str *key_out, struct str *value_out)
{
    *rest = str_trim(*rest);
    if (rest->n == 0)
        return false;
    struct str word = str_cut(*rest, ' ', rest);
    *key_out = str_cut(word, '=', value_out);
    return true;
}

void lmtp_address_split(struct str address, char delimiter, struct arena *arena, struct str *user_out, struct str *detail_out)
{
    ptrdiff_t at = str_rfind_char(address, '@');
    struct str local = at < 0 ? address : str_sub(address, 0, (size_t)at);
    struct str domain = at < 0 ? STR("") : str_skip(address, (size_t)at);
    ptrdiff_t plus = delimiter ? str_find_char(local, delimiter) : -1;
    *user_out = address;
    *detail_out = STR_NIL;
    if (plus <= 0)
        return;
    *user_out = arena_printf(arena, STR_FMT STR_FMT, (int)plus, local.p, STR_ARG(domain));
    *detail_out = str_skip(local, (size_t)plus + 1);
}
