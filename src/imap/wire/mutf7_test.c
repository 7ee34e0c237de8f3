#include "base/testing.h"
#include "imap/wire/mutf7.h"

/* clang-format off */
static const struct {
    const char *wire, *utf8; /* utf8 NULL: refused */
} cases[] = {
    { "INBOX",                           "INBOX"                   },
    { "",                                ""                        },
    { "&-",                              "&"                       },
    { "R&-D",                            "R&D"                     },
    { "&-&-",                            "&&"                      },
    { "Entw&APw-rfe",                    "Entwürfe"                },
    { "&AOQA9gD8-",                      "äöü"                     },
    { "~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語" }, /* RFC 3501, 5.1.3 */
    { "&2D3eAA-",                        "😀"                      },
    { "x&2D3eANg93gA-y",                 "x😀😀y"                  },
    { "&AOQ-&-&AOQ-",                    "ä&ä"                     },
    { "&AOQ--",                          "ä-"                      },
    { "-&AOQ-",                          "-ä"                      },
    { "&",                               NULL                      }, /* no shift back */
    { "R&D",                             NULL                      },
    { "&Jjo!",                           NULL                      },
    { "&U,BTFw-&ZeVnLIqe-",              NULL                      }, /* superfluous shift: RFC 3501, 5.1.3 */
    { "&AOQ",                            NULL                      },
    { "&A-",                             NULL                      }, /* 6 bits: less than a unit */
    { "&AO-",                            NULL                      }, /* 12 bits */
    { "&AOQA-",                          NULL                      }, /* a whole base64 digit too many */
    { "&AOR-",                           NULL                      }, /* bits left over are not zero */
    { "&AGE-",                           NULL                      }, /* "a" stands for itself */
    { "&ACY-",                           NULL                      }, /* "&" is "&-" */
    { "&2D0-",                           NULL                      }, /* high surrogate alone */
    { "&3gA-",                           NULL                      }, /* low one alone */
    { "&2D3YPQ-",                        NULL                      },
    { "&AO/-",                           NULL                      }, /* "/" is not in this alphabet */
    { "&AO=-",                           NULL                      },
    { "\xc3\xa4",                        NULL                      },
    { "a\tb",                            NULL                      },
    { "a\x7f",                           NULL                      },
};
/* clang-format on */

static void test_mutf7_decodes_what_has_one_encoding_only(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        buf_clear(&out);
        buf_add_lit(&out, "before:");
        int r = mutf7_decode(str_c(cases[i].wire), &out, NULL);
        assert_row(r == (cases[i].utf8 ? 0 : -ERR_INVALID), i, cases[i].wire);
        struct str decoded = str_skip(buf_str(&out), 7);
        assert_row(str_eq(decoded, str_c(cases[i].utf8)), i, cases[i].wire);
    }
    buf_deinit(&out);
}

static void test_mutf7_encodes_back_to_the_same(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (!cases[i].utf8)
            continue;
        buf_clear(&out);
        mutf7_encode(str_c(cases[i].utf8), &out);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].wire)), i, cases[i].utf8);
    }
    buf_deinit(&out);
}

static void test_control_characters_and_damage_are_encoded(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    mutf7_encode(str_make("a\0b\xff", 4), &out);
    assert_str(buf_str(&out), "a&AAA-b&,,0-");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutf7_decodes_what_has_one_encoding_only),
        cmocka_unit_test(test_mutf7_encodes_back_to_the_same),
        cmocka_unit_test(test_control_characters_and_damage_are_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
