#include "admin/config_providers.h"
#include "admin/config_quota.h"
#include "admin/config_table.h"
#include "base/file.h"
#include "base/testing.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- helpers: load a text as a file, with overrides ---- */

struct loaded {
    char path[64];
    struct config *config; /* NULL after a failure */
    struct err err;
    int r;
    struct buf problems; /* one a line */
};

static void note_problem(void *ctx, const char *text)
{
    buf_printf(ctx, "%s\n", text);
}

static struct loaded load(const char *text, const char *override)
{
    struct loaded l = { .path = "/tmp/loft-config-XXXXXX", .problems = BUF_INIT };
    struct str o = str_c(override);
    int fd = mkstemp(l.path);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, str_c(text), &l.err), 0);
    close(fd);
    struct config_sources sources = { l.path, &o, override ? 1 : 0, "/data" };
    l.r = config_load(&sources, note_problem, &l.problems, &l.config, &l.err);
    unlink(l.path);
    return l;
}

static void unload(struct loaded *l)
{
    config_free(&l->config);
    buf_deinit(&l->problems);
}

static struct config *defaults(void)
{
    struct config *config = NULL;
    struct err err;
    struct config_sources sources = { .default_data_folder = "/data" };
    assert_int_equal(config_load(&sources, NULL, NULL, &config, &err), 0);
    return config;
}

/* ---- the table ---- */

static bool ends_in_unit(const struct config_setting *s)
{
    static const char *const endings[] = {
        [CONFIG_COUNT] = "", [CONFIG_BYTES] = "_bytes", [CONFIG_SECONDS] = "_s", [CONFIG_MILLISECONDS] = "_ms"
    };
    if (str_ends(str_c(s->name), STR("_bytes_per_s")))
        return s->unit == CONFIG_BYTES;
    for (size_t i = 1; i < ARRAY_COUNT(endings); i++)
        if (str_ends(str_c(s->name), str_c(endings[i])))
            return s->type == CONFIG_NUMBER && s->unit == i;
    return s->unit == CONFIG_COUNT;
}

static void test_table_rows_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *s = &config_settings[i];
        struct str key, section = str_cut(str_c(s->name), '.', &key);
        bool known = false;
        for (size_t k = 0; k < config_section_count; k++)
            known = known || str_eq(section, str_c(config_sections[k].name));
        assert_row(known, i, s->name);
        assert_row(key.n > 0 && strlen(s->name) < 50, i, s->name); /* inih cuts names at 50 bytes */
        assert_row(ends_in_unit(s), i, s->name);
        assert_row(strlen(s->help) > 10 && s->help[strlen(s->help) - 1] == '.', i, s->name);
        assert_row((s->type == CONFIG_WORD) == (s->words != NULL), i, s->name);
        assert_row(s->type == CONFIG_BOOL || s->type == CONFIG_WORD || s->min < s->max, i, s->name);
        assert_row(config_setting_find(str_c(s->name)) == s, i, s->name); /* no name twice */
        for (size_t k = 0; k < i; k++)
            assert_row(config_settings[k].offset != s->offset, i, s->name); /* no field twice */
    }
}

static void test_defaults_are_what_the_manual_promises(void **state)
{
    (void)state;
    struct config *c = defaults();
    assert_string_equal(c->data.folder, "/data");
    assert_int_equal(c->imap.listen.count, 1);
    assert_string_equal(c->imap.listen.addresses[0].host, "*");
    assert_int_equal(c->imap.listen.addresses[0].port, 143);
    assert_int_equal(c->imaps.listen.addresses[0].port, 993);
    assert_string_equal(c->lmtp.listen.addresses[0].path, "/data/lmtp.sock");
    assert_string_equal(c->server.control_socket, "/data/control.sock");
    assert_false(c->auth.plaintext_on_loopback);
    assert_int_equal(c->imap.autologout_s, 1800);
    assert_int_equal(c->imap.max_append_bytes, 64 << 20);
    assert_int_equal(c->log.level, LEVEL_INFO);
    assert_int_equal(c->log.format, LOG_TEXT);
    assert_int_equal(c->tls.min_version, CONFIG_TLS_1_2);
    assert_string_equal(c->tls.certificate, "");
    assert_false(config_is_set(c, "imap.listen"));
    config_free(&c);
    assert_null(c);
    config_free(&c);
}

