#include "net/deflate.h"

#include "base/testing.h"
#include "net/net_testing.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

/* ---- the peer's side ---- */

/* Compress as a client does. */
static void pack(z_stream *z, struct str plain, int flush, struct buf *out)
{
    z->next_in = (Bytef *)(uintptr_t)plain.p;
    z->avail_in = (uInt)plain.n;
    do {
        z->next_out = (Bytef *)buf_reserve(out, 4096);
        z->avail_out = 4096;
        deflate(z, flush);
        out->n += 4096 - z->avail_out;
    } while (z->avail_out == 0);
}

static void pack_start(z_stream *z)
{
    *z = (z_stream){ 0 };
    assert_int_equal(deflateInit2(z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
}

static void unpack_start(z_stream *z)
{
    *z = (z_stream){ 0 };
    assert_int_equal(inflateInit2(z, -15), Z_OK);
}

/* All of `wire`; the last answer of inflate(). */
static int unpack(z_stream *z, struct str wire, struct buf *out)
{
    int r = Z_OK;
    z->next_in = (Bytef *)(uintptr_t)wire.p;
    z->avail_in = (uInt)wire.n;
    do {
        z->next_out = (Bytef *)buf_reserve(out, 65536);
        z->avail_out = 65536;
        r = inflate(z, Z_NO_FLUSH);
        out->n += 65536 - z->avail_out;
    } while (r == Z_OK && (z->avail_in > 0 || z->avail_out == 0));
    return r;
}

/* Text that repeats itself now and then, as mail does. */
static struct buf text_of(size_t n)
{
    struct buf b = BUF_INIT;
    for (unsigned i = 1; b.n < n; i++)
        buf_printf(&b, "* %u FETCH (UID %u FLAGS (\\Seen) MODSEQ (%u))\r\n", i, i * 7919u % 10007u,
                   i * 104729u % 65537u);
    b.n = n;
    return b;
}

/* ---- the layer ---- */

/* Take all that comes out, `room` at a time; how often it stopped behind a flush. */
static unsigned take(struct deflate *d, size_t room, struct buf *out)
{
    unsigned flushes = 0;
    for (;;) {
        struct err err;
        size_t n;
        int r = deflate_in(d, buf_reserve(out, room), room, &n, &err);
        assert_true(r >= 0);
        assert_true(n <= room);
        out->n += n;
        if (r == DEFLATE_STARVED)
            return flushes;
        flushes += r == DEFLATE_FLUSHED;
        assert_int_not_equal(r, DEFLATE_ENDED);
    }
}

static void test_deflate_inflates_however_input_is_cut(void **state)
{
    (void)state;
    static const size_t pieces[] = { 1, 2, 3, 7, 100, 1000, 100000 }, rooms[] = { 1, 2, 5, 1000, 70000 };
    struct deflate_pool *pool = deflate_pool_new();
    struct buf text = text_of(40000), wire = BUF_INIT;
    z_stream z;
    pack_start(&z);
    for (size_t at = 0; at < text.n; at += 10000)
        pack(&z, str_sub(buf_str(&text), at, 10000), Z_SYNC_FLUSH, &wire);
    for (size_t i = 0; i < ARRAY_COUNT(pieces) * ARRAY_COUNT(rooms) * 2; i++) {
        size_t piece = pieces[i / 2 % ARRAY_COUNT(pieces)], room = rooms[i / 2 / ARRAY_COUNT(pieces)];
        struct deflate *d = deflate_new(pool);
        struct buf got = BUF_INIT;
        unsigned flushes = 0;
        for (size_t at = 0; at < wire.n; at += piece) {
            size_t n = wire.n - at < piece ? wire.n - at : piece;
            deflate_feed(d, str_sub(buf_str(&wire), at, n));
            flushes += take(d, room, &got);
            if (i % 2)
                deflate_rest(d);
        }
        assert_row(str_eq(buf_str(&got), buf_str(&text)), i, "bytes");
        assert_row(flushes == 4, i, "flushes");
        assert_row(deflate_in_starved(d) && !deflate_in_over(d), i, "starved");
        buf_deinit(&got);
        deflate_free(&d);
    }
    deflateEnd(&z);
    buf_deinit(&text);
    buf_deinit(&wire);
    deflate_pool_free(&pool);
}

static void test_deflate_sends_whole_whatever_is_queued_and_rests_between(void **state)
{
    (void)state;
    struct deflate_pool *pool = deflate_pool_new();
    struct buf text = text_of(300000);
    for (int rests = 0; rests < 2; rests++) {
        struct deflate *d = deflate_new(pool);
        struct buf wire = BUF_INIT, got = BUF_INIT;
        size_t in_all = 0;
        z_stream z;
        unpack_start(&z);
        for (size_t at = 0, n = 1; at < text.n; at += n, n = n * 3 % 70001 + 1) {
            n = text.n - at < n ? text.n - at : n;
            deflate_out(d, str_sub(buf_str(&text), at, n), false, &wire);
            assert_int_not_equal(unpack(&z, buf_str(&wire), &got), Z_DATA_ERROR);
            assert_int_equal(got.n, at + n); /* nothing is held back */
            in_all += wire.n;
            buf_clear(&wire);
            if (rests)
                deflate_rest(d);
        }
        deflate_out(d, STR(""), false, &wire);
        assert_int_equal(wire.n, 0);
        deflate_out(d, STR("last"), true, &wire);
        assert_true(deflate_out_ended(d));
        assert_int_equal(unpack(&z, buf_str(&wire), &got), Z_STREAM_END);
        assert_int_equal(z.avail_in, 0);
        buf_clear(&wire);
        deflate_out(d, STR("clear"), true, &wire);
        assert_true(str_eq(buf_str(&wire), STR("clear")));
        got.n -= 4;
        assert_true(str_eq(buf_str(&got), buf_str(&text)));
        assert_true(in_all < text.n / 2);
        inflateEnd(&z);
        buf_deinit(&wire);
        buf_deinit(&got);
        deflate_free(&d);
    }
    buf_deinit(&text);
    deflate_pool_free(&pool);
}

static void test_deflate_gives_no_more_than_there_is_room_for(void **state)
{
    (void)state;
    enum { BOMB = 10 * 1000 * 1000, ROOM = 4096 };
    struct deflate_pool *pool = deflate_pool_new();
    struct deflate *d = deflate_new(pool);
    struct buf zeros = BUF_INIT, wire = BUF_INIT;
    char room[ROOM + 1] = { 0 };
    struct err err;
    z_stream z;
    size_t n, all = 0;
    memset(buf_reserve(&zeros, BOMB), 0, BOMB);
    zeros.n = BOMB;
    pack_start(&z);
    pack(&z, buf_str(&zeros), Z_SYNC_FLUSH, &wire);
    assert_true(wire.n < 20000);
    deflate_feed(d, buf_str(&wire));
    room[ROOM] = '!';
    while (deflate_in(d, room, ROOM, &n, &err) == DEFLATE_FULL)
        all += n;
    assert_int_equal(all + n, BOMB);
    assert_int_equal(room[ROOM], '!');
    deflateEnd(&z);
    buf_deinit(&zeros);
    buf_deinit(&wire);
    deflate_free(&d);
    deflate_pool_free(&pool);
}

static void test_deflate_refuses_what_is_no_deflate(void **state)
{
    (void)state;
    static const struct {
        struct str wire;
        int r;
    } cases[] = {
        { STR_INIT("\x07"), -ERR_CLOSED },                /* block type 3 */
        { STR_INIT("\x01\x05\0\0\0hello"), -ERR_CLOSED }, /* stored, length and its complement differ */
        { STR_INIT("\x4b\x4c"), DEFLATE_STARVED },        /* "aa", and more to come */
        { STR_INIT("\x03\x02"), -ERR_CLOSED },            /* a distance before the beginning */
        { STR_INIT("\x03\0"), DEFLATE_ENDED },            /* the final block */
        { STR_INIT("\x01\0\0\xff\xff"), DEFLATE_ENDED },
        { STR_INIT("\0\0\0\xff\xff"), DEFLATE_FLUSHED },
        { STR_INIT("\0\0\0\xff"), DEFLATE_STARVED },
        { STR_INIT(""), DEFLATE_STARVED },
    };
    struct deflate_pool *pool = deflate_pool_new();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct deflate *d = deflate_new(pool);
        struct err err;
        char room[100];
        size_t n;
        deflate_feed(d, cases[i].wire);
        int r = deflate_in(d, room, sizeof room, &n, &err);
        if (r != cases[i].r)
            fail_msg("row %zu: %d", i, r);
        deflate_rest(d);
        deflate_free(&d);
    }
    deflate_pool_free(&pool);
}

/* RFC 8437, 4.1: the stream ends behind a command; what follows is in clear. */
static void test_deflate_finds_where_compressed_input_ends(void **state)
{
    (void)state;
    static const struct {
        int flush;
        bool finish_behind;
        const char *behind; /* compressed, which must not be */
    } cases[] = {
        { Z_SYNC_FLUSH, false, "" }, { Z_FULL_FLUSH, false, "" },     { Z_FINISH, false, "" },
        { Z_SYNC_FLUSH, true, "" },  { Z_SYNC_FLUSH, false, "more" },
    };
    struct deflate_pool *pool = deflate_pool_new();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf wire = BUF_INIT;
        z_stream z;
        pack_start(&z);
        pack(&z, STR("command\r\n"), cases[i].behind[0] ? Z_PARTIAL_FLUSH : cases[i].flush, &wire);
        size_t behind_at = wire.n;
        if (cases[i].behind[0])
            pack(&z, str_c(cases[i].behind), Z_SYNC_FLUSH, &wire);
        if (cases[i].finish_behind)
            pack(&z, STR(""), Z_FINISH, &wire);
        deflateEnd(&z);
        size_t packed = wire.n;
        buf_add_lit(&wire, "a clear line\r\n");
        for (size_t cut = 1; cut <= wire.n;
             cut++) { /* two pieces; the session ends the stream when it has seen the command */
            struct deflate *d = deflate_new(pool);
            struct buf got = BUF_INIT;
            bool ended = false;
            int r = 0;
            for (int part = 0; part < 2 && r >= 0; part++) {
                deflate_feed(d, part == 0 ? str_sub(buf_str(&wire), 0, cut) : str_skip(buf_str(&wire), cut));
                do {
                    struct err err;
                    size_t n;
                    r = deflate_in(d, buf_reserve(&got, 9), got.n < 9 ? 9 - got.n : 9, &n, &err);
                    got.n += n;
                    if (!ended && got.n == 9) {
                        deflate_in_end(d);
                        ended = true;
                        if (r == DEFLATE_ENDED)
                            r = DEFLATE_FULL;
                    }
                    deflate_rest(d);
                } while (r > 0);
            }
            if (cases[i].behind[0]) {
                assert_row(r == -ERR_CLOSED || behind_at > packed, i, "compressed bytes behind the end");
            } else {
                assert_row(str_eq(buf_str(&got), STR("command\r\na clear line\r\n")), i,
                           "clear bytes behind the end");
                assert_row(deflate_in_over(d), i, "over");
            }
            buf_deinit(&got);
            deflate_free(&d);
        }
        buf_deinit(&wire);
    }
    deflate_pool_free(&pool);
}

