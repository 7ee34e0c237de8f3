#include "auth/oauth/introspection.h"

#include "base/codec.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

enum { DIGEST_BYTES = 32 };

struct remembered {
    unsigned char digest[DIGEST_BYTES];
    int64_t until_mono_ms;
    bool used;
    struct token_facts facts;
};

struct introspection {
    struct introspection_params params;
    struct buf secret;
    unsigned char digest_key[crypto_generichash_KEYBYTES];
    pthread_mutex_t lock;     /* the table */
    struct remembered *table; /* cache_count places; a token has one, by its digest */
};

struct introspection *introspection_new(const struct introspection_params *params)
{
    struct introspection *in = calloc(1, sizeof *in);
    if (!in)
        abort();
    in->params = *params;
    if (params->cache_s == 0)
        in->params.cache_count = 0;
    buf_reserve(&in->secret, INTROSPECTION_SECRET_BYTES_MAX); /* so that it is never moved */
    buf_add(&in->secret, params->client_secret);
    randombytes_buf(in->digest_key, sizeof in->digest_key);
    pthread_mutex_init(&in->lock, NULL);
    if (in->params.cache_count && !(in->table = calloc(in->params.cache_count, sizeof *in->table)))
        abort();
    return in;
}

static void wipe(struct buf *secret)
{
    if (secret->p)
        sodium_memzero(secret->p, secret->cap);
    buf_deinit(secret);
}

void introspection_free(struct introspection **introspection)
{
    struct introspection *in = *introspection;
    *introspection = NULL;
    if (!in)
        return;
    for (size_t i = 0; i < in->params.cache_count; i++)
        token_facts_deinit(&in->table[i].facts);
    free(in->table);
    wipe(&in->secret);
    pthread_mutex_destroy(&in->lock);
    sodium_memzero(in->digest_key, sizeof in->digest_key);
    free(in);
}

/* ---- what is remembered ---- */

static void copy_facts(const struct token_facts *from, struct token_facts *to)
{
    *to = *from;
    to->groups = BUF_INIT;
    buf_add(&to->groups, buf_str(&from->groups));
}

static struct remembered *place_of(struct introspection *in, struct str token,
                                   unsigned char digest[DIGEST_BYTES])
{
    crypto_generichash(digest, DIGEST_BYTES, (const unsigned char *)token.p, token.n, in->digest_key,
                       sizeof in->digest_key);
    return &in->table[load_u64(digest) % in->params.cache_count];
}

static bool recall(struct introspection *in, struct str token, struct token_facts *facts_out)
{
    unsigned char digest[DIGEST_BYTES];
    const struct clock *clock = in->params.clock;
    if (in->params.cache_count == 0)
        return false;
    pthread_mutex_lock(&in->lock);
    const struct remembered *place = place_of(in, token, digest);
    bool found = place->used && sodium_memcmp(place->digest, digest, sizeof digest) == 0 &&
                 clock_mono_ms(clock) < place->until_mono_ms &&
                 (!place->facts.expires_ms || clock_wall_ms(clock) < place->facts.expires_ms);
    if (found)
        copy_facts(&place->facts, facts_out);
    pthread_mutex_unlock(&in->lock);
    return found;
}

/* The time counts from before the question: what was revoked after it was asked is not taken for longer. */
static void remember(struct introspection *in, struct str token, const struct token_facts *facts,
                     int64_t asked_mono_ms)
{
    unsigned char digest[DIGEST_BYTES];
    if (in->params.cache_count == 0)
        return;
    pthread_mutex_lock(&in->lock);
    struct remembered *place = place_of(in, token, digest);
    token_facts_deinit(&place->facts);
    copy_facts(facts, &place->facts);
    memcpy(place->digest, digest, sizeof digest);
    place->until_mono_ms = asked_mono_ms + (int64_t)in->params.cache_s * 1000;
    place->used = true;
    pthread_mutex_unlock(&in->lock);
}

/* ---- the question ---- */