/* ---- values: what is accepted, and how it reads back ---- */

static void test_values_are_parsed_and_shown(void **state)
{
    (void)state;
    static const struct {
        const char *set, *shown; /* shown NULL: refused */
        const char *text;        /* refused: part of the error */
    } cases[] = {
        { "auth.plaintext_on_loopback=yes", "yes", NULL },
        { "auth.plaintext_on_loopback = On", "yes", NULL },
        { "auth.plaintext_on_loopback=false", "no", NULL },
        { "auth.plaintext_on_loopback=maybe", NULL, "neither yes nor no" },
        { "auth.plaintext_on_loopback=", NULL, "neither yes nor no" },
        { "log.level=DEBUG", "debug", NULL },
        { "log.level=loud", NULL, "debug, info, warn or error" },
        { "tls.min_version=1.3", "1.3", NULL },
        { "imap.autologout_s=1800", "30m", NULL },
        { "imap.autologout_s=1799", NULL, "1799 is out of range: 30m to 1d" },
        { "imap.autologout_s=29m", NULL, "29m is out of range: 30m to 1d" },
        { "imap.autologout_s=1801", "1801s", NULL },
        { "imap.autologout_s=24h", "1d", NULL },
        { "imap.autologout_s=86401", NULL, "out of range" },
        { "imap.autologout_s=30 m", NULL, "is not a time in seconds" },
        { "imap.autologout_s=-1", NULL, "is not a time in seconds" },
        { "imap.autologout_s=2000ms", NULL, "is not a time in seconds" },
        { "auth.failure_delay_ms=500", "500ms", NULL },
        { "auth.failure_delay_ms=2s", "2s", NULL },
        { "auth.failure_delay_ms=0", "0ms", NULL },
        { "imap.max_append_bytes=64K", "64K", NULL },
        { "imap.max_append_bytes=65537", "65537", NULL },
        { "imap.max_append_bytes=65535", NULL, "65535 is out of range: 64K to 1G" },
        { "imap.max_append_bytes=1g", "1G", NULL },
        { "imap.max_append_bytes=18446744073709551616", NULL, "is not a size" },
        { "imap.max_append_bytes=17179869184G", NULL, "is not a size" }, /* 2^64 */
        { "imap.max_append_bytes=17179869183G", NULL, "out of range" },
        { "imap.max_append_bytes=K", NULL, "is not a size" },
        { "server.workers=1", "1", NULL },
        { "server.workers=0", NULL, "0 is out of range: 1 to 4096" },
        { "server.workers=1K", NULL, "is not a number" },
        { "lmtp.recipient_delimiter=", "", NULL },
        { "lmtp.recipient_delimiter=-", "-", NULL },
        { "lmtp.recipient_delimiter=+-", NULL, "2 bytes are too long: at most 1" },
        { "mailboxes.trash=Papierkorb", "Papierkorb", NULL },
        { "mailboxes.trash=\xff", NULL, "not valid UTF-8" },
        { "mailboxes.trash=a\001", NULL, "control character" },
        { "data.folder=", NULL, "may not be empty" },
        { "imap.listen=", "", NULL },
        { "imap.listen=127.0.0.1:1143", "127.0.0.1:1143", NULL },
        { "imap.listen= 127.0.0.1:1143   [::1]:1143\t/run/imap ", "127.0.0.1:1143 [::1]:1143 /run/imap",
          NULL },
        { "imap.listen=*:0", "*:0", NULL },
        { "imap.listen=localhost:65535", "localhost:65535", NULL },
        { "imap.listen=localhost:65536", NULL, "neither HOST:PORT nor a path" },
        { "imap.listen=localhost", NULL, "neither HOST:PORT nor a path" },
        { "imap.listen=:143", NULL, "neither HOST:PORT nor a path" },
        { "imap.listen=::1:143", NULL, "put the IPv6 address in brackets: [::1]:143" },
        { "imap.listen=a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1",
          "a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1", NULL },
        { "imap.listen=a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1 a:1", NULL,
          "more than 16" },
        { "lmtp.listen=relative/lmtp.sock", "relative/lmtp.sock", NULL }, /* -o: from the working folder */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str o = str_c(cases[i].set), rest;
        struct str name = str_trim(str_cut(o, '=', &rest));
        struct config *config = NULL;
        struct err err = { 0 };
        struct config_sources sources = { NULL, &o, 1, "/data" };
        int r = config_load(&sources, NULL, NULL, &config, &err);
        if (!cases[i].shown) {
            assert_row(r == -ERR_INVALID, i, cases[i].set);
            assert_row(config == NULL, i, cases[i].set);
            assert_row(strstr(err.text, cases[i].text) != NULL, i, err.text);
            assert_row(str_find(str_c(err.text), name) >= 0, i, err.text);
            continue;
        }
        struct buf shown = BUF_INIT;
        assert_row(r == 0, i, err.text);
        config_value_format(config_setting_find(name), config, false, &shown);
        assert_row(strcmp(buf_c(&shown), cases[i].shown) == 0, i, cases[i].set);
        buf_deinit(&shown);
        config_free(&config);
    }
}

