#include "base/rand.h"
#include "base/testing.h"
#include "index/posting.h"

enum { UNIVERSE = 5000, FIELDS_MAX = 127 };

/* Which fields each document has, 0: not in the lists. */
static void make(struct rand_source *source, unsigned share, unsigned sets, unsigned *fields)
{
    for (uint32_t i = 0; i < UNIVERSE; i++)
        fields[i] = rand_below(source, 1000) < share ? 1 + (unsigned)rand_below(source, sets) : 0;
    if (share == 0) /* at least one */
        fields[rand_below(source, UNIVERSE)] = FIELDS_MAX;
    if (share == 1) /* neighbours */
        for (uint32_t i = 1000; i < 2000; i++)
            fields[i] = 3;
}

static void encode(struct posting_lists *lists, const unsigned *fields, struct buf *out)
{
    posting_lists_clear(lists);
    for (uint32_t i = 0; i < UNIVERSE; i++) /* the second half first: they are sorted */
        if (fields[(i + UNIVERSE / 2) % UNIVERSE])
            posting_lists_add(lists, fields[(i + UNIVERSE / 2) % UNIVERSE], (i + UNIVERSE / 2) % UNIVERSE);
    posting_encode(lists, out);
}

static void check(struct str bytes, const unsigned *fields, unsigned wanted)
{
    static unsigned found[UNIVERSE];
    struct posting_list list = { 0 };
    unsigned set;
    int r;
    memset(found, 0, sizeof found);
    while ((r = posting_next(&bytes, UNIVERSE, wanted, &list, &set, NULL)) > 0)
        for (size_t i = 0; i < list.count; i++) {
            assert_true(i == 0 || list.numbers[i] > list.numbers[i - 1]);
            assert_int_equal(found[list.numbers[i]], 0);
            found[list.numbers[i]] = set;
        }
    assert_int_equal(r, 0);
    for (uint32_t i = 0; i < UNIVERSE; i++)
        assert_int_equal(found[i], fields[i] & wanted ? fields[i] : 0);
    posting_list_deinit(&list);
}

static void test_posting_lists_come_back(void **state)
{
    static const unsigned shares[] = { 0, 1, 2, 10, 60, 200, 500, 900, 1000 }, sets[] = { 1, 2, FIELDS_MAX };
    static unsigned fields[UNIVERSE];
    struct rand_seeded source;
    struct posting_lists *lists = test_calloc(1, sizeof *lists);
    (void)state;
    rand_seeded_init(&source, 4);
    for (size_t i = 0; i < ARRAY_COUNT(shares); i++)
        for (size_t k = 0; k < ARRAY_COUNT(sets); k++) {
            struct buf bytes = BUF_INIT;
            make(&source.source, shares[i], sets[k], fields);
            encode(lists, fields, &bytes);
            check(buf_str(&bytes), fields, FIELDS_MAX);
            check(buf_str(&bytes), fields, 2);
            buf_deinit(&bytes);
        }
    posting_lists_deinit(lists);
    test_free(lists);
}

static void test_posting_lists_of_common_words_are_small(void **state)
{
    static const struct {
        unsigned share, bytes_max; /* of 1000 documents; of the list */
    } cases[] = { { 10, 60 }, { 100, 320 }, { 500, 640 }, { 1000, 8 } };
    static unsigned fields[UNIVERSE];
    struct rand_seeded source;
    struct posting_lists *lists = test_calloc(1, sizeof *lists);
    (void)state;
    rand_seeded_init(&source, 9);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf bytes = BUF_INIT;
        make(&source.source, cases[i].share, 1, fields);
        encode(lists, fields, &bytes);
        assert_row(bytes.n <= cases[i].bytes_max, i, "bytes");
        buf_deinit(&bytes);
    }
    posting_lists_deinit(lists);
    test_free(lists);
}

static void test_posting_refuses_what_is_damaged(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *what;
    } cases[] = {
        { "\x01", 1, "no count" },
        { "\x00\x00\x05", 3, "no fields" },
        { "\x01\x00\xc4\x13", 4, "a number that is 2500" },
        { "\x01\x08\x05\x01", 4, "one number is missing" },
        { "\x81\x00\x01\x05", 4, "another list is missing" },
        { "\x81\x00\x09\x05", 4, "a list that is longer than all" },
        { "\x01\x01\x05\x20", 4, "Rice with 32 bits" },
        { "\x01\x05\x05\x00\xff\xff", 6, "ones without an end" },
        { "\x01\x06\x05\x00\x00", 5, "bits that are not there" },
        { "\x01\xff\x7f\x05", 4, "a run beyond the documents" },
    };
    struct posting_list list = { 0 };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str bytes = str_make(cases[i].bytes, cases[i].n);
        unsigned fields;
        int r = 1;
        while (r > 0)
            r = posting_next(&bytes, 2500, FIELDS_MAX, &list, &fields, NULL);
        assert_row(r == -ERR_CORRUPT, i, cases[i].what);
    }
    posting_list_deinit(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posting_lists_come_back),
        cmocka_unit_test(test_posting_lists_of_common_words_are_small),
        cmocka_unit_test(test_posting_refuses_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
