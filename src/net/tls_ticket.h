/* tls_ticket.h: the keys that seal session tickets. In memory while the server runs, so that a stolen disk opens no
 * recorded session; tls.c takes them over a restart. Each seals for TLS_TICKET_ROTATE_MS, and opens until tickets
 * sealed with it have run out.
 *
 * As bytes: "LoftTix1", wall clock in ms; for each key, newest first: name (16 bytes), cipher key (32), MAC key (32),
 * age in ms.
 * Threads: any. For tls.c alone. */
#ifndef LOFT_NET_TLS_TICKET_H
#define LOFT_NET_TLS_TICKET_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

struct tls_tickets;
struct ssl_ctx_st;

struct tls_tickets *tls_tickets_new(const struct clock *clock);
void tls_tickets_free(struct tls_tickets **tickets);

/* Append them; the caller wipes `out`. */
void tls_tickets_encode(struct tls_tickets *tickets, struct buf *out);
/* Take those that still open something. -ERR_CORRUPT: none are taken. */
MUST_USE int tls_tickets_decode(struct tls_tickets *tickets, struct str bytes, struct err *err);

/* Use these keys in `ctx`, which borrows them: they must outlive every handshake made with it. */
void tls_tickets_install(struct tls_tickets *tickets, struct ssl_ctx_st *ctx);

#endif
