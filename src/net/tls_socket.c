#include "net/tls_socket.h"

#include "net/openssl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

static int on_write(BIO *bio, const char *p, int n)
{
    struct tls_socket *s = BIO_get_data(bio);
    int flags = MSG_NOSIGNAL | (s->more || s->closing ? MSG_MORE : 0);
    ssize_t put;
    BIO_clear_retry_flags(bio);
    do
        put = send(s->fd, p, (size_t)n, flags);
    while (put < 0 && errno == EINTR);
    if (put < 0 && errno == EAGAIN)
        BIO_set_retry_write(bio);
    s->more = false;
    return put < 0 ? -1 : (int)put;
}

static int on_read(BIO *bio, char *p, int room)
{
    struct tls_socket *s = BIO_get_data(bio);
    ssize_t got = -1;
    BIO_clear_retry_flags(bio);
    errno = EAGAIN;
    if (!s->empty) {
        do
            got = recv(s->fd, p, (size_t)room, 0);
        while (got < 0 && errno == EINTR);
    }
    if (got < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    /* An end that came behind the last bytes is told by epoll, but not after a hangup. */
    s->empty = !s->hangup && (got > 0 ? got < room : BIO_should_retry(bio));
    s->ended = got == 0;
    return (int)got;
}

static long on_control(BIO *bio, int command, long number, void *p)
{
    const struct tls_socket *s = BIO_get_data(bio);
    (void)number, (void)p;
    return command == BIO_CTRL_EOF ? s->ended : command == BIO_CTRL_FLUSH; /* nothing is kept back */
}

struct bio_method_st *tls_socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");
    if (!method || BIO_meth_set_write(method, on_write) != 1 || BIO_meth_set_read(method, on_read) != 1 ||
        BIO_meth_set_ctrl(method, on_control) != 1)
        abort();
    return method;
}

void tls_socket_method_free(struct bio_method_st **method)
{
    BIO_meth_free(*method);
    *method = NULL;
}

struct bio_st *tls_socket_bio(struct bio_method_st *method, struct tls_socket *socket)
{
    BIO *bio = BIO_new(method);
    if (!bio)
        return NULL;
    BIO_set_data(bio, socket);
    BIO_set_init(bio, 1);
    return bio;
}
