/* face.h: a mailbox as one of its readers sees it: a snapshot in which \Seen and the modseqs are his. It shares every
 * chunk and node in which there is no difference, with the mailbox itself and with the face before it.
 * Nothing of it is stored: it is made from the mailbox and what the reader has seen (seen.h) when somebody looks, and kept
 * with the mailbox while that is in memory. Everything that works on snapshots (FETCH, SEARCH, STATUS,
 * diffs) works on a face as it is.
 * Threads: any. */
#ifndef LOFT_MAIL_FACE_H
#define LOFT_MAIL_FACE_H

#include "mail/seen.h"
#include "mail/snapshot.h"

/* A face and what it was made from. */
struct face {
    uint64_t user;
    struct snapshot *base, *shown; /* own references */
    struct seen *seen;             /* own reference; NULL: nothing seen */
    struct face *next;
};

/* The face of `base` for one who has seen `seen`. `before`: an earlier one of the same reader, or NULL.
 * Own reference. Errors of chunk_columns. */
MUST_USE int face_make(struct snapshot *base, struct seen *seen, const struct face *before,
                       struct snapshot **shown_out, struct err *err);
void face_deinit(struct face *face); /* its references */

#endif
