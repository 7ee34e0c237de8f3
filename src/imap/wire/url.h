/* url.h: an IMAP URL of a message or a part of one, as CATENATE takes it: relative to the server and the
 * user of the session.
 * RFC 5092, 11 (iabsolute-path with imessagepart); RFC 2192 spells it the same; RFC 4469, 3
 *
 *   /Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.MIME/;PARTIAL=0.1024
 *
 * All else is refused: other servers and users ("imap://", "//"), relative paths (RFC 5092, 7.2: they must
 * not be accepted), URLAUTH, searches.
 * Threads: none. */
#ifndef LOFT_IMAP_WIRE_URL_H
#define LOFT_IMAP_WIRE_URL_H

#include "imap/wire/fetch_args.h"

struct url_message {
    struct str mailbox;   /* UTF-8 in NFC, as parse_mailbox */
    uint32_t uidvalidity; /* 0: not given */
    uint32_t uid;
    struct fetch_section section; /* TEXT_ALL without parts: the whole message */
    bool has_partial;
    uint64_t offset, length; /* length UINT64_MAX: to the end */
};

/*   text     the whole URL
 *   url_out  lives in `arena`
 *   returns  0; -ERR_INVALID: no URL, or none of a message here */
MUST_USE int url_parse_message(struct str text, struct arena *arena, struct url_message *url_out,
                               struct err *err);

/* Append the URL as the response code BADURL shows it: what may not stand there is escaped, what is too long
 * cut off. RFC 4469, 5 (url-resp-text) */
void url_write_bad(struct str text, struct buf *out);

#endif
