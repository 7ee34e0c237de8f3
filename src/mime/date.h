/* date.h: the Date field.     RFC 5322, 3.3 and 4.3.     Threads: none needed. */
#ifndef LOFT_MIME_DATE_H
#define LOFT_MIME_DATE_H

#include "base/err.h"
#include "base/str.h"

struct mail_date {
    int64_t utc_s;    /* seconds since 1970-01-01T00:00:00Z */
    int zone_minutes; /* east is positive; 0 when unknown */
};

/* Parse a field's value. Day names, comments, junk behind and in between, "-" between the parts of the date,
 * ctime order ("Tue Feb 20 16:01:33 2001"), ISO order, 2- and 3-digit years and all obsolete zones are
 * understood. RFC 5256, 2.2: a wrong zone counts as UTC, a wrong time as 00:00:00.
 *   returns  0; -ERR_SYNTAX when there is no day, month and year */
MUST_USE int date_parse_field(struct str raw, struct mail_date *date_out, struct err *err);

/* Seconds since the epoch of a day of the proleptic Gregorian calendar, 1 <= month <= 12. */
int64_t date_days_to_s(int64_t year, int month, int day);

#endif
