#include "base/codec.h"
#include "base/testing.h"

static void test_varint_round_trips_at_its_edges(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t edge = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
        for (uint64_t v = edge; v < edge + 2 && v >= edge; v++) {
            struct buf b = BUF_INIT;
            buf_put_varint(&b, v);
            struct reader r = reader_make(buf_str(&b));
            assert_row(reader_varint(&r) == v && !r.bad && reader_left(&r) == 0, bits, "varint");
            for (size_t cut = 0; cut < b.n; cut++) {
                struct reader part = reader_make(str_sub(buf_str(&b), 0, cut));
                assert_row(reader_varint(&part) == 0 && part.bad, bits, "cut off");
            }
            buf_deinit(&b);
        }
    }
}

static void test_varint_refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        bool bad;
        uint64_t v;
    } cases[] = {
        { STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false, UINT64_MAX },
        { STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), true, 0 },
        { STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"), true, 0 },
        { STR_INIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), true, 0 },
        { STR_INIT("\x80"), true, 0 },
        { STR_INIT(""), true, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct reader r = reader_make(cases[i].in);
        assert_row(reader_varint(&r) == cases[i].v && r.bad == cases[i].bad, i, "varint");
    }
}

static void test_fixed_widths_round_trip(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_put_u8(&b, 0xfe);
    buf_put_u16(&b, 0xfedc);
    buf_put_u32(&b, 0xfedcba98);
    buf_put_u64(&b, UINT64_C(0xfedcba9876543210));
    buf_put_be64(&b, UINT64_C(0x0123456789abcdef));
    assert_true(str_eq(buf_str(&b), STR("\xfe\xdc\xfe\x98\xba\xdc\xfe\x10\x32\x54\x76\x98\xba\xdc\xfe"
                                        "\x01\x23\x45\x67\x89\xab\xcd\xef")));
    struct reader r = reader_make(buf_str(&b));
    assert_int_equal(reader_u8(&r), 0xfe);
    assert_int_equal(reader_u16(&r), 0xfedc);
    assert_int_equal(reader_u32(&r), 0xfedcba98);
    assert_int_equal(reader_u64(&r), UINT64_C(0xfedcba9876543210));
    assert_int_equal(reader_be64(&r), UINT64_C(0x0123456789abcdef));
    assert_false(r.bad);
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(reader_u8(&r), 0);
    assert_true(r.bad);
    buf_deinit(&b);

    char raw[8];
    store_u32(raw, 0xfedcba98);
    assert_int_equal(load_u32(raw), 0xfedcba98);
    store_u64(raw, UINT64_MAX - 1);
    assert_int_equal(load_u64(raw), UINT64_MAX - 1);
    store_be64(raw, 256);
    assert_int_equal(load_be64(raw), 256);
    assert_memory_equal(raw, "\0\0\0\0\0\0\1\0", 8);
}

static void test_failed_read_spoils_the_reader_for_good(void **state)
{
    (void)state;
    struct reader r = reader_make(STR("abc"));
    assert_int_equal(reader_u32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(reader_u8(&r), 0); /* one byte would be there */
    assert_true(str_is_nil(reader_bytes(&r, 1)));
    assert_true(str_is_nil(reader_str(&r)));
    assert_true(r.bad);
    r = reader_make(STR_NIL);
    assert_int_equal(reader_left(&r), 0);
    assert_false(str_is_nil(reader_bytes(&r, 0)));
    assert_false(r.bad);
}

static void test_strings_keep_nil_apart_from_empty(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_put_str(&b, STR_NIL);
    buf_put_str(&b, STR(""));
    buf_put_str(&b, STR("a\0b"));
    struct reader r = reader_make(buf_str(&b));
    assert_str(reader_str(&r), NULL);
    assert_str(reader_str(&r), "");
    assert_true(str_eq(reader_str(&r), STR("a\0b")));
    assert_int_equal(reader_left(&r), 0);
    assert_false(r.bad);
    static const struct str hostile[] = { STR_INIT("\x05"
                                                   "abc"),
                                          STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                                   "abc") };
    for (size_t i = 0; i < ARRAY_COUNT(hostile); i++) {
        r = reader_make(hostile[i]);
        assert_row(str_is_nil(reader_str(&r)) && r.bad, i, "length beyond the end");
    }
    buf_deinit(&b);
}

