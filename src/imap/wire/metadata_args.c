#include "imap/wire/metadata_args.h"

#include <limits.h>

/* ---- names ---- */

/* RFC 5464, 3.2: no "*" or "%", no 8-bit, no control characters. */
static bool has_bad_character(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] < 0x20 || name.p[i] == 0x7f || name.p[i] == '*' || name.p[i] == '%')
            return true;
    return false;
}

static bool is_well_formed(struct str name)
{
    return name.n > 1 && name.p[0] == '/' && name.p[name.n - 1] != '/' && str_find(name, STR("//")) < 0 &&
           !has_bad_character(name);
}

static unsigned components(struct str name)
{
    unsigned count = 0;
    for (size_t i = 0; i < name.n; i++)
        count += name.p[i] == '/';
    return count;
}

/* Those of the vendor namespace have four components, scope and "vendor" among them. */
static bool may_have_value(struct str name)
{
    bool vendor = str_eq(name, STR("/vendor")) || str_starts(name, STR("/vendor/"));
    return components(name) >= (vendor ? 3 : 1);
}

static bool take_scope(struct str *name, struct str scope)
{
    if (!str_starts_nocase(*name, scope) || (name->n > scope.n && name->p[scope.n] != '/'))
        return false;
    *name = str_skip(*name, scope.n);
    return true;
}

bool parse_metadata_entry(struct parser *p, bool for_value, struct metadata_entry *out)
{
    size_t from = p->at;
    struct str given, name;

    if (!parse_astring(p, &given))
        return false;
    name = given;
    bool is_private = take_scope(&name, STR("/private"));
    if (!is_well_formed(given) || (!is_private && !take_scope(&name, STR("/shared")))) {
        p->at = from;
        return parser_fail(p, "an entry name below /private or /shared");
    }
    if (name.n > METADATA_NAME_BYTES_MAX)
        return parser_fail_limit(p, "an entry name");
    char *lower = arena_c(p->arena, name);
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(lower[i]);
    *out = (struct metadata_entry){ given, is_private, str_make(lower, name.n) };
    if (for_value && !may_have_value(out->name)) {
        p->at = from;
        return parser_fail(p, "an entry name with enough components");
    }
    return true;
}

static bool add_entry(struct parser *p, bool for_value, struct metadata_entries *out, size_t *cap)
{
    struct metadata_entry entry;
    if (out->count >= METADATA_ENTRIES_MAX)
        return parser_fail_limit(p, "entry names");
    if (!parse_metadata_entry(p, for_value, &entry))
        return false;
    out->items = arena_grow(p->arena, out->items, out->count, cap, sizeof entry);
    out->items[out->count++] = entry;
    return true;
}

bool parse_metadata_entries(struct parser *p, struct metadata_entries *out)
{
    size_t cap = 0;
    *out = (struct metadata_entries){ 0 };
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!add_entry(p, false, out, &cap))
            return false;
    if (!parser_failed(p) && out->count == 0)
        return parser_fail(p, "an entry name");
    return !parser_failed(p);
}

/* ---- GETMETADATA ---- */

/* "DEPTH" SP ("0" / "1" / "infinity") */
static bool parse_depth(struct parser *p, unsigned *depth_out)
{
    uint32_t number;
    if (try_word(p, STR("infinity"))) {
        *depth_out = UINT_MAX;
        return true;
    }
    if (!parse_number(p, &number))
        return false;
    if (number > 1)
        return parser_fail(p, "0, 1 or infinity");
    *depth_out = number;
    return true;
}

/* "(" getmetadata-option *(SP getmetadata-option) ")" */
static bool parse_options(struct parser *p, struct getmetadata_args *args)
{
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        if (try_word(p, STR("MAXSIZE"))) {
            args->has_maxsize = true;
            if (!parse_sp(p) || !parse_number64(p, &args->maxsize_bytes))
                return false;
        } else if (try_word(p, STR("DEPTH"))) {
            if (!parse_sp(p) || !parse_depth(p, &args->depth))
                return false;
        } else {
            return parser_fail(p, "MAXSIZE or DEPTH");
        }
    }
    return !parser_failed(p);
}

/* In a list options begin with a letter, names with "/", a quote or a literal. */
static bool at_options(const struct parser *p)
{
    char c = p->at + 1 < p->in.n ? p->in.p[p->at + 1] : ' ';
    return parser_peek(p) == '(' && ascii_upper(c) >= 'A' && ascii_upper(c) <= 'Z';
}

/* entries, or one after the other as in the examples of RFC 5464, 4.4.1 */
static bool parse_entries(struct parser *p, struct getmetadata_args *args)
{
    size_t cap = 0;
    if (parser_peek(p) == '(')
        return parse_metadata_entries(p, &args->entries);
    do
        if (!add_entry(p, false, &args->entries, &cap))
            return false;
    while (!parser_at_end(p) && parse_sp(p));
    return !parser_failed(p);
}

/* The grammar of RFC 5464, 5 has the options before the mailbox, its examples behind: both are taken. */
int getmetadata_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct getmetadata_args *args = arena_new(p->arena, struct getmetadata_args);
    if (!parse_sp(p) || (at_options(p) && (!parse_options(p, args) || !parse_sp(p))) ||
        !parse_mailbox(p, &args->mailbox) || !parse_sp(p) ||
        (at_options(p) && (!parse_options(p, args) || !parse_sp(p))) || !parse_entries(p, args) ||
        !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* ---- SETMETADATA ---- */

/* value = nstring / literal8. One that is too long is told by its own code: the command knows the limit. */
static bool parse_value(struct parser *p, struct str *out)
{
    const struct parser_limits *limits = p->limits;
    struct parser_limits lifted = *limits;
    lifted.string_max = SIZE_MAX;
    p->limits = &lifted;
    bool ok = parser_peek(p) == '~' ? parse_literal8(p, out) : parse_nstring(p, out);
    p->limits = limits;
    return ok;
}

/* setmetadata = "SETMETADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")" */
int setmetadata_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct setmetadata_args *args = arena_new(p->arena, struct setmetadata_args);
    size_t cap = 0;
    if (!parse_sp(p) || !parse_mailbox(p, &args->mailbox) || !parse_sp(p) || !parse_list_open(p))
        return parser_error(p, err);
    args->values = arena_new_array(p->arena, struct str, METADATA_ENTRIES_MAX);
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!add_entry(p, true, &args->entries, &cap) || !parse_sp(p) || !parse_value(p, &args->values[i]))
            break;
    if (!parser_failed(p) && args->entries.count == 0)
        parser_fail(p, "an entry name");
    if (!parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}
