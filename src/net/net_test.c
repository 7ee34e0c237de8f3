#include "base/testing.h"
#include "net/net_testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct fixture {
    struct clock_fake clock;
    struct limits *limits;
    struct net *net;
    struct listener *listener;
    struct echo_server echo;
    struct net_addr addr;
};

static struct listener *listen_on(struct fixture *f, struct listener_options options)
{
    struct listener *listener = NULL;
    struct err err = { .kind = ERR_NONE };
    if (str_is_nil(options.address))
        options.address = STR("127.0.0.1:0");
    options.handler = &echo_handler;
    options.ctx = &f->echo;
    if (net_listen(f->net, &options, &listener, &err) != 0)
        fail_msg("%s", err.text);
    return listener;
}

static void make(struct fixture *f, struct net_options options)
{
    struct err err;
    clock_fake_init(&f->clock, 1000000);
    f->limits = limits_new();
    echo_server_init(&f->echo);
    options.clock = &f->clock.clock;
    options.limits = f->limits;
    assert_int_equal(net_new(&options, &f->net, &err), 0);
    f->listener = listen_on(
        f, (struct listener_options){ .output_high_bytes = 64 * 1024, .output_low_bytes = 16 * 1024 });
    f->addr = listener_addr(f->listener, 0);
    assert_int_equal(net_start(f->net, &err), 0);
}

static int set_up(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    make(f, (struct net_options){ .workers = 8 });
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    net_stop(f->net, 0);
    net_free(&f->net);
    assert_int_equal(atomic_load(&f->echo.open_now), 0);
    echo_server_deinit(&f->echo);
    limits_free(&f->limits);
    free(f);
    return 0;
}

static struct client greeted(const struct net_addr *addr)
{
    struct client c = client_connect(addr);
    client_expect(&c, "* hello");
    return c;
}

static void test_net_echoes_lines_however_they_are_cut(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "one\r\ntwo\r\n\r\nthree four\r\n";
    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct client c = greeted(&f->addr);
        client_send(&c, str_make(text, cut));
        if (cut % 3 == 0)
            usleep(2000);
        client_send(&c, str_skip(str_c(text), cut));
        client_expect(&c, "one");
        client_expect(&c, "two");
        client_expect(&c, "");
        client_expect(&c, "three four");
        client_close(&c);
    }
    struct client c = greeted(&f->addr);
    for (size_t i = 0; i < sizeof text - 1; i++)
        client_send(&c, str_make(text + i, 1));
    client_expect(&c, "one");
    client_close(&c);
}

static void test_net_takes_a_full_line_and_refuses_one_byte_more(void **state)
{
    struct fixture *f = *state;
    enum { LIMIT = 8192 };
    struct listener *l = listen_on(f, (struct listener_options){ .input_bytes_max = LIMIT });
    struct net_addr addr = listener_addr(l, 0);
    static const struct {
        size_t n;
        bool fits;
    } cases[] = { { LIMIT - 3, true }, { LIMIT - 2, true }, { LIMIT - 1, false }, { 3 * LIMIT, false } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct client c = greeted(&addr);
        char *line = calloc(1, cases[i].n + 3), *back = calloc(1, cases[i].n + 3);
        memset(line, 'a', cases[i].n);
        memcpy(line + cases[i].n, "\r\n", 2);
        client_send(&c, str_make(line, cases[i].n + 2));
        if (cases[i].fits) {
            assert_row(client_read(&c, back, cases[i].n + 2) == cases[i].n + 2, i, "length");
            assert_row(strcmp(line, back) == 0, i, "bytes");
        } else {
            client_expect(&c, "* long");
            client_expect_end(&c);
        }
        free(line);
        free(back);
        client_close(&c);
    }
}

