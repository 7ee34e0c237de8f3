/* names_private.h: what the files behind names.h share. */
#ifndef LOFT_AUTH_NAMES_PRIVATE_H
#define LOFT_AUTH_NAMES_PRIVATE_H

#include "auth/directory/names.h"
#include "auth/directory/users_private.h"
#include "base/codec.h"

#define ALIASES_FROM STR("L/")
#define ALIASES_TO   STR("L0") /* '0' follows '/' */
#define DOMAINS_FROM STR("V/")
#define DOMAINS_TO   STR("V0")

/* Names met on the way from one alias to all that it stands for: work that loops and ladders of aliases cannot exceed. */
enum { NAMES_LOOKED_MAX = 10 * NAMES_RECIPIENTS_MAX };

struct names {
    struct users *users;
    char default_domain[USER_NAME_BYTES_MAX + 1];
    char delimiter;
    bool sign_in_with_alias;

    pthread_mutex_t lock; /* of all below */
    uint64_t version;     /* of the directory, when `cache` was empty; what is in it is as new or newer */
    struct map cache;     /* key of the directory -> struct names_cached */
};

enum { SPELLINGS_MAX = 3 };

/* Ways to write one name: as it came, and those of the list in names.h. */
struct spellings {
    char name[SPELLINGS_MAX][USER_NAME_BYTES_MAX + 1];
    size_t count;
    size_t canonical; /* the one that a new account gets */
};

/* What was typed, normalised; -ERR_NOT_FOUND: it can be nobody's name. */
MUST_USE int names_normalise(struct names *names, struct str typed, char out[USER_NAME_BYTES_MAX + 1],
                             struct err *err);
/* `normal` is normalised. */
MUST_USE int names_spell(struct names *names, const char *normal, struct spellings *s, struct err *err);
/* -ERR_NOT_FOUND: none of them is a user. */
MUST_USE int names_find_user(struct names *names, const struct spellings *s, struct user *user_out,
                             struct err *err);
/* -ERR_CANNOT: its domain is none of ours. */
MUST_USE int names_check_domain(struct names *names, struct str name, struct err *err);

/* A value of the directory, from memory where it can be. -ERR_NOT_FOUND without a text. */
MUST_USE int names_read(struct names *names, struct str key, struct buf *value_out, struct err *err);
/* 1: some domain has a record; 0: none. */
MUST_USE int names_have_domains(struct names *names, struct err *err);
/* The domain that this one is another name for; itself; -ERR_NOT_FOUND: it has no record. Into `out`. */
MUST_USE int names_read_domain(struct names *names, struct str domain, char out[USER_NAME_BYTES_MAX + 1],
                               struct err *err);

void alias_key(struct str name, struct buf *key);
void domain_key(struct str name, struct buf *key);

/* The targets of an alias, one after the other: reader_str each. -ERR_CORRUPT that names it. */
MUST_USE int alias_decode(struct str name, struct str value, struct reader *targets_out, uint64_t *count_out,
                          struct err *err);
/* names_list_aliases, within a change, too. */
MUST_USE int aliases_each(struct users *users, names_alias_fn *fn, void *ctx, struct err *err);
MUST_USE int domain_decode(struct str name, struct str value, struct str *another_name_for_out,
                           struct err *err);

#endif
