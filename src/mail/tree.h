/* tree.h: the mailboxes of an account by name: an immutable, reference counted, sorted list, so that LIST
 * reads it without a lock. Names are UTF-8 (NFC) with '/' between levels; INBOX is spelled so. A name may be
 * subscribed without existing (RFC 9051, 6.3.7). A level above an existing mailbox need not exist itself: it
 * has no entry; LIST shows it as \NonExistent.
 * Threads: any; a tree never changes. */
#ifndef LOFT_MAIL_TREE_H
#define LOFT_MAIL_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/ref.h"
#include "mail/special_use.h"

enum {
    MAILBOX_NAME_BYTES_MAX = 1000,
    MAILBOX_DEPTH_MAX = 64,
};
#define MAILBOX_SEPARATOR '/'

struct mailbox; /* account.h */

struct tree_entry {
    struct str name;         /* bytes belong to the tree */
    struct mailbox *mailbox; /* own reference; NULL: the name is only subscribed */
    bool subscribed;
    uint16_t use; /* enum special_use bits */
};

struct tree {
    struct ref ref;
    /* Entries, in order: INBOX first, then by bytes with '/' before everything, so that children follow their
     * parent. */
    uint32_t count;
    uint32_t mailbox_count;
    struct tree_entry entries[];
};

struct tree *tree_ref(struct tree *tree);
void tree_unref(struct tree **tree);

/* The order of names: INBOX and what lies below it first, then by bytes, '/' lowest. < 0, 0, > 0. */
int mailbox_name_compare(struct str a, struct str b);

/* Does `name` lie below `parent`, at any depth? */
bool mailbox_name_is_below(struct str name, struct str parent);

/* By name, or the first that has `use`. NULL: none. */
const struct tree_entry *tree_find(const struct tree *tree, struct str name);
const struct tree_entry *tree_find_use(const struct tree *tree, enum special_use use);

/* Entries [*first, *end) lie below `name` (not `name` itself). */
void tree_children(const struct tree *tree, struct str name, uint32_t *first, uint32_t *end);

/* The name as it is kept, in the arena: NFC, INBOX folded (also as the first level: "inbox/a" is "INBOX/a"),
 * a trailing separator cut. -ERR_INVALID: empty, not UTF-8, control characters, U+2028/2029, an empty level,
 * above MAILBOX_NAME_BYTES_MAX or MAILBOX_DEPTH_MAX, levels "." and "..": refused so that an export to files
 * is safe. */
MUST_USE int mailbox_name_check(struct str name, struct arena *arena, struct str *name_out, struct err *err);

/* Copy-on-write edits: each returns a new tree (own reference); all existing mailbox references are shared.
 * An edit copies the list (0.2 ms at 10,000 mailboxes): whoever has many edits, as RENAME of a tree or
 * opening an account, hands them in at once. */
struct tree *tree_new_empty(void);
/* First the removals (absent names are fine), then insert or replace;
 * of equal names in `puts` the last one counts. */
struct tree *tree_edit(const struct tree *tree, const struct str *removes, size_t remove_count,
                       const struct tree_entry *puts, size_t put_count);
/* Insert or replace one; copies the name, refs the mailbox. */
struct tree *tree_put(const struct tree *tree, const struct tree_entry *entry);
/* Remove one; where it is absent, an equal tree. */
struct tree *tree_remove(const struct tree *tree, struct str name);

#endif
