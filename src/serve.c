#include "serve.h"

#include "admin/backend.h"
#include "admin/cage.h"
#include "admin/certificates.h"
#include "admin/control.h"
#include "auth/oauth/issuer.h"
#include "imap/server.h"
#include "lmtp/server.h"
#include "mail/indexer.h"
#include "net/listener.h"
#include "net/net.h"
#include "net/tls.h"
#include "providers.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DRAIN_MS = 5000, HOST_NAME_BYTES = 256 };

/* Everything that runs, in the order in which it is started. */
struct server {
    struct config *config;
    struct config *tls_config; /* what was read last, of which [tls] holds; NULL: config */
    struct log_sink sink;
    struct logger log;
    struct backend backend;
    struct guard *guard;
    struct pam_helper *pam; /* until the provider has it */
    struct auth *auth;
    struct limits *limits;
    struct presence *presence;
    struct languages *languages;
    struct buf oauth_configuration; /* its address, for clients */
    struct cage cage;
    struct tls_context *tls;
    struct net *net;
    struct imap_server imap, imaps; /* of each listener */
    struct lmtp_server lmtp;
    char host_name[HOST_NAME_BYTES];
    struct admin_server running;
    struct admin admin;
    struct control *control;
    char tickets_path[PATH_MAX];     /* "": not taken, so none are left */
    atomic_uint ask_imap, ask_imaps; /* enum tls_client_certificate */
    int32_t expiry_told;
};

/* ---- certificates ---- */

/* First load, or reload on SIGHUP by the settings `c`. */
static int load_certificates(struct server *s, const struct config *c, struct err *err)
{
    struct certificates found;
    int r = certificates_find(c, str_c(s->host_name), &found, err);
    if (r == 0 && found.made)
        log_warn(&s->log, "certificate-made", KV("file", found.options.pairs[0].certificate_path),
                 KV("text", "self-signed: clients will ask; set tls.certificate"));
    if (r == 0)
        r = s->tls ? tls_context_reload(s->tls, &found.options, err)
                   : tls_context_new(&found.options, &s->tls, err);
    certificates_deinit(&found);
    if (r < 0)
        return r;
    s->ask_imap = (unsigned)c->imap.client_certificate;
    s->ask_imaps = (unsigned)c->imaps.client_certificate;
    return 0;
}

/* From time to time. Before it warns it looks whether there are newer files already. */
static void watch_certificates(struct server *s)
{
    struct err err;
    struct buf path = BUF_INIT;
    int64_t now = clock_wall_ms(&clock_system), expires = tls_context_expires_wall_ms(s->tls, NULL);
    if (!certificates_must_warn(now, expires, &s->expiry_told))
        return;
    if (load_certificates(s, s->tls_config ? s->tls_config : s->config, &err) < 0)
        log_error(&s->log, "reload-failed", KV("text", (const char *)err.text));
    expires = tls_context_expires_wall_ms(s->tls, &path);
    s->expiry_told = CERTIFICATES_NOTHING_TOLD;
    if (certificates_must_warn(now, expires, &s->expiry_told)) {
        int64_t hours = (expires - now) / (3600 * 1000);
        LOG_AT(&s->log, hours > 24 ? LEVEL_WARN : LEVEL_ERROR, "certificate-expires",
               KV("file", buf_str(&path)), KV("hours_left", hours));
    }
    buf_deinit(&path);
}

/* Clients resume their sessions with the server that starts next. */
static void take_tickets(struct server *s)
{
    struct err err;
    snprintf(s->tickets_path, sizeof s->tickets_path, "%s/tls-tickets", s->config->data.folder);
    if (tls_context_take_tickets(s->tls, s->tickets_path, &err) < 0)
        log_warn(&s->log, "tls-tickets-lost", KV("text", (const char *)err.text));
}

static void leave_tickets(struct server *s)
{
    struct err err;
    if (s->tickets_path[0] && tls_context_leave_tickets(s->tls, s->tickets_path, &err) < 0)
        log_warn(&s->log, "tls-tickets-lost", KV("text", (const char *)err.text));
}

/* ---- listeners ---- */

