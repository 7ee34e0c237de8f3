#include "base/buf.h"
#include "base/testing.h"
#include "imap/wire/search_args.h"
#include "imap/wire/search_filter.h"

static const char *const key_names[] = {
    [SEARCH_AND] = "and",
    [SEARCH_OR] = "or",
    [SEARCH_NOT] = "not",
    [SEARCH_ALL] = "all",
    [SEARCH_FLAG] = "flag",
    [SEARCH_NO_FLAG] = "no-flag",
    [SEARCH_KEYWORD] = "keyword",
    [SEARCH_NO_KEYWORD] = "no-keyword",
    [SEARCH_RECENT] = "recent",
    [SEARCH_OLD] = "old",
    [SEARCH_NEW] = "new",
    [SEARCH_SEQ] = "seq",
    [SEARCH_UID] = "uid",
    [SEARCH_BEFORE] = "before",
    [SEARCH_ON] = "on",
    [SEARCH_SINCE] = "since",
    [SEARCH_SENT_BEFORE] = "sent-before",
    [SEARCH_SENT_ON] = "sent-on",
    [SEARCH_SENT_SINCE] = "sent-since",
    [SEARCH_SAVED_BEFORE] = "saved-before",
    [SEARCH_SAVED_ON] = "saved-on",
    [SEARCH_SAVED_SINCE] = "saved-since",
    [SEARCH_SAVEDATE_SUPPORTED] = "savedate-supported",
    [SEARCH_OLDER] = "older",
    [SEARCH_YOUNGER] = "younger",
    [SEARCH_LARGER] = "larger",
    [SEARCH_SMALLER] = "smaller",
    [SEARCH_MODSEQ] = "modseq",
    [SEARCH_FROM] = "from",
    [SEARCH_TO] = "to",
    [SEARCH_CC] = "cc",
    [SEARCH_BCC] = "bcc",
    [SEARCH_SUBJECT] = "subject",
    [SEARCH_BODY] = "body",
    [SEARCH_TEXT] = "text",
    [SEARCH_HEADER] = "header",
    [SEARCH_EMAILID] = "emailid",
    [SEARCH_THREADID] = "threadid",
};

static void print_value(const struct search_node *node, struct buf *out)
{
    switch (node->key) {
    case SEARCH_FLAG:
    case SEARCH_NO_FLAG:
        buf_printf(out, " " STR_FMT, STR_ARG(flag_name(node->flag)));
        break;
    case SEARCH_SEQ:
    case SEARCH_UID:
        buf_add_char(out, ' ');
        seqset_write(&node->set, out);
        break;
    case SEARCH_BEFORE ... SEARCH_SAVED_SINCE:
        buf_printf(out, " %d", node->day);
        break;
    case SEARCH_OLDER ... SEARCH_MODSEQ:
        buf_printf(out, " %llu", (unsigned long long)node->number);
        break;
    case SEARCH_HEADER:
        buf_printf(out, " " STR_FMT "=" STR_FMT, STR_ARG(node->header), STR_ARG(node->text));
        break;
    default:
        if (!str_is_nil(node->text))
            buf_printf(out, " " STR_FMT, STR_ARG(node->text));
    }
}

/* The tree in prefix form: "(and (flag \Seen) (not (all)))". */
static void print_node(const struct search_args *args, uint32_t i, struct buf *out)
{
    const struct search_node *node = &args->nodes[i];
    buf_printf(out, "(%s%s", key_names[node->key], node->fuzzy ? "~" : "");
    print_value(node, out);
    for (uint32_t child = i + 1; child < node->end; child = args->nodes[child].end) {
        buf_add_char(out, ' ');
        print_node(args, child, out);
    }
    buf_add_char(out, ')');
}

static int parse(struct str in, struct arena *arena, const struct search_args **args)
{
    struct parser p;
    struct buf line = BUF_INIT;
    struct err err = { 0 };
    buf_add(&line, in);
    buf_add_lit(&line, "\r\n");
    parser_init(&p, arena_dup(arena, buf_str(&line)), &parser_limits_after_login, false, arena);
    buf_deinit(&line);
    const void *out = NULL;
    int r = search_args_parse(&p, &out, &err);
    assert_int_equal(r, -(int)err.kind);
    *args = out;
    return r;
}

