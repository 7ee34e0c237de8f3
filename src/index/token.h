/* token.h: how texts and needles are cut into the tokens of the search index. Texts are folded (i;unicode-casemap, mime/text.h).
 *
 *   a run of WORD_LETTER (mime/word.h)   one token, or above INDEX_TOKEN_BYTES_MAX bytes windows of that length, one each
 *                                        INDEX_TOKEN_STEP_BYTES: any INDEX_WORD_BYTES_MAX bytes of the run lie within one token
 *   a run of WORD_SCRIPT                 two code points each, overlapping, and the last one alone: any two lie within one token
 *
 * So a needle that is one run, and no longer than that, is in a text exactly when a token of the text holds it as a substring
 * (bytes: UTF-8 is found at its own edges only). Of any other needle the words give what a text must have to hold it.
 * Threads: one owner. */
#ifndef LOFT_INDEX_TOKEN_H
#define LOFT_INDEX_TOKEN_H

#include "mime/word.h"

enum {
    INDEX_TOKEN_BYTES_MAX = 512,
    INDEX_TOKEN_STEP_BYTES = 384,
    INDEX_WORD_BYTES_MAX = INDEX_TOKEN_BYTES_MAX - INDEX_TOKEN_STEP_BYTES +
                           1,     /* of a needle that is answered exactly ... */
    INDEX_SCRIPT_LETTERS_MAX = 2, /* ... and of one in a script without spaces */
};

/* `token` borrows until it returns. The same token may come many times. */
typedef void index_token_fn(void *ctx, struct str token);

/* A text in pieces, cut between code points. */
struct index_tokens {
    index_token_fn *fn;
    void *ctx;
    enum word_class class; /* of the run so far */
    size_t n;              /* bytes of it that are kept: what a token may still begin with */
    char run[INDEX_TOKEN_BYTES_MAX];
};

void index_tokens_begin(struct index_tokens *t, index_token_fn *fn, void *ctx);
void index_tokens_feed(struct index_tokens *t, struct str piece);
void index_tokens_end(struct index_tokens *t); /* of the text; another may be fed at once */

#endif
