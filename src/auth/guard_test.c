#include "auth/guard.h"
#include "base/file.h"
#include "base/testing.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { ANNA = 7 };

struct fixture {
    struct clock_fake clock;
    struct guard *guard;
    struct guard_params params;
    struct guard_subject subject;
};

static void begin(struct fixture *f, const char *path)
{
    clock_fake_init(&f->clock, 1700000000000);
    f->params = (struct guard_params){ .clock = &f->clock.clock,
                                       .failure_delay_ms = 500,
                                       .failure_delay_max_ms = 15000,
                                       .failure_forget_s = 300,
                                       .lock_failures = 10,
                                       .lock_s = 900,
                                       .network_failures = 40,
                                       .trusted = "198.51.100.0/24, 2001:db8:99::/48",
                                       .path = path };
    f->guard = guard_new(&f->params);
}

static struct auth_peer peer_at(const char *ip)
{
    struct auth_peer peer = { .protocol = "imap", .has_ip = true, .ip = { [10] = 0xff, [11] = 0xff } };
    if (inet_pton(AF_INET, ip, peer.ip + 12) != 1)
        assert_int_equal(inet_pton(AF_INET6, ip, peer.ip), 1);
    return peer;
}

static struct guard_verdict look(struct fixture *f, const char *ip, const char *name)
{
    struct auth_peer peer = peer_at(ip);
    return guard_look(f->guard, &peer, name, strcmp(name, "anna") == 0 ? ANNA : 0, &f->subject);
}

static uint32_t miss(struct fixture *f, const char *ip, const char *name)
{
    struct guard_verdict verdict = look(f, ip, name);
    return guard_failed(f->guard, &f->subject, verdict.answer == GUARD_LOCKED ? GUARD_UNSEEN : GUARD_GUESSED);
}

/* A stranger with many addresses, each in a network of its own. */
static void miss_from_everywhere(struct fixture *f, const char *name, int count)
{
    for (int i = 0; i < count; i++) {
        char ip[32];
        snprintf(ip, sizeof ip, "10.%d.%d.1", i / 250, i % 250);
        miss(f, ip, name);
    }
}

static void succeed(struct fixture *f, const char *ip)
{
    (void)look(f, ip, "anna");
    guard_succeeded(f->guard, &f->subject, ANNA);
}

static void test_an_address_grows_slow_and_is_turned_away(void **state)
{
    (void)state;
    static const uint32_t delays[] = { 500, 1000, 2000, 4000, 8000, 15000, 15000 };
    struct fixture f;
    begin(&f, NULL);
    for (unsigned i = 0; i < GUARD_ADDRESS_FAILURES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "name%u", i);
        uint32_t expected = delays[i < ARRAY_COUNT(delays) ? i : ARRAY_COUNT(delays) - 1];
        assert_row(miss(&f, "192.0.2.1", name) == expected, i, "delay");
    }
    struct guard_verdict verdict = look(&f, "192.0.2.1", "anna");
    assert_int_equal(verdict.answer, GUARD_TURN_AWAY);
    assert_int_equal(verdict.wait_ms, 15000);
    assert_int_equal(look(&f, "192.0.2.2", "anna").answer, GUARD_PASS);
    clock_fake_advance(&f.clock, 15000);
    assert_int_equal(look(&f, "192.0.2.1", "anna").answer, GUARD_PASS); /* one attempt */
    miss(&f, "192.0.2.1", "bob");
    assert_int_equal(look(&f, "192.0.2.1", "anna").answer, GUARD_TURN_AWAY);
    clock_fake_advance(&f.clock, 2 * 300 * 1000);
    assert_int_equal(look(&f, "192.0.2.1", "anna").answer, GUARD_PASS); /* forgotten with time */
    guard_free(&f.guard);
    assert_null(f.guard);
}

