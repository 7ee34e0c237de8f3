/* testing_lmtp.h: LMTP without a network, for tests and fuzzing: a connection made of two buffers stands in
 * for conn.h (whoever includes this file links no net library), over the memory engine with the users anna,
 * bob, carla+work and dora, who is disabled. */
#ifndef LOFT_LMTP_TESTING_LMTP_H
#define LOFT_LMTP_TESTING_LMTP_H

#include "lmtp/session.h"
#include "mail/testing_mail.h"

struct conn {
    char *input; /* a block of its own each time, so that a sanitizer sees every byte too far */
    size_t input_n, consumed;
    struct buf out;
    bool closing, yielded;
    bool woken; /* conn_wake */
    struct net_addr peer;
    int64_t now_ms, deadline_ms;
};

struct rig {
    struct bench b;
    struct users *users;
    struct names *names; /* no default domain; '+' */
    struct lmtp_server server;
    struct conn conn;
    struct lmtp_session *session;
};

enum { RIG_WALL_S = BENCH_WALL_S };

void rig_init(struct rig *rig); /* opens the store; no session yet */
void rig_deinit(struct rig *rig);

/* A new client; the greeting is in rig->conn.out. */
void rig_connect(struct rig *rig);
void rig_disconnect(struct rig *rig);

/* Bytes arrive, and with them perhaps other events. False once the session has closed. */
bool rig_send(struct rig *rig, struct str bytes, unsigned events);

/* Messages in a mailbox, and one of them whole, from 1, in the bench's arena. */
uint32_t rig_count(struct rig *rig, const char *user, const char *mailbox);
struct str rig_message(struct rig *rig, const char *user, const char *mailbox, uint32_t seq,
                       struct message *row_out);

#endif
