/* mailfile.h: what message files of all formats share: a message with its flags and date, and line ends.
 * Threads: none; values. */
#ifndef LOFT_ADMIN_MAILFILE_H
#define LOFT_ADMIN_MAILFILE_H

#include "base/arena.h"
#include "base/buf.h"

enum { MAILFILE_FLAGS_MAX = 64 };

struct mailfile_message {
    struct str bytes;                     /* lines end in CRLF */
    struct str flags[MAILFILE_FLAGS_MAX]; /* "\\Seen", "$Forwarded" */
    size_t flag_count;
    int64_t date_s; /* when it came: UTC, seconds since 1970 */
};

/* Borrows; drops what is beyond MAILFILE_FLAGS_MAX. */
void mailfile_add_flag(struct mailfile_message *message, struct str flag);
bool mailfile_has_flag(const struct mailfile_message *message, const char *flag);

/* Append `in` with CRLF at the end of each line. When its first line ends so already it is taken to be right:
 * a lone LF behind it is a byte like others. */
void mailfile_to_crlf(struct str in, struct buf *out);

/* Append `in` with LF at the end of each line.
 * False, and nothing appended, when mailfile_to_crlf() would not give `in` back. */
bool mailfile_to_lf(struct str in, struct buf *out);

/* When the message came, by its own account: newest Received field, else Date. False when neither says. */
bool mailfile_date(struct str bytes, int64_t *date_s_out);

/* One level of a mailbox's name as the name of a file: a dot at its beginning, and that of ".mbox" and ".sbd"
 * at its end, become "\2e", a backslash "\5c". So no name is hidden, leads elsewhere or meets another. And
 * back, also for other writers' escapes. */
void mailfile_format_level(struct str level, struct buf *out);
void mailfile_unescape(struct str name, struct buf *out);

#endif
