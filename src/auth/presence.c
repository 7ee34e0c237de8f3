#include "auth/presence.h"

#include "base/utf8.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct presence_entry {
    struct presence_entry *next, **link;
    struct presence_info info;
};

struct presence {
    pthread_mutex_t lock;
    struct presence_entry *first;
};

struct presence *presence_new(void)
{
    struct presence *presence = calloc(1, sizeof *presence);
    if (!presence)
        abort();
    pthread_mutex_init(&presence->lock, NULL);
    return presence;
}

void presence_free(struct presence **presence)
{
    if (!*presence)
        return;
    assert(!(*presence)->first);
    pthread_mutex_destroy(&(*presence)->lock);
    free(*presence);
    *presence = NULL;
}

struct presence_entry *presence_enter(struct presence *presence, const struct presence_info *info)
{
    struct presence_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        abort();
    entry->info = *info;
    pthread_mutex_lock(&presence->lock);
    entry->next = presence->first;
    entry->link = &presence->first;
    if (entry->next)
        entry->next->link = &entry->next;
    presence->first = entry;
    pthread_mutex_unlock(&presence->lock);
    return entry;
}

void presence_leave(struct presence *presence, struct presence_entry **entry)
{
    if (!*entry)
        return;
    pthread_mutex_lock(&presence->lock);
    *(*entry)->link = (*entry)->next;
    if ((*entry)->next)
        (*entry)->next->link = (*entry)->link;
    pthread_mutex_unlock(&presence->lock);
    free(*entry);
    *entry = NULL;
}

static void set_text(struct presence *presence, char *field, size_t room, struct str text)
{
    text = utf8_prefix(text, room - 1);
    pthread_mutex_lock(&presence->lock);
    if (text.n)
        memcpy(field, text.p, text.n);
    field[text.n] = '\0';
    pthread_mutex_unlock(&presence->lock);
}

void presence_set_client(struct presence *presence, struct presence_entry *entry, struct str client)
{
    set_text(presence, entry->info.client, sizeof entry->info.client, client);
}

void presence_set_mailbox(struct presence *presence, struct presence_entry *entry, struct str mailbox)
{
    set_text(presence, entry->info.mailbox, sizeof entry->info.mailbox, mailbox);
}

void presence_each(struct presence *presence, presence_fn *fn, void *ctx)
{
    pthread_mutex_lock(&presence->lock);
    for (const struct presence_entry *entry = presence->first; entry; entry = entry->next)
        fn(ctx, &entry->info);
    pthread_mutex_unlock(&presence->lock);
}
