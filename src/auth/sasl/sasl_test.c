#include "auth/sasl/sasl.h"
#include "auth/sasl/sasl_password.h"
#include "auth/sasl/testing_sasl.h"
#include "base/codec.h"
#include "base/testing.h"

#include <stdlib.h>

/* ---- messages ---- */

static void test_plain_is_parsed_by_its_grammar(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        int r;
        const char *authzid, *authcid, *password;
    } cases[] = {
        { STR_INIT("\0tim\0tanstaaftanstaaf"), 0, "", "tim", "tanstaaftanstaaf" }, /* RFC 4616, 4 */
        { STR_INIT("Ursel\0Kurt\0xipj3plmq"), 0, "Ursel", "Kurt", "xipj3plmq" }, /* the other example there */
        { STR_INIT("\0a\0b"), 0, "", "a", "b" },
        { STR_INIT("\0Jos\303\251\0p\303\244ss"), 0, "", "Jos\303\251", "p\303\244ss" },
        { STR_INIT(""), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0\0"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("a\0b"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0\0b"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0a\0"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0a\0b\0"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0a\0b\0c"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0\377\0b"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0a\0\300\200"), -ERR_SYNTAX, NULL, NULL, NULL }, /* NUL in an overlong form */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sasl_plain plain;
        struct err err = { 0 };
        assert_row(sasl_plain_parse(cases[i].in, &plain, &err) == cases[i].r, i, err.text);
        if (cases[i].r < 0)
            continue;
        assert_str(plain.authzid, cases[i].authzid);
        assert_str(plain.authcid, cases[i].authcid);
        assert_str(plain.password, cases[i].password);
    }
}

static int parse_lengths(size_t authzid, size_t authcid, size_t password)
{
    struct buf message = BUF_INIT;
    struct sasl_plain plain;
    struct err err;
    size_t lengths[] = { authzid, authcid, password };
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            buf_add_char(&message, '\0');
        memset(buf_reserve(&message, lengths[i]), 'x', lengths[i]);
        message.n += lengths[i];
    }
    int r = sasl_plain_parse(buf_str(&message), &plain, &err);
    sasl_wipe(&message);
    return r;
}

