#include "imap/cmd/search_walk.h"

#include "imap/cmd/limit.h"

int search_walk_init(struct search_walk *walk, struct session *s, const struct search_place *place,
                     const struct search_args *args, struct arena *arena, bool backward, struct err *err)
{
    *walk = (struct search_walk){ .place = *place, .backward = backward, .scores = args->wants_relevancy };
    if (s->uidonly && args->uses_seq) /* RFC 9586, 3.5 */
        return session_uid_required(s, err);
    int r = search_program_new(place, args, arena, &walk->program, err);
    if (r == -ERR_CHARSET)
        session_code(s, "BADCHARSET (US-ASCII UTF-8)"); /* RFC 9051, 7.1; RFC 5256, 3 */
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
            uint32_t exists = walk->place.snapshot->exists;
            search_program_rest(walk->program);
            session_progress(s, walk->backward ? exists - seq : seq - 1, exists);
            return -ERR_AGAIN;
        }
        int r = load_span(walk, seq, err);
        if (r < 0)
            return r;
        chunk_row(walk->span.columns, seq - walk->span.seq, row_out);
        r = search_program_match(walk->program, seq, row_out, err);
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
