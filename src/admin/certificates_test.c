#include "admin/certificates.h"
#include "base/testing.h"

static void test_certificates_warn_at_each_mark_once(void **state)
{
    (void)state;
    const int64_t hour = 3600 * 1000, day = 24 * hour, expires = 1000 * day;
    static const struct {
        int left_hours;
        bool warns;
    } cases[] = {
        { 31 * 24, false }, { 30 * 24 + 1, false }, { 30 * 24, true }, { 29 * 24, false }, { 14 * 24, true },
        { 13 * 24, false }, { 7 * 24, true },       { 5 * 24, false }, { 3 * 24, true },   { 2 * 24, false },
        { 24, true },       { 1, false },           { 0, true },       { -1, false },      { -23, false },
        { -24, true },      { -47, false },         { -48, true },     { 90 * 24, false }, { 30 * 24, true },
        { 2 * 24, true },   { 7 * 24, false },
    };
    int32_t told = CERTIFICATES_NOTHING_TOLD;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(certificates_must_warn(expires - cases[i].left_hours * hour, expires, &told) ==
                       cases[i].warns,
                   i, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_warn_at_each_mark_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
