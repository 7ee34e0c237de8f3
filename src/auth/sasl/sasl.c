#include "auth/sasl/sasl_private.h"

#include "base/codec.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

/* The strongest first: clients that do not choose take the first they know. */
static const struct sasl_ops table[] = {
    { .name = "SCRAM-SHA-256-PLUS",
      .bit = SASL_SCRAM_SHA_256_PLUS,
      .plus = true,
      .hash = SCRAM_SHA_256,
      .step = sasl_scram_step },
    { .name = "SCRAM-SHA-256",
      .bit = SASL_SCRAM_SHA_256,
      .plus_bit = SASL_SCRAM_SHA_256_PLUS,
      .hash = SCRAM_SHA_256,
      .step = sasl_scram_step },
    { .name = "SCRAM-SHA-1-PLUS",
      .bit = SASL_SCRAM_SHA_1_PLUS,
      .plus = true,
      .hash = SCRAM_SHA_1,
      .step = sasl_scram_step },
    { .name = "SCRAM-SHA-1",
      .bit = SASL_SCRAM_SHA_1,
      .plus_bit = SASL_SCRAM_SHA_1_PLUS,
      .hash = SCRAM_SHA_1,
      .step = sasl_scram_step },
    { .name = "EXTERNAL", .bit = SASL_EXTERNAL, .step = sasl_external_step },
    { .name = "GSSAPI", .bit = SASL_GSSAPI, .step = sasl_gssapi_step },
    { .name = "OAUTHBEARER", .bit = SASL_OAUTHBEARER, .step = sasl_oauthbearer_step },
    { .name = "XOAUTH2", .bit = SASL_XOAUTH2, .step = sasl_xoauth2_step },
    { .name = "PLAIN", .bit = SASL_PLAIN, .step = sasl_plain_step },
    { .name = "LOGIN", .bit = SASL_LOGIN, .server_first = true, .step = sasl_login_step },
};

static const struct sasl_ops *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (str_eq_nocase(name, str_c(table[i].name)))
            return &table[i];
    return NULL;
}

int sasl_parse_mechanisms(struct str names, unsigned *mechanisms_out, struct err *err)
{
    unsigned found = 0;
    for (struct str name; !str_is_nil(name = str_next_word(&names));) {
        const struct sasl_ops *ops = find(name);
        if (!ops)
            return err_set(err, ERR_INVALID, "no mechanism " STR_FMT, STR_ARG(str_sub(name, 0, 40)));
        found |= ops->bit;
    }
    *mechanisms_out = found;
    return 0;
}

unsigned sasl_usable(unsigned mechanisms, const struct auth *auth)
{
    if (!auth_knows_scram(auth))
        mechanisms &= ~(unsigned)(SASL_SCRAM_SHA_256_PLUS | SASL_SCRAM_SHA_256 | SASL_SCRAM_SHA_1_PLUS |
                                  SASL_SCRAM_SHA_1);
    if (!auth_knows_tokens(auth))
        mechanisms &= ~(unsigned)(SASL_OAUTHBEARER | SASL_XOAUTH2);
    return mechanisms;
}

/* Would it be offered, if the connection is private enough? */
static bool is_possible(const struct sasl_ops *ops, const struct sasl_settings *settings,
                        const struct sasl_channel *channel)
{
    if (!(settings->mechanisms & ops->bit) || (ops->plus && !channel->binding))
        return false;
    if (ops->bit == SASL_GSSAPI)
        return settings->gssapi.keytab && settings->gssapi.keytab[0];
    return ops->bit != SASL_EXTERNAL || (channel->certificate_user && channel->certificate_user[0]);
}

const char *sasl_next_offered(const struct sasl_settings *settings, const struct sasl_channel *channel,
                              size_t *at)
{
    while (channel->private_enough && *at < ARRAY_COUNT(table)) {
        const struct sasl_ops *ops = &table[(*at)++];
        if (is_possible(ops, settings, channel))
            return ops->name;
    }
    return NULL;
}

