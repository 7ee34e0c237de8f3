/* metadata.h: METADATA responses, for GETMETADATA and LIST RETURN (METADATA). */
#ifndef LOFT_IMAP_CMD_METADATA_H
#define LOFT_IMAP_CMD_METADATA_H

#include "imap/door.h"
#include "imap/wire/metadata_args.h"

/* What is asked for. */
struct metadata_query {
    const struct metadata_entries *entries;
    unsigned depth;
    bool has_maxsize;
    uint64_t maxsize_bytes;
    bool may_wait; /* for a client that does not read: between two entries */
};

/* How far a query has come; zeroed at first. */
struct metadata_progress {
    size_t next;      /* entry */
    uint64_t longest; /* the largest value that was too large; 0: none */
};

/* RFC 5464, 3.3: `l` and any of these. */
#define METADATA_RIGHTS (RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_POST)

/* "* METADATA name (entry value ...)": what was asked for and is not too large; an entry named without depth that
 * has no value is told with NIL.
 *   account, mailbox  NULL both: the server
 *   progress          -ERR_AGAIN, with a whole response said: call again with the same one */
MUST_USE int metadata_write(struct session *s, struct account *account, struct mailbox *mailbox,
                            struct str name, const struct metadata_query *query,
                            struct metadata_progress *progress, struct err *err);

#endif
