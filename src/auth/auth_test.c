#include "auth/auth.h"
#include "auth/own/provider_own.h"
#include "auth/testing_memory.h"
#include "base/hash.h"
#include "store/faulty/faulty.h"
#include "store/mem/mem.h"

#include <pthread.h>
#include <stdlib.h>

struct fixture {
    struct store *store;
    struct clock_fake clock;
    struct users *users;
    struct guard *guard;
    struct auth *auth;
    struct auth_params params;
    struct auth_outcome outcome;
    struct err err;
};

static void begin_hashing(struct fixture *f, struct auth_params params, uint32_t hashes_max,
                          uint32_t failure_delay_ms, uint64_t hash_memory_bytes)
{
    struct store *inner = NULL;
    struct user user;
    *f = (struct fixture){ .store = NULL };
    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &inner, &f->err), 0);
    faulty_store_open(&inner, &f->store);
    clock_fake_init(&f->clock, 1700000000000);
    struct users_params users_params = { f->store, &f->clock.clock, 1, hash_memory_bytes };
    assert_int_equal(users_open(&users_params, &f->users, &f->err), 0);
    assert_int_equal(users_add(f->users, STR("anna"), STR("secret"), &user, &f->err), 0);
    assert_int_equal(users_add(f->users, STR("bob"), STR("other"), &user, &f->err), 0);
    f->params = params;
    f->params.users = f->users;
    f->params.clock = &f->clock.clock;
    f->params.scram_iterations = 4096;
    f->guard = guard_new(&(struct guard_params){ .clock = &f->clock.clock,
                                                 .failure_delay_ms = failure_delay_ms,
                                                 .failure_delay_max_ms = 8 * failure_delay_ms,
                                                 .failure_forget_s = 300,
                                                 .lock_failures = 20,
                                                 .lock_s = 900 });
    f->params.guard = f->guard;
    f->params.provider_count = 1;
    struct provider_own_params own = { f->users, 1, hash_memory_bytes, hashes_max };
    assert_int_equal(provider_own_new(&own, &f->params.providers[0], &f->err), 0);
    assert_int_equal(auth_new(&f->params, &f->auth, &f->err), 0);
}

static void begin_with(struct fixture *f, struct auth_params params, uint32_t hashes_max,
                       uint32_t failure_delay_ms)
{
    begin_hashing(f, params, hashes_max, failure_delay_ms, 8192);
}

static void begin(struct fixture *f)
{
    begin_with(f, (struct auth_params){ .known_good_max = 100, .known_good_s = 3600, .waiters_max = 8 }, 2,
               500);
}

static void end(struct fixture *f)
{
    auth_free(&f->auth);
    assert_null(f->auth);
    auth_free(&f->auth);
    guard_free(&f->guard);
    users_free(&f->users);
    store_close(&f->store);
}

/* Each client has a network of its own. */
static struct auth_peer peer_of(struct str client)
{
    struct auth_peer peer = { .protocol = "imap", .address = "192.0.2.1", .client_key = client };
    uint64_t hash = hash_xxh3(client.p, client.n);
    peer.has_ip = !str_is_nil(client);
    peer.ip[0] = 0x20;
    memcpy(peer.ip + 1, &hash, 5);
    return peer;
}

static int sign_in(struct auth *auth, struct str name, struct str password, struct str client,
                   struct auth_outcome *outcome, struct err *err)
{
    struct auth_peer peer = peer_of(client);
    const struct auth_request request = { .peer = &peer, .mechanism = "PLAIN", .authcid = name };
    return auth_sign_in_password(auth, &request, password, outcome, err);
}

static int verify(struct fixture *f, const char *name, const char *password, const char *client)
{
    return sign_in(f->auth, str_c(name), str_c(password), str_c(client), &f->outcome, &f->err);
}

static void test_right_password_tells_who_it_is(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_int_equal(verify(&f, "ANNA", "secret", "client"), 0);
    assert_string_equal(f.outcome.user.name, "anna");
    assert_int_equal(f.outcome.user.account.n, FIRST_ACCOUNT_ID);
    assert_string_equal(f.outcome.user.hash, ""); /* stays here */
    assert_int_equal(f.outcome.delay_ms, 0);
    end(&f);
}