int sasl_new(const struct sasl_params *params, struct str mechanism, struct sasl **sasl_out, struct err *err)
{
    const struct sasl_ops *ops = find(mechanism);
    if (ops && !params->channel->private_enough && (params->settings->mechanisms & ops->bit))
        return err_set(err, ERR_PRIVACY, "Use TLS before sending a password");
    if (!ops || !is_possible(ops, params->settings, params->channel))
        return err_set(err, ERR_CANNOT, "Mechanism not supported");
    struct sasl *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->ops = ops;
    s->params = *params;
    s->request = (struct auth_request){ params->peer, ops->name, str_c(s->authcid), str_c(s->authzid) };
    *sasl_out = s;
    return 0;
}

void sasl_free(struct sasl **sasl)
{
    struct sasl *s = *sasl;
    if (!s)
        return;
    sasl_scram_free(s);
    gssapi_free(&s->gssapi);
    sodium_memzero(s, sizeof *s);
    free(s);
    *sasl = NULL;
}

int sasl_set_names(struct sasl *s, struct str authcid, struct str authzid, struct err *err)
{
    if (authcid.n > USER_NAME_BYTES_MAX || authzid.n > USER_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a name of more than %d bytes", USER_NAME_BYTES_MAX);
    memset(s->authcid, 0, sizeof s->authcid);
    memset(s->authzid, 0, sizeof s->authzid);
    if (authcid.n)
        memcpy(s->authcid, authcid.p, authcid.n);
    if (authzid.n)
        memcpy(s->authzid, authzid.p, authzid.n);
    s->request.authcid = str_make(s->authcid, authcid.n);
    s->request.authzid = str_make(s->authzid, authzid.n);
    return 0;
}

int sasl_decide(struct sasl *s, int result, const struct auth_outcome *outcome, const struct err *err)
{
    s->decided = true;
    s->result = result;
    s->outcome = *outcome;
    s->outcome.delay_ms = 0; /* the challenge is held back for so long */
    if (result < 0)
        s->err = *err;
    return 1;
}

/* The client's word on the last challenge. To a refusal it may be any: RFC 7628 wants ^A, XOAUTH2 nothing. */
static int finish(struct sasl *s, struct str response, struct auth_outcome *outcome, struct err *err)
{
    *outcome = s->outcome;
    if (s->result < 0)
        *err = s->err;
    else if (response.n > 0)
        return err_set(err, ERR_SYNTAX, "the response should be empty");
    return s->result;
}

int sasl_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
              struct err *err)
{
    assert(!s->over && response.n <= SASL_MESSAGE_BYTES_MAX);
    int r;
    *outcome = (struct auth_outcome){ .mechanism = s->ops->name, .provider = "" };
    if (s->decided) {
        r = finish(s, response, outcome, err);
    } else if (str_is_nil(response) && !s->ops->server_first) {
        r = 1; /* RFC 9051, 6.2.2: an empty challenge */
    } else {
        r = s->ops->step(s, response, challenge, outcome, err);
        s->step++;
    }
    s->over = r <= 0;
    return r;
}

const struct auth_request *sasl_request(const struct sasl *s)
{
    return &s->request;
}

bool sasl_owes_proof(const struct sasl *s)
{
    return s->scram && sasl_scram_is_open(s->scram);
}

bool sasl_uses_binding(const struct sasl *s)
{
    return s->ops->plus;
}

int sasl_decode(struct str base64, bool initial, struct buf *out, struct err *err)
{
    buf_clear(out);
    if (initial && str_eq(base64, STR("=")))
        return 0;
    if (base64.n > SASL_BASE64_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the response is longer than %d bytes", SASL_MESSAGE_BYTES_MAX);
    buf_reserve(out, base64.n); /* so that nothing is moved, and left behind, while it grows */
    if (!base64_decode(base64, out))
        return err_set(err, ERR_SYNTAX, "the response is not base64");
    if (out->n > SASL_MESSAGE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the response is longer than %d bytes", SASL_MESSAGE_BYTES_MAX);
    return 0;
}

void sasl_wipe(struct buf *secret)
{
    if (secret->p)
        sodium_memzero(secret->p, secret->cap);
    buf_deinit(secret);
}
