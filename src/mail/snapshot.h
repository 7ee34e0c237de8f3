/* snapshot.h: a mailbox's messages at one moment: an immutable, reference counted sequence of chunks in two
 * levels (snapshot -> nodes of up to NODE_CHUNKS_MAX chunks -> chunks), so that a change of one message in a
 * million copies two short arrays.
 *
 *   snapshot   [ node | node | node ]          prefix counts: sequence number -> node by binary search
 *   node       [ chunk | chunk | ... ]         the same inside
 *   chunk      rows                            sequence number = first of chunk + index + 1
 *
 * Sequence numbers and UIDs here are uint32_t with the names `seq` (1-based) and `uid`.
 * Threads: any; a snapshot never changes. */
#ifndef LOFT_MAIL_SNAPSHOT_H
#define LOFT_MAIL_SNAPSHOT_H

#include "base/seqset.h"
#include "mail/chunk.h"

enum { NODE_CHUNKS_MAX = 64 };

struct snapshot_node {
    struct ref ref;
    uint32_t chunk_count;
    uint32_t count, unseen, deleted; /* messages */
    uint32_t uid_first, uid_last;
    uint64_t modseq_max, size_bytes, deleted_size_bytes;
    uint32_t before[NODE_CHUNKS_MAX]; /* messages of this node before chunk i */
    struct chunk *chunks[NODE_CHUNKS_MAX];
};

struct snapshot {
    struct ref ref;
    uint32_t exists, unseen, deleted;
    uint64_t size_bytes, deleted_size_bytes;
    uint64_t highest_modseq;        /* of the mailbox: counts expunges too; at least 1 */
    uint32_t uidnext;               /* at least 1 */
    struct keyword_table *keywords; /* own reference; never NULL */
    uint32_t node_count;
    uint32_t *before; /* messages before node i; behind the nodes, same allocation */
    struct snapshot_node *nodes[];
};

struct snapshot *snapshot_new_empty(uint64_t modseq);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot **snapshot);

/* A message by sequence number. -ERR_NOT_FOUND out of 1..exists; errors of chunk_columns. */
MUST_USE int snapshot_message(const struct snapshot *s, uint32_t seq, struct message *out, struct err *err);

/* Sequence number of `uid`, *seq_out = 0 when it is not there; or of the first message with at least that uid
 * (exists + 1 if none). */
MUST_USE int snapshot_seq_of_uid(const struct snapshot *s, uint32_t uid, uint32_t *seq_out, struct err *err);
MUST_USE int snapshot_lower_bound(const struct snapshot *s, uint32_t uid, uint32_t *seq_out, struct err *err);

/* First message without \Seen, 0 when none: reads one chunk at most. */
MUST_USE int snapshot_first_unseen(const struct snapshot *s, uint32_t *seq_out, struct err *err);

/* Walk chunk by chunk: the fast path of FETCH and SEARCH.
 *   struct snapshot_cursor c = snapshot_cursor_at(s, seq);
 *   while ((r = snapshot_cursor_next(&c, &span, err)) == 1)
 *       for (i = span.first; i < span.columns->count; i++)
 *           seq = span.seq + (i - span.first) ... */
struct snapshot_cursor {
    const struct snapshot *snapshot;
    uint32_t next_seq;
};
struct chunk_span {
    struct chunk *chunk; /* borrows the snapshot */
    const struct chunk_columns *columns;
    uint32_t first; /* index in the columns of the first message of this span */
    uint32_t seq;   /* its sequence number */
};
struct snapshot_cursor snapshot_cursor_at(const struct snapshot *s, uint32_t seq);
/* 1 and the next span, 0 at the end, or an error of chunk_columns. */
MUST_USE int snapshot_cursor_next(struct snapshot_cursor *c, struct chunk_span *span_out, struct err *err);

/* Sequence numbers <-> UIDs. "*" in `set` must be resolved. Numbers that do not exist are left out.
 *   -ERR_INVALID from seqs_to_uids when a number is above exists (the client made it up: BAD). */
MUST_USE int snapshot_seqs_to_uids(const struct snapshot *s, const struct seqset *seqs, struct arena *arena,
                                   struct seqset *uids_out, struct err *err);
MUST_USE int snapshot_uids_to_seqs(const struct snapshot *s, const struct seqset *uids, struct arena *arena,
                                   struct seqset *seqs_out, struct err *err);
/* All UIDs as a set. */
MUST_USE int snapshot_uids(const struct snapshot *s, struct arena *arena, struct seqset *uids_out,
                           struct err *err);

/* ---- making the next snapshot ----
 * A draft takes edits, then becomes a snapshot that shares all untouched chunks. Errors are those of
 * chunk_columns, and what `fn` returns. After one the draft is sound, but part of the edit may have been
 * done: free it, unless the same messages were read before (then their chunks are loaded and only `fn` can
 * fail). */

struct snapshot_draft; /* one owner */

struct snapshot_draft *snapshot_draft_new(struct snapshot *base); /* takes a reference of its own */
void snapshot_draft_free(struct snapshot_draft **draft);

