/* metadata_news.h: telling a client that has enabled METADATA which annotations others have changed: names, no
 * values.     RFC 5464, 4.4.2
 * Watched are the user's own account (all its mailboxes and the private annotations of the server), the account of
 * the selected mailbox, and the shared annotations of the server. */
#ifndef LOFT_IMAP_METADATA_NEWS_H
#define LOFT_IMAP_METADATA_NEWS_H

#include "imap/session.h"

/* ENABLE METADATA (`all`) or METADATA-SERVER: from now on. */
void metadata_news_enable(struct session *s, bool all);
/* The session has changed annotations of `account` itself, with `modseq` (0: nothing changed): that is no news to it. */
void metadata_news_skip(struct session *s, struct account *account, uint64_t modseq);
/* For NOTIFY (RFC 5465, 5.6 and 5.7), which says itself of what it wants to hear: of a mailbox by the name that the client
 * knows, of the server by "". */
typedef bool metadata_wants_fn(const struct session *s, struct str name);
void metadata_news_tell_account(struct session *s, struct account *account, struct metadata_watch *watch,
                                metadata_wants_fn *wants);
void metadata_news_tell_server(struct session *s, uint64_t *seen);

/* Tell what is new since the last time: "* METADATA name entry ...". Without news nothing is sent. */
void metadata_news_tell(struct session *s);

#endif
