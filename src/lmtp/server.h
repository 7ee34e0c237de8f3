/* server.h: what all LMTP sessions share, and the settings that shape them. Filled by main; read only while
 * sessions run. RFC 2033 */
#ifndef LOFT_LMTP_SERVER_H
#define LOFT_LMTP_SERVER_H

#include "auth/directory/names.h"
#include "mail/account.h"
#include "net/conn.h"

struct lmtp_settings {
    uint64_t message_bytes_max; /* announced as SIZE: RFC 1870 */
    uint32_t recipients_max;    /* of one message */
    uint32_t timeout_ms;        /* between two commands or pieces of data */
    /* Make the mailbox behind the delimiter when it does not exist; else INBOX takes the mail. */
    bool create_mailbox;
    bool over_quota_permanent; /* an account that is full: 552, do not try again; else 452 */
    const char *host_name;     /* borrows: our name in greeting and Received */
};

struct lmtp_server {
    struct lmtp_settings settings;
    struct mail *mail;
    struct names *names;
    /* Whoever keeps users elsewhere (names_recipients); NULL: nobody does. */
    names_find_fn *find_user;
    void *find_ctx;
    const struct clock *clock;
};

extern const struct conn_handler lmtp_handler;

#endif
