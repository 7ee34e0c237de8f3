#include "base/testing.h"
#include "mail/acl.h"

static void test_rights_letters_with_obsolete_ones(void **state)
{
    static const struct {
        const char *in;
        bool good;
        const char *out;
    } cases[] = {
        { "", true, "" },
        { "lrswipkxtea", true, "lrswipkxtecda" },
        { "lrswida", true, "lrswiteda" }, /* RFC 4314, 2.1.1: David */
        { "lrswikda", true, "lrswiktecda" },
        { "c", true, "kxc" },
        { "d", true, "ted" },
        { "t", true, "td" },
        { "e", true, "ed" },
        { "x", true, "xc" },
        { "cdc", true, "kxtecd" },
        { "lrQs", false, NULL },
        { "lrqs", false, NULL },
        { "l0", false, NULL },
        { "l ", false, NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        unsigned rights = 0;
        bool good = rights_parse(str_c(cases[i].in), &rights);
        struct buf out = BUF_INIT;
        rights_write(rights, &out);
        if (good != cases[i].good || (good && !str_eq(buf_str(&out), str_c(cases[i].out))))
            fail_msg("row %zu: \"%s\" gives %d \"" STR_FMT "\"", i, cases[i].in, good,
                     STR_ARG(buf_str(&out)));
        buf_deinit(&out);
    }
}

/* "user 7 lrs; -group 3 w; anyone l": kinds u, g, a, ids, letters. */
static struct acl *make(const char *text)
{
    struct acl_entry entries[16];
    size_t count = 0;
    struct str rest = str_c(text);
    while (rest.n > 0) {
        struct str part = str_trim(str_cut(rest, ';', &rest)), letters;
        struct acl_entry *entry = &entries[count++];
        *entry = (struct acl_entry){ .negative = part.p[0] == '-', .name = STR("somebody") };
        part = str_skip(part, entry->negative);
        entry->kind = part.p[0] == 'u' ? ACL_USER : part.p[0] == 'g' ? ACL_GROUP : ACL_ANYONE;
        struct str id = str_skip(str_cut(part, ' ', &letters), 1);
        if (entry->kind != ACL_ANYONE)
            assert_true(str_to_u64(id, 1000, &entry->id));
        assert_true(rights_parse(letters, &entry->rights));
    }
    return acl_new(entries, count, false);
}

static const uint64_t groups[] = { 3, 4 };

static void test_rights_are_granted_less_what_is_taken(void **state)
{
    static const struct {
        const char *acl;
        uint64_t user; /* in groups 3 and 4; the owner is 1 */
        const char *rights;
    } cases[] = {
        { "", 1, "lrswipkxtecda" }, /* the owner has all */
        { "", 7, "" },              /* others nothing */
        { "u7 lrs", 7, "lrs" },
        { "u7 lrs", 8, "" },
        { "g3 lr; u7 s", 7, "lrs" }, /* union */
        { "g5 lr", 7, "" },
        { "a l; g4 r; u7 w", 7, "lrw" },
        { "a lrswi; -u7 w", 7, "lrsi" }, /* RFC 4314, 2: -fred */
        { "a lrswi; -u7 w", 8, "lrswi" },
        { "u7 lrsw; -g3 w", 7, "lrs" }, /* also from what the user himself was given */
        { "u7 lrsw; -a lrsw", 7, "" },
        { "u1 lr", 1, "lra" }, /* an owner's own entry counts; he keeps l and a */
        { "-u1 lrswia", 1, "lpkxtecda" },
        { "-a la; a r", 1, "lrswipkxtecda" }, /* nobody locks him out */
        { "a lr; -a r", 7, "l" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct acl *acl = make(cases[i].acl);
        struct acl_identity who = { cases[i].user, groups, ARRAY_COUNT(groups) };
        struct buf out = BUF_INIT;
        rights_write(acl_rights(acl, 1, &who), &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].rights)))
            fail_msg("row %zu: %s: user %d has \"" STR_FMT "\"", i, cases[i].acl, (int)cases[i].user,
                     STR_ARG(buf_str(&out)));
        buf_deinit(&out);
        acl_unref(&acl);
    }
}

static void write_acl(const struct acl *acl, struct buf *out)
{
    static const char kinds[] = "?uga";
    for (uint32_t i = 0; acl && i < acl->count; i++) {
        const struct acl_entry *entry = &acl->entries[i];
        buf_printf(out, "%s%s%c%d ", i ? "; " : "", entry->negative ? "-" : "", kinds[entry->kind],
                   (int)entry->id);
        rights_write(entry->rights, out);
    }
}

