#include "store/mem/sorted.h"

#include "base/testing.h"

static struct item *make(const char *key, const char *value)
{
    return item_new(str_c(key), (const struct str[ITEM_PARTS]){ str_c(value) });
}

/* "key=value;..." in order. */
static void assert_holds(const struct sorted *s, const char *want)
{
    char got[256] = "";
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, STR_FMT "=" STR_FMT ";", STR_ARG(s->items[i]->key),
                              STR_ARG(s->items[i]->part[ITEM_VALUE]));
    assert_string_equal(got, want);
}

static struct sorted *abcd(void)
{
    struct sorted *s = sorted_new();
    sorted_put(&s, make("c", "3"));
    sorted_put(&s, make("a", "1"));
    sorted_put(&s, make("d", "4"));
    sorted_put(&s, make("b", "2"));
    return s;
}

static void test_sorted_keeps_each_key_once_in_order(void **state)
{
    (void)state;
    struct sorted *s = abcd();
    sorted_put(&s, make("b", "two"));
    assert_holds(s, "a=1;b=two;c=3;d=4;");
    assert_true(sorted_remove(&s, STR("a")));
    assert_false(sorted_remove(&s, STR("a")));
    assert_holds(s, "b=two;c=3;d=4;");
    assert_null(sorted_find(s, STR("a")));
    assert_str(sorted_find(s, STR("c"))->part[ITEM_VALUE], "3");
    sorted_unref(&s);
}

static void test_sorted_lower_finds_the_first_not_below(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t at;
    } cases[] = { { "", 0 },  { "a", 0 }, { "aa", 1 }, { "b", 1 },
                  { "c", 2 }, { "d", 3 }, { "da", 4 }, { "z", 4 } };
    struct sorted *s = abcd(), *none = sorted_new();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_row(sorted_lower(s, str_c(cases[i].key)) == cases[i].at, i, cases[i].key);
        assert_row(sorted_lower(none, str_c(cases[i].key)) == 0, i, cases[i].key);
    }
    sorted_unref(&s);
    sorted_unref(&none);
}

static void test_sorted_removes_ranges(void **state)
{
    (void)state;
    static const struct {
        size_t from, to;
        const char *left;
    } cases[] = {
        { 0, 0, "a=1;b=2;c=3;d=4;" }, { 2, 1, "a=1;b=2;c=3;d=4;" }, { 0, 1, "b=2;c=3;d=4;" },
        { 1, 3, "a=1;d=4;" },         { 3, 4, "a=1;b=2;c=3;" },     { 0, 4, "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sorted *s = abcd();
        sorted_remove_range(&s, cases[i].from, cases[i].to);
        assert_holds(s, cases[i].left);
        sorted_unref(&s);
    }
}

static void test_a_snapshot_stays_as_it_was(void **state)
{
    (void)state;
    struct sorted *s = abcd(), *snapshot = sorted_ref(s);
    sorted_put(&s, make("b", "two"));
    assert_true(s != snapshot);
    struct sorted *own = s;
    sorted_remove_range(&s, 2, 4);
    sorted_put(&s, make("e", "5"));
    assert_true(s == own); /* once copied, changed in place */
    assert_holds(snapshot, "a=1;b=2;c=3;d=4;");
    assert_holds(s, "a=1;b=two;e=5;");
    sorted_unref(&s);
    assert_holds(snapshot, "a=1;b=2;c=3;d=4;");
    sorted_unref(&snapshot);
    sorted_unref(&snapshot);
}

static void test_an_item_holds_empty_and_binary_parts(void **state)
{
    (void)state;
    const struct str part[ITEM_PARTS] = { STR("a\0b"), STR_NIL, STR("") };
    struct item *item = item_new(STR_NIL, part), *again = item_ref(item);
    item_unref(&item);
    assert_null(item);
    assert_true(str_eq(again->part[ITEM_BYTES], STR("a\0b")));
    assert_str(again->part[ITEM_META], "");
    assert_str(again->part[ITEM_HEADER], "");
    assert_str(again->key, "");
    item_unref(&again);
    item_unref(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted_keeps_each_key_once_in_order),
        cmocka_unit_test(test_sorted_lower_finds_the_first_not_below),
        cmocka_unit_test(test_sorted_removes_ranges),
        cmocka_unit_test(test_a_snapshot_stays_as_it_was),
        cmocka_unit_test(test_an_item_holds_empty_and_binary_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