/* ---- a connection ---- */

struct fixture {
    struct net *net;
    struct listener *listener;
    struct echo_server echo;
    struct net_addr addr;
    struct client client;
    z_stream out, in;
    struct buf got;
    int in_result;
};

enum { INPUT_MAX = 8192 };

static int set_up(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    struct err err;
    echo_server_init(&f->echo);
    struct net_options options = { .clock = &clock_system, .workers = 4 };
    assert_int_equal(net_new(&options, &f->net, &err), 0);
    struct listener_options listen = { .address = STR("127.0.0.1:0"),
                                       .handler = &echo_handler,
                                       .ctx = &f->echo,
                                       .input_bytes_max = INPUT_MAX,
                                       .output_high_bytes = 64 * 1024,
                                       .output_low_bytes = 16 * 1024 };
    assert_int_equal(net_listen(f->net, &listen, &f->listener, &err), 0);
    f->addr = listener_addr(f->listener, 0);
    assert_int_equal(net_start(f->net, &err), 0);
    pack_start(&f->out);
    unpack_start(&f->in);
    f->client = client_connect(&f->addr);
    client_expect(&f->client, "* hello");
    client_send_line(&f->client, "deflate");
    client_expect(&f->client, "OK deflate");
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    client_close(&f->client);
    net_stop(f->net, 100);
    net_free(&f->net);
    echo_server_deinit(&f->echo);
    deflateEnd(&f->out);
    inflateEnd(&f->in);
    buf_deinit(&f->got);
    free(f);
    return 0;
}