static void test_net_bounds_output_to_a_client_that_does_not_read(void **state)
{
    struct fixture *f = *state;
    enum { BIG = 20 * 1000 * 1000 };
    struct client c = greeted(&f->addr);
    client_send_line(&c, "big 20000000");
    client_send_line(&c, "after");
    usleep(200 * 1000);
    assert_true(atomic_load(&f->echo.out_most) > 0);
    char *all = malloc(BIG + 2);
    assert_non_null(all);
    assert_int_equal(client_read(&c, all, BIG + 2), BIG + 2);
    assert_memory_equal(all + BIG - 3, "xxx\r\n", 5);
    free(all);
    client_expect(&c, "after");
    assert_true(atomic_load(&f->echo.out_most) < 4 * 64 * 1024);
    client_close(&c);
}

static void test_net_stops_reading_from_a_client_that_only_sends(void **state)
{
    struct fixture *f = *state;
    struct client c = greeted(&f->addr);
    struct timeval timeout = { .tv_usec = 300 * 1000 };
    static char lines[64 * 1024];
    size_t sent = 0;
    memset(lines, 'y', sizeof lines);
    for (size_t i = 1; i < sizeof lines; i += 100)
        memcpy(lines + i - 1, "\r\n", 2);
    setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    for (ssize_t n = 1; n > 0 && sent<200u * 1000 * 1000; sent += n> 0 ? (size_t)n : 0)
        n = send(c.fd, lines, sizeof lines, MSG_NOSIGNAL);
    assert_true(sent < 200u * 1000 * 1000);
    assert_true(atomic_load(&f->echo.out_most) < 1024 * 1024);
    client_close(&c);
}

static void test_net_reads_nothing_while_paused_and_goes_on_when_woken(void **state)
{
    struct fixture *f = *state;
    struct client c = greeted(&f->addr);
    client_send_line(&c, "pause");
    usleep(20 * 1000);
    client_send_line(&c, "later");
    usleep(20 * 1000);
    conn_wake(f->echo.wakers[0]);
    client_expect(&c, "* woken");
    client_expect(&c, "later");
    client_close(&c);
}

static void test_net_serves_a_half_closed_client_to_the_end(void **state)
{
    struct fixture *f = *state;
    struct client c = greeted(&f->addr);
    client_send(&c, STR("last\r\nhalf\r\n"));
    shutdown(c.fd, SHUT_WR);
    client_expect(&c, "last");
    client_expect(&c, "half");
    client_expect_end(&c);
    client_close(&c);
}

static void test_net_sends_the_last_line_even_when_input_is_unread(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        struct client c = greeted(&f->addr);
        client_send(&c, STR("quit\r\n"));
        for (int k = 0; k < 50; k++)
            client_send(
                &c,
                STR("much more that nobody will ever read, which would make the kernel send a reset\r\n"));
        client_expect(&c, "bye");
        client_expect_end(&c);
        client_close(&c);
    }
}

