#include "admin/auditlog.h"
#include "base/file.h"
#include "base/testing.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define T             "\"time\":\"2026-11-20T11:17:00.123Z\""
#define SIGN_IN(more) "{" T ",\"event\":\"sign-in\"" more "}"
enum { NOON_S = 1795173420 }; /* 2026-11-20T11:17:00Z */

/* ---- one line ---- */

static void test_auditlog_lines_are_events_or_none(void **state)
{
    (void)state;
    static const struct auditlog_filter all = { 0 };
    static const struct {
        const char *line;
        int r;
    } cases[] = {
        { SIGN_IN(""), 1 },
        { SIGN_IN(",\"ok\":true,\"later\":[1,{}]"), 1 },
        { "{" T ",\"event\":\"of a later version\"}", 1 },
        { "", -ERR_SYNTAX },
        { "{", -ERR_SYNTAX },
        { "[]", -ERR_SYNTAX },
        { "17", -ERR_SYNTAX },
        { "null", -ERR_SYNTAX },
        { "{" T "}", -ERR_SYNTAX },
        { "{" T ",\"event\":\"\"}", -ERR_SYNTAX },
        { "{" T ",\"event\":7}", -ERR_SYNTAX },
        { "{\"time\":\"2026-11-20T11:17:00Z\",\"event\":\"x\"}", -ERR_SYNTAX },
        { "{\"time\":\"2026-13-20T11:17:00.123Z\",\"event\":\"x\"}", -ERR_SYNTAX },
        { "{\"time\":1,\"event\":\"x\"}", -ERR_SYNTAX },
        { SIGN_IN("") SIGN_IN(""), -ERR_SYNTAX },
        { SIGN_IN(",\"user\":\"anna\",\"user\":\"bob\""), -ERR_SYNTAX },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        json_t *event = NULL;
        int r = auditlog_parse(str_c(cases[i].line), &all, &event, NULL);
        assert_row(r == cases[i].r, i, cases[i].line);
        assert_row(r != 1 || auditlog_time_ms(event) == NOON_S * INT64_C(1000) + 123, i, cases[i].line);
        json_decref(event);
    }
}

static struct auditlog_filter from_network(const char *text)
{
    struct auditlog_filter filter = { .has_network = true };
    assert_int_equal(cidr_parse(str_c(text), &filter.network, NULL), 0);
    return filter;
}

