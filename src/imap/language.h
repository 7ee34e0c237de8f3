/* language.h: the languages in which sessions tell their texts.     RFC 5255, 3; RFC 4647, 3.4 (lookup)
 *
 * Texts are English in the source and are translated where they leave for the client, so nobody who writes an error
 * need think of it. A catalogue is a gettext file, "de.po": msgid is the text of the source, with its printf
 * conversions; these match what stands in the finished text and are put where msgstr has conversions, in order or by
 * number ("%2$s"). A text without a translation goes out in English.
 * Threads: any; catalogues never change once loaded. */
#ifndef LOFT_IMAP_LANGUAGE_H
#define LOFT_IMAP_LANGUAGE_H

#include "base/buf.h"
#include "base/err.h"

enum {
    LANGUAGES_MAX = 64,
    LANGUAGE_TAG_BYTES_MAX = 35, /* RFC 4646, 2.1.1 */
    LANGUAGE_FILE_BYTES_MAX = 1 << 20,
    LANGUAGE_TEXTS_MAX = 10000, /* of one catalogue */
};

struct languages;
struct language; /* belongs to its struct languages */

/* "i-default" and "en" are always there; each TAG.po of `folder` adds one ("" or no such folder: none does).
 *   preferred  the tag that "default" stands for
 *   errors     -ERR_SYNTAX with file and line; -ERR_NOT_FOUND: no such preferred language; -ERR_LIMIT, -ERR_IO */
MUST_USE int languages_load(const char *folder, const char *preferred, struct languages **languages_out,
                            struct err *err);
void languages_free(struct languages **languages);

/* Any language but English? RFC 5255, 3.1: else LANGUAGE is not announced. */
bool languages_has_catalogue(const struct languages *languages);

/* For a language range of a client: the tag itself, else what is left after cutting subtags from its end: "de-CH-1996", "de-CH", "de".
 * "default" is the preferred one. NULL: none. */
const struct language *languages_find(const struct languages *languages, struct str range);
/* The tags of all, i = 0, 1, ... NIL behind the last. */
struct str languages_tag(const struct languages *languages, size_t i);

struct str language_tag(const struct language *language);
/* Append `text` in that language; in English where there is no translation. */
void language_translate(const struct language *language, struct str text, struct buf *out);

#endif