static const struct search_case {
    const char *in;   /* behind SEARCH */
    const char *tree; /* NULL: -ERR_SYNTAX */
} cases[] = {
    { " ALL", "(and (all))" },
    { " all unseen", "(and (all) (no-flag \\Seen))" },
    { " ANSWERED DELETED DRAFT FLAGGED SEEN",
      "(and (flag \\Answered) (flag \\Deleted) (flag \\Draft) (flag \\Flagged) (flag \\Seen))" },
    { " UNANSWERED UNDELETED UNDRAFT UNFLAGGED",
      "(and (no-flag \\Answered) (no-flag \\Deleted) (no-flag \\Draft) (no-flag \\Flagged))" },
    { " NEW OLD RECENT", "(and (new) (old) (recent))" },
    { " KEYWORD $Junk UNKEYWORD x", "(and (keyword $Junk) (no-keyword x))" },
    { " 1:5,7", "(and (seq 1:5,7))" },
    { " 2,*", "(and (seq 2,*))" },
    { " $", "(and (seq $))" },
    { " UID 5:*", "(and (uid 5:*))" },
    { " UIDAFTER 25000 UIDBEFORE 3", "(and (uid 25001:4294967295) (uid 1:2))" }, /* RFC 9738, 3.2 */
    { " UIDAFTER 4294967295 UIDBEFORE 1", "(and (uid ) (uid ))" },
    { " FROM a TO b CC c BCC d SUBJECT e BODY f TEXT g",
      "(and (from a) (to b) (cc c) (bcc d) (subject e) (body f) (text g))" },
    { " SUBJECT \"a b\"", "(and (subject a b))" },
    { " SUBJECT {3}\r\na\nb", "(and (subject a\nb))" },
    { " SUBJECT \"\"", "(and (subject ))" },
    { " HEADER Message-ID <a@b>", "(and (header Message-ID=<a@b>))" },
    { " HEADER X \"\"", "(and (header X=))" },
    { " BEFORE 1-Jan-1970 ON 2-Jan-1970 SINCE \"3-Jan-1970\"", "(and (before 0) (on 1) (since 2))" },
    { " SENTBEFORE 1-Jan-1970 SENTON 2-Jan-1970 SENTSINCE 3-Jan-1970",
      "(and (sent-before 0) (sent-on 1) (sent-since 2))" },
    { " SAVEDBEFORE 1-Jan-1970 SAVEDON 2-Jan-1970 SAVEDSINCE 3-Jan-1970 SAVEDATESUPPORTED",
      "(and (saved-before 0) (saved-on 1) (saved-since 2) (savedate-supported))" },
    { " LARGER 5000000000 SMALLER 0", "(and (larger 5000000000) (smaller 0))" },
    { " OLDER 60 YOUNGER 1", "(and (older 60) (younger 1))" },
    { " MODSEQ 620162338", "(and (modseq 620162338))" },
    { " MODSEQ 0", "(and (modseq 0))" },
    { " MODSEQ \"/flags/\\\\draft\" all 620162338", "(and (modseq 620162338))" }, /* RFC 7162, 3.1.5 */
    { " EMAILID M1 THREADID T1", "(and (emailid M1) (threadid T1))" },
    { " NOT SEEN", "(and (not (flag \\Seen)))" },
    { " NOT NOT SEEN", "(and (not (not (flag \\Seen))))" },
    { " OR SEEN FLAGGED", "(and (or (flag \\Seen) (flag \\Flagged)))" },
    { " OR OR 1 2 OR 3 4 ALL", "(and (or (or (seq 1) (seq 2)) (or (seq 3) (seq 4))) (all))" },
    { " (1 2) 3", "(and (and (seq 1) (seq 2)) (seq 3))" },
    { " ((ALL))", "(and (and (and (all))))" },
    { " OR (1 2) NOT (FROM a)", "(and (or (and (seq 1) (seq 2)) (not (and (from a)))))" },
    { " CHARSET UTF-8 TEXT {2}\r\n\xc3\xbc", "(and (text \xc3\xbc))" },
    { " CHARSET \"UTF-8\" ALL", "(and (all))" },
    { " RETURN () ALL", "(and (all))" },
    { " RETURN (MIN MAX COUNT) CHARSET UTF-8 ALL", "(and (all))" },
    { " ALL ", "(and (all))" },
    { "", NULL },
    { " ", NULL },
    { " FOO", NULL },
    { " ALL  SEEN", NULL },
    { " ALLSEEN", NULL },
    { " ()", NULL },
    { " (ALL", NULL },
    { " ALL)", NULL },
    { " (ALL))", NULL },
    { " NOT", NULL },
    { " NOT ", NULL },
    { " OR ALL", NULL },
    { " OR ALL ", NULL },
    { " FROM", NULL },
    { " FROM ()", NULL },
    { " HEADER a", NULL },
    { " BEFORE 32-Jan-1970", NULL },
    { " LARGER -1", NULL },
    { " UIDAFTER 0", NULL },
    { " UIDBEFORE *", NULL },
    { " UIDAFTER 1:2", NULL },
    { " LARGER 9223372036854775808", NULL },
    { " OLDER 0", NULL },
    { " UID", NULL },
    { " UID x", NULL },
    { " 0", NULL },
    { " 1,,2", NULL },
    { " KEYWORD \\Seen", NULL },
    { " MODSEQ \"x\" all 1", NULL },
    { " MODSEQ \"/flags/a\" some 1", NULL },
    { " MODSEQ -1", NULL },
    { " CHARSET", NULL },
    { " CHARSET UTF-8", NULL },
    { " RETURN", NULL },
    { " RETURN ALL", NULL },
    { " RETURN (FOO) ALL", NULL },
    { " FUZZY SUBJECT work FROM user", "(and (subject~ work) (from user))" },
    { " FUZZY (SUBJECT a OR SEEN BODY b) 1",
      "(and (and (subject~ a) (or (flag~ \\Seen) (body~ b))) (seq 1))" },
    { " fuzzy FUZZY ALL", "(and (all~))" },
    { " FUZZY NOT SUBJECT a SUBJECT b", "(and (not (subject a)) (subject b))" },
    { " FUZZY (NOT SUBJECT a SUBJECT b)", "(and (and (not (subject a)) (subject~ b)))" },
    { " NOT FUZZY SUBJECT a", "(and (not (subject~ a)))" },
    { " RETURN (RELEVANCY ALL) FUZZY TEXT Helo", "(and (text~ Helo))" },
    { " FUZZY", NULL },
    { " FUZZY ", NULL },
    { " FUZZY FOO", NULL },
    { " RETURN (RELEVANCY) TEXT Helo", NULL },
    { " RETURN (PARTIAL 1:5) ALL", "(and (all))" },
    { " RETURN (COUNT PARTIAL -5:-1 MIN) ALL", "(and (all))" },
    { " RETURN (PARTIAL) ALL", NULL },
    { " RETURN (PARTIAL 1) ALL", NULL },
    { " RETURN (PARTIAL 1:*) ALL", NULL },
    { " RETURN (PARTIAL 1:-5) ALL", NULL },
    { " RETURN (ALL PARTIAL 1:5) ALL", NULL },
    { " RETURN (PARTIAL 1:5 ALL) ALL", NULL },
    { " RETURN (PARTIAL 1:5 PARTIAL 6:9) ALL", NULL },
    { " RETURN (MIN) ", NULL },
    { " CHARSET UTF-8 RETURN () ALL", NULL },
};

