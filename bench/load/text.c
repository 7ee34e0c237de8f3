#include "load/text.h"

#include <assert.h>
#include <time.h>

enum { WORDS = 3000, POOL_BYTES = 8 << 20 };

void text_init(struct text *t)
{
    static const char letters[] = "etaoinshrdlucmfwypvbgkeaoin";
    static char words[WORDS][12];
    uint64_t random = 88172645463325252u;
    t->words = BUF_INIT;
    for (unsigned i = 0; i < WORDS; i++) {
        unsigned length = 2 + i % 8;
        for (unsigned k = 0; k < length; k++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            words[i][k] = letters[random % (sizeof letters - 1)];
        }
    }
    for (unsigned column = 0; t->words.n < POOL_BYTES;) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        unsigned pick = (unsigned)(random % WORDS) * (unsigned)(random >> 32 & 0xffff) /
                        0x10000; /* some words come often */
        struct str word = str_c(words[pick]);
        buf_add(&t->words, word);
        column += (unsigned)word.n + 1;
        if (column > 66) {
            buf_add_lit(&t->words, "\r\n");
            column = 0;
        } else {
            buf_add_char(&t->words, ' ');
        }
    }
}

void text_deinit(struct text *t)
{
    buf_deinit(&t->words);
}

/* ---- what a message is ---- */

unsigned text_topic(unsigned n)
{
    return (n - 1) / TEXT_THREAD;
}

unsigned text_parent(unsigned n)
{
    unsigned first = text_topic(n) * TEXT_THREAD + 1, index = n - first;
    return index ? first + index / 2 : 0;
}

int64_t text_date_s(unsigned n)
{
    return 1735689600 + (int64_t)((uint64_t)n * 7919 % 1000003) * 31; /* within 2025 */
}

static void add_date(unsigned n, const char *format, struct buf *out)
{
    char date[64];
    struct tm tm;
    time_t t = (time_t)text_date_s(n);
    gmtime_r(&t, &tm);
    strftime(date, sizeof date, format, &tm);
    buf_add(out, str_c(date));
}

void text_internal_date(unsigned n, struct buf *out)
{
    add_date(n, "%e-%b-%Y %H:%M:%S +0000", out);
}

bool text_is_seen(unsigned n)
{
    return n % 5 != 0;
}

bool text_is_flagged(unsigned n)
{
    return n % 10 == 0;
}

const char *text_word(enum text_word word)
{
    /* j, q, x and z are not among the letters of the other words. */
    static const char *const words[] = { "marzipan", "jubilee", "jet", "quixotry" };
    return words[word];
}

static bool has_three_inside(unsigned n)
{
    return n % 100 == 25;
}

bool text_has_word(unsigned n, enum text_word word)
{
    switch (word) {
    case TEXT_RARE:
        return n == 7 || n == 333 || n == 777;
    case TEXT_COMMON:
        return n % 6 != 0;
    case TEXT_THREE:
        return n % 100 == 50 || has_three_inside(n);
    default:
        return false;
    }
}

/* ---- writing it ---- */

static void add_some(const struct text *t, unsigned n, size_t bytes, struct buf *out)
{
    size_t from = (size_t)n * 48271 % (t->words.n - bytes - 80);
    struct str line = str_skip(buf_str(&t->words), from);
    buf_add(out, str_sub(line, (size_t)str_find_char(line, '\n') + 1, bytes));
    if (str_ends(buf_str(out), STR("\r"))) /* cut in the middle of a CRLF: no mail has a CR alone */
        out->p[out->n - 1] = 'e';
}

/* `bytes` of words, the marked ones in the middle. */
static void add_words(const struct text *t, unsigned n, size_t bytes, struct buf *out)
{
    size_t begin = out->n;
    add_some(t, n, bytes / 2, out);
    buf_add_lit(out, "\r\n");
    if (text_has_word(n, TEXT_COMMON))
        buf_printf(out, "the %s of it ", text_word(TEXT_COMMON));
    if (text_has_word(n, TEXT_RARE))
        buf_printf(out, "all %s ", text_word(TEXT_RARE));
    if (text_has_word(n, TEXT_THREE))
        buf_printf(out, "and %s%s as well", has_three_inside(n) ? "turbo" : "", text_word(TEXT_THREE));
    buf_add_lit(out, "\r\n");
    size_t have = out->n - begin;
    add_some(t, n + 1, bytes - have, out);
}

static void add_head(unsigned n, bool small, struct buf *out)
{
    unsigned parent = text_parent(n);
    buf_printf(out, "From: Sender %u <" TEXT_SENDER ">\r\nTo: Anna Example <anna@example.org>\r\n",
               n % TEXT_SENDERS, n % TEXT_SENDERS);
    buf_printf(out, "Subject: " TEXT_SUBJECT "\r\nDate: ", n, text_topic(n));
    add_date(n, "%a, %d %b %Y %H:%M:%S +0000", out);
    buf_printf(out, "\r\nMessage-ID: " TEXT_MESSAGE_ID "\r\n", n);
    if (small)
        return;
    buf_add_lit(out, "Cc: \"Someone Else\" <else@example.org>, list@lists.example.org\r\n");
    if (parent)
        buf_printf(out,
                   "References: " TEXT_MESSAGE_ID " " TEXT_MESSAGE_ID "\r\nIn-Reply-To: " TEXT_MESSAGE_ID
                   "\r\n",
                   text_topic(n) * TEXT_THREAD + 1, parent, parent);
    for (unsigned i = 0; i < 3; i++)
        buf_printf(out,
                   "Received: from mx%u.example.org (mx%u.example.org [192.0.2.%u])\r\n\tby mail.example.org "
                   "with ESMTPS id %08x\r\n"
                   "\tfor <anna@example.org>; Tue, 4 Mar 2025 10:00:0%u +0000\r\n",
                   i, i, i, n * 2654435761u, i);
    buf_add_lit(out,
                "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;\r\n"
                "\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
                "\tb=dGhpcyBpcyBub3QgYSBzaWduYXR1cmUsIGJ1dCBpdCBpcyBhcyBsb25nIGFzIG9uZSB3b3VsZCBiZS4=\r\n");
}

static void add_small(const struct text *t, unsigned n, size_t end, struct buf *out)
{
    add_head(n, true, out);
    buf_add_lit(out, "\r\n");
    add_some(t, n, end - 2 - out->n, out);
    buf_add_lit(out, "\r\n");
}

void text_message(const struct text *t, unsigned n, unsigned bytes, struct buf *out)
{
    static const char middle[] =
        "\r\n--next\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>";
    static const char end[] = "</p></body></html>\r\n--next--\r\n";
    size_t begin = out->n;
    if (bytes < TEXT_BYTES_MIN) {
        add_small(t, n, begin + bytes, out);
        return;
    }
    add_head(n, false, out);
    buf_add_lit(out,
                "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=next\r\n\r\n--next\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n\r\n");
    size_t left = begin + bytes - out->n - (sizeof middle - 1) - (sizeof end - 1);
    add_words(t, n, left / 3, out);
    buf_add_bytes(out, middle, sizeof middle - 1);
    add_words(t, n, left - left / 3, out);
    buf_add_bytes(out, end, sizeof end - 1);
    assert(out->n - begin == bytes);
}
