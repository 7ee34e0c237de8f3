#include "base/testing.h"
#include "mail/seen.h"

/* "1:3+5 7:9-6": ranges with + seen or - not, and a modseq. */
static const char *text_of(const struct seen *s, struct buf *out)
{
    buf_clear(out);
    for (uint32_t i = 0; s && i < s->count; i++)
        buf_printf(out, "%s%u:%u%c%d", i ? " " : "", s->ranges[i].first, s->ranges[i].last,
                   s->ranges[i].seen ? '+' : '-', (int)s->ranges[i].modseq);
    return buf_c(out);
}

static void test_changes_cut_into_what_there_was(void **state)
{
    static const struct {
        const char *uids;
        bool seen;
        const char *after;
    } steps[] = {
        /* modseqs 1, 2, 3 ... */
        { "10:20", true, "10:20+1" },
        { "15", false, "10:14+1 15:15-2 16:20+1" },
        { "1:3,30", true, "1:3+3 10:14+1 15:15-2 16:20+1 30:30+3" },
        { "12:16", true, "1:3+3 10:11+1 12:16+4 17:20+1 30:30+3" },
        { "4:9", true, "1:3+3 4:9+5 10:11+1 12:16+4 17:20+1 30:30+3" },
        { "1:100", false, "1:100-6" },
        { "100:101", true, "1:99-6 100:101+7" },
        { "1,3,5", true, "1:1+8 2:2-6 3:3+8 4:4-6 5:5+8 6:99-6 100:101+7" },
        { "2:4", true, "1:1+8 2:4+9 5:5+8 6:99-6 100:101+7" },
    };
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT, bytes = BUF_INIT;
    struct seen *s = NULL;
    struct err err;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        struct seqset uids;
        struct seen *next, *again;
        assert_int_equal(seqset_parse(str_c(steps[i].uids), &arena, &uids, &err), 0);
        next = seen_change(s, 7, &uids, steps[i].seen, i + 1);
        seen_unref(&s);
        s = next;
        assert_string_equal(text_of(s, &text), steps[i].after);
        buf_clear(&bytes);
        seen_encode(s, &bytes);
        assert_int_equal(seen_decode(buf_str(&bytes), 7, &again, &err), 0);
        assert_string_equal(text_of(again, &text), steps[i].after);
        assert_int_equal(again->modseq_max, i + 1);
        seen_unref(&again);
        for (size_t n = 0; n < bytes.n; n++)
            assert_int_equal(seen_decode(str_sub(buf_str(&bytes), 0, n), 7, &again, &err), -ERR_CORRUPT);
    }
    assert_null(seen_find(s, 102));
    assert_true(seen_find(s, 3)->seen);
    assert_true(seen_changed_in(s, 4, 5, 8));
    assert_false(seen_changed_in(s, 6, 90, 6));
    assert_false(seen_changed_in(NULL, 1, 90, 0));
    struct message row = { .uid = 4, .modseq = 3 }, other = { .uid = 50, .modseq = 99, .flags = FLAG_SEEN };
    seen_apply(s, &row);
    seen_apply(s, &other);
    assert_true(row.flags == FLAG_SEEN && row.modseq == 9);
    assert_true(other.flags == 0 && other.modseq == 99);
    seen_unref(&s);
    arena_deinit(&arena);
    buf_deinit(&text);
    buf_deinit(&bytes);
}

static void test_many_ranges_become_coarse_and_say_the_same(void **state)
{
    struct arena arena = ARENA_INIT;
    struct seen *s = NULL;
    (void)state;
    for (uint32_t uid = 1; uid <= 3 * SEEN_RANGES_FINE; uid++) {
        struct seqset uids;
        seqset_init(&uids, &arena);
        seqset_add(&uids, uid);
        struct seen *next = seen_change(s, 7, &uids, uid % 1000 != 0, uid);
        seen_unref(&s);
        s = next;
        if (uid % 512 == 0)
            arena_reset(&arena);
    }
    assert_true(s->count <= SEEN_RANGES_FINE + 1);
    for (uint32_t uid = 1; uid <= 3 * SEEN_RANGES_FINE; uid++) {
        const struct seen_range *range = seen_find(s, uid);
        assert_true(range && range->seen == (uid % 1000 != 0) && range->modseq >= uid);
    }
    seen_unref(&s);
    arena_deinit(&arena);
}

static struct snapshot *snapshot_of(const char *uids, struct arena *arena)
{
    struct snapshot *empty = snapshot_new_empty(1), *s;
    struct snapshot_draft *draft = snapshot_draft_new(empty);
    struct seqset set;
    struct err err;
    assert_int_equal(seqset_parse(str_c(uids), arena, &set, &err), 0);
    for (size_t i = 0; i < set.count; i++)
        for (uint32_t uid = set.ranges[i].first; uid <= set.ranges[i].last; uid++) {
            const struct message row = {
                .uid = uid, .modseq = 1, .blob = uid, .email_id = uid, .thread_id = uid
            };
            assert_int_equal(snapshot_draft_add(draft, &row, 1, &err), 0);
        }
    s = snapshot_draft_finish(draft);
    snapshot_draft_free(&draft);
    snapshot_unref(&empty);
    return s;
}

