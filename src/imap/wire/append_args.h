/* append_args.h: APPEND in pieces, as the framer cuts it: the messages themselves are streamed past the
 * parser.
 * RFC 9051, 6.3.12; RFC 3502 (MULTIAPPEND); RFC 3516, 4.4 (literal8)
 *
 *   a APPEND box (\Seen) "17-Jul-1996 02:44:25 -0700" {300}CRLF   append_args_parse, append_message_parse
 *    (\Draft) ~{20+}CRLF                                          append_message_parse, for each further one
 *   CRLF                                                          append_end_parse */
#ifndef LOFT_IMAP_WIRE_APPEND_ARGS_H
#define LOFT_IMAP_WIRE_APPEND_ARGS_H

#include "imap/wire/parser.h"

struct append_args {
    struct str mailbox;
};

struct append_message {
    struct flag_list flags;
    bool has_date;
    struct date_time date;
    uint64_t size_bytes;
    bool literal8;
};

/* Unlike the others, the message follows: `p` then stands behind the mailbox. -ERR_SYNTAX, -ERR_INVALID. */
MUST_USE int append_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int append_message_parse(struct parser *p, struct append_message *message_out, struct err *err);
MUST_USE int append_end_parse(struct parser *p, struct err *err);

#endif
