#include "imap/wire/append_args.h"

int append_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct append_args *args = arena_new(p->arena, struct append_args);
    if (!parse_sp(p) || !parse_mailbox(p, &args->mailbox))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* What announces a literal; the line ends behind it and the bytes were streamed elsewhere. */
static bool parse_announcement(struct parser *p, struct append_message *message)
{
    message->literal8 = try_char(p, '~');
    if (!parse_char(p, '{', "a literal") || !parse_number64(p, &message->size_bytes))
        return false;
    try_char(p, '+');
    return parse_char(p, '}', "\"}\"") && parse_end(p);
}

/* append-message = [SP flag-list] [SP date-time] SP literal     RFC 3502 */
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
    if (!parse_announcement(p, &message))
        return parser_error(p, err);
    *message_out = message;
    return 0;
}

int append_end_parse(struct parser *p, struct err *err)
{
    return parse_end(p) ? 0 : parser_error(p, err);
}
