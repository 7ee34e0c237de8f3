#include "admin/client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    RETRY_MS = 100,
    READ_BYTES = 64 * 1024,
};
#define REPLY_BYTES_MAX (UINT64_C(1) << 31) /* of one answer, raw bytes too */

struct client {
    int fd; /* -1: no server, we do it ourselves */
    struct buf in;

    struct backend backend;
    struct admin admin;
    struct admin_session *session;
};

/* ---- over the socket ---- */

/* 0 with *fd_out -1: nobody listens there. */
static int dial(const char *path, int *fd_out, struct err *err)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    *fd_out = -1;
    if (strlen(path) >= sizeof to.sun_path)
        return err_set(err, ERR_LIMIT, "server.control_socket: path above %zu bytes: %s",
                       sizeof to.sun_path - 1, path);
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(err, errno, "socket");
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) {
        *fd_out = fd;
        return 0;
    }
    int errnum = errno;
    close(fd);
    if (errnum == ENOENT || errnum == ECONNREFUSED || errnum == ENOTDIR)
        return 0;
    if (errnum == EACCES || errnum == EPERM)
        return err_set(err, ERR_DENIED,
                       "%s belongs to another user: run this as the user that the server runs as", path);
    return err_set_errno(err, errnum, "connect to %s", path);
}

static int went_away(struct err *err)
{
    return err_set(err, ERR_CLOSED, "the server went away before it answered");
}

static int send_all(int fd, struct str bytes, struct err *err)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EPIPE || errno == ECONNRESET
                       ? went_away(err)
                       : err_set_errno(err, errno, "write to the control socket");
        bytes = str_skip(bytes, (size_t)n);
    }
    return 0;
}

static int read_more(struct client *c, struct err *err)
{
    for (;;) {
        ssize_t n = recv(c->fd, buf_reserve(&c->in, READ_BYTES), READ_BYTES, 0);
        if (n > 0) {
            c->in.n += (size_t)n;
            return c->in.n <= REPLY_BYTES_MAX
                       ? 0
                       : err_set(err, ERR_LIMIT, "the answer of the server is too long");
        }
        if (n == 0 || errno == ECONNRESET)
            return went_away(err);
        if (errno != EINTR)
            return err_set_errno(err, errno, "read from the control socket");
    }
}

static int receive(struct client *c, struct admin_reply *reply_out, struct err *err)
{
    ptrdiff_t length;
    size_t searched = 0;
    int r;
    while ((length = str_find_char(str_skip(buf_str(&c->in), searched), '\n')) < 0) {
        searched = c->in.n;
        if ((r = read_more(c, err)) < 0)
            return r;
    }
    length += (ptrdiff_t)searched;
    json_t *json = json_loadb(c->in.p, (size_t)length, 0, NULL);
    buf_drop(&c->in, (size_t)length + 1);
    r = admin_error_from_json(json, err);
    uint64_t bytes = (uint64_t)json_integer_value(json_object_get(json, "bytes"));
    if (r == 0 && bytes > REPLY_BYTES_MAX)
        r = err_set(err, ERR_LIMIT, "the answer of the server is too long");
    while (r == 0 && c->in.n < bytes)
        r = read_more(c, err);
    if (r == 0) {
        *reply_out = (struct admin_reply){ .result = json_incref(json_object_get(json, "result")) };
        buf_add(&reply_out->bytes, str_make(c->in.p, (size_t)bytes));
        buf_drop(&c->in, (size_t)bytes);
    }
    json_decref(json);
    return r;
}

static int ask_server(struct client *c, json_t *request, struct str body, struct admin_reply *reply_out,
                      struct err *err)
{
    char *line = json_dumps(request, JSON_COMPACT);
    if (!line)
        abort();
    int r = send_all(c->fd, str_c(line), err);
    free(line);
    if (r == 0)
        r = send_all(c->fd, STR("\n"), err);
    if (r == 0)
        r = send_all(c->fd, body, err);
    return r < 0 ? r : receive(c, reply_out, err);
}

/* ---- by ourselves ---- */

static int check_folder(const char *folder, bool create, struct err *err)
{
    struct stat st;
    if (stat(folder, &st) < 0) {
        if (errno != ENOENT)
            return err_set_errno(err, errno, "data folder %s", folder);
        return create
                   ? 0
                   : err_set(err, ERR_NOT_FOUND, "there is no data folder %s; -d names another one", folder);
    }
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, "data folder %s is no folder", folder);
    if (st.st_uid != geteuid()) /* files that we made would be out of the server's reach */
        return err_set(err, ERR_DENIED, "data folder %s belongs to another user: run this as that user",
                       folder);
    return 0;
}

static int open_here(struct client *c, const struct config *config, bool create, struct err *err)
{
    int r = check_folder(config->data.folder, create, err);
    if (r == 0)
        r = backend_open(config, c->admin.log, &c->backend, err);
    if (r < 0)
        return r;
    c->admin.backend = &c->backend;
    c->session = admin_session_new(&c->admin, getuid());
    return 0;
}

static int ask_here(struct client *c, const json_t *request, struct str body, struct admin_reply *reply_out,
                    struct err *err)
{
    struct incoming *in;
    uint64_t bytes;
    int r = admin_body_new(&c->admin, request, &in, &bytes, err);
    if (r == 0 && in && body.n)
        r = incoming_write(in, body, err);
    if (r == 0)
        r = admin_run(c->session, request, in, reply_out, err);
    incoming_free(&in);
    return r;
}

/* ---- either ---- */

static void sleep_ms(unsigned ms)
{
    const struct timespec wait = { 0, (long)ms * 1000000 };
    nanosleep(&wait, NULL);
}

int client_open(const struct config *config, const struct clock *clock, struct logger log, bool create,
                struct client **client_out, struct err *err)
{
    struct client *c = calloc(1, sizeof *c);
    int r;
    if (!c)
        abort();
    c->admin = (struct admin){ .config = config, .clock = clock, .log = log };
    for (int64_t end_ms = clock_mono_ms(clock) + CLIENT_WAIT_MS;;) {
        r = dial(config->server.control_socket, &c->fd, err);
        if (r < 0 || c->fd >= 0)
            break;
        r = open_here(c, config, create, err);
        if (r != -ERR_UNAVAILABLE || clock_mono_ms(clock) >= end_ms)
            break;
        sleep_ms(RETRY_MS);
    }
    if (r < 0)
        free(c);
    else
        *client_out = c;
    return r;
}

void client_close(struct client **client)
{
    struct client *c = *client;
    if (!c)
        return;
    if (c->fd >= 0) {
        close(c->fd);
    } else {
        admin_session_free(&c->session);
        backend_close(&c->backend);
    }
    buf_deinit(&c->in);
    free(c);
    *client = NULL;
}

bool client_is_server(const struct client *client)
{
    return client->fd >= 0;
}

int client_call(struct client *client, json_t *request, struct str body, struct admin_reply *reply_out,
                struct err *err)
{
    if (!str_is_nil(body))
        json_object_set_new(request, "bytes", json_integer((json_int_t)body.n));
    return client->fd >= 0 ? ask_server(client, request, body, reply_out, err)
                           : ask_here(client, request, body, reply_out, err);
}