static void test_search_programs(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct buf tree = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct search_args *args;
        int r = parse(str_c(cases[i].in), &arena, &args);
        assert_row(r == (cases[i].tree ? 0 : -ERR_SYNTAX), i, cases[i].in);
        if (r == 0) {
            buf_clear(&tree);
            print_node(args, 0, &tree);
            if (!str_eq(buf_str(&tree), str_c(cases[i].tree)))
                print_error("got <%s>\n", buf_c(&tree));
            assert_row(str_eq(buf_str(&tree), str_c(cases[i].tree)), i, cases[i].in);
        }
        arena_reset(&arena);
    }
    buf_deinit(&tree);
    arena_deinit(&arena);
}

static void test_what_a_program_needs_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool has_return, modseq, saved, seq;
        unsigned bits;
        const char *charset;
    } needs[] = {
        { " ALL", false, false, false, false, 0, NULL },
        { " RETURN () ALL", true, false, false, false, SEARCH_RETURN_ALL, NULL },
        { " RETURN (SAVE) ALL", true, false, false, false, SEARCH_RETURN_SAVE, NULL },
        { " RETURN (min Count) 1", true, false, false, true, SEARCH_RETURN_MIN | SEARCH_RETURN_COUNT, NULL },
        { " RETURN (RELEVANCY) FUZZY ALL", true, false, false, false, SEARCH_RETURN_RELEVANCY, NULL },
        { " RETURN (UPDATE context) 1", true, false, false, true,
          SEARCH_RETURN_UPDATE | SEARCH_RETURN_CONTEXT, NULL },
        { " RETURN (PARTIAL 1:5 SAVE) $", true, false, true, false,
          SEARCH_RETURN_PARTIAL | SEARCH_RETURN_SAVE, NULL },
        { " $", false, false, true, false, 0, NULL },
        { " UID $", false, false, true, false, 0, NULL },
        { " UID 1", false, false, false, false, 0, NULL },
        { " NOT *", false, false, false, true, 0, NULL },
        { " OR MODSEQ 5 SEEN", false, true, false, false, 0, NULL },
        { " CHARSET KOI8-R ALL", false, false, false, false, 0, "KOI8-R" },
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(needs); i++) {
        const struct search_args *args;
        assert_row(parse(str_c(needs[i].in), &arena, &args) == 0, i, needs[i].in);
        assert_row(args->has_return == needs[i].has_return && args->return_bits == needs[i].bits, i,
                   needs[i].in);
        assert_row(args->uses_modseq == needs[i].modseq && args->uses_saved == needs[i].saved, i,
                   needs[i].in);
        assert_row(args->uses_seq == needs[i].seq && str_eq(args->charset, str_c(needs[i].charset)), i,
                   needs[i].in);
    }
    arena_deinit(&arena);
}

