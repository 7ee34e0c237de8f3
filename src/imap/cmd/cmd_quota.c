/* GETQUOTA, GETQUOTAROOT, SETQUOTA.     RFC 9208, 4.1 */
#include "auth/directory/grants.h"
#include "imap/cmd/command.h"
#include "imap/cmd/quota_root.h"
#include "imap/door.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/quota_args.h"
#include "imap/wire/writer.h"
#include "mail/quota_domain.h"

/* RFC 9208, 5: storage counts in units of 1024 octets. What is begun is used. */
static uint64_t used_units(enum quota_resource resource, uint64_t n)
{
    return resource == QUOTA_STORAGE || resource == QUOTA_ANNOTATION ? n / 1024 + (n % 1024 > 0) : n;
}

static uint64_t limit_units(enum quota_resource resource, uint64_t n)
{
    return resource == QUOTA_STORAGE || resource == QUOTA_ANNOTATION ? n / 1024 : n;
}

/* "* QUOTA root (STORAGE 104 10923847 ...)": what is limited. 4.2.1 */
static void write_quota(struct session *s, struct str root, const struct quota_state *state)
{
    struct buf *out = session_out(s);
    const char *separator = "";

    buf_add_lit(out, "* QUOTA ");
    write_mailbox(out, root, session_utf8(s));
    buf_add_lit(out, " (");
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        enum quota_resource resource = (enum quota_resource)i;
        if (state->limits.of[i] == QUOTA_NONE)
            continue;
        buf_add(out, str_c(separator));
        buf_add(out, quota_resource_name(resource));
        buf_add_char(out, ' ');
        buf_add_u64(out, used_units(resource, state->used.of[i]));
        buf_add_char(out, ' ');
        buf_add_u64(out, limit_units(resource, state->limits.of[i]));
        separator = " ";
    }
    buf_add_lit(out, ")\r\n");
}

/* ---- GETQUOTA ---- */

static int domain_state(struct session *s, struct str domain, struct quota_state *state_out, struct err *err)
{
    struct quota_domains *domains = mail_options(s->server->mail)->quota.domains;

    *state_out = (struct quota_state){ 0 };
    if (!domains)
        return err_set(err, ERR_NOT_FOUND, "no such quota root");
    return quota_domains_state(domains, domain, &state_out->used, &state_out->limits, err);
}

static int find_state(struct session *s, const struct quota_place *place, struct quota_state *state_out,
                      struct err *err)
{
    struct quota_state *states;

    if (!place->account)
        return domain_state(s, place->domain, state_out, err);
    int r = account_refresh(place->account, err);
    if (r < 0)
        return r;
    size_t count = account_quota(place->account, STR_NIL, &s->arena, &states);
    for (size_t i = 0; i < count; i++)
        if (str_eq(states[i].mailbox, place->mailbox)) {
            *state_out = states[i];
            return 0;
        }
    return err_set(err, ERR_NOT_FOUND, "no such quota root");
}

int getquota_run(struct session *s, const void *args, struct err *err)
{
    const struct quota_args *a = args;
    struct quota_place place;
    struct quota_state state;
    int r = quota_root_find(s, a->root, &place, err);
    if (r < 0)
        return r;
    r = find_state(s, &place, &state, err);
    if (r == 0)
        write_quota(s, a->root, &state);
    quota_place_leave(&place);
    return r;
}

/* ---- GETQUOTAROOT ---- */

/* Administrators see the domain, too: its figures are those of other people. */
static bool domain_of(struct session *s, struct str owner, struct str *root_out,
                      struct quota_state *state_out)
{
    struct str domain = users_domain(owner);

    *root_out = arena_printf(&s->arena, "domain/" STR_FMT, STR_ARG(domain));
    return quota_is_administrator(s) && domain_state(s, domain, state_out, NULL) == 0;
}

