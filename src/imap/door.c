#include "imap/door.h"

#include "auth/directory/grants.h"
#include "auth/directory/groups.h"
#include "imap/update.h"
#include "mail/tree.h"

#include <stdlib.h>

/* An account of somebody else that the session has come to. */
struct door_guest {
    struct account_id account;
    struct door_guest *next;
    size_t prefix_bytes;
    char prefix[];
};

/* ---- who asks ---- */

static int read_groups(struct session *s, struct err *err)
{
    uint64_t version = mail_directory_version(s->server->mail), changes = users_changes(s->server->users);
    uint64_t groups[GROUPS_OF_USER_MAX];
    if (s->groups && s->groups_version == version && s->groups_changes == changes)
        return 0;
    free(s->groups);
    s->groups = NULL; /* not known until they are read */
    int r = groups_of_user(s->server->users, account_id(s->account), groups, &s->group_count, err);
    if (r < 0)
        return r;
    s->groups = calloc(s->group_count + 1, sizeof *s->groups);
    if (!s->groups)
        abort();
    memcpy(s->groups, groups, s->group_count * sizeof *groups);
    s->groups_version = version;
    s->groups_changes = changes;
    return 0;
}

int door_identity(struct session *s, struct acl_identity *who_out, struct err *err)
{
    int r = read_groups(s, err);
    if (r == 0)
        *who_out = (struct acl_identity){ account_id(s->account).n, s->groups, s->group_count };
    return r;
}

unsigned door_rights_most(const struct session *s)
{
    return s->read_only ? (unsigned)(RIGHT_LOOKUP | RIGHT_READ) : (unsigned)RIGHTS_ALL;
}

int door_rights(struct session *s, struct mailbox *mailbox, unsigned *rights_out, struct err *err)
{
    struct acl_identity who;
    int r = door_identity(s, &who, err);
    if (r == 0)
        *rights_out = mailbox_rights(mailbox, &who) & door_rights_most(s);
    return r;
}

uint64_t door_reader(const struct session *s, const struct account *account)
{
    return account == s->account ? 0 : account_id(s->account).n;
}

uint8_t door_flags_allowed(unsigned rights)
{
    unsigned flags = 0;
    if (rights & RIGHT_SEEN)
        flags |= FLAG_SEEN;
    if (rights & RIGHT_DELETE_MESSAGES)
        flags |= FLAG_DELETED;
    if (rights & RIGHT_WRITE)
        flags |= FLAG_ALL & ~(unsigned)(FLAG_SEEN | FLAG_DELETED);
    return (uint8_t)flags;
}

void door_forget(struct session *s)
{
    free(s->groups);
    s->groups = NULL;
    s->group_count = 0;
    while (s->guests) {
        struct door_guest *guest = s->guests;
        s->guests = guest->next;
        free(guest);
    }
}

/* ---- names of accounts ---- */

static bool is_guest_of(const struct session *s, struct account_id account)
{
    const struct door_guest *guest = s->guests;
    while (guest && guest->account.n != account.n)
        guest = guest->next;
    return guest;
}

static void remember(struct session *s, struct account_id account, struct str prefix)
{
    if (is_guest_of(s, account))
        return;
    struct door_guest *guest = calloc(1, sizeof *guest + prefix.n);
    if (!guest)
        abort();
    guest->account = account;
    guest->prefix_bytes = prefix.n;
    memcpy(guest->prefix, prefix.p, prefix.n);
    guest->next = s->guests;
    s->guests = guest;
}

struct str door_shown_name(const struct session *s, const struct account *account, struct str name,
                           struct arena *arena)
{
    for (const struct door_guest *guest = s->guests; guest; guest = guest->next)
        if (guest->account.n == account_id(account).n)
            return arena_printf(arena, STR_FMT STR_FMT, (int)guest->prefix_bytes, guest->prefix,
                                STR_ARG(name));
    return name;
}

