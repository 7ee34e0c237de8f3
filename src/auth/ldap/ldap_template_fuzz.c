#include "auth/ldap/ldap_template.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No byte of a name can end what it stands in, or be a wildcard. */
static void stays_a_name(struct str name)
{
    struct buf filter = BUF_INIT, dn = BUF_INIT, back = BUF_INIT;
    ldap_escape_filter(name, &filter);
    for (size_t i = 0; i < filter.n; i++)
        assert(!strchr("*()", filter.p[i]) && filter.p[i] != '\0');
    buf_add_lit(&dn, "cn=");
    ldap_escape_dn(name, &dn);
    buf_add_lit(&dn, ",dc=example");
    if (name.n > 0) {
        assert(ldap_first_value(buf_str(&dn), &back, NULL) == 0);
        assert(str_eq(buf_str(&back), name));
    }
    buf_deinit(&filter);
    buf_deinit(&dn);
    buf_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_make(data, size), rest, first = str_cut(in, '\n', &rest);
    struct buf out = BUF_INIT;
    struct ldap_rule rule;
    struct err err;
    const struct ldap_names names = { rest, rest };
    stays_a_name(in);
    for (int kind = LDAP_FILTER; kind <= LDAP_DN; kind++)
        if (ldap_template_check((enum ldap_template_kind)kind, first, &err) == 0)
            ldap_template_fill((enum ldap_template_kind)kind, first, &names, &out);
    if (ldap_rule_parse(first, &rule, &err) == 0)
        (void)ldap_rule_holds(&rule, rest);
    int r = ldap_first_value(in, &out, &err);
    assert(r == 0 || r == -ERR_INVALID);
    (void)ldap_ad_reason(in);
    buf_deinit(&out);
    return 0;
}
