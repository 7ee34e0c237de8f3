#include "imap/wire/search_args.h"

#include "imap/wire/fetch_args.h"

#include "imap/wire/search_filter.h"

enum arg_kind {
    ARG_NONE,
    ARG_TEXT,
    ARG_HEADER, /* name and text */
    ARG_DATE,
    ARG_NUMBER64,
    ARG_NZ_NUMBER,
    ARG_KEYWORD,
    ARG_SET,
    ARG_UID_AFTER,
    ARG_UID_BEFORE,
    ARG_MODSEQ,
    ARG_ONE_KEY,
    ARG_TWO_KEYS,
    ARG_FILTER,
    ARG_FUZZY,
};

/* clang-format off */
static const struct search_row {
    struct str name;
    enum search_key key;
    enum arg_kind arg;
    enum flag flag;
} search_rows[] = {
    { STR_INIT("ALL"),               SEARCH_ALL,                ARG_NONE,      0             },
    { STR_INIT("ANSWERED"),          SEARCH_FLAG,               ARG_NONE,      FLAG_ANSWERED },
    { STR_INIT("DELETED"),           SEARCH_FLAG,               ARG_NONE,      FLAG_DELETED  },
    { STR_INIT("DRAFT"),             SEARCH_FLAG,               ARG_NONE,      FLAG_DRAFT    },
    { STR_INIT("FLAGGED"),           SEARCH_FLAG,               ARG_NONE,      FLAG_FLAGGED  },
    { STR_INIT("SEEN"),              SEARCH_FLAG,               ARG_NONE,      FLAG_SEEN     },
    { STR_INIT("UNANSWERED"),        SEARCH_NO_FLAG,            ARG_NONE,      FLAG_ANSWERED },
    { STR_INIT("UNDELETED"),         SEARCH_NO_FLAG,            ARG_NONE,      FLAG_DELETED  },
    { STR_INIT("UNDRAFT"),           SEARCH_NO_FLAG,            ARG_NONE,      FLAG_DRAFT    },
    { STR_INIT("UNFLAGGED"),         SEARCH_NO_FLAG,            ARG_NONE,      FLAG_FLAGGED  },
    { STR_INIT("UNSEEN"),            SEARCH_NO_FLAG,            ARG_NONE,      FLAG_SEEN     },
    { STR_INIT("KEYWORD"),           SEARCH_KEYWORD,            ARG_KEYWORD,   0             },
    { STR_INIT("UNKEYWORD"),         SEARCH_NO_KEYWORD,         ARG_KEYWORD,   0             },
    { STR_INIT("RECENT"),            SEARCH_RECENT,             ARG_NONE,      0             },
    { STR_INIT("OLD"),               SEARCH_OLD,                ARG_NONE,      0             },
    { STR_INIT("NEW"),               SEARCH_NEW,                ARG_NONE,      0             },
    { STR_INIT("UID"),               SEARCH_UID,                ARG_SET,       0             },
    { STR_INIT("UIDAFTER"),          SEARCH_UID,                ARG_UID_AFTER, 0             },
    { STR_INIT("UIDBEFORE"),         SEARCH_UID,                ARG_UID_BEFORE, 0             },
    { STR_INIT("BEFORE"),            SEARCH_BEFORE,             ARG_DATE,      0             },
    { STR_INIT("ON"),                SEARCH_ON,                 ARG_DATE,      0             },
    { STR_INIT("SINCE"),             SEARCH_SINCE,              ARG_DATE,      0             },
    { STR_INIT("SENTBEFORE"),        SEARCH_SENT_BEFORE,        ARG_DATE,      0             },
    { STR_INIT("SENTON"),            SEARCH_SENT_ON,            ARG_DATE,      0             },
    { STR_INIT("SENTSINCE"),         SEARCH_SENT_SINCE,         ARG_DATE,      0             },
    { STR_INIT("SAVEDBEFORE"),       SEARCH_SAVED_BEFORE,       ARG_DATE,      0             },
    { STR_INIT("SAVEDON"),           SEARCH_SAVED_ON,           ARG_DATE,      0             },
    { STR_INIT("SAVEDSINCE"),        SEARCH_SAVED_SINCE,        ARG_DATE,      0             },
    { STR_INIT("SAVEDATESUPPORTED"), SEARCH_SAVEDATE_SUPPORTED, ARG_NONE,      0             },
    { STR_INIT("OLDER"),             SEARCH_OLDER,              ARG_NZ_NUMBER, 0             },
    { STR_INIT("YOUNGER"),           SEARCH_YOUNGER,            ARG_NZ_NUMBER, 0             },
    { STR_INIT("LARGER"),            SEARCH_LARGER,             ARG_NUMBER64,  0             },
    { STR_INIT("SMALLER"),           SEARCH_SMALLER,            ARG_NUMBER64,  0             },
    { STR_INIT("MODSEQ"),            SEARCH_MODSEQ,             ARG_MODSEQ,    0             },
    { STR_INIT("FROM"),              SEARCH_FROM,               ARG_TEXT,      0             },
    { STR_INIT("TO"),                SEARCH_TO,                 ARG_TEXT,      0             },
    { STR_INIT("CC"),                SEARCH_CC,                 ARG_TEXT,      0             },
    { STR_INIT("BCC"),               SEARCH_BCC,                ARG_TEXT,      0             },
    { STR_INIT("SUBJECT"),           SEARCH_SUBJECT,            ARG_TEXT,      0             },
    { STR_INIT("BODY"),              SEARCH_BODY,               ARG_TEXT,      0             },
    { STR_INIT("TEXT"),              SEARCH_TEXT,               ARG_TEXT,      0             },
    { STR_INIT("HEADER"),            SEARCH_HEADER,             ARG_HEADER,    0             },
    { STR_INIT("EMAILID"),           SEARCH_EMAILID,            ARG_TEXT,      0             },
    { STR_INIT("THREADID"),          SEARCH_THREADID,           ARG_TEXT,      0             },
    { STR_INIT("NOT"),               SEARCH_NOT,                ARG_ONE_KEY,   0             },
    { STR_INIT("OR"),                SEARCH_OR,                 ARG_TWO_KEYS,  0             },
    { STR_INIT("FUZZY"),             SEARCH_AND,                ARG_FUZZY,     0             },
    { STR_INIT("FILTER"),            SEARCH_AND,                ARG_FILTER,    0             },
};
/* clang-format on */

