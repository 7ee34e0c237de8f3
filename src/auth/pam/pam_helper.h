/* pam_helper.h: what the server and its helper say to each other (provider_pam.h), and the helper itself. */
#ifndef LOFT_AUTH_PAM_HELPER_H
#define LOFT_AUTH_PAM_HELPER_H

#include "auth/pam/provider_pam.h"

/* One datagram, with a descriptor of a stream for the answer. Strings end with NUL. A secret. */
struct pam_request {
    char name[USER_NAME_BYTES_MAX + 1];
    char password[USER_PASSWORD_BYTES_MAX + 1];
    char address[PEER_ADDRESS_BYTES]; /* "" for a local socket */
};

enum pam_verdict { PAM_IS_RIGHT, PAM_IS_WRONG, PAM_IS_UNKNOWN, PAM_IS_EXPIRED, PAM_IS_DISABLED, PAM_IS_DOWN };

struct pam_reply {
    enum pam_verdict verdict;
    char name[USER_NAME_BYTES_MAX + 1]; /* as PAM spells the user */
    char text[80];                      /* why it is down: PAM's words for its own error */
};

struct pam_helper_params {
    char service[PAM_SERVICE_BYTES_MAX + 1];
    char *folder; /* NULL: the system's */
    uint32_t timeout_ms, calls_max;
};

/* One conversation, in a process of its own.     pam_talk.c */
void pam_talk(const struct pam_helper_params *params, const struct pam_request *request,
              struct pam_reply *reply);

/* The helper's life: until `requests` is closed at the other end.     pam_helper.c */
_Noreturn void pam_helper_run(const struct pam_helper_params *params, int requests);

#endif
