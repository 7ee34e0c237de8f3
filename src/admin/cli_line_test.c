#include "admin/cli_line.h"

#include "base/buf.h"
#include "base/testing.h"

static const struct cli_option add_options[] = {
    { "password-stdin", 'p', NULL, "" },
    { "mailbox", 'm', "NAME", "" },
    { NULL },
};
static const struct cli_command commands[] = {
    { "serve", "", 0, 0, "", NULL, NULL, NULL },
    { "user add", "NAME", 1, 1, "", NULL, add_options, NULL },
    { "user list", "", 0, 0, "", NULL, NULL, NULL },
    { "mailbox rename", "USER OLD NEW", 3, 3, "", NULL, NULL, NULL },
    { NULL },
};

/* Words separated by blanks; "_" is an empty one. */
static int parse(const char *typed, struct arena *arena, struct cli_line *line, struct err *err)
{
    char *argv[32];
    int argc = 0;
    struct str rest = str_c(typed);
    while (rest.n)
        argv[argc++] = arena_c(arena, str_cut(rest, ' ', &rest));
    return cli_line_parse(commands, argc, argv, arena, line, err);
}

/* "words|args|-c|overrides|own options" */
static const char *describe(const struct cli_line *line, struct arena *arena)
{
    struct buf out = BUF_INIT;
    buf_printf(&out, "%s|", line->command ? line->command->words : "");
    for (unsigned i = 0; i < line->arg_count; i++)
        buf_printf(&out, "%s" STR_FMT, i ? "," : "", STR_ARG(line->args[i]));
    buf_printf(&out, "|%s|", line->config_file ? line->config_file : "");
    for (size_t i = 0; i < line->override_count; i++)
        buf_printf(&out, "%s" STR_FMT, i ? "," : "", STR_ARG(line->overrides[i]));
    buf_printf(&out, "|%s%s%s", line->json ? "json " : "", line->help ? "help " : "",
               line->version ? "version " : "");
    for (size_t i = 0; line->command && line->command->options && line->command->options[i].name; i++)
        if (line->values[i])
            buf_printf(&out, "%s=%s ", line->command->options[i].name, line->values[i]);
    const char *text = arena_c(arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static void test_cli_line_takes_options_before_and_behind_the_command(void **state)
{
    static const struct {
        const char *typed, *want;
    } cases[] = {
        { "serve", "serve||||" },
        { "-c a.conf -d data serve -o imap.listen=x", "serve||a.conf|data.folder=data,imap.listen=x|" },
        { "serve -cfile --data=d --option a.b=c", "serve||file|data.folder=d,a.b=c|" },
        { "-d x user add anna --password-stdin", "user add|anna||data.folder=x|password-stdin= " },
        { "user -d x add -pm Sent anna", "user add|anna||data.folder=x|password-stdin= mailbox=Sent " },
        { "user add -mSent anna", "user add|anna|||mailbox=Sent " },
        { "user add --mailbox=a=b anna", "user add|anna|||mailbox=a=b " },
        { "user add -- --anna", "user add|--anna|||" },
        { "user add -", "user add|-|||" },
        { "user list --json", "user list||||json " },
        { "mailbox rename anna a b", "mailbox rename|anna,a,b|||" },
        { "--version", "||||version " },
        { "-h", "||||help " },
        { "user add --help", "user add||||help " },
        { "-o a.b=1 -o a.b=2 serve", "serve|||a.b=1,a.b=2|" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct cli_line line;
        struct err err = { 0 };
        int r = parse(cases[i].typed, &arena, &line, &err);
        if (r < 0)
            print_error("%s\n", err.text);
        assert_row(r == 0, i, cases[i].typed);
        const char *got = describe(&line, &arena);
        if (strcmp(got, cases[i].want) != 0)
            print_error("got %s\n", got);
        assert_row(strcmp(got, cases[i].want) == 0, i, cases[i].typed);
        arena_deinit(&arena);
    }
}

static void test_cli_line_says_what_is_wrong_and_what_is_near(void **state)
{
    static const struct {
        const char *typed, *text; /* a part of the error's text */
    } cases[] = {
        { "", "which command?" },
        { "sevre", "did you mean \"serve\"?" },
        { "usr", "did you mean \"user" },
        { "user lsit", "did you mean \"user list\"?" },
        { "user", "needs one more word" },
        { "frobnicate", "loft --help lists all" },
        { "user add", "an argument is missing: loft user add NAME" },
        { "user add anna bob", "\"bob\" is one argument too many" },
        { "serve now", "one argument too many" },
        { "serve -d", "needs a value: FOLDER" },
        { "user add anna --mailbox", "needs a value: NAME" },
        { "user add anna --pasword-stdin", "did you mean --password-stdin?" },
        { "user list --password-stdin", "has no option --password-stdin" },
        { "serve -x", "has no option -x" },
        { "user list --json=yes", "takes no value" },
        { "mailbox rename a b", "an argument is missing" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct cli_line line;
        struct err err = { 0 };
        assert_row(parse(cases[i].typed, &arena, &line, &err) == -ERR_INVALID, i, cases[i].typed);
        if (!strstr(err.text, cases[i].text))
            print_error("got %s\n", err.text);
        assert_row(strstr(err.text, cases[i].text), i, cases[i].typed);
        arena_deinit(&arena);
    }
}

static void test_cli_line_limits_overrides(void **state)
{
    char *argv[2 * CLI_OVERRIDES_MAX + 3];
    char option[] = "-o", value[] = "a.b=c", serve[] = "serve";
    (void)state;
    for (int count = CLI_OVERRIDES_MAX - 1; count <= CLI_OVERRIDES_MAX + 1; count++) {
        struct arena arena = ARENA_INIT;
        struct cli_line line;
        struct err err;
        int argc = 0;
        argv[argc++] = serve;
        for (int i = 0; i < count; i++) {
            argv[argc++] = option;
            argv[argc++] = value;
        }
        assert_int_equal(cli_line_parse(commands, argc, argv, &arena, &line, &err),
                         count > CLI_OVERRIDES_MAX ? -ERR_INVALID : 0);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_line_takes_options_before_and_behind_the_command),
        cmocka_unit_test(test_cli_line_says_what_is_wrong_and_what_is_near),
        cmocka_unit_test(test_cli_line_limits_overrides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