struct str door_owner(const struct session *s, const struct account *account)
{
    static const struct str others = STR_INIT(NAMESPACE_OTHERS "/");
    for (const struct door_guest *guest = s->guests; guest; guest = guest->next) {
        struct str prefix = str_make(guest->prefix, guest->prefix_bytes);
        if (guest->account.n != account_id(account).n)
            continue;
        if (str_ends(prefix, STR("/")))
            prefix.n--;
        return str_starts(prefix, others) ? str_skip(prefix, others.n) : prefix;
    }
    return STR("");
}

static int no_such(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no such mailbox");
}

static bool may_share_with(const struct session *s, struct str domain)
{
    return s->server->settings.sharing_across_domains || str_eq(domain, users_domain(str_c(s->user_name)));
}

static int is_that_one(void *ctx, struct account_id account, struct str owner, struct err *err)
{
    struct account_id *wanted = ctx;
    (void)owner;
    if (account.n == wanted->n)
        wanted->n = 0;
    (void)err;
    return 0;
}

/* An account that has granted this user nothing is not even opened: it costs nothing to ask, and nothing is told by what goes
 * wrong, or by how long it takes. -ERR_NOT_FOUND */
static int check_may_come(struct session *s, const struct user *user, struct err *err)
{
    struct account_id wanted = user->account;
    struct acl_identity who;
    if (!may_share_with(s, users_domain(str_c(user->name))))
        return no_such(err);
    if (is_guest_of(s, wanted))
        return 0;
    int r = door_identity(s, &who, err);
    if (r == 0)
        r = grants_find(s->server->users, &who, users_domain(str_c(s->user_name)),
                        s->server->settings.sharing_across_domains, is_that_one, &wanted, err);
    return r == 0 && wanted.n ? no_such(err) : r;
}

/* As the tree of the account spells it; a name that can be none stays as it is, and is not found. */
static struct str canonical(struct session *s, struct str name)
{
    struct str checked;
    return mailbox_name_check(name, &s->arena, &checked, NULL) == 0 ? checked : name;
}

/* "Other Users/NAME" is `rest` = "NAME" or "NAME/...". */
static int locate_other(struct session *s, struct str rest, struct place *place, struct err *err)
{
    struct str inside, name = str_cut(rest, MAILBOX_SEPARATOR, &inside);
    struct user user;
    if (str_is_nil(inside))
        return no_such(err);
    int r = users_find(s->server->users, name, &user, err);
    if (r == 0 && user.account.n == account_id(s->account).n)
        place->account = account_ref(s->account);
    else if (r == 0 && (r = check_may_come(s, &user, err)) == 0)
        r = mail_account_open(s->server->mail, user.account, &place->account, err);
    if (r == -ERR_NOT_FOUND)
        return no_such(err);
    if (r < 0)
        return r;
    place->name = canonical(s, inside);
    place->owner = arena_dup(&s->arena, str_c(user.name));
    place->prefix = arena_printf(&s->arena, NAMESPACE_OTHERS "/%s/", user.name);
    return 0;
}

static int locate_public(struct session *s, struct str inside, struct place *place, struct err *err)
{
    struct account_id id;
    int r = grants_public_account(s->server->users, users_domain(str_c(s->user_name)), &id, err);
    if (r == 0)
        r = mail_account_open(s->server->mail, id, &place->account, err);
    if (r == -ERR_NOT_FOUND)
        return no_such(err);
    place->name = canonical(s, inside);
    place->owner = STR("");
    place->prefix = STR(NAMESPACE_PUBLIC "/");
    return r;
}

static bool is_own_mailbox(struct session *s, struct str name)
{
    struct mailbox *mailbox;
    if (account_mailbox(s->account, name, &mailbox, NULL) < 0)
        return false;
    mailbox_unref(&mailbox);
    return true;
}

/* The account, and the name inside it. */
static int locate(struct session *s, struct str name, struct place *place, struct err *err)
{
    struct str rest, level = str_cut(name, MAILBOX_SEPARATOR, &rest);
    bool others = str_eq(level, STR(NAMESPACE_OTHERS)), public = str_eq(level, STR(NAMESPACE_PUBLIC));
    *place = (struct place){ .name = name, .prefix = STR(""), .owner = str_c(s->user_name) };
    if ((others || public) && !is_own_mailbox(s, name)) {
        if (str_is_nil(rest))
            return no_such(err);
        int r = others ? locate_other(s, rest, place, err) : locate_public(s, rest, place, err);
        if (r == 0 && place->account != s->account)
            remember(s, account_id(place->account), place->prefix);
        return r;
    }
    place->account = account_ref(s->account);
    return 0;
}

