#include "imap/cmd/sort_hits.h"

#include <assert.h>
#include <stdlib.h>

enum { PIECE_RECORDS = 1024 }; /* read before others get their turn */

int sort_hits_init(struct sort_hits *h, struct session *s, const struct search_args *search, sort_hit_fn *fn,
                   void *ctx, struct err *err)
{
    struct search_place place = search_place_selected(s);
    if (s->utf8_accept && !str_eq_nocase(search->charset, STR("UTF-8"))) /* RFC 9755 */
        return err_set(err, ERR_SYNTAX, "No charset but UTF-8 after ENABLE UTF8=ACCEPT");
    *h = (struct sort_hits){ .uid = search->uid, .fn = fn, .ctx = ctx };
    int r = search_walk_init(&h->walk, s, &place, search, &s->arena, false, err);
    if (r == 0)
        r = search_walk_limit(&h->walk, s, true, err);
    if (r < 0)
        search_walk_deinit(&h->walk);
    return r;
}

void sort_hits_deinit(struct sort_hits *h)
{
    search_walk_deinit(&h->walk);
    free(h->wanted);
    h->wanted = NULL;
}

static void add_hit(struct sort_hits *h, uint32_t seq, const struct message *row)
{
    if (h->count == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 256;
        h->wanted = realloc(h->wanted, h->cap * sizeof *h->wanted);
        if (!h->wanted)
            abort();
    }
    h->wanted[h->count] = (struct record_wanted){ row->blob, (uint32_t)h->count };
    h->count++;
    h->fn(h->ctx, h->uid ? row->uid : seq, row);
}

int sort_hits_find(struct sort_hits *h, struct session *s, struct err *err)
{
    struct message row;
    uint32_t seq;
    int r;
    while ((r = search_walk_next(&h->walk, s, &seq, &row, err)) == 1)
        add_hit(h, seq, &row);
    return r;
}

void sort_hits_keep(struct sort_hits *h, const uint32_t *keep, size_t count)
{
    assert(count <= h->count && h->next_key == 0);
    for (size_t i = 0; i < count; i++)
        h->wanted[i] = (struct record_wanted){ h->wanted[keep[i]].blob, (uint32_t)i };
    h->count = count;
}

/* One piece of the records, which others' turns may follow. */
static int read_piece(struct sort_hits *h, const struct record_source *from, meta_fn *fn, void *ctx,
                      struct err *err)
{
    size_t left = h->count - h->next_key, count = left < PIECE_RECORDS ? left : PIECE_RECORDS, damaged = 0;
    int r = records_scan_meta(from, h->wanted + h->next_key, count, fn, ctx, &damaged, err);
    h->next_key += count;
    h->damaged += damaged;
    return r;
}

int sort_hits_read_keys(struct sort_hits *h, struct session *s, meta_fn *fn, void *ctx, struct err *err)
{
    const struct record_source from = record_source_of(h->walk.place.account, BLOB_META, h->count);
    while (h->next_key < h->count) {
        if (session_must_wait(s)) {
            session_progress(s, (uint32_t)h->next_key, (uint32_t)h->count);
            return -ERR_AGAIN;
        }
        int r = read_piece(h, &from, fn, ctx, err);
        if (r < 0)
            return r;
    }
    free(h->wanted);
    h->wanted = NULL;
    if (h->damaged)
        log_error(&s->log, "sort-keys-damaged", KV("messages", h->damaged));
    return 0;
}
