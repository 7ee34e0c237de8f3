/* cmd_namespace.c: NAMESPACE: where a user's own mailboxes lie, and those of others.     RFC 2342; RFC 5255, 3.4 (TRANSLATION) */
#include "auth/directory/grants.h"
#include "imap/cmd/command.h"
#include "imap/cmd/namespace.h"
#include "imap/door.h"
#include "imap/wire/writer.h"

static void write_namespace(struct session *s, const char *prefix)
{
    struct buf *out = session_out(s), translated = BUF_INIT;
    buf_printf(out, "((\"%s/\" \"/\"", prefix);
    if (s->language)
        language_translate(s->language, str_c(prefix), &translated);
    if (translated.n && !str_eq(buf_str(&translated), str_c(prefix))) {
        buf_add_char(&translated, '/');
        buf_add_lit(out, " \"TRANSLATION\" (");
        write_mailbox(out, buf_str(&translated), session_utf8(s));
        buf_add_char(out, ')');
    }
    buf_add_lit(out, "))");
    buf_deinit(&translated);
}

int namespace_respond(struct session *s, struct err *err)
{
    struct account_id id;
    int r = grants_public_account(s->server->users, users_domain(str_c(s->user_name)), &id, err);
    if (r < 0 && r != -ERR_NOT_FOUND)
        return r;
    struct buf *out = session_out(s);
    buf_add_lit(out, "* NAMESPACE ((\"\" \"/\")) ");
    write_namespace(s, NAMESPACE_OTHERS);
    buf_add_char(out, ' ');
    if (r == 0)
        write_namespace(s, NAMESPACE_PUBLIC);
    else
        buf_add_lit(out, "NIL");
    buf_add_lit(out, "\r\n");
    return 0;
}

int namespace_run(struct session *s, const void *args, struct err *err)
{
    (void)args;
    return namespace_respond(s, err);
}
