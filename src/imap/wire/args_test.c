/* The arguments of every command but SEARCH: one table of lines a command, each with what was understood,
 * printed as text. */
#include "base/buf.h"
#include "base/testing.h"
#include "imap/wire/append_args.h"
#include "imap/wire/fetch_args.h"
#include "imap/wire/list_args.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/message_args.h"
#include "imap/wire/session_args.h"
#include "imap/wire/writer.h"
#include "mail/tree.h"

typedef int parse_fn(struct parser *p, const void **args_out, struct err *err);
typedef void print_fn(const void *args, struct buf *out);

struct line_case {
    const char *in;   /* as a command without its tag: "UID FETCH 1 FLAGS" */
    const char *want; /* NULL: -ERR_SYNTAX; "LIMIT", "INVALID" */
};

static int error_by_name(const char *want)
{
    if (want == NULL)
        return -ERR_SYNTAX;
    return strcmp(want, "LIMIT") == 0 ? -ERR_LIMIT : strcmp(want, "INVALID") == 0 ? -ERR_INVALID : 0;
}

static void check_lines(const struct line_case *cases, size_t count, const struct parser_limits *limits,
                        parse_fn *parse, print_fn *print)
{
    struct arena arena = ARENA_INIT;
    struct buf line = BUF_INIT, out = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        struct parser p;
        struct str name;
        struct err err = { 0 };
        const void *args = NULL;
        buf_clear(&line);
        buf_clear(&out);
        buf_printf(&line, "%s\r\n", cases[i].in);
        parser_init(&p, buf_str(&line), limits, false, &arena);
        assert_row(parse_command_name(&p, &name), i, cases[i].in);
        int r = parse(&p, &args, &err);
        if (r != error_by_name(cases[i].want))
            print_error("r %d, %s\n", r, err.text);
        assert_row(r == error_by_name(cases[i].want) && r == -(int)err.kind, i, cases[i].in);
        if (r == 0) {
            print(args, &out);
            if (!str_eq(buf_str(&out), str_c(cases[i].want)))
                print_error("got <%s>\n", buf_c(&out));
            assert_row(str_eq(buf_str(&out), str_c(cases[i].want)), i, cases[i].in);
        }
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    buf_deinit(&line);
    buf_deinit(&out);
}

#define CHECK_LINES(cases, parse, print)                                                                     \
    check_lines(cases, ARRAY_COUNT(cases), &parser_limits_after_login, parse, print)

static void print_set(const struct seqset *set, struct buf *out)
{
    buf_add_char(out, ' ');
    seqset_write(set, out);
}

/* ---- FETCH ---- */

static void print_fetch(const void *args, struct buf *out)
{
    const struct fetch_args *fetch = args;
    buf_printf(out, "%s", fetch->uid ? "uid" : "seq");
    print_set(&fetch->set, out);
    for (size_t i = 0; i < fetch->att_count; i++) {
        const struct fetch_att *att = &fetch->atts[i];
        buf_add_char(out, ' ');
        fetch_att_write_name(att, out);
        if (att->has_partial)
            buf_printf(out, "+%llu", (unsigned long long)att->length);
        if (att->sets_seen)
            buf_add_char(out, '!');
        if (att->lazy)
            buf_add_lit(out, "~lazy");
    }
    if (fetch->has_changed_since)
        buf_printf(out, " since=%llu", (unsigned long long)fetch->changed_since);
    if (fetch->partial.first) {
        buf_add_lit(out, " partial=");
        partial_range_write(&fetch->partial, out);
    }
    if (fetch->vanished)
        buf_add_lit(out, " vanished");
}

