#include "auth/ldap/ldap_link.h"

#include "auth/directory/users.h"
#include "auth/ldap/ldap_dial.h"
#include "auth/ldap/ldap_template.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

struct ldap_link {
    const struct ldap_link_params *params;
    LDAP *ld;
    bool broken;
    bool as_service; /* else the server takes us for whom we tried last */
};

/* ---- where passwords may go ---- */

int ldap_uri_check(struct str uri, bool starttls, bool allow_plaintext, struct err *err)
{
    struct ldap_address address;
    int r = ldap_address_parse(uri, &address, err);
    if (r == 0 && address.way == LDAP_WAY_PLAIN && !starttls && !allow_plaintext &&
        !ldap_address_is_loopback(&address))
        r = err_set(err, ERR_DENIED, "\"" STR_FMT "\" would get passwords without encryption",
                    STR_ARG(str_sub(uri, 0, 80)));
    return r;
}

/* ---- answers ---- */

static struct timeval as_timeval(uint32_t ms)
{
    return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
}

static int unavailable(struct ldap_link *link, int code, const char *what, struct err *err)
{
    if (LDAP_API_ERROR(code) || code == LDAP_UNAVAILABLE || code == LDAP_BUSY || code == LDAP_OTHER)
        link->broken = true;
    return err_set(err, ERR_UNAVAILABLE, "%s: %s", what, ldap_err2string(code));
}

/* The answer to `id`, whole, in time. */
static int wait_for(struct ldap_link *link, int id, const char *what, LDAPMessage **out, struct err *err)
{
    struct timeval timeout = as_timeval(link->params->timeout_ms);
    int r = ldap_result(link->ld, id, LDAP_MSG_ALL, &timeout, out);
    if (r > 0)
        return 0;
    link->broken = true; /* an answer that comes later must not be taken for another */
    if (r == 0) {
        ldap_abandon_ext(link->ld, id, NULL, NULL);
        return err_set(err, ERR_UNAVAILABLE, "%s: no answer in %u ms", what, link->params->timeout_ms);
    }
    int code = LDAP_SERVER_DOWN;
    ldap_get_option(link->ld, LDAP_OPT_RESULT_CODE, &code);
    return unavailable(link, code, what, err);
}

/* ---- bind ---- */

/* What the server says beside "wrong": draft-behera-ldap-password-policy, 6.2. */
static enum ldap_refusal policy_of(struct ldap_link *link, LDAPControl **controls)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, NULL);
    ber_int_t expires, grace;
    LDAPPasswordPolicyError error;
    if (!control ||
        ldap_parse_passwordpolicy_control(link->ld, control, &expires, &grace, &error) != LDAP_SUCCESS)
        return LDAP_REFUSED_WRONG;
    return error == PP_passwordExpired ? LDAP_REFUSED_EXPIRED
           : error == PP_accountLocked ? LDAP_REFUSED_LOCKED
                                       : LDAP_REFUSED_WRONG;
}

/* Active Directory has no such control, but numbers; all but "locked" it gives only with the right password. */
static enum ldap_refusal ad_refusal(const char *diagnostic)
{
    switch (ldap_ad_reason(str_c(diagnostic))) {
    case 0x532: /* the password has expired */
    case 0x773: /* it must be changed */
        return LDAP_REFUSED_EXPIRED;
    case 0x533: /* the account is disabled */
    case 0x701: /* it has expired */
        return LDAP_REFUSED_DISABLED;
    case 0x775:
        return LDAP_REFUSED_LOCKED;
    default:
        return LDAP_REFUSED_WRONG;
    }
}

static bool says_wrong(int code)
{
    return code == LDAP_INVALID_CREDENTIALS || code == LDAP_INAPPROPRIATE_AUTH ||
           code == LDAP_NO_SUCH_OBJECT || code == LDAP_INVALID_DN_SYNTAX ||
           code == LDAP_CONSTRAINT_VIOLATION || /* locked, of 389 */
           code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_UNWILLING_TO_PERFORM;
}