static void send_packed(struct fixture *f, const char *plain)
{
    struct buf wire = BUF_INIT;
    pack(&f->out, str_c(plain), Z_SYNC_FLUSH, &wire);
    client_send(&f->client, buf_str(&wire));
    buf_deinit(&wire);
}

/* Until `bytes` are there or the stream ends. */
static void receive(struct fixture *f, size_t bytes)
{
    char byte;
    while (f->got.n < bytes && f->in_result != Z_STREAM_END && client_read(&f->client, &byte, 1) == 1)
        f->in_result = unpack(&f->in, str_make(&byte, 1), &f->got);
}

static void expect_packed(struct fixture *f, const char *text)
{
    struct str want = str_c(text);
    receive(f, want.n);
    assert_true(f->got.n >= want.n);
    assert_memory_equal(f->got.p, want.p, want.n);
    buf_drop(&f->got, want.n);
}

static void test_conn_deflate_echoes_lines_and_pushes_unasked(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        send_packed(f, "one\r\ntwo\r\n");
        expect_packed(f, "one\r\ntwo\r\n");
        conn_wake(f->echo.wakers[0]);
        expect_packed(f, "* woken\r\n"); /* a flush that held it back would hang here */
    }
    send_packed(f, "deflate\r\n");
    expect_packed(f, "no\r\n");
    send_packed(f, "starttls\r\n");
    expect_packed(f, "no\r\n");
    send_packed(f, "quit\r\n");
    expect_packed(f, "bye\r\n");
    receive(f, 1);
    assert_int_equal(f->in_result, Z_STREAM_END); /* our stream ends in order */
}

