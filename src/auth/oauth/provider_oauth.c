#include "auth/oauth/provider_oauth.h"

#include "auth/oauth/jwt.h"
#include "base/file.h"

#include <sodium.h>
#include <stdlib.h>

struct oauth {
    struct arena arena; /* the settings */
    struct provider_oauth_params params;
    struct claims_rules rules;
    uint32_t algorithms;
    struct http own_http; /* empty: there is none, or it is another's */
    struct issuer *issuer;
    struct introspection *introspection; /* NULL: tokens are never asked about */
};

/* ---- JWTs ---- */

/* RFC 9068, 4, with the types that issuers used before it; whatever else is signed with these keys is no token of ours. */
static bool is_access_token(struct str typ, bool strictly)
{
    if (str_eq_nocase(typ, STR("at+jwt")) || str_eq_nocase(typ, STR("application/at+jwt")))
        return true;
    return !strictly && (str_is_nil(typ) || str_eq_nocase(typ, STR("JWT")));
}

/* With the keys that are known, and once more with newer ones: the issuer may have begun to use another key. */
static int verify(struct oauth *o, const struct jwt *jwt, struct err *err)
{
    struct jwk_set *set, *newer = NULL;
    int r = issuer_keys(o->issuer, NULL, &set, err);
    if (r < 0)
        return r;
    r = jwt_verify(jwt, set, o->algorithms, err);
    if ((r == -ERR_NOT_FOUND || r == -ERR_AUTH) && !jwk_set_has(set, jwt->kid)) {
        struct err later;
        int again = issuer_keys(o->issuer, set, &newer, &later);
        if (again == 0)
            r = jwt_verify(jwt, newer, o->algorithms, err);
        else if (again == -ERR_UNAVAILABLE && r == -ERR_NOT_FOUND)
            r = err_set(err, ERR_UNAVAILABLE, "%s", later.text); /* the key may well be the issuer's */
    }
    jwk_set_unref(&newer);
    jwk_set_unref(&set);
    return r;
}

static int check_jwt(struct oauth *o, struct str token, struct token_facts *facts, struct err *err)
{
    struct jwt jwt = { 0 };
    struct err why;
    int r = jwt_parse(token, &jwt, &why);
    if (r < 0)
        return token_facts_refuse(facts, r == -ERR_CANNOT ? TOKEN_SIGNATURE : TOKEN_MALFORMED, why.text, err);
    if (!is_access_token(jwt.typ, o->params.access_tokens_only))
        r = token_facts_refuse(facts, TOKEN_MALFORMED, "its typ is not that of an access token", err);
    else if ((r = verify(o, &jwt, &why)) == -ERR_UNAVAILABLE)
        r = err_set(err, ERR_UNAVAILABLE, "%s", why.text);
    else if (r < 0)
        r = token_facts_refuse(facts, TOKEN_SIGNATURE, why.text, err);
    else
        r = claims_check(jwt.claims, &o->rules, true, clock_wall_ms(o->params.clock), facts, err);
    jwt_deinit(&jwt);
    return r;
}

/* ---- the provider ---- */

static enum auth_reason reason_of(enum token_fault fault)
{
    switch (fault) {
    case TOKEN_OK:
        return AUTH_OK;
    case TOKEN_EXPIRED:
        return AUTH_TOKEN_EXPIRED;
    case TOKEN_SCOPE:
        return AUTH_SCOPE;
    default:
        return AUTH_TOKEN_BAD;
    }
}

static int check_token(struct oauth *o, struct str token, struct token_facts *facts, struct err *err)
{
    bool jwt = jwt_looks_like_one(token);
    if (!token_is_well_formed(token))
        return token_facts_refuse(facts, TOKEN_MALFORMED, "it is none (RFC 6750, 2.1)", err);
    if (o->params.validation == OAUTH_LOCAL || (o->params.validation == OAUTH_EITHER && jwt))
        return check_jwt(o, token, facts, err);
    return introspection_ask(o->introspection, token, facts, err);
}

/* Whom the client claims to be is what it wants to read; the token says who it is, and both may leave out the default domain. */
static int check_name(const struct oauth *o, struct str name, struct token_facts *facts, struct err *err)
{
    char claimed[USER_NAME_BYTES_MAX + 1], told[USER_NAME_BYTES_MAX + 1];
    memcpy(told, facts->name, sizeof told);
    int r = o->params.names ? names_of_provider(o->params.names, str_c(told), facts->name, err) : 0;
    if (r < 0 || name.n == 0)
        return r;
    if (users_normalise_name(name, claimed, NULL) < 0 || strcmp(claimed, facts->name) != 0)
        return token_facts_refuse(facts, TOKEN_USER, "it is of another user than the client says", err);
    return 0;
}

static int oauth_token(void *provider, struct str name, struct str token, const struct auth_peer *peer,
                       struct provider_answer *answer, struct err *err)
{
    struct oauth *o = provider;
    struct token_facts facts = { .fault = TOKEN_OK };
    (void)peer;
    int r = check_token(o, token, &facts, err);
    if (r == 0)
        r = check_name(o, name, &facts, err);
    answer->token_fault = facts.fault;
    answer->reason = reason_of(facts.fault);
    answer->expires_ms = facts.expires_ms;
    if (r == 0) {
        memcpy(answer->name, facts.name, sizeof answer->name);
        answer->second_factor = true; /* how people prove themselves to the issuer is its matter */
        answer->groups_known = facts.groups_known;
        buf_add(&answer->groups, buf_str(&facts.groups));
    }
    token_facts_deinit(&facts);
    return r;
}

