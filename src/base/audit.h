/* audit.h: what auditors read: one JSON object a line, appended to a file of its own that rotates.
 *
 *   {"time":"2026-11-20T11:17:00.123Z","event":"sign-in","ok":true,"user":"anna@example.org","mechanism":"SCRAM-SHA-256",...}
 *
 * Events and their keys stand in the table of audit_events.c, from which loft-audit(5) is made. No secrets, no mail text:
 * names, numbers and addresses only. Strings are cut at LOG_VALUE_BYTES_MAX and escaped, so that no byte from outside can
 * begin an event or a key.
 *
 * The promise: when audit_record() returns, the event is with the kernel, by one write(2): it outlives the process, also by
 * kill -9, which can leave no more than one line cut short, the last one. It is not flushed to the disk: a power cut may take
 * the last seconds. Lines are only ever appended.
 *   moved    a file that somebody moved or removed is made anew at its path within a second, or by audit_reopen()
 *   cut      what a crash or a full disk cut short is ended with a line feed before anything follows
 *   full     an event that cannot be written is counted; the log is told once, and the file, once it can be written again, how
 *            many are missing (event "lost"). Nobody's sign-in waits or fails for it
 * Threads: any. */
#ifndef LOFT_BASE_AUDIT_H
#define LOFT_BASE_AUDIT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

enum { AUDIT_KEEP_MAX = 1000 };

enum audit_event {
    AUDIT_ADMIN, /* any changing command of an administrator that has no event of its own */
    AUDIT_START,
    AUDIT_STOP,
    AUDIT_RELOAD,
    AUDIT_SIGN_IN, /* a decision, yes or no */
    AUDIT_SIGN_OUT,
    AUDIT_CLIENT, /* what a client says it is, once it has signed in */
    AUDIT_NEW_DEVICE,
    AUDIT_LOCK,
    AUDIT_UNLOCK,
    AUDIT_PASSWORD,
    AUDIT_SECOND_FACTOR,
    AUDIT_APP_PASSWORD,
    AUDIT_ACL,
    AUDIT_MAILBOX_DELETE,
    AUDIT_MAILBOX_RENAME,
    AUDIT_EXPUNGE,
    AUDIT_LOST, /* by audit.c itself */
    AUDIT_EVENT_COUNT
};

/* ---- the table ---- */

struct audit_event_row {
    const char *name; /* "sign-in" */
    const char *keys; /* those it may have, with spaces between, beside "time" and "event" */
    const char *help; /* when it is recorded */
};
extern const struct audit_event_row audit_events[AUDIT_EVENT_COUNT];

struct audit_key_row {
    const char *name, *help;
};
extern const struct audit_key_row audit_keys[];
extern const size_t audit_key_count;

bool audit_event_has_key(enum audit_event event, struct str key);

/* ---- recording ---- */

struct audit; /* NULL everywhere: nothing is recorded */

struct audit_params {
    const char *path;      /* appended to; made with 0600; a regular file */
    uint64_t rotate_bytes; /* a file that would grow beyond becomes path.1, and that path.2 ...; 0: never */
    uint32_t keep;         /* so many rotated files, 1 to AUDIT_KEEP_MAX; the oldest goes */
    const struct clock *clock; /* borrows */
    struct logger log;         /* told when events cannot be written, and when they can be again */
};

/* Copies `params`. -ERR_IO; -ERR_INVALID: no regular file. On a full disk it is opened all the same, and fails as it goes on. */
MUST_USE int audit_new(const struct audit_params *params, struct audit **audit_out, struct err *err);
void audit_free(struct audit **audit);  /* accepts NULL */
void audit_reopen(struct audit *audit); /* SIGHUP: somebody moved the file. Accepts NULL */

/* `fields` as in log.h; keys are those of the table. Texts that are NIL or empty are left out. Costs one write(2). */
void audit_record(struct audit *audit, enum audit_event event, const struct log_field *fields,
                  size_t field_count);
#define AUDIT(audit, event, ...)                                                                             \
    audit_record((audit), (event), (const struct log_field[]){ __VA_ARGS__ },                                \
                 sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
#define AUDIT_BOOL(key, value) log_field_bool((key), (value))

struct audit_stats {
    uint64_t event_count; /* written since it was opened */
    uint64_t lost_count;  /* could not be */
};
void audit_stats(struct audit *audit, struct audit_stats *out); /* accepts NULL */

#endif
