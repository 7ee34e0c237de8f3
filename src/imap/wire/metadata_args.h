/* metadata_args.h: GETMETADATA and SETMETADATA, and the names of annotations.
 * RFC 5464, 3.2 and 5; RFC 9590, 5 */
#ifndef LOFT_IMAP_WIRE_METADATA_ARGS_H
#define LOFT_IMAP_WIRE_METADATA_ARGS_H

#include "imap/wire/parser.h"

enum {
    METADATA_ENTRIES_MAX = 256,    /* named by one command */
    METADATA_NAME_BYTES_MAX = 256, /* behind the scope */
};

/* "/private/comment", without case. */
struct metadata_entry {
    struct str given; /* as the client spelled it */
    bool is_private;
    struct str name; /* behind the scope, in small letters: "/comment"; "" for the scope alone */
};

struct metadata_entries {
    struct metadata_entry *items;
    size_t count; /* at least 1 */
};

struct getmetadata_args {
    struct str mailbox; /* "": the server */
    bool has_maxsize;
    uint64_t maxsize_bytes;
    unsigned depth; /* UINT_MAX: infinity */
    struct metadata_entries entries;
};

struct setmetadata_args {
    struct str mailbox;
    struct metadata_entries entries;
    struct str
        *values; /* one for each entry; NIL: to be deleted. Of any length that the command could have */
};

/* One name: "*", "%", 8-bit or control characters, "//", a "/" at the end and unknown scopes are -ERR_SYNTAX.
 *   for_value  as SETMETADATA wants it: two components at least, four below "vendor" */
bool parse_metadata_entry(struct parser *p, bool for_value, struct metadata_entry *out);
/* "(" entry *(SP entry) ")": LIST RETURN (METADATA (...)) */
bool parse_metadata_entries(struct parser *p, struct metadata_entries *out);

/* `p` stands behind the command name. -ERR_SYNTAX, -ERR_LIMIT, -ERR_INVALID (mailbox name). */
MUST_USE int getmetadata_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int setmetadata_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
