#include "auth/oauth/jwk.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jwk_set *set;
    struct err err;
    if (jwk_set_parse(str_make(data, size), &set, &err) < 0)
        return 0;
    assert(set->count <= JWK_SET_KEYS_MAX);
    for (size_t i = 0; i < set->count; i++) {
        assert(set->keys[i].key && set->keys[i].kid.n <= JWK_KID_BYTES_MAX);
        assert(str_is_nil(set->keys[i].kid) || jwk_set_has(set, set->keys[i].kid));
    }
    jwk_set_unref(&set);
    return 0;
}
