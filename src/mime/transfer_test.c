#include "base/testing.h"
#include "mime/transfer.h"

static const struct {
    enum transfer kind;
    const char *in, *out;
} decodings[] = {
    { TRANSFER_IDENTITY, "a=3D b", "a=3D b" },
    { TRANSFER_BASE64, "aGVsbG8=", "hello" },
    { TRANSFER_BASE64, "aGVs\r\nbG8=\r\n", "hello" },
    { TRANSFER_BASE64, "aGVsbG8", "hello" },
    { TRANSFER_BASE64, "aG Vs!bG*8=", "hello" },
    { TRANSFER_BASE64, "aGk=aGk=", "hihi" },
    { TRANSFER_BASE64, "a", "" },
    { TRANSFER_BASE64, "====", "" },
    { TRANSFER_BASE64, "", "" },
    { TRANSFER_QUOTED_PRINTABLE, "a=3Db=3d", "a=b=" },
    { TRANSFER_QUOTED_PRINTABLE, "a=\r\nb", "ab" },
    { TRANSFER_QUOTED_PRINTABLE, "a=\nb", "ab" },
    { TRANSFER_QUOTED_PRINTABLE, "a= \t\r\nb", "ab" },
    { TRANSFER_QUOTED_PRINTABLE, "a= b", "a= b" },
    { TRANSFER_QUOTED_PRINTABLE, "a  \r\nb \n", "a\r\nb\n" },
    { TRANSFER_QUOTED_PRINTABLE, "a  b", "a  b" },
    { TRANSFER_QUOTED_PRINTABLE, "a  ", "a" },
    { TRANSFER_QUOTED_PRINTABLE, "a=", "a" },
    { TRANSFER_QUOTED_PRINTABLE, "a=Z=4", "a=Z=4" },
    { TRANSFER_QUOTED_PRINTABLE, "a=4Z", "a=4Z" },
    { TRANSFER_QUOTED_PRINTABLE, "==41", "=A" },
    { TRANSFER_QUOTED_PRINTABLE, "=\rb", "b" },
    { TRANSFER_QUOTED_PRINTABLE, " =41 =\n =42", " A  B" },
};

static void test_transfer_decodes_the_same_whole_or_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(decodings); i++) {
        struct str in = str_c(decodings[i].in);
        uint64_t size;
        for (size_t step = 1; step <= in.n + 1; step++) {
            struct transfer_decoder d;
            struct buf out = BUF_INIT;
            assert_int_equal(transfer_init(&d, decodings[i].kind, NULL), 0);
            for (size_t at = 0; at < in.n; at += step)
                transfer_feed(&d, str_sub(in, at, step), &out);
            transfer_finish(&d, &out);
            if (!str_eq(buf_str(&out), str_c(decodings[i].out)))
                print_error("step %zu got <%s>\n", step, buf_c(&out));
            assert_row(str_eq(buf_str(&out), str_c(decodings[i].out)), i, decodings[i].in);
            buf_deinit(&out);
        }
        assert_int_equal(transfer_decoded_size(decodings[i].kind, in, &size, NULL), 0);
        assert_row(size == strlen(decodings[i].out), i, decodings[i].in);
    }
}

static void test_transfer_names_parse(void **state)
{
    static const struct {
        const char *in;
        enum transfer kind;
    } cases[] = {
        { "7bit", TRANSFER_IDENTITY },      { " 8BIT ", TRANSFER_IDENTITY },
        { "binary", TRANSFER_IDENTITY },    { "", TRANSFER_IDENTITY },
        { "Base64", TRANSFER_BASE64 },      { "base64; x", TRANSFER_BASE64 },
        { "\"base64\"", TRANSFER_BASE64 },  { "quoted-printable (c)", TRANSFER_QUOTED_PRINTABLE },
        { "x-uuencode", TRANSFER_UNKNOWN }, { "base65", TRANSFER_UNKNOWN },
    };
    struct transfer_decoder d;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(transfer_parse(str_c(cases[i].in)) == cases[i].kind, i, cases[i].in);
    assert_int_equal(transfer_init(&d, TRANSFER_UNKNOWN, NULL), -ERR_UNKNOWN_CTE);
}

static void test_transfer_keeps_long_runs_of_white_space(void **state)
{
    (void)state;
    for (size_t n = 254; n <= 514; n++) {
        struct buf in = BUF_INIT, out = BUF_INIT;
        memset(buf_reserve(&in, n), ' ', n);
        in.n = n;
        buf_add_char(&in, 'x');
        assert_int_equal(transfer_decode(TRANSFER_QUOTED_PRINTABLE, buf_str(&in), &out, NULL), 0);
        assert_int_equal(out.n, n + 1);
        buf_deinit(&in);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer_decodes_the_same_whole_or_cut),
        cmocka_unit_test(test_transfer_names_parse),
        cmocka_unit_test(test_transfer_keeps_long_runs_of_white_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
