#include "mail/mark.h"

/* By source and by what is said about attachments: nothing (the message has such a keyword), no, yes. */
static const struct str imported[] = { STR_INIT("$imported") },
                        none[] = { STR_INIT("$hasnoattachment"), STR_INIT("$imported") },
                        some[] = { STR_INIT("$hasattachment"), STR_INIT("$imported") };

static bool has_keyword(const struct new_message *message, struct str name)
{
    for (size_t i = 0; i < message->keyword_count; i++)
        if (str_eq_nocase(message->keywords[i], name))
            return true;
    return false;
}

void mark_message(struct new_message *message, enum mark_source source)
{
    size_t more = source == MARK_IMPORTED;
    if (has_keyword(message, some[0]) || has_keyword(message, none[0])) {
        message->marks = imported;
        message->mark_count = more;
        return;
    }
    message->marks = message->has_attachment ? some : none;
    message->mark_count = 1 + more;
}
