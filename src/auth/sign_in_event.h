/* sign_in_event.h: the event that every sign-in leaves for auditors, whatever the protocol: one, with what came of it.
 * auth.c records those that it refuses; a protocol those that it lets in, once they are in, or that fail only then (a
 * limit on connections, say).
 * Threads: any. */
#ifndef LOFT_AUTH_SIGN_IN_EVENT_H
#define LOFT_AUTH_SIGN_IN_EVENT_H

#include "auth/auth.h"
#include "base/audit.h"

struct sign_in_event {
    const struct auth_peer *peer;
    const struct auth_outcome *outcome;
    struct str user;    /* whose mail, or the name that was tried */
    struct str by;      /* who wants it, when not that one; else "" */
    const char *reason; /* NULL: it is in */
};
void sign_in_event_record(struct audit *audit, const struct sign_in_event *event);

/* The fields that say who is at the other end, of every event that tells of a session: `*n` of `fields` are taken, and at most
 * SIGN_IN_EVENT_PEER_FIELDS more are after it. */
enum { SIGN_IN_EVENT_PEER_FIELDS = 5 };
void sign_in_event_add_peer(struct log_field *fields, size_t *n, const struct auth_peer *peer);

#endif