static void test_a_copy_needs_nothing_of_the_original(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT, copy_arena = ARENA_INIT;
        struct buf tree = BUF_INIT;
        const struct search_args *args;
        struct search_args copy;
        if (parse(str_c(cases[i].in), &arena, &args) == 0) {
            search_args_copy(args, &copy_arena, &copy);
            arena_wipe(&arena);
            arena_deinit(&arena);
            print_node(&copy, 0, &tree);
            assert_row(str_eq(buf_str(&tree), str_c(cases[i].tree)), i, cases[i].in);
        }
        buf_deinit(&tree);
        arena_deinit(&arena);
        arena_deinit(&copy_arena);
    }
}

static void test_cancelupdate_reads_quoted_tags(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int r;
        size_t count;
    } rows[] = {
        { " \"a\"", 0, 1 },
        { " \"a\" \"b\" \"c\"", 0, 3 },
        { " a", -ERR_SYNTAX, 0 },
        { "", -ERR_SYNTAX, 0 },
        { " \"a\"\"b\"", -ERR_SYNTAX, 0 },
        { " \"a\" b", -ERR_SYNTAX, 0 },
        { " {1}\r\na", -ERR_SYNTAX, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows) + 3; i++) {
        struct arena arena = ARENA_INIT;
        struct buf line = BUF_INIT;
        struct parser p;
        struct err err = { 0 };
        const void *args;
        size_t many = i < ARRAY_COUNT(rows) ? 0 : CANCELUPDATE_TAGS_MAX - 1 + i - ARRAY_COUNT(rows);
        int want = i < ARRAY_COUNT(rows) ? rows[i].r : many <= CANCELUPDATE_TAGS_MAX ? 0 : -ERR_LIMIT;
        buf_add(&line, str_c(i < ARRAY_COUNT(rows) ? rows[i].in : ""));
        for (size_t k = 0; k < many; k++)
            buf_add_lit(&line, " \"t\"");
        buf_add_lit(&line, "\r\n");
        parser_init(&p, buf_str(&line), &parser_limits_after_login, false, &arena);
        int r = cancelupdate_args_parse(&p, &args, &err);
        assert_row(r == want, i, buf_c(&line));
        if (r == 0)
            assert_row(((const struct cancelupdate_args *)args)->count == (many ? many : rows[i].count), i,
                       buf_c(&line));
        buf_deinit(&line);
        arena_deinit(&arena);
    }
}