static void test_net_forgets_a_connection_that_was_reset(void **state)
{
    struct fixture *f = *state;
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    struct client a = greeted(&f->addr), b = greeted(&f->addr), c = greeted(&f->addr);
    setsockopt(a.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    client_close(&a);
    client_send_line(&b, "abort");
    client_expect_end(&b);
    client_send_line(&c, "pause");
    usleep(20 * 1000);
    setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    client_close(&c);
    WAIT_FOR(atomic_load(&f->echo.closed) >= 2);
    conn_wake(f->echo.wakers[2]); /* paused: looks at the socket again when it runs */
    WAIT_FOR(atomic_load(&f->echo.closed) == 3 && net_stats(f->net).connections == 0);
    conn_wake(f->echo.wakers[0]); /* long gone */
    client_close(&b);
}

static void test_net_fires_deadlines_by_the_clock_it_was_given(void **state)
{
    struct fixture *f = *state;
    struct client a = greeted(&f->addr), b = greeted(&f->addr);
    client_send_line(&a, "deadline 60000");
    client_send_line(&a, "deadline 1800000"); /* later: the first must not fire */
    client_send_line(&b, "deadline 60000");
    client_send_line(&a, "set");
    client_expect(&a, "set");
    client_send_line(&b, "set");
    client_expect(&b, "set");
    clock_fake_advance(&f->clock, 59999);
    net_poke(f->net);
    usleep(50 * 1000);
    client_send_line(&b, "not yet");
    client_expect(&b, "not yet");
    clock_fake_advance(&f->clock, 1);
    net_poke(f->net);
    client_expect(&b, "* timer");
    client_send_line(&a, "still");
    client_expect(&a, "still");
    clock_fake_advance(&f->clock, 1800000);
    net_poke(f->net);
    client_expect(&a, "* timer");
    client_send_line(&a, "deadline 0");
    client_expect(&a, "* timer");
    client_close(&a);
    client_close(&b);
}

static void test_net_sets_earlier_deadlines_in_any_order(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 50 };
    struct client c[COUNT];
    char line[64];
    for (unsigned i = 0; i < COUNT; i++) {
        c[i] = greeted(&f->addr);
        snprintf(line, sizeof line, "deadline %u", 1000 * (1 + (i * 37) % COUNT));
        client_send_line(&c[i], line);
        client_send_line(&c[i], "set");
        client_expect(&c[i], "set");
    }
    for (unsigned due = 1; due <= COUNT; due++) {
        clock_fake_advance(&f->clock, 1000);
        net_poke(f->net);
        for (unsigned i = 0; i < COUNT; i++)
            if (1 + (i * 37) % COUNT == due)
                client_expect(&c[i], "* timer");
    }
    for (unsigned i = 0; i < COUNT; i++) {
        client_send_line(&c[i], "once");
        client_expect(&c[i], "once");
        client_close(&c[i]);
    }
}

static void test_net_closes_a_client_that_does_not_read_its_last_output(void **state)
{
    struct fixture *f = *state;
    struct client c = greeted(&f->addr);
    int small = 4096;
    setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    client_send_line(&c, "big 9000000");
    client_send_line(&c, "quit");
    usleep(50 * 1000);
    net_stop(f->net, 100); /* shutdown: "* bye" behind what cannot be sent */
    assert_int_equal(atomic_load(&f->echo.open_now), 0);
    client_close(&c);
}

struct storm {
    struct conn_waker *waker;
    atomic_bool *stop;
};

static void *storm_main(void *arg)
{
    const struct storm *storm = arg;
    while (!atomic_load(storm->stop))
        conn_wake(storm->waker);
    return NULL;
}

static void test_net_coalesces_wake_storms_and_survives_the_close(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    atomic_bool stop = false;
    struct client c = greeted(&f->addr);
    struct storm storm = { f->echo.wakers[0], &stop };
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, storm_main, &storm);
    WAIT_FOR(atomic_load(&f->echo.wakes) > 0);
    client_send_line(&c, "in the storm");
    while (strcmp(client_read_line(&c), "* woken") == 0)
        ;
    assert_string_equal(c.line, "in the storm");
    client_close(&c);
    WAIT_FOR(atomic_load(&f->echo.closed) == 1);
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_net_loses_no_wake(void **state)
{
    struct fixture *f = *state;
    struct client c = greeted(&f->addr);
    for (int i = 0; i < 2000; i++) { /* each must be answered before the next: a lost one hangs */
        conn_wake(f->echo.wakers[0]);
        client_expect(&c, "* woken");
    }
    client_close(&c);
}

static void test_net_wakes_fifty_at_once(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 50, ROUNDS = 20 };
    struct client c[COUNT];
    for (int i = 0; i < COUNT; i++)
        c[i] = greeted(&f->addr);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNT; i++)
            conn_wake(f->echo.wakers[i]);
        for (int i = 0; i < COUNT; i++)
            client_expect(&c[i], "* woken");
    }
    assert_int_equal(atomic_load(&f->echo.wakes), COUNT * ROUNDS);
    for (int i = 0; i < COUNT; i++)
        client_close(&c[i]);
}

