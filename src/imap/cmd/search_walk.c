#include "imap/cmd/search_walk.h"

#include "imap/cmd/limit.h"

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

/* Have the chunk of message `seq` in walk->span, whose first row shall be that message or one before it. */
static int load_span(struct search_walk *walk, uint32_t seq, struct err *err)
{
    struct chunk_span *span = &walk->span;
    if (span->columns && seq >= span->seq && seq - span->seq < span->columns->count)
        return 0;
    struct snapshot_cursor cursor = snapshot_cursor_at(walk->place.snapshot, seq);
    int r = snapshot_cursor_next(&cursor, span, err);
    if (r <= 0)
        return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no message %u", seq);
    span->seq -= span->first;
    span->first = 0;
    return 0;
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

/* From message `seq` on, in the direction of the walk, as far as the span goes. */
static void read_ahead(struct search_walk *walk, uint32_t seq)
{
    uint32_t first = walk->span.seq, last = first + walk->span.columns->count - 1;
    uint32_t max = walk->ahead_next_count;
    if (walk->backward) {
        last = seq;
        first = last - first >= max ? last - max + 1 : first;
    } else {
        first = seq;
        last = last - first >= max ? first + max - 1 : last;
    }
    walk->ahead_from = first;
    walk->ahead_count = last - first + 1;
    walk->ahead_next_count = max < SEARCH_AHEAD_MAX ? 2 * max : max;
    record_batch_clear(&walk->meta);
    record_batch_clear(&walk->header);
    for (uint32_t i = 0; i < walk->ahead_count; i++) {
        struct message row;
        chunk_row(walk->span.columns, first + i - walk->span.seq, &row);
        walk->ahead_index[i] = -1;
        if (!search_program_needs_records(walk->program, first + i, &row))
            continue;
        walk->ahead_index[i] = (int32_t)record_batch_want(&walk->meta, row.blob);
        record_batch_want(&walk->header, row.blob);
    }
    read_batch(walk, BLOB_META, &walk->meta);
    read_batch(walk, BLOB_HEADER, &walk->header);
}

static struct search_records records_of(struct search_walk *walk, uint32_t seq)
{
    if (walk->slots == 0)
        return (struct search_records){ STR_NIL, STR_NIL };
    if (seq - walk->ahead_from >= walk->ahead_count) /* also when it is before */
        read_ahead(walk, seq);
    int32_t index = walk->ahead_index[seq - walk->ahead_from];
    if (index < 0)
        return (struct search_records){ STR_NIL, STR_NIL };
    return (struct search_records){ record_batch_get(&walk->meta, (uint32_t)index),
                                    record_batch_get(&walk->header, (uint32_t)index) };
}

/* ---- walking ---- */

static void step(struct search_walk *walk)
{
    if (walk->backward)
        walk->next_seq = walk->next_seq > walk->first_seq ? walk->next_seq - 1 : 0;
    else
        walk->next_seq = walk->next_seq < walk->place.snapshot->exists ? walk->next_seq + 1 : 0;
}

int search_walk_next(struct search_walk *walk, struct session *s, uint32_t *seq_out, struct message *row_out,
                     struct err *err)
{
    while (walk->next_seq) {
        uint32_t seq = walk->next_seq;
        if (session_must_wait(s)) {
            uint32_t done = walk->backward ? walk->place.snapshot->exists - seq : seq - 1;
            search_program_rest(walk->program);
            session_progress(s, walk->done_before + done, walk->goal);
            return -ERR_AGAIN;
        }
        int r = load_span(walk, seq, err);
        if (r < 0)
            return r;
        chunk_row(walk->span.columns, seq - walk->span.seq, row_out);
        const struct search_records records = records_of(walk, seq);
        r = search_program_match(walk->program, seq, row_out, &records, err);
        if (r == 1 && walk->scores && (r = search_program_score(walk->program, &walk->score, err)) == 0)
            r = 1;
        if (r < 0)
            return r;
        step(walk);
        if (r == 1) {
            *seq_out = seq;
            return 1;
        }
    }
    return 0;
}