/* ---- doors ---- */

enum {
    RIGHTS_THAT_SHOW = RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT | RIGHT_CREATE | RIGHT_DELETE_MAILBOX |
                       RIGHT_ADMINISTER
}; /* RFC 4314, 4 (MYRIGHTS) */

/* Let the user have place->mailbox, or not know of it. */
static int admit(struct session *s, unsigned needed, struct place *place, struct err *err)
{
    int r = door_rights(s, place->mailbox, &place->rights, err);
    if (r < 0)
        return r;
    if (needed ? (place->rights & needed) == needed : (place->rights & RIGHTS_THAT_SHOW) != 0)
        return 0;
    if (place->rights & RIGHT_LOOKUP)
        return err_set(err, ERR_DENIED, "You may not do that with this mailbox");
    mailbox_unref(&place->mailbox);
    place->rights = 0;
    return 0;
}

int door_find(struct session *s, struct str name, unsigned needed, struct place *place_out, struct err *err)
{
    struct place place;
    int r = locate(s, name, &place, err);
    if (r == 0)
        r = account_mailbox(place.account, place.name, &place.mailbox, err);
    if (r == 0)
        r = admit(s, needed, &place, err);
    else if (r == -ERR_NOT_FOUND && place.account)
        r = 0;
    if (r < 0)
        place_leave(&place);
    else
        *place_out = place;
    return r;
}

int door_open(struct session *s, struct str name, unsigned needed, struct place *place_out, struct err *err)
{
    int r = door_find(s, name, needed, place_out, err);
    if (r == 0 && !place_out->mailbox) {
        place_leave(place_out);
        r = no_such(err);
    }
    return r;
}

/* Rights on the nearest level above `place` that exists; without one, all of one's own account. */
static int rights_above(struct session *s, const struct place *place, unsigned *rights_out, struct err *err)
{
    struct mailbox *mailbox;
    *rights_out = place->account == s->account ? door_rights_most(s) : 0;
    for (size_t i = place->name.n; i-- > 0;) {
        if (place->name.p[i] != MAILBOX_SEPARATOR)
            continue;
        int r = account_mailbox(place->account, str_sub(place->name, 0, i), &mailbox, err);
        if (r == -ERR_NOT_FOUND)
            continue;
        if (r == 0) {
            r = door_rights(s, mailbox, rights_out, err);
            mailbox_unref(&mailbox);
        }
        return r;
    }
    return 0;
}

int door_find_new(struct session *s, struct str name, struct place *place_out, struct err *err)
{
    unsigned rights = 0;
    int r = door_find(s, name, 0, place_out, err);
    if (r == -ERR_NOT_FOUND) /* whether there is such a user is not told */
        return err_set(err, ERR_DENIED, "You may not make mailboxes there");
    if (r < 0)
        return r;
    r = rights_above(s, place_out, &rights, err);
    if (r == 0 && !(rights & RIGHT_CREATE))
        r = err_set(err, ERR_DENIED, "You may not make mailboxes there");
    if (r < 0)
        place_leave(place_out);
    return r;
}

int door_check_selected(struct session *s, struct err *err)
{
    unsigned rights;
    if (s->state != STATE_SELECTED)
        return 0;
    int r = door_rights(s, s->view.mailbox, &rights, err);
    if (r < 0 || rights == s->rights)
        return r;
    unsigned flags_before = door_flags_allowed(s->rights);
    s->rights = rights;
    if (!(rights & RIGHT_READ)) {
        session_bye(s, "NOPERM", "You may no longer read the selected mailbox");
        return err_set(err, ERR_DENIED, "the right to read was taken away");
    }
    s->flags_due = s->flags_due || door_flags_allowed(rights) != flags_before;
    return 0;
}

void place_leave(struct place *place)
{
    mailbox_unref(&place->mailbox);
    account_unref(&place->account);
    *place = (struct place){ 0 };
}