static void test_net_spreads_wakes_over_workers(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 8, SLEEP_MS = 200 };
    struct client c[COUNT];
    f->echo.wake_sleep_ms = SLEEP_MS;
    for (int i = 0; i < COUNT; i++)
        c[i] = greeted(&f->addr);
    int64_t begin_ms = clock_mono_ms(&clock_system);
    for (int i = 0; i < COUNT; i++)
        conn_wake(f->echo.wakers[i]);
    for (int i = 0; i < COUNT; i++)
        client_expect(&c[i], "* woken");
    assert_true(clock_mono_ms(&clock_system) - begin_ms < COUNT / 2 * SLEEP_MS); /* side by side */
    for (int i = 0; i < COUNT; i++)
        client_close(&c[i]);
}

static void test_net_says_bye_when_it_stops(void **state)
{
    struct fixture *f = *state;
    struct client c[10];
    for (size_t i = 0; i < ARRAY_COUNT(c); i++)
        c[i] = greeted(&f->addr);
    net_stop(f->net, 0);
    for (size_t i = 0; i < ARRAY_COUNT(c); i++) {
        const char *line = client_read_line(&c[i]); /* with no time to drain it may be cut off */
        assert_true(strcmp(line, "* bye") == 0 || line[0] == '\0');
        client_close(&c[i]);
    }
}

static void *stop_main(void *arg)
{
    net_stop(arg, 5000);
    return NULL;
}

static void test_net_drains_before_it_stops(void **state)
{
    struct fixture *f = *state;
    pthread_t stopper;
    struct client a = greeted(&f->addr), b = greeted(&f->addr);
    client_send_line(&a, "big 3000000");
    usleep(20 * 1000);
    pthread_create(&stopper, NULL, stop_main, f->net);
    client_expect(&b, "* bye");
    client_expect_end(&b);
    client_close(&b);
    usleep(20 * 1000);
    char *all = malloc(3000002);
    size_t got = client_read(&a, all, 3000002); /* what was queued; the rest of the answer need not come */
    assert_true(got > 0);
    free(all);
    client_close(&a);
    pthread_join(stopper, NULL);
    assert_int_equal(net_stats(f->net).connections, 0);
}

static void test_net_ends_deaf_sessions_after_the_drain_time(void **state)
{
    struct fixture *f = *state;
    f->echo.deaf = true;
    struct client c = greeted(&f->addr);
    net_stop(f->net, 50);
    client_expect_end(&c);
    client_close(&c);
}

static void test_net_kicks_one(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct client a = greeted(&f->addr), b = greeted(&f->addr);
    assert_int_equal(net_shutdown_conn(f->net, 1, &err), 0);
    client_expect(&a, "* bye");
    client_expect_end(&a);
    client_send_line(&b, "here");
    client_expect(&b, "here");
    client_close(&a);
    client_close(&b);
    assert_int_equal(net_shutdown_conn(f->net, 99, &err), -ERR_NOT_FOUND);
}

static void test_net_adds_workers_while_all_are_blocked(void **state)
{
    struct fixture *f = *state;
    struct client slow[8], c;
    for (size_t i = 0; i < ARRAY_COUNT(slow); i++) {
        slow[i] = greeted(&f->addr);
        client_send_line(&slow[i], "sleep 1500");
    }
    usleep(100 * 1000);
    c = greeted(&f->addr);
    client_send_line(&c, "quick");
    client_expect(&c, "quick");
    assert_true(net_stats(f->net).workers > 8);
    for (size_t i = 0; i < ARRAY_COUNT(slow); i++) {
        client_expect(&slow[i], "slept");
        client_close(&slow[i]);
    }
    client_close(&c);
}

