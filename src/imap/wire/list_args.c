#include "imap/wire/list_args.h"

static const struct option_row {
    struct str name;
    unsigned bit;
} select_rows[] = {
    { STR_INIT("SUBSCRIBED"), LIST_SELECT_SUBSCRIBED },
    { STR_INIT("REMOTE"), LIST_SELECT_REMOTE },
    { STR_INIT("RECURSIVEMATCH"), LIST_SELECT_RECURSIVEMATCH },
    { STR_INIT("SPECIAL-USE"), LIST_SELECT_SPECIAL_USE }, /* RFC 6154 */
}, return_rows[] = {
    { STR_INIT("SUBSCRIBED"), LIST_RETURN_SUBSCRIBED },
    { STR_INIT("CHILDREN"), LIST_RETURN_CHILDREN },
    { STR_INIT("SPECIAL-USE"), LIST_RETURN_SPECIAL_USE },
    { STR_INIT("STATUS"), LIST_RETURN_STATUS },     /* RFC 5819 */
    { STR_INIT("METADATA"), LIST_RETURN_METADATA }, /* RFC 9590 */
    { STR_INIT("MYRIGHTS"), LIST_RETURN_MYRIGHTS }, /* RFC 8440 */
};

static bool parse_option(struct parser *p, const struct option_row *rows, size_t count, const char *expected,
                         unsigned *bit_out)
{
    size_t from = p->at;
    struct str name;
    if (!parse_atom(p, &name))
        return false;
    const struct option_row *row = find_row(name, rows, count, sizeof *rows);
    if (!row) {
        p->at = from;
        return parser_fail(p, expected);
    }
    *bit_out = row->bit;
    return true;
}

/* list-select-opts SP; "RECURSIVEMATCH" wants a base option beside it: RFC 5258, 3.1 */
static bool parse_select_opts(struct parser *p, struct list_args *args)
{
    size_t from = p->at;
    args->extended = true;
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        unsigned bit;
        if (!parse_option(p, select_rows, ARRAY_COUNT(select_rows), "a LIST selection option", &bit))
            return false;
        args->select |= bit;
    }
    if ((args->select & LIST_SELECT_RECURSIVEMATCH) && !(args->select & LIST_SELECT_SUBSCRIBED)) {
        p->at = from;
        return parser_fail(p, "SUBSCRIBED with RECURSIVEMATCH");
    }
    return !parser_failed(p) && parse_sp(p);
}

/* SP "RETURN" SP "(" [return-option *(SP return-option)] ")" */
static bool parse_return_opts(struct parser *p, struct list_args *args)
{
    args->extended = true;
    if (!parse_sp(p))
        return false;
    if (!try_word(p, STR("RETURN")))
        return parser_fail(p, "RETURN");
    if (!parse_sp(p) || !parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        unsigned bit;
        if (!parse_option(p, return_rows, ARRAY_COUNT(return_rows), "a LIST return option", &bit))
            return false;
        if (bit == LIST_RETURN_STATUS && (!parse_sp(p) || !parse_status_items(p, &args->status)))
            return false;
        if (bit == LIST_RETURN_METADATA && (!parse_sp(p) || !parse_metadata_entries(p, &args->metadata)))
            return false;
        args->ret |= bit;
    }
    return !parser_failed(p);
}

static bool parse_pattern(struct parser *p, struct list_args *args, size_t *cap)
{
    struct str pattern;
    if (args->pattern_count >= LIST_PATTERNS_MAX)
        return parser_fail_limit(p, "patterns");
    if (!parse_list_mailbox(p, &pattern))
        return false;
    args->patterns = arena_grow(p->arena, args->patterns, args->pattern_count, cap, sizeof pattern);
    args->patterns[args->pattern_count++] = pattern;
    return true;
}

/* mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"     RFC 5258, 6 */
static bool parse_patterns(struct parser *p, struct list_args *args)
{
    size_t cap = 0;
    if (parser_peek(p) != '(')
        return parse_pattern(p, args, &cap);
    args->extended = true;
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!parse_pattern(p, args, &cap))
            return false;
    if (args->pattern_count == 0)
        return parser_fail(p, "a mailbox pattern");
    return !parser_failed(p);
}

/* list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts] */
int list_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct list_args *args = arena_new(p->arena, struct list_args);
    if (!parse_sp(p) || (parser_peek(p) == '(' && !parse_select_opts(p, args)) ||
        !parse_list_reference(p, &args->reference) || !parse_sp(p) || !parse_patterns(p, args) ||
        (!parser_at_end(p) && !parse_return_opts(p, args)) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* lsub = "LSUB" SP mailbox SP list-mailbox     RFC 3501, 9 */
int lsub_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct list_args *args = arena_new(p->arena, struct list_args);
    size_t cap = 0;
    if (!parse_sp(p) || !parse_list_reference(p, &args->reference) || !parse_sp(p) ||
        !parse_pattern(p, args, &cap) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}
