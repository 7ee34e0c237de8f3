#include "base/codec.h"
#include "base/testing.h"
#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/header.h"
#include "mime/text.h"

#include <stdlib.h>
#include <time.h>

/* RFC 9051, 6.4.5.1: the example of a complex message, with its part numbers as texts. */
static const char complex_message[] =
    "From: Anna <anna@example.org>\r\nTo: =?utf-8?Q?J=C3=B6rg?= <J@example.org>\r\nSubject: Re: [l] Hello\r\n"
    "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nMessage-ID: <m@x>\r\nIn-Reply-To: <i@x>\r\nReferences: <r1@x> "
    "<i@x>\r\n"
    "X-Odd: 1\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\n\r\np1\r\n"
    "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    "--c\r\n\r\np3.1\r\n--c\r\nContent-Type: application/x\r\n\r\np3.2\r\n--c--\r\n"
    "--b\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"
    "--d\r\nContent-Type: image/gif\r\n\r\np4.1\r\n"
    "--d\r\nContent-Type: message/rfc822\r\n\r\nSubject: single\r\n\r\np4.2.1\r\n--d--\r\n"
    "--b--\r\n";

struct record {
    struct buf meta, header;
    struct meta_view view;
};

static void make_record(struct record *r, struct str message)
{
    r->meta = r->header = BUF_INIT;
    assert_int_equal(mime_meta_build(message, NULL, &r->meta, &r->header, NULL), 0);
    assert_int_equal(mime_meta_view(buf_str(&r->meta), &r->view, NULL), 0);
}

static void free_record(struct record *r)
{
    buf_deinit(&r->meta);
    buf_deinit(&r->header);
}

static void test_sections_are_found_by_number(void **state)
{
    static const struct {
        uint32_t path[4];
        size_t count;
        enum section_kind kind;
        int r;
        const char *want;
    } cases[] = {
        { { 0 }, 0, SECTION_WHOLE, 0, complex_message },
        { { 1 }, 1, SECTION_WHOLE, 0, "p1" },
        { { 1 }, 1, SECTION_MIME, 0, "\r\n" },
        { { 2 }, 1, SECTION_WHOLE, 0, "YQ==" },
        { { 3 }, 1, SECTION_MIME, 0, "Content-Type: message/rfc822\r\n\r\n" },
        { { 3 },
          1,
          SECTION_HEADER,
          0,
          "Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" },
        { { 3 },
          1,
          SECTION_TEXT,
          0,
          "--c\r\n\r\np3.1\r\n--c\r\nContent-Type: application/x\r\n\r\np3.2\r\n--c--" },
        { { 3, 1 }, 2, SECTION_WHOLE, 0, "p3.1" },
        { { 3, 2 }, 2, SECTION_WHOLE, 0, "p3.2" },
        { { 4, 1 }, 2, SECTION_MIME, 0, "Content-Type: image/gif\r\n\r\n" },
        { { 4, 2 }, 2, SECTION_HEADER, 0, "Subject: single\r\n\r\n" },
        { { 4, 2 }, 2, SECTION_WHOLE, 0, "Subject: single\r\n\r\np4.2.1" },
        { { 4, 2, 1 }, 3, SECTION_WHOLE, 0, "p4.2.1" },
        { { 4, 2, 1 }, 3, SECTION_MIME, 0, "Subject: single\r\n\r\n" },
        { { 0 }, 0, SECTION_MIME, -ERR_NOT_FOUND, NULL },
        { { 0 }, 1, SECTION_WHOLE, -ERR_NOT_FOUND, NULL },
        { { 5 }, 1, SECTION_WHOLE, -ERR_NOT_FOUND, NULL },
        { { 1, 1 }, 2, SECTION_WHOLE, -ERR_NOT_FOUND, NULL },
        { { 1 }, 1, SECTION_HEADER, -ERR_NOT_FOUND, NULL },
        { { 4 }, 1, SECTION_TEXT, -ERR_NOT_FOUND, NULL },
        { { 4, 2, 2 }, 3, SECTION_WHOLE, -ERR_NOT_FOUND, NULL },
        { { 4, 2, 1, 1 }, 4, SECTION_WHOLE, -ERR_NOT_FOUND, NULL },
    };
    struct record record;
    struct section s;
    (void)state;
    make_record(&record, str_c(complex_message));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int r = meta_find_section(&record.view, cases[i].path, cases[i].count, cases[i].kind, &s, NULL);
        assert_row(r == cases[i].r, i, cases[i].want ? cases[i].want : "no such part");
        if (r == 0)
            assert_row(str_eq(str_make(complex_message + s.offset, s.length), str_c(cases[i].want)), i,
                       cases[i].want);
    }
    assert_int_equal(meta_find_section(&record.view, (uint32_t[]){ 2 }, 1, SECTION_WHOLE, &s, NULL), 0);
    assert_int_equal(s.part.transfer, TRANSFER_BASE64);
    free_record(&record);
}