static void test_fetch(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "FETCH 1 FLAGS", "seq 1 FLAGS" },
        { "UID FETCH 1:* (UID FLAGS)", "uid 1:* UID FLAGS" },
        { "FETCH $ (flags uid)", "seq $ FLAGS UID" },
        { "FETCH 1 ALL", "seq 1 FLAGS INTERNALDATE RFC822.SIZE ENVELOPE" },
        { "FETCH 1 FAST", "seq 1 FLAGS INTERNALDATE RFC822.SIZE" },
        { "FETCH 1 full", "seq 1 FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY" },
        { "FETCH 1 (BODY BODYSTRUCTURE ENVELOPE)", "seq 1 BODY BODYSTRUCTURE ENVELOPE" },
        { "FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)",
          "seq 1 RFC822! RFC822.HEADER RFC822.TEXT! RFC822.SIZE" },
        { "FETCH 1 (MODSEQ EMAILID THREADID SAVEDATE PREVIEW)",
          "seq 1 MODSEQ EMAILID THREADID SAVEDATE PREVIEW" },
        { "FETCH 1 PREVIEW (LAZY)", "seq 1 PREVIEW~lazy" },
        { "FETCH 1 (PREVIEW (LAZY) UID)", "seq 1 PREVIEW~lazy UID" },
        { "FETCH 1 (PREVIEW (LAZY LAZY))", "seq 1 PREVIEW~lazy" },
        { "FETCH 1 PREVIEW (CHANGEDSINCE 5)", "seq 1 PREVIEW since=5" },
        { "FETCH 1 PREVIEW (LAZY) (CHANGEDSINCE 5)", "seq 1 PREVIEW~lazy since=5" },
        { "FETCH 1 BODY[]", "seq 1 BODY[]!" },
        { "FETCH 1 BODY.PEEK[]", "seq 1 BODY[]" },
        { "FETCH 1 BODY[]<0.100>", "seq 1 BODY[]<0>+100!" },
        { "FETCH 1 BODY.PEEK[TEXT]<5000000000.1>", "seq 1 BODY[TEXT]<5000000000>+1" },
        { "FETCH 1 BODY[1.2.3]", "seq 1 BODY[1.2.3]!" },
        { "FETCH 1 BODY[1.MIME]", "seq 1 BODY[1.MIME]!" },
        { "FETCH 1 BODY[1.2.HEADER]", "seq 1 BODY[1.2.HEADER]!" },
        { "FETCH 1 BODY[1.TEXT]", "seq 1 BODY[1.TEXT]!" },
        { "FETCH 1 body.peek[header.fields (From \"to\")]", "seq 1 BODY[HEADER.FIELDS (From to)]" },
        { "FETCH 1 BODY.PEEK[HEADER.FIELDS ({4}\r\nDate)]", "seq 1 BODY[HEADER.FIELDS (Date)]" },
        { "FETCH 1 BODY.PEEK[1.HEADER.FIELDS.NOT (X Y)]<1.2>", "seq 1 BODY[1.HEADER.FIELDS.NOT (X Y)]<1>+2" },
        { "FETCH 1 (BODY[1] BODY[2] BODY[1])", "seq 1 BODY[1]! BODY[2]! BODY[1]!" },
        { "FETCH 1 (BINARY[1] BINARY.PEEK[2]<1.2> BINARY.SIZE[])",
          "seq 1 BINARY[1]! BINARY[2]<1>+2 BINARY.SIZE[]" },
        { "FETCH 1 (FLAGS FLAGS UID FLAGS)", "seq 1 FLAGS UID" },
        { "FETCH 1 (FLAGS) (CHANGEDSINCE 0)", "seq 1 FLAGS since=0" }, /* iOS 16 */
        { "UID FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)", "uid 1 FLAGS since=5 vanished" },
        { "UID FETCH 1 FLAGS (VANISHED CHANGEDSINCE 5)", "uid 1 FLAGS since=5 vanished" },
        { "FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)", NULL },
        { "UID FETCH 1 FLAGS (VANISHED)", NULL },
        { "UID FETCH 1 FLAGS (CHANGEDSINCE 5 CHANGEDSINCE 6)", NULL },
        { "UID FETCH 1 FLAGS (PARTIAL -1:-3)", "uid 1 FLAGS partial=-1:-3" },
        { "UID FETCH 1:* FLAGS (CHANGEDSINCE 5 partial 20:10)", "uid 1:* FLAGS since=5 partial=20:10" },
        { "UID FETCH 1 FLAGS (PARTIAL 1:3 CHANGEDSINCE 5)", "uid 1 FLAGS since=5 partial=1:3" },
        { "FETCH 1 FLAGS (PARTIAL 1:3)", NULL },
        { "UID FETCH 1 FLAGS (PARTIAL)", NULL },
        { "UID FETCH 1 FLAGS (PARTIAL 1:-3)", NULL },
        { "UID FETCH 1 FLAGS (PARTIAL 1:3 PARTIAL 1:3)", NULL },
        { "FETCH 1 FLAGS (CHANGEDSINCE)", NULL },
        { "FETCH 1 FLAGS (FOO)", NULL },
        { "FETCH", NULL },
        { "FETCH 1", NULL },
        { "FETCH 1 ", NULL },
        { "FETCH FLAGS", NULL },
        { "FETCH 0 FLAGS", NULL },
        { "FETCH 1 ()", NULL },
        { "FETCH 1 (ALL)", NULL },
        { "FETCH 1 FOO", NULL },
        { "FETCH 1 FLAGS UID", NULL },
        { "FETCH 1 (FLAGS", NULL },
        { "FETCH 1 (FLAGS (UID))", NULL },
        { "FETCH 1 BODY[", NULL },
        { "FETCH 1 BODY.PEEK", NULL },
        { "FETCH 1 BODY[0]", NULL },
        { "FETCH 1 BODY[1.]", NULL },
        { "FETCH 1 BODY[.1]", NULL },
        { "FETCH 1 BODY[1..2]", NULL },
        { "FETCH 1 BODY[MIME]", NULL },
        { "FETCH 1 BODY[FOO]", NULL },
        { "FETCH 1 BODY[TEXT.1]", NULL },
        { "FETCH 1 BODY[HEADER.FIELDS]", NULL },
        { "FETCH 1 BODY[HEADER.FIELDS ()]", NULL },
        { "FETCH 1 BODY[HEADER.FIELDS (a)", NULL },
        { "FETCH 1 BODY[HEADER.FIELDS ({1}\r\n\n)]", NULL },
        { "FETCH 1 BODY[]<1>", NULL },
        { "FETCH 1 BODY[]<1.0>", NULL },
        { "FETCH 1 BODY[]<-1.5>", NULL },
        { "FETCH 1 BODY[]<9223372036854775808.1>", NULL },
        { "FETCH 1 BINARY[TEXT]", NULL },
        { "FETCH 1 BINARY[1.MIME]", NULL },
        { "FETCH 1 BINARY.SIZE[1]<0.1>", NULL },
        { "FETCH 1 BINARY", NULL },
        { "FETCH 1 PREVIEW (FOO)", NULL },
    };
    CHECK_LINES(cases, fetch_args_parse, print_fetch);
}

