/* deflate.h: COMPRESS=DEFLATE, the layer between a connection's plain buffers and TLS or the socket.     RFC
 * 4978; RFC 1951
 *
 *     session <-> conn's in, out <-> struct deflate <-> TLS <-> socket
 *
 * Bytes in, bytes out, no I/O. Output is flushed (Z_SYNC_FLUSH) by every deflate_out(), which conn calls when
 * it is about to write: what a session has queued never stays behind in the compressor. Input is inflated
 * into the room that the caller has and no further, whatever its ratio: the rest stays compressed, and a bomb
 * costs the sender as many reads as honest bytes would.
 *
 * Memory. A compressor (window 32 KiB, memLevel 8: 268 KiB) and a decompressor (the peer chooses its window:
 * 42 KiB) are needed only while bytes move. They are lent by a pool that all connections share, so there are
 * as many as workers that are busy with one; smaller ones would save little there, and cost more CPU and
 * bytes. deflate_rest() gives them back and keeps what the next byte may refer to: of the output the last 2
 * KiB (the peer's window has more; it would compress what comes after a rest little better), of the input all
 * that came, at most 32 KiB. So a connection that waits costs about 2.3 KiB and what its client has sent.
 *
 * Where compressed input ends. After UNAUTHENTICATE a client goes on in clear (RFC 8437, 4.1), in the same
 * segment if it likes, and the bytes alone do not tell. But one can go on in clear only where deflate is at a
 * byte boundary: behind a flush (00 00 ff ff) or the final block. deflate_in() stops there; the caller lets
 * the session act on what it has before it asks for more.
 *
 * Threads: a struct deflate has one owner at a time; the pool is for everybody. Out of memory aborts. */
#ifndef LOFT_NET_DEFLATE_H
#define LOFT_NET_DEFLATE_H

#include "base/buf.h"
#include "base/err.h"

struct deflate;
struct deflate_pool;

enum {
    DEFLATE_OUT_MEMORY_BYTES = 2 * 1024,
    DEFLATE_SPARES_MAX = 16, /* of each kind, kept in a pool: about as many as workers are busy at once */
};

struct deflate_pool *deflate_pool_new(void);
void deflate_pool_free(struct deflate_pool **pool); /* after all that borrow from it; accepts NULL */

struct deflate *deflate_new(struct deflate_pool *pool);
void deflate_free(struct deflate **deflate); /* accepts NULL */

/* ---- output ---- */

/* Append `plain` to `wire`, compressed and flushed. `last`: the stream ends with it (the final block); from
 * then on bytes pass as they are. Empty and not `last`: nothing. */
void deflate_out(struct deflate *deflate, struct str plain, bool last, struct buf *wire);
bool deflate_out_ended(const struct deflate *deflate);

/* ---- input ---- */

enum deflate_in {
    DEFLATE_STARVED, /* nothing more comes out before more is fed */
    DEFLATE_FULL,    /* the room is used up: there may be more */
    DEFLATE_FLUSHED, /* the peer has flushed here: look at what came before asking for more */
    DEFLATE_ENDED,   /* the peer's stream is at its end, and has not been expected to (deflate_in_end) */
};

/* What came from the peer. Meant to be called when starved, so that no more than one piece is kept. */
void deflate_feed(struct deflate *deflate, struct str wire);
/* The same without a copy: room for `bytes` more, and how many came. */
char *deflate_feed_begin(struct deflate *deflate, size_t bytes);
void deflate_feed_end(struct deflate *deflate, size_t bytes);

/* Inflate into `p`; *got_out bytes came, also with an error's or an end's result. enum deflate_in;
 * -ERR_CLOSED: this is not deflate. */
MUST_USE int deflate_in(struct deflate *deflate, char *p, size_t room, size_t *got_out, struct err *err);

/* The session has taken the last compressed byte: what follows the flush or the final block that is still to
 * come passes as it is. A final block behind a flush is known by its first byte, 01 or 03, with which no
 * command and no TLS record begins. Any byte that still comes out of the stream is an error of deflate_in().
 */
void deflate_in_end(struct deflate *deflate);
/* Nothing fed is left. */
bool deflate_in_starved(const struct deflate *deflate);
/* The input stream has ended, nothing fed is left: bytes may go round the layer. */
bool deflate_in_over(const struct deflate *deflate);
/* What was fed and not inflated yet, in clear or not: borrows until the next call. */
struct str deflate_in_left(const struct deflate *deflate);

/* The connection waits: give back what it does not need for that. Any time. */
void deflate_rest(struct deflate *deflate);

#endif