static void test_meta_tells_what_sort_and_thread_need(void **state)
{
    struct record r;
    (void)state;
    make_record(&r, str_c(complex_message));
    assert_str(r.view.subject, "hello");
    assert_str(r.view.from, "anna");
    assert_str(r.view.display_from, "anna");
    assert_str(r.view.to, "j");
    struct buf joerg = BUF_INIT;
    utf8_fold(STR("J\xc3\xb6rg"), &joerg);
    assert_true(str_eq(r.view.display_to, buf_str(&joerg)));
    buf_deinit(&joerg);
    assert_str(r.view.cc, "");
    assert_str(r.view.preview, "p1");
    assert_int_equal(r.view.sent_s, 837595405);
    assert_int_equal(r.view.zone_minutes, -420);
    assert_int_equal(r.view.flags, META_HAS_DATE | META_HAS_ATTACHMENT | META_IS_REPLY | META_HAS_BLANK);
    assert_true(r.view.message_id_hash == meta_hash_id(STR("<m@x>")));
    assert_true(meta_hash_id(STR("<\"a\"@b>")) == meta_hash_id(STR("a@b")));
    assert_int_equal(r.view.in_reply_to_count, 1);
    assert_int_equal(r.view.reference_count, 2);
    assert_true(meta_in_reply_to(&r.view, 0) == meta_hash_id(STR("i@x")));
    assert_true(meta_reference(&r.view, 0) == meta_hash_id(STR("r1@x")));
    assert_true(meta_reference(&r.view, 1) == meta_hash_id(STR("i@x")));
    assert_true(str_starts(r.view.envelope, STR("(\"Wed, 17 Jul 1996")));
    assert_true(str_ends(r.view.bodystructure, STR("\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)")));
    assert_true(str_ends(r.view.body, STR("\"mixed\")")));
    free_record(&r);
}

static size_t count_references(size_t sent)
{
    struct buf in = BUF_INIT;
    struct record r;
    buf_add_lit(&in, "References:");
    for (size_t i = 0; i < sent; i++)
        buf_printf(&in, " <%zu@x>\r\n", i);
    buf_add_lit(&in, "\r\n");
    make_record(&r, buf_str(&in));
    size_t count = r.view.reference_count;
    char last[32];
    snprintf(last, sizeof last, "%zu@x", sent - 1);
    assert_true(meta_reference(&r.view, count - 1) == meta_hash_id(str_c(last)));
    buf_deinit(&in);
    free_record(&r);
    return count;
}

static void test_meta_keeps_the_newest_references(void **state)
{
    (void)state;
    assert_int_equal(count_references(META_REFERENCES_MAX - 1), META_REFERENCES_MAX - 1);
    assert_int_equal(count_references(META_REFERENCES_MAX), META_REFERENCES_MAX);
    assert_int_equal(count_references(META_REFERENCES_MAX + 1), META_REFERENCES_MAX);
}

static void test_damaged_records_are_refused(void **state)
{
    struct record r;
    struct meta_view view;
    struct section s;
    (void)state;
    make_record(&r, str_c(complex_message));
    for (size_t n = 0; n < r.meta.n; n++)
        assert_int_equal(mime_meta_view(str_make(r.meta.p, n), &view, NULL), -ERR_CORRUPT);
    for (size_t i = 0; i < r.meta.n; i++) /* whatever one wrong byte does, nobody reads outside */
        for (int bit = 0; bit < 8; bit++) {
            struct meta_part part;
            r.meta.p[i] = (char)(r.meta.p[i] ^ 1 << bit);
            if (mime_meta_view(buf_str(&r.meta), &view, NULL) == 0) {
                struct meta_part_reader parts = meta_each_part(&view);
                while (meta_next_part(&parts, &part, NULL) == 1)
                    assert_true(part.body_offset + part.body_bytes <= view.message_bytes);
                if (meta_find_section(&view, (uint32_t[]){ 4, 2, 1 }, 3, SECTION_WHOLE, &s, NULL) == 0)
                    assert_true(s.offset + s.length <= view.message_bytes);
            }
            r.meta.p[i] = (char)(r.meta.p[i] ^ 1 << bit);
        }
    free_record(&r);
}

