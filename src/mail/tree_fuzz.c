/* Any bytes as a mailbox name, then as lines of names that make a tree: a kept name is kept again as it is;
 * the tree stays sorted and finds what was put into it. */
#include "mail/account.h"
#include "mail/tree.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The trees here hold names alone. */
struct mailbox *mailbox_ref(struct mailbox *mailbox)
{
    return mailbox;
}

void mailbox_unref(struct mailbox **mailbox)
{
    *mailbox = NULL;
}

static void check_name(struct str kept, struct arena *arena)
{
    struct str again;
    int r = mailbox_name_check(kept, arena, &again, NULL);
    assert(r == 0 && str_eq(kept, again));
    assert(kept.n > 0 && kept.n <= MAILBOX_NAME_BYTES_MAX);
    assert(kept.p[0] != MAILBOX_SEPARATOR && kept.p[kept.n - 1] != MAILBOX_SEPARATOR);
    assert(str_find(kept, STR("//")) < 0 && str_find_char(kept, '\0') < 0);
}

static void check_tree(const struct tree *tree)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        uint32_t first, end;
        struct str name = tree->entries[i].name;
        assert(i == 0 || mailbox_name_compare(tree->entries[i - 1].name, name) < 0);
        assert(tree_find(tree, name) == &tree->entries[i]);
        tree_children(tree, name, &first, &end);
        assert(first == i + 1 && end >= first);
        for (uint32_t k = 0; k < tree->count; k++) {
            struct str other = tree->entries[k].name;
            bool is_below = other.n > name.n && str_starts(other, name) &&
                            other.p[name.n] == MAILBOX_SEPARATOR;
            assert(is_below == (k >= first && k < end));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = ARENA_INIT;
    struct tree *tree = tree_new_empty();
    for (struct str rest = str_make(data, n); !str_is_nil(rest);) {
        struct str kept, line = str_cut(rest, '\n', &rest);
        if (mailbox_name_check(line, &arena, &kept, NULL) < 0)
            continue;
        check_name(kept, &arena);
        struct tree *next = tree_put(tree, &(struct tree_entry){ .name = kept });
        tree_unref(&tree);
        tree = next;
        assert(tree_find(tree, kept));
    }
    check_tree(tree);
    tree_unref(&tree);
    arena_deinit(&arena);
    return 0;
}
