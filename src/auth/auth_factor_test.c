/* Second factors and app passwords where sign-ins are decided, over our own provider and a foreign one. */
#include "auth/auth.h"
#include "auth/own/app_password.h"
#include "auth/own/provider_own.h"
#include "auth/own/second_factor.h"
#include "auth/own/testing_credential.h"

#include "auth/sasl/sasl.h"

struct decision {
    struct fixture f;
    struct guard *guard;
    struct auth *auth;
    struct auth_outcome outcome;
    enum { HERE, GONE, DISABLED, DOWN } carl;
    unsigned asked;    /* how often the foreign provider was */
    char password[64]; /* what it was asked about */
};

static const struct auth_peer peer = { .protocol = "imap",
                                       .address = "192.0.2.7",
                                       .has_ip = true,
                                       .ip = { [10] = 0xff, 0xff, 192, 0, 2, 7 },
                                       .client_key = STR_INIT("c") };

/* A provider of one user: carl, with the password "pass". */
static int foreign_find(void *ctx, struct str name, struct provider_answer *answer, struct err *err)
{
    const struct decision *d = ctx;
    answer->disabled = d->carl == DISABLED;
    if (d->carl == DOWN)
        return err_set(err, ERR_UNAVAILABLE, "down");
    return str_eq(name, STR("carl")) && d->carl != GONE ? 0 : err_set(err, ERR_NOT_FOUND, "not mine");
}

static int foreign_verify(void *ctx, struct str name, struct str password, const struct auth_peer *from,
                          struct provider_answer *answer, struct err *err)
{
    struct decision *d = ctx;
    (void)from;
    int r = foreign_find(ctx, name, answer, err);
    if (r < 0)
        return r;
    d->asked++;
    snprintf(d->password, sizeof d->password, STR_FMT, STR_ARG(password));
    return str_eq(password, STR("pass")) ? 0 : err_set(err, ERR_AUTH, "wrong");
}

static void foreign_free(void *ctx)
{
    (void)ctx;
}

static const struct provider_ops foreign = {
    .name = "foreign", .find = foreign_find, .verify = foreign_verify, .free = foreign_free
};

static void begin(struct decision *d)
{
    *d = (struct decision){ .asked = 0 };
    fixture_begin(&d->f);
    d->guard = guard_new(&(struct guard_params){ .clock = &d->f.clock.clock,
                                                 .failure_delay_ms = 100,
                                                 .failure_delay_max_ms = 100,
                                                 .failure_forget_s = 1,
                                                 .lock_failures = 20,
                                                 .lock_s = 900 });
    struct auth_params params = { .users = d->f.users,
                                  .clock = &d->f.clock.clock,
                                  .guard = d->guard,
                                  .provider_count = 2,
                                  .known_good_max = 100,
                                  .known_good_s = 3600,
                                  .waiters_max = 8,
                                  .scram_iterations = 4096 };
    const struct provider_own_params own = { d->f.users, 1, 8192, 2 };
    assert_int_equal(provider_own_new(&own, &params.providers[0], NULL), 0);
    params.providers[1] = (struct provider){ &foreign, d, 2 };
    assert_int_equal(auth_new(&params, &d->auth, NULL), 0);
}

static void end(struct decision *d)
{
    auth_free(&d->auth);
    guard_free(&d->guard);
    fixture_end(&d->f);
}

static int sign_in_for(struct decision *d, const char *name, const char *authzid, const char *password,
                       const char *behind)
{
    char typed[128];
    const struct auth_request request = {
        .peer = &peer, .mechanism = "PLAIN", .authcid = str_c(name), .authzid = str_c(authzid)
    };
    snprintf(typed, sizeof typed, "%s%s", password, behind);
    clock_fake_advance(&d->f.clock, 10 * 1000); /* what failed before is forgotten */
    return auth_sign_in_password(d->auth, &request, str_c(typed), &d->outcome, &d->f.err);
}

