/* search_index.h: what the search index of an account says of the text keys of a search, for a chunk of messages at a time.
 * It never says "no" of a message that matches: one that is in no segment, or in one that cannot be read, stays open and is scanned.
 * Each key is asked of a segment once, and only when a message in it was left open by its row; the answers are kept, for all mailboxes of
 * the account that a command searches.
 * Threads: one owner. */
#ifndef LOFT_IMAP_CMD_SEARCH_INDEX_H
#define LOFT_IMAP_CMD_SEARCH_INDEX_H

#include "imap/cmd/search_lanes.h"
#include "index/index.h"
#include "index/query.h"

enum {
    SEARCH_INDEX_KEYS_MAX = 256, /* that are asked; messages are scanned for further ones */
    SEARCH_INDEX_ANSWER_BYTES_MAX = 32 * 1024 * 1024, /* the same of answers that are kept */
};

struct search_index;

/*   view       takes
 *   key_count  keys are named by numbers below this */
struct search_index *search_index_new(struct index_view **view, size_t key_count);
void search_index_free(struct search_index **index);

/* What key `key` asks. Does nothing when it has been told, by a program made of the same arguments, or where there are too many.
 */
void search_index_set_key(struct search_index *index, size_t key, struct str needle, unsigned fields,
                          enum index_kind kind);

/* A chunk is at hand: where are its messages `asked`? */
void search_index_find(struct search_index *index, const struct chunk_columns *columns,
                       const struct lanes *asked);
/* Were there any, in this chunk or others, that are in no segment? */
bool search_index_has_missed(const struct search_index *index);
/* Was a segment met, so far, that is damaged or gone? */
bool search_index_is_damaged(const struct search_index *index);

/* Ask one key of one segment that has messages of the chunk, or go on with it: true, and there may be more to ask; or false. */
bool search_index_ask(struct search_index *index);

/* What is known of the messages of the chunk that `verdicts` has open.
 *   is_exact  whoever holds the needle in those fields matches the key; else it comes into question */
void search_index_verdicts(const struct search_index *index, size_t key, bool is_exact,
                           struct lane_verdicts *verdicts);

#endif
