#include "admin/mbox.h"

#include "base/testing.h"

enum { NOW_S = 1000 };

/* Every message as "date flag,flag <bytes>", one behind the other. */
static int describe(void *ctx, const struct mailfile_message *message, bool too_large, struct err *err)
{
    struct buf *out = ctx;
    (void)err;
    buf_printf(out, "%lld ", (long long)message->date_s);
    for (size_t i = 0; i < message->flag_count; i++)
        buf_printf(out, "%s" STR_FMT, i ? "," : "", STR_ARG(message->flags[i]));
    buf_add(out, too_large ? STR(" too large;") : STR(" <"));
    if (!too_large) {
        buf_add(out, message->bytes);
        buf_add_lit(out, ">;");
    }
    return 0;
}

static int read_pieces(struct str file, size_t piece, uint64_t bytes_max, struct buf *out)
{
    struct mbox_reader reader;
    struct err err;
    int r = 0;
    mbox_reader_init(&reader, bytes_max, NOW_S, describe, out);
    for (size_t at = 0; r == 0 && at < file.n; at += piece)
        r = mbox_feed(&reader, str_sub(file, at, piece), &err);
    if (r == 0)
        r = mbox_end(&reader, &err);
    mbox_reader_deinit(&reader);
    return r;
}

#define FROM "From a@b Thu Jan  1 00:00:05 1970\n"

static const struct {
    const char *file, *want; /* NULL: -ERR_SYNTAX */
} cases[] = {
    { "", "" },
    { "\n\n", "" },
    { "Subject: x\n\ny\n", NULL },
    { FROM "A: b\n\nx\n\n", "5  <A: b\r\n\r\nx\r\n>;" },
    { FROM "A: b\n\nx\n", "5  <A: b\r\n\r\nx\r\n>;" },
    { FROM "A: b\n\nx", "5  <A: b\r\n\r\nx>;" },
    { FROM "A: b\n\nx\n\n" FROM "C: d\n\n", "5  <A: b\r\n\r\nx\r\n>;5  <C: d\r\n>;" },
    { FROM "A: b\n\n\n\n", "5  <A: b\r\n\r\n\r\n>;" }, /* one empty line is the separator's */
    /* DOS line ends */
    { "From a@b Thu Jan  1 00:00:05 1970\r\nA: b\r\n\r\nx\r\n\r\n", "5  <A: b\r\n\r\nx\r\n>;" },
    /* mboxrd */
    { FROM "A: b\n\n>From x\n>>From y\n> From z\n>Fromage\n\n",
      "5  <A: b\r\n\r\nFrom x\r\n>From y\r\n> From z\r\n>Fromage\r\n>;" },
    /* A sentence is no separator: no empty line before it, or no date in it. */
    { FROM "A: b\n\nx\nFrom a@b Thu Jan  1 00:00:05 1970\ny\n\n",
      "5  <A: b\r\n\r\nx\r\nFrom a@b Thu Jan  1 00:00:05 1970\r\ny\r\n>;" },
    { FROM "A: b\n\nx\n\nFrom now on\n\n", "5  <A: b\r\n\r\nx\r\n\r\nFrom now on\r\n>;" },
    /* Flags, and fields that only an mbox has */
    { FROM "Status: RO\nA: b\nX-Status: AF\nX-Keywords: one  $Two\n\nx\n\n",
      "5 \\Seen,\\Answered,\\Flagged,one,$Two <A: b\r\n\r\nx\r\n>;" },
    { FROM "A: b\nStatus: O\n\nStatus: R\n\n", "5  <A: b\r\n\r\nStatus: R\r\n>;" },
    { FROM "X-Mozilla-Status: 0003\nA: b\n\n", "5 \\Seen,\\Answered <X-Mozilla-Status: 0003\r\nA: b\r\n>;" },
    { FROM "X-Mozilla-Status: 0009\nA: b\n\n", "" }, /* deleted, not yet cut out */
    /* Dates: From line, Received, Date, the file's */
    { "From -\nReceived: by x; Thu, 1 Jan 1970 00:00:07 +0000\nDate: Thu, 1 Jan 1970 00:00:09 +0000\n\n",
      "7  <Received: by x; Thu, 1 Jan 1970 00:00:07 +0000\r\nDate: Thu, 1 Jan 1970 00:00:09 +0000\r\n>;" },
    { "From -\nDate: Thu, 1 Jan 1970 00:00:09 +0000\n\n", "9  <Date: Thu, 1 Jan 1970 00:00:09 +0000\r\n>;" },
    { "From -\nA: b\n\n", "1000  <A: b\r\n>;" },
};

