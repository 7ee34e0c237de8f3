#include "admin/quota_service.h"

#include "admin/config_quota.h"
#include "auth/directory/grants.h"
#include "auth/directory/owner.h"
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

static int write_to(struct quota_service *service, struct account *account, const char *user,
                    unsigned percent, const struct quota_state *state, struct err *err)
{
    struct buf text = BUF_INIT;
    const struct letter letter = { .user = user,
                                   .domain = users_domain(str_c(user)).p,
                                   .host = service->host_name,
                                   .percent = percent,
                                   .state = state,
                                   .now_ms = clock_wall_ms(mail_options(account_mail(account))->clock),
                                   .account = account_id(account).n };
    write_letter(&letter, &text);
    int r = deliver(account, buf_str(&text), percent, letter.now_ms, err);
    buf_deinit(&text);
    return r;
}

/* Public mailboxes belong to nobody who could be written to: the log is all there is. */
static int note_told(struct account *account, unsigned percent, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct change change = { .kind = CHANGE_QUOTA, .arena = &arena, .quota.warning = percent };
    int r = account_commit(account, &change, 1, err);
    arena_deinit(&arena);
    return r;
}

static int warn_owner(struct quota_service *service, struct account *account, unsigned percent,
                      struct err *err)
{
    char name[USER_NAME_BYTES_MAX + 1];
    struct arena arena = ARENA_INIT;
    struct quota_state *states;
    int r = users_owner(service->users, account_id(account), name, err);
    bool is_public = r == -ERR_NOT_FOUND;

    if (r < 0 && !is_public)
        return r;
    if (is_public)
        snprintf(name, sizeof name, "account/%llu", (unsigned long long)account_id(account).n);
    account_quota(account, STR_NIL, &arena, &states);
    r = is_public ? note_told(account, percent, err)
                  : write_to(service, account, name, percent, &states[0], err);
    if (r == 0)
        log_warn(&service->log, "quota-warning", KV("account", (const char *)name), KV("percent", percent),
                 KV("used_bytes", states[0].used.of[QUOTA_STORAGE]),
                 KV("messages", states[0].used.of[QUOTA_MESSAGE]));
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
    char name[USER_NAME_BYTES_MAX + 1]; /* spelled as in the names of users */
    if (users_normalise_name(domain, name, NULL) == 0)
        quota_domains_limit(ctx, str_c(name), &(struct quota_amounts){ .of[QUOTA_STORAGE] = storage_bytes });
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

int quota_service_enter(struct quota_service *service, struct mail *mail, struct str domain,
                        struct account_id account, struct err *err)
{
    struct quota_amounts holds;

    if (!quota_domains_any(service->domains))
        return 0;
    int r = mail_account_holds(mail, account, &holds, err);
    if (r == -ERR_NOT_FOUND) /* a crash while it was made: it holds nothing */
        return 0;
    if (r == 0)
        quota_domains_enter(service->domains, domain, account, &holds);
    return r;
}

struct entering {
    struct quota_service *service;
    struct mail *mail;
};

/* One damaged account must not keep all others out. */
static int enter(const struct entering *e, struct str domain, struct account_id account, struct err *err)
{
    int r = quota_service_enter(e->service, e->mail, domain, account, err);
    if (r == -ERR_CORRUPT || r == -ERR_CANNOT) {
        log_error(&e->service->log, "quota-not-counted", KV("account", account.n),
                  KV("text", (const char *)err->text));
        return 0;
    }
    return r;
}

/* The first user of a domain brings its public mailboxes along. */
static int enter_user(void *ctx, const struct user *user, struct err *err)
{
    const struct entering *e = ctx;
    struct str domain = users_domain(str_c(user->name));
    struct quota_amounts used, limits;
    struct account_id public;
    bool first = quota_domains_state(e->service->domains, domain, &used, &limits, NULL) < 0;

    int r = enter(e, domain, user->account, err);
    if (r < 0 || !first)
        return r;
    r = grants_public_account(e->service->users, domain, &public, err);
    return r == 0 ? enter(e, domain, public, err) : r == -ERR_NOT_FOUND ? 0 : r;
}

int quota_service_enter_all(struct quota_service *service, struct mail *mail, struct err *err)
{
    struct entering e = { service, mail };
    return quota_domains_any(service->domains) ? users_list(service->users, enter_user, &e, err) : 0;
}
