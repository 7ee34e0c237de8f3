#include "base/testing.h"
#include "mail/account.h"
#include "mail/tree.h"

#include <stdlib.h>

/* The tree needs no more of a mailbox than its reference count: the test counts itself. */
struct mailbox {
    int refs;
};

struct mailbox *mailbox_ref(struct mailbox *mailbox)
{
    mailbox->refs++;
    return mailbox;
}

void mailbox_unref(struct mailbox **mailbox)
{
    if (*mailbox)
        (*mailbox)->refs--;
    *mailbox = NULL;
}

static struct tree *tree_of(const char *const *names, size_t count, struct mailbox *mailbox)
{
    struct tree *tree = tree_new_empty();
    for (size_t i = 0; i < count; i++) {
        struct tree *next = tree_put(tree,
                                     &(struct tree_entry){ .name = str_c(names[i]), .mailbox = mailbox });
        tree_unref(&tree);
        tree = next;
    }
    return tree;
}

static void test_inbox_comes_first_and_children_follow_their_parent(void **state)
{
    (void)state;
    static const char *const in[] = { "b",        "a b",   "a", "INBOX/x", "a/b", "INBOX",
                                      "\xc3\xa4", "a/b/c", "A", "INBOXES", "a-b", "a/a" };
    static const char *const want[] = { "INBOX", "INBOX/x", "A",   "INBOXES", "a", "a/a",
                                        "a/b",   "a/b/c",   "a b", "a-b",     "b", "\xc3\xa4" };
    struct tree *tree = tree_of(in, ARRAY_COUNT(in), NULL);
    assert_int_equal(tree->count, ARRAY_COUNT(want));
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        assert_str(tree->entries[i].name, want[i]);
        assert_ptr_equal(tree_find(tree, str_c(want[i])), &tree->entries[i]);
    }
    assert_null(tree_find(tree, STR("a/")));
    assert_null(tree_find(tree, STR("zz")));
    assert_null(tree_find(tree, STR("inbox")));
    tree_unref(&tree);
}

static void test_children_are_what_lies_below(void **state)
{
    (void)state;
    static const char *const in[] = { "INBOX", "INBOX/x", "INBOXES", "a",          "a/a",
                                      "a/b",   "a/b/c",   "a b",     "z/deep/down" };
    /* clang-format off */
    static const struct {
        const char *name, *first;
        uint32_t count;
    } cases[] = {
        { "INBOX",  "INBOX/x",     1 },
        { "a",      "a/a",         3 },
        { "a/b",    "a/b/c",       1 },
        { "a/b/c",  NULL,          0 },
        { "a b",    NULL,          0 },
        { "z",      "z/deep/down", 1 },
        { "z/deep", "z/deep/down", 1 },
        { "zz",     NULL,          0 },
        { "0",      NULL,          0 },
    };
    /* clang-format on */
    struct tree *tree = tree_of(in, ARRAY_COUNT(in), NULL);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t first, end;
        tree_children(tree, str_c(cases[i].name), &first, &end);
        assert_row(end - first == cases[i].count, i, cases[i].name);
        assert_row(!cases[i].first || str_eq(tree->entries[first].name, str_c(cases[i].first)), i,
                   cases[i].name);
    }
    tree_unref(&tree);
}

static void test_an_edit_leaves_the_old_tree_and_counts_references(void **state)
{
    (void)state;
    static const char *const in[] = { "a", "b", "c" };
    struct mailbox box = { 0 }, other = { 0 };
    struct tree *old = tree_of(in, 3, &box), *kept = tree_ref(old);
    assert_int_equal(box.refs, 3);
    const struct str removes[] = { STR_INIT("c"), STR_INIT("a"), STR_INIT("nowhere"), STR_INIT("b") };
    const struct tree_entry puts[] = {
        { .name = STR_INIT("b"), .mailbox = &box },
        { .name = STR_INIT("0"), .subscribed = true },
        { .name = STR_INIT("b"), .mailbox = &other, .use = USE_SENT },
    };
    struct tree *next = tree_edit(old, removes, 4, puts, 3);
    assert_int_equal(next->count, 2);
    assert_int_equal(next->mailbox_count, 1);
    assert_str(next->entries[0].name, "0");
    assert_true(next->entries[0].subscribed);
    assert_ptr_equal(tree_find(next, STR("b"))->mailbox, &other);
    assert_ptr_equal(tree_find_use(next, USE_SENT), tree_find(next, STR("b")));
    assert_null(tree_find_use(next, USE_JUNK));
    assert_int_equal(old->count, 3);
    assert_int_equal(old->mailbox_count, 3);
    assert_ptr_equal(tree_find(old, STR("b"))->mailbox, &box);
    assert_int_equal(box.refs, 3);
    assert_int_equal(other.refs, 1);

    struct tree *same = tree_remove(next, STR("absent"));
    assert_int_equal(same->count, 2);
    tree_unref(&same);
    tree_unref(&next);
    tree_unref(&old);
    assert_int_equal(box.refs, 3);
    tree_unref(&kept);
    assert_int_equal(box.refs, 0);
    assert_int_equal(other.refs, 0);
    tree_unref(&kept);
}

