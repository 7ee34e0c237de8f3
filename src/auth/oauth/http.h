/* http.h: asking the issuer of tokens: one request, one answer of bounded size in bounded time.
 * Implemented by libcurl where Loft is built with it (meson option `curl`), and by tests.
 *
 * What it needs of the system, for whoever shuts the process in: TCP to the hosts of the addresses in settings and of those
 * that their OpenID configuration names (443 as a rule), or to http.proxy; names are resolved by a thread that libcurl starts
 * (UDP and TCP 53, netlink and nscd's local socket, as getaddrinfo does); read /etc/resolv.conf, /etc/hosts, /etc/nsswitch.conf,
 * /etc/gai.conf, /etc/ssl (or oauth.ca_file) whenever it connects. It writes nothing and starts no process.
 * Threads: any. */
#ifndef LOFT_AUTH_HTTP_H
#define LOFT_AUTH_HTTP_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum { HTTP_ADDRESS_BYTES_MAX = 2048 };

struct http_request {
    const char *address;      /* that http_address_check() took */
    struct str form;          /* NIL: GET; else POST with this as application/x-www-form-urlencoded */
    struct str authorization; /* of the request; NIL: none. A secret, as is the form */
    size_t answer_bytes_max;
};

struct http_answer {
    long status;     /* 200 ... */
    struct buf body; /* appended to; the caller frees it */
};

struct http {
    /* 0 whatever the status is: redirects are answers, too, and never followed. Nothing is sent but over TLS with a certificate
     * that the system (or oauth.ca_file) trusts for the host.
     * -ERR_UNAVAILABLE: not reached, TLS not trusted, too slow, as many as are allowed under way; -ERR_LIMIT: the answer is too long */
    int (*fetch)(void *ctx, const struct http_request *request, struct http_answer *answer, struct err *err);
    void *ctx;
};

struct http_params {
    const char *ca_file;    /* "": those of the system */
    const char *proxy;      /* "": none; the environment does not count */
    uint32_t timeout_ms;    /* for a whole request; also for the wait until one may begin */
    uint32_t at_once;       /* requests under way; connections are kept for the next */
    bool plain_on_loopback; /* as for http_address_check */
};

/* http_out  borrows nothing; http_free() it.   -ERR_CANNOT: built without libcurl */
MUST_USE int http_new(const struct http_params *params, struct http *http_out, struct err *err);
void http_free(struct http *http);

/* Is this an address that may be asked: https, with a host, without a user, password or fragment?
 *   plain_on_loopback  http is fine, too, for 127.0.0.1, [::1] and localhost: for tests, and a proxy on this machine
 *   errors             -ERR_INVALID, -ERR_LIMIT; the text does not show the address */
MUST_USE int http_address_check(struct str address, bool plain_on_loopback, struct err *err);

/* Append `value` as application/x-www-form-urlencoded has it: all but letters, digits and "-._~" escaped. */
void http_form_escape(struct str value, struct buf *out);

#endif
