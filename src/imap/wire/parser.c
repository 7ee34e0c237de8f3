#include "imap/wire/parser.h"

#include "base/utf8.h"
#include "imap/wire/chars.h"

const struct parser_limits parser_limits_before_login = {
    .string_max = 16 * 1024, /* an OAuth token as initial response */
    .depth_max = 1,          /* ID has one list */
    .items_max = 64,
};

const struct parser_limits parser_limits_after_login = {
    .string_max = 128 * 1024,
    .depth_max = 128,
    .items_max = 1024,
};

void parser_init(struct parser *p, struct str command, const struct parser_limits *limits, bool utf8,
                 struct arena *arena)
{
    *p = (struct parser){ .in = command, .arena = arena, .limits = limits, .utf8 = utf8 };
}

/* ---- errors ---- */

static bool fail(struct parser *p, enum err_kind kind, const char *what)
{
    if (p->error == ERR_NONE) {
        p->error = kind;
        p->error_at = p->at;
        p->expected = what;
    }
    return false;
}

bool parser_fail(struct parser *p, const char *expected)
{
    return fail(p, ERR_SYNTAX, expected);
}

bool parser_fail_limit(struct parser *p, const char *what)
{
    return fail(p, ERR_LIMIT, what);
}

bool parser_fail_value(struct parser *p, const char *what)
{
    return fail(p, ERR_INVALID, what);
}

bool parser_fail_as(struct parser *p, enum err_kind kind, const char *text)
{
    return fail(p, kind, text);
}

bool parser_failed(const struct parser *p)
{
    return p->error != ERR_NONE;
}

int parser_error(const struct parser *p, struct err *err)
{
    switch (p->error) {
    case ERR_LIMIT:
        return err_set(err, ERR_LIMIT, "too many or too long: %s, at byte %zu", p->expected, p->error_at);
    case ERR_INVALID:
        return err_set(err, ERR_INVALID, "%s, at byte %zu", p->expected, p->error_at);
    default:
        return err_set(err, p->error, "%s", p->expected);
    case ERR_SYNTAX:
    case ERR_NONE:
        return err_set(err, ERR_SYNTAX, "expected %s at byte %zu",
                       p->expected ? p->expected : "something else", p->error_at);
    }
}

/* ---- punctuation ---- */

int parser_peek(const struct parser *p)
{
    return p->at < p->in.n ? (unsigned char)p->in.p[p->at] : -1;
}

bool try_char(struct parser *p, char c)
{
    if (parser_peek(p) != (unsigned char)c)
        return false;
    p->at++;
    return true;
}

bool parse_char(struct parser *p, char c, const char *expected)
{
    return try_char(p, c) || parser_fail(p, expected);
}

bool parse_sp(struct parser *p)
{
    return parse_char(p, ' ', "a space");
}

/* Is the end of the line all that is left? */
static bool is_end(const struct parser *p)
{
    size_t at = p->at, n = p->in.n;
    while (at < n && p->in.p[at] == ' ')
        at++;
    if (at < n && p->in.p[at] == '\r')
        at++;
    return at + 1 == n && p->in.p[at] == '\n';
}

bool parser_at_end(const struct parser *p)
{
    return is_end(p);
}

bool parse_end(struct parser *p)
{
    if (parser_failed(p))
        return false;
    if (!is_end(p))
        return parser_fail(p, "the end of the command");
    p->at = p->in.n;
    return true;
}

bool parse_list_open(struct parser *p)
{
    if (parser_peek(p) != '(')
        return parser_fail(p, "\"(\"");
    if (p->depth >= p->limits->depth_max)
        return parser_fail_limit(p, "nested parentheses");
    p->at++;
    p->depth++;
    return true;
}

bool try_list_open(struct parser *p)
{
    return parser_peek(p) == '(' && parse_list_open(p);
}

bool parse_list_close(struct parser *p)
{
    if (!parse_char(p, ')', "\")\""))
        return false;
    p->depth--;
    return true;
}

