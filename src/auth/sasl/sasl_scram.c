/* sasl_scram.c: SCRAM as a dialogue: scram_message.h has its messages.     RFC 5802
 *
 *   client-first --> AWAIT_FINAL --proof is right--> server-final, an empty response, in
 * The last challenge has its own round trip, since IMAP has no place for data beside its OK (RFC 4422, 5.1). A proof that is
 * wrong is told by the protocol's NO alone, without "e=": nothing is to be learned from it. */
#include "auth/sasl/sasl_private.h"
#include "auth/sasl/scram_message.h"
#include "base/codec.h"

#include <sodium.h>
#include <stdlib.h>

enum { SERVER_NONCE_BYTES = 18 }; /* 24 characters of base64 */

struct sasl_scram {
    struct auth_scram *attempt;
    struct scram_verifier verifier;
    struct buf gs2_header;
    struct buf nonce;        /* the client's, then ours */
    struct buf auth_message; /* as far as it is known: client-first-bare "," server-first "," */
    unsigned char binding[SASL_BINDING_BYTES_MAX];
    size_t binding_bytes; /* 0: none */
};

/* End the attempt, for the throttle and the lock of the account. */
static int end_attempt(struct sasl *s, bool proved, enum auth_reason reason, struct auth_outcome *outcome,
                       struct err *err)
{
    return auth_scram_end(s->params.auth, &s->scram->attempt, proved, reason, outcome, err);
}

void sasl_scram_free(struct sasl *s)
{
    struct sasl_scram *scram = s->scram;
    if (!scram)
        return;
    if (scram->attempt) { /* the client has gone, or what it said last was no message */
        struct auth_outcome outcome;
        if (end_attempt(s, false, AUTH_MALFORMED, &outcome, NULL) == 0)
            abort(); /* nothing was proved */
    }
    buf_deinit(&scram->gs2_header);
    buf_deinit(&scram->nonce);
    buf_deinit(&scram->auth_message);
    sodium_memzero(scram, sizeof *scram);
    free(scram);
    s->scram = NULL;
}

bool sasl_scram_is_open(const struct sasl_scram *scram)
{
    return scram->attempt != NULL;
}

static bool plus_is_offered(const struct sasl *s)
{
    return s->params.channel->binding && (s->params.settings->mechanisms & s->ops->plus_bit);
}

/* RFC 5802, 6: what the client says of channel binding must agree with the mechanism it chose, and with what we offered. A
 * binding that is claimed without -PLUS is refused, too: nobody would look at it (CVE-2026-33603). */
static int check_binding(struct sasl *s, const struct gs2_header *header, struct auth_outcome *outcome,
                         struct err *err)
{
    if (s->ops->plus != (header->binding == GS2_BINDING_REQUIRED))
        return err_set(err, ERR_SYNTAX, "%s",
                       s->ops->plus ? "this mechanism needs channel binding"
                                    : "channel binding needs a -PLUS mechanism");
    if (s->ops->plus)
        return s->params.channel->binding(s->params.channel->binding_ctx, header->binding_name,
                                          s->scram->binding, &s->scram->binding_bytes, err);
    if (header->binding == GS2_NOT_OFFERED &&
        plus_is_offered(s)) /* somebody between hid it from the client */
        return auth_refuse(s->params.auth, &s->request, AUTH_CHANNEL_BINDING, outcome, err);
    return 0;
}

static void make_nonce(struct sasl *s, struct str client_nonce)
{
    unsigned char bytes[SERVER_NONCE_BYTES];
    s->params.rand->bytes(s->params.rand, bytes, sizeof bytes);
    buf_add(&s->scram->nonce, client_nonce);
    base64_encode(str_make(bytes, sizeof bytes), &s->scram->nonce);
}

static int take_first(struct sasl *s, struct str response, struct buf *challenge,
                      struct auth_outcome *outcome, struct err *err)
{
    struct scram_client_first first;
    int r = scram_parse_client_first(response, &first, err);
    if (r == 0)
        r = sasl_set_names(s, str_c(first.name), str_c(first.header.authzid), err);
    if (r < 0)
        return r;
    struct sasl_scram *scram = s->scram = calloc(1, sizeof *scram);
    if (!scram)
        abort();
    if ((r = check_binding(s, &first.header, outcome, err)) < 0)
        return r;
    r = auth_scram_begin(s->params.auth, &s->request, s->ops->hash, &scram->attempt, &scram->verifier,
                         outcome, err);
    if (r < 0)
        return r;
    make_nonce(s, first.nonce);
    buf_add(&scram->gs2_header, first.header.bytes);
    buf_add(&scram->auth_message, first.bare);
    buf_add_char(&scram->auth_message, ',');
    size_t begin = challenge->n;
    scram_write_server_first(&scram->verifier, buf_str(&scram->nonce), challenge);
    buf_add(&scram->auth_message, str_skip(buf_str(challenge), begin));
    buf_add_char(&scram->auth_message, ',');
    return 1;
}

struct proving {
    struct str auth_message;
    const struct scram_client_final *final;
};

static bool proves(void *ctx, const struct scram_verifier *verifier)
{
    const struct proving *p = ctx;
    return scram_proof_matches(verifier, p->auth_message, p->final);
}

static int take_final(struct sasl *s, struct str response, struct buf *challenge,
                      struct auth_outcome *outcome, struct err *err)
{
    struct sasl_scram *scram = s->scram;
    struct scram_client_final final;
    int r = scram_parse_client_final(response, &final, err);
    if (r < 0)
        return r;
    buf_add(&scram->auth_message, final.without_proof);
    /* All three are looked at, so that the time tells nothing. */
    bool same_nonce = str_eq(final.nonce, buf_str(&scram->nonce));
    bool bound = scram_binding_matches(final.binding, buf_str(&scram->gs2_header),
                                       str_make(scram->binding, scram->binding_bytes));
    struct proving proving = { buf_str(&scram->auth_message), &final };
    bool right = proves(&proving, &scram->verifier) ||
                 auth_scram_is_app_password(s->params.auth, scram->attempt, proves, &proving,
                                            &scram->verifier);
    sodium_memzero(&final, sizeof final);
    r = end_attempt(s, same_nonce && bound && right, bound ? AUTH_WRONG : AUTH_CHANNEL_BINDING, outcome, err);
    if (r < 0)
        return r;
    scram_write_server_final(&scram->verifier, buf_str(&scram->auth_message), challenge);
    return sasl_decide(s, 0, outcome, err);
}

int sasl_scram_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                    struct err *err)
{
    if (s->step == 0)
        return take_first(s, response, challenge, outcome, err);
    return take_final(s, response, challenge, outcome, err);
}
