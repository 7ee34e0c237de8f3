#include "base/testing.h"
#include "mime/text.h"

/* Each piece as a line: whose it is, "+" where it goes on with a text, the field's name, what is before the value, "|" and the rest. */
static int write_piece(void *ctx, const struct text_piece *piece)
{
    struct buf *out = ctx;
    buf_add_char(out, piece->from == TEXT_HEADER ? 'H' : 'B');
    buf_add_char(out, piece->begins ? ' ' : '+');
    buf_add(out, piece->name);
    buf_add_char(out, ' ');
    buf_add(out, str_sub(piece->text, 0, piece->value_at));
    buf_add_char(out, '|');
    buf_add(out, str_skip(piece->text, piece->value_at));
    buf_add_char(out, '\n');
    return 0;
}

static int read_from(void *ctx, uint64_t offset, uint64_t length, struct buf *out, struct err *err)
{
    const struct str *message = ctx;
    (void)err;
    assert_true(offset + length <= message->n);
    buf_add(out, str_sub(*message, (size_t)offset, (size_t)length));
    return 0;
}

static int read_short(void *ctx, uint64_t offset, uint64_t length, struct buf *out, struct err *err)
{
    return read_from(ctx, offset, length - 1, out, err);
}

/* The same, of a message that is read as it is needed. */
static void check_windows(struct str message, const struct meta_view *view, struct charset_cache *cache,
                          struct str told)
{
    struct text_reader reader;
    struct text_piece piece;
    struct buf out = BUF_INIT;
    int r;
    text_reader_init_from(&reader, read_from, &message, view, TEXT_HEADER | TEXT_BODY, 0,
                          COLLATION_UNICODE_CASEMAP, cache);
    while ((r = text_reader_next(&reader, &piece, NULL)) == 1) {
        write_piece(&out, &piece);
        assert_true(reader.window.n <= TEXT_WINDOW_BYTES || reader.window.n == reader.part.header_bytes);
    }
    assert_int_equal(r, 0);
    text_reader_deinit(&reader);
    assert_true(str_eq(buf_str(&out), told));
    buf_deinit(&out);
}

static void tell(struct str message, struct buf *out)
{
    struct charset_cache *cache = charset_cache_new();
    struct buf meta = BUF_INIT, header = BUF_INIT;
    struct meta_view view;
    assert_int_equal(mime_meta_build(message, cache, &meta, &header, NULL), 0);
    assert_int_equal(mime_meta_view(buf_str(&meta), &view, NULL), 0);
    assert_int_equal(mime_text_each(message, &view, TEXT_HEADER | TEXT_BODY, 0, COLLATION_UNICODE_CASEMAP,
                                    cache, write_piece, out, NULL),
                     0);
    check_windows(message, &view, cache, buf_str(out));
    buf_deinit(&meta);
    buf_deinit(&header);
    charset_cache_free(&cache);
}

static void test_each_text_is_told_with_its_field(void **state)
{
    static const struct {
        const char *message, *told;
    } cases[] = {
        { "Subject: Hi  There\r\n\r\nBody\r\n", "H Subject subject: |hi  there\nB  |body\r\n\n" },
        { "X-A:\r\n\r\n", "H X-A x-a: |\n" },
        { "Subject: =?utf-8?Q?=C3=84?=\n\nx", "H Subject subject: |a\xcc\x88\nB  |x\n" },
        /* the file name of an attachment, and of the message itself, in the forms that senders use */
        { "Content-Disposition: attachment; filename*=utf-8''A%C3%9Fb.pdf\nContent-Type: a/b\n\nx",
          "H Content-Disposition content-disposition: |attachment; filename*=utf-8''a%c3%9fb.pdf\n"
          "H Content-Disposition |assb.pdf\n"
          "H Content-Type content-type: |a/b\n" },
        { "Content-Type: a/b; name*0=\"one \";\n name*1=\"two.doc\"\n\nx",
          "H Content-Type content-type: |a/b; name*0=\"one \"; name*1=\"two.doc\"\nH Content-Type |one "
          "two.doc\n" },
        { "Content-Type: a/b; name*0=\"=?utf-8?Q?o\";\n name*1=\"ne?=\"\n\nx",
          "H Content-Type content-type: |a/b; name*0=\"o\"; name*1=\"ne\"\nH Content-Type "
          "|one\n" },
        { "Content-Type: a/b; name=\"a\\\"b\"\n\nx",
          "H Content-Type content-type: |a/b; name=\"a\\\"b\"\nH Content-Type |a\"b\n" },
        { "Content-Type: a/b; name=\"=?utf-8?Q?one?=\"\n\nx",
          "H Content-Type content-type: |a/b; name=\"one\"\n" },
        { "Content-Type: a/b; filename*=''x\nX-File: name*=''x\n\nx",
          "H Content-Type content-type: |a/b; filename*=''x\nH X-File x-file: |name*=''x\n" },
        /* parts, and messages in messages, are BODY all told */
        { "Content-Type: multipart/mixed; boundary=b\n\nno\n--b\n\none\n--b\n"
          "Content-Type: text/html\n\n<p>Two<p>\n--b\n"
          "Content-Type: a/b; name*=''N%20m\n\nno\n--b\n"
          "Content-Type: message/rfc822\n\nSubject: In\n\nside\n--b--\nno\n",
          "H Content-Type content-type: |multipart/mixed; boundary=b\nB  |one\n"
          "B Content-Type content-type: |text/html\nB  |two \n"
          "B Content-Type content-type: |a/b; name*=''n%20m\nB Content-Type |n m\n"
          "B Content-Type content-type: |message/rfc822\nB Subject subject: |in\nB  |side\n" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        tell(str_c(cases[i].message), &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].told)))
            print_error("got\n%swanted\n%s", buf_c(&out), cases[i].told);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].told)), i, cases[i].message);
        buf_deinit(&out);
    }
}