static void test_base64_is_strict_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct str bytes; /* NIL: refused */
    } cases[] = {
        { "", STR_INIT("") }, /* RFC 4648, 10 */
        { "Zg==", STR_INIT("f") },
        { "Zm8=", STR_INIT("fo") },
        { "Zm9v", STR_INIT("foo") },
        { "Zm9vYg==", STR_INIT("foob") },
        { "Zm9vYmE=", STR_INIT("fooba") },
        { "Zm9vYmFy", STR_INIT("foobar") },
        { "+/+/", STR_INIT("\xfb\xff\xbf") },
        { "AAAA", STR_INIT("\0\0\0") },
        { "Z", { NULL, 0 } },
        { "Zg", { NULL, 0 } },
        { "Zg=", { NULL, 0 } },
        { "Zh==", { NULL, 0 } }, /* stray bits */
        { "Zm9=", { NULL, 0 } },
        { "Zg==Zg==", { NULL, 0 } },
        { "====", { NULL, 0 } },
        { "=AAA", { NULL, 0 } },
        { "A=AA", { NULL, 0 } },
        { "Zm9v\n", { NULL, 0 } },
        { "Zm-_", { NULL, 0 } },
        { "Zm9\x80", { NULL, 0 } },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT, back = BUF_INIT;
        buf_add_lit(&out, "before");
        bool ok = base64_decode(str_c(cases[i].text), &out);
        assert_row(ok == !str_is_nil(cases[i].bytes), i, cases[i].text);
        assert_row(str_eq(str_skip(buf_str(&out), 6), cases[i].bytes), i, cases[i].text);
        if (ok) {
            base64_encode(cases[i].bytes, &back);
            assert_row(str_eq(buf_str(&back), str_c(cases[i].text)), i, cases[i].text);
        }
        buf_deinit(&out);
        buf_deinit(&back);
    }
}

static void test_hex_round_trips(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct str bytes;
    } cases[] = {
        { "", STR_INIT("") },
        { "00ff7f", STR_INIT("\0\xff\x7f") },
        { "ABcd", STR_INIT("\xab\xcd") },
        { "0", { NULL, 0 } },
        { "0g", { NULL, 0 } },
        { "0x00", { NULL, 0 } },
        { " 00", { NULL, 0 } },
        { "00@0", { NULL, 0 } },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        buf_add_lit(&out, "before");
        assert_row(hex_decode(str_c(cases[i].text), &out) == !str_is_nil(cases[i].bytes), i, cases[i].text);
        assert_row(str_eq(str_skip(buf_str(&out), 6), cases[i].bytes), i, cases[i].text);
        buf_deinit(&out);
    }
    struct buf out = BUF_INIT;
    hex_encode(STR("\0\xff\x7f"), &out);
    assert_str(buf_str(&out), "00ff7f");
    buf_deinit(&out);
}

static void test_base64url_is_strict_both_ways(void **state)
{
    (void)state;
    static const struct {
        struct str bytes; /* NIL: refused */
        const char *text;
    } cases[] = {
        { STR_INIT(""), "" },
        { STR_INIT("\x03\xec\xff\xe0\xc1"), "A-z_4ME" }, /* RFC 7515, appendix C */
        { STR_INIT("f"), "Zg" },
        { STR_INIT("fo"), "Zm8" },
        { STR_INIT("foo"), "Zm9v" },
        { STR_NIL, "Zg==" },
        { STR_NIL, "Zh" }, /* stray bits */
        { STR_NIL, "Zm9" },
        { STR_NIL, "Z" },
        { STR_NIL, "Zm9vY" },
        { STR_NIL, "A+z/4ME" },
        { STR_NIL, "Zm 9v" },
        { STR_NIL, "Zm9v\n" },
        { STR_NIL, "Zm9\xc3" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        buf_add_lit(&out, "before");
        assert_row(base64url_decode(str_c(cases[i].text), &out) == !str_is_nil(cases[i].bytes), i,
                   cases[i].text);
        assert_row(str_eq(str_skip(buf_str(&out), 6), cases[i].bytes), i, cases[i].text);
        buf_clear(&out);
        if (!str_is_nil(cases[i].bytes)) {
            base64url_encode(cases[i].bytes, &out);
            assert_str(buf_str(&out), cases[i].text);
        }
        buf_deinit(&out);
    }
}

/* RFC 4648, 10 */
static void test_base32_follows_the_vectors_without_padding(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "", "" },
        { "f", "MY" },
        { "fo", "MZXQ" },
        { "foo", "MZXW6" },
        { "foob", "MZXW6YQ" },
        { "fooba", "MZXW6YTB" },
        { "foobar", "MZXW6YTBOI" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        base32_encode(str_c(cases[i][0]), &out);
        assert_row(str_eq(buf_str(&out), str_c(cases[i][1])), i, cases[i][0]);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varint_round_trips_at_its_edges),
        cmocka_unit_test(test_varint_refuses_what_does_not_fit),
        cmocka_unit_test(test_fixed_widths_round_trip),
        cmocka_unit_test(test_failed_read_spoils_the_reader_for_good),
        cmocka_unit_test(test_strings_keep_nil_apart_from_empty),
        cmocka_unit_test(test_base64_is_strict_both_ways),
        cmocka_unit_test(test_base32_follows_the_vectors_without_padding),
        cmocka_unit_test(test_base64url_is_strict_both_ways),
        cmocka_unit_test(test_hex_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