static int parse_repeated(const char *word, size_t count, const char *last)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    const struct search_args *args;
    for (size_t i = 0; i < count; i++)
        buf_add(&text, str_c(word));
    buf_add(&text, str_c(last));
    int r = parse(buf_str(&text), &arena, &args);
    buf_deinit(&text);
    arena_deinit(&arena);
    return r;
}

static void test_depth_and_size_have_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated(" NOT", SEARCH_DEPTH_MAX - 1, " ALL"), 0);
    assert_int_equal(parse_repeated(" NOT", SEARCH_DEPTH_MAX, " ALL"), 0);
    assert_int_equal(parse_repeated(" NOT", SEARCH_DEPTH_MAX + 1, " ALL"), -ERR_LIMIT);
    assert_int_equal(parse_repeated(" FUZZY", SEARCH_DEPTH_MAX, " ALL"), 0);
    assert_int_equal(parse_repeated(" FUZZY", SEARCH_DEPTH_MAX + 1, " ALL"), -ERR_LIMIT);
    assert_int_equal(parse_repeated(" OR ALL", SEARCH_DEPTH_MAX, " ALL"), 0);
    assert_int_equal(parse_repeated(" OR ALL", SEARCH_DEPTH_MAX + 1, " ALL"), -ERR_LIMIT);
    assert_int_equal(parse_repeated(" ALL", SEARCH_NODES_MAX - 2, ""), 0); /* the root is one */
    assert_int_equal(parse_repeated(" ALL", SEARCH_NODES_MAX - 1, ""), 0);
    assert_int_equal(parse_repeated(" ALL", SEARCH_NODES_MAX, ""), -ERR_LIMIT);
    assert_int_equal(parse_repeated(" BODY x", SEARCH_TEXT_KEYS_MAX - 1, " FROM x"), 0);
    assert_int_equal(parse_repeated(" TEXT x", SEARCH_TEXT_KEYS_MAX, " FROM x"), 0);
    assert_int_equal(parse_repeated(" BODY x", SEARCH_TEXT_KEYS_MAX + 1, " FROM x"), -ERR_LIMIT);
    assert_int_equal(parse_repeated("(", 100000, ""), -ERR_SYNTAX); /* no space before it */
}

static void test_parentheses_have_a_limit(void **state)
{
    (void)state;
    for (size_t depth = SEARCH_DEPTH_MAX - 1; depth <= SEARCH_DEPTH_MAX + 1; depth++) {
        struct arena arena = ARENA_INIT;
        struct buf text = BUF_INIT;
        const struct search_args *args;
        buf_add_char(&text, ' ');
        for (size_t i = 0; i < depth; i++)
            buf_add_char(&text, '(');
        buf_add_lit(&text, "ALL");
        for (size_t i = 0; i < depth; i++)
            buf_add_char(&text, ')');
        assert_int_equal(parse(buf_str(&text), &arena, &args), depth <= SEARCH_DEPTH_MAX ? 0 : -ERR_LIMIT);
        buf_deinit(&text);
        arena_deinit(&arena);
    }
}

/* ---- FILTER ---- */

