/* net_testing.h: a server with an echo protocol, and clients, for the tests and the bench of net/. */
#ifndef LOFT_NET_TESTING_H
#define LOFT_NET_TESTING_H

#include "net/cert.h"
#include "net/listener.h"

#include <pthread.h>
#include <stdatomic.h>

struct ssl_st;
struct ssl_ctx_st;

/* ---- the echo protocol: greets with "* hello\r\n", then by line:
 *   "big N"       N bytes of 'x' and CRLF, produced as the client reads, never more than the marks allow
 *   "deadline N"  a timer N ms from now; "* timer\r\n" when it fires
 *   "starttls"    "OK begin\r\n", then TLS; "no\r\n" when it cannot
 *   "sleep N"     blocks its worker for N ms, then "slept\r\n"
 *   "deflate"     "OK deflate\r\n", compressed from there on; "no\r\n" when it is already
 *   "clear"       "OK clear\r\n", no longer compressed; then "* behind\r\n" and the end when more came compressed
 *   "yield"       leaves the lines behind it for its next turn
 *   "pause"       reads nothing more until it is woken
 *   "who"         "PEER LOCAL tls=VERSION sni=NAME alpn=NAME resumed=0|1\r\n"
 *   "bindings"    "EXPORTER UNIQUE END-POINT\r\n", the channel bindings in hex, "-" where there is none
 *   "certificate" "NAME FINGERPRINT\r\n", "none\r\n" without one
 *   "quit"        "bye\r\n" and the end
 *   "abort"       the end at once
 *   "half"        waits for the peer's end, then "half\r\n" and the end
 *   anything else comes back as it is
 * Unasked: "* woken\r\n", "* tls\r\n"; "* long\r\n" for an overlong line and "* bye\r\n" at shutdown (unless
 * `deaf`), both with the end. */
struct echo_server {
    pthread_mutex_t lock;
    struct conn_waker *wakers[4096]; /* of sessions in order of opening */
    unsigned opened;
    bool deaf, refuse_open;
    unsigned wake_sleep_ms; /* a wake blocks its worker for so long */
    atomic_uint open_now, closed, wakes;
    atomic_size_t out_most; /* largest output buffer seen at the end of an event */
};

extern const struct conn_handler echo_handler; /* ctx: struct echo_server */
void echo_server_init(struct echo_server *server);
void echo_server_deinit(struct echo_server *server);

/* ---- clients: blocking, with a timeout; every failure fails the test ---- */

struct client {
    int fd;
    struct ssl_st *ssl; /* NULL: plain */
    char line[4096];
};

struct client client_connect(const struct net_addr *addr);
struct client client_connect_unix(const char *path);
void client_close(struct client *c);
void client_send(struct client *c, struct str bytes);
void client_send_line(struct client *c, const char *line); /* adds CRLF */
const char *client_read_line(struct client *c); /* without CRLF; "" at the end of the stream; borrows */
size_t client_read(struct client *c, char *p, size_t n); /* all n, less at the end */
void client_expect(struct client *c, const char *line);
void client_expect_end(struct client *c);

struct client_tls {
    const char *sni, *alpn; /* NULL: not sent; alpn is one name */
    int version_max;        /* 0: any */
    bool no_extended_master_secret;
    struct ssl_session_st *resume; /* borrows */
};
struct ssl_ctx_st *client_ctx_new(void);
/* The handshake; false when it failed, with the alert's number (0: none). */
bool client_start_tls(struct client *c, struct ssl_ctx_st *ctx, const struct client_tls *options,
                      int *alert_out);

/* ---- waiting for what another thread does: up to 5 s ---- */
#define WAIT_FOR(condition)                                                                                  \
    do {                                                                                                     \
        int tries_ = 0;                                                                                      \
        while (!(condition) && tries_++ < 5000)                                                              \
            usleep(1000);                                                                                    \
        assert_true(condition);                                                                              \
    } while (0)

#endif