static void test_plain_parts_have_limits(void **state)
{
    (void)state;
    static const struct {
        size_t authzid, authcid, password;
        int r;
    } cases[] = {
        { 0, USER_NAME_BYTES_MAX - 1, 1, 0 },          { 0, USER_NAME_BYTES_MAX, 1, 0 },
        { 0, USER_NAME_BYTES_MAX + 1, 1, -ERR_LIMIT }, { USER_NAME_BYTES_MAX, USER_NAME_BYTES_MAX, 1, 0 },
        { USER_NAME_BYTES_MAX + 1, 1, 1, -ERR_LIMIT }, { 0, 1, USER_PASSWORD_BYTES_MAX - 1, 0 },
        { 0, 1, USER_PASSWORD_BYTES_MAX, 0 },          { 0, 1, USER_PASSWORD_BYTES_MAX + 1, -ERR_LIMIT },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(parse_lengths(cases[i].authzid, cases[i].authcid, cases[i].password) == cases[i].r, i,
                   "lengths");
}

static void test_response_is_strict_base64(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool initial;
        int r;
        const char *out;
    } cases[] = {
        { "YQ==", true, 0, "a" },
        { "YQ==", false, 0, "a" },
        { "", false, 0, "" },
        { "=", true, 0, "" },
        { "=", false, -ERR_SYNTAX, NULL },
        { "==", true, -ERR_SYNTAX, NULL },
        { "YQ", true, -ERR_SYNTAX, NULL },
        { "YQ=", true, -ERR_SYNTAX, NULL },
        { "Y Q=", true, -ERR_SYNTAX, NULL },
        { "*", true, -ERR_SYNTAX, NULL },
        { "YR==", true, -ERR_SYNTAX, NULL },
        { "YQ==YQ==", true, -ERR_SYNTAX, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        struct err err = { 0 };
        buf_add_lit(&out, "left over");
        assert_row(sasl_decode(str_c(cases[i].in), cases[i].initial, &out, &err) == cases[i].r, i,
                   cases[i].in);
        if (cases[i].r == 0)
            assert_str(buf_str(&out), cases[i].out);
        sasl_wipe(&out);
        assert_null(out.p);
    }
}

static void test_response_has_a_limit(void **state)
{
    (void)state;
    for (size_t n = SASL_MESSAGE_BYTES_MAX - 1; n <= SASL_MESSAGE_BYTES_MAX + 1; n++) {
        struct buf text = BUF_INIT, out = BUF_INIT;
        struct err err = { 0 };
        for (size_t left = n; left >= 3; left -= 3)
            buf_add_lit(&text, "eHh4");
        buf_add(&text, n % 3 == 1 ? STR("eA==") : n % 3 == 2 ? STR("eHg=") : STR(""));
        assert_row(sasl_decode(buf_str(&text), true, &out, &err) ==
                       (n <= SASL_MESSAGE_BYTES_MAX ? 0 : -ERR_LIMIT),
                   n, err.text);
        buf_deinit(&text);
        sasl_wipe(&out);
    }
}

/* ---- exchanges ---- */

/* One exchange: responses in order (NIL: none came with the command), the challenges that they get, and the end. */
struct dialogue {
    const char *mechanism;
    struct str responses[4];
    const char *challenges[3];
    int r;
    const char *user; /* who came in */
    enum auth_reason reason;
};

static void run(struct testing_sasl *t, const struct dialogue *d, size_t row)
{
    struct sasl *sasl = NULL;
    struct buf challenge = BUF_INIT;
    struct auth_outcome outcome = { .delay_ms = 0 };
    struct err err = { 0 };
    int r = sasl_new(&t->params, str_c(d->mechanism), &sasl, &err);
    for (size_t i = 0; sasl && i < ARRAY_COUNT(d->responses); i++) {
        buf_clear(&challenge);
        r = sasl_step(sasl, d->responses[i], &challenge, &outcome, &err);
        if (r <= 0)
            break;
        assert_row(i < ARRAY_COUNT(d->challenges) && d->challenges[i], row, "an unexpected challenge");
        if (!str_eq(buf_str(&challenge), str_c(d->challenges[i])))
            print_error("got <" STR_FMT ">\n", STR_ARG(buf_str(&challenge)));
        assert_row(str_eq(buf_str(&challenge), str_c(d->challenges[i])), row, d->challenges[i]);
    }
    if (r != d->r)
        print_error("%s: got %d, want %d: %s\n", d->mechanism, r, d->r, err.text);
    assert_row(r == d->r, row, err.text);
    if (r == 0) {
        assert_row(strcmp(outcome.user.name, d->user) == 0, row, outcome.user.name);
        assert_row(strcmp(outcome.mechanism, d->mechanism) == 0, row, outcome.mechanism);
    }
    if (sasl)
        assert_row(outcome.reason == d->reason, row, auth_reason_name(outcome.reason));
    buf_deinit(&challenge);
    sasl_free(&sasl);
    assert_null(sasl);
}

#define NONE                                                                                                 \
    {                                                                                                        \
        NULL, 0                                                                                              \
    }
#define JSON   "{\"status\":\"invalid_token\",\"scope\":\"mail\"}"
#define GOOGLE "{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"mail\"}"

static void test_dialogues_of_simple_mechanisms(void **state)
{
    (void)state;
    static const struct dialogue cases[] = {
        { "PLAIN", { STR_INIT("\0anna\0pencil") }, { NULL }, 0, "anna", AUTH_OK },
        { "PLAIN", { NONE, STR_INIT("\0anna\0pencil") }, { "" }, 0, "anna", AUTH_OK },
        { "PLAIN", { STR_INIT("ANNA\0anna\0pencil") }, { NULL }, 0, "anna", AUTH_OK },
        { "PLAIN", { STR_INIT("\0anna\0Pencil") }, { NULL }, -ERR_AUTH, NULL, AUTH_WRONG },
        { "PLAIN", { STR_INIT("\0carl\0pencil") }, { NULL }, -ERR_AUTH, NULL, AUTH_UNKNOWN_USER },
        { "PLAIN", { STR_INIT("\0down\0pencil") }, { NULL }, -ERR_UNAVAILABLE, NULL, AUTH_PROVIDER_DOWN },
        { "PLAIN",
          { STR_INIT("bob\0anna\0pencil") },
          { NULL },
          -ERR_NOT_AUTHORIZED,
          NULL,
          AUTH_NOT_AUTHORIZED },
        { "PLAIN", { STR_INIT("bob\0anna\0wrong") }, { NULL }, -ERR_AUTH, NULL, AUTH_WRONG },
        { "PLAIN", { STR_INIT("anna") }, { NULL }, -ERR_SYNTAX, NULL, AUTH_OK },
        { "PLAIN", { NONE, STR_INIT("") }, { "" }, -ERR_SYNTAX, NULL, AUTH_OK },

        { "LOGIN",
          { NONE, STR_INIT("anna"), STR_INIT("pencil") },
          { "Username:", "Password:" },
          0,
          "anna",
          AUTH_OK },
        { "LOGIN", { STR_INIT("anna"), STR_INIT("pencil") }, { "Password:" }, 0, "anna", AUTH_OK },
        { "LOGIN", { STR_INIT("anna"), STR_INIT("wrong") }, { "Password:" }, -ERR_AUTH, NULL, AUTH_WRONG },
        { "LOGIN",
          { STR_INIT("carl"), STR_INIT("pencil") },
          { "Password:" },
          -ERR_AUTH,
          NULL,
          AUTH_UNKNOWN_USER },
        { "LOGIN", { STR_INIT("anna"), STR_INIT("") }, { "Password:" }, -ERR_SYNTAX, NULL, AUTH_OK },
        { "LOGIN", { STR_INIT("anna"), STR_INIT("a\0b") }, { "Password:" }, -ERR_SYNTAX, NULL, AUTH_OK },
        { "LOGIN", { STR_INIT("") }, { NULL }, -ERR_SYNTAX, NULL, AUTH_OK },
        { "LOGIN", { STR_INIT("\377") }, { NULL }, -ERR_SYNTAX, NULL, AUTH_OK },

        { "EXTERNAL", { STR_INIT("") }, { NULL }, 0, "anna", AUTH_OK },
        { "EXTERNAL", { NONE, STR_INIT("") }, { "" }, 0, "anna", AUTH_OK },
        { "EXTERNAL", { STR_INIT("Anna") }, { NULL }, 0, "anna", AUTH_OK },
        { "EXTERNAL", { STR_INIT("bob") }, { NULL }, -ERR_NOT_AUTHORIZED, NULL, AUTH_NOT_AUTHORIZED },
        { "EXTERNAL", { STR_INIT("an\0na") }, { NULL }, -ERR_SYNTAX, NULL, AUTH_OK },
        { "EXTERNAL", { STR_INIT("\377") }, { NULL }, -ERR_SYNTAX, NULL, AUTH_OK },

        { "OAUTHBEARER", { STR_INIT("n,,\1auth=Bearer good-token\1\1") }, { NULL }, 0, "anna", AUTH_OK },
        { "OAUTHBEARER",
          { STR_INIT("n,a=anna,\1auth=Bearer good-token\1\1") },
          { NULL },
          0,
          "anna",
          AUTH_OK },
        { "OAUTHBEARER",
          { STR_INIT("n,a=bob,\1auth=Bearer good-token\1\1") },
          { NULL },
          -ERR_NOT_AUTHORIZED,
          NULL,
          AUTH_NOT_AUTHORIZED },
        { "OAUTHBEARER",
          { STR_INIT("n,a=anna,\1auth=Bearer bad\1\1"), STR_INIT("\1") },
          { JSON },
          -ERR_AUTH,
          NULL,
          AUTH_TOKEN_BAD },
        { "OAUTHBEARER",
          { STR_INIT("n,a=anna,\1auth=\1\1"), STR_INIT("\1") },
          { JSON },
          -ERR_AUTH,
          NULL,
          AUTH_TOKEN_BAD },
        { "OAUTHBEARER",
          { STR_INIT("n,a=anna,\1auth=Bearer bad\1\1"), STR_INIT("n,,\1auth=Bearer good-token\1\1") },
          { JSON },
          -ERR_AUTH,
          NULL,
          AUTH_TOKEN_BAD },
        { "OAUTHBEARER",
          { STR_INIT("n,,\1auth=Bearer down\1\1") },
          { NULL },
          -ERR_UNAVAILABLE,
          NULL,
          AUTH_PROVIDER_DOWN },
        { "OAUTHBEARER", { STR_INIT("\1") }, { NULL }, -ERR_SYNTAX, NULL, AUTH_OK },

        { "XOAUTH2", { STR_INIT("user=anna\1auth=Bearer good-token\1\1") }, { NULL }, 0, "anna", AUTH_OK },
        { "XOAUTH2",
          { NONE, STR_INIT("user=anna\1auth=Bearer good-token\1\1") },
          { "" },
          0,
          "anna",
          AUTH_OK },
        { "XOAUTH2",
          { STR_INIT("user=bob\1auth=Bearer good-token\1\1"), STR_INIT("") },
          { GOOGLE },
          -ERR_AUTH,
          NULL,
          AUTH_TOKEN_BAD },
        { "XOAUTH2",
          { STR_INIT("user=anna\1auth=Bearer bad\1\1"), STR_INIT("") },
          { GOOGLE },
          -ERR_AUTH,
          NULL,
          AUTH_TOKEN_BAD },
    };
    struct testing_sasl t;
    testing_sasl_begin(&t);
    t.channel.certificate_user = "anna";
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        run(&t, &cases[i], i);
    testing_sasl_end(&t);
}

/* ---- SCRAM ---- */

struct scram_case {
    const char *mechanism, *header, *bare, *password;
    const char *sent_header;  /* in "c="; NULL: the same */
    const char *sent_binding; /* behind it */
    int r;
    enum auth_reason reason;
};

static int run_scram(struct testing_sasl *t, const struct scram_case *c, struct buf *server_first,
                     struct auth_outcome *outcome, struct err *err)
{
    enum scram_hash hash = strstr(c->mechanism, "SHA-1") ? SCRAM_SHA_1 : SCRAM_SHA_256;
    struct sasl *sasl = NULL;
    struct buf out = BUF_INIT, first = BUF_INIT, final = BUF_INIT, signature = BUF_INIT;
    buf_printf(&first, "%s%s", c->header, c->bare);
    int r = sasl_new(&t->params, str_c(c->mechanism), &sasl, err);
    if (r == 0)
        r = sasl_step(sasl, buf_str(&first), &out, outcome, err);
    if (r == 1) {
        buf_clear(server_first);
        buf_add(server_first, buf_str(&out));
        buf_clear(&out);
        testing_scram_final(hash, str_c(c->password), str_c(c->sent_header ? c->sent_header : c->header),
                            str_c(c->bare), str_c(c->sent_binding), buf_str(server_first), &final,
                            &signature);
        r = sasl_step(sasl, buf_str(&final), &out, outcome, err);
    }
    if (r == 1) {
        assert_true(str_starts(buf_str(&out), STR("v=")));
        assert_true(str_eq(str_skip(buf_str(&out), 2), buf_str(&signature)));
        r = sasl_step(sasl, STR(""), &out, outcome, err);
    }
    sasl_free(&sasl);
    buf_deinit(&out);
    buf_deinit(&first);
    buf_deinit(&final);
    buf_deinit(&signature);
    return r;
}

static void test_scram_lets_in_who_knows_the_password(void **state)
{
    (void)state;
    static const struct scram_case cases[] = {
        { "SCRAM-SHA-256", "n,,", "n=anna,r=abc", "pencil", NULL, "", 0, AUTH_OK },
        { "SCRAM-SHA-1", "n,,", "n=anna,r=abc", "pencil", NULL, "", 0, AUTH_OK },
        { "SCRAM-SHA-256", "n,a=anna,", "n=anna,r=abc", "pencil", NULL, "", 0, AUTH_OK },
        { "SCRAM-SHA-256", "n,a=bob,", "n=anna,r=abc", "pencil", NULL, "", -ERR_NOT_AUTHORIZED,
          AUTH_NOT_AUTHORIZED },
        { "SCRAM-SHA-256", "n,a=bob,", "n=anna,r=abc", "wrong", NULL, "", -ERR_AUTH, AUTH_WRONG },
        { "SCRAM-SHA-256", "n,,", "n=anna,r=abc", "Pencil", NULL, "", -ERR_AUTH, AUTH_WRONG },
        { "SCRAM-SHA-256", "n,,", "n=carl,r=abc", "pencil", NULL, "", -ERR_AUTH, AUTH_UNKNOWN_USER },
        { "SCRAM-SHA-256", "n,,", "n=down,r=abc", "pencil", NULL, "", -ERR_UNAVAILABLE, AUTH_PROVIDER_DOWN },
        /* The authorisation identity is part of what is signed. */
        { "SCRAM-SHA-256", "n,a=anna,", "n=anna,r=abc", "pencil", "n,,", "", -ERR_AUTH,
          AUTH_CHANNEL_BINDING },
        /* Channel binding: RFC 5802, 6 */
        { "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "n=anna,r=abc", "pencil", NULL, TESTING_BINDING, 0,
          AUTH_OK },
        { "SCRAM-SHA-1-PLUS", "p=tls-exporter,,", "n=anna,r=abc", "pencil", NULL, TESTING_BINDING, 0,
          AUTH_OK },
        { "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "n=anna,r=abc", "pencil", NULL, "", -ERR_AUTH,
          AUTH_CHANNEL_BINDING },
        { "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "n=anna,r=abc", "pencil", NULL,
          "0123456789abcdef0123456789abcdeF", -ERR_AUTH, AUTH_CHANNEL_BINDING },
        { "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", "n=anna,r=abc", "pencil", "n,,", "", -ERR_AUTH,
          AUTH_CHANNEL_BINDING },
        { "SCRAM-SHA-256-PLUS", "p=tls-unique,,", "n=anna,r=abc", "pencil", NULL, TESTING_BINDING,
          -ERR_CANNOT, AUTH_OK },
        { "SCRAM-SHA-256-PLUS", "n,,", "n=anna,r=abc", "pencil", NULL, "", -ERR_SYNTAX, AUTH_OK },
        { "SCRAM-SHA-256-PLUS", "y,,", "n=anna,r=abc", "pencil", NULL, "", -ERR_SYNTAX, AUTH_OK },
        /* A binding that nobody would look at: CVE-2026-33603 */
        { "SCRAM-SHA-256", "p=tls-exporter,,", "n=anna,r=abc", "pencil", NULL, "", -ERR_SYNTAX, AUTH_OK },
        { "SCRAM-SHA-256", "p=tls-exporter,,", "n=anna,r=abc", "pencil", NULL, TESTING_BINDING, -ERR_SYNTAX,
          AUTH_OK },
        { "SCRAM-SHA-256", "n,,", "n=anna,r=abc", "pencil", NULL, TESTING_BINDING, -ERR_AUTH,
          AUTH_CHANNEL_BINDING },
        /* We have offered -PLUS, and the client was not told. */
        { "SCRAM-SHA-256", "y,,", "n=anna,r=abc", "pencil", NULL, "", -ERR_AUTH, AUTH_CHANNEL_BINDING },
    };
    struct testing_sasl t;
    struct buf server_first = BUF_INIT;
    testing_sasl_begin(&t);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct auth_outcome outcome;
        struct err err = { 0 };
        int r = run_scram(&t, &cases[i], &server_first, &outcome, &err);
        if (r != cases[i].r)
            print_error("got %d, want %d\n", r, cases[i].r);
        assert_row(r == cases[i].r, i, err.text);
        assert_row(outcome.reason == cases[i].reason, i, auth_reason_name(outcome.reason));
        if (r == 0)
            assert_string_equal(outcome.user.name, "anna");
    }
    buf_deinit(&server_first);
    testing_sasl_end(&t);
}

