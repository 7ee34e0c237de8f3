/* Each row runs in a child of its own: what it gives up is gone for good. */
#include "base/sandbox.h"

#include "base/testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PASSED = 7 };

/* True when `check` said so, in a child. */
static bool in_child(bool (*check)(const char *folder), const char *folder)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(check(folder) ? PASSED : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == PASSED;
}

/* ---- files ---- */

static bool opens(const char *folder, const char *name, int flags)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool hold(const char *folder)
{
    char path[200];
    int files = sandbox_files_begin(SANDBOX_NO_SIGNALS | SANDBOX_NO_ABSTRACT_SOCKETS | SANDBOX_NO_PORTS);
    bool ok = files >= 0;
    snprintf(path, sizeof path, "%s/read", folder);
    ok = ok && sandbox_files_allow(files, path, SANDBOX_READ);
    snprintf(path, sizeof path, "%s/write", folder);
    ok = ok && sandbox_files_allow(files, path, SANDBOX_READ | SANDBOX_WRITE);
    snprintf(path, sizeof path, "%s/alone", folder);
    ok = ok && sandbox_files_allow(files, path, SANDBOX_READ);
    ok = ok && sandbox_files_allow(files, "/nonexistent", SANDBOX_READ);
    return ok && sandbox_no_new_privileges() && sandbox_files_hold(files);
}

static bool reads_what_is_allowed(const char *folder)
{
    return hold(folder) && opens(folder, "read/file", O_RDONLY) &&
           opens(folder, "read", O_RDONLY | O_DIRECTORY) && opens(folder, "write/file", O_RDWR) &&
           opens(folder, "alone", O_RDONLY);
}

static bool reads_nothing_else(const char *folder)
{
    return hold(folder) && !opens(folder, "other", O_RDONLY) && errno == EACCES &&
           !opens(folder, ".", O_RDONLY) && !opens("/etc", "passwd", O_RDONLY) && !opens("/", "", O_RDONLY);
}

static bool writes_where_allowed(const char *folder)
{
    char from[200], to[200], sub[200];
    snprintf(from, sizeof from, "%s/write/new", folder);
    snprintf(sub, sizeof sub, "%s/write/sub", folder);
    snprintf(to, sizeof to, "%s/write/sub/link", folder);
    return hold(folder) && opens(folder, "write/new", O_WRONLY | O_CREAT) && truncate(from, 10) == 0 &&
           mkdir(sub, 0700) == 0 && link(from, to) == 0 && rename(to, from) == 0 && unlink(to) == 0 &&
           unlink(from) == 0 && rmdir(sub) == 0;
}

static bool writes_nowhere_else(const char *folder)
{
    char path[200], there[200];
    snprintf(path, sizeof path, "%s/read/file", folder);
    snprintf(there, sizeof there, "%s/write/taken", folder);
    return hold(folder) && !opens(folder, "read/file", O_WRONLY) &&
           !opens(folder, "read/new", O_WRONLY | O_CREAT) && !opens(folder, "new", O_WRONLY | O_CREAT) &&
           unlink(path) < 0 && rename(path, there) < 0 && link(path, there) < 0;
}

static bool executes_nothing(const char *folder)
{
    char *const arguments[] = { (char *)(uintptr_t) "true", NULL };
    return hold(folder) && execv("/bin/true", arguments) < 0 && errno == EACCES;
}

static bool signals_nobody_outside(const char *folder)
{
    if (sandbox_files_version() < 6)
        return true;
    return hold(folder) && kill(getppid(), 0) < 0 && errno == EPERM && kill(getpid(), 0) == 0;
}

static bool binds_no_ports(const char *folder)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int before = socket(AF_INET, SOCK_STREAM, 0), after = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t n = sizeof any;
    if (bind(before, (struct sockaddr *)&any, n) < 0 || listen(before, 1) < 0 ||
        getsockname(before, (struct sockaddr *)&any, &n) < 0)
        return false;
    if (sandbox_files_version() < 4)
        return true;
    struct sockaddr_in other = { .sin_family = AF_INET };
    return hold(folder) && bind(after, (struct sockaddr *)&other, sizeof other) < 0 && errno == EACCES &&
           connect(after, (struct sockaddr *)&any, sizeof any) == 0 && accept(before, NULL, NULL) >= 0;
}

static void test_sandbox_holds_files(void **state)
{
    char folder[] = "/tmp/sandbox-test-XXXXXX", path[200];
    static const char *const names[] = { "read/file", "write/file", "alone", "other" };
    bool (*const checks[])(const char *) = { reads_what_is_allowed, reads_nothing_else,
                                             writes_where_allowed,  writes_nowhere_else,
                                             executes_nothing,      signals_nobody_outside,
                                             binds_no_ports };
    (void)state;
    if (sandbox_files_version() == 0)
        skip();
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/read", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/write", folder);
    mkdir(path, 0700);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_true(opens(folder, names[i], O_WRONLY | O_CREAT));
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++)
        assert_row(in_child(checks[i], folder), i, "");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    snprintf(path, sizeof path, "%s/read", folder);
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/write", folder);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- system calls ---- */

static bool refuse(unsigned also)
{
    static const int calls[] = { SYS_execve, SYS_ptrace, SYS_mount };
    return sandbox_no_new_privileges() && sandbox_refuse_calls(calls, ARRAY_COUNT(calls), also);
}

static bool refuses_named_calls(const char *folder)
{
    char *const arguments[] = { (char *)(uintptr_t) "true", NULL };
    (void)folder;
    return refuse(0) && execv("/bin/true", arguments) < 0 && errno == EPERM &&
           ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 && errno == EPERM &&
           mount("none", "/tmp", "tmpfs", 0, NULL) < 0 && errno == EPERM && getpid() > 0;
}

