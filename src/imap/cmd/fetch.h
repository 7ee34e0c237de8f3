/* fetch.h: FETCH in two halves: cmd_fetch.c walks the messages, resumes where the client stopped reading, and
 * sets \Seen; fetch_items.c writes one item of one message. */
#ifndef LOFT_IMAP_CMD_FETCH_H
#define LOFT_IMAP_CMD_FETCH_H

#include "imap/session.h"
#include "imap/wire/fetch_args.h"
#include "mime/meta.h"
#include "mime/transfer.h"

enum { FETCH_PIECE_BYTES = 256 * 1024 }; /* of a literal, read and queued at a time */

/* The message whose bytes are read: one at a time, the one that is being written. */
struct fetch_source {
    uint64_t blob;
    struct open_blob *
        open; /* held once a literal of it takes more than one piece: its client may be slow, and the message be expunged */
};

/* A literal that is being sent: its head is out, so all of its bytes must follow. */
struct fetch_literal {
    bool open;
    struct fetch_source *source;
    uint64_t offset, left; /* bytes of the blob still to send */
    /* Or, for BINARY and HEADER.FIELDS: the bytes themselves; offset counts in them. While no literal is open: memory to be used again. */
    struct buf decoded;
    bool is_decoded;
    /* Or, for BINARY of a large part and fields of a large header: what the decoder or the sieve makes of `encoded_left` bytes from
     * `offset` on. */
    bool is_made, is_fields;
    struct transfer_decoder decoder;
    struct header_sieve sieve;
    uint64_t encoded_left, skip; /* skip: bytes of what is made, before the first that is wanted */
};

struct fetch_message {
    struct arena *arena; /* of the batch */
    uint32_t seq;
    struct message row;
    struct fetch_source *source;
    struct str meta, header; /* records, when some item needs them and they were there; else NIL */
    bool has_view;
    struct meta_view *view; /* room for one message at a time: the one that is being written */
};

/* ---- cmd_fetch.c: items of many messages, for FETCH and for new messages of NOTIFY ---- */

struct fetch_cursor;

/* Begin to send what `args` asks for, of the messages `seqs` of the view; args->set is not looked at. Both are
 * borrowed, as is `arena`, until fetch_end. */
struct fetch_cursor *fetch_begin(const struct fetch_args *args, const struct seqset *seqs,
                                 struct arena *arena);
/* Go on: 0 when all is queued; -ERR_AGAIN: the client must read first; else the first error of a message that
 * was left out while the others were sent, or one after which the session is at its end. */
MUST_USE int fetch_continue(struct session *s, struct fetch_cursor *c, struct err *err);
void fetch_end(struct fetch_cursor *c);

/* ---- fetch_items.c: one item ---- */

/* Whether an item needs the meta record, or the header record. */
bool fetch_needs_meta(const struct fetch_att *att);
bool fetch_needs_header(const struct fetch_att *att);

/* Append one item, name and value, of `m`. A long literal is only begun: `literal_out` says what must follow.
 * Nothing is appended when it fails: -ERR_NOT_FOUND (the message is gone), -ERR_UNKNOWN_CTE, -ERR_CORRUPT,
 * -ERR_IO. */
MUST_USE int fetch_write_item(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                              struct fetch_literal *literal_out, struct err *err);

/* fetch_binary.c: the item BINARY or BINARY.SIZE of the part at `where`. */
MUST_USE int fetch_write_binary(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                                const struct section *where, struct fetch_literal *literal_out,
                                struct err *err);
/* ---- fetch_made.c: `made` says where to read and how it is made, and goes on with each piece ---- */

/* Append the next piece. */
MUST_USE int fetch_make_piece(struct session *s, struct fetch_literal *made, struct buf *out,
                              struct err *err);
/* How much it will be, and whether a NUL is in it. Holds the source. */
MUST_USE int fetch_measure_made(struct session *s, const struct fetch_literal *made, uint64_t *size_out,
                                bool *has_nul_out, struct err *err);
/* Name and head of a literal of it, which then is open. */
void fetch_begin_made(struct session *s, const struct fetch_att *att, const struct fetch_literal *made,
                      uint64_t size, bool literal8, struct fetch_literal *literal_out);
/* Append the next piece of such a literal. */
MUST_USE int fetch_write_made_piece(struct session *s, struct fetch_literal *literal, struct err *err);

/* What they share. */
enum section_kind fetch_section_kind(const struct fetch_section *section);
MUST_USE int fetch_read_blob(struct session *s, struct fetch_source *source, uint64_t offset, uint64_t length,
                             struct buf *out, struct err *err);
/* From now on it can be read, whatever becomes of the message. */
MUST_USE int fetch_hold(struct session *s, struct fetch_source *source, struct err *err);
/* To the range <offset.length>. */
void fetch_clip(const struct fetch_att *att, uint64_t *offset, uint64_t *length);
/* Bytes that were made in memory; takes `bytes`, which may be literal->decoded. */
void fetch_begin_decoded(struct session *s, const struct fetch_att *att, bool literal8, struct buf *bytes,
                         struct fetch_literal *literal);

/* Append the next piece of an open literal; it closes itself with its last byte. */
MUST_USE int fetch_write_piece(struct session *s, struct fetch_literal *literal, struct err *err);

#endif