static void test_an_ipv6_guesser_is_seen_in_its_64_and_in_its_48(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    for (int i = 0; i < GUARD_ADDRESS_FAILURES_MAX; i++) {
        char ip[64], name[16];
        snprintf(ip, sizeof ip, "2001:db8:1:1::%d", i + 1);
        snprintf(name, sizeof name, "name%d", i);
        miss(&f, ip, name);
    }
    assert_int_equal(look(&f, "2001:db8:1:1:abcd::1", "anna").answer, GUARD_TURN_AWAY); /* the same /64 */
    assert_int_equal(look(&f, "2001:db8:1:2::1", "anna").answer, GUARD_PASS);
    assert_int_equal(look(&f, "2001:db8:1:2::1", "anna").delay_ms, 0);
    for (int i = GUARD_ADDRESS_FAILURES_MAX; i < 40; i++) {
        char ip[64], name[16];
        snprintf(ip, sizeof ip, "2001:db8:1:%x::1", i + 100); /* a /64 each */
        snprintf(name, sizeof name, "name%d", i);
        miss(&f, ip, name);
    }
    assert_int_equal(look(&f, "2001:db8:1:ffff::1", "anna").answer, GUARD_TURN_AWAY); /* the same /48 */
    assert_int_equal(look(&f, "2001:db8:2::1", "anna").answer, GUARD_PASS);
    struct guard_counts counts;
    guard_counts(f.guard, &counts);
    assert_int_equal(counts.addresses, 1);
    assert_int_equal(counts.networks, 1);
    guard_free(&f.guard);
}

static void test_an_account_is_locked_to_strangers_and_opens_again(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    miss_from_everywhere(&f, "anna", 9);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_PASS);
    assert_int_equal(look(&f, "203.0.113.1", "anna").delay_ms, 15000);
    miss_from_everywhere(&f, "anna", 1);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_LOCKED);
    assert_int_equal(look(&f, "203.0.113.1", "bob").answer, GUARD_PASS);
    clock_fake_advance(&f.clock, 899999);
    miss_from_everywhere(&f, "anna", 30); /* while it is locked nothing makes it longer */
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_LOCKED);
    clock_fake_advance(&f.clock, 1);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_PASS);
    miss_from_everywhere(&f, "nobody", 10); /* no oracle: who is not there is locked the same way */
    assert_int_equal(look(&f, "203.0.113.1", "nobody").answer, GUARD_LOCKED);
    guard_free(&f.guard);
}

static void test_a_lock_does_not_keep_familiar_devices_out(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    succeed(&f, "203.0.113.1");
    succeed(&f, "2001:db8:7:7::1");
    miss_from_everywhere(&f, "anna", 10);
    assert_int_equal(look(&f, "203.0.113.99", "anna").answer, GUARD_LOCKED);
    struct guard_verdict home = look(&f, "203.0.113.1", "anna");
    assert_int_equal(home.answer, GUARD_PASS);
    assert_int_equal(home.delay_ms, 0);
    assert_int_equal(look(&f, "2001:db8:7:7::2", "anna").answer, GUARD_PASS);
    succeed(&f, "203.0.113.1"); /* that it comes home is no reason to let strangers try again */
    assert_int_equal(look(&f, "203.0.113.99", "anna").answer, GUARD_LOCKED);
    for (int i = 0; i < 10; i++) { /* a device has a lock of its own */
        clock_fake_advance(&f.clock, 15000);
        assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_PASS);
        miss(&f, "203.0.113.1", "anna");
    }
    clock_fake_advance(&f.clock, 15000);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_LOCKED);
    assert_int_equal(look(&f, "2001:db8:7:7::2", "anna").answer, GUARD_PASS);
    guard_free(&f.guard);
}

static void test_those_who_share_an_address_with_a_guesser_come_in(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    succeed(&f, "192.0.2.1");
    for (int i = 0; i < GUARD_ADDRESS_FAILURES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "name%d", i);
        miss(&f, "192.0.2.1", name);
    }
    assert_int_equal(look(&f, "192.0.2.1", "bob").answer, GUARD_TURN_AWAY);
    assert_int_equal(look(&f, "192.0.2.1", "anna").answer, GUARD_PASS);
    assert_int_equal(look(&f, "192.0.2.1", "anna").delay_ms, 0);
    assert_int_equal(miss(&f, "192.0.2.1", "anna"), 500); /* of that device */
    guard_free(&f.guard);
}

