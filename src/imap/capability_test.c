#include "imap/capability.h"

#include "base/testing.h"

static void test_names_are_hidden_by_a_list(void **state)
{
    static const struct {
        const char *name, *list;
        bool hidden;
    } cases[] = {
        { "IDLE", "", false },
        { "IDLE", "IDLE", true },
        { "IDLE", "idle", true },
        { "IDLE", " ,QRESYNC,, Idle ", true },
        { "IDLE", "IDLER ID", false },
        { "ID", "IDLE", false },
        { "THREAD=REFS", "THREAD=*", true },
        { "THREAD=REFS", "thread=ref*", true },
        { "SORT", "SORT=*", false },
        { "SORT=DISPLAY", "SORT", false },
        { "IDLE", "*", false },
        { "LOGINDISABLED", "LOGINDISABLED LOGIN*", false },
        { "STARTTLS", "STARTTLS", false },
        { "LOGIN-REFERRALS", "LOGIN*", true },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(capability_is_hidden(str_c(cases[i].name), str_c(cases[i].list)) == cases[i].hidden, i,
                   cases[i].list);
    assert_false(capability_is_hidden(STR("IDLE"), STR_NIL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_hidden_by_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
