#include "imap/session.h"

#include "imap/capability.h"
#include "imap/cmd/append.h"
#include "imap/cmd/command.h"
#include "imap/cmd/login.h"
#include "imap/context.h"
#include "imap/door.h"
#include "imap/metadata_news.h"
#include "imap/notify.h"
#include "imap/reply.h"
#include "imap/trail.h"
#include "imap/update.h"
#include "imap/wire/writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TURN_MS = 200,        /* of one client, before others have theirs and it can be kicked */
    TURN_PUSH_MS = 2,     /* what this worker began for others waits no longer for it */
    CHECKS_PER_LOOK = 32, /* a look at the clock costs as much as a short answer */
};

static void touch(struct session *s)
{
    const struct imap_settings *settings = &s->server->settings;
    if (s->state !=
        STATE_NOT_AUTHENTICATED) /* before login the first deadline stands: it is for the whole of it */
        s->deadline_ms = conn_now_mono_ms(s->conn) + settings->autologout_ms;
}

static bool is_idling(const struct session *s)
{
    return s->input == INPUT_IDLE && s->watching;
}

/* NOTIFY: something may be told though no command is in progress. */
static bool is_between_commands(const struct session *s)
{
    return s->notify && s->input == INPUT_COMMAND && !s->command;
}

/* When the time of its token or app password is up (mono), but for the command in progress; 0: not yet, or never. */
static int64_t credential_deadline_ms(const struct session *s)
{
    return !s->command || is_idling(s) ? s->expires_ms : 0;
}

void session_arm_timer(struct session *s)
{
    int64_t at = s->deadline_ms;
    int64_t expires = credential_deadline_ms(s);
    if (expires && expires < at)
        at = expires;
    if (s->heartbeat_ms && s->heartbeat_ms < at)
        at = s->heartbeat_ms;
    int64_t held = sign_in_deadline_ms(s);
    if (held && held < at)
        at = held;
    if (s->device_due_ms && s->device_due_ms < at)
        at = s->device_due_ms;
    int64_t news = is_idling(s) || is_between_commands(s) ? notify_deadline_ms(s) : 0;
    if (news && news < at && !conn_output_full(s->conn))
        at = news;
    conn_set_deadline(s->conn, at);
}

/* ---- what commands say ---- */

bool session_must_wait_now(struct session *s)
{
    if (conn_output_full(s->conn) && !conn_flush(s->conn))
        return true;
    int64_t left_ms = s->turn_end_ms - conn_now_mono_ms(s->conn);
    if (left_ms > TURN_MS - TURN_PUSH_MS)
        return false;
    if (!s->turn_pushed)
        store_push(mail_options(s->server->mail)->store);
    s->turn_pushed = true;
    if (left_ms > 0)
        return false;
    conn_yield(s->conn);
    return true;
}

bool session_must_wait(struct session *s)
{
    if (!conn_output_full(s->conn) && ++s->turn_checks % CHECKS_PER_LOOK != 0)
        return false;
    return session_must_wait_now(s);
}

void session_status(struct session *s, struct str tag, const char *kind, struct str code, struct str text)
{
    struct buf translated = BUF_INIT;
    if (s->language) {
        language_translate(s->language, text, &translated);
        text = buf_str(&translated);
    }
    write_status(session_out(s), tag, kind, code, text, session_utf8(s) || s->language); /* RFC 5255, 3.5 */
    buf_deinit(&translated);
}

void session_untagged(struct session *s, const char *kind, const char *code, const char *text)
{
    session_status(s, STR_NIL, kind, str_c(code), str_c(text));
}

void session_untagged_code(struct session *s, const char *text, const char *fmt, ...)
{
    struct buf code = BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&code, fmt, ap);
    va_end(ap);
    session_status(s, STR_NIL, "OK", buf_str(&code), str_c(text));
    buf_deinit(&code);
}

