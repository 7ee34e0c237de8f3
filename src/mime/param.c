#include "mime/param.h"

#include "base/codec.h"
#include "base/utf8.h"

/* One parameter as sent: name, or name*, name*N, name*N* of RFC 2231. */
struct segment {
    struct str name, value;
    int number;   /* -1: plain; else its place in a continuation */
    bool encoded; /* percent-encoded */
    bool used;
};

struct scanner {
    struct str in;
    size_t at;
    struct arena *arena;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* comment = "(" *(ctext / quoted-pair / comment) ")"     RFC 5322, 3.2.2; an open one ends with the field. */
static void skip_comment(struct scanner *s)
{
    size_t depth = 0;
    for (; s->at < s->in.n; s->at++) {
        char c = s->in.p[s->at];
        if (c == '\\' && s->at + 1 < s->in.n) {
            s->at++;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && --depth == 0) {
            s->at++;
            return;
        }
    }
}

static void skip_blanks(struct scanner *s)
{
    while (s->at < s->in.n) {
        if (is_blank(s->in.p[s->at]))
            s->at++;
        else if (s->in.p[s->at] == '(')
            skip_comment(s);
        else
            return;
    }
}

static struct str trim_right(struct str s)
{
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* What is in front of the first ";". */
static struct str scan_main(struct scanner *s)
{
    bool has_comment = str_find_char(s->in, '(') >= 0; /* a ";" inside one ends nothing */
    char *text = arena_alloc(s->arena,
                             (has_comment ? s->in.n : str_cut(s->in, ';', &(struct str){ 0 }).n) + 1);
    size_t n = 0;

    skip_blanks(s);
    while (s->at < s->in.n && s->in.p[s->at] != ';') {
        char c = s->in.p[s->at];
        if (c == '(') {
            skip_comment(s);
            continue;
        }
        if (c != '\r' && c != '\n' && c != '"' && c != '\0')
            text[n++] = c;
        s->at++;
    }
    return trim_right(str_make(text, n));
}

/* quoted-string, without its quotes; an open one ends with the field. */
static struct str scan_quoted(struct scanner *s)
{
    size_t from = ++s->at, to = from;
    while (to < s->in.n && s->in.p[to] != '"')
        to += s->in.p[to] == '\\' && to + 1 < s->in.n ? 2 : 1;
    char *text = arena_alloc(s->arena, to - from + 1);
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        if (s->in.p[i] == '\\' && i + 1 < to)
            i++;
        if (s->in.p[i] != '\r' && s->in.p[i] != '\n' && s->in.p[i] != '\0')
            text[n++] = s->in.p[i];
    }
    s->at = to < s->in.n ? to + 1 : to;
    return str_make(text, n);
}

/* A value without quotes ends at white space; only file names may hold blanks,
 * since many senders forget to quote those. */
static struct str scan_token(struct scanner *s, bool is_file_name)
{
    size_t from = s->at;
    while (s->at < s->in.n && s->in.p[s->at] != ';') {
        char c = s->in.p[s->at];
        if (is_file_name ? c == '\r' || c == '\n' : is_blank(c) || c == '(')
            break;
        s->at++;
    }
    return trim_right(str_sub(s->in, from, s->at - from));
}

static void split_name(struct segment *g)
{
    uint64_t number;
    struct str marks, name = str_cut(g->name, '*', &marks);

    g->number = -1;
    if (str_is_nil(marks) || name.n == 0)
        return;
    if (marks.n == 0) { /* name* */
        g->number = 0;
        g->encoded = true;
    } else {
        bool encoded = marks.p[marks.n - 1] == '*';
        if (!str_to_u64(str_sub(marks, 0, marks.n - encoded), 99999, &number))
            return;
        g->number = (int)number;
        g->encoded = encoded;
    }
    g->name = name;
}

/* One "name=value"; false when there was only junk. */
static bool scan_param(struct scanner *s, struct segment *g)
{
    size_t from = s->at;
    while (s->at < s->in.n && s->in.p[s->at] != ';' && s->in.p[s->at] != '=' && s->in.p[s->at] != '(' &&
           !is_blank(s->in.p[s->at]))
        s->at++;
    *g = (struct segment){ .name = str_sub(s->in, from, s->at - from) };
    skip_blanks(s);
    if (s->at == s->in.n || s->in.p[s->at] != '=')
        return false;
    s->at++;
    skip_blanks(s);
    if (s->at < s->in.n && s->in.p[s->at] == '"')
        g->value = scan_quoted(s);
    else
        g->value = scan_token(s,
                              str_eq_nocase(g->name, STR("name")) || str_eq_nocase(g->name, STR("filename")));
    if (g->value.p == NULL)
        g->value = STR("");
    split_name(g);
    return g->name.n > 0;
}

static size_t scan_params(struct scanner *s, struct segment *segments)
{
    size_t count = 0;
    while (count < PARAM_SEGMENTS_MAX) {
        while (s->at < s->in.n && (s->in.p[s->at] == ';' || is_blank(s->in.p[s->at])))
            s->at++;
        skip_blanks(s);
        if (s->at == s->in.n)
            break;
        size_t before = s->at;
        if (scan_param(s, &segments[count]))
            count++;
        if (s->at == before)
            s->at++;
    }
    return count;
}

static void add_percent_decoded(struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '%' && in.n - i > 2 && hex_decode(str_sub(in, i + 1, 2), out))
            i += 2;
        else
            buf_add_char(out, in.p[i]);
    }
}

