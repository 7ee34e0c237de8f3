/* Sockets that listen: listener.h. */
#include "net/listener.h"

#include "net/net_private.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    ACCEPTS_MAX = 16, /* in a row, before the socket goes back to epoll */
    KEEPALIVE_IDLE_S = 120,
    KEEPALIVE_INTERVAL_S = 30,
    KEEPALIVE_PROBES = 6,
    ADDRESS_BYTES_MAX = 255,
};

/* ---- accepting ---- */

/* Connections inherit them from the socket that accepts them. */
static void set_tcp_options(int fd)
{
    static const struct {
        int level, name, value;
    } settings[] = {
        { IPPROTO_TCP, TCP_NODELAY, 1 }, /* we write whole answers */
        { SOL_SOCKET, SO_KEEPALIVE, 1 }, /* finds clients that fell off the network */
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S },
        { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES },
    };
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) /* better to serve without than not at all */
        (void)setsockopt(fd, settings[i].level, settings[i].name, &settings[i].value, sizeof(int));
}

/* Wait for the next client; the caller holds the socket's lock. */
static void arm(struct listener_socket *socket, int op)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLONESHOT,
        .data.u64 = (uint64_t)(uintptr_t)socket | LISTENER_EVENT,
    };
    if (epoll_ctl(socket->listener->net->epoll_fd, op, socket->fd, &event) < 0)
        abort(); /* our own descriptor, known to epoll */
}

static void pause_accept(struct listener_socket *socket, int errnum)
{
    struct net *net = socket->listener->net;
    socket->paused = true;
    atomic_fetch_add(&net->accept_pauses, 1);
    log_warn(&net->log, "accept-paused", KV("listener", socket->listener->options.handler->name),
             KV("reason", (const char *)strerrordesc_np(errnum)));
    net_accept_paused(net);
}

static bool is_shortage(int errnum)
{
    return errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM;
}

static void queue(struct conn **c)
{
    if (!*c)
        return;
    conn_queue(*c);
    conn_unref(*c);
    *c = NULL;
}

struct conn *listener_socket_ready(struct listener_socket *socket)
{
    struct conn *last = NULL;
    pthread_mutex_lock(&socket->lock);
    for (int i = 0; i < ACCEPTS_MAX && socket->fd >= 0; i++) {
        struct sockaddr_storage sa;
        socklen_t n = sizeof sa;
        int fd = accept4(socket->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            const struct net_addr peer = addr_from_sockaddr((const struct sockaddr *)&sa, n);
            queue(&last);
            last = conn_start(socket->listener, fd, &peer);
            continue;
        }
        if (errno == EAGAIN)
            break;
        if (is_shortage(errno)) { /* level-triggered, it would be reported again and again */
            pause_accept(socket, errno);
            break;
        } /* anything else is about that one client: accept(2), "Error handling" */
    }
    if (socket->fd >= 0 && !socket->paused)
        arm(socket, EPOLL_CTL_MOD);
    pthread_mutex_unlock(&socket->lock);
    return last;
}

void listener_resume(struct listener *listener)
{
    for (size_t i = 0; i < listener->socket_count; i++) {
        struct listener_socket *socket = &listener->sockets[i];
        pthread_mutex_lock(&socket->lock);
        if (socket->paused && socket->fd >= 0)
            arm(socket, EPOLL_CTL_MOD);
        socket->paused = false;
        pthread_mutex_unlock(&socket->lock);
    }
}

/* ---- opening ---- */