static void test_y_is_fine_where_plus_was_not_offered(void **state)
{
    (void)state;
    static const struct scram_case c = { "SCRAM-SHA-256", "y,,", "n=anna,r=abc", "pencil", NULL, "", 0,
                                         AUTH_OK };
    struct testing_sasl t;
    struct buf server_first = BUF_INIT;
    struct auth_outcome outcome;
    struct err err = { 0 };
    testing_sasl_begin(&t);
    t.channel.binding = NULL;
    assert_int_equal(run_scram(&t, &c, &server_first, &outcome, &err), 0);
    t.channel.binding = testing_sasl_binding;
    t.settings.mechanisms = SASL_SCRAM_SHA_256 | SASL_SCRAM_SHA_1_PLUS;
    assert_int_equal(run_scram(&t, &c, &server_first, &outcome, &err), 0);
    t.settings.mechanisms = SASL_SCRAM_SHA_256 | SASL_SCRAM_SHA_256_PLUS;
    assert_int_equal(run_scram(&t, &c, &server_first, &outcome, &err), -ERR_AUTH);
    buf_deinit(&server_first);
    testing_sasl_end(&t);
}

/* "s=...,i=..." */
static struct str salt_and_count(const struct buf *server_first)
{
    struct str rest;
    str_cut(buf_str(server_first), ',', &rest);
    return rest;
}

