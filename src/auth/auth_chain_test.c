/* The rules of provider.h, with providers that do as they are told. */
#include "auth/auth.h"
#include "base/testing.h"
#include "store/mem/mem.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <time.h>

/* ---- a provider that does as it is told ---- */

struct scripted {
    const char *user, *password;   /* the one that it knows; user NULL: nobody */
    const char *app_password;      /* NULL: none */
    const char *as;                /* how it spells the user */
    enum err_kind fails;           /* with this whatever it is asked; ERR_NONE: it does not */
    struct provider_answer answer; /* on yes */
    uint64_t generation;
    uint32_t iterations; /* of most verifiers; 0: it does not say */
    uint32_t takes_ms;
    _Atomic bool hold; /* verify does not return until it is false */
    _Atomic int verify_calls, find_calls, scram_calls, decoys, inside, inside_most;
};

static int told(struct scripted *s, struct str name, struct provider_answer *answer, struct err *err)
{
    if (s->fails)
        return err_set(err, s->fails, "told to fail");
    if (!s->user || !str_eq(name, str_c(s->user)))
        return err_set(err, ERR_NOT_FOUND, "not one of mine");
    *answer = s->answer;
    if (s->as)
        snprintf(answer->name, sizeof answer->name, "%s", s->as);
    return 0;
}

static int scripted_find(void *ctx, struct str name, struct provider_answer *answer, struct err *err)
{
    struct scripted *s = ctx;
    s->find_calls++;
    return told(s, name, answer, err);
}

static int scripted_verify(void *ctx, struct str name, struct str password, const struct auth_peer *peer,
                           struct provider_answer *answer, struct err *err)
{
    struct scripted *s = ctx;
    (void)peer;
    s->verify_calls++;
    int inside = ++s->inside, most = s->inside_most;
    while (inside > most && !atomic_compare_exchange_weak(&s->inside_most, &most, inside))
        ;
    if (s->takes_ms)
        nanosleep(&(struct timespec){ .tv_nsec = (long)s->takes_ms * 1000000 }, NULL);
    while (s->hold)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    s->inside--;
    int r = told(s, name, answer, err);
    return r == 0 && !str_eq(password, str_c(s->password)) ? err_set(err, ERR_AUTH, "wrong") : r;
}

static int scripted_app_password(void *ctx, struct str name, struct str password,
                                 const struct auth_peer *peer, struct provider_answer *answer,
                                 struct err *err)
{
    struct scripted *s = ctx;
    (void)peer;
    int r = told(s, name, answer, err);
    if (r == 0 && (!s->app_password || !str_eq(password, str_c(s->app_password))))
        return err_set(err, ERR_NOT_FOUND, "no app password");
    answer->app_password_id = 5;
    return r;
}

static int scripted_scram(void *ctx, struct str name, enum scram_hash hash, struct scram_verifier *out,
                          struct provider_answer *answer, struct err *err)
{
    struct scripted *s = ctx;
    s->scram_calls++;
    *out = (struct scram_verifier){ .hash = hash, .iterations = 7777, .salt_bytes = 4, .salt = "salt" };
    return told(s, name, answer, err);
}

static int scripted_token(void *ctx, struct str name, struct str token, const struct auth_peer *peer,
                          struct provider_answer *answer, struct err *err)
{
    struct scripted *s = ctx;
    (void)peer;
    int r = told(s, name.n ? name : str_c(s->user), answer, err);
    return r == 0 && !str_eq(token, str_c(s->password)) ? err_set(err, ERR_AUTH, "wrong") : r;
}

static int scripted_decoy(void *ctx, struct str password, struct err *err)
{
    (void)password;
    (void)err;
    ((struct scripted *)ctx)->decoys++;
    return 0;
}

static uint64_t scripted_generation(void *ctx)
{
    return ((struct scripted *)ctx)->generation;
}

static void scripted_free(void *ctx)
{
    (void)ctx;
}

#define PASSWORDS .find = scripted_find, .verify = scripted_verify, .free = scripted_free
static const struct provider_ops strong = { .name = "strong", PASSWORDS, .generation = scripted_generation };
static const struct provider_ops weak = {
    .name = "weak", PASSWORDS, .scram = scripted_scram, .decoy = scripted_decoy
};
static const struct provider_ops apps = {
    .name = "apps", .app_password = scripted_app_password, .scram = scripted_scram, .free = scripted_free
};
static const struct provider_ops tokens = { .name = "tokens",
                                            .token = scripted_token,
                                            .free = scripted_free };

/* ---- the fixture ---- */

enum { STRONG, WEAK, APPS, TOKENS, PROVIDERS };

struct fixture {
    struct store *store;
    struct clock_fake clock;
    struct users *users;
    struct guard *guard;
    struct auth *auth;
    struct scripted p[PROVIDERS];
    struct auth_outcome outcome;
    struct err err;
};

static void open_auth(struct fixture *f)
{
    static const struct provider_ops *const ops[PROVIDERS] = { &strong, &weak, &apps, &tokens };
    struct auth_params params = { .users = f->users,
                                  .clock = &f->clock.clock,
                                  .provider_count = PROVIDERS,
                                  .guard = f->guard,
                                  .may_act_for = "help: *; root: *, help",
                                  .known_good_max = 100,
                                  .known_good_s = 3600,
                                  .waiters_max = 2 * PROVIDERS,
                                  .scram_iterations = 4096 };
    for (size_t i = 0; i < PROVIDERS; i++)
        params.providers[i] = (struct provider){ ops[i], &f->p[i], 2, f->p[i].iterations };
    assert_int_equal(auth_new(&params, &f->auth, &f->err), 0);
}

