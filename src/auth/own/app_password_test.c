#include "auth/own/app_password.h"
#include "auth/own/app_password_use.h"
#include "auth/own/testing_credential.h"

#include <stdlib.h>

enum { HOUR_MS = 3600 * 1000 };

static const struct auth_peer peer = {
    .protocol = "imap", .address = "192.0.2.7", .has_ip = true, .ip = { [10] = 0xff, 0xff, 192, 0, 2, 7 }
};

static int add(struct fixture *f, const char *label, struct app_password_wish wish,
               char shown[SECRET_CODE_SHOWN_BYTES], struct app_password *made)
{
    wish.label = str_c(label);
    return app_password_add(f->users, &f->anna, &wish, shown, made, &f->err);
}

static int check(struct users *users, const struct fixture *f, const char *typed,
                 const struct auth_peer *from, struct provider_answer *answer)
{
    *answer = (struct provider_answer){ .reason = AUTH_OK };
    return app_password_check(users, &f->anna, str_c(typed), from, answer, NULL);
}

static void test_app_password_opens_until_it_is_deleted(void **state)
{
    (void)state;
    struct fixture f;
    struct provider_answer answer;
    struct app_password made, second;
    char shown[SECRET_CODE_SHOWN_BYTES], other[SECRET_CODE_SHOWN_BYTES];
    uint64_t id;
    struct user after;
    fixture_begin(&f);
    assert_int_equal(add(&f, "phone", (struct app_password_wish){ .read_only = true }, shown, &made), 0);
    assert_int_equal(add(&f, "laptop", (struct app_password_wish){ .scopes = SCOPE_IMAP }, other, &second),
                     0);
    assert_int_equal(strlen(shown), 34);
    assert_int_equal(check(f.users, &f, shown, &peer, &answer), 0);
    assert_true(answer.read_only && answer.app_password_id == made.id && answer.scopes == 0);
    assert_int_equal(check(f.users, &f, other, &peer, &answer), 0);
    assert_true(!answer.read_only && answer.app_password_id == second.id && answer.scopes == SCOPE_IMAP);
    assert_int_equal(check(f.users, &f, "secret", &peer, &answer), -ERR_NOT_FOUND);
    assert_int_equal(check(f.users, &f, "0000-0000-0000-0000-0000-0000-0000", &peer, &answer),
                     -ERR_NOT_FOUND);

    assert_int_equal(app_password_delete(f.users, &f.anna, STR("Phone"), &id, NULL), 0);
    assert_int_equal(id, made.id);
    assert_int_equal(check(f.users, &f, shown, &peer, &answer), -ERR_NOT_FOUND);
    assert_int_equal(app_password_delete(f.users, &f.anna, STR("phone"), &id, NULL), -ERR_NOT_FOUND);
    assert_int_equal(check(f.users, &f, other, &peer, &answer), 0);
    assert_int_equal(users_find(f.users, STR("anna"), &after, NULL), 0);
    assert_true(after.revision > f.anna.revision);
    /* Its number is not given again. */
    assert_int_equal(add(&f, "phone", (struct app_password_wish){ 0 }, shown, &made), 0);
    assert_true(made.id > second.id);
    fixture_end(&f);
}

static void test_app_password_is_refused_where_it_is_not_for(void **state)
{
    (void)state;
    struct auth_peer local = peer, elsewhere = peer, pop = peer;
    local.has_ip = false;
    elsewhere.ip[15] = 200;
    pop.protocol = "pop3";
    const struct {
        const char *what;
        struct app_password_wish wish;
        const struct auth_peer *from;
        int64_t later_ms;
        enum auth_reason reason;
    } cases[] = {
        { "anywhere", { .scopes = 0 }, &local, 0, AUTH_OK },
        { "scope", { .scopes = SCOPE_SIEVE | SCOPE_DELIVERY }, &peer, 0, AUTH_SCOPE },
        { "scope of two", { .scopes = SCOPE_SIEVE | SCOPE_IMAP }, &peer, 0, AUTH_OK },
        { "pop3", { .scopes = SCOPE_IMAP }, &pop, 0, AUTH_SCOPE },
        { "inside", { .networks = STR_INIT("2001:db8::/32, 192.0.2.0/25") }, &peer, 0, AUTH_OK },
        { "outside", { .networks = STR_INIT("192.0.2.0/25") }, &elsewhere, 0, AUTH_ADDRESS_REFUSED },
        { "a local socket is in no network",
          { .networks = STR_INIT("0.0.0.0/0") },
          &local,
          0,
          AUTH_ADDRESS_REFUSED },
        { "not yet", { .expires_ms = HOUR_MS }, &peer, HOUR_MS - 1, AUTH_OK },
        { "expired", { .expires_ms = HOUR_MS }, &peer, HOUR_MS, AUTH_EXPIRED },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f;
        struct provider_answer answer;
        struct app_password made;
        struct scram_verifier verifier;
        char shown[SECRET_CODE_SHOWN_BYTES];
        struct app_password_wish wish = cases[i].wish;
        fixture_begin(&f);
        if (wish.expires_ms)
            wish.expires_ms += clock_wall_ms(&f.clock.clock);
        assert_row(add(&f, "x", wish, shown, &made) == 0, i, f.err.text);
        clock_fake_advance(&f.clock, cases[i].later_ms);
        int r = check(f.users, &f, shown, cases[i].from, &answer);
        assert_row(r == (cases[i].reason ? -ERR_AUTH : 0), i, cases[i].what);
        assert_row(answer.reason == cases[i].reason, i, cases[i].what);
        answer = (struct provider_answer){ 0 };
        r = app_password_verifier(f.users, &f.anna, STR("X"), SCRAM_SHA_256, cases[i].from, &verifier,
                                  &answer, NULL);
        assert_row(r == (cases[i].reason ? -ERR_AUTH : 0) && answer.reason == cases[i].reason, i,
                   cases[i].what);
        assert_row(r < 0 || scram_matches(&verifier, str_c(shown)), i, "verifier");
        fixture_end(&f);
    }
}

