/* address.h: address lists of From, To and the like.     RFC 5322, 3.4 and 4.4; RFC 6532 (raw UTF-8).
 * An iterator that takes what mail really holds: groups (empty, unterminated), routes, comments as names
 * ("a@b (Anna)"), quoted local parts, dots in names, missing commas' damage kept local, "<>", missing
 * domains. Linear in the input, no recursion. Encoded-words stay encoded.
 * Threads: none. */
#ifndef LOFT_MIME_ADDRESS_H
#define LOFT_MIME_ADDRESS_H

#include "base/arena.h"

enum { ADDRESSES_MAX = 4096 }; /* of one field: what follows is passed over */

enum address_kind {
    ADDRESS_MAILBOX,
    ADDRESS_GROUP_START, /* only `mailbox` is set: the group's name */
    ADDRESS_GROUP_END,   /* nothing is set */
};

struct address {
    enum address_kind kind;
    struct str name;    /* display name, quoting removed; NIL when absent */
    struct str route;   /* obs-route "@a,@b"; NIL when absent */
    struct str mailbox; /* local part, quoting removed; "" when missing */
    struct str host;    /* domain; "" when missing (NIL would mean a group on the wire: RFC 9051, 7.5.2) */
};

struct address_reader {
    const char *p, *end;
    struct arena *arena;
    size_t count;
    bool in_group, no_more_quotes, no_more_comments;
};

/* `raw` is a field's value, folded or not. What address_next yields borrows `arena` or `raw`. */
struct address_reader address_each(struct str raw, struct arena *arena);

/* False at the end. Each GROUP_START is followed by its GROUP_END, also when the sender forgot the ";". */
bool address_next(struct address_reader *r, struct address *address_out);

#endif
