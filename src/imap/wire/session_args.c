#include "imap/wire/session_args.h"

int no_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    if (!parse_end(p))
        return parser_error(p, err);
    *args_out = NULL;
    return 0;
}

/* login = "LOGIN" SP userid SP password */
int login_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct login_args *args = arena_new(p->arena, struct login_args);
    if (!parse_sp(p) || !parse_astring(p, &args->user) || !parse_sp(p) ||
        !parse_astring(p, &args->password) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* initial-resp = (base64 / "=")     RFC 4959, 4. Only the alphabet is checked here: base64_decode() judges the rest. */
static bool parse_initial_response(struct parser *p, struct authenticate_args *args)
{
    args->has_initial = true;
    if (!parse_sp(p) || !parse_atom(p, &args->initial))
        return false;
    if (str_eq(args->initial, STR("=")))
        args->initial = STR("");
    return true;
}

/* authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] */
int authenticate_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct authenticate_args *args = arena_new(p->arena, struct authenticate_args);
    if (!parse_sp(p) || !parse_atom(p, &args->mechanism) ||
        (!parser_at_end(p) && !parse_initial_response(p, args)) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* enable = "ENABLE" 1*(SP capability) */
int enable_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct enable_args *args = arena_new(p->arena, struct enable_args);
    size_t cap = 0;
    do {
        struct str name;
        if (args->count >= p->limits->items_max) {
            parser_fail_limit(p, "capabilities");
            return parser_error(p, err);
        }
        if (!parse_sp(p) || !parse_atom(p, &name))
            return parser_error(p, err);
        args->names = arena_grow(p->arena, args->names, args->count, &cap, sizeof name);
        args->names[args->count++] = name;
    } while (!parser_at_end(p));
    if (!parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* *(SP astring), at most `count_max` of `bytes_max` bytes each. False: the parser has the error. */
static bool parse_astrings(struct parser *p, size_t count_max, size_t bytes_max, struct str **items_out,
                           size_t *count_out)
{
    size_t count = 0;
    *items_out = arena_new_array(p->arena, struct str, count_max);
    while (!parser_at_end(p)) {
        struct str item;
        if (!parse_sp(p) || !parse_astring(p, &item))
            return false;
        if (count == count_max || item.n > bytes_max)
            return parser_fail_limit(p, "arguments");
        (*items_out)[count++] = item;
    }
    *count_out = count;
    return parse_end(p);
}

/* language-cmd = "LANGUAGE" *(SP lang-range-quoted)     RFC 5255, 3.5 */
int language_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct language_args *args = arena_new(p->arena, struct language_args);
    if (!parse_astrings(p, LANGUAGE_RANGES_MAX, LANGUAGE_RANGE_BYTES_MAX, &args->ranges, &args->count))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* comparator-cmd = "COMPARATOR" *(SP comp-order-quoted)     RFC 5255, 4.10 */
int comparator_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct comparator_args *args = arena_new(p->arena, struct comparator_args);
    if (!parse_astrings(p, COMPARATORS_MAX, COMPARATOR_BYTES_MAX, &args->orders, &args->count))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* string SPACE nstring, within the limits of RFC 2971, 3.3 */
static bool parse_id_pair(struct parser *p, struct id_args *args, size_t *cap)
{
    struct id_pair pair;
    if (args->count >= ID_PAIRS_MAX)
        return parser_fail_limit(p, "ID fields");
    if (!parse_string(p, &pair.field) || !parse_sp(p) || !parse_nstring(p, &pair.value))
        return false;
    if (pair.field.n > ID_FIELD_BYTES_MAX || pair.value.n > ID_VALUE_BYTES_MAX)
        return parser_fail_limit(p, "an ID field");
    args->pairs = arena_grow(p->arena, args->pairs, args->count, cap, sizeof pair);
    args->pairs[args->count++] = pair;
    return true;
}

/* id-params-list = "(" #(string SPACE nstring) ")" / nil */
static bool parse_id_params(struct parser *p, struct id_args *args)
{
    size_t cap = 0;
    if (try_word(p, STR("NIL")))
        return true;
    if (!parse_list_open(p))
        return false;
    while (parse_list_next(p, args->count))
        if (!parse_id_pair(p, args, &cap))
            return false;
    return !parser_failed(p);
}

int id_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct id_args *args = arena_new(p->arena, struct id_args);
    if (!parse_sp(p) || !parse_id_params(p, args) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* compress = "COMPRESS" SP algorithm     RFC 4978, 5; an algorithm that we do not have is BAD (3) */
int compress_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    static const struct str algorithms[] = { [COMPRESS_DEFLATE] = STR_INIT("DEFLATE") };
    struct compress_args *args = arena_new(p->arena, struct compress_args);
    struct str name;
    if (!parse_sp(p) || !parse_atom(p, &name) || !parse_end(p))
        return parser_error(p, err);
    for (size_t i = 0; i < ARRAY_COUNT(algorithms); i++) {
        if (str_eq_nocase(name, algorithms[i])) {
            args->algorithm = (enum compress_algorithm)i;
            *args_out = args;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "Unknown compression");
}
