#include "mail/quota.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *unit;
    uint64_t divisor;
} resources[QUOTA_RESOURCES] = {
    [QUOTA_STORAGE] = { "KiB", 1024 },
    [QUOTA_MESSAGE] = { "messages", 1 },
    [QUOTA_MAILBOX] = { "mailboxes", 1 },
    [QUOTA_ANNOTATION] = { "KiB of annotations", 1024 },
};

/* ---- the state ---- */

static struct quota *quota_alloc(size_t count)
{
    struct quota *q = calloc(1, sizeof *q + count * sizeof q->roots[0]);
    if (!q)
        abort();
    ref_init(&q->ref);
    return q;
}

struct quota *quota_new_empty(void)
{
    return quota_alloc(0);
}

struct quota *quota_ref(struct quota *quota)
{
    ref_get(&quota->ref);
    return quota;
}

void quota_unref(struct quota **quota)
{
    struct quota *q = *quota;
    *quota = NULL;
    if (q && ref_put(&q->ref))
        free(q);
}

static uint64_t unsaid(uint64_t mailbox_id)
{
    return mailbox_id == 0 ? QUOTA_DEFAULT : QUOTA_NONE;
}

static bool says_something(const struct quota_root *root)
{
    for (int i = 0; i < QUOTA_RESOURCES; i++)
        if (root->limits.of[i] != unsaid(root->mailbox_id))
            return true;
    return root->told > 0;
}

struct quota_root quota_find(const struct quota *quota, uint64_t mailbox_id)
{
    struct quota_root none = { .mailbox_id = mailbox_id };

    for (size_t i = 0; i < quota->count; i++)
        if (quota->roots[i].mailbox_id == mailbox_id)
            return quota->roots[i];
    for (int i = 0; i < QUOTA_RESOURCES; i++)
        none.limits.of[i] = unsaid(mailbox_id);
    return none;
}

struct quota *quota_put(const struct quota *quota, const struct quota_root *root)
{
    struct quota *next = quota_alloc(quota->count + 1);
    size_t i = 0;

    for (; i < quota->count && quota->roots[i].mailbox_id < root->mailbox_id; i++)
        next->roots[next->count++] = quota->roots[i];
    if (says_something(root))
        next->roots[next->count++] = *root;
    for (; i < quota->count; i++)
        if (quota->roots[i].mailbox_id != root->mailbox_id)
            next->roots[next->count++] = quota->roots[i];
    return next;
}

/* A limit: 0 as the settings say, 1 none, else the limit plus 2. */
void quota_root_encode(const struct quota_root *root, struct buf *out)
{
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        uint64_t limit = root->limits.of[i];
        buf_put_varint(out, limit == QUOTA_DEFAULT ? 0 : limit == QUOTA_NONE ? 1 : limit + 2);
    }
    buf_put_u8(out, root->told);
}

void quota_root_decode(struct reader *r, struct quota_root *root_out)
{
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        uint64_t code = reader_varint(r);
        if (code >= 2 && code - 2 > QUOTA_LIMIT_MAX)
            r->bad = true;
        root_out->limits.of[i] = code == 0 ? QUOTA_DEFAULT : code == 1 ? QUOTA_NONE : code - 2;
    }
    root_out->told = reader_u8(r);
    if (root_out->told > 100)
        r->bad = true;
}

/* ---- arithmetic ---- */

struct quota_amounts quota_effective(const struct quota_settings *settings, const struct quota *quota,
                                     const struct quota_amounts *inherent)
{
    struct quota_amounts limits = quota_find(quota, 0).limits;

    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        if (limits.of[i] == QUOTA_DEFAULT)
            limits.of[i] = settings->limits.of[i] ? settings->limits.of[i] : QUOTA_NONE;
        if (limits.of[i] > inherent->of[i])
            limits.of[i] = inherent->of[i];
    }
    return limits;
}

static bool is_within_grace(uint64_t used, uint64_t after, uint64_t limit, unsigned percent)
{
    uint64_t grace = limit / 100 * percent + limit % 100 * percent / 100;
    return used < limit && after - limit <= grace;
}

int quota_check(const struct quota_amounts *used, const struct quota_amounts *add,
                const struct quota_amounts *limits, unsigned grace_percent, const char *what, struct err *err)
{
    int result = 0;

    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        uint64_t limit = limits->of[i], after = used->of[i] + add->of[i];
        if (add->of[i] == 0 || limit == QUOTA_NONE || after <= limit)
            continue;
        if (i != QUOTA_STORAGE || !is_within_grace(used->of[i], after, limit, grace_percent))
            return err_set(err, ERR_OVERQUOTA, "over the quota of the %s: %llu of %llu %s are in use", what,
                           (unsigned long long)(used->of[i] / resources[i].divisor),
                           (unsigned long long)(limit / resources[i].divisor), resources[i].unit);
        result = 1;
    }
    return result;
}

static unsigned percent_of(uint64_t used, uint64_t limit)
{
    if (limit == QUOTA_NONE || used == 0)
        return 0;
    if (used >= limit)
        return 100;
    return (unsigned)(used < UINT64_MAX / 100 ? used * 100 / limit : used / (limit / 100));
}

unsigned quota_percent(const struct quota_amounts *used, const struct quota_amounts *limits)
{
    unsigned storage = percent_of(used->of[QUOTA_STORAGE], limits->of[QUOTA_STORAGE]);
    unsigned messages = percent_of(used->of[QUOTA_MESSAGE], limits->of[QUOTA_MESSAGE]);
    return storage > messages ? storage : messages;
}

unsigned quota_level(const struct quota_settings *settings, unsigned percent)
{
    unsigned level = 0;
    for (size_t i = 0; i < settings->warning_count && settings->warnings[i] <= percent; i++)
        level = settings->warnings[i];
    return level;
}

unsigned quota_level_kept(const struct quota_settings *settings, unsigned percent, unsigned told)
{
    unsigned level = quota_level(settings, percent + QUOTA_REARM_PERCENT);
    return level < told ? level : told;
}