static int read_bind(struct ldap_link *link, LDAPMessage *answer, enum ldap_refusal *refusal_out,
                     struct err *err)
{
    int code = LDAP_OTHER;
    char *diagnostic = NULL;
    LDAPControl **controls = NULL;
    int r = ldap_parse_result(link->ld, answer, &code, NULL, &diagnostic, NULL, &controls, 0);
    enum ldap_refusal refusal = LDAP_REFUSED_NOT;
    if (r != LDAP_SUCCESS || (code != LDAP_SUCCESS && !says_wrong(code))) {
        r = unavailable(link, r != LDAP_SUCCESS ? r : code, "bind", err);
    } else if (code != LDAP_SUCCESS) {
        refusal = policy_of(link, controls);
        if (refusal == LDAP_REFUSED_WRONG && diagnostic)
            refusal = ad_refusal(diagnostic);
    }
    ldap_memfree(diagnostic);
    ldap_controls_free(controls);
    *refusal_out = refusal;
    return r == LDAP_SUCCESS ? 0 : r;
}

static int bind_as(struct ldap_link *link, const char *dn, struct str password,
                   enum ldap_refusal *refusal_out, struct err *err)
{
    LDAPControl policy = { .ldctl_oid = (char[]){ LDAP_CONTROL_PASSWORDPOLICYREQUEST } };
    LDAPControl *controls[] = { &policy, NULL };
    char secret[USER_PASSWORD_BYTES_MAX + 1];
    LDAPMessage *answer = NULL;
    int id;
    assert(password.n < sizeof secret);
    memcpy(secret, password.p ? password.p : "", password.n);
    struct berval credentials = { .bv_len = password.n, .bv_val = secret };
    int code = ldap_sasl_bind(link->ld, dn, LDAP_SASL_SIMPLE, &credentials, controls, NULL, &id);
    sodium_memzero(secret, sizeof secret);
    if (code != LDAP_SUCCESS)
        return unavailable(link, code, "bind", err);
    int r = wait_for(link, id, "bind", &answer, err);
    if (r == 0)
        r = read_bind(link, answer, refusal_out, err);
    ldap_msgfree(answer);
    return r;
}

int ldap_link_try(struct ldap_link *link, const char *dn, struct str password, enum ldap_refusal *refusal_out,
                  struct err *err)
{
    assert(dn[0] && password.n > 0); /* RFC 4513, 5.1.2: anything else would be a yes */
    link->as_service = false;
    return bind_as(link, dn, password, refusal_out, err);
}

static int become_service(struct ldap_link *link, struct err *err)
{
    const struct ldap_link_params *p = link->params;
    enum ldap_refusal refusal;
    if (link->as_service)
        return 0;
    int r = bind_as(link, p->service_dn, str_c(p->service_password), &refusal, err);
    if (r == 0 && refusal != LDAP_REFUSED_NOT) {
        link->broken = true;
        r = err_set(err, ERR_UNAVAILABLE, "the server refuses ldap.bind_dn and its password");
    }
    link->as_service = r == 0;
    return r;
}

/* ---- search ---- */

int ldap_link_search(struct ldap_link *link, const struct ldap_query *query, LDAPMessage **result_out,
                     struct err *err)
{
    struct timeval timeout = as_timeval(link->params->timeout_ms);
    LDAPMessage *answer = NULL;
    int id, code = LDAP_OTHER;
    int r = query->as == LDAP_AS_SERVICE ? become_service(link, err) : 0;
    if (r < 0)
        return r;
    char *attributes[16];
    size_t n = 0;
    for (; query->attributes[n]; n++) {
        assert(n + 1 < ARRAY_COUNT(attributes));
        memcpy(&attributes[n], &query->attributes[n], sizeof attributes[n]); /* libldap only reads them */
    }
    attributes[n] = NULL;
    r = ldap_search_ext(link->ld, query->base, query->scope, query->filter, attributes, 0, NULL, NULL,
                        &timeout, query->entries_max, &id);
    if (r != LDAP_SUCCESS)
        return unavailable(link, r, "search", err);
    r = wait_for(link, id, "search", &answer, err);
    if (r < 0)
        return r;
    int parsed = ldap_parse_result(link->ld, answer, &code, NULL, NULL, NULL, NULL, 0);
    *result_out = answer;
    if (parsed == LDAP_SUCCESS && code == LDAP_SUCCESS)
        return ldap_count_entries(link->ld, answer) <= query->entries_max
                   ? 0
                   : err_set(err, ERR_LIMIT, "the search finds more than %d entries", query->entries_max);
    if (parsed == LDAP_SUCCESS && code == LDAP_SIZELIMIT_EXCEEDED)
        return err_set(err, ERR_LIMIT, "the search finds more than %d entries", query->entries_max);
    ldap_msgfree(answer);
    *result_out = NULL;
    if (parsed == LDAP_SUCCESS && code == LDAP_NO_SUCH_OBJECT)
        return err_set(err, ERR_NOT_FOUND, "the search has no base");
    return unavailable(link, parsed != LDAP_SUCCESS ? parsed : code, "search", err);
}

