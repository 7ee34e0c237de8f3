/* provider_passwd_file.h: a file of users in Dovecot's format (passwd_file.h) as a provider: "passwd-file".
 *
 * The file is one fixed path, and no part of a name ever goes into a path (CVE-2026-0394). It is read whole; before each
 * answer its times, size and inode are looked at, so that it holds as soon as it is changed, written over or replaced.
 * While it is missing or cannot be read nobody is let in by an older copy: -ERR_UNAVAILABLE.
 * What was read, and what is wrong with it, goes to the log, here: nobody else can tell of a change that no caller made.
 * SCRAM works for {SCRAM-*} and plain passwords, but not for users with allow_nets: the client's address is not known then. Clients choose
 * it wherever it is offered, so it is known here only where the settings say that all users have such a password.
 * Opens: `path`, now and whenever it has changed, so its folder must stay reachable (a sandbox, privileges).
 * Threads: as provider.h */
#ifndef LOFT_AUTH_PROVIDER_PASSWD_FILE_H
#define LOFT_AUTH_PROVIDER_PASSWD_FILE_H

#include "auth/passwd/passwd_file.h"
#include "base/log.h"

struct provider_passwd_file_params {
    const char *path; /* borrows all, until free */
    struct passwd_file_params format;
    struct logger log;
    unsigned char salt_secret[USERS_SECRET_BYTES]; /* users_secret(): for SCRAM of plain passwords */
    const struct clock *clock;
    bool scram;          /* all have {SCRAM-*} or plain passwords */
    uint32_t hashes_max; /* verified at once; not 0 */
};

/* -ERR_NOT_FOUND, -ERR_IO, -ERR_LIMIT for the file; -ERR_INVALID: a scheme that is not known. */
MUST_USE int provider_passwd_file_new(const struct provider_passwd_file_params *params,
                                      struct provider *provider_out, struct err *err);

#endif