static void begin(struct fixture *f)
{
    static const char *const names[] = { "anna", "bob", "help", "root" };
    struct user user;
    *f = (struct fixture){ .store = NULL };
    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &f->store, &f->err), 0);
    clock_fake_init(&f->clock, 1700000000000);
    struct users_params users_params = { f->store, &f->clock.clock, 1, 8192 };
    assert_int_equal(users_open(&users_params, &f->users, &f->err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_int_equal(users_add(f->users, str_c(names[i]), STR("unused"), &user, &f->err), 0);
    f->guard = guard_new(&(struct guard_params){ .clock = &f->clock.clock,
                                                 .failure_delay_ms = 100,
                                                 .failure_delay_max_ms = 800,
                                                 .failure_forget_s = 300,
                                                 .lock_failures = 3,
                                                 .lock_s = 900 });
    open_auth(f);
}

static void end(struct fixture *f)
{
    auth_free(&f->auth);
    guard_free(&f->guard);
    users_free(&f->users);
    store_close(&f->store);
}

static const struct auth_peer home = { .protocol = "imap",
                                       .address = "192.0.2.1",
                                       .has_ip = true,
                                       .ip = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 },
                                       .client_key = STR_INIT("home") };
static const struct auth_peer stranger = { .protocol = "imap",
                                           .address = "203.0.113.1",
                                           .has_ip = true,
                                           .ip = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 1 },
                                           .client_key = STR_INIT("stranger") };

static struct auth_request request(const struct auth_peer *peer, const char *name, const char *authzid)
{
    return (struct auth_request){
        .peer = peer, .mechanism = "PLAIN", .authcid = str_c(name), .authzid = str_c(authzid)
    };
}

static int sign_in_for(struct fixture *f, const char *name, const char *password, const char *authzid)
{
    const struct auth_request r = request(&home, name, authzid);
    return auth_sign_in_password(f->auth, &r, str_c(password), &f->outcome, &f->err);
}

static int sign_in(struct fixture *f, const char *name, const char *password)
{
    return sign_in_for(f, name, password, NULL);
}

static void knows(struct scripted *s, const char *user, const char *password)
{
    s->user = user;
    s->password = password;
}

/* ---- one decider ---- */

static void test_the_first_that_knows_the_name_decides(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    knows(&f.p[STRONG], "anna", "right");
    knows(&f.p[WEAK], "anna", "old");
    assert_int_equal(sign_in(&f, "anna", "right"), 0);
    assert_string_equal(f.outcome.provider, "strong");
    assert_int_equal(sign_in(&f, "anna", "old"), -ERR_AUTH); /* the other one is not asked */
    assert_int_equal(f.p[WEAK].verify_calls, 0);
    assert_int_equal(f.outcome.reason, AUTH_WRONG);
    knows(&f.p[WEAK], "bob", "old");
    assert_int_equal(sign_in(&f, "bob", "old"), 0);
    assert_string_equal(f.outcome.provider, "weak");
    end(&f);
}

/* Its account belongs to one in front, and knowing the password does not change that: not the second time either. */
static void test_an_account_of_another_provider_stays_closed_the_second_time(void **state)
{
    (void)state;
    struct fixture f;
    struct user user;
    begin(&f);
    assert_int_equal(users_add_foreign(f.users, STR("carol"), "strong", &user, &f.err), 0);
    knows(&f.p[WEAK], "carol", "right");
    for (size_t i = 0; i < 3; i++) {
        assert_row(sign_in(&f, "carol", "right") == -ERR_NOT_AUTHORIZED, i, f.err.text);
        assert_row(f.p[WEAK].verify_calls == (int)i + 1, i, "it is asked each time");
    }
    knows(&f.p[STRONG], "carol", "other");
    assert_int_equal(sign_in(&f, "carol", "other"), 0);
    assert_string_equal(f.outcome.provider, "strong");
    end(&f);
}

static void test_one_that_is_down_is_never_fallen_through(void **state)
{
    (void)state;
    static const enum err_kind kinds[] = { ERR_UNAVAILABLE, ERR_IO, ERR_CORRUPT, ERR_TIMEOUT, ERR_LIMIT };
    struct fixture f;
    begin(&f);
    knows(&f.p[WEAK], "anna", "right");
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        f.p[STRONG].fails = kinds[i];
        assert_row(sign_in(&f, "anna", "right") == -ERR_UNAVAILABLE, i, err_kind_name(kinds[i]));
        assert_row(sign_in(&f, "anna", "wrong") == -ERR_UNAVAILABLE, i, err_kind_name(kinds[i]));
        assert_row(f.outcome.reason == AUTH_PROVIDER_DOWN, i, auth_reason_name(f.outcome.reason));
        assert_row(f.outcome.delay_ms == 0, i, "no failure was counted");
    }
    assert_int_equal(f.p[WEAK].verify_calls, 0);
    struct auth_request r = request(&home, "anna", NULL);
    struct auth_scram *attempt = NULL;
    struct scram_verifier verifier;
    assert_int_equal(auth_scram_begin(f.auth, &r, SCRAM_SHA_256, &attempt, &verifier, &f.outcome, &f.err),
                     -ERR_UNAVAILABLE);
    assert_null(attempt);
    assert_int_equal(auth_sign_in_identity(f.auth, &r, false, &f.outcome, &f.err), -ERR_UNAVAILABLE);
    end(&f);
}