static void test_an_old_password_again_and_again_locks_nobody_out(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, NULL);
    succeed(&f, "192.0.2.1");
    for (int i = 0; i < 100; i++) {
        struct guard_verdict verdict = look(&f, "192.0.2.1", "anna");
        assert_row(verdict.answer == (i < 5 ? GUARD_PASS : GUARD_TURN_AWAY), (size_t)i, "at once");
        if (verdict.answer == GUARD_PASS)
            guard_failed(f.guard, &f.subject, GUARD_REPEATED);
    }
    for (int i = 0; i < 100; i++) {
        clock_fake_advance(&f.clock, 60000); /* as a mail program does */
        assert_row(look(&f, "192.0.2.1", "anna").answer == GUARD_PASS, (size_t)i, "each minute");
        guard_failed(f.guard, &f.subject, GUARD_REPEATED);
    }
    clock_fake_advance(&f.clock, 15000);
    miss(&f, "192.0.2.1", "anna"); /* somebody mistypes the new one */
    clock_fake_advance(&f.clock, 15000);
    assert_int_equal(look(&f, "192.0.2.1", "anna").answer, GUARD_PASS); /* the other device there */
    guard_free(&f.guard);
}

/* ---- what a day is worth to a guesser who has all the connections he wants ---- */

enum { GUESS_ONE_ACCOUNT = 1, GUESS_ONE_ADDRESS = 2, GUESS_IN_ONE_48 = 4 };

static void next_try(unsigned how, unsigned i, char ip[64], char name[16])
{
    snprintf(name, 16, how & GUESS_ONE_ACCOUNT ? "bob" : "name%u", i % 5000);
    if (how & GUESS_ONE_ADDRESS)
        snprintf(ip, 64, "192.0.2.1");
    else if (how & GUESS_IN_ONE_48)
        snprintf(ip, 64, "2001:db8:1:%x::1", i % 65536);
    else
        snprintf(ip, 64, "2001:db8:%x::1", i % 65536); /* a /48 each */
}

static unsigned guesses_in_a_day(unsigned how)
{
    struct fixture f;
    unsigned guesses = 0, tries = 0;
    begin(&f, NULL);
    for (int second = 0; second < 24 * 60 * 60; second++, clock_fake_advance(&f.clock, 1000))
        for (int again = 0; again < 3; again++) {
            char ip[64], name[16];
            next_try(how, tries++, ip, name);
            if (look(&f, ip, name).answer != GUARD_PASS)
                continue;
            guesses++;
            (void)guard_failed(f.guard, &f.subject, GUARD_GUESSED);
        }
    guard_free(&f.guard);
    return guesses;
}

static void test_a_day_is_worth_little_to_a_guesser(void **state)
{
    (void)state;
    static const struct {
        const char *who;
        unsigned how, guesses_max;
    } cases[] = {
        { "one address, one account", GUESS_ONE_ADDRESS | GUESS_ONE_ACCOUNT, 400 },
        { "one address, all accounts", GUESS_ONE_ADDRESS, 6000 },
        { "one /48, all accounts", GUESS_IN_ONE_48, 6000 },
        { "the world, one account", GUESS_ONE_ACCOUNT, 400 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        unsigned guesses = guesses_in_a_day(cases[i].how);
        print_message("%s: %u guesses a day\n", cases[i].who, guesses);
        assert_row(guesses > 0 && guesses <= cases[i].guesses_max, i, cases[i].who);
    }
}

static void test_a_device_is_familiar_for_a_quarter(void **state)
{
    (void)state;
    static const int64_t day_ms = 24 * 60 * 60 * 1000;
    struct fixture f;
    begin(&f, NULL);
    succeed(&f, "203.0.113.1");
    clock_fake_advance(&f.clock, 90 * day_ms);
    miss_from_everywhere(&f, "anna", 10);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_PASS);
    clock_fake_advance(&f.clock, day_ms);
    miss_from_everywhere(&f, "anna", 10);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_LOCKED);
    guard_free(&f.guard);
}

