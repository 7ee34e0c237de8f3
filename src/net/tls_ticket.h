/* tls_ticket.h: the keys that seal session tickets. In memory only, so that a stolen disk opens no recorded
 * session; each seals for TLS_TICKET_ROTATE_MS, and opens until tickets sealed with it have run out.
 * Threads: any. For tls.c alone. */
#ifndef LOFT_NET_TLS_TICKET_H
#define LOFT_NET_TLS_TICKET_H

#include "base/clock.h"

struct tls_tickets;
struct ssl_ctx_st;

struct tls_tickets *tls_tickets_new(const struct clock *clock);
void tls_tickets_free(struct tls_tickets **tickets);

/* Use these keys in `ctx`, which borrows them: they must outlive every handshake made with it. */
void tls_tickets_install(struct tls_tickets *tickets, struct ssl_ctx_st *ctx);

#endif