static int parse_repeated(const char *start, const char *word, size_t count, const char *end, parse_fn *parse)
{
    struct arena arena = ARENA_INIT;
    struct buf line = BUF_INIT;
    struct parser p;
    const void *args;
    buf_add(&line, str_c(start));
    for (size_t i = 0; i < count; i++)
        buf_add(&line, str_c(word));
    buf_printf(&line, "%s\r\n", end);
    parser_init(&p, buf_str(&line), &parser_limits_after_login, false, &arena);
    int r = parse(&p, &args, NULL);
    buf_deinit(&line);
    arena_deinit(&arena);
    return r;
}

static void test_fetch_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated(" 1 (UID", " BODY[]", 254, ")", fetch_args_parse), 0);
    assert_int_equal(parse_repeated(" 1 (UID", " BODY[]", 255, ")", fetch_args_parse), 0);
    assert_int_equal(parse_repeated(" 1 (UID", " BODY[]", 256, ")", fetch_args_parse), -ERR_LIMIT);
    assert_int_equal(parse_repeated(" 1 BODY[1", ".1", SECTION_PARTS_MAX - 1, "]", fetch_args_parse), 0);
    assert_int_equal(parse_repeated(" 1 BODY[1", ".1", SECTION_PARTS_MAX, "]", fetch_args_parse), -ERR_LIMIT);
    assert_int_equal(parse_repeated(" 1 BODY[HEADER.FIELDS (a", " a", 1023, ")]", fetch_args_parse), 0);
    assert_int_equal(parse_repeated(" 1 BODY[HEADER.FIELDS (a", " a", 1024, ")]", fetch_args_parse),
                     -ERR_LIMIT);
    assert_int_equal(parse_repeated(" 1 BODY[HEADER.FIELDS (", "a", 256, ")]", fetch_args_parse), 0);
    assert_int_equal(parse_repeated(" 1 BODY[HEADER.FIELDS (", "a", 257, ")]", fetch_args_parse), -ERR_LIMIT);
}

/* ---- STORE, COPY, EXPUNGE ---- */

static void print_store(const void *args, struct buf *out)
{
    static const char modes[] = { [STORE_REPLACE] = '=', [STORE_ADD] = '+', [STORE_REMOVE] = '-' };
    const struct store_args *store = args;
    buf_printf(out, "%s", store->uid ? "uid" : "seq");
    print_set(&store->set, out);
    buf_printf(out, " %c%s ", modes[store->mode], store->silent ? "silent" : "");
    write_flag_names(out, store->flags.flags, store->flags.keywords, store->flags.keyword_count, false);
    if (store->conditional)
        buf_printf(out, " unchanged=%llu", (unsigned long long)store->unchanged_since);
}

static void test_store(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "STORE 1:2 FLAGS (\\Seen)", "seq 1:2 = (\\Seen)" },
        { "STORE 1 +FLAGS \\Seen $Junk", "seq 1 + (\\Seen $Junk)" },
        { "UID STORE 1 -flags.silent (a)", "uid 1 -silent (a)" },
        { "STORE 1 FLAGS ()", "seq 1 = ()" },
        { "STORE $ +FLAGS.SILENT (\\Deleted)", "seq $ +silent (\\Deleted)" },
        { "STORE 1 (UNCHANGEDSINCE 12) FLAGS (a)", "seq 1 = (a) unchanged=12" },
        { "STORE 1 (unchangedsince 0) FLAGS (a)", "seq 1 = (a) unchanged=0" },
        { "STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) FLAGS (a)", NULL },
        { "STORE 1 (FOO 1) FLAGS (a)", NULL },
        { "STORE 1 (UNCHANGEDSINCE) FLAGS (a)", NULL },
        { "STORE 1 FLAGS", NULL },
        { "STORE 1 FLAGS ", NULL },
        { "STORE 1 FLAG (a)", NULL },
        { "STORE 1 +FLAGS.LOUD (a)", NULL },
        { "STORE 1 FLAGS (\\Recent)", NULL },
        { "STORE 1 FLAGS (a) b", NULL },
        { "STORE FLAGS (a)", NULL },
        { "STORE", NULL },
    };
    CHECK_LINES(cases, store_args_parse, print_store);
}

