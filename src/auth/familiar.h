/* familiar.h: from where each account is used: who signed in there not long ago. A lock that strangers cause does not hold for
 * these. A table of fixed size that holds digests only; where it is full, what was used longest ago is forgotten first.
 * Threads: any. */
#ifndef LOFT_AUTH_FAMILIAR_H
#define LOFT_AUTH_FAMILIAR_H

#include "base/buf.h"
#include "base/err.h"

enum { FAMILIAR_DAYS = 90 };

struct familiar;

struct familiar *familiar_new(void);
void familiar_free(struct familiar **familiar);

/* `place` is the address of a client, as the caller counts clients. An empty or NIL place is none. */
void familiar_add(struct familiar *familiar, uint64_t account, struct str place, int64_t wall_ms);
bool familiar_knows(struct familiar *familiar, uint64_t account, struct str place, int64_t wall_ms);

/* ---- over a restart ---- */

uint64_t familiar_changes(struct familiar *familiar); /* grows with each change */
/* Append it:
 *   16 bytes hash key; u32 count; for each: u64 hash, u32 day since 1970 */
void familiar_encode(struct familiar *familiar, struct buf *out);
/* Into a new one. -ERR_CORRUPT: it is as it was. */
struct reader;
MUST_USE int familiar_decode(struct familiar *familiar, struct reader *in, struct err *err);

#endif
