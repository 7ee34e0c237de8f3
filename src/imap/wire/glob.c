#include "imap/wire/glob.h"

/* The pattern is run as a nondeterministic automaton: state i means that pattern bytes before i have matched.
 * The set of states is a bitmap, so each byte of the name costs at most one look at each pattern byte, and
 * usually a few. Every way to the end leads through a later "*", which keeps its state whatever comes: so
 * states before the last "*" that was reached are not looked at. */
enum { WORD_BITS = 64, WORDS = GLOB_PATTERN_BYTES_MAX / WORD_BITS + 1 };

struct states {
    uint64_t bits[WORDS];
    size_t low, high; /* words [low, high) may hold bits */
    size_t star;      /* last "*" among the states; 0: none, or the first byte */
};

static void clear(struct states *s, size_t words)
{
    memset(s->bits, 0, words * sizeof s->bits[0]);
    s->low = WORDS;
    s->high = 0;
    s->star = 0;
}

/* Be in state `at`, and in those that wildcards reach by matching nothing. */
static void enter(struct states *s, struct str pattern, size_t at)
{
    for (;; at++) {
        size_t word = at / WORD_BITS;
        s->bits[word] |= UINT64_C(1) << at % WORD_BITS;
        if (word < s->low)
            s->low = word;
        if (word + 1 > s->high)
            s->high = word + 1;
        if (at == pattern.n || (pattern.p[at] != '*' && pattern.p[at] != '%'))
            return;
        if (pattern.p[at] == '*' && at > s->star)
            s->star = at;
        if (at + 1 <= pattern.n && s->bits[(at + 1) / WORD_BITS] >> (at + 1) % WORD_BITS & 1)
            return; /* was entered before, with all behind it */
    }
}

static void step_one(struct states *next, struct str pattern, size_t at, char c, bool fold, char separator)
{
    if (at == pattern.n)
        return;
    char want = pattern.p[at];
    if (want == '*' || (want == '%' && c != separator))
        enter(next, pattern, at); /* eats the byte and stays */
    else if (want == c || (fold && ascii_lower(want) == ascii_lower(c)))
        enter(next, pattern, at + 1);
}

static void step(const struct states *now, struct states *next, struct str pattern, char c, bool fold,
                 char separator)
{
    size_t first = now->star / WORD_BITS;
    clear(next, pattern.n / WORD_BITS + 1);
    for (size_t word = now->low > first ? now->low : first; word < now->high; word++) {
        uint64_t left = now->bits[word];
        if (word == first)
            left &= UINT64_MAX << now->star % WORD_BITS;
        for (; left; left &= left - 1)
            step_one(next, pattern, word * WORD_BITS + (size_t)__builtin_ctzll(left), c, fold, separator);
    }
}

/* Bytes at the start of `name` that are compared without case:
 * the whole of "INBOX" when that is its first level. */
static size_t folded_prefix(struct str name, char separator)
{
    struct str inbox = STR("INBOX");
    bool is_inbox = str_starts_nocase(name, inbox) && (name.n == inbox.n || name.p[inbox.n] == separator);
    return is_inbox ? inbox.n : 0;
}

/* States after `name`, and after a separator when `below`. False: no state is left, nothing can match. */
static bool run(struct str pattern, struct str name, char separator, bool below, struct states *out)
{
    struct states pair[2];
    size_t fold = folded_prefix(name, separator), n = name.n + (below ? 1 : 0);
    if (pattern.n > GLOB_PATTERN_BYTES_MAX)
        return false;
    clear(&pair[0], pattern.n / WORD_BITS + 1);
    enter(&pair[0], pattern, 0);
    for (size_t i = 0; i < n; i++) {
        char c = i < name.n ? name.p[i] : separator;
        step(&pair[i % 2], &pair[(i + 1) % 2], pattern, c, i < fold, separator);
        if (pair[(i + 1) % 2].high == 0)
            return false;
    }
    const struct states *end = &pair[n % 2];
    memcpy(out->bits, end->bits, (pattern.n / WORD_BITS + 1) * sizeof out->bits[0]);
    out->low = end->low;
    out->high = end->high;
    return true;
}

/* Patterns that are text, with at most one wildcard at their end, are what clients send: 1 matches, 0 not,
 * -1 something else. */
static int match_simple(struct str pattern, struct str name, char separator)
{
    size_t fold = folded_prefix(name, separator), i = 0;
    for (; i < pattern.n && pattern.p[i] != '*' && pattern.p[i] != '%'; i++) {
        if (i == name.n)
            return 0;
        char want = pattern.p[i], c = name.p[i];
        if (want != c && !(i < fold && ascii_lower(want) == ascii_lower(c)))
            return 0;
    }
    if (i == pattern.n)
        return i == name.n;
    if (i + 1 < pattern.n)
        return -1;
    return pattern.p[i] == '*' || str_find_char(str_skip(name, i), separator) < 0;
}

bool glob_match(struct str pattern, struct str name, char separator)
{
    struct states end;
    int simple = match_simple(pattern, name, separator);
    if (simple >= 0)
        return simple && pattern.n <= GLOB_PATTERN_BYTES_MAX;
    return run(pattern, name, separator, false, &end) &&
           (end.bits[pattern.n / WORD_BITS] >> pattern.n % WORD_BITS & 1);
}

bool glob_match_below(struct str pattern, struct str name, char separator)
{
    struct states end;
    if (!run(pattern, name, separator, true, &end))
        return false;
    /* At its end it takes no further byte. */
    end.bits[pattern.n / WORD_BITS] &= ~(UINT64_C(1) << pattern.n % WORD_BITS);
    for (size_t word = end.low; word < end.high; word++)
        if (end.bits[word])
            return true;
    return false;
}
