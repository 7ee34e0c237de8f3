#include "base/codec.h"
#include "base/testing.h"
#include "mail/thread_tree.h"

#include <stdlib.h>
#include <string.h>

/* One message: "id [<refs] [^in-reply-to] [=subject] [!reply] [@sent] [~internal]", words apart by spaces; ids are letters,
 * several references "abc" are a, b and c, oldest first; "-" is no id. Without dates a message was sent and came in at its number. */
static void add_message(struct thread_input *in, const char *text, uint32_t number)
{
    struct message row = { .uid = number, .internal_date_s = number };
    struct meta_view view = { .flags = 0, .subject = STR("") };
    char hashes[8 * 32], copy[200];
    const char *replies = "", *references = "";
    snprintf(copy, sizeof copy, "%s", text);
    for (char *rest, *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        switch (word[0]) {
        case '<':
            references = word + 1;
            break;
        case '^':
            replies = word + 1;
            break;
        case '=':
            view.subject = str_c(word + 1);
            break;
        case '!':
            view.flags |= META_IS_REPLY;
            break;
        case '@':
            view.flags |= META_HAS_DATE, view.sent_s = atoi(word + 1);
            break;
        case '~':
            row.internal_date_s = atoi(word + 1);
            break;
        case '-':
            break;
        default:
            view.message_id_hash = (uint64_t)word[0];
        }
    }
    for (; *replies; replies++)
        store_u64(hashes + 8 * view.in_reply_to_count++, (uint64_t)*replies);
    for (; *references; references++)
        store_u64(hashes + 8 * (view.in_reply_to_count + view.reference_count++), (uint64_t)*references);
    view.hashes = hashes;
    size_t missing = in->missing_count;
    thread_input_add(in, number, &row);
    if (in->missing_count > missing)
        thread_input_take_meta(in, (uint32_t)missing, &view);
}

static void write_all(const struct thread_tree *tree, size_t piece, struct buf *out)
{
    struct thread_writer w = thread_writer_make(tree);
    while (thread_writer_next(&w, out, piece))
        ;
}

struct thread_case {
    const char *what;
    const char *messages[12];
    const char *threads;
};

/* With the keys known of those among the first twelve messages whose bit is set. */
static void check_with(enum thread_algorithm algorithm, const struct thread_case *c, size_t row,
                       unsigned known_bits)
{
    struct key_cache *cache = key_cache_new(1 << 20);
    struct thread_input in;
    struct thread_tree tree;
    struct buf whole = BUF_INIT, pieces = BUF_INIT;
    thread_input_init(&in, THREAD_REFS, COLLATION_UNICODE_CASEMAP, NULL, &rand_system);
    for (uint32_t i = 0; c->messages[i]; i++)
        if (known_bits & 1u << i)
            add_message(&in, c->messages[i], i + 1);
    thread_input_keep(&in, cache, 1, 2);
    thread_input_deinit(&in);
    struct thread_keys *known = thread_keys_find(cache, 1, 2, 0, COLLATION_UNICODE_CASEMAP);
    assert_non_null(known);
    assert_null(thread_keys_find(cache, 1, 2, 0, COLLATION_OCTET));
    thread_input_init(&in, algorithm, COLLATION_UNICODE_CASEMAP, known_bits ? known : NULL, &rand_system);
    thread_keys_unref(&known);
    for (uint32_t i = 0; c->messages[i]; i++) {
        add_message(&in, c->messages[i], i + 1);
        assert_row(in.messages[i].is_known == (known_bits >> i & 1), row, "known");
    }
    thread_tree_build(&in, &rand_system, &tree);
    write_all(&tree, 1000, &whole);
    write_all(&tree, 1, &pieces);
    if (strcmp(buf_c(&whole), c->threads) != 0)
        print_error("got  %s\nwant %s\n", buf_c(&whole), c->threads);
    assert_row(strcmp(buf_c(&whole), c->threads) == 0, row, c->what);
    assert_row(strcmp(buf_c(&pieces), c->threads) == 0, row, "in pieces");
    buf_deinit(&whole);
    buf_deinit(&pieces);
    thread_tree_deinit(&tree);
    thread_input_deinit(&in);
    key_cache_free(&cache);
}

static void check(enum thread_algorithm algorithm, const struct thread_case *c, size_t row)
{
    static const unsigned known[] = { 0, 0x001, 0x00e, 0x555, 0xaaa, 0xfff };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        check_with(algorithm, c, row, known[i]);
}

