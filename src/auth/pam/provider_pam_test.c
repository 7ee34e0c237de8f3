#include "auth/pam/provider_pam.h"
#include "base/testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Services of our own, in place of /etc/pam.d. %1$s: the folder. pam_exec hands the password to a script; what that refuses, pam_deny
 * turns into a wrong password. */
static const struct {
    const char *name, *text;
} files[] = {
    { "check", "auth [success=done default=ignore] pam_exec.so quiet expose_authtok %1$s/check.sh\n"
               "auth required pam_deny.so\naccount required pam_permit.so\n" },
    { "hangs", "auth required pam_exec.so quiet %1$s/hang.sh\naccount required pam_permit.so\n" },
    { "unknown", "auth required pam_debug.so auth=user_unknown\naccount required pam_permit.so\n" },
    { "down", "auth required pam_debug.so auth=authinfo_unavail\naccount required pam_permit.so\n" },
    { "old", "auth required pam_permit.so\naccount required pam_debug.so acct=new_authtok_reqd\n" },
    { "closed", "auth required pam_permit.so\naccount required pam_debug.so acct=acct_expired\n" },
    { "account-down", "auth required pam_permit.so\naccount required pam_debug.so acct=system_err\n" },
    { "permit", "auth required pam_permit.so\naccount required pam_permit.so\n" },
    { "broken", "auth required pam_no_such_module.so\naccount required pam_permit.so\n" },
    { "crashes", "auth required pam_exec.so quiet %1$s/crash.sh\naccount required pam_permit.so\n" },
    /* also: the address is told, and the password is in no argument and no environment */
    { "check.sh",
      "#!/bin/sh\np=$(tr -d '\\000')\n[ \"$PAM_RHOST\" = 192.0.2.1 ] || exit 1\n"
      "env | grep -q secret && exit 1\n"
      "[ \"$PAM_USER:$p\" = 'anna:secret' ] || [ \"$PAM_USER:$p\" = \"b'e;r$(printf t):a b\" ]\n" },
    { "hang.sh", "#!/bin/sh\necho $$ >>%1$s/pids\nsleep 1000 &\necho $! >>%1$s/pids\nwait\n" },
    { "crash.sh", "#!/bin/sh\nkill -9 $PPID\n" }, /* of the process that talks to PAM */
};

static char folder[64];
static struct err last;

static struct provider open_remembering(const char *service, uint32_t timeout_ms, bool remember)
{
    const struct provider_pam_params params = { .service = service,
                                                .folder = folder,
                                                .user = "",
                                                .group = "",
                                                .timeout_ms = timeout_ms,
                                                .calls_max = 4,
                                                .remember = remember };
    struct pam_helper *helper = NULL;
    struct provider provider = { .ops = NULL };
    if (pam_helper_start(&params, &helper, &last) < 0 || provider_pam_new(&helper, &provider, &last) < 0) {
        print_error("%s\n", last.text);
        fail();
    }
    assert_null(helper);
    return provider;
}

static struct provider open_service(const char *service, uint32_t timeout_ms)
{
    return open_remembering(service, timeout_ms, false);
}

static int verify(const struct provider *p, const char *name, const char *password, struct provider_answer *a)
{
    const struct auth_peer peer = { .protocol = "imap", .has_ip = true, .address = "192.0.2.1" };
    *a = (struct provider_answer){ .groups = BUF_INIT };
    return p->ops->verify(p->ctx, str_c(name), str_c(password), &peer, a, &last);
}

static void test_pam_says_who_is_right(void **state)
{
    (void)state;
    static const struct {
        const char *name, *password;
        int r;
    } cases[] = {
        { "anna", "secret", 0 },           { "anna", "Secret", -ERR_AUTH }, { "anna", "", -ERR_AUTH },
        { "zoe", "secret", -ERR_AUTH },    { "b'e;rt", "a b", 0 },          { "$(id)", "secret", -ERR_AUTH },
        { "anna;x", "secret", -ERR_AUTH }, { "", "x", -ERR_NOT_FOUND },
    };
    struct provider p = open_service("check", 10000);
    struct provider_answer a;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int r = verify(&p, cases[i].name, cases[i].password, &a);
        assert_row(r == cases[i].r, i, r < 0 ? last.text : cases[i].name);
        assert_row(!a.disabled && !a.expired && a.name[0] == '\0', i, "answer");
    }
    p.ops->free(p.ctx);
}

