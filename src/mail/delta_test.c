#include "mail/delta.h"

#include "base/testing.h"
#include "mail/record.h"

static struct seqset some_uids(struct arena *arena)
{
    struct seqset uids;
    seqset_init(&uids, arena);
    seqset_add_range(&uids, 1, 3);
    seqset_add(&uids, 70000);
    seqset_add_range(&uids, UINT32_MAX - 5, UINT32_MAX);
    return uids;
}

static const struct message rows[] = {
    { .uid = UID_MAX - 1,
      .size_bytes = UINT32_MAX,
      .modseq = 11,
      .internal_date_s = INT64_MIN,
      .internal_zone_min = -720,
      .flags = FLAG_ALL,
      .save_date_s = -5,
      .blob = UINT64_MAX,
      .email_id = 1,
      .thread_id = UINT64_MAX,
      .keywords = { { 1, 0, 0, UINT64_C(1) << 63 } } },
    { .uid = UID_MAX,
      .modseq = 11,
      .internal_date_s = INT64_MAX,
      .internal_zone_min = 840,
      .save_date_s = -5,
      .blob = 1,
      .email_id = UINT64_MAX,
      .thread_id = 1 },
};

/* One delta of each kind. */
static size_t fill(struct arena *arena, struct delta out[16])
{
    static const struct str names[] = { STR_INIT("$Forwarded"), STR_INIT("work") };
    static const struct annotation annotations[] = { { 0, STR_INIT("/comment"), STR_INIT("x") },
                                                     { UINT64_MAX, STR_INIT("/vendor/a/b"), { 0 } } };
    static const struct blob_ref_change refs[] = { { 1, -1 }, { 2, 100000 }, { UINT64_MAX, -7 } };
    struct seqset uids = some_uids(arena);
    size_t n = 0;

    out[n++] = (struct delta){ DELTA_CREATE, 10, 3,
                               .create = { STR("a/\xc3\xa9"), UINT32_MAX, USE_SENT, true } };
    out[n++] = (struct delta){ DELTA_CREATE, 10, 4, .create = { STR("m"), 1, USE_MEMOS | USE_ALL, false } };
    out[n++] = (struct delta){ DELTA_ADD, 11, 3, .add = { rows, 2 } };
    out[n++] = (struct delta){ DELTA_KEYWORDS, 11, 3, .keywords = { names, 2 } };
    out[n++] = (struct delta){ DELTA_FLAGS, 12, 3,
                               .flags = { uids, STORE_REMOVE, FLAG_SEEN, { { 0, 5, 0, 0 } } } };
    out[n++] = (struct delta){ DELTA_VANISH, 12, 3, .vanish = { uids } };
    out[n++] = (struct delta){ DELTA_REFS, 12, 0, .refs = { refs, 3 } };
    out[n++] = (struct delta){ DELTA_DELETE, 13, UINT64_MAX };
    out[n++] = (struct delta){ DELTA_RENAME, 13, 0, .rename = { STR("a"), STR("b/c") } };
    out[n++] = (struct delta){ DELTA_SUBSCRIBE, 14, 0, .subscribe = { STR("x"), true } };
    out[n++] = (struct delta){ DELTA_CHUNK_IDS, 15, 0, .next_chunk_id = 99 };
    out[n++] = (struct delta){ DELTA_ANNOTATION, 15, 3, .annotation = { -70000, annotations, 2 } };
    out[n++] = (struct delta){ DELTA_USE, 16, 3, .use = 0x7fff };
    out[n++] = (struct delta){ DELTA_ACL, 16, 3, .acl = { STR("\0\0") } };
    out[n++] = (struct delta){ DELTA_SEEN, 16, 3, .seen = { UINT64_MAX, uids, true } };
    out[n++] = (struct delta){ DELTA_QUOTA, 16, 7,
                               .quota = { 7, { { QUOTA_DEFAULT, QUOTA_NONE, 0, QUOTA_LIMIT_MAX } }, 100 } };
    return n;
}

static void encode(const struct delta *deltas, size_t count, struct buf *out)
{
    uint64_t modseq = 9;
    log_record_begin(modseq, out);
    for (size_t i = 0; i < count; i++)
        delta_encode(&deltas[i], &modseq, out);
}

