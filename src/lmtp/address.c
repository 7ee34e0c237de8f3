#include "lmtp/address.h"

#include "base/buf.h"
#include "base/utf8.h"

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Quoted-string at in.p[*at] == '"': its content is appended with the escapes undone. */
static int take_quoted(struct str in, size_t *at, struct buf *out, struct err *err)
{
    for (++*at; *at < in.n; ++*at) {
        if (in.p[*at] == '"') {
            ++*at;
            return 0;
        }
        if (in.p[*at] == '\\' && ++*at == in.n)
            break;
        if (is_control(in.p[*at]))
            return err_set(err, ERR_SYNTAX, "control byte in an address");
        buf_add_char(out, in.p[*at]);
    }
    return err_set(err, ERR_SYNTAX, "quoted string does not end");
}

/* Mailbox = Local-part "@" Domain, behind "<" up to ">".
 * Stricter grammars lose real mail ("anna..b@"): any visible byte is taken. */
static int take_mailbox(struct str in, size_t *at, struct buf *out, struct err *err)
{
    ptrdiff_t domain = -1; /* where in `out` it starts */
    while (*at < in.n && in.p[*at] != '>') {
        char c = in.p[*at];
        if (c == '"' && domain < 0) {
            int r = take_quoted(in, at, out, err);
            if (r < 0)
                return r;
            continue;
        }
        if (is_control(c) || c == ' ' || c == '<' || c == '"' || (c == '@' && domain >= 0))
            return err_set(err, ERR_SYNTAX, "byte not allowed in an address");
        if (c == '@' && out->n == 0)
            return err_set(err, ERR_SYNTAX, "empty local part");
        buf_add_char(out, c);
        if (c == '@')
            domain = (ptrdiff_t)out->n;
        ++*at;
    }
    if (*at == in.n)
        return err_set(err, ERR_SYNTAX, "expected \">\"");
    if (out->n == 0)
        return err_set(err, ERR_SYNTAX, "empty local part");
    if (domain == (ptrdiff_t)out->n)
        return err_set(err, ERR_SYNTAX, "empty domain");
    return 0;
}

/* A-d-l = "@" Domain *( "," "@" Domain ), then ":". */
static int skip_source_route(struct str in, size_t *at, struct err *err)
{
    if (*at == in.n || in.p[*at] != '@')
        return 0;
    for (; *at < in.n && in.p[*at] != ':'; ++*at)
        if (is_control(in.p[*at]) || strchr(" <>\"", in.p[*at]))
            return err_set(err, ERR_SYNTAX, "source route without \":\"");
    if (*at == in.n)
        return err_set(err, ERR_SYNTAX, "source route without \":\"");
    ++*at;
    return 0;
}

int lmtp_path_parse(struct str in, struct arena *arena, struct lmtp_path *path_out, struct str *rest_out,
                    struct err *err)
{
    struct buf address = BUF_INIT;
    size_t at = 1;

    in = str_trim(in);
    if (in.n == 0 || in.p[0] != '<')
        return err_set(err, ERR_SYNTAX, "expected \"<\"");
    int r = skip_source_route(in, &at, err);
    if (r < 0)
        return r;
    size_t start = at;
    bool empty = at == 1 && in.n > 1 && in.p[1] == '>';
    r = empty ? 0 : take_mailbox(in, &at, &address, err);
    struct str text = str_sub(in, start, at - start);
    if (r == 0 && text.n > LMTP_PATH_BYTES_MAX)
        r = err_set(err, ERR_LIMIT, "address of more than %d bytes", LMTP_PATH_BYTES_MAX);
    if (r == 0 && !utf8_is_valid(text))
        r = err_set(err, ERR_SYNTAX, "address is not UTF-8");
    if (r == 0 && at + 1 < in.n && in.p[at + 1] != ' ')
        r = err_set(err, ERR_SYNTAX, "expected a space after \">\"");
    if (r == 0) {
        path_out->text = arena_dup(arena, text);
        path_out->address = arena_dup(arena, buf_str(&address));
        *rest_out = str_trim(str_skip(in, at + 1));
    }
    buf_deinit(&address);
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