static void test_header_record_answers_header_fields(void **state)
{
    const struct str known[] = { STR("subject"), STR("FROM"), STR("X-Spam-Status"), STR("List-Id") };
    const struct str unknown[] = { STR("Subject"), STR("X-Odd") };
    struct record r;
    struct buf out = BUF_INIT;
    struct arena arena = ARENA_INIT;
    (void)state;
    make_record(&r, str_c(complex_message));
    const struct header_names names = header_names_make(known, 4, &arena);
    struct meta_kept kept;
    assert_true(mime_header_record_keeps(known, 4, &kept));
    assert_false(mime_header_record_keeps(unknown, 2, NULL));
    assert_int_equal(mime_header_record_fields(STR("x"), &names, &kept, &out, NULL), -ERR_CORRUPT);
    assert_int_equal(mime_header_record_fields(buf_str(&r.header), &names, &kept, &out, NULL), 1);
    assert_str(buf_str(&out), "From: Anna <anna@example.org>\r\nSubject: Re: [l] Hello\r\n\r\n");
    buf_deinit(&out);
    arena_deinit(&arena);
    free_record(&r);
}

/* As header records were before they had a table. */
static void make_version_1(struct buf *record)
{
    size_t table_n = 1 + 3 * (size_t)(unsigned char)record->p[2];
    assert_int_equal(record->p[0], 2);
    record->p[0] = 1;
    memmove(record->p + 2, record->p + 2 + table_n, record->n - 2 - table_n);
    record->n -= table_n;
}

/* With a table and without, whatever is asked for. */
static void test_header_records_of_both_versions_answer_alike(void **state)
{
    (void)state;
    static const char message[] = "Received: x\r\nFROM: a\r\n b\r\nX-Odd: 1\r\nfrom : c\r\nList-Id: "
                                  "<l>\r\nList-Post: p\r\nX-Spam-Flag: NO\r\n"
                                  "Subject:\r\nAutocrypt: k\n\r\nbody";
    static const struct {
        const char *names[3];
        const char *fields;
    } cases[] = {
        { { "from" }, "FROM: a\r\n b\r\nfrom : c\r\n\r\n" },
        { { "List-Post", "subject" }, "List-Post: p\r\nSubject:\r\n\r\n" },
        { { "List-Nothing" }, "\r\n" },
        { { "x-spam-flag", "LIST-ID", "autocrypt" },
          "List-Id: <l>\r\nX-Spam-Flag: NO\r\nAutocrypt: k\n\r\n" },
        { { "Date" }, "\r\n" },
    };
    struct record r;
    make_record(&r, str_c(message));
    for (int version = 2; version >= 1; version--) {
        for (size_t row = 0; row < ARRAY_COUNT(cases); row++) {
            struct arena arena = ARENA_INIT;
            struct buf out = BUF_INIT;
            struct str names[3], fields;
            struct meta_kept kept;
            size_t n = 0;
            bool too_large;
            for (; n < 3 && cases[row].names[n]; n++)
                names[n] = str_c(cases[row].names[n]);
            const struct header_names set = header_names_make(names, n, &arena);
            assert_row(mime_header_record_keeps(names, n, &kept), row, "kept");
            assert_row(mime_header_record_fields(buf_str(&r.header), &set, &kept, &out, NULL) == 1, row,
                       "covers");
            assert_row(str_eq(buf_str(&out), str_c(cases[row].fields)), row, cases[row].names[0]);
            assert_int_equal(mime_header_record_view(buf_str(&r.header), &fields, &too_large, NULL), 0);
            assert_true(str_starts(fields, STR("FROM: a\r\n b\r\nfrom : c\r\n")));
            buf_deinit(&out);
            arena_deinit(&arena);
        }
        if (version == 2)
            make_version_1(&r.header);
    }
    free_record(&r);
}

