/* writer.h: typed writers: append a value to the output as the grammar spells it.
 * RFC 9051, 9; RFC 3501, 9
 * `utf8`: the client enabled IMAP4rev2 or UTF8=ACCEPT, so quoted strings may hold UTF-8 and names are not
 * modified UTF-7. Separators are the caller's.
 * Threads: none. */
#ifndef LOFT_IMAP_WIRE_WRITER_H
#define LOFT_IMAP_WIRE_WRITER_H

#include "base/buf.h"
#include "base/seqset.h"
#include "mail/flag.h"

enum { WRITE_QUOTED_MAX = 1024 }; /* longer strings go out as literals */

/* The shortest right form: atom (astring only), quoted, literal. Literals carry any byte; NUL is the caller's
 * business, the grammar has it in literal8 only. A NIL str is "" for write_string and write_astring. */
void write_astring(struct buf *out, struct str s, bool utf8);
void write_string(struct buf *out, struct str s, bool utf8);
void write_nstring(struct buf *out, struct str s, bool utf8); /* NIL for a NIL str */
void write_literal_head(struct buf *out, uint64_t n_bytes);   /* "{n}\r\n": the bytes follow */
void write_literal8_head(struct buf *out, uint64_t n_bytes);  /* "~{n}\r\n" */

/* Mailbox name (UTF-8 inside) as this client reads names: atom or quoted. */
void write_mailbox(struct buf *out, struct str name, bool utf8);

/* "* LIST (attributes) "/" name" with CRLF, and where `old_name` is not NIL ("OLDNAME" (old_name)):
 * RFC 9051, 6.3.9.7 */
void write_list(struct buf *out, const char *attributes, struct str name, struct str old_name, bool utf8);

/* "(\Seen $Junk)". The first also for FETCH of flags of a whole mailbox: keywords by the mailbox's table. */
void write_flags(struct buf *out, uint8_t flags, bool recent, const struct keyword_set *set,
                 const struct keyword_table *table);
/* PERMANENTFLAGS: "\*" last. */
void write_flag_names(struct buf *out, uint8_t flags, const struct str *keywords, size_t keyword_count,
                      bool with_star);

/* "\"17-Jul-1996 02:44:25 -0700\"": date-time, local to its zone, with quotes.
 * Years 0 to 9999; beyond is clipped. */
void write_date_time(struct buf *out, int64_t unix_s, int16_t zone_min);

/* Text for people: CR, LF and NUL become spaces; 8-bit becomes "?" unless utf8; never empty (a client trips
 * over "OK [X]" without). */
void write_text(struct buf *out, struct str text, bool utf8);

/* A whole status line: "tag OK [code] text\r\n".
 *   tag   NIL: untagged "*"
 *   kind  "OK", "NO", "BAD", "BYE", "PREAUTH"
 *   code  what stands in brackets, without them; NIL or "": none */
void write_status(struct buf *out, struct str tag, const char *kind, struct str code, struct str text,
                  bool utf8);

#endif
