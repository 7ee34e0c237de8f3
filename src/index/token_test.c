#include "base/buf.h"
#include "base/testing.h"
#include "index/token.h"

#include <string.h>

static void join(void *ctx, struct str token)
{
    struct buf *out = ctx;
    buf_add(out, token);
    buf_add_char(out, '|');
}

static void cut(struct str text, size_t piece, struct buf *out)
{
    struct index_tokens t;
    buf_clear(out);
    index_tokens_begin(&t, join, out);
    for (size_t at = 0; at < text.n;) {
        size_t n = piece < text.n - at ? piece : text.n - at;
        while (at + n < text.n && ((unsigned char)text.p[at + n] & 0xc0) == 0x80)
            n++; /* never within a code point */
        index_tokens_feed(&t, str_sub(text, at, n));
        at += n;
    }
    index_tokens_end(&t);
}

#define HAN "\xe6\xbc\xa2"
#define JI  "\xe5\xad\x97"

static void test_tokens_are_the_same_however_a_text_is_cut(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "" },
        { "--", "" },
        { "one, two", "one|two|" },
        { "na\xc3\xafve caf\xc3\xa9", "na\xc3\xafve|caf\xc3\xa9|" },
        { HAN, HAN "|" },
        { HAN JI, HAN JI "|" JI "|" },
        { "a" HAN JI HAN "b", "a|" HAN JI "|" JI HAN "|" HAN "|b|" },
    };
    struct buf out = BUF_INIT;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        for (size_t piece = 1; piece < 120; piece++) {
            cut(str_c(cases[i].in), piece, &out);
            assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, buf_c(&out));
        }
    buf_deinit(&out);
}

static void check_token(void *ctx, struct str token)
{
    struct buf *out = ctx;
    assert_true(token.n > 0 && token.n <= INDEX_TOKEN_BYTES_MAX);
    join(out, token);
}

/* Every piece of a run, up to the length that is answered exactly, lies within one token. */
static void test_tokens_hold_every_short_piece_of_a_long_run(void **state)
{
    char run[3 * INDEX_TOKEN_BYTES_MAX];
    struct buf out = BUF_INIT;
    (void)state;
    for (size_t i = 0; i < sizeof run; i++)
        run[i] = (char)('a' + (i * i / 7 + i) % 26);
    for (size_t n = INDEX_TOKEN_BYTES_MAX - 2; n <= sizeof run; n += n % 5 + 1) {
        struct str text = str_make(run, n);
        struct index_tokens t;
        buf_clear(&out);
        index_tokens_begin(&t, check_token, &out);
        index_tokens_feed(&t, str_sub(text, 0, n / 3));
        index_tokens_feed(&t, str_skip(text, n / 3));
        index_tokens_end(&t);
        for (size_t at = 0; at < n; at += at % 3 + 1)
            assert_true(str_find(buf_str(&out), str_sub(text, at, INDEX_WORD_BYTES_MAX)) >= 0);
        assert_true(str_starts(
            text, str_sub(buf_str(&out), 0, n < INDEX_TOKEN_BYTES_MAX ? n : INDEX_TOKEN_BYTES_MAX)));
    }
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_are_the_same_however_a_text_is_cut),
        cmocka_unit_test(test_tokens_hold_every_short_piece_of_a_long_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