static void test_auditlog_filters(void **state)
{
    (void)state;
    const int64_t noon = NOON_S * INT64_C(1000) + 123;
    const struct {
        struct auditlog_filter filter;
        const char *more;
        int r;
    } cases[] = {
        { { .since_ms = noon }, "", 1 },
        { { .since_ms = noon + 1 }, "", 0 },
        { { .until_ms = noon }, "", 0 },
        { { .until_ms = noon + 1 }, "", 1 },
        { { .events = 1u << AUDIT_SIGN_IN | 1u << AUDIT_LOCK }, "", 1 },
        { { .events = 1u << AUDIT_LOCK }, "", 0 },
        { { .user = STR("anna") }, ",\"user\":\"ANNA\"", 1 },
        { { .user = STR("anna") }, ",\"user\":\"anna@example.org\"", 0 },
        { { .user = STR("anna") }, ",\"user\":\"bob\",\"by\":\"anna\"", 1 },
        { { .user = STR("anna") }, ",\"user\":\"bob\",\"owner\":\"anna\"", 1 },
        { { .user = STR("anna") }, "", 0 },
        { { .only_ok = true }, ",\"ok\":true", 1 },
        { { .only_ok = true }, ",\"ok\":false", 0 },
        { { .only_ok = true }, "", 0 },
        { { .only_failed = true }, ",\"ok\":false", 1 },
        { { .only_failed = true }, ",\"ok\":true", 0 },
        { { .only_failed = true }, "", 0 },
        { from_network("192.0.2.0/24"), ",\"address\":\"192.0.2.77\"", 1 },
        { from_network("192.0.2.0/24"), ",\"address\":\"192.0.3.77\"", 0 },
        { from_network("192.0.2.0/24"), ",\"address\":\"unix\"", 0 },
        { from_network("2001:db8::/32"), ",\"address\":\"2001:db8:1::1\"", 1 },
        { from_network("2001:db8::/32"), "", 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char line[256];
        json_t *event = NULL;
        snprintf(line, sizeof line, SIGN_IN("%s"), cases[i].more);
        assert_row(auditlog_parse(str_c(line), &cases[i].filter, &event, NULL) == cases[i].r, i, line);
        json_decref(event);
    }
}

static void test_auditlog_names_of_events(void **state)
{
    (void)state;
    struct err err;
    uint32_t events = 0;
    assert_int_equal(auditlog_parse_events(STR("sign-in,Lock expunge"), &events, &err), 0);
    assert_int_equal(events, 1u << AUDIT_SIGN_IN | 1u << AUDIT_LOCK | 1u << AUDIT_EXPUNGE);
    assert_int_equal(auditlog_parse_events(STR("sign-in,signin"), &events, &err), -ERR_INVALID);
    assert_non_null(strstr(err.text, "no event signin"));
}

/* ---- files ---- */

struct place {
    char folder[64], path[96];
    struct auditlog_filter filter;
    struct auditlog *log;
};

static void begin(struct place *p)
{
    *p = (struct place){ .folder = "/tmp/auditlog-test-XXXXXX" };
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/audit.log", p->folder);
}

static void end(struct place *p)
{
    char command[128];
    auditlog_close(&p->log);
    snprintf(command, sizeof command, "rm -r %s", p->folder);
    assert_int_equal(system(command), 0);
}

static void put(const struct place *p, unsigned number, struct str bytes)
{
    char path[128];
    struct err err;
    snprintf(path, sizeof path, number ? "%s.%u" : "%s", p->path, number);
    assert_int_equal(file_replace(path, bytes, 0600, &err), 0);
}

static int open_log(struct place *p)
{
    struct err err;
    return auditlog_open(p->path, &p->filter, &p->log, &err);
}

/* The session numbers of all events from here to the end: "1 2 3". */
static const char *sessions(struct place *p)
{
    static char text[4096];
    json_t *event;
    struct err err;
    int r;
    size_t n = 0;
    text[0] = '\0';
    while ((r = auditlog_next(p->log, &event, NULL, &err)) == 1) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", n ? " " : "",
                              (long long)json_integer_value(json_object_get(event, "session")));
        json_decref(event);
    }
    assert_int_equal(r, 0);
    return text;
}

#define EVENT(session) SIGN_IN(",\"session\":" #session) "\n"

static void test_auditlog_reads_rotated_files_oldest_first(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    put(&p, 12, STR(EVENT(1) EVENT(2)));
    put(&p, 2, STR(EVENT(3))); /* some between were taken away */
    put(&p, 1, STR(EVENT(4)));
    put(&p, 0, STR(EVENT(5)));
    assert_int_equal(open_log(&p), 0);
    assert_string_equal(sessions(&p), "1 2 3 4 5");
    assert_int_equal(auditlog_damaged_count(p.log, true), 0);
    end(&p);
}

static void test_auditlog_without_a_file_says_so(void **state)
{
    (void)state;
    struct place p;
    begin(&p);
    assert_int_equal(open_log(&p), -ERR_NOT_FOUND);
    end(&p);
}

static void test_auditlog_passes_over_what_is_damaged_and_counts_it(void **state)
{
    (void)state;
    struct place p;
    struct buf text = BUF_INIT;
    begin(&p);
    put(&p, 1, STR(EVENT(1) "{\"time\":\"20\n" EVENT(2) "\n\0\0\0\n" EVENT(3) "{\"cut at the end"));
    buf_add_lit(&text, EVENT(4));
    for (int i = 0; i < 2 * AUDITLOG_LINE_BYTES_MAX; i++)
        buf_add_char(&text, 'x');
    buf_add_lit(&text, "\n" EVENT(5) "{\"being written");
    put(&p, 0, buf_str(&text));
    assert_int_equal(open_log(&p), 0);
    assert_string_equal(sessions(&p), "1 2 3 4 5");
    assert_int_equal(auditlog_damaged_count(p.log, false), 4);
    assert_int_equal(auditlog_damaged_count(p.log, true), 5);
    buf_deinit(&text);
    end(&p);
}

