/* framer.h: where one command ends in the stream of bytes from a client.
 * RFC 9051, 2.2.1 and 4.3; RFC 7888; RFC 3502; RFC 4469; RFC 8508
 *
 * A command is lines joined by literals: a line that ends in {n} or {n+} (before CRLF) is followed by n bytes
 * and a further line. The framer is shown what has been read so far, always from the first byte that was not
 * dropped yet, and remembers how far it looked, so that each byte is looked at once however the network cut
 * the stream. LF alone ends a line like CRLF does.
 *
 *     framer_start(&f, &limits);
 *     for (;;) switch (framer_next(&f, bytes, &err)) {
 *     case FRAMER_MORE:      read more, append it, call again
 *     case FRAMER_CONTINUE:  answer "+ OK" (the client waits for it before it sends its literal), call again
 *     case FRAMER_COMMAND:   the first f.n bytes are one command, literals inline: parse (parser.h), run,
 *                            drop them, framer_start
 *     case FRAMER_MESSAGE:   APPEND and REPLACE only: the first f.n bytes are the arguments up to a message
 *                            literal ("a APPEND box (\Seen) {300}\r\n", and for MULTIAPPEND later
 *                            " (\Draft) {20}\r\n"), or to a text of CATENATE ("... (TEXT {9}\r\n",
 *                            " URL /a/;UID=1 TEXT {9}\r\n"). Parse and drop them, then either
 *                              take it:    answer "+ OK" if f.literal_sync, take f.literal_bytes bytes off
 *                                          the stream, framer_resume(&f), call again with what follows; the
 *                                          command's end comes as FRAMER_COMMAND with what is left of the
 *                                          line (usually "\r\n")
 *                              refuse it:  answer the tagged NO or BAD, framer_refuse_message(&f), call again
 *     case FRAMER_REFUSE:    against a limit; err says which. Answer a tagged BAD or NO (framer_tag() finds
 *                            the tag, also in half a line; [TOOBIG] if f.too_big), drop f.n bytes, call again
 *     case FRAMER_SKIP:      drop f.n bytes of a refused command, call again (after reading more, when that
 *                            leaves nothing)
 *     case FRAMER_SKIPPED:   drop f.n bytes; the refused command is over: framer_start for the next one
 *     case FRAMER_CLOSE:     what the client still sends for the refused command is above
 *                            limits.swallow_max: answer BYE, close
 *     }
 *
 * What is refused is never taken for commands (RFC 7888, 4): after a refused synchronizing literal the client
 * sends nothing, the bytes of a non-synchronizing one, and the lines and literals behind it, are swallowed.
 * Threads: one owner. No memory of its own. */
#ifndef LOFT_IMAP_WIRE_FRAMER_H
#define LOFT_IMAP_WIRE_FRAMER_H

#include "base/err.h"
#include "base/str.h"

struct framer_limits {
    size_t line_max;      /* bytes of a line with its CRLF; each piece between two literals is a line */
    uint64_t literal_max; /* bytes of one literal that is kept in memory */
    /* Bytes of one non-synchronizing literal: 4096 by the rule of LITERAL- (RFC 7888, 5). */
    uint64_t nonsync_max;
    size_t command_max;    /* bytes of the whole command: lines and literals, but not streamed messages */
    unsigned literals_max; /* literals in one command, streamed messages apart */
    uint64_t message_max;  /* bytes of one APPEND message, or of one text of CATENATE */
    /* Messages of one MULTIAPPEND, and texts of CATENATE; 0: nothing is streamed, APPEND is a command like others. */
    unsigned messages_max;
    uint64_t swallow_max; /* bytes of one refused command, then FRAMER_CLOSE */
};

/* A stranger gets short lines, four small literals and no APPEND. `message_max` and `swallow_max` of the
 * second are for the session to adapt to its settings. */
extern const struct framer_limits framer_limits_before_login, framer_limits_after_login;

enum framer_event {
    FRAMER_MORE,
    FRAMER_CONTINUE,
    FRAMER_COMMAND,
    FRAMER_MESSAGE,
    FRAMER_REFUSE,
    FRAMER_SKIP,
    FRAMER_SKIPPED,
    FRAMER_CLOSE,
};

struct framer {
    /* Results of framer_next. */
    size_t n; /* bytes at the start that the event is about */
    /* FRAMER_MESSAGE: size of the message. FRAMER_CONTINUE: of the literal, to make room for it. */
    uint64_t literal_bytes;
    bool literal_sync; /* FRAMER_MESSAGE: the client waits for "+" */
    bool literal8;     /* FRAMER_MESSAGE: ~{n}, may hold NUL (RFC 3516) */
    bool too_big;      /* FRAMER_REFUSE: a message or literal above its limit: [TOOBIG] (RFC 7888, 5) */

    /* Its own. */
    const struct framer_limits *limits;
    enum framer_state {
        FRAMER_IN_LINE,      /* looking for the end of a line */
        FRAMER_IN_LITERAL,   /* skipping over a literal that is kept */
        FRAMER_AT_MESSAGE,   /* FRAMER_MESSAGE was told, caller decides */
        FRAMER_DROP_LINE,    /* refused: looking for the end of a line */
        FRAMER_DROP_LITERAL, /* refused: swallowing a literal */
        FRAMER_OVER,         /* refused, and nothing follows any more */
    } state;
    size_t line_at;     /* where the current line begins */
    size_t looked;      /* no LF in [line_at, looked); in a literal: its end */
    uint64_t drop;      /* FRAMER_DROP_LITERAL: bytes left */
    uint64_t swallowed; /* bytes of a refused command so far */
    size_t
        args_at; /* APPEND, REPLACE: where the mailbox begins; 0: this is no APPEND, or that is behind us */
    unsigned literal_count, message_count;
    bool single_line; /* framer_start_line: no literals */
    bool is_append, has_name;
};

void framer_start(struct framer *f, const struct framer_limits *limits);

/* One line that is no command: an answer to AUTHENTICATE, DONE after IDLE. "{5}" at its end means nothing.
 * Ends as FRAMER_COMMAND. */
void framer_start_line(struct framer *f, const struct framer_limits *limits);

/* `bytes` begins where the last dropped byte ended and holds all that was read since.
 * `err` is set by FRAMER_REFUSE (-ERR_LIMIT). */
enum framer_event framer_next(struct framer *f, struct str bytes, struct err *err);

/* After FRAMER_MESSAGE, its f.n bytes dropped: the message has been taken off the stream;
 * `bytes` goes on behind it. */
void framer_resume(struct framer *f);

/* After FRAMER_MESSAGE, its f.n bytes dropped: the message is not wanted and none of it was taken.
 * Go on with framer_next. */
void framer_refuse_message(struct framer *f);

/* The command failed while its message was being taken: `left` bytes of the message, and what follows,
 * shall be swallowed. */
void framer_drop_rest(struct framer *f, uint64_t left);

/* The tag at the start of `bytes`, for the answer to a refused command; NIL when there is none:
 * answer untagged. */
struct str framer_tag(struct str bytes);

#endif
