/* search_rows.c: the keys that the columns of a chunk decide, for all its messages at once: flags, sets, dates, sizes. */
#include "imap/cmd/search_private.h"

/* ---- dates ---- */

enum { DAY_S = 86400 };

static int32_t day_of(int64_t unix_s, int zone_min)
{
    int64_t local = unix_s + zone_min * 60;
    int64_t day = local / DAY_S;
    return (int32_t)(local % DAY_S < 0 ? day - 1 : day);
}

enum day_relation { DAY_BEFORE, DAY_ON, DAY_SINCE };

static enum day_relation relation_of(enum search_key key)
{
    switch (key) {
    case SEARCH_BEFORE:
    case SEARCH_SENT_BEFORE:
    case SEARCH_SAVED_BEFORE:
        return DAY_BEFORE;
    case SEARCH_ON:
    case SEARCH_SENT_ON:
    case SEARCH_SAVED_ON:
        return DAY_ON;
    default:
        return DAY_SINCE;
    }
}

/* How many days lie between `day` and those that match; none: it does. */
static int64_t days_off(int32_t day, const struct search_node *node)
{
    int64_t late = (int64_t)day - node->day;
    switch (relation_of(node->key)) {
    case DAY_BEFORE:
        return late < 0 ? 0 : late + 1;
    case DAY_ON:
        return late < 0 ? -late : late;
    default:
        return late < 0 ? -late : 0;
    }
}

unsigned search_score_day(const struct search_node *node, int64_t unix_s, int zone_min)
{
    int64_t off = days_off(day_of(unix_s, zone_min), node);
    if (off > (node->fuzzy ? DAYS_NEAR : 0))
        return 0;
    return FUZZY_SCORE_MAX - (unsigned)off * FUZZY_SCORE_MAX / (DAYS_NEAR + 1);
}

/* The moments, by the clock of the message's zone, that match: from `from` to before `to`. */
struct span_s {
    int64_t from, to;
};

static struct span_s span_of(const struct search_node *node)
{
    enum day_relation relation = relation_of(node->key);
    int64_t near_s = node->fuzzy ? DAYS_NEAR * DAY_S : 0, day_s = (int64_t)node->day * DAY_S;
    return (struct span_s){ relation == DAY_BEFORE ? INT64_MIN : day_s - near_s,
                            relation == DAY_SINCE    ? INT64_MAX
                            : relation == DAY_BEFORE ? day_s + near_s
                                                     : day_s + DAY_S + near_s };
}

/* ---- sizes ---- */

unsigned search_score_size(const struct search_node *node, uint64_t size)
{
    bool larger = node->key == SEARCH_LARGER;
    uint64_t wanted = node->number, off = larger ? wanted - size : size - wanted;
    if (larger ? size > wanted : size < wanted)
        return FUZZY_SCORE_MAX;
    if (!node->fuzzy || wanted == 0 || off > wanted / (100 / SIZE_PERCENT_NEAR))
        return 0;
    return FUZZY_SCORE_MAX - 1 - (unsigned)((double)off / (double)wanted * 100 * 98 / SIZE_PERCENT_NEAR);
}

/* ---- columns ----
 * One loop each, without branches: the compiler makes of `condition` on message `i` what suits the column. */

#define FILL(out, count, i, condition)                                                                       \
    for (uint32_t first_ = 0; first_ < (count); first_ += 64) {                                              \
        uint32_t left_ = (count)-first_ < 64 ? (count)-first_ : 64;                                          \
        uint64_t word_ = 0;                                                                                  \
        for (uint32_t bit_ = 0; bit_ < left_; bit_++) {                                                      \
            const uint32_t i = first_ + bit_;                                                                \
            word_ |= (uint64_t)((condition) != 0) << bit_;                                                   \
        }                                                                                                    \
        (out)->words[first_ / 64] = word_;                                                                   \
    }

static void fill_zoned_day(const struct chunk_columns *c, const struct search_node *node, struct lanes *out)
{
    const struct span_s span = span_of(node);
    const int64_t *date_s = c->internal_date_s;
    const int16_t *zone_min = c->internal_zone_min;
    FILL(out, c->count, i,
         (date_s[i] + zone_min[i] * 60 >= span.from) & (date_s[i] + zone_min[i] * 60 < span.to));
}

static void fill_saved_day(const struct chunk_columns *c, const struct search_node *node, struct lanes *out)
{
    const struct span_s span = span_of(node);
    const int64_t *date_s = c->save_date_s;
    FILL(out, c->count, i, (date_s[i] >= span.from) & (date_s[i] < span.to));
}

static void fill_size(const struct chunk_columns *c, const struct search_node *node, struct lanes *out)
{
    const uint32_t *size = c->size_bytes;
    const uint64_t wanted = node->number;
    if (node->fuzzy)
        FILL(out, c->count, i, search_score_size(node, size[i]) > 0)
    else if (node->key == SEARCH_LARGER)
        FILL(out, c->count, i, size[i] > wanted)
    else
        FILL(out, c->count, i, size[i] < wanted)
}

