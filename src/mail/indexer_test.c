#include "mail/testing_indexer.h"

#include <unistd.h>

/* Change the index behind the indexer's back. */
static struct index *open_index(struct bench *b, struct index_shelf **shelf_out)
{
    struct index *index;
    *shelf_out = index_shelf_new(b->store, 1 << 20);
    assert_int_equal(index_open(*shelf_out, account, &index, &b->err), 0);
    return index;
}

/* ---- tests ---- */

static void test_messages_become_documents_with_their_fields(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_text(&b, "INBOX",
                "Subject: =?utf-8?Q?=C3=84pfel?=\r\nFrom: Anna <anna@example.org>\r\nTo: bert\r\n"
                "Cc: carla\r\nBcc: dora\r\nX-Other: zebra\r\n\r\nbody of mail\r\n");
    assert_int_equal(count_hits(&b, "body", INDEX_ANY), -1);
    assert_int_equal(run(&b), 0);
    static const struct {
        const char *word;
        unsigned fields;
        int hits;
    } cases[] = {
        { "body", INDEX_BODY, 1 },      { "body", INDEX_ANY & ~(unsigned)INDEX_BODY, 0 },
        { "anna", INDEX_FROM, 1 },      { "anna", INDEX_ANY & ~(unsigned)INDEX_FROM, 0 },
        { "bert", INDEX_TO, 1 },        { "carla", INDEX_CC, 1 },
        { "dora", INDEX_BCC, 1 },       { "dora", INDEX_HEADER, 0 },
        { "zebra", INDEX_HEADER, 1 },   { "zebra", INDEX_BODY, 0 },
        { "pfel", INDEX_SUBJECT, 1 },   { "a\xcc\x88pfel", INDEX_SUBJECT, 1 },
        { "subject", INDEX_HEADER, 1 }, { "subject", INDEX_SUBJECT, 0 },
        { "oth", INDEX_HEADER, 1 },     { "absent", INDEX_ANY, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(count_hits(&b, cases[i].word, cases[i].fields) == cases[i].hits, i, cases[i].word);
    assert_whole(&b, 1);
    bench_deinit(&b);
}

static void test_only_what_is_new_is_indexed(void **state)
{
    struct bench b;
    uint64_t looked;
    (void)state;
    bench_init(&b, NULL);
    append_numbered(&b, 0, 10);
    assert_int_equal(run(&b), 0);
    assert_int_equal(copy_to(&b, "INBOX", "1:5", "Archive", false), 0);
    assert_int_equal(copy_to(&b, "INBOX", "6", "Archive", true), 0);
    assert_int_equal(store_flags(&b, "INBOX", "1:3", STORE_ADD, FLAG_SEEN), 0);
    assert_whole(&b, 10);
    append_numbered(&b, 10, 13);
    assert_int_equal(status_of(&b).waiting, 3);
    bench_reopen(&b);
    assert_int_equal(indexer_run(mail_indexer(b.mail), account, false, 0, &looked, &b.err), 0);
    assert_int_equal(looked, 3);
    assert_whole(&b, 13);
    assert_int_equal(count_hits(&b, "all", INDEX_BODY), 13);
    bench_deinit(&b);
}

static void test_documents_of_deleted_messages_fall_out(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_numbered(&b, 0, 1200);
    assert_int_equal(run(&b), 0);
    assert_int_equal(expunge(&b, "INBOX", "1:1195"), 0);
    assert_int_equal(status_of(&b).gone, 1195);
    assert_int_equal(check(&b), 0); /* it says nothing wrong of those that are there */
    append_numbered(&b, 1200, 1201);
    assert_int_equal(run(&b), 0);
    assert_int_equal(status_of(&b).gone, 0);
    assert_whole(&b, 6);
    bench_deinit(&b);
}

static void test_an_index_goes_with_its_account(void **state)
{
    struct bench b;
    uint64_t version, looked;
    (void)state;
    bench_init(&b, NULL);
    append_numbered(&b, 0, 3);
    assert_int_equal(run(&b), 0);
    assert_int_equal(store_version(b.store, account_id_of_index(account), &version, &b.err), 0);
    assert_true(version > 0);
    account_unref(&b.account);
    assert_int_equal(mail_account_delete(b.mail, account, &b.err), 0);
    assert_int_equal(store_version(b.store, account_id_of_index(account), &version, &b.err), 0);
    assert_int_equal(version, 0);
    assert_int_equal(indexer_run(mail_indexer(b.mail), account, false, 0, &looked, &b.err), -ERR_NOT_FOUND);
    bench_deinit(&b);
}

static void test_no_index_is_made_when_it_is_off(void **state)
{
    const struct mail_options options = { .index.off = true };
    struct indexer_status status;
    struct indexer_check *c;
    struct bench b;
    (void)state;
    bench_init(&b, &options);
    append_numbered(&b, 0, 3);
    assert_int_equal(run(&b), -ERR_CANNOT);
    assert_int_equal(indexer_status(mail_indexer(b.mail), account, &status, &b.err), -ERR_CANNOT);
    assert_int_equal(indexer_check_new(mail_indexer(b.mail), account, NULL, NULL, &c, &b.err), -ERR_CANNOT);
    assert_int_equal(indexer_start(mail_indexer(b.mail), &b.err), 0);
    assert_null(account_index_view(b.account));
    account_index_wanted(b.account);
    bench_deinit(&b);
}

/* Whatever fails, and whenever: afterwards it goes on, and nothing is missing or there twice. */
static void test_indexing_goes_on_after_every_failure(void **state)
{
    (void)state;
    for (int when = FAULTY_BEFORE; when <= FAULTY_AFTER; when++) {
        bool all = false;
        for (unsigned n = 1; !all; n++) {
            struct bench b;
            bench_init(&b, NULL);
            append_numbered(&b, 0, 5);
            assert_int_equal(run(&b), 0);
            append_numbered(&b, 5, 8);
            faulty_store_plan(
                b.store, &(struct faulty_plan){
                             .ops = FAULTY_ALL, .nth = n, .error = ERR_IO, .when = (enum faulty_when)when });
            int r = run(&b);
            all = faulty_store_count(b.store) < n;
            assert_true(r == 0 || !all);
            faulty_store_plan(b.store, &(struct faulty_plan){ .ops = FAULTY_ALL });
            bench_reopen(&b);
            assert_int_equal(run(&b), 0);
            assert_whole(&b, 8);
            bench_deinit(&b);
        }
    }
}

/* All records are, so that each is looked for: what can be had of the messages is indexed, and no id is met forever. */
static void test_damaged_records_are_stepped_over(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_numbered(&b, 0, 3);
    const struct faulty_plan plan = {
        .ops = FAULTY_BLOB_SCAN, .nth = 1, .error = ERR_CORRUPT, .when = FAULTY_BEFORE, .stay = true
    };
    faulty_store_plan(b.store, &plan);
    assert_int_equal(run(&b), -ERR_CORRUPT); /* they do not end */
    faulty_store_plan(b.store, &(struct faulty_plan){ .ops = FAULTY_ALL });
    assert_int_equal(status_of(&b).documents, 3);
    assert_int_equal(run(&b), 0);
    append_numbered(&b, 3, 5);
    faulty_store_plan(b.store, &plan);
    assert_int_equal(run(&b), 0);
    faulty_store_plan(b.store, &(struct faulty_plan){ .ops = FAULTY_ALL });
    assert_int_equal(status_of(&b).waiting, 0);
    append_numbered(&b, 5, 6);
    assert_int_equal(run(&b), 0);
    assert_int_equal(status_of(&b).documents, 6);
    assert_int_equal(count_hits(&b, "all", INDEX_BODY), 1);
    bench_deinit(&b);
}

/* The store loses the first segment. */
static void lose_segment(struct bench *b)
{
    struct index_shelf *shelf;
    struct index *index = open_index(b, &shelf);
    struct index_view *view = index_view(index);
    struct batch batch = BATCH_INIT;
    uint64_t version;
    batch_drop_blob(&batch, index_view_entry(view, 0)->blob);
    assert_int_equal(store_version(b->store, account_id_of_index(account), &version, &b->err), 0);
    assert_int_equal(
        store_commit(b->store, account_id_of_index(account), version, version + 1, &batch, &b->err), 0);
    batch_deinit(&batch);
    index_view_unref(&view);
    index_close(&index);
    index_shelf_free(&shelf);
    bench_reopen(b);
}

static void test_a_segment_that_is_lost_is_made_anew(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_numbered(&b, 0, 5);
    assert_int_equal(run(&b), 0);
    lose_segment(&b);
    assert_true(check(&b) > 0);
    append_numbered(&b, 5, 6); /* or nobody looks */
    assert_int_equal(store_flags(&b, "INBOX", "1", STORE_ADD, FLAG_SEEN), 0);
    assert_int_equal(run(&b), 0);
    assert_whole(&b, 6);
    bench_deinit(&b);
}

static void test_a_segment_that_a_search_finds_damaged_is_made_anew(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_numbered(&b, 0, 5);
    assert_int_equal(run(&b), 0);
    lose_segment(&b);
    assert_int_equal(indexer_start(mail_indexer(b.mail), &b.err), 0);
    account_index_damaged(b.account);
    for (unsigned i = 0; status_of(&b).documents < 5; i++) {
        assert_true(i < 3000);
        clock_fake_advance(b.clock, 1000);
        usleep(10 * 1000);
    }
    bench_reopen(&b);
    assert_whole(&b, 5);
    bench_deinit(&b);
}

static void test_a_list_that_cannot_be_read_is_made_anew(void **state)
{
    struct bench b;
    uint64_t version;
    (void)state;
    bench_init(&b, NULL);
    append_numbered(&b, 0, 5);
    assert_int_equal(run(&b), 0);
    struct batch batch = BATCH_INIT;
    batch_put(&batch, STR("index"), STR("\xff"));
    assert_int_equal(store_version(b.store, account_id_of_index(account), &version, &b.err), 0);
    assert_int_equal(
        store_commit(b.store, account_id_of_index(account), version, version + 1, &batch, &b.err), 0);
    batch_deinit(&batch);
    bench_reopen(&b);
    assert_true(check(&b) > 0);
    assert_int_equal(run(&b), 0);
    assert_whole(&b, 5);
    bench_deinit(&b);
}

static void test_check_finds_what_is_wrong(void **state)
{
    struct index_shelf *shelf;
    struct bench b;
    uint64_t looked;
    size_t first = 0;
    (void)state;
    bench_init(&b, NULL);
    append_numbered(&b, 0, 5);
    assert_int_equal(run(&b), 0);
    struct index *index = open_index(&b, &shelf);
    struct index_view *view = index_view(index);
    struct blob_id blob = index_view_entry(view, 0)->first;
    assert_int_equal(index_remove(index, view, &first, 1, index_view_mark(view), &b.err), 0);
    assert_int_equal(check(&b), 5); /* messages that the mark calls documents */

    struct index_builder *builder = index_builder_new();
    struct buf segment = BUF_INIT;
    index_builder_begin(builder, blob);
    index_builder_feed(builder, INDEX_BODY, STR("other"));
    index_builder_end(builder);
    index_builder_finish(builder, &segment);
    assert_int_equal(index_add(index, buf_str(&segment), index_view_mark(view), &b.err), 0);
    index_view_unref(&view);
    assert_int_equal(check(&b), 5); /* one says what its message does not */
    buf_deinit(&segment);
    index_builder_free(&builder);
    index_close(&index);
    index_shelf_free(&shelf);
    assert_int_equal(indexer_run(mail_indexer(b.mail), account, true, 0, &looked, &b.err), 0);
    assert_int_equal(looked, 5);
    assert_whole(&b, 5);
    bench_deinit(&b);
}

/* Many small segments, merged again and again, with messages deleted in between. */
static void test_merged_segments_say_what_the_messages_say(void **state)
{
    static const char *const words[] = {
        "kiwi", "mango", "zebra", "\xc3\xa4pfel", "\xe6\x97\xa5\xe6\x9c\xac", "unique"
    };
    struct bench b;
    unsigned random = 1, n = 0;
    (void)state;
    bench_init(&b, NULL);
    for (unsigned turn = 0; turn < 40; turn++) {
        for (unsigned i = 0; i <= turn % 5; i++, n++) {
            char text[256];
            random = random * 1103515245 + 12345;
            snprintf(text, sizeof text,
                     "Subject: note%u %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s%u %s\r\n", n,
                     words[random >> 8 & 1], words[(random >> 10) % 6], n, words[(random >> 16) % 6]);
            append_text(&b, "INBOX", text);
        }
        if (turn % 3 == 2) {
            char uid[16];
            snprintf(uid, sizeof uid, "%u", 1 + (random >> 9) % n);
            assert_int_equal(expunge(&b, "INBOX", uid), 0);
        }
        assert_int_equal(run(&b), 0);
        assert_int_equal(check(&b), 0);
    }
    bench_deinit(&b);
}

/* Deliveries, deletions and the thread at once. */
static void test_the_thread_keeps_up_with_mail(void **state)
{
    const struct mail_options options = { .index = { .cpu_percent = 100, .delay_s = 1 } };
    struct bench b;
    (void)state;
    bench_init(&b, &options);
    append_numbered(&b, 0, 3);
    assert_int_equal(indexer_start(mail_indexer(b.mail), &b.err), 0);
    append_numbered(&b, 3, 100);
    assert_int_equal(expunge(&b, "INBOX", "1:10"), 0);
    for (unsigned i = 0; status_of(&b).waiting > 0; i++) {
        assert_true(i < 3000);
        account_index_wanted(b.account);
        clock_fake_advance(b.clock, 1000);
        usleep(10 * 1000);
    }
    bench_reopen(&b);
    assert_int_equal(check(&b), 0);
    assert_int_equal(status_of(&b).documents, 90);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_become_documents_with_their_fields),
        cmocka_unit_test(test_only_what_is_new_is_indexed),
        cmocka_unit_test(test_documents_of_deleted_messages_fall_out),
        cmocka_unit_test(test_an_index_goes_with_its_account),
        cmocka_unit_test(test_no_index_is_made_when_it_is_off),
        cmocka_unit_test(test_indexing_goes_on_after_every_failure),
        cmocka_unit_test(test_damaged_records_are_stepped_over),
        cmocka_unit_test(test_a_segment_that_is_lost_is_made_anew),
        cmocka_unit_test(test_a_segment_that_a_search_finds_damaged_is_made_anew),
        cmocka_unit_test(test_a_list_that_cannot_be_read_is_made_anew),
        cmocka_unit_test(test_check_finds_what_is_wrong),
        cmocka_unit_test(test_merged_segments_say_what_the_messages_say),
        cmocka_unit_test(test_the_thread_keeps_up_with_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