static void test_only_passwords_known_good_outlive_a_provider_that_is_down(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    knows(&f.p[STRONG], "anna", "right");
    assert_int_equal(sign_in(&f, "anna", "right"), 0);
    f.p[STRONG].fails = ERR_UNAVAILABLE;
    assert_int_equal(sign_in(&f, "anna", "right"), 0);
    assert_int_equal(sign_in(&f, "anna", "wrong"), -ERR_UNAVAILABLE);
    f.p[STRONG].generation++; /* what was known may no longer hold */
    assert_int_equal(sign_in(&f, "anna", "right"), -ERR_UNAVAILABLE);
    end(&f);
}

static void test_unknown_names_cost_what_a_wrong_password_does(void **state)
{
    (void)state;
    static const char *const nobody[] = { "nobody", "", "a b", "\377" };
    struct fixture f;
    begin(&f);
    for (int i = 0; i < (int)ARRAY_COUNT(nobody); i++) {
        assert_row(sign_in(&f, nobody[i], "x") == -ERR_AUTH, (size_t)i, nobody[i]);
        assert_row(f.outcome.reason == AUTH_UNKNOWN_USER, (size_t)i, nobody[i]);
        assert_row(strcmp(f.err.text, "name or password is wrong") == 0, (size_t)i, f.err.text);
        assert_row(f.p[WEAK].decoys == i + 1, (size_t)i, "the first that has a decoy");
    }
    end(&f);
}

static void test_a_hard_answer_is_told_only_to_who_proved_the_password(void **state)
{
    (void)state;
    static const struct {
        struct provider_answer answer;
        int r;
        enum auth_reason reason;
    } cases[] = {
        { { .disabled = true }, -ERR_DISABLED, AUTH_DISABLED },
        { { .locked = true }, -ERR_DISABLED, AUTH_LOCKED },
        { { .expired = true }, -ERR_EXPIRED, AUTH_EXPIRED },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f;
        begin(&f);
        knows(&f.p[STRONG], "anna", "right");
        f.p[STRONG].answer = cases[i].answer;
        for (int again = 0; again < 2; again++) { /* and it is not remembered as good */
            assert_row(sign_in(&f, "anna", "right") == cases[i].r, i, f.err.text);
            assert_row(f.outcome.reason == cases[i].reason, i, auth_reason_name(f.outcome.reason));
        }
        assert_row(sign_in(&f, "anna", "wrong") == -ERR_AUTH, i, f.err.text);
        end(&f);
    }
}

/* CVE-2026-27855 */
static void test_what_is_good_once_is_asked_for_again(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    knows(&f.p[STRONG], "anna", "right492039");
    f.p[STRONG].answer.once = true;
    assert_int_equal(sign_in(&f, "anna", "right492039"), 0);
    knows(&f.p[STRONG], "anna", "right111111"); /* used up */
    assert_int_equal(sign_in(&f, "anna", "right492039"), -ERR_AUTH);
    end(&f);
}

/* ---- app passwords ---- */

