#include "imap/cmd/search_private.h"
#include "mime/text.h"

/* ---- dates ---- */

static int32_t day_of(int64_t unix_s, int zone_min)
{
    int64_t local = unix_s + zone_min * 60;
    int64_t day = local / 86400;
    return (int32_t)(local % 86400 < 0 ? day - 1 : day);
}

/* How many days lie between `day` and those that match; none: it does. */
static int64_t days_off(int32_t day, int32_t wanted, enum search_key key, enum search_key before,
                        enum search_key on)
{
    int64_t late = (int64_t)day - wanted;
    if (key == before)
        return late < 0 ? 0 : late + 1;
    if (key == on && late > 0)
        return late;
    return late < 0 ? -late : 0;
}

static enum verdict compare_day(int32_t day, const struct search_node *node, enum search_key before,
                                enum search_key on, struct prepared *ready)
{
    int64_t off = days_off(day, node->day, node->key, before, on);
    if (!node->fuzzy || off > DAYS_NEAR)
        return off == 0 ? YES : NO;
    ready->score = FUZZY_SCORE_MAX - (unsigned)off * FUZZY_SCORE_MAX / (DAYS_NEAR + 1);
    return YES;
}

static enum verdict match_sent(struct search_program *p, const struct search_node *node,
                               struct prepared *ready)
{
    if (p->stage < STAGE_RECORDS)
        return UNKNOWN;
    if (search_need_view(p) < 0 || !(p->view.flags & META_HAS_DATE))
        return NO;
    return compare_day(day_of(p->view.sent_s, p->view.zone_minutes), node, SEARCH_SENT_BEFORE, SEARCH_SENT_ON,
                       ready);
}

/* ---- sizes ---- */

static enum verdict match_size(uint64_t size, const struct search_node *node, struct prepared *ready)
{
    bool larger = node->key == SEARCH_LARGER;
    uint64_t wanted = node->number, off = larger ? wanted - size : size - wanted;
    bool matches = larger ? size > wanted : size < wanted;
    if (matches)
        ready->score = FUZZY_SCORE_MAX;
    if (matches || !node->fuzzy || wanted == 0 || off > wanted / (100 / SIZE_PERCENT_NEAR))
        return matches ? YES : NO;
    ready->score = FUZZY_SCORE_MAX - 1 -
                   (unsigned)((double)off / (double)wanted * 100 * 98 / SIZE_PERCENT_NEAR);
    return YES;
}

/* ---- nodes ---- */

static enum verdict yes_if(bool condition)
{
    return condition ? YES : NO;
}

static enum verdict match_leaf(struct search_program *p, const struct search_node *node,
                               struct prepared *ready)
{
    const struct message *row = p->row;
    bool recent = p->place.view && view_is_recent(p->place.view, row->uid);
    switch (node->key) {
    case SEARCH_ALL:
    case SEARCH_SAVEDATE_SUPPORTED:
        return YES;
    case SEARCH_FLAG:
        return yes_if(row->flags & node->flag);
    case SEARCH_NO_FLAG:
        return yes_if(!(row->flags & node->flag));
    case SEARCH_KEYWORD:
        return yes_if(ready->keyword >= 0 && keyword_set_has(&row->keywords, (unsigned)ready->keyword));
    case SEARCH_NO_KEYWORD:
        return yes_if(ready->keyword < 0 || !keyword_set_has(&row->keywords, (unsigned)ready->keyword));
    case SEARCH_RECENT:
        return yes_if(recent);
    case SEARCH_OLD:
        return yes_if(!recent);
    case SEARCH_NEW:
        return yes_if(recent && !(row->flags & FLAG_SEEN));
    case SEARCH_SEQ:
        return yes_if(seqset_contains(&ready->set, p->place.lasting ? row->uid : p->seq) ||
                      (ready->saved && seqset_contains(&p->saved_seqs, p->seq)));
    case SEARCH_UID:
        return yes_if(seqset_contains(&ready->set, row->uid) ||
                      (ready->star_from && (row->uid >= ready->star_from || row->uid == ready->last_uid)) ||
                      (ready->saved && p->place.saved && seqset_contains(p->place.saved, row->uid)));
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
        return compare_day(day_of(row->internal_date_s, row->internal_zone_min), node, SEARCH_BEFORE,
                           SEARCH_ON, ready);
    case SEARCH_SAVED_BEFORE:
    case SEARCH_SAVED_ON:
    case SEARCH_SAVED_SINCE:
        return compare_day(day_of(row->save_date_s, 0), node, SEARCH_SAVED_BEFORE, SEARCH_SAVED_ON, ready);
    case SEARCH_SENT_BEFORE:
    case SEARCH_SENT_ON:
    case SEARCH_SENT_SINCE:
        return match_sent(p, node, ready);
    case SEARCH_OLDER:
        return yes_if(row->internal_date_s <= ready->limit_s);
    case SEARCH_YOUNGER:
        return yes_if(row->internal_date_s >= ready->limit_s);
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
        return match_size(row->size_bytes, node, ready);
    case SEARCH_MODSEQ:
        return yes_if(row->modseq >= node->number);
    case SEARCH_EMAILID:
        return yes_if(ready->id && row->email_id == ready->id);
    case SEARCH_THREADID:
        return yes_if(ready->id && row->thread_id == ready->id);
    case SEARCH_FROM:
    case SEARCH_TO:
    case SEARCH_CC:
    case SEARCH_BCC:
    case SEARCH_SUBJECT:
    case SEARCH_HEADER:
        return search_match_header(p, ready);
    case SEARCH_BODY:
        return search_match_text(p, TEXT_BODY, ready);
    case SEARCH_TEXT:
        return search_match_text(p, TEXT_HEADER | TEXT_BODY, ready);
    case SEARCH_AND:
    case SEARCH_OR:
    case SEARCH_NOT:
        break;
    }
    return NO;
}

