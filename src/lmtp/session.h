/* session.h: one LMTP client, usually a mail transfer agent.
 * RFC 2033; RFC 5321; RFC 1870 (SIZE); RFC 2034 and 3463 (enhanced codes);
 * RFC 2920 (PIPELINING); RFC 3030 (CHUNKING); RFC 6152 (8BITMIME); RFC 6531 (SMTPUTF8)
 *
 *   GREETED --LHLO--> READY --MAIL--> MAIL --RCPT--> MAIL --DATA--> DATA ---"."--> one reply a recipient -> READY
 *                                                         --BDAT n--> CHUNK -> MAIL ... BDAT n LAST -> one reply a recipient -> READY
 * The message goes into a spool as it comes (incoming.h); per recipient one commit, the reply only after it
 * is durable, and no worker waits for that. A BDAT chunk is taken off the stream in every state, so that its bytes are never read as
 * commands.
 * Threads: net gives a session to one worker at a time. */
#ifndef LOFT_LMTP_SESSION_H
#define LOFT_LMTP_SESSION_H

#include "lmtp/address.h"
#include "lmtp/deliver.h"
#include "lmtp/server.h"
#include "mail/incoming.h"

enum {
    /* Of a command, with CRLF: RFC 5321, 4.5.3.1.4 asks for 512, extensions for more. */
    LMTP_LINE_BYTES_MAX = 4096,
    LMTP_UNKNOWN_COMMANDS_MAX = 10, /* then this is no LMTP client */
    LMTP_ID_BYTES = 64,
};

enum lmtp_state {
    LMTP_GREETED, /* before LHLO */
    LMTP_READY,   /* no transaction */
    LMTP_MAIL,    /* MAIL was accepted */
    LMTP_DATA,    /* taking lines up to "." */
    LMTP_CHUNK,   /* taking a BDAT chunk */
    LMTP_QUIT,
};

enum lmtp_chunk { LMTP_CHUNK_TAKE, LMTP_CHUNK_NO_RECIPIENTS, LMTP_CHUNK_NO_TRANSACTION };

struct lmtp_recipient {
    struct account_id account;
    struct str user;    /* its name, normalised */
    struct str mailbox; /* wanted behind the delimiter; NIL for INBOX */
    struct str address; /* as given, without brackets */
    bool of_same_rcpt;  /* as the one before: an alias stands for both, and one reply */
};

struct lmtp_session {
    struct conn *conn;
    struct lmtp_server *server; /* borrows */
    struct logger log;
    enum lmtp_state state;
    bool at_eof;
    struct buf helo;           /* the name given with LHLO */
    unsigned unknown_commands; /* since the last message */
    bool data_refused;         /* the last command was DATA and got no 354 */
    uint64_t message_count;    /* messages taken, for their ids */
    uint64_t delivered_count;  /* recipients */

    /* The transaction; all of it is gone with lmtp_reset(). */
    struct arena arena;
    struct str sender; /* reverse-path without brackets; "" for <> */
    bool smtputf8;
    struct lmtp_recipient *recipients;
    size_t recipient_count, recipient_cap;
    uint64_t expected_bytes; /* SIZE of MAIL; 0: not said */
    struct incoming *incoming;
    int failed; /* 0, or why the message cannot be taken: told to each recipient */
    struct err err;

    bool line_start; /* LMTP_DATA: the next byte begins a line (after CRLF) */

    struct fan
        *fan; /* the message is whole and on its way: transaction.c; NULL mostly. Nothing is read meanwhile */
    struct conn_waker *waker; /* own reference; NULL until needed */

    uint64_t chunk_left; /* LMTP_CHUNK: bytes to come */
    bool chunk_last;
    enum lmtp_chunk chunk;
    enum lmtp_state after_chunk;
};

/* "250 2.0.0 text". `enhanced` NULL: without. */
void lmtp_reply(struct lmtp_session *s, unsigned code, const char *enhanced, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* The reply that belongs to a failure, about the recipient with this address (NIL: about all). */
void lmtp_reply_failure(struct lmtp_session *s, enum err_kind kind, struct str address);

void lmtp_quit(struct lmtp_session *s);  /* what has been said is sent, then the connection ends */
void lmtp_reset(struct lmtp_session *s); /* end the transaction */

/* command.c: one command line, without its CRLF. */
void lmtp_command(struct lmtp_session *s, struct str line);

/* transaction.c: the message is whole: store it for each recipient and answer for each, then end the transaction. While
 * s->fan is set this is not done, and the connection is woken to go on. */
void lmtp_deliver(struct lmtp_session *s);
void lmtp_deliver_go_on(struct lmtp_session *s);
void lmtp_deliver_wait(struct lmtp_session *s); /* now, whatever the disk takes */
void lmtp_deliver_drop(struct lmtp_session *s); /* nobody is left to be answered */

#endif