static void test_pam_sees_names_without_their_domain(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int r;
    } cases[] = {
        { "anna@example.org", 0 },         { "anna", 0 },
        { "anna@example.net", -ERR_AUTH }, { "zoe@example.org", -ERR_AUTH },
        { "@example.org", -ERR_AUTH },
    };
    const struct provider_pam_params params = { .service = "check",
                                                .folder = folder,
                                                .user = "",
                                                .group = "",
                                                .domain = "Example.ORG",
                                                .timeout_ms = 10000,
                                                .calls_max = 4 };
    struct pam_helper *helper = NULL;
    struct provider p = { .ops = NULL };
    struct provider_answer a;
    assert_int_equal(pam_helper_start(&params, &helper, &last), 0);
    assert_int_equal(provider_pam_new(&helper, &p, &last), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int r = verify(&p, cases[i].name, "secret", &a);
        assert_row(r == cases[i].r, i, r < 0 ? last.text : cases[i].name);
        assert_row(a.name[0] == '\0', i, a.name); /* it is called as it was asked for */
    }
    p.ops->free(p.ctx);
}

static void test_pam_tells_apart_what_its_modules_say(void **state)
{
    (void)state;
    static const struct {
        const char *service;
        int r;
        bool expired, disabled;
    } cases[] = {
        { "permit", 0, false, false },
        { "old", 0, true, false },
        { "closed", 0, false, true },
        { "unknown", -ERR_NOT_FOUND, false, false },
        { "down", -ERR_UNAVAILABLE, false, false },
        { "account-down", -ERR_UNAVAILABLE, false, false },
        { "broken", -ERR_UNAVAILABLE, false, false },
        { "no-such-service", -ERR_UNAVAILABLE, false, false },
        { "crashes", -ERR_UNAVAILABLE, false, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct provider p = open_service(cases[i].service, 10000);
        struct provider_answer a;
        int r = verify(&p, "anna", "secret", &a);
        assert_row(r == cases[i].r, i, r < 0 ? last.text : cases[i].service);
        assert_row(a.expired == cases[i].expired && a.disabled == cases[i].disabled, i, cases[i].service);
        p.ops->free(p.ctx);
    }
}

static void test_pam_takes_no_empty_or_cut_password_whatever_its_modules_say(void **state)
{
    (void)state;
    const struct auth_peer peer = { .protocol = "imap" };
    struct provider p = open_service("permit", 10000);
    struct provider_answer a = { .groups = BUF_INIT };
    assert_int_equal(verify(&p, "anna", "", &a), -ERR_AUTH);
    assert_int_equal(p.ops->verify(p.ctx, STR("anna"), STR("a\0b"), &peer, &a, &last), -ERR_AUTH);
    assert_int_equal(verify(&p, "anna", "x", &a), 0);
    p.ops->free(p.ctx);
}

/* CVE-2026-27855: who knows what a module took for a password? */
static void test_pam_passwords_are_good_once_unless_a_setting_says_otherwise(void **state)
{
    (void)state;
    for (int remember = 0; remember <= 1; remember++) {
        struct provider p = open_remembering("permit", 10000, remember);
        struct provider_answer a;
        assert_int_equal(verify(&p, "anna", "secret", &a), 0);
        assert_int_equal(a.once, !remember);
        p.ops->free(p.ctx);
    }
}

static bool runs(pid_t pid)
{
    char path[64], line[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "r");
    bool alive = in && fgets(line, sizeof line, in) && !strstr(line, ") Z");
    if (in)
        fclose(in);
    return alive;
}

static void test_pam_that_hangs_is_ended_with_all_it_started(void **state)
{
    (void)state;
    struct provider p = open_service("hangs", 300);
    struct provider_answer a;
    char path[96];
    int pid, count = 0;
    alarm(30); /* instead of a clock: it must end */
    assert_int_equal(verify(&p, "anna", "secret", &a), -ERR_UNAVAILABLE);
    assert_int_equal(verify(&p, "anna", "secret", &a), -ERR_UNAVAILABLE);
    snprintf(path, sizeof path, "%s/pids", folder);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fscanf(in, "%d", &pid) == 1) {
        count++;
        while (runs(pid))
            usleep(10000);
    }
    fclose(in);
    assert_true(count >= 2);
    alarm(0);
    p.ops->free(p.ctx);
}

