#include "imap/wire/esearch_args.h"

#include "base/testing.h"

static const char *const filters[] = {
    [NOTIFY_SELECTED] = "selected",       [NOTIFY_INBOXES] = "inboxes", [NOTIFY_PERSONAL] = "personal",
    [NOTIFY_SUBSCRIBED] = "subscribed",   [NOTIFY_SUBTREE] = "subtree", [NOTIFY_MAILBOXES] = "mailboxes",
    [NOTIFY_SUBTREE_ONE] = "subtree-one",
};

static const struct {
    const char *in; /* behind ESEARCH */
    int r;
    const char *sources; /* and names */
    unsigned bits;
    size_t nodes;
} cases[] = {
    { " unseen", 0, " selected", 0, 2 },
    { " RETURN (COUNT) unseen", 0, " selected", SEARCH_RETURN_COUNT, 2 },
    { " IN (mailboxes \"folder1\" subtree \"folder2\") unseen", 0, " mailboxes <folder1> subtree <folder2>",
      0, 2 },
    { " IN (mailboxes \"folder1\" subtree-one \"folder2\") subject \"chad\"", 0,
      " mailboxes <folder1> subtree-one <folder2>", 0, 2 },
    { " in (Selected Personal inboxes SUBSCRIBED) RETURN () CHARSET UTF-8 ALL SEEN", 0,
      " selected personal inboxes subscribed", SEARCH_RETURN_ALL, 3 },
    { " IN (mailboxes (a inbox \"b c\")) 1:100", 0, " mailboxes <a> <INBOX> <b c>", 0, 2 },
    { " IN (selected) RETURN (SAVE) ALL", 0, " selected", SEARCH_RETURN_SAVE, 2 },
    { " IN (selected selected) RETURN (SAVE) ALL", 0, " selected selected", SEARCH_RETURN_SAVE, 2 },
    { " IN (selected personal) RETURN (SAVE) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (mailboxes INBOX) RETURN (SAVE COUNT) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (selected-delayed) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN () ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (personal (scope)) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (mailboxes) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (mailboxes ()) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (subtree) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN personal ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (everything) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (personal)", -ERR_SYNTAX, NULL, 0, 0 },
    { " RETURN (COUNT) IN (personal) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (personal) RETURN (ALL PARTIAL 1:2) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { " IN (personal) RETURN (RELEVANCY) ALL", -ERR_SYNTAX, NULL, 0, 0 },
    { "", -ERR_SYNTAX, NULL, 0, 0 },
};

static int parse(struct str in, struct arena *arena, const struct esearch_args **args)
{
    struct parser p;
    struct err err = { 0 };
    const void *out = NULL;
    parser_init(&p, arena_printf(arena, STR_FMT "\r\n", STR_ARG(in)), &parser_limits_after_login, false,
                arena);
    int r = esearch_args_parse(&p, &out, &err);
    assert_int_equal(r, -(int)err.kind);
    *args = out;
    return r;
}

static void test_sources_come_before_what_is_returned(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct buf text = BUF_INIT;
        const struct esearch_args *args;
        assert_row(parse(str_c(cases[i].in), &arena, &args) == cases[i].r, i, cases[i].in);
        for (size_t k = 0; cases[i].r == 0 && k < args->source_count; k++) {
            buf_printf(&text, " %s", filters[args->sources[k].filter]);
            for (size_t n = 0; n < args->sources[k].name_count; n++)
                buf_printf(&text, " <" STR_FMT ">", STR_ARG(args->sources[k].names[n]));
        }
        if (cases[i].r == 0) {
            assert_row(str_eq(buf_str(&text), str_c(cases[i].sources)), i, cases[i].in);
            assert_row(args->search.uid && args->search.return_bits == cases[i].bits &&
                           args->search.node_count == cases[i].nodes,
                       i, cases[i].in);
        }
        buf_deinit(&text);
        arena_deinit(&arena);
    }
}

static void test_sources_have_a_limit(void **state)
{
    (void)state;
    for (size_t count = ESEARCH_SOURCES_MAX - 1; count <= ESEARCH_SOURCES_MAX + 1; count++) {
        struct arena arena = ARENA_INIT;
        struct buf text = BUF_INIT;
        const struct esearch_args *args;
        buf_add_lit(&text, " IN (personal");
        for (size_t i = 1; i < count; i++)
            buf_add_lit(&text, " subscribed");
        buf_add_lit(&text, ") ALL");
        assert_int_equal(parse(buf_str(&text), &arena, &args), count <= ESEARCH_SOURCES_MAX ? 0 : -ERR_LIMIT);
        buf_deinit(&text);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources_come_before_what_is_returned),
        cmocka_unit_test(test_sources_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
