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
};

/* RFC 5464, 3.3: `l` and any of these. */
#define METADATA_RIGHTS (RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_POST)

/* "* METADATA name (entry value ...)": what was asked for and is not too large; an entry named without depth that
 * has no value is told with NIL.
 *   account, mailbox  NULL both: the server
 *   longest_out       the largest value that was too large; 0: none */
MUST_USE int metadata_write(struct session *s, struct account *account, struct mailbox *mailbox,
                            struct str name, const struct metadata_query *query, uint64_t *longest_out,
                            struct err *err);

#endif
