/* quota_resource.h: what quota counts.     RFC 9208, 5.    Threads: none; values. */
#ifndef LOFT_MAIL_QUOTA_RESOURCE_H
#define LOFT_MAIL_QUOTA_RESOURCE_H

#include <stdint.h>

enum quota_resource { QUOTA_STORAGE, QUOTA_MESSAGE, QUOTA_MAILBOX, QUOTA_ANNOTATION, QUOTA_RESOURCES };

#define QUOTA_LIMIT_MAX (UINT64_MAX >> 1) /* RFC 9208, 3.1.2: 63 bits */
#define QUOTA_NONE      UINT64_MAX        /* a limit: there is none */
#define QUOTA_DEFAULT   (UINT64_MAX - 1)  /* a limit in the state of an account: as the settings say */

/* One figure a resource: bytes, messages, mailboxes, bytes. */
struct quota_amounts {
    uint64_t of[QUOTA_RESOURCES];
};

#endif