static void test_a_long_text_goes_on_in_further_pieces(void **state)
{
    struct buf message = BUF_INIT, out = BUF_INIT;
    (void)state;
    buf_add_lit(&message, "A: b\n\n");
    memset(buf_reserve(&message, TEXT_PIECE_BYTES), 'X', TEXT_PIECE_BYTES);
    message.n += TEXT_PIECE_BYTES;
    buf_add_lit(&message, "Y");
    tell(buf_str(&message), &out);
    assert_true(str_starts(buf_str(&out), STR("H A a: |b\nB  |xxx")));
    assert_true(str_ends(buf_str(&out), STR("xxx\nB+ |y\n")));
    buf_deinit(&message);
    buf_deinit(&out);
}

/* Larger than a window, with a part that begins far behind, and a header that is larger than one. */
static void test_a_large_message_is_read_in_windows(void **state)
{
    struct buf message = BUF_INIT, out = BUF_INIT;
    (void)state;
    buf_add_lit(&message, "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n");
    for (int i = 0; i < 60000; i++)
        buf_printf(&message, "line %d\n", i);
    buf_add_lit(&message, "--b\nContent-Type: text/html\nX-Long: ");
    for (int i = 0; i < 60000; i++)
        buf_printf(&message, " word %d\n", i);
    buf_add_lit(&message, "\n<b>needle</b>\n--b--\n");
    tell(buf_str(&message), &out);
    assert_true(str_find(buf_str(&out), STR("line 59999")) > 0);
    assert_true(str_find(buf_str(&out), STR("needle")) > 0);
    buf_deinit(&message);
    buf_deinit(&out);
}

static void test_a_message_that_is_too_short_is_damaged(void **state)
{
    struct charset_cache *cache = charset_cache_new();
    struct buf meta = BUF_INIT, header = BUF_INIT;
    struct meta_view view;
    struct text_reader reader;
    struct text_piece piece;
    struct str message = STR("A: b\n\nbody\n");
    (void)state;
    assert_int_equal(mime_meta_build(message, cache, &meta, &header, NULL), 0);
    assert_int_equal(mime_meta_view(buf_str(&meta), &view, NULL), 0);
    view.message_bytes++;
    message = str_make("A: b\n\nbody\n!", 13);
    text_reader_init_from(&reader, read_short, &message, &view, TEXT_BODY, 0, COLLATION_UNICODE_CASEMAP,
                          cache);
    assert_int_equal(text_reader_next(&reader, &piece, NULL), -ERR_CORRUPT);
    text_reader_deinit(&reader);
    buf_deinit(&meta);
    buf_deinit(&header);
    charset_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_text_is_told_with_its_field),
        cmocka_unit_test(test_a_long_text_goes_on_in_further_pieces),
        cmocka_unit_test(test_a_large_message_is_read_in_windows),
        cmocka_unit_test(test_a_message_that_is_too_short_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
