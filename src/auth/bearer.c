#include "auth/bearer.h"

static const char *const fault_names[TOKEN_FAULT_COUNT] = {
    [TOKEN_OK] = "ok",
    [TOKEN_MALFORMED] = "malformed",
    [TOKEN_SIGNATURE] = "signature",
    [TOKEN_ISSUER] = "issuer",
    [TOKEN_AUDIENCE] = "audience",
    [TOKEN_EXPIRED] = "expired",
    [TOKEN_NOT_YET] = "not-yet-valid",
    [TOKEN_SCOPE] = "scope",
    [TOKEN_REVOKED] = "revoked",
    [TOKEN_BOUND] = "bound-to-a-key",
    [TOKEN_USER] = "user",
};

const char *token_fault_name(enum token_fault fault)
{
    return (unsigned)fault < TOKEN_FAULT_COUNT ? fault_names[fault] : "unknown";
}

static bool is_token_char(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || ascii_is_digit(c) || (c && strchr("-._~+/", c));
}

bool token_is_well_formed(struct str token)
{
    if (token.n == 0 || token.n > TOKEN_BYTES_MAX)
        return false;
    size_t i = 0;
    while (i < token.n && is_token_char(token.p[i]))
        i++;
    size_t padding = i;
    while (padding < token.n && token.p[padding] == '=')
        padding++;
    return i > 0 && padding == token.n;
}

/* Settings come without control characters; what JSON must not have as it is becomes an escape all the same. */
static void add_member(struct buf *out, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    buf_printf(out, "%s\"%s\":\"", out->n && out->p[out->n - 1] != '{' ? "," : "", name);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c < 0x20 || c == '"' || c == '\\')
            buf_printf(out, "\\u%04x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

void bearer_error(const struct bearer_hint *hint, bool scope_missing, struct buf *out)
{
    buf_add_char(out, '{');
    add_member(out, "status", scope_missing ? STR("insufficient_scope") : STR("invalid_token"));
    add_member(out, "scope", hint->scope);
    add_member(out, "openid-configuration", hint->configuration);
    buf_add_char(out, '}');
}

void bearer_error_google(const struct bearer_hint *hint, struct buf *out)
{
    buf_add_char(out, '{');
    add_member(out, "status", STR("401"));
    add_member(out, "schemes", STR("bearer"));
    add_member(out, "scope", hint->scope);
    buf_add_char(out, '}');
}
