#include "auth/oauth/http.h"
#include "base/testing.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_address_that_may_be_asked_has_tls_and_a_host(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        int r, r_loopback; /* with plain_on_loopback */
    } cases[] = {
        { "https://issuer.example", 0, 0 },
        { "https://issuer.example/", 0, 0 },
        { "https://issuer.example:8443/a/b?c=d%20e&f", 0, 0 },
        { "https://192.0.2.1/", 0, 0 },
        { "https://[2001:db8::1]:443/", 0, 0 },
        { "https://issuer.example?x", 0, 0 },
        { "http://127.0.0.1:80/keys", -ERR_INVALID, 0 },
        { "http://[::1]/keys", -ERR_INVALID, 0 },
        { "http://localhost:8080", -ERR_INVALID, 0 },
        { "http://issuer.example/", -ERR_INVALID, -ERR_INVALID },
        { "http://127.0.0.1.evil.example/", -ERR_INVALID, -ERR_INVALID },
        { "http://127.0.0.1@evil.example/", -ERR_INVALID, -ERR_INVALID },
        { "http://localhost.evil.example/", -ERR_INVALID, -ERR_INVALID },
        { "", -ERR_INVALID, -ERR_INVALID },
        { "https://", -ERR_INVALID, -ERR_INVALID },
        { "https:///path", -ERR_INVALID, -ERR_INVALID },
        { "https://:443/", -ERR_INVALID, -ERR_INVALID },
        { "https://anna:secret@issuer.example/", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example@evil.example/", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example\\@evil.example/", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example/#fragment", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example/a b", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example/\r\nHost: evil.example", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example/\xc3\xa4", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example:0/", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example:65536/", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example:/", -ERR_INVALID, -ERR_INVALID },
        { "https://issuer.example:443x/", -ERR_INVALID, -ERR_INVALID },
        { "https://[::1", -ERR_INVALID, -ERR_INVALID },
        { "https://[]/", -ERR_INVALID, -ERR_INVALID },
        { "https://[::1%25eth0]/", -ERR_INVALID, -ERR_INVALID },
        { "https://[::1]x/", -ERR_INVALID, -ERR_INVALID },
        { "HTTPS://issuer.example/", -ERR_INVALID, -ERR_INVALID },
        { "file:///etc/passwd", -ERR_INVALID, -ERR_INVALID },
        { "gopher://127.0.0.1/", -ERR_INVALID, -ERR_INVALID },
        { "//issuer.example/", -ERR_INVALID, -ERR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err;
        assert_row(http_address_check(str_c(cases[i].address), false, &err) == cases[i].r, i,
                   cases[i].address);
        assert_row(http_address_check(str_c(cases[i].address), true, &err) == cases[i].r_loopback, i,
                   cases[i].address);
    }
    assert_int_equal(http_address_check(STR("https://issuer.example/a\0b"), false, NULL), -ERR_INVALID);
}

static void test_address_has_a_limit(void **state)
{
    (void)state;
    for (size_t n = HTTP_ADDRESS_BYTES_MAX - 1; n <= HTTP_ADDRESS_BYTES_MAX + 1; n++) {
        struct buf address = BUF_INIT;
        buf_add_lit(&address, "https://issuer.example/");
        while (address.n < n)
            buf_add_char(&address, 'a');
        assert_int_equal(http_address_check(buf_str(&address), false, NULL),
                         n <= HTTP_ADDRESS_BYTES_MAX ? 0 : -ERR_LIMIT);
        buf_deinit(&address);
    }
}

static void test_form_escapes_all_but_letters_and_digits(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    http_form_escape(STR("aZ09-._~ +&=%/\0\xc3\xa4\n"), &out);
    assert_str(buf_str(&out), "aZ09-._~%20%2B%26%3D%25%2F%00%C3%A4%0A");
    buf_deinit(&out);
}

/* ---- against a server that answers what it is told ---- */

struct server {
    int fd;
    uint16_t port;
    const char *answer;
    size_t pad_bytes; /* follow the answer */
    bool silent;      /* says nothing */
    struct buf request;
    pthread_t thread;
};

static void *server_run(void *ctx)
{
    struct server *s = ctx;
    int fd = accept(s->fd, NULL, NULL);
    assert_true(fd >= 0);
    char piece[4096];
    struct timeval wait = { 0, 200000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    for (ssize_t n; (n = recv(fd, piece, sizeof piece, 0)) > 0;) {
        buf_add_bytes(&s->request, piece, (size_t)n);
        if (str_find(buf_str(&s->request), STR("\r\n\r\n")) >= 0 &&
            (str_starts(buf_str(&s->request), STR("GET")) || str_ends(buf_str(&s->request), STR("token=x"))))
            break;
    }
    if (s->silent) {
        while (recv(fd, piece, sizeof piece, 0) != 0) /* until the other end gives up */
            ;
    } else {
        send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
        memset(piece, 'x', sizeof piece);
        for (size_t sent = 0; sent < s->pad_bytes; sent += sizeof piece)
            if (send(fd, piece, sizeof piece, MSG_NOSIGNAL) < 0)
                break;
    }
    close(fd);
    return NULL;
}

static void server_start(struct server *s, const char *answer)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    s->answer = answer;
    s->request = BUF_INIT;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(s->fd, 4), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &n), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_end(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->fd);
    buf_deinit(&s->request);
}

static bool http_make_behind(struct http *http, uint32_t timeout_ms, const char *proxy)
{
    const struct http_params params = {
        .ca_file = "", .proxy = proxy, .timeout_ms = timeout_ms, .at_once = 2, .plain_on_loopback = true
    };
    struct err err;
    int r = http_new(&params, http, &err);
    if (r == -ERR_CANNOT)
        return false; /* built without libcurl */
    assert_int_equal(r, 0);
    return true;
}

