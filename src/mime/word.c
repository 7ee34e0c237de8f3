#include "mime/word.h"

#include "base/utf8.h"

/* Ranges of code points from 0x80 on that are not WORD_LETTER, ascending. What compatibility folding changes (no-break space, wide
 * punctuation ...) is here all the same: texts of other collations are not folded that far. */
static const struct word_range {
    int32_t first, last;
    enum word_class class;
} ranges[] = {
    { 0x80, 0xa9, WORD_NONE },         { 0xab, 0xb1, WORD_NONE },
    { 0xb4, 0xb4, WORD_NONE },         { 0xb6, 0xb8, WORD_NONE },
    { 0xbb, 0xbb, WORD_NONE },         { 0xbf, 0xbf, WORD_NONE },
    { 0xd7, 0xd7, WORD_NONE },         { 0xf7, 0xf7, WORD_NONE },
    { 0xe00, 0xfff, WORD_SCRIPT },                                      /* Thai, Lao, Tibetan */
    { 0x1000, 0x109f, WORD_SCRIPT },                                    /* Burmese */
    { 0x1680, 0x1680, WORD_NONE },                                      /* Ogham space */
    { 0x1780, 0x17ff, WORD_SCRIPT },                                    /* Khmer */
    { 0x1950, 0x1aaf, WORD_SCRIPT },                                    /* Tai Le, New Tai Lue, Tai Tham */
    { 0x2000, 0x206f, WORD_NONE },                                      /* general punctuation */
    { 0x2e00, 0x2e7f, WORD_NONE },     { 0x2e80, 0x2fff, WORD_SCRIPT }, /* radicals */
    { 0x3000, 0x3004, WORD_NONE },     { 0x3005, 0x3007, WORD_SCRIPT },
    { 0x3008, 0x3020, WORD_NONE },     { 0x3021, 0x3029, WORD_SCRIPT },
    { 0x3030, 0x3030, WORD_NONE },     { 0x3031, 0x303c, WORD_SCRIPT },
    { 0x303d, 0x303f, WORD_NONE },     { 0x3040, 0x312f, WORD_SCRIPT }, /* kana, bopomofo */
    { 0x31a0, 0x4dbf, WORD_SCRIPT },   { 0x4e00, 0x9fff, WORD_SCRIPT },
    { 0xaa60, 0xaadf, WORD_SCRIPT }, /* Burmese, Tai Viet */
    { 0xf900, 0xfaff, WORD_SCRIPT },   { 0xfe30, 0xfe6f, WORD_NONE },
    { 0xfeff, 0xfeff, WORD_NONE },     { 0xff00, 0xff0f, WORD_NONE },
    { 0xff1a, 0xff20, WORD_NONE },     { 0xff5b, 0xff65, WORD_NONE },
    { 0xff66, 0xff9f, WORD_SCRIPT },   { 0x1b000, 0x1b16f, WORD_SCRIPT },
    { 0x20000, 0x3ffff, WORD_SCRIPT },
};

enum word_class word_class_wide(int32_t code_point)
{
    size_t low = 0, high = ARRAY_COUNT(ranges);
    if (code_point < 0)
        return WORD_NONE;
    if (code_point >= 0x100 && code_point < 0xe00) /* most */
        return WORD_LETTER;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].last < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ARRAY_COUNT(ranges) && ranges[low].first <= code_point ? ranges[low].class : WORD_LETTER;
}

enum word_class word_class_next(const char **p, const char *end)
{
    unsigned char c = (unsigned char)**p;
    if (c >= 0x80)
        return word_class_wide(utf8_next(p, end));
    ++*p;
    return word_is_ascii(c) ? WORD_LETTER : WORD_NONE;
}

bool word_next(struct str text, size_t *at, struct str *word_out, enum word_class *class_out)
{
    const char *p = text.p + *at, *end = str_end(text), *from = p;
    enum word_class class = WORD_NONE;
    while (p < end) {
        const char *next = p;
        enum word_class this = word_class_next(&next, end);
        if (class != WORD_NONE && this != class)
            break;
        if (class == WORD_NONE)
            from = p;
        class = this;
        p = next;
    }
    *at = (size_t)(p - text.p);
    *word_out = str_make(from, (size_t)(p - from));
    *class_out = class;
    return class != WORD_NONE;
}
