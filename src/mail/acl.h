/* acl.h: rights on a mailbox.     RFC 4314
 *
 * An access control list is a set of entries: a user, a group or anyone; granted, or taken away where the
 * identifier has a "-" in front (RFC 4314, 2). What a user may do is the union of all that is granted to him, his
 * groups and anyone, less the union of all that is taken away from these. Without an entry of his own the
 * owner has every right; he always keeps "l" and "a", so that he can mend his own list. Account ids are never
 * reused, and entries hold them beside the name: who gets the name of a deleted user gets none of his rights.
 *
 * "c" and "d" of RFC 2086 stand for "kx" and "te" (RFC 4314, 2.1.1).
 *
 * Layout of a stored list: flags u8 (1: \Seen is shared), count, then for each entry kind u8 (0x80: negative),
 * id, rights, name (varint length, bytes).
 * Threads: any; a list never changes. */
#ifndef LOFT_MAIL_ACL_H
#define LOFT_MAIL_ACL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/ref.h"

/* RFC 4314, 2.1 */
enum right {
    RIGHT_LOOKUP = 1u << 0,          /* l: it is there: LIST, SUBSCRIBE */
    RIGHT_READ = 1u << 1,            /* r: SELECT, FETCH, SEARCH, COPY from it */
    RIGHT_SEEN = 1u << 2,            /* s: set and clear \Seen */
    RIGHT_WRITE = 1u << 3,           /* w: other flags and keywords */
    RIGHT_INSERT = 1u << 4,          /* i: APPEND, COPY into it */
    RIGHT_POST = 1u << 5,            /* p: send mail to its address */
    RIGHT_CREATE = 1u << 6,          /* k: mailboxes below it */
    RIGHT_DELETE_MAILBOX = 1u << 7,  /* x */
    RIGHT_DELETE_MESSAGES = 1u << 8, /* t: set and clear \Deleted */
    RIGHT_EXPUNGE = 1u << 9,         /* e */
    RIGHT_ADMINISTER = 1u << 10,     /* a: SETACL, DELETEACL, GETACL, LISTRIGHTS */
    RIGHTS_ALL = (1u << 11) - 1,
    RIGHTS_OWNER_KEEPS = RIGHT_LOOKUP | RIGHT_ADMINISTER,
};

enum {
    ACL_ENTRIES_MAX = 500,
    ACL_NAME_BYTES_MAX = 300,
};

/* Letters to rights, "c" and "d" among them. False: a letter that is none (RFC 4314, 3.1: BAD). */
bool rights_parse(struct str letters, unsigned *rights_out);
/* Letters in the order of RFC 4314, with "c" and "d" where one of their members is there (2.1.1). */
void rights_write(unsigned rights, struct buf *out);

enum acl_kind { ACL_USER = 1, ACL_GROUP = 2, ACL_ANYONE = 3 };

struct acl_entry {
    enum acl_kind kind;
    bool negative;
    uint64_t id; /* account of the user, id of the group; 0 for anyone */
    unsigned rights;
    struct str name; /* as it is shown, without "-"; for groups "group:NAME" */
};

struct acl {
    struct ref ref;
    bool seen_shared; /* \Seen is one for all readers (RFC 4314, 5.2 "shared flag rights") */
    uint32_t count;
    struct acl_entry entries[]; /* names behind them, same allocation */
};

/* Copies. NULL instead of a list without entries in which \Seen is private: that is what NULL means everywhere. */
struct acl *acl_new(const struct acl_entry *entries, size_t count, bool seen_shared);
struct acl *acl_ref(struct acl *acl); /* of NULL: NULL */
void acl_unref(struct acl **acl);

bool acl_equals(const struct acl *a, const struct acl *b);

/* Who asks. Borrows. */
struct acl_identity {
    uint64_t user; /* account id; 0: nobody */
    const uint64_t *groups;
    size_t group_count;
};

/* The one function that decides.     owner: account id of the mailbox; `acl` may be NULL */
unsigned acl_rights(const struct acl *acl, uint64_t owner, const struct acl_identity *who);

enum acl_mode { ACL_REPLACE, ACL_ADD, ACL_REMOVE, ACL_DELETE };

/* What `mode` makes of the list for the identifier of `entry` (its rights are the operand). An entry without
 * rights is kept for the owner only: for others it means as much as none.
 *   acl_out  own reference, or NULL
 *   errors   -ERR_LIMIT above ACL_ENTRIES_MAX */
MUST_USE int acl_edit(const struct acl *acl, uint64_t owner, const struct acl_entry *entry,
                      enum acl_mode mode, struct acl **acl_out, struct err *err);

void acl_encode(const struct acl *acl, struct buf *out);
/* -ERR_CORRUPT. */
MUST_USE int acl_decode(struct str bytes, struct acl **acl_out, struct err *err);

#endif
