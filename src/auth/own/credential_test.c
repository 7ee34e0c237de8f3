#include "auth/own/testing_credential.h"

#include "auth/sasl/sasl.h"

static struct credential made(void)
{
    struct credential c;
    credential_init(&c, (struct account_id){ 7 });
    assert_int_equal(verifiers_make(STR("secret"), NULL, 1, true, &c.verifiers, NULL), 0);
    c.totp.state = SECOND_FACTOR_ACTIVE;
    c.totp.since_ms = 1700000000000;
    c.totp.used_step = 77;
    memset(c.totp.secret, 's', sizeof c.totp.secret);
    memset(c.totp.recovery, 'r', sizeof c.totp.recovery);
    c.totp.recovery_count = 3;
    for (uint64_t i = 0; i < 3; i++) {
        struct app_password *p = credential_add_app_password(&c);
        p->id = c.next_app_password++;
        snprintf(p->label, sizeof p->label, "label %u", (unsigned)i);
        snprintf(p->networks, sizeof p->networks, "192.0.2.0/24");
        p->created_ms = 5, p->expires_ms = i ? 6 : 0;
        p->scopes = SCOPE_IMAP, p->read_only = i == 1;
        memset(p->hash, 'h', sizeof p->hash);
        assert_int_equal(verifiers_make(STR("x"), NULL, i ? 1 : 0, false, &p->verifiers, NULL), 0);
    }
    return c;
}

static void test_credential_round_trips(void **state)
{
    (void)state;
    struct credential c = made(), again;
    struct buf value = BUF_INIT, second = BUF_INIT;
    credential_encode(&c, &value);
    assert_int_equal(credential_decode(buf_str(&value), &again, NULL), 0);
    credential_encode(&again, &second);
    assert_true(str_eq(buf_str(&value), buf_str(&second)));
    assert_int_equal(again.account.n, 7);
    assert_int_equal(again.totp.used_step, 77);
    assert_int_equal(again.app_password_count, 3);
    assert_string_equal(again.app_passwords[2].label, "label 2");
    assert_true(again.app_passwords[1].read_only);
    assert_memory_equal(&again.verifiers, &c.verifiers, sizeof c.verifiers);
    credential_deinit(&c);
    credential_deinit(&again);
    sasl_wipe(&value);
    sasl_wipe(&second);
}

static void test_credential_that_is_cut_or_longer_is_damaged(void **state)
{
    (void)state;
    struct credential c = made(), again;
    struct buf value = BUF_INIT;
    credential_encode(&c, &value);
    for (size_t n = 0; n < value.n; n++)
        assert_row(credential_decode(str_sub(buf_str(&value), 0, n), &again, NULL) == -ERR_CORRUPT, n, "cut");
    buf_add_char(&value, 0);
    assert_int_equal(credential_decode(buf_str(&value), &again, NULL), -ERR_CORRUPT);
    value.n--;
    value.p[0] = 2;
    struct err err;
    assert_int_equal(credential_decode(buf_str(&value), &again, &err), -ERR_CORRUPT);
    assert_non_null(strstr(err.text, "newer"));
    credential_deinit(&c);
    sasl_wipe(&value);
}

static void test_credential_without_limits_kept_is_damaged(void **state)
{
    (void)state;
    struct credential c, again;
    struct buf value = BUF_INIT;
    /* An id that is given twice, or not given yet. */
    for (int row = 0; row < 2; row++) {
        c = made();
        c.app_passwords[2].id = row ? 4 : 2;
        buf_clear(&value);
        credential_encode(&c, &value);
        assert_row(credential_decode(buf_str(&value), &again, NULL) == -ERR_CORRUPT, row, "id");
        credential_deinit(&c);
    }
    sasl_wipe(&value);
}

static void test_credential_scopes_have_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int r;
        uint32_t scopes;
        const char *shown;
    } cases[] = {
        { "", 0, 0, "" },
        { "all", 0, 0, "" },
        { "imap", 0, SCOPE_IMAP, "imap" },
        { "Sieve, IMAP", 0, SCOPE_IMAP | SCOPE_SIEVE, "imap,sieve" },
        { "pop3 delivery dav jmap submission", 0,
          SCOPE_POP3 | SCOPE_DELIVERY | SCOPE_DAV | SCOPE_JMAP | SCOPE_SUBMISSION,
          "pop3,submission,delivery,dav,jmap" },
        { "imap,x", -ERR_INVALID, 9, "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t scopes = 9;
        struct buf shown = BUF_INIT;
        int r = credential_scopes_parse(str_c(cases[i].text), &scopes, NULL);
        assert_row(r == cases[i].r && scopes == cases[i].scopes, i, cases[i].text);
        if (r == 0) {
            credential_scopes_text(scopes, &shown);
            assert_row(str_eq(buf_str(&shown), str_c(cases[i].shown)), i, cases[i].text);
        }
        buf_deinit(&shown);
    }
}

/* ---- in the store ---- */

static void test_password_comes_with_verifiers_that_match_it(void **state)
{
    (void)state;
    struct fixture f;
    struct credential c;
    fixture_begin(&f);
    for (int row = 0; row < 2; row++) {
        assert_int_equal(credential_read(f.users, &f.anna, &c, NULL), 0);
        assert_int_equal(c.verifiers.count, 1);
        assert_int_equal(c.verifiers.each[0].iterations, 4096);
        assert_row(scram_matches(&c.verifiers.each[0], row ? STR("other") : STR("secret")), row, "matches");
        credential_deinit(&c);
        assert_int_equal(users_set_password(f.users, STR("anna"), STR("other"), NULL), 0);
    }
    fixture_end(&f);
}

static void test_credentials_go_with_their_user(void **state)
{
    (void)state;
    struct fixture f;
    struct account_id gone;
    struct user anna;
    struct credential c;
    fixture_begin(&f);
    assert_int_equal(users_delete(f.users, STR("anna"), &gone, &f.err), 0);
    struct buf value = BUF_INIT;
    assert_int_equal(store_get(f.store, DIRECTORY_ACCOUNT, STR("C/anna"), &value, NULL), -ERR_NOT_FOUND);
    assert_int_equal(users_add(f.users, STR("anna"), STR("new"), &anna, &f.err), 0);
    /* And what were left would be nobody's. */
    struct credential stale = made();
    stale.account = gone;
    struct batch batch = BATCH_INIT;
    uint64_t version;
    credential_encode(&stale, &value);
    batch_put(&batch, STR("C/anna"), buf_str(&value));
    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &version, NULL), 0);
    assert_int_equal(store_commit(f.store, DIRECTORY_ACCOUNT, version, version + 1, &batch, NULL), 0);
    assert_int_equal(credential_read(f.users, &anna, &c, NULL), 0);
    assert_int_equal(c.app_password_count, 0);
    assert_int_equal(c.totp.state, SECOND_FACTOR_NONE);
    credential_deinit(&c);
    credential_deinit(&stale);
    batch_deinit(&batch);
    buf_deinit(&value);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credential_round_trips),
        cmocka_unit_test(test_credential_that_is_cut_or_longer_is_damaged),
        cmocka_unit_test(test_credential_without_limits_kept_is_damaged),
        cmocka_unit_test(test_credential_scopes_have_names),
        cmocka_unit_test(test_password_comes_with_verifiers_that_match_it),
        cmocka_unit_test(test_credentials_go_with_their_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