static void test_references_follows_rfc_5256(void **state)
{
    (void)state;
    static const struct thread_case cases[] = {
        { "nothing", { NULL }, "" },
        { "alone", { "a", "b" }, "(1)(2)" },
        { "a reply", { "a", "b <a" }, "(1 2)" },
        { "a chain", { "a", "b <a", "c <ab" }, "(1 2 3)" },
        { "two replies", { "a", "b <a", "c <a" }, "(1 (2)(3))" },
        { "RFC 5256, 4: 2, 3 6 (4 23)(44 7 96)",
          { "a", "b", "c <b", "d <bc", "e <bcd", "f <bc", "g <bcf", "h <bcfg" },
          "(1)(2 3 (4 5)(6 7 8))" },
        { "RFC 5256, 4: siblings of a parent that is not there", { "a <x", "b <x" }, "((1)(2))" },
        { "one child of a parent that is not there", { "a <x", "b <a" }, "(1 2)" },
        { "a chain of parents that are not there", { "a <xyz", "b <xyz" }, "((1)(2))" },
        { "parents that are not there, between messages", { "a", "b <axy", "c <axy" }, "(1 (2)(3))" },
        { "children of different missing parents of one missing head", { "a <xy", "b <xz" }, "((1)(2))" },
        { "In-Reply-To without References: its first id", { "a", "b", "c ^ba" }, "(1)(2 3)" },
        { "References before In-Reply-To", { "a", "b", "c <a ^b" }, "(1 3)(2)" },
        { "parents that came later", { "b <a", "a" }, "(2 1)" },
        { "siblings by sent date", { "a", "b <a @9", "c <a @8" }, "(1 (3)(2))" },
        { "threads by sent date", { "a @9", "b @8" }, "(2)(1)" },
        { "a dummy by its first child", { "a <x @5", "b <x @3", "c @4" }, "((2)(1))(3)" },
        { "equal dates by sequence number", { "a @5", "b @5", "c @5" }, "(1)(2)(3)" },
        { "no Date: INTERNALDATE", { "a ~9", "b ~8" }, "(2)(1)" },
        { "an id twice: the first has it", { "a", "a", "b <a" }, "(1 3)(2)" },
        { "no ids", { "- <a", "-", "a" }, "(2)(3 1)" },
        { "its own parent", { "a <a" }, "(1)" },
        { "parents of each other", { "a <b", "b <a" }, "(2 1)" },
        { "a circle of three", { "a <c", "b <a", "c <b" }, "(3 1 2)" },
        { "a reference twice", { "a", "b <aa" }, "(1 2)" },
        { "truncated references are put right by the message itself", { "c <ab", "b <xa", "a" }, "(3 2 1)" },
        { "a link of another is kept", { "c <ab", "d <xb", "b <a", "a" }, "(4 3 (1)(2))" },
        { "no references: what others said of it is cut", { "a", "c <ab", "b" }, "(1)(3 2)" },
        /* (5) */
        { "one subject: siblings of a dummy", { "a =s", "b =s" }, "((1)(2))" },
        { "three of one subject", { "a =s", "b =s", "c =s" }, "((1)(2)(3))" },
        { "no subject: not merged", { "a", "b" }, "(1)(2)" },
        { "a reply becomes a child", { "a =s", "b =s !" }, "(1 2)" },
        { "a reply that was sent first does so too", { "b =s !", "a =s" }, "(2 1)" },
        { "two replies without the first", { "a =s !", "b =s !" }, "((1)(2))" },
        { "replies among its children", { "a =s", "b <a =s !", "c =s !" }, "(1 (2)(3))" },
        { "a dummy takes a message", { "a <x =s !", "b <x =s !", "c =s" }, "((1)(2)(3))" },
        { "a dummy that comes later takes a message", { "c =s", "a <x =s !", "b <x =s !" }, "((1)(2)(3))" },
        { "two dummies", { "a <x =s !", "b <x =s !", "c <y =s", "d <y =s" }, "((1)(2)(3)(4))" },
        { "a dummy by the subject of its first child", { "a <x =s", "b <x =t", "c =t" }, "((1)(2))(3)" },
        { "others in between stay", { "a =s", "b =t", "c =s !", "d =t !" }, "(1 3)(2 4)" },
        { "reply, message, message", { "a =s !", "b =s", "c =s" }, "((2 1)(3))" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        check(THREAD_REFERENCES, &cases[i], i);
}

static void test_orderedsubject_follows_rfc_5256(void **state)
{
    (void)state;
    static const struct thread_case cases[] = {
        { "nothing", { NULL }, "" },
        { "RFC 5256, 3: no grandchildren", { "a =s", "b =t", "c =s", "d =s", "e =t" }, "(1 (3)(4))(2 5)" },
        { "threads by the date of their first", { "a =s @5", "b =t @3", "c =s @4" }, "(2)(3 1)" },
        { "references do not matter", { "a =s", "b <a =t" }, "(1)(2)" },
        { "equal dates by sequence number", { "a =s @5", "b =s @5", "c =t @5" }, "(1 2)(3)" },
        { "no subject is one subject", { "a", "b" }, "(1 2)" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        check(THREAD_ORDEREDSUBJECT, &cases[i], i);
}

static void test_refs_merges_no_subjects(void **state)
{
    (void)state;
    static const struct thread_case cases[] = {
        { "one subject", { "a =s", "b =s" }, "(1)(2)" },
        { "by the latest that came", { "a", "b", "c <a" }, "(2)(1 3)" },
        { "the latest at any depth",
          { "a ~9", "b ~1", "c <b ~2", "d <bc ~20", "e <b ~3" },
          "(1)(2 (3 4)(5))" },
        { "siblings by sent date", { "a", "b <a @9", "c <a @8" }, "(1 (3)(2))" },
        { "a dummy by its children", { "a <x ~7", "b <x ~1", "c ~5" }, "(3)((2)(1))" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        check(THREAD_REFS, &cases[i], i);
}

static void test_a_message_without_record_stands_alone(void **state)
{
    (void)state;
    struct thread_input in;
    struct thread_tree tree;
    struct buf out = BUF_INIT;
    struct message row = { .uid = 70, .internal_date_s = 5 };
    thread_input_init(&in, THREAD_REFERENCES, COLLATION_UNICODE_CASEMAP, NULL, &rand_system);
    thread_input_add(&in, 70, &row);
    row.uid = 71;
    row.internal_date_s = 4;
    thread_input_add(&in, 71, &row);
    thread_tree_build(&in, &rand_system, &tree);
    write_all(&tree, 10, &out);
    assert_string_equal(buf_c(&out), "(71)(70)");
    buf_deinit(&out);
    thread_tree_deinit(&tree);
    thread_input_deinit(&in);
}

/* ---- mail that was made to hurt ---- */

enum { MANY = 50000 };

struct hostile {
    const char *what;
    size_t references;
    uint64_t (*reference)(uint32_t i, size_t k);
};

static uint64_t of_the_next(uint32_t i, size_t k)
{
    (void)k;
    return i + 2;
}

static uint64_t of_the_one_before(uint32_t i, size_t k)
{
    (void)k;
    return i ? i : UINT64_MAX;
}

/* A deep chain of parents, then, again and again, what would close a circle with its far end. */
static uint64_t around_the_chain(uint32_t i, size_t k)
{
    if (i < MANY / 2)
        return i ? i : UINT64_MAX;
    return k % 2 ? UINT64_MAX : MANY / 2;
}

/* A chain of messages that are not there, and many below its end. */
static uint64_t missing_ancestors(uint32_t i, size_t k)
{
    return i < MANY / 32 ? UINT64_C(1) << 40 | (i * 63 + k) : UINT64_C(1) << 40 | (MANY / 32 * 63);
}

static void test_hostile_references_cost_no_more_than_their_number(void **state)
{
    (void)state;
    static const struct hostile cases[] = {
        { "parents that come later", 1, of_the_next },
        { "one deep thread", 1, of_the_one_before },
        { "circles", 64, around_the_chain },
        { "missing ancestors", 64, missing_ancestors },
    };
    for (size_t c = 0; c < ARRAY_COUNT(cases); c++) {
        struct thread_input in;
        struct thread_tree tree;
        struct buf out = BUF_INIT;
        size_t numbers = 0;
        thread_input_init(&in, THREAD_REFERENCES, COLLATION_UNICODE_CASEMAP, NULL, &rand_system);
        for (uint32_t i = 0; i < MANY; i++) {
            char hashes[64 * 8];
            struct message row = { .uid = i + 1, .internal_date_s = i };
            struct meta_view view = { .subject = STR(""), .message_id_hash = i + 1, .hashes = hashes };
            view.reference_count = cases[c].references;
            for (size_t k = 0; k < view.reference_count; k++)
                store_u64(hashes + 8 * k, cases[c].reference(i, k));
            thread_input_add(&in, i + 1, &row);
            thread_input_take_meta(&in, i, &view);
        }
        thread_tree_build(&in, &rand_system, &tree);
        write_all(&tree, 100, &out);
        for (size_t i = 0; i < out.n; i++)
            numbers += out.p[i] >= '0' && out.p[i] <= '9' &&
                       (i + 1 == out.n || out.p[i + 1] < '0' || out.p[i + 1] > '9');
        assert_row(numbers == MANY, c, cases[c].what); /* each once */
        buf_deinit(&out);
        thread_tree_deinit(&tree);
        thread_input_deinit(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references_follows_rfc_5256),
        cmocka_unit_test(test_orderedsubject_follows_rfc_5256),
        cmocka_unit_test(test_refs_merges_no_subjects),
        cmocka_unit_test(test_a_message_without_record_stands_alone),
        cmocka_unit_test(test_hostile_references_cost_no_more_than_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
