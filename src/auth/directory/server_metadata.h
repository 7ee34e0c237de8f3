/* server_metadata.h: annotations of the server as a whole that all users share (RFC 5464, 3.2.1.1), such as
 * "/comment" and "/admin". The administrator sets them; users only read. Private ones lie in each account
 * (mail/annotation.h).
 *
 * State of account 0, the directory (users.h):  "A/" entry   revision u64, present u8, value
 * What is deleted leaves its revision, so that clients can be told.
 * Threads: any; nothing is kept in memory. */
#ifndef LOFT_AUTH_SERVER_METADATA_H
#define LOFT_AUTH_SERVER_METADATA_H

#include "mail/annotation.h"

enum {
    SERVER_METADATA_BYTES_MAX = 64 * 1024, /* of a value */
    SERVER_METADATA_COUNT_MAX = 1000,      /* deleted ones count too */
};

/* Set, or with a NIL value delete. `entry` as "/comment", in any case.
 * -ERR_INVALID (no name for an entry; "/admin" that is no URI), -ERR_LIMIT, -ERR_NOT_FOUND (nothing to delete), errors of the store. */
MUST_USE int server_metadata_set(struct store *store, struct str entry, struct str value, struct err *err);

/* As account_annotations. */
MUST_USE int server_metadata_read(struct store *store, struct str entry, unsigned depth, annotation_fn *fn,
                                  void *ctx, struct err *err);

/* Names set or deleted after *revision, which becomes that of the latest: begin with what
 * server_metadata_revision says. The value is NIL for what was deleted. */
MUST_USE int server_metadata_changes(struct store *store, uint64_t *revision, annotation_fn *fn, void *ctx,
                                     struct err *err);
MUST_USE int server_metadata_revision(struct store *store, uint64_t *revision_out, struct err *err);

#endif
