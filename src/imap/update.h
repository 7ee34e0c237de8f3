/* update.h: telling a client what has changed in its mailbox: the diff of two snapshots as untagged
 * responses.
 * RFC 9051, 7.3.1 (EXISTS), 7.5.1 (EXPUNGE), 7.5.2 (FETCH); RFC 7162, 3.2.10 (VANISHED); RFC 9586 */
#ifndef LOFT_IMAP_UPDATE_H
#define LOFT_IMAP_UPDATE_H

#include "imap/session.h"

/* Changes that this session made itself and answers itself: STORE. */
struct update_own {
    const struct seqset *uids;
    uint64_t
        modseq; /* messages of `uids` that still have this modseq are not told here; 0: whatever they have */
    /* STORE .SILENT: the client is not answered, it assumes that this happened to the flags that it knew; who
     * has other flags, since someone else changed them too, is told all the same. NULL: not so. */
    const struct change *assumed;
    /* All that were named, changed or not, or are gone: a client that wants to be told of nothing else (notify.h) knows
     * these as they are now. */
    const struct seqset *named;
};

/* Move the view to the present and tell what is new, as far as the client wants to know (notify.h), and the news of
 * metadata_news.h. Without changes nothing is sent.
 *   may_expunge  false while a command by sequence number is answered
 *   own          may be NULL
 *   errors       of view_sync. When the mailbox has been deleted the session says BYE (RFC 2180, 3.3) and 0
 *                is returned.
 * -ERR_AGAIN: the client does not read. Call again, with the same arguments, when it does; until then nothing
 * else may be told of this mailbox, and the view stays where it is. */
MUST_USE int update_send(struct session *s, bool may_expunge, const struct update_own *own, struct err *err);

/* Forget what is half told: the view is about to be closed. */
void update_drop(struct session *s);

/* "* VANISHED uids", in several responses where there are many. Begins at range *at, which is moved on; true when all
 * is said, false when the client must read first. RFC 7162, 3.2.10 */
MUST_USE bool update_write_vanished(struct session *s, const struct seqset *uids, bool earlier, size_t *at);

/* "* FLAGS (...)" and "* OK [PERMANENTFLAGS (...)]" of the view. */
void update_write_flags(struct session *s);

/* "* seq FETCH (", or "* uid UIDFETCH (" (RFC 9586, 3.3). */
void update_begin_fetch(struct session *s, uint32_t seq, uint32_t uid);

/* "* seq FETCH (UID n FLAGS (...) MODSEQ (n))" with what this client has enabled. */
void update_write_fetch(struct session *s, uint32_t seq, const struct message *message, bool with_flags);

#endif