static void assert_same(const struct delta *a, const struct delta *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->modseq, b->modseq);
    assert_int_equal(a->mailbox_id, b->mailbox_id);
    switch (a->kind) {
    case DELTA_ADD:
        assert_int_equal(a->add.count, b->add.count);
        for (size_t i = 0; i < a->add.count; i++) {
            const struct message *x = &a->add.rows[i], *y = &b->add.rows[i];
            assert_true(x->uid == y->uid && x->size_bytes == y->size_bytes && x->modseq == y->modseq);
            assert_true(x->internal_date_s == y->internal_date_s &&
                        x->internal_zone_min == y->internal_zone_min);
            assert_true(x->flags == y->flags && x->save_date_s == y->save_date_s && x->blob == y->blob);
            assert_true(x->email_id == y->email_id && x->thread_id == y->thread_id);
            assert_memory_equal(&x->keywords, &y->keywords, sizeof x->keywords);
        }
        break;
    case DELTA_KEYWORDS:
        assert_int_equal(a->keywords.count, b->keywords.count);
        for (size_t i = 0; i < a->keywords.count; i++)
            assert_true(str_eq(a->keywords.names[i], b->keywords.names[i]));
        break;
    case DELTA_FLAGS:
        assert_true(seqset_equals(&a->flags.uids, &b->flags.uids));
        assert_true(a->flags.mode == b->flags.mode && a->flags.flags == b->flags.flags);
        assert_memory_equal(&a->flags.keywords, &b->flags.keywords, sizeof a->flags.keywords);
        break;
    case DELTA_VANISH:
        assert_true(seqset_equals(&a->vanish.uids, &b->vanish.uids));
        break;
    case DELTA_REFS:
        assert_int_equal(a->refs.count, b->refs.count);
        for (size_t i = 0; i < a->refs.count; i++)
            assert_true(a->refs.items[i].blob == b->refs.items[i].blob &&
                        a->refs.items[i].by == b->refs.items[i].by);
        break;
    case DELTA_CREATE:
        assert_true(str_eq(a->create.name, b->create.name) && a->create.uidvalidity == b->create.uidvalidity);
        assert_true(a->create.use == b->create.use && a->create.subscribed == b->create.subscribed);
        break;
    case DELTA_QUOTA:
        assert_int_equal(a->quota.mailbox_id, b->quota.mailbox_id);
        assert_int_equal(a->quota.told, b->quota.told);
        assert_memory_equal(&a->quota.limits, &b->quota.limits, sizeof a->quota.limits);
        break;
    case DELTA_DELETE:
        break;
    case DELTA_RENAME:
        assert_true(str_eq(a->rename.from, b->rename.from) && str_eq(a->rename.to, b->rename.to));
        break;
    case DELTA_SUBSCRIBE:
        assert_true(str_eq(a->subscribe.name, b->subscribe.name));
        assert_int_equal(a->subscribe.subscribed, b->subscribe.subscribed);
        break;
    case DELTA_CHUNK_IDS:
        assert_int_equal(a->next_chunk_id, b->next_chunk_id);
        break;
    case DELTA_ANNOTATION:
        assert_true(a->annotation.bytes == b->annotation.bytes && a->annotation.count == b->annotation.count);
        for (size_t i = 0; i < a->annotation.count; i++)
            assert_true(a->annotation.items[i].user == b->annotation.items[i].user &&
                        str_eq(a->annotation.items[i].entry, b->annotation.items[i].entry));
        break;
    case DELTA_USE:
        assert_int_equal(a->use, b->use);
        break;
    case DELTA_SEEN:
        assert_true(a->seen.user == b->seen.user && a->seen.seen == b->seen.seen);
        assert_true(seqset_equals(&a->seen.uids, &b->seen.uids));
        break;
    case DELTA_ACL:
        assert_true(str_eq(a->acl.bytes, b->acl.bytes));
        break;
    }
}

