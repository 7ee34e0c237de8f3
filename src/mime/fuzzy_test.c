#include "mime/fuzzy.h"

#include "base/testing.h"

static const struct {
    const char *needle, *text;
    unsigned score;
} cases[] = {
    { "imap break", "an imap break today", 100 },
    { "imap break", "imap breaks", 90 },
    { "imap break", "simap break", 90 },
    { "imap break", "imap breaks, imap break", 100 },
    { "imap break", "the break of imap", 80 },
    { "imap break", "breaking imap", 72 },
    { "imap break", "imap", 0 },
    { "helo", "hello world", 40 },
    { "helo", "help", 40 },
    { "helo", "ehlo", 40 },
    { "helo", "shell", 0 },
    { "helo", "othello", 0 },
    { "hel", "hal", 0 }, /* too short for a typo */
    { "message", "massage", 40 },
    { "message", "mesage", 40 },
    { "message", "mseasge", 0 },
    { "\xc3\xa9t\xc3\xa9s", "et\xc3\xa9s", 40 }, /* one letter, not one byte */
    { "\xc3\xa9t\xc3\xa9s", "etes", 0 },
    { "stra\xc3\x9f"
      "e",
      "stras\xc3\x9f"
      "e",
      40 },
    { "", "anything", 100 },
    { "!?", "what!?", 100 },
    { "!?", "what?!", 0 },
    { "a,b", "b a", 80 },
    { "a b c d e f g h i j k l m n o p q", "p o n m l k j i h g f e d c b a", 80 },
    { "word", "", 0 },
    { "", "", 100 },
};

static void test_scores(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fuzzy f;
        fuzzy_init(&f, str_c(cases[i].needle));
        fuzzy_begin(&f);
        bool done = fuzzy_feed(&f, str_c(cases[i].text));
        assert_row(fuzzy_score(&f) == cases[i].score, i, cases[i].text);
        assert_row(!done || cases[i].score == FUZZY_SCORE_MAX, i, cases[i].text);
    }
}

/* In pieces a text has at least the score that it has whole: the edge of a piece may pass for that of a word. */
static void test_pieces_lose_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str text = str_c(cases[i].text);
        for (size_t cut = 0; cut <= text.n; cut++) {
            struct fuzzy f;
            fuzzy_init(&f, str_c(cases[i].needle));
            fuzzy_begin(&f);
            size_t again = cut < fuzzy_overlap(&f) ? cut : fuzzy_overlap(&f);
            if (!fuzzy_feed(&f, str_sub(text, 0, cut)))
                (void)fuzzy_feed(&f, str_skip(text, cut - again));
            assert_row(fuzzy_score(&f) >= cases[i].score, i, cases[i].text);
        }
    }
}

static void test_a_text_begins_anew(void **state)
{
    (void)state;
    struct fuzzy f;
    fuzzy_init(&f, STR("imap break"));
    fuzzy_begin(&f);
    (void)fuzzy_feed(&f, STR("imap"));
    fuzzy_begin(&f);
    (void)fuzzy_feed(&f, STR("break"));
    assert_int_equal(fuzzy_score(&f), 0);
    (void)fuzzy_feed(&f, STR("imap")); /* of the same text */
    assert_int_equal(fuzzy_score(&f), 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_pieces_lose_nothing),
        cmocka_unit_test(test_a_text_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
