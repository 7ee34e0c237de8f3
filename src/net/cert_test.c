#include "net/cert.h"

#include "base/file.h"
#include "base/testing.h"
#include "net/openssl.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[64], path[80];
    struct clock_fake clock;
};

static int set_up(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/loft-cert-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/tls.pem", f->dir);
    clock_fake_init(&f->clock, INT64_C(1800000000000));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    assert_int_equal(rmdir(f->dir), 0); /* no temporary file left */
    free(f);
    return 0;
}

static bool ensure(struct fixture *f, const char *host)
{
    struct err err;
    bool made;
    if (cert_ensure_self_signed(f->path, str_c(host), &f->clock.clock, &made, &err) != 0)
        fail_msg("%s", err.text);
    return made;
}

static void test_cert_is_for_the_host_and_for_loopback(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    struct buf pem = BUF_INIT;
    static const char *const names[] = { "mail.example.org", "localhost" };
    static const char *const ips[] = { "127.0.0.1", "::1" };
    assert_true(ensure(f, "mail.example.org"));
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_read(f->path, 65536, &pem, NULL), 0);
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(x509);
    for (size_t i = 0; i < 2; i++) {
        assert_row(X509_check_host(x509, names[i], 0, 0, NULL) == 1, i, names[i]);
        assert_row(X509_check_ip_asc(x509, ips[i], 0) == 1, i, ips[i]);
    }
    assert_int_equal(X509_check_host(x509, "example.org", 0, 0, NULL), 0);
    int days, seconds;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(x509), X509_get0_notAfter(x509)), 1);
    assert_int_equal(days, CERT_DAYS);
    EVP_PKEY *key = X509_get_pubkey(x509);
    assert_int_equal(X509_verify(x509, key), 1);
    assert_int_equal(EVP_PKEY_get_bits(key), 256);
    EVP_PKEY_free(key);
    X509_free(x509);
    BIO_free(bio);
    buf_deinit(&pem);
}

static void test_cert_stays_until_it_runs_out(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int64_t advance_hours;
        bool made;
    } cases[] = {
        { 0, true }, { 0, false }, { 24 * 825 - 2, false }, { 2, true }, { 24, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        clock_fake_advance(&f->clock, cases[i].advance_hours * 3600 * 1000);
        assert_row(ensure(f, "localhost") == cases[i].made, i, "made");
    }
}

static void test_cert_replaces_a_damaged_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(file_replace(f->path, STR("rubbish"), 0644, NULL), 0);
    assert_true(ensure(f, "a"));
    struct buf pem = BUF_INIT;
    assert_int_equal(file_read(f->path, 65536, &pem, NULL), 0);
    ptrdiff_t half = str_find(buf_str(&pem), STR("-----BEGIN CERT"));
    assert_true(half > 0);
    assert_int_equal(file_replace(f->path, str_sub(buf_str(&pem), 0, (size_t)half), 0600, NULL), 0);
    assert_true(ensure(f, "a")); /* key without certificate */
    buf_deinit(&pem);
}

static void test_cert_refuses_what_is_no_host_name(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = { "",
                                         ".",
                                         "a..b",
                                         "-a",
                                         "a-",
                                         "a.",
                                         "a b",
                                         "a,DNS:b",
                                         "a\nb",
                                         "\xc3\xa4",
                                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        bool made;
        int r = cert_ensure_self_signed(f->path, str_c(names[i]), &f->clock.clock, &made, NULL);
        assert_row(r == -ERR_INVALID, i, names[i]);
    }
}

static void test_cert_tells_when_it_cannot_write(void **state)
{
    struct fixture *f = *state;
    bool made;
    assert_int_equal(
        cert_ensure_self_signed("/nonexistent-folder/tls.pem", STR("a"), &f->clock.clock, &made, NULL),
        -ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cert_is_for_the_host_and_for_loopback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cert_stays_until_it_runs_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cert_replaces_a_damaged_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cert_refuses_what_is_no_host_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cert_tells_when_it_cannot_write, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