/* "Basic " base64( form-escaped id ":" form-escaped secret )     RFC 6749, 2.3.1 */
static void add_basic(const struct introspection *in, struct buf *out)
{
    struct buf pair = BUF_INIT;
    buf_reserve(&pair, 3 * (in->params.client_id.n + in->secret.n) + 1);
    http_form_escape(in->params.client_id, &pair);
    buf_add_char(&pair, ':');
    http_form_escape(buf_str(&in->secret), &pair);
    buf_reserve(out, 2 * pair.n + 16);
    buf_add_lit(out, "Basic ");
    base64_encode(buf_str(&pair), out);
    wipe(&pair);
}

static void add_form(const struct introspection *in, struct str token, struct buf *out)
{
    buf_reserve(out, 3 * (token.n + in->params.client_id.n + in->secret.n) + 128);
    buf_add_lit(out, "token=");
    http_form_escape(token, out);
    buf_add_lit(out, "&token_type_hint=access_token");
    if (in->params.client_id.n > 0 && in->params.client_auth == CLIENT_AUTH_POST) {
        buf_add_lit(out, "&client_id=");
        http_form_escape(in->params.client_id, out);
        buf_add_lit(out, "&client_secret=");
        http_form_escape(buf_str(&in->secret), out);
    }
}

static int post(struct introspection *in, struct str token, struct http_answer *answer, struct err *err)
{
    struct buf address = BUF_INIT, form = BUF_INIT, authorization = BUF_INIT;
    const struct http *http = in->params.http;
    int r = issuer_introspection_address(in->params.issuer, &address, err);
    if (r == 0) {
        add_form(in, token, &form);
        if (in->params.client_id.n > 0 && in->params.client_auth == CLIENT_AUTH_BASIC)
            add_basic(in, &authorization);
        const struct http_request request = { .address = buf_c(&address),
                                              .form = buf_str(&form),
                                              .authorization = authorization.n ? buf_str(&authorization)
                                                                               : STR_NIL,
                                              .answer_bytes_max = INTROSPECTION_ANSWER_BYTES_MAX };
        r = http->fetch(http->ctx, &request, answer, err);
    }
    wipe(&form);
    wipe(&authorization);
    buf_deinit(&address);
    return r;
}

/* ---- the answer ---- */

int introspection_read(struct str body, const struct claims_rules *rules, int64_t now_wall_ms,
                       struct token_facts *facts_out, struct err *err)
{
    *facts_out = (struct token_facts){ .fault = TOKEN_OK };
    json_t *root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *active = json_object_get(root, "active");
    int r;
    if (!json_is_boolean(active)) /* RFC 7662, 2.2: "REQUIRED" */
        r = err_set(err, ERR_UNAVAILABLE, "the issuer's answer of a token is not that of RFC 7662");
    else if (!json_is_true(active))
        r = token_facts_refuse(facts_out, TOKEN_REVOKED, "the issuer says that it is not active", err);
    else
        r = claims_check(root, rules, false, now_wall_ms, facts_out, err);
    json_decref(root);
    return r;
}

int introspection_ask(struct introspection *in, struct str token, struct token_facts *facts_out,
                      struct err *err)
{
    struct http_answer answer = { 0 };
    int64_t asked_mono_ms = clock_mono_ms(in->params.clock);
    *facts_out = (struct token_facts){ .fault = TOKEN_OK };
    if (recall(in, token, facts_out))
        return 0;
    int r = post(in, token, &answer, err);
    if (r == 0 && (answer.status == 401 || answer.status == 403)) /* RFC 7662, 2.3: not of the token, of us */
        r = err_set(err, ERR_UNAVAILABLE,
                    "the issuer of tokens does not know us (%ld): look at oauth.client_id and "
                    "oauth.client_secret_file",
                    answer.status);
    else if (r == 0 && answer.status != 200)
        r = err_set(err, ERR_UNAVAILABLE, "the issuer of tokens answers %ld", answer.status);
    else if (r == 0)
        r = introspection_read(buf_str(&answer.body), in->params.rules, clock_wall_ms(in->params.clock),
                               facts_out, err);
    else if (r == -ERR_LIMIT)
        r = err_set(err, ERR_UNAVAILABLE, "the issuer's answer of a token is too long");
    if (r == 0)
        remember(in, token, facts_out, asked_mono_ms);
    buf_deinit(&answer.body);
    return r;
}