static void test_damaged_header_records_are_refused(void **state)
{
    (void)state;
    struct record r;
    struct buf out = BUF_INIT;
    const struct header_names none = { .count = 0 };
    const struct meta_kept all = { .names = UINT64_MAX, .others = true };
    make_record(&r, STR("From: a\r\nList-Id: b\r\nTo: c\r\n\r\n"));
    size_t table_end = 3 + 3 * 3;
    for (size_t n = 0; n < r.header.n; n++) {
        char *copy = malloc(n + 1); /* so that a reader outside is seen */
        assert_non_null(copy);
        memcpy(copy, r.header.p, n);
        struct str fields;
        bool too_large;
        assert_int_equal(mime_header_record_view(str_make(copy, n), &fields, &too_large, NULL),
                         n < table_end ? -ERR_CORRUPT : 0);
        assert_int_equal(mime_header_record_fields(str_make(copy, n), &none, &all, &out, NULL), -ERR_CORRUPT);
        free(copy);
    }
    assert_int_equal(out.n, 0);
    for (size_t i = 0; i < table_end; i++)
        for (int bit = 0; bit < 8; bit++) {
            r.header.p[i] = (char)(r.header.p[i] ^ 1 << bit);
            int covers = mime_header_record_fields(buf_str(&r.header), &none, &all, &out, NULL);
            assert_true(covers == 1 || covers == 0 || covers == -ERR_CORRUPT);
            r.header.p[i] = (char)(r.header.p[i] ^ 1 << bit);
        }
    buf_deinit(&out);
    free_record(&r);
}

static void test_many_fields_have_no_table(void **state)
{
    (void)state;
    for (size_t count = 255; count <= 256; count++) {
        struct buf in = BUF_INIT, out = BUF_INIT;
        struct arena arena = ARENA_INIT;
        struct record r;
        const struct str name = STR("to");
        struct meta_kept kept;
        for (size_t i = 0; i < count; i++)
            buf_printf(&in, "To: %zu\r\n", i);
        buf_add_lit(&in, "\r\n");
        make_record(&r, buf_str(&in));
        const struct header_names names = header_names_make(&name, 1, &arena);
        assert_true(mime_header_record_keeps(&name, 1, &kept));
        assert_int_equal(r.header.p[0], count == 255 ? 2 : 1);
        assert_int_equal(mime_header_record_fields(buf_str(&r.header), &names, &kept, &out, NULL), 1);
        assert_true(str_eq(buf_str(&out), buf_str(&in)));
        buf_deinit(&in);
        buf_deinit(&out);
        arena_deinit(&arena);
        free_record(&r);
    }
}

static int record_covers(size_t field_bytes)
{
    struct buf in = BUF_INIT;
    struct record r;
    const struct str name = STR("to");
    buf_add_lit(&in, "To: ");
    memset(buf_reserve(&in, field_bytes), 'x', field_bytes);
    in.n = field_bytes - 1;
    buf_add_lit(&in, "\n\n");
    make_record(&r, buf_str(&in));
    struct buf out = BUF_INIT;
    struct arena arena = ARENA_INIT;
    const struct header_names names = header_names_make(&name, 1, &arena);
    struct meta_kept kept;
    assert_true(mime_header_record_keeps(&name, 1, &kept));
    int covers = mime_header_record_fields(buf_str(&r.header), &names, &kept, &out, NULL);
    buf_deinit(&out);
    arena_deinit(&arena);
    buf_deinit(&in);
    free_record(&r);
    return covers;
}

static void test_header_record_leaves_out_what_is_too_large(void **state)
{
    (void)state;
    assert_int_equal(record_covers(META_HEADER_BYTES_MAX - 1), 1);
    assert_int_equal(record_covers(META_HEADER_BYTES_MAX), 1);
    assert_int_equal(record_covers(META_HEADER_BYTES_MAX + 1), 0);
}