void session_progress(struct session *s, uint32_t done, uint32_t goal)
{
    int64_t now = conn_now_mono_ms(s->conn);
    bool is_due = s->progress_ms && now >= s->progress_ms;
    if (!s->progress_ms || is_due)
        s->progress_ms = now + s->server->settings.progress_interval_ms;
    if (!is_due || s->half_said || done >= goal || conn_output_full(s->conn))
        return;
    struct buf tag = BUF_INIT;
    if (memchr(s->tag.p, ']', s->tag.n)) /* RFC 9585, 4 */
        buf_add_lit(&tag, "NIL");
    else
        write_string(&tag, s->tag, false);
    session_untagged_code(s, "Still working on it", "INPROGRESS (" STR_FMT " %u %u)", STR_ARG(buf_str(&tag)),
                          done, goal);
    buf_deinit(&tag);
}

void session_code(struct session *s, const char *fmt, ...)
{
    struct buf code = BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&code, fmt, ap);
    va_end(ap);
    s->reply_code = arena_dup(&s->arena, buf_str(&code));
    buf_deinit(&code);
}

void session_text(struct session *s, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    s->reply_text = arena_dup(&s->arena, buf_str(&text));
    buf_deinit(&text);
}

void session_bye(struct session *s, const char *code, const char *text)
{
    if (s->state == STATE_LOGOUT)
        return;
    session_settle_commit(s); /* net gives a session that closes no more events */
    s->state = STATE_LOGOUT;
    if (s->half_said) { /* the client would take it for a part of its mail */
        conn_close_now(s->conn);
        return;
    }
    session_untagged(s, "BYE", code, text);
    conn_close_after_flush(s->conn);
}

void session_enable_condstore(struct session *s)
{
    if (s->condstore)
        return;
    s->condstore = true;
    if (s->state == STATE_SELECTED)
        session_untagged_code(s, "Highest", "HIGHESTMODSEQ %llu",
                              (unsigned long long)s->view.snapshot->highest_modseq);
}

int session_uid_required(struct session *s, struct err *err)
{
    session_code(s, "UIDREQUIRED");
    return err_set(err, ERR_STATE, "Message numbers are not allowed once UIDONLY is enabled");
}

static void log_failure(struct session *s, const struct reply_rule *rule, const struct err *err)
{
    struct logger *log = &s->log;
    LOG_AT(log, rule->level, "command-failed", KV("command", s->command ? s->command->name : STR("?")),
           KV("kind", err_kind_name(err->kind)), KV("text", (const char *)err->text));
}

void session_free_arena(struct session *s)
{
    if (s->has_secret)
        arena_wipe(&s->arena);
    s->has_secret = false;
    arena_deinit(&s->arena);
}

void session_drop_command(struct session *s)
{
    session_settle_commit(s);
    if (s->cursor_drop)
        s->cursor_drop(s);
    s->cursor_drop = NULL;
    s->command = NULL;
    s->args = NULL;
    s->cursor = NULL;
    s->progress_ms = 0;
    s->own = NULL;
    s->ending = NULL;
    s->tag = s->reply_code = s->reply_text = s->limit_code = STR_NIL;
    s->uid_form = s->updates_sent = s->exists_first = s->half_said = s->answered = s->failure_logged = false;
    session_free_arena(s);
}

/* RFC 9738, 3.1: where the tagged reply has another code, an untagged NO tells the limit. */
static void tell_limit(struct session *s, int r)
{
    if (str_is_nil(s->limit_code))
        return;
    if (r == 0 && str_is_nil(s->reply_code)) {
        s->reply_code = s->limit_code;
        session_text(s, "Stopped at the limit of messages");
    } else {
        session_status(s, STR_NIL, "NO", s->limit_code, STR("Stopped at the limit of messages"));
    }
}