bool parse_list_next(struct parser *p, size_t index)
{
    if (parser_failed(p))
        return false;
    if (parser_peek(p) == ')') {
        parse_list_close(p);
        return false;
    }
    if (index >= p->limits->items_max)
        return parser_fail_limit(p, "members of a list");
    return index == 0 || parse_char(p, ' ', "a space or \")\"");
}

/* ---- atoms ---- */

/* The bytes from here on that are of one class; at least one, at most string_max. */
static bool parse_run(struct parser *p, bool (*is_member)(unsigned char), size_t max, const char *expected,
                      struct str *out)
{
    size_t from = p->at, at = from;
    while (at < p->in.n && is_member((unsigned char)p->in.p[at]))
        at++;
    if (at == from)
        return parser_fail(p, expected);
    if (at - from > max)
        return parser_fail_limit(p, expected);
    p->at = at;
    *out = str_sub(p->in, from, at - from);
    return true;
}

bool parse_tag(struct parser *p, struct str *out)
{
    return parse_run(p, char_is_tag, TAG_BYTES_MAX, "a tag", out);
}

bool parse_atom(struct parser *p, struct str *out)
{
    return parse_run(p, char_is_atom, p->limits->string_max, "an atom", out);
}

bool parse_command_name(struct parser *p, struct str *out)
{
    if (!parse_run(p, char_is_atom, p->limits->string_max, "a command", out))
        return false;
    if (!str_eq_nocase(*out, STR("UID")))
        return true;
    p->uid = true;
    return parse_sp(p) && parse_run(p, char_is_atom, p->limits->string_max, "a command after UID", out);
}

bool try_word(struct parser *p, struct str word)
{
    size_t end = p->at + word.n;
    if (!str_eq_nocase(str_sub(p->in, p->at, word.n), word))
        return false;
    if (end < p->in.n && char_is_atom((unsigned char)p->in.p[end]))
        return false;
    p->at = end;
    return true;
}

static bool is_label(unsigned char c)
{
    return ascii_is_digit((char)c) || c == '.' || c == '-' ||
           (ascii_upper((char)c) >= 'A' && ascii_upper((char)c) <= 'Z');
}

bool parse_label(struct parser *p, struct str *out, const char *expected)
{
    return parse_run(p, is_label, 64, expected, out);
}

const void *find_row(struct str name, const void *rows, size_t row_count, size_t row_size)
{
    for (size_t i = 0; i < row_count; i++) {
        const void *row = (const char *)rows + i * row_size;
        const struct str *row_name = row; /* its first member, by contract */
        if (str_eq_nocase(name, *row_name))
            return row;
    }
    return NULL;
}

/* ---- strings ---- */

/* Where the quoted string ends (at its second quote), or 0; counts what is escaped. */
static size_t find_quote(const struct parser *p, size_t at, size_t *escapes_out)
{
    size_t escapes = 0;
    for (; at < p->in.n; at++) {
        char c = p->in.p[at];
        if (c == '"') {
            *escapes_out = escapes;
            return at;
        }
        if (c == '\0' || c == '\r' || c == '\n')
            return 0;
        if (c == '\\') {
            at++;
            if (at == p->in.n || (p->in.p[at] != '"' && p->in.p[at] != '\\'))
                return 0;
            escapes++;
        }
    }
    return 0;
}

static struct str unescape(struct arena *arena, struct str s, size_t escapes)
{
    char *copy = arena_alloc(arena, s.n - escapes + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        copy[n++] = s.p[i];
    }
    return str_make(copy, n);
}

bool parse_quoted(struct parser *p, struct str *out)
{
    size_t escapes = 0;
    if (parser_peek(p) != '"')
        return parser_fail(p, "a quoted string");
    size_t end = find_quote(p, p->at + 1, &escapes);
    if (end == 0)
        return parser_fail(p, "a quoted string that is closed and has no NUL, CR, LF or stray backslash");
    struct str s = str_sub(p->in, p->at + 1, end - p->at - 1);
    if (s.n > p->limits->string_max)
        return parser_fail_limit(p, "a quoted string");
    if (!utf8_is_valid(s)) /* clients of IMAP4rev1 send UTF-8 here too, against RFC 3501, 9 */
        return parser_fail(p, "a quoted string in UTF-8");
    p->at = end + 1;
    *out = escapes ? unescape(p->arena, s, escapes) : s;
    return true;
}

