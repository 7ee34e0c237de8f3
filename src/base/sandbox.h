/* sandbox.h: what a process gives up, for good: files (Landlock), system calls (seccomp), capabilities, the user root. All that it
 * starts later is held as well. Who calls what is theirs: the server (admin/cage.h), a program for attachments (mail/extractor.h).
 *
 * Landlock and the filter hold the calling thread and those it starts: call them before there are others.
 * Threads: any. What is marked "between fork and exec" takes no lock and no memory. */
#ifndef LOFT_BASE_SANDBOX_H
#define LOFT_BASE_SANDBOX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- files ---- */

enum sandbox_right {
    SANDBOX_EXECUTE = 1u << 0,
    SANDBOX_READ = 1u << 1,  /* files and folders */
    SANDBOX_WRITE = 1u << 2, /* and make, rename, remove */
};

struct sandbox_place {
    const char *path;
    unsigned rights; /* enum sandbox_right */
};

/* Version of the kernel's Landlock; 0: it has none that is of use (before 5.19). */
int sandbox_files_version(void);

enum {                                        /* what is held beside files, where the kernel has that */
       SANDBOX_NO_ABSTRACT_SOCKETS = 1u << 0, /* of processes outside; from 6.12 on */
       SANDBOX_NO_SIGNALS = 1u << 1,          /* to them; from 6.12 on */
       SANDBOX_NO_PORTS = 1u << 2,            /* TCP ports to listen on, or to come from; from 6.7 on */
};

/* Begin, allow, hold: from then on nothing else can be opened, made, removed or executed; what is open stays open. Between
 * fork and exec.
 *   begin  a descriptor; -1: no Landlock, or it failed
 *   allow  `path` and what is below it; a path that is not there is passed over. Symbolic links are followed
 *   hold   takes the descriptor; needs sandbox_no_new_privileges() before */
int sandbox_files_begin(unsigned also);
bool sandbox_files_allow(int files, const char *path, unsigned rights);
bool sandbox_files_hold(int files);

/* ---- system calls ---- */

/* True where the filter knows the machine (x86-64, aarch64). */
bool sandbox_calls_known(void);

enum { SANDBOX_CALLS_MAX = 100 };

enum { /* besides the calls named */
       SANDBOX_SOCKETS_ORDINARY =
           1u
           << 0, /* streams and datagrams over IP, local ones, and the netlink that getaddrinfo asks: nothing raw */
       SANDBOX_NO_NAMESPACES = 1u << 1, /* new processes and threads stay in those of this one */
};

/* Refuse these calls from now on with EPERM, and those of other machines' numbering by death. Between fork and exec.
 * Needs sandbox_no_new_privileges() before. True as well where sandbox_calls_known() is not. At most SANDBOX_CALLS_MAX. */
bool sandbox_refuse_calls(const int *calls, size_t count, unsigned also);

/* ---- privileges ---- */

/* What is executed gains nothing by set-user-ID. Between fork and exec. */
bool sandbox_no_new_privileges(void);

/* All capabilities but those of `keep` (bits by number) go, of this thread, from every set; also from the bounding set where
 * that is allowed. Between fork and exec. */
bool sandbox_drop_capabilities(uint64_t keep);

/* Become `user`, with the groups that it is a member of and `group` as its own ("": the user's), before there are threads.
 * Capabilities of `keep` stay.
 *   errors  -ERR_NOT_FOUND: no such user, or group; -ERR_INVALID: that is root; -ERR_DENIED */
MUST_USE int sandbox_become(const char *user, const char *group, uint64_t keep, struct err *err);
/* Its ids, without becoming it. */
MUST_USE int sandbox_find_user(const char *user, const char *group, uid_t *uid_out, gid_t *gid_out,
                               struct err *err);

/* Built with a sanitizer: these look into the own process and start programs, which would be refused. */
bool sandbox_is_sanitizer(void);

#endif
