#include "imap/wire/append_args.h"

int append_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct append_args *args = arena_new(p->arena, struct append_args);
    if (!parse_sp(p) || !parse_mailbox_given(p, &args->mailbox, &args->given))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* replace = "REPLACE" SP seq-number SP mailbox append-message     RFC 8508, 5 */
int replace_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct append_args *args = arena_new(p->arena, struct append_args);
    args->replaces = true;
    if (!parse_sp(p) || (!try_char(p, '*') && !parse_nz_number(p, &args->number)) || !parse_sp(p) ||
        !parse_mailbox_given(p, &args->mailbox, &args->given))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* What announces a literal; the line ends behind it and the bytes were streamed elsewhere. */
static bool parse_announcement(struct parser *p, struct append_literal *literal)
{
    literal->literal8 = try_char(p, '~');
    if (!parse_char(p, '{', "a literal") || !parse_number64(p, &literal->size_bytes))
        return false;
    try_char(p, '+');
    return parse_char(p, '}', "\"}\"") && parse_end(p);
}

/* append-message = [SP flag-list] [SP date-time] SP append-data
 * append-data    = literal / literal8 / "CATENATE" SP "(" cat-part *(SP cat-part) ")"
 * RFC 3502, RFC 4466, RFC 4469, 5 */
int append_message_parse(struct parser *p, struct append_message *message_out, struct err *err)
{
    struct append_message message = { 0 };
    if (!parse_sp(p))
        return parser_error(p, err);
    if (parser_peek(p) == '(' && (!parse_flag_list(p, &message.flags) || !parse_sp(p)))
        return parser_error(p, err);
    if (parser_peek(p) == '"') {
        message.has_date = true;
        if (!parse_date_time(p, &message.date) || !parse_sp(p))
            return parser_error(p, err);
    }
    message.is_catenate = try_word(p, STR("CATENATE"));
    if (message.is_catenate ? !parse_sp(p) || !parse_char(p, '(', "\"(\"")
                            : !parse_announcement(p, &message.literal))
        return parser_error(p, err);
    *message_out = message;
    return 0;
}

/* cat-part = "TEXT" SP literal / "URL" SP astring */
static bool parse_part(struct parser *p, struct append_part *part)
{
    if (try_word(p, STR("TEXT"))) {
        part->kind = APPEND_PART_TEXT;
        return parse_sp(p) && parse_announcement(p, &part->literal);
    }
    if (!try_word(p, STR("URL")))
        return parser_fail(p, "TEXT or URL");
    part->kind = APPEND_PART_URL;
    if (!parse_sp(p) || !parse_astring(p, &part->url))
        return false;
    return parser_peek(p) == ' ' || parser_peek(p) == ')' || parser_fail(p, "a space or \")\"");
}

int append_part_parse(struct parser *p, bool first, struct append_part *part_out, struct err *err)
{
    struct append_part part = { .kind = APPEND_PART_END };
    if (first || !try_char(p, ')'))
        if ((!first && !parse_sp(p)) || !parse_part(p, &part))
            return parser_error(p, err);
    *part_out = part;
    return 0;
}