static void print_copy(const void *args, struct buf *out)
{
    const struct copy_args *copy = args;
    buf_printf(out, "%s", copy->uid ? "uid" : "seq");
    print_set(&copy->set, out);
    buf_printf(out, " <" STR_FMT ">", STR_ARG(copy->mailbox));
}

static void test_copy(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "COPY 2:4 MEETING", "seq 2:4 <MEETING>" },
        { "UID MOVE 1 inbox", "uid 1 <INBOX>" },
        { "COPY 1 \"a b\"", "seq 1 <a b>" },
        { "COPY 1", NULL },
        { "COPY a", NULL },
        { "COPY 1 a b", NULL },
        { "COPY 1 a&b", "INVALID" },
        { "COPY", NULL },
    };
    CHECK_LINES(cases, copy_args_parse, print_copy);
}

static void print_set_args(const void *args, struct buf *out)
{
    print_set(&((const struct set_args *)args)->set, out);
}

static void test_uid_expunge(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "UID EXPUNGE 3000:3002", " 3000:3002" },
        { "UID EXPUNGE $", " $" },
        { "UID EXPUNGE", NULL },
        { "UID EXPUNGE 1 2", NULL },
    };
    CHECK_LINES(cases, set_args_parse, print_set_args);
}

static void print_uidbatches(const void *args, struct buf *out)
{
    const struct uidbatches_args *batches = args;
    buf_printf(out, "%u %u:%u", batches->size, batches->first, batches->last);
}

static void test_uidbatches(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "UIDBATCHES 2000", "2000 1:4294967295" },
        { "UIDBATCHES 2000 10:20", "2000 10:20" },
        { "UIDBATCHES 1 2:1", "1 2:1" }, /* refused when it is run: BAD [CLIENTBUG] */
        { "UIDBATCHES", NULL },
        { "UIDBATCHES 0", NULL },
        { "UIDBATCHES 500 1", NULL },
        { "UIDBATCHES 500 1:", NULL },
        { "UIDBATCHES 500 0:1", NULL },
        { "UIDBATCHES 500 1:*", NULL },
        { "UIDBATCHES 500 1:2,3", NULL },
        { "UIDBATCHES 4294967296", NULL },
    };
    CHECK_LINES(cases, uidbatches_args_parse, print_uidbatches);
}

/* ---- commands on mailboxes ---- */

static void print_select(const void *args, struct buf *out)
{
    const struct select_args *select = args;
    buf_printf(out, "<" STR_FMT ">%s", STR_ARG(select->mailbox), select->condstore ? " condstore" : "");
    if (select->qresync)
        buf_printf(out, " %u/%llu", select->uidvalidity, (unsigned long long)select->modseq);
    if (select->has_known_uids)
        print_set(&select->known_uids, out);
    if (select->has_match) {
        buf_add_lit(out, " match");
        print_set(&select->match_seqs, out);
        print_set(&select->match_uids, out);
    }
}

static void test_select(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "SELECT INBOX", "<INBOX>" },
        { "SELECT \"\"", "<>" },
        { "EXAMINE {3}\r\na b", "<a b>" },
        { "SELECT a (CONDSTORE)", "<a> condstore" },
        { "SELECT a (QRESYNC (67890007 20050715194045000))", "<a> 67890007/20050715194045000" },
        { "SELECT a (QRESYNC (1 2 41,43:211))", "<a> 1/2 41,43:211" },
        { "SELECT a (QRESYNC (1 2 41 (1,3 41,50)))", "<a> 1/2 41 match 1,3 41,50" },
        { "SELECT a (QRESYNC (1 2 (1,3 41,50)))", "<a> 1/2 match 1,3 41,50" },
        { "SELECT a (CONDSTORE QRESYNC (1 0))", "<a> condstore 1/0" },
        { "SELECT a (QRESYNC (0 2))", NULL },
        { "SELECT a (QRESYNC (1))", NULL },
        { "SELECT a (QRESYNC (1 2 1:*))", NULL },
        { "SELECT a (QRESYNC (1 2 $))", NULL },
        { "SELECT a (QRESYNC (1 2 1 (1:2 1:3)))", NULL },
        { "SELECT a (QRESYNC (1 2 1 (1:* 1:*)))", NULL },
        { "SELECT a (QRESYNC (1 2 1 2))", NULL },
        { "SELECT a (QRESYNC (1 2) QRESYNC (1 2))", NULL },
        { "SELECT a (FOO)", NULL },
        { "SELECT a CONDSTORE", NULL },
        { "SELECT a b", NULL },
        { "SELECT", NULL },
        { "SELECT ", NULL },
        { "SELECT a*", NULL },
        { "SELECT \"&\"", "INVALID" },
    };
    CHECK_LINES(cases, select_args_parse, print_select);
}

