#include "imap/wire/esearch_args.h"

static bool parse_source(struct parser *p, struct esearch_args *a, size_t *cap)
{
    struct esearch_source source = { 0 };
    if (a->source_count == ESEARCH_SOURCES_MAX)
        return parser_fail_limit(p, "sources");
    if (!parse_notify_filter(p, true, &source.filter, &source.names, &source.name_count))
        return false;
    a->sources = arena_grow(p->arena, a->sources, a->source_count, cap, sizeof source);
    a->sources[a->source_count++] = source;
    return true;
}

/* esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"; there are no scope-options yet */
static bool parse_sources(struct parser *p, struct esearch_args *a)
{
    size_t cap = 0;
    if (!parse_sp(p) || !parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!parse_source(p, a, &cap))
            return false;
    if (a->source_count == 0)
        return parser_fail(p, "a source");
    return !parser_failed(p) && parse_sp(p);
}

static bool selected_only(const struct esearch_args *a)
{
    for (size_t i = 0; i < a->source_count; i++)
        if (a->sources[i].filter != NOTIFY_SELECTED)
            return false;
    return true;
}

static bool check_save(struct parser *p, const struct esearch_args *a)
{
    return !(a->search.return_bits & SEARCH_RETURN_SAVE) || selected_only(a) ||
           parser_fail(p, "SAVE with the selected mailbox only");
}

/* esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program */
int esearch_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct esearch_args *a = arena_new(p->arena, struct esearch_args);
    a->search.uid = true;
    if (!parse_sp(p) || (try_word(p, STR("IN")) && !parse_sources(p, a)))
        return parser_error(p, err);
    if (a->source_count == 0) {
        a->sources = arena_new(p->arena, struct esearch_source);
        a->sources[a->source_count++].filter = NOTIFY_SELECTED;
    }
    if (!parse_search_command(p, &a->search) || !check_save(p, a))
        return parser_error(p, err);
    *args_out = a;
    return 0;
}
