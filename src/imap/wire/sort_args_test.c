#include "base/testing.h"
#include "imap/wire/sort_args.h"

#include <string.h>

static int parse(const char *text, bool thread, struct arena *arena, const void **args_out)
{
    char line[400];
    struct parser p;
    struct str tag, name;
    struct err err;
    snprintf(line, sizeof line, "a %s\r\n", text);
    parser_init(&p, arena_dup(arena, str_c(line)), &parser_limits_after_login, false, arena);
    assert_true(parse_tag(&p, &tag) && parse_sp(&p) && parse_command_name(&p, &name));
    return thread ? thread_args_parse(&p, args_out, &err) : sort_args_parse(&p, args_out, &err);
}

static void test_sort_reads_criteria_charset_and_keys(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int r;
        const char *criteria; /* a digit of enum sort_key each, "-" before a reversed one */
        const char *charset;
        bool uid, has_return;
        unsigned bits;
        size_t nodes;
    } cases[] = {
        { "SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994", 0, "5", "UTF-8", false, false, 0, 2 }, /* RFC 5256, 3 */
        { "SORT (SUBJECT REVERSE DATE) UTF-8 ALL", 0, "5-2", "UTF-8", false, false, 0, 2 },
        { "SORT (SUBJECT) US-ASCII TEXT \"not in mailbox\"", 0, "5", "US-ASCII", false, false, 0, 2 },
        { "UID SORT (reverse date) \"utf-8\" SEEN DRAFT", 0, "-2", "utf-8", true, false, 0, 3 },
        { "SORT (ARRIVAL CC DATE FROM SIZE SUBJECT TO DISPLAYFROM DISPLAYTO) X ALL", 0, "012345678", "X",
          false, false, 0, 2 },
        { "SORT (DATE REVERSE DATE SIZE DATE) X ALL", 0, "24", "X", false, false, 0, 2 },
        /* RFC 5267, 3.3 */
        { "UID SORT RETURN () (REVERSE DATE) UTF-8 UNDELETED UNKEYWORD $Junk", 0, "-2", "UTF-8", true, true,
          SEARCH_RETURN_ALL, 3 },
        { "SORT RETURN (MIN MAX COUNT SAVE) (DATE) UTF-8 ALL", 0, "2", "UTF-8", false, true,
          SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_COUNT | SEARCH_RETURN_SAVE, 2 },
        { "SORT (DATE) UTF-8", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT (DATE) ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT () UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT (REVERSE) UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT (REVERSE REVERSE DATE) UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT (BCC) UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT DATE UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT (DATE)UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT (DATE UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT RETURN (DATE) UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT RETURN (PARTIAL 1:2) (DATE) UTF-8 ALL", 0, "2", "UTF-8", false, true, SEARCH_RETURN_PARTIAL,
          2 },
        { "SORT RETURN (PARTIAL 1:*) (DATE) UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT RETURN MIN (DATE) UTF-8 ALL", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
        { "SORT", -ERR_SYNTAX, NULL, NULL, false, false, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        const void *args = NULL;
        char criteria[2 * SORT_CRITERIA_MAX + 1] = "";
        assert_row(parse(cases[i].in, false, &arena, &args) == cases[i].r, i, cases[i].in);
        if (cases[i].r == 0) {
            const struct sort_args *a = args;
            for (size_t k = 0; k < a->criterion_count; k++) {
                char key[3] = { a->criteria[k].reverse ? '-' : (char)('0' + a->criteria[k].key), 0, 0 };
                key[1] = a->criteria[k].reverse ? (char)('0' + a->criteria[k].key) : 0;
                strcat(criteria, key);
            }
            assert_row(strcmp(criteria, cases[i].criteria) == 0, i, cases[i].in);
            assert_row(str_eq(a->search.charset, str_c(cases[i].charset)), i, "charset");
            assert_row(a->search.uid == cases[i].uid && a->search.has_return == cases[i].has_return, i,
                       "form");
            assert_row(a->search.return_bits == cases[i].bits, i, "RETURN");
            assert_row(a->search.node_count == cases[i].nodes, i, "keys");
        }
        arena_deinit(&arena);
    }
}

static void test_thread_reads_algorithm_charset_and_keys(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int r;
        enum thread_algorithm algorithm;
        bool uid;
    } cases[] = {
        { "THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000", 0, THREAD_ORDEREDSUBJECT, false }, /* RFC 5256, 3 */
        { "THREAD ORDEREDSUBJECT US-ASCII TEXT \"gewp\"", 0, THREAD_ORDEREDSUBJECT, false },
        { "UID THREAD references \"UTF-8\" ALL", 0, THREAD_REFERENCES, true },
        { "THREAD REFS UTF-8 NOT (SEEN DELETED)", 0, THREAD_REFS, false },
        { "THREAD REFERENCES ALL", -ERR_SYNTAX, 0, false },
        { "THREAD UTF-8 ALL", -ERR_SYNTAX, 0, false },
        { "THREAD JWZ UTF-8 ALL", -ERR_SYNTAX, 0, false },
        { "THREAD (REFERENCES) UTF-8 ALL", -ERR_SYNTAX, 0, false },
        { "THREAD REFERENCES UTF-8", -ERR_SYNTAX, 0, false },
        { "THREAD RETURN (COUNT) REFERENCES UTF-8 ALL", -ERR_SYNTAX, 0, false },
        { "THREAD", -ERR_SYNTAX, 0, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        const void *args = NULL;
        assert_row(parse(cases[i].in, true, &arena, &args) == cases[i].r, i, cases[i].in);
        if (cases[i].r == 0) {
            const struct thread_args *a = args;
            assert_row(a->algorithm == cases[i].algorithm && a->search.uid == cases[i].uid, i, cases[i].in);
        }
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort_reads_criteria_charset_and_keys),
        cmocka_unit_test(test_thread_reads_algorithm_charset_and_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
