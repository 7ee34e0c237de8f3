/* special_use.h: what a mailbox is for.     RFC 6154, 2; RFC 8457; RFC 9979
 * Threads: none; values. */
#ifndef LOFT_MAIL_SPECIAL_USE_H
#define LOFT_MAIL_SPECIAL_USE_H

#include "base/str.h"

enum special_use {
    USE_ALL = 1u << 0,
    USE_ARCHIVE = 1u << 1,
    USE_DRAFTS = 1u << 2,
    USE_FLAGGED = 1u << 3,
    USE_JUNK = 1u << 4,
    USE_SENT = 1u << 5,
    USE_TRASH = 1u << 6,
    USE_IMPORTANT = 1u << 7,
    USE_SNOOZED = 1u << 8,
    USE_SCHEDULED = 1u << 9,
    USE_MEMOS = 1u << 10,
};
enum {
    SPECIAL_USE_COUNT = 11,
    SPECIAL_USE_BITS = 15, /* that the records have room for (record.h) */
};

/* The attribute of one bit, "\\Sent"; NULL for what is no special use. To run through all:
 * for (unsigned use = 1; special_use_name(use); use <<= 1) */
static inline const char *special_use_name(unsigned one_bit)
{
    static const char *const names[SPECIAL_USE_COUNT] = {
        "\\All",   "\\Archive",   "\\Drafts",  "\\Flagged",   "\\Junk",  "\\Sent",
        "\\Trash", "\\Important", "\\Snoozed", "\\Scheduled", "\\Memos",
    };
    for (unsigned i = 0; i < SPECIAL_USE_COUNT; i++)
        if (one_bit == 1u << i)
            return names[i];
    return NULL;
}

/* By its attribute, with the backslash, without case; 0: none that is known. */
static inline unsigned special_use_by_name(struct str attribute)
{
    for (unsigned use = 1; special_use_name(use); use <<= 1)
        if (str_eq_nocase(attribute, str_c(special_use_name(use))))
            return use;
    return 0;
}

#endif
