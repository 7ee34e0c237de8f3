#include "admin/quota_service.h"

#include "admin/config_quota.h"
#include "auth/grants.h"
#include "auth/owner.h"
#include "lmtp/trace.h"
#include "mail/incoming.h"
#include "mail/quota_domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Static_assert((int)CONFIG_WARNINGS_MAX == (int)QUOTA_WARNINGS_MAX, "as many as the model takes");

struct quota_service {
    struct users *users;
    struct logger log;
    struct quota_domains *domains;
    char host_name[256];
};

/* ---- letters ---- */

struct letter {
    const char *user, *domain, *host;
    unsigned percent;
    const struct quota_state *state;
    int64_t now_ms;
    uint64_t account;
};

static void write_figure(const struct quota_state *state, enum quota_resource resource, uint64_t divisor,
                         const char *what, struct buf *out)
{
    if (state->limits.of[resource] != QUOTA_NONE)
        buf_printf(out, "%llu of %llu %s are in use.\r\n",
                   (unsigned long long)(state->used.of[resource] / divisor),
                   (unsigned long long)(state->limits.of[resource] / divisor), what);
}

/* RFC 3834: nobody's machine is to answer it. */
static void write_letter(const struct letter *l, struct buf *out)
{
    buf_printf(
        out, "From: Mail server <postmaster@%s>\r\nTo: <%s>\r\nSubject: Your mailbox is %u %% full\r\nDate: ",
        *l->domain ? l->domain : l->host, l->user, l->percent);
    trace_write_date(l->now_ms / 1000, out);
    buf_printf(
        out,
        "\r\nMessage-ID: <quota.%llx.%llx.%u@%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
        (unsigned long long)l->account, (unsigned long long)l->now_ms, l->percent, l->host);
    buf_printf(out, "Your mailbox %s is %u %% full.\r\n\r\n", l->user, l->percent);
    write_figure(l->state, QUOTA_STORAGE, 1024, "KiB", out);
    write_figure(l->state, QUOTA_MESSAGE, 1, "messages", out);
    buf_add_lit(
        out,
        "\r\nWhen it is full no further mail can be taken. Please delete what you no longer need, and\r\n"
        "empty the trash.\r\n");
}

static int deliver(struct account *account, struct str text, unsigned percent, int64_t now_ms,
                   struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct new_message message = { 0 };
    struct change change = { .kind = CHANGE_APPEND, .arena = &arena, .ignore_quota = true };
    struct incoming *in = incoming_new(account_mail(account), 0);

    int r = incoming_write(in, text, err);
    if (r == 0)
        r = incoming_prepare(in, account, STR_NIL, &message, err);
    if (r == 0) {
        message.internal_date_s = now_ms / 1000;
        change.append.mailbox = STR("INBOX");
        change.append.messages = &message;
        change.append.count = 1;
        change.append.warning = percent;
        r = account_commit(account, &change, 1, err);
        if (r < 0)
            incoming_abandon(account, &message);
    }
    incoming_free(&in);
    arena_deinit(&arena);
    return r;
}

static int warn_owner(struct quota_service *service, struct account *account, unsigned percent,
                      struct err *err)
{
    char name[USER_NAME_BYTES_MAX + 1];
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct quota_state *states;
    int r = users_owner(service->users, account_id(account), name, err);

    if (r == -ERR_NOT_FOUND) { /* public mailboxes: the log is all there is */
        snprintf(name, sizeof name, "account/%llu", (unsigned long long)account_id(account).n);
        r = 0;
    }
    if (r < 0)
        return r;
    account_quota(account, STR_NIL, &arena, &states);
    const struct letter letter = { .user = name,
                                   .domain = users_domain(str_c(name)).p,
                                   .host = service->host_name,
                                   .percent = percent,
                                   .state = &states[0],
                                   .now_ms = clock_wall_ms(mail_options(account_mail(account))->clock),
                                   .account = account_id(account).n };
    write_letter(&letter, &text);
    r = deliver(account, buf_str(&text), percent, letter.now_ms, err);
    if (r == 0)
        log_warn(&service->log, "quota-warning", KV("account", (const char *)name), KV("percent", percent),
                 KV("used_bytes", states[0].used.of[QUOTA_STORAGE]),
                 KV("messages", states[0].used.of[QUOTA_MESSAGE]));
    buf_deinit(&text);
    arena_deinit(&arena);
    return r;
}