void session_finish(struct session *s, int r, const struct err *err)
{
    tell_limit(s, r);
    if (r == 0 && s->answered) {
        /* STARTTLS: its reply went out in clear, before the handshake */
    } else if (r == 0) {
        if (str_is_nil(s->reply_text))
            s->reply_text = arena_printf(&s->arena, "%s" STR_FMT " completed", s->uid_form ? "UID " : "",
                                         STR_ARG(s->command->name));
        session_status(s, s->tag, "OK", s->reply_code, s->reply_text);
    } else {
        const struct reply_rule *rule = reply_rule(err->kind);
        struct str code = str_is_nil(s->reply_code) ? str_c(rule->code) : s->reply_code;
        session_status(s, s->tag, rule->kind, code, str_c(rule->text ? rule->text : err->text));
        if (!s->failure_logged)
            log_failure(s, rule, err);
    }
    session_drop_command(s);
    if (s->input == INPUT_HELD)
        s->input = INPUT_COMMAND;
    touch(s);
    if (s->failed_logins >= LOGIN_FAILURES_MAX && s->state == STATE_NOT_AUTHENTICATED)
        session_bye(s, NULL, "Too many failed logins");
}

/* ---- watching ---- */

static void on_change(struct watcher *watcher, unsigned events)
{
    (void)events;
    struct session *s = (struct session *)((char *)watcher - offsetof(struct session, watcher));
    conn_wake(s->waker);
}

static void on_home_change(struct watcher *watcher, unsigned events)
{
    (void)events;
    struct session *s = (struct session *)((char *)watcher - offsetof(struct session, home_watcher));
    conn_wake(s->waker);
}

void session_watch(struct session *s)
{
    unsigned annotations = s->metadata.server || s->metadata.mailboxes ? WATCH_ANNOTATIONS : 0;
    assert(!s->watching);
    if (!s->waker)
        s->waker = conn_waker(s->conn);
    s->watcher = (struct watcher){ .fn = on_change,
                                   .mailbox_id = s->state == STATE_SELECTED ? mailbox_id(s->view.mailbox) : 0,
                                   .reader = s->view.reader,
                                   .events = (s->state == STATE_SELECTED ? WATCH_MAILBOX : 0) | annotations |
                                             WATCH_ACCOUNT_GONE };
    account_watch(s->selected_account ? s->selected_account : s->account, &s->watcher);
    s->watching = true;
    if (!s->selected_account || s->selected_account == s->account)
        return;
    s->home_watcher = (struct watcher){ .fn = on_home_change, .events = annotations | WATCH_ACCOUNT_GONE };
    account_watch(s->account, &s->home_watcher);
    s->watching_home = true;
}

void session_unwatch(struct session *s)
{
    if (!s->watching)
        return;
    account_unwatch(s->selected_account ? s->selected_account : s->account, &s->watcher);
    if (s->watching_home)
        account_unwatch(s->account, &s->home_watcher);
    s->watching = s->watching_home = false;
}

/* ---- states ---- */

void session_deselect(struct session *s)
{
    session_unwatch(s);
    if (!s->view.mailbox)
        return;
    update_drop(s);
    contexts_drop(s);
    notify_closing(s);
    view_close(&s->view);
    account_unref(&s->selected_account);
    s->saved = (struct seqset){ 0 };
    arena_deinit(&s->saved_arena);
    s->batches_told = (struct batches_told){ 0 };
    if (s->state == STATE_SELECTED) /* a session that has said goodbye keeps LOGOUT */
        s->state = STATE_AUTHENTICATED;
    presence_set_mailbox(s->server->presence, s->presence, STR(""));
}

static struct str account_limit_key(const struct session *s, struct account_id id, char room[static 32])
{
    (void)s;
    return str_make(room, (size_t)snprintf(room, 32, "account/%llu", (unsigned long long)id.n));
}

/* As strangers begin. */
static void await_sign_in(struct session *s)
{
    s->state = STATE_NOT_AUTHENTICATED;
    s->deadline_ms = conn_now_mono_ms(s->conn) + s->server->settings.login_timeout_ms;
    conn_set_input_limit(s->conn, s->server->settings.before_login.command_max);
}

