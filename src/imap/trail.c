#include "imap/trail.h"

#include "auth/sign_in_event.h"
#include "imap/cmd/command.h"

enum { FIELDS_MAX = 20 };

/* The fields of one event, as they are collected. */
struct event {
    struct log_field fields[FIELDS_MAX];
    size_t n;
    struct auth_peer peer;
    char key[ADDR_KEY_BYTES];
};

static void add(struct event *e, struct log_field field)
{
    e->fields[e->n++] = field;
}

/* Who does it, and from where. */
static void begin(struct session *s, struct event *e)
{
    e->n = 0;
    add(e, KV("user", (const char *)s->user_name));
    add(e, KV("by", (const char *)s->by));
    session_peer(s, &e->peer, e->key);
}

static void add_place(struct session *s, struct event *e, const struct account *account, struct str mailbox)
{
    add(e, KV("owner", door_owner(s, account)));
    add(e, KV("mailbox", mailbox));
}

static void add_origin(struct event *e)
{
    add(e, KV("address", (const char *)e->peer.address));
    add(e, KV("session", e->peer.session));
}

static void record(struct session *s, enum audit_event event, const struct event *e)
{
    audit_record(s->server->audit, event, e->fields, e->n);
}

/* ---- the session ---- */

void trail_signed_in(struct session *s, const struct auth_outcome *outcome, const struct err *failure)
{
    struct event e;
    const char *reason = NULL;
    if (failure)
        reason = outcome->reason == AUTH_OK ? err_kind_name(failure->kind)
                                            : auth_reason_name(outcome->reason);
    session_peer(s, &e.peer, e.key);
    sign_in_event_record(s->server->audit, &(struct sign_in_event){ .peer = &e.peer,
                                                                    .outcome = outcome,
                                                                    .user = str_c(outcome->user.name),
                                                                    .by = str_c(outcome->by),
                                                                    .reason = reason });
    if (s->client.n)
        trail_device(s);
}

void trail_device(struct session *s)
{
    struct event e;
    if (!s->device_due_ms)
        return;
    s->device_due_ms = 0;
    session_peer(s, &e.peer, e.key);
    devices_note(s->server->devices, &(struct device_sighting){ .account = account_id(s->account),
                                                                .user = s->user_name,
                                                                .peer = &e.peer,
                                                                .mechanism = s->mechanism,
                                                                .app_password_id = s->app_password_id });
}

void trail_signed_out(struct session *s)
{
    struct event e;
    trail_device(s);
    begin(s, &e);
    add(&e, KV("protocol", e.peer.protocol));
    add_origin(&e);
    add(&e, KV("client", e.peer.client));
    add(&e, KV("duration_s", (conn_now_mono_ms(s->conn) - s->signed_in_ms) / 1000));
    add(&e, KV("commands", s->command_count));
    if (s->expunged_count)
        add(&e, KV("expunged", s->expunged_count));
    record(s, AUDIT_SIGN_OUT, &e);
}

void trail_client(struct session *s)
{
    struct event e;
    begin(s, &e);
    add(&e, KV("protocol", e.peer.protocol));
    add_origin(&e);
    add(&e, KV("client", e.peer.client));
    record(s, AUDIT_CLIENT, &e);
    trail_device(s);
}

/* ---- what it does ---- */

void trail_expunged(struct session *s, uint64_t count, const struct str *to)
{
    struct event e;
    if (count == 0 || !s->server->audit)
        return;
    if (!to)
        s->expunged_count += count;
    begin(s, &e);
    add_place(s, &e, s->selected_account, mailbox_name(s->view.mailbox, &s->arena));
    add(&e, KV("to", to ? *to : STR_NIL));
    add(&e, KV("messages", count));
    add(&e, KV("command", s->command->name));
    add_origin(&e);
    record(s, AUDIT_EXPUNGE, &e);
}

void trail_mailbox(struct session *s, enum audit_event event, const struct place *place, struct str to)
{
    struct event e;
    begin(s, &e);
    add(&e, AUDIT_BOOL("ok", true));
    add_place(s, &e, place->account, place->name);
    add(&e, KV("to", to));
    if (event == AUDIT_MAILBOX_DELETE && place->mailbox) {
        struct snapshot *last = mailbox_snapshot(place->mailbox);
        add(&e, KV("messages", last->exists));
        snapshot_unref(&last);
    }
    add_origin(&e);
    record(s, event, &e);
}

void trail_acl(struct session *s, const struct place *place, struct str who, const char *change,
               struct str rights)
{
    struct event e;
    begin(s, &e);
    add(&e, AUDIT_BOOL("ok", true));
    add_place(s, &e, place->account, place->name);
    add(&e, KV("change", change));
    add(&e, KV("who", who));
    add(&e, KV("rights", rights));
    add_origin(&e);
    record(s, AUDIT_ACL, &e);
}
