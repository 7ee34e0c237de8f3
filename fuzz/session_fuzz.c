/* session_fuzz.c: whole IMAP sessions in one process: net on a Unix socket, the model over the memory engine, one client that sends what
 * the fuzzer made. The first byte says how it begins:
 *   bit 0  signed in        bit 1  with INBOX selected        bit 2  IMAP4rev2        bit 3  QRESYNC
 *   bit 4  the client hangs up without reading, and without waiting
 * Mail that inputs leave behind stays for some further ones, so that they meet mailboxes that are not empty; then all begins anew. */
#include "auth/guard.h"
#include "auth/own/provider_own.h"
#include "auth/scram.h"
#include "imap/server.h"
#include "net/listener.h"
#include "net/net.h"
#include "store/mem/mem.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { INPUTS_A_WORLD = 300, ANSWER_TRIES = 30, ANSWER_TRY_MS = 1000 };

struct world {
    struct store *store;
    struct mail *mail;
    struct users *users;
    struct guard *guard;
    struct auth *auth;
    struct limits *limits;
    struct net *net;
    struct imap_server imap;
    struct languages *languages;
    struct sockaddr_un at;
    unsigned inputs;
};

static void must(int r, const struct err *err)
{
    if (r < 0) {
        fprintf(stderr, "session_fuzz: %s\n", err->text);
        abort();
    }
}

static void listen_here(struct world *w)
{
    struct err err;
    const struct net_options net = { .clock = &clock_system, .limits = w->limits, .workers = 2 };
    must(net_new(&net, &w->net, &err), &err);
    must(net_start(w->net, &err), &err);
    w->at = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(w->at.sun_path, sizeof w->at.sun_path, "/tmp/session_fuzz.%d", (int)getpid());
    const struct listener_options options = { .address = str_c(w->at.sun_path),
                                              .handler = &imap_handler,
                                              .ctx = &w->imap };
    must(net_listen(w->net, &options, NULL, &err), &err);
}

static void begin(struct world *w)
{
    struct err err;
    struct user user;
    *w = (struct world){ .limits = limits_new() };
    must(mem_store_open((struct mem_store_options){ 0 }, &w->store, &err), &err);
    const struct mail_options mail = {
        .store = w->store, .clock = &clock_system, .mailboxes_max = 50, .message_bytes_max = 65536
    };
    must(mail_open(&mail, &w->mail, &err), &err);
    const struct users_params users = {
        .store = w->store, .clock = &clock_system, .hash_passes = 1, .hash_memory_bytes = 8192
    };
    must(users_open(&users, &w->users, &err), &err);
    must(users_add(w->users, STR("u"), STR("p"), &user, &err), &err);
    must(mail_account_create(w->mail, user.account, &err), &err);
    const struct provider_own_params own = {
        .users = w->users, .hash_passes = 1, .hash_memory_bytes = 8192, .hashes_max = 2
    };
    w->guard = guard_new(&(struct guard_params){ .clock = &clock_system, .failure_forget_s = 1 });
    struct auth_params auth = { .users = w->users,
                                .clock = &clock_system,
                                .provider_count = 1,
                                .guard = w->guard,
                                .known_good_max = 16,
                                .known_good_s = 3600,
                                .waiters_max = 16,
                                .scram_iterations = SCRAM_ITERATIONS_MIN };
    must(provider_own_new(&own, &auth.providers[0], &err), &err);
    must(auth_new(&auth, &w->auth, &err), &err);
    must(languages_load("", "en", &w->languages, &err), &err);
    w->imap = (struct imap_server){ .settings = { .login_timeout_ms = 60000,
                                                  .sasl.mechanisms = ~0u, /* what there is */
                                                  .notify_mailboxes_max = 5000,
                                                  .autologout_ms = 1800000,
                                                  .idle_heartbeat_ms = 120000,
                                                  .progress_interval_ms = 10000,
                                                  .plaintext_on_loopback = true,
                                                  .message_bytes_max = 65536,
                                                  .before_login = framer_limits_before_login,
                                                  .after_login = framer_limits_after_login },
                                    .mail = w->mail,
                                    .auth = w->auth,
                                    .users = w->users,
                                    .limits = w->limits,
                                    .presence = presence_new(),
                                    .languages = w->languages,
                                    .clock = &clock_system };
    w->imap.settings.after_login.message_max = 65536;
    listen_here(w);
}

static void end(struct world *w)
{
    net_stop(w->net, 1000);
    net_free(&w->net);
    presence_free(&w->imap.presence);
    languages_free(&w->languages);
    auth_free(&w->auth);
    guard_free(&w->guard);
    users_free(&w->users);
    mail_close(&w->mail);
    store_close(&w->store);
    limits_free(&w->limits);
}

static void send_all(int fd, const void *data, size_t n)
{
    for (const char *p = data; n > 0;) {
        ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
        if (put <= 0)
            return; /* it has said BYE */
        p += put;
        n -= (size_t)put;
    }
}

/* Until the server closes. One that does not is a find. */
static void read_to_end(int fd)
{
    char waste[65536];
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    for (int patience = ANSWER_TRIES; patience > 0; patience--) {
        if (poll(&wait, 1, ANSWER_TRY_MS) != 1)
            continue; /* in slices: a machine that slept for a minute is no find */
        patience = ANSWER_TRIES;
        if (recv(fd, waste, sizeof waste, 0) <= 0)
            return;
    }
    fprintf(stderr, "session_fuzz: the session neither answers nor ends\n");
    abort();
}

static void play(const struct world *w, const uint8_t *data, size_t n)
{
    static const char *const openings[] = { "o1 LOGIN u p\r\n", "o2 SELECT INBOX\r\n",
                                            "o3 ENABLE IMAP4rev2\r\n", "o4 ENABLE QRESYNC\r\n" };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&w->at, sizeof w->at) < 0)
        abort();
    for (size_t i = 0; i < ARRAY_COUNT(openings); i++)
        if (data[0] & 1 && data[0] >> i & 1)
            send_all(fd, openings[i], strlen(openings[i]));
    send_all(fd, data + 1, n - 1);
    if (!(data[0] & 16)) {
        shutdown(fd, SHUT_WR);
        read_to_end(fd);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct world world;
    if (n < 2 || n > 100000) /* what the socket buffers take, so that sending never waits for reading */
        return 0;
    if (world.inputs == 0)
        begin(&world);
    play(&world, data, n);
    if (++world.inputs == INPUTS_A_WORLD) {
        end(&world);
        world.inputs = 0;
    }
    return 0;
}
