/* provider_pam.h: whoever PAM knows, as a provider: "pam".
 *
 *   serving threads --request, with a socket for the answer--> helper --fork--> one conversation --answer--> thread
 *
 * PAM's modules are code of others: they are not all safe with threads, change the process (users, environment, signals, umask),
 * start programs, hang, and crash; pam_unix wants root. So none is loaded into the server. The helper is a process of one thread, forked at
 * the very start: before there are threads, before privileges are given up and the sandbox is laid on. It forks again for each
 * conversation, kills that one (and what it started) when its time is up, and ends when the server does. A conversation that does
 * not come to an end, or not to a good one, is -ERR_UNAVAILABLE.
 * The helper keeps the privileges of whoever started the server, unless `user` says otherwise, and is held by no sandbox: what it may open
 * is what its modules need (/etc/pam.d, /etc/security, /etc/shadow ...). The server itself opens nothing for PAM.
 * The module's account check counts as well: an old password is `expired`, an account that may not come in `disabled`. Nothing is
 * asked but for the name and the password.
 * Threads: as provider.h; start and stop: one, before there are others. */
#ifndef LOFT_AUTH_PROVIDER_PAM_H
#define LOFT_AUTH_PROVIDER_PAM_H

#include "auth/provider.h"

enum { PAM_CALLS_MAX = 64, PAM_SERVICE_BYTES_MAX = 64 };

struct provider_pam_params {
    const char *service;      /* file in /etc/pam.d; without '/' */
    const char *folder;       /* in place of /etc/pam.d; "" */
    const char *user, *group; /* to become, when root; "": stay */
    const char *
        domain; /* taken off a name before PAM sees it, as users of a system have none; NULL or "": nothing is */
    uint32_t timeout_ms; /* of one conversation */
    uint32_t calls_max;  /* conversations at once: 1 to PAM_CALLS_MAX */
    bool remember;       /* no module takes one-time codes: a password that was right may be known good */
};

struct pam_helper;

/* `params` borrows until this returns. -ERR_INVALID: the service's name; -ERR_NOT_FOUND, -ERR_DENIED: the user;
 * -ERR_IO; -ERR_CANNOT: built without PAM. */
MUST_USE int pam_helper_start(const struct provider_pam_params *params, struct pam_helper **helper_out,
                              struct err *err);
void pam_helper_stop(struct pam_helper **helper);

/* Takes the helper, also when it fails. */
MUST_USE int provider_pam_new(struct pam_helper **helper, struct provider *provider_out, struct err *err);

#endif
