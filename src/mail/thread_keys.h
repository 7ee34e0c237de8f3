/* thread_keys.h: what THREAD needs of a message, taken from its stored meta, and of many of a mailbox, kept in the key cache.
 * Threads: keys of many never change and may be read by any. */
#ifndef LOFT_MAIL_THREAD_KEYS_H
#define LOFT_MAIL_THREAD_KEYS_H

#include "base/collation.h"
#include "mail/key_cache.h"

#include <stdbool.h>

struct thread_key {
    uint64_t id;        /* hash of the Message-ID; 0: none */
    int64_t sent_s;     /* Date, or INTERNALDATE: RFC 5256, 2.2 */
    uint64_t subject;   /* hash of the base subject, by the seed; 0: it is empty */
    uint32_t reference; /* the first of its references, among those of all */
    uint16_t reference_count;
    bool is_reply; /* or forward: RFC 5256, 3, REFERENCES */
};

struct thread_keys {
    struct cached_keys cached;
    uint64_t seed; /* of the hashes of subjects: random, so that no sender can make two of them one */
    uint32_t count;
    const uint32_t *uids; /* ascending */
    const struct thread_key *keys;
    const uint64_t *references;
};

/* Own reference; NULL: there are none, or of many more than the `exists` messages of the mailbox. */
struct thread_keys *thread_keys_find(struct key_cache *cache, uint64_t account, uint64_t mailbox,
                                     uint32_t exists, enum collation collation);
void thread_keys_unref(struct thread_keys **keys);

/* One that is to be added: key->reference is where it begins in `references`. */
struct thread_new_key {
    uint32_t uid;
    const struct thread_key *key;
};

/* Keep `old` (NULL: nothing) with `count` further ones, by uid ascending, none of which `old` knows. */
void thread_keys_keep(struct key_cache *cache, uint64_t account, uint64_t mailbox, enum collation collation,
                      uint64_t seed, const struct thread_keys *old, const struct thread_new_key *more,
                      size_t count, const uint64_t *references);

#endif
