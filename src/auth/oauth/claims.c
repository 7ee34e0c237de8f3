#include "auth/oauth/claims.h"

static const double seconds_max = 8.64e12; /* further away than any date: a mistake, or worse */

int token_facts_refuse(struct token_facts *facts, enum token_fault fault, const char *text, struct err *err)
{
    facts->fault = fault;
    return err_set(err, ERR_AUTH, "token (%s): %s", token_fault_name(fault), text);
}

void token_facts_deinit(struct token_facts *facts)
{
    buf_deinit(&facts->groups);
    *facts = (struct token_facts){ 0 };
}

static struct str string_of(const json_t *value)
{
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR_NIL;
}

/* By its key, which may have dots itself ("https://example.org/groups"), else by a path. */
static const json_t *find(const json_t *claims, struct str name)
{
    const json_t *value = json_object_getn(claims, name.p, name.n);
    while (!value && name.n > 0 && json_is_object(claims)) {
        struct str key = str_cut(name, '.', &name);
        claims = json_object_getn(claims, key.p, key.n);
        if (str_is_nil(name))
            value = claims;
    }
    return value;
}

/* NumericDate, which may have a fraction: RFC 7519, 2. */
static bool date_of(const json_t *value, int64_t *ms_out)
{
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0 && seconds <= seconds_max))
        return false;
    *ms_out = (int64_t)(seconds * 1000);
    return true;
}

static bool has_word(struct str list, struct str word)
{
    struct str rest = list;
    while (!str_is_nil(rest))
        if (str_eq(str_cut(rest, ' ', &rest), word))
            return true;
    return false;
}

/* `value`: one string, in which spaces may divide, or an array of strings. */
static bool holds(const json_t *value, struct str word, bool divided)
{
    const json_t *item;
    size_t i;
    if (json_is_string(value))
        return divided ? has_word(string_of(value), word) : str_eq(string_of(value), word);
    json_array_foreach(value, i, item) if (json_is_string(item) && str_eq(string_of(item), word)) return true;
    return false;
}

/* ---- each claim ---- */

static int check_issuer(const json_t *claims, const struct claims_rules *rules, bool needed,
                        struct token_facts *facts, struct err *err)
{
    const json_t *iss = json_object_get(claims, "iss");
    if (!iss && !needed)
        return 0;
    if (!json_is_string(iss) || !str_eq(string_of(iss), rules->issuer))
        return token_facts_refuse(facts, TOKEN_ISSUER, "it is not of oauth.issuer", err);
    return 0;
}

static int check_audience(const json_t *claims, const struct claims_rules *rules, struct token_facts *facts,
                          struct err *err)
{
    const json_t *aud = json_object_get(claims, "aud");
    struct str list = rules->audience, word;
    if (rules->audience.n == 0)
        return 0;
    while (!str_is_nil(word = str_next_word(&list)))
        if (holds(aud, word, false))
            return 0;
    return token_facts_refuse(facts, TOKEN_AUDIENCE, "it is for another service than oauth.audience", err);
}

static int check_time(const json_t *claims, const struct claims_rules *rules, bool needed, int64_t now_ms,
                      struct token_facts *facts, struct err *err)
{
    const json_t *exp = json_object_get(claims, "exp"), *nbf = json_object_get(claims, "nbf");
    int64_t leeway_ms = (int64_t)rules->leeway_s * 1000, ms;
    if (exp || needed) {
        if (!date_of(exp, &ms))
            return token_facts_refuse(facts, TOKEN_MALFORMED, "its exp is no date", err);
        facts->expires_ms = ms + leeway_ms;
        if (now_ms >= facts->expires_ms) /* RFC 7519, 4.1.4: "on or after" */
            return token_facts_refuse(facts, TOKEN_EXPIRED, "it has expired", err);
    }
    if (!nbf)
        return 0;
    if (!date_of(nbf, &ms))
        return token_facts_refuse(facts, TOKEN_MALFORMED, "its nbf is no date", err);
    if (now_ms < ms - leeway_ms)
        return token_facts_refuse(facts, TOKEN_NOT_YET, "it is not valid yet", err);
    return 0;
}

static int check_scope(const json_t *claims, const struct claims_rules *rules, struct token_facts *facts,
                       struct err *err)
{
    const json_t *scope = json_object_get(claims, "scope");
    struct str list = rules->scope, word;
    if (!scope)
        scope = json_object_get(claims, "scp"); /* as Microsoft and Okta call it */
    while (!str_is_nil(word = str_next_word(&list)))
        if (!holds(scope, word, true))
            return token_facts_refuse(facts, TOKEN_SCOPE, "it lacks a scope of oauth.scope", err);
    return 0;
}

static bool is_true(const json_t *value)
{
    return json_is_true(value) || str_eq(string_of(value), STR("true")); /* some issuers send a string */
}

static int read_user(const json_t *claims, const struct claims_rules *rules, struct token_facts *facts,
                     struct err *err)
{
    const json_t *value = find(claims, rules->user);
    if (!json_is_string(value) || users_normalise_name(string_of(value), facts->name, NULL) < 0) {
        facts->name[0] = '\0';
        return token_facts_refuse(facts, TOKEN_USER, "it has no name of a user in the claim oauth.user_claim",
                                  err);
    }
    if (str_eq(rules->user, STR("email")) && !rules->unverified_email &&
        !is_true(json_object_get(claims, "email_verified")))
        return token_facts_refuse(facts, TOKEN_USER, "its email is not verified", err);
    return 0;
}

/* Keycloak writes the path of a group: "/staff". */
static bool add_group(const json_t *value, struct buf *out)
{
    struct str name = string_of(value);
    if (str_starts(name, STR("/")))
        name = str_skip(name, 1);
    buf_add(out, name);
    buf_add_char(out, '\0');
    return name.n > 0 && name.n <= CLAIMS_GROUP_BYTES_MAX;
}

static int read_groups(const json_t *claims, const struct claims_rules *rules, struct token_facts *facts,
                       struct err *err)
{
    const json_t *value = rules->groups.n ? find(claims, rules->groups) : NULL, *item;
    bool ok = json_array_size(value) <= CLAIMS_GROUPS_MAX;
    size_t i;
    if (!value)
        return 0;
    if (json_is_string(value))
        ok = add_group(value, &facts->groups);
    else if (!json_is_array(value))
        ok = false;
    json_array_foreach(value, i, item) ok = ok && add_group(item, &facts->groups);
    if (!ok)
        return token_facts_refuse(facts, TOKEN_MALFORMED, "its groups are no names, or too many", err);
    facts->groups_known = true;
    return 0;
}

int claims_check(const json_t *claims, const struct claims_rules *rules, bool self_contained,
                 int64_t now_wall_ms, struct token_facts *facts_out, struct err *err)
{
    *facts_out = (struct token_facts){ .fault = TOKEN_OK };
    int r = check_issuer(claims, rules, self_contained, facts_out, err);
    if (r == 0)
        r = check_audience(claims, rules, facts_out, err);
    if (r == 0)
        r = check_time(claims, rules, self_contained, now_wall_ms, facts_out, err);
    /* Good only together with proof of a key, which a bearer does not give: RFC 7800, 3.1; RFC 9449, 7.1. */
    if (r == 0 && json_object_get(claims, "cnf"))
        r = token_facts_refuse(facts_out, TOKEN_BOUND, "it is bound to a key (cnf)", err);
    if (r == 0)
        r = check_scope(claims, rules, facts_out, err);
    if (r == 0)
        r = read_user(claims, rules, facts_out, err);
    if (r == 0)
        r = read_groups(claims, rules, facts_out, err);
    return r;
}
