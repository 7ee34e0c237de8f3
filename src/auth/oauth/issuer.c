#include "auth/oauth/issuer.h"

#include "auth/oauth/kept.h"
#include "base/file.h"

#include <jansson.h>
#include <stdlib.h>

/* What an OpenID configuration says that we need. */
struct configuration {
    struct ref ref;
    struct buf keys, introspection; /* addresses; introspection may be empty */
};

struct issuer {
    struct issuer_params params;
    struct buf configuration_address; /* empty: nothing is looked for there */
    struct kept *configuration, *keys;
};

void issuer_configuration_address(struct str issuer, struct buf *out)
{
    buf_add(out, str_ends(issuer, STR("/")) ? str_sub(issuer, 0, issuer.n - 1) : issuer);
    buf_add_lit(out, "/.well-known/openid-configuration");
}

static int get(const struct issuer *issuer, const char *address, size_t bytes_max, struct buf *body,
               struct err *err)
{
    const struct http_request request = { .address = address, .answer_bytes_max = bytes_max };
    struct http_answer answer = { 0 };
    const struct http *http = issuer->params.http;
    int r = http->fetch(http->ctx, &request, &answer, err);
    if (r == 0 && answer.status != 200)
        r = err_set(err, ERR_UNAVAILABLE, "the issuer of tokens answers %ld", answer.status);
    if (r == 0)
        buf_add(body, buf_str(&answer.body));
    buf_deinit(&answer.body);
    return r;
}

/* ---- OpenID configuration ---- */

static void configuration_unref(void *value)
{
    struct configuration *c = value;
    if (!ref_put(&c->ref))
        return;
    buf_deinit(&c->keys);
    buf_deinit(&c->introspection);
    free(c);
}

static void *configuration_ref(void *value)
{
    struct configuration *c = value;
    ref_get(&c->ref);
    return c;
}

static int take_address(const struct issuer *issuer, const json_t *root, const char *name, struct buf *out,
                        struct err *err)
{
    const json_t *value = json_object_get(root, name);
    if (!value)
        return 0;
    struct str address = json_is_string(value) ? str_make(json_string_value(value), json_string_length(value))
                                               : STR("");
    int r = http_address_check(address, issuer->params.plain_on_loopback, err);
    if (r < 0)
        return err_context(err, "%s", name);
    buf_add(out, address);
    return 0;
}

static int read_configuration(const struct issuer *issuer, struct str text, struct configuration *c,
                              struct err *err)
{
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(root, "issuer"));
    int r = 0;
    /* Discovery, 4.3: "MUST exactly match", or one issuer could speak for another. */
    if (!name || !str_eq(str_c(name), issuer->params.issuer))
        r = err_set(err, ERR_UNAVAILABLE, "the OpenID configuration is not of oauth.issuer");
    if (r == 0)
        r = take_address(issuer, root, "jwks_uri", &c->keys, err);
    if (r == 0)
        r = take_address(issuer, root, "introspection_endpoint", &c->introspection, err);
    json_decref(root);
    return r;
}

static int configuration_fetch(void *ctx, void **value_out, struct err *err)
{
    struct issuer *issuer = ctx;
    struct buf text = BUF_INIT;
    struct configuration *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    ref_init(&c->ref);
    int r = get(issuer, buf_c(&issuer->configuration_address), ISSUER_CONFIGURATION_BYTES_MAX, &text, err);
    if (r == 0)
        r = read_configuration(issuer, buf_str(&text), c, err);
    buf_deinit(&text);
    if (r < 0) {
        configuration_unref(c);
        err_context(err, "OpenID configuration");
        log_warn(&issuer->params.log, "oauth-configuration-failed", KV("text", (const char *)err->text));
    } else {
        *value_out = c;
    }
    return r;
}

static const struct kept_ops configuration_ops = { configuration_fetch, configuration_ref,
                                                   configuration_unref };

/* An address of the settings, or of the OpenID configuration. */
static int address_of(struct issuer *issuer, const char *setting, bool keys, struct buf *out, struct err *err)
{
    void *value;
    if (*setting) {
        buf_add(out, str_c(setting));
        return 0;
    }
    int r = kept_get(issuer->configuration, NULL, &value, err);
    if (r < 0)
        return r;
    const struct configuration *c = value;
    buf_add(out, buf_str(keys ? &c->keys : &c->introspection));
    configuration_unref(value);
    return out->n ? 0
                  : err_set(err, ERR_UNAVAILABLE, "the OpenID configuration has no %s",
                            keys ? "jwks_uri" : "introspection_endpoint");
}

