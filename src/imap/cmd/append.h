/* append.h: APPEND and REPLACE, whose messages are streamed to where they are stored, never held whole in the
 * session.
 * RFC 9051, 6.3.12; RFC 3502; RFC 4469; RFC 8508
 *
 *   "a APPEND box (\Seen) {300}"  append_piece   -- refused early? the framer swallows what follows
 *   300 bytes                     append_take    (INPUT_MESSAGE)
 *   " (\Draft) {20}"              append_piece   ... MULTIAPPEND
 *   " CATENATE (URL u TEXT {9}"   append_piece   ... copies what the URL names, then takes the text
 *   CRLF                          append_end     all messages in one commit, or none */
#ifndef LOFT_IMAP_CMD_APPEND_H
#define LOFT_IMAP_CMD_APPEND_H

#include "imap/session.h"

void append_piece(struct session *s, struct str piece); /* arguments up to a message literal */
bool append_take(struct session *s);                    /* INPUT_MESSAGE: false when more bytes are needed */
void append_end(struct session *s, struct str line);    /* what is left of the line after the last message */
void append_drop(struct session *s);                    /* give up: nothing is stored */

#endif
