/* door_tree.c: what of all accounts a user may see, as one tree. */
#include "auth/directory/grants.h"
#include "imap/door.h"
#include "mail/tree.h"

#include <stdlib.h>

struct gathering {
    struct session *s;
    struct acl_identity who;
    const struct tree *own;
    struct arena arena;
    struct tree_entry *entries;
    size_t count, cap;
    struct door_accounts *accounts;
};

/* What stands before the first wildcard of a pattern agrees with `prefix` as far as both go. */
static bool may_match(const struct str *patterns, size_t count, struct str prefix)
{
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        while (n < patterns[i].n && n < prefix.n && patterns[i].p[n] != '*' && patterns[i].p[n] != '%')
            n++;
        if (memcmp(patterns[i].p ? patterns[i].p : "", prefix.p, n) == 0)
            return true;
    }
    return false;
}

static bool has_account(const struct gathering *g, struct account_id id)
{
    for (size_t i = 0; i < g->accounts->count; i++)
        if (account_id(g->accounts->items[i].account).n == id.n)
            return true;
    return false;
}

static void add_entry(struct gathering *g, const struct tree_entry *entry, struct str prefix)
{
    struct str name = arena_printf(&g->arena, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(entry->name));
    const struct tree_entry *own = tree_find(g->own, name);
    if (own && own->mailbox)
        return; /* who has had one of that name keeps it */
    g->entries = arena_grow(&g->arena, g->entries, g->count, &g->cap, sizeof *g->entries);
    /* No special use: it is what the owner uses it for. */
    g->entries[g->count++] =
        (struct tree_entry){ .name = name, .mailbox = entry->mailbox, .subscribed = own && own->subscribed };
}

static int add_account(struct gathering *g, struct account_id id, struct str prefix, struct err *err)
{
    struct account *account;
    struct account_totals totals;
    if (has_account(g, id))
        return 0;
    int r = mail_account_open(g->s->server->mail, id, &account, err);
    if (r < 0) {
        /* One that is gone or damaged must not hide all others. */
        struct logger *log = &g->s->log;
        if (r != -ERR_NOT_FOUND)
            log_warn(log, "shared-account-unreadable", KV("account", id.n),
                     KV("text", (const char *)err->text));
        return 0;
    }
    g->accounts->items = arena_grow(&g->s->arena, g->accounts->items, g->accounts->count, &g->accounts->cap,
                                    sizeof *g->accounts->items);
    account_totals(account, &totals);
    g->accounts->items[g->accounts->count++] = (struct door_account){ account, totals.version };
    struct tree *tree = account_tree(account);
    for (uint32_t i = 0; i < tree->count; i++)
        if (tree->entries[i].mailbox && mailbox_rights(tree->entries[i].mailbox, &g->who) & RIGHT_LOOKUP)
            add_entry(g, &tree->entries[i], prefix);
    tree_unref(&tree); /* the mailboxes are held by their account */
    return 0;
}

static int take_grant(void *ctx, struct account_id id, struct str owner, struct err *err)
{
    struct gathering *g = ctx;
    struct user user;
    struct str domain = users_domain(owner);
    if (owner.n == 0 || id.n == account_id(g->s->account).n ||
        (!g->s->server->settings.sharing_across_domains &&
         !str_eq(domain, users_domain(str_c(g->s->user_name)))))
        return 0;
    int r = users_find(g->s->server->users, owner, &user, err);
    if (r == -ERR_NOT_FOUND || (r == 0 && user.account.n != id.n))
        return 0; /* deleted since */
    if (r < 0)
        return r;
    return add_account(g, id, arena_printf(&g->arena, NAMESPACE_OTHERS "/" STR_FMT "/", STR_ARG(owner)), err);
}

static int gather(struct gathering *g, const struct str *patterns, size_t pattern_count, struct err *err)
{
    struct session *s = g->s;
    struct str domain = users_domain(str_c(s->user_name));
    struct account_id id;
    int r = 0;
    if (may_match(patterns, pattern_count, STR(NAMESPACE_OTHERS "/")))
        r = grants_find(s->server->users, &g->who, domain, s->server->settings.sharing_across_domains,
                        take_grant, g, err);
    if (r < 0 || !may_match(patterns, pattern_count, STR(NAMESPACE_PUBLIC "/")))
        return r;
    r = grants_public_account(s->server->users, domain, &id, err);
    if (r == 0)
        r = add_account(g, id, STR(NAMESPACE_PUBLIC "/"), err);
    return r == -ERR_NOT_FOUND ? 0 : r;
}

int door_tree(struct session *s, const struct str *patterns, size_t pattern_count, struct tree **tree_out,
              struct door_accounts *accounts_out, struct err *err)
{
    struct tree *own = account_tree(s->account);
    struct gathering g = { .s = s, .own = own, .accounts = accounts_out };
    *accounts_out = (struct door_accounts){ 0 };
    int r = door_identity(s, &g.who, err);
    if (r == 0)
        r = gather(&g, patterns, pattern_count, err);
    if (r == 0)
        *tree_out = g.count ? tree_edit(own, NULL, 0, g.entries, g.count) : tree_ref(own);
    else
        door_leave_accounts(accounts_out);
    tree_unref(&own);
    arena_deinit(&g.arena);
    return r;
}

void door_leave_accounts(struct door_accounts *accounts)
{
    for (size_t i = 0; i < accounts->count; i++)
        account_unref(&accounts->items[i].account);
    *accounts = (struct door_accounts){ 0 };
}