static int find_filter(void *ctx, struct str name, struct arena *arena, struct str *value_out,
                       struct err *err)
{
    static const struct {
        const char *name, *value;
    } filters[] = {
        { "on-the-road", "OR SMALLER 5000 FROM \"boss@example.com\"" },
        { "two", "SEEN FROM {3}\r\na b" },
        { "one", "NOT FILTER two" },
        { "half", "OR SMALLER" },
        { "bad", "FROM \"\xff\"" },
        { "to-none", "FILTER none" },
        { "loop", "FILTER loop" },
        { "d5", "SEEN" },
        { "d4", "FILTER d5" },
        { "d3", "FILTER d4" },
        { "d2", "FILTER d3" },
        { "d1", "FILTER d2" },
        { "d0", "FILTER d1" },
        { "double", "OR FILTER half2 FILTER half2" },
        { "half2", "OR SEEN SEEN" },
    };
    (void)ctx, (void)arena;
    if (str_eq_nocase(name, STR("broken")))
        return err_set(err, ERR_IO, "the disk");
    for (size_t i = 0; i < ARRAY_COUNT(filters); i++)
        if (str_eq_nocase(name, str_c(filters[i].name))) {
            *value_out = str_c(filters[i].value);
            return 0;
        }
    return err_set(err, ERR_NOT_FOUND, "no such filter");
}

static void test_filters_stand_for_their_keys(void **state)
{
    static const struct {
        const char *in, *undefined;
        int r;
        size_t nodes;
    } rows[] = {
        { " UID 300:900 FILTER on-the-road SINCE 3-Dec-2002", NULL, 0, 1 + 1 + 4 + 1 },
        { " filter ON-THE-ROAD", NULL, 0, 1 + 4 },
        { " NOT FILTER two", NULL, 0, 1 + 1 + 3 },
        { " (FILTER one)", NULL, 0, 1 + 1 + 1 + 1 + 3 },
        { " FILTER two FILTER two", NULL, 0, 1 + 3 + 3 },
        { " CHARSET UTF-8 FILTER two", NULL, 0, 4 },
        { " CHARSET us-ascii FILTER two", NULL, 0, 4 },
        { " CHARSET ISO-8859-1 FILTER two", NULL, -ERR_SYNTAX, 0 },
        { " FILTER none", "none", -ERR_NOT_FOUND, 0 },
        { " FILTER half", "half", -ERR_NOT_FOUND, 0 },
        { " FILTER bad", "bad", -ERR_NOT_FOUND, 0 },
        { " FILTER to-none", "none", -ERR_NOT_FOUND, 0 },
        { " FILTER loop", "loop", -ERR_NOT_FOUND, 0 },
        { " FILTER d1", NULL, 0, 1 + 5 + 1 },
        { " FILTER d0", "d5", -ERR_NOT_FOUND, 0 },
        { " FILTER broken", NULL, -ERR_IO, 0 },
        { " FILTER a/b", NULL, -ERR_SYNTAX, 0 },
        { " FILTER \"a\"", NULL, -ERR_SYNTAX, 0 },
        { " FILTER", NULL, -ERR_SYNTAX, 0 },
    };
    static const struct search_filters filters = { find_filter, NULL };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct arena arena = ARENA_INIT;
        struct parser p;
        const void *args;
        struct err err = { 0 };
        struct str line = arena_printf(&arena, "%s\r\n", rows[i].in);
        parser_init(&p, line, &parser_limits_after_login, false, &arena);
        p.filters = &filters;
        int r = search_args_parse(&p, &args, &err);
        assert_row(r == rows[i].r && (r == 0 || (int)err.kind == -r), i, rows[i].in);
        assert_row(str_eq(p.undefined_filter, str_c(rows[i].undefined)), i, rows[i].in);
        if (r == 0)
            assert_row(((const struct search_args *)args)->node_count == rows[i].nodes, i, rows[i].in);
        assert_row(p.wants_utf8 == (strstr(rows[i].in, "8859") != NULL), i, rows[i].in);
        arena_deinit(&arena);
    }
}

/* Few bytes that stand for many keys. */
static int find_large(void *ctx, struct str name, struct arena *arena, struct str *value_out, struct err *err)
{
    (void)ctx, (void)err;
    struct buf value = BUF_INIT;
    for (int i = 0; i < 20; i++)
        if (name.n >= 4)
            buf_add_lit(&value, "SEEN ");
        else
            buf_printf(&value, "FILTER a" STR_FMT " ", STR_ARG(name));
    value.n--;
    *value_out = arena_dup(arena, buf_str(&value));
    buf_deinit(&value);
    return 0;
}

