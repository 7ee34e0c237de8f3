#include "auth/directory/policy.h"
#include "auth/own/provider_own.h"
#include "base/file.h"
#include "base/testing.h"
#include "store/mem/mem.h"

#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char path[64];
    struct policy *policy;
    struct err err;
};

static void begin(struct fixture *f, const char *list, struct policy_params params)
{
    *f = (struct fixture){ .path = "/tmp/loft-policy-XXXXXX" };
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_replace(f->path, str_c(list), 0600, &f->err), 0);
    params.list = f->path;
    assert_int_equal(policy_new(&params, &f->policy, &f->err), 0);
}

static void end(struct fixture *f)
{
    policy_free(&f->policy);
    assert_null(f->policy);
    policy_free(&f->policy);
    unlink(f->path);
}

static void test_passwords_are_judged_by_length_and_list(void **state)
{
    static const char list[] = "#!comment: of somebody\n#!comment:\nPassword\n12345678\r\n\ncorrect horse\n"
                               "stra\303\237enbahn\nlast line has no end";
    static const struct {
        struct str password;
        const char *why; /* NULL: fine */
    } cases[] = {
        { STR_INIT("a fine one"), NULL },
        { STR_INIT("eight ch"), NULL },
        { STR_INIT("seven c"), "at least 8 characters" },
        { STR_INIT(""), "empty" },
        { STR_INIT("\303\244\303\244\303\244\303\244\303\244\303\244\303\244"),
          "at least 8 characters" }, /* 14 bytes */
        { STR_INIT("\303\244\303\244\303\244\303\244\303\244\303\244\303\244\303\244"), NULL },
        { STR_INIT("\377\377\377\377\377\377\377\377"), "characters" },
        { STR_INIT("with a tab\t"), "characters" },
        { STR_INIT("zero\342\200\213width space"), "characters" },
        { STR_INIT("\360\237\222\251 is no name"), NULL },
        { STR_INIT("password"), "list of common ones" },
        { STR_INIT("PASSWORD"), "list of common ones" },
        { STR_INIT("passwords"), NULL },
        { STR_INIT("12345678"), "list of common ones" },
        { STR_INIT("Correct Horse"), "list of common ones" },
        { STR_INIT("STRASSENBAHN"), "list of common ones" },
        { STR_INIT("last line has no end"), "list of common ones" },
        { STR_INIT("#!comment:"), NULL },
        { STR_INIT("password\nx"), "characters" },
        { STR_INIT("password\0"), "characters" },
        { STR_INIT("Anna.Meier@Example.org"), "user name" },
        { STR_INIT("anna.meier"), "user name" },
        { STR_INIT("anna.meier@"), NULL },
    };
    struct fixture f;
    (void)state;
    begin(&f, list, (struct policy_params){ .length_min = 8 });
    assert_int_equal(policy_list_count(f.policy), 5);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        f.err.text[0] = '\0';
        int r = policy_check(f.policy, STR("anna.meier@example.org"), cases[i].password, &f.err);
        assert_row(r == (cases[i].why ? -ERR_INVALID : 0), i, cases[i].password.p);
        assert_row(!cases[i].why || strstr(f.err.text, cases[i].why), i, f.err.text);
    }
    end(&f);
}

static void test_nothing_is_in_an_empty_list(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, "", (struct policy_params){ .length_min = 8 });
    assert_int_equal(policy_check(f.policy, STR("anna"), STR("password"), &f.err), 0);
    end(&f);
}

static void test_a_password_has_a_limit(void **state)
{
    char password[USER_PASSWORD_BYTES_MAX + 1];
    struct fixture f;
    (void)state;
    begin(&f, "", (struct policy_params){ .length_min = 1 });
    memset(password, 'x', sizeof password);
    for (size_t n = USER_PASSWORD_BYTES_MAX - 1; n <= USER_PASSWORD_BYTES_MAX + 1; n++)
        assert_row(policy_check(f.policy, STR("anna"), str_make(password, n), &f.err) ==
                       (n <= USER_PASSWORD_BYTES_MAX ? 0 : -ERR_LIMIT),
                   n, "length");
    end(&f);
}

static void test_it_works_without_a_list(void **state)
{
    static const char *const lists[] = { "", "/nonexistent/list" };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        struct policy *policy;
        struct err err;
        const struct policy_params params = { .length_min = 3, .list = lists[i] };
        assert_int_equal(policy_new(&params, &policy, &err), 0);
        assert_int_equal(policy_list_count(policy), 0);
        assert_int_equal(policy_check(policy, STR("anna"), STR("password"), &err), 0);
        assert_int_equal(policy_check(policy, STR("anna"), STR("pa"), &err), -ERR_INVALID);
        policy_free(&policy);
    }
}

