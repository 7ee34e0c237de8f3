#include "net/proxy.h"

#include "base/testing.h"

#include <stdlib.h>

#define SIG    "\r\n\r\n\0\r\nQUIT\n"
#define IP4    "\xc0\0\x02\x01\xc6\x33\x64\x02\x30\x39\x03\xe1" /* 192.0.2.1:12345 to 198.51.100.2:993 */
#define IP6_A  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define IP6_B  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"
#define MAPPED "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01"
#define X36    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X216   X36 X36 X36 X36 X36 X36
#define IN(s)  STR_INIT(s)

/* clang-format off */ /* its columns would be as wide as the longest row */
static const struct {
    const char *name;
    struct str in;
    int r;
    const char *peer, *local; /* NULL: the header says nothing of the client */
    size_t left;              /* bytes behind the header */
} cases[] = {
    { "v1 tcp4",
      IN("PROXY TCP4 192.0.2.1 198.51.100.2 12345 993\r\nabc"),
      0, "192.0.2.1:12345", "198.51.100.2:993", 3 },
    { "v1 tcp6",
      IN("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"),
      0, "[2001:db8::1]:0", "[2001:db8::2]:65535", 0 },
    { "v1 tcp6 mapped",
      IN("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n"),
      0, "192.0.2.1:1", "192.0.2.2:2", 0 },
    { "v1 unknown", IN("PROXY UNKNOWN\r\n"), 0 },
    { "v1 unknown with more", IN("PROXY UNKNOWN ffff::1 whatever 1 2\r\nx"), 0, NULL, NULL, 1 },
    { "v1 longest",
      IN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "65535 65535\r\n"),
      0 },
    { "v1 one too long",
      IN("PROXY UNKNOWN xffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "65535 65535\r\n"),
      -ERR_LIMIT },
    { "v1 no protocol", IN("PROXY \r\n"), -ERR_SYNTAX },
    { "v1 lower case", IN("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), -ERR_SYNTAX },
    { "v1 other protocol", IN("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), -ERR_SYNTAX },
    { "v1 two blanks", IN("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"), -ERR_SYNTAX },
    { "v1 family mixed", IN("PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n"), -ERR_SYNTAX },
    { "v1 family mixed 6", IN("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), -ERR_SYNTAX },
    { "v1 port above", IN("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"), -ERR_SYNTAX },
    { "v1 port zeros", IN("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"), -ERR_SYNTAX },
    { "v1 port sign", IN("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"), -ERR_SYNTAX },
    { "v1 field missing", IN("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), -ERR_SYNTAX },
    { "v1 field more", IN("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), -ERR_SYNTAX },
    { "v1 trailing blank", IN("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"), -ERR_SYNTAX },
    { "v1 bare lf", IN("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"), -ERR_SYNTAX },
    { "v1 nul in address", IN("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"), -ERR_SYNTAX },
    { "a client", IN("a1 LOGIN anna x\r\n"), -ERR_SYNTAX },
    { "a TLS client", IN("\x16\x03\x01\x02"), -ERR_SYNTAX },
    { "v2 tcp4", IN(SIG "\x21\x11\0\x0c" IP4 "abc"), 0, "192.0.2.1:12345", "198.51.100.2:993", 3 },
    { "v2 tcp4 with TLVs",
      IN(SIG "\x21\x11\0\x10" IP4 "\x04\0\x01zabc"),
      0, "192.0.2.1:12345", "198.51.100.2:993", 3 },
    { "v2 tcp6",
      IN(SIG "\x21\x21\0\x24" IP6_A IP6_B "\0\x01\0\x02"),
      0, "[2001:db8::1]:1", "[2001:db8::2]:2", 0 },
    { "v2 tcp6 mapped",
      IN(SIG "\x21\x21\0\x24" MAPPED MAPPED "\0\x01\0\x02"),
      0, "192.0.2.1:1", "192.0.2.1:2", 0 },
    { "v2 local", IN(SIG "\x20\0\0\0x"), 0, NULL, NULL, 1 },
    { "v2 local with addresses", IN(SIG "\x20\x11\0\x0c" IP4), 0 },
    { "v2 unspec", IN(SIG "\x21\0\0\x03zzz"), 0 },
    { "v2 unix", IN(SIG "\x21\x31\0\xd8" X216), 0 },
    { "v2 unix short", IN(SIG "\x21\x31\0\xd7" X216), -ERR_SYNTAX },
    { "v2 tcp4 short", IN(SIG "\x21\x11\0\x0b" IP4), -ERR_SYNTAX },
    { "v2 tcp6 short", IN(SIG "\x21\x21\0\x23" IP6_A IP6_B "\0\x01\0\x02"), -ERR_SYNTAX },
    { "v2 udp", IN(SIG "\x21\x12\0\x0c" IP4), -ERR_SYNTAX },
    { "v2 command 2", IN(SIG "\x22\x11\0\x0c" IP4), -ERR_SYNTAX },
    { "v2 version 1", IN(SIG "\x11\x11\0\x0c" IP4), -ERR_SYNTAX },
    { "v2 at the limit", IN(SIG "\x21\x11\x0f\xf0" IP4), -ERR_AGAIN },
    { "v2 above the limit", IN(SIG "\x21\x11\x0f\xf1" IP4), -ERR_LIMIT },
    { "v2 65535", IN(SIG "\x21\x11\xff\xff"), -ERR_LIMIT },
};
/* clang-format on */

static void test_proxy_parses_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct proxy_header h;
        struct err err;
        char text[ADDR_TEXT_BYTES];
        int r = proxy_parse(cases[i].in, &h, &err);
        assert_row(r == cases[i].r, i, cases[i].name);
        if (r != 0)
            continue;
        assert_row(cases[i].in.n - h.bytes == cases[i].left, i, cases[i].name);
        assert_row(h.local == (cases[i].peer == NULL), i, cases[i].name);
        if (h.local) {
            assert_row(h.peer.family == ADDR_NONE && h.local_addr.family == ADDR_NONE, i, cases[i].name);
            continue;
        }
        assert_row(strcmp(addr_format(&h.peer, true, text), cases[i].peer) == 0, i, cases[i].name);
        assert_row(strcmp(addr_format(&h.local_addr, true, text), cases[i].local) == 0, i, cases[i].name);
    }
}

/* What lets net take from the socket all that it has seen while -ERR_AGAIN. */
static void test_proxy_asks_for_more_until_the_header_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (cases[i].r != 0)
            continue;
        size_t whole = cases[i].in.n - cases[i].left;
        for (size_t n = 0; n < whole; n++) {
            struct proxy_header h;
            char *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read behind the end */
            assert_non_null(exact);
            memcpy(exact, cases[i].in.p, n);
            assert_row(proxy_parse(str_make(exact, n), &h, NULL) == -ERR_AGAIN, i, cases[i].name);
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxy_parses_strictly),
        cmocka_unit_test(test_proxy_asks_for_more_until_the_header_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
