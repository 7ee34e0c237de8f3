/* A token; or, when it begins with '{', the text of a header and of claims with a newline between, and no signature. */
#include "auth/oauth/jwt.h"
#include "auth/oauth/testing_jose.h"
#include "base/codec.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing but the examples was ever signed with these keys. */
static void verify(const struct jwt *jwt)
{
    for (size_t i = 0; i < ARRAY_COUNT(jose_examples); i++) {
        struct jwk_set *set;
        struct err err;
        int r = jwk_set_parse(str_c(jose_examples[i].set), &set, &err);
        assert(r == 0);
        if (jwt_verify(jwt, set, UINT32_MAX, &err) == 0)
            assert(str_starts(str_c(jose_examples[i].token), jwt->signed_part));
        jwk_set_unref(&set);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_make(data, size), header, claims;
    struct buf token = BUF_INIT;
    struct jwt jwt;
    struct err err;
    if (size > 0 && in.p[0] == '{') {
        header = str_cut(in, '\n', &claims);
        base64url_encode(header, &token);
        buf_add_char(&token, '.');
        base64url_encode(claims, &token);
        buf_add_lit(&token, ".AAAA");
    } else {
        buf_add(&token, in);
    }
    if (jwt_parse(buf_str(&token), &jwt, &err) == 0) {
        assert(jwt_looks_like_one(buf_str(&token)));
        assert(json_is_object(jwt.claims) && jwt.algorithm);
        verify(&jwt);
        jwt_deinit(&jwt);
    }
    buf_deinit(&token);
    return 0;
}