/* Listen on every address of one setting. Where the default port may not be bound (not root), `fallback_port` is used. */
static int listen_on(struct server *s, const struct config_listen *listen, const char *setting,
                     unsigned fallback_port, struct listener_options options, struct err *err)
{
    for (size_t i = 0; i < listen->count; i++) {
        const struct config_address *a = &listen->addresses[i];
        char text[512];
        for (unsigned port = a->port;; port = fallback_port) {
            if (a->path)
                snprintf(text, sizeof text, "%s%s", strchr("/.", a->path[0]) ? "" : "./", a->path);
            else
                snprintf(text, sizeof text, strchr(a->host, ':') ? "[%s]:%u" : "%s:%u", a->host, port);
            options.address = str_c(text);
            int r = net_listen(s->net, &options, NULL, err);
            if (r == -ERR_DENIED && !config_is_set(s->config, setting) && fallback_port &&
                port != fallback_port)
                continue;
            if (r < 0)
                return err_context(err, "%s", setting);
            break;
        }
        log_info(&s->log, "listening", KV("setting", setting), KV("address", (const char *)text));
    }
    return 0;
}

static mode_t lmtp_socket_mode(const struct config *c)
{
    static const mode_t modes[] = {
        [CONFIG_SOCKET_0600] = 0600, [CONFIG_SOCKET_0660] = 0660, [CONFIG_SOCKET_0666] = 0666
    };
    return modes[c->lmtp.socket_mode];
}

static int open_listeners(struct server *s, struct err *err)
{
    const struct config *c = s->config;
    struct listener_options imap = { .handler = &imap_handler,
                                     .ctx = &s->imap,
                                     .tls_mode = LISTENER_TLS_STARTTLS,
                                     .tls = s->tls,
                                     .alpn = STR("imap"),
                                     .client_certificate = &s->ask_imap,
                                     .proxy = c->imap.proxy_protocol,
                                     .per_client_max = (unsigned)c->limits.connections_per_address };
    struct listener_options imaps = imap;
    imaps.ctx = &s->imaps;
    imaps.tls_mode = LISTENER_TLS_IMPLICIT;
    imaps.client_certificate = &s->ask_imaps;
    imaps.proxy = c->imaps.proxy_protocol;
    struct listener_options lmtp = { .handler = &lmtp_handler,
                                     .ctx = &s->lmtp,
                                     .tls_mode = LISTENER_TLS_NONE,
                                     .proxy = c->lmtp.proxy_protocol,
                                     .unix_mode = lmtp_socket_mode(c) };
    int r = listen_on(s, &c->imap.listen, "imap.listen", 1143, imap, err);
    if (r == 0)
        r = listen_on(s, &c->imaps.listen, "imaps.listen", 1993, imaps, err);
    if (r == 0)
        r = listen_on(s, &c->lmtp.listen, "lmtp.listen", 0, lmtp, err);
    return r;
}

/* ---- start and end ---- */

static struct imap_settings imap_settings(const struct config *c)
{
    struct imap_settings settings = { .login_timeout_ms = (uint32_t)c->imap.login_timeout_s * 1000,
                                      .autologout_ms = (uint32_t)c->imap.autologout_s * 1000,
                                      .notify_mailboxes_max = (uint32_t)c->imap.notify_mailboxes,
                                      .idle_heartbeat_ms = (uint32_t)c->imap.idle_heartbeat_s * 1000,
                                      .progress_interval_ms = (uint32_t)c->imap.progress_interval_ms,
                                      .plaintext_on_loopback = c->auth.plaintext_on_loopback,
                                      .sharing_across_domains = c->sharing.across_domains,
                                      .unauthenticate = c->imap.unauthenticate,
                                      .end_with_token = c->oauth.end_sessions,
                                      .refuse_8bit_header = c->imap.refuse_8bit_header,
                                      .connections_per_account_max =
                                          (uint32_t)c->limits.connections_per_account,
                                      .message_bytes_max = c->imap.max_append_bytes,
                                      .message_limit = (uint32_t)c->imap.message_limit,
                                      .save_limit = (uint32_t)c->imap.save_limit,
                                      .quota_administrators = c->quota.administrators,
                                      .hide_capabilities = c->imap.hide_capabilities,
                                      .hide_capabilities_here = "",
                                      .before_login = framer_limits_before_login,
                                      .after_login = framer_limits_after_login };
    settings.after_login.line_max = c->imap.max_line_bytes;
    settings.after_login.literal_max = c->imap.max_literal_bytes;
    settings.after_login.nonsync_max = c->imap.max_append_bytes; /* LITERAL+ */
    settings.after_login.command_max = c->imap.max_command_bytes;
    settings.after_login.message_max = c->imap.max_append_bytes;
    settings.after_login.swallow_max = c->imap.max_append_bytes + c->imap.max_command_bytes;
    /* As many as are announced, and one more, so that the limit answers it. */
    uint32_t appended = settings.message_limit ? settings.message_limit : settings.save_limit;
    if (appended >= settings.after_login.messages_max)
        settings.after_login.messages_max = appended + 1;
    return settings;
}