static bool http_make(struct http *http, uint32_t timeout_ms)
{
    return http_make_behind(http, timeout_ms, "");
}

static int ask(struct http *http, uint16_t port, struct str form, struct http_answer *answer, struct err *err)
{
    char address[64];
    snprintf(address, sizeof address, "http://127.0.0.1:%u/x", port);
    const struct http_request request = { .address = address,
                                          .form = form,
                                          .authorization = form.p ? STR("Basic YTpi") : STR_NIL,
                                          .answer_bytes_max = 1000 };
    *answer = (struct http_answer){ 0 };
    return http->fetch(http->ctx, &request, answer, err);
}

static void test_http_asks_and_reads_the_answer(void **state)
{
    (void)state;
    struct http http;
    struct server s = { 0 };
    struct http_answer answer;
    struct err err;
    if (!http_make(&http, 5000))
        skip();
    server_start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    assert_int_equal(ask(&http, s.port, STR("token=x"), &answer, &err), 0);
    assert_int_equal(answer.status, 200);
    assert_str(buf_str(&answer.body), "{}");
    pthread_join(s.thread, NULL);
    assert_true(str_starts(buf_str(&s.request), STR("POST /x HTTP/1.1\r\n")));
    assert_true(str_find(buf_str(&s.request), STR("\r\nAuthorization: Basic YTpi\r\n")) > 0);
    assert_true(
        str_find(buf_str(&s.request), STR("\r\nContent-Type: application/x-www-form-urlencoded\r\n")) > 0);
    assert_true(str_ends(buf_str(&s.request), STR("\r\n\r\ntoken=x")));
    close(s.fd);
    buf_deinit(&s.request);
    buf_deinit(&answer.body);
    http_free(&http);
    assert_null(http.ctx);
}

static void test_http_follows_no_redirect(void **state)
{
    (void)state;
    struct http http;
    struct server s = { 0 };
    struct http_answer answer;
    struct err err;
    if (!http_make(&http, 5000))
        skip();
    server_start(&s, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(ask(&http, s.port, STR_NIL, &answer, &err), 0);
    assert_int_equal(answer.status, 302);
    buf_deinit(&answer.body);
    server_end(&s);
    http_free(&http);
}

static void test_http_reads_no_more_than_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t pad_bytes;
    } cases[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", 1000000 },
        { "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", 100000 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct http http;
        struct server s = { .pad_bytes = cases[i].pad_bytes };
        struct http_answer answer;
        struct err err;
        if (!http_make(&http, 5000))
            skip();
        server_start(&s, cases[i].head);
        assert_row(ask(&http, s.port, STR_NIL, &answer, &err) == -ERR_LIMIT, i, cases[i].head);
        assert_true(answer.body.n <= 1000);
        buf_deinit(&answer.body);
        http_free(&http); /* closes, so that the server ends */
        server_end(&s);
    }
}

static void test_http_goes_through_the_proxy_of_the_settings_and_no_other(void **state)
{
    (void)state;
    struct http http;
    struct http_answer answer;
    struct err err;
    char proxy[64];
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    for (int through = 0; through < 2; through++) {
        struct server s = { 0 };
        if (!http_make(&http, 1))
            skip();
        http_free(&http);
        server_start(&s, ok);
        snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", s.port);
        setenv("http_proxy", "http://127.0.0.1:1", 1);
        assert_true(http_make_behind(&http, 5000, through ? proxy : ""));
        /* nobody is at port 2 */
        assert_int_equal(ask(&http, through ? 2 : s.port, STR_NIL, &answer, &err), 0);
        pthread_join(s.thread, NULL);
        assert_int_equal(str_starts(buf_str(&s.request), STR("GET http://127.0.0.1:2/x HTTP/1.1\r\n")),
                         through);
        close(s.fd);
        buf_deinit(&s.request);
        buf_deinit(&answer.body);
        http_free(&http);
    }
    unsetenv("http_proxy");
}

static void test_http_that_does_not_work_is_unavailable(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        bool silent;
    } cases[] = {
        { "", true },  /* too slow */
        { "", false }, /* hangs up */
        { "nonsense\r\n\r\n", false },
        { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", false }, /* is cut */
    };
    struct http_answer answer;
    struct err err;
    struct http http;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct server s = { .silent = cases[i].silent };
        if (!http_make(&http, 300))
            skip();
        server_start(&s, cases[i].answer);
        assert_row(ask(&http, s.port, STR_NIL, &answer, &err) == -ERR_UNAVAILABLE, i, cases[i].answer);
        buf_deinit(&answer.body);
        http_free(&http);
        server_end(&s);
    }
    if (!http_make(&http, 300))
        skip();
    assert_int_equal(ask(&http, 1, STR_NIL, &answer, &err), -ERR_UNAVAILABLE); /* nobody is there */
    const struct http_request request = { .address = "file:///etc/passwd", .answer_bytes_max = 100000 };
    assert_int_equal(http.fetch(http.ctx, &request, &answer, &err), -ERR_UNAVAILABLE);
    assert_int_equal(answer.body.n, 0);
    buf_deinit(&answer.body);
    http_free(&http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_that_may_be_asked_has_tls_and_a_host),
        cmocka_unit_test(test_address_has_a_limit),
        cmocka_unit_test(test_form_escapes_all_but_letters_and_digits),
        cmocka_unit_test(test_http_asks_and_reads_the_answer),
        cmocka_unit_test(test_http_follows_no_redirect),
        cmocka_unit_test(test_http_reads_no_more_than_is_wanted),
        cmocka_unit_test(test_http_goes_through_the_proxy_of_the_settings_and_no_other),
        cmocka_unit_test(test_http_that_does_not_work_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