static void test_conn_deflate_waits_for_a_slow_reader(void **state)
{
    struct fixture *f = *state;
    enum { BIG = 20 * 1000 * 1000 };
    send_packed(f, "big 20000000\r\nafter\r\n");
    usleep(100 * 1000);
    struct buf wire = BUF_INIT;
    size_t all = 0;
    while (all < BIG + 9 && client_read(&f->client, buf_reserve(&wire, 1), 1) == 1) {
        unpack(&f->in, str_make(wire.p, 1), &f->got);
        all += f->got.n;
        buf_clear(&f->got);
    }
    assert_int_equal(all, BIG + 9);
    assert_true(atomic_load(&f->echo.out_most) < 70 * 1024);
    buf_deinit(&wire);
}

static void test_conn_deflate_bounds_what_a_bomb_becomes(void **state)
{
    struct fixture *f = *state;
    struct buf zeros = BUF_INIT, wire = BUF_INIT;
    memset(buf_reserve(&zeros, 10 * 1000 * 1000), 0, 10 * 1000 * 1000);
    zeros.n = 10 * 1000 * 1000;
    pack(&f->out, buf_str(&zeros), Z_SYNC_FLUSH, &wire);
    client_send(&f->client, buf_str(&wire));
    expect_packed(f, "* long\r\n"); /* the line was refused when INPUT_MAX bytes of it were there */
    receive(f, 1);
    assert_int_equal(f->in_result, Z_STREAM_END);
    buf_deinit(&zeros);
    buf_deinit(&wire);
}

static void test_conn_deflate_takes_a_full_line_and_refuses_one_byte_more(void **state)
{
    struct fixture *f = *state;
    char line[INPUT_MAX + 3] = { 0 };
    memset(line, 'a', INPUT_MAX - 2);
    memcpy(line + INPUT_MAX - 2, "\r\n", 2);
    send_packed(f, line);
    expect_packed(f, line);
    memset(line, 'a', INPUT_MAX - 1);
    memcpy(line + INPUT_MAX - 1, "\r\n", 2);
    send_packed(f, line);
    expect_packed(f, "* long\r\n");
}

