/* maildir.h: names in a Maildir: of its messages, with their flags, and of its folders (Maildir++).
 * https://cr.yp.to/proto/maildir.html
 *
 *   cur/1700000000.M1P2.host,S=1234,W=1260:2,FS      S= size of the file, W= size with CRLF; ",a" letters are
 *                                                    keywords
 *   .Work.Reports                                    folder Work/Reports; modified UTF-7; "\2e" is a dot in a
 *                                                    name, "\5c" a backslash
 *
 * Threads: none; values. */
#ifndef LOFT_ADMIN_MAILDIR_H
#define LOFT_ADMIN_MAILDIR_H

#include "admin/mailfile.h"

enum {
    MAILDIR_KEYWORDS_MAX = 26,
    MAILDIR_NAME_BYTES_MAX = 255,
    MAILDIR_KEYWORDS_FILE_BYTES_MAX = 64 * 1024,
};

/* Which keyword each letter a-z stands for in one folder: its file dovecot-keywords,
 * "0 $Forwarded\n1 NonJunk\n". */
struct maildir_keywords {
    struct str names[MAILDIR_KEYWORDS_MAX]; /* NIL: none */
};
void maildir_keywords_parse(struct str file, struct maildir_keywords *out); /* borrows; takes what is right */
void maildir_keywords_format(const struct maildir_keywords *keywords, struct buf *out);

/* The flags that a file's name tells. */
void maildir_read_flags(struct str file_name, const struct maildir_keywords *keywords,
                        struct mailfile_message *message);

/* The name says that the file's bytes are those of the message, CRLF and all (W= is the file's size):
 * they are not to be changed. */
bool maildir_is_wire_form(struct str file_name, uint64_t file_bytes);

/* Append the name of a message's file. Keywords that the table lacks are added to it, borrowed, while there
 * is room.
 *   returns  how many keywords did not fit */
unsigned maildir_format_name(const struct mailfile_message *message, uint64_t uid, uint64_t file_bytes,
                             uint64_t wire_bytes, struct maildir_keywords *keywords, struct buf *out);

/* ".Work.Reports" to "Work/Reports", and back.
 * Reading takes what there is: a name that is no modified UTF-7 stands for itself. */
void maildir_read_folder(struct str folder_name, struct buf *out);
void maildir_format_folder(struct str mailbox, struct buf *out);

#endif
