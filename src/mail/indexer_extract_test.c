#include "base/file.h"
#include "mail/extracted.h"
#include "mail/testing_indexer.h"

#include <unistd.h>

struct reader_program {
    char folder[40], path[64];
};

static void write_program(const struct reader_program *p, const char *script)
{
    struct buf text = BUF_INIT;
    struct err err;
    buf_printf(&text, "#!/bin/sh\n%s\n", script);
    assert_int_equal(file_replace(p->path, buf_str(&text), 0755, &err), 0);
    buf_deinit(&text);
}

static void init_with_program(struct bench *b, struct reader_program *p, const char *script)
{
    strcpy(p->folder, "/tmp/indexer-test-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/program", p->folder);
    write_program(p, script);
    bench_init(b, &(struct mail_options){ .index.extractor = p->path });
}

static void deinit_with_program(struct bench *b, struct reader_program *p)
{
    bench_deinit(b);
    unlink(p->path);
    rmdir(p->folder);
}

static void count_failed(void *ctx, struct account_id failed, const struct err *err)
{
    (void)failed;
    (void)err;
    ++*(unsigned *)ctx;
}

/* Is the word in the text that is kept of the message, which a scan reads? */
static bool is_kept(struct bench *b, uint64_t blob, const char *word)
{
    struct buf text = BUF_INIT;
    int r = extracted_get(b->store, account, (struct blob_id){ blob }, &text, NULL, &b->err);
    assert_true(r >= 0);
    bool found = r == 1 && str_find(buf_str(&text), str_c(word)) >= 0;
    buf_deinit(&text);
    return found;
}

static const char two_attachments[] = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                                      "--b\r\nContent-Type: application/pdf; name=one\r\n\r\nx\r\n"
                                      "--b\r\nContent-Type: application/pdf; name=two\r\n\r\ny\r\n--b--\r\n";

static void test_text_of_attachments_beyond_what_is_kept_is_not_indexed(void **state)
{
    struct bench b;
    struct reader_program p;
    (void)state;
    init_with_program(&b, &p, "yes filler | head -c 3000000; echo; echo word$FILE_NAME");
    append_text(&b, "INBOX", two_attachments);
    assert_int_equal(run(&b), 0);
    assert_true(is_kept(&b, 1, "wordone"));
    assert_int_equal(count_hits(&b, "wordone", INDEX_BODY), 1);
    assert_false(is_kept(&b, 1, "wordtwo"));
    assert_int_equal(count_hits(&b, "wordtwo", INDEX_BODY), 0);
    assert_whole(&b, 1);
    deinit_with_program(&b, &p);
}

static int rebuild(struct bench *b)
{
    uint64_t looked;
    return indexer_run(mail_indexer(b->mail), account, true, 0, &looked, &b->err);
}

/* A program that fails, with one attachment or all or because it is not there, holds nothing up; and is asked again. */
static void test_text_that_was_not_got_is_asked_for_again(void **state)
{
    static const struct {
        const char *script;
        int one, two;
    } rows[] = {
        { NULL, 0, 0 },
        { "exit 1", 0, 0 },
        { "exit 127", 0, 0 },
        { "[ $FILE_NAME = two ] || exit 1; echo hit$FILE_NAME", 0, 1 },
        { "[ $FILE_NAME = one ] || exit 1; echo hit$FILE_NAME", 0, 1 }, /* no more than there was */
        { "echo hit$FILE_NAME", 1, 1 },
        { "exit 1", 1, 1 }, /* not asked any more */
    };
    struct bench b;
    struct reader_program p;
    unsigned told = 0;
    (void)state;
    init_with_program(&b, &p, "");
    unlink(p.path);
    b.options.index.failed = count_failed;
    b.options.index.failed_ctx = &told;
    bench_reopen(&b);
    append_text(&b, "INBOX", two_attachments);
    append_numbered(&b, 0, 3);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].script)
            write_program(&p, rows[i].script);
        assert_int_equal(rebuild(&b), 0);
        assert_whole(&b, 4);
        assert_row(count_hits(&b, "hitone", INDEX_BODY) == rows[i].one, i, rows[i].script);
        assert_row(count_hits(&b, "hittwo", INDEX_BODY) == rows[i].two, i, rows[i].script);
        assert_row(is_kept(&b, 1, "hitone") == rows[i].one && is_kept(&b, 1, "hittwo") == rows[i].two, i,
                   rows[i].script);
        assert_int_equal(told, 1);
    }
    deinit_with_program(&b, &p);
}

static void test_the_thread_ends_while_a_program_runs(void **state)
{
    struct bench b;
    struct reader_program p;
    char began[80];
    (void)state;
    init_with_program(&b, &p, "touch $0.began; sleep 20; echo late");
    snprintf(began, sizeof began, "%s.began", p.path);
    append_text(&b, "INBOX", two_attachments);
    assert_int_equal(indexer_start(mail_indexer(b.mail), &b.err), 0);
    while (access(began, F_OK) < 0)
        usleep(1000);
    indexer_stop(mail_indexer(b.mail));
    assert_false(is_kept(&b, 1, "late"));
    unlink(began);
    deinit_with_program(&b, &p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_attachments_beyond_what_is_kept_is_not_indexed),
        cmocka_unit_test(test_text_that_was_not_got_is_asked_for_again),
        cmocka_unit_test(test_the_thread_ends_while_a_program_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