static void test_app_password_wishes_have_limits(void **state)
{
    (void)state;
    struct fixture f;
    struct app_password made;
    char shown[SECRET_CODE_SHOWN_BYTES], label[80], networks[600];
    static const struct {
        const char *label;
        struct app_password_wish wish;
        int r;
    } cases[] = {
        { "", { .scopes = 0 }, -ERR_INVALID },
        { "a/b", { .scopes = 0 }, -ERR_INVALID },
        { "a\nb", { .scopes = 0 }, -ERR_INVALID },
        { "\303", { .scopes = 0 }, -ERR_INVALID },
        { "past", { .expires_ms = 1 }, -ERR_INVALID },
        { "net", { .networks = STR_INIT("192.0.2.0/24,x") }, -ERR_INVALID },
        { "phone of \303\211va", { .scopes = 0 }, 0 },
        { "PHONE of \303\211va", { .scopes = 0 }, -ERR_EXISTS },
    };
    fixture_begin(&f);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(add(&f, cases[i].label, cases[i].wish, shown, &made) == cases[i].r, i, cases[i].label);
    memset(label, 'x', sizeof label);
    label[65] = '\0';
    assert_int_equal(add(&f, label, (struct app_password_wish){ 0 }, shown, &made), -ERR_LIMIT);
    label[64] = '\0';
    assert_int_equal(add(&f, label, (struct app_password_wish){ 0 }, shown, &made), 0);
    for (size_t n = 499; n <= 501; n++) {
        memset(networks, ' ', sizeof networks);
        memcpy(networks, "::1", 3);
        snprintf(label, sizeof label, "net %zu", n);
        struct app_password_wish wish = { .networks = str_make(networks, n) };
        assert_int_equal(add(&f, label, wish, shown, &made), n <= 500 ? 0 : -ERR_LIMIT);
    }
    for (int i = 4; i <= APP_PASSWORDS_MAX; i++) {
        snprintf(label, sizeof label, "more %d", i);
        int r = add(&f, label, (struct app_password_wish){ 0 }, shown, &made);
        assert_row(r == (i < APP_PASSWORDS_MAX ? 0 : -ERR_LIMIT), i, label);
    }
    fixture_end(&f);
}

/* ---- last use ---- */

static int take_use(void *ctx, const struct app_password *password, const struct app_password_use *use,
                    struct err *err)
{
    static const unsigned char zero[CREDENTIAL_HASH_BYTES];
    (void)err;
    assert_memory_equal(password->hash, zero, sizeof zero);
    assert_int_equal(password->verifiers.count, 0);
    *(struct app_password_use *)ctx = *use;
    return 0;
}

static struct app_password_use last_use(struct users *users, const struct fixture *f)
{
    struct app_password_use use = { .at_ms = -1 };
    assert_int_equal(app_password_each(users, &f->anna, take_use, &use, NULL), 0);
    return use;
}