static void test_net_limits_connections_per_address_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct listener *l = listen_on(f, (struct listener_options){ .per_client_max = 3 });
    struct net_addr addr = listener_addr(l, 0);
    struct client c[3];
    for (size_t i = 0; i < ARRAY_COUNT(c); i++)
        c[i] = greeted(&addr);
    struct client more = client_connect(&addr);
    client_expect(&more, "* refused: too many connections per address (limit 3)");
    client_expect_end(&more);
    client_close(&more);
    client_close(&c[0]);
    WAIT_FOR(atomic_load(&f->echo.closed) == 1);
    WAIT_FOR(net_stats(f->net).connections == 2);
    c[0] = greeted(&addr);
    for (size_t i = 0; i < ARRAY_COUNT(c); i++)
        client_close(&c[i]);
    WAIT_FOR(net_stats(f->net).connections == 0);
    assert_int_equal(limit_keys(f->limits), 0);
}

static void test_net_limits_connections_in_all(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    (void)state;
    make(f, (struct net_options){ .workers = 2, .connections_max = 2 });
    struct client a = greeted(&f->addr), b = greeted(&f->addr), c = client_connect(&f->addr);
    client_expect(&c, "* refused: too many connections to this server (limit 2)");
    client_expect_end(&c);
    client_close(&a);
    client_close(&b);
    client_close(&c);
    WAIT_FOR(net_stats(f->net).connections == 0);
    void *again = f;
    tear_down(&again);
}

static void test_net_tells_why_a_session_cannot_open(void **state)
{
    struct fixture *f = *state;
    f->echo.refuse_open = true;
    struct client c = client_connect(&f->addr);
    client_expect(&c, "* refused: closed today");
    client_expect_end(&c);
    client_close(&c);
}

static void test_net_pauses_accepting_when_descriptors_run_out(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, tight;
    struct client a = greeted(&f->addr);
    int lowest_free = dup(0);
    close(lowest_free);
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    tight.rlim_cur = (rlim_t)lowest_free + 1; /* the client's own socket, nothing for the server */
    setrlimit(RLIMIT_NOFILE, &tight);
    struct client b = client_connect(&f->addr);
    WAIT_FOR(net_stats(f->net).accept_pauses > 0);
    client_send_line(&a, "others go on");
    client_expect(&a, "others go on");
    usleep(500 * 1000);
    assert_true(net_stats(f->net).accept_pauses < 10); /* no busy loop */
    setrlimit(RLIMIT_NOFILE, &before);
    client_expect(&b, "* hello");
    client_close(&a);
    client_close(&b);
}

static void test_net_serves_a_thousand_connections(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 1000 };
    struct client *c = calloc(COUNT, sizeof *c);
    char line[32];
    for (int i = 0; i < COUNT; i++)
        c[i] = client_connect(&f->addr);
    for (int i = 0; i < COUNT; i++) {
        client_expect(&c[i], "* hello");
        snprintf(line, sizeof line, "number %d", i);
        client_send_line(&c[i], line);
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(line, sizeof line, "number %d", i);
        client_expect(&c[i], line);
    }
    assert_int_equal(net_stats(f->net).connections, COUNT);
    for (int i = 0; i < COUNT; i++)
        client_close(&c[i]);
    WAIT_FOR(net_stats(f->net).connections == 0);
    free(c);
}

