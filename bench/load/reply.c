#include "load/reply.h"

unsigned reply_fetch_seq(struct str r)
{
    uint64_t n;
    struct str rest, number;
    if (!str_starts(r, STR("* ")))
        return 0;
    number = str_cut(str_skip(r, 2), ' ', &rest);
    return str_starts_nocase(rest, STR("FETCH (")) && str_to_u64(number, UINT32_MAX, &n) ? (unsigned)n : 0;
}

/* Take a string or an atom or a list off the front. */
static bool take_value(struct str *in, struct str *value_out);

static bool take_literal(struct str *in, struct str *value_out)
{
    uint64_t n;
    struct str rest, number = str_cut(str_skip(*in, 1), '}', &rest);
    if (!str_to_u64(number, UINT32_MAX, &n) || rest.n < 2 + n)
        return false;
    *value_out = str_sub(rest, 2, n);
    *in = str_skip(rest, 2 + n);
    return true;
}

static bool take_quoted(struct str *in, struct str *value_out)
{
    size_t i = 1;
    while (i < in->n && in->p[i] != '"')
        i += in->p[i] == '\\' ? 2 : 1;
    if (i >= in->n)
        return false;
    *value_out = str_sub(*in, 1, i - 1);
    *in = str_skip(*in, i + 1);
    return true;
}

static bool take_list(struct str *in, struct str *value_out)
{
    struct str begin = *in, value;
    for (size_t depth = 0; in->n > 0;) {
        if (in->p[0] == '"' || in->p[0] == '{') {
            if (!take_value(in, &value))
                return false;
            continue;
        }
        depth += in->p[0] == '(';
        depth -= in->p[0] == ')';
        *in = str_skip(*in, 1);
        if (depth == 0) {
            *value_out = str_make(begin.p, begin.n - in->n);
            return true;
        }
    }
    return false;
}

static bool take_value(struct str *in, struct str *value_out)
{
    if (in->n == 0)
        return false;
    switch (in->p[0]) {
    case '{':
        return take_literal(in, value_out);
    case '"':
        return take_quoted(in, value_out);
    case '(':
        return take_list(in, value_out);
    default:;
    }
    size_t i = 0;
    while (i < in->n && in->p[i] != ' ' && in->p[i] != ')')
        i++;
    *value_out = str_sub(*in, 0, i);
    *in = str_skip(*in, i);
    return i > 0;
}

/* "BODY[HEADER.FIELDS (DATE FROM)]<0>" is one name. */
static bool take_name(struct str *in, struct str *name_out)
{
    size_t i = 0;
    for (bool bracket = false; i < in->n && (bracket || in->p[i] != ' '); i++)
        bracket = in->p[i] == '[' || (bracket && in->p[i] != ']');
    *name_out = str_sub(*in, 0, i);
    *in = str_skip(*in, i + 1);
    return i > 0 && in->n > 0;
}

bool reply_fetch_item(struct str response, const char *wanted, struct str *value_out)
{
    struct str name, value, in;
    ptrdiff_t open = str_find_char(response, '(');
    if (open < 0)
        return false;
    in = str_skip(response, (size_t)open + 1);
    while (take_name(&in, &name) && take_value(&in, &value)) {
        if (str_starts_nocase(name, str_c(wanted))) {
            *value_out = value;
            return true;
        }
        in = str_skip(in, 1); /* SP or ")" */
    }
    return false;
}

bool reply_has_flag(struct str flags, const char *flag)
{
    struct str want = str_c(flag), rest = str_sub(flags, 1, flags.n > 2 ? flags.n - 2 : 0);
    while (rest.n > 0)
        if (str_eq_nocase(str_cut(rest, ' ', &rest), want))
            return true;
    return false;
}

bool reply_next_number(struct str *rest, unsigned *number_out)
{
    size_t i = 0;
    uint64_t n = 0;
    while (i < rest->n && !ascii_is_digit(rest->p[i]))
        i++;
    if (i == rest->n || rest->n - i == 0)
        return false;
    for (; i < rest->n && ascii_is_digit(rest->p[i]) && n <= UINT32_MAX; i++)
        n = n * 10 + (uint64_t)(rest->p[i] - '0');
    *rest = str_skip(*rest, i);
    *number_out = (unsigned)n;
    return true;
}
