#include "base/network.h"
#include "base/testing.h"

#include <arpa/inet.h>

static void test_network_says_which_addresses_are_in_it(void **state)
{
    (void)state;
    static const struct {
        const char *network, *ip;
        bool inside;
    } cases[] = {
        { "192.0.2.0/24", "::ffff:192.0.2.255", true },
        { "192.0.2.0/24", "::ffff:192.0.3.0", false },
        { "192.0.2.1", "::ffff:192.0.2.1", true },
        { "192.0.2.1", "::ffff:192.0.2.0", false },
        { "192.0.2.128/25", "::ffff:192.0.2.127", false },
        { "192.0.2.128/25", "::ffff:192.0.2.128", true },
        { "0.0.0.0/0", "::ffff:8.8.8.8", true },
        { "0.0.0.0/0", "2001:db8::1", false }, /* all of IPv4 is not all */
        { "::/0", "2001:db8::1", true },
        { "::/0", "::ffff:8.8.8.8", true },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::1", false },
        { "2001:db8::7", "2001:db8::7", true },
        { "::ffff:192.0.2.0/120", "::ffff:192.0.2.9", true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct network network;
        unsigned char ip[NETWORK_IP_BYTES];
        assert_int_equal(inet_pton(AF_INET6, cases[i].ip, ip), 1);
        assert_row(network_parse(str_c(cases[i].network), &network, NULL) == 0, i, cases[i].network);
        assert_row(network_contains(&network, ip) == cases[i].inside, i, cases[i].network);
    }
}

static void test_network_refuses_what_is_none(void **state)
{
    (void)state;
    static const struct str cases[] = {
        STR_INIT(""),
        STR_INIT("/24"),
        STR_INIT("192.0.2.0/"),
        STR_INIT("192.0.2.0/33"),
        STR_INIT("192.0.2"),
        STR_INIT("192.0.2.1/24"),
        STR_INIT("192.0.2.0/-1"),
        STR_INIT("192.0.2.0/ 8"),
        STR_INIT("::/129"),
        STR_INIT("2001:db8::1/64"),
        STR_INIT("example.org"),
        STR_INIT("192.0.2.0/24/24"),
        STR_INIT("192.0.2.1\0"),
        STR_INIT("fe80::1%eth0"),
        STR_INIT("11111111111111111111111111111111111111111111111111111111111111111"),
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct network network;
        struct err err;
        assert_row(network_parse(cases[i], &network, &err) == -ERR_INVALID && err.text[0], i, cases[i].p);
    }
}

static void test_network_list_is_checked_whole(void **state)
{
    (void)state;
    const unsigned char ip[NETWORK_IP_BYTES] = { 0x20, 0x01, 0x0d, 0xb8 };
    assert_int_equal(network_list_check(STR(""), NULL), 0);
    assert_int_equal(network_list_check(STR("192.0.2.0/24, 2001:db8::/32"), NULL), 0);
    assert_int_equal(network_list_check(STR("192.0.2.0/24, x"), NULL), -ERR_INVALID);
    assert_true(network_list_contains(STR("192.0.2.0/24, 2001:db8::/32"), ip));
    assert_false(network_list_contains(STR("192.0.2.0/24 2001:db9::/32"), ip));
    assert_false(network_list_contains(STR(""), ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network_says_which_addresses_are_in_it),
        cmocka_unit_test(test_network_refuses_what_is_none),
        cmocka_unit_test(test_network_list_is_checked_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
