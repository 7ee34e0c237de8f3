#include "auth/sasl/scram_message.h"
#include "base/codec.h"
#include "base/testing.h"

/* The examples of RFC 5802, 5 and RFC 7677, 3: user "user", password "pencil". */
static const struct example {
    enum scram_hash hash;
    const char *first, *nonce, *salt, *server_first, *final, *server_final;
} examples[] = {
    { SCRAM_SHA_1, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
      "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
      "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
      "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
    { SCRAM_SHA_256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
      "W22ZaJ0SNY7soEsUEjb6gQ==",
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
      "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

static void derive(const struct example *e, const char *password, struct scram_verifier *verifier)
{
    struct buf salt = BUF_INIT;
    assert_true(base64_decode(str_c(e->salt), &salt));
    assert_int_equal(scram_derive(e->hash, str_c(password), buf_str(&salt), 4096, verifier, NULL), 0);
    buf_deinit(&salt);
}

static void test_examples_of_the_rfcs_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        const struct example *e = &examples[i];
        struct scram_verifier verifier;
        struct scram_client_first first;
        struct scram_client_final final;
        struct buf nonce = BUF_INIT, server_first = BUF_INIT, auth_message = BUF_INIT,
                   server_final = BUF_INIT;
        derive(e, "pencil", &verifier);
        assert_int_equal(scram_parse_client_first(str_c(e->first), &first, NULL), 0);
        assert_string_equal(first.name, "user");
        assert_string_equal(first.header.authzid, "");
        assert_str(first.header.bytes, "n,,");
        buf_add(&nonce, first.nonce);
        buf_add(&nonce, str_c(e->nonce));
        scram_write_server_first(&verifier, buf_str(&nonce), &server_first);
        assert_str(buf_str(&server_first), e->server_first);
        assert_int_equal(scram_parse_client_final(str_c(e->final), &final, NULL), 0);
        assert_int_equal(final.proof_bytes, scram_key_bytes(e->hash));
        assert_true(scram_binding_matches(final.binding, first.header.bytes, STR_NIL));
        assert_false(scram_binding_matches(final.binding, STR("y,,"), STR_NIL));
        buf_printf(&auth_message, STR_FMT ",%s," STR_FMT, STR_ARG(first.bare), e->server_first,
                   STR_ARG(final.without_proof));
        assert_true(scram_proof_matches(&verifier, buf_str(&auth_message), &final));
        scram_write_server_final(&verifier, buf_str(&auth_message), &server_final);
        assert_str(buf_str(&server_final), e->server_final);

        derive(e, "Pencil", &verifier); /* the proof is of another password */
        assert_false(scram_proof_matches(&verifier, buf_str(&auth_message), &final));
        derive(e, "pencil", &verifier);
        buf_add_char(&auth_message, ' '); /* or of other messages */
        assert_false(scram_proof_matches(&verifier, buf_str(&auth_message), &final));
        buf_deinit(&nonce);
        buf_deinit(&server_first);
        buf_deinit(&auth_message);
        buf_deinit(&server_final);
    }
}

static void test_proof_of_the_other_hash_is_none(void **state)
{
    (void)state;
    struct scram_verifier verifier;
    struct scram_client_final final;
    derive(&examples[1], "pencil", &verifier);
    assert_int_equal(scram_parse_client_final(str_c(examples[0].final), &final, NULL), 0);
    assert_false(scram_proof_matches(&verifier, STR("x"), &final));
}

static void test_client_first_is_parsed_by_its_grammar(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        int r;
        const char *authzid, *name, *nonce, *binding;
    } cases[] = {
        { STR_INIT("n,,n=u,r=x"), 0, "", "u", "x", NULL },
        { STR_INIT("y,,n=u,r=x"), 0, "", "u", "x", NULL },
        { STR_INIT("p=tls-exporter,,n=u,r=x"), 0, "", "u", "x", "tls-exporter" },
        { STR_INIT("n,a=z=2Cz,n=u=3Du,r=x"), 0, "z,z", "u=u", "x", NULL },
        { STR_INIT("n,,n=Jos\303\251,r=!+~"), 0, "", "Jos\303\251", "!+~", NULL },
        { STR_INIT("n,,n=u,r=x,z=1,q=="), 0, "", "u", "x", NULL },
        { STR_INIT("n,,m=y,n=u,r=x"), -ERR_CANNOT, NULL, NULL, NULL, NULL },
        { STR_INIT("F,n,,n=u,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("p=,,n=u,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("p,,n=u,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("p=a/b,,n=u,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("p=0123456789012345678901234567890123,,n=u,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("N,,n=u,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,b=z,n=u,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u=2c,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u=,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u=2,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=\377,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=a\0b,r=x"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u,r="), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u,r=a b"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u,r=a\0b"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u,r=a,"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u,r=a,z"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u,r=a,z="), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,r=x,n=u"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,n=u"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,,"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT("n,"), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
        { STR_INIT(""), -ERR_SYNTAX, NULL, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct scram_client_first first;
        struct err err = { 0 };
        assert_row(scram_parse_client_first(cases[i].in, &first, &err) == cases[i].r, i, err.text);
        if (cases[i].r < 0)
            continue;
        assert_row(strcmp(first.header.authzid, cases[i].authzid) == 0, i, first.header.authzid);
        assert_row(strcmp(first.name, cases[i].name) == 0, i, first.name);
        assert_str(first.nonce, cases[i].nonce);
        assert_str(first.header.binding_name, cases[i].binding);
        assert_int_equal(first.header.binding, cases[i].in.p[0]);
    }
}

static void test_client_final_is_parsed_by_its_grammar(void **state)
{
    (void)state;
#define PROOF "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    static const struct {
        struct str in;
        int r;
        const char *without_proof;
    } cases[] = {
        { STR_INIT("c=biws,r=x," PROOF), 0, "c=biws,r=x" },
        { STR_INIT("c=biws,r=x,z=p=1," PROOF), 0, "c=biws,r=x,z=p=1" },
        { STR_INIT("c=biws,r=x,p=AAAA," PROOF), -ERR_SYNTAX, NULL },
        { STR_INIT("c=biws,r=x," PROOF ",z=1"), -ERR_SYNTAX, NULL },
        { STR_INIT("c=biws,r=x," PROOF ","), -ERR_SYNTAX, NULL },
        { STR_INIT("c=biws,r=x,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Q=="), -ERR_SYNTAX, NULL }, /* 19 bytes */
        { STR_INIT("c=biws,r=x,p="), -ERR_SYNTAX, NULL },
        { STR_INIT("c=biws,r=x,p=*"), -ERR_SYNTAX, NULL },
        { STR_INIT("c=biws,r=x"), -ERR_SYNTAX, NULL },
        { STR_INIT("c=biws,r=," PROOF), -ERR_SYNTAX, NULL },
        { STR_INIT("c=biws," PROOF), -ERR_SYNTAX, NULL },
        { STR_INIT("r=x,c=biws," PROOF), -ERR_SYNTAX, NULL },
        { STR_INIT("c=biws,r=x,," PROOF), -ERR_SYNTAX, NULL },
        { STR_INIT("*"), -ERR_SYNTAX, NULL },
        { STR_INIT(""), -ERR_SYNTAX, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct scram_client_final final;
        struct err err = { 0 };
        assert_row(scram_parse_client_final(cases[i].in, &final, &err) == cases[i].r, i, err.text);
        if (cases[i].r == 0)
            assert_str(final.without_proof, cases[i].without_proof);
    }
}

static void test_binding_is_header_and_data_and_no_more(void **state)
{
    (void)state;
    static const struct {
        struct str sent, header, data;
        bool matches;
    } cases[] = {
        { STR_INIT("p=tls-exporter,,0123"), STR_INIT("p=tls-exporter,,"), STR_INIT("0123"), true },
        { STR_INIT("p=tls-exporter,,0124"), STR_INIT("p=tls-exporter,,"), STR_INIT("0123"), false },
        { STR_INIT("p=tls-exporter,,"), STR_INIT("p=tls-exporter,,"), STR_INIT("0123"), false },
        { STR_INIT("p=tls-exporter,,01234"), STR_INIT("p=tls-exporter,,"), STR_INIT("0123"), false },
        { STR_INIT("p=tls-unique,,0123"), STR_INIT("p=tls-exporter,,"), STR_INIT("0123"), false },
        { STR_INIT("n,,"), STR_INIT("p=tls-exporter,,"), STR_INIT("0123"), false },
        { STR_INIT("n,a=x,"), STR_INIT("n,,"), STR_INIT(""), false },
        { STR_INIT("n,,"), STR_INIT("n,,"), STR_INIT(""), true },
        { STR_INIT("n,,x"), STR_INIT("n,,"), STR_INIT(""), false },
        { STR_INIT(""), STR_INIT("n,,"), STR_INIT(""), false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf sent = BUF_INIT;
        base64_encode(cases[i].sent, &sent);
        assert_row(scram_binding_matches(buf_str(&sent), cases[i].header, cases[i].data) == cases[i].matches,
                   i, cases[i].sent.p);
        buf_deinit(&sent);
    }
    assert_false(scram_binding_matches(STR("*"), STR("n,,"), STR("")));
}

static int first_with(size_t name, size_t nonce)
{
    struct buf in = BUF_INIT;
    struct scram_client_first first;
    buf_add_lit(&in, "n,,n=");
    for (size_t i = 0; i < name; i++)
        buf_add_lit(&in, "=2C");
    buf_add_lit(&in, ",r=");
    for (size_t i = 0; i < nonce; i++)
        buf_add_char(&in, 'n');
    int r = scram_parse_client_first(buf_str(&in), &first, NULL);
    buf_deinit(&in);
    return r;
}

static void test_parts_have_limits(void **state)
{
    (void)state;
    for (size_t n = USER_NAME_BYTES_MAX - 1; n <= USER_NAME_BYTES_MAX + 1; n++)
        assert_row(first_with(n, 1) == (n <= USER_NAME_BYTES_MAX ? 0 : -ERR_LIMIT), n, "name");
    for (size_t n = SCRAM_NONCE_BYTES_MAX - 1; n <= SCRAM_NONCE_BYTES_MAX + 1; n++)
        assert_row(first_with(1, n) == (n <= SCRAM_NONCE_BYTES_MAX ? 0 : -ERR_LIMIT), n, "nonce");
    size_t limit = SCRAM_BINDING_BYTES_MAX * 4 / 3;
    for (size_t n = limit - 1; n <= limit + 1; n++) {
        struct buf in = BUF_INIT;
        struct scram_client_final final;
        buf_add_lit(&in, "c=");
        for (size_t i = 0; i < n; i++)
            buf_add_char(&in, 'c');
        buf_add_lit(&in, ",r=x," PROOF);
        assert_row(scram_parse_client_final(buf_str(&in), &final, NULL) == (n <= limit ? 0 : -ERR_LIMIT), n,
                   "binding");
        buf_deinit(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_the_rfcs_work),
        cmocka_unit_test(test_proof_of_the_other_hash_is_none),
        cmocka_unit_test(test_client_first_is_parsed_by_its_grammar),
        cmocka_unit_test(test_client_final_is_parsed_by_its_grammar),
        cmocka_unit_test(test_binding_is_header_and_data_and_no_more),
        cmocka_unit_test(test_parts_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