void session_peer(const struct session *s, struct auth_peer *peer_out, char key[static ADDR_KEY_BYTES])
{
    const struct net_addr *addr = conn_peer(s->conn);
    *peer_out = (struct auth_peer){ .protocol = "imap",
                                    .client_key = addr_client_key(addr, key),
                                    .tls_version = conn_tls_version(s->conn),
                                    .client = buf_str(&s->client),
                                    .session = conn_id(s->conn) };
    peer_out->has_ip = addr_as_ipv6(addr, peer_out->ip);
    addr_format(addr, false, peer_out->address);
}

/* The account of a user who was deleted a moment ago is none. */
static int open_account(struct session *s, struct auth_outcome *outcome, struct err *err)
{
    int r = mail_account_open(s->server->mail, outcome->user.account, &s->account, err);
    int deleted = r == -ERR_NOT_FOUND ? auth_look_again(s->server->auth, outcome, err) : 0;
    return deleted < 0 ? deleted : r;
}

static int enter(struct session *s, struct auth_outcome *outcome, struct err *err)
{
    const struct user *user = &outcome->user;
    char room[32];
    struct str key = account_limit_key(s, user->account, room);
    int r = limit_acquire(s->server->limits, key, s->server->settings.connections_per_account_max,
                          "connections per account", err);
    if (r < 0)
        return r;
    r = open_account(s, outcome, err);
    if (r < 0) {
        limit_release(s->server->limits, key);
        return r;
    }
    s->holds_account_limit = true;
    s->read_only = outcome->read_only;
    if (outcome->expires_ms && (outcome->app_password_id || s->server->settings.end_with_token))
        s->expires_ms = conn_now_mono_ms(s->conn) + outcome->expires_ms - clock_wall_ms(s->server->clock);
    memcpy(s->user_name, user->name, sizeof s->user_name);
    memcpy(s->hidden_capabilities, user->hidden, sizeof s->hidden_capabilities);
    s->state = STATE_AUTHENTICATED;
    conn_set_input_limit(s->conn, s->server->settings.after_login.command_max);
    framer_start(&s->framer,
                 &s->server->settings.after_login); /* an answer that was held comes between two commands */
    struct conn_tls_info tls = conn_tls_info(s->conn);
    struct presence_info info = { .conn_id = conn_id(s->conn),
                                  .protocol = "imap",
                                  .tls = conn_is_tls(s->conn),
                                  .app_password_id = outcome->app_password_id,
                                  .app_password_account = user->account.n,
                                  .since_ms = clock_wall_ms(s->server->clock) };
    snprintf(info.user, sizeof info.user, "%s", user->name);
    snprintf(info.mechanism, sizeof info.mechanism, "%s", outcome->mechanism);
    snprintf(info.by, sizeof info.by, "%s", outcome->by);
    snprintf(info.client, sizeof info.client, STR_FMT, STR_ARG(buf_str(&s->client)));
    addr_format(conn_peer(s->conn), false, info.address);
    s->presence = presence_enter(s->server->presence, &info);
    r = auth_look_again(s->server->auth, outcome, err);
    if (r < 0) {
        session_sign_out(s);
        return r;
    }
    s->signed_in_ms = conn_now_mono_ms(s->conn);
    s->mechanism = outcome->mechanism;
    s->app_password_id = outcome->app_password_id;
    s->device_due_ms = outcome->by[0]
                           ? 0
                           : s->signed_in_ms + TRAIL_DEVICE_MS; /* somebody else's is not the user's */
    if (outcome->by[0] && !(s->by = strdup(outcome->by)))
        abort();
    log_info(&s->log, "login", KV("account", (const char *)s->user_name), KV("by", outcome->by),
             KV("mechanism", outcome->mechanism), KV("address", (const char *)info.address),
             KV("tls", tls.version));
    return 0;
}

