/* server.h: what all IMAP sessions share, and the settings that shape them. Filled by main; read only while sessions run. */
#ifndef LOFT_IMAP_SERVER_H
#define LOFT_IMAP_SERVER_H

#include "auth/auth.h"
#include "auth/devices.h"
#include "auth/directory/users.h"
#include "auth/presence.h"
#include "auth/sasl/sasl.h"
#include "base/audit.h"
#include "imap/language.h"
#include "imap/wire/framer.h"
#include "mail/account.h"
#include "net/conn.h"
#include "net/limits.h"

struct imap_settings {
    uint32_t login_timeout_ms;  /* from connect to signed in */
    uint32_t autologout_ms;     /* without a command; RFC 9051, 5.4: at least 30 minutes */
    uint32_t idle_heartbeat_ms; /* "* OK Still here" to those who idle: routers and Outlook forget silence */
    uint32_t progress_interval_ms; /* between two words on how far a command has come: RFC 9585, 4 */
    bool plaintext_on_loopback;    /* passwords without TLS from loopback */
    bool sharing_across_domains;   /* rights may be granted to users of other domains */
    bool unauthenticate;           /* RFC 8437, 8: the command can be switched off */
    bool end_with_token;           /* a session that a token has opened ends when that expires */
    bool refuse_8bit_header;       /* APPEND of 8-bit header fields by clients without UTF-8: RFC 9755 */
    uint32_t connections_per_account_max;
    uint32_t notify_mailboxes_max; /* that one session watches with NOTIFY */
    uint64_t message_bytes_max;    /* RFC 7889 APPENDLIMIT */
    uint32_t message_limit;        /* RFC 9738: messages a command works on; 0: any number */
    uint32_t save_limit;           /* of COPY and APPEND alone, where the former is 0; 0: any number */
    struct sasl_settings sasl;
    const char
        *quota_administrators; /* borrows: names of users who may SETQUOTA, with commas or spaces between */
    /* Borrow: capabilities not announced on any port, and on that of this struct: capability.h. */
    const char *hide_capabilities, *hide_capabilities_here;
    struct framer_limits before_login, after_login;
};

struct imap_server {
    struct imap_settings settings;
    struct mail *mail;
    struct users *users;
    struct auth *auth;
    struct audit *audit;               /* what auditors read; NULL: nothing is recorded */
    struct devices *devices;           /* what signs in to each account; NULL: nobody wants to know */
    struct limits *limits;             /* connections per account are counted as "account/" id */
    struct presence *presence;         /* who is here, for `loft who` and `loft kick` */
    const struct languages *languages; /* RFC 5255 */
    const struct clock *clock;
};

/* The protocol's handler for listeners; listener_options.ctx is the struct imap_server. */
extern const struct conn_handler imap_handler;

#endif
