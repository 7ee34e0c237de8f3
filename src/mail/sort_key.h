/* sort_key.h: what messages are sorted and threaded by, as values that the parser of IMAP knows too.     RFC 5256; RFC 5957
 * Threads: none; values. */
#ifndef LOFT_MAIL_SORT_KEY_H
#define LOFT_MAIL_SORT_KEY_H

#include <stdbool.h>

enum sort_key {
    SORT_ARRIVAL,
    SORT_CC,
    SORT_DATE,
    SORT_FROM,
    SORT_SIZE,
    SORT_SUBJECT,
    SORT_TO,
    SORT_DISPLAY_FROM,
    SORT_DISPLAY_TO,
    SORT_RELEVANCY, /* RFC 6203, 6 */
};

enum { SORT_CRITERIA_MAX = SORT_RELEVANCY + 1 }; /* a key that was named before decides nothing */

struct sort_criterion {
    enum sort_key key;
    bool reverse;
};

enum thread_algorithm {
    THREAD_ORDEREDSUBJECT,
    THREAD_REFERENCES,
    THREAD_REFS, /* draft-ietf-morg-inthread */
};

#endif
