#include "mime/meta_collate.h"

#include "base/testing.h"

#include <stdlib.h>
#include <string.h>

/* What the stored keys tell folded, another collation tells unfolded, from the ENVELOPE. */
static void test_meta_collate_takes_keys_from_the_envelope(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        enum collation collation;
        const char *subject, *from, *to, *cc, *display_from, *display_to;
    } cases[] = {
        { "Subject: Re: [List] =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nFrom: \"A \\\"B\\\" C\" <Anna@Example.org>, "
          "Bob <b@c>\r\n"
          "Sender: x@y\r\nTo: Team: <Eva@a>, f@b;\r\nCc: cc@d\r\n\r\n",
          COLLATION_OCTET,
          "Gr\xc3\xbc\xc3\x9f"
          "e",
          "Anna", "Team", "cc", "A \"B\" C", "Team" },
        { "Subject: abc\r\nFrom: =?iso-8859-1?q?J=F6rg?= <j@x>\r\n\r\n", COLLATION_ASCII_CASEMAP, "ABC", "J",
          "", "", "J\xc3\xb6RG", "" },
        { "Subject: J\xf6rg\r\nFrom: plain@x.org\r\nTo: a@b\r\n\r\n", COLLATION_OCTET, "J\xc3\xb6rg", "plain",
          "a", "", "plain@x.org", "a@b" },
        { "\r\n", COLLATION_OCTET, "", "", "", "", "", "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf meta = BUF_INIT, header = BUF_INIT;
        struct meta_view view;
        struct collator collator;
        struct err err;
        assert_int_equal(mime_meta_build(str_c(cases[i].message), NULL, &meta, &header, &err), 0);
        assert_int_equal(mime_meta_view(buf_str(&meta), &view, &err), 0);
        collator_init(&collator, cases[i].collation);
        const struct meta_view *other = collator_view(&collator, &view);
        if (!str_eq(other->subject, str_c(cases[i].subject)) || !str_eq(other->from, str_c(cases[i].from)) ||
            !str_eq(other->to, str_c(cases[i].to)) || !str_eq(other->cc, str_c(cases[i].cc)) ||
            !str_eq(other->display_from, str_c(cases[i].display_from)) ||
            !str_eq(other->display_to, str_c(cases[i].display_to)))
            fail_msg("row %zu: " STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT "|" STR_FMT, i,
                     STR_ARG(other->subject), STR_ARG(other->from), STR_ARG(other->to), STR_ARG(other->cc),
                     STR_ARG(other->display_from), STR_ARG(other->display_to));
        collator_deinit(&collator);
        buf_deinit(&meta);
        buf_deinit(&header);
    }
}

static void test_meta_collate_leaves_the_default_alone(void **state)
{
    (void)state;
    struct meta_view view = { .subject = STR("folded") };
    struct collator collator;
    collator_init(&collator, COLLATION_UNICODE_CASEMAP);
    assert_ptr_equal(collator_view(&collator, &view), &view);
    collator_deinit(&collator);
}

/* Whatever the bytes are: nothing beyond them is read. */
static void test_meta_collate_survives_any_envelope(void **state)
{
    (void)state;
    static const char envelope[] =
        "(NIL \"a\\\"b\" ((NIL NIL {3}\r\nabc \"h\")(NIL NIL \"x\" NIL)) NIL NIL NIL NIL NIL NIL NIL)";
    struct collator collator;
    collator_init(&collator, COLLATION_OCTET);
    for (size_t n = 0; n < sizeof envelope; n++) {
        char *cut = malloc(n ? n : 1); /* so that a sanitizer sees a read beyond */
        memcpy(cut, envelope, n);
        struct meta_view view = { .envelope = str_make(cut, n) };
        const struct meta_view *other = collator_view(&collator, &view);
        if (n == sizeof envelope - 1)
            assert_true(str_eq(other->from, STR("abc")));
        free(cut);
    }
    collator_deinit(&collator);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meta_collate_takes_keys_from_the_envelope),
        cmocka_unit_test(test_meta_collate_leaves_the_default_alone),
        cmocka_unit_test(test_meta_collate_survives_any_envelope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
