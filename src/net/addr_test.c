#include "net/addr.h"

#include "base/testing.h"

#include <netinet/in.h>

static void test_addr_formats_what_it_parses(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "::1", "::1" },
        { "2001:DB8:0:0::1", "2001:db8::1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "0.0.0.0", "0.0.0.0" },
        { "", NULL },
        { "192.0.2", NULL },
        { "192.0.2.256", NULL },
        { "192.0.2.1 ", NULL },
        { "[::1]", NULL },
        { "::1%lo", NULL },
        { "localhost", NULL },
        { "1:2:3:4:5:6:7:8:9", NULL },
        { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[ADDR_TEXT_BYTES];
        struct net_addr addr;
        int r = addr_parse_ip(str_c(cases[i].in), &addr, NULL);
        assert_row(r == (cases[i].out ? 0 : -ERR_SYNTAX), i, cases[i].in);
        if (r == 0)
            assert_row(strcmp(addr_format(&addr, false, text), cases[i].out) == 0, i, cases[i].in);
    }
    struct net_addr addr;
    assert_int_equal(addr_parse_ip(str_make("::1\0", 4), &addr, NULL), -ERR_SYNTAX);
}

static void test_addr_formats_ports_and_those_without(void **state)
{
    (void)state;
    char text[ADDR_TEXT_BYTES];
    struct net_addr addr;
    assert_int_equal(addr_parse_ip(STR("192.0.2.1"), &addr, NULL), 0);
    addr.port = 143;
    assert_string_equal(addr_format(&addr, true, text), "192.0.2.1:143");
    assert_int_equal(addr_parse_ip(STR("::1"), &addr, NULL), 0);
    addr.port = 993;
    assert_string_equal(addr_format(&addr, true, text), "[::1]:993");
    addr = (struct net_addr){ .family = ADDR_UNIX };
    assert_string_equal(addr_format(&addr, true, text), "unix");
    addr = (struct net_addr){ .family = ADDR_NONE };
    assert_string_equal(addr_format(&addr, true, text), "unknown");
}

static void test_addr_survives_the_way_through_a_sockaddr(void **state)
{
    (void)state;
    static const char *const cases[] = { "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sockaddr_storage storage;
        struct net_addr addr;
        assert_int_equal(addr_parse_ip(str_c(cases[i]), &addr, NULL), 0);
        addr.port = 25;
        socklen_t n = addr_to_sockaddr(&addr, &storage);
        struct net_addr back = addr_from_sockaddr((const struct sockaddr *)&storage, n);
        assert_row(addr_equal(&addr, &back), i, cases[i]);
        back = addr_from_sockaddr((const struct sockaddr *)&storage, 1);
        assert_row(back.family == ADDR_NONE, i, cases[i]);
    }
}

static void test_addr_counts_an_ipv6_household_as_one_client(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.2", false },
        { "192.0.2.1", "::ffff:192.0.2.1", true },
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff::", true },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", false },
        { "c000:201::", "192.0.2.1", false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char key_a[ADDR_KEY_BYTES], key_b[ADDR_KEY_BYTES];
        struct net_addr a, b;
        assert_int_equal(addr_parse_ip(str_c(cases[i].a), &a, NULL), 0);
        assert_int_equal(addr_parse_ip(str_c(cases[i].b), &b, NULL), 0);
        assert_row(str_eq(addr_client_key(&a, key_a), addr_client_key(&b, key_b)) == cases[i].same, i,
                   cases[i].a);
    }
    char key[ADDR_KEY_BYTES];
    struct net_addr local = { .family = ADDR_UNIX };
    assert_true(str_is_nil(addr_client_key(&local, key)));
}

static void test_addr_knows_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        bool loopback;
    } cases[] = {
        { "127.0.0.1", true }, { "127.9.9.9", true }, { "128.0.0.1", false },
        { "::1", true },       { "::2", false },      { "::ffff:127.0.0.1", true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct net_addr addr;
        assert_int_equal(addr_parse_ip(str_c(cases[i].ip), &addr, NULL), 0);
        assert_row(addr_is_loopback(&addr) == cases[i].loopback, i, cases[i].ip);
    }
}

static void test_cidr_contains_what_its_mask_says(void **state)
{
    (void)state;
    static const struct {
        const char *cidr;
        int r;
        const char *in, *out; /* one address inside, one outside */
    } cases[] = {
        { "10.0.0.0/8", 0, "10.255.0.1", "11.0.0.0" },
        { "192.0.2.128/25", 0, "192.0.2.255", "192.0.2.127" },
        { "192.0.2.1", 0, "192.0.2.1", "192.0.2.2" },
        { "0.0.0.0/0", 0, "203.0.113.9", "::1" },
        { "2001:db8::/33", 0, "2001:db8::1", "2001:db8:8000::1" },
        { "::/0", 0, "2001:db8::1", "192.0.2.1" },
        { "10.0.0.1/8", -ERR_INVALID, NULL, NULL },
        { "10.0.0.0/33", -ERR_SYNTAX, NULL, NULL },
        { "10.0.0.0/", -ERR_SYNTAX, NULL, NULL },
        { "10.0.0.0/8/8", -ERR_SYNTAX, NULL, NULL },
        { "2001:db8::/129", -ERR_SYNTAX, NULL, NULL },
        { "net/8", -ERR_SYNTAX, NULL, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct net_cidr cidr;
        struct net_addr in, out;
        assert_row(cidr_parse(str_c(cases[i].cidr), &cidr, NULL) == cases[i].r, i, cases[i].cidr);
        if (cases[i].r != 0)
            continue;
        assert_int_equal(addr_parse_ip(str_c(cases[i].in), &in, NULL), 0);
        assert_int_equal(addr_parse_ip(str_c(cases[i].out), &out, NULL), 0);
        assert_row(cidr_contains(&cidr, &in), i, cases[i].cidr);
        assert_row(!cidr_contains(&cidr, &out), i, cases[i].cidr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addr_formats_what_it_parses),
        cmocka_unit_test(test_addr_formats_ports_and_those_without),
        cmocka_unit_test(test_addr_survives_the_way_through_a_sockaddr),
        cmocka_unit_test(test_addr_counts_an_ipv6_household_as_one_client),
        cmocka_unit_test(test_addr_knows_loopback),
        cmocka_unit_test(test_cidr_contains_what_its_mask_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
