/* flag.h: system flags as bits, keywords as a set of bits that a mailbox's keyword table names.
 * RFC 9051, 2.3.2 */
#ifndef LOFT_MAIL_FLAG_H
#define LOFT_MAIL_FLAG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/ref.h"

/* \Recent is not here: it belongs to a session (view.h), not to a message. */
enum flag {
    FLAG_SEEN = 1u << 0,
    FLAG_ANSWERED = 1u << 1,
    FLAG_FLAGGED = 1u << 2,
    FLAG_DELETED = 1u << 3,
    FLAG_DRAFT = 1u << 4,
    FLAG_ALL = (1u << 5) - 1,
};

enum store_mode { STORE_REPLACE, STORE_ADD, STORE_REMOVE }; /* FLAGS, +FLAGS, -FLAGS */

enum { KEYWORDS_MAX = 256, KEYWORD_BYTES_MAX = 100, KEYWORD_WORDS = KEYWORDS_MAX / 64 };

/* Which keywords of a mailbox's table a message has: bit i is the table's name i. */
struct keyword_set {
    uint64_t words[KEYWORD_WORDS];
};

static inline bool keyword_set_has(const struct keyword_set *set, unsigned i)
{
    return set->words[i / 64] >> (i % 64) & 1;
}
static inline void keyword_set_add(struct keyword_set *set, unsigned i)
{
    set->words[i / 64] |= UINT64_C(1) << (i % 64);
}

/* The names of a mailbox's keywords; immutable, shared, in order of first use. A name once in the table stays
 * there. Compared without case (ASCII), kept as first spelled. */
struct keyword_table {
    struct ref ref;
    uint32_t count;
    struct str names[]; /* bytes lie behind the array, in the same allocation */
};

/* A keyword is an atom (RFC 9051, 9: flag-keyword) of at most KEYWORD_BYTES_MAX bytes:
 * what we give back in FETCH must parse. */
bool keyword_name_is_valid(struct str name);

/* `count` <= KEYWORDS_MAX; copies. */
struct keyword_table *keyword_table_new(const struct str *names, size_t count);
struct keyword_table *keyword_table_ref(struct keyword_table *table);
void keyword_table_unref(struct keyword_table **table);
int keyword_table_find(const struct keyword_table *table, struct str name); /* index, or -1 */

/* The set of `names` by `table`; names that it lacks are added to a new table. The same name twice is fine.
 *   table_out  own reference: `table` itself when nothing was new
 *   returns    0; -ERR_LIMIT above KEYWORDS_MAX or a name above KEYWORD_BYTES_MAX, text names the limit;
 *              -ERR_INVALID for a name that is no atom */
MUST_USE int keyword_table_intern(struct keyword_table *table, const struct str *names, size_t count,
                                  struct keyword_table **table_out, struct keyword_set *set_out,
                                  struct err *err);

#endif