static int sign_in(struct decision *d, const char *name, const char *password, const char *behind)
{
    return sign_in_for(d, name, "", password, behind);
}

static void code_of(struct decision *d, const char *name, int64_t offset_steps, char out[TOTP_DIGITS_MAX + 1])
{
    struct credential c;
    struct user user;
    assert_int_equal(users_find(d->f.users, str_c(name), &user, NULL), 0);
    assert_int_equal(credential_read(d->f.users, &user, &c, NULL), 0);
    uint64_t step = totp_step(clock_wall_ms(&d->f.clock.clock)) + (uint64_t)offset_steps;
    totp_code(str_make(c.totp.secret, sizeof c.totp.secret), step, TOTP_DIGITS, out);
    credential_deinit(&c);
}

static void enable(struct decision *d, const char *name, struct recovery_codes *codes)
{
    struct buf secret = BUF_INIT, uri = BUF_INIT;
    struct user user;
    char code[TOTP_DIGITS_MAX + 1];
    assert_int_equal(users_find(d->f.users, str_c(name), &user, NULL), 0);
    assert_int_equal(second_factor_begin(d->f.users, &user, &secret, &uri, NULL), 0);
    code_of(d, name, 0, code);
    assert_int_equal(second_factor_activate(d->f.users, &user, str_c(code), codes, NULL), 0);
    clock_fake_advance(&d->f.clock, 90 * 1000);
    sasl_wipe(&secret);
    sasl_wipe(&uri);
}

static void test_factor_holds_whoever_keeps_the_password(void **state)
{
    (void)state;
    static const char *const users[][2] = { { "anna", "secret" }, { "carl", "pass" } };
    for (size_t i = 0; i < ARRAY_COUNT(users); i++) {
        const char *name = users[i][0], *password = users[i][1];
        struct decision d;
        struct recovery_codes codes;
        char code[TOTP_DIGITS_MAX + 1];
        begin(&d);
        assert_row(sign_in(&d, name, password, "") == 0, i, "first"); /* and it is known good */
        enable(&d, name, &codes);
        assert_row(sign_in(&d, name, password, "") == -ERR_AUTH, i, "alone");
        assert_row(d.outcome.reason == AUTH_SECOND_FACTOR_MISSING, i, auth_reason_name(d.outcome.reason));
        assert_string_equal(d.f.err.text, "name or password is wrong");
        clock_fake_advance(&d.f.clock, 10 * 1000);
        code_of(&d, name, 0, code);
        assert_row(sign_in(&d, name, password, code) == 0 && d.outcome.second_factor, i, "with");
        assert_row(sign_in(&d, name, password, code) == -ERR_AUTH, i, "again");
        assert_row(sign_in(&d, name, password, "") == -ERR_AUTH, i, "alone again");
        assert_row(sign_in(&d, name, "wrong", codes.shown[0]) == -ERR_AUTH, i, "wrong");
        assert_row(d.outcome.reason == AUTH_WRONG, i, auth_reason_name(d.outcome.reason));
        assert_row(sign_in(&d, name, password, codes.shown[0]) == 0, i, "recovery");
        end(&d);
    }
}

/* One question each, whatever is wrong: nothing is told by how long it takes. */
static void test_provider_has_its_work_in_any_case(void **state)
{
    (void)state;
    static const char *const passwords[] = { "pass", "wrong", "pass123456", "wrong123456", "123456", "" };
    struct decision d;
    struct recovery_codes codes;
    char code[TOTP_DIGITS_MAX + 1];
    begin(&d);
    assert_int_equal(sign_in(&d, "carl", "pass", ""), 0);
    enable(&d, "carl", &codes);
    for (size_t i = 0; i + 1 < ARRAY_COUNT(passwords); i++) {
        d.asked = 0;
        assert_row(sign_in(&d, "carl", passwords[i], "") == -ERR_AUTH && d.asked == 1, i, passwords[i]);
        assert_row(strcmp(d.password, passwords[i]) == 0, i, d.password);
    }
    clock_fake_advance(&d.f.clock, 10 * 1000);
    code_of(&d, "carl", 0, code);
    assert_int_equal(sign_in(&d, "carl", "wrong", code), -ERR_AUTH);
    assert_string_equal(d.password, "wrong"); /* the provider never sees the code */
    code_of(&d, "carl", 0, code);
    assert_int_equal(sign_in(&d, "carl", "pass", code), 0); /* nor was it used up */
    end(&d);
}

