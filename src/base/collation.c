#include "base/collation.h"

#include "base/utf8.h"

static const struct str names[COLLATION_COUNT] = {
    [COLLATION_UNICODE_CASEMAP] = STR_INIT("i;unicode-casemap"),
    [COLLATION_ASCII_CASEMAP] = STR_INIT("i;ascii-casemap"),
    [COLLATION_ASCII_NUMERIC] = STR_INIT("i;ascii-numeric"),
    [COLLATION_OCTET] = STR_INIT("i;octet"),
};

struct str collation_name(enum collation collation)
{
    return names[collation];
}

/* "*" stands for any characters, none too. Greedy from the left: stars are few and names are short. */
bool collation_matches(enum collation collation, struct str wild)
{
    struct str name = names[collation];
    size_t i = 0, k = 0, star = SIZE_MAX, resume = 0;
    if (wild.n > COLLATION_NAME_BYTES_MAX)
        return false;
    while (i < name.n) {
        if (k < wild.n && wild.p[k] == '*') {
            star = k++;
            resume = i;
        } else if (k < wild.n && ascii_lower(wild.p[k]) == name.p[i]) {
            k++;
            i++;
        } else if (star != SIZE_MAX) {
            k = star + 1;
            i = ++resume;
        } else {
            return false;
        }
    }
    while (k < wild.n && wild.p[k] == '*')
        k++;
    return k == wild.n;
}

static void add_upper(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++)
        buf_add_char(out, ascii_upper(text.p[i]));
}

/* The count of digits in front of them, so that longer numbers are greater; what is no number is infinite. */
static void add_number(struct str text, struct buf *out)
{
    size_t zeros = 0, n = 0;
    while (n < text.n && ascii_is_digit(text.p[n]))
        n++;
    while (zeros + 1 < n && text.p[zeros] == '0')
        zeros++;
    if (n == 0) {
        buf_add_char(out, '\xff');
        return;
    }
    n -= zeros;
    for (int shift = 24; shift >= 0; shift -= 8) /* below 0xff: no text is that long */
        buf_add_char(out, (char)(n >> shift));
    buf_add(out, str_sub(text, zeros, n));
}

void collation_fold(enum collation collation, struct str text, struct buf *out)
{
    switch (collation) {
    case COLLATION_UNICODE_CASEMAP:
        utf8_fold(text, out);
        break;
    case COLLATION_ASCII_CASEMAP:
        add_upper(text, out);
        break;
    default:
        buf_add(out, text);
        break;
    }
}

void collation_key(enum collation collation, struct str text, struct buf *out)
{
    if (collation == COLLATION_ASCII_NUMERIC)
        add_number(text, out);
    else
        collation_fold(collation, text, out);
}