/* The first range of `set` that does not end before `number`. */
static size_t first_range(const struct seqset *set, uint32_t number)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->ranges[middle].last < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Members of `set` among `count` ascending UIDs. */
static void fill_uids(const uint32_t *uid, uint32_t count, const struct seqset *set, struct lanes *out)
{
    size_t at = first_range(set, uid[0]);
    for (uint32_t i = 0; i < count; i++) {
        while (at < set->count && set->ranges[at].last < uid[i])
            at++;
        if (at == set->count)
            break;
        if (set->ranges[at].first <= uid[i])
            lanes_put(out, i, true);
    }
}

static void fill_seqs(uint32_t first_seq, uint32_t count, const struct seqset *set, struct lanes *out)
{
    const uint32_t last_seq = first_seq + count - 1;
    for (size_t at = first_range(set, first_seq); at < set->count && set->ranges[at].first <= last_seq;
         at++) {
        uint32_t first = set->ranges[at].first, last = set->ranges[at].last;
        *out = lanes_or(*out, lanes_range(first > first_seq ? first - first_seq : 0,
                                          last < last_seq ? last - first_seq : count - 1));
    }
}

static void fill_seq_key(const struct search_program *p, const struct prepared *ready, struct lanes *out)
{
    const struct chunk_columns *c = p->columns;
    if (p->place.lasting) {
        fill_uids(c->uid, c->count, &ready->set, out);
        return;
    }
    fill_seqs(p->first_seq, c->count, &ready->set, out);
    if (ready->saved)
        fill_seqs(p->first_seq, c->count, &p->saved_seqs, out);
}

static void fill_uid_key(const struct search_program *p, const struct prepared *ready, struct lanes *out)
{
    const struct chunk_columns *c = p->columns;
    fill_uids(c->uid, c->count, &ready->set, out);
    if (ready->saved && p->place.saved)
        fill_uids(c->uid, c->count, p->place.saved, out);
    for (uint32_t i = 0; ready->star_from && i < c->count; i++)
        if (c->uid[i] >= ready->star_from || c->uid[i] == ready->last_uid)
            lanes_put(out, i, true);
}

static void fill_keyword(const struct chunk_columns *c, int keyword, struct lanes *out)
{
    const uint32_t words = c->keyword_words, word = (uint32_t)keyword / 64;
    const uint64_t *keywords = c->keywords;
    const unsigned bit = (unsigned)keyword % 64;
    if (keyword >= 0 && word < words)
        FILL(out, c->count, i, keywords[i * words + word] >> bit & 1);
}

static void fill_recent(const struct search_program *p, struct lanes *out)
{
    const struct chunk_columns *c = p->columns;
    if (p->place.view)
        FILL(out, c->count, i, view_is_recent(p->place.view, c->uid[i]));
}

bool search_is_row_key(enum search_key key)
{
    return !search_is_text_key(key) && key != SEARCH_SENT_BEFORE && key != SEARCH_SENT_ON &&
           key != SEARCH_SENT_SINCE;
}

struct lanes search_rows(const struct search_program *p, const struct search_node *node,
                         const struct prepared *ready)
{
    const struct chunk_columns *c = p->columns;
    const struct lanes all = lanes_range(0, c->count - 1);
    struct lanes out = { 0 };
    switch (node->key) {
    case SEARCH_ALL:
    case SEARCH_SAVEDATE_SUPPORTED:
        return all;
    case SEARCH_FLAG:
    case SEARCH_NO_FLAG:
        FILL(&out, c->count, i, c->flags[i] & node->flag);
        return node->key == SEARCH_FLAG ? out : lanes_and_not(all, out);
    case SEARCH_KEYWORD:
    case SEARCH_NO_KEYWORD:
        fill_keyword(c, ready->keyword, &out);
        return node->key == SEARCH_KEYWORD ? out : lanes_and_not(all, out);
    case SEARCH_RECENT:
    case SEARCH_OLD:
        fill_recent(p, &out);
        return node->key == SEARCH_RECENT ? out : lanes_and_not(all, out);
    case SEARCH_NEW: {
        struct lanes seen = { 0 };
        fill_recent(p, &out);
        FILL(&seen, c->count, i, c->flags[i] & FLAG_SEEN);
        return lanes_and_not(out, seen);
    }
    case SEARCH_SEQ:
        fill_seq_key(p, ready, &out);
        break;
    case SEARCH_UID:
        fill_uid_key(p, ready, &out);
        break;
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
        fill_zoned_day(c, node, &out);
        break;
    case SEARCH_SAVED_BEFORE:
    case SEARCH_SAVED_ON:
    case SEARCH_SAVED_SINCE:
        fill_saved_day(c, node, &out);
        break;
    case SEARCH_OLDER:
        FILL(&out, c->count, i, c->internal_date_s[i] <= ready->limit_s);
        break;
    case SEARCH_YOUNGER:
        FILL(&out, c->count, i, c->internal_date_s[i] >= ready->limit_s);
        break;
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
        fill_size(c, node, &out);
        break;
    case SEARCH_MODSEQ:
        FILL(&out, c->count, i, c->modseq[i] >= node->number);
        break;
    case SEARCH_EMAILID:
        FILL(&out, c->count, i, (ready->id != 0) & (c->email_id[i] == ready->id));
        break;
    case SEARCH_THREADID:
        FILL(&out, c->count, i, (ready->id != 0) & (c->thread_id[i] == ready->id));
        break;
    default:
        break;
    }
    return out;
}