static void print_create(const void *args, struct buf *out)
{
    const struct create_args *create = args;
    buf_printf(out, "<" STR_FMT "> %x%s", STR_ARG(create->mailbox), create->use,
               create->use_unknown ? "?" : "");
}

static void test_create(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "CREATE a", "<a> 0" },
        { "CREATE a/", "<a> 0" },
        { "CREATE a (USE ())", "<a> 0" },
        { "CREATE a (USE (\\Sent \\drafts))", "<a> 24" },
        { "CREATE a (USE (\\Foo))", "<a> 0?" },
        { "CREATE a (USE (\\snoozed \\Scheduled \\Memos))", "<a> 700" }, /* RFC 9979 */
        { "CREATE a (USE (Sent))", NULL },
        { "CREATE a (USE)", NULL },
        { "CREATE a (FOO (\\Sent))", NULL },
        { "CREATE a b", NULL },
        { "CREATE", NULL },
    };
    CHECK_LINES(cases, create_args_parse, print_create);
}

static void print_rename(const void *args, struct buf *out)
{
    const struct rename_args *rename = args;
    buf_printf(out, "<" STR_FMT "> <" STR_FMT ">", STR_ARG(rename->from), STR_ARG(rename->to));
}

static void test_rename(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "RENAME inbox a", "<INBOX> <a>" },
        { "RENAME \"a b\" {1}\r\nc", "<a b> <c>" },
        { "RENAME a", NULL },
        { "RENAME a b c", NULL },
        { "RENAME", NULL },
    };
    CHECK_LINES(cases, rename_args_parse, print_rename);
}

static void print_mailbox(const void *args, struct buf *out)
{
    buf_printf(out, "<" STR_FMT ">", STR_ARG(((const struct mailbox_args *)args)->mailbox));
}

static void test_commands_with_one_mailbox(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "DELETE a", "<a>" },
        { "SUBSCRIBE a/b", "<a/b>" },
        { "DELETE", NULL },
        { "DELETE a b", NULL },
    };
    CHECK_LINES(cases, mailbox_args_parse, print_mailbox);
}

static void print_status(const void *args, struct buf *out)
{
    const struct status_args *status = args;
    buf_printf(out, "<" STR_FMT ">", STR_ARG(status->mailbox));
    for (unsigned left = status->items; left; left &= left - 1)
        buf_printf(out, " " STR_FMT, STR_ARG(status_item_name((enum status_item)(left & -left))));
}

static void test_status(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "STATUS a (MESSAGES)", "<a> MESSAGES" },
        { "STATUS a (uidnext messages UNSEEN RECENT UIDVALIDITY)",
          "<a> MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN" },
        { "STATUS a (DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT)",
          "<a> DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT" },
        { "STATUS a ()", NULL },
        { "STATUS a (FOO)", NULL },
        { "STATUS a MESSAGES", NULL },
        { "STATUS a (MESSAGES", NULL },
        { "STATUS a", NULL },
        { "STATUS (MESSAGES)", NULL },
    };
    CHECK_LINES(cases, status_args_parse, print_status);
}

static void print_list(const void *args, struct buf *out)
{
    const struct list_args *list = args;
    buf_printf(out, "%s<" STR_FMT ">", list->extended ? "x" : "", STR_ARG(list->reference));
    for (size_t i = 0; i < list->pattern_count; i++)
        buf_printf(out, " " STR_FMT, STR_ARG(list->patterns[i]));
    buf_printf(out, " %x %x %x", list->select, list->ret, list->status);
    for (size_t i = 0; i < list->metadata.count; i++)
        buf_printf(out, " " STR_FMT, STR_ARG(list->metadata.items[i].name));
}