static void test_mbox_reads_messages_in_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str file = str_c(cases[i].file);
        for (size_t piece = 1; piece <= file.n + 1; piece++) {
            struct buf got = BUF_INIT;
            int r = read_pieces(file, piece, 1000, &got);
            assert_row(r == (cases[i].want ? 0 : -ERR_SYNTAX), i, cases[i].file);
            if (cases[i].want && !str_eq(buf_str(&got), str_c(cases[i].want)))
                print_error("pieces of %zu: got %s\n", piece, buf_c(&got));
            assert_row(!cases[i].want || str_eq(buf_str(&got), str_c(cases[i].want)), i, cases[i].file);
            buf_deinit(&got);
        }
    }
}

static void test_mbox_passes_over_what_is_too_large_and_goes_on(void **state)
{
    static const char file[] = FROM "A: b\n\n1234567890\n\n" FROM "C: d\n\n";
    (void)state;
    for (uint64_t max = 15; max <= 18; max++) { /* 17 bytes as they stand in the file */
        struct buf got = BUF_INIT;
        assert_int_equal(read_pieces(str_c(file), 7, max, &got), 0);
        assert_str(buf_str(&got), max < 17 ? "5  too large;5  <C: d\r\n>;"
                                           : "5  <A: b\r\n\r\n1234567890\r\n>;5  <C: d\r\n>;");
        buf_deinit(&got);
    }
}

static void test_mbox_passes_lines_longer_than_it_looks_at(void **state)
{
    (void)state;
    for (size_t n = MBOX_LINE_BYTES_MAX - 2; n <= MBOX_LINE_BYTES_MAX + 2; n++) {
        struct buf file = BUF_INIT, got = BUF_INIT;
        buf_add_lit(&file, FROM "A: b\n\n");
        for (size_t i = 0; i < n; i++)
            buf_add_char(&file, 'x');
        buf_add_lit(&file, "\n\n" FROM "C: d\n\n");
        assert_int_equal(read_pieces(buf_str(&file), 1000, 100000, &got), 0);
        assert_int_equal(got.n, n + sizeof("5  <A: b\r\n\r\n\r\n>;5  <C: d\r\n>;") - 1);
        buf_deinit(&file);
        buf_deinit(&got);
    }
}

static void test_mbox_gives_back_what_it_wrote(void **state)
{
    static const char *const bodies[] = { "A: b\r\n\r\nx\r\n", "A: b\r\n\r\nFrom x\r\n>From y\r\n\r\n\r\n",
                                          "A: b\r\n\r\n", "\r\nno header\r\n" };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
        struct mailfile_message message = { .bytes = str_c(bodies[i]), .date_s = 1600000000 };
        struct buf file = BUF_INIT, got = BUF_INIT, want = BUF_INIT;
        mailfile_add_flag(&message, STR("\\Seen"));
        mailfile_add_flag(&message, STR("\\Draft"));
        mailfile_add_flag(&message, STR("$Junk"));
        mbox_format(&message, &file);
        mbox_format(&message, &file);
        assert_int_equal(read_pieces(buf_str(&file), 5, 1000, &got), 0);
        for (int k = 0; k < 2; k++)
            buf_printf(&want, "1600000000 \\Seen,\\Draft,$Junk <%s>;", bodies[i]);
        assert_str(buf_str(&got), buf_c(&want));
        buf_deinit(&file);
        buf_deinit(&got);
        buf_deinit(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mbox_reads_messages_in_pieces_of_any_size),
        cmocka_unit_test(test_mbox_passes_over_what_is_too_large_and_goes_on),
        cmocka_unit_test(test_mbox_passes_lines_longer_than_it_looks_at),
        cmocka_unit_test(test_mbox_gives_back_what_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
