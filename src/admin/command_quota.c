/* Quota of users and domains: show, set.     RFC 9208 */
#include "admin/commands.h"
#include "admin/config_quota.h"
#include "mail/quota_domain.h"

static const struct {
    const char *name;
    bool bytes;
} resources[QUOTA_RESOURCES] = {
    [QUOTA_STORAGE] = { "storage", true },
    [QUOTA_MESSAGE] = { "messages", false },
    [QUOTA_MAILBOX] = { "mailboxes", false },
    [QUOTA_ANNOTATION] = { "annotations", true },
};

/* [{"mailbox": "", "resource": "storage", "bytes": true, "used": 1, "limit": 2}, ...]; no limit: no member. */
static void add_rows(json_t *rows, struct str mailbox, const struct quota_amounts *used,
                     const struct quota_amounts *limits)
{
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        if (i == QUOTA_ANNOTATION && mailbox.n) /* not counted by mailbox */
            continue;
        json_t *row = json_pack("{s:o, s:s, s:b, s:I}", "mailbox", admin_text(mailbox), "resource",
                                resources[i].name, "bytes", resources[i].bytes, "used",
                                (json_int_t)used->of[i]);
        if (limits->of[i] != QUOTA_NONE)
            json_object_set_new(row, "limit", json_integer((json_int_t)limits->of[i]));
        json_array_append_new(rows, row);
    }
}

static json_t *account_rows(struct account *account, struct arena *arena)
{
    struct quota_state *states;
    json_t *rows = json_array();
    size_t count = account_quota(account, STR_NIL, arena, &states);

    for (size_t i = 0; i < count; i++)
        add_rows(rows, states[i].mailbox, &states[i].used, &states[i].limits);
    return rows;
}

int admin_quota_show(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct account *account;
    int r = call_open_account(call, &account, err);
    if (r < 0)
        return r;
    *result_out = account_rows(account, call->arena);
    account_unref(&account);
    return 0;
}

int admin_quota_domain(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct quota_domains *domains = mail_options(call->admin->backend->mail)->quota.domains;
    struct quota_amounts used, limits;
    char name[USER_NAME_BYTES_MAX + 1];

    if (!domains || users_normalise_name(call_text(call, "domain"), name, NULL) < 0 ||
        quota_domains_state(domains, str_c(name), &used, &limits, NULL) < 0)
        return err_set(err, ERR_NOT_FOUND, "domain " STR_FMT " is not limited, or has no users",
                       STR_ARG(call_text(call, "domain")));
    *result_out = json_array();
    add_rows(*result_out, STR(""), &used, &limits);
    return 0;
}

/* "none", "default", or a number; bytes with a suffix. */
static int parse_limit(struct str text, enum quota_resource resource, uint64_t *limit_out, struct err *err)
{
    if (str_eq(text, STR("none"))) {
        *limit_out = QUOTA_NONE;
        return 0;
    }
    if (str_eq(text, STR("default"))) {
        *limit_out = QUOTA_DEFAULT;
        return 0;
    }
    if (resources[resource].bytes ? config_quota_bytes(text, limit_out)
                                  : str_to_u64(text, QUOTA_LIMIT_MAX, limit_out))
        return 0;
    return err_set(err, ERR_INVALID, "%s: \"" STR_FMT "\" is no limit: expected %s, none or default",
                   resources[resource].name, STR_ARG(str_sub(text, 0, 60)),
                   resources[resource].bytes ? "a size such as 500M or 10G" : "a number");
}

static int read_change(const struct admin_call *call, struct change *change, struct err *err)
{
    change->quota.mailbox = call_text(call, "mailbox");
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        struct str text = call_text(call, resources[i].name);
        if (str_is_nil(text))
            continue;
        change->quota.which |= 1u << i;
        int r = parse_limit(text, (enum quota_resource)i, &change->quota.limits.of[i], err);
        if (r < 0)
            return r;
    }
    return change->quota.which ? 0 : err_set(err, ERR_INVALID, "no limit is given");
}

int admin_quota_set(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct change change = { .kind = CHANGE_QUOTA, .arena = call->arena };
    struct account *account;

    int r = read_change(call, &change, err);
    if (r == 0)
        r = call_open_account(call, &account, err);
    if (r < 0)
        return r;
    r = account_commit(account, &change, 1, err);
    if (r == 0) {
        log_info(&call->admin->log, "quota-set", KV("account", call_text(call, "user")),
                 KV("mailbox", change.quota.mailbox));
        *result_out = account_rows(account, call->arena);
    }
    account_unref(&account);
    return r;
}
