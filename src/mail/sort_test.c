#include "base/testing.h"
#include "base/utf8.h"
#include "mail/sort.h"

#include <stdlib.h>
#include <string.h>

/* Messages 0 to 5. Keys are stored folded. */
static const struct {
    struct message row;
    struct meta_view view;
    bool has_record;
} messages[] = {
    { { .internal_date_s = 50, .size_bytes = 3 },
      { .flags = META_HAS_DATE,
        .sent_s = -5,
        .subject = STR_INIT("apple pie"),
        .from = STR_INIT("zoe"),
        .to = STR_INIT("x"),
        .cc = STR_INIT(""),
        .display_from = STR_INIT("anna"),
        .display_to = STR_INIT("b") },
      true },
    { { .internal_date_s = 40, .size_bytes = 1 },
      { .flags = META_HAS_DATE,
        .sent_s = 7,
        .subject = STR_INIT("apple"),
        .from = STR_INIT("_z"),
        .to = STR_INIT("w"),
        .cc = STR_INIT("c"),
        .display_from = STR_INIT("bert"),
        .display_to = STR_INIT("a") },
      true },
    { { .internal_date_s = 6, .size_bytes = 2 },
      { .flags = 0,
        .sent_s = 1000,
        .subject = STR_INIT(""),
        .from = STR_INIT("zoe"),
        .to = STR_INIT("x"),
        .cc = STR_INIT("a"),
        .display_from = STR_INIT(""),
        .display_to = STR_INIT("a") },
      true },
    { { .internal_date_s = 40, .size_bytes = 1 },
      { .flags = META_HAS_DATE,
        .sent_s = 7,
        .subject = STR_INIT("apple pies"),
        .from = STR_INIT("\xc3\xa9ve"),
        .to = STR_INIT("v"),
        .cc = STR_INIT(""),
        .display_from = STR_INIT("bert"),
        .display_to = STR_INIT("c") },
      true },
    { { .internal_date_s = 5, .size_bytes = 4000000000u }, { .flags = 0 }, false },
};

static void test_sort_follows_rfc_5256(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct sort_criterion criteria[3];
        size_t count;
        const char *order;
        bool needs_meta;
    } cases[] = {
        { "arrival", { { SORT_ARRIVAL, false } }, 1, "42130", false },
        { "reverse arrival: equal ones stay in order", { { SORT_ARRIVAL, true } }, 1, "01324", false },
        { "size", { { SORT_SIZE, false } }, 1, "13204", false },
        { "reverse size", { { SORT_SIZE, true } }, 1, "40213", false },
        { "date: before 1970, and INTERNALDATE for those without",
          { { SORT_DATE, false } },
          1,
          "04213",
          true },
        { "reverse date", { { SORT_DATE, true } }, 1, "13240", true },
        { "subject: shorter first, empty and absent before all",
          { { SORT_SUBJECT, false } },
          1,
          "24103",
          true },
        { "reverse subject", { { SORT_SUBJECT, true } }, 1, "30124", true },
        { "from: _ behind letters, others behind ASCII", { { SORT_FROM, false } }, 1, "40213", true },
        { "to", { { SORT_TO, false } }, 1, "43102", true },
        { "cc", { { SORT_CC, false } }, 1, "03421", true },
        { "display from", { { SORT_DISPLAY_FROM, false } }, 1, "24013", true },
        { "display to", { { SORT_DISPLAY_TO, false } }, 1, "41203", true },
        { "two keys", { { SORT_FROM, false }, { SORT_SIZE, false } }, 2, "42013", true },
        { "the second reversed", { { SORT_DISPLAY_FROM, false }, { SORT_SUBJECT, true } }, 2, "24031", true },
        { "three keys", { { SORT_SIZE, true }, { SORT_DATE, false }, { SORT_TO, false } }, 3, "40231", true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sorter s;
        uint32_t order[ARRAY_COUNT(messages)];
        char text[ARRAY_COUNT(messages) + 1] = "";
        sorter_init(&s, cases[i].criteria, cases[i].count, COLLATION_UNICODE_CASEMAP);
        assert_row(sorter_needs_meta(&s) == cases[i].needs_meta, i, cases[i].what);
        for (size_t k = 0; k < ARRAY_COUNT(messages); k++)
            sorter_add(&s, &messages[k].row);
        for (size_t k = ARRAY_COUNT(messages); k-- > 0;) /* in any order */
            if (messages[k].has_record)
                sorter_take_meta(&s, (uint32_t)k, &messages[k].view);
        sorter_order(&s, order);
        for (size_t k = 0; k < ARRAY_COUNT(messages); k++)
            text[k] = (char)('0' + order[k]);
        if (strcmp(text, cases[i].order) != 0)
            print_error("got %s\n", text);
        assert_row(strcmp(text, cases[i].order) == 0, i, cases[i].what);
        sorter_deinit(&s);
    }
}

static void test_nothing_sorts_to_nothing(void **state)
{
    (void)state;
    struct sorter s;
    uint32_t order[1] = { 7 };
    const struct sort_criterion criterion = { SORT_SUBJECT, true };
    sorter_init(&s, &criterion, 1, COLLATION_UNICODE_CASEMAP);
    sorter_order(&s, order);
    assert_int_equal(order[0], 7);
    sorter_deinit(&s);
}

/* Against a sort by comparing all keys, many messages with few different keys. */
static void test_order_is_right_for_many(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static const char *const subjects[] = { "", "a", "abcdefgh", "abcdefghi", "abcdefghij", "b" };
    const struct sort_criterion criteria[] = { { SORT_SUBJECT, true }, { SORT_SIZE, false } };
    static unsigned subject[MANY], size[MANY];
    static uint32_t order[MANY];
    struct sorter s;
    uint32_t random = 1;
    sorter_init(&s, criteria, 2, COLLATION_UNICODE_CASEMAP);
    for (uint32_t i = 0; i < MANY; i++) {
        random = random * 1664525 + 1013904223;
        subject[i] = random >> 24 & 7;
        subject[i] = subject[i] < ARRAY_COUNT(subjects) ? subject[i] : 0;
        size[i] = random >> 20 & 3;
        struct message row = { .size_bytes = size[i] };
        struct meta_view view = { .subject = str_c(subjects[subject[i]]) };
        sorter_add(&s, &row);
        sorter_take_meta(&s, i, &view);
    }
    sorter_order(&s, order);
    for (size_t i = 1; i < MANY; i++) {
        uint32_t a = order[i - 1], b = order[i];
        assert_true(subject[a] > subject[b] ||
                    (subject[a] == subject[b] && (size[a] < size[b] || (size[a] == size[b] && a < b))));
    }
    sorter_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sort_follows_rfc_5256),
        cmocka_unit_test(test_nothing_sorts_to_nothing),
        cmocka_unit_test(test_order_is_right_for_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
