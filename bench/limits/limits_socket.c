#include "limits.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COMMAND_BYTES = 40, SEND_BYTES = 64 * 1024 };

static int listen_on(struct sockaddr_in *address)
{
    socklen_t n = sizeof *address;
    *address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, n) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &n) != 0)
        limits_die("listen");
    return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        limits_die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0)
            limits_die("send");
        p += sent;
        n -= (size_t)sent;
    }
}

/* The clients, in a thread of their own: their CPU is not counted. */
struct client {
    struct sockaddr_in address;
    unsigned count;
};

static void *ask_many(void *argument)
{
    const struct client *c = argument;
    char line[COMMAND_BYTES] = "T1 NOOP";
    int fd = connect_to(&c->address);
    for (unsigned i = 0; i < c->count; i++) {
        send_all(fd, line, sizeof line);
        if (recv(fd, line, sizeof line, MSG_WAITALL) != sizeof line)
            limits_die("recv");
    }
    close(fd);
    return NULL;
}

static void *read_all(void *argument)
{
    const struct client *c = argument;
    static char in[SEND_BYTES];
    int fd = connect_to(&c->address);
    while (recv(fd, in, sizeof in, 0) > 0)
        ;
    close(fd);
    return NULL;
}

static void *connect_many(void *argument)
{
    const struct client *c = argument;
    char greeting[COMMAND_BYTES];
    for (unsigned i = 0; i < c->count; i++) {
        int fd = connect_to(&c->address);
        if (recv(fd, greeting, sizeof greeting, MSG_WAITALL) != sizeof greeting)
            limits_die("recv");
        close(fd);
    }
    return NULL;
}

static pthread_t client_start(void *(*run)(void *), struct client *c)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, c) != 0)
        limits_die("pthread_create");
    return thread;
}

/* Short command, short answer: epoll_wait, recv, send. */
static void measure_commands(const struct limits *l)
{
    struct client c = { .count = 50000 / l->scale };
    char line[COMMAND_BYTES];
    int door = listen_on(&c.address), epoll = epoll_create1(EPOLL_CLOEXEC), yes = 1;
    pthread_t thread = client_start(ask_many, &c);
    int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        limits_die("epoll_ctl");
    struct limits_meter m = limits_start();
    for (unsigned i = 0; i < c.count; i++) {
        struct epoll_event got;
        if (epoll_wait(epoll, &got, 1, -1) != 1 || recv(fd, line, sizeof line, MSG_WAITALL) != sizeof line)
            limits_die("recv");
        send_all(fd, line, sizeof line);
        if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) != 0)
            limits_die("epoll_ctl");
    }
    limits_row(&m, "command", "a short command and answer on loopback", c.count);
    pthread_join(thread, NULL);
    close(fd);
    close(epoll);
    close(door);
}

/* What is ready to send is sent, `bytes` of it for each operation, in pieces as a server would. */
static void measure_send(const struct limits *l, const char *row, const char *name, size_t bytes,
                         unsigned count)
{
    struct client c = { .count = 0 };
    char *out = calloc(1, SEND_BYTES);
    int door = listen_on(&c.address);
    pthread_t thread = client_start(read_all, &c);
    int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || !out)
        limits_die("accept");
    count /= l->scale;
    struct limits_meter m = limits_start();
    for (uint64_t left = (uint64_t)bytes * count; left > 0;) {
        size_t n = left < SEND_BYTES ? (size_t)left : SEND_BYTES;
        send_all(fd, out, n);
        left -= n;
    }
    limits_row(&m, row, name, count);
    close(fd);
    pthread_join(thread, NULL);
    close(door);
    free(out);
}

static void measure_connections(const struct limits *l)
{
    struct client c = { .count = 10000 / l->scale };
    char greeting[COMMAND_BYTES] = "* OK";
    int door = listen_on(&c.address);
    pthread_t thread = client_start(connect_many, &c);
    struct limits_meter m = limits_start();
    for (unsigned i = 0; i < c.count; i++) {
        int fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            limits_die("accept");
        send_all(fd, greeting, sizeof greeting);
        while (recv(fd, greeting, sizeof greeting, 0) > 0)
            ;
        close(fd);
    }
    limits_row(&m, "connection", "accept, greeting, close", c.count);
    pthread_join(thread, NULL);
    close(door);
}

void limits_socket(const struct limits *l)
{
    measure_commands(l);
    measure_connections(l);
    measure_send(l, "send.line", "sending a line of FETCH, 64 KB at a time", 41, 20000000);
    measure_send(l, "send.envelope", "sending 600 bytes, 64 KB at a time", 600, 2000000);
    measure_send(l, "send.message", "sending 24 KB, 64 KB at a time", LIMITS_MESSAGE_BYTES, 50000);
}