static void test_a_list_that_cannot_be_read_is_told(void **state)
{
    struct policy *policy = NULL;
    struct err err;
    const struct policy_params params = { .list = "/" };
    (void)state;
    assert_true(policy_new(&params, &policy, &err) < 0);
    assert_null(policy);
}

static void test_passwords_expire_by_the_day(void **state)
{
    enum { DAY_MS = 86400 * 1000 };
    static const struct {
        uint32_t days;
        int64_t age_ms;
        const char *provider;
        bool expired;
    } cases[] = {
        { 0, INT64_C(10000) * DAY_MS, "", false },
        { 90, INT64_C(90) * DAY_MS - 1, "", false },
        { 90, INT64_C(90) * DAY_MS, "", true },
        { 90, INT64_C(90) * DAY_MS, "ldap", false },
        { 1, DAY_MS, "", true },
        { 36500, INT64_C(36500) * DAY_MS, "", true },
        { 90, -5, "", false }, /* set by a machine whose clock is ahead */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct policy *policy;
        struct err err;
        struct user user = { .password_changed_ms = 1700000000000 };
        const struct policy_params params = { .days = cases[i].days, .list = "" };
        snprintf(user.provider, sizeof user.provider, "%s", cases[i].provider);
        assert_int_equal(policy_new(&params, &policy, &err), 0);
        assert_row(policy_expired(policy, &user, 1700000000000 + cases[i].age_ms) == cases[i].expired, i,
                   "row");
        policy_free(&policy);
    }
    assert_false(policy_expired(NULL, &(struct user){ .name = "" }, INT64_MAX)); /* no policy */
}

static void test_an_expired_password_is_told_to_whom_has_it(void **state)
{
    static const struct {
        int64_t days_later;
        const char *password;
        int r;
        bool expired;
    } cases[] = {
        { 89, "secret", 0, false },
        { 90, "secret", 0, true },
        { 90, "wrong", -ERR_AUTH, true },
        { 0, "secret", 0, true },
    };
    struct store *store = NULL;
    struct clock_fake clock;
    struct users *users;
    struct policy *policy;
    struct provider provider;
    struct user user;
    struct err err;
    (void)state;
    clock_fake_init(&clock, 1700000000000);
    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &store, &err), 0);
    struct users_params params = {
        .store = store, .clock = &clock.clock, .hash_passes = 1, .hash_memory_bytes = 8192
    };
    assert_int_equal(users_open(&params, &users, &err), 0);
    assert_int_equal(users_add(users, STR("anna"), STR("secret"), &user, &err), 0);
    assert_int_equal(policy_new(&(struct policy_params){ .list = "", .days = 90 }, &policy, &err), 0);
    struct provider_own_params own = { users, 1, 8192, 1, policy, &clock.clock };
    assert_int_equal(provider_own_new(&own, &provider, &err), 0);
    int64_t day = 0;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct provider_answer answer = { .groups = BUF_INIT };
        clock_fake_advance(&clock,
                           (cases[i].days_later > day ? cases[i].days_later - day : 0) * 86400 * 1000);
        day = cases[i].days_later > day ? cases[i].days_later : day;
        int r = provider.ops->verify(provider.ctx, STR("anna"), str_c(cases[i].password), NULL, &answer,
                                     &err);
        assert_row(r == cases[i].r, i, err.text);
        assert_row(r < 0 || answer.expired == cases[i].expired, i, "expired");
    }
    struct provider_answer answer = { .groups = BUF_INIT };
    assert_int_equal(provider.ops->find(provider.ctx, STR("anna"), &answer, &err), 0);
    assert_false(answer.expired); /* a certificate has dates of its own */
    assert_int_equal(users_set_password(users, STR("anna"), STR("new"), &err), 0);
    assert_int_equal(provider.ops->verify(provider.ctx, STR("anna"), STR("new"), NULL, &answer, &err), 0);
    assert_false(answer.expired);
    provider.ops->free(provider.ctx);
    policy_free(&policy);
    users_free(&users);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passwords_are_judged_by_length_and_list),
        cmocka_unit_test(test_nothing_is_in_an_empty_list),
        cmocka_unit_test(test_a_password_has_a_limit),
        cmocka_unit_test(test_it_works_without_a_list),
        cmocka_unit_test(test_a_list_that_cannot_be_read_is_told),
        cmocka_unit_test(test_passwords_expire_by_the_day),
        cmocka_unit_test(test_an_expired_password_is_told_to_whom_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