static void write_roots(struct session *s, struct str mailbox, const struct place *place)
{
    struct buf *out = session_out(s);
    struct quota_state *states, of_domain;
    struct str owner = quota_owner(s, place->account, place->owner), domain;

    size_t count = account_quota(place->account, place->name, &s->arena, &states);
    bool has_domain = domain_of(s, owner, &domain, &of_domain);
    struct str *roots = arena_new_array(&s->arena, struct str, count);
    buf_add_lit(out, "* QUOTAROOT ");
    write_mailbox(out, mailbox, session_utf8(s));
    for (size_t i = 0; i < count; i++) {
        roots[i] = quota_root_name(s, owner, states[i].mailbox);
        buf_add_char(out, ' ');
        write_mailbox(out, roots[i], session_utf8(s));
    }
    if (has_domain) {
        buf_add_char(out, ' ');
        write_mailbox(out, domain, session_utf8(s));
    }
    buf_add_lit(out, "\r\n");
    for (size_t i = 0; i < count; i++)
        write_quota(s, roots[i], &states[i]);
    if (has_domain)
        write_quota(s, domain, &of_domain);
}

int getquotaroot_run(struct session *s, const void *args, struct err *err)
{
    const struct mailbox_args *a = args;
    struct place place;
    int r = door_find(s, a->mailbox, RIGHT_READ, &place,
                      err); /* 6: "r", since the figures tell of messages */
    if (r < 0)
        return r;
    if (!place.mailbox &&
        place.account != s->account) /* the account of another, and nothing of it to be seen */
        r = err_set(err, ERR_NOT_FOUND, "no such mailbox");
    if (r == 0)
        r = account_refresh(place.account, err);
    if (r == 0)
        write_roots(s, a->mailbox, &place);
    place_leave(&place);
    return r;
}

/* ---- SETQUOTA ---- */

/* In bytes, where the client counts in units of 1024. */
static int take_limits(const struct setquota_args *a, struct quota_amounts *limits_out, struct err *err)
{
    if (!str_is_nil(a->unknown))
        return err_set(err, ERR_CANNOT, "Resource " STR_FMT " is not limited here", STR_ARG(a->unknown));
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        uint64_t limit = a->limits.of[i];
        bool in_units = limit != QUOTA_NONE && limit_units((enum quota_resource)i, 1024) == 1;
        if (in_units && limit > QUOTA_LIMIT_MAX / 1024)
            return err_set(err, ERR_CANNOT, "A limit is at most %llu",
                           (unsigned long long)QUOTA_LIMIT_MAX / 1024);
        limits_out->of[i] = in_units ? limit * 1024 : limit;
    }
    return 0;
}

static int set_limits(struct session *s, const struct setquota_args *a, const struct quota_place *place,
                      struct err *err)
{
    struct change change = { .kind = CHANGE_QUOTA,
                             .arena = &s->arena,
                             .quota = { .mailbox = place->mailbox, .which = (1u << QUOTA_RESOURCES) - 1 } };
    struct quota_state state = { 0 };

    int r = take_limits(a, &change.quota.limits, err);
    if (r == 0)
        r = account_commit(place->account, &change, 1, err);
    if (r < 0)
        return r;
    log_info(&s->log, "quota-set", KV("account", (const char *)s->user_name), KV("root", a->root));
    if (find_state(s, place, &state, err) == -ERR_NOT_FOUND) /* a tree without limits is none */
        for (int i = 0; i < QUOTA_RESOURCES; i++)
            state.limits.of[i] = QUOTA_NONE;
    write_quota(s, a->root, &state);
    return 0;
}

int setquota_run(struct session *s, const void *args, struct err *err)
{
    const struct setquota_args *a = args;
    struct quota_place place;

    if (!quota_is_administrator(s))
        return err_set(err, ERR_DENIED, "Only an administrator sets quota");
    int r = quota_root_find(s, a->root, &place, err);
    if (r < 0)
        return r;
    r = place.account ? set_limits(s, a, &place, err)
                      : err_set(err, ERR_CANNOT, "Limits of domains are in the server's settings");
    quota_place_leave(&place);
    return r;
}