static void test_socket_path_has_the_limit_of_the_system(void **state)
{
    (void)state;
    for (size_t n = 106; n <= 108; n++) {
        char text[160] = "lmtp.listen=/", *path = text + strlen("lmtp.listen=");
        memset(path + 1, 'a', n - 1);
        struct str o = str_c(text);
        struct config *config = NULL;
        struct err err = { 0 };
        struct config_sources sources = { NULL, &o, 1, "/data" };
        int r = config_load(&sources, NULL, NULL, &config, &err);
        assert_row(r == (n <= 107 ? 0 : -ERR_INVALID), n, err.text);
        config_free(&config);
    }
}

/* ---- the file ---- */

static void test_file_mistakes_name_file_line_and_cure(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int r;
        const char *said[2]; /* after the file's name */
    } cases[] = {
        { "[imap]\nlisten = *:143\n", 0, { NULL } },
        { "\xef\xbb\xbf[imap]\r\nlisten = *:143\r\n", 0, { NULL } },
        { "# comment\n; another\n\n[log] \nlevel = debug ; why\nformat=json # because", 0, { NULL } },
        { "imap.listen = *:143\n", 0, { NULL } },
        { "[log]\n  level = warn\n", 0, { NULL } },
        { "", 0, { NULL } },
        { "[imap]\nlisen = *:143\n",
          -ERR_INVALID,
          { ":2: unknown setting imap.lisen; did you mean imap.listen?", NULL } },
        { "[imap]\n\n\nlogin_timeout = 1\n",
          -ERR_INVALID,
          { ":4: unknown setting imap.login_timeout; did you mean imap.login_timeout_s?", NULL } },
        { "[imapd]\nlisten = x:1\n",
          -ERR_INVALID,
          { ":2: unknown setting imapd.listen; did you mean imap", NULL } },
        { "plaintext_on_lopback = yes\n",
          -ERR_INVALID,
          { "did you mean auth.plaintext_on_loopback?", NULL } },
        { "[log]\nlevel\n", -ERR_SYNTAX, { ":2: neither", NULL } },
        { "[log\nlog.level = info\n", -ERR_SYNTAX, { ":1: neither", NULL } },
        { "[server]\nworkers = 0\nworkers_max = 9999\n",
          -ERR_INVALID,
          { ":2: server.workers: 0 is out of range", ":3: server.workers_max: 9999 is out of range" } },
        { "[log]\nlevel = info\nlevel = info\n", -ERR_INVALID, { ":3: log.level is set already at ", NULL } },
        { "[tls]\nkey = /a\n", -ERR_INVALID, { "set both or none", NULL } },
        { "[server]\nworkers = 300\n", -ERR_INVALID, { "server.workers is above server.workers_max", NULL } },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct loaded l = load(cases[i].text, NULL);
        const char *problems = buf_c(&l.problems);
        assert_row(l.r == cases[i].r, i, problems);
        for (size_t k = 0; k < 2 && cases[i].said[k]; k++)
            assert_row(strstr(problems, cases[i].said[k]) != NULL, i, problems);
        if (l.r < 0)
            assert_row(strncmp(problems, l.err.text, strlen(l.err.text)) == 0, i, l.err.text); /* the first */
        unload(&l);
    }
}

