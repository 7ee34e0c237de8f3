/* utf8.h: UTF-8 by RFC 3629 (no surrogates, no overlong forms), normal form and case folding by Unicode through utf8proc.
 * Threads: none needed. */
#ifndef LOFT_BASE_UTF8_H
#define LOFT_BASE_UTF8_H

#include "base/arena.h"
#include "base/buf.h"

bool utf8_is_valid(struct str s);
bool utf8_is_ascii(struct str s); /* 1..127 only: NUL is not ASCII text */

/* Decode one code point at `*p` (< end). Returns it and moves `*p`; -1 at a wrong byte, and moves by one. */
int32_t utf8_next(const char **p, const char *end);
void utf8_put(struct buf *out, uint32_t code_point);

/* How many bytes the character at `p` (< end) has that must reach no terminal: controls, line separators, and marks that turn the
 * direction of writing, with which a name could rewrite the line around it. 0: it may. */
size_t utf8_hidden(const char *p, const char *end);

/* Valid input becomes NFC in the arena; false when it is not valid UTF-8. */
bool utf8_to_nfc(struct str s, struct arena *arena, struct str *out);

/* Append `s` folded for searching: full case folding, compatibility decomposition, accents kept.
 * Invalid bytes become U+FFFD, so two damaged texts still compare. A match of the folded needle in the folded text is a match
 * by RFC 9051, 6.4.4 (case-insensitive). ASCII takes a fast path. */
void utf8_fold(struct str s, struct buf *out);

/* Append text that utf8_fold made so that its bytes compare as i;unicode-casemap orders strings (RFC 5051, 2): by titlecase, so that
 * "_" comes behind "a". */
void utf8_collate(struct str folded, struct buf *out);

/* Append `s` with every wrong byte replaced by U+FFFD and NUL dropped. */
void utf8_sanitize(struct str s, struct buf *out);

/* Longest prefix of at most `n` bytes that ends at a code point's edge. */
struct str utf8_prefix(struct str s, size_t n_bytes);

#endif
