/* The arguments of NOTIFY: a table of lines, each with what was understood, printed as text. */
#include "base/testing.h"
#include "imap/wire/notify_args.h"

static const char *const filters[] = { "selected",   "selected-delayed", "inboxes",  "personal",
                                       "subscribed", "subtree",          "mailboxes" };
static const char events[] = "NXFAnsmu?"; /* a letter a bit */

static void print_notify(const struct notify_args *args, struct buf *out)
{
    buf_add(out, args->none ? STR("none") : args->status ? STR("status") : STR("set"));
    for (size_t i = 0; i < args->group_count; i++) {
        const struct notify_group *group = &args->groups[i];
        buf_printf(out, " %s", filters[group->filter]);
        for (size_t k = 0; k < group->name_count; k++)
            buf_printf(out, " <" STR_FMT ">", STR_ARG(group->names[k]));
        buf_add_char(out, ':');
        for (size_t k = 0; events[k]; k++)
            if (group->events & 1u << k)
                buf_add_char(out, events[k]);
        for (size_t k = 0; group->fetch && k < group->fetch->att_count; k++) {
            buf_add_char(out, k ? ' ' : '(');
            fetch_att_write_name(&group->fetch->atts[k], out);
        }
        if (group->fetch)
            buf_add_char(out, ')');
    }
}

static const struct {
    const char *in;
    const char *want; /* NULL: -ERR_SYNTAX; "LIMIT", "INVALID" */
} cases[] = {
    { "NONE", "none" },
    { "none", "none" },
    { "NONE ", "none" },
    { "SET (personal NONE)", "set personal:" },
    { "set status (SELECTED none)", "status selected:" },
    /* RFC 5465, 6 */
    { "set (mailboxes INBOX (Messagenew messageExpunge)) (personal (SubscriptionChange))",
      "set mailboxes <INBOX>:NX personal:s" },
    { "set (selected (Messagenew (uid flags) messageExpunge)) (personal (MessageNew FlagChange "
      "MessageExpunge))",
      "set selected:NX(UID FLAGS) personal:NXF" },
    /* RFC 5465, 3.1 has its events without parentheses */
    { "set status (selected MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge)"
      " (subtree Lists MessageNew MessageExpunge)",
      "status selected:NX(UID BODY[HEADER.FIELDS (from to subject)]) subtree <Lists>:NX" },
    { "set (subtree Lists MessageNew)", NULL },
    { "set (SELECTED-DELAYED (MessageExpunge FlagChange MessageNew (UID)))",
      "set selected-delayed:NXF(UID)" },
    { "set (inboxes (MailboxName)) (subscribed (ServerMetadataChange MailboxMetadataChange))",
      "set inboxes:n subscribed:mu" },
    { "set (subtree (a \"b c\" inbox/d) (MailboxName)) (mailboxes (x/ &AOk-) (MailboxName))",
      "set subtree <a> <b c> <INBOX/d>:n mailboxes <x> <\303\251>:n" },
    { "set (mailboxes * (MailboxName))", NULL },
    { "set (mailboxes \"*\" (MailboxName))", "set mailboxes <*>:n" },
    { "set (personal (FooChange))", "set personal:?" },
    { "set (selected (FooChange))", "set selected:?" },
    { "set (personal (MessageNew MessageExpunge AnnotationChange))", "set personal:NXA" },
    { "set (selected ALL)", "set selected:?" },
    /* what may not stand together */
    { "set (personal (MessageNew))", NULL },
    { "set (personal (MessageExpunge))", NULL },
    { "set (personal (FlagChange))", NULL },
    { "set (personal (FlagChange MessageNew))", NULL },
    { "set (personal (AnnotationChange MessageExpunge))", NULL },
    { "set (selected (MailboxName))", NULL },
    { "set (selected-delayed (MessageNew MessageExpunge SubscriptionChange))", NULL },
    { "set (selected (ServerMetadataChange))", NULL },
    { "set (selected NONE) (selected-delayed NONE)", NULL },
    { "set (selected NONE) (personal NONE) (selected NONE)", NULL },
    { "set (personal (MessageNew (UID) MessageExpunge))", NULL },
    { "set (mailboxes INBOX (MessageNew (UID) MessageExpunge))", NULL },
    { "set (selected (MessageNew (UID) MessageNew (UID) MessageExpunge))", NULL },
    /* bad grammar */
    { "", NULL },
    { "SET", NULL },
    { "SET STATUS", NULL },
    { "SET STATUS ", NULL },
    { "NONE (personal NONE)", NULL },
    { "SETTLE (personal NONE)", NULL },
    { "set personal NONE", NULL },
    { "set ()", NULL },
    { "set (personal)", NULL },
    { "set (personal ())", NULL },
    { "set (everything NONE)", NULL },
    { "set (mailboxes (MailboxName))", NULL },
    { "set (mailboxes () (MailboxName))", NULL },
    { "set (mailboxes INBOX)", NULL },
    { "set (subtree)", NULL },
    { "set (personal INBOX (MailboxName))", NULL },
    { "set (selected (MessageNew () MessageExpunge))", NULL },
    { "set (selected (MessageNew (ALL) MessageExpunge))", NULL },
    { "set (selected (MessageNew (BODY[) MessageExpunge))", NULL },
    { "set (selected (MessageNew UID MessageExpunge))", "set selected:NX?" },
    { "set (personal (MailboxName)) ", NULL },
    { "set (personal (MailboxName))(subscribed NONE)", NULL },
    { "set (personal (MailboxName)", NULL },
    { "set (mailboxes &-&Jjo!-x (MailboxName))", "INVALID" },
};

