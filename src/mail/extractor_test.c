#include "base/testing.h"
#include "mail/extractor.h"

#include "base/file.h"

#include <linux/landlock.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct extractor_limits few = { .time_ms = 5000,
                                             .cpu_s = 1,
                                             .memory_bytes = UINT64_C(512) << 20,
                                             .output_bytes = 100000,
                                             .file_bytes = 4096 };

/* Run a script over the input. */
static int run(const char *script, const struct extractor_limits *limits, struct str input, struct buf *out)
{
    char folder[] = "/tmp/extractor-test-XXXXXX", path[64];
    struct err err = { 0 };
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/program", folder);
    struct buf text = BUF_INIT;
    buf_printf(&text, "#!/bin/sh\n%s\n", script);
    assert_int_equal(file_replace(path, buf_str(&text), 0755, &err), 0);
    int r = extractor_run(path, limits, STR("application/pdf"), STR("a b.pdf"), input, out, &err);
    buf_deinit(&text);
    unlink(path);
    rmdir(folder);
    return r;
}

static void test_a_program_makes_text_of_bytes(void **state)
{
    static const struct {
        const char *script, *out;
        int r;
    } cases[] = {
        { "tr a-z A-Z", "HELLO", 0 },
        { "cat >/dev/null; echo \"$CONTENT_TYPE $FILE_NAME\"", "application/pdf a b.pdf\n", 0 },
        { "echo early", "early\n", 0 },     /* and reads nothing */
        { "cat; exit 1", "", -ERR_CANNOT }, /* nothing that it said counts */
        { "cat; exit 127", "", -ERR_IO },   /* as when it cannot be executed */
        { "exec /nonexistent", "", -ERR_IO },
        { "exit 0", "", 0 },
        { "echo out; echo err >&2", "out\n", 0 },
        { "echo there; exec >&-; sleep 0.1", "there\n", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        assert_row(run(cases[i].script, &few, STR("hello"), &out) == cases[i].r, i, cases[i].script);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].script);
        buf_deinit(&out);
    }
}

static void test_large_inputs_and_outputs_pass(void **state)
{
    struct buf in = BUF_INIT, out = BUF_INIT;
    (void)state;
    memset(buf_reserve(&in, 3000000), 'x', 3000000);
    in.n = 3000000;
    assert_int_equal(run("wc -c", &few, buf_str(&in), &out), 0);
    assert_string_equal(buf_c(&out), "3000000\n");
    buf_clear(&out);
    assert_int_equal(run("cat", &few, buf_str(&in), &out), 0); /* cut at the limit */
    assert_int_equal(out.n, few.output_bytes);
    buf_deinit(&in);
    buf_deinit(&out);
}

static bool stops_soon(void *ctx)
{
    return ++*(unsigned *)ctx > 3;
}

static void test_a_program_is_held_to_its_limits(void **state)
{
    struct extractor_limits hasty = few;
    hasty.time_ms = 300;
    unsigned asked = 0;
    struct extractor_limits stopped = few;
    stopped.time_ms = 60000;
    stopped.must_stop = stops_soon;
    stopped.ctx = &asked;
    const struct {
        const char *script, *out;
        const struct extractor_limits *limits;
        int r;
    } cases[] = {
        { "echo x; sleep 60", "", &hasty, -ERR_CANNOT },
        { "exec >&-; sleep 60", "", &hasty, -ERR_CANNOT }, /* has said all, and stays */
        { "while :; do :; done", "", &few, -ERR_CANNOT },  /* processor time */
        { "echo x; sleep 60", "", &stopped, -ERR_UNAVAILABLE },
        { "exec >&-; sleep 60", "", &stopped, -ERR_UNAVAILABLE },
        { "ulimit -v", "524288\n", &few, 0 },              /* memory, in KB */
        { "sleep 60 >&- & echo left", "left\n", &few, 0 }, /* what it started ends with it */
        { "ulimit -f", "8\n", &few, 0 },                   /* files, in blocks of 512 bytes */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        asked = 0;
        assert_row(run(cases[i].script, cases[i].limits, STR("hello"), &out) == cases[i].r, i,
                   cases[i].script);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].script);
        buf_deinit(&out);
    }
}

static void test_a_program_has_no_network(void **state)
{
    struct buf out = BUF_INIT;
    (void)state;
    assert_int_equal(run("/usr/bin/python3 -c 'import socket; socket.socket()' 2>/dev/null || echo refused",
                         &few, STR(""), &out),
                     0);
    assert_string_equal(buf_c(&out), "refused\n");
    buf_deinit(&out);
}

static void test_a_program_sees_few_files(void **state)
{
    static const struct {
        const char *script, *out;
    } cases[] = {
        { "ls / >/dev/null 2>&1 || echo refused", "refused\n" },
        { "cat /etc/hostname /etc/hosts /sys/kernel/uevent_seqnum 2>/dev/null || echo refused", "refused\n" },
        { "(echo x >/dev/shm/extractor-test) 2>/dev/null || echo refused", "refused\n" },
        { "cat /proc/$PPID/environ 2>/dev/null || echo refused", "refused\n" },
        { "(kill -0 $PPID) 2>/dev/null || echo refused", "refused\n" },
        { "f=$(mktemp) && echo text >$f && cat $f && rm $f", "text\n" },
        { "ls /usr/bin/env; python3 -c 'print(1)'", "/usr/bin/env\n1\n" },
    };
    (void)state;
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 3)
        skip();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        assert_row(run(cases[i].script, &few, STR(""), &out) == 0, i, cases[i].script);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].script);
        buf_deinit(&out);
    }
}

static void test_a_program_that_is_not_there_is_an_error(void **state)
{
    struct buf out = BUF_INIT;
    struct err err;
    (void)state;
    assert_int_equal(extractor_run("/nonexistent", &few, STR("a/b"), STR_NIL, STR("x"), &out, &err), -ERR_IO);
    assert_int_equal(out.n, 0);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_makes_text_of_bytes),
        cmocka_unit_test(test_large_inputs_and_outputs_pass),
        cmocka_unit_test(test_a_program_is_held_to_its_limits),
        cmocka_unit_test(test_a_program_has_no_network),
        cmocka_unit_test(test_a_program_sees_few_files),
        cmocka_unit_test(test_a_program_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
