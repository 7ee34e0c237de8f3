/* chars.h: the character classes of the grammar.
 * RFC 9051, 9 (atom-specials and what is built on them) */
#ifndef LOFT_IMAP_WIRE_CHARS_H
#define LOFT_IMAP_WIRE_CHARS_H

#include <stdbool.h>

/* ATOM-CHAR: any printable ASCII but ( ) { SP % * " \ ] */
static inline bool char_is_atom(unsigned char c)
{
    switch (c) {
    case '(':
    case ')':
    case '{':
    case '%':
    case '*':
    case '"':
    case '\\':
    case ']':
        return false;
    default:
        return c > 0x20 && c < 0x7f;
    }
}

static inline bool char_is_astring(unsigned char c)
{
    return char_is_atom(c) || c == ']';
}

static inline bool char_is_tag(unsigned char c)
{
    return char_is_astring(c) && c != '+';
}

static inline bool char_is_list(unsigned char c) /* list-char */
{
    return char_is_astring(c) || c == '%' || c == '*';
}

#endif