static int open_error(struct err *err, int errnum, struct str address, const char *what)
{
    static const struct {
        int errnum;
        enum err_kind kind;
        const char *text;
    } known[] = {
        { EADDRINUSE, ERR_EXISTS, "in use by another program" },
        { EACCES, ERR_DENIED, "not permitted to this user" },
        { EPERM, ERR_DENIED, "not permitted to this user" },
        { EADDRNOTAVAIL, ERR_NOT_FOUND, "not an address of this machine" },
        { ENOENT, ERR_NOT_FOUND, "the folder of the socket is not there" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (known[i].errnum == errnum)
            return err_set(err, known[i].kind, "cannot listen on " STR_FMT ": %s", STR_ARG(address),
                           known[i].text);
    return err_set_errno(err, errnum, "cannot listen on " STR_FMT ": %s", STR_ARG(address), what);
}

static struct listener_socket *add_socket(struct listener *listener, int fd, const struct net_addr *addr)
{
    struct listener_socket *socket = &listener->sockets[listener->socket_count++];
    *socket = (struct listener_socket){ .listener = listener, .fd = fd, .addr = *addr };
    pthread_mutex_init(&socket->lock, NULL);
    return socket;
}

static int open_ip(struct listener *listener, const struct addrinfo *ai, struct str address, struct err *err)
{
    const int on = 1;
    struct sockaddr_storage name;
    socklen_t name_n = sizeof name;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return open_error(err, errno, address, "socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    set_tcp_options(fd);
    if ((ai->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, (int)listener->options.backlog) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &name_n) < 0) {
        int r = open_error(err, errno, address, "bind");
        close(fd);
        return r;
    }
    struct net_addr addr = addr_from_sockaddr((const struct sockaddr *)&name, name_n);
    add_socket(listener, fd, &addr);
    return 0;
}

/* host:port to what getaddrinfo wants. `host_out` is "" for "*". */
static int split_address(struct str address, char host_out[static ADDRESS_BYTES_MAX + 1],
                         char port_out[static 8], struct err *err)
{
    uint64_t port;
    ptrdiff_t colon = str_rfind_char(address, ':');
    struct str host = str_sub(address, 0, colon < 0 ? 0 : (size_t)colon);
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_sub(host, 1, host.n - 2);
    else if (str_find_char(host, ':') >= 0)
        host = STR_NIL; /* IPv6 without brackets: which colon would be the port's? */
    if (host.n == 0 || host.n > ADDRESS_BYTES_MAX || memchr(host.p, '\0', host.n) ||
        !str_to_u64(str_skip(address, (size_t)colon + 1), 65535, &port))
        return err_set(err, ERR_SYNTAX, "not host:port, [IPv6]:port, *:port or /path: " STR_FMT,
                       STR_ARG(address));
    bool any = str_eq(host, STR("*"));
    memcpy(host_out, any ? "" : host.p, any ? 1 : host.n);
    host_out[any ? 0 : host.n] = '\0';
    snprintf(port_out, 8, "%u", (unsigned)port);
    return 0;
}

static int open_host_port(struct listener *listener, struct str address, struct err *err)
{
    char host[ADDRESS_BYTES_MAX + 1], port[8];
    struct addrinfo *list = NULL;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    int r = split_address(address, host, port, err);
    if (r < 0)
        return r;
    int gai = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
    if (gai != 0)
        return err_set(err, ERR_NOT_FOUND, "cannot listen on " STR_FMT ": %s", STR_ARG(address),
                       gai_strerror(gai));

    size_t count = 0;
    for (const struct addrinfo *ai = list; ai; ai = ai->ai_next)
        count++;
    if (!(listener->sockets = calloc(count, sizeof *listener->sockets)))
        abort();
    for (const struct addrinfo *ai = list; ai && r == 0; ai = ai->ai_next) {
        r = open_ip(listener, ai, address, err);
        if (r < 0 && !host[0] && errno == EAFNOSUPPORT && (ai->ai_next || listener->socket_count > 0))
            r = 0; /* a kernel without IPv6, or without IPv4: "*" means what there is */
    }
    freeaddrinfo(list);
    return r;
}

/* A socket file that nobody listens on is left over from a crash: it may go. */
static bool remove_stale(const struct sockaddr_un *sun)
{
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool stale = fd >= 0 && lstat(sun->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
                 connect(fd, (const struct sockaddr *)sun, sizeof *sun) < 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return stale && unlink(sun->sun_path) == 0;
}

static int bind_unix(int fd, const struct sockaddr_un *sun)
{
    const struct sockaddr *sa = (const struct sockaddr *)sun;
    if (bind(fd, sa, sizeof *sun) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -1;
    if (!remove_stale(sun)) {
        errno = EADDRINUSE;
        return -1;
    }
    return bind(fd, sa, sizeof *sun);
}

static int open_unix(struct listener *listener, struct str address, struct err *err)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    struct net_addr addr = { .family = ADDR_UNIX };
    if (address.n >= sizeof sun.sun_path || memchr(address.p, '\0', address.n))
        return err_set(err, ERR_SYNTAX, "path of a socket above %zu bytes: " STR_FMT, sizeof sun.sun_path - 1,
                       STR_ARG(address));
    memcpy(sun.sun_path, address.p, address.n);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return open_error(err, errno, address, "socket");
    /* fchmod before bind sets the mode that the file is born with: at no time is it open to all. */
    if (fchmod(fd, listener->options.unix_mode) < 0 || bind_unix(fd, &sun) < 0) {
        int r = open_error(err, errno, address, "bind");
        close(fd);
        return r;
    }
    if (!(listener->unix_path = strdup(sun.sun_path)) ||
        !(listener->sockets = calloc(1, sizeof *listener->sockets)))
        abort();
    add_socket(listener, fd, &addr);
    /* The file's mode is that of the socket less the umask, which is the operator's for files, not for this.
     */
    if (chmod(sun.sun_path, listener->options.unix_mode) < 0 ||
        listen(fd, (int)listener->options.backlog) < 0)
        return open_error(err, errno, address, "listen");
    return 0;
}

static void fill_defaults(struct listener_options *options)
{
    enum {
        BACKLOG = 1024,
        INPUT_BYTES_MAX = 64 * 1024,
        OUTPUT_HIGH_BYTES = 256 * 1024,
        OUTPUT_LOW_BYTES = 64 * 1024,
        SETUP_TIMEOUT_MS = 30 * 1000,
        CLOSE_TIMEOUT_MS = 10 * 1000,
    };
    if (!options->unix_mode)
        options->unix_mode = 0600;
    if (!options->backlog)
        options->backlog = BACKLOG;
    if (!options->input_bytes_max)
        options->input_bytes_max = INPUT_BYTES_MAX;
    if (!options->output_high_bytes)
        options->output_high_bytes = OUTPUT_HIGH_BYTES;
    if (!options->output_low_bytes)
        options->output_low_bytes = OUTPUT_LOW_BYTES < options->output_high_bytes
                                        ? OUTPUT_LOW_BYTES
                                        : options->output_high_bytes / 2;
    if (!options->setup_timeout_ms)
        options->setup_timeout_ms = SETUP_TIMEOUT_MS;
    if (!options->close_timeout_ms)
        options->close_timeout_ms = CLOSE_TIMEOUT_MS;
}

int net_listen(struct net *net, const struct listener_options *options, struct listener **listener_out,
               struct err *err)
{
    assert(options->tls || options->tls_mode == LISTENER_TLS_NONE);
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        abort();
    listener->net = net;
    listener->options = *options;
    listener->options.address = listener->options.alpn = STR_NIL;
    fill_defaults(&listener->options);
    if (listener->options.tls)
        tls_context_ref(listener->options.tls);
    int r = tls_alpn_make(options->alpn, &listener->alpn, err);
    if (r == 0)
        r = str_starts(options->address, STR("/")) || str_starts(options->address, STR("./"))
                ? open_unix(listener, options->address, err)
                : open_host_port(listener, options->address, err);
    if (r < 0) {
        listener_free(listener);
        return r;
    }
    pthread_mutex_lock(&net->lock);
    listener->next = net->listeners;
    net->listeners = listener;
    pthread_mutex_unlock(&net->lock);
    for (size_t i = 0; i < listener->socket_count; i++) {
        pthread_mutex_lock(&listener->sockets[i].lock);
        arm(&listener->sockets[i], EPOLL_CTL_ADD);
        pthread_mutex_unlock(&listener->sockets[i].lock);
    }
    if (listener_out)
        *listener_out = listener;
    return 0;
}

void listener_close(struct listener *listener)
{
    for (size_t i = 0; i < listener->socket_count; i++) {
        struct listener_socket *socket = &listener->sockets[i];
        pthread_mutex_lock(&socket->lock);
        if (socket->fd >= 0)
            close(socket->fd);
        socket->fd = -1;
        pthread_mutex_unlock(&socket->lock);
    }
    if (listener->unix_path)
        unlink(listener->unix_path);
    free(listener->unix_path);
    listener->unix_path = NULL;
}

void listener_free(struct listener *listener)
{
    listener_close(listener);
    for (size_t i = 0; i < listener->socket_count; i++)
        pthread_mutex_destroy(&listener->sockets[i].lock);
    free(listener->sockets);
    tls_context_unref(&listener->options.tls);
    free(listener);
}

struct net_addr listener_addr(const struct listener *listener, size_t i)
{
    return i < listener->socket_count ? listener->sockets[i].addr : (struct net_addr){ .family = ADDR_NONE };
}
