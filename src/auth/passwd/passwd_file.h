/* passwd_file.h: a list of users and passwords in Dovecot's format, read into memory.
 *
 *   line = user ":" password [":" uid [":" gid [":" gecos [":" home [":" shell [":" extra *(SP extra)]]]]]]
 *   anna@example.org:{SHA512-CRYPT}$6$...::::::user=anna allow_nets=192.0.2.0/24,2001:db8::/32
 *   # a comment
 * The password is what scheme.h takes. Of the extra fields these mean something here: `user` (the account's name), `allow_nets`
 * (from where the user may sign in: addresses, blocks, and `local` for local sockets), `nologin` (may not sign in; mail is
 * taken). `nopassword` is refused: nobody signs in without a password. The others, such as `userdb_quota_rule`, are counted.
 * Where two lines have one name, the last one holds, as in Dovecot.
 * Threads: one that was read never changes. */
#ifndef LOFT_AUTH_PASSWD_FILE_H
#define LOFT_AUTH_PASSWD_FILE_H

#include "auth/passwd/scheme.h"

enum {
    PASSWD_FILE_BYTES_MAX = 256 * 1024 * 1024,
    PASSWD_FILE_LINE_BYTES_MAX = 8192,
    PASSWD_FILE_USERS_MAX = 2000000,
    PASSWD_FILE_PROBLEMS_MAX = 20, /* told of one reading; the others are counted */
};

struct passwd_file;

struct passwd_entry {
    char *name;        /* normalised */
    char *account;     /* of `user=`, normalised; NULL: as `name` */
    struct str stored; /* a secret */
    struct str nets;   /* NIL: from everywhere */
    struct scheme_facts facts;
    bool nologin;
    bool
        damaged; /* the line: nothing but `name` is filled. Whose it is must not come in by other means either */
};

struct passwd_file_params {
    const char *scheme; /* of passwords without one: scheme_is_known */
    const char *domain; /* put behind names that have none; "" */
    bool allow_weak;    /* false: users with passwords that scheme.h calls weak do not come in */
};

struct passwd_file_facts {
    size_t users, damaged, weak, ignored_extras;
};

/* A line that does not count, or nearly so: its number, from 1, and what is wrong. Never a part of a password. */
typedef void passwd_file_problem_fn(void *ctx, size_t line, const char *text);

/* Read all lines of `text`; damaged ones, and passwords that are not allowed, are told of and let nobody in.
 *   text      wiped and emptied: nothing of it is needed any more
 *   problem   may be NULL
 *   errors    -ERR_LIMIT above PASSWD_FILE_USERS_MAX users */
MUST_USE int passwd_file_parse(struct buf *text, const struct passwd_file_params *params,
                               passwd_file_problem_fn *problem, void *ctx, struct passwd_file **file_out,
                               struct passwd_file_facts *facts_out, struct err *err);
void passwd_file_free(struct passwd_file **file); /* wipes it */

/* NULL: no such user. `name` is normalised; the entry borrows the file. */
const struct passwd_entry *passwd_file_find(const struct passwd_file *file, struct str name);

#endif