static void test_line_has_a_limit(void **state)
{
    (void)state;
    enum { LINE_MAX_BYTES = CONFIG_VALUE_BYTES_MAX + 256 - 1 }; /* with its newline */
    for (size_t n = LINE_MAX_BYTES - 1; n <= LINE_MAX_BYTES + 1; n++) {
        struct buf text = BUF_INIT;
        buf_add_char(&text, '#');
        memset(buf_reserve(&text, n), 'x', n);
        text.n = n - 1;
        buf_add_lit(&text, "\n[log]\nlevel = warn\n");
        struct loaded l = load(buf_c(&text), NULL);
        assert_row(l.r == (n <= LINE_MAX_BYTES ? 0 : -ERR_SYNTAX), n, l.err.text);
        if (n > LINE_MAX_BYTES)
            assert_non_null(strstr(l.err.text, ":1: the line is too long"));
        unload(&l);
        buf_deinit(&text);
    }
}

static void test_override_wins_over_file_over_default(void **state)
{
    (void)state;
    struct loaded l = load(
        "[log]\nlevel = warn\nformat = json\n[tls]\ncertificate = pair/c.pem\nkey = /k.pem\n",
        "log.level=error");
    assert_int_equal(l.r, 0);
    assert_int_equal(l.config->log.level, LEVEL_ERROR);
    assert_int_equal(l.config->log.format, LOG_JSON);
    assert_string_equal(l.config->tls.certificate, "/tmp/pair/c.pem"); /* beside the file */
    assert_true(config_is_set(l.config, "log.level"));
    assert_false(config_is_set(l.config, "imap.listen"));

    struct buf shown = BUF_INIT;
    config_show(l.config, false, &shown);
    assert_true(str_find(buf_str(&shown), STR("log.level = error  # -o\n")) >= 0);
    assert_true(str_find(buf_str(&shown), STR("imap.listen = *:143  # default\n")) >= 0);
    struct buf origin = BUF_INIT;
    buf_printf(&origin, "log.format = json  # %s:3\n", l.path);
    assert_true(str_find(buf_str(&shown), buf_str(&origin)) >= 0);

    buf_clear(&shown);
    config_show(l.config, true, &shown);
    assert_true(str_starts(buf_str(&shown), STR("{\n  \"data.folder\": \"/data\",\n")));
    assert_true(str_find(buf_str(&shown), STR("\"imap.listen\": [\"*:143\"],\n")) >= 0);
    assert_true(str_find(buf_str(&shown), STR("\"auth.plaintext_on_loopback\": false,\n")) >= 0);
    assert_true(str_find(buf_str(&shown), STR("\"imap.autologout_s\": 1800,\n")) >= 0);
    assert_true(str_ends(buf_str(&shown), STR("\n}\n")));
    buf_deinit(&origin);
    buf_deinit(&shown);
    unload(&l);
}

