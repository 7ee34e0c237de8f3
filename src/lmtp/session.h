/* session.h: one LMTP client, usually a mail transfer agent.     RFC 2033; RFC 5321; RFC 1870 (SIZE); RFC 2034 and 3463 (enhanced codes);
 * RFC 2920 (PIPELINING); RFC 3030 (CHUNKING); RFC 6152 (8BITMIME); RFC 6531 (SMTPUTF8)
 *
 *   LHLO -> READY --MAIL--> MAIL --RCPT--> MAIL --DATA--> DATA ---".".-> one reply a recipient -> READY
 *                                               --BDAT n--> CHUNK -> MAIL ... BDAT n LAST -> one reply a recipient -> READY
 * The message goes into a spool as it comes (incoming.h); per recipient one blob and one commit, the reply only after it is durable.
 * Threads: net gives a session to one worker at a time. */
#ifndef LOFT_LMTP_SESSION_H
#define LOFT_LMTP_SESSION_H

#include "lmtp/address.h"
#include "lmtp/server.h"
#include "mail/incoming.h"

enum lmtp_state {
    LMTP_GREETED, /* before LHLO */
    LMTP_READY,   /* no transaction */
    LMTP_MAIL,    /* MAIL was accepted */
    LMTP_DATA,    /* taking lines up to "." */
    LMTP_CHUNK,   /* taking a BDAT chunk */
    LMTP_QUIT,
};

struct lmtp_recipient {
    struct account_id account;
    char user[USER_NAME_BYTES_MAX + 1];
    struct str mailbox;  /* wanted behind the delimiter; NIL for INBOX */
    struct str address;  /* as given, for Delivered-To */
};

struct lmtp_session {
    struct conn *conn;
    struct lmtp_server *server; /* borrows */
    struct logger log;
    enum lmtp_state state;
    bool at_eof;

    /* The transaction; all of it is gone with reset(). */
    struct arena arena;
    struct str sender; /* reverse-path without brackets; "" for <> */
    bool smtputf8;
    struct lmtp_recipient *recipients;
    size_t recipient_count, recipient_cap;
    struct incoming *incoming;
    int failed; /* 0, or why the message cannot be taken: told to each recipient */
    struct err err;

    uint64_t chunk_left; /* LMTP_CHUNK: bytes to come */
    bool chunk_last, chunk_refused;
    bool line_start;     /* LMTP_DATA: the next byte begins a line (after CRLF) */
    uint64_t delivered_count;
};

/* "250 2.0.0 text". */
void lmtp_reply(struct lmtp_session *s, unsigned code, const char *enhanced, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* command.c: one command line, without its CRLF. */
void lmtp_command(struct lmtp_session *s, struct str line);
void lmtp_reset(struct lmtp_session *s); /* end the transaction */

/* deliver.c: the message is whole: store it for each recipient and answer for each. */
void lmtp_deliver(struct lmtp_session *s);

#endif