static void test_list(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "LIST \"\" *", "<> * 0 0 0" },
        { "LIST \"\" \"\"", "<>  0 0 0" },
        { "LIST a/ b%", "<a/> b% 0 0 0" },
        { "LIST \"\" \"Entw&APw-rfe*\"", "<> Entw\xc3\xbcrfe* 0 0 0" },
        { "LIST () \"\" *", "x<> * 0 0 0" },
        { "LIST (SUBSCRIBED) \"\" *", "x<> * 1 0 0" },
        { "LIST (SUBSCRIBED REMOTE RECURSIVEMATCH SPECIAL-USE) \"\" *", "x<> * f 0 0" },
        { "LIST (REMOTE) \"\" *", "x<> * 2 0 0" },
        { "LIST \"\" (\"INBOX\" Drafts Sent/%)", "x<> INBOX Drafts Sent/% 0 0 0" },
        { "LIST \"\" * RETURN ()", "x<> * 0 0 0" },
        { "LIST \"\" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)", "x<> * 0 7 0" },
        { "LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN))", "x<> % 0 8 11" },
        { "LIST \"\" % RETURN (CHILDREN STATUS (SIZE) SUBSCRIBED)", "x<> % 0 b 40" },
        { "LIST \"\" % RETURN (METADATA (\"/shared/vendor/a/b\" /private/comment) CHILDREN)",
          "x<> % 0 12 0 /vendor/a/b /comment" },
        { "LIST \"\" % RETURN (METADATA)", NULL },
        { "LIST \"\" % RETURN (METADATA ())", NULL },
        { "LIST \"\" % RETURN (METADATA (/comment))", NULL },
        { "LIST (RECURSIVEMATCH) \"\" *", NULL },
        { "LIST (REMOTE RECURSIVEMATCH) \"\" *", NULL },
        { "LIST (FOO) \"\" *", NULL },
        { "LIST (SUBSCRIBED)", NULL },
        { "LIST \"\" ()", NULL },
        { "LIST \"\" * RETURN", NULL },
        { "LIST \"\" * RETURN (FOO)", NULL },
        { "LIST \"\" * RETURN (STATUS)", NULL },
        { "LIST \"\" * RETURN (STATUS ())", NULL },
        { "LIST \"\" * FOO (CHILDREN)", NULL },
        { "LIST \"\"", NULL },
        { "LIST", NULL },
        { "LIST * *", NULL },
        { "LIST & *", "INVALID" },
    };
    static const struct line_case lsub_cases[] = {
        { "LSUB \"\" *", "<> * 0 0 0" },
        { "LSUB (SUBSCRIBED) \"\" *", NULL },
        { "LSUB \"\" (a b)", NULL },
        { "LSUB \"\" * RETURN (CHILDREN)", NULL },
    };
    CHECK_LINES(cases, list_args_parse, print_list);
    CHECK_LINES(lsub_cases, lsub_args_parse, print_list);
}

/* ---- commands about the session ---- */

static void print_nothing(const void *args, struct buf *out)
{
    (void)out;
    assert_null(args);
}

static void test_commands_without_arguments(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "NOOP", "" },           { "NOOP ", "" },           { "NOOP x", NULL },  { "NOOP ()", NULL },
        { "NOOP\t", NULL },       { "NOOP\r", NULL },        { "NOOP \"", NULL }, { "NOOP {0}", NULL },
        { "NOOP {0}\r\n", NULL }, { "NOOP ((((((((", NULL },
    };
    CHECK_LINES(cases, no_args_parse, print_nothing);
}

static void print_login(const void *args, struct buf *out)
{
    const struct login_args *login = args;
    buf_printf(out, "<" STR_FMT "> <" STR_FMT ">", STR_ARG(login->user), STR_ARG(login->password));
}

static void test_login(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "LOGIN a b", "<a> <b>" },
        { "LOGIN \"a b\" \"c\\\\d\"", "<a b> <c\\d>" },
        { "LOGIN {1}\r\na {2+}\r\nb\n", "<a> <b\n>" },
        { "LOGIN a \"\"", "<a> <>" },
        { "LOGIN a", NULL },
        { "LOGIN a b c", NULL },
        { "LOGIN (a) b", NULL },
        { "LOGIN ((((((((((((((((((((((((((((((((((a b", NULL },
        { "LOGIN \"DOMAIN\\user\" x", NULL },
        { "LOGIN", NULL },
    };
    check_lines(cases, ARRAY_COUNT(cases), &parser_limits_before_login, login_args_parse, print_login);
}

static void print_authenticate(const void *args, struct buf *out)
{
    const struct authenticate_args *auth = args;
    buf_printf(out, STR_FMT, STR_ARG(auth->mechanism));
    if (auth->has_initial)
        buf_printf(out, " <" STR_FMT ">", STR_ARG(auth->initial));
}

static void test_authenticate(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "AUTHENTICATE PLAIN", "PLAIN" },
        { "AUTHENTICATE PLAIN AGEAYg==", "PLAIN <AGEAYg==>" },
        { "AUTHENTICATE EXTERNAL =", "EXTERNAL <>" },
        { "AUTHENTICATE PLAIN {3}\r\nabc", NULL }, /* a literal is no initial response */
        { "AUTHENTICATE PLAIN a b", NULL },
        { "AUTHENTICATE \"PLAIN\"", NULL },
        { "AUTHENTICATE", NULL },
    };
    check_lines(cases, ARRAY_COUNT(cases), &parser_limits_before_login, authenticate_args_parse,
                print_authenticate);
}

static void print_enable(const void *args, struct buf *out)
{
    const struct enable_args *enable = args;
    for (size_t i = 0; i < enable->count; i++)
        buf_printf(out, "<" STR_FMT ">", STR_ARG(enable->names[i]));
}

static void test_enable(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "ENABLE CONDSTORE", "<CONDSTORE>" },
        { "ENABLE IMAP4rev2 UTF8=ACCEPT", "<IMAP4rev2><UTF8=ACCEPT>" },
        { "ENABLE", NULL },
        { "ENABLE ", NULL },
        { "ENABLE (QRESYNC)", NULL },
        { "ENABLE \"QRESYNC\"", NULL },
    };
    CHECK_LINES(cases, enable_args_parse, print_enable);
}

