/* testing_index.h: texts as hostile as mail, and what a plain search finds in them: for tests of the index. */
#ifndef LOFT_INDEX_TESTING_INDEX_H
#define LOFT_INDEX_TESTING_INDEX_H

#include "base/buf.h"
#include "base/rand.h"
#include "index/builder.h"
#include "index/query.h"

enum { TESTING_TEXTS_MAX = 6 };

/* A document: some texts, each of a field. */
struct testing_document {
    struct blob_id blob;
    bool is_partial;
    unsigned count;
    struct buf texts[TESTING_TEXTS_MAX];
    enum index_field fields[TESTING_TEXTS_MAX];
};

struct testing_documents {
    struct testing_document *documents;
    uint32_t count;
};

/* `count` documents of about `bytes`; ids rise by 1 to 3 from `first` on. */
void testing_documents_init(struct testing_documents *d, struct rand_source *source, uint32_t count,
                            size_t bytes, uint64_t first);
void testing_documents_deinit(struct testing_documents *d);

/* Append the segment of documents [from, to), fed in random pieces; those that `keep` (may be NULL) does not want are left out. */
void testing_build(const struct testing_documents *d, uint32_t from, uint32_t to, struct rand_source *source,
                   bool (*keep)(void *ctx, struct blob_id blob), struct buf *out);

/* A piece of some text, or one that is nearly so, or a word of the alphabet of texts. */
void testing_needle(const struct testing_documents *d, struct rand_source *source, struct buf *out);

/* Does the document hold it? */
bool testing_holds(const struct testing_document *document, struct str needle, unsigned fields);
const struct testing_document *testing_find(const struct testing_documents *d, struct blob_id blob);

/* A word of random letters, of any kind of garbage. */
void testing_add_word(struct rand_source *source, struct buf *out);

#endif
