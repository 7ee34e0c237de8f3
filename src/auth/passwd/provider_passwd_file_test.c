#include "auth/passwd/provider_passwd_file.h"
#include "base/file.h"
#include "base/testing.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char folder[64], path[96];
    struct clock_fake clock;
    struct provider provider;
};

static void write_file(const struct fixture *f, const char *text)
{
    struct err err;
    assert_int_equal(file_replace(f->path, str_c(text), 0600, &err), 0);
}

/* Written over, without a new inode. */
static void write_over(const struct fixture *f, const char *text)
{
    FILE *out = fopen(f->path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int open_provider(struct fixture *f, struct err *err)
{
    const struct provider_passwd_file_params params = {
        .path = f->path,
        .format = { .scheme = "CRYPT", .domain = "", .allow_weak = true },
        .clock = &f->clock.clock,
        .scram = true,
        .hashes_max = 2,
    };
    return provider_passwd_file_new(&params, &f->provider, err);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/loft-passwd-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/users", f->folder);
    clock_fake_init(&f->clock, clock_wall_ms(&clock_system) + 3600 * 1000); /* all files are settled */
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->provider.ops)
        f->provider.ops->free(f->provider.ctx);
    unlink(f->path);
    rmdir(f->folder);
    free(f);
    return 0;
}

static struct auth_peer peer_of_ipv4(unsigned char last)
{
    struct auth_peer peer = { .protocol = "imap",
                              .has_ip = true,
                              .ip = { [10] = 255, [11] = 255, 192, 0, 2 } };
    peer.ip[15] = last;
    return peer;
}

static int verify(const struct fixture *f, const char *name, const char *password,
                  struct provider_answer *answer)
{
    struct auth_peer peer = peer_of_ipv4(1);
    struct err err = { 0 };
    *answer = (struct provider_answer){ .groups = BUF_INIT };
    return f->provider.ops->verify(f->provider.ctx, str_c(name), str_c(password), &peer, answer, &err);
}

static void test_provider_passwd_file_says_who_is_right(void **state)
{
    struct fixture *f = *state;
    struct provider_answer a;
    struct err err = { 0 };
    write_file(f, "anna:{PLAIN}secret\nbert:{PLAIN}secret::::::user=robert nologin\nfred:!\n");
    assert_int_equal(open_provider(f, &err), 0);
    assert_int_equal(verify(f, "anna", "secret", &a), 0);
    assert_true(!a.disabled && a.name[0] == '\0' && !a.groups_known);
    assert_int_equal(verify(f, "anna", "Secret", &a), -ERR_AUTH);
    assert_int_equal(verify(f, "anna", "", &a), -ERR_AUTH);
    assert_int_equal(verify(f, "fred", "!", &a), -ERR_AUTH);
    assert_int_equal(verify(f, "zoe", "secret", &a), -ERR_NOT_FOUND);
    assert_int_equal(verify(f, "", "secret", &a), -ERR_NOT_FOUND);
    assert_int_equal(verify(f, "bert", "secret", &a), 0);
    assert_true(a.disabled);
    assert_string_equal(a.name, "robert");
    assert_int_equal(f->provider.ops->find(f->provider.ctx, STR("bert"), &a, &err), 0);
    assert_int_equal(f->provider.ops->find(f->provider.ctx, STR("zoe"), &a, &err), -ERR_NOT_FOUND);
}

/* Or the next provider would decide over its name. */
static void test_provider_passwd_file_decides_over_damaged_lines(void **state)
{
    struct fixture *f = *state;
    struct provider_answer a;
    struct scram_verifier v;
    struct err err = { 0 };
    write_file(f, "anna:{ROT13}x\nbert\n");
    assert_int_equal(open_provider(f, &err), 0);
    static const char *const names[] = { "anna", "bert" };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct str name = str_c(names[i]);
        assert_row(verify(f, names[i], "x", &a) == -ERR_AUTH, i, "verify");
        assert_row(f->provider.ops->find(f->provider.ctx, name, &a, &err) == -ERR_AUTH, i, "find");
        assert_row(f->provider.ops->scram(f->provider.ctx, name, SCRAM_SHA_256, &v, &a, &err) == -ERR_AUTH, i,
                   "scram");
    }
}

