#include "auth/oauth/testing_http.h"

#include <assert.h>

static int fake_fetch(void *ctx, const struct http_request *request, struct http_answer *answer,
                      struct err *err)
{
    struct fake_http *fake = ctx;
    buf_clear(&fake->form);
    buf_clear(&fake->authorization);
    buf_add(&fake->form, request->form);
    buf_add(&fake->authorization, request->authorization);
    for (size_t i = 0; i < FAKE_ROUTES_MAX && fake->routes[i].address; i++)
        if (strcmp(fake->routes[i].address, request->address) == 0) {
            fake->routes[i].asked++;
            if (!fake->routes[i].body)
                return err_set(err, ERR_UNAVAILABLE, "down");
            if (strlen(fake->routes[i].body) > request->answer_bytes_max)
                return err_set(err, ERR_LIMIT, "too long");
            answer->status = fake->routes[i].status;
            buf_add(&answer->body, str_c(fake->routes[i].body));
            return 0;
        }
    return err_set(err, ERR_UNAVAILABLE, "nobody is at that address");
}

void fake_http_init(struct fake_http *fake)
{
    *fake = (struct fake_http){ .http = { fake_fetch, fake } };
}

void fake_http_deinit(struct fake_http *fake)
{
    buf_deinit(&fake->form);
    buf_deinit(&fake->authorization);
}

void fake_http_answer(struct fake_http *fake, const char *address, long status, const char *body)
{
    size_t i = 0;
    while (i < FAKE_ROUTES_MAX && fake->routes[i].address && strcmp(fake->routes[i].address, address) != 0)
        i++;
    assert(i < FAKE_ROUTES_MAX);
    fake->routes[i].address = address;
    fake->routes[i].status = status;
    fake->routes[i].body = body;
}

int fake_http_asked(const struct fake_http *fake, const char *address)
{
    for (size_t i = 0; i < FAKE_ROUTES_MAX && fake->routes[i].address; i++)
        if (strcmp(fake->routes[i].address, address) == 0)
            return fake->routes[i].asked;
    return 0;
}
