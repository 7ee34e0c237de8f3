/* tls_socket.h: how OpenSSL reads and writes our sockets. Unlike its own way, it asks no socket that is known to be empty,
 * and lets small writes that belong together leave in one packet.
 * Threads: the methods any; a socket belongs to its connection's owner. */
#ifndef LOFT_NET_TLS_SOCKET_H
#define LOFT_NET_TLS_SOCKET_H

#include <stdbool.h>

struct bio_method_st;
struct bio_st;

struct tls_socket {
    int fd;       /* not owned */
    bool empty;   /* the last read took all there was: wait for epoll, which clears it */
    bool ended;   /* the last read found the end */
    bool hangup;  /* epoll tells no more: read to the end */
    bool more;    /* the next write is followed by another at once */
    bool closing; /* all are, and then by the end of our side */
};

/* One for all sockets of a TLS context; outlives them. Aborts when memory is out. */
struct bio_method_st *tls_socket_method(void);
void tls_socket_method_free(struct bio_method_st **method);

/* NULL when memory is out. Borrows `socket`, for the life of the BIO. */
struct bio_st *tls_socket_bio(struct bio_method_st *method, struct tls_socket *socket);

#endif