static void print_compress(const void *args, struct buf *out)
{
    const struct compress_args *compress = args;
    buf_printf(out, "%d", compress->algorithm);
}

static void test_compress(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "COMPRESS DEFLATE", "0" },
        { "COMPRESS deflate", "0" },
        { "COMPRESS GZIP", "INVALID" },
        { "COMPRESS DEFLAT", "INVALID" },
        { "COMPRESS", NULL },
        { "COMPRESS ", NULL },
        { "COMPRESS \"DEFLATE\"", NULL },
        { "COMPRESS DEFLATE DEFLATE", NULL },
    };
    CHECK_LINES(cases, compress_args_parse, print_compress);
}

static void print_id(const void *args, struct buf *out)
{
    const struct id_args *id = args;
    for (size_t i = 0; i < id->count; i++) {
        write_nstring(out, id->pairs[i].field, true);
        buf_add_char(out, '=');
        write_nstring(out, id->pairs[i].value, true);
    }
}

static void test_id(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "ID NIL", "" },
        { "ID ()", "" },
        { "ID (\"name\" \"x\" \"version\" NIL)", "\"name\"=\"x\"\"version\"=NIL" },
        { "ID (\"name\" {1+}\r\nx)", "\"name\"=\"x\"" },
        { "ID (\"name\")", NULL },
        { "ID (NIL NIL)", NULL },
        { "ID ((\"name\" \"x\"))", NULL },
        { "ID (\"name\" (\"x\"))", NULL },
        { "ID \"name\" \"x\"", NULL },
        { "ID", NULL },
        { "ID (\"123456789012345678901234567890\" \"x\")", "\"123456789012345678901234567890\"=\"x\"" },
        { "ID (\"1234567890123456789012345678901\" \"x\")", "LIMIT" },
    };
    check_lines(cases, ARRAY_COUNT(cases), &parser_limits_before_login, id_args_parse, print_id);
    assert_int_equal(parse_repeated(" (\"a\" \"b\"", " \"a\" \"b\"", ID_PAIRS_MAX - 1, ")", id_args_parse),
                     0);
    assert_int_equal(parse_repeated(" (\"a\" \"b\"", " \"a\" \"b\"", ID_PAIRS_MAX, ")", id_args_parse),
                     -ERR_LIMIT);
    assert_int_equal(parse_repeated(" (\"a\" \"", "b", ID_VALUE_BYTES_MAX, "\")", id_args_parse), 0);
    assert_int_equal(parse_repeated(" (\"a\" \"", "b", ID_VALUE_BYTES_MAX + 1, "\")", id_args_parse),
                     -ERR_LIMIT);
}

/* ---- APPEND ---- */

static void test_append_head(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        /* the piece up to a message; NULL: refused */
        { " saved {300}", "<saved> () {300}" },
        { " saved (\\Seen x) {300+}", "<saved> (\\Seen x) {300}" },
        { " saved \"17-Jul-1996 02:44:25 -0700\" {5}", "<saved> () 837596665/-420 {5}" },
        { " saved (\\Draft) \" 1-Jan-1970 00:00:00 +0000\" ~{5+}", "<saved> (\\Draft) 0/0 ~{5}" },
        { " {1}\r\na {0}", "<a> () {0}" },
        { " a {4294967296}", "<a> () {4294967296}" },
        { " a () {1}", "<a> () {1}" },
        { " a", NULL },
        { " a (\\Seen)", NULL },
        { " a {}", NULL },
        { " a {1}x", NULL },
        { " a (\\Recent) {1}", NULL },
        { " a \"x\" {1}", NULL },
        { " a \"17-Jul-1996 02:44:25 -0700\" (\\Seen) {1}", NULL },
        { " a{1}", NULL },
        { " {1}", NULL },
        { "", NULL },
    };
    struct arena arena = ARENA_INIT;
    struct buf line = BUF_INIT, out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct parser p;
        struct append_message message;
        const void *args;
        buf_clear(&line);
        buf_clear(&out);
        buf_printf(&line, "%s\r\n", cases[i].in);
        parser_init(&p, buf_str(&line), &parser_limits_after_login, false, &arena);
        int r = append_args_parse(&p, &args, NULL);
        if (r == 0)
            r = append_message_parse(&p, &message, NULL);
        assert_row(r == (cases[i].want ? 0 : -ERR_SYNTAX), i, cases[i].in);
        if (r < 0)
            continue;
        const struct append_args *append = args;
        buf_printf(&out, "<" STR_FMT "> ", STR_ARG(append->mailbox));
        write_flag_names(&out, message.flags.flags, message.flags.keywords, message.flags.keyword_count,
                         false);
        if (message.has_date)
            buf_printf(&out, " %lld/%d", (long long)message.date.unix_s, message.date.zone_min);
        buf_printf(&out, " %s{%llu}", message.literal.literal8 ? "~" : "",
                   (unsigned long long)message.literal.size_bytes);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].want)), i, buf_c(&out));
    }
    arena_deinit(&arena);
    buf_deinit(&line);
    buf_deinit(&out);
}