static void test_store_that_fails_is_unavailable_and_no_failed_sign_in(void **state)
{
    (void)state;
    for (unsigned op = FAULTY_VERSION; op <= FAULTY_GET; op <<= 1) {
        struct decision d;
        struct recovery_codes codes;
        begin(&d);
        enable(&d, "anna", &codes);
        bool more = true;
        for (uint64_t n = 1; more; n++) {
            faulty_store_plan(d.f.store, &(struct faulty_plan){ op, n, ERR_IO, FAULTY_BEFORE, false });
            int r = sign_in(&d, "anna", "secret", codes.shown[n % RECOVERY_CODES_MAX]);
            more = faulty_store_count(d.f.store) >= n;
            faulty_store_plan(d.f.store, &(struct faulty_plan){ 0 });
            assert_row(!more || r == 0 || r == -ERR_UNAVAILABLE, op * 100 + n, d.f.err.text);
            assert_row(r == 0 || d.outcome.delay_ms == 0, n, "counted");
        }
        end(&d);
    }
}

static void test_app_password_opens_whoever_keeps_the_password(void **state)
{
    (void)state;
    static const char *const users[][2] = { { "anna", "secret" }, { "carl", "pass" } };
    for (size_t i = 0; i < ARRAY_COUNT(users); i++) {
        struct decision d;
        struct recovery_codes codes;
        struct app_password made;
        struct user user;
        char shown[SECRET_CODE_SHOWN_BYTES], labelled[16];
        uint64_t id;
        begin(&d);
        assert_int_equal(sign_in(&d, users[i][0], users[i][1], ""), 0);
        assert_int_equal(users_find(d.f.users, str_c(users[i][0]), &user, NULL), 0);
        const struct app_password_wish wish = { .label = STR("phone"),
                                                .read_only = true,
                                                .scopes = SCOPE_IMAP };
        assert_int_equal(app_password_add(d.f.users, &user, &wish, shown, &made, NULL), 0);
        snprintf(labelled, sizeof labelled, "%s/phone", users[i][0]);
        assert_row(sign_in(&d, labelled, users[i][1], "") == -ERR_AUTH, i, labelled); /* its own name alone */
        enable(&d, users[i][0], &codes);
        d.asked = 0;
        for (int again = 0; again < 2; again++) {
            assert_row(sign_in(&d, users[i][0], shown, "") == 0, i, shown);
            assert_row(d.outcome.app_password_id == made.id && d.outcome.read_only, i, "what it is");
            assert_row(d.outcome.scopes == SCOPE_IMAP && d.asked == 0, i, "scopes");
        }
        assert_row(sign_in(&d, labelled, shown, "") == 0, i, labelled);
        assert_row(sign_in_for(&d, users[i][0], "bob", shown, "") == -ERR_NOT_AUTHORIZED, i, "for another");
        assert_int_equal(app_password_delete(d.f.users, &user, STR("phone"), &id, NULL), 0);
        assert_row(sign_in(&d, users[i][0], shown, "") == -ERR_AUTH, i, "deleted");
        end(&d);
    }
}

