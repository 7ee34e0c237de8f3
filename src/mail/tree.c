#include "mail/tree.h"

#include "base/utf8.h"
#include "mail/account.h"

#include <assert.h>
#include <stdlib.h>

static const struct str inbox = STR_INIT("INBOX");

/* ---- order and search ---- */

static bool is_inbox_or_below(struct str name)
{
    return str_starts(name, inbox) && (name.n == inbox.n || name.p[inbox.n] == MAILBOX_SEPARATOR);
}

static int rank(char c)
{
    return c == MAILBOX_SEPARATOR ? -1 : (unsigned char)c;
}

int mailbox_name_compare(struct str a, struct str b)
{
    bool a_first = is_inbox_or_below(a), b_first = is_inbox_or_below(b);
    if (a_first != b_first)
        return a_first ? -1 : 1;
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++)
        if (a.p[i] != b.p[i])
            return rank(a.p[i]) - rank(b.p[i]);
    return (a.n > b.n) - (a.n < b.n);
}

/* Index of the first entry whose name is `name` or behind it. */
static uint32_t lower_bound(const struct tree *tree, struct str name)
{
    uint32_t low = 0, high = tree->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (mailbox_name_compare(tree->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool mailbox_name_is_below(struct str name, struct str parent)
{
    return name.n > parent.n && str_starts(name, parent) && name.p[parent.n] == MAILBOX_SEPARATOR;
}

const struct tree_entry *tree_find(const struct tree *tree, struct str name)
{
    uint32_t i = lower_bound(tree, name);
    return i < tree->count && str_eq(tree->entries[i].name, name) ? &tree->entries[i] : NULL;
}

const struct tree_entry *tree_find_use(const struct tree *tree, enum special_use use)
{
    for (uint32_t i = 0; i < tree->count; i++)
        if (tree->entries[i].use & use)
            return &tree->entries[i];
    return NULL;
}

static bool is_below(struct str name, struct str parent)
{
    return name.n > parent.n && name.p[parent.n] == MAILBOX_SEPARATOR && str_starts(name, parent);
}

void tree_children(const struct tree *tree, struct str name, uint32_t *first, uint32_t *end)
{
    uint32_t low = lower_bound(tree, name), high = tree->count;
    if (low < tree->count && str_eq(tree->entries[low].name, name))
        low++;
    *first = low;
    while (low < high) { /* what lies below stands in one row, before everything else that is behind `name` */
        uint32_t middle = low + (high - low) / 2;
        if (is_below(tree->entries[middle].name, name))
            low = middle + 1;
        else
            high = middle;
    }
    *end = low;
}

/* ---- names ---- */

static bool is_bad_character(int32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029; /* RFC 9051, 5.1; RFC 5198, 2 */
}

static int check_characters(struct str name, struct err *err)
{
    for (const char *p = name.p, *end = str_end(name); p < end;)
        if (is_bad_character(utf8_next(&p, end)))
            return err_set(err, ERR_INVALID, "a mailbox name may not contain control characters");
    return 0;
}

static int check_levels(struct str name, struct err *err)
{
    unsigned depth = 0;
    for (struct str rest = name; !str_is_nil(rest);) {
        struct str level = str_cut(rest, MAILBOX_SEPARATOR, &rest);
        if (level.n == 0)
            return err_set(err, ERR_INVALID, "a mailbox name may not have an empty level");
        if (str_eq(level, STR(".")) || str_eq(level, STR("..")))
            return err_set(err, ERR_INVALID, "a mailbox name may not have a level \"" STR_FMT "\"",
                           STR_ARG(level));
        if (++depth > MAILBOX_DEPTH_MAX)
            return err_set(err, ERR_INVALID, "a mailbox name may have %d levels at most", MAILBOX_DEPTH_MAX);
    }
    return 0;
}

/* RFC 9051, 5.1: INBOX in any case is INBOX; so is it above other levels,
 * or "inbox/a" would lie below a second one. */
static struct str fold_inbox(struct str name, struct arena *arena)
{
    struct str rest, first = str_cut(name, MAILBOX_SEPARATOR, &rest);
    if (!str_eq_nocase(first, inbox) || str_eq(first, inbox))
        return name;
    char *copy = arena_c(arena, name);
    memcpy(copy, inbox.p, inbox.n);
    return str_make(copy, name.n);
}

int mailbox_name_check(struct str name, struct arena *arena, struct str *name_out, struct err *err)
{
    struct str nfc;
    if (name.n && name.p[name.n - 1] == MAILBOX_SEPARATOR)
        name.n--;
    if (name.n == 0)
        return err_set(err, ERR_INVALID, "a mailbox name may not be empty");
    if (name.n > 3 * MAILBOX_NAME_BYTES_MAX) /* composing three bytes leaves one at the least */
        return err_set(err, ERR_INVALID, "a mailbox name may have %d bytes at most", MAILBOX_NAME_BYTES_MAX);
    if (!utf8_is_valid(name))
        return err_set(err, ERR_INVALID, "a mailbox name must be UTF-8");
    int r = check_characters(name, err);
    if (r < 0)
        return r;
    if (!utf8_to_nfc(name, arena, &nfc))
        return err_set(err, ERR_INVALID, "a mailbox name must be UTF-8");
    if (nfc.n > MAILBOX_NAME_BYTES_MAX)
        return err_set(err, ERR_INVALID, "a mailbox name may have %d bytes at most", MAILBOX_NAME_BYTES_MAX);
    r = check_levels(nfc, err);
    if (r < 0)
        return r;
    *name_out = fold_inbox(nfc, arena);
    return 0;
}

/* ---- life ---- */

static struct tree *tree_alloc(size_t count, size_t name_bytes)
{
    struct tree *tree = malloc(sizeof *tree + count * sizeof tree->entries[0] + name_bytes);
    if (!tree)
        abort();
    ref_init(&tree->ref);
    tree->count = (uint32_t)count;
    tree->mailbox_count = 0;
    return tree;
}

struct tree *tree_new_empty(void)
{
    return tree_alloc(0, 0);
}

struct tree *tree_ref(struct tree *tree)
{
    ref_get(&tree->ref);
    return tree;
}

void tree_unref(struct tree **tree)
{
    if (*tree && ref_put(&(*tree)->ref)) {
        for (uint32_t i = 0; i < (*tree)->count; i++)
            mailbox_unref(&(*tree)->entries[i].mailbox);
        free(*tree);
    }
    *tree = NULL;
}

/* ---- edits ---- */

static int compare_names(const void *pa, const void *pb)
{
    const struct str *a = pa, *b = pb;
    return mailbox_name_compare(*a, *b);
}

/* By name; of equal names the one handed in last comes first. The pointers point into one array. */
static int compare_puts(const void *pa, const void *pb)
{
    const struct tree_entry *const *a = pa, *const *b = pb;
    int order = mailbox_name_compare((*a)->name, (*b)->name);
    return order ? order : (*a < *b) - (*a > *b);
}

static struct str *sorted_names(const struct str *names, size_t count)
{
    struct str *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted)
        abort();
    for (size_t i = 0; i < count; i++)
        sorted[i] = names[i];
    qsort(sorted, count, sizeof *sorted, compare_names);
    return sorted;
}

/* Sorted, of equal names only the one that counts; *count becomes what is left. */
static const struct tree_entry **sorted_puts(const struct tree_entry *puts, size_t *count)
{
    const struct tree_entry **sorted = malloc((*count + 1) * sizeof *sorted);
    size_t kept = 0;
    if (!sorted)
        abort();
    for (size_t i = 0; i < *count; i++)
        sorted[i] = &puts[i];
    qsort(sorted, *count, sizeof *sorted, compare_puts);
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || !str_eq(sorted[kept - 1]->name, sorted[i]->name))
            sorted[kept++] = sorted[i];
    *count = kept;
    return sorted;
}

/* Copy the chosen entries with their names into a new tree. */
static struct tree *gather(const struct tree_entry **chosen, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += chosen[i]->name.n;
    struct tree *tree = tree_alloc(count, bytes);
    char *p = (char *)&tree->entries[count];
    for (size_t i = 0; i < count; i++) {
        struct tree_entry *entry = &tree->entries[i];
        *entry = *chosen[i];
        memcpy(p, entry->name.p, entry->name.n);
        entry->name.p = p;
        p += entry->name.n;
        if (entry->mailbox) {
            mailbox_ref(entry->mailbox);
            tree->mailbox_count++;
        }
    }
    return tree;
}

struct tree *tree_edit(const struct tree *tree, const struct str *removes, size_t remove_count,
                       const struct tree_entry *puts, size_t put_count)
{
    struct str *gone = sorted_names(removes, remove_count);
    const struct tree_entry **put = sorted_puts(puts, &put_count);
    const struct tree_entry **chosen = malloc((tree->count + put_count + 1) * sizeof *chosen);
    size_t count = 0, k = 0, g = 0;
    if (!chosen)
        abort();
    for (uint32_t i = 0; i < tree->count || k < put_count;) {
        int order = i == tree->count ? 1
                    : k == put_count ? -1
                                     : mailbox_name_compare(tree->entries[i].name, put[k]->name);
        if (order >= 0) {
            chosen[count++] = put[k++];
            i += order == 0;
            continue;
        }
        const struct tree_entry *old = &tree->entries[i++];
        while (g < remove_count && mailbox_name_compare(gone[g], old->name) < 0)
            g++;
        if (g == remove_count || !str_eq(gone[g], old->name))
            chosen[count++] = old;
    }
    struct tree *next = gather(chosen, count);
    free(gone);
    free(put);
    free(chosen);
    return next;
}

struct tree *tree_put(const struct tree *tree, const struct tree_entry *entry)
{
    return tree_edit(tree, NULL, 0, entry, 1);
}

struct tree *tree_remove(const struct tree *tree, struct str name)
{
    return tree_edit(tree, &name, 1, NULL, 0);
}