static bool socket_is(int family, int type, int protocol, int errnum)
{
    int fd = socket(family, type, protocol);
    if (fd >= 0)
        close(fd);
    return errnum == 0 ? fd >= 0 || errno != EPERM : fd < 0 && errno == errnum;
}

static bool refuses_raw_sockets(const char *folder)
{
    int pair[2];
    (void)folder;
    return refuse(SANDBOX_SOCKETS_ORDINARY) && socket_is(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0) &&
           socket_is(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0, 0) && socket_is(AF_UNIX, SOCK_STREAM, 0, 0) &&
           socket_is(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0) &&
           socket_is(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE, 0) &&
           socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
           socket_is(AF_INET, SOCK_RAW, IPPROTO_ICMP, EPERM) &&
           socket_is(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP, EPERM) &&
           socket_is(AF_PACKET, SOCK_RAW, 0, EPERM) && socket_is(AF_PACKET, SOCK_DGRAM, 0, EPERM) &&
           socket_is(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, EPERM) &&
           socket_is(AF_VSOCK, SOCK_STREAM, 0, EPERM) && socket_is(AF_UNIX, SOCK_RAW, 0, EPERM);
}

static void *nothing(void *arg)
{
    return arg;
}

static bool makes_no_namespaces(const char *folder)
{
    pthread_t thread;
    int status;
    (void)folder;
    if (!refuse(SANDBOX_NO_NAMESPACES) || unshare(CLONE_NEWUSER) == 0 || errno != EPERM || setns(0, 0) == 0 ||
        errno != EPERM || syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL) >= 0 ||
        errno != EPERM || syscall(SYS_clone3, NULL, 0) >= 0 || errno != ENOSYS)
        return false;
    pid_t pid = fork(); /* ordinary ones are made as ever */
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, &status, 0) == pid && pthread_create(&thread, NULL, nothing, NULL) == 0 &&
           pthread_join(thread, NULL) == 0;
}

static bool refuses_without_more(const char *folder)
{
    (void)folder;
    return refuse(0) && socket_is(AF_INET, SOCK_RAW, IPPROTO_ICMP, 0) && getppid() > 0;
}

static void test_sandbox_refuses_calls(void **state)
{
    bool (*const checks[])(const char *) = { refuses_named_calls, refuses_raw_sockets, makes_no_namespaces,
                                             refuses_without_more };
    (void)state;
    if (!sandbox_calls_known() || sandbox_is_sanitizer())
        skip();
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++)
        assert_row(in_child(checks[i], NULL), i, "");
}

/* ---- privileges ---- */

static uint64_t status_hex(const char *name)
{
    char line[256];
    uint64_t value = UINT64_MAX;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtoull(line + strlen(name) + 1, NULL, 16);
    if (f)
        fclose(f);
    return value;
}

enum { CAP_NET_BIND = 10 };

static bool drops_all_but_one(const char *folder)
{
    (void)folder;
    return sandbox_drop_capabilities(UINT64_C(1) << CAP_NET_BIND) &&
           status_hex("CapEff:") == UINT64_C(1) << CAP_NET_BIND &&
           status_hex("CapBnd:") == UINT64_C(1) << CAP_NET_BIND && sandbox_drop_capabilities(0) &&
           status_hex("CapEff:") == 0 && status_hex("CapPrm:") == 0 && status_hex("CapInh:") == 0;
}

static bool becomes_another(const char *folder)
{
    (void)folder;
    gid_t groups[10];
    struct err err;
    if (sandbox_become("nobody", "daemon", UINT64_C(1) << CAP_NET_BIND, &err) < 0)
        return false;
    int count = getgroups(10, groups);
    return getuid() == 65534 && geteuid() == 65534 && getgid() == 1 && count <= 1 && setuid(0) < 0 &&
           status_hex("CapEff:") == UINT64_C(1) << CAP_NET_BIND && sandbox_drop_capabilities(0) &&
           status_hex("CapPrm:") == 0 && status_hex("CapBnd:") == 0 && access("/root/.", R_OK) < 0;
}

static void test_sandbox_gives_privileges_up(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_true(in_child(drops_all_but_one, NULL));
    assert_true(in_child(becomes_another, NULL));
}

static void test_sandbox_finds_users(void **state)
{
    uid_t uid;
    gid_t gid;
    struct err err;
    (void)state;
    assert_int_equal(sandbox_find_user("nobody", "", &uid, &gid, &err), 0);
    assert_int_equal(uid, 65534);
    assert_int_equal(sandbox_find_user("nobody", "daemon", &uid, &gid, &err), 0);
    assert_int_equal(gid, 1);
    assert_int_equal(sandbox_find_user("no-such-user", "", &uid, &gid, &err), -ERR_NOT_FOUND);
    assert_int_equal(sandbox_find_user("nobody", "no-such-group", &uid, &gid, &err), -ERR_NOT_FOUND);
    assert_int_equal(sandbox_find_user("root", "", &uid, &gid, &err), -ERR_INVALID);
}

static bool keeps_privileges_new(const char *folder)
{
    (void)folder;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && sandbox_no_new_privileges() &&
           prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void test_sandbox_lets_nobody_gain(void **state)
{
    (void)state;
    assert_true(in_child(keeps_privileges_new, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sandbox_holds_files),         cmocka_unit_test(test_sandbox_refuses_calls),
        cmocka_unit_test(test_sandbox_gives_privileges_up), cmocka_unit_test(test_sandbox_finds_users),
        cmocka_unit_test(test_sandbox_lets_nobody_gain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