static void test_net_listens_on_ipv6_and_unix_sockets(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/loft-net-test-XXXXXX", socket_path[64];
    struct stat st;
    struct err err;
    assert_non_null(mkdtemp(path));
    snprintf(socket_path, sizeof socket_path, "%s/s", path);

    struct net_addr addr6 = listener_addr(
        listen_on(f, (struct listener_options){ .address = STR("[::1]:0") }), 0);
    struct client six = greeted(&addr6);
    client_close(&six);
    struct listener *any = listen_on(f, (struct listener_options){ .address = STR("*:0") });
    for (size_t i = 0; i < 2; i++) { /* IPv4 and IPv6, each on a port of its own here */
        struct net_addr addr = listener_addr(any, i);
        assert_true(addr.family == ADDR_IPV4 || addr.family == ADDR_IPV6);
        if (addr.family == ADDR_IPV6)
            addr.ip[15] = 1;
        struct client c = greeted(&addr);
        client_close(&c);
    }
    listener_close(any);

    struct listener *l = listen_on(
        f, (struct listener_options){ .address = str_c(socket_path), .unix_mode = 0660 });
    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    struct client local = client_connect_unix(socket_path);
    client_expect(&local, "* hello");
    client_send_line(&local, "who");
    client_expect(&local, "unix unix tls= sni= alpn= resumed=0");
    client_send_line(&local, "quit");
    client_expect(&local, "bye");
    client_close(&local);

    struct listener_options again = { .address = str_c(socket_path),
                                      .handler = &echo_handler,
                                      .ctx = &f->echo };
    assert_int_equal(net_listen(f->net, &again, NULL, &err), -ERR_EXISTS); /* someone listens there: us */
    listener_close(l);
    assert_int_equal(stat(socket_path, &st), -1);
    rmdir(path);
}

static void test_net_hears_the_end_of_a_client_that_sends_and_hangs_up(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/loft-net-test-XXXXXX", socket_path[64];
    assert_non_null(mkdtemp(path));
    snprintf(socket_path, sizeof socket_path, "%s/s", path);
    struct listener *l = listen_on(f, (struct listener_options){ .address = str_c(socket_path) });
    for (int i = 0; i < 20; i++) {
        struct client c = client_connect_unix(socket_path);
        client_expect(&c, "* hello");
        client_send_line(&c, "half"); /* both come as one event */
        client_close(&c);
    }
    WAIT_FOR(atomic_load(&f->echo.closed) == 20);
    listener_close(l);
    rmdir(path);
}

static void test_net_listen_refuses_what_is_no_address(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *address;
        int r;
    } cases[] = {
        { "", -ERR_SYNTAX },
        { "143", -ERR_SYNTAX },
        { ":143", -ERR_SYNTAX },
        { "127.0.0.1", -ERR_SYNTAX },
        { "127.0.0.1:", -ERR_SYNTAX },
        { "127.0.0.1:65536", -ERR_SYNTAX },
        { "127.0.0.1:imap", -ERR_SYNTAX },
        { "::1:143", -ERR_SYNTAX },
        { "[]:143", -ERR_SYNTAX },
        { "192.0.2.1:0", -ERR_NOT_FOUND },
        { "/nonexistent-folder/socket", -ERR_NOT_FOUND },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct listener_options o = { .address = str_c(cases[i].address),
                                      .handler = &echo_handler,
                                      .ctx = &f->echo };
        struct err err;
        assert_row(net_listen(f->net, &o, NULL, &err) == cases[i].r, i, cases[i].address);
    }
    char used[64];
    struct listener_options o = { .address = str_c(addr_format(&f->addr, true, used)),
                                  .handler = &echo_handler,
                                  .ctx = &f->echo };
    struct err err;
    assert_int_equal(net_listen(f->net, &o, NULL, &err), -ERR_EXISTS);
}

