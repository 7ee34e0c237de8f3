#include "base/precis.h"
#include "base/testing.h"
#include "base/utf8.h"

static const char *prepared(struct str in, struct buf *out)
{
    buf_clear(out);
    return precis_userpart(in, out) ? buf_c(out) : NULL;
}

/* RFC 8265, 3.5, and what its rules say of others. */
static void test_userparts_are_prepared_as_the_profile_says(void **state)
{
    static const struct {
        struct str in;
        const char *out; /* NULL: none */
    } cases[] = {
        /* Table 1 */
        { STR_INIT("juliet@example.com"), "juliet@example.com" },
        { STR_INIT("fussball"), "fussball" },
        { STR_INIT("fu\303\237ball"), "fu\303\237ball" }, /* another one than the line before */
        { STR_INIT("\317\200"), "\317\200" },
        { STR_INIT("\316\243"), "\317\203" }, /* capital sigma becomes small sigma */
        { STR_INIT("\317\203"), "\317\203" },
        { STR_INIT("\317\202"), "\317\202" }, /* final sigma is another */
        /* Table 2 */
        { STR_INIT("foo bar"), NULL },
        { STR_INIT(""), NULL },
        { STR_INIT("henry\342\205\243"), NULL }, /* a Roman numeral: compatible with something else */
        { STR_INIT("\342\231\232"), NULL },      /* a chess king: a symbol */
        /* the mappings */
        { STR_INIT("\303\211va"), "\303\251va" },
        { STR_INIT("e\314\201va"), "\303\251va" },
        { STR_INIT("\357\274\241\357\275\202\357\274\221"), "ab1" }, /* full width */
        { STR_INIT("\357\275\261"), "\343\202\242" },                /* half width katakana */
        { STR_INIT("\304\260"), "i\314\207" },                       /* Turkish I with a dot: no ordinary i */
        { STR_INIT("\304\261"), "\304\261" },
        { STR_INIT("\342\204\253ngstr\303\226m"), "\303\245ngstr\303\266m" }, /* the Angstrom sign */
        { STR_INIT("\320\220\320\275\320\275\320\260"), "\320\260\320\275\320\275\320\260" },
        { STR_INIT("\347\224\250\346\210\267"), "\347\224\250\346\210\267" },
        { STR_INIT("a+b%c'd_e-f.g"), "a+b%c'd_e-f.g" },
        /* what is in no name */
        { STR_INIT("a\0b"), NULL },
        { STR_INIT("a\nb"), NULL },
        { STR_INIT("a\302\205"), NULL },
        { STR_INIT("a\302\240b"), NULL },       /* no-break space */
        { STR_INIT("a\302\255b"), NULL },       /* soft hyphen */
        { STR_INIT("a\342\200\213b"), NULL },   /* zero width space */
        { STR_INIT("a\342\200\256b"), NULL },   /* right-to-left override */
        { STR_INIT("a\357\273\277b"), NULL },   /* byte order mark */
        { STR_INIT("a\357\270\217b"), NULL },   /* variation selector */
        { STR_INIT("\360\237\222\251"), NULL }, /* emoji */
        { STR_INIT("\303\227"), NULL },         /* times */
        { STR_INIT("\305\277"), NULL },         /* long s: compatible with s */
        { STR_INIT("\357\254\201"), NULL },     /* ligature */
        { STR_INIT("\302\262"), NULL },         /* superscript */
        { STR_INIT("\315\270"), NULL },         /* not assigned */
        { STR_INIT("\356\200\200"), NULL },     /* private use */
        { STR_INIT("\357\267\220"), NULL },     /* no character */
        { STR_INIT("\341\204\200\342\200\213"), NULL },
        { STR_INIT("\377"), NULL },
        { STR_INIT("\300\257"), NULL },
        { STR_INIT("\355\240\200"), NULL },
        { STR_INIT("\331\200"), NULL }, /* tatweel: RFC 5892, 2.6 */
        /* rules of context: RFC 5892, A */
        { STR_INIT("l\302\267l"), "l\302\267l" },
        { STR_INIT("L\302\267L"), "l\302\267l" },
        { STR_INIT("a\302\267b"), NULL },
        { STR_INIT("\302\267l"), NULL },
        { STR_INIT("\340\244\225\340\245\215\342\200\215\340\244\267"),
          "\340\244\225\340\245\215\342\200\215\340\244\267" },
        { STR_INIT("a\342\200\215b"), NULL },
        { STR_INIT("a\342\200\214b"), NULL },
        { STR_INIT("\343\202\242\343\203\273\343\202\242"), "\343\202\242\343\203\273\343\202\242" },
        { STR_INIT("a\343\203\273b"), NULL },
        { STR_INIT("\315\265\316\261"), "\315\265\316\261" },
        { STR_INIT("\315\265a"), NULL },
        { STR_INIT("\327\220\327\263"), "\327\220\327\263" },
        { STR_INIT("\327\263\327\220"), NULL },
        { STR_INIT("\330\247\331\240\331\241"), "\330\247\331\240\331\241" },
        { STR_INIT("\330\247\331\240\333\260"), NULL }, /* digits of two kinds */
        /* from right to left: RFC 5893, 2 */
        { STR_INIT("\327\220\327\221"), "\327\220\327\221" },
        { STR_INIT("\327\220\327\2211"), "\327\220\327\2211" },
        { STR_INIT("1\327\220"), NULL },
        { STR_INIT("a\327\220"), NULL },
        { STR_INIT("\327\220a"), NULL },
        { STR_INIT("\327\220-"), NULL }, /* must not end so */
        { STR_INIT("\327\220-\327\221"), "\327\220-\327\221" },
        { STR_INIT("\331\240"), NULL }, /* an Arabic digit alone does not begin a name */
    };
    struct buf out = BUF_INIT, again = BUF_INIT;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *got = prepared(cases[i].in, &out);
        assert_row((got == NULL) == (cases[i].out == NULL), i, cases[i].in.p);
        assert_row(!got || strcmp(got, cases[i].out) == 0, i, got);
        assert_row(!got || strcmp(prepared(buf_str(&out), &again), got) == 0, i, "once is enough");
    }
    buf_deinit(&out);
    buf_deinit(&again);
}

