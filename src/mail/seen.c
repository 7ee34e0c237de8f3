#include "mail/seen.h"

#include <assert.h>
#include <stdlib.h>

/* ---- ranges ---- */

static struct seen *seen_alloc(uint64_t user, size_t ranges_max)
{
    struct seen *seen = calloc(1, sizeof *seen + ranges_max * sizeof seen->ranges[0]);
    if (!seen)
        abort();
    ref_init(&seen->ref);
    seen->user = user;
    return seen;
}

/* The memory that was not needed goes back. */
static struct seen *seen_fit(struct seen *seen)
{
    struct seen *fit = realloc(seen, sizeof *seen + seen->count * sizeof seen->ranges[0]);
    if (!fit)
        abort();
    return fit;
}

struct seen *seen_ref(struct seen *seen)
{
    if (seen)
        ref_get(&seen->ref);
    return seen;
}

void seen_unref(struct seen **seen)
{
    if (*seen && ref_put(&(*seen)->ref))
        free(*seen);
    *seen = NULL;
}

static void add(struct seen *s, uint32_t first, uint32_t last, bool seen, uint64_t modseq)
{
    struct seen_range *end = s->count ? &s->ranges[s->count - 1] : NULL;
    if (end && end->last + 1 == first && end->seen == seen && end->modseq == modseq)
        end->last = last;
    else
        s->ranges[s->count++] = (struct seen_range){ first, last, seen, modseq };
}

/* Neighbours that agree become one. A message's modseq may rise by that, never fall. */
static void coarsen(struct seen *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 1; i < s->count; i++) {
        struct seen_range *end = &s->ranges[kept];
        const struct seen_range *next = &s->ranges[i];
        if (end->last + 1 == next->first && end->seen == next->seen) {
            end->last = next->last;
            end->modseq = end->modseq > next->modseq ? end->modseq : next->modseq;
        } else {
            s->ranges[++kept] = *next;
        }
    }
    s->count = s->count ? kept + 1 : 0;
}

struct seen *seen_change(const struct seen *old, uint64_t user, const struct seqset *uids, bool seen,
                         uint64_t modseq)
{
    size_t count = old ? old->count : 0, i = 0, k = 0;
    struct seen *s = seen_alloc(user, count + 2 * uids->count); /* each of them may cut one in two */
    uint32_t from = count ? old->ranges[0].first : 0;           /* what is left of range i begins there */

    while (i < count || k < uids->count) {
        const struct seqset_range *set = k < uids->count ? &uids->ranges[k] : NULL;
        if (i < count && (!set || from < set->first)) {
            const struct seen_range *range = &old->ranges[i];
            uint32_t last = set && set->first <= range->last ? set->first - 1 : range->last;
            add(s, from, last, range->seen, range->modseq);
            if (last < range->last)
                from = last + 1;
            else if (++i < count)
                from = old->ranges[i].first;
            continue;
        }
        add(s, set->first, set->last, seen, modseq);
        while (i < count && old->ranges[i].last <= set->last)
            if (++i < count)
                from = old->ranges[i].first;
        if (i < count && from <= set->last)
            from = set->last + 1;
        k++;
    }
    s->modseq_max = old && old->modseq_max > modseq ? old->modseq_max : modseq;
    if (s->count > SEEN_RANGES_FINE)
        coarsen(s);
    return seen_fit(s);
}

/* The first UID that is alive from `uid` on; above UID_MAX: none. */
static int next_alive(const struct snapshot *live, uint32_t uid, uint64_t *uid_out, struct err *err)
{
    struct message m;
    uint32_t seq;
    int r = snapshot_lower_bound(live, uid, &seq, err);
    if (r == 0 && seq <= live->exists)
        r = snapshot_message(live, seq, &m, err);
    if (r == 0)
        *uid_out = seq <= live->exists ? m.uid : (uint64_t)UID_MAX + 1;
    return r;
}

static int trim_into(const struct seen *s, const struct snapshot *live, struct seen *out, struct err *err)
{
    bool coarse = s->count > SEEN_RANGES_FINE;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct seen_range *range = &s->ranges[i];
        struct seen_range *end = out->count ? &out->ranges[out->count - 1] : NULL;
        uint64_t alive;
        bool agrees = end && end->seen == range->seen && (coarse || end->modseq == range->modseq);
        /* What is alive behind the last range that is kept, or in this one. */
        int r = next_alive(live, agrees ? end->last + 1 : range->first, &alive, err);
        if (r == 0 && agrees && alive < range->first) {
            agrees = false;
            r = next_alive(live, range->first, &alive, err);
        }
        if (r < 0)
            return r;
        if (alive > range->last)
            continue;
        if (!agrees) {
            out->ranges[out->count++] = *range;
            continue;
        }
        end->last = range->last;
        end->modseq = end->modseq > range->modseq ? end->modseq : range->modseq;
    }
    return 0;
}

