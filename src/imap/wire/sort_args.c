#include "imap/wire/sort_args.h"

static const struct sort_row {
    struct str name;
    enum sort_key key;
} sort_rows[] = {
    { STR_INIT("ARRIVAL"), SORT_ARRIVAL },
    { STR_INIT("CC"), SORT_CC },
    { STR_INIT("DATE"), SORT_DATE },
    { STR_INIT("FROM"), SORT_FROM },
    { STR_INIT("SIZE"), SORT_SIZE },
    { STR_INIT("SUBJECT"), SORT_SUBJECT },
    { STR_INIT("TO"), SORT_TO },
    { STR_INIT("DISPLAYFROM"), SORT_DISPLAY_FROM },
    { STR_INIT("DISPLAYTO"), SORT_DISPLAY_TO },
    { STR_INIT("RELEVANCY"), SORT_RELEVANCY },
};

static const struct thread_row {
    struct str name;
    enum thread_algorithm algorithm;
} thread_rows[] = {
    { STR_INIT("ORDEREDSUBJECT"), THREAD_ORDEREDSUBJECT },
    { STR_INIT("REFERENCES"), THREAD_REFERENCES },
    { STR_INIT("REFS"), THREAD_REFS },
};

static void add_criterion(struct sort_args *a, struct sort_criterion criterion)
{
    for (size_t i = 0; i < a->criterion_count; i++)
        if (a->criteria[i].key == criterion.key)
            return;
    a->criteria[a->criterion_count++] = criterion;
}

/* sort-criterion = ["REVERSE" SP] sort-key */
static bool parse_criterion(struct parser *p, struct sort_args *a)
{
    struct str name;
    bool reverse = try_word(p, STR("REVERSE"));
    if ((reverse && !parse_sp(p)) || !parse_label(p, &name, "a sort key"))
        return false;
    const struct sort_row *row = FIND_ROW(name, sort_rows);
    if (!row)
        return parser_fail(p, "a sort key");
    a->search.wants_relevancy |= row->key == SORT_RELEVANCY;
    add_criterion(a, (struct sort_criterion){ row->key, reverse });
    return true;
}

/* sort-criteria = "(" sort-criterion *(SP sort-criterion) ")" */
static bool parse_criteria(struct parser *p, struct sort_args *a)
{
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!parse_criterion(p, a))
            return false;
    if (!parser_failed(p) && a->criterion_count == 0)
        return parser_fail(p, "a sort key");
    return !parser_failed(p);
}

/* search-criteria = charset 1*(SP search-key) */
static bool parse_search_criteria(struct parser *p, struct search_args *search)
{
    return parse_astring(p, &search->charset) && parse_sp(p) && parse_search_keys(p, search) &&
           check_search_relevancy(p, search) && parse_end(p);
}

int sort_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct sort_args *a = arena_new(p->arena, struct sort_args);
    a->search.uid = p->uid;
    if (!parse_sp(p) || (try_word(p, STR("RETURN")) && !parse_search_return(p, &a->search)) ||
        !parse_criteria(p, a) || !parse_sp(p) || !parse_search_criteria(p, &a->search))
        return parser_error(p, err);
    *args_out = a;
    return 0;
}

static bool parse_algorithm(struct parser *p, enum thread_algorithm *out)
{
    struct str name;
    if (!parse_label(p, &name, "a threading algorithm"))
        return false;
    const struct thread_row *row = FIND_ROW(name, thread_rows);
    if (!row)
        return parser_fail(p, "ORDEREDSUBJECT, REFERENCES or REFS");
    *out = row->algorithm;
    return true;
}

int thread_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct thread_args *a = arena_new(p->arena, struct thread_args);
    a->search.uid = p->uid;
    if (!parse_sp(p) || !parse_algorithm(p, &a->algorithm) || !parse_sp(p) ||
        !parse_search_criteria(p, &a->search))
        return parser_error(p, err);
    *args_out = a;
    return 0;
}
