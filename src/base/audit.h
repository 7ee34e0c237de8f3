/* audit.h: what auditors read: one JSON object a line, appended to a file of its own that rotates.
 *
 *   {"time":"2026-11-20T11:17:00.123Z","event":"sign-in","ok":true,"user":"anna@example.org","mechanism":"SCRAM-SHA-256",...}
 * Keys and events are listed in doc/ (loft-audit(5), made from the table in audit_events.h). No secrets, no mail text:
 * names, numbers and addresses only; strings are cut at AUDIT_TEXT_BYTES_MAX and escaped, so no byte from outside can begin a
 * new event or key.
 * Threads: any; one write(2) an event, never held back. */
#ifndef LOFT_BASE_AUDIT_H
#define LOFT_BASE_AUDIT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

enum { AUDIT_TEXT_BYTES_MAX = 512 };

struct audit; /* NULL everywhere: nothing is recorded */

struct audit_params {
    const char *path;          /* appended to; made with 0600 */
    uint64_t rotate_bytes;     /* a file that grew so long becomes path.1, and that path.2 ...; 0: never */
    uint32_t keep;             /* so many rotated files; the oldest goes */
    const struct clock *clock; /* borrows */
    struct logger log;         /* told when an event could not be written */
};

/* -ERR_IO, -ERR_DENIED, -ERR_FULL */
MUST_USE int audit_open(const struct audit_params *params, struct audit **audit_out, struct err *err);
void audit_close(struct audit **audit);
void audit_reopen(struct audit *audit); /* SIGHUP: someone else moved the file */

/* `fields` as in log.h; booleans are AUDIT_BOOL. Keys are static. */
void audit_record(struct audit *audit, const char *event, const struct log_field *fields, size_t field_count);
#define AUDIT(audit, event, ...)                                                                             \
    audit_record((audit), (event), (const struct log_field[]){ __VA_ARGS__ },                                \
                 sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
#define AUDIT_BOOL(key, value) log_field_c((key), (value) ? "yes" : "no")

#endif
