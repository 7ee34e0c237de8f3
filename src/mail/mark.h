/* mark.h: the keywords that a server sets on mail when it arrives.     RFC 9979; doc/rfc.md says which and why no others
 * Threads: none; values. */
#ifndef LOFT_MAIL_MARK_H
#define LOFT_MAIL_MARK_H

#include "mail/change.h"

enum mark_source { MARK_DELIVERED, MARK_IMPORTED };

/* Choose message->marks, by has_attachment and the keywords that it has already: $hasattachment or
 * $hasnoattachment, which exclude each other, and $imported for what was not delivered here. */
void mark_message(struct new_message *message, enum mark_source source);

#endif