static void test_unknown_names_have_a_salt_that_stays(void **state)
{
    (void)state;
    static const struct scram_case carl = {
        "SCRAM-SHA-256", "n,,", "n=carl,r=abc", "x", NULL, "", 0, AUTH_OK
    };
    static const struct scram_case emil = {
        "SCRAM-SHA-256", "n,,", "n=emil,r=abc", "x", NULL, "", 0, AUTH_OK
    };
    static const struct scram_case anna = {
        "SCRAM-SHA-256", "n,,", "n=anna,r=abc", "x", NULL, "", 0, AUTH_OK
    };
    struct testing_sasl t;
    struct buf first = BUF_INIT, again = BUF_INIT, other = BUF_INIT, known = BUF_INIT;
    struct auth_outcome outcome;
    struct err err[3];
    testing_sasl_begin(&t);
    assert_int_equal(run_scram(&t, &carl, &first, &outcome, &err[0]), -ERR_AUTH);
    assert_int_equal(run_scram(&t, &carl, &again, &outcome, &err[0]), -ERR_AUTH);
    assert_int_equal(run_scram(&t, &emil, &other, &outcome, &err[1]), -ERR_AUTH);
    assert_int_equal(run_scram(&t, &anna, &known, &outcome, &err[2]), -ERR_AUTH);
    assert_true(str_eq(salt_and_count(&first), salt_and_count(&again)));
    assert_false(str_eq(salt_and_count(&first), salt_and_count(&other)));
    assert_int_equal(first.n, known.n); /* as long, and with as many iterations */
    assert_true(str_ends(buf_str(&first), STR(",i=4096")) && str_ends(buf_str(&known), STR(",i=4096")));
    assert_string_equal(err[0].text, err[2].text);
    buf_deinit(&first);
    buf_deinit(&again);
    buf_deinit(&other);
    buf_deinit(&known);
    testing_sasl_end(&t);
}