int seen_trim(struct seen *s, const struct snapshot *live, struct seen **out, struct err *err)
{
    struct seen *trimmed = seen_alloc(s->user, s->count);
    trimmed->modseq_max = s->modseq_max;
    int r = trim_into(s, live, trimmed, err);
    if (r == 0)
        *out = trimmed->count < s->count ? seen_fit(trimmed) : seen_ref(s);
    if (r < 0 || *out == s)
        seen_unref(&trimmed);
    return r;
}

/* Index of the first range that ends at or behind `uid`. */
static uint32_t lower_bound(const struct seen *s, uint32_t uid)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->ranges[middle].last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct seen_range *seen_find(const struct seen *s, uint32_t uid)
{
    uint32_t i = s ? lower_bound(s, uid) : 0;
    return s && i < s->count && s->ranges[i].first <= uid ? &s->ranges[i] : NULL;
}

bool seen_changed_in(const struct seen *s, uint32_t first, uint32_t last, uint64_t since)
{
    if (!s || s->modseq_max <= since)
        return false;
    for (uint32_t i = lower_bound(s, first); i < s->count && s->ranges[i].first <= last; i++)
        if (s->ranges[i].modseq > since)
            return true;
    return false;
}

void seen_apply(const struct seen *s, struct message *row)
{
    const struct seen_range *range = seen_find(s, row->uid);
    row->flags = (uint8_t)((row->flags & ~FLAG_SEEN) | (range && range->seen ? FLAG_SEEN : 0));
    if (range && range->modseq > row->modseq)
        row->modseq = range->modseq;
}

/* ---- stored form ---- */

void seen_encode(const struct seen *s, struct buf *out)
{
    uint32_t before = 0;
    buf_put_varint(out, s->modseq_max);
    buf_put_varint(out, s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct seen_range *range = &s->ranges[i];
        buf_put_varint(out, range->first - before);
        buf_put_varint(out, range->last - range->first);
        buf_put_varint(out, (s->modseq_max - range->modseq) << 1 | range->seen);
        before = range->last;
    }
}

static bool decode_range(struct reader *r, uint64_t before, uint64_t modseq_max, struct seen_range *out)
{
    uint64_t skip = reader_varint(r), more = reader_varint(r), age = reader_varint(r);
    if (r->bad || skip == 0 || skip > UID_MAX || more > UID_MAX || before + skip + more > UID_MAX ||
        age >> 1 >= modseq_max)
        return false;
    *out = (struct seen_range){ (uint32_t)(before + skip), (uint32_t)(before + skip + more), age & 1,
                                modseq_max - (age >> 1) };
    return true;
}

int seen_decode(struct str bytes, uint64_t user, struct seen **seen_out, struct err *err)
{
    struct reader r = reader_make(bytes);
    uint64_t modseq_max = reader_varint(&r), count = reader_varint(&r), before = 0;
    bool good = !r.bad && count <= reader_left(&r) / 3;
    struct seen *s = seen_alloc(user, good ? count : 0);

    s->modseq_max = modseq_max;
    for (; good && s->count < count; s->count++) {
        good = decode_range(&r, before, modseq_max, &s->ranges[s->count]);
        before = s->ranges[s->count].last;
    }
    if (!good || reader_left(&r) > 0) {
        seen_unref(&s);
        return err_set(err, ERR_CORRUPT, "what user %llu has seen is damaged", (unsigned long long)user);
    }
    *seen_out = s;
    return 0;
}

/* ---- readers ---- */

static uint32_t place_of(const struct readers *readers, uint64_t user)
{
    uint32_t i = 0;
    while (readers && i < readers->count && readers->items[i]->user < user)
        i++;
    return i;
}

struct seen *readers_find(const struct readers *readers, uint64_t user)
{
    uint32_t i = place_of(readers, user);
    return readers && i < readers->count && readers->items[i]->user == user ? readers->items[i] : NULL;
}

struct readers *readers_put(const struct readers *old, struct seen *seen)
{
    uint32_t count = old ? old->count : 0, at = place_of(old, seen->user);
    bool replaces = at < count && old->items[at]->user == seen->user;
    struct readers *readers = calloc(1, sizeof *readers + (count + 1) * sizeof(struct seen *));
    if (!readers)
        abort();
    ref_init(&readers->ref);
    for (uint32_t i = 0; i < at; i++)
        readers->items[readers->count++] = seen_ref(old->items[i]);
    readers->items[readers->count++] = seen_ref(seen);
    for (uint32_t i = at + replaces; i < count; i++)
        readers->items[readers->count++] = seen_ref(old->items[i]);
    return readers;
}

struct readers *readers_ref(struct readers *readers)
{
    if (readers)
        ref_get(&readers->ref);
    return readers;
}

void readers_unref(struct readers **readers)
{
    struct readers *r = *readers;
    *readers = NULL;
    if (!r || !ref_put(&r->ref))
        return;
    for (uint32_t i = 0; i < r->count; i++)
        seen_unref(&r->items[i]);
    free(r);
}
