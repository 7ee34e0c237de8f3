/* mailbox_args.h: commands on mailboxes by name: SELECT, EXAMINE, CREATE, RENAME, STATUS, and those with one
 * name only.
 * RFC 9051, 6.3 and 9; RFC 4466, 3; RFC 6154, 3 (USE); RFC 7162, 3.1.8 and 3.2.5 (CONDSTORE, QRESYNC);
 * RFC 8438, RFC 7889, RFC 8474 (STATUS) */
#ifndef LOFT_IMAP_WIRE_MAILBOX_ARGS_H
#define LOFT_IMAP_WIRE_MAILBOX_ARGS_H

#include "imap/wire/parser.h"

struct mailbox_args {          /* DELETE, SUBSCRIBE, UNSUBSCRIBE */
    struct str mailbox, given; /* given: parse_mailbox_given */
};

struct select_args {
    struct str mailbox, given; /* given: parse_mailbox_given */
    bool condstore;
    bool qresync; /* that it was enabled, the caller checks: BAD if not (RFC 7162, 3.2.5) */
    uint32_t uidvalidity;
    uint64_t modseq;
    bool has_known_uids, has_match;
    struct seqset known_uids;             /* none of the three holds "*" or "$" */
    struct seqset match_seqs, match_uids; /* as many of one as of the other: n-th belongs to n-th */
};

struct create_args {
    struct str mailbox, given;
    uint16_t use;     /* enum special_use bits (mail/tree.h) */
    bool use_unknown; /* an attribute that we lack: NO [USEATTR] (RFC 6154, 3) */
};

struct rename_args {
    struct str from, to;
    struct str from_given, to_given; /* parse_mailbox_given */
};

enum status_item {
    STATUS_MESSAGES = 1u << 0,
    STATUS_RECENT = 1u << 1,
    STATUS_UIDNEXT = 1u << 2,
    STATUS_UIDVALIDITY = 1u << 3,
    STATUS_UNSEEN = 1u << 4,
    STATUS_DELETED = 1u << 5,
    STATUS_SIZE = 1u << 6,
    STATUS_HIGHESTMODSEQ = 1u << 7, /* enables CONDSTORE: RFC 7162, 3.1 */
    STATUS_MAILBOXID = 1u << 8,
    STATUS_APPENDLIMIT = 1u << 9,
    STATUS_DELETED_STORAGE = 1u << 10,
};

struct status_args {
    struct str mailbox;
    unsigned items; /* enum status_item bits */
};

/* "(" status-att *(SP status-att) ")", also inside LIST RETURN (STATUS (...)). */
bool parse_status_items(struct parser *p, unsigned *items_out);
struct str status_item_name(enum status_item one_bit);

/* `p` stands behind the command name.
 *   args_out  lives in p->arena
 *   returns   0; -ERR_SYNTAX, -ERR_LIMIT, -ERR_INVALID (mailbox name) */
MUST_USE int mailbox_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int select_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int create_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int rename_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int status_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