static void test_another_nonce_is_refused(void **state)
{
    (void)state;
    struct testing_sasl t;
    struct buf out = BUF_INIT, first = BUF_INIT, final = BUF_INIT, signature = BUF_INIT;
    struct auth_outcome outcome;
    struct err err;
    testing_sasl_begin(&t);
    for (int replay = 0; replay < 2; replay++) {
        struct sasl *sasl;
        buf_clear(&out);
        assert_int_equal(sasl_new(&t.params, STR("scram-sha-256"), &sasl, &err), 0);
        assert_int_equal(sasl_step(sasl, STR("n,,n=anna,r=abc"), &out, &outcome, &err), 1);
        if (!replay)
            buf_add(&first, buf_str(&out));
        testing_scram_final(SCRAM_SHA_256, STR("pencil"), STR("n,,"), STR("n=anna,r=abc"), STR(""),
                            buf_str(&first), &final, &signature);
        assert_int_equal(sasl_step(sasl, buf_str(&final), &out, &outcome, &err), replay ? -ERR_AUTH : 1);
        sasl_free(&sasl);
    }
    buf_deinit(&out);
    buf_deinit(&first);
    buf_deinit(&final);
    buf_deinit(&signature);
    testing_sasl_end(&t);
}

static void test_last_response_of_scram_is_empty(void **state)
{
    (void)state;
    struct testing_sasl t;
    struct buf out = BUF_INIT, final = BUF_INIT, signature = BUF_INIT;
    struct auth_outcome outcome;
    struct err err;
    struct sasl *sasl;
    testing_sasl_begin(&t);
    assert_int_equal(sasl_new(&t.params, STR("SCRAM-SHA-256"), &sasl, &err), 0);
    assert_int_equal(sasl_step(sasl, STR("n,,n=anna,r=abc"), &out, &outcome, &err), 1);
    testing_scram_final(SCRAM_SHA_256, STR("pencil"), STR("n,,"), STR("n=anna,r=abc"), STR(""), buf_str(&out),
                        &final, &signature);
    assert_int_equal(sasl_step(sasl, buf_str(&final), &out, &outcome, &err), 1);
    assert_int_equal(sasl_step(sasl, STR("more"), &out, &outcome, &err), -ERR_SYNTAX);
    sasl_free(&sasl);
    buf_deinit(&out);
    buf_deinit(&final);
    buf_deinit(&signature);
    testing_sasl_end(&t);
}

