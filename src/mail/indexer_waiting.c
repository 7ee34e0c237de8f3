/* Which accounts wait to be indexed, and for how long. */
#include "mail/account_private.h"
#include "mail/indexer_private.h"

#include <stdlib.h>
#include <time.h>

int64_t indexer_now_ms(const struct indexer *indexer)
{
    return clock_mono_ms(indexer->options->clock);
}

void indexer_wait_us(struct indexer *indexer, int64_t us)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += us / 1000000;
    until.tv_nsec += us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&indexer->changed, &indexer->mutex, &until);
}

/* ---- a heap, the one due first on top; under the mutex ---- */

static void put_at(struct indexer *indexer, size_t at, struct indexer_waiting *w)
{
    indexer->heap[at] = w;
    w->at = at;
}

static void sift_up(struct indexer *indexer, struct indexer_waiting *w)
{
    size_t at = w->at;
    for (; at > 0 && indexer->heap[(at - 1) / 2]->due_ms > w->due_ms; at = (at - 1) / 2)
        put_at(indexer, at, indexer->heap[(at - 1) / 2]);
    put_at(indexer, at, w);
}

static void sift_down(struct indexer *indexer, struct indexer_waiting *w)
{
    size_t at = w->at, count = indexer->heap_count;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && indexer->heap[child + 1]->due_ms < indexer->heap[child]->due_ms)
            child++;
        if (indexer->heap[child]->due_ms >= w->due_ms)
            break;
        put_at(indexer, at, indexer->heap[child]);
    }
    put_at(indexer, at, w);
}

static struct indexer_waiting *waiting_add(struct indexer *indexer, struct account_id account)
{
    struct indexer_waiting *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    if (indexer->heap_count == indexer->heap_cap) {
        indexer->heap_cap = indexer->heap_cap ? 2 * indexer->heap_cap : 64;
        indexer->heap = realloc(indexer->heap, indexer->heap_cap * sizeof *indexer->heap);
        if (!indexer->heap)
            abort();
    }
    *w = (struct indexer_waiting){ .account = account.n, .due_ms = INT64_MAX, .at = indexer->heap_count };
    indexer->heap[indexer->heap_count++] = w;
    map_put(&indexer->waiting, map_key_u64(&w->account), w);
    return w;
}

static void waiting_remove(struct indexer *indexer, struct indexer_waiting *w)
{
    struct indexer_waiting *last = indexer->heap[--indexer->heap_count];

    map_remove(&indexer->waiting, map_key_u64(&w->account));
    if (last != w) {
        put_at(indexer, w->at, last);
        sift_up(indexer, last);
        sift_down(indexer, last);
    }
    free(w);
}

void indexer_wait(struct indexer *indexer, struct account_id account, uint64_t added, bool suspect,
                  int64_t in_ms)
{
    pthread_mutex_lock(&indexer->mutex);
    if (indexer->running && !indexer->stopping) {
        struct indexer_waiting *w = map_get(&indexer->waiting, map_key_u64(&account.n));
        if (!w)
            w = waiting_add(indexer, account);
        w->added += added;
        w->suspect |= suspect;
        int64_t due_ms = indexer_now_ms(indexer) + (w->added >= INDEXER_BATCH_MESSAGES ? 0 : in_ms);
        if (due_ms < w->due_ms) {
            w->due_ms = due_ms;
            sift_up(indexer, w);
            if (w->at == 0)
                pthread_cond_broadcast(&indexer->changed);
        }
    }
    pthread_mutex_unlock(&indexer->mutex);
}

bool indexer_next_due(struct indexer *indexer, struct account_id *account_out, bool *suspect_out)
{
    bool found = false;

    pthread_mutex_lock(&indexer->mutex);
    while (!found && !indexer->stopping) {
        struct indexer_waiting *first = indexer->heap_count ? indexer->heap[0] : NULL;
        int64_t in_ms = first ? first->due_ms - indexer_now_ms(indexer) : 0;
        if (!first) {
            pthread_cond_wait(&indexer->changed, &indexer->mutex);
        } else if (in_ms > 0) {
            indexer_wait_us(indexer, in_ms * 1000);
        } else {
            account_out->n = first->account;
            *suspect_out = first->suspect;
            waiting_remove(indexer, first);
            found = true;
        }
    }
    pthread_mutex_unlock(&indexer->mutex);
    return found;
}

void indexer_waiting_deinit(struct indexer *indexer)
{
    while (indexer->heap_count > 0)
        waiting_remove(indexer, indexer->heap[0]);
    free(indexer->heap);
    map_deinit(&indexer->waiting);
}

/* ---- who tells ---- */

void indexer_tell(struct indexer *indexer, struct account_id account, uint64_t added)
{
    if (indexer->shelf)
        indexer_wait(indexer, account, added, false, (int64_t)indexer->options->index.delay_s * 1000);
}

void indexer_tell_gone(struct indexer *indexer, struct account_id account)
{
    pthread_mutex_lock(&indexer->mutex);
    struct indexer_waiting *w = map_get(&indexer->waiting, map_key_u64(&account.n));
    if (w)
        waiting_remove(indexer, w);
    pthread_mutex_unlock(&indexer->mutex);
}

void account_index_wanted(struct account *account)
{
    if (account->mail->indexer->shelf)
        indexer_wait(account->mail->indexer, account->id, 0, false, INDEXER_WANTED_MS);
}

void account_index_damaged(struct account *account)
{
    if (account->mail->indexer->shelf)
        indexer_wait(account->mail->indexer, account->id, 0, true, INDEXER_WANTED_MS);
}