static void test_previews_show_the_text(void **state)
{
    static const struct {
        const char *in, *preview;
    } cases[] = {
        { "A: b\n\n  Hello \n\n  world \n", "Hello world" },
        { "Content-Type: text/html\n\n<style>x</style><p>Hi <b>you</b> &amp; me", "Hi you & me" },
        { "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
          "quoted-printable\n\nJ=F6=\nrg",
          "J\xc3\xb6rg" },
        { "Content-Type: image/gif\n\nGIF", "" },
        { "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n \n--b\nContent-Type: "
          "text/html\n\n<p>html\n--b--",
          "html" },
        { "A: b\n\na\xe2\x80\x8b\xc2\xa0\xef\xbb\xbf b", "a b" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct record r;
        make_record(&r, str_c(cases[i].in));
        assert_row(str_eq(r.view.preview, str_c(cases[i].preview)), i, cases[i].in);
        free_record(&r);
    }
}

struct find {
    struct str needle;
    size_t pieces;
};

static int find_needle(void *ctx, const struct text_piece *piece)
{
    struct find *find = ctx;
    find->pieces++;
    return str_find(piece->text, find->needle) >= 0;
}

static void test_text_is_found_where_a_person_would_see_it(void **state)
{
    static const struct {
        const char *needle;
        unsigned scope;
        int r;
    } cases[] = {
        { "p3.2", TEXT_BODY, 0 }, /* application/x is no text */
        { "p3.1", TEXT_BODY, 1 },           { "p4.2.1", TEXT_BODY, 1 },
        { "subject: inner", TEXT_BODY, 1 }, { "image/gif", TEXT_BODY, 1 },
        { "j\xc3\xb6rg", TEXT_BODY, 0 },    { "j\xc3\xb6rg", TEXT_HEADER | TEXT_BODY, 1 },
        { "x-odd: 1", TEXT_HEADER, 1 },     { "p1", TEXT_HEADER, 0 },
    };
    struct charset_cache *cache = charset_cache_new();
    struct record r;
    (void)state;
    make_record(&r, str_c(complex_message));
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf needle = BUF_INIT;
        utf8_fold(str_c(cases[i].needle), &needle);
        struct find find = { buf_str(&needle), 0 };
        int found = mime_text_each(str_c(complex_message), &r.view, cases[i].scope, 10,
                                   COLLATION_UNICODE_CASEMAP, cache, find_needle, &find, NULL);
        buf_deinit(&needle);
        assert_row(found == cases[i].r, i, cases[i].needle);
    }
    struct find find = { STR("x"), 0 };
    assert_int_equal(mime_text_each(STR("other"), &r.view, TEXT_BODY, 0, COLLATION_UNICODE_CASEMAP, cache,
                                    find_needle, &find, NULL),
                     -ERR_CORRUPT);
    free_record(&r);
    charset_cache_free(&cache);
}

static void test_text_needles_are_found_across_pieces(void **state)
{
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        struct buf in = BUF_INIT;
        struct record r;
        buf_add_lit(&in, "A: b\n\n");
        size_t n = TEXT_PIECE_BYTES - shift;
        memset(buf_reserve(&in, n), '.', n);
        in.n += n;
        buf_add_lit(&in, "NEEDLE...");
        make_record(&r, buf_str(&in));
        struct find find = { STR("needle"), 0 };
        assert_int_equal(mime_text_each(buf_str(&in), &r.view, TEXT_BODY, 5, COLLATION_UNICODE_CASEMAP, cache,
                                        find_needle, &find, NULL),
                         1);
        buf_deinit(&in);
        free_record(&r);
    }
    charset_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_are_found_by_number),
        cmocka_unit_test(test_meta_tells_what_sort_and_thread_need),
        cmocka_unit_test(test_meta_keeps_the_newest_references),
        cmocka_unit_test(test_damaged_records_are_refused),
        cmocka_unit_test(test_header_record_answers_header_fields),
        cmocka_unit_test(test_header_records_of_both_versions_answer_alike),
        cmocka_unit_test(test_damaged_header_records_are_refused),
        cmocka_unit_test(test_many_fields_have_no_table),
        cmocka_unit_test(test_header_record_leaves_out_what_is_too_large),
        cmocka_unit_test(test_previews_show_the_text),
        cmocka_unit_test(test_text_is_found_where_a_person_would_see_it),
        cmocka_unit_test(test_text_needles_are_found_across_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