static struct gssapi_settings gssapi_settings(const struct config *c)
{
    return (struct gssapi_settings){ c->gssapi.keytab, c->gssapi.host, c->gssapi.realms };
}

static struct sasl_settings sasl_settings(struct server *s)
{
    const struct config *c = s->config;
    const struct auth *auth = s->auth;
    if (*c->oauth.issuer)
        issuer_configuration_address(str_c(c->oauth.issuer), &s->oauth_configuration);
    struct sasl_settings settings = { .hint = { .scope = str_c(c->oauth.scope),
                                                .configuration = buf_str(&s->oauth_configuration) },
                                      .gssapi = gssapi_settings(c) };
    if (sasl_parse_mechanisms(str_c(c->auth.mechanisms), &settings.mechanisms, NULL) < 0)
        abort(); /* config_load has looked */
    settings.mechanisms = sasl_usable(settings.mechanisms, auth);
    return settings;
}

static void look_at_policy(const struct server *s)
{
    const char *list = s->config->auth.common_passwords;
    if (list[0] && policy_list_count(s->backend.policy) == 0)
        log_warn(&s->log, "no-common-passwords", KV("file", list),
                 KV("text", "new passwords are judged by their length alone: install john-data, or set "
                            "auth.common_passwords"));
}

static int make_account(void *backend, const struct user *user, struct err *err)
{
    return backend_make_account(backend, user, err);
}

static int start_auth(struct server *s, struct err *err)
{
    const struct config *c = s->config;
    char failures_path[PATH_MAX];
    snprintf(failures_path, sizeof failures_path, "%s/sign-in-failures", c->data.folder);
    s->guard = guard_new(
        &(struct guard_params){ .clock = &clock_system,
                                .failure_delay_ms = (uint32_t)c->auth.failure_delay_ms,
                                .failure_delay_max_ms = (uint32_t)c->auth.failure_delay_max_ms,
                                .failure_forget_s = (uint32_t)c->auth.failure_forget_s,
                                .lock_failures = (uint32_t)c->auth.lock_failures,
                                .lock_s = (uint32_t)c->auth.lock_s,
                                .network_failures = (uint32_t)c->auth.network_failures,
                                .trusted = c->auth.trusted_networks,
                                .path = failures_path,
                                .log = s->log,
                                .audit = s->backend.audit });
    struct auth_params params = { .users = s->backend.users,
                                  .clock = &clock_system,
                                  .audit = s->backend.audit,
                                  .names = s->backend.names,
                                  .make_account = make_account,
                                  .make_account_ctx = &s->backend,
                                  .guard = s->guard,
                                  .may_act_for = c->auth.may_act_for,
                                  .known_good_max = (uint32_t)c->auth.known_good_count,
                                  .known_good_s = (uint32_t)c->auth.known_good_s,
                                  .waiters_max = (uint32_t)c->server.workers / 2,
                                  .scram_iterations = (uint32_t)c->auth.scram_iterations };
    const struct providers_params providers = { .config = c,
                                                .users = s->backend.users,
                                                .names = s->backend.names,
                                                .policy = s->backend.policy,
                                                .clock = &clock_system,
                                                .log = s->log,
                                                .pam = &s->pam };
    int r = providers_open(&providers, params.providers, &params.provider_count, err);
    return r < 0 ? r : auth_new(&params, &s->auth, err);
}