static void test_every_wrong_sign_in_gets_the_same_answer(void **state)
{
    (void)state;
    static const struct {
        const char *name, *password;
    } cases[] = {
        { "anna", "Secret" },   { "anna", "other" },  { "anna", "" },      { "nobody", "secret" },
        { "nobody", "nobody" }, { "", "secret" },     { "a/b", "secret" }, { "anna\n", "secret" },
        { "\377", "secret" },   { "carl", "Secret" }, { "", "" },
    };
    struct fixture f;
    struct user user;
    begin(&f);
    assert_int_equal(users_add(f.users, STR("carl"), STR("secret"), &user, &f.err), 0);
    assert_int_equal(users_set_disabled(f.users, STR("carl"), true, &f.err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char client[16];
        snprintf(client, sizeof client, "client %zu", i);
        assert_row(verify(&f, cases[i].name, cases[i].password, client) == -ERR_AUTH, i, cases[i].name);
        assert_row(strcmp(f.err.text, "name or password is wrong") == 0, i, f.err.text);
        assert_row(f.outcome.user.name[0] == '\0', i, f.outcome.user.name);
        assert_row(f.outcome.delay_ms >= 500, i, "delay");
    }
    end(&f);
}

static void test_overlong_password_is_wrong_not_fatal(void **state)
{
    (void)state;
    struct fixture f;
    struct buf password = BUF_INIT;
    begin(&f);
    memset(buf_reserve(&password, 100000), 'x', 100000);
    password.n = 100000;
    assert_int_equal(sign_in(f.auth, STR("anna"), buf_str(&password), STR("c"), &f.outcome, &f.err),
                     -ERR_AUTH);
    assert_int_equal(sign_in(f.auth, buf_str(&password), STR("x"), STR("c"), &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(sign_in(f.auth, STR_NIL, STR_NIL, STR_NIL, &f.outcome, &f.err), -ERR_AUTH);
    buf_deinit(&password);
    end(&f);
}

static uint64_t known_good_count(struct fixture *f)
{
    struct auth_stats stats;
    auth_stats(f->auth, &stats);
    return stats.known_good_count;
}

static void test_known_good_ends_with_the_days_of_the_password(void **state)
{
    (void)state;
    const int64_t day_ms = 24 * 3600 * 1000;
    const struct policy_params days = { .list = "", .days = 1 };
    struct fixture f;
    struct policy *policy = NULL;
    begin(&f);
    assert_int_equal(policy_new(&days, &policy, &f.err), 0);
    auth_free(&f.auth);
    struct provider_own_params own = { f.users, 1, 8192, 2, policy, &f.clock.clock };
    assert_int_equal(provider_own_new(&own, &f.params.providers[0], &f.err), 0);
    assert_int_equal(auth_new(&f.params, &f.auth, &f.err), 0);

    clock_fake_advance(&f.clock, day_ms - 60 * 1000);
    assert_int_equal(verify(&f, "anna", "secret", "c"), 0);
    clock_fake_advance(&f.clock, 60 * 1000 - 1);
    assert_int_equal(verify(&f, "anna", "secret", "c"), 0);
    assert_int_equal(known_good_count(&f), 1);
    clock_fake_advance(&f.clock, 1);
    assert_int_equal(verify(&f, "anna", "secret", "c"), -ERR_EXPIRED);
    end(&f);
    policy_free(&policy);
}

static void test_known_good_saves_the_hash_until_something_changes(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_int_equal(verify(&f, "anna", "secret", "c"), 0);
    assert_int_equal(known_good_count(&f), 0);
    assert_int_equal(verify(&f, "Anna", "secret", "c"), 0);
    assert_int_equal(known_good_count(&f), 1);
    assert_int_equal(verify(&f, "anna", "secret", "elsewhere"), 0); /* for each client */
    assert_int_equal(known_good_count(&f), 1);
    assert_int_equal(verify(&f, "anna", "secret ", "c"), -ERR_AUTH);
    assert_int_equal(verify(&f, "bob", "secret", "c"), -ERR_AUTH); /* CVE-2025-30189: for each account */

    clock_fake_advance(&f.clock, 3600 * 1000);
    assert_int_equal(verify(&f, "anna", "secret", "c"), 0); /* too long ago */
    assert_int_equal(known_good_count(&f), 1);

    assert_int_equal(users_set_password(f.users, STR("anna"), STR("new"), &f.err), 0);
    assert_int_equal(verify(&f, "anna", "secret", "c"), -ERR_AUTH);
    assert_int_equal(verify(&f, "anna", "new", "c"), 0);
    assert_int_equal(verify(&f, "anna", "new", "c"), 0);
    assert_int_equal(known_good_count(&f), 2);
    assert_int_equal(users_set_disabled(f.users, STR("anna"), true, &f.err), 0);
    assert_int_equal(verify(&f, "anna", "new", "c"), -ERR_DISABLED);
    assert_int_equal(f.outcome.reason, AUTH_DISABLED);
    end(&f);
}

static void test_recreated_user_does_not_inherit_a_sign_in(void **state)
{
    (void)state;
    struct fixture f;
    struct account_id gone;
    struct user user;
    begin(&f);
    assert_int_equal(verify(&f, "anna", "secret", "c"), 0);
    assert_int_equal(users_delete(f.users, STR("anna"), &gone, &f.err), 0);
    assert_int_equal(verify(&f, "anna", "secret", "c"), -ERR_AUTH);
    assert_int_equal(users_add(f.users, STR("anna"), STR("different"), &user, &f.err), 0);
    assert_int_equal(verify(&f, "anna", "secret", "c"), -ERR_AUTH);
    assert_int_equal(verify(&f, "anna", "different", "c"), 0);
    assert_int_equal(f.outcome.user.account.n, user.account.n);
    end(&f);
}

static void test_no_memory_of_sign_ins_when_it_is_off(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, (struct auth_params){ .waiters_max = 0 }, 1, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(verify(&f, "anna", "secret", "c"), 0);
    assert_int_equal(verify(&f, "anna", "wrong", "c"), -ERR_AUTH);
    assert_int_equal(f.outcome.delay_ms, 0);
    assert_int_equal(known_good_count(&f), 0);
    end(&f);
}

static void test_failures_delay_client_and_name_but_not_the_known(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_int_equal(verify(&f, "anna", "secret", "home"), 0); /* known from home now */
    static const uint32_t delays[] = { 500, 1000, 2000, 4000, 4000 };
    for (size_t i = 0; i < ARRAY_COUNT(delays); i++) {
        assert_int_equal(verify(&f, "anna", "guess", "attacker"), -ERR_AUTH);
        assert_row(f.outcome.delay_ms == delays[i], i, "delay");
    }
    /* The client is slow for every name. */
    assert_int_equal(verify(&f, "bob", "guess", "attacker"), -ERR_AUTH);
    assert_int_equal(f.outcome.delay_ms, 4000);
    assert_int_equal(verify(&f, "anna", "secret", "home"), 0); /* the known client is not */
    assert_int_equal(f.outcome.delay_ms, 0);
    assert_int_equal(verify(&f, "anna", "secret", "attacker"), 0); /* yes takes as long as no */
    assert_int_equal(f.outcome.delay_ms, 4000);
    assert_int_equal(verify(&f, "anna", "secret", "office"), 0); /* and the name is forgiven by that yes */
    assert_int_equal(f.outcome.delay_ms, 0);
    clock_fake_advance(&f.clock, 6 * 300 * 1000);
    assert_int_equal(verify(&f, "bob", "guess", "attacker"), -ERR_AUTH);
    assert_int_equal(f.outcome.delay_ms, 500); /* forgotten with time */
    end(&f);
}

static void test_stubborn_client_is_turned_away_without_a_look(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    for (int i = 0; i < GUARD_ADDRESS_FAILURES_MAX; i++)
        assert_int_equal(verify(&f, "nobody", "guess", "attacker"), -ERR_AUTH);
    assert_int_equal(verify(&f, "anna", "secret", "attacker"), -ERR_UNAVAILABLE);
    assert_string_equal(f.err.text, "too many failed sign-ins from this address: try again in 4 s");
    assert_int_equal(f.outcome.delay_ms, 4000);
    assert_int_equal(verify(&f, "anna", "secret", "another"), 0);
    clock_fake_advance(&f.clock, 3999);
    assert_int_equal(verify(&f, "anna", "secret", "attacker"), -ERR_UNAVAILABLE);
    clock_fake_advance(&f.clock, 1);
    assert_int_equal(verify(&f, "anna", "secret", "attacker"), 0); /* one attempt in that time */
    struct auth_stats stats;
    auth_stats(f.auth, &stats);
    assert_int_equal(stats.turned_away_count, 2);
    assert_int_equal(stats.failed_count, GUARD_ADDRESS_FAILURES_MAX);
    assert_int_equal(stats.ok_count, 2);
    end(&f);
}

static void test_local_client_keeps_no_score_of_its_own(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    for (int i = 0; i < 2 * GUARD_ADDRESS_FAILURES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "name%d", i);
        assert_int_equal(verify(&f, name, "guess", NULL), -ERR_AUTH);
        assert_int_equal(f.outcome.delay_ms, 500); /* of that name */
    }
    end(&f);
}

static void test_broken_store_is_not_a_wrong_password(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    faulty_store_plan(f.store,
                      &(struct faulty_plan){ .ops = FAULTY_ALL, .nth = 1, .error = ERR_IO, .stay = true });
    assert_int_equal(verify(&f, "anna", "secret", "c"), -ERR_UNAVAILABLE);
    assert_int_equal(f.outcome.delay_ms, 0);
    faulty_store_plan(f.store, &(struct faulty_plan){ .ops = 0 });
    assert_int_equal(verify(&f, "anna", "secret", "c"), 0);
    assert_int_equal(f.outcome.delay_ms, 0);
    end(&f);
}

static void test_no_memory_to_hash_is_not_a_wrong_password(void **state)
{
    (void)state;
    static const char *const names[] = { "anna", "nobody" };
    struct fixture f;
    begin_hashing(&f, (struct auth_params){ .waiters_max = 8 }, 2, 500, 2 * TESTING_MEMORY_LEFT_BYTES);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct rlimit before = testing_memory_low();
        int r = verify(&f, names[i], "secret", "c");
        testing_memory_back(before);
        assert_row(r == -ERR_UNAVAILABLE, i, names[i]);
        assert_row(f.outcome.reason == AUTH_PROVIDER_DOWN, i, auth_reason_name(f.outcome.reason));
        assert_row(f.outcome.delay_ms == 0, i, "no failure was counted");
    }
    assert_int_equal(verify(&f, "anna", "secret", "c"), 0);
    end(&f);
}

static void test_plaintext_only_under_tls_or_on_loopback_by_choice(void **state)
{
    (void)state;
    static const struct {
        bool tls, loopback, setting, allowed;
    } cases[] = {
        { false, false, false, false }, { false, false, true, false }, { false, true, false, false },
        { false, true, true, true },    { true, false, false, true },  { true, true, true, true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(auth_plaintext_allowed(cases[i].tls, cases[i].loopback, cases[i].setting) ==
                       cases[i].allowed,
                   i, "row");
}

/* ---- many at once ---- */

enum { CALLERS = 8, CALLS = 40 };

struct caller {
    struct auth *auth;
    int number;
    int right, wrong, turned_away, other;
};

static void *call(void *ctx)
{
    struct caller *c = ctx;
    for (int i = 0; i < CALLS; i++) {
        struct auth_outcome outcome;
        char client[32];
        snprintf(client, sizeof client, "client %d.%d", c->number, i);
        bool good = i % 2 == 0;
        int r = sign_in(c->auth, STR("anna"), good ? STR("secret") : STR("guess"), str_c(client), &outcome,
                        NULL);
        c->right += good && r == 0;
        c->wrong += !good && r == -ERR_AUTH;
        c->turned_away += r == -ERR_UNAVAILABLE;
        c->other += r != 0 && r != -ERR_AUTH && r != -ERR_UNAVAILABLE;
    }
    return NULL;
}

static void run_callers(struct fixture *f, struct caller callers[CALLERS])
{
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){ .auth = f->auth, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
}

static void test_many_at_once_all_get_their_answer(void **state)
{
    (void)state;
    struct fixture f;
    struct caller callers[CALLERS];
    begin(&f);
    run_callers(&f, callers);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].right, CALLS / 2);
        assert_int_equal(callers[i].wrong, CALLS / 2);
    }
    end(&f);
}