static void oauth_free(void *provider)
{
    struct oauth *o = provider;
    if (!o)
        return;
    introspection_free(&o->introspection);
    issuer_free(&o->issuer);
    http_free(&o->own_http);
    arena_deinit(&o->arena);
    free(o);
}

static const struct provider_ops ops = { .name = "oauth", .token = oauth_token, .free = oauth_free };

/* ---- settings ---- */

static int check_settings(const struct provider_oauth_params *p, struct err *err)
{
    bool local = p->validation != OAUTH_INTROSPECTION, asked = p->validation != OAUTH_LOCAL;
    if (!*p->issuer)
        return err_set(err, ERR_INVALID, "oauth.issuer is not set: whose tokens are taken?");
    if (!*p->user_claim)
        return err_set(err, ERR_INVALID, "oauth.user_claim is empty: which claim names the user?");
    /* RFC 8725, 3.9: or a token that any other service was shown would open mail. */
    if (local && !*p->audience)
        return err_set(err, ERR_INVALID, "oauth.audience is not set: tokens for which service are taken?");
    if (*p->keys_file && *p->keys_url)
        return err_set(err, ERR_INVALID,
                       "oauth.keys_file and oauth.keys_url are both set: keys come from one");
    if (asked && *p->client_id && !*p->client_secret_file)
        return err_set(err, ERR_INVALID, "oauth.client_id needs oauth.client_secret_file");
    return 0;
}

static void copy(struct arena *arena, const char **text)
{
    *text = arena_c(arena, str_c(*text));
}

static void copy_settings(struct oauth *o, const struct provider_oauth_params *params)
{
    struct provider_oauth_params *p = &o->params;
    *p = *params;
    const char **texts[] = { &p->issuer,     &p->audience,           &p->scope,
                             &p->user_claim, &p->groups_claim,       &p->algorithms,
                             &p->keys_file,  &p->keys_url,           &p->introspection_url,
                             &p->client_id,  &p->client_secret_file, &p->ca_file,
                             &p->proxy };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        copy(&o->arena, texts[i]);
    o->rules = (struct claims_rules){ .issuer = str_c(p->issuer),
                                      .audience = str_c(p->audience),
                                      .scope = str_c(p->scope),
                                      .user = str_c(p->user_claim),
                                      .groups = str_c(p->groups_claim),
                                      .unverified_email = p->unverified_email,
                                      .leeway_s = p->leeway_s };
}

static int start_http(struct oauth *o, struct err *err)
{
    struct provider_oauth_params *p = &o->params;
    const struct http_params params = { .ca_file = p->ca_file,
                                        .proxy = p->proxy,
                                        .timeout_ms = p->timeout_ms,
                                        .at_once = p->requests_at_once,
                                        .plain_on_loopback = p->plain_on_loopback };
    if (p->http || (p->validation == OAUTH_LOCAL && *p->keys_file)) /* or nobody is ever asked */
        return 0;
    int r = http_new(&params, &o->own_http, err);
    p->http = &o->own_http;
    return r;
}

static int start_issuer(struct oauth *o, struct err *err)
{
    const struct provider_oauth_params *p = &o->params;
    const struct issuer_params params = { .issuer = str_c(p->issuer),
                                          .introspected = p->validation != OAUTH_LOCAL,
                                          .keys_file = p->keys_file,
                                          .keys_url = p->keys_url,
                                          .introspection_url = p->introspection_url,
                                          .plain_on_loopback = p->plain_on_loopback,
                                          .http = p->http,
                                          .clock = p->clock,
                                          .log = p->log,
                                          .fresh_s = p->keys_fresh_s,
                                          .stale_s = p->keys_stale_s,
                                          .retry_s = p->keys_retry_s };
    return issuer_new(&params, &o->issuer, err);
}

static int start_introspection(struct oauth *o, struct err *err)
{
    const struct provider_oauth_params *p = &o->params;
    struct introspection_params params = { .issuer = o->issuer,
                                           .http = p->http,
                                           .clock = p->clock,
                                           .rules = &o->rules,
                                           .client_id = str_c(p->client_id),
                                           .client_auth = p->client_auth,
                                           .cache_s = p->cache_s,
                                           .cache_count = p->cache_count };
    struct buf secret = BUF_INIT;
    int r = 0;
    if (p->validation == OAUTH_LOCAL)
        return 0;
    buf_reserve(&secret, INTROSPECTION_SECRET_BYTES_MAX); /* so that it is not moved */
    if (*p->client_secret_file)
        r = file_read(p->client_secret_file, INTROSPECTION_SECRET_BYTES_MAX, &secret, err);
    params.client_secret = str_trim(buf_str(&secret));
    if (r == 0)
        o->introspection = introspection_new(&params);
    sodium_memzero(secret.p, secret.cap);
    buf_deinit(&secret);
    return r < 0 ? err_context(err, "oauth.client_secret_file") : 0;
}

int provider_oauth_new(const struct provider_oauth_params *params, struct provider *provider_out,
                       struct err *err)
{
    int r = check_settings(params, err);
    if (r < 0)
        return r;
    struct oauth *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    copy_settings(o, params);
    r = jwt_algorithms_parse(str_c(o->params.algorithms), &o->algorithms, err);
    if (r < 0)
        r = err_context(err, "oauth.algorithms");
    if (r == 0)
        r = start_http(o, err);
    if (r == 0)
        r = start_issuer(o, err);
    if (r == 0)
        r = start_introspection(o, err);
    if (r < 0)
        oauth_free(o);
    else
        *provider_out = (struct provider){ .ops = &ops, .ctx = o, .calls_max = params->requests_at_once };
    return r;
}