/* The segment `number` of the parameter that `first` belongs to. */
static struct segment *find_segment(struct segment *segments, size_t count, const struct segment *first,
                                    int number)
{
    for (size_t i = 0; i < count; i++)
        if (!segments[i].used && segments[i].number == number && str_eq_nocase(segments[i].name, first->name))
            return &segments[i];
    return NULL;
}

/* charset'language'text     RFC 2231, 4 */
static uint8_t cut_charset(struct str *value)
{
    struct str rest, text, charset = str_cut(*value, '\'', &rest);
    if (str_is_nil(rest))
        return CHARSET_UNKNOWN;
    str_cut(rest, '\'', &text);
    if (str_is_nil(text))
        return CHARSET_UNKNOWN;
    *value = text;
    return charset_find(charset);
}

static void drop_nul(struct buf *b)
{
    size_t to = 0;
    for (size_t i = 0; i < b->n; i++)
        if (b->p[i])
            b->p[to++] = b->p[i];
    b->n = to;
}

/* RFC 2231, 3: put the segments 0, 1, 2 ... of one parameter together. */
static struct param join_segments(struct segment *segments, size_t count, struct segment *first,
                                  struct arena *arena, struct charset_cache *cache)
{
    struct buf bytes = BUF_INIT, text = BUF_INIT;
    struct param param = { .name = first->name };
    uint8_t charset = CHARSET_UNKNOWN;
    struct segment *g;

    for (int number = 0; (g = find_segment(segments, count, first, number)); number++) {
        g->used = true;
        if (number == 0 && g->encoded) {
            charset = cut_charset(&g->value);
            param.extended = true;
        }
        if (g->encoded)
            add_percent_decoded(g->value, &bytes);
        else
            buf_add(&bytes, g->value);
        if (bytes.n > PARAM_VALUE_BYTES_MAX)
            break;
    }
    if (!param.extended || charset_to_utf8(cache, charset, buf_str(&bytes), &text, NULL) < 0)
        buf_add(&text, buf_str(&bytes));
    drop_nul(&text);
    param.value = arena_dup(arena, utf8_prefix(buf_str(&text), PARAM_VALUE_BYTES_MAX));
    buf_deinit(&bytes);
    buf_deinit(&text);
    return param;
}

void param_parse(struct str raw, struct arena *arena, struct charset_cache *cache, struct str *value_out,
                 struct param_list *params_out)
{
    struct scanner s = { .in = raw, .arena = arena };
    struct segment segments[PARAM_SEGMENTS_MAX];

    *value_out = scan_main(&s);
    size_t count = scan_params(&s, segments);
    params_out->count = 0;
    params_out->items = count ? arena_new_array(arena, struct param, count) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct segment *g = &segments[i];
        struct param *param = &params_out->items[params_out->count];
        if (g->used)
            continue;
        if (g->number < 0) {
            *param = (struct param){ g->name, utf8_prefix(g->value, PARAM_VALUE_BYTES_MAX), false };
        } else if (find_segment(segments, count, g, 0)) {
            *param = join_segments(segments, count, g, arena, cache);
            if (!g->used && find_segment(segments, count, g, 0))
                i--; /* the same parameter once more: look at this segment again */
        } else {
            continue; /* a continuation without its beginning */
        }
        params_out->count++;
    }
}

struct str param_find(const struct param_list *params, struct str name)
{
    struct str plain = STR_NIL;
    for (size_t i = 0; i < params->count; i++) {
        if (!str_eq_nocase(params->items[i].name, name))
            continue;
        if (params->items[i].extended)
            return params->items[i].value;
        if (str_is_nil(plain))
            plain = params->items[i].value;
    }
    return plain;
}
