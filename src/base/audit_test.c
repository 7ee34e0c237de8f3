#include "base/audit.h"
#include "base/file.h"
#include "base/testing.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 64 * 1024 * 1024 };

/* ---- a folder with an audit file, and a log that the test reads ---- */

struct place {
    char folder[64], path[96];
    struct clock_fake clock;
    struct log_sink sink;
    struct audit *audit;
};

static void reopen_place(struct place *p, uint64_t rotate_bytes, uint32_t keep)
{
    struct err err;
    const struct audit_params params = { p->path, rotate_bytes, keep, &p->clock.clock,
                                         logger_make(&p->sink) };
    assert_int_equal(audit_new(&params, &p->audit, &err), 0);
}

static void begin(struct place *p, uint64_t rotate_bytes, uint32_t keep)
{
    strcpy(p->folder, "/tmp/audit-test-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/audit.log", p->folder);
    clock_fake_init(&p->clock, 1700000000123);
    p->sink = (struct log_sink){ memfd_create("log", MFD_CLOEXEC), LEVEL_INFO, LOG_TEXT, &p->clock.clock };
    reopen_place(p, rotate_bytes, keep);
}

static void end(struct place *p)
{
    char command[128];
    audit_free(&p->audit);
    close(p->sink.fd);
    snprintf(command, sizeof command, "rm -r %s", p->folder);
    assert_int_equal(system(command), 0);
}

static const char *named(const struct place *p, unsigned number)
{
    static _Thread_local char name[128];
    if (number)
        snprintf(name, sizeof name, "%s.%u", p->path, number);
    else
        snprintf(name, sizeof name, "%s", p->path);
    return name;
}

/* The whole of one file; "" when it is not there. */
static struct buf text_of(const struct place *p, unsigned number)
{
    struct buf text = BUF_INIT;
    struct err err;
    int r = file_read(named(p, number), FILE_BYTES_MAX, &text, &err);
    assert_true(r == 0 || r == -ERR_NOT_FOUND);
    return text;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

static size_t count_log(const struct place *p, const char *what)
{
    static char text[64 * 1024];
    ssize_t n = pread(p->sink.fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return count(text, what);
}

/* ---- lines ---- */

static void test_audit_event_is_one_json_object(void **state)
{
    (void)state;
    struct place p;
    begin(&p, 0, 1);
    AUDIT(p.audit, AUDIT_SIGN_IN, AUDIT_BOOL("ok", true), KV("user", "anna"), KV("by", ""),
          KV("tls", STR_NIL), KV("session", 17));
    AUDIT(p.audit, AUDIT_SIGN_IN, AUDIT_BOOL("ok", false), KV("user", "a\"b\n{\"event\":\"x\"}\x1b[2J"));
    struct buf text = text_of(&p, 0);
    assert_str(buf_str(&text),
               "{\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"sign-in\",\"ok\":true,\"user\":\"anna\","
               "\"session\":17}\n"
               "{\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"sign-in\",\"ok\":false,\"user\":"
               "\"a\\\"b\\u000a{\\\"event\\\":\\\"x\\\"}\\u001b[2J\"}\n");
    buf_deinit(&text);
    struct stat st;
    assert_int_equal(stat(p.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct audit_stats stats;
    audit_stats(p.audit, &stats);
    assert_int_equal(stats.event_count, 2);
    end(&p);
}

static void test_audit_of_null_records_nothing(void **state)
{
    (void)state;
    struct audit_stats stats;
    struct audit *none = NULL;
    AUDIT(none, AUDIT_STOP, KV("text", "x"));
    audit_reopen(none);
    audit_stats(none, &stats);
    assert_int_equal(stats.event_count, 0);
    audit_free(&none);
}

static void test_audit_wants_a_regular_file(void **state)
{
    (void)state;
    struct place p;
    struct err err;
    struct audit *audit;
    begin(&p, 0, 1);
    char fifo[128];
    snprintf(fifo, sizeof fifo, "%s/fifo", p.folder);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct {
        const char *path;
        int r;
    } cases[] = { { fifo, -ERR_INVALID }, { p.folder, -ERR_IO }, { "/nonexistent/audit.log", -ERR_IO } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct audit_params params = { cases[i].path, 0, 1, &p.clock.clock, logger_make(NULL) };
        assert_row(audit_new(&params, &audit, &err) == cases[i].r, i, cases[i].path);
    }
    end(&p);
}

/* ---- rotation ---- */

static void test_audit_rotates_at_its_size_and_keeps_so_many(void **state)
{
    (void)state;
    struct place p;
    begin(&p, 200, 2); /* a line is 72 bytes: two fit */
    for (int i = 1; i <= 9; i++)
        AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", i));
    static const char *const expected[] = { "\"session\":9}", "\"session\":8}", "\"session\":6}" };
    for (unsigned number = 0; number < 4; number++) {
        struct buf text = text_of(&p, number);
        assert_row(number < 3 ? strstr(buf_c(&text), expected[number]) != NULL : text.n == 0, number,
                   buf_c(&text));
        assert_row(text.n <= 200, number, buf_c(&text));
        buf_deinit(&text);
    }
    end(&p);
}

static void test_audit_that_cannot_rotate_grows_and_says_so_once(void **state)
{
    (void)state;
    struct place p;
    char in_the_way[160];
    begin(&p, 200, 1);
    snprintf(in_the_way, sizeof in_the_way, "%s/full", named(&p, 1));
    assert_int_equal(mkdir(named(&p, 1), 0700), 0);
    assert_int_equal(mkdir(in_the_way, 0700), 0);
    for (int i = 1; i <= 4; i++)
        AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", i));
    struct buf text = text_of(&p, 0);
    assert_int_equal(count(buf_c(&text), "\n"), 4);
    assert_int_equal(count_log(&p, "audit-not-rotated"), 1);
    buf_deinit(&text);
    end(&p);
}

static void test_audit_file_that_was_moved_is_made_anew(void **state)
{
    (void)state;
    struct place p;
    begin(&p, 0, 1);
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 1));
    assert_int_equal(rename(p.path, named(&p, 7)), 0);
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 2)); /* not looked for yet: it follows the file */
    clock_fake_advance(&p.clock, 1000);
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 3));
    assert_int_equal(unlink(p.path), 0);
    audit_reopen(p.audit);
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 4));
    struct buf moved = text_of(&p, 7), text = text_of(&p, 0);
    assert_non_null(strstr(buf_c(&moved), "\"session\":2}"));
    assert_int_equal(count(buf_c(&moved), "\n"), 2);
    assert_int_equal(count(buf_c(&text), "\n"), 1);
    assert_non_null(strstr(buf_c(&text), "\"session\":4}"));
    buf_deinit(&moved);
    buf_deinit(&text);
    end(&p);
}