/* Append rows; uids ascend and are >= uidnext (asserted). Fills the last chunk first; one that cannot be read
 * is left alone and a new one begun, so that damage there does not stop delivery. Moves uidnext and
 * highest_modseq. -ERR_LIMIT for a uid above UID_MAX: then nothing was added. */
MUST_USE int snapshot_draft_add(struct snapshot_draft *d, const struct message *rows, size_t count,
                                struct err *err);

/* Call `fn` for each message whose uid is in `uids`, in order, as it stands in the draft. It may change
 * flags, keywords and modseq of *row, and returns 1 if it did, 0 if not, -ERR_x to stop. highest_modseq
 * follows. */
typedef int snapshot_edit_fn(void *ctx, struct message *row, struct err *err);
MUST_USE int snapshot_draft_edit(struct snapshot_draft *d, const struct seqset *uids, snapshot_edit_fn *fn,
                                 void *ctx, struct err *err);

/* Remove those of `uids` for which `fn` (may be NULL: all) returns 1; `fn` sees each row before it goes.
 * Small neighbours merge. highest_modseq stays: snapshot_draft_touch. */
MUST_USE int snapshot_draft_remove(struct snapshot_draft *d, const struct seqset *uids, snapshot_edit_fn *fn,
                                   void *ctx, struct err *err);

/* Read as it stands in the draft: rows whose uid is in `uids`, in order; fn returns 0, or -ERR_x to stop. */
MUST_USE int snapshot_draft_read(struct snapshot_draft *d, const struct seqset *uids, snapshot_edit_fn *fn,
                                 void *ctx, struct err *err);

/* The same, where nobody asks for messages without \Deleted: `fn` is told of those with it, maybe of others near them. Costs what is
 * marked, not what there is. */
MUST_USE int snapshot_draft_read_deleted(struct snapshot_draft *d, const struct seqset *uids,
                                         snapshot_edit_fn *fn, void *ctx, struct err *err);

/* Takes its own reference. */
void snapshot_draft_set_keywords(struct snapshot_draft *d, struct keyword_table *table);
const struct keyword_table *snapshot_draft_keywords(const struct snapshot_draft *d);
uint32_t snapshot_draft_uidnext(const struct snapshot_draft *d);
void snapshot_draft_set_uidnext(struct snapshot_draft *d, uint32_t uidnext); /* only forward */
/* highest_modseq becomes at least this. */
void snapshot_draft_touch(struct snapshot_draft *d, uint64_t modseq);
uint32_t snapshot_draft_exists(const struct snapshot_draft *d);

/* The next snapshot (own reference); the base itself when nothing changed. The draft goes on from it: it can
 * be edited and finished again. */
struct snapshot *snapshot_draft_finish(struct snapshot_draft *d);

/* ---- what changed between two snapshots of one mailbox ---- */

struct snapshot_diff {
    struct seqset vanished;  /* UIDs in `old` that are not in `new` */
    uint32_t *expunged_seqs; /* the same as sequence numbers of `old`, ascending */
    uint32_t expunged_count;
    uint32_t *changed_seqs; /* of messages in both whose modseq differs, in `new`, ascending */
    uint32_t changed_count;
    uint32_t added_count;  /* messages at the end of `new` that are not in `old` */
    bool keywords_changed; /* the table has new names */
};

/* `old` is an earlier snapshot of the mailbox, or one made by keep_expunged. Nodes and chunks that both share
 * are skipped without being looked at. Arrays live in `arena`. Errors of chunk_columns; -ERR_CORRUPT when
 * `new` has a message in the midst of `old` that `old` lacks. */
MUST_USE int snapshot_diff(const struct snapshot *old, const struct snapshot *new, struct arena *arena,
                           struct snapshot_diff *diff_out, struct err *err);

/* `new`, but with the messages of `old` that are gone from it still in their places (as `old` had them): what
 * a client may be shown while EXPUNGE must wait (RFC 9051, 7.5.1). Own reference. Returns `new` itself when
 * nothing is gone. */
MUST_USE int snapshot_keep_expunged(struct snapshot *old, struct snapshot *new, struct snapshot **out,
                                    struct err *err);

/* ---- stored form, for mailbox records ----
 * Highest modseq, uidnext, keywords, and the summaries of the chunks (layout: snapshot_codec.c). Every chunk
 * must have an id before. Decoding loads no chunk. -ERR_CORRUPT. */
void snapshot_encode(const struct snapshot *s, struct buf *out);
MUST_USE int snapshot_decode(struct reader *r, const struct chunk_source *source, struct snapshot **out,
                             struct err *err);

/* Visit chunks in order; fn returns 0, or -ERR_x to stop. For the fold: the dirty ones are to be written
 * (chunk_is_dirty), all of them give the ids in use, so that the keys of others can be deleted. */
typedef int snapshot_chunk_fn(void *ctx, struct chunk *chunk, struct err *err);
MUST_USE int snapshot_each_dirty(const struct snapshot *s, snapshot_chunk_fn *fn, void *ctx, struct err *err);
MUST_USE int snapshot_each(const struct snapshot *s, snapshot_chunk_fn *fn, void *ctx, struct err *err);

#endif
