#include "store/rocks/places.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LOCKS = 64 };

struct entry {
    uint64_t account, id;
    uint64_t cleared; /* of struct places, when it was kept */
    struct place place;
};

struct places {
    _Atomic uint64_t changes; /* how often something was forgotten */
    _Atomic uint64_t cleared; /* how often all was, and 1 */
    pthread_mutex_t locks[LOCKS];
    struct entry *entries;
};

struct places *places_new(void)
{
    struct places *p = calloc(1, sizeof *p);
    if (p)
        p->entries = calloc(PLACES_MAX, sizeof *p->entries);
    if (!p || !p->entries)
        abort();
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&p->locks[i], NULL);
    atomic_store(&p->cleared, 1);
    return p;
}

void places_free(struct places **places)
{
    struct places *p = *places;
    if (!p)
        return;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&p->locks[i]);
    free(p->entries);
    free(p);
    *places = NULL;
}

/* Blobs of a mailbox have ids side by side, and find room side by side. */
static size_t entry_of(struct account_id account, struct blob_id id)
{
    return (account.n * UINT64_C(0x9e3779b97f4a7c15) + id.n) % PLACES_MAX;
}

static bool is_of(const struct places *p, const struct entry *e, struct account_id account, struct blob_id id)
{
    return e->cleared == atomic_load(&p->cleared) && e->account == account.n && e->id == id.n;
}

bool places_find(struct places *p, struct account_id account, struct blob_id id, struct place *place_out)
{
    size_t at = entry_of(account, id);
    pthread_mutex_lock(&p->locks[at % LOCKS]);
    bool found = is_of(p, &p->entries[at], account, id);
    if (found)
        *place_out = p->entries[at].place;
    pthread_mutex_unlock(&p->locks[at % LOCKS]);
    return found;
}

uint64_t places_moment(const struct places *p)
{
    return atomic_load(&p->changes);
}

void places_keep(struct places *p, uint64_t moment, struct account_id account, struct blob_id id,
                 const struct place *place)
{
    size_t at = entry_of(account, id);
    pthread_mutex_lock(&p->locks[at % LOCKS]);
    /* Whoever forgets counts first, and takes the lock then: so either it is seen here, or it finds what is kept here. */
    if (atomic_load(&p->changes) == moment)
        p->entries[at] = (struct entry){ account.n, id.n, atomic_load(&p->cleared), *place };
    pthread_mutex_unlock(&p->locks[at % LOCKS]);
}

void places_forget(struct places *p, struct account_id account, struct blob_id id)
{
    size_t at = entry_of(account, id);
    atomic_fetch_add(&p->changes, 1);
    pthread_mutex_lock(&p->locks[at % LOCKS]);
    if (is_of(p, &p->entries[at], account, id))
        p->entries[at].cleared = 0;
    pthread_mutex_unlock(&p->locks[at % LOCKS]);
}

void places_forget_all(struct places *p)
{
    atomic_fetch_add(&p->changes, 1);
    atomic_fetch_add(&p->cleared, 1);
}