static void test_provider_passwd_file_looks_where_a_user_comes_from(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        unsigned char last;
        bool local;
        int r;
    } cases[] = {
        { "net", 1, false, 0 },           { "net", 129, false, -ERR_AUTH }, { "net", 0, true, -ERR_AUTH },
        { "one", 7, false, 0 },           { "one", 8, false, -ERR_AUTH },   { "local", 0, true, 0 },
        { "local", 1, false, -ERR_AUTH }, { "six", 1, false, -ERR_AUTH },
    };
    struct err err = { 0 };
    write_file(
        f, "net:{PLAIN}x::::::allow_nets=192.0.2.0/25\none:{PLAIN}x::::::allow_nets=10.0.0.0/8,192.0.2.7\n"
           "local:{PLAIN}x::::::allow_nets=local\nsix:{PLAIN}x::::::allow_nets=2001:db8::/32\n");
    assert_int_equal(open_provider(f, &err), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct auth_peer peer = peer_of_ipv4(cases[i].last);
        struct provider_answer a = { .groups = BUF_INIT };
        if (cases[i].local)
            peer = (struct auth_peer){ .protocol = "imap" };
        assert_row(f->provider.ops->verify(f->provider.ctx, str_c(cases[i].name), STR("x"), &peer, &a,
                                           &err) == cases[i].r,
                   i, cases[i].name);
        assert_row(cases[i].r == 0 || a.reason == AUTH_ADDRESS_REFUSED, i, "reason");
        assert_row(a.once, i, "a yes from one address is none from its neighbour's");
        assert_row(f->provider.ops->verify(f->provider.ctx, str_c(cases[i].name), STR("y"), &peer, &a,
                                           &err) == -ERR_AUTH,
                   i, cases[i].name);
    }
}

static void test_provider_passwd_file_gives_scram(void **state)
{
    struct fixture *f = *state;
    struct provider_answer a = { .groups = BUF_INIT };
    static const unsigned char salt_secret[USERS_SECRET_BYTES] = { 0 }; /* of the fixture */
    unsigned char salt[SCRAM_MADE_SALT_BYTES], other[SCRAM_MADE_SALT_BYTES];
    struct scram_verifier v, again;
    struct err err = { 0 };
    write_file(f, "anna:{PLAIN}secret\nbert:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
                  "carl:{PLAIN}secret::::::allow_nets=local\n");
    assert_int_equal(open_provider(f, &err), 0);
    const struct provider_ops *ops = f->provider.ops;
    assert_int_equal(ops->scram(f->provider.ctx, STR("anna"), SCRAM_SHA_256, &v, &a, &err), 0);
    assert_true(scram_matches(&v, STR("secret")) && v.iterations == SCRAM_ITERATIONS_MIN);
    /* As that of a name that is nobody's, and the same after a restart. */
    scram_made_salt(salt_secret, SCRAM_SHA_256, STR("anna"), salt);
    assert_int_equal(v.salt_bytes, sizeof salt);
    assert_memory_equal(v.salt, salt, sizeof salt);
    scram_made_salt(salt_secret, SCRAM_SHA_1, STR("anna"), other);
    assert_memory_not_equal(salt, other, sizeof salt);
    scram_made_salt(salt_secret, SCRAM_SHA_256, STR("bert"), other);
    assert_memory_not_equal(salt, other, sizeof salt);
    assert_int_equal(f->provider.scram_iterations, v.iterations); /* made-up ones ask for as many */
    assert_int_equal(ops->scram(f->provider.ctx, STR("anna"), SCRAM_SHA_256, &again, &a, &err), 0);
    assert_memory_equal(&v, &again, sizeof v);
    assert_int_equal(ops->scram(f->provider.ctx, STR("bert"), SCRAM_SHA_256, &v, &a, &err), -ERR_AUTH);
    assert_int_equal(ops->scram(f->provider.ctx, STR("carl"), SCRAM_SHA_256, &v, &a, &err), -ERR_AUTH);
    assert_int_equal(ops->scram(f->provider.ctx, STR("zoe"), SCRAM_SHA_256, &v, &a, &err), -ERR_NOT_FOUND);
}

