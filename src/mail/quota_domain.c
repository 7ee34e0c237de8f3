#include "mail/quota_domain.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

struct domain {
    struct quota_amounts used, limits; /* used: with what is reserved */
    bool has_members;
};

struct quota_member {
    struct quota_domains *domains;
    struct domain *domain;
    struct quota_amounts counted; /* of this account in domain->used */
};

struct quota_domains {
    pthread_mutex_t mutex; /* of all below */
    struct map by_name;    /* domain, own */
    struct map by_account; /* id -> member, own */
    struct quota_amounts standard;
    bool any;
};

struct quota_domains *quota_domains_new(void)
{
    struct quota_domains *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    pthread_mutex_init(&d->mutex, NULL);
    map_init(&d->by_name);
    map_init(&d->by_account);
    for (int i = 0; i < QUOTA_RESOURCES; i++)
        d->standard.of[i] = QUOTA_NONE;
    return d;
}

static void free_values(struct map *map)
{
    struct str key;
    void *value;
    for (size_t i = 0; map_next(map, &i, &key, &value);)
        free(value);
    map_deinit(map);
}

void quota_domains_free(struct quota_domains **domains)
{
    struct quota_domains *d = *domains;
    *domains = NULL;
    if (!d)
        return;
    free_values(&d->by_name);
    free_values(&d->by_account);
    pthread_mutex_destroy(&d->mutex);
    free(d);
}

static struct domain *find_or_add(struct quota_domains *d, struct str name)
{
    struct domain *domain = map_get(&d->by_name, name);

    if (!domain) {
        domain = calloc(1, sizeof *domain);
        if (!domain)
            abort();
        domain->limits = d->standard;
        map_put(&d->by_name, name, domain);
    }
    return domain;
}

void quota_domains_limit(struct quota_domains *d, struct str name, const struct quota_amounts *limits)
{
    pthread_mutex_lock(&d->mutex);
    struct quota_amounts *to = name.n == 0 ? &d->standard : &find_or_add(d, name)->limits;
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        to->of[i] = limits->of[i] ? limits->of[i] : QUOTA_NONE;
        d->any |= limits->of[i] != 0;
    }
    pthread_mutex_unlock(&d->mutex);
}

bool quota_domains_any(const struct quota_domains *d)
{
    return d->any;
}

void quota_domains_enter(struct quota_domains *d, struct str name, struct account_id account,
                         const struct quota_amounts *holds)
{
    pthread_mutex_lock(&d->mutex);
    if (!map_get(&d->by_account, map_key_u64(&account.n))) {
        struct quota_member *member = calloc(1, sizeof *member);
        if (!member)
            abort();
        member->domains = d;
        member->domain = find_or_add(d, name);
        member->domain->has_members = true;
        member->counted = *holds;
        for (int i = 0; i < QUOTA_RESOURCES; i++)
            member->domain->used.of[i] += holds->of[i];
        map_put(&d->by_account, map_key_u64(&account.n), member);
    }
    pthread_mutex_unlock(&d->mutex);
}

int quota_domains_state(struct quota_domains *d, struct str name, struct quota_amounts *used_out,
                        struct quota_amounts *limits_out, struct err *err)
{
    pthread_mutex_lock(&d->mutex);
    const struct domain *domain = map_get(&d->by_name, name);
    bool found = domain && domain->has_members;
    if (found) {
        *used_out = domain->used;
        *limits_out = domain->limits;
    }
    pthread_mutex_unlock(&d->mutex);
    return found ? 0 : err_set(err, ERR_NOT_FOUND, "no such quota root");
}

struct quota_member *quota_domains_member(struct quota_domains *d, struct account_id account)
{
    if (!d)
        return NULL;
    pthread_mutex_lock(&d->mutex);
    struct quota_member *member = map_get(&d->by_account, map_key_u64(&account.n));
    pthread_mutex_unlock(&d->mutex);
    return member;
}

int quota_member_reserve(struct quota_member *member, const struct quota_amounts *add, struct err *err)
{
    struct domain *domain = member->domain;

    pthread_mutex_lock(&member->domains->mutex);
    int r = quota_check(&domain->used, add, &domain->limits, 0, "domain", err);
    for (int i = 0; r == 0 && i < QUOTA_RESOURCES; i++)
        domain->used.of[i] += add->of[i];
    pthread_mutex_unlock(&member->domains->mutex);
    return r;
}

void quota_member_settle(struct quota_member *member, const struct quota_amounts *holds,
                         const struct quota_amounts *reserved)
{
    struct domain *domain = member->domain;

    pthread_mutex_lock(&member->domains->mutex);
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        domain->used.of[i] -= reserved->of[i];
        if (holds) {
            domain->used.of[i] += holds->of[i] - member->counted.of[i];
            member->counted.of[i] = holds->of[i];
        }
    }
    pthread_mutex_unlock(&member->domains->mutex);
}
