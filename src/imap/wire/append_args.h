/* append_args.h: APPEND and REPLACE in pieces, as the framer cuts them: the messages themselves are streamed
 * past the parser.
 * RFC 9051, 6.3.12; RFC 3502 (MULTIAPPEND); RFC 3516, 4.4 (literal8); RFC 4469 (CATENATE); RFC 8508 (REPLACE)
 *
 *   a APPEND box (\Seen) "17-Jul-1996 02:44:25 -0700" {300}CRLF   append_args_parse, append_message_parse
 *    (\Draft) ~{20+}CRLF                                          append_message_parse, for each further one
 *   CRLF                                                          parser_at_end
 *
 *   a REPLACE 4 box CATENATE (URL /box/;UID=7 TEXT {3}CRLF        replace_args_parse, append_message_parse,
 *                                                                 append_part_parse: URL, TEXT
 *    URL "/box/;UID=8/;SECTION=1")CRLF                            append_part_parse: URL, END */
#ifndef LOFT_IMAP_WIRE_APPEND_ARGS_H
#define LOFT_IMAP_WIRE_APPEND_ARGS_H

#include "imap/wire/parser.h"

struct append_args {
    struct str mailbox, given; /* given: parse_mailbox_given */
    bool replaces;
    uint32_t number; /* REPLACE: sequence number, or UID in the UID form; 0: "*" */
};

struct append_literal {
    uint64_t size_bytes;
    bool literal8;
};

struct append_message {
    struct flag_list flags;
    bool has_date;
    struct date_time date;
    bool is_catenate;              /* "CATENATE (" was read: its parts follow */
    struct append_literal literal; /* else: what follows the line */
};

enum append_part_kind { APPEND_PART_TEXT, APPEND_PART_URL, APPEND_PART_END };

struct append_part {
    enum append_part_kind kind;
    struct append_literal literal; /* TEXT: follows the line */
    struct str url;
};

/* Unlike the others, the message follows: `p` then stands behind the mailbox. -ERR_SYNTAX, -ERR_INVALID. */
MUST_USE int append_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int replace_args_parse(struct parser *p, const void **args_out, struct err *err);
/* Up to the literal, with which the line ends; or up to "(". */
MUST_USE int append_message_parse(struct parser *p, struct append_message *message_out, struct err *err);
/* The next part of a CATENATE, or its ")". `first`: right behind "(", where one must stand.
 * Behind a TEXT the line ends. */
MUST_USE int append_part_parse(struct parser *p, bool first, struct append_part *part_out, struct err *err);

#endif