static void test_conn_deflate_closes_on_garbage_and_at_the_end_of_the_stream(void **state)
{
    struct fixture *f = *state;
    struct buf wire = BUF_INIT;
    send_packed(f, "one\r\n");
    expect_packed(f, "one\r\n");
    pack(&f->out, STR("two\r\n"), Z_FINISH, &wire);
    buf_add_lit(&wire, "three\r\n");
    client_send(&f->client, buf_str(&wire));
    expect_packed(f, "two\r\n");
    receive(f, 1);
    assert_int_equal(f->in_result, Z_STREAM_END);
    client_expect_end(&f->client);
    buf_deinit(&wire);
    WAIT_FOR(atomic_load(&f->echo.open_now) == 0);

    struct client c = client_connect(&f->addr);
    client_expect(&c, "* hello");
    client_send(&c, STR("deflate\r\n\xff\xff\xff\xff\xff\xff"));
    client_expect(&c, "OK deflate");
    char waste[100];
    assert_true(client_read(&c, waste, sizeof waste) < 10); /* at most the final block */
    client_close(&c);
    WAIT_FOR(atomic_load(&f->echo.open_now) == 0);
}

/* Commands with a flush each, a stop in the middle, clear lines behind, in one segment: however often the
 * session lets others go first, no clear byte is taken for a compressed one. */
static void test_conn_deflate_stops_where_the_session_says(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = { "one\r\n",        "yield\r\n", "yield\r\ntwo\r\n",
                                         "big 300000\r\n", "yield\r\n", "yield\r\nclear\r\n" };
    static const char answer[] = "one\r\n* woken\r\n* woken\r\ntwo\r\n";
    struct buf wire = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        pack(&f->out, str_c(lines[i]), Z_SYNC_FLUSH, &wire);
    buf_add_lit(&wire, "three\r\nyield\r\nfour\r\nquit\r\n");
    client_send(&f->client, buf_str(&wire));
    expect_packed(f, answer);
    receive(f, 300002);
    buf_drop(&f->got, 300002);
    expect_packed(f, "* woken\r\n* woken\r\nOK clear\r\n");
    receive(f, 1);
    assert_int_equal(f->in_result, Z_STREAM_END);
    client_expect(&f->client, "three");
    client_expect(&f->client, "* woken");
    client_expect(&f->client, "four");
    client_expect(&f->client, "bye");
    client_expect_end(&f->client);
    buf_deinit(&wire);
}

static void test_conn_deflate_can_be_started_again(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        struct buf wire = BUF_INIT;
        pack(&f->out, STR("clear\r\n"), i % 2 ? Z_SYNC_FLUSH : Z_FINISH, &wire);
        buf_add_lit(&wire, "deflate\r\n");
        deflateReset(&f->out);
        pack(&f->out, STR("again\r\n"), Z_SYNC_FLUSH,
             &wire); /* sent before the OK: not nice, but no riddle */
        client_send(&f->client, buf_str(&wire));
        expect_packed(f, "OK clear\r\n");
        receive(f, 1);
        assert_int_equal(f->in_result, Z_STREAM_END);
        client_expect(&f->client, "OK deflate");
        inflateReset(&f->in);
        f->in_result = Z_OK;
        expect_packed(f, "again\r\n");
        buf_deinit(&wire);
    }
}

static void test_conn_deflate_lets_a_client_go_that_hangs_up(void **state)
{
    struct fixture *f = *state;
    send_packed(f, "big 20000000\r\n");
    usleep(20 * 1000);
    client_close(&f->client);
    WAIT_FOR(atomic_load(&f->echo.open_now) == 0);
    f->client = client_connect(&f->addr);
    client_expect(&f->client, "* hello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deflate_inflates_however_input_is_cut),
        cmocka_unit_test(test_deflate_sends_whole_whatever_is_queued_and_rests_between),
        cmocka_unit_test(test_deflate_gives_no_more_than_there_is_room_for),
        cmocka_unit_test(test_deflate_refuses_what_is_no_deflate),
        cmocka_unit_test(test_deflate_finds_where_compressed_input_ends),
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_conn_deflate_echoes_lines_and_pushes_unasked),
        T(test_conn_deflate_waits_for_a_slow_reader),
        T(test_conn_deflate_bounds_what_a_bomb_becomes),
        T(test_conn_deflate_takes_a_full_line_and_refuses_one_byte_more),
        T(test_conn_deflate_closes_on_garbage_and_at_the_end_of_the_stream),
        T(test_conn_deflate_stops_where_the_session_says),
        T(test_conn_deflate_can_be_started_again),
        T(test_conn_deflate_lets_a_client_go_that_hangs_up),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