static void test_audit_never_rotates_a_file_of_somebody_else(void **state)
{
    (void)state;
    struct place p;
    struct err err;
    begin(&p, 200, 1);
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 1));
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 2));
    assert_int_equal(rename(p.path, named(&p, 7)), 0);
    assert_int_equal(file_replace(p.path, STR("theirs\n"), 0600, &err), 0);
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 3));
    struct buf text = text_of(&p, 0);
    assert_true(str_starts(buf_str(&text), STR("theirs\n{")));
    assert_int_equal(access(named(&p, 1), F_OK), -1);
    buf_deinit(&text);
    end(&p);
}

/* ---- what goes wrong ---- */

static void test_audit_line_cut_by_a_crash_is_ended_first(void **state)
{
    (void)state;
    struct place p;
    struct err err;
    begin(&p, 0, 1);
    audit_free(&p.audit);
    assert_int_equal(file_replace(p.path, STR("{\"time\":\"20"), 0600, &err), 0);
    reopen_place(&p, 0, 1);
    AUDIT(p.audit, AUDIT_STOP, KV("text", ""));
    AUDIT(p.audit, AUDIT_STOP, KV("text", ""));
    struct buf text = text_of(&p, 0);
    assert_str(buf_str(&text), "{\"time\":\"20\n{\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"stop\"}\n"
                               "{\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"stop\"}\n");
    buf_deinit(&text);
    end(&p);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_audit_on_a_full_disk_is_told_once_and_counted(void **state)
{
    (void)state;
    struct place p;
    begin(&p, 0, 1);
    signal(SIGXFSZ, SIG_IGN);
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 1));
    limit_file_size(100); /* the second line is cut, those behind it do not begin */
    for (int i = 2; i <= 4; i++)
        AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", i));
    limit_file_size(RLIM_INFINITY);
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 5));
    AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", 6));
    struct audit_stats stats;
    audit_stats(p.audit, &stats);
    struct buf text = text_of(&p, 0);
    assert_int_equal(stats.event_count, 3);
    assert_int_equal(stats.lost_count, 3);
    assert_int_equal(count_log(&p, "audit-failed"), 1);
    assert_int_equal(count_log(&p, "audit-resumed"), 1);
    assert_int_equal(count(buf_c(&text), "\n"), 5); /* 1, the cut one, lost, 5, 6 */
    assert_int_equal(count(buf_c(&text), "\"event\":\"lost\",\"events\":3}\n"), 1);
    buf_deinit(&text);
    end(&p);
}

/* ---- many at once ---- */

enum { THREADS = 8, EVENTS_EACH = 400 };

