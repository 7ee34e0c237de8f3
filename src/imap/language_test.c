#include "imap/language.h"

#include "base/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/loft-language-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void drop(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static const char catalogue[] = "# a comment\n"
                                "msgid \"\"\n"
                                "msgstr \"Language: de\\n\"\n"
                                "\n"
                                "#: where\n"
                                "msgid \"%s completed\"\n"
                                "msgstr \"%s erledigt\"\n"
                                "msgid \"No message %u, there are %u\"\n"
                                "msgstr \"Von %2$u Nachrichten keine %1$u\"\n"
                                "msgid \"expected %s at byte %zu\"\n"
                                "msgstr \"an Byte %2$zu fehlt %1$s\"\n"
                                "msgid \"expected a string at byte %zu\"\n"
                                "msgstr \"keine Zeichenkette, Byte %zu\"\n"
                                "msgid \"\"\n"
                                "\"100%% of \"\n"
                                "\"%.200s\"\n"
                                "msgstr \"%s: 100%%\"\n"
                                "#, fuzzy\n"
                                "msgid \"See you\"\n"
                                "msgstr \"Sie sehen\"\n"
                                "msgid \"Empty\"\n"
                                "msgstr \"\"\n"
                                "msgid \"Moved \\\"here\\\"\"\n"
                                "msgstr \"\xc3\xbc\"\n";

static void test_language_translates(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "FETCH completed", "FETCH erledigt" },
        { "completed", "completed" },
        { "FETCH completed again", "FETCH completed again" },
        { "No message 7, there are 3", "Von 3 Nachrichten keine 7" },
        { "No message x, there are 3", "No message x, there are 3" },
        { "expected a set at byte 12", "an Byte 12 fehlt a set" },
        { "expected a string at byte 12", "keine Zeichenkette, Byte 12" },
        { "100% of it", "it: 100%" },
        { "See you", "See you" },
        { "Empty", "Empty" },
        { "Moved \"here\"", "\xc3\xbc" },
        { "", "" },
    };
    struct languages *all;
    struct err err;
    put("de.po", catalogue);
    put("README", "no catalogue");
    assert_int_equal(languages_load(folder, "de", &all, &err), 0);
    assert_true(languages_has_catalogue(all));
    const struct language *de = languages_find(all, STR("de")), *en = languages_find(all, STR("EN"));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        language_translate(de, str_c(cases[i].in), &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].out)))
            fail_msg("row %zu: " STR_FMT, i, STR_ARG(buf_str(&out)));
        buf_clear(&out);
        language_translate(en, str_c(cases[i].in), &out);
        assert_true(str_eq(buf_str(&out), str_c(cases[i].in)));
        buf_deinit(&out);
    }
    languages_free(&all);
    drop("de.po");
    drop("README");
}

static void test_language_is_looked_up_by_range(void **state)
{
    (void)state;
    static const struct {
        const char *range, *tag;
    } cases[] = {
        { "de", "de" },
        { "DE-ch-1996", "de" },
        { "pt-br", "pt-BR" },
        { "pt-BR-x-a", "pt-BR" },
        { "pt", NULL },
        { "fr-CA", NULL },
        { "en-CA", "en" },
        { "i-default", "i-default" },
        { "default", "pt-BR" },
        { "*", NULL },
        { "", NULL },
        { "-", NULL },
        { "de-", "de" },
        { "d", NULL },
        { "i-default-more", "i-default" },
    };
    struct languages *all;
    struct err err;
    put("de.po", "");
    put("pt-BR.po", "");
    assert_int_equal(languages_load(folder, "pt-BR", &all, &err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct language *found = languages_find(all, str_c(cases[i].range));
        struct str tag = found ? language_tag(found) : STR_NIL;
        if (!str_eq(tag, str_c(cases[i].tag)))
            fail_msg("row %zu: " STR_FMT, i, STR_ARG(tag));
    }
    languages_free(&all);
    drop("de.po");
    drop("pt-BR.po");
}

static void test_language_refuses_bad_catalogues(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        int r;
    } cases[] = {
        { "msgid x\n", "line 1: expected", -ERR_SYNTAX },
        { "\n\"loose\"\n", "line 2: expected", -ERR_SYNTAX },
        { "msgstr \"a\"\n", "line 1: expected", -ERR_SYNTAX },
        { "msgid \"a\nmsgstr \"b\"\n", "line 1: expected", -ERR_SYNTAX },
        { "msgid \"a\\\"\n", "line 1: expected", -ERR_SYNTAX },
        { "msgid \"a\"\nmsgstr \"%s\"\n", "do not agree", -ERR_SYNTAX },
        { "msgid \"%d\"\nmsgstr \"%2$d\"\n", "do not agree", -ERR_SYNTAX },
        { "msgid \"%n\"\nmsgstr \"a\"\n", "do not agree", -ERR_SYNTAX },
        { "msgid \"%\"\nmsgstr \"a\"\n", "do not agree", -ERR_SYNTAX },
        { "msgid \"a\"\nmsgstr \"\xff\"\n", "do not agree", -ERR_SYNTAX },
        { "msgid \"%d%d%d%d%d%d%d%d%d\"\nmsgstr \"a\"\n", "do not agree", -ERR_SYNTAX },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct languages *all;
        struct err err;
        put("xx.po", cases[i].text);
        int r = languages_load(folder, "en", &all, &err);
        if (r != cases[i].r || str_find(str_c(err.text), str_c(cases[i].says)) < 0)
            fail_msg("row %zu: %d %s", i, r, err.text);
        drop("xx.po");
    }
}

static void test_language_default_must_be_there(void **state)
{
    (void)state;
    struct languages *all;
    struct err err;
    assert_int_equal(languages_load("/nonexistent/folder", "fr", &all, &err), -ERR_NOT_FOUND);
    assert_int_equal(languages_load("", "en", &all, &err), 0);
    assert_false(languages_has_catalogue(all));
    assert_true(str_eq(languages_tag(all, 0), STR("i-default")));
    assert_true(str_eq(languages_tag(all, 1), STR("en")));
    assert_true(str_is_nil(languages_tag(all, 2)));
    languages_free(&all);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_language_translates),
        cmocka_unit_test(test_language_is_looked_up_by_range),
        cmocka_unit_test(test_language_refuses_bad_catalogues),
        cmocka_unit_test(test_language_default_must_be_there),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
