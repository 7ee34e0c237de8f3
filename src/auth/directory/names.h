/* names.h: whose account a name means: `anna`, `Anna@Example.org`, an alias, an address with a detail behind it.
 * Kept in the directory:
 *
 *   "V/" domain   a domain of this server. u8 format; str the domain that it is another name for, or ""
 *   "L/" name     an alias, or a catch-all "@example.org". u8 format; varint count; str each user or alias that it stands for
 *
 * A name is looked for as it is, and then
 *   - with its domain replaced, where that is another name for a domain;
 *   - without a domain as `name@default_domain`, and one of the default domain without it.
 * For each of these a user comes before an alias. Then the providers are asked that keep users elsewhere, for deliveries;
 * the catch-all of the domain comes last. Domains are those with a "V/" record, and the default domain. While there is no such record,
 * every domain counts as known: then nobody has said which ones are ours.
 * An alias may stand for several names, and for aliases; loops are refused when they are made and do no harm when they are there.
 * Threads: any. What was read is kept in memory while the directory does not change. */
#ifndef LOFT_AUTH_NAMES_H
#define LOFT_AUTH_NAMES_H

#include "auth/directory/users.h"
#include "base/arena.h"

enum {
    NAMES_TARGETS_MAX = 1000,    /* of one alias */
    NAMES_RECIPIENTS_MAX = 1000, /* of one address, through all aliases */
    NAMES_ALIAS_DEPTH_MAX = 8,
};

struct names;

struct names_params {
    struct users *users;        /* borrows, until names_free */
    const char *default_domain; /* borrows; "" for none. Normalised here */
    char delimiter;             /* between user and mailbox, '+'; '\0' for none */
    bool sign_in_with_alias;    /* of an alias for one user */
};

/* -ERR_INVALID: a default domain that can be none. */
MUST_USE int names_new(const struct names_params *params, struct names **names_out, struct err *err);
void names_free(struct names **names);

/* The name of the account that somebody means who types `typed` to sign in. There may be no such account: a provider may know
 * the name, or nobody.
 *   errors  -ERR_NOT_FOUND: can be nobody's name; -ERR_IO, -ERR_CORRUPT */
MUST_USE int names_sign_in(struct names *names, struct str typed, char out[USER_NAME_BYTES_MAX + 1],
                           struct err *err);

/* The name of the account that a provider means that calls a user `told`: as names_sign_in, but no alias is followed. Whoever a
 * provider calls as we call an alias is not for that the one that it stands for. */
MUST_USE int names_of_provider(struct names *names, struct str told, char out[USER_NAME_BYTES_MAX + 1],
                               struct err *err);

/* Is there a user of that (normalised) name? users_find, and whoever keeps users elsewhere: auth_find_recipient. */
typedef int names_find_fn(void *ctx, struct str name, struct user *user_out, struct err *err);

struct names_recipient {
    struct account_id account;
    struct str name;
};

struct names_recipients {
    struct names_recipient *list; /* each account once; all of it borrows the arena */
    size_t count, cap;
    struct str
        mailbox; /* wanted behind the delimiter; NIL for INBOX, and where an alias stands for several */
};

/* Who gets mail for `address`, with the quotes of its local part undone. Members of an alias that are not there, or take no
 * mail, are left out as long as somebody is left.
 *   find    NULL: users_find alone
 *   errors  -ERR_CANNOT: not a domain of this server; -ERR_NOT_FOUND: nobody; -ERR_DENIED: the user takes no mail;
 *           -ERR_LIMIT; -ERR_UNAVAILABLE, -ERR_IO, -ERR_CORRUPT: nothing is known now, try later */
MUST_USE int names_recipients(struct names *names, struct str address, names_find_fn *find, void *ctx,
                              struct arena *arena, struct names_recipients *out, struct err *err);

/* May there be a new user of that name? Its domain must be one of ours, and it must mean no user and no alias that is there, in
 * any of its spellings. -ERR_CANNOT, -ERR_EXISTS, with the name that is in the way; -ERR_INVALID, -ERR_LIMIT for the name. */
MUST_USE int names_check_new(struct names *names, struct str name, struct err *err);

/* ---- aliases ---- */

/* Let `alias` stand for `target`, too. `target` is a user or another alias.
 *   find    as above: a target must be there
 *   errors  -ERR_EXISTS: a user has that name, or the alias stands for that target already; -ERR_NOT_FOUND: the target;
 *           -ERR_CANNOT: not our domain; -ERR_INVALID: the name, or a loop; -ERR_LIMIT above NAMES_TARGETS_MAX, or
 *           NAMES_ALIAS_DEPTH_MAX */
MUST_USE int names_add_alias(struct names *names, struct str alias, struct str target, names_find_fn *find,
                             void *ctx, struct err *err);
/* One target, or with NIL all of the alias. -ERR_NOT_FOUND. */
MUST_USE int names_delete_alias(struct names *names, struct str alias, struct str target, struct err *err);

/* In the order of names; each target is told once. Return 0 to go on, -ERR_x to fail. */
typedef int names_alias_fn(void *ctx, struct str alias, struct str target, struct err *err);
MUST_USE int names_list_aliases(struct names *names, names_alias_fn *fn, void *ctx, struct err *err);

/* ---- domains ---- */

/* `another_name_for`: NIL, or a domain of this server that is no such name itself. -ERR_EXISTS; -ERR_INVALID; -ERR_NOT_FOUND. */
MUST_USE int names_add_domain(struct names *names, struct str domain, struct str another_name_for,
                              struct err *err);
/* -ERR_NOT_FOUND; -ERR_CANNOT: there are users in it, or other names for it. */
MUST_USE int names_delete_domain(struct names *names, struct str domain, struct err *err);

typedef int names_domain_fn(void *ctx, struct str domain, struct str another_name_for, struct err *err);
MUST_USE int names_list_domains(struct names *names, names_domain_fn *fn, void *ctx, struct err *err);

#endif
