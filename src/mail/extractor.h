/* extractor.h: the text of an attachment, by a program that the administrator chose (index.extractor).
 * The program reads the decoded bytes of one attachment from standard input and writes text, UTF-8, to standard output; what it is, is
 * told in the environment: CONTENT_TYPE ("application/pdf") and FILE_NAME. It exits with 0, or has nothing to say.
 *
 * Attachments are chosen by strangers, and programs that read them have holes. So each runs in a process group of its own, with
 * limits on time, processor, memory, files and output; without network (a seccomp filter refuses sockets, and a network
 * namespace of its own holds it where the kernel lets us); without privileges to gain or processes to signal, and with no file
 * open but its two ends. Where the kernel has Landlock (from 6.2 on wholly) it sees no files but those of programs (/usr,
 * /opt and the like, itself, some of /etc, /proc) and temporary ones (/tmp, /var/tmp), which it may also write: so not the
 * mail, unless that lies in one of these. Not guarded: attributes of files (mode, times) that belong to the server's user, and,
 * without Landlock, whatever that user may read or write.
 * When it ends, or its time is up, all that it started is killed.
 * Threads: any. */
#ifndef LOFT_MAIL_EXTRACTOR_H
#define LOFT_MAIL_EXTRACTOR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/sandbox.h"

struct extractor_limits {
    uint32_t time_ms;             /* from start to end */
    uint32_t cpu_s;               /* of each process */
    uint64_t memory_bytes;        /* address space of each process */
    uint64_t output_bytes;        /* of text: the rest is cut */
    uint64_t file_bytes;          /* of each file that it writes */
    bool (*must_stop)(void *ctx); /* asked many times a second while it runs; NULL: nobody stops it */
    void *ctx;
};

/* Run `program` (an absolute path) over `input` and append what it writes; nothing when it failed.
 *   returns  0: it ended with exit status 0, or had said as much as it may; -ERR_CANNOT: it failed, was killed or took too long;
 *            -ERR_UNAVAILABLE: must_stop said so; any other: it could not be started */
MUST_USE int extractor_run(const char *program, const struct extractor_limits *limits,
                           struct str content_type, struct str file_name, struct str input,
                           struct buf *text_out, struct err *err);

/* The files that a program may see: a process that is held itself (base/sandbox.h) must be allowed as much to start one. */
const struct sandbox_place *extractor_places(size_t *count_out);

#endif