static void append(const struct place *p, const char *text)
{
    FILE *f = fopen(p->path, "a");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_auditlog_goes_on_where_it_was_also_after_rotations(void **state)
{
    (void)state;
    struct place p;
    char first[128], second[128];
    begin(&p);
    snprintf(first, sizeof first, "%s.1", p.path);
    snprintf(second, sizeof second, "%s.2", p.path);
    put(&p, 0, STR(EVENT(1) "{\"time\":\"2026-11-20T11:17:00.123Z\",\"event\":\"x\","));
    assert_int_equal(open_log(&p), 0);
    assert_string_equal(sessions(&p), "1");
    append(&p, "\"session\":2}\n" EVENT(3));
    assert_string_equal(sessions(&p), "2 3");
    append(&p, EVENT(4));
    assert_int_equal(rename(p.path, first), 0);
    put(&p, 0, STR(EVENT(5)));
    assert_int_equal(rename(first, second), 0);
    assert_int_equal(rename(p.path, first), 0);
    put(&p, 0, STR(EVENT(6)));
    assert_string_equal(sessions(&p), "4 5 6");
    assert_string_equal(sessions(&p), "");
    end(&p);
}

static void test_auditlog_passes_over_files_that_are_too_old(void **state)
{
    (void)state;
    struct place p;
    char first[128];
    begin(&p);
    p.filter.since_ms = INT64_C(1700000000000);
    put(&p, 1, STR("not even looked at\n"));
    put(&p, 0, STR(EVENT(2)));
    snprintf(first, sizeof first, "%s.1", p.path);
    const struct timespec times[2] = { { 1600000000, 0 }, { 1600000000, 0 } };
    assert_int_equal(utimensat(AT_FDCWD, first, times, 0), 0);
    assert_int_equal(open_log(&p), 0);
    assert_string_equal(sessions(&p), "2");
    assert_int_equal(auditlog_damaged_count(p.log, true), 0);
    end(&p);
}

/* ---- while it is written and rotated ---- */

enum { WRITERS = 4, EVENTS_EACH = 500 };

struct writing {
    struct audit *audit;
    atomic_int running;
};

static void *record_many(void *ctx)
{
    struct writing *w = ctx;
    for (int i = 0; i < EVENTS_EACH; i++)
        AUDIT(w->audit, AUDIT_SIGN_IN, KV("session", 1));
    atomic_fetch_sub(&w->running, 1);
    return NULL;
}

static void test_auditlog_reader_misses_nothing_while_many_write_and_rotate(void **state)
{
    (void)state;
    struct place p;
    struct err err;
    struct writing w = { .running = WRITERS };
    pthread_t threads[WRITERS];
    begin(&p);
    const struct audit_params params = { p.path, 4096, 500, &clock_system, logger_make(NULL) };
    assert_int_equal(audit_new(&params, &w.audit, &err), 0);
    assert_int_equal(open_log(&p), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, &w), 0);
    size_t seen = 0;
    json_t *event;
    while (atomic_load(&w.running) > 0)
        if (auditlog_next(p.log, &event, NULL, &err) == 1) {
            json_decref(event);
            seen++;
        }
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    while (auditlog_next(p.log, &event, NULL, &err) == 1) {
        json_decref(event);
        seen++;
    }
    assert_int_equal(seen, WRITERS * EVENTS_EACH);
    assert_int_equal(auditlog_damaged_count(p.log, true), 0);
    audit_free(&w.audit);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auditlog_lines_are_events_or_none),
        cmocka_unit_test(test_auditlog_filters),
        cmocka_unit_test(test_auditlog_names_of_events),
        cmocka_unit_test(test_auditlog_reads_rotated_files_oldest_first),
        cmocka_unit_test(test_auditlog_without_a_file_says_so),
        cmocka_unit_test(test_auditlog_passes_over_what_is_damaged_and_counts_it),
        cmocka_unit_test(test_auditlog_goes_on_where_it_was_also_after_rotations),
        cmocka_unit_test(test_auditlog_passes_over_files_that_are_too_old),
        cmocka_unit_test(test_auditlog_reader_misses_nothing_while_many_write_and_rotate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
