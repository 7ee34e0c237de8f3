#include "auth/sasl/bearer_message.h"

#include "auth/sasl/gs2.h"
#include "base/utf8.h"

#define KVSEP '\1'

/* The value of auth=, as in HTTP: credentials = "Bearer" 1*SP b64token     RFC 6750, 2.1 */
static int parse_credentials(struct str value, struct str *token_out, struct err *err)
{
    struct str scheme, token;
    *token_out = STR_NIL;
    scheme = str_cut(str_trim(value), ' ', &token);
    if (scheme.n == 0)
        return 0;
    if (!str_eq_nocase(scheme, STR("Bearer")))
        return err_set(err, ERR_CANNOT, "a token that is no bearer token");
    token = str_trim(token);
    if (token.n == 0)
        return 0;
    if (token.n > TOKEN_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a token of more than %d bytes", TOKEN_BYTES_MAX);
    if (!token_is_well_formed(token))
        return err_set(err, ERR_SYNTAX, "the token has bytes that no bearer token has");
    *token_out = token;
    return 0;
}

/* value = *(VCHAR / SP / HTAB / CR / LF ) */
static bool is_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < ' ' && !strchr("\t\r\n", value.p[i])) || value.p[i] == 0x7f || value.p[i] == '\0')
            return false;
    return true;
}

/* key = 1*(ALPHA) */
static bool is_key(struct str key)
{
    for (size_t i = 0; i < key.n; i++)
        if (ascii_lower(key.p[i]) < 'a' || ascii_lower(key.p[i]) > 'z')
            return false;
    return key.n > 0;
}

/* *kvpair kvsep, to the end: the value of `auth`, where a second one would be a question of whom to believe.
 *   kvpair = key "=" value kvsep     RFC 7628, 3.1: unknown keys MUST be ignored */
static int parse_pairs(struct str rest, struct str *auth_out, struct err *err)
{
    *auth_out = STR_NIL;
    while (!str_is_nil(rest)) {
        struct str value, pair = str_cut(rest, KVSEP, &rest);
        if (pair.n == 0 && rest.n == 0 && !str_is_nil(rest))
            return 0;
        struct str key = str_cut(pair, '=', &value);
        if (str_is_nil(value) || !is_key(key) || !is_value(value))
            break;
        if (!str_eq(key, STR("auth")))
            continue;
        if (!str_is_nil(*auth_out))
            break;
        *auth_out = value;
    }
    return err_set(err, ERR_SYNTAX, "the message is not made of KEY=VALUE and ^A");
}

int bearer_parse_oauthbearer(struct str message, struct bearer_message *message_out, struct err *err)
{
    struct bearer_message parsed;
    struct gs2_header header;
    struct str rest, auth;
    int r = gs2_parse(message, &header, &rest, err);
    if (r < 0)
        return r;
    if (header.binding == GS2_BINDING_REQUIRED)
        return err_set(err, ERR_CANNOT, "OAUTHBEARER has no channel binding");
    if (rest.n == 0 || rest.p[0] != KVSEP)
        return err_set(err, ERR_SYNTAX, "no ^A behind the GS2 header");
    if ((r = parse_pairs(str_skip(rest, 1), &auth, err)) < 0 ||
        (r = parse_credentials(auth, &parsed.token, err)) < 0)
        return r;
    memcpy(parsed.name, header.authzid, sizeof parsed.name);
    *message_out = parsed;
    return 0;
}

/* "user=" name ^A "auth=Bearer " token ^A ^A */
int bearer_parse_xoauth2(struct str message, struct bearer_message *message_out, struct err *err)
{
    struct bearer_message parsed = { .name = "" };
    struct str rest, auth;
    struct str user = str_cut(message, KVSEP, &rest);
    if (!str_starts(user, STR("user=")) || str_is_nil(rest))
        return err_set(err, ERR_SYNTAX, "an XOAUTH2 message begins with user=");
    user = str_skip(user, strlen("user="));
    if (user.n > USER_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a name of more than %d bytes", USER_NAME_BYTES_MAX);
    if (str_find_char(user, '\0') >= 0 || !utf8_is_valid(user))
        return err_set(err, ERR_SYNTAX, "the name is not UTF-8");
    int r = parse_pairs(rest, &auth, err);
    if (r == 0)
        r = parse_credentials(auth, &parsed.token, err);
    if (r < 0)
        return r;
    if (user.n)
        memcpy(parsed.name, user.p, user.n);
    *message_out = parsed;
    return 0;
}