int session_sign_in(struct session *s, struct auth_outcome *outcome, struct err *err)
{
    int r = enter(s, outcome, err);
    trail_signed_in(s, outcome, r < 0 ? err : NULL);
    return r;
}

void session_sign_out(struct session *s)
{
    session_deselect(s);
    session_unwatch(s);
    notify_drop(s);
    if (s->account) {
        log_info(&s->log, "logout", KV("account", (const char *)s->user_name),
                 KV("commands", s->command_count));
        if (s->signed_in_ms)
            trail_signed_out(s);
        s->device_due_ms = 0;
        char room[32];
        limit_release(s->server->limits, account_limit_key(s, account_id(s->account), room));
        presence_leave(s->server->presence, &s->presence);
        account_unref(&s->account);
    }
    door_forget(s);
    s->holds_account_limit = false;
    s->read_only = false;
    free(s->by);
    s->by = NULL;
    s->expunged_count = 0;
    s->signed_in_ms = 0;
    s->mechanism = NULL;
    s->app_password_id = 0;
    memset(s->user_name, 0, sizeof s->user_name);
    memset(s->hidden_capabilities, 0, sizeof s->hidden_capabilities);
    s->rev2 = s->condstore = s->qresync = s->utf8_accept = s->uidonly = false;
    s->language = NULL; /* RFC 8437, 3 */
    s->collation = COLLATION_UNICODE_CASEMAP;
    memset(&s->metadata, 0, sizeof s->metadata);
    s->heartbeat_ms = 0;
    s->expires_ms = 0;
    s->command_count = 0;
    if (s->state != STATE_LOGOUT)
        await_sign_in(s);
}

static bool is_deleted(struct account *account)
{
    struct err err; /* others than this the command meets itself */
    return account && account_refresh(account, &err) == -ERR_UNAVAILABLE;
}

int session_check_account(struct session *s)
{
    if (is_deleted(s->account))
        session_bye(s, "UNAVAILABLE", "The account has been deleted");
    else if (s->selected_account != s->account && is_deleted(s->selected_account))
        session_bye(s, NULL, "The selected mailbox has been deleted");
    else
        return 0;
    return -ERR_UNAVAILABLE;
}

/* ---- what net calls ---- */

static int on_open(struct conn *conn, void *listener_ctx, void **session_out_ptr, struct err *err)
{
    (void)err;
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->conn = conn;
    s->server = listener_ctx;
    s->log = conn_logger(conn);
    s->input = INPUT_COMMAND;
    await_sign_in(s);
    framer_start(&s->framer, &s->server->settings.before_login);
    struct buf *out = session_out(s);
    buf_add_lit(out, "* OK [CAPABILITY ");
    capability_write(s, out);
    buf_add_lit(out, "] Loft ready\r\n");
    session_arm_timer(s);
    *session_out_ptr = s;
    return 0;
}

static void on_timer(struct session *s)
{
    int64_t now = conn_now_mono_ms(s->conn);
    int64_t held = sign_in_deadline_ms(s);
    if (held && now >= held)
        sign_in_resume(s);
    if (s->state == STATE_LOGOUT)
        return;
    if (s->device_due_ms && now >= s->device_due_ms)
        trail_device(s);
    if (now >= s->deadline_ms) {
        session_bye(s, NULL,
                    s->state == STATE_NOT_AUTHENTICATED ? "Took too long to sign in"
                                                        : "Autologout; idle for too long");
        return;
    }
    if (credential_deadline_ms(s) && now >= s->expires_ms) {
        session_bye(s, NULL, "What you signed in with has expired; sign in again");
        return;
    }
    if (s->heartbeat_ms && now >= s->heartbeat_ms && !s->half_said) {
        /* Outlook and many routers drop an IDLE that is silent for too long (CLIENTS: heartbeat every two minutes). */
        metadata_news_tell(s); /* nobody is woken for those of the server */
        session_untagged(s, "OK", NULL, "Still here");
        s->heartbeat_ms = now + s->server->settings.idle_heartbeat_ms;
    }
}