/* CVE-2017-15132, CVE-2019-11494: at each step of each mechanism the client goes away. ASan sees what is left. */
static void test_exchange_may_end_at_each_step(void **state)
{
    (void)state;
    static const struct {
        const char *mechanism;
        struct str responses[2];
    } cases[] = {
        { "PLAIN", { NONE } },
        { "LOGIN", { NONE, STR_INIT("anna") } },
        { "SCRAM-SHA-256", { NONE, STR_INIT("n,,n=anna,r=abc") } },
        { "SCRAM-SHA-256", { STR_INIT("n,,n=carl,r=abc") } },
        { "SCRAM-SHA-256-PLUS", { STR_INIT("p=tls-exporter,,n=anna,r=abc") } },
        { "OAUTHBEARER", { STR_INIT("n,,\1auth=Bearer bad\1\1") } },
    };
    struct testing_sasl t;
    struct buf out = BUF_INIT;
    testing_sasl_begin(&t);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        for (size_t steps = 0; steps <= 2; steps++) {
            struct sasl *sasl;
            assert_int_equal(sasl_new(&t.params, str_c(cases[i].mechanism), &sasl, NULL), 0);
            for (size_t k = 0; k < steps; k++) {
                struct auth_outcome outcome;
                struct err err;
                if (k < 2 && (k == 0 || cases[i].responses[k].p))
                    assert_row(sasl_step(sasl, cases[i].responses[k], &out, &outcome, &err) == 1, i,
                               err.text);
            }
            sasl_free(&sasl);
        }
    buf_deinit(&out);
    testing_sasl_end(&t);
}

