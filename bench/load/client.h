/* client.h: one connection of the load generator: IMAP or LMTP, plain or TLS. Nothing here blocks but the
 * functions named client_wait_*; crowd.h drives many at once.
 *
 *   open: connecting -> TLS handshake -> greeting (LMTP: and LHLO) -> ready
 *
 * A response is one line together with the literals in it. Each answer is checked: what is wrong is told to
 * bench_wrong and counted; a connection that is lost or silent ends the workload. */
#ifndef LOFT_BENCH_LOAD_CLIENT_H
#define LOFT_BENCH_LOAD_CLIENT_H

#include "load/bench.h"

#include <openssl/ssl.h>

enum client_state {
    CLIENT_CLOSED,
    CLIENT_CONNECTING,
    CLIENT_HANDSHAKE,
    CLIENT_GREETING,
    CLIENT_READY,
    CLIENT_LOST /* only where may_be_lost; client_close, and begin again */
};
enum client_kind { CLIENT_IMAP, CLIENT_IMAPS, CLIENT_LMTP };
enum client_lmtp { LMTP_NONE, LMTP_LHLO, LMTP_MAIL, LMTP_RCPT, LMTP_DATA, LMTP_SENT };

struct crowd;

struct client {
    struct bench *bench;
    struct crowd *crowd; /* that it is in, or NULL */
    int fd;
    SSL *ssl;
    SSL_SESSION *session; /* the newest that the server gave; survives client_close */
    enum client_state state;
    enum client_kind kind;
    enum client_lmtp lmtp;
    bool resumed;
    bool may_be_lost;    /* it ends an operation, not the workload: the operation looks */
    bool closing, ended; /* we say LOGOUT: BYE is no error; the server has closed */
    struct buf in, out;
    struct buf held, stops; /* behind synchronizing literals: bytes, and where "+" must come (size_t each) */
    size_t taken;           /* of `in`: responses that were looked at */
    size_t line_end, seen;  /* of the response behind it: known to belong to it; known to have no LF */
    unsigned tag;           /* of the command in flight */
    bool may_fail, ok;      /* a tagged NO is no error; what the answer was */
    unsigned index;         /* among its crowd */
    unsigned round;         /* operations done */
    unsigned step;          /* of the operation: see crowd.h */
    unsigned exists;        /* of the last EXISTS */
    unsigned untagged;      /* responses of the command in flight that `check` counted */
    struct str body;        /* LMTP: to be sent after 354; borrows */
    double sent_s;
    /* Sees each untagged response; true counts it. NULL: none is looked at. */
    bool (*check)(struct client *c, struct str response);
    void *ctx;         /* of whoever sets check */
    unsigned n, value; /* for operations: whatever they must remember */
};

void client_init(struct client *c, struct bench *b, unsigned index);
/* Begin to connect; done (as a command is) when the server has greeted. */
void client_open(struct client *c, enum client_kind kind);
void client_close(struct client *c); /* may be opened again */
void client_deinit(struct client *c);

/* Queue a command with its tag; without the CRLF: client_add may follow, client_end ends it. */
void client_begin(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void client_add(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void client_add_literal(struct client *c, struct str bytes); /* RFC 7888 where the server has it */
void client_end(struct client *c);
/* All of it. */
void client_send(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void client_login(struct client *c, unsigned user);
/* Not a command: bytes as they are ("DONE"). */
void client_send_raw(struct client *c, const char *bytes);

/* LMTP: queue a delivery to user number `user`; `message` borrowed until it is done, ends with CRLF. */
void client_deliver(struct client *c, unsigned user, struct str message);

/* Read and write what can be now; true: what was in flight is done. A "+" ends a command, too (IDLE). */
bool client_pump(struct client *c);

/* ---- one alone, blocking ---- */

void client_wait(struct client *c);
/* client_send and client_wait; `count` untagged responses must be counted by check (-1: any number). */
void client_command(struct client *c, int count, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same for a command that may be answered NO; true: OK. */
bool client_try(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Open, and sign in. */
void client_open_as(struct client *c, enum client_kind kind, unsigned user);

/* Does the server announce it (after sign-in)? */
bool client_server_has(struct bench *b, const char *capability);

/* The value of `item` (MESSAGES, UIDNEXT ...) in STATUS of a mailbox of a user; false: there is none such. */
bool client_status(struct client *c, const char *mailbox, const char *item, unsigned *value_out);

#endif
