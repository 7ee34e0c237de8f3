#include "base/buf.h"
#include "base/testing.h"
#include "mime/address.h"

#include <time.h>

static void add(struct buf *out, struct str s)
{
    if (str_is_nil(s))
        buf_add_char(out, '-');
    else
        buf_add(out, s);
}

/* name|route|mailbox|host, groups as {name ... } */
static void print_addresses(struct str in, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    struct address a;
    for (struct address_reader r = address_each(in, &arena); address_next(&r, &a);) {
        if (out->n)
            buf_add_char(out, ' ');
        if (a.kind == ADDRESS_GROUP_END) {
            buf_add_char(out, '}');
        } else if (a.kind == ADDRESS_GROUP_START) {
            buf_add_char(out, '{');
            buf_add(out, a.mailbox);
        } else {
            add(out, a.name);
            buf_add_char(out, '|');
            add(out, a.route);
            buf_add_char(out, '|');
            add(out, a.mailbox);
            buf_add_char(out, '|');
            add(out, a.host);
        }
    }
    arena_deinit(&arena);
}

static void test_address_lists_parse(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "a@b", "-|-|a|b" },
        { "<a@b>", "-|-|a|b" },
        { "Anna B. <a@b>", "Anna B.|-|a|b" },
        { "\"B, Anna\" <a@b>, c@d", "B, Anna|-|a|b -|-|c|d" },
        { "\"a \\\"q\\\" b\" <a@b>", "a \"q\" b|-|a|b" },
        { "a@b (Anna)", "Anna|-|a|b" },
        { "a@b (Anna (x) B)", "Anna (x) B|-|a|b" },
        { "(Anna) <a@b>", "Anna|-|a|b" },
        { "Bob (x) <a@b>", "Bob|-|a|b" },
        { "<@x,@y:a@b>", "-|@x,@y|a|b" },
        { "\"a b\"@c", "-|-|a b|c" },
        { "<\"a@x\"@c>", "-|-|a@x|c" },
        { "a @ b", "-|-|a|b" },
        { "list:;", "{list }" },
        { "A list: a@b, C <c@d>;, e@f", "{A list -|-|a|b C|-|c|d } -|-|e|f" },
        { "open: a@b", "{open -|-|a|b }" },
        { "undisclosed-recipients:", "{undisclosed-recipients }" },
        { "<>", "-|-||" },
        { "user", "-|-|user|" },
        { "<user>", "-|-|user|" },
        { "Anna <a@b", "Anna|-|a|b" },
        { "Anna <a@b, c@d", "Anna|-|a|b -|-|c|d" },
        { "John Doe j@d.org", "John Doe|-|j|d.org" },
        { "a@b <a@b>", "a@b|-|a|b" },
        { "a@b@c", "-|-|a@b|c" },
        { "=?utf-8?Q?J=C3=B6rg?= <j@d>", "=?utf-8?Q?J=C3=B6rg?=|-|j|d" },
        { "J\xc3\xb6rg <j\xc3\xb6rg@d\xc3\xa9.fr>", "J\xc3\xb6rg|-|j\xc3\xb6rg|d\xc3\xa9.fr" },
        { "a@[IPv6:::1]", "-|-|a|[IPv6:::1]" },
        { "<a@[IPv6:::1]>", "-|-|a|[IPv6:::1]" },
        { "a@b;c@d", "-|-|a|b -|-|c|d" },
        { ", ,a@b,,", "-|-|a|b" },
        { "\"open <a@b>, c@d", "open|-|a|b -|-|c|d" },
        { "(open a@b, c@d", "open|-|a|b -|-|c|d" },
        { "Anna\r\n <a@b>,\r\n\tc@d", "Anna|-|a|b -|-|c|d" },
        { "", "" },
        { "(only a comment)", "" },
        { "\"\" <a@b>", "-|-|a|b" },
        { "\"\"@b", "-|-||b" },
        { "<\"\"@b>", "-|-||b" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        print_addresses(str_c(cases[i].in), &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].out)))
            print_error("got <%s>\n", buf_c(&out));
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].in);
        buf_deinit(&out);
    }
}

static size_t count_of(size_t addresses, const char *between)
{
    struct buf in = BUF_INIT;
    struct arena arena = ARENA_INIT;
    struct address a;
    size_t count = 0;
    for (size_t i = 0; i < addresses; i++)
        buf_printf(&in, "%sa@b", i ? between : "");
    for (struct address_reader r = address_each(buf_str(&in), &arena); address_next(&r, &a);)
        count++;
    buf_deinit(&in);
    arena_deinit(&arena);
    return count;
}

static void test_address_lists_end_at_their_limit(void **state)
{
    (void)state;
    assert_int_equal(count_of(ADDRESSES_MAX - 1, ","), ADDRESSES_MAX - 1);
    assert_int_equal(count_of(ADDRESSES_MAX, ","), ADDRESSES_MAX);
    assert_int_equal(count_of(ADDRESSES_MAX + 1, ","), ADDRESSES_MAX);
}

static void test_address_lists_of_hostile_bytes_cost_linear_time(void **state)
{
    static const char *const units[] = { "\"",   "(", "<", "\\\"", "(\"",  "a:", "<@",
                                         "\"\\", ",", "@", " ",    "(<\"", "[" };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        struct buf in = BUF_INIT;
        struct arena arena = ARENA_INIT;
        struct address a;
        while (in.n < 1 << 20)
            buf_add(&in, str_c(units[i]));
        clock_t start = clock();
        for (struct address_reader r = address_each(buf_str(&in), &arena); address_next(&r, &a);)
            ;
        assert_row(clock() - start < 2 * CLOCKS_PER_SEC, i, units[i]); /* quadratic would be minutes */
        buf_deinit(&in);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_lists_parse),
        cmocka_unit_test(test_address_lists_end_at_their_limit),
        cmocka_unit_test(test_address_lists_of_hostile_bytes_cost_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
