#include "store/rocks/segment.h"

#include "base/codec.h"
#include "base/file.h"
#include "store/rocks/rocks_testing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << BLOCK_SHIFT };
static const uint64_t salt = UINT64_C(0x1122334455667788);
static const struct account_id anna = { 7 };

/* A segment file in memory of records one behind the other, written to a file when it is read. */
struct bench {
    struct compressor_pool pool;
    struct compressor *c;
    struct buf file;
    int fd;
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    char path[] = "/tmp/loft-segment-XXXXXX";
    unsigned char head[SEGMENT_HEAD_BYTES];
    assert_non_null(b);
    compressor_pool_init(&b->pool);
    b->c = compressor_take(&b->pool);
    b->fd = mkstemp(path);
    assert_true(b->fd >= 0);
    unlink(path);
    segment_head_encode(3, salt, head);
    buf_add_bytes(&b->file, head, sizeof head);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    compressor_give(&b->pool, &b->c);
    compressor_pool_deinit(&b->pool);
    buf_deinit(&b->file);
    close(b->fd);
    free(b);
    return 0;
}

static struct place add(struct bench *b, enum codec codec, uint64_t id, struct str bytes)
{
    struct place p = { .segment = 3, .offset = b->file.n, .raw_bytes = bytes.n };
    record_encode(b->c, (struct packing){ codec, BLOCK_SHIFT }, anna, (struct blob_id){ id }, bytes,
                  &b->file);
    p.stored_bytes = load_u64(b->file.p + p.offset + 8);
    p.check = record_seal(b->file.p + p.offset, salt + p.offset);
    return p;
}

static void save(struct bench *b)
{
    assert_int_equal(ftruncate(b->fd, 0), 0);
    assert_int_equal(file_pwrite(b->fd, buf_str(&b->file), 0, NULL), 0);
}

static int read_part(struct bench *b, const struct place *p, uint64_t id, uint64_t offset, uint64_t length,
                     struct buf *out)
{
    struct err err = { 0 };
    int r = record_read(b->fd, "folder", salt, p, anna, (struct blob_id){ id }, offset, length, b->c, out,
                        &err);
    if (r == -ERR_CORRUPT)
        assert_non_null(strstr(err.text, "folder/0000000003.seg at offset"));
    return r;
}

static void test_every_part_reads_back_for_all_sizes_and_codecs(void **state)
{
    static const size_t sizes[] = { 0, 1, 7, 8, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17 };
    static const enum codec codecs[] = { CODEC_RAW, CODEC_LZ4, CODEC_ZSTD };
    struct bench *b = *state;
    struct buf bytes = BUF_INIT, out = BUF_INIT;
    for (size_t s = 0; s < ARRAY_COUNT(sizes); s++)
        for (size_t c = 0; c < ARRAY_COUNT(codecs); c++) {
            buf_clear(&bytes);
            fixture_text(&bytes, s + 1, sizes[s] / 2);
            fixture_noise(&bytes, s + 1, sizes[s] - sizes[s] / 2);
            struct place p = add(b, codecs[c], 9, buf_str(&bytes));
            assert_int_equal(b->file.n % RECORD_ALIGN, 0);
            save(b);
            const uint64_t offsets[] = {
                0, 1, sizes[s] / 2, sizes[s] ? sizes[s] - 1 : 0, sizes[s], sizes[s] + 5, BLOCK
            };
            const uint64_t lengths[] = { 0, 1, BLOCK, sizes[s], UINT64_MAX };
            for (size_t i = 0; i < ARRAY_COUNT(offsets); i++)
                for (size_t j = 0; j < ARRAY_COUNT(lengths); j++) {
                    buf_clear(&out);
                    buf_add_lit(&out, "before");
                    assert_int_equal(read_part(b, &p, 9, offsets[i], lengths[j], &out), 0);
                    struct str want = offsets[i] < sizes[s] ? str_sub(buf_str(&bytes), offsets[i], lengths[j])
                                                            : STR("");
                    assert_row(str_eq(str_skip(buf_str(&out), 6), want), s, "wrong part");
                }
        }
    buf_deinit(&bytes);
    buf_deinit(&out);
}

static void test_text_is_compressed_and_noise_is_not(void **state)
{
    struct bench *b = *state;
    struct buf bytes = BUF_INIT;
    fixture_noise(&bytes, 1, 100000);
    struct place noise = add(b, CODEC_LZ4, 1, buf_str(&bytes));
    assert_true(noise.stored_bytes == RECORD_HEAD_BYTES + BLOCK_ENTRY_BYTES + 100000);
    buf_clear(&bytes);
    fixture_text(&bytes, 1, 100000);
    struct place lz4 = add(b, CODEC_LZ4, 2, buf_str(&bytes)), zstd = add(b, CODEC_ZSTD, 3, buf_str(&bytes));
    assert_true(lz4.stored_bytes < 60000);
    assert_true(zstd.stored_bytes < 40000);
    buf_deinit(&bytes);
}