static void test_editing_a_list(void **state)
{
    static const struct {
        const char *before;
        enum acl_kind kind;
        bool negative;
        uint64_t id;
        enum acl_mode mode;
        const char *rights, *after;
    } cases[] = {
        { "", ACL_USER, false, 7, ACL_REPLACE, "lr", "u7 lr" },
        { "u7 lr", ACL_USER, false, 7, ACL_REPLACE, "w", "u7 w" },
        { "u7 lr", ACL_USER, false, 7, ACL_ADD, "cda", "u7 lrkxtecda" }, /* RFC 4314, 3.1: Chris */
        { "u7 lrsw", ACL_USER, false, 7, ACL_REMOVE, "w", "u7 lrs" },
        { "u7 lr", ACL_USER, false, 7, ACL_REMOVE, "lr", "" },
        { "u7 lr", ACL_USER, false, 7, ACL_REPLACE, "", "" },
        { "u7 lr", ACL_USER, false, 7, ACL_DELETE, "", "" },
        { "u7 lr", ACL_USER, false, 8, ACL_DELETE, "", "u7 lr" }, /* none such: nothing */
        { "u7 lr", ACL_USER, true, 7, ACL_REPLACE, "w", "u7 lr; -u7 w" },
        { "u7 lr; -u7 w", ACL_USER, false, 7, ACL_DELETE, "", "-u7 w" }, /* RFC 4314, 2 */
        { "u7 lr", ACL_GROUP, false, 7, ACL_REPLACE, "l", "u7 lr; g7 l" },
        { "", ACL_USER, false, 1, ACL_REMOVE, "w", "u1 lrsipkxtecda" }, /* from all that he had */
        { "", ACL_USER, false, 1, ACL_REPLACE, "", "u1 la" },
        { "u1 la", ACL_USER, false, 1, ACL_DELETE, "", "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct acl *before = make(cases[i].before), *after = NULL;
        struct acl_entry entry = { cases[i].kind, cases[i].negative, cases[i].id, 0, STR("somebody") };
        struct buf out = BUF_INIT;
        struct err err;
        assert_true(rights_parse(str_c(cases[i].rights), &entry.rights));
        assert_int_equal(acl_edit(before, 1, &entry, cases[i].mode, &after, &err), 0);
        write_acl(after, &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].after)))
            fail_msg("row %zu: %s becomes \"" STR_FMT "\"", i, cases[i].before, STR_ARG(buf_str(&out)));
        buf_deinit(&out);
        acl_unref(&before);
        acl_unref(&after);
    }
}

static void test_a_list_has_its_limit(void **state)
{
    struct acl *acl = NULL, *next;
    struct err err;
    (void)state;
    for (uint64_t i = 0; i <= ACL_ENTRIES_MAX; i++) {
        struct acl_entry entry = { ACL_USER, false, i + 2, RIGHT_READ, STR("x") };
        int r = acl_edit(acl, 1, &entry, ACL_ADD, &next, &err);
        assert_int_equal(r, i < ACL_ENTRIES_MAX ? 0 : -ERR_LIMIT);
        if (r == 0) {
            acl_unref(&acl);
            acl = next;
        }
    }
    acl_unref(&acl);
}

static void test_a_stored_list_comes_back_and_damage_is_seen(void **state)
{
    struct acl *acl = make("u7 lrs; -g3 w; a l"), *again;
    struct buf bytes = BUF_INIT, before = BUF_INIT, after = BUF_INIT;
    struct err err;
    (void)state;
    acl_encode(acl, &bytes);
    assert_int_equal(acl_decode(buf_str(&bytes), &again, &err), 0);
    write_acl(acl, &before);
    write_acl(again, &after);
    assert_true(str_eq(buf_str(&before), buf_str(&after)));
    acl_unref(&again);
    for (size_t n = 0; n < bytes.n; n++)
        assert_int_equal(acl_decode(str_sub(buf_str(&bytes), 0, n), &again, &err), -ERR_CORRUPT);
    buf_clear(&bytes);
    acl_encode(NULL, &bytes);
    assert_int_equal(acl_decode(buf_str(&bytes), &again, &err), 0);
    assert_null(again);
    acl_unref(&acl);
    buf_deinit(&bytes);
    buf_deinit(&before);
    buf_deinit(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights_letters_with_obsolete_ones),
        cmocka_unit_test(test_rights_are_granted_less_what_is_taken),
        cmocka_unit_test(test_editing_a_list),
        cmocka_unit_test(test_a_list_has_its_limit),
        cmocka_unit_test(test_a_stored_list_comes_back_and_damage_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