static void test_an_app_password_opens_whoever_keeps_the_user_and_while_locked(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    knows(&f.p[STRONG], "anna", "right");
    f.p[APPS].user = "anna";
    f.p[APPS].app_password = "qwer-tzui";
    assert_int_equal(sign_in(&f, "anna", "qwer-tzui"), 0);
    assert_int_equal(f.outcome.app_password_id, 5);
    assert_string_equal(f.outcome.provider, "apps");
    assert_int_equal(f.p[STRONG].verify_calls, 0);
    f.p[APPS].app_password = "other"; /* revoked: not remembered */
    assert_int_equal(sign_in(&f, "anna", "qwer-tzui"), -ERR_AUTH);
    const struct auth_request r = request(&stranger, "anna", NULL);
    static const char *const guesses[] = { "guess", "another", "third" };
    for (int i = 0; i < 3; i++)
        assert_int_equal(auth_sign_in_password(f.auth, &r, str_c(guesses[i]), &f.outcome, &f.err), -ERR_AUTH);
    int calls = f.p[STRONG].verify_calls;
    assert_int_equal(auth_sign_in_password(f.auth, &r, STR("right"), &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(f.outcome.reason, AUTH_LOCKED);
    assert_int_equal(f.p[STRONG].verify_calls, calls); /* nobody looked */
    assert_int_equal(auth_sign_in_password(f.auth, &r, STR("other"), &f.outcome, &f.err), 0);
    end(&f);
}

/* A device that was not told of a new password says the old one for days. */
static void test_the_same_wrong_password_again_locks_nobody(void **state)
{
    (void)state;
    static const char *const names[] = { "anna", "nobody" };
    for (size_t n = 0; n < ARRAY_COUNT(names); n++) { /* no oracle */
        struct fixture f;
        struct guard_counts counts;
        begin(&f);
        knows(&f.p[STRONG], "anna", "right");
        for (int i = 0; i < 10; i++)
            assert_row(sign_in(&f, names[n], "old") == -ERR_AUTH, n, names[n]);
        assert_row(f.outcome.delay_ms >= 200, n, "but it waits");
        guard_counts(f.guard, &counts);
        assert_row(counts.locked_accounts == 0, n, names[n]);
        assert_row(sign_in(&f, names[n], "older") == -ERR_AUTH, n, names[n]);
        assert_row(sign_in(&f, names[n], "oldest") == -ERR_AUTH, n, names[n]);
        guard_counts(f.guard, &counts);
        assert_row(counts.locked_accounts == 1, n, names[n]);
        end(&f);
    }
}

/* ---- acting for others ---- */

static void test_who_acts_for_another_is_marked_and_never_mixed_up(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    knows(&f.p[STRONG], "help", "right");
    for (int again = 0; again < 2; again++) { /* the second time the password is known good */
        assert_int_equal(sign_in_for(&f, "help", "right", "Anna"), 0);
        assert_string_equal(f.outcome.user.name, "anna");
        assert_string_equal(f.outcome.by, "help");
        assert_int_equal(sign_in_for(&f, "help", "right", "help"), 0);
        assert_string_equal(f.outcome.user.name, "help");
        assert_string_equal(f.outcome.by, "");
        assert_int_equal(sign_in(&f, "help", "right"), 0);
        assert_string_equal(f.outcome.by, "");
    }
    /* CVE-2022-30550: that somebody may act for anna says nothing of anna's own password. */
    knows(&f.p[WEAK], "anna", "hers");
    assert_int_equal(sign_in(&f, "anna", "right"), -ERR_AUTH);
    assert_int_equal(sign_in_for(&f, "anna", "right", "help"), -ERR_AUTH);
    assert_int_equal(sign_in_for(&f, "help", "hers", "anna"), -ERR_AUTH);
    end(&f);
}

static void test_only_the_configuration_lets_one_act_for_another(void **state)
{
    (void)state;
    static const struct {
        const char *who, *whom;
        int r;
    } cases[] = {
        { "help", "anna", 0 },
        { "help", "root", -ERR_NOT_AUTHORIZED }, /* acts for others, and is not named */
        { "root", "help", 0 },                   /* is named */
        { "anna", "bob", -ERR_NOT_AUTHORIZED },
        { "anna", "nobody", -ERR_NOT_AUTHORIZED }, /* no word of who exists */
        { "help", "nobody", -ERR_NOT_AUTHORIZED },
        { "help", "a b", -ERR_NOT_AUTHORIZED },
        { "help", "*", -ERR_NOT_AUTHORIZED },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f;
        begin(&f);
        knows(&f.p[STRONG], cases[i].who, "right");
        assert_row(sign_in_for(&f, cases[i].who, "wrong", cases[i].whom) == -ERR_AUTH, i, cases[i].whom);
        assert_row(sign_in_for(&f, cases[i].who, "right", cases[i].whom) == cases[i].r, i, f.err.text);
        if (cases[i].r < 0) {
            assert_row(strcmp(f.err.text, "not allowed to act for that user") == 0, i, f.err.text);
            assert_row(f.outcome.reason == AUTH_NOT_AUTHORIZED, i, cases[i].whom);
            assert_row(f.outcome.user.name[0] == '\0', i, f.outcome.user.name);
        }
        end(&f);
    }
}

static void test_no_acting_with_app_passwords_or_for_the_disabled(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    f.p[APPS].user = "help";
    f.p[APPS].app_password = "qwer-tzui";
    assert_int_equal(sign_in_for(&f, "help", "qwer-tzui", "anna"), -ERR_NOT_AUTHORIZED);
    assert_int_equal(sign_in(&f, "help", "qwer-tzui"), 0);
    knows(&f.p[STRONG], "help", "right");
    assert_int_equal(users_set_disabled(f.users, STR("anna"), true, &f.err), 0);
    assert_int_equal(sign_in_for(&f, "help", "right", "anna"), -ERR_DISABLED);
    end(&f);
}

/* ---- mail ---- */

static void test_mail_makes_no_account_for_whom_a_provider_has_disabled(void **state)
{
    (void)state;
    struct fixture f;
    struct user user;
    begin(&f);
    knows(&f.p[STRONG], "carl", "right");
    f.p[STRONG].answer.disabled = true;
    assert_int_equal(auth_find_recipient(f.auth, STR("carl"), &user, &f.err), -ERR_NOT_FOUND);
    assert_int_equal(users_find(f.users, STR("carl"), &user, &f.err), -ERR_NOT_FOUND);
    f.p[STRONG].answer.disabled = false;
    assert_int_equal(auth_find_recipient(f.auth, STR("carl"), &user, &f.err), 0);
    assert_string_equal(user.provider, "strong");
    f.p[STRONG].answer.disabled = true; /* who has one goes on getting mail, */
    assert_int_equal(auth_find_recipient(f.auth, STR("carl"), &user, &f.err), 0);
    f.p[STRONG].user = "carlos"; /* under other names as well */
    f.p[STRONG].as = "carl";
    assert_int_equal(auth_find_recipient(f.auth, STR("carlos"), &user, &f.err), 0);
    assert_string_equal(user.name, "carl");
    end(&f);
}

/* ---- SCRAM ---- */

static int scram(struct fixture *f, const char *name, enum scram_hash hash, struct scram_verifier *verifier,
                 bool proved, enum auth_reason reason)
{
    const struct auth_request r = request(&home, name, NULL);
    struct auth_scram *attempt = NULL;
    int begun = auth_scram_begin(f->auth, &r, hash, &attempt, verifier, &f->outcome, &f->err);
    if (begun < 0)
        return begun;
    assert_non_null(attempt);
    int r2 = auth_scram_end(f->auth, &attempt, proved, reason, &f->outcome, &f->err);
    assert_null(attempt);
    return r2;
}

static void test_scram_is_the_deciders_alone(void **state)
{
    (void)state;
    struct fixture f;
    struct scram_verifier v;
    begin(&f);
    knows(&f.p[WEAK], "anna", "old");
    assert_int_equal(scram(&f, "anna", SCRAM_SHA_256, &v, true, AUTH_OK), 0);
    assert_int_equal(v.iterations, 7777);
    assert_string_equal(f.outcome.user.name, "anna");
    assert_int_equal(scram(&f, "anna", SCRAM_SHA_256, &v, false, AUTH_CHANNEL_BINDING), -ERR_AUTH);
    assert_int_equal(f.outcome.reason, AUTH_CHANNEL_BINDING);
    knows(&f.p[STRONG], "anna", "right"); /* keeps no verifiers; and the other one's opens nothing */
    int calls = f.p[WEAK].scram_calls;
    assert_int_equal(scram(&f, "anna", SCRAM_SHA_256, &v, true, AUTH_OK), -ERR_AUTH);
    assert_int_equal(v.iterations, 4096);
    assert_int_equal(f.p[WEAK].scram_calls, calls);
    end(&f);
}

static void test_scram_of_nobody_is_made_up_and_stays_the_same(void **state)
{
    (void)state;
    struct fixture f;
    struct scram_verifier a, b, other, sha1;
    begin(&f);
    assert_int_equal(scram(&f, "nobody", SCRAM_SHA_256, &a, true, AUTH_OK),
                     -ERR_AUTH); /* whatever it proves */
    assert_string_equal(f.err.text, "name or password is wrong");
    assert_int_equal(scram(&f, "NOBODY", SCRAM_SHA_256, &b, false, AUTH_WRONG), -ERR_AUTH);
    assert_memory_equal(a.salt, b.salt, a.salt_bytes);
    auth_free(&f.auth);
    open_auth(&f); /* a restart: who is there keeps his salt, so who is not must */
    assert_int_equal(scram(&f, "nobody", SCRAM_SHA_256, &b, false, AUTH_WRONG), -ERR_AUTH);
    assert_memory_equal(a.salt, b.salt, a.salt_bytes);
    assert_int_equal(scram(&f, "nobody2", SCRAM_SHA_256, &other, false, AUTH_WRONG), -ERR_AUTH);
    assert_int_equal(scram(&f, "nobody", SCRAM_SHA_1, &sha1, false, AUTH_WRONG), -ERR_AUTH);
    assert_int_equal(a.iterations, 4096);
    assert_int_equal(a.salt_bytes, 16);
    assert_memory_not_equal(a.salt, other.salt, a.salt_bytes);
    assert_memory_not_equal(a.salt, sha1.salt, a.salt_bytes);
    end(&f);
}

static void test_scram_of_a_label_says_no_more_than_of_the_name_alone(void **state)
{
    (void)state;
    struct fixture f;
    struct scram_verifier name, label, again;
    begin(&f);
    knows(&f.p[WEAK], "anna", "old");
    assert_int_equal(scram(&f, "anna", SCRAM_SHA_256, &name, false, AUTH_MALFORMED), -ERR_AUTH);
    assert_int_equal(scram(&f, "anna/tablet", SCRAM_SHA_256, &label, true, AUTH_OK), -ERR_AUTH);
    assert_int_equal(f.outcome.reason, AUTH_UNKNOWN_USER);
    assert_int_equal(label.iterations, name.iterations);
    assert_int_equal(label.salt_bytes, name.salt_bytes);
    assert_memory_equal(label.salt, name.salt, name.salt_bytes);
    assert_int_equal(scram(&f, "anna/tablet", SCRAM_SHA_256, &again, false, AUTH_MALFORMED), -ERR_AUTH);
    assert_memory_not_equal(label.stored_key, again.stored_key, sizeof again.stored_key); /* of nothing */
    assert_int_equal(scram(&f, "nobody", SCRAM_SHA_256, &name, false, AUTH_MALFORMED), -ERR_AUTH);
    assert_int_equal(scram(&f, "nobody/tablet", SCRAM_SHA_256, &label, false, AUTH_MALFORMED), -ERR_AUTH);
    assert_memory_equal(label.salt, name.salt, name.salt_bytes);
    f.p[WEAK].fails = ERR_IO;
    assert_int_equal(scram(&f, "anna/tablet", SCRAM_SHA_256, &label, true, AUTH_OK), -ERR_UNAVAILABLE);
    end(&f);
}

static void test_scram_of_nobody_asks_for_what_some_provider_asks_for(void **state)
{
    (void)state;
    struct fixture f;
    int of_weak = 0, of_others = 0;
    begin(&f);
    f.p[WEAK].iterations = 7777; /* "apps" says nothing: 4096 */
    auth_free(&f.auth);
    open_auth(&f);
    for (int i = 0; i < 64; i++) {
        struct scram_verifier v, again;
        char name[16];
        snprintf(name, sizeof name, "name%d", i);
        guard_clear(f.guard, STR_NIL);
        assert_int_equal(scram(&f, name, SCRAM_SHA_256, &v, false, AUTH_WRONG), -ERR_AUTH);
        assert_int_equal(scram(&f, name, SCRAM_SHA_256, &again, false, AUTH_WRONG), -ERR_AUTH);
        assert_int_equal(v.iterations, again.iterations);
        of_weak += v.iterations == 7777;
        of_others += v.iterations == 4096;
    }
    assert_int_equal(of_weak + of_others, 64);
    assert_true(of_weak > 10 && of_others > 10);
    end(&f);
}

static void test_scram_broken_off_counts_for_the_address_and_locks_nobody(void **state)
{
    (void)state;
    struct fixture f;
    struct scram_verifier v;
    begin(&f);
    knows(&f.p[WEAK], "anna", "old");
    for (int i = 0; i < GUARD_ADDRESS_FAILURES_MAX; i++) {
        assert_int_equal(scram(&f, "anna", SCRAM_SHA_256, &v, false, AUTH_MALFORMED), -ERR_AUTH);
        assert_int_equal(f.outcome.reason, AUTH_MALFORMED);
    }
    assert_int_equal(f.outcome.delay_ms, 800);
    assert_int_equal(scram(&f, "anna", SCRAM_SHA_256, &v, true, AUTH_OK), -ERR_UNAVAILABLE);
    assert_int_equal(guard_clear(f.guard, STR("anna")), 0);
    assert_int_equal(guard_clear(f.guard, STR("192.0.2.1")), 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(scram(&f, "anna", SCRAM_SHA_256, &v, false, AUTH_WRONG), -ERR_AUTH);
    assert_int_equal(scram(&f, "anna", SCRAM_SHA_256, &v, true, AUTH_OK), -ERR_AUTH); /* locked */
    assert_int_equal(f.outcome.reason, AUTH_LOCKED);
    assert_int_equal(v.iterations, 7777); /* as before it was locked: what is made up for nobody stays, too */
    assert_string_equal((const char *)v.salt, "salt");
    end(&f);
}

/* Begun while the guard still let everybody through. */
static struct auth_scram *scram_begin(struct fixture *f, const struct auth_peer *peer)
{
    const struct auth_request r = request(peer, "anna", NULL);
    struct auth_scram *attempt = NULL;
    struct scram_verifier v;
    assert_int_equal(auth_scram_begin(f->auth, &r, SCRAM_SHA_256, &attempt, &v, &f->outcome, &f->err), 0);
    return attempt;
}

static void test_scram_begun_in_parallel_ends_by_what_has_failed_meanwhile(void **state)
{
    (void)state;
    enum { WRONG = 20 };
    struct fixture f;
    struct auth_scram *wrong[WRONG];
    struct guard_counts counts;
    begin(&f);
    knows(&f.p[WEAK], "anna", "old");
    for (int i = 0; i < WRONG; i++)
        wrong[i] = scram_begin(&f, &stranger);
    struct auth_scram *right = scram_begin(&f, &stranger), *elsewhere = scram_begin(&f, &home);
    for (int i = 0; i < 3; i++)
        assert_int_equal(auth_scram_end(f.auth, &wrong[i], false, AUTH_WRONG, &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(f.outcome.reason, AUTH_WRONG);
    assert_int_equal(auth_scram_end(f.auth, &elsewhere, true, AUTH_OK, &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(f.outcome.reason, AUTH_LOCKED);
    guard_counts(f.guard, &counts);
    assert_int_equal(counts.locked_accounts, 1); /* the right proof has forgiven nothing */
    for (int i = 3; i < WRONG; i++)
        assert_int_equal(auth_scram_end(f.auth, &wrong[i], false, AUTH_WRONG, &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(guard_clear(f.guard, STR("anna")), 1);
    assert_int_equal(auth_scram_end(f.auth, &right, true, AUTH_OK, &f.outcome, &f.err), -ERR_AUTH);
    assert_string_equal(f.err.text, "name or password is wrong");
    assert_int_equal(f.outcome.reason, AUTH_THROTTLED);
    end(&f);
}

/* ---- what others prove ---- */

static void test_an_identity_needs_a_user_who_may_come_in(void **state)
{
    (void)state;
    static const struct {
        const char *name, *authzid;
        struct provider_answer answer;
        int r;
    } cases[] = {
        { "anna", NULL, { .disabled = false }, 0 },
        { "anna", "anna", { .disabled = false }, 0 },
        { "", NULL, { .disabled = false }, -ERR_AUTH }, /* CVE-2019-3814 */
        { NULL, NULL, { .disabled = false }, -ERR_AUTH },
        { "", "anna", { .disabled = false }, -ERR_AUTH },
        { "bob", NULL, { .disabled = false }, -ERR_AUTH },
        { "anna", "bob", { .disabled = false }, -ERR_NOT_AUTHORIZED },
        { "anna", NULL, { .disabled = true }, -ERR_DISABLED },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f;
        begin(&f);
        knows(&f.p[STRONG], "anna", "right");
        f.p[STRONG].answer = cases[i].answer;
        const struct auth_request r = request(&home, cases[i].name, cases[i].authzid);
        int got = auth_sign_in_identity(f.auth, &r, true, &f.outcome, &f.err);
        assert_row(got == cases[i].r, i, f.err.text);
        assert_row(got != 0 || f.outcome.second_factor, i, "more than a password");
        end(&f);
    }
}

/* Only passwords have labels: what others prove is the whole name, or nobody's. */
static void test_a_proved_name_with_a_slash_is_nobodys(void **state)
{
    (void)state;
    static const char *const names[] = { "anna/evil@example.org", "anna/", "anna/x", "/anna", "an na" };
    struct fixture f;
    begin(&f);
    knows(&f.p[STRONG], "anna", "right");
    knows(&f.p[TOKENS], "anna", "token");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct auth_request r = request(&home, names[i], NULL);
        assert_row(auth_sign_in_identity(f.auth, &r, true, &f.outcome, &f.err) == -ERR_AUTH, i, names[i]);
        assert_row(f.outcome.reason == AUTH_UNKNOWN_USER, i, auth_reason_name(f.outcome.reason));
        assert_row(auth_sign_in_token(f.auth, &r, STR("token"), &f.outcome, &f.err) == -ERR_AUTH, i,
                   names[i]);
        assert_row(f.outcome.user.name[0] == '\0', i, f.outcome.user.name);
    }
    end(&f);
}

static void test_a_token_may_say_who_its_user_is(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    knows(&f.p[TOKENS], "anna", "a.token");
    f.p[TOKENS].as = "Anna";
    const struct auth_request nameless = request(&home, NULL, NULL), bob = request(&home, "bob", NULL);
    assert_int_equal(auth_sign_in_token(f.auth, &nameless, STR("a.token"), &f.outcome, &f.err), 0);
    assert_string_equal(f.outcome.user.name, "anna");
    assert_int_equal(auth_sign_in_token(f.auth, &nameless, STR("another"), &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(auth_sign_in_token(f.auth, &bob, STR("a.token"), &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(f.outcome.reason, AUTH_TOKEN_BAD);
    for (int i = 0; i < 5; i++) /* bad tokens lock no account */
        assert_int_equal(auth_sign_in_token(f.auth,
                                            &(struct auth_request){ .peer = &stranger,
                                                                    .mechanism = "OAUTHBEARER",
                                                                    .authcid = STR("anna") },
                                            STR("bad"), &f.outcome, &f.err),
                         -ERR_AUTH);
    assert_int_equal(f.outcome.delay_ms, 800); /* but they make the address wait */
    struct guard_counts counts;
    guard_counts(f.guard, &counts);
    assert_int_equal(counts.locked_accounts, 0);
    end(&f);
}

/* Where a user is at home nobody counts what others do; but whoever tries tokens there has nothing to do with that. */
static void test_tokens_count_for_the_address_also_where_the_account_is_known(void **state)
{
    (void)state;
    struct fixture f;
    const struct auth_request r = request(&home, "anna", NULL);
    begin(&f);
    knows(&f.p[STRONG], "anna", "right");
    assert_int_equal(sign_in(&f, "anna", "right"), 0);
    for (int i = 0; i < GUARD_ADDRESS_FAILURES_MAX; i++)
        assert_int_equal(auth_sign_in_token(f.auth, &r, STR("bad"), &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(auth_sign_in_token(f.auth, &r, STR("bad"), &f.outcome, &f.err), -ERR_UNAVAILABLE);
    assert_int_equal(f.outcome.reason, AUTH_THROTTLED);
    f.p[STRONG].generation++;
    assert_int_equal(sign_in(&f, "anna", "right"), 0); /* asked anew, and not kept out */
    assert_int_equal(f.outcome.delay_ms, 0);
    end(&f);
}

static void test_what_never_got_to_a_credential_counts_against_the_address(void **state)
{
    (void)state;
    struct fixture f;
    const struct auth_request r = request(&home, "anna", NULL);
    begin(&f);
    assert_int_equal(auth_refuse(f.auth, &r, AUTH_CERTIFICATE_BAD, &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(f.outcome.reason, AUTH_CERTIFICATE_BAD);
    assert_int_equal(f.outcome.delay_ms, 100);
    assert_int_equal(auth_refuse(f.auth, &r, AUTH_MALFORMED, &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(f.outcome.delay_ms, 200);
    end(&f);
}

/* ---- the time ---- */

static void test_answers_are_held_back_to_one_time(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    knows(&f.p[STRONG], "anna", "right");
    assert_int_equal(sign_in(&f, "anna", "wrong"), -ERR_AUTH);
    assert_int_equal(f.outcome.delay_ms, 100);
    const struct auth_request r = request(&home, "anna", NULL);
    struct auth_scram *attempt;
    struct scram_verifier v;
    assert_int_equal(auth_scram_begin(f.auth, &r, SCRAM_SHA_256, &attempt, &v, &f.outcome, &f.err), 0);
    clock_fake_advance(&f.clock, 150); /* of which the exchange took 150 */
    assert_int_equal(auth_scram_end(f.auth, &attempt, false, AUTH_WRONG, &f.outcome, &f.err), -ERR_AUTH);
    assert_int_equal(f.outcome.delay_ms, 50); /* 200 from its beginning */
    end(&f);
}

/* ---- few at once ---- */

enum { THREADS = 12 };

struct caller {
    struct fixture *f;
    int right, busy, other;
};

static void *call(void *ctx)
{
    struct caller *c = ctx;
    for (int i = 0; i < 5; i++) {
        struct auth_outcome outcome;
        const struct auth_request r = { .peer = &(struct auth_peer){ .protocol = "imap" },
                                        .mechanism = "PLAIN",
                                        .authcid = STR("anna"),
                                        .authzid = STR_NIL };
        int got = auth_sign_in_password(c->f->auth, &r, STR("right"), &outcome, NULL);
        c->right += got == 0;
        c->busy += got == -ERR_UNAVAILABLE && outcome.reason == AUTH_TOO_MANY;
        c->other += got != 0 && outcome.reason != AUTH_TOO_MANY;
    }
    return NULL;
}

static void test_a_slow_provider_holds_few_callers(void **state)
{
    (void)state;
    struct fixture f;
    struct caller callers[THREADS];
    pthread_t threads[THREADS];
    int right = 0, busy = 0;
    begin(&f);
    knows(&f.p[STRONG], "anna", "right");
    f.p[STRONG].answer.once = true;
    f.p[STRONG].takes_ms = 20;
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){ .f = &f };
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        right += callers[i].right;
        busy += callers[i].busy;
        assert_int_equal(callers[i].other, 0);
    }
    assert_int_equal(right + busy, THREADS * 5);
    assert_true(f.p[STRONG].inside_most <= 2);
    assert_true(right > 0 && f.p[STRONG].verify_calls == right);
    end(&f);
}

static void *guess(void *ctx)
{
    struct caller *c = ctx;
    struct auth_outcome outcome;
    const struct auth_request r = request(&stranger, "anna", NULL);
    int got = auth_sign_in_password(c->f->auth, &r, STR("wrong"), &outcome, NULL);
    c->other = got == -ERR_AUTH && outcome.reason == AUTH_LOCKED;
    return NULL;
}

static void test_who_waited_at_the_gate_is_bound_by_what_has_failed_meanwhile(void **state)
{
    (void)state;
    struct fixture f;
    struct caller callers[3];
    pthread_t threads[3];
    struct guard_subject subject;
    begin(&f);
    knows(&f.p[STRONG], "anna", "right");
    f.p[STRONG].hold = true;
    for (int i = 0; i < 3; i++) {
        callers[i] = (struct caller){ .f = &f };
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &callers[i]), 0);
        while (f.p[STRONG].inside < (i < 2 ? i + 1 : 2))
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL); /* the third one is at the gate by now */
    for (int i = 0; i < 3; i++) {
        (void)guard_look(f.guard, &home, "anna", 0, &subject);
        (void)guard_failed(f.guard, &subject, GUARD_GUESSED);
    }
    f.p[STRONG].hold = false;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(f.p[STRONG].verify_calls, 2);
    assert_int_equal(callers[0].other + callers[1].other + callers[2].other, 1);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_that_knows_the_name_decides),
        cmocka_unit_test(test_an_account_of_another_provider_stays_closed_the_second_time),
        cmocka_unit_test(test_one_that_is_down_is_never_fallen_through),
        cmocka_unit_test(test_only_passwords_known_good_outlive_a_provider_that_is_down),
        cmocka_unit_test(test_unknown_names_cost_what_a_wrong_password_does),
        cmocka_unit_test(test_a_hard_answer_is_told_only_to_who_proved_the_password),
        cmocka_unit_test(test_what_is_good_once_is_asked_for_again),
        cmocka_unit_test(test_an_app_password_opens_whoever_keeps_the_user_and_while_locked),
        cmocka_unit_test(test_the_same_wrong_password_again_locks_nobody),
        cmocka_unit_test(test_who_acts_for_another_is_marked_and_never_mixed_up),
        cmocka_unit_test(test_only_the_configuration_lets_one_act_for_another),
        cmocka_unit_test(test_no_acting_with_app_passwords_or_for_the_disabled),
        cmocka_unit_test(test_mail_makes_no_account_for_whom_a_provider_has_disabled),
        cmocka_unit_test(test_scram_is_the_deciders_alone),
        cmocka_unit_test(test_scram_of_nobody_is_made_up_and_stays_the_same),
        cmocka_unit_test(test_scram_of_a_label_says_no_more_than_of_the_name_alone),
        cmocka_unit_test(test_scram_of_nobody_asks_for_what_some_provider_asks_for),
        cmocka_unit_test(test_scram_broken_off_counts_for_the_address_and_locks_nobody),
        cmocka_unit_test(test_scram_begun_in_parallel_ends_by_what_has_failed_meanwhile),
        cmocka_unit_test(test_an_identity_needs_a_user_who_may_come_in),
        cmocka_unit_test(test_a_proved_name_with_a_slash_is_nobodys),
        cmocka_unit_test(test_a_token_may_say_who_its_user_is),
        cmocka_unit_test(test_tokens_count_for_the_address_also_where_the_account_is_known),
        cmocka_unit_test(test_what_never_got_to_a_credential_counts_against_the_address),
        cmocka_unit_test(test_answers_are_held_back_to_one_time),
        cmocka_unit_test(test_a_slow_provider_holds_few_callers),
        cmocka_unit_test(test_who_waited_at_the_gate_is_bound_by_what_has_failed_meanwhile),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
