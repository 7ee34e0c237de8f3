/* sasl_fuzz.c: whole exchanges, against the server of testing_sasl.h.
 *   byte 0  the mechanism          byte 1  bit 0: with channel binding, bit 1: a client certificate of anna, bit 2: no TLS,
 *                                          bit 3: no response with the command
 *   then    responses, each behind its length in two bytes
 * Nonces are the same each time, so that seeds can hold proofs that are right. Nobody may come in but anna and bob. */
#include "auth/sasl/sasl_password.h"
#include "auth/sasl/testing_sasl.h"
#include "base/codec.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const mechanisms[] = {
    "PLAIN",    "LOGIN",       "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1",
    "EXTERNAL", "OAUTHBEARER", "XOAUTH2",       "SCRAM-SHA-1-PLUS"
};

/* What parses as PLAIN, encodes to what was there. */
static void round_trip(struct str message)
{
    struct sasl_plain plain;
    struct buf again = BUF_INIT;
    if (sasl_plain_parse(message, &plain, NULL) < 0)
        return;
    buf_add(&again, plain.authzid);
    buf_add_char(&again, '\0');
    buf_add(&again, plain.authcid);
    buf_add_char(&again, '\0');
    buf_add(&again, plain.password);
    assert(str_eq(buf_str(&again), message));
    sasl_wipe(&again);
}

static struct str next_response(struct reader *in)
{
    size_t n = reader_u16(in);
    if (n > reader_left(in))
        n = reader_left(in);
    return reader_bytes(in, n > SASL_MESSAGE_BYTES_MAX ? SASL_MESSAGE_BYTES_MAX : n);
}

static void exchange(struct testing_sasl *t, struct sasl *sasl, struct reader *in, bool initial)
{
    struct buf challenge = BUF_INIT;
    struct auth_outcome outcome;
    struct err err;
    int r = initial ? 1 : sasl_step(sasl, STR_NIL, &challenge, &outcome, &err);
    while (r == 1 && reader_left(in) > 0) {
        struct str response = next_response(in);
        buf_clear(&challenge);
        round_trip(response);
        r = sasl_step(sasl, response.p ? response : STR(""), &challenge, &outcome, &err);
        assert(r == 1 || challenge.n == 0);
        assert(r >= 0 || err.kind == (enum err_kind) - r);
    }
    if (r == 0)
        assert(strcmp(outcome.user.name, "anna") == 0 || strcmp(outcome.user.name, "bob") == 0);
    assert(r != 0 || outcome.reason == AUTH_OK);
    (void)t;
    buf_deinit(&challenge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct testing_sasl t; /* made once: it takes longer than an exchange */
    struct reader in = reader_make(str_make(data, size));
    struct sasl *sasl = NULL;
    struct buf message = BUF_INIT;
    const char *mechanism = mechanisms[reader_u8(&in) % ARRAY_COUNT(mechanisms)];
    unsigned flags = reader_u8(&in);
    (void)!sasl_decode(str_make(data, size), true, &message, NULL);
    sasl_wipe(&message);
    if (!t.store)
        testing_sasl_begin(&t);
    rand_seeded_init(&t.rand, 1);
    t.channel.binding = flags & 1 ? testing_sasl_binding : NULL;
    t.channel.certificate_user = flags & 2 ? "anna" : "";
    t.channel.private_enough = !(flags & 4);
    if (sasl_new(&t.params, str_c(mechanism), &sasl, NULL) == 0)
        exchange(&t, sasl, &in, !(flags & 8));
    assert(!sasl || !(flags & 4));
    sasl_free(&sasl);
    return 0;
}