/* ---- keys ---- */

static void *keys_ref(void *value)
{
    return jwk_set_ref(value);
}

static void keys_unref(void *value)
{
    struct jwk_set *set = value;
    jwk_set_unref(&set);
}

static int keys_fetch(void *ctx, void **value_out, struct err *err)
{
    struct issuer *issuer = ctx;
    struct buf address = BUF_INIT, text = BUF_INIT;
    struct jwk_set *set;
    int r = 0;
    if (*issuer->params.keys_file) {
        r = file_read(issuer->params.keys_file, JWK_SET_BYTES_MAX, &text, err);
    } else {
        r = address_of(issuer, issuer->params.keys_url, true, &address, err);
        if (r == 0)
            r = get(issuer, buf_c(&address), JWK_SET_BYTES_MAX, &text, err);
    }
    if (r == 0)
        r = jwk_set_parse(buf_str(&text), &set, err);
    if (r == 0 && set->count == 0) {
        r = err_set(err, ERR_UNAVAILABLE, "there is no key that could check a token");
        jwk_set_unref(&set);
    }
    buf_deinit(&address);
    buf_deinit(&text);
    if (r < 0) {
        err_context(err, "keys of the issuer");
        log_warn(&issuer->params.log, "oauth-keys-failed", KV("text", (const char *)err->text));
    } else {
        *value_out = set;
    }
    return r;
}

static const struct kept_ops keys_ops = { keys_fetch, keys_ref, keys_unref };

int issuer_keys(struct issuer *issuer, const struct jwk_set *older, struct jwk_set **set_out, struct err *err)
{
    void *value;
    int r = kept_get(issuer->keys, older, &value, err);
    if (r == 0)
        *set_out = value;
    return r;
}

int issuer_introspection_address(struct issuer *issuer, struct buf *out, struct err *err)
{
    return address_of(issuer, issuer->params.introspection_url, false, out, err);
}

/* ---- an issuer ---- */

static int check(struct str address, const char *setting, const struct issuer_params *params, struct err *err)
{
    if (address.n == 0)
        return 0;
    if (!params->http)
        return err_set(err, ERR_CANNOT, "%s: built without libcurl, nobody can be asked; set oauth.keys_file",
                       setting);
    int r = http_address_check(address, params->plain_on_loopback, err);
    return r < 0 ? err_context(err, "%s", setting) : 0;
}

int issuer_new(const struct issuer_params *params, struct issuer **issuer_out, struct err *err)
{
    bool discovered = (!*params->keys_file && !*params->keys_url) ||
                      (params->introspected && !*params->introspection_url);
    int r = check(str_c(params->keys_url), "oauth.keys_url", params, err);
    if (r == 0)
        r = check(str_c(params->introspection_url), "oauth.introspection_url", params, err);
    if (r == 0 && discovered)
        r = check(params->issuer, "oauth.issuer", params, err);
    if (r < 0)
        return r;
    struct issuer *issuer = calloc(1, sizeof *issuer);
    if (!issuer)
        abort();
    issuer->params = *params;
    issuer_configuration_address(params->issuer, &issuer->configuration_address);
    struct kept_params kept = { .ops = &configuration_ops,
                                .ctx = issuer,
                                .clock = params->clock,
                                .fresh_ms = (uint64_t)params->fresh_s * 1000,
                                .stale_ms = (uint64_t)params->stale_s * 1000,
                                .retry_ms = (uint64_t)params->retry_s * 1000 };
    issuer->configuration = kept_new(&kept);
    kept.ops = &keys_ops;
    issuer->keys = kept_new(&kept);
    *issuer_out = issuer;
    return 0;
}

void issuer_free(struct issuer **issuer)
{
    struct issuer *i = *issuer;
    *issuer = NULL;
    if (!i)
        return;
    kept_free(&i->keys);
    kept_free(&i->configuration);
    buf_deinit(&i->configuration_address);
    free(i);
}