static void test_what_is_gone_needs_no_ranges(void **state)
{
    static const struct {
        const char *changes[4]; /* with modseqs 1, 2, 3 ...; "-" before UIDs that are not seen */
        const char *live, *after;
    } cases[] = {
        { { "1:9" }, "1:9", "1:9+1" },
        { { "1:9" }, "9", "1:9+1" }, /* it gets no shorter */
        { { "1:9" }, "10:20", "" },
        { { "1:9", "20" }, "10:20", "20:20+2" },
        { { "1:9", "20" }, "9", "1:9+1" },
        { { "1,3,5" }, "1,3,5", "1:5+1" },
        { { "1,3,5" }, "1:5", "1:1+1 3:3+1 5:5+1" },
        { { "1,3,5" }, "1,4:5", "1:1+1 5:5+1" },
        { { "1,3,5" }, "5", "5:5+1" },
        { { "1,3,5", "-3" }, "1,5", "1:5+1" },
        { { "1,3,5", "-3" }, "1,3,5", "1:1+1 3:3-2 5:5+1" },
        { { "1:3", "5:7" }, "1:3,5:7", "1:3+1 5:7+2" }, /* each modseq is told as it was */
        { { "1:10", "-4", "6" }, "1:3,7:10", "1:10+1" },
        { { "1", "-2", "3", "-4" }, "2,4", "2:2-2 4:4-4" },
    };
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct snapshot *live = snapshot_of(cases[i].live, &arena);
        struct seen *s = NULL, *trimmed;
        struct err err;
        for (size_t k = 0; k < ARRAY_COUNT(cases[i].changes) && cases[i].changes[k]; k++) {
            struct str uids = str_c(cases[i].changes[k]);
            bool seen = uids.p[0] != '-';
            struct seqset set;
            assert_int_equal(seqset_parse(str_skip(uids, !seen), &arena, &set, &err), 0);
            struct seen *next = seen_change(s, 7, &set, seen, k + 1);
            seen_unref(&s);
            s = next;
        }
        assert_int_equal(seen_trim(s, live, &trimmed, &err), 0);
        assert_row(strcmp(text_of(trimmed, &text), cases[i].after) == 0, i, text_of(trimmed, &text));
        assert_row(trimmed->modseq_max == s->modseq_max && trimmed->user == 7, i, "the rest");
        seen_unref(&trimmed);
        seen_unref(&s);
        snapshot_unref(&live);
    }
    arena_deinit(&arena);
    buf_deinit(&text);
}

/* Too many, with expunged messages between them all: neighbours that agree become one. */
static void test_too_many_ranges_merge_across_what_is_gone(void **state)
{
    struct arena arena = ARENA_INIT;
    struct seen *s = NULL, *trimmed;
    struct err err;
    (void)state;
    for (uint32_t i = 1; i <= SEEN_RANGES_FINE + 10; i++) {
        struct seqset uids;
        seqset_init(&uids, &arena);
        seqset_add(&uids, 2 * i);
        struct seen *next = seen_change(s, 7, &uids, true, i);
        seen_unref(&s);
        s = next;
        if (i % 512 == 0)
            arena_reset(&arena);
    }
    assert_int_equal(s->count, SEEN_RANGES_FINE + 10);
    struct snapshot *live = snapshot_of("2,4,6,8,10,3000,3001,3002", &arena);
    assert_int_equal(seen_trim(s, live, &trimmed, &err), 0);
    assert_int_equal(trimmed->count, 2);
    assert_true(seen_find(trimmed, 10)->seen && seen_find(trimmed, 10)->modseq >= 5);
    assert_null(seen_find(trimmed, 3001));
    assert_true(seen_find(trimmed, 3002)->seen && seen_find(trimmed, 3002)->modseq == 1501);
    seen_unref(&trimmed);
    seen_unref(&s);
    snapshot_unref(&live);
    arena_deinit(&arena);
}

static void test_readers_are_kept_by_user(void **state)
{
    static const uint64_t users[] = { 7, 3, 9, 7 };
    struct arena arena = ARENA_INIT;
    struct readers *readers = NULL;
    struct seqset uids;
    (void)state;
    seqset_init(&uids, &arena);
    seqset_add(&uids, 5);
    for (size_t i = 0; i < ARRAY_COUNT(users); i++) {
        struct seen *seen = seen_change(readers_find(readers, users[i]), users[i], &uids, true, i + 1);
        struct readers *next = readers_put(readers, seen);
        readers_unref(&readers);
        seen_unref(&seen);
        readers = next;
    }
    assert_int_equal(readers->count, 3);
    assert_int_equal(readers_find(readers, 7)->modseq_max, 4);
    assert_int_equal(readers_find(readers, 9)->modseq_max, 3);
    assert_null(readers_find(readers, 8));
    assert_null(readers_find(NULL, 8));
    readers_unref(&readers);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_cut_into_what_there_was),
        cmocka_unit_test(test_many_ranges_become_coarse_and_say_the_same),
        cmocka_unit_test(test_what_is_gone_needs_no_ranges),
        cmocka_unit_test(test_too_many_ranges_merge_across_what_is_gone),
        cmocka_unit_test(test_readers_are_kept_by_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