/* RFC 8265, 4.3 */
static void test_passwords_may_have_more_characters(void **state)
{
    static const struct {
        struct str in;
        bool allowed;
    } cases[] = {
        { STR_INIT("correct horse battery staple"), true },
        { STR_INIT("Correct Horse Battery Staple"), true },
        { STR_INIT("\317\200\303\237\303\245"), true },
        { STR_INIT("Jack of \342\231\246s"), true },
        { STR_INIT("foo\341\232\200bar"), true }, /* Ogham space: mapped to a space by the profile */
        { STR_INIT(""), false },
        { STR_INIT("my cat is a \tby"), false },
        { STR_INIT("henry\342\205\243"), true },
        { STR_INIT("\360\237\222\251"), true },
        { STR_INIT("a\342\200\213b"), false },
        { STR_INIT("a\0b"), false },
        { STR_INIT("\315\270"), false },
        { STR_INIT("\377"), false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(precis_is_allowed(cases[i].in, PRECIS_FREEFORM) == cases[i].allowed, i, cases[i].in.p);
}

/* Each character by itself: what is allowed in names is allowed in passwords, and stays what it has become. */
static void test_every_character_is_stable(void **state)
{
    struct buf in = BUF_INIT, out = BUF_INIT, again = BUF_INIT;
    unsigned allowed = 0;
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c++) {
        if (c >= 0xd800 && c < 0xe000)
            continue;
        buf_clear(&in);
        utf8_put(&in, c);
        const char *got = prepared(buf_str(&in), &out);
        if (!got)
            continue;
        allowed++;
        assert_row(precis_is_allowed(buf_str(&out), PRECIS_FREEFORM), c, "in passwords");
        assert_row(prepared(buf_str(&out), &again) && strcmp(buf_c(&again), buf_c(&out)) == 0, c, "stable");
    }
    assert_true(allowed > 100000);
    buf_deinit(&in);
    buf_deinit(&out);
    buf_deinit(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_userparts_are_prepared_as_the_profile_says),
        cmocka_unit_test(test_passwords_may_have_more_characters),
        cmocka_unit_test(test_every_character_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
