/* mbox.h: many messages in one file, each behind a line "From sender date".     RFC 4155; quoting of mboxrd
 *
 *   From anna@example.org Thu Nov 19 10:00:00 2026
 *   Status: RO                       flags: Status (R read, O old), X-Status (A D F T), X-Keywords; taken out
 *                                    of the message
 *   Subject: ...
 *
 *   >From the body                   one '>' more than the message has before "From "
 *                                    an empty line ends the message
 * Lines end in LF, or all in CRLF. Where a message's own last line has no end, one is added: mbox cannot
 * tell.
 * Threads: a reader has one owner. */
#ifndef LOFT_ADMIN_MBOX_H
#define LOFT_ADMIN_MBOX_H

#include "admin/mailfile.h"
#include "base/err.h"

/* Of a line that is looked at as a whole; longer ones are text and pass in pieces. */
enum { MBOX_LINE_BYTES_MAX = 8192 };

/* One message; it and all it points to are valid until the function returns. Non-zero stops.
 *   too_large  the message is beyond bytes_max: `bytes` is its beginning */
typedef int mbox_message_fn(void *ctx, const struct mailfile_message *message, bool too_large,
                            struct err *err);

struct mbox_reader {
    uint64_t bytes_max;
    mbox_message_fn *fn;
    void *ctx;

    struct buf line;    /* what has come of the line at hand, up to MBOX_LINE_BYTES_MAX */
    struct buf message; /* of the message at hand */
    struct arena arena; /* its flags */
    bool in_message, mid_line, too_large;
    struct str blank; /* an empty line that may be the end of the message; NIL: none */
    bool has_date;
    int64_t date_s;
    int64_t standard_date_s; /* of a message that tells no date at all */
};

void mbox_reader_init(struct mbox_reader *reader, uint64_t bytes_max, int64_t standard_date_s,
                      mbox_message_fn *fn, void *ctx);
void mbox_reader_deinit(struct mbox_reader *reader);

/* Bytes of the file, in pieces of any size, then the end.
 * What `fn` returned; -ERR_SYNTAX when the file does not begin with "From ". */
MUST_USE int mbox_feed(struct mbox_reader *reader, struct str bytes, struct err *err);
MUST_USE int mbox_end(struct mbox_reader *reader, struct err *err);

/* Append one message. */
void mbox_format(const struct mailfile_message *message, struct buf *out);

#endif
