#include "auth/own/second_factor.h"
#include "auth/own/testing_credential.h"

#include "auth/sasl/sasl.h"

#include <stdlib.h>

static size_t recovery_left(struct fixture *f)
{
    struct credential c;
    assert_int_equal(credential_read(f->users, &f->anna, &c, NULL), 0);
    size_t left = c.totp.recovery_count;
    credential_deinit(&c);
    return left;
}

/* ---- an authenticator program ---- */

static void code_at(struct fixture *f, int64_t offset_steps, char out[TOTP_DIGITS_MAX + 1])
{
    struct credential c;
    assert_int_equal(credential_read(f->users, &f->anna, &c, NULL), 0);
    uint64_t step = totp_step(clock_wall_ms(&f->clock.clock)) + (uint64_t)offset_steps;
    totp_code(str_make(c.totp.secret, sizeof c.totp.secret), step, TOTP_DIGITS, out);
    credential_deinit(&c);
}

static int begin(struct fixture *f)
{
    struct buf secret = BUF_INIT, uri = BUF_INIT;
    int r = second_factor_begin(f->users, &f->anna, &secret, &uri, &f->err);
    if (r == 0) {
        assert_int_equal(secret.n, 32);
        assert_true(str_find(buf_str(&uri), buf_str(&secret)) > 0);
    }
    sasl_wipe(&secret);
    sasl_wipe(&uri);
    return r;
}

static void enable(struct fixture *f, struct recovery_codes *codes)
{
    char code[TOTP_DIGITS_MAX + 1];
    assert_int_equal(begin(f), 0);
    code_at(f, 0, code);
    int r = second_factor_activate(f->users, &f->anna, str_c(code), codes, &f->err);
    assert_row(r == 0, 0, f->err.text);
    clock_fake_advance(&f->clock, 60 * 1000);
}

/* Sign in with "secret" and what is behind it, the password being right. 0, or what would be answered. */
static int sign_in(struct users *users, const struct user *user, const char *behind, struct str *password_out)
{
    char typed[200];
    struct second_factor factor;
    snprintf(typed, sizeof typed, "secret%s", behind);
    int r = second_factor_look(users, user, str_c(typed), &factor, NULL);
    if (password_out)
        *password_out = factor.password;
    if (r < 0)
        return r;
    if (!factor.needed)
        return 0;
    if (!factor.shown) {
        assert_true(str_eq(factor.password, str_c(typed)));
        return -ERR_AUTH;
    }
    assert_true(str_eq(factor.password, STR("secret")));
    return second_factor_use(users, user, &factor, NULL);
}

static void test_factor_is_asked_for_once_a_code_was_shown(void **state)
{
    (void)state;
    struct fixture f;
    struct recovery_codes codes;
    char code[TOTP_DIGITS_MAX + 1];
    struct user after;
    fixture_begin(&f);
    assert_int_equal(sign_in(f.users, &f.anna, "", NULL), 0);
    assert_int_equal(second_factor_activate(f.users, &f.anna, STR("123456"), &codes, NULL), -ERR_STATE);
    assert_int_equal(begin(&f), 0);
    assert_int_equal(sign_in(f.users, &f.anna, "", NULL), 0); /* pending asks for nothing */
    code_at(&f, 5, code);
    assert_int_equal(second_factor_activate(f.users, &f.anna, str_c(code), &codes, NULL), -ERR_AUTH);
    assert_int_equal(second_factor_activate(f.users, &f.anna, STR_NIL, &codes, NULL), -ERR_AUTH);
    code_at(&f, 0, code);
    assert_int_equal(second_factor_activate(f.users, &f.anna, str_c(code), &codes, NULL), 0);
    assert_int_equal(sign_in(f.users, &f.anna, "", NULL), -ERR_AUTH);
    assert_int_equal(sign_in(f.users, &f.anna, code, NULL), -ERR_AUTH); /* it has been used */
    assert_int_equal(begin(&f), -ERR_EXISTS);
    /* Whatever was remembered of earlier sign-ins no longer holds. */
    assert_int_equal(users_find(f.users, STR("anna"), &after, NULL), 0);
    assert_true(after.revision > f.anna.revision);
    assert_int_equal(second_factor_disable(f.users, &f.anna, NULL), 0);
    assert_int_equal(sign_in(f.users, &f.anna, "", NULL), 0);
    assert_int_equal(second_factor_disable(f.users, &f.anna, NULL), -ERR_STATE);
    fixture_end(&f);
}

static void test_code_opens_once_in_all_processes(void **state)
{
    (void)state;
    struct fixture f;
    struct recovery_codes codes;
    struct store *other_store;
    char code[TOTP_DIGITS_MAX + 1], before[TOTP_DIGITS_MAX + 1];
    fixture_begin(&f);
    enable(&f, &codes);
    struct users *other = fixture_second(&f, &other_store);
    code_at(&f, -1, before);
    code_at(&f, 0, code);
    /* Both have looked before one has used it up. */
    struct second_factor mine, theirs;
    char typed[20];
    snprintf(typed, sizeof typed, "secret%s", code);
    assert_int_equal(second_factor_look(f.users, &f.anna, str_c(typed), &mine, NULL), 0);
    assert_int_equal(second_factor_look(other, &f.anna, str_c(typed), &theirs, NULL), 0);
    assert_int_equal(second_factor_use(f.users, &f.anna, &mine, NULL), 0);
    assert_int_equal(second_factor_use(other, &f.anna, &theirs, NULL), -ERR_AUTH);
    assert_int_equal(sign_in(other, &f.anna, code, NULL), -ERR_AUTH);
    assert_int_equal(sign_in(f.users, &f.anna, before, NULL), -ERR_AUTH); /* those before are used up, too */
    code_at(&f, 1, code);
    assert_int_equal(sign_in(other, &f.anna, code, NULL), 0);
    users_free(&other);
    store_close(&other_store);
    fixture_end(&f);
}

