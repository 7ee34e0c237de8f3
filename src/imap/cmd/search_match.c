#include "imap/cmd/search_private.h"
#include "mime/text.h"

/* ---- leaves, for a chunk ---- */

static struct lanes all_lanes(const struct search_program *p)
{
    return lanes_range(0, p->columns->count - 1);
}

/* What is known without looking anywhere: SEARCH BODY "" is all, a needle that is too long is in nothing. */
static struct lane_verdicts without_looking(const struct search_program *p, const struct search_node *node,
                                            const struct prepared *ready)
{
    bool is_text = node->key == SEARCH_BODY || node->key == SEARCH_TEXT;
    struct lane_verdicts v = { 0 };
    if (search_is_row_key(node->key))
        v.yes = search_rows(p, node, ready);
    else if (is_text && ready->needle.n == 0)
        v.yes = all_lanes(p);
    else if (!is_text || ready->needle.n <= TEXT_OVERLAP_BYTES_MAX)
        v.open = all_lanes(p);
    return v;
}

static struct prepared *leaf_lanes(struct search_program *p, uint32_t i)
{
    struct prepared *ready = &p->prepared[i];
    const struct search_node *node = &p->args->nodes[i];
    if (ready->looked != p->chunk_number) {
        ready->looked = p->chunk_number;
        ready->is_indexed = !p->index || !search_is_text_key(node->key);
        ready->lanes = without_looking(p, node, ready);
    }
    if (p->is_found && !ready->is_indexed) {
        ready->is_indexed = true;
        search_index_verdicts(p->index, i, ready->is_exact, &ready->lanes);
    }
    return ready;
}

/* ---- the tree, for a chunk. Depth is bounded by SEARCH_DEPTH_MAX. ---- */

static struct lane_verdicts match_lanes(struct search_program *p, uint32_t i, struct lanes asked);

static struct lane_verdicts match_and(struct search_program *p, const struct search_node *node, uint32_t i,
                                      struct lanes left)
{
    struct lanes open = { 0 };
    for (uint32_t child = i + 1; child < node->end && !lanes_are_empty(left);
         child = p->args->nodes[child].end) {
        struct lane_verdicts v = match_lanes(p, child, left);
        left = lanes_or(v.yes, v.open);
        open = lanes_or(open, v.open);
    }
    return (struct lane_verdicts){ lanes_and_not(left, open), lanes_and(left, open) };
}

static struct lane_verdicts match_or(struct search_program *p, const struct search_node *node, uint32_t i,
                                     struct lanes left)
{
    struct lane_verdicts sum = { 0 };
    for (uint32_t child = i + 1; child < node->end && !lanes_are_empty(left);
         child = p->args->nodes[child].end) {
        struct lane_verdicts v = match_lanes(p, child, left);
        sum.yes = lanes_or(sum.yes, v.yes);
        sum.open = lanes_or(sum.open, v.open);
        left = lanes_and_not(left, v.yes);
    }
    sum.open = lanes_and_not(sum.open, sum.yes);
    return sum;
}

/* Of the messages `asked`; of others nothing is said. */
static struct lane_verdicts match_lanes(struct search_program *p, uint32_t i, struct lanes asked)
{
    const struct search_node *node = &p->args->nodes[i];
    struct lane_verdicts v;
    switch (node->key) {
    case SEARCH_AND:
        return match_and(p, node, i, asked);
    case SEARCH_OR:
        return match_or(p, node, i, asked);
    case SEARCH_NOT:
        v = match_lanes(p, i + 1, asked);
        return (struct lane_verdicts){ lanes_and_not(asked, lanes_or(v.yes, v.open)), v.open };
    default:
        v = leaf_lanes(p, i)->lanes;
        return (struct lane_verdicts){ lanes_and(v.yes, asked), lanes_and(v.open, asked) };
    }
}

void search_program_begin(struct search_program *p, const struct chunk_columns *columns, uint32_t first_seq)
{
    search_scan_end(p);
    p->columns = columns;
    p->first_seq = first_seq;
    p->chunk_number++;
    p->lane = LANE_NONE;
    p->is_found = false;
    p->stage = STAGE_ROW;
}

bool search_program_look(struct search_program *p, struct lane_verdicts *v)
{
    if (p->stage == STAGE_ROW) {
        *v = match_lanes(p, 0, all_lanes(p));
        if (!p->index || lanes_are_empty(v->open))
            return true;
        search_index_find(p->index, p->columns, &v->open);
        p->is_found = true;
        p->stage = STAGE_INDEX;
    }
    if (search_index_ask(p->index))
        return false;
    *v = match_lanes(p, 0, all_lanes(p));
    return true;
}

/* ---- one message ---- */

/* Nothing is known of the message at hand but its chunk's lanes, unless it is that of before. */
static void begin_message(struct search_program *p, uint32_t lane, const struct search_records *records)
{
    p->records = records;
    if (p->lane == lane)
        return;
    search_scan_end(p);
    for (size_t i = 0; p->args->uses_fuzzy && i < p->args->node_count; i++)
        p->prepared[i].score = NO_SCORE;
    p->lane = lane;
    p->has_view = p->has_header = p->has_bytes = false;
    p->error = 0;
}

static enum verdict match_sent(struct search_program *p, const struct search_node *node,
                               struct prepared *ready)
{
    if (search_need_view(p) < 0 || !(p->view.flags & META_HAS_DATE))
        return NO;
    ready->score = search_score_day(node, p->view.sent_s, p->view.zone_minutes);
    return ready->score ? YES : NO;
}

