#include "auth/sasl/gs2.h"

#include "base/utf8.h"

int gs2_decode_name(struct str saslname, char name_out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    size_t n = 0;
    if (saslname.n == 0 || str_find_char(saslname, '\0') >= 0 || !utf8_is_valid(saslname))
        return err_set(err, ERR_SYNTAX, "a name is empty or not UTF-8");
    for (size_t i = 0; i < saslname.n; i++, n++) {
        if (n == USER_NAME_BYTES_MAX)
            return err_set(err, ERR_LIMIT, "a name of more than %d bytes", USER_NAME_BYTES_MAX);
        char c = saslname.p[i];
        if (c == '=') {
            struct str code = str_sub(saslname, i, 3);
            if (!str_eq(code, STR("=2C")) && !str_eq(code, STR("=3D")))
                return err_set(err, ERR_SYNTAX, "a name has \"=\" without 2C or 3D behind it");
            c = code.p[1] == '2' ? ',' : '=';
            i += 2;
        }
        name_out[n] = c;
    }
    name_out[n] = '\0';
    return 0;
}

/* cb-name = 1*(ALPHA / DIGIT / "." / "-")     RFC 5801, 4 */
static bool is_binding_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '.' && c != '-')
            return false;
    }
    return name.n > 0 && name.n <= GS2_BINDING_NAME_BYTES_MAX;
}

static bool parse_flag(struct str flag, struct gs2_header *header)
{
    header->binding_name = STR_NIL;
    if (str_eq(flag, STR("n")) || str_eq(flag, STR("y"))) {
        header->binding = flag.p[0] == 'n' ? GS2_NO_BINDING : GS2_NOT_OFFERED;
        return true;
    }
    header->binding = GS2_BINDING_REQUIRED;
    header->binding_name = str_skip(flag, 2);
    return str_starts(flag, STR("p=")) && is_binding_name(header->binding_name);
}

int gs2_parse(struct str message, struct gs2_header *header_out, struct str *rest_out, struct err *err)
{
    struct gs2_header header = { .authzid = "" };
    struct str rest;
    struct str flag = str_cut(message, ',', &rest);
    struct str authzid = str_cut(rest, ',', &rest);
    if (str_is_nil(rest) || !parse_flag(flag, &header))
        return err_set(err, ERR_SYNTAX, "the message does not begin with a GS2 header");
    if (authzid.n > 0) {
        if (!str_starts(authzid, STR("a=")))
            return err_set(err, ERR_SYNTAX, "the GS2 header has something other than a=");
        int r = gs2_decode_name(str_skip(authzid, 2), header.authzid, err);
        if (r < 0)
            return r;
    }
    header.bytes = str_make(message.p, (size_t)(rest.p - message.p));
    *header_out = header;
    *rest_out = rest;
    return 0;
}
