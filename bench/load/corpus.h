/* corpus.h: real messages, from a folder: one a file, also in the folders below. LF becomes CRLF. Left out are those
 * that some servers refuse or mend, so that all get the same and give it back as it was: with NUL, with lines too
 * long, with a header that is not fields in ASCII. RFC 5322, 2.1.1 and 2.2 */
#ifndef LOFT_BENCH_LOAD_CORPUS_H
#define LOFT_BENCH_LOAD_CORPUS_H

#include "base/buf.h"
#include "base/str.h"

struct corpus {
    struct str *messages;
    size_t n;
    struct buf bytes;
};
void corpus_load(struct corpus *c, const char *folder); /* dies when there is none */
void corpus_deinit(struct corpus *c);

/* Append `message` with leading dots doubled. RFC 5321, 4.5.2 */
void corpus_stuff_dots(struct str message, struct buf *out);

#endif
