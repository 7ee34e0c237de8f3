#include "auth/sasl/bearer_message.h"
#include "base/testing.h"

#define A "\1"

static void test_oauthbearer_is_parsed_by_its_grammar(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        int r;
        const char *name, *token; /* NULL: none */
    } cases[] = {
        /* RFC 7628, 4.1 and 4.3 */
        { STR_INIT("n,a=user@example.com," A "host=server.example.com" A "port=143" A
                   "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" A A),
          0, "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" },
        { STR_INIT("n,a=user@example.com," A "host=server.example.com" A "port=143" A "auth=" A A), 0,
          "user@example.com", NULL },
        /* RFC 7628, 4.2: OAuth 1.0a */
        { STR_INIT("n,a=user@example.com," A "auth=OAuth realm=\"Example\"" A A), -ERR_CANNOT, NULL, NULL },
        /* 4.4 has "user=" where the GS2 header allows "a=" only: erratum */
        { STR_INIT("n,user=someuser@example.com," A "auth=Bearer x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "auth=bEaReR x" A A), 0, "", "x" },
        { STR_INIT("y,," A "auth=Bearer x" A A), 0, "", "x" },
        { STR_INIT("p=tls-exporter,," A "auth=Bearer x" A A), -ERR_CANNOT, NULL, NULL },
        { STR_INIT("F,n,," A "auth=Bearer x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,a=a=2Cb=3Dc," A "auth=Bearer x" A A), 0, "a,b=c", "x" },
        { STR_INIT("n,a=," A "auth=Bearer x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,a=\377," A "auth=Bearer x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A A), 0, "", NULL },
        { STR_INIT("n,," A "auth=Bearer" A A), 0, "", NULL },
        { STR_INIT("n,," A "AUTH=Bearer x" A A), 0, "", NULL }, /* keys have one case */
        { STR_INIT("n,," A "new=a\tb" A "auth=Bearer x" A A), 0, "", "x" },
        { STR_INIT("n,," A "auth=Bearer x" A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "auth=Bearer x"), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "auth=Bearer x" A A "more"), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "auth=Bearer x" A A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "auth=Bearer x" A "auth=Bearer y" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "auth=Bearer x y" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "auth=Bearer x\0" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "auth=Bearer ====" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "=x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,," A "x1=x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,,"), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("n,"), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT(A), -ERR_SYNTAX, NULL, NULL }, /* the dummy, out of place */
        { STR_INIT(""), -ERR_SYNTAX, NULL, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bearer_message message;
        struct err err = { 0 };
        assert_row(bearer_parse_oauthbearer(cases[i].in, &message, &err) == cases[i].r, i, err.text);
        if (cases[i].r < 0)
            continue;
        assert_row(strcmp(message.name, cases[i].name) == 0, i, message.name);
        assert_str(message.token, cases[i].token);
    }
}

static void test_xoauth2_is_parsed_by_its_form(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        int r;
        const char *name, *token;
    } cases[] = {
        /* Google's own example */
        { STR_INIT("user=someuser@example.com" A
                   "auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg" A A),
          0, "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg" },
        { STR_INIT("user=a" A "auth=Bearer " A A), 0, "a", NULL },
        { STR_INIT("user=" A "auth=Bearer x" A A), 0, "", "x" },
        { STR_INIT("user=a" A "auth=Bearer x" A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("user=a\0b" A "auth=Bearer x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("user=\300\200" A "auth=Bearer x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("user=a" A "auth=MAC x" A A), -ERR_CANNOT, NULL, NULL },
        { STR_INIT("auth=Bearer x" A A), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT("user=a"), -ERR_SYNTAX, NULL, NULL },
        { STR_INIT(""), -ERR_SYNTAX, NULL, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bearer_message message;
        struct err err = { 0 };
        assert_row(bearer_parse_xoauth2(cases[i].in, &message, &err) == cases[i].r, i, err.text);
        if (cases[i].r < 0)
            continue;
        assert_row(strcmp(message.name, cases[i].name) == 0, i, message.name);
        assert_str(message.token, cases[i].token);
    }
}

static void add_times(struct buf *out, char c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_char(out, c);
}

static int parse_lengths(bool xoauth2, size_t name, size_t token)
{
    struct buf in = BUF_INIT;
    struct bearer_message message;
    buf_add(&in, xoauth2 ? STR("user=") : STR("n,a="));
    add_times(&in, 'u', name);
    buf_add(&in, xoauth2 ? STR(A "auth=Bearer ") : STR("," A "auth=Bearer "));
    add_times(&in, 't', token);
    buf_add_lit(&in, A A);
    int r = xoauth2 ? bearer_parse_xoauth2(buf_str(&in), &message, NULL)
                    : bearer_parse_oauthbearer(buf_str(&in), &message, NULL);
    buf_deinit(&in);
    return r;
}

static void test_name_and_token_have_limits(void **state)
{
    (void)state;
    for (int xoauth2 = 0; xoauth2 < 2; xoauth2++) {
        for (size_t n = USER_NAME_BYTES_MAX - 1; n <= USER_NAME_BYTES_MAX + 1; n++)
            assert_row(parse_lengths(xoauth2, n, 1) == (n <= USER_NAME_BYTES_MAX ? 0 : -ERR_LIMIT), n,
                       "name");
        for (size_t n = TOKEN_BYTES_MAX - 1; n <= TOKEN_BYTES_MAX + 1; n++)
            assert_row(parse_lengths(xoauth2, 1, n) == (n <= TOKEN_BYTES_MAX ? 0 : -ERR_LIMIT), n, "token");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oauthbearer_is_parsed_by_its_grammar),
        cmocka_unit_test(test_xoauth2_is_parsed_by_its_form),
        cmocka_unit_test(test_name_and_token_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