/* Depth is bounded by SEARCH_DEPTH_MAX. */
static enum verdict match_node(struct search_program *p, uint32_t i)
{
    const struct search_node *node = &p->args->nodes[i];
    if (node->key != SEARCH_AND && node->key != SEARCH_OR && node->key != SEARCH_NOT)
        return match_leaf(p, node, &p->prepared[i]);
    if (node->key == SEARCH_NOT) {
        enum verdict v = match_node(p, i + 1);
        return v == UNKNOWN ? UNKNOWN : v == YES ? NO : YES;
    }
    enum verdict decisive = node->key == SEARCH_AND ? NO : YES;
    enum verdict so_far = node->key == SEARCH_AND ? YES : NO;
    for (uint32_t child = i + 1; child < node->end; child = p->args->nodes[child].end) {
        enum verdict v = match_node(p, child);
        if (v == decisive)
            return v;
        if (v == UNKNOWN)
            so_far = UNKNOWN;
    }
    return so_far;
}

static void look_at(struct search_program *p, uint32_t seq, const struct message *row,
                    const struct search_records *records)
{
    for (size_t i = 0; p->args->uses_fuzzy && i < p->args->node_count; i++)
        p->prepared[i].score = NO_SCORE;
    p->seq = seq;
    p->row = row;
    p->records = records;
    p->has_view = p->has_header = p->has_bytes = false;
    p->error = 0;
}

static bool is_sent_key(enum search_key key)
{
    return key == SEARCH_SENT_BEFORE || key == SEARCH_SENT_ON || key == SEARCH_SENT_SINCE;
}

bool search_program_needs_records(struct search_program *p, uint32_t seq, const struct message *row)
{
    look_at(p, seq, row, NULL);
    p->stage = STAGE_ROW;
    return match_node(p, 0) == UNKNOWN;
}

unsigned search_program_slots(const struct search_program *p)
{
    unsigned slots = 0;
    for (size_t i = 0; i < p->args->node_count; i++) {
        enum search_key key = p->args->nodes[i].key;
        if (p->prepared[i].field_kept)
            slots |= 1u << BLOB_HEADER;
        else if (search_is_text_key(key) || is_sent_key(key))
            slots |= 1u << BLOB_META;
    }
    return slots;
}

int search_program_match(struct search_program *p, uint32_t seq, const struct message *row,
                         const struct search_records *records, struct err *err)
{
    enum verdict v = UNKNOWN;
    look_at(p, seq, row, records);
    for (p->stage = STAGE_ROW; v == UNKNOWN && p->stage <= STAGE_BYTES; p->stage++)
        v = match_node(p, 0);
    if (p->error < 0)
        *err = p->err;
    return p->error < 0 ? p->error : v == YES;
}

/* NO_SCORE: nothing fuzzy below. Depth is bounded by SEARCH_DEPTH_MAX. */
static unsigned score_node(struct search_program *p, uint32_t i)
{
    const struct search_node *node = &p->args->nodes[i];
    unsigned sum = 0, count = 0, best = 0;
    if (match_node(p, i) != YES)
        return 0;
    if (node->key == SEARCH_NOT)
        return NO_SCORE;
    if (node->key != SEARCH_AND && node->key != SEARCH_OR)
        return !node->fuzzy                       ? NO_SCORE
               : p->prepared[i].score == NO_SCORE ? FUZZY_SCORE_MAX
                                                  : p->prepared[i].score;
    for (uint32_t child = i + 1; child < node->end; child = p->args->nodes[child].end) {
        unsigned score = score_node(p, child);
        if (score == NO_SCORE || (score == 0 && node->key == SEARCH_OR))
            continue;
        count++;
        sum += score;
        best = score > best ? score : best;
    }
    return count == 0 ? NO_SCORE : node->key == SEARCH_OR ? best : sum / count;
}

int search_program_score(struct search_program *p, unsigned *score_out, struct err *err)
{
    p->stage = STAGE_BYTES;
    unsigned score = score_node(p, 0);
    if (p->error < 0) {
        *err = p->err;
        return p->error;
    }
    *score_out = score == NO_SCORE ? FUZZY_SCORE_MAX : score ? score : 1;
    return 0;
}
