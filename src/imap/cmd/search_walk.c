#include "imap/cmd/search_walk.h"

#include "imap/cmd/limit.h"

#include <assert.h>

enum { AHEAD_FIRST = 16 };

int search_walk_init(struct search_walk *walk, struct session *s, const struct search_place *place,
                     const struct search_args *args, struct arena *arena, bool backward, struct err *err)
{
    *walk = (struct search_walk){ .place = *place,
                                  .backward = backward,
                                  .scores = args->wants_relevancy,
                                  .goal = place->snapshot->exists };
    if (s->uidonly && args->uses_seq) /* RFC 9586, 3.5 */
        return session_uid_required(s, err);
    int r = search_program_new(place, args, arena, &walk->program, err);
    if (r == -ERR_CHARSET)
        session_code(s, "BADCHARSET (US-ASCII UTF-8)"); /* RFC 9051, 7.1; RFC 5256, 3 */
    if (r < 0)
        return r;
    walk->slots = search_program_slots(walk->program);
    walk->ahead_next_count = AHEAD_FIRST;
    walk->first_seq = 1;
    walk->next_seq = backward ? place->snapshot->exists : place->snapshot->exists ? 1 : 0;
    return r;
}

int search_walk_limit(struct search_walk *walk, struct session *s, bool whole, struct err *err)
{
    struct seqset scope;
    uint32_t limit = s->server->settings.message_limit;
    if (!limit || walk->place.snapshot->exists <= limit)
        return 0;
    int r = search_program_scope(walk->program, &scope, err);
    if (r < 0 || whole)
        return r < 0 ? r : limit_whole(s, seqset_count(&scope), err);
    r = limit_seqs(s, &scope, err);
    if (r == 0 && limit_was_met(s)) {
        walk->first_seq = seqset_first(&scope);
        if (!walk->backward)
            walk->next_seq = walk->first_seq;
    }
    return r;
}

void search_walk_deinit(struct search_walk *walk)
{
    search_program_free(&walk->program);
    record_batch_deinit(&walk->meta);
    record_batch_deinit(&walk->header);
}

/* ---- the chunk at hand ---- */

static bool is_in_span(const struct search_walk *walk, uint32_t seq)
{
    return walk->span.columns &&
           seq - walk->span.seq < walk->span.columns->count; /* also when it is before */
}

/* Have the chunk of message `next_seq` in walk->span, from its first row on, and what is known of it in walk->left. 1: it is there;
 * 0: call again. */
static int load_span(struct search_walk *walk, struct err *err)
{
    struct chunk_span *span = &walk->span;
    if (is_in_span(walk, walk->next_seq)) {
        if (!walk->is_looked)
            walk->is_looked = search_program_look(walk->program, &walk->left);
        return walk->is_looked;
    }
    struct snapshot_cursor cursor = snapshot_cursor_at(walk->place.snapshot, walk->next_seq);
    int r = snapshot_cursor_next(&cursor, span, err);
    if (r <= 0)
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no message %u", walk->next_seq);
    span->seq -= span->first;
    span->first = 0;
    search_program_begin(walk->program, span->columns, span->seq);
    walk->is_looked = search_program_look(walk->program, &walk->left);
    walk->ahead = (struct lanes){ 0 };
    return walk->is_looked;
}

/* The first message of interest from `next_seq` on in the direction of the walk; LANE_NONE: the chunk has none. */
static uint32_t next_lane(const struct search_walk *walk)
{
    const struct lanes of_interest = lanes_or(walk->left.yes, walk->left.open);
    uint32_t from = walk->next_seq - walk->span.seq;
    uint32_t lane = walk->backward ? lanes_next_back(&of_interest, from) : lanes_next(&of_interest, from);
    bool is_before_first = lane != LANE_NONE && walk->span.seq + lane < walk->first_seq;
    return is_before_first ? LANE_NONE : lane;
}

/* The message at `seq` is done. */
static void step_over(struct search_walk *walk, uint32_t seq)
{
    if (walk->backward)
        walk->next_seq = seq > walk->first_seq ? seq - 1 : 0;
    else
        walk->next_seq = seq < walk->place.snapshot->exists ? seq + 1 : 0;
}

static void step_over_span(struct search_walk *walk)
{
    step_over(walk, walk->backward ? walk->span.seq : walk->span.seq + walk->span.columns->count - 1);
}

/* ---- records, of some messages at a time ---- */

static void read_batch(struct search_walk *walk, enum blob_slot slot, struct record_batch *batch)
{
    struct err err;
    const struct record_source from = record_source_of(walk->place.account, slot,
                                                       walk->place.snapshot->exists);
    int r = walk->slots & 1u << slot ? record_batch_read(batch, &from, &err) : 0;
    (void)r; /* each is looked for when it is needed, and the error is met again with its own message */
}

