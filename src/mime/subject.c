#include "mime/subject.h"

#include "base/utf8.h"
#include "mime/encoded_word.h"

enum { SUBJECT_BYTES_MAX = 2048 }; /* that are looked at: bounds the work on "[a][a][a]..." */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct str trim_left(struct str s)
{
    while (s.n && is_space(s.p[0]))
        s = str_skip(s, 1);
    return s;
}

/* (1) tabs and continuations become spaces, several become one. */
static void squeeze(struct buf *b)
{
    size_t to = 0;
    for (size_t i = 0; i < b->n; i++) {
        bool space = is_space(b->p[i]);
        if (!space || (to && b->p[to - 1] != ' '))
            b->p[to++] = space ? ' ' : b->p[i];
    }
    b->n = to;
}

/* (2) subj-trailer = "(fwd)" / WSP */
static struct str without_trailers(struct str s, bool *changed)
{
    for (;;) {
        if (s.n && is_space(s.p[s.n - 1])) {
            s.n--;
        } else if (s.n >= 5 && str_eq_nocase(str_skip(s, s.n - 5), STR("(fwd)"))) {
            s.n -= 5;
            *changed = true;
        } else {
            return s;
        }
    }
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP. Bytes of the one at the start, 0 when there is none. */
static size_t blob_length(struct str s)
{
    if (s.n == 0 || s.p[0] != '[')
        return 0;
    for (size_t i = 1; i < s.n && s.p[i] != '['; i++)
        if (s.p[i] == ']')
            return s.n - trim_left(str_skip(s, i + 1)).n;
    return 0;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static size_t refwd_length(struct str s)
{
    static const struct str words[] = { STR_INIT("re"), STR_INIT("fwd"), STR_INIT("fw") };
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (!str_starts_nocase(s, words[i]))
            continue;
        struct str rest = trim_left(str_skip(s, words[i].n));
        rest = str_skip(rest, blob_length(rest));
        if (rest.n && rest.p[0] == ':')
            return s.n - rest.n + 1;
    }
    return 0;
}

/* (3) subj-leader = (*subj-blob subj-refwd) / WSP */
static struct str without_leaders(struct str s, bool *changed)
{
    for (;;) {
        struct str rest = trim_left(s);
        for (size_t n; (n = blob_length(rest)) > 0;)
            rest = str_skip(rest, n);
        size_t n = refwd_length(rest);
        if (n == 0)
            return trim_left(s);
        s = str_skip(rest, n);
        *changed = true;
    }
}

void subject_base_text(struct str raw, struct charset_cache *cache, struct buf *out, bool *is_reply_out)
{
    struct buf text = BUF_INIT;
    bool changed = false;

    encoded_word_decode(str_sub(raw, 0, SUBJECT_BYTES_MAX), cache, &text);
    squeeze(&text);
    struct str s = buf_str(&text);
    for (bool again = true; again;) {
        s = without_trailers(s, &changed);
        for (bool more = true; more;) { /* (3) to (5) */
            s = without_leaders(s, &changed);
            size_t n = blob_length(s);
            more = n > 0 && n < s.n;
            if (more)
                s = str_skip(s, n);
        }
        again = str_starts_nocase(s, STR("[fwd:")) && s.p[s.n - 1] == ']'; /* (6) */
        if (again) {
            s = str_sub(s, 5, s.n - 6);
            changed = true;
        }
    }
    buf_add(out, s);
    if (is_reply_out)
        *is_reply_out = changed;
    buf_deinit(&text);
}

void subject_base(struct str raw, struct charset_cache *cache, struct buf *out, bool *is_reply_out)
{
    struct buf text = BUF_INIT;
    subject_base_text(raw, cache, &text, is_reply_out);
    utf8_fold(buf_str(&text), out);
    buf_deinit(&text);
}