static void test_missing_file_and_bad_override_are_told(void **state)
{
    (void)state;
    struct config *config = NULL;
    struct err err;
    struct config_sources absent = { .file = "/nonexistent/loft.conf", .default_data_folder = "/data" };
    assert_int_equal(config_load(&absent, NULL, NULL, &config, &err), -ERR_NOT_FOUND);
    struct str o = STR("imap.listen");
    struct config_sources bare = { NULL, &o, 1, "/data" };
    assert_int_equal(config_load(&bare, NULL, NULL, &config, &err), -ERR_SYNTAX);
    assert_string_equal(err.text, "-o imap.listen: not section.key=value");
    struct str unknown = STR("imap.lisen=x:1");
    struct config_sources wrong = { NULL, &unknown, 1, "/data" };
    assert_int_equal(config_load(&wrong, NULL, NULL, &config, &err), -ERR_INVALID);
    assert_string_equal(err.text, "-o: unknown setting imap.lisen; did you mean imap.listen?");
    assert_null(config);
}

static void test_shown_config_loads_again(void **state)
{
    (void)state;
    struct config *c = defaults();
    struct buf text = BUF_INIT;
    config_show(c, false, &text);
    struct loaded l = load(buf_c(&text), NULL);
    assert_row(l.r == 0, 0, l.err.text);
    struct buf before = BUF_INIT, after = BUF_INIT;
    config_show(c, true, &before);
    config_show(l.config, true, &after);
    assert_true(str_eq(buf_str(&before), buf_str(&after)));
    buf_deinit(&before);
    buf_deinit(&after);
    buf_deinit(&text);
    unload(&l);
    config_free(&c);
}

static void test_explain_knows_settings_and_sections(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct err err;
    assert_int_equal(config_explain(STR("imap.autologout_s"), false, &out, &err), 0);
    assert_true(str_starts(buf_str(&out), STR("imap.autologout_s\n  A client")));
    assert_true(str_find(buf_str(&out), STR("  unit:    seconds\n  default: 30m\n  allowed: 30m to 1d\n")) >=
                0);
    buf_clear(&out);
    assert_int_equal(config_explain(STR("lmtp"), true, &out, &err), 0);
    assert_true(str_starts(buf_str(&out), STR("[{\"name\": \"lmtp.listen\", ")));
    assert_true(str_find(buf_str(&out), STR("\"default\": \"./lmtp.sock\"")) >= 0);
    assert_int_equal(config_explain(STR("imap.autologuot_s"), false, &out, &err), -ERR_NOT_FOUND);
    assert_string_equal(err.text, "unknown setting imap.autologuot_s; did you mean imap.autologout_s?");
    buf_deinit(&out);
}

static void test_manual_has_every_setting(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    config_manual(&out);
    size_t entries = 0;
    for (struct str line, rest = buf_str(&out); !str_is_nil(rest);) {
        line = str_cut(rest, '\n', &rest);
        entries += str_starts(line, STR("*"));
    }
    assert_int_equal(entries, config_setting_count);
    assert_true(str_find(buf_str(&out), STR("*auth.plaintext\\_on\\_loopback* (yes or no)\n")) >= 0);
    buf_deinit(&out);
}