static void *record_many(void *audit)
{
    for (int i = 0; i < EVENTS_EACH; i++) {
        AUDIT(audit, AUDIT_SIGN_IN, AUDIT_BOOL("ok", true), KV("user", "anna@example.org"), KV("session", i));
        if (i % 100 == 0)
            audit_reopen(audit);
    }
    return NULL;
}

static void test_audit_loses_nothing_when_many_threads_rotate_it(void **state)
{
    (void)state;
    struct place p;
    pthread_t threads[THREADS];
    begin(&p, 8192, 100);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, p.audit), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    size_t lines = 0, whole = 0;
    unsigned files = 0;
    for (; access(named(&p, files), F_OK) == 0; files++) {
        struct buf text = text_of(&p, files);
        lines += count(buf_c(&text), "\n");
        whole += count(buf_c(&text),
                       "{\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"sign-in\",\"ok\":true,");
        assert_true(text.n <= 8192);
        buf_deinit(&text);
    }
    assert_int_equal(lines, THREADS * EVENTS_EACH);
    assert_int_equal(whole, THREADS * EVENTS_EACH);
    assert_true(files > 10);
    end(&p);
}

/* kill -9: what was recorded before another byte went out to anybody is there. */
static void test_audit_outlives_a_process_that_is_killed(void **state)
{
    (void)state;
    struct place p;
    begin(&p, 0, 1);
    int told[2];
    uint32_t n = 0, last = 0;
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        for (uint32_t i = 1;; i++) {
            AUDIT(p.audit, AUDIT_SIGN_OUT, KV("session", i));
            if (write(told[1], &i, sizeof i) != sizeof i)
                _exit(1);
        }
    }
    close(told[1]);
    while (last < 500 && read(told[0], &n, sizeof n) == sizeof n)
        last = n;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(told[0], &n, sizeof n) == sizeof n)
        last = n;
    close(told[0]);
    struct buf text = text_of(&p, 0);
    char expected[64];
    snprintf(expected, sizeof expected, "\"session\":%u}\n", last);
    assert_non_null(strstr(buf_c(&text), expected));
    assert_true(count(buf_c(&text), "\n") - last <= 1);
    buf_deinit(&text);
    end(&p);
}

/* ---- the table ---- */

static void test_audit_table_names_each_event_once_and_explains_each_key(void **state)
{
    (void)state;
    for (enum audit_event e = 0; e < AUDIT_EVENT_COUNT; e++) {
        struct str rest = str_c(audit_events[e].keys), word;
        assert_row(audit_events[e].name && audit_events[e].help, e, "row");
        for (enum audit_event other = 0; other < e; other++)
            assert_row(strcmp(audit_events[e].name, audit_events[other].name) != 0, e, audit_events[e].name);
        while (!str_is_nil(word = str_next_word(&rest))) {
            bool explained = false;
            for (size_t i = 0; i < audit_key_count; i++)
                explained = explained || str_eq(word, str_c(audit_keys[i].name));
            assert_row(explained, e, word.p);
        }
    }
    for (size_t i = 0; i < audit_key_count; i++) {
        bool used = false;
        assert_row(i == 0 || strcmp(audit_keys[i - 1].name, audit_keys[i].name) < 0, i, audit_keys[i].name);
        for (enum audit_event e = 0; e < AUDIT_EVENT_COUNT; e++)
            used = used || audit_event_has_key(e, str_c(audit_keys[i].name));
        assert_row(used, i, audit_keys[i].name);
    }
    assert_true(audit_event_has_key(AUDIT_ADMIN, STR("command")));
    assert_false(audit_event_has_key(AUDIT_ADMIN, STR("password")));
    assert_false(audit_event_has_key(AUDIT_ADMIN, STR("comm")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit_event_is_one_json_object),
        cmocka_unit_test(test_audit_of_null_records_nothing),
        cmocka_unit_test(test_audit_wants_a_regular_file),
        cmocka_unit_test(test_audit_rotates_at_its_size_and_keeps_so_many),
        cmocka_unit_test(test_audit_that_cannot_rotate_grows_and_says_so_once),
        cmocka_unit_test(test_audit_file_that_was_moved_is_made_anew),
        cmocka_unit_test(test_audit_never_rotates_a_file_of_somebody_else),
        cmocka_unit_test(test_audit_line_cut_by_a_crash_is_ended_first),
        cmocka_unit_test(test_audit_on_a_full_disk_is_told_once_and_counted),
        cmocka_unit_test(test_audit_loses_nothing_when_many_threads_rotate_it),
        cmocka_unit_test(test_audit_outlives_a_process_that_is_killed),
        cmocka_unit_test(test_audit_table_names_each_event_once_and_explains_each_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