static void test_net_takes_the_client_address_from_a_proxy_header(void **state)
{
    struct fixture *f = *state;
    struct net_addr addr = listener_addr(
        listen_on(f, (struct listener_options){ .proxy = true, .per_client_max = 1 }), 0);
    static const char who[] = "192.0.2.7:12345 198.51.100.1:143 tls= sni= alpn= resumed=0";
    static const struct str cases[] = {
        STR_INIT("PROXY TCP4 192.0.2.7 198.51.100.1 12345 143\r\nwho\r\n"),
        STR_INIT("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f"
                 "\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x8f"
                 "\x04\0\0who\r\n"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t n = cases[i].n;
        for (int byte_by_byte = 0; byte_by_byte < 2; byte_by_byte++) {
            struct client c = client_connect(&addr);
            for (size_t k = 0; byte_by_byte && k < n; k++) {
                client_send(&c, str_make(cases[i].p + k, 1));
                usleep(200);
            }
            if (!byte_by_byte)
                client_send(&c, cases[i]);
            client_expect(&c, "* hello");
            client_expect(&c, who);
            client_close(&c);
            WAIT_FOR(net_stats(f->net).connections == 0);
        }
    }
    struct client one = client_connect(&addr), two = client_connect(&addr), bad = client_connect(&addr);
    client_send_line(&one, "PROXY TCP6 2001:db8::1 2001:db8::2 1 2");
    client_expect(&one, "* hello");
    client_send_line(&two, "PROXY TCP6 2001:db8::ffff 2001:db8::2 1 2"); /* the same /64 */
    client_expect(&two, "* refused: too many connections per address (limit 1)");
    client_send_line(&bad, "a login noop");
    client_expect_end(&bad);
    client_close(&one);
    client_close(&two);
    client_close(&bad);
}

static void test_net_drops_proxy_headers_of_strangers_and_the_silent(void **state)
{
    struct fixture *f = *state;
    struct net_cidr other;
    assert_int_equal(cidr_parse(STR("10.0.0.0/8"), &other, NULL), 0);
    struct net_addr addr = listener_addr(
        listen_on(f, (struct listener_options){ .proxy = true, .proxy_from = &other, .proxy_from_count = 1 }),
        0);
    struct client c = client_connect(&addr);
    client_expect_end(&c);
    client_close(&c);

    addr = listener_addr(listen_on(f, (struct listener_options){ .proxy = true }), 0);
    c = client_connect(&addr);
    client_send(&c, STR("PROXY TC"));
    WAIT_FOR(net_stats(f->net).connections == 1);
    usleep(20 * 1000);
    clock_fake_advance(&f->clock, 31 * 1000);
    net_poke(f->net);
    client_expect_end(&c);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_net_echoes_lines_however_they_are_cut),
        T(test_net_takes_a_full_line_and_refuses_one_byte_more),
        T(test_net_bounds_output_to_a_client_that_does_not_read),
        T(test_net_stops_reading_from_a_client_that_only_sends),
        T(test_net_reads_nothing_while_paused_and_goes_on_when_woken),
        T(test_net_serves_a_half_closed_client_to_the_end),
        T(test_net_sends_the_last_line_even_when_input_is_unread),
        T(test_net_forgets_a_connection_that_was_reset),
        T(test_net_fires_deadlines_by_the_clock_it_was_given),
        T(test_net_sets_earlier_deadlines_in_any_order),
        T(test_net_closes_a_client_that_does_not_read_its_last_output),
        T(test_net_coalesces_wake_storms_and_survives_the_close),
        T(test_net_loses_no_wake),
        T(test_net_wakes_fifty_at_once),
        T(test_net_spreads_wakes_over_workers),
        T(test_net_says_bye_when_it_stops),
        T(test_net_drains_before_it_stops),
        T(test_net_ends_deaf_sessions_after_the_drain_time),
        T(test_net_kicks_one),
        T(test_net_adds_workers_while_all_are_blocked),
        T(test_net_limits_connections_per_address_and_says_so),
        cmocka_unit_test(test_net_limits_connections_in_all),
        T(test_net_tells_why_a_session_cannot_open),
        T(test_net_pauses_accepting_when_descriptors_run_out),
        T(test_net_serves_a_thousand_connections),
        T(test_net_listens_on_ipv6_and_unix_sockets),
        T(test_net_hears_the_end_of_a_client_that_sends_and_hangs_up),
        T(test_net_listen_refuses_what_is_no_address),
        T(test_net_takes_the_client_address_from_a_proxy_header),
        T(test_net_drops_proxy_headers_of_strangers_and_the_silent),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