static void warn(void *ctx, struct account *account, unsigned percent)
{
    struct quota_service *service = ctx;
    struct err err;
    int r = warn_owner(service, account, percent, &err);

    if (r < 0 && r != -ERR_EXISTS && r != -ERR_UNAVAILABLE) /* told before; deleted meanwhile */
        log_error(&service->log, "quota-warning-failed", KV("account", account_id(account).n),
                  KV("text", (const char *)err.text));
}

/* ---- settings ---- */

static void limit_domain(void *ctx, struct str domain, uint64_t storage_bytes)
{
    quota_domains_limit(ctx, domain, &(struct quota_amounts){ .of[QUOTA_STORAGE] = storage_bytes });
}

static int read_domains(const struct config *c, struct quota_domains *domains, struct err *err)
{
    quota_domains_limit(domains, STR(""),
                        &(struct quota_amounts){ .of = { [QUOTA_STORAGE] = c->quota.domain_storage_bytes,
                                                         [QUOTA_MESSAGE] = c->quota.domain_messages } });
    return config_quota_domains(c, limit_domain, domains, err);
}

int quota_service_open(const struct config *c, struct logger log, struct users *users,
                       struct quota_service **service_out, struct quota_settings *settings_out,
                       struct err *err)
{
    struct quota_service *service = calloc(1, sizeof *service);
    if (!service)
        abort();
    *service = (struct quota_service){ .users = users, .log = log, .domains = quota_domains_new() };
    if (gethostname(service->host_name, sizeof service->host_name - 1) < 0 || !service->host_name[0])
        snprintf(service->host_name, sizeof service->host_name, "localhost");
    *settings_out = (struct quota_settings){ .limits.of = { [QUOTA_STORAGE] = c->quota.storage_bytes,
                                                            [QUOTA_MESSAGE] = c->quota.messages,
                                                            [QUOTA_MAILBOX] = c->quota.mailboxes,
                                                            [QUOTA_ANNOTATION] = c->quota.annotation_bytes },
                                             .grace_percent = (unsigned)c->quota.grace_percent,
                                             .warn = warn,
                                             .warn_ctx = service };
    int r = config_quota_warnings(c, settings_out->warnings, &settings_out->warning_count, err);
    if (r == 0)
        r = read_domains(c, service->domains, err);
    if (r < 0) {
        quota_service_free(&service);
        return r;
    }
    if (quota_domains_any(service->domains))
        settings_out->domains = service->domains;
    *service_out = service;
    return 0;
}

void quota_service_free(struct quota_service **service)
{
    if (!*service)
        return;
    quota_domains_free(&(*service)->domains);
    free(*service);
    *service = NULL;
}

/* ---- domains ---- */

int quota_service_enter(struct quota_service *service, struct mail *mail, const struct user *user,
                        struct err *err)
{
    struct quota_amounts holds;

    if (!quota_domains_any(service->domains))
        return 0;
    int r = mail_account_holds(mail, user->account, &holds, err);
    if (r == -ERR_NOT_FOUND) /* a crash while it was made: it holds nothing */
        return 0;
    if (r == 0)
        quota_domains_enter(service->domains, users_domain(str_c(user->name)), user->account, &holds);
    return r;
}

struct entering {
    struct quota_service *service;
    struct mail *mail;
};

static int enter(void *ctx, const struct user *user, struct err *err)
{
    struct entering *e = ctx;
    int r = quota_service_enter(e->service, e->mail, user, err);
    if (r == -ERR_CORRUPT || r == -ERR_CANNOT) { /* one damaged account must not keep all others out */
        log_error(&e->service->log, "quota-not-counted", KV("account", (const char *)user->name),
                  KV("text", (const char *)err->text));
        return 0;
    }
    return r;
}

int quota_service_enter_all(struct quota_service *service, struct mail *mail, struct err *err)
{
    struct entering e = { service, mail };
    return quota_domains_any(service->domains) ? users_list(service->users, enter, &e, err) : 0;
}
