#include "imap/wire/acl_args.h"

/* identifier = astring; not empty (RFC 4314, 3) */
static bool parse_identifier(struct parser *p, struct str *out)
{
    size_t from = p->at;
    if (!parse_astring(p, out))
        return false;
    if (out->n > 0 && !str_eq(*out, STR("-")))
        return true;
    p->at = from;
    return parser_fail(p, "an identifier");
}

/* mod-rights = astring  ;; +rights to add, -rights to remove, rights to replace */
static bool parse_mod_rights(struct parser *p, struct setacl_args *args)
{
    size_t from = p->at;
    struct str text;
    if (!parse_astring(p, &text))
        return false;
    args->sign = text.n > 0 && (text.p[0] == '+' || text.p[0] == '-') ? text.p[0] : '=';
    if (args->sign != '=')
        text = str_skip(text, 1);
    args->rights = text;
    for (size_t i = 0; i < text.n; i++)
        if (str_find_char(STR(ACL_LETTERS), text.p[i]) < 0) {
            p->at = from;
            return parser_fail(p, "rights of \"" ACL_LETTERS "\"");
        }
    return true;
}

/* deleteacl = "DELETEACL" SP mailbox SP identifier
 * listrights = "LISTRIGHTS" SP mailbox SP identifier */
int acl_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct acl_args *args = arena_new(p->arena, struct acl_args);
    if (!parse_sp(p) || !parse_mailbox(p, &args->mailbox) || !parse_sp(p) ||
        !parse_identifier(p, &args->identifier) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* setacl = "SETACL" SP mailbox SP identifier SP mod-rights */
int setacl_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct setacl_args *args = arena_new(p->arena, struct setacl_args);
    if (!parse_sp(p) || !parse_mailbox(p, &args->mailbox) || !parse_sp(p) ||
        !parse_identifier(p, &args->identifier) || !parse_sp(p) || !parse_mod_rights(p, args) ||
        !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}