/* How many deltas came out; -ERR_x at the first damage. */
static int decode(struct str bytes, const struct delta *expected, struct arena *arena)
{
    struct log_record record;
    struct delta d;
    struct err err;
    int n = 0, r = log_record_open(bytes, &record, &err);

    while (r == 0 && (r = log_record_next(&record, arena, &d, &err)) == 1) {
        if (expected)
            assert_same(&d, &expected[n]);
        n++;
        r = 0;
        if (reader_left(&record.rest) == 0)
            break;
    }
    return r < 0 ? r : n;
}

static void test_deltas_come_back_as_they_were_written(void **state)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct delta deltas[16];
    (void)state;
    size_t count = fill(&arena, deltas);
    encode(deltas, count, &out);
    assert_int_equal(decode(buf_str(&out), deltas, &arena), count);
    buf_deinit(&out);
    arena_deinit(&arena);
}

/* Cut anywhere, a record is damaged or holds fewer deltas; a byte changed anywhere is never read past. */
static void test_damaged_records_are_noticed(void **state)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct delta deltas[16];
    (void)state;
    size_t count = fill(&arena, deltas);
    encode(deltas, count, &out);
    for (size_t n = 0; n < out.n; n++) {
        char *cut = arena_alloc(&arena, n + 1);
        memcpy(cut, out.p, n);
        assert_true(decode(str_make(cut, n), NULL, &arena) < (int)count);
    }
    for (size_t i = 0; i < out.n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            out.p[i] ^= (char)(1u << bit);
            int r = decode(buf_str(&out), NULL, &arena);
            assert_true(r >= 0 || r == -ERR_CORRUPT || r == -ERR_CANNOT);
            out.p[i] ^= (char)(1u << bit);
        }
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void test_records_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *what, *bytes;
        size_t n;
        int r;
    } cases[] = {
        { "later format", "\2\1", 2, -ERR_CANNOT },
        { "unknown kind", "\1\1\177\0\0", 5, -ERR_CORRUPT },
        { "kind 0", "\1\1\0\0", 4, -ERR_CORRUPT },
        { "no rows", "\1\1\1\1\1\1\0\0", 8, -ERR_CORRUPT },
        { "more rows than bytes", "\1\1\1\1\1\1\0\377\377\377\377\17", 12, -ERR_CORRUPT },
        { "uid 0", "\1\1\1\1\1\0\0\1\0\0\0\0\0\0\0\0", 16, -ERR_CORRUPT },
        { "name of no bytes", "\1\1\11\1\0\1", 6, -ERR_CORRUPT },
        { "mode 3", "\1\1\3\1\1\3\0\0\0", 9, -ERR_CORRUPT },
        { "uids twice", "\1\1\4\1\1\2\1\0\0\0", 10, -ERR_CORRUPT },
        { "257 keywords", "\1\1\2\1\1\201\2", 7, -ERR_CORRUPT },
        { "modseq above 63 bits", "\1\1\7\377\377\377\377\377\377\377\377\377\1\1", 14, -ERR_CORRUPT },
    };
    struct arena arena = ARENA_INIT;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(decode(str_make(cases[i].bytes, cases[i].n), NULL, &arena) == cases[i].r, i,
                   cases[i].what);
    arena_deinit(&arena);
}

/* When a use had eight bits the second byte was 0 or 1. */
static void test_uses_of_eight_bits_read_as_before(void **state)
{
    static const struct {
        const char *bytes;
        uint16_t use;
        bool subscribed;
    } cases[] = {
        { "\0\0", 0, false },           { "\0\1", 0, true },
        { "\40\1", USE_SENT, true },    { "\200\0", USE_IMPORTANT, false },
        { "\0\2", USE_SNOOZED, false }, { "\40\11", USE_SENT | USE_MEMOS, true },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct reader r = reader_make(str_make(cases[i].bytes, 2));
        struct buf out = BUF_INIT;
        bool subscribed;
        uint16_t use = use_decode(&r, &subscribed);
        assert_row(use == cases[i].use && subscribed == cases[i].subscribed, i, "read");
        use_encode(use, subscribed, &out);
        assert_row(str_eq(buf_str(&out), str_make(cases[i].bytes, 2)), i, "written");
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deltas_come_back_as_they_were_written),
        cmocka_unit_test(test_damaged_records_are_noticed),
        cmocka_unit_test(test_records_that_cannot_be_are_refused),
        cmocka_unit_test(test_uses_of_eight_bits_read_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