static const struct return_row {
    struct str name;
    enum search_return bit;
} return_rows[] = {
    { STR_INIT("MIN"), SEARCH_RETURN_MIN },
    { STR_INIT("MAX"), SEARCH_RETURN_MAX },
    { STR_INIT("ALL"), SEARCH_RETURN_ALL },
    { STR_INIT("COUNT"), SEARCH_RETURN_COUNT },
    { STR_INIT("SAVE"), SEARCH_RETURN_SAVE },
    { STR_INIT("PARTIAL"), SEARCH_RETURN_PARTIAL },
    { STR_INIT("UPDATE"), SEARCH_RETURN_UPDATE },
    { STR_INIT("CONTEXT"), SEARCH_RETURN_CONTEXT },
    { STR_INIT("RELEVANCY"), SEARCH_RETURN_RELEVANCY },
};

/* While the program is read. */
struct builder {
    struct search_args *args;
    size_t cap;
    unsigned text_keys;
    unsigned depth; /* of parentheses, NOT, OR and FILTER */
    unsigned filter_depth;
    size_t filter_bytes;
    bool fuzzy; /* below FUZZY */
};

static bool parse_key(struct parser *p, struct builder *b);

/* Index of a new node, through `at_out`: pointers into the array die when it grows. */
static bool add_node(struct parser *p, struct builder *b, struct search_node node, size_t *at_out)
{
    struct search_args *args = b->args;
    if (args->node_count >= SEARCH_NODES_MAX)
        return parser_fail_limit(p, "SEARCH keys");
    args->nodes = arena_grow(p->arena, args->nodes, args->node_count, &b->cap, sizeof node);
    *at_out = args->node_count++;
    args->nodes[*at_out] = node;
    args->nodes[*at_out].end = (uint32_t)args->node_count;
    return true;
}

static void close_node(struct builder *b, size_t at)
{
    b->args->nodes[at].end = (uint32_t)b->args->node_count;
}

/* ---- arguments of keys ---- */

/* MODSEQ [SP entry-name SP entry-type-req] SP mod-sequence-valzer     RFC 7162, 7 */
static bool parse_modseq(struct parser *p, uint64_t *out)
{
    struct str entry;
    if (parser_peek(p) == '"') {
        if (!parse_quoted(p, &entry))
            return false;
        if (!str_starts_nocase(entry, STR("/flags/")))
            return parser_fail(p, "an entry name, \"/flags/...\"");
        if (!parse_sp(p))
            return false;
        if (!try_word(p, STR("all")) && !try_word(p, STR("priv")) && !try_word(p, STR("shared")))
            return parser_fail(p, "all, priv or shared");
        if (!parse_sp(p))
            return false;
    }
    return parse_number64(p, out);
}