static void test_every_flipped_bit_is_noticed(void **state)
{
    struct bench *b = *state;
    struct buf bytes = BUF_INIT, out = BUF_INIT;
    fixture_text(&bytes, 5, 300);
    struct place p = add(b, CODEC_LZ4, 9, buf_str(&bytes));
    for (size_t i = 0; i < p.stored_bytes * 8; i++) {
        b->file.p[p.offset + i / 8] ^= (char)(1 << i % 8);
        save(b);
        buf_clear(&out);
        assert_row(read_part(b, &p, 9, 0, UINT64_MAX, &out) == -ERR_CORRUPT, i, "bit");
        assert_int_equal(out.n, 0);
        b->file.p[p.offset + i / 8] ^= (char)(1 << i % 8);
    }
    buf_deinit(&bytes);
    buf_deinit(&out);
}

static void test_a_record_cut_at_any_place_is_noticed(void **state)
{
    struct bench *b = *state;
    struct buf bytes = BUF_INIT, out = BUF_INIT;
    fixture_noise(&bytes, 5, 700);
    struct place p = add(b, CODEC_LZ4, 9, buf_str(&bytes));
    save(b);
    for (uint64_t n = p.stored_bytes; n-- > 0;) {
        assert_int_equal(ftruncate(b->fd, (off_t)(p.offset + n)), 0);
        assert_row(read_part(b, &p, 9, 0, UINT64_MAX, &out) == -ERR_CORRUPT, n, "bytes left");
        assert_int_equal(out.n, 0);
    }
    buf_deinit(&bytes);
    buf_deinit(&out);
}

static void test_damage_outside_of_the_part_does_not_matter(void **state)
{
    struct bench *b = *state;
    struct buf bytes = BUF_INIT, out = BUF_INIT;
    fixture_noise(&bytes, 5, 4 * BLOCK);
    struct place p = add(b, CODEC_RAW, 9, buf_str(&bytes));
    size_t third = p.offset + RECORD_HEAD_BYTES + 4 * BLOCK_ENTRY_BYTES + 2 * BLOCK;
    b->file.p[third + 5] ^= 1;
    save(b);
    assert_int_equal(read_part(b, &p, 9, 0, 2 * BLOCK, &out), 0);
    assert_int_equal(read_part(b, &p, 9, 3 * BLOCK, BLOCK, &out), 0);
    assert_int_equal(out.n, 3 * BLOCK);
    assert_int_equal(read_part(b, &p, 9, 2 * BLOCK - 1, 2, &out), -ERR_CORRUPT);
    assert_int_equal(out.n, 3 * BLOCK);
    buf_deinit(&bytes);
    buf_deinit(&out);
}

static void test_a_place_that_is_not_the_records_own_is_refused(void **state)
{
    struct bench *b = *state;
    struct buf out = BUF_INIT;
    struct place first = add(b, CODEC_LZ4, 1, STR("first")), second = add(b, CODEC_LZ4, 2, STR("other"));
    save(b);
    struct place wrong[] = { first, first, first, first, first, first };
    wrong[0].offset = second.offset;
    wrong[1].check++;
    wrong[2].raw_bytes++;
    wrong[3].stored_bytes++;
    wrong[4].offset += 8;
    wrong[5].raw_bytes = UINT64_MAX;
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_row(read_part(b, &wrong[i], 1, 0, UINT64_MAX, &out) == -ERR_CORRUPT, i, "place");
    assert_int_equal(read_part(b, &first, 2, 0, UINT64_MAX, &out), -ERR_CORRUPT); /* another blob's id */
    assert_int_equal(out.n, 0);
    buf_deinit(&out);
}

/* ---- walking ---- */

static void walk_finds(struct bench *b, const uint64_t *ids, size_t count, bool skipped)
{
    struct segment_walk w;
    struct record_head head;
    uint64_t offset;
    save(b);
    segment_walk_init(&w, b->fd, salt, b->file.n);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(segment_walk_next(&w, &head, &offset, NULL), 1);
        assert_row(head.blob.n == ids[i], i, "another record was found");
    }
    assert_int_equal(segment_walk_next(&w, &head, &offset, NULL), 0);
    assert_true((w.skipped_bytes > 0) == skipped);
    segment_walk_deinit(&w);
}

static void test_a_walk_finds_all_records(void **state)
{
    struct bench *b = *state;
    struct buf large = BUF_INIT;
    fixture_noise(&large, 1, 2 * BLOCK);
    add(b, CODEC_LZ4, 1, STR(""));
    add(b, CODEC_LZ4, 2, buf_str(&large));
    add(b, CODEC_LZ4, 3, STR("three"));
    walk_finds(b, (const uint64_t[]){ 1, 2, 3 }, 3, false);
    buf_deinit(&large);
}

