/* charset.h: charsets of mail to UTF-8, through iconv but for the common ones.
 * Only charsets of our own table are ever handed to iconv: a mail's charset name selects no library module.
 * Names are matched without case; many aliases, and those mislabelled by habit are widened: iso-8859-1 is
 * windows-1252 (a superset in text), gb2312 is gb18030, ks_c_5601-1987 is cp949.
 * Threads: a cache has one owner at a time. */
#ifndef LOFT_MIME_CHARSET_H
#define LOFT_MIME_CHARSET_H

#include "base/buf.h"
#include "base/err.h"

enum {
    CHARSET_UNKNOWN = 0, /* also: none was named */
    CHARSET_ASCII = 1,
    CHARSET_UTF8 = 2,
    CHARSET_WINDOWS_1252 = 3,
};

/* Number of a charset: stable for ever, since it is stored. CHARSET_UNKNOWN when we do not know it.
 * An RFC 2231 language suffix ("utf-8*en") is passed over. */
uint8_t charset_find(struct str name);

/* Canonical name; "" for CHARSET_UNKNOWN or a number that does not exist. */
struct str charset_name(uint8_t id);

/* Open converters, kept because iconv_open is costly: a worker has one cache. */
struct charset_cache;
struct charset_cache *charset_cache_new(void);
void charset_cache_free(struct charset_cache **cache);

/* Append `in`, converted to UTF-8; what is not valid in its charset becomes U+FFFD.
 * CHARSET_UNKNOWN and CHARSET_ASCII: valid UTF-8 stays, other 8-bit bytes are read as windows-1252: what
 * senders mean who name no charset.
 *   returns  0; -ERR_CHARSET when iconv lacks it here (nothing is appended) */
MUST_USE int charset_to_utf8(struct charset_cache *cache, uint8_t id, struct str in, struct buf *out,
                             struct err *err);

/* The same for a text that comes in pieces: the bytes of a character may be split between two. One stream of
 * a charset at a time on one cache: they share its converter. */
struct charset_stream {
    struct charset_cache *cache;
    uint8_t id, held;
    bool fresh;
    char hold[16];
};
void charset_stream_init(struct charset_stream *s, struct charset_cache *cache, uint8_t id);
MUST_USE int charset_stream_feed(struct charset_stream *s, struct str in, bool last, struct buf *out,
                                 struct err *err);

#endif
