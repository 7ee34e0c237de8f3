#include "mail/account_private.h"

#include <assert.h>
#include <stdlib.h>

void list_add_u64(uint64_t **items, size_t *count, size_t *cap, uint64_t n)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        *items = reallocarray(*items, *cap, sizeof **items);
        if (!*items)
            abort();
    }
    (*items)[(*count)++] = n;
}

void notice_add(struct notice *notice, uint64_t mailbox_id, uint64_t reader)
{
    /* A group changes the same few again and again. */
    for (size_t i = notice->count; i > 0 && i + 8 > notice->count; i--)
        if (notice->mailboxes[i - 1].mailbox_id == mailbox_id && notice->mailboxes[i - 1].reader == reader)
            return;
    if (notice->count == notice->cap) {
        notice->cap = notice->cap ? notice->cap * 2 : 16;
        notice->mailboxes = reallocarray(notice->mailboxes, notice->cap, sizeof *notice->mailboxes);
        if (!notice->mailboxes)
            abort();
    }
    notice->mailboxes[notice->count++] = (struct noticed){ mailbox_id, reader };
}

void account_watch(struct account *account, struct watcher *watcher)
{
    pthread_mutex_lock(&account->watch_mutex);
    watcher->running = 0;
    watcher->previous = NULL;
    watcher->next = account->watchers;
    if (watcher->next)
        watcher->next->previous = watcher;
    account->watchers = watcher;
    pthread_mutex_unlock(&account->watch_mutex);
}

void account_unwatch(struct account *account, struct watcher *watcher)
{
    pthread_mutex_lock(&account->watch_mutex);
    while (watcher->running > 0)
        pthread_cond_wait(&account->watch_idle, &account->watch_mutex);
    if (watcher->next)
        watcher->next->previous = watcher->previous;
    if (watcher->previous)
        watcher->previous->next = watcher->next;
    else
        account->watchers = watcher->next;
    watcher->next = watcher->previous = NULL;
    pthread_mutex_unlock(&account->watch_mutex);
}

static struct watched *find_watched(const struct watcher *watcher, uint64_t mailbox_id)
{
    size_t low = 0, high = watcher->mailbox_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (watcher->mailboxes[middle].mailbox_id < mailbox_id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < watcher->mailbox_count && watcher->mailboxes[low].mailbox_id == mailbox_id;
    return found ? &watcher->mailboxes[low] : NULL;
}

static bool concerns(const struct watcher *watcher, const struct noticed *noticed)
{
    return noticed->reader == NOTICE_ALL || noticed->reader == watcher->reader;
}

static bool mark_changed(const struct watcher *watcher, const struct notice *notice)
{
    bool any = false;
    for (size_t i = 0; i < notice->count; i++) {
        struct watched *watched = find_watched(watcher, notice->mailboxes[i].mailbox_id);
        if (watched && concerns(watcher, &notice->mailboxes[i]))
            atomic_store(&watched->changed, any = true);
    }
    return any;
}

static bool watches_any(const struct watcher *watcher, const struct notice *notice)
{
    if (watcher->mailboxes)
        return mark_changed(watcher, notice);
    for (size_t i = 0; i < notice->count; i++)
        if ((watcher->mailbox_id == 0 || watcher->mailbox_id == notice->mailboxes[i].mailbox_id) &&
            concerns(watcher, &notice->mailboxes[i]))
            return true;
    return false;
}

static unsigned events_for(const struct watcher *watcher, const struct notice *notice)
{
    unsigned events = (notice->tree ? WATCH_TREE : 0u) | (notice->gone ? WATCH_ACCOUNT_GONE : 0u) |
                      (notice->annotations ? WATCH_ANNOTATIONS : 0u);
    if (watcher->events & WATCH_MAILBOX && watches_any(watcher, notice))
        events |= WATCH_MAILBOX;
    return events & watcher->events;
}

void account_tell(struct account *account, const struct notice *notice)
{
    pthread_mutex_lock(&account->watch_mutex);
    /* While fn runs the mutex is free; the watcher stays in the list, because unwatch waits for `running`. */
    for (struct watcher *w = account->watchers; w; w = w->next) {
        unsigned events = events_for(w, notice);
        if (!events)
            continue;
        w->running++;
        pthread_mutex_unlock(&account->watch_mutex);
        w->fn(w, events);
        pthread_mutex_lock(&account->watch_mutex);
        assert(w->running > 0);
        if (--w->running == 0)
            pthread_cond_broadcast(&account->watch_idle);
    }
    pthread_mutex_unlock(&account->watch_mutex);
}
