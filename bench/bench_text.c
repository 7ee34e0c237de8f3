#include "bench_text.h"

#include <assert.h>

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

static void add_words(const struct text *t, unsigned n, size_t bytes, struct buf *out)
{
    size_t from = (size_t)n * 48271 % (t->words.n - bytes - 80);
    struct str line = str_skip(buf_str(&t->words), from);
    buf_add(out, str_sub(line, (size_t)str_find_char(line, '\n') + 1, bytes));
}

static void add_head(unsigned n, bool small, struct buf *out)
{
    buf_printf(out,
               "From: Sender %u <sender%u@example.org>\r\nTo: Anna Example "
               "<anna@example.org>\r\nSubject: " TEXT_SUBJECT "\r\n",
               n % 10, n % 10, n);
    buf_printf(out, "Date: Tue, 4 Mar 2025 10:%02u:%02u +0100\r\nMessage-ID: <%08u.bench@example.org>\r\n",
               n / 60 % 60, n % 60, n);
    if (small)
        return;
    buf_printf(out,
               "Cc: \"Someone Else\" <else@example.org>, list@lists.example.org\r\nReferences: "
               "<%08u.bench@example.org>\r\n"
               "In-Reply-To: <%08u.bench@example.org>\r\n",
               n / 2, n / 2);
    for (unsigned i = 0; i < 3; i++)
        buf_printf(out,
                   "Received: from mx%u.example.org (mx%u.example.org [192.0.2.%u])\r\n\tby mail.example.org "
                   "with ESMTPS id %08x\r\n"
                   "\tfor <anna@example.org>; Tue, 4 Mar 2025 10:00:0%u +0100\r\n",
                   i, i, i, n * 2654435761u, i);
    buf_add_lit(out,
                "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;\r\n"
                "\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
                "\tb=dGhpcyBpcyBub3QgYSBzaWduYXR1cmUsIGJ1dCBpdCBpcyBhcyBsb25nIGFzIG9uZSB3b3VsZCBiZS4=\r\n");
}

void text_message(const struct text *t, unsigned n, unsigned bytes, struct buf *out)
{
    static const char middle[] =
        "\r\n--next\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>";
    static const char end[] = "</p></body></html>\r\n--next--\r\n";
    size_t begin = out->n;
    bool small = bytes < 1500;
    add_head(n, small, out);
    if (small) {
        buf_add_lit(out, "\r\n");
        add_words(t, n, begin + bytes - 2 - out->n, out);
        buf_add_lit(out, "\r\n");
    } else {
        buf_add_lit(
            out, "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=next\r\n\r\n--next\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\n\r\n");
        size_t left = begin + bytes - out->n - (sizeof middle - 1) - (sizeof end - 1);
        add_words(t, n, left / 3, out);
        buf_add_bytes(out, middle, sizeof middle - 1);
        add_words(t, n, left - left / 3, out);
        buf_add_bytes(out, end, sizeof end - 1);
    }
    assert(out->n - begin == bytes);
}
