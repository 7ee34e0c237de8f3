/* target.h: mail on disk that an export makes: a Maildir++ or a tree of mbox files, in a new folder.
 *
 *   maildir   FOLDER/{cur,new,tmp} is INBOX, FOLDER/.Work.Reports/{cur,new,tmp} is Work/Reports
 *   mbox      FOLDER/INBOX.mbox, FOLDER/Work/Reports.mbox
 *
 * Files are only ever made, inside that folder, never opened or replaced: no mailbox name leads out of it.
 * Threads: one owner. */
#ifndef LOFT_ADMIN_TARGET_H
#define LOFT_ADMIN_TARGET_H

#include "admin/mailfile.h"
#include "base/err.h"

enum target_format { TARGET_MAILDIR, TARGET_MBOX };

struct target;

/* Make the folder; one that exists must be empty: -ERR_EXISTS. Its parent must be there. */
MUST_USE int target_new(const char *path, enum target_format format, struct target **target_out,
                        struct err *err);

/* Messages that follow go into mailbox `name`.
 *   renamed_out  a name that does not fit into the name of a file is cut and numbered: the path that was
 *                used; else NULL. Borrows target */
MUST_USE int target_mailbox(struct target *target, struct str name, const char **renamed_out,
                            struct err *err);

/* lost_flags_out: keywords that the format has no room for (Maildir: 26 in a mailbox). */
MUST_USE int target_message(struct target *target, const struct mailfile_message *message, uint64_t uid,
                            unsigned *lost_flags_out, struct err *err);

/* Finish files and have the system write all of it down. Then free. Accepts NULL. */
MUST_USE int target_finish(struct target *target, struct err *err);
void target_free(struct target **target);

#endif