static void test_ten_thousand_mailboxes_at_once_and_renamed(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    struct arena arena = ARENA_INIT;
    struct mailbox box = { 0 };
    struct tree *empty = tree_new_empty();
    struct tree_entry *puts = arena_new_array(&arena, struct tree_entry, COUNT);
    struct str *removes = arena_new_array(&arena, struct str, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        puts[i] = (struct tree_entry){ .name = arena_printf(&arena, "top/%u", i * 7919 % COUNT),
                                       .mailbox = &box };
    struct tree *tree = tree_edit(empty, NULL, 0, puts, COUNT);
    assert_int_equal(tree->mailbox_count, COUNT);
    uint32_t first, end;
    tree_children(tree, STR("top"), &first, &end);
    assert_int_equal(end - first, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        removes[i] = puts[i].name;
        puts[i].name = arena_printf(&arena, "else/%u", i);
    }
    struct tree *renamed = tree_edit(tree, removes, COUNT, puts, COUNT);
    tree_unref(&tree);
    assert_int_equal(renamed->count, COUNT);
    for (uint32_t i = 1; i < COUNT; i++)
        assert_true(mailbox_name_compare(renamed->entries[i - 1].name, renamed->entries[i].name) < 0);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_non_null(tree_find(renamed, puts[i].name));
    assert_int_equal(box.refs, COUNT);
    tree_unref(&renamed);
    tree_unref(&empty);
    assert_int_equal(box.refs, 0);
    arena_deinit(&arena);
}

static void test_names_are_checked_and_normalized(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *kept; /* NULL: -ERR_INVALID */
    } cases[] = {
        { STR_INIT("Sent"), "Sent" },
        { STR_INIT("a/b"), "a/b" },
        { STR_INIT("a/b/"), "a/b" },
        { STR_INIT("inbox"), "INBOX" },
        { STR_INIT("iNbOx/"), "INBOX" },
        { STR_INIT("Inbox/Work"), "INBOX/Work" },
        { STR_INIT("Inboxes"), "Inboxes" },
        { STR_INIT("a/inbox"), "a/inbox" },
        { STR_INIT("cafe\xcc\x81"), "caf\xc3\xa9" },
        { STR_INIT("\xe6\x97\xa5\xe6\x9c\xac"), "\xe6\x97\xa5\xe6\x9c\xac" },
        { STR_INIT("..."), "..." },
        { STR_INIT("a b*%&#"), "a b*%&#" },
        { STR_INIT(""), NULL },
        { STR_INIT("/"), NULL },
        { STR_INIT("//"), NULL },
        { STR_INIT("/a"), NULL },
        { STR_INIT("a//b"), NULL },
        { STR_INIT("a//"), NULL },
        { STR_INIT("."), NULL },
        { STR_INIT(".."), NULL },
        { STR_INIT("a/../b"), NULL },
        { STR_INIT("a/."), NULL },
        { STR_INIT("a\0b"), NULL },
        { STR_INIT("a\nb"), NULL },
        { STR_INIT("a\x7f"), NULL },
        { STR_INIT("a\xc2\x85"), NULL },
        { STR_INIT("a\xe2\x80\xa8"), NULL },
        { STR_INIT("a\xe2\x80\xa9"), NULL },
        { STR_INIT("\xff"), NULL },
        { STR_INIT("\xed\xa0\x80"), NULL },
        { STR_INIT("\xc3"), NULL },
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str kept = STR_NIL;
        struct err err = { 0 };
        int r = mailbox_name_check(cases[i].in, &arena, &kept, &err);
        assert_row(r == (cases[i].kept ? 0 : -ERR_INVALID), i, cases[i].in.p);
        assert_row(r < 0 ? err.text[0] != 0 : str_eq(kept, str_c(cases[i].kept)), i, cases[i].in.p);
    }
    arena_deinit(&arena);
}

static void test_names_hold_their_limits(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    for (size_t n = MAILBOX_NAME_BYTES_MAX - 1; n <= MAILBOX_NAME_BYTES_MAX + 1; n++) {
        char *name = arena_alloc(&arena, n + 1);
        struct str kept;
        memset(name, 'n', n);
        int want = n <= MAILBOX_NAME_BYTES_MAX ? 0 : -ERR_INVALID;
        assert_int_equal(mailbox_name_check(str_make(name, n), &arena, &kept, NULL), want);
    }
    for (unsigned depth = MAILBOX_DEPTH_MAX - 1; depth <= MAILBOX_DEPTH_MAX + 1; depth++) {
        struct buf name = BUF_INIT;
        struct str kept;
        for (unsigned i = 0; i < depth; i++)
            buf_add(&name, i ? STR("/d") : STR("d"));
        int want = depth <= MAILBOX_DEPTH_MAX ? 0 : -ERR_INVALID;
        assert_int_equal(mailbox_name_check(buf_str(&name), &arena, &kept, NULL), want);
        buf_deinit(&name);
    }
    char huge[3 * MAILBOX_NAME_BYTES_MAX +
              1]; /* decomposed letters that would fit once composed are still bounded */
    struct str kept;
    for (size_t i = 0; i + 3 <= sizeof huge; i += 3)
        memcpy(huge + i, "e\xcc\x81", 3);
    assert_int_equal(mailbox_name_check(str_make(huge, 1500), &arena, &kept, NULL), 0);
    assert_int_equal(kept.n, 1000);
    assert_int_equal(mailbox_name_check(str_make(huge, 1503), &arena, &kept, NULL), -ERR_INVALID);
    assert_int_equal(mailbox_name_check(str_make(huge, sizeof huge), &arena, &kept, NULL), -ERR_INVALID);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inbox_comes_first_and_children_follow_their_parent),
        cmocka_unit_test(test_children_are_what_lies_below),
        cmocka_unit_test(test_an_edit_leaves_the_old_tree_and_counts_references),
        cmocka_unit_test(test_ten_thousand_mailboxes_at_once_and_renamed),
        cmocka_unit_test(test_names_are_checked_and_normalized),
        cmocka_unit_test(test_names_hold_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