static int find_recipient(void *auth, struct str name, struct user *user_out, struct err *err)
{
    return auth_find_recipient(auth, name, user_out, err);
}

/* What sessions have begun to commit lies in the store until all that were ready have had their turn. */
static void push(void *ctx)
{
    const struct backend *backend = ctx;
    store_push(backend->store);
}

/* Nobody is served before net_start(). */
static int bind_ports(struct server *s, struct err *err)
{
    const struct config *c = s->config;
    const struct net_options options = { .clock = &clock_system,
                                         .log = s->log,
                                         .limits = s->limits,
                                         .workers = (unsigned)c->server.workers,
                                         .workers_max = (unsigned)c->server.workers_max,
                                         .before_wait = push,
                                         .before_wait_ctx = &s->backend,
                                         .connections_max = (unsigned)c->limits.connections };
    int r = net_new(&options, &s->net, err);
    if (r == 0)
        r = open_listeners(s, err);
    return r;
}

/* What takes privileges, and then none are left: before there is any thread. */
static int start_alone(struct server *s, const char *config_file, struct err *err)
{
    int r = providers_prepare(s->config, &s->pam, err); /* root, if we are: pam_unix wants it */
    if (r == 0)
        r = cage_become_user(s->config, err);
    if (r == 0)
        r = load_certificates(s, s->config, err);
    if (r == 0)
        r = bind_ports(s, err);
    if (r == 0)
        r = cage_enter(s->config, config_file, s->log, &s->cage, err);
    const struct gssapi_settings gssapi = gssapi_settings(s->config);
    return r < 0 ? r : gssapi_prepare(&gssapi, err);
}

static int start(struct server *s, const char *config_file, struct err *err)
{
    const struct config *c = s->config;
    s->sink = (struct log_sink){ STDERR_FILENO, (enum log_level)c->log.level, (enum log_format)c->log.format,
                                 &clock_system };
    s->log = logger_make(&s->sink);
    if (gethostname(s->host_name, sizeof s->host_name - 1) < 0 || !s->host_name[0])
        snprintf(s->host_name, sizeof s->host_name, "localhost");
    s->limits = limits_new();
    s->presence = presence_new();
    int r = start_alone(s, config_file, err);
    if (r == 0)
        r = languages_load(c->imap.language_folder, c->imap.language, &s->languages, err);
    if (r == 0)
        r = backend_open(c, s->log, &s->backend, err);
    if (r == 0) {
        look_at_policy(s);
        r = start_auth(s, err);
    }
    if (r < 0)
        return r;
    take_tickets(s);
    s->backend.find_user = find_recipient;
    s->backend.find_ctx = s->auth;
    s->imap = (struct imap_server){ .settings = imap_settings(c),
                                    .mail = s->backend.mail,
                                    .users = s->backend.users,
                                    .auth = s->auth,
                                    .audit = s->backend.audit,
                                    .devices = s->backend.devices,
                                    .limits = s->limits,
                                    .presence = s->presence,
                                    .languages = s->languages,
                                    .clock = &clock_system };
    s->imap.settings.sasl = sasl_settings(s);
    s->imaps = s->imap;
    s->imaps.settings.hide_capabilities_here = c->imaps.hide_capabilities;
    s->lmtp = (struct lmtp_server){ .settings = { .message_bytes_max = c->lmtp.max_message_bytes,
                                                  .recipients_max = (uint32_t)c->lmtp.max_recipients,
                                                  .timeout_ms = (uint32_t)c->lmtp.timeout_s * 1000,
                                                  .create_mailbox = c->lmtp.create_folder,
                                                  .over_quota_permanent = c->quota.over_reply ==
                                                                          CONFIG_OVER_PERMANENT,
                                                  .host_name = s->host_name },
                                    .mail = s->backend.mail,
                                    .names = s->backend.names,
                                    .find_user = s->backend.find_user,
                                    .find_ctx = s->backend.find_ctx,
                                    .clock = &clock_system };
    net_set_audit(s->net, s->backend.audit);
    r = net_start(s->net, err);
    if (r == 0)
        r = indexer_start(mail_indexer(s->backend.mail), err);
    if (r == 0)
        r = devices_start(s->backend.devices, err);
    if (r < 0)
        return r;
    s->running = (struct admin_server){ .net = s->net,
                                        .auth = s->auth,
                                        .presence = s->presence,
                                        .guard = s->guard,
                                        .tls = s->tls,
                                        .cage = &s->cage,
                                        .started_wall_ms = clock_wall_ms(&clock_system) };
    s->admin = (struct admin){
        .backend = &s->backend, .config = c, .clock = &clock_system, .log = s->log, .server = &s->running
    };
    return control_start(&s->admin, &s->control, err);
}

