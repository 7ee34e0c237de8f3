/* source.h: mail on disk that is to be imported: a Maildir, a Maildir++ or a tree of Maildirs, an mbox file,
 * a folder of mbox files, one message, a folder of such, or a mixture. What it is, is seen from the files.
 *
 *   FOLDER/{cur,new}         a Maildir; the top one is INBOX
 *   FOLDER/.Work.Reports     Maildir++: Work/Reports
 *   FOLDER/Work/{cur,new}    Work
 *   FOLDER/Work, Work.mbox   an mbox file: Work;    FOLDER/Work.sbd/  what lies below it (Thunderbird)
 *
 *   FOLDER/Work/NAME.eml     a message in Work; in FOLDER itself, in a mailbox named as FOLDER is
 *
 * Symbolic links below the path are not followed, nor is anything changed.
 * Threads: none. */
#ifndef LOFT_ADMIN_SOURCE_H
#define LOFT_ADMIN_SOURCE_H

#include "admin/mailfile.h"
#include "base/err.h"

enum { SOURCE_DEPTH_MAX = 32 };

/* Who is told. Each returns 0 to go on, or -ERR_x to stop: that is what source_read() returns then. */
struct source_sink {
    void *ctx;
    /* Messages that follow are its; UTF-8, not checked further. */
    int (*mailbox)(void *ctx, struct str name, struct err *err);
    int (*message)(void *ctx, const char *path, const struct mailfile_message *message, struct err *err);
    /* Something cannot be read and is passed over. */
    void (*problem)(void *ctx, const char *path, const struct err *why);
    /* A file or folder that does not look like mail is passed over. What a Maildir keeps beside its messages
     * is not told. */
    void (*not_mail)(void *ctx, const char *path);
    void (*progress)(void *ctx, uint64_t bytes); /* of files, since the last call */
};

struct source_options {
    const char *path;
    /* What the top is called; NIL: INBOX for a Maildir, an mbox file or one message; nothing for a folder of
     * mbox files; the folder's own name for messages that lie in it. */
    struct str mailbox;
    uint64_t bytes_max; /* of one message; larger ones are a problem and passed over */
};

/* Size of all files that source_read() would read.
 * -ERR_NOT_FOUND; -ERR_INVALID when there is no mail at `path`; -ERR_IO. */
MUST_USE int source_measure(const struct source_options *options, uint64_t *bytes_out, struct err *err);
MUST_USE int source_read(const struct source_options *options, const struct source_sink *sink,
                         struct err *err);

#endif