static void test_a_trusted_network_keeps_no_score_but_accounts_do(void **state)
{
    (void)state;
    static const char *const trusted[] = { "198.51.100.5", "2001:db8:99:1::5" };
    struct fixture f;
    for (size_t i = 0; i < ARRAY_COUNT(trusted); i++) {
        begin(&f, NULL);
        for (int k = 0; k < 60; k++) {
            char name[16];
            snprintf(name, sizeof name, "name%d", k);
            assert_row(miss(&f, trusted[i], name) == 500, k, trusted[i]); /* of that name */
        }
        assert_int_equal(look(&f, trusted[i], "anna").answer, GUARD_PASS);
        for (int k = 0; k < 10; k++)
            miss(&f, trusted[i], "anna");
        assert_int_equal(look(&f, trusted[i], "anna").answer, GUARD_LOCKED);
        guard_free(&f.guard);
    }
}

static void test_an_administrator_lifts_a_lock(void **state)
{
    (void)state;
    struct fixture f;
    struct guard_counts counts;
    begin(&f, NULL);
    miss_from_everywhere(&f, "anna", 10);
    guard_counts(f.guard, &counts);
    assert_int_equal(counts.locked_accounts, 1);
    assert_int_equal(guard_clear(f.guard, STR("anna")), 1);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_PASS);
    for (int i = 0; i < GUARD_ADDRESS_FAILURES_MAX; i++)
        miss(&f, "192.0.2.1", "bob");
    assert_int_equal(guard_clear(f.guard, STR("192.0.2.1")), 1);
    assert_int_equal(look(&f, "192.0.2.1", "carl").answer, GUARD_PASS);
    guard_free(&f.guard);
}

/* ---- over a restart ---- */

static void test_locks_and_familiar_devices_survive_a_restart(void **state)
{
    (void)state;
    char folder[] = "/tmp/guard_test.XXXXXX", path[64];
    struct fixture f;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/failures", folder);
    begin(&f, path);
    succeed(&f, "203.0.113.1");
    miss_from_everywhere(&f, "anna", 10);
    for (int i = 0; i < GUARD_ADDRESS_FAILURES_MAX; i++)
        miss(&f, "192.0.2.1", "bob");
    guard_free(&f.guard);
    begin(&f, path);
    assert_int_equal(look(&f, "203.0.113.99", "anna").answer, GUARD_LOCKED);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_PASS);
    assert_int_equal(look(&f, "192.0.2.1", "carl").answer, GUARD_TURN_AWAY);
    guard_free(&f.guard);
    begin(&f, path);
    clock_fake_advance(&f.clock, 900 * 1000);
    assert_int_equal(look(&f, "203.0.113.99", "anna").answer, GUARD_PASS);
    guard_free(&f.guard);
    unlink(path);
    rmdir(folder);
}

static void test_a_damaged_file_is_told_and_begun_anew(void **state)
{
    (void)state;
    char folder[] = "/tmp/guard_test.XXXXXX", path[64], log_path[64];
    struct fixture f;
    struct buf bytes = BUF_INIT, log = BUF_INIT;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/failures", folder);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    FILE *file = fopen(log_path, "w");
    assert_non_null(file);
    begin(&f, path);
    miss_from_everywhere(&f, "anna", 10);
    guard_free(&f.guard);
    assert_int_equal(file_read(path, 1 << 20, &bytes, NULL), 0);
    bytes.p[bytes.n / 2] ^= 1;
    assert_int_equal(file_replace(path, buf_str(&bytes), 0600, NULL), 0);

    const struct log_sink sink = { fileno(file), LEVEL_WARN, LOG_TEXT, &f.clock.clock };
    f.params.log = logger_make(&sink);
    f.guard = guard_new(&f.params);
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_PASS);
    miss_from_everywhere(&f, "anna", 10);
    guard_free(&f.guard);
    assert_int_equal(file_read(log_path, 1 << 20, &log, NULL), 0);
    assert_true(str_find(buf_str(&log), STR("sign-in-failures-lost")) >= 0);

    begin(&f, path); /* and what came after is there */
    assert_int_equal(look(&f, "203.0.113.1", "anna").answer, GUARD_LOCKED);
    guard_free(&f.guard);
    fclose(file);
    unlink(log_path);
    unlink(path);
    rmdir(folder);
    buf_deinit(&bytes);
    buf_deinit(&log);
}