/* Of the open messages from `lane` on, in the direction of the walk. */
static void read_ahead(struct search_walk *walk, uint32_t lane)
{
    uint32_t left = walk->ahead_next_count;
    walk->ahead_next_count = left < CHUNK_MESSAGES_MAX ? 2 * left : left;
    walk->ahead = (struct lanes){ 0 };
    record_batch_clear(&walk->meta);
    record_batch_clear(&walk->header);
    while (lane != LANE_NONE && left-- > 0) {
        struct blob_id blob = { walk->span.columns->blob[lane] };
        walk->ahead_index[lane] = record_batch_want(&walk->meta, blob.n);
        record_batch_want(&walk->header, blob.n);
        lanes_put(&walk->ahead, lane, true);
        if (walk->backward)
            lane = lane ? lanes_next_back(&walk->left.open, lane - 1) : LANE_NONE;
        else
            lane = lanes_next(&walk->left.open, lane + 1);
    }
    read_batch(walk, BLOB_META, &walk->meta);
    read_batch(walk, BLOB_HEADER, &walk->header);
}

static struct search_records records_of(struct search_walk *walk, uint32_t lane)
{
    if (walk->slots == 0)
        return (struct search_records){ STR_NIL, STR_NIL };
    if (!lanes_has(&walk->ahead, lane))
        read_ahead(walk, lane);
    return (struct search_records){ record_batch_get(&walk->meta, walk->ahead_index[lane]),
                                    record_batch_get(&walk->header, walk->ahead_index[lane]) };
}

/* ---- walking ---- */

static int wait(struct search_walk *walk, struct session *s)
{
    uint32_t exists = walk->place.snapshot->exists;
    uint32_t done = walk->backward ? exists - walk->next_seq : walk->next_seq - 1;
    search_program_rest(walk->program);
    session_progress(s, walk->done_before + done, walk->goal);
    return -ERR_AGAIN;
}

/* load_span to its end, or as far as the turn goes: -ERR_AGAIN. */
static int have_span(struct search_walk *walk, struct session *s, struct err *err)
{
    int r = 0;
    while (r == 0) {
        if (session_must_wait(s))
            return wait(walk, s);
        r = load_span(walk, err);
        if (r == 0 && session_must_wait_now(s))
            return wait(walk, s);
    }
    return r < 0 ? r : 0;
}

/* Does the message match? 1, 0, -ERR_AGAIN (before it or in the middle of it), or another error. */
static int decide(struct search_walk *walk, struct session *s, uint32_t lane, struct err *err)
{
    const bool is_open = lanes_has(&walk->left.open, lane);
    struct search_records records = { STR_NIL, STR_NIL };
    int r = 1;
    if (is_open && session_must_wait_now(s))
        return -ERR_AGAIN;
    if (is_open) {
        records = records_of(walk, lane);
        r = search_program_decide(walk->program, lane, &records, s, err);
        if (r < 0)
            return r;
        lanes_put(&walk->left.open, lane, false);
        lanes_put(&walk->left.yes, lane, r == 1);
    }
    if (r == 0 || !walk->scores)
        return r;
    int scored = search_program_score(walk->program, lane, is_open ? &records : NULL, s, &walk->score, err);
    return scored < 0 ? scored : 1;
}

int search_walk_next(struct search_walk *walk, struct session *s, uint32_t *seq_out, struct message *row_out,
                     struct err *err)
{
    while (walk->next_seq) {
        int r = have_span(walk, s, err);
        if (r < 0)
            return r;
        uint32_t lane = next_lane(walk);
        if (lane == LANE_NONE) {
            step_over_span(walk);
            continue;
        }
        r = decide(walk, s, lane, err);
        if (r < 0)
            return r == -ERR_AGAIN ? wait(walk, s) : r;
        step_over(walk, walk->span.seq + lane);
        if (r == 1) {
            chunk_row(walk->span.columns, lane, row_out);
            *seq_out = walk->span.seq + lane;
            return 1;
        }
    }
    return 0;
}

int search_walk_next_chunk(struct search_walk *walk, struct session *s, struct search_hits *hits_out,
                           struct err *err)
{
    assert(!walk->backward && !walk->scores);
    while (walk->next_seq) {
        int r = have_span(walk, s, err);
        if (r < 0)
            return r;
        uint32_t lane = lanes_next(&walk->left.open, walk->next_seq - walk->span.seq);
        if (lane != LANE_NONE) {
            walk->next_seq = walk->span.seq + lane;
            r = decide(walk, s, lane, err);
            if (r < 0)
                return r == -ERR_AGAIN ? wait(walk, s) : r;
            continue;
        }
        step_over_span(walk);
        *hits_out = (struct search_hits){ walk->span.columns, walk->span.seq, walk->left.yes };
        if (walk->first_seq > walk->span.seq)
            hits_out->lanes = lanes_and(
                hits_out->lanes, lanes_range(walk->first_seq - walk->span.seq, CHUNK_MESSAGES_MAX - 1));
        if (!lanes_are_empty(hits_out->lanes))
            return 1;
    }
    return 0;
}