/* ---- what is offered ---- */

static void offered(const struct testing_sasl *t, struct buf *out)
{
    size_t at = 0;
    buf_clear(out);
    for (const char *name; (name = sasl_next_offered(&t->settings, &t->channel, &at));)
        buf_printf(out, "%s ", name);
}

static void test_offers_follow_channel_and_settings(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        bool private_enough, binding;
        const char *certificate_user, *offered;
    } cases[] = {
        { "PLAIN LOGIN", true, true, NULL, "PLAIN LOGIN " },
        { "LOGIN, PLAIN", true, true, NULL, "PLAIN LOGIN " },
        { "PLAIN", false, true, NULL, "" },
        { "SCRAM-SHA-256-PLUS SCRAM-SHA-256", false, true, NULL, "" },
        { "SCRAM-SHA-256-PLUS SCRAM-SHA-256 plain", true, true, NULL,
          "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN " },
        { "SCRAM-SHA-256-PLUS SCRAM-SHA-256", true, false, NULL, "SCRAM-SHA-256 " },
        { "SCRAM-SHA-1-PLUS SCRAM-SHA-1", true, true, NULL, "SCRAM-SHA-1-PLUS SCRAM-SHA-1 " },
        { "EXTERNAL OAUTHBEARER XOAUTH2", true, true, NULL, "OAUTHBEARER XOAUTH2 " },
        { "EXTERNAL", true, true, "", "" },
        { "EXTERNAL", true, true, "anna", "EXTERNAL " },
        { "EXTERNAL", false, true, "anna", "" },
        { "", true, true, "anna", "" },
    };
    struct testing_sasl t;
    struct buf out = BUF_INIT;
    testing_sasl_begin(&t);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err = { 0 };
        assert_row(sasl_parse_mechanisms(str_c(cases[i].settings), &t.settings.mechanisms, &err) == 0, i,
                   err.text);
        t.channel.private_enough = cases[i].private_enough;
        t.channel.binding = cases[i].binding ? testing_sasl_binding : NULL;
        t.channel.certificate_user = cases[i].certificate_user;
        offered(&t, &out);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].offered)), i, buf_c(&out));
    }
    buf_deinit(&out);
    testing_sasl_end(&t);
}

static void test_what_is_not_offered_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool private_enough;
        int r;
    } cases[] = {
        { "PLAIN", true, 0 },
        { "plain", true, 0 },
        { "PLAIN", false, -ERR_PRIVACY },
        { "SCRAM-SHA-256", false, -ERR_PRIVACY },
        { "LOGIN", true, -ERR_CANNOT }, /* switched off */
        { "LOGIN", false, -ERR_CANNOT },
        { "EXTERNAL", true, -ERR_CANNOT },           /* no certificate */
        { "SCRAM-SHA-256-PLUS", true, -ERR_CANNOT }, /* no binding */
        { "ANONYMOUS", true, -ERR_CANNOT },
        { "", true, -ERR_CANNOT },
        { "PLAINX", true, -ERR_CANNOT },
        { "PLAI", true, -ERR_CANNOT },
    };
    struct testing_sasl t;
    testing_sasl_begin(&t);
    t.settings.mechanisms &= ~(unsigned)SASL_LOGIN;
    t.channel.binding = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sasl *sasl = NULL;
        struct err err = { 0 };
        t.channel.private_enough = cases[i].private_enough;
        assert_row(sasl_new(&t.params, str_c(cases[i].name), &sasl, &err) == cases[i].r, i, cases[i].name);
        sasl_free(&sasl);
    }
    testing_sasl_end(&t);
}

static int no_verify(void *provider, struct str name, struct str password, const struct auth_peer *peer,
                     struct provider_answer *answer, struct err *err)
{
    (void)provider, (void)name, (void)password, (void)peer, (void)answer;
    return err_set(err, ERR_NOT_FOUND, "nobody");
}

