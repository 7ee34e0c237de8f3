/* cmd_basic.c: the commands about the session itself: NOOP, CAPABILITY, LOGOUT, STARTTLS, ENABLE, ID.
 * RFC 9051, 6.1, 6.2.1, 6.3.1 */
#include "imap/capability.h"
#include "imap/cmd/command.h"
#include "imap/context.h"
#include "imap/door.h"
#include "imap/metadata_news.h"
#include "imap/trail.h"
#include "imap/wire/session_args.h"
#include "imap/wire/writer.h"

#include "base/utf8.h"

int noop_run(struct session *s, const void *args, struct err *err)
{
    (void)s, (void)args, (void)err;
    return 0; /* the dispatcher tells what is new after every command: that is all a NOOP is for */
}

int capability_run(struct session *s, const void *args, struct err *err)
{
    (void)args, (void)err;
    buf_add_lit(session_out(s), "* CAPABILITY ");
    capability_write(s, session_out(s));
    buf_add_lit(session_out(s), "\r\n");
    return 0;
}

int logout_run(struct session *s, const void *args, struct err *err)
{
    (void)args, (void)err;
    session_untagged(s, "BYE", NULL, "See you");
    session_status(s, s->tag, "OK", STR_NIL, STR("LOGOUT completed"));
    s->state = STATE_LOGOUT;
    conn_close_after_flush(s->conn);
    return 0;
}

/* RFC 9051, 6.2.1: what the client sent behind STARTTLS in clear is dropped by conn_start_tls, never run. */
int starttls_run(struct session *s, const void *args, struct err *err)
{
    (void)args;
    if (conn_is_tls(s->conn))
        return err_set(err, ERR_STATE, "TLS is on already");
    if (!conn_can_start_tls(s->conn))
        return err_set(err, ERR_CANNOT, "TLS is not available here");
    session_status(s, s->tag, "OK", STR_NIL, STR("Begin TLS negotiation now"));
    int r = conn_start_tls(s->conn, err);
    if (r < 0)
        session_bye(s, NULL, "TLS cannot be started");
    s->answered = true;
    return 0;
}

/* RFC 5161, 3.1; RFC 9051, 6.3.1: only what is new and known is listed. */
int enable_run(struct session *s, const void *args, struct err *err)
{
    (void)err;
    const struct enable_args *a = args;
    struct buf *out = session_out(s);
    bool condstore = s->condstore, metadata = s->metadata.mailboxes, metadata_server = s->metadata.server;
    struct {
        const char *name;
        bool *on;
    } known[] = { { "IMAP4rev2", &s->rev2 },  { "CONDSTORE", &condstore },
                  { "QRESYNC", &s->qresync }, { "UTF8=ACCEPT", &s->utf8_accept },
                  { "METADATA", &metadata },  { "METADATA-SERVER", &metadata_server },
                  { "UIDONLY", &s->uidonly } };
    buf_add_lit(out, "* ENABLED");
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < ARRAY_COUNT(known); k++) {
            if (*known[k].on || !str_eq_nocase(a->names[i], str_c(known[k].name)))
                continue;
            *known[k].on = true;
            buf_printf(out, " %s", known[k].name);
        }
    }
    buf_add_lit(out, "\r\n");
    if (s->uidonly)
        contexts_end_numbers(s);
    if (metadata > s->metadata.mailboxes)
        metadata_news_enable(s, true);
    if (metadata_server > s->metadata.server)
        metadata_news_enable(s, false);
    if (condstore || s->qresync) /* RFC 7162, 3.2.3 */
        session_enable_condstore(s);
    return 0;
}

int id_run(struct session *s, const void *args, struct err *err)
{
    (void)err;
    const struct id_args *a = args;
    struct buf *client = &s->client;
    buf_clear(client);
    for (size_t i = 0; i < a->count; i++)
        if (str_eq_nocase(a->pairs[i].field, STR("name")) ||
            str_eq_nocase(a->pairs[i].field, STR("version"))) {
            if (client->n)
                buf_add_char(client, ' ');
            buf_add(client, a->pairs[i].value);
        }
    client->n = utf8_prefix(buf_str(client), CLIENT_BYTES_MAX).n;
    if (s->presence)
        presence_set_client(s->server->presence, s->presence, buf_str(client));
    if (client->n) /* strangers do not fill the log */
        LOG_AT(&s->log, s->presence ? LEVEL_INFO : LEVEL_DEBUG, "client", KV("id", buf_str(client)));
    if (client->n && s->presence)
        trail_client(s);
    /* The version is told to those who are signed in only: strangers need not know what to attack. */
    if (s->state == STATE_NOT_AUTHENTICATED)
        buf_add_lit(session_out(s), "* ID (\"name\" \"Loft\")\r\n");
    else
        buf_add_lit(session_out(s), "* ID (\"name\" \"Loft\" \"version\" \"" LOFT_VERSION "\")\r\n");
    return 0;
}
