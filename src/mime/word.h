/* word.h: which letters make a word, for all that looks for words in texts: FUZZY (mime/fuzzy.h) and the search index (index/token.h).
 * It looks at one letter alone, so that a piece of a text is cut into the same words as the whole.     Threads: none needed. */
#ifndef LOFT_MIME_WORD_H
#define LOFT_MIME_WORD_H

#include "base/str.h"

enum word_class {
    WORD_NONE,   /* spaces, punctuation: between words. Wrong bytes, too */
    WORD_LETTER, /* letters, digits, combining marks, symbols: a word is a run of them */
    WORD_SCRIPT, /* of a script that puts no spaces between words: Han, kana, Thai, Lao, Khmer, Burmese, Tibetan */
};

static inline bool word_is_ascii(unsigned char c)
{
    return (unsigned)(c - '0') < 10 || (unsigned)((c | 0x20) - 'a') < 26;
}

/* A code point of 0x80 or more; WORD_NONE for -1 (utf8_next). */
enum word_class word_class_wide(int32_t code_point);

/* The letter at *p (< end); moves *p behind it. */
enum word_class word_class_next(const char **p, const char *end);

/* The next run of letters of one class from *at on; false at the end. */
bool word_next(struct str text, size_t *at, struct str *word_out, enum word_class *class_out);

#endif