static int no_scram(void *provider, struct str name, enum scram_hash hash,
                    struct scram_verifier *verifier_out, struct provider_answer *answer, struct err *err)
{
    (void)provider, (void)name, (void)hash, (void)verifier_out, (void)answer;
    return err_set(err, ERR_NOT_FOUND, "nobody");
}

static int no_token(void *provider, struct str name, struct str token, const struct auth_peer *peer,
                    struct provider_answer *answer, struct err *err)
{
    (void)provider, (void)name, (void)token, (void)peer, (void)answer;
    return err_set(err, ERR_NOT_FOUND, "nobody");
}

static void no_free(void *provider)
{
    (void)provider;
}

/* Who keeps passwords without SCRAM has users whose clients would choose it, and fail. */
static void test_what_some_cannot_check_is_not_usable(void **state)
{
    (void)state;
    static const struct provider_ops own = {
        .name = "own", .verify = no_verify, .scram = no_scram, .free = no_free
    };
    static const struct provider_ops ldap = { .name = "ldap", .verify = no_verify, .free = no_free };
    static const struct provider_ops oauth = { .name = "oauth", .token = no_token, .free = no_free };
    static const struct {
        const struct provider_ops *providers[3];
        size_t count;
        bool scram, tokens;
    } cases[] = {
        { { &own }, 1, true, false },         { { &ldap }, 1, false, false },
        { { &own, &ldap }, 2, false, false }, { { &own, &oauth }, 2, true, true },
        { { &oauth }, 1, false, true },       { { &oauth, &ldap, &own }, 3, false, true },
    };
    struct testing_sasl t;
    testing_sasl_begin(&t);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct auth_params params = { .users = t.users,
                                      .clock = &t.clock.clock,
                                      .guard = t.guard,
                                      .provider_count = cases[i].count,
                                      .waiters_max = 1,
                                      .scram_iterations = 4096 };
        struct auth *auth;
        for (size_t k = 0; k < cases[i].count; k++)
            params.providers[k] = (struct provider){ cases[i].providers[k], NULL, 1 };
        assert_int_equal(auth_new(&params, &auth, NULL), 0);
        unsigned usable = sasl_usable(~0u, auth);
        assert_row(!!(usable & SASL_SCRAM_SHA_256) == cases[i].scram, i, "SCRAM");
        assert_row(!!(usable & SASL_SCRAM_SHA_1_PLUS) == cases[i].scram, i, "SCRAM-PLUS");
        assert_row(!!(usable & SASL_OAUTHBEARER) == cases[i].tokens, i, "tokens");
        assert_row(usable & SASL_PLAIN, i, "PLAIN");
        auth_free(&auth);
    }
    testing_sasl_end(&t);
}

static void test_settings_name_known_mechanisms_only(void **state)
{
    (void)state;
    unsigned mechanisms = 0;
    struct err err = { 0 };
    assert_int_equal(sasl_parse_mechanisms(STR("plain,  SCRAM-SHA-256"), &mechanisms, &err), 0);
    assert_int_equal(mechanisms, SASL_PLAIN | SASL_SCRAM_SHA_256);
    assert_int_equal(sasl_parse_mechanisms(STR("PLAIN ANONYMOUS"), &mechanisms, &err), -ERR_INVALID);
    assert_string_equal(err.text, "no mechanism ANONYMOUS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_is_parsed_by_its_grammar),
        cmocka_unit_test(test_plain_parts_have_limits),
        cmocka_unit_test(test_response_is_strict_base64),
        cmocka_unit_test(test_response_has_a_limit),
        cmocka_unit_test(test_dialogues_of_simple_mechanisms),
        cmocka_unit_test(test_scram_lets_in_who_knows_the_password),
        cmocka_unit_test(test_y_is_fine_where_plus_was_not_offered),
        cmocka_unit_test(test_unknown_names_have_a_salt_that_stays),
        cmocka_unit_test(test_another_nonce_is_refused),
        cmocka_unit_test(test_last_response_of_scram_is_empty),
        cmocka_unit_test(test_exchange_may_end_at_each_step),
        cmocka_unit_test(test_offers_follow_channel_and_settings),
        cmocka_unit_test(test_what_is_not_offered_is_refused),
        cmocka_unit_test(test_what_some_cannot_check_is_not_usable),
        cmocka_unit_test(test_settings_name_known_mechanisms_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
