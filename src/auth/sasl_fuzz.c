#include "auth/sasl.h"
#include "auth/users.h"
#include "base/codec.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses, encodes to what was there. */
static void round_trip(struct str message, const struct sasl_plain *plain)
{
    struct buf again = BUF_INIT;
    buf_add(&again, plain->authzid);
    buf_add_char(&again, '\0');
    buf_add(&again, plain->authcid);
    buf_add_char(&again, '\0');
    buf_add(&again, plain->password);
    assert(str_eq(buf_str(&again), message));
    sasl_wipe(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_make(data, size);
    struct buf message = BUF_INIT;
    struct sasl_plain plain;
    struct err err;
    char name[USER_NAME_BYTES_MAX + 1], twice[USER_NAME_BYTES_MAX + 1];
    if (sasl_plain_parse(in, &plain, &err) == 0)
        round_trip(in, &plain);
    if (sasl_decode(in, true, &message, &err) == 0 && sasl_plain_parse(buf_str(&message), &plain, &err) == 0)
        round_trip(buf_str(&message), &plain);
    if (users_normalise_name(in, name, &err) == 0) {
        assert(name[0] != '\0' && users_normalise_name(str_c(name), twice, &err) == 0);
        assert(strcmp(name, twice) == 0);
    }
    sasl_wipe(&message);
    return 0;
}
