/* notify_args.h: NOTIFY.     RFC 5465, 8 (formal syntax), 3.1, 5 and 6 (what goes together)
 * An event-group may be written without the parentheses round its events, as the examples of RFC 5465, 3.1 are. */
#ifndef LOFT_IMAP_WIRE_NOTIFY_ARGS_H
#define LOFT_IMAP_WIRE_NOTIFY_ARGS_H

#include "imap/wire/fetch_args.h"

enum { NOTIFY_GROUPS_MAX = 64, NOTIFY_NAMES_MAX = 1024 }; /* of one command */

enum notify_event {
    EVENT_MESSAGE_NEW = 1u << 0,
    EVENT_MESSAGE_EXPUNGE = 1u << 1,
    EVENT_FLAG_CHANGE = 1u << 2,
    EVENT_ANNOTATION_CHANGE = 1u << 3,
    EVENT_MAILBOX_NAME = 1u << 4,
    EVENT_SUBSCRIPTION_CHANGE = 1u << 5,
    EVENT_MAILBOX_METADATA = 1u << 6,
    EVENT_SERVER_METADATA = 1u << 7,
    EVENT_UNKNOWN = 1u << 8, /* of a later standard: event-ext */
    EVENTS_OF_MESSAGES = EVENT_MESSAGE_NEW | EVENT_MESSAGE_EXPUNGE | EVENT_FLAG_CHANGE |
                         EVENT_ANNOTATION_CHANGE,
};

enum notify_filter {
    NOTIFY_SELECTED,
    NOTIFY_SELECTED_DELAYED,
    NOTIFY_INBOXES,
    NOTIFY_PERSONAL,
    NOTIFY_SUBSCRIBED,
    NOTIFY_SUBTREE,
    NOTIFY_MAILBOXES,
    NOTIFY_SUBTREE_ONE, /* of ESEARCH alone: RFC 7377, 2.2 */
};

struct notify_group {
    enum notify_filter filter;
    struct str *names; /* SUBTREE, MAILBOXES */
    size_t name_count;
    unsigned events;          /* enum notify_event bits; 0: NONE */
    struct fetch_args *fetch; /* what MessageNew is told with; NULL: nothing. `uid` and `set` mean nothing */
};

struct notify_args {
    bool none;   /* NOTIFY NONE */
    bool status; /* NOTIFY SET STATUS */
    struct notify_group *groups;
    size_t group_count;
    unsigned events; /* of all groups */
};

/* `p` stands behind the command name. What may not stand together is refused here: MessageNew without
 * MessageExpunge or the other way round, FlagChange without both, SELECTED twice or with other than message
 * events, fetch-atts elsewhere than with SELECTED. Which events are supported is the caller's business.
 *   args_out  struct notify_args in p->arena
 *   returns   0; -ERR_SYNTAX, -ERR_LIMIT, -ERR_INVALID (names) */
MUST_USE int notify_args_parse(struct parser *p, const void **args_out, struct err *err);

struct str notify_event_name(unsigned one_bit);

/* filter-mailboxes: RFC 5465, 8; RFC 7377, 4. NOTIFY has no "subtree-one", ESEARCH no "selected-delayed". */
bool parse_notify_filter(struct parser *p, bool of_esearch, enum notify_filter *filter_out,
                         struct str **names_out, size_t *name_count_out);

/* A copy that lives in `arena` and borrows nothing. */
struct notify_args *notify_args_copy(const struct notify_args *args, struct arena *arena);

#endif
