/* testing_http.h: an http (http.h) that answers what a test says, and keeps what it was asked. */
#ifndef LOFT_AUTH_TESTING_HTTP_H
#define LOFT_AUTH_TESTING_HTTP_H

#include "auth/oauth/http.h"

enum { FAKE_ROUTES_MAX = 8 };

struct fake_http {
    struct http http; /* to be handed in */
    struct {
        const char *address;
        long status;
        const char *body; /* borrows; NULL: not reached */
        int asked;
    } routes[FAKE_ROUTES_MAX];
    struct buf form, authorization; /* of the request that came last */
};

void fake_http_init(struct fake_http *fake);
void fake_http_deinit(struct fake_http *fake);
/* What `address` answers from now on. */
void fake_http_answer(struct fake_http *fake, const char *address, long status, const char *body);
int fake_http_asked(const struct fake_http *fake, const char *address);

#endif
