/* presence.h: who is signed in right now, over every protocol: for `loft who` and `loft kick`.
 * Threads: any. */
#ifndef LOFT_AUTH_PRESENCE_H
#define LOFT_AUTH_PRESENCE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

struct presence;
struct presence_entry; /* one session's place in it */

struct presence *presence_new(void);
void presence_free(struct presence **presence); /* nobody is in it any more */

struct presence_info {
    uint64_t conn_id;
    const char *protocol; /* static: "imap" */
    char user[256];
    char by[256];                                   /* who signed in and acts for the user; "": the user */
    uint64_t app_password_id, app_password_account; /* the app password that let it in, and whose; 0: none */
    char address[64];
    char mechanism[32];
    char client[128];  /* what it calls itself (RFC 2971 ID); "" unknown */
    char mailbox[128]; /* selected, cut at a character's edge; "" none */
    bool tls;
    int64_t since_ms; /* wall clock */
};

/* copies. */
struct presence_entry *presence_enter(struct presence *presence, const struct presence_info *info);
void presence_leave(struct presence *presence, struct presence_entry **entry); /* accepts NULL, sets NULL */
void presence_set_client(struct presence *presence, struct presence_entry *entry, struct str client);
void presence_set_mailbox(struct presence *presence, struct presence_entry *entry, struct str mailbox);

/* All of them; `info` borrows until fn returns, the list is locked meanwhile:
 * call nothing that enters or leaves. */
typedef void presence_fn(void *ctx, const struct presence_info *info);
void presence_each(struct presence *presence, presence_fn *fn, void *ctx);

#endif
