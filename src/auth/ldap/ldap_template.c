#include "auth/ldap/ldap_template.h"

#include "base/codec.h"

/* ---- escapes ---- */

static void add_hex(unsigned char c, struct buf *out)
{
    buf_printf(out, "\\%02x", c);
}

void ldap_escape_filter(struct str value, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c < ' ' || c > '~' || strchr("*()\\", c))
            add_hex(c, out);
        else
            buf_add_char(out, (char)c);
    }
}

void ldap_escape_dn(struct str value, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool edge = (i == 0 && (c == '#' || c == ' ')) || (i + 1 == value.n && c == ' ');
        if (c < ' ' || c > '~' || edge || strchr("\"+,;<>\\=/", c))
            add_hex(c, out);
        else
            buf_add_char(out, (char)c);
    }
}

/* ---- templates ---- */

int ldap_template_check(enum ldap_template_kind kind, struct str text, struct err *err)
{
    const char *known = kind == LDAP_GROUP_FILTER ? "undD%" : "und%";
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '%')
            continue;
        if (++i == text.n || !text.p[i] || !strchr(known, text.p[i]))
            return err_set(err, ERR_INVALID, "a \"%%\" that is none of %%u, %%n, %%d%s and %%%%",
                           kind == LDAP_GROUP_FILTER ? ", %D" : "");
    }
    if (kind != LDAP_DN && (text.n < 2 || text.p[0] != '(' || text.p[text.n - 1] != ')'))
        return err_set(err, ERR_INVALID, "a filter stands in parentheses, such as (mail=%%u)");
    return 0;
}

static struct str variable(char letter, const struct ldap_names *names)
{
    ptrdiff_t at = str_rfind_char(names->name, '@');
    switch (letter) {
    case 'n':
        return at < 0 ? names->name : str_sub(names->name, 0, (size_t)at);
    case 'd':
        return at < 0 ? STR("") : str_skip(names->name, (size_t)at + 1);
    case 'D':
        return names->dn;
    case 'u':
        return names->name;
    default:
        return STR("");
    }
}

void ldap_template_fill(enum ldap_template_kind kind, struct str text, const struct ldap_names *names,
                        struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '%' || i + 1 == text.n) {
            buf_add_char(out, text.p[i]);
        } else if (text.p[++i] == '%') {
            buf_add_char(out, '%');
        } else if (kind == LDAP_DN) {
            ldap_escape_dn(variable(text.p[i], names), out);
        } else {
            ldap_escape_filter(variable(text.p[i], names), out);
        }
    }
}

/* ---- what entries say ---- */

static bool is_attribute(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '-' && c != '.')
            return false;
    }
    return name.n > 0;
}

int ldap_rule_parse(struct str text, struct ldap_rule *rule_out, struct err *err)
{
    struct ldap_rule rule = { .attribute = STR_NIL };
    uint64_t bits = 0;
    if (text.n > 0 && str_find_char(text, '=') > 0) {
        rule.attribute = str_cut(text, '=', &rule.value);
    } else if (text.n > 0) {
        struct str number;
        rule.attribute = str_cut(text, '&', &number);
        if (!str_to_u64(number, UINT32_MAX, &bits) || bits == 0)
            return err_set(err, ERR_INVALID, "expected ATTRIBUTE=VALUE or ATTRIBUTE&BITS");
    }
    if (text.n > 0 && !is_attribute(rule.attribute))
        return err_set(err, ERR_INVALID, "expected the name of an attribute in front");
    rule.bits = (uint32_t)bits;
    *rule_out = rule;
    return 0;
}

bool ldap_rule_holds(const struct ldap_rule *rule, struct str value)
{
    uint64_t number;
    if (!str_is_nil(rule->value))
        return str_eq_nocase(rule->value, value);
    return str_to_u64(value, UINT32_MAX, &number) && (number & rule->bits) != 0;
}

/* dn = attribute "=" value *("," ...); value has "\" and a character, or "\" and two hex digits      RFC 4514, 3 */
int ldap_first_value(struct str dn, struct buf *out, struct err *err)
{
    size_t before = out->n;
    ptrdiff_t equals = str_find_char(dn, '=');
    if (equals <= 0 || !is_attribute(str_sub(dn, 0, (size_t)equals)))
        return err_set(err, ERR_INVALID, "no distinguished name");
    for (size_t i = (size_t)equals + 1; i < dn.n && dn.p[i] != ',' && dn.p[i] != '+'; i++) {
        if (dn.p[i] != '\\') {
            buf_add_char(out, dn.p[i]);
        } else if (hex_decode(str_sub(dn, i + 1, 2), out) && i + 2 < dn.n) {
            i += 2;
        } else if (++i < dn.n) {
            buf_add_char(out, dn.p[i]);
        }
    }
    return out->n > before ? 0 : err_set(err, ERR_INVALID, "no distinguished name");
}

uint32_t ldap_ad_reason(struct str diagnostic)
{
    ptrdiff_t at = str_find(diagnostic, STR("AcceptSecurityContext error, data "));
    uint32_t reason = 0;
    if (at < 0)
        return 0;
    struct str rest = str_skip(diagnostic, (size_t)at + 34);
    for (size_t i = 0; i < rest.n && i < 6; i++) {
        char c = ascii_lower(rest.p[i]);
        if (ascii_is_digit(c))
            reason = reason * 16 + (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            reason = reason * 16 + (uint32_t)(c - 'a') + 10;
        else
            break;
    }
    return reason;
}