/* uniqueid, as the UIDs above or below it. RFC 9738, 3.2 */
static bool parse_uid_side(struct parser *p, enum arg_kind kind, struct seqset *set)
{
    uint32_t uid;
    if (!parse_nz_number(p, &uid))
        return false;
    seqset_init(set, p->arena);
    if (kind == ARG_UID_AFTER && uid < UINT32_MAX)
        seqset_add_range(set, uid + 1, UINT32_MAX);
    if (kind == ARG_UID_BEFORE && uid > 1)
        seqset_add_range(set, 1, uid - 1);
    return true;
}

static bool parse_arg(struct parser *p, enum arg_kind kind, struct search_node *node)
{
    uint32_t number;
    switch (kind) {
    case ARG_TEXT:
        return parse_astring(p, &node->text);
    case ARG_HEADER:
        return parse_astring(p, &node->header) && parse_sp(p) && parse_astring(p, &node->text);
    case ARG_DATE:
        return parse_date(p, &node->day);
    case ARG_NUMBER64:
        return parse_number64(p, &node->number);
    case ARG_NZ_NUMBER:
        if (!parse_nz_number(p, &number))
            return false;
        node->number = number;
        return true;
    case ARG_KEYWORD:
        return parse_keyword(p, &node->text);
    case ARG_SET:
        return parse_seqset(p, &node->set);
    case ARG_UID_AFTER:
    case ARG_UID_BEFORE:
        return parse_uid_side(p, kind, &node->set);
    case ARG_MODSEQ:
        return parse_modseq(p, &node->number);
    default:
        return true;
    }
}

/* ---- keys ---- */

static bool enter(struct parser *p, struct builder *b)
{
    if (b->depth >= SEARCH_DEPTH_MAX)
        return parser_fail_limit(p, "nested SEARCH keys");
    b->depth++;
    return true;
}

/* "(" search-key *(SP search-key) ")" */
static bool parse_group(struct parser *p, struct builder *b)
{
    size_t at, i = 0;
    if (!enter(p, b) || !add_node(p, b, (struct search_node){ .key = SEARCH_AND }, &at) ||
        !parse_list_open(p))
        return false;
    for (; parse_list_next(p, i); i++)
        if (!parse_key(p, b))
            return false;
    if (i == 0)
        return parser_fail(p, "a SEARCH key");
    close_node(b, at);
    b->depth--;
    return !parser_failed(p);
}

static bool parse_set_key(struct parser *p, struct builder *b)
{
    struct search_node node = { .key = SEARCH_SEQ };
    size_t at;
    if (!parse_seqset(p, &node.set))
        return false;
    b->args->uses_saved |= node.set.saved;
    b->args->uses_seq |= node.set.count > 0 || node.set.star_from;
    return add_node(p, b, node, &at);
}

/* NOT and OR: one key or two below. */
static bool parse_operator(struct parser *p, struct builder *b, const struct search_row *row)
{
    size_t at;
    bool fuzzy = b->fuzzy;
    b->fuzzy = fuzzy && row->key != SEARCH_NOT; /* what is turned round would match less */
    if (!enter(p, b) || !add_node(p, b, (struct search_node){ .key = row->key }, &at) || !parse_sp(p) ||
        !parse_key(p, b))
        return false;
    b->fuzzy = fuzzy;
    if (row->arg == ARG_TWO_KEYS && (!parse_sp(p) || !parse_key(p, b)))
        return false;
    close_node(b, at);
    b->depth--;
    return true;
}

/* "FUZZY" SP search-key     RFC 6203, 7 */
static bool parse_fuzzy(struct parser *p, struct builder *b)
{
    bool fuzzy = b->fuzzy;
    b->args->uses_fuzzy = b->fuzzy = true;
    if (!enter(p, b) || !parse_sp(p) || !parse_key(p, b))
        return false;
    b->depth--;
    b->fuzzy = fuzzy;
    return true;
}

bool check_search_relevancy(struct parser *p, const struct search_args *args)
{
    return !args->wants_relevancy || args->uses_fuzzy ||
           parser_fail(p, "a FUZZY key, since RELEVANCY is asked for");
}

/* ---- FILTER ---- */

static bool undefined_filter(struct parser *p, struct str name)
{
    if (!parser_failed(p))
        p->undefined_filter = name;
    return parser_fail_as(p, ERR_NOT_FOUND, "There is no such filter");
}

