#include "base/str.h"

struct str str_c(const char *c_string)
{
    return c_string ? (struct str){ c_string, strlen(c_string) } : STR_NIL;
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int r = n ? memcmp(a.p, b.p, n) : 0;
    return r ? r : (a.n > b.n) - (a.n < b.n);
}

int str_cmp_nocase(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++) {
        int x = (unsigned char)ascii_lower(a.p[i]), y = (unsigned char)ascii_lower(b.p[i]);
        if (x != y)
            return x - y;
    }
    return (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_sub(s, 0, prefix.n), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq_nocase(str_sub(s, 0, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

ptrdiff_t str_find_char(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

ptrdiff_t str_rfind_char(struct str s, char c)
{
    const char *at = s.n ? memrchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

/* Sixteen places at once are looked at for the first and the last byte of the needle. memmem() takes three times as long for a few
 * bytes; for many it is linear whatever a text holds, which this is not. */
enum { SHORT_NEEDLE_BYTES = 32, LANES = 16 };

typedef unsigned char lanes __attribute__((vector_size(LANES)));

static lanes load_lanes(const char *p)
{
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

static bool any_lane(lanes v)
{
    uint64_t half[2];
    memcpy(half, &v, sizeof v);
    return (half[0] | half[1]) != 0;
}

static ptrdiff_t find_short(struct str haystack, struct str needle)
{
    lanes first = (lanes){ 0 } + (unsigned char)needle.p[0],
          last = (lanes){ 0 } + (unsigned char)needle.p[needle.n - 1];
    size_t end = haystack.n - needle.n + 1; /* of the places where it may begin: LANES or more */
    for (size_t at = 0; at < end; at += LANES) {
        if (at + LANES > end)
            at = end - LANES; /* some once more */
        lanes both = (lanes)((load_lanes(haystack.p + at) == first) &
                             (load_lanes(haystack.p + at + needle.n - 1) == last));
        if (!any_lane(both))
            continue;
        for (size_t i = 0; i < LANES; i++)
            if (both[i] && memcmp(haystack.p + at + i, needle.p, needle.n) == 0)
                return (ptrdiff_t)(at + i);
    }
    return -1;
}

ptrdiff_t str_find(struct str haystack, struct str needle)
{
    if (needle.n == 0)
        return 0;
    if (haystack.n == 0)
        return -1;
    if (needle.n > 1 && needle.n <= SHORT_NEEDLE_BYTES && haystack.n >= needle.n - 1 + LANES)
        return find_short(haystack, needle);
    const char *at = memmem(haystack.p, haystack.n, needle.p, needle.n);
    return at ? at - haystack.p : -1;
}

struct str str_sub(struct str s, size_t from, size_t n)
{
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return (struct str){ s.p ? s.p + from : NULL, n };
}

struct str str_skip(struct str s, size_t n)
{
    return str_sub(s, n, SIZE_MAX);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_cut(struct str s, char separator, struct str *rest)
{
    ptrdiff_t at = str_find_char(s, separator);
    if (at < 0) {
        *rest = STR_NIL;
        return s;
    }
    *rest = str_skip(s, (size_t)at + 1);
    return str_sub(s, 0, (size_t)at);
}

static bool is_between_words(char c)
{
    return c == ' ' || c == ',';
}

struct str str_next_word(struct str *rest)
{
    size_t from = 0, to;
    while (from < rest->n && is_between_words(rest->p[from]))
        from++;
    for (to = from; to < rest->n && !is_between_words(rest->p[to]);)
        to++;
    struct str word = from < to ? str_sub(*rest, from, to - from) : STR_NIL;
    *rest = str_skip(*rest, to);
    return word;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *value_out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (v > max)
        return false;
    *value_out = v;
    return true;
}

size_t str_edit_distance(struct str a, struct str b)
{
    size_t row[STR_DISTANCE_BYTES_MAX + 1];
    a = str_sub(a, 0, STR_DISTANCE_BYTES_MAX);
    b = str_sub(b, 0, STR_DISTANCE_BYTES_MAX);
    for (size_t k = 0; k <= b.n; k++)
        row[k] = k;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.n; k++) {
            size_t changed = diagonal + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[k - 1]));
            size_t best = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
            diagonal = row[k];
            row[k] = changed < best ? changed : best;
        }
    }
    return row[b.n];
}
