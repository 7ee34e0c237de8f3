/* seen.h: what each reader of a mailbox that is not his has seen. \Seen in the messages themselves is that of the
 * account's owner; readers have theirs here: ranges of UIDs in which they set it or took it back, each with the
 * modseq of that change. A UID in no range is unseen.
 *
 * Layout of a stored record: modseq of the latest change, count of ranges; for each: first minus the last of the one
 * before, last minus first, modseq of the latest change minus its own, times two, plus one where seen (all varints).
 * Threads: any; what is here never changes. */
#ifndef LOFT_MAIL_SEEN_H
#define LOFT_MAIL_SEEN_H

#include "base/ref.h"
#include "base/seqset.h"
#include "mail/snapshot.h"

enum {
    SEEN_RANGES_FINE = 4096
}; /* above it, neighbours that agree become one range, with the later modseq */

struct seen_range {
    uint32_t first, last;
    bool seen;
    uint64_t modseq;
};

/* Of one reader. */
struct seen {
    struct ref ref;
    uint64_t user; /* account id */
    uint64_t modseq_max;
    uint32_t count;
    struct seen_range ranges[]; /* ascending, disjoint */
};

/* `old` (NULL: nothing yet) with `uids` set or cleared. Own reference. */
struct seen *seen_change(const struct seen *old, uint64_t user, const struct seqset *uids, bool seen,
                         uint64_t modseq);
/* `seen` without what it says of messages that are not in `live` any more: ranges go, and neighbours with nothing alive between
 * them become one where that says the same (above SEEN_RANGES_FINE: where they agree). Own reference; `seen` itself when it gets no
 * shorter. Errors of chunk_columns. */
MUST_USE int seen_trim(struct seen *seen, const struct snapshot *live, struct seen **out, struct err *err);
struct seen *seen_ref(struct seen *seen); /* of NULL: NULL */
void seen_unref(struct seen **seen);

/* NULL: none. `seen` may be NULL here and below. */
const struct seen_range *seen_find(const struct seen *seen, uint32_t uid);
/* Is there a change later than `since` in UIDs first to last? */
bool seen_changed_in(const struct seen *seen, uint32_t first, uint32_t last, uint64_t since);
/* The row as the reader sees it: \Seen is his, modseq the later of the two. */
void seen_apply(const struct seen *seen, struct message *row);

void seen_encode(const struct seen *seen, struct buf *out);
/* -ERR_CORRUPT. */
MUST_USE int seen_decode(struct str bytes, uint64_t user, struct seen **seen_out, struct err *err);

/* All readers of a mailbox. NULL is none. */
struct readers {
    struct ref ref;
    uint32_t count;
    struct seen *items[]; /* own references, by user */
};
struct readers *readers_put(const struct readers *readers,
                            struct seen *seen); /* own reference; takes one of `seen` */
struct readers *readers_ref(struct readers *readers);
void readers_unref(struct readers **readers);
struct seen *readers_find(const struct readers *readers, uint64_t user); /* borrows; NULL: none */

#endif