static void test_recovery_codes_open_once_each_as_shown_or_without_hyphens(void **state)
{
    (void)state;
    struct fixture f;
    struct recovery_codes codes, fresh;
    fixture_begin(&f);
    enable(&f, &codes);
    for (size_t i = 0; i < RECOVERY_CODES_MAX; i++) {
        char plain[SECRET_CODE_SHOWN_BYTES], *p = plain;
        for (const char *q = codes.shown[i]; *q; q++)
            if (*q != '-')
                *p++ = *q;
        *p = '\0';
        const char *typed = i % 2 ? plain : codes.shown[i];
        assert_row(sign_in(f.users, &f.anna, typed, NULL) == 0, i, typed);
        assert_row(sign_in(f.users, &f.anna, typed, NULL) == -ERR_AUTH, i, typed);
        assert_int_equal(recovery_left(&f), RECOVERY_CODES_MAX - 1 - i);
        assert_row(i == 9 || sign_in(f.users, &f.anna, "0000-0000-0000-0000", NULL) == -ERR_AUTH, i, "none");
    }
    assert_int_equal(second_factor_renew_recovery(f.users, &f.anna, &fresh, NULL), 0);
    assert_int_equal(sign_in(f.users, &f.anna, codes.shown[0], NULL), -ERR_AUTH);
    assert_int_equal(sign_in(f.users, &f.anna, fresh.shown[0], NULL), 0);
    /* New ones make those before worthless. */
    assert_int_equal(second_factor_renew_recovery(f.users, &f.anna, &codes, NULL), 0);
    assert_int_equal(sign_in(f.users, &f.anna, fresh.shown[1], NULL), -ERR_AUTH);
    assert_int_equal(second_factor_disable(f.users, &f.anna, NULL), 0);
    assert_int_equal(second_factor_renew_recovery(f.users, &f.anna, &codes, NULL), -ERR_STATE);
    fixture_end(&f);
}

static void test_codes_stand_behind_the_password_only_where_the_setting_allows(void **state)
{
    (void)state;
    struct fixture f;
    struct recovery_codes codes;
    struct users *strict;
    char code[TOTP_DIGITS_MAX + 1];
    fixture_begin(&f);
    enable(&f, &codes);
    const struct users_params params = { .store = f.store,
                                         .clock = &f.clock.clock,
                                         .hash_passes = 1,
                                         .hash_memory_bytes = 8192,
                                         .totp_skew_steps = 1 };
    assert_int_equal(users_open(&params, &strict, NULL), 0);
    code_at(&f, 0, code);
    assert_int_equal(sign_in(strict, &f.anna, code, NULL), -ERR_AUTH);
    assert_int_equal(sign_in(strict, &f.anna, codes.shown[0], NULL), -ERR_AUTH);
    users_free(&strict);
    fixture_end(&f);
}

/* Call number 1, 2, 3 ... of the store fails, before it is done or with its answer lost. Who was told yes has used the code up; who
 * was not may have. */
static void test_code_is_never_good_twice_whatever_the_store_does(void **state)
{
    (void)state;
    for (int when = FAULTY_BEFORE; when <= FAULTY_AFTER; when++) {
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            struct fixture f;
            struct recovery_codes codes;
            char code[TOTP_DIGITS_MAX + 1];
            fixture_begin(&f);
            enable(&f, &codes);
            code_at(&f, 0, code);
            faulty_store_plan(f.store,
                              &(struct faulty_plan){ FAULTY_ALL, n, ERR_IO, (enum faulty_when)when, false });
            int first = sign_in(f.users, &f.anna, code, NULL);
            more = faulty_store_count(f.store) >= n;
            faulty_store_plan(f.store, &(struct faulty_plan){ 0 });
            int second = sign_in(f.users, &f.anna, code, NULL);
            assert_row(first == 0 || first == -ERR_IO, n, "first");
            assert_row(first != 0 || second == -ERR_AUTH, n, "twice");
            assert_row(sign_in(f.users, &f.anna, codes.shown[3], NULL) == 0, n, "whole");
            fixture_end(&f);
        }
    }
}

static void test_user_who_is_gone_gets_no_factor(void **state)
{
    (void)state;
    struct fixture f;
    struct account_id gone;
    fixture_begin(&f);
    assert_int_equal(users_delete(f.users, STR("anna"), &gone, NULL), 0);
    assert_int_equal(begin(&f), -ERR_NOT_FOUND);
    struct user other;
    assert_int_equal(users_add(f.users, STR("anna"), STR("x"), &other, NULL), 0);
    assert_int_equal(begin(&f), -ERR_NOT_FOUND); /* the name is somebody else's */
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factor_is_asked_for_once_a_code_was_shown),
        cmocka_unit_test(test_code_opens_once_in_all_processes),
        cmocka_unit_test(test_recovery_codes_open_once_each_as_shown_or_without_hyphens),
        cmocka_unit_test(test_codes_stand_behind_the_password_only_where_the_setting_allows),
        cmocka_unit_test(test_code_is_never_good_twice_whatever_the_store_does),
        cmocka_unit_test(test_user_who_is_gone_gets_no_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