static void test_filters_have_the_limits_of_a_search(void **state)
{
    static const struct search_filters filters = { find_large, NULL };
    static const struct {
        const char *in;
        int r;
    } rows[] = { { " FILTER aaa", 0 }, { " FILTER aa", -ERR_LIMIT }, { " FILTER a", -ERR_LIMIT } };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct arena arena = ARENA_INIT;
        struct parser p;
        const void *args;
        struct err err;
        parser_init(&p, arena_printf(&arena, "%s\r\n", rows[i].in), &parser_limits_after_login, false,
                    &arena);
        p.filters = &filters;
        assert_row(search_args_parse(&p, &args, &err) == rows[i].r, i, rows[i].in);
        arena_deinit(&arena);
    }
}

/* One long text, again and again: few keys, many bytes. */
static int find_long(void *ctx, struct str name, struct arena *arena, struct str *value_out, struct err *err)
{
    (void)name, (void)arena, (void)err;
    *value_out = *(const struct str *)ctx;
    return 0;
}

static void test_filters_have_so_many_bytes(void **state)
{
    enum { PIECE = 64 * 1024, FIT = SEARCH_FILTER_BYTES_MAX / PIECE };
    struct arena arena = ARENA_INIT;
    struct buf value = BUF_INIT;
    (void)state;
    buf_add_lit(&value, "SUBJECT ");
    while (value.n < PIECE)
        buf_add_char(&value, 'x');
    struct str piece = buf_str(&value);
    const struct search_filters filters = { find_long, &piece };
    for (size_t n = FIT - 1; n <= FIT + 1; n++) {
        struct parser p;
        struct buf line = BUF_INIT;
        const void *args;
        struct err err;
        for (size_t i = 0; i < n; i++)
            buf_add_lit(&line, " FILTER a");
        buf_add_lit(&line, "\r\n");
        parser_init(&p, buf_str(&line), &parser_limits_after_login, false, &arena);
        p.filters = &filters;
        assert_int_equal(search_args_parse(&p, &args, &err), n <= FIT ? 0 : -ERR_LIMIT);
        buf_deinit(&line);
    }
    buf_deinit(&value);
    arena_deinit(&arena);
}

static void test_a_filter_that_is_kept_must_be_a_search(void **state)
{
    static const struct {
        const char *value;
        int r;
    } rows[] = {
        { "OR SMALLER 5000 FROM \"boss@example.com\"", 0 },
        { "FILTER later", 0 },
        { "OR SMALLER", -ERR_INVALID },
        { "", -ERR_INVALID },
        { "SEEN)", -ERR_INVALID },
        { "SEEN\r\nNOOP", -ERR_INVALID },
        { "SUBJECT \"\xc3\xa4\"", 0 },
        { "SUBJECT \"\xe4\"", -ERR_INVALID },
        { "SUBJECT {1}\r\n\xe4", -ERR_INVALID },
    };
    static const struct {
        const char *name;
        int r;
    } names[] = { { "a", 0 },
                  { "on-the-road", 0 },
                  { "", -ERR_INVALID },
                  { "a/b", -ERR_INVALID },
                  { "a b", -ERR_INVALID } };
    struct err err;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        assert_row(search_filter_check(str_c(rows[i].value), &err) == rows[i].r, i, rows[i].value);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_row(search_filter_check_name(str_c(names[i].name), &err) == names[i].r, i, names[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_programs),
        cmocka_unit_test(test_what_a_program_needs_is_told),
        cmocka_unit_test(test_a_copy_needs_nothing_of_the_original),
        cmocka_unit_test(test_cancelupdate_reads_quoted_tags),
        cmocka_unit_test(test_depth_and_size_have_limits),
        cmocka_unit_test(test_parentheses_have_a_limit),
        cmocka_unit_test(test_filters_stand_for_their_keys),
        cmocka_unit_test(test_filters_have_the_limits_of_a_search),
        cmocka_unit_test(test_filters_have_so_many_bytes),
        cmocka_unit_test(test_a_filter_that_is_kept_must_be_a_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