static void test_app_password_of_one_who_has_left_opens_nothing(void **state)
{
    (void)state;
    static const struct {
        int carl, r;
        enum auth_reason reason;
    } cases[] = {
        { HERE, 0, AUTH_OK },
        { GONE, -ERR_AUTH, AUTH_UNKNOWN_USER },
        { DISABLED, -ERR_DISABLED, AUTH_DISABLED },
        { DOWN, -ERR_UNAVAILABLE, AUTH_PROVIDER_DOWN },
        { HERE, 0, AUTH_OK },
    };
    struct decision d;
    struct app_password made;
    struct user user;
    char shown[SECRET_CODE_SHOWN_BYTES];
    begin(&d);
    assert_int_equal(sign_in(&d, "carl", "pass", ""), 0);
    assert_int_equal(users_find(d.f.users, STR("carl"), &user, NULL), 0);
    const struct app_password_wish wish = { .label = STR("phone") };
    assert_int_equal(app_password_add(d.f.users, &user, &wish, shown, &made, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        d.carl = (int)cases[i].carl;
        assert_row(sign_in(&d, "carl", shown, "") == cases[i].r, i, d.f.err.text);
        assert_row(d.outcome.reason == cases[i].reason, i, auth_reason_name(d.outcome.reason));
        assert_row(cases[i].r < 0 || d.outcome.app_password_id == made.id, i, "which");
        assert_string_equal(d.outcome.provider, "own");
    }
    end(&d);
}

static void test_what_others_prove_counts_where_it_is_more_than_a_password(void **state)
{
    (void)state;
    struct decision d;
    struct recovery_codes codes;
    const struct auth_request request = { .peer = &peer, .mechanism = "EXTERNAL", .authcid = STR("anna") };
    begin(&d);
    assert_int_equal(auth_sign_in_identity(d.auth, &request, false, &d.outcome, NULL), 0);
    enable(&d, "anna", &codes);
    assert_int_equal(auth_sign_in_identity(d.auth, &request, false, &d.outcome, NULL), -ERR_AUTH);
    assert_int_equal(d.outcome.reason, AUTH_SECOND_FACTOR_MISSING);
    assert_int_equal(auth_sign_in_identity(d.auth, &request, true, &d.outcome, NULL), 0);
    end(&d);
}

static int scram(struct decision *d, const char *name, const char *password)
{
    const struct auth_request request = { .peer = &peer,
                                          .mechanism = "SCRAM-SHA-256",
                                          .authcid = str_c(name) };
    struct auth_scram *attempt;
    struct scram_verifier verifier;
    clock_fake_advance(&d->f.clock, 10 * 1000);
    assert_int_equal(
        auth_scram_begin(d->auth, &request, SCRAM_SHA_256, &attempt, &verifier, &d->outcome, NULL), 0);
    assert_int_equal(verifier.iterations, 4096);
    bool proved = scram_matches(&verifier, str_c(password));
    return auth_scram_end(d->auth, &attempt, proved, proved ? AUTH_OK : AUTH_WRONG, &d->outcome, &d->f.err);
}

struct typed {
    const char *password;
};

static bool proves(void *ctx, const struct scram_verifier *verifier)
{
    const struct typed *typed = ctx;
    return scram_matches(verifier, str_c(typed->password));
}

static int scram_plain(struct decision *d, const char *password, bool store_fails)
{
    const struct auth_request request = { .peer = &peer,
                                          .mechanism = "SCRAM-SHA-256",
                                          .authcid = STR("anna") };
    struct typed typed = { password };
    struct auth_scram *attempt;
    struct scram_verifier verifier;
    clock_fake_advance(&d->f.clock, 10 * 1000);
    assert_int_equal(
        auth_scram_begin(d->auth, &request, SCRAM_SHA_256, &attempt, &verifier, &d->outcome, NULL), 0);
    if (store_fails)
        faulty_store_plan(d->f.store, &(struct faulty_plan){ FAULTY_GET, 1, ERR_IO, FAULTY_BEFORE, true });
    bool proved = proves(&typed, &verifier) ||
                  auth_scram_is_app_password(d->auth, attempt, proves, &typed, &verifier);
    assert_true(!proved || proves(&typed, &verifier)); /* the signature is made with the right one */
    int r = auth_scram_end(d->auth, &attempt, proved, proved ? AUTH_OK : AUTH_WRONG, &d->outcome, &d->f.err);
    faulty_store_plan(d->f.store, &(struct faulty_plan){ 0 });
    return r;
}

static void test_scram_under_the_plain_name_takes_all_passwords_of_the_user(void **state)
{
    (void)state;
    struct decision d;
    struct recovery_codes codes;
    struct app_password phone, sieve;
    char shown[SECRET_CODE_SHOWN_BYTES], other[SECRET_CODE_SHOWN_BYTES];
    begin(&d);
    const struct app_password_wish wish = { .label = STR("phone"), .read_only = true };
    const struct app_password_wish for_sieve = { .label = STR("sieve"), .scopes = SCOPE_SIEVE };
    assert_int_equal(app_password_add(d.f.users, &d.f.anna, &for_sieve, other, &sieve, NULL), 0);
    assert_int_equal(app_password_add(d.f.users, &d.f.anna, &wish, shown, &phone, NULL), 0);
    for (int changed = 0; changed < 2; changed++) {
        const char *password = changed ? "another" : "secret";
        assert_int_equal(scram_plain(&d, password, false), 0);
        assert_int_equal(d.outcome.app_password_id, 0);
        assert_int_equal(scram_plain(&d, shown, false), 0);
        assert_true(d.outcome.app_password_id == phone.id && d.outcome.read_only);
        assert_int_equal(scram_plain(&d, other, false), -ERR_AUTH);
        assert_int_equal(d.outcome.reason, AUTH_SCOPE);
        assert_int_equal(scram_plain(&d, "wrong", false), -ERR_AUTH);
        assert_int_equal(d.outcome.reason, AUTH_WRONG);
        assert_int_equal(scram_plain(&d, shown, true), -ERR_UNAVAILABLE);
        assert_int_equal(users_set_password(d.f.users, STR("anna"), STR("another"), NULL), 0);
    }
    enable(&d, "anna", &codes);
    assert_int_equal(scram_plain(&d, "another", false), -ERR_AUTH);
    assert_int_equal(scram_plain(&d, shown, false), 0);
    end(&d);
}

static void test_scram_needs_the_factor_and_knows_app_passwords_by_label(void **state)
{
    (void)state;
    struct decision d;
    struct recovery_codes codes;
    struct app_password made;
    char shown[SECRET_CODE_SHOWN_BYTES];
    begin(&d);
    assert_int_equal(scram(&d, "anna", "secret"), 0);
    assert_int_equal(scram(&d, "anna", "wrong"), -ERR_AUTH);
    const struct app_password_wish wish = { .label = STR("phone") };
    assert_int_equal(app_password_add(d.f.users, &d.f.anna, &wish, shown, &made, NULL), 0);
    enable(&d, "anna", &codes);
    assert_int_equal(scram(&d, "anna", "secret"), -ERR_AUTH);
    assert_int_equal(d.outcome.reason, AUTH_SECOND_FACTOR_MISSING);
    assert_int_equal(scram(&d, "anna/phone", shown), 0);
    assert_int_equal(d.outcome.app_password_id, made.id);
    assert_int_equal(scram(&d, "anna/phone", "secret"), -ERR_AUTH);
    assert_int_equal(scram(&d, "anna/laptop", shown), -ERR_AUTH);
    assert_int_equal(scram(&d, "nobody/phone", shown), -ERR_AUTH);
    end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factor_holds_whoever_keeps_the_password),
        cmocka_unit_test(test_provider_has_its_work_in_any_case),
        cmocka_unit_test(test_store_that_fails_is_unavailable_and_no_failed_sign_in),
        cmocka_unit_test(test_app_password_opens_whoever_keeps_the_password),
        cmocka_unit_test(test_app_password_of_one_who_has_left_opens_nothing),
        cmocka_unit_test(test_what_others_prove_counts_where_it_is_more_than_a_password),
        cmocka_unit_test(test_scram_under_the_plain_name_takes_all_passwords_of_the_user),
        cmocka_unit_test(test_scram_needs_the_factor_and_knows_app_passwords_by_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