/* RFC 5466, 3.1: with another charset than these the command is refused. */
static bool check_filter_charset(struct parser *p, struct search_args *args)
{
    struct str charset = args->charset;
    if (str_is_nil(charset) || str_eq_nocase(charset, STR("UTF-8")))
        return true;
    if (str_eq_nocase(charset, STR("US-ASCII"))) {
        args->charset = STR("UTF-8");
        return true;
    }
    p->wants_utf8 = true;
    return parser_fail(p, "UTF-8 as charset of a search with FILTER");
}

/* The keys of a filter below one node of their own. */
static bool parse_filter_value(struct parser *p, struct builder *b, struct str name, struct str value)
{
    struct parser inner;
    size_t at;
    if (!enter(p, b) || !add_node(p, b, (struct search_node){ .key = SEARCH_AND }, &at))
        return false;
    parser_init(&inner, arena_printf(p->arena, STR_FMT "\r\n", STR_ARG(value)), p->limits, true, p->arena);
    inner.filters = p->filters;
    do
        if (!parse_key(&inner, b))
            break;
    while (!parser_at_end(&inner) && parse_sp(&inner));
    if (parser_failed(&inner)) {
        if (inner.error == ERR_SYNTAX || inner.error == ERR_INVALID)
            return undefined_filter(p, name); /* it is no search */
        p->undefined_filter = inner.undefined_filter;
        return parser_fail_as(p, inner.error, inner.expected);
    }
    close_node(b, at);
    b->depth--;
    return true;
}

/* "FILTER" SP filter-name     RFC 5466, 4. One that leads to itself is too deep in the end. */
static bool parse_filter(struct parser *p, struct builder *b)
{
    struct str name, value;
    struct err err;
    if (!parse_sp(p) || !parse_atom(p, &name))
        return false;
    if (str_find_char(name, '/') >= 0)
        return parser_fail(p, "the name of a filter");
    if (!check_filter_charset(p, b->args))
        return false;
    if (!p->filters || b->filter_depth >= SEARCH_FILTER_DEPTH_MAX)
        return undefined_filter(p, name);
    int r = p->filters->find(p->filters->ctx, name, p->arena, &value, &err);
    if (r == -ERR_NOT_FOUND)
        return undefined_filter(p, name);
    if (r < 0)
        return parser_fail_as(p, err.kind, "The filter cannot be read");
    b->filter_bytes += value.n;
    if (b->filter_bytes > SEARCH_FILTER_BYTES_MAX)
        return parser_fail_limit(p, "filters in a search");
    b->filter_depth++;
    bool ok = parse_filter_value(p, b, name, value);
    b->filter_depth--;
    return ok;
}

static bool parse_key(struct parser *p, struct builder *b)
{
    int c = parser_peek(p);
    if (c == '(')
        return parse_group(p, b);
    if ((c >= '0' && c <= '9') || c == '*' || c == '$')
        return parse_set_key(p, b);

    size_t from = p->at, at;
    struct str name;
    if (!parse_label(p, &name, "a SEARCH key"))
        return false;
    const struct search_row *row = FIND_ROW(name, search_rows);
    if (!row) {
        p->at = from;
        return parser_fail(p, "a SEARCH key");
    }
    if (row->arg == ARG_ONE_KEY || row->arg == ARG_TWO_KEYS)
        return parse_operator(p, b, row);
    if (row->arg == ARG_FILTER)
        return parse_filter(p, b);
    if (row->arg == ARG_FUZZY)
        return parse_fuzzy(p, b);
    if ((row->key == SEARCH_BODY || row->key == SEARCH_TEXT) && ++b->text_keys > SEARCH_TEXT_KEYS_MAX)
        return parser_fail_limit(p, "SEARCH keys BODY and TEXT");
    struct search_node node = { .key = row->key, .fuzzy = b->fuzzy };
    if (row->key == SEARCH_FLAG || row->key == SEARCH_NO_FLAG)
        node.flag = row->flag;
    if (row->arg != ARG_NONE && (!parse_sp(p) || !parse_arg(p, row->arg, &node)))
        return false;
    b->args->uses_modseq |= row->key == SEARCH_MODSEQ;
    b->args->uses_saved |= row->key == SEARCH_UID && node.set.saved;
    return add_node(p, b, node, &at);
}

bool parse_search_keys(struct parser *p, struct search_args *args)
{
    struct builder b = { .args = args };
    size_t root;
    if (!add_node(p, &b, (struct search_node){ .key = SEARCH_AND }, &root))
        return false;
    do
        if (!parse_key(p, &b))
            return false;
    while (!parser_at_end(p) && parse_sp(p));
    close_node(&b, root);
    return !parser_failed(p);
}

