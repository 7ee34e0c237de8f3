/* fuzzy.h: how well a text answers what a person typed: SEARCH FUZZY.     RFC 6203
 * Texts are folded (utf8_fold); words are runs of letters of one class (mime/word.h). The score of a text, 0 to 100:
 *
 *   100  it holds what was typed, as whole words
 *    90  it holds what was typed, within longer words
 *   else the mean of the words that were typed, in any order, less a fifth:
 *        100 a word of the text, 80 a part of a word, 50 a word of the text but for one letter (FUZZY_TYPO_LETTERS_MIN letters and more:
 *        one more, less, other, or two that are exchanged)
 *     0  one of them is missing
 *
 * So whatever holds the needle has a score; nothing that an exact search finds is lost. Work grows with the text times the words.
 * Threads: one owner. */
#ifndef LOFT_MIME_FUZZY_H
#define LOFT_MIME_FUZZY_H

#include "base/str.h"

enum {
    FUZZY_WORDS_MAX = 16, /* of a needle; further ones only count where all of it is found */
    FUZZY_TYPO_LETTERS_MIN = 4,
    FUZZY_SCORE_MAX = 100,
};

struct fuzzy_word {
    struct str text;
    size_t letters;
    unsigned best; /* so far */
};

struct fuzzy {
    struct str needle;
    struct fuzzy_word words[FUZZY_WORDS_MAX];
    unsigned word_count;
    unsigned whole; /* score of the whole needle so far */
};

/* `needle` is folded and borrowed as long as the struct is used. */
void fuzzy_init(struct fuzzy *f, struct str needle);

/* How many bytes of a piece the next one must begin with, so that nothing is cut. */
size_t fuzzy_overlap(const struct fuzzy *f);

/* Do two words differ by one letter at most, or by two neighbours that are exchanged? */
bool fuzzy_is_near(struct str a, struct str b);

/* A text begins; its pieces; its score. fuzzy_feed answers true when the score cannot get better. */
void fuzzy_begin(struct fuzzy *f);
bool fuzzy_feed(struct fuzzy *f, struct str piece);
unsigned fuzzy_score(const struct fuzzy *f);

#endif