static void end(struct server *s)
{
    if (s->backend.mail)
        indexer_stop(mail_indexer(s->backend.mail));
    if (s->net)
        net_stop(s->net, DRAIN_MS);
    net_free(&s->net);
    control_free(&s->control);
    leave_tickets(s);
    tls_context_unref(&s->tls);
    auth_free(&s->auth);
    pam_helper_stop(&s->pam);
    guard_free(&s->guard);
    backend_close(&s->backend);
    presence_free(&s->presence);
    languages_free(&s->languages);
    limits_free(&s->limits);
    config_free(&s->tls_config);
    buf_deinit(&s->oauth_configuration);
    config_free(&s->config);
}

static void tell_not_reloaded(struct server *s, const struct err *err)
{
    AUDIT(s->backend.audit, AUDIT_RELOAD, AUDIT_BOOL("ok", false), KV("text", (const char *)err->text));
    bool held = err->kind == ERR_IO && s->cage.files_version > 0;
    log_error(&s->log, "reload-failed", KV("text", (const char *)err->text),
              KV("hint", held ? "files in other folders than at start take a restart" : ""));
}

/* What can change while people are connected: [tls], certificates, and who is asked for one. The rest is told to need a restart. */
static void reload(struct server *s, const struct config_sources *sources)
{
    struct err err;
    struct config *fresh;
    audit_reopen(s->backend.audit);
    if (config_load(sources, NULL, NULL, &fresh, &err) < 0) {
        tell_not_reloaded(s, &err);
        return;
    }
    if (load_certificates(s, fresh, &err) < 0) {
        tell_not_reloaded(s, &err);
        config_free(&fresh);
        return;
    }
    config_free(&s->tls_config); /* sessions and listeners read s->config */
    s->tls_config = fresh;
    s->expiry_told = CERTIFICATES_NOTHING_TOLD;
    AUDIT(s->backend.audit, AUDIT_RELOAD, AUDIT_BOOL("ok", true));
    log_info(&s->log, "reloaded", KV("text", "[tls] and certificates; other settings take a restart"));
}

/* systemd's protocol, sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names. */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    size_t n = strlen(path);
    memcpy(to.sun_path, path, n);
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    (void)sent; /* nobody listens: nothing to do */
    close(fd);
}

int serve(const struct config_sources *sources, struct err *err)
{
    struct server s = { .expiry_told = CERTIFICATES_NOTHING_TOLD };
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread: only this one takes them */
    signal(SIGPIPE, SIG_IGN);
    int r = config_load(sources, NULL, NULL, &s.config, err);
    if (r == 0)
        r = start(&s, sources->file, err);
    if (r == 0) {
        AUDIT(s.backend.audit, AUDIT_START, KV("version", LOFT_VERSION));
        fputs("ready\n", stderr);
        notify("READY=1");
        const struct timespec hour = { .tv_sec = 3600 };
        for (int which = 0; which != SIGTERM && which != SIGINT;) {
            watch_certificates(&s);
            which = sigtimedwait(&signals, NULL, &hour);
            if (which == SIGHUP)
                reload(&s, sources);
        }
        notify("STOPPING=1");
        log_info(&s.log, "stopping");
        AUDIT(s.backend.audit, AUDIT_STOP, KV("version", LOFT_VERSION));
    }
    end(&s);
    return r;
}