static void *verify_often(void *ctx)
{
    struct provider *p = ctx;
    struct provider_answer a;
    const struct auth_peer peer = { .protocol = "imap", .has_ip = true, .address = "192.0.2.1" };
    size_t wrong = 0;
    for (int i = 0; i < 10; i++) {
        struct err err;
        a = (struct provider_answer){ .groups = BUF_INIT };
        wrong += p->ops->verify(p->ctx, STR("anna"), STR("secret"), &peer, &a, &err) != 0;
        wrong += p->ops->verify(p->ctx, STR("anna"), STR("wrong"), &peer, &a, &err) != -ERR_AUTH;
    }
    return wrong ? ctx : NULL;
}

static void test_pam_answers_many_at_once_and_mixes_nobody_up(void **state)
{
    (void)state;
    struct provider p = open_service("check", 30000);
    pthread_t threads[4]; /* calls_max: auth.c lets no more in */
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &p), 0);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    p.ops->free(p.ctx);
}

/* The one child that we have. */
static pid_t helper_pid(void)
{
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%d", &pid), 1);
    fclose(in);
    return pid;
}

static void test_pam_is_down_without_its_helper(void **state)
{
    (void)state;
    struct provider p = open_service("permit", 10000);
    struct provider_answer a;
    assert_int_equal(verify(&p, "anna", "secret", &a), 0);
    kill(helper_pid(), SIGTERM); /* whoever stops the server's group: it ends with the server only */
    assert_int_equal(verify(&p, "anna", "secret", &a), 0);
    kill(helper_pid(), SIGKILL);
    while (runs(helper_pid()))
        usleep(1000);
    assert_int_equal(verify(&p, "anna", "secret", &a), -ERR_UNAVAILABLE);
    p.ops->free(p.ctx);
}

static void test_pam_helper_has_nothing_open_of_the_server(void **state)
{
    (void)state;
    int secret = open("/etc/passwd", O_RDONLY); /* as a database would be, without O_CLOEXEC */
    struct provider p = open_service("permit", 10000);
    char path[64];
    size_t open_files = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)helper_pid());
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        open_files++;
    closedir(dir);
    assert_int_equal(open_files, 2 + 4); /* ".", "..": standard ones, and the socket */
    p.ops->free(p.ctx);
    close(secret);
}

static void test_pam_refuses_services_that_are_no_names(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "../loft", "a/b", ".", ".hidden" };
    struct pam_helper *helper = NULL;
    struct provider_pam_params params = {
        .folder = "", .user = "", .group = "", .timeout_ms = 1000, .calls_max = 1
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        params.service = wrong[i];
        assert_row(pam_helper_start(&params, &helper, &last) == -ERR_INVALID, i, wrong[i]);
    }
    params.service = "loft";
    params.user = "no-such-user-here";
    assert_int_equal(pam_helper_start(&params, &helper, &last), -ERR_NOT_FOUND);
    assert_null(helper);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/loft-pam-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fprintf(out, files[i].text, folder);
        fclose(out);
        chmod(path, 0755);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char path[128];
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/pids", folder);
    unlink(path);
    rmdir(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pam_says_who_is_right),
        cmocka_unit_test(test_pam_sees_names_without_their_domain),
        cmocka_unit_test(test_pam_tells_apart_what_its_modules_say),
        cmocka_unit_test(test_pam_takes_no_empty_or_cut_password_whatever_its_modules_say),
        cmocka_unit_test(test_pam_passwords_are_good_once_unless_a_setting_says_otherwise),
        cmocka_unit_test(test_pam_that_hangs_is_ended_with_all_it_started),
        cmocka_unit_test(test_pam_answers_many_at_once_and_mixes_nobody_up),
        cmocka_unit_test(test_pam_is_down_without_its_helper),
        cmocka_unit_test(test_pam_helper_has_nothing_open_of_the_server),
        cmocka_unit_test(test_pam_refuses_services_that_are_no_names),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