static int error_by_name(const char *want)
{
    if (want == NULL)
        return -ERR_SYNTAX;
    return strcmp(want, "LIMIT") == 0 ? -ERR_LIMIT : strcmp(want, "INVALID") == 0 ? -ERR_INVALID : 0;
}

static int parse(struct arena *arena, const char *in, const struct notify_args **args_out)
{
    struct parser p;
    struct err err = { 0 };
    const void *args = NULL;
    struct str line = arena_printf(arena, " %s\r\n", in);
    parser_init(&p, line, &parser_limits_after_login, false, arena);
    int r = notify_args_parse(&p, &args, &err);
    assert_int_equal(r, -(int)err.kind);
    *args_out = args;
    return r;
}

static void test_notify_args(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT, other = ARENA_INIT;
        struct buf out = BUF_INIT;
        const struct notify_args *args;
        int r = parse(&arena, cases[i].in, &args);
        assert_row(r == error_by_name(cases[i].want), i, cases[i].in);
        if (r == 0) { /* what is kept outlives the command */
            struct notify_args *copy = notify_args_copy(args, &other);
            arena_deinit(&arena);
            print_notify(copy, &out);
            if (!str_eq(buf_str(&out), str_c(cases[i].want)))
                print_error("got <%s>\n", buf_c(&out));
            assert_row(str_eq(buf_str(&out), str_c(cases[i].want)), i, cases[i].in);
        }
        buf_deinit(&out);
        arena_deinit(&arena);
        arena_deinit(&other);
    }
}

static int parse_many(const char *before, const char *each, size_t count, const char *behind)
{
    struct arena arena = ARENA_INIT;
    struct buf line = BUF_INIT;
    const struct notify_args *args;
    buf_add(&line, str_c(before));
    for (size_t i = 0; i < count; i++)
        buf_add(&line, str_c(each));
    buf_add(&line, str_c(behind));
    int r = parse(&arena, buf_c(&line), &args);
    buf_deinit(&line);
    arena_deinit(&arena);
    return r;
}

static void test_notify_args_limits(void **state)
{
    (void)state;
    const char *group = " (personal NONE)", *names = "set (mailboxes (a";
    assert_int_equal(parse_many("set", group, NOTIFY_GROUPS_MAX, ""), 0);
    assert_int_equal(parse_many("set", group, NOTIFY_GROUPS_MAX + 1, ""), -ERR_LIMIT);
    assert_int_equal(parse_many(names, " b", NOTIFY_NAMES_MAX - 1, ") NONE)"), 0);
    assert_int_equal(parse_many(names, " b", NOTIFY_NAMES_MAX, ") NONE)"), -ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notify_args),
        cmocka_unit_test(test_notify_args_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