static void test_a_walk_passes_over_holes_and_torn_records(void **state)
{
    struct bench *b = *state;
    struct buf body = BUF_INIT;
    fixture_noise(&body, 1, 5000);
    static const struct {
        const char *name;
        size_t from, n; /* of the second record, zeroed */
        uint64_t found[3];
        size_t count;
        bool skipped;
    } cases[] = {
        { "nothing was written", 0, 5072, { 1, 3 }, 2, false },
        { "the head is missing", 0, 64, { 1, 3 }, 2, true },
        { "the table is missing", 56, 16, { 1, 3 }, 2, true },
        { "the body is missing", 72, 4000, { 1, 2, 3 }, 3, false }, /* reading it tells */
        { "the end is missing", 100, 4900, { 1, 2, 3 }, 3, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        buf_clear(&b->file);
        memset(buf_reserve(&b->file, SEGMENT_HEAD_BYTES), 0, SEGMENT_HEAD_BYTES);
        b->file.n = SEGMENT_HEAD_BYTES;
        add(b, CODEC_LZ4, 1, STR("first"));
        struct place p = add(b, CODEC_LZ4, 2, buf_str(&body));
        add(b, CODEC_LZ4, 3, STR("third"));
        memset(b->file.p + p.offset + cases[i].from, 0, cases[i].n);
        print_message("%s\n", cases[i].name);
        walk_finds(b, cases[i].found, cases[i].count, cases[i].skipped);
    }
    buf_deinit(&body);
}

static void test_a_record_inside_a_message_is_not_believed(void **state)
{
    struct bench *b = *state, forged = { .file = BUF_INIT, .c = b->c };
    struct buf copy = BUF_INIT;
    /* Right in everything but the salt, which its author cannot know; and a copy of a true record,
     * at another place. */
    record_encode(b->c, (struct packing){ CODEC_RAW, BLOCK_SHIFT }, anna, (struct blob_id){ 66 },
                  STR("forged"), &forged.file);
    record_seal(forged.file.p, 0);
    struct place p = add(b, CODEC_RAW, 1, STR("true"));
    buf_add_bytes(&copy, b->file.p + p.offset, b->file.n - p.offset);
    buf_add(&forged.file, buf_str(&copy));
    struct place outer = add(b, CODEC_RAW, 2, buf_str(&forged.file));
    memset(b->file.p + outer.offset, 0, 16); /* the true head is lost, so the walk goes through the body */
    walk_finds(b, (const uint64_t[]){ 1 }, 1, true);
    buf_deinit(&forged.file);
    buf_deinit(&copy);
}

static void test_a_walk_ends_at_the_end_of_any_tail(void **state)
{
    struct bench *b = *state;
    add(b, CODEC_LZ4, 1, STR("first"));
    add(b, CODEC_LZ4, 2, STR("a second one that is cut"));
    size_t whole = b->file.n;
    for (size_t n = 1; n <= 24 + RECORD_HEAD_BYTES + BLOCK_ENTRY_BYTES; n++) {
        b->file.n = whole - n;
        struct segment_walk w;
        struct record_head head;
        uint64_t offset, found = 0;
        int r;
        save(b);
        segment_walk_init(&w, b->fd, salt, b->file.n);
        while ((r = segment_walk_next(&w, &head, &offset, NULL)) == 1)
            found++;
        assert_int_equal(r, 0);
        assert_row(found == 1, n, "bytes cut");
        segment_walk_deinit(&w);
    }
}

static void test_a_damaged_segment_head_is_refused(void **state)
{
    unsigned char head[SEGMENT_HEAD_BYTES];
    uint64_t number, got_salt;
    (void)state;
    segment_head_encode(3, salt, head);
    assert_int_equal(segment_head_decode(head, &number, &got_salt, NULL), 0);
    assert_true(number == 3 && got_salt == salt);
    for (size_t i = 0; i < sizeof head; i++) {
        head[i] ^= 0x10;
        assert_row(segment_head_decode(head, &number, &got_salt, NULL) == -ERR_CORRUPT, i, "byte");
        head[i] ^= 0x10;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_every_part_reads_back_for_all_sizes_and_codecs),
        TEST(test_text_is_compressed_and_noise_is_not),
        TEST(test_every_flipped_bit_is_noticed),
        TEST(test_a_record_cut_at_any_place_is_noticed),
        TEST(test_damage_outside_of_the_part_does_not_matter),
        TEST(test_a_place_that_is_not_the_records_own_is_refused),
        TEST(test_a_walk_finds_all_records),
        TEST(test_a_walk_passes_over_holes_and_torn_records),
        TEST(test_a_record_inside_a_message_is_not_believed),
        TEST(test_a_walk_ends_at_the_end_of_any_tail),
        cmocka_unit_test(test_a_damaged_segment_head_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
