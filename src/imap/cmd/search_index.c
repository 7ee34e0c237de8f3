#include "imap/cmd/search_index.h"

#include <assert.h>
#include <stdlib.h>

enum {
    NO_SLOT = UINT16_MAX,
    STEP_BLOCKS =
        32, /* of a segment that are looked at before others may have their turn: a millisecond or less */
};

/* What a key and a segment come to. */
struct answer {
    enum { ANSWER_NONE, ANSWER_KNOWN, ANSWER_FAILED } state;
    struct index_set sure, maybe;
};

struct key {
    struct index_query *query;
    struct answer *answers; /* one a segment */
};

struct place {
    uint64_t first, last; /* blob ids */
    struct index_segment *segment;
    bool has_failed;
    uint32_t hint;   /* where the last document was found */
    uint32_t group;  /* of the chunk at hand */
    uint32_t search; /* for which that is */
};

/* Messages of the chunk that are in one segment. */
struct group {
    size_t segment;
    struct lanes lanes;
    uint32_t low, high; /* their numbers there */
};

struct search_index {
    struct index_view *view;
    size_t place_count, last_place;
    struct place *places; /* one a segment */
    uint32_t search;      /* how many chunks were looked for */
    bool has_missed, is_damaged;

    /* The chunk at hand. */
    uint32_t number[CHUNK_MESSAGES_MAX]; /* of the document */
    struct group groups[CHUNK_MESSAGES_MAX];
    size_t group_count;

    size_t key_count, slot_count;
    uint16_t *slots;  /* of each key; NO_SLOT: it is not asked */
    struct key *keys; /* by slot */
    size_t answer_bytes;

    /* What is being asked: NULL, nothing. */
    struct index_run *run;
    struct key *run_key;
    size_t run_at; /* segment */
};

static void *new_array(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        abort();
    return p;
}

struct search_index *search_index_new(struct index_view **view, size_t key_count)
{
    struct search_index *index = new_array(1, sizeof *index);
    index->view = *view;
    *view = NULL;
    index->place_count = index_view_count(index->view);
    index->places = new_array(index->place_count, sizeof *index->places);
    for (size_t i = 0; i < index->place_count; i++) {
        const struct index_entry *entry = index_view_entry(index->view, i);
        index->places[i].first = entry->first.n;
        index->places[i].last = entry->last.n;
    }
    index->key_count = key_count;
    index->slots = new_array(key_count, sizeof *index->slots);
    for (size_t i = 0; i < key_count; i++)
        index->slots[i] = NO_SLOT;
    index->keys = new_array(SEARCH_INDEX_KEYS_MAX, sizeof *index->keys);
    return index;
}

static void free_key(struct search_index *index, struct key *key)
{
    for (size_t i = 0; i < index->place_count; i++) {
        index_set_deinit(&key->answers[i].sure);
        index_set_deinit(&key->answers[i].maybe);
    }
    free(key->answers);
    index_query_free(&key->query);
}

void search_index_free(struct search_index **index_at)
{
    struct search_index *index = *index_at;
    if (!index)
        return;
    index_run_free(&index->run);
    for (size_t i = 0; i < index->slot_count; i++)
        free_key(index, &index->keys[i]);
    for (size_t i = 0; i < index->place_count; i++)
        index_segment_unref(&index->places[i].segment);
    index_view_unref(&index->view);
    free(index->places);
    free(index->slots);
    free(index->keys);
    free(index);
    *index_at = NULL;
}

void search_index_set_key(struct search_index *index, size_t key, struct str needle, unsigned fields,
                          enum index_kind kind)
{
    assert(key < index->key_count);
    if (index->slots[key] != NO_SLOT || index->slot_count == SEARCH_INDEX_KEYS_MAX)
        return;
    index->slots[key] = (uint16_t)index->slot_count;
    index->keys[index->slot_count++] = (struct key){ index_query_new(needle, fields, kind),
                                                     new_array(index->place_count, sizeof(struct answer)) };
}

/* A read that failed for another reason may go well next time. */
static void note_failure(struct search_index *index, int r)
{
    index->is_damaged |= r == -ERR_CORRUPT || r == -ERR_NOT_FOUND;
}

/* ---- where messages are ---- */

/* The number of `blob` in segment `at`; false: it is not there, or the segment cannot be read. */
static bool find_in(struct search_index *index, size_t at, uint64_t blob, uint32_t *number_out)
{
    struct place *place = &index->places[at];
    struct err err;
    if (blob < place->first || blob > place->last || place->has_failed)
        return false;
    int r = place->segment ? 0 : index_view_segment(index->view, at, &place->segment, &err);
    if (r < 0) {
        note_failure(index, r);
        place->has_failed = true;
        return false;
    }
    uint32_t number = index_segment_seek(place->segment, (struct blob_id){ blob }, place->hint);
    if (number == index_segment_documents(place->segment) ||
        index_segment_blob(place->segment, number).n != blob)
        return false;
    place->hint = *number_out = number;
    return true;
}

