/* cage.h: what the running server gives up before it serves anybody.
 *
 *   root -> server.user -> ports are bound -> cage_enter() -> threads, mail, clients
 *
 * - Privileges: with server.user root becomes that user, with its groups. Capabilities go once the ports are bound, no_new_privs
 *   is on, always.
 * - Memory: it cannot be traced by others of its user, and leaves no core dumps: they would hold passwords.
 * - Files (Landlock): what settings name (data folder, audit log, sockets: to write; certificates, tables of passwords, the configuration:
 *   to read, with the folder they are in, so that they can be replaced), and what libraries read of the system. A new folder takes a restart.
 *   Nor can it bind further TCP ports, signal other processes, or reach their abstract sockets (unless NOTIFY_SOCKET is one), where the
 *   kernel has that.
 * - System calls (seccomp): no exec, no ptrace and other looks into processes, no mounts, modules, namespaces, raw sockets,
 *   clocks, keys, io_uring ...
 * With index.extractor exec stays allowed, of the places where programs are and nothing else, because what is started inherits all of the above:
 * it may do nothing that the server itself could not. (A helper outside the cage, which starts programs on request, would be one more
 * process that a broken server could lead astray.) The extractor then takes the rest from its program: mail/extractor.h.
 *
 * Not laid on with sandbox.enabled = no, and in builds with a sanitizer, which start programs and look into their own process:
 * there only privileges go. */
#ifndef LOFT_ADMIN_CAGE_H
#define LOFT_ADMIN_CAGE_H

#include "admin/config.h"

struct cage {
    char user[64];     /* who the server is */
    int files_version; /* of Landlock; 0: files are not held */
    bool calls;        /* are refused */
    bool may_exec;     /* for index.extractor */
    const char *off;   /* why files and calls are not held; NULL: they are */
};

/* Root becomes server.user, and keeps what it takes to bind ports. Makes the data folder, for that user. Before there are threads.
 *   errors  -ERR_NOT_FOUND, -ERR_INVALID: server.user, server.group; -ERR_DENIED: the data folder is somebody else's; -ERR_IO */
MUST_USE int cage_become_user(const struct config *config, struct err *err);

/* The ports are bound: lay it on. Before there are threads. What this kernel cannot do is logged once.
 *   config_file  read again on SIGHUP; NULL: none
 *   errors       -ERR_DENIED: something that the kernel has failed */
MUST_USE int cage_enter(const struct config *config, const char *config_file, struct logger log,
                        struct cage *cage_out, struct err *err);

/* "files and system calls held; user loft" */
void cage_format(const struct cage *cage, struct buf *out);

#endif