static void test_append_goes_on(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct parser p;
    struct append_message message;
    parser_init(&p, STR(" (\\Seen) {20}\r\n"), &parser_limits_after_login, false, &arena);
    assert_int_equal(append_message_parse(&p, &message, NULL), 0);
    assert_true(message.flags.flags == FLAG_SEEN && message.literal.size_bytes == 20);
    arena_deinit(&arena);
}

/* REPLACE up to its message; CATENATE part by part. A text ends the line, the next line begins behind it. */
static void test_replace_and_catenate(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        /* lines are cut at "|", where a text has been streamed away; NULL: refused */
        { "4 Drafts (\\Seen \\Draft) {312}", "4 <Drafts> (\\Seen \\Draft) {312}" },
        { "* x ~{3+}", "0 <x> () ~{3}" },
        { "7 x CATENATE (URL /a/;UID=1)", "7 <x> () URL[/a/;UID=1] ." },
        { "7 x (\\Seen) catenate (text {3}| url \"/a b\" TEXT ~{9+}|)",
          "7 <x> (\\Seen) TEXT{3} URL[/a b] TEXT~{9} ." },
        { "7 x CATENATE (URL {3+}\r\n/ab URL /c)", "7 <x> () URL[/ab] URL[/c] ." },
        { "7 x CATENATE ()", NULL },
        { "7 x CATENATE(URL /a)", NULL },
        { "7 x CATENATE (URL /a URL)", NULL },
        { "7 x CATENATE (URL)", NULL },
        { "7 x CATENATE (TEXT \"abc\")", NULL },
        { "7 x CATENATE (TEXT {3}|x)", NULL },
        { "7 x CATENATE (MORE {3})", NULL },
        { "7 x CATENATE (URL ~{3+}\r\nabc)", NULL },
        { "7 x CATENATE (URL /a", NULL },
        { "7 x CATENATE ( URL /a)", NULL },
        { "0 x {3}", NULL },
        { "1:2 x {3}", NULL },
        { "$ x {3}", NULL },
        { "x {3}", NULL },
    };
    struct arena arena = ARENA_INIT;
    struct buf line = BUF_INIT, out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str rest, head = str_cut(str_c(cases[i].in), '|', &rest);
        struct parser p;
        struct append_message message;
        struct append_part part = { .kind = APPEND_PART_TEXT };
        const void *args;
        buf_clear(&line);
        buf_clear(&out);
        buf_printf(&line, " " STR_FMT "\r\n", STR_ARG(head));
        parser_init(&p, arena_dup(&arena, buf_str(&line)), &parser_limits_after_login, false, &arena);
        int r = replace_args_parse(&p, &args, NULL);
        if (r == 0)
            r = append_message_parse(&p, &message, NULL);
        if (r == 0) {
            const struct append_args *replace = args;
            buf_printf(&out, "%u <" STR_FMT "> ", replace->number, STR_ARG(replace->mailbox));
            write_flag_names(&out, message.flags.flags, NULL, 0, false);
            if (!message.is_catenate)
                buf_printf(&out, " %s{%llu}", message.literal.literal8 ? "~" : "",
                           (unsigned long long)message.literal.size_bytes);
        }
        for (bool first = true; r == 0 && message.is_catenate && (first || part.kind != APPEND_PART_END);
             first = false) {
            r = append_part_parse(&p, first, &part, NULL);
            if (r < 0)
                break;
            if (part.kind == APPEND_PART_END) {
                buf_add_lit(&out, " .");
            } else if (part.kind == APPEND_PART_URL) {
                buf_printf(&out, " URL[" STR_FMT "]", STR_ARG(part.url));
            } else {
                buf_printf(&out, " TEXT%s{%llu}", part.literal.literal8 ? "~" : "",
                           (unsigned long long)part.literal.size_bytes);
                head = str_cut(rest, '|', &rest);
                parser_init(&p, arena_printf(&arena, STR_FMT "\r\n", STR_ARG(head)),
                            &parser_limits_after_login, false, &arena);
            }
        }
        assert_row(r == (cases[i].want ? 0 : -ERR_SYNTAX), i, cases[i].in);
        if (r == 0)
            assert_row(str_eq(buf_str(&out), str_c(cases[i].want)), i, buf_c(&out));
    }
    arena_deinit(&arena);
    buf_deinit(&line);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_fetch_limits),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_uid_expunge),
        cmocka_unit_test(test_uidbatches),
        cmocka_unit_test(test_select),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_commands_with_one_mailbox),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_commands_without_arguments),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_authenticate),
        cmocka_unit_test(test_enable),
        cmocka_unit_test(test_compress),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_append_head),
        cmocka_unit_test(test_append_goes_on),
        cmocka_unit_test(test_replace_and_catenate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
