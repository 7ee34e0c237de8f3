/* An OpenID configuration; what stands at the addresses that it names are the same bytes. */
#include "auth/oauth/issuer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fetch(void *ctx, const struct http_request *request, struct http_answer *answer, struct err *err)
{
    const struct str *body = ctx;
    assert(http_address_check(str_c(request->address), false, err) == 0);
    if (body->n > request->answer_bytes_max)
        return err_set(err, ERR_LIMIT, "too long");
    answer->status = 200;
    buf_add(&answer->body, *body);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = str_make(data, size);
    const struct http http = { fetch, &body };
    const struct issuer_params params = { .issuer = STR("https://issuer.example"),
                                          .keys_file = "",
                                          .keys_url = "",
                                          .introspection_url = "",
                                          .introspected = true,
                                          .http = &http,
                                          .clock = &clock_system,
                                          .fresh_s = 3600 };
    struct issuer *issuer;
    struct jwk_set *set;
    struct buf address = BUF_INIT;
    struct err err;
    int r = issuer_new(&params, &issuer, &err);
    assert(r == 0);
    if (issuer_keys(issuer, NULL, &set, &err) == 0) {
        assert(set->count > 0);
        jwk_set_unref(&set);
    }
    if (issuer_introspection_address(issuer, &address, &err) == 0)
        assert(http_address_check(buf_str(&address), false, &err) == 0);
    buf_deinit(&address);
    issuer_free(&issuer);
    return 0;
}
