/* cmd_language.c: LANGUAGE: in which language texts are told.     RFC 5255, 3 */
#include "imap/cmd/command.h"
#include "imap/cmd/namespace.h"
#include "imap/wire/session_args.h"
#include "imap/wire/writer.h"

static void respond_all(struct session *s)
{
    struct buf *out = session_out(s);
    struct str tag;
    buf_add_lit(out, "* LANGUAGE (");
    for (size_t i = 0; !str_is_nil(tag = languages_tag(s->server->languages, i)); i++) {
        if (i > 0)
            buf_add_char(out, ' ');
        buf_add(out, tag);
    }
    buf_add_lit(out, ")\r\n");
}

int language_run(struct session *s, const void *args, struct err *err)
{
    const struct language_args *a = args;
    if (a->count == 0) {
        respond_all(s);
        return 0;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct language *found = languages_find(s->server->languages, a->ranges[i]);
        if (!found)
            continue;
        s->language = found; /* from the response on: RFC 5255, 3.2 */
        buf_printf(session_out(s), "* LANGUAGE (" STR_FMT ")\r\n", STR_ARG(language_tag(found)));
        return s->state == STATE_NOT_AUTHENTICATED ? 0 : namespace_respond(s, err);
    }
    return err_set(err, ERR_CANNOT, "None of these languages is there");
}