static enum verdict look_closer(struct search_program *p, const struct search_node *node,
                                struct prepared *ready)
{
    switch (node->key) {
    case SEARCH_SENT_BEFORE:
    case SEARCH_SENT_ON:
    case SEARCH_SENT_SINCE:
        return match_sent(p, node, ready);
    case SEARCH_BODY:
    case SEARCH_TEXT:
        return UNKNOWN; /* until it is scanned */
    default:
        return search_match_header(p, ready);
    }
}

enum verdict search_look_at_leaf(struct search_program *p, uint32_t i)
{
    const struct prepared *ready = leaf_lanes(p, i);
    if (lanes_has(&ready->lanes.open, p->lane))
        return UNKNOWN;
    return lanes_has(&ready->lanes.yes, p->lane) ? YES : NO;
}

static enum verdict match_leaf(struct search_program *p, uint32_t i)
{
    struct prepared *ready = &p->prepared[i];
    enum verdict v = search_look_at_leaf(p, i);
    if (v != UNKNOWN)
        return v;
    v = look_closer(p, &p->args->nodes[i], ready);
    if (v != UNKNOWN) {
        lanes_put(&ready->lanes.open, p->lane, false);
        lanes_put(&ready->lanes.yes, p->lane, v == YES);
    }
    return v;
}

/* Depth is bounded by SEARCH_DEPTH_MAX. */
static enum verdict match_node(struct search_program *p, uint32_t i)
{
    const struct search_node *node = &p->args->nodes[i];
    if (node->key != SEARCH_AND && node->key != SEARCH_OR && node->key != SEARCH_NOT)
        return match_leaf(p, i);
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

static int outcome(struct search_program *p, int r, struct err *err)
{
    if (p->error < 0)
        *err = p->err;
    return p->error < 0 ? p->error : r;
}

int search_program_decide(struct search_program *p, uint32_t lane, const struct search_records *records,
                          struct session *s, struct err *err)
{
    enum verdict v = UNKNOWN;
    int r = 1;
    begin_message(p, lane, records);
    for (p->stage = STAGE_RECORDS; p->stage < STAGE_BYTES && v == UNKNOWN; p->stage++)
        v = match_node(p, 0);
    while (v == UNKNOWN && (v = match_node(p, 0)) == UNKNOWN && (r = search_scan(p, s)) == 1)
        ;
    if (r == -ERR_AGAIN)
        return r;
    search_scan_end(p);
    return outcome(p, v == YES, err);
}

int search_program_match(struct search_program *p, uint32_t seq, const struct message *row, struct err *err)
{
    struct lane_verdicts v;
    p->one = (struct chunk_columns){ .count = 1,
                                     .keyword_words = KEYWORD_WORDS,
                                     .uid = &row->uid,
                                     .size_bytes = &row->size_bytes,
                                     .modseq = &row->modseq,
                                     .blob = &row->blob,
                                     .email_id = &row->email_id,
                                     .thread_id = &row->thread_id,
                                     .internal_date_s = &row->internal_date_s,
                                     .save_date_s = &row->save_date_s,
                                     .internal_zone_min = &row->internal_zone_min,
                                     .flags = &row->flags,
                                     .keywords = row->keywords.words };
    search_program_begin(p, &p->one, seq);
    while (!search_program_look(p, &v))
        ;
    return lanes_has(&v.open, 0) ? search_program_decide(p, 0, NULL, NULL, err) : lanes_has(&v.yes, 0);
}

unsigned search_program_slots(const struct search_program *p)
{
    unsigned slots = 0;
    for (size_t i = 0; i < p->args->node_count; i++) {
        enum search_key key = p->args->nodes[i].key;
        if (p->prepared[i].field_kept)
            slots |= 1u << BLOB_HEADER;
        else if (!search_is_row_key(key))
            slots |= 1u << BLOB_META;
    }
    return slots;
}

/* ---- relevancy ---- */

/* Of a key that matches. NO_SCORE: it is not fuzzy. */
static unsigned score_leaf(const struct search_program *p, uint32_t i)
{
    const struct search_node *node = &p->args->nodes[i];
    const struct chunk_columns *c = p->columns;
    if (!node->fuzzy)
        return NO_SCORE;
    switch (node->key) {
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
        return search_score_size(node, c->size_bytes[p->lane]);
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
        return search_score_day(node, c->internal_date_s[p->lane], c->internal_zone_min[p->lane]);
    case SEARCH_SAVED_BEFORE:
    case SEARCH_SAVED_ON:
    case SEARCH_SAVED_SINCE:
        return search_score_day(node, c->save_date_s[p->lane], 0);
    default:
        return p->prepared[i].score == NO_SCORE ? FUZZY_SCORE_MAX : p->prepared[i].score;
    }
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
        return score_leaf(p, i);
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

int search_program_score(struct search_program *p, uint32_t lane, const struct search_records *records,
                         struct session *s, unsigned *score_out, struct err *err)
{
    int r;
    begin_message(p, lane, records);
    p->stage = STAGE_BYTES;
    while (p->args->uses_fuzzy && (r = search_scan(p, s)) != 0)
        if (r == -ERR_AGAIN)
            return r;
    unsigned score = score_node(p, 0);
    *score_out = score == NO_SCORE ? FUZZY_SCORE_MAX : score ? score : 1;
    return outcome(p, 0, err);
}
