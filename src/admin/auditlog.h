/* auditlog.h: reading what base/audit.h wrote: the file and those that it became when it rotated, the oldest first, while a
 * server may be writing and rotating them. What is no event (a line that a crash cut, say) is passed over and counted.
 * Threads: one owner. */
#ifndef LOFT_ADMIN_AUDITLOG_H
#define LOFT_ADMIN_AUDITLOG_H

#include "base/audit.h"
#include "net/addr.h"

#include <jansson.h>

enum { AUDITLOG_LINE_BYTES_MAX = 256 * 1024 };

/* What is wanted; zeroes and NIL want everything. Borrows. */
struct auditlog_filter {
    int64_t since_ms, until_ms; /* wall clock; until_ms 0: no end */
    uint32_t events;            /* 1u << enum audit_event; 0: all, also those of a later version */
    struct str user;            /* is user, by or owner; any case */
    bool has_network;           /* the address is in `network` */
    struct net_cidr network;
    bool only_ok, only_failed; /* by "ok"; events without it are neither */
};

/* Names of events with commas or spaces between, into filter->events. -ERR_INVALID: no such event; the text lists them. */
MUST_USE int auditlog_parse_events(struct str names, uint32_t *events_out, struct err *err);

/* One line, without its line feed, as an event that `filter` wants.
 *   event_out  new reference
 *   returns    1; 0: not wanted; -ERR_SYNTAX: no event */
MUST_USE int auditlog_parse(struct str line, const struct auditlog_filter *filter, json_t **event_out,
                            struct err *err);

int64_t auditlog_time_ms(const json_t *event); /* wall clock, of an event that auditlog_parse gave */

struct auditlog;

/* `path` and `filter` are borrowed until auditlog_close. -ERR_NOT_FOUND: there is no such file, nor one that was rotated. */
MUST_USE int auditlog_open(const char *path, const struct auditlog_filter *filter,
                           struct auditlog **auditlog_out, struct err *err);
void auditlog_close(struct auditlog **auditlog); /* accepts NULL */

/* The next event that is wanted.
 *   event_out  new reference
 *   line_out   as it stands in the file; valid until the next call. May be NULL
 *   returns    1; 0: no more for now, ask again later; -ERR_IO, -ERR_DENIED */
MUST_USE int auditlog_next(struct auditlog *auditlog, json_t **event_out, struct str *line_out,
                           struct err *err);

/* Lines passed over so far. At its end a file may hold a line that is being written: at_end counts that, too. */
uint64_t auditlog_damaged_count(const struct auditlog *auditlog, bool at_end);

#endif