static void test_every_cut_and_every_flip_is_noticed(void **state)
{
    (void)state;
    struct fixture f;
    struct buf bytes = BUF_INIT;
    struct err err;
    begin(&f, NULL);
    succeed(&f, "203.0.113.1");
    miss(&f, "192.0.2.1", "anna");
    guard_encode(f.guard, &bytes);
    for (size_t n = 0; n < bytes.n; n++)
        assert_row(guard_decode(f.guard, str_make(bytes.p, n), &err) == -ERR_CORRUPT, n, "cut");
    for (size_t i = 0; i < bytes.n; i++) {
        bytes.p[i] ^= 0x10;
        assert_row(guard_decode(f.guard, buf_str(&bytes), &err) == -ERR_CORRUPT, i, "flip");
        bytes.p[i] ^= 0x10;
    }
    assert_int_equal(guard_decode(f.guard, buf_str(&bytes), &err), 0);
    buf_deinit(&bytes);
    guard_free(&f.guard);
}

/* ---- many at once, for ThreadSanitizer ---- */

enum { THREADS = 6, ROUNDS = 300 };

static void *guess(void *ctx)
{
    struct guard *guard = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        char ip[32];
        struct guard_subject subject;
        snprintf(ip, sizeof ip, "10.0.%d.%d", i % 3, i % 200);
        struct auth_peer peer = peer_at(ip);
        (void)guard_look(guard, &peer, "anna", ANNA, &subject);
        if (i % 4)
            guard_failed(guard, &subject, GUARD_GUESSED);
        else
            guard_succeeded(guard, &subject, ANNA);
        if (i % 50 == 0) {
            struct guard_counts counts;
            struct buf bytes = BUF_INIT;
            guard_counts(guard, &counts);
            guard_encode(guard, &bytes);
            buf_deinit(&bytes);
        }
    }
    return NULL;
}

static void test_many_at_once(void **state)
{
    (void)state;
    struct fixture f;
    pthread_t threads[THREADS];
    begin(&f, NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, f.guard), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    guard_free(&f.guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_grows_slow_and_is_turned_away),
        cmocka_unit_test(test_an_ipv6_guesser_is_seen_in_its_64_and_in_its_48),
        cmocka_unit_test(test_an_account_is_locked_to_strangers_and_opens_again),
        cmocka_unit_test(test_a_lock_does_not_keep_familiar_devices_out),
        cmocka_unit_test(test_those_who_share_an_address_with_a_guesser_come_in),
        cmocka_unit_test(test_an_old_password_again_and_again_locks_nobody_out),
        cmocka_unit_test(test_a_day_is_worth_little_to_a_guesser),
        cmocka_unit_test(test_a_device_is_familiar_for_a_quarter),
        cmocka_unit_test(test_a_trusted_network_keeps_no_score_but_accounts_do),
        cmocka_unit_test(test_an_administrator_lifts_a_lock),
        cmocka_unit_test(test_locks_and_familiar_devices_survive_a_restart),
        cmocka_unit_test(test_a_damaged_file_is_told_and_begun_anew),
        cmocka_unit_test(test_every_cut_and_every_flip_is_noticed),
        cmocka_unit_test(test_many_at_once),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