/* ---- opening ---- */

static bool set_options(struct ldap_link *link)
{
    const struct timeval timeout = as_timeval(link->params->timeout_ms);
    const int version = LDAP_VERSION3, never = LDAP_DEREF_NEVER;
    ber_len_t most = LDAP_ANSWER_BYTES_MAX;
    Sockbuf *stream = NULL;
    return ldap_set_option(link->ld, LDAP_OPT_PROTOCOL_VERSION, &version) == 0 &&
           ldap_set_option(link->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == 0 &&
           ldap_set_option(link->ld, LDAP_OPT_RESTART, LDAP_OPT_ON) == 0 &&
           ldap_set_option(link->ld, LDAP_OPT_DEREF, &never) == 0 &&
           ldap_set_option(link->ld, LDAP_OPT_NETWORK_TIMEOUT, &timeout) == 0 &&
           ldap_set_option(link->ld, LDAP_OPT_TIMEOUT, &timeout) == 0 &&
           ldap_get_option(link->ld, LDAP_OPT_SOCKBUF, &stream) == 0 &&
           ber_sockbuf_ctrl(stream, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1;
}

/* RFC 4511, 4.14. Nothing that was said before the handshake counts after it. */
static int start_tls(struct ldap_link *link, const struct ldap_address *address, struct err *err)
{
    const struct ldap_link_params *p = link->params;
    LDAPMessage *answer = NULL;
    int id, code = LDAP_OTHER;
    if (!p->starttls || address->way != LDAP_WAY_PLAIN)
        return 0;
    int r = ldap_start_tls(link->ld, NULL, NULL, &id);
    if (r != LDAP_SUCCESS)
        return unavailable(link, r, "StartTLS", err);
    r = wait_for(link, id, "StartTLS", &answer, err);
    if (r == 0 && (ldap_parse_result(link->ld, answer, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS ||
                   code != LDAP_SUCCESS))
        r = unavailable(link, code, "StartTLS", err);
    ldap_msgfree(answer);
    return r < 0 ? r : ldap_dial_encrypt(link->ld, address, p->ca_file, p->timeout_ms, err);
}

int ldap_link_open(const struct ldap_link_params *params, const char *uri, struct ldap_link **link_out,
                   struct err *err)
{
    struct ldap_address address;
    struct ldap_link *link = calloc(1, sizeof *link);
    if (!link)
        abort();
    link->params = params;
    int r = ldap_address_parse(str_c(uri), &address, err);
    if (r == 0)
        r = ldap_dial(&address, params->ca_file, params->timeout_ms, &link->ld, err);
    if (r == 0 && !set_options(link))
        r = err_set(err, ERR_UNAVAILABLE, "libldap does not take our options");
    if (r == 0)
        r = start_tls(link, &address, err);
    if (r == 0)
        r = become_service(link, err);
    if (r < 0) {
        ldap_link_close(&link);
        return err_context(err, "%s", uri);
    }
    *link_out = link;
    return 0;
}

void ldap_link_close(struct ldap_link **link)
{
    if (!*link)
        return;
    if ((*link)->ld)
        ldap_unbind_ext((*link)->ld, NULL, NULL);
    free(*link);
    *link = NULL;
}

bool ldap_link_is_broken(const struct ldap_link *link)
{
    return link->broken;
}

LDAP *ldap_link_handle(struct ldap_link *link)
{
    return link->ld;
}