static void test_too_many_at_once_are_turned_away(void **state)
{
    (void)state;
    struct fixture f;
    struct caller callers[CALLERS];
    int turned_away = 0, answered = 0;
    begin_with(&f, (struct auth_params){ .waiters_max = 0 }, 1, 0);
    run_callers(&f, callers);
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(callers[i].other, 0);
        turned_away += callers[i].turned_away;
        answered += callers[i].right + callers[i].wrong;
    }
    assert_int_equal(turned_away + answered, CALLERS * CALLS);
    assert_true(answered > 0);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_password_tells_who_it_is),
        cmocka_unit_test(test_every_wrong_sign_in_gets_the_same_answer),
        cmocka_unit_test(test_overlong_password_is_wrong_not_fatal),
        cmocka_unit_test(test_known_good_saves_the_hash_until_something_changes),
        cmocka_unit_test(test_known_good_ends_with_the_days_of_the_password),
        cmocka_unit_test(test_recreated_user_does_not_inherit_a_sign_in),
        cmocka_unit_test(test_no_memory_of_sign_ins_when_it_is_off),
        cmocka_unit_test(test_failures_delay_client_and_name_but_not_the_known),
        cmocka_unit_test(test_stubborn_client_is_turned_away_without_a_look),
        cmocka_unit_test(test_local_client_keeps_no_score_of_its_own),
        cmocka_unit_test(test_broken_store_is_not_a_wrong_password),
        cmocka_unit_test(test_no_memory_to_hash_is_not_a_wrong_password),
        cmocka_unit_test(test_plaintext_only_under_tls_or_on_loopback_by_choice),
        cmocka_unit_test(test_many_at_once_all_get_their_answer),
        cmocka_unit_test(test_too_many_at_once_are_turned_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