static void test_data_folder_follows_the_environment(void **state)
{
    (void)state;
    static const struct {
        bool root;
        const char *home, *xdg, *folder;
    } cases[] = {
        { true, "/root", "/x", "/var/lib/loft" },
        { false, "/home/anna", NULL, "/home/anna/.local/share/loft" },
        { false, "/home/anna", "", "/home/anna/.local/share/loft" },
        { false, "/home/anna", "relative", "/home/anna/.local/share/loft" },
        { false, "/home/anna", "/x", "/x/loft" },
        { false, NULL, NULL, "/var/lib/loft" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        config_default_data_folder(cases[i].root, cases[i].home, cases[i].xdg, &out);
        assert_row(strcmp(buf_c(&out), cases[i].folder) == 0, i, cases[i].folder);
        buf_deinit(&out);
    }
}

static void add_domain(void *ctx, struct str domain, uint64_t storage_bytes)
{
    buf_printf(ctx, STR_FMT "=%llu ", STR_ARG(domain), (unsigned long long)storage_bytes);
}

static void test_lists_of_quota_are_read(void **state)
{
    static const struct {
        const char *warnings, *levels, *domains, *read; /* NULL: refused */
    } cases[] = {
        { "80, 95", "80 95 ", "", "" },
        { "", "", "a.example=1K", "a.example=1024 " },
        { "1 2,3 , 100", "1 2 3 100 ", "a=none, b=2G c=7,", "a=0 b=2147483648 c=7 " },
        { "1,2,3,4,5,6,7,8", "1 2 3 4 5 6 7 8 ", "=1", NULL },
        { "1,2,3,4,5,6,7,8,9", NULL, "a", NULL },
        { "0", NULL, "a=", NULL },
        { "101", NULL, "a=b", NULL },
        { "5,5", NULL, "a=1T", NULL },
        { "many", NULL, "a=-1", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct config config = { .quota = { .warnings = cases[i].warnings, .domains = cases[i].domains } };
        struct buf levels = BUF_INIT, domains = BUF_INIT;
        uint8_t out[CONFIG_WARNINGS_MAX];
        struct err err;
        size_t count = 0;
        int r = config_quota_warnings(&config, out, &count, &err);
        for (size_t k = 0; k < count; k++)
            buf_printf(&levels, "%u ", out[k]);
        assert_row(r == (cases[i].levels ? 0 : -ERR_INVALID), i, cases[i].warnings);
        assert_row(r < 0 || strcmp(buf_c(&levels), cases[i].levels) == 0, i, cases[i].warnings);
        r = config_quota_domains(&config, add_domain, &domains, &err);
        assert_row(r == (cases[i].read ? 0 : -ERR_INVALID), i, cases[i].domains);
        assert_row(r < 0 || strcmp(buf_c(&domains), cases[i].read) == 0, i, cases[i].domains);
        buf_deinit(&levels);
        buf_deinit(&domains);
    }
}

static void test_list_of_providers_is_read(void **state)
{
    static const struct {
        const char *providers, *path, *mistake; /* NULL: none */
        size_t count;
    } cases[] = {
        { "own", "", NULL, 1 },
        { " passwd-file, own ", "/x", NULL, 2 },
        { "passwd-file", "", "auth.providers has passwd-file: set passwd_file.path", 0 },
        { "own own", "", "auth.providers names own twice", 0 },
        { " ", "", "auth.providers names none: nobody could sign in", 0 },
        { "own OWN", "", "auth.providers: \"OWN\" is none of own, passwd-file", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct config config = { .auth = { .providers = cases[i].providers },
                                 .passwd_file = { .path = cases[i].path } };
        struct config_providers list = { .count = 0 };
        struct err err = { 0 };
        int r = config_providers(&config, &list, &err);
        assert_row(r == (cases[i].mistake ? -ERR_INVALID : 0) && list.count == cases[i].count, i, err.text);
        if (cases[i].mistake) /* more providers may come behind */
            assert_row(strncmp(err.text, cases[i].mistake, strlen(cases[i].mistake)) == 0, i, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_rows_are_sound),
        cmocka_unit_test(test_defaults_are_what_the_manual_promises),
        cmocka_unit_test(test_values_are_parsed_and_shown),
        cmocka_unit_test(test_socket_path_has_the_limit_of_the_system),
        cmocka_unit_test(test_file_mistakes_name_file_line_and_cure),
        cmocka_unit_test(test_line_has_a_limit),
        cmocka_unit_test(test_override_wins_over_file_over_default),
        cmocka_unit_test(test_missing_file_and_bad_override_are_told),
        cmocka_unit_test(test_shown_config_loads_again),
        cmocka_unit_test(test_explain_knows_settings_and_sections),
        cmocka_unit_test(test_manual_has_every_setting),
        cmocka_unit_test(test_data_folder_follows_the_environment),
        cmocka_unit_test(test_lists_of_quota_are_read),
        cmocka_unit_test(test_list_of_providers_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