/* Says BYE when the right to read has been taken away meanwhile. */
static bool may_still_read(struct session *s)
{
    struct err err;
    return door_check_selected(s, &err) == 0 || s->state != STATE_LOGOUT;
}

static int tell_selected(struct session *s, bool may_expunge, struct err *err)
{
    bool resumed = s->update;
    int r = update_send(s, may_expunge, NULL, err);
    if (r == 0 && resumed) /* and what has changed while its client did not read */
        r = update_send(s, may_expunge, NULL, err);
    return r;
}

/* Tell what is new to a client that waits for it. RFC 5465, 4: with NOTIFY the same in IDLE as between commands, but that
 * in IDLE an EXPUNGE need not wait. */
static void tell_news(struct session *s)
{
    struct err err;
    int r = 0;
    if (is_idling(s))
        r = tell_selected(s, true, &err);
    else if (is_between_commands(s) && notify_selected_is_due(s))
        r = tell_selected(s, notify_may_expunge(s), &err);
    if (r == 0 && s->state != STATE_LOGOUT && notify_is_due(s))
        r = notify_tell(s, &err);
    if (r < 0 && r != -ERR_AGAIN)
        session_bye(s, "UNAVAILABLE", "The mailbox cannot be read");
}

/* A mailbox that is watched has changed, or its client reads again. */
static void on_wake(struct session *s)
{
    if ((!is_idling(s) && !is_between_commands(s)) || session_check_account(s) < 0 || !may_still_read(s) ||
        session_must_wait(s)) /* one who does not read is told when it does */
        return;
    tell_news(s);
}

static void on_event(struct conn *conn, void *session, unsigned events)
{
    struct session *s = session;
    (void)conn;
    if (s->state == STATE_LOGOUT)
        return;
    if (events & CONN_SHUTDOWN) {
        session_bye(s, "UNAVAILABLE", "Server shutting down or session ended by the administrator");
        return;
    }
    s->turn_end_ms = conn_now_mono_ms(conn) + TURN_MS;
    s->turn_checks = 0;
    s->turn_pushed = false;
    if (events & CONN_EOF)
        s->at_eof = true;
    if (events & (CONN_INPUT | CONN_DRAINED)) /* a long upload or download is no idling */
        touch(s);
    if (events & CONN_TIMER)
        on_timer(s);
    if ((events & (CONN_WOKEN | CONN_DRAINED)) && s->state != STATE_LOGOUT)
        on_wake(s);
    if (s->state != STATE_LOGOUT && s->command && s->input == INPUT_HELD && !sign_in_deadline_ms(s) &&
        !conn_output_full(s->conn))
        session_run_command(s);
    if (s->state != STATE_LOGOUT)
        session_read(s);
    /* What came while a command ran, or waits for its time. */
    if (s->state != STATE_LOGOUT && s->notify && !conn_output_full(conn))
        on_wake(s);
    if (s->state != STATE_LOGOUT)
        session_arm_timer(s);
}

static void on_close(void *session)
{
    struct session *s = session;
    sign_in_drop(s);
    append_drop(s);
    session_drop_command(s);
    s->state = STATE_LOGOUT;
    session_sign_out(s);
    conn_waker_unref(&s->waker);
    buf_deinit(&s->client);
    free(s);
}

static void on_refuse(void *listener_ctx, const struct err *why, struct buf *out)
{
    (void)listener_ctx;
    const struct reply_rule *rule = reply_rule(why->kind);
    write_status(out, STR_NIL, "BYE", str_c(rule->code), str_c(rule->text ? rule->text : why->text), false);
}

const struct conn_handler imap_handler = { "imap", on_open, on_event, on_close, on_refuse };