static void test_last_use_survives_a_restart_and_is_written_seldom(void **state)
{
    (void)state;
    struct fixture f;
    struct provider_answer answer;
    struct app_password made;
    char shown[SECRET_CODE_SHOWN_BYTES];
    uint64_t before, after;
    fixture_begin(&f);
    assert_int_equal(add(&f, "phone", (struct app_password_wish){ 0 }, shown, &made), 0);
    assert_int_equal(last_use(f.users, &f).at_ms, 0);
    clock_fake_advance(&f.clock, HOUR_MS);
    assert_int_equal(check(f.users, &f, shown, &peer, &answer), 0);
    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &before, NULL), 0);
    for (int i = 0; i < 100; i++) {
        clock_fake_advance(&f.clock, 500);
        assert_int_equal(check(f.users, &f, shown, &peer, &answer), 0);
    }
    assert_int_equal(store_version(f.store, DIRECTORY_ACCOUNT, &after, NULL), 0);
    assert_int_equal(after, before);
    int64_t now = clock_wall_ms(&f.clock.clock);
    assert_int_equal(last_use(f.users, &f).at_ms, now);
    users_free(&f.users);
    f.users = fixture_users(&f, f.store);
    struct app_password_use use = last_use(f.users, &f);
    assert_int_equal(use.at_ms, now);
    assert_string_equal(use.address, "192.0.2.7");
    fixture_end(&f);
}

static void test_use_of_a_deleted_password_leaves_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct provider_answer answer;
    struct app_password made;
    struct account_id gone;
    char shown[SECRET_CODE_SHOWN_BYTES];
    uint64_t id;
    struct buf key = BUF_INIT, value = BUF_INIT;
    fixture_begin(&f);
    assert_int_equal(add(&f, "phone", (struct app_password_wish){ 0 }, shown, &made), 0);
    assert_int_equal(check(f.users, &f, shown, &peer, &answer),
                     0); /* written at once: the first in a long time */
    assert_int_equal(check(f.users, &f, shown, &peer, &answer), 0);
    assert_int_equal(app_password_delete(f.users, &f.anna, STR("phone"), &id, NULL), 0);
    app_password_uses_flush(f.users);
    credential_use_key("anna", made.id, &key);
    assert_int_equal(store_get(f.store, DIRECTORY_ACCOUNT, buf_str(&key), &value, NULL), -ERR_NOT_FOUND);
    assert_int_equal(add(&f, "phone", (struct app_password_wish){ 0 }, shown, &made), 0);
    assert_int_equal(check(f.users, &f, shown, &peer, &answer), 0);
    assert_int_equal(users_delete(f.users, STR("anna"), &gone, NULL), 0);
    app_password_uses_flush(f.users);
    credential_use_key("anna", made.id, &key);
    assert_int_equal(store_get(f.store, DIRECTORY_ACCOUNT, buf_str(&key), &value, NULL), -ERR_NOT_FOUND);
    buf_deinit(&key);
    buf_deinit(&value);
    fixture_end(&f);
}

/* ---- faults ---- */

/* Whatever fails: one that was said to be deleted opens nothing, also to another process; one that was not may still open. */
static void test_deletion_that_was_acknowledged_holds_whatever_the_store_does(void **state)
{
    (void)state;
    for (int when = FAULTY_BEFORE; when <= FAULTY_AFTER; when++) {
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            struct fixture f;
            struct provider_answer answer;
            struct app_password made;
            struct store *other_store;
            char shown[SECRET_CODE_SHOWN_BYTES];
            uint64_t id = 0;
            fixture_begin(&f);
            assert_int_equal(add(&f, "phone", (struct app_password_wish){ 0 }, shown, &made), 0);
            faulty_store_plan(f.store,
                              &(struct faulty_plan){ FAULTY_ALL, n, ERR_IO, (enum faulty_when)when, false });
            int r = app_password_delete(f.users, &f.anna, STR("phone"), &id, NULL);
            more = faulty_store_count(f.store) >= n;
            faulty_store_plan(f.store, &(struct faulty_plan){ 0 });
            struct users *other = fixture_second(&f, &other_store);
            int still = check(other, &f, shown, &peer, &answer);
            assert_row(r == 0 || r == -ERR_IO, n, "deleted or not");
            assert_row(r != 0 || still == -ERR_NOT_FOUND, n, "still opens");
            assert_row(still == 0 || still == -ERR_NOT_FOUND, n, "whole");
            users_free(&other);
            store_close(&other_store);
            fixture_end(&f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_app_password_opens_until_it_is_deleted),
        cmocka_unit_test(test_app_password_is_refused_where_it_is_not_for),
        cmocka_unit_test(test_app_password_wishes_have_limits),
        cmocka_unit_test(test_last_use_survives_a_restart_and_is_written_seldom),
        cmocka_unit_test(test_use_of_a_deleted_password_leaves_nothing),
        cmocka_unit_test(test_deletion_that_was_acknowledged_holds_whatever_the_store_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