/* Messages that lie side by side are in one segment, mostly; new ones in the last. */
static bool find_anywhere(struct search_index *index, uint64_t blob, size_t *at_out, uint32_t *number_out)
{
    if (index->last_place < index->place_count && find_in(index, index->last_place, blob, number_out)) {
        *at_out = index->last_place;
        return true;
    }
    for (size_t at = index->place_count; at-- > 0;)
        if (at != index->last_place && find_in(index, at, blob, number_out)) {
            *at_out = index->last_place = at;
            return true;
        }
    return false;
}

static struct group *group_of(struct search_index *index, size_t at)
{
    struct place *place = &index->places[at];
    if (place->search != index->search) {
        place->search = index->search;
        place->group = (uint32_t)index->group_count;
        index->groups[index->group_count++] = (struct group){ .segment = at, .low = UINT32_MAX };
    }
    return &index->groups[place->group];
}

void search_index_find(struct search_index *index, const struct chunk_columns *columns,
                       const struct lanes *asked)
{
    index->search++;
    index->group_count = 0;
    for (uint32_t lane = lanes_next(asked, 0); lane != LANE_NONE; lane = lanes_next(asked, lane + 1)) {
        uint32_t number;
        size_t at;
        if (!find_anywhere(index, columns->blob[lane], &at, &number)) {
            index->has_missed = true;
            continue;
        }
        struct group *group = group_of(index, at);
        index->number[lane] = number;
        lanes_put(&group->lanes, lane, true);
        group->low = number < group->low ? number : group->low;
        group->high = number > group->high ? number : group->high;
    }
}

bool search_index_has_missed(const struct search_index *index)
{
    return index->has_missed;
}

bool search_index_is_damaged(const struct search_index *index)
{
    return index->is_damaged;
}

/* ---- what keys match ---- */

static size_t bytes_of(const struct index_set *set)
{
    return set->bits ? set->universe / 8 : (size_t)set->count * sizeof *set->list;
}

static void keep_answer(struct search_index *index, struct answer *answer)
{
    index_run_answer(index->run, &answer->sure, &answer->maybe);
    answer->state = ANSWER_KNOWN;
    index->answer_bytes += bytes_of(&answer->sure) + bytes_of(&answer->maybe);
    if (index->answer_bytes <= SEARCH_INDEX_ANSWER_BYTES_MAX)
        return;
    index->answer_bytes -= bytes_of(&answer->sure) + bytes_of(&answer->maybe);
    index_set_deinit(&answer->sure);
    index_set_deinit(&answer->maybe);
    answer->state = ANSWER_FAILED;
}

static void ask_on(struct search_index *index)
{
    struct answer *answer = &index->run_key->answers[index->run_at];
    struct err err;
    int r = index_run_step(index->run, STEP_BLOCKS, &err);
    if (r == 0)
        return;
    if (r > 0) {
        keep_answer(index, answer);
    } else {
        note_failure(index, r);
        answer->state = ANSWER_FAILED;
    }
    index_run_free(&index->run);
}

static void begin_asking(struct search_index *index, struct key *key, size_t at)
{
    index->run = index_run_new(key->query, index->places[at].segment);
    index->run_key = key;
    index->run_at = at;
}

bool search_index_ask(struct search_index *index)
{
    for (size_t g = 0; !index->run && g < index->group_count; g++)
        for (size_t i = 0; !index->run && i < index->slot_count; i++)
            if (index->keys[i].answers[index->groups[g].segment].state == ANSWER_NONE)
                begin_asking(index, &index->keys[i], index->groups[g].segment);
    if (!index->run)
        return false;
    ask_on(index);
    return true;
}

static bool meets(const struct index_set *set, const struct group *group)
{
    uint32_t number;
    return index_set_next(set, group->low, &number) && number <= group->high;
}

static void tell_group(const struct key *key, bool is_exact, const struct group *group,
                       const uint32_t *number, struct lane_verdicts *v)
{
    const struct answer *answer = &key->answers[group->segment];
    const struct lanes open = lanes_and(v->open, group->lanes);
    if (answer->state != ANSWER_KNOWN)
        return;
    v->open = lanes_and_not(v->open, open);
    if (!meets(&answer->sure, group) && !meets(&answer->maybe, group))
        return;
    for (uint32_t lane = lanes_next(&open, 0); lane != LANE_NONE; lane = lanes_next(&open, lane + 1)) {
        bool is_sure = index_set_has(&answer->sure, number[lane]);
        if (is_sure && is_exact)
            lanes_put(&v->yes, lane, true);
        else if (is_sure || index_set_has(&answer->maybe, number[lane]))
            lanes_put(&v->open, lane, true);
    }
}

void search_index_verdicts(const struct search_index *index, size_t key, bool is_exact,
                           struct lane_verdicts *v)
{
    assert(key < index->key_count);
    if (index->slots[key] == NO_SLOT)
        return;
    for (size_t g = 0; g < index->group_count; g++)
        tell_group(&index->keys[index->slots[key]], is_exact, &index->groups[g], index->number, v);
}
