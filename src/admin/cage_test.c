/* What a process in the cage reaches beside files. */
#include "admin/cage.h"

#include "base/sandbox.h"
#include "base/testing.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_un abstract;
static socklen_t abstract_bytes;

/* A datagram socket of ours with an abstract name; `name_out` as NOTIFY_SOCKET spells it. */
static int listen_abstract(char name_out[static 64])
{
    int n = snprintf(name_out, 64, "@loft-cage-test-%d", (int)getpid());
    abstract.sun_family = AF_UNIX;
    memcpy(abstract.sun_path + 1, name_out + 1, (size_t)n - 1);
    abstract_bytes = (socklen_t)offsetof(struct sockaddr_un, sun_path) + (socklen_t)n;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (const struct sockaddr *)&abstract, abstract_bytes) == 0);
    return fd;
}

/* 0, or the errno with which the kernel refused; -1: there is no cage. */
static int send_from_cage(const char *notify_socket)
{
    const struct config_sources sources = { .default_data_folder = "/nonexistent/loft" };
    struct config *config = NULL;
    struct cage cage;
    struct err err;
    if (notify_socket ? setenv("NOTIFY_SOCKET", notify_socket, 1) < 0 : unsetenv("NOTIFY_SOCKET") < 0)
        return -1;
    if (config_load(&sources, NULL, NULL, &config, &err) < 0 ||
        cage_enter(config, NULL, (struct logger){ .sink = NULL }, &cage, &err) < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool sent = sendto(fd, "x", 1, 0, (const struct sockaddr *)&abstract, abstract_bytes) == 1;
    return sent ? 0 : errno;
}

static void test_cage_reaches_abstract_sockets_only_for_systemd(void **state)
{
    char name[64];
    (void)state;
    if (sandbox_is_sanitizer() || sandbox_files_version() < 6)
        skip();
    int fd = listen_abstract(name);
    const struct {
        const char *notify_socket;
        int errnum;
    } cases[] = { { NULL, EPERM }, { "", EPERM }, { "/run/systemd/notify", EPERM }, { name, 0 } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0)
            _exit(send_from_cage(cases[i].notify_socket) & 0xff);
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
        assert_row(WIFEXITED(status) && WEXITSTATUS(status) == cases[i].errnum, i, "another answer");
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cage_reaches_abstract_sockets_only_for_systemd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