static void test_provider_passwd_file_sees_each_change(void **state)
{
    struct fixture *f = *state;
    struct provider_answer a;
    struct err err = { 0 };
    write_file(f, "anna:{PLAIN}one\n");
    assert_int_equal(open_provider(f, &err), 0);
    uint64_t generation = f->provider.ops->generation(f->provider.ctx);
    assert_int_equal(verify(f, "anna", "one", &a), 0);
    assert_true(f->provider.ops->generation(f->provider.ctx) == generation);
    write_file(f, "anna:{PLAIN}two\n"); /* replaced: another inode */
    assert_int_equal(verify(f, "anna", "one", &a), -ERR_AUTH);
    assert_int_equal(verify(f, "anna", "two", &a), 0);
    uint64_t next = f->provider.ops->generation(f->provider.ctx);
    assert_true(next != generation);
    write_over(f, "anna:{PLAIN}three\n"); /* another size */
    assert_true(f->provider.ops->generation(f->provider.ctx) != next);
    assert_int_equal(verify(f, "anna", "three", &a), 0);
    /* The same size and, within one tick of the file system's clock, the same time: read again until it has settled. */
    clock_fake_init(&f->clock, clock_wall_ms(&clock_system));
    write_over(f, "anna:{PLAIN}FOUR!\n");
    assert_int_equal(verify(f, "anna", "FOUR!", &a), 0);
    write_over(f, "anna:{PLAIN}FIVE!\n");
    assert_int_equal(verify(f, "anna", "FIVE!", &a), 0);
    assert_int_equal(verify(f, "anna", "FOUR!", &a), -ERR_AUTH);
    /* Where the file system's clock is too fine for that to be seen: that it is read again, until it has settled. */
    next = f->provider.ops->generation(f->provider.ctx);
    assert_true(f->provider.ops->generation(f->provider.ctx) != next);
    clock_fake_advance(&f->clock, 3600 * 1000);
    next = f->provider.ops->generation(f->provider.ctx);
    assert_true(f->provider.ops->generation(f->provider.ctx) == next);
}

static void test_provider_passwd_file_lets_nobody_in_without_its_file(void **state)
{
    struct fixture *f = *state;
    struct provider_answer a;
    struct err err = { 0 };
    write_file(f, "anna:{PLAIN}one\n");
    assert_int_equal(open_provider(f, &err), 0);
    uint64_t generation = f->provider.ops->generation(f->provider.ctx);
    unlink(f->path);
    assert_int_equal(verify(f, "anna", "one", &a), -ERR_UNAVAILABLE);
    assert_int_equal(f->provider.ops->find(f->provider.ctx, STR("anna"), &a, &err), -ERR_UNAVAILABLE);
    assert_true(f->provider.ops->generation(f->provider.ctx) != generation);
    assert_int_equal(mkdir(f->path, 0700), 0); /* no file to read */
    assert_int_equal(verify(f, "anna", "one", &a), -ERR_UNAVAILABLE);
    rmdir(f->path);
    write_file(f, "anna:{PLAIN}one\n");
    assert_int_equal(verify(f, "anna", "one", &a), 0);
}

static void test_provider_passwd_file_wants_its_file_and_a_known_scheme(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct provider_passwd_file_params params = { .path = f->path,
                                                  .format = { .scheme = "ROT13", .domain = "" },
                                                  .clock = &clock_system,
                                                  .hashes_max = 1 };
    assert_int_equal(open_provider(f, &err), -ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, f->path));
    assert_int_equal(provider_passwd_file_new(&params, &f->provider, &err), -ERR_INVALID);
    params.format.scheme = "CRYPT"; /* and SCRAM where a setting says so only */
    write_file(f, "");
    assert_int_equal(provider_passwd_file_new(&params, &f->provider, &err), 0);
    assert_null(f->provider.ops->scram);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_provider_passwd_file_says_who_is_right),
        TEST(test_provider_passwd_file_decides_over_damaged_lines),
        TEST(test_provider_passwd_file_looks_where_a_user_comes_from),
        TEST(test_provider_passwd_file_gives_scram),
        TEST(test_provider_passwd_file_sees_each_change),
        TEST(test_provider_passwd_file_lets_nobody_in_without_its_file),
        TEST(test_provider_passwd_file_wants_its_file_and_a_known_scheme),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