/* ---- the command ---- */

/* modifier-partial = "PARTIAL" SP partial-range     RFC 9394, 3.1: only one */
static bool parse_return_partial(struct parser *p, struct search_args *args)
{
    if (args->return_bits & SEARCH_RETURN_PARTIAL)
        return parser_fail(p, "PARTIAL once");
    return parse_sp(p) && parse_partial_range(p, &args->partial);
}

/* modifier-update = "UPDATE" [SP "(" fetch-att *(SP fetch-att) ")"]     RFC 5465, 8 */
static bool parse_return_update(struct parser *p, struct search_args *args)
{
    if (!str_starts(str_sub(p->in, p->at, 2), STR(" (")))
        return true;
    args->update_items = arena_new(p->arena, struct fetch_args);
    return parse_sp(p) && parse_fetch_att_list(p, args->update_items);
}

/* search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" */
bool parse_search_return(struct parser *p, struct search_args *args)
{
    args->has_return = true;
    if (!parse_sp(p) || !parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        struct str name;
        if (!parse_atom(p, &name))
            return false;
        const struct return_row *row = FIND_ROW(name, return_rows);
        if (!row)
            return parser_fail(p, "a RETURN option");
        if (row->bit == SEARCH_RETURN_PARTIAL && !parse_return_partial(p, args))
            return false;
        if (row->bit == SEARCH_RETURN_UPDATE && !parse_return_update(p, args))
            return false;
        args->return_bits |= row->bit;
    }
    if (args->return_bits == 0)
        args->return_bits = SEARCH_RETURN_ALL;
    args->wants_relevancy = args->return_bits & SEARCH_RETURN_RELEVANCY;
    if (args->return_bits & SEARCH_RETURN_PARTIAL && args->return_bits & SEARCH_RETURN_ALL)
        return parser_fail(p, "one of ALL and PARTIAL");
    return !parser_failed(p) && parse_sp(p);
}

/* "CHARSET" SP charset SP */
static bool parse_charset(struct parser *p, struct search_args *args)
{
    return parse_sp(p) && parse_astring(p, &args->charset) && parse_sp(p);
}

bool parse_search_command(struct parser *p, struct search_args *args)
{
    return (!try_word(p, STR("RETURN")) || parse_search_return(p, args)) &&
           (!try_word(p, STR("CHARSET")) || parse_charset(p, args)) && parse_search_keys(p, args) &&
           check_search_relevancy(p, args) && parse_end(p);
}

int search_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct search_args *args = arena_new(p->arena, struct search_args);
    args->uid = p->uid;
    if (!parse_sp(p) || !parse_search_command(p, args))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

static enum arg_kind arg_of(enum search_key key)
{
    for (size_t i = 0; i < ARRAY_COUNT(search_rows); i++)
        if (search_rows[i].key == key)
            return search_rows[i].arg;
    return key == SEARCH_SEQ ? ARG_SET : ARG_NONE;
}

void search_args_copy(const struct search_args *args, struct arena *arena, struct search_args *out)
{
    *out = *args;
    out->charset = arena_dup(arena, args->charset);
    if (args->update_items)
        out->update_items = fetch_args_copy_atts(args->update_items, arena);
    out->nodes = arena_new_array(arena, struct search_node, args->node_count);
    for (size_t i = 0; i < args->node_count; i++) {
        const struct search_node *node = &args->nodes[i];
        enum arg_kind arg = arg_of(node->key);
        out->nodes[i] = *node;
        if (arg == ARG_SET)
            seqset_copy(&node->set, arena, &out->nodes[i].set);
        if (arg == ARG_TEXT || arg == ARG_HEADER || arg == ARG_KEYWORD)
            out->nodes[i].text = arena_dup(arena, node->text);
        if (arg == ARG_HEADER)
            out->nodes[i].header = arena_dup(arena, node->header);
    }
}

/* "CANCELUPDATE" 1*(SP quoted) */
int cancelupdate_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct cancelupdate_args *args = arena_new(p->arena, struct cancelupdate_args);
    size_t cap = 0;
    do {
        struct str tag;
        if ((args->count == CANCELUPDATE_TAGS_MAX && !parser_fail_limit(p, "tags")) || !parse_sp(p) ||
            !parse_quoted(p, &tag))
            return parser_error(p, err);
        args->tags = arena_grow(p->arena, args->tags, args->count, &cap, sizeof tag);
        args->tags[args->count++] = tag;
    } while (!parser_at_end(p));
    if (!parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}
