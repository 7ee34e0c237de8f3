#include "imap/wire/quota_args.h"

#include "imap/wire/mutf7.h"

struct str quota_resource_name(enum quota_resource resource)
{
    static const struct str names[QUOTA_RESOURCES] = { [QUOTA_STORAGE] = STR_INIT("STORAGE"),
                                                       [QUOTA_MESSAGE] = STR_INIT("MESSAGE"),
                                                       [QUOTA_MAILBOX] = STR_INIT("MAILBOX"),
                                                       [QUOTA_ANNOTATION] = STR_INIT("ANNOTATION-STORAGE") };
    return names[resource];
}

/* quota-root-name = astring. Our roots end in mailbox names, which are written as mailbox names are. */
static bool parse_root(struct parser *p, struct str *out)
{
    struct buf decoded = BUF_INIT;
    struct err not_utf7;

    if (!parse_astring(p, out))
        return false;
    if (!p->utf8 && mutf7_decode(*out, &decoded, &not_utf7) == 0)
        *out = arena_dup(p->arena, buf_str(&decoded));
    buf_deinit(&decoded);
    return true;
}

/* getquota = "GETQUOTA" SP quota-root-name */
int quota_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct quota_args *args = arena_new(p->arena, struct quota_args);
    if (!parse_sp(p) || !parse_root(p, &args->root) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* setquota-resource = resource-name SP resource-limit */
static bool parse_limit(struct parser *p, struct setquota_args *args)
{
    size_t from = p->at;
    struct str name;
    uint64_t limit;

    if (!parse_atom(p, &name) || !parse_sp(p) || !parse_number64(p, &limit))
        return false;
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        if (!str_eq_nocase(name, quota_resource_name((enum quota_resource)i)))
            continue;
        if (args->limits.of[i] != QUOTA_NONE) {
            p->at = from;
            return parser_fail(p, "each resource once");
        }
        args->limits.of[i] = limit;
        return true;
    }
    args->unknown = name;
    return true;
}

/* setquota = "SETQUOTA" SP quota-root-name SP "(" [setquota-resource *(SP setquota-resource)] ")" */
int setquota_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct setquota_args *args = arena_new(p->arena, struct setquota_args);
    for (int i = 0; i < QUOTA_RESOURCES; i++)
        args->limits.of[i] = QUOTA_NONE;
    if (!parse_sp(p) || !parse_root(p, &args->root) || !parse_sp(p) || !parse_list_open(p))
        return parser_error(p, err);
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!parse_limit(p, args))
            break;
    if (parser_failed(p) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}
