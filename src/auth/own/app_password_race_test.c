/* Many threads on the app passwords of one user. Worth most under ThreadSanitizer. */
#include "auth/own/app_password.h"
#include "auth/own/app_password_use.h"
#include "auth/own/testing_credential.h"

#include <pthread.h>

enum { THREADS = 6, ROUNDS = 30 };

struct race {
    struct fixture f;
    char shown[THREADS][SECRET_CODE_SHOWN_BYTES];
    _Atomic unsigned next;
    _Atomic bool failed;
};

static const struct auth_peer peer = { .protocol = "imap", .address = "192.0.2.7" };

static int check(struct race *race, unsigned i)
{
    struct provider_answer answer = { .reason = AUTH_OK };
    return app_password_check(race->f.users, &race->f.anna, str_c(race->shown[i]), &peer, &answer, NULL);
}

static int ignore(void *ctx, const struct app_password *password, const struct app_password_use *use,
                  struct err *err)
{
    (void)ctx, (void)password, (void)use, (void)err;
    return 0;
}

/* Each makes one, uses it, writes uses down, deletes it: it opens as long as it is there, and not a moment longer. */
static void *run(void *arg)
{
    struct race *race = arg;
    unsigned i = race->next++;
    struct app_password made;
    uint64_t id;
    char label[16];
    snprintf(label, sizeof label, "phone %u", i);
    const struct app_password_wish wish = { .label = str_c(label) };
    for (int round = 0; round < ROUNDS; round++) {
        bool good = app_password_add(race->f.users, &race->f.anna, &wish, race->shown[i], &made, NULL) == 0 &&
                    check(race, i) == 0;
        if (round % 8 == 0)
            app_password_uses_flush(race->f.users);
        good = good && app_password_each(race->f.users, &race->f.anna, ignore, NULL, NULL) == 0 &&
               app_password_delete(race->f.users, &race->f.anna, wish.label, &id, NULL) == 0 &&
               id == made.id && check(race, i) == -ERR_NOT_FOUND;
        if (!good)
            race->failed = true;
    }
    return NULL;
}

static void test_app_passwords_of_one_user_are_kept_apart(void **state)
{
    (void)state;
    struct race race = { .failed = false };
    pthread_t threads[THREADS];
    fixture_begin(&race.f);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &race), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_false(race.failed);
    struct credential c;
    assert_int_equal(credential_read(race.f.users, &race.f.anna, &c, NULL), 0);
    assert_int_equal(c.app_password_count, 0);
    assert_int_equal(c.next_app_password, 1 + THREADS * ROUNDS);
    credential_deinit(&c);
    fixture_end(&race.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_app_passwords_of_one_user_are_kept_apart) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
