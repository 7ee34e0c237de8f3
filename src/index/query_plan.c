#include "base/utf8.h"
#include "index/layout.h"
#include "index/query_private.h"
#include "mime/fuzzy.h"

#include <stdlib.h>

static struct query_term *add_term(struct index_query *q)
{
    return q->term_count < QUERY_TERMS_MAX ? &q->terms[q->term_count++]
                                           : NULL; /* without the rest there are more candidates */
}

/* `bytes` with an edge in front, or behind. */
static void add_pattern(struct index_query *q, struct query_term *term, bool front, struct str bytes,
                        bool behind, struct str near)
{
    static const char edge[] = { LAYOUT_EDGE, '\0' };
    if (term)
        term->patterns[term->count++] = (struct query_pattern){
            arena_printf(&q->arena, "%s" STR_FMT "%s", front ? edge : "", STR_ARG(bytes), behind ? edge : ""),
            near
        };
}

static void add_simple(struct index_query *q, bool front, struct str bytes, bool behind)
{
    add_pattern(q, add_term(q), front, bytes, behind, STR_NIL);
}

/* A word of the needle. `front`: in the text a word begins where this one does; `behind`: ends. */
static void plan_letters(struct index_query *q, struct str word, bool front, bool behind)
{
    if (word.n <= INDEX_WORD_BYTES_MAX) {
        add_simple(q, front, word, behind);
        return;
    }
    add_simple(q, front, str_sub(word, 0, INDEX_WORD_BYTES_MAX), false);
    for (size_t at = INDEX_WORD_BYTES_MAX; at + INDEX_WORD_BYTES_MAX < word.n; at += INDEX_WORD_BYTES_MAX)
        add_simple(q, false, str_sub(word, at, INDEX_WORD_BYTES_MAX), false);
    add_simple(q, false, str_skip(word, word.n - INDEX_WORD_BYTES_MAX), behind);
}

static size_t letter_bytes(struct str s)
{
    size_t n = 1;
    while (n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static size_t letter_count(struct str s)
{
    size_t count = 0;
    for (; s.n > 0; count++)
        s = str_skip(s, letter_bytes(s));
    return count;
}

static struct str letters(struct str s, size_t from, size_t count)
{
    size_t n = 0;
    for (; from > 0; from--)
        s = str_skip(s, letter_bytes(s));
    for (; count > 0; count--)
        n += letter_bytes(str_skip(s, n));
    return str_sub(s, 0, n);
}

static void plan_script(struct index_query *q, struct str word, bool front, bool behind)
{
    size_t count = letter_count(word);
    if (count == 1)
        add_simple(q, front || behind, word, behind); /* the last letter of a run is a token of its own */
    for (size_t i = 0; i + 1 < count; i++)
        add_simple(q, true, letters(word, i, 2), true);
    if (count > 1 && behind)
        add_simple(q, true, letters(word, count - 1, 1), true);
}

/* ---- exact ---- */

static void plan_exact(struct index_query *q, struct str needle, bool is_whole)
{
    struct str word;
    enum word_class class;
    size_t at = 0;
    q->is_exact = is_whole;
    while (word_next(needle, &at, &word, &class)) {
        size_t from = at - word.n;
        bool front = from > 0, behind = at < needle.n || !is_whole;
        if (front || behind || word.n > INDEX_WORD_BYTES_MAX ||
            (class == WORD_SCRIPT && letter_count(word) > INDEX_SCRIPT_LETTERS_MAX))
            q->is_exact = false;
        if (at == needle.n && !is_whole) /* what follows is not known */
            behind = false;
        if (class == WORD_SCRIPT)
            plan_script(q, word, front, behind);
        else
            plan_letters(q, word, front, behind);
    }
    q->is_exact = q->is_exact && q->term_count == 1;
}

/* ---- fuzzy: of each word the text has it, within a word perhaps, or one that is near ---- */

/* One letter more, less or other is in one half of a word; the other half stands. Two that are exchanged are in one half, too,
 * or else they are those that meet: so the whole word is known. */
static void plan_near(struct index_query *q, struct query_term *term, struct str word, size_t count,
                      enum word_class class)
{
    size_t half = count / 2;
    struct str swapped = arena_printf(&q->arena, STR_FMT STR_FMT STR_FMT STR_FMT,
                                      STR_ARG(letters(word, 0, half - 1)), STR_ARG(letters(word, half, 1)),
                                      STR_ARG(letters(word, half - 1, 1)),
                                      STR_ARG(letters(word, half + 1, count - half - 1)));
    if (class == WORD_SCRIPT) { /* two letters of each */
        add_pattern(q, term, true, letters(word, 0, 2), true, STR_NIL);
        add_pattern(q, term, true, letters(word, count - 2, 2), true, STR_NIL);
        add_pattern(q, term, true, letters(swapped, half - 1, 2), true, STR_NIL);
        return;
    }
    add_pattern(q, term, false, word, false, STR_NIL);
    add_pattern(q, term, true, letters(word, 0, half), false, word);
    add_pattern(q, term, false, letters(word, half, count - half), true, word);
    add_pattern(q, term, true, swapped, true, STR_NIL);
}

static void plan_fuzzy(struct index_query *q, struct str needle)
{
    struct str word;
    enum word_class class;
    size_t at = 0;
    for (unsigned i = 0; i < FUZZY_WORDS_MAX && word_next(needle, &at, &word, &class); i++) {
        size_t count = letter_count(word);
        if (word.n > INDEX_WORD_BYTES_MAX)
            continue;
        if (count >= FUZZY_TYPO_LETTERS_MIN)
            plan_near(q, add_term(q), word, count, class);
        else if (class == WORD_SCRIPT)
            plan_script(q, word, false, false);
        else
            plan_letters(q, word, false, false);
    }
}

/* ---- */

/* Long words are rare, and when few documents are left the others need little. */
static int compare_terms(const void *a, const void *b)
{
    size_t x = ((const struct query_term *)a)->patterns[0].bytes.n,
           y = ((const struct query_term *)b)->patterns[0].bytes.n;
    return x == y ? 0 : x > y ? -1 : 1;
}

struct index_query *index_query_new(struct str needle, unsigned fields, enum index_kind kind)
{
    struct index_query *q = calloc(1, sizeof *q);
    if (!q)
        abort();
    q->fields = fields & INDEX_ANY;
    struct str known = utf8_prefix(needle, INDEX_NEEDLE_BYTES_MAX), copy = arena_dup(&q->arena, known);
    if (needle.n > 0 && utf8_is_valid(needle) && str_find_char(needle, '\0') < 0) {
        if (kind == INDEX_EXACT)
            plan_exact(q, copy, known.n == needle.n);
        else
            plan_fuzzy(q, copy);
    }
    qsort(q->terms, q->term_count, sizeof *q->terms, compare_terms);
    return q;
}

void index_query_free(struct index_query **query)
{
    if (!*query)
        return;
    arena_deinit(&(*query)->arena);
    free(*query);
    *query = NULL;
}

bool index_query_is_exact(const struct index_query *query)
{
    return query->is_exact;
}
