#include "imap/wire/search_filter.h"

#include "base/utf8.h"
#include "imap/wire/chars.h"
#include "imap/wire/search_args.h"

int search_filter_check_name(struct str name, struct err *err)
{
    bool bad = name.n == 0;
    for (size_t i = 0; i < name.n; i++)
        bad = bad || !char_is_atom((unsigned char)name.p[i]) || name.p[i] == '/';
    return bad ? err_set(err, ERR_INVALID, "the name of a filter is an atom without \"/\"") : 0;
}

/* What a filter names may come later: any search will do. */
static int find_any(void *ctx, struct str name, struct arena *arena, struct str *value_out, struct err *err)
{
    (void)ctx, (void)name, (void)arena, (void)err;
    *value_out = STR("ALL");
    return 0;
}

int search_filter_check(struct str value, struct err *err)
{
    static const struct search_filters any = { find_any, NULL };
    struct arena arena = ARENA_INIT;
    struct search_args args = { 0 };
    struct parser p;
    struct err why;
    int r = 0;

    parser_init(&p, arena_printf(&arena, STR_FMT "\r\n", STR_ARG(value)), &parser_limits_after_login, true,
                &arena);
    p.filters = &any;
    if (!utf8_is_valid(value))
        r = err_set(err, ERR_INVALID, "a filter must be in UTF-8");
    else if (!parse_search_keys(&p, &args) || !parse_end(&p))
        r = parser_error(&p, &why);
    if (r == -ERR_LIMIT)
        r = err_set(err, ERR_LIMIT, "%s", why.text);
    else if (r == -ERR_SYNTAX)
        r = err_set(err, ERR_INVALID, "a filter must be a search: %s", why.text);
    arena_deinit(&arena);
    return r;
}
