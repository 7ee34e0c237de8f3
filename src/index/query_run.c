/* query_run.c: a query answered for a segment, a few blocks at a time. */
#include "index/query_private.h"

#include <stdlib.h>

enum { LOOKS_FULL_EVERY = 16 }; /* blocks */

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

struct index_run *index_run_new(const struct index_query *query, struct index_segment *segment)
{
    struct index_run *run = checked(malloc(sizeof *run));
    *run = (struct index_run){ .query = query, .segment = index_segment_ref(segment), .page_at = UINT32_MAX };
    run->blocks[TRIGRAM_DICTIONARY] = segment->dictionary.count;
    run->blocks[TRIGRAM_HEAP] = segment->heap.count;
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++)
        run->wanted[i] = checked(calloc((size_t)run->blocks[i] / 64 + 1, sizeof *run->wanted[i]));
    index_set_init(&run->found, segment->documents);
    index_set_init(&run->here, segment->documents);
    if (query->term_count == 0)
        index_set_add_all(&run->found);
    return run;
}

void index_run_free(struct index_run **run_at)
{
    struct index_run *run = *run_at;
    if (!run)
        return;
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++)
        free(run->wanted[i]);
    buf_deinit(&run->page);
    buf_deinit(&run->block);
    buf_deinit(&run->lists);
    posting_list_deinit(&run->list);
    index_set_deinit(&run->found);
    index_set_deinit(&run->here);
    index_segment_unref(&run->segment);
    free(run->places);
    free(run->entries);
    free(run);
    *run_at = NULL;
}

/* ---- one pattern ---- */

static int begin_pattern(struct index_run *run, const struct query_pattern *pattern)
{
    index_set_use_bits(&run->here);
    run->section = TRIGRAM_DICTIONARY;
    run->next_block = run->looked_count = 0;
    run->has_begun = true;
    return query_choose_blocks(run, pattern->bytes);
}

static bool is_full(const struct index_run *run)
{
    uint32_t documents = run->segment->documents, count = 0;
    for (uint32_t i = 0; i <= documents / 64; i++)
        count += (uint32_t)__builtin_popcountll(run->here.bits[i]);
    return count == documents;
}

/* One block: 1; 0: there is no other, or no document is left to be found. */
static int look_at_next(struct index_run *run, const struct query_pattern *pattern)
{
    if (++run->looked_count % LOOKS_FULL_EVERY == 0 && is_full(run))
        return 0;
    while (!query_next_block(run, run->section, &run->next_block)) {
        if (run->section == TRIGRAM_HEAP)
            return 0;
        run->section = TRIGRAM_HEAP;
        run->next_block = 0;
    }
    uint32_t block = run->next_block++;
    int r = run->section == TRIGRAM_HEAP ? query_look_at_heap(run, block, pattern, run->here.bits)
                                         : query_look_at_words(run, block, pattern, run->here.bits);
    return r < 0 ? r : 1;
}

/* All patterns of the term have been looked for. */
static void end_term(struct index_run *run)
{
    index_set_settle(&run->here);
    if (run->term == 0)
        index_set_unite(&run->found, &run->here);
    else
        index_set_intersect(&run->found, &run->here);
    index_set_clear(&run->here);
    run->pattern = 0;
    run->term = run->found.count > 0 ? run->term + 1 : run->query->term_count;
}

/* ---- the whole ---- */

int index_run_step(struct index_run *run, uint32_t blocks, struct err *err)
{
    run->err = err;
    while (run->term < run->query->term_count) {
        const struct query_term *term = &run->query->terms[run->term];
        int r = 0;
        if (run->pattern == term->count) {
            end_term(run);
            continue;
        }
        if (blocks-- == 0)
            return 0;
        if (!run->has_begun)
            r = begin_pattern(run, &term->patterns[run->pattern]);
        else if ((r = look_at_next(run, &term->patterns[run->pattern])) == 0) {
            run->pattern++;
            run->has_begun = false;
        }
        if (r < 0)
            return r;
    }
    return 1;
}

static void add_partial(const struct index_segment *s, struct index_set *set)
{
    struct index_set partial;
    index_set_init(&partial, s->documents);
    for (uint32_t i = 0; i < s->partial_count; i++)
        index_set_add(&partial, s->partial[i]);
    index_set_unite(set, &partial);
    index_set_deinit(&partial);
}

void index_run_answer(struct index_run *run, struct index_set *sure_out, struct index_set *maybe_out)
{
    struct index_set other;
    bool is_exact = run->query->is_exact;
    index_set_init(&other, run->segment->documents);
    add_partial(run->segment, is_exact ? &other : &run->found);
    if (is_exact)
        index_set_subtract(&run->found, &other);
    *sure_out = is_exact ? run->found : other;
    *maybe_out = is_exact ? other : run->found;
    run->found = INDEX_SET_INIT;
}

int index_query_run(const struct index_query *query, struct index_segment *segment,
                    struct index_set *sure_out, struct index_set *maybe_out, struct err *err)
{
    struct index_run *run = index_run_new(query, segment);
    int r = index_run_step(run, UINT32_MAX, err);
    if (r > 0)
        index_run_answer(run, sure_out, maybe_out);
    index_run_free(&run);
    return r < 0 ? r : 0;
}
