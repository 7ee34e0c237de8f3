#include "mime/fuzzy.h"

#include "mime/word.h"

#include <string.h>

enum {
    WHOLE_WORDS = 100,
    WITHIN_WORDS = 90,
    WORD = 100,
    PART_OF_WORD = 80,
    WORD_WITH_TYPO = 50,
    WORDS_PERCENT = 80, /* of the mean, where they do not stand as they were typed */
    LETTER_BYTES_MAX = 4,
};

static bool is_letter(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0x80 || (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z');
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t count_letters(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += !is_continuation(s.p[i]);
    return count;
}

void fuzzy_init(struct fuzzy *f, struct str needle)
{
    struct str word;
    enum word_class class;
    size_t at = 0;
    *f = (struct fuzzy){ .needle = needle };
    while (f->word_count < FUZZY_WORDS_MAX && word_next(needle, &at, &word, &class))
        f->words[f->word_count++] = (struct fuzzy_word){ .text = word, .letters = count_letters(word) };
}

size_t fuzzy_overlap(const struct fuzzy *f)
{
    return f->needle.n + 2 * LETTER_BYTES_MAX; /* and the letters on either side */
}

void fuzzy_begin(struct fuzzy *f)
{
    f->whole = 0;
    for (unsigned i = 0; i < f->word_count; i++)
        f->words[i].best = 0;
}

/* ---- one letter ---- */

static bool exchanged(struct str a, struct str b)
{
    return a.n == 2 && b.n == 2 && a.p[0] == b.p[1] && a.p[1] == b.p[0];
}

bool fuzzy_is_near(struct str a, struct str b)
{
    size_t shorter = a.n < b.n ? a.n : b.n, head = 0, tail = 0;
    if (a.n + LETTER_BYTES_MAX < b.n || b.n + LETTER_BYTES_MAX < a.n)
        return false;
    while (head < shorter && a.p[head] == b.p[head])
        head++;
    while (head > 0 &&
           ((head < a.n && is_continuation(a.p[head])) || (head < b.n && is_continuation(b.p[head]))))
        head--;
    while (tail < shorter - head && a.p[a.n - 1 - tail] == b.p[b.n - 1 - tail])
        tail++;
    while (tail > 0 && is_continuation(a.p[a.n - tail]))
        tail--;
    a = str_sub(a, head, a.n - head - tail);
    b = str_sub(b, head, b.n - head - tail);
    return (count_letters(a) <= 1 && count_letters(b) <= 1) || exchanged(a, b);
}

/* ---- a piece ---- */

/* Does `needle` stand at whole words somewhere: 2; only within words: 1; not at all: 0. */
static unsigned stands(struct str text, struct str needle)
{
    unsigned best = 0;
    for (size_t from = 0; best < 2;) {
        ptrdiff_t found = str_find(str_skip(text, from), needle);
        if (found < 0)
            break;
        size_t at = from + (size_t)found, end = at + needle.n;
        bool starts = at == 0 || !is_letter(text.p[at - 1]) || !is_letter(needle.p[0]);
        bool ends = end == text.n || !is_letter(text.p[end]) || !is_letter(needle.p[needle.n - 1]);
        best = starts && ends ? 2 : 1;
        from = at + 1;
    }
    return best;
}

static void raise(unsigned *best, unsigned score)
{
    if (score > *best)
        *best = score;
}

static void look_for_typos(struct fuzzy *f, struct str piece)
{
    struct str word;
    enum word_class class;
    for (size_t at = 0; word_next(piece, &at, &word, &class);)
        for (unsigned i = 0; i < f->word_count; i++)
            if (f->words[i].best == 0 && f->words[i].letters >= FUZZY_TYPO_LETTERS_MIN &&
                fuzzy_is_near(f->words[i].text, word))
                f->words[i].best = WORD_WITH_TYPO;
}

bool fuzzy_feed(struct fuzzy *f, struct str piece)
{
    static const unsigned whole[] = { 0, WITHIN_WORDS, WHOLE_WORDS }, words[] = { 0, PART_OF_WORD, WORD };
    bool missing = false;
    if (f->needle.n == 0)
        f->whole = WHOLE_WORDS;
    else
        raise(&f->whole, whole[stands(piece, f->needle)]);
    if (f->whole)
        return f->whole == WHOLE_WORDS;
    for (unsigned i = 0; i < f->word_count; i++) {
        if (f->words[i].best < WORD)
            raise(&f->words[i].best, words[stands(piece, f->words[i].text)]);
        missing = missing || f->words[i].best == 0;
    }
    if (missing)
        look_for_typos(f, piece);
    return false;
}

unsigned fuzzy_score(const struct fuzzy *f)
{
    unsigned sum = 0;
    if (f->whole || f->word_count == 0)
        return f->whole;
    for (unsigned i = 0; i < f->word_count; i++) {
        if (f->words[i].best == 0)
            return 0;
        sum += f->words[i].best;
    }
    return sum * WORDS_PERCENT / (100 * f->word_count);
}