/* literal = "{" number64 ["+"] "}" CRLF *CHAR8; `p->at` stands at "{". */
static bool parse_literal_body(struct parser *p, bool any_octet, struct str *out)
{
    uint64_t n;
    if (!parse_char(p, '{', "a literal") || !parse_number64(p, &n))
        return false;
    try_char(p, '+');
    if (!parse_char(p, '}', "\"}\""))
        return false;
    try_char(p, '\r');
    if (!parse_char(p, '\n', "the end of the line after a literal's length"))
        return false;
    if (n > p->limits->string_max)
        return parser_fail_limit(p, "a literal");
    if (n > p->in.n - p->at)
        return parser_fail(p, "all bytes of a literal");
    struct str s = str_sub(p->in, p->at, (size_t)n);
    if (!any_octet && str_find_char(s, '\0') >= 0)
        return parser_fail(p, "a literal without NUL");
    p->at += (size_t)n;
    *out = s;
    return true;
}

bool parse_literal(struct parser *p, struct str *out)
{
    return parse_literal_body(p, false, out);
}

bool parse_literal8(struct parser *p, struct str *out)
{
    bool is_8 = try_char(p, '~');
    return parse_literal_body(p, is_8, out);
}

bool parse_string(struct parser *p, struct str *out)
{
    if (parser_peek(p) == '"')
        return parse_quoted(p, out);
    if (parser_peek(p) == '{')
        return parse_literal(p, out);
    return parser_fail(p, "a string");
}

bool parse_astring(struct parser *p, struct str *out)
{
    if (parser_peek(p) == '"' || parser_peek(p) == '{')
        return parse_string(p, out);
    return parse_run(p, char_is_astring, p->limits->string_max, "an atom or string", out);
}

bool parse_nstring(struct parser *p, struct str *out)
{
    if (try_word(p, STR("NIL"))) {
        *out = STR_NIL;
        return true;
    }
    return parse_string(p, out);
}

/* ---- numbers ---- */

static bool parse_digits(struct parser *p, uint64_t min, uint64_t max, const char *expected, uint64_t *out)
{
    size_t end = p->at;
    uint64_t value;
    while (end < p->in.n && ascii_is_digit(p->in.p[end]))
        end++;
    if (!str_to_u64(str_sub(p->in, p->at, end - p->at), max, &value) || value < min)
        return parser_fail(p, expected);
    p->at = end;
    *out = value;
    return true;
}

bool parse_number(struct parser *p, uint32_t *out)
{
    uint64_t value;
    if (!parse_digits(p, 0, UINT32_MAX, "a number", &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool parse_nz_number(struct parser *p, uint32_t *out)
{
    uint64_t value;
    if (!parse_digits(p, 1, UINT32_MAX, "a number from 1 on", &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool parse_number64(struct parser *p, uint64_t *out)
{
    return parse_digits(p, 0, INT64_MAX, "a number", out);
}

bool parse_nz_number64(struct parser *p, uint64_t *out)
{
    return parse_digits(p, 1, INT64_MAX, "a number from 1 on", out);
}

static bool is_seqset(unsigned char c)
{
    return ascii_is_digit((char)c) || c == ':' || c == ',' || c == '*' || c == '$';
}

bool parse_seqset(struct parser *p, struct seqset *out)
{
    size_t from = p->at;
    struct str text;
    if (!parse_run(p, is_seqset, SIZE_MAX, "a set of messages", &text))
        return false;
    int r = seqset_parse(text, p->arena, out, NULL);
    if (r == 0)
        return true;
    p->at = from;
    return r == -ERR_LIMIT ? parser_fail_limit(p, "a set of messages") : parser_fail(p, "a set of messages");
}
