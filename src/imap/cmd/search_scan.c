/* search_scan.c: BODY and TEXT, where the index does not say: the text of a message is decoded once for all keys that are open, a piece at a
 * time, so that others get their turn in the middle of a large one. */
#include "imap/cmd/search_private.h"

#include <assert.h>

static unsigned scope_of(const struct search_program *p, uint32_t key)
{
    return p->args->nodes[key].key == SEARCH_BODY ? TEXT_BODY : TEXT_HEADER | TEXT_BODY;
}

static void conclude(struct search_program *p, uint32_t key, bool matches)
{
    struct lane_verdicts *lanes = &p->prepared[key].lanes;
    lanes_put(&lanes->open, p->lane, false);
    lanes_put(&lanes->yes, p->lane, matches);
}

static bool is_open(const struct search_program *p, uint32_t key)
{
    return lanes_has(&p->prepared[key].lanes.open, p->lane);
}

/* ---- what is looked for ---- */

/* The open keys, of one collation at a time: first those that are not fuzzy. */
static void collect_keys(struct search_program *p, bool fuzzy)
{
    struct search_scan *scan = &p->scan;
    scan->key_count = 0;
    for (uint32_t i = 0; i < p->args->node_count; i++) {
        const struct search_node *node = &p->args->nodes[i];
        if ((node->key != SEARCH_BODY && node->key != SEARCH_TEXT) || node->fuzzy != fuzzy)
            continue;
        if (search_look_at_leaf(p, i) != UNKNOWN)
            continue;
        assert(scan->key_count < SEARCH_TEXT_KEYS_MAX);
        scan->keys[scan->key_count++] = i;
    }
    scan->is_fuzzy = fuzzy;
}

static int read_window(void *ctx, uint64_t offset, uint64_t length, struct buf *out, struct err *err)
{
    const struct search_program *p = ctx;
    return store_blob_read_open(p->scan.blob, offset, length, out, err);
}

/* A large message is not kept whole: its search may wait for its turn, beside many others. */
static int begin_reading(struct search_program *p, unsigned scope, size_t overlap)
{
    struct search_scan *scan = &p->scan;
    enum collation collation = search_collation_of(p, scan->is_fuzzy);
    if (search_need_view(p) < 0 || search_need_extracted(p) < 0)
        return -1;
    if (!p->has_bytes && p->columns->size_bytes[p->lane] > SCAN_WHOLE_BYTES_MAX) {
        if (search_need_blob(p) < 0)
            return -1;
        text_reader_init_from(&scan->reader, read_window, p, &p->view, scope, overlap, collation,
                              p->charsets);
    } else if (search_need_bytes(p) < 0 ||
               search_fail(p, text_reader_init(&scan->reader, buf_str(&p->bytes), &p->view, scope, overlap,
                                               collation, p->charsets, &p->err)) < 0) {
        return -1;
    }
    text_reader_add(&scan->reader, buf_str(&p->extracted));
    return 0;
}

/* False: nothing is open. */
static bool begin(struct search_program *p)
{
    struct search_scan *scan = &p->scan;
    size_t overlap = 0;
    unsigned scope = 0;
    collect_keys(p, false);
    if (scan->key_count == 0)
        collect_keys(p, true);
    for (size_t k = 0; k < scan->key_count; k++) {
        struct prepared *ready = &p->prepared[scan->keys[k]];
        size_t own = ready->fuzzy ? fuzzy_overlap(ready->fuzzy) : ready->needle.n - 1;
        overlap = own > overlap ? own : overlap;
        scope |= scope_of(p, scan->keys[k]);
        if (ready->fuzzy) {
            fuzzy_begin(ready->fuzzy);
            ready->score = 0;
        }
    }
    if (scan->key_count == 0)
        return false;
    scan->is_running = true;
    scan->from = TEXT_HEADER;
    overlap = overlap < TEXT_OVERLAP_BYTES_MAX ? overlap : TEXT_OVERLAP_BYTES_MAX;
    if (begin_reading(p, scope, overlap) < 0)
        search_scan_end(p);
    return true;
}

/* What is still looked for is not there. */
void search_scan_end(struct search_program *p)
{
    struct search_scan *scan = &p->scan;
    if (!scan->is_running)
        return;
    for (size_t k = 0; k < scan->key_count; k++)
        if (is_open(p, scan->keys[k]))
            conclude(p, scan->keys[k], scan->is_fuzzy && p->prepared[scan->keys[k]].score > 0);
    text_reader_deinit(&scan->reader);
    store_blob_close(&scan->blob);
    scan->is_running = false;
}

/* ---- pieces ---- */

/* The header, or the body, is over for a fuzzy key. */
static void take_score(struct search_program *p, uint32_t key, enum text_scope from)
{
    struct prepared *ready = &p->prepared[key];
    unsigned percent = from == TEXT_BODY && p->args->nodes[key].key == SEARCH_TEXT ? BODY_PERCENT : 100;
    unsigned score = fuzzy_score(ready->fuzzy);
    search_raise_score(ready, score ? 1 + (score - 1) * percent / 100 : 0);
}

static bool feed_fuzzy(struct search_program *p, uint32_t key, const struct text_piece *piece)
{
    struct prepared *ready = &p->prepared[key];
    if (piece->from == TEXT_BODY && p->scan.from == TEXT_HEADER) {
        take_score(p, key, TEXT_HEADER);
        if (ready->score > BODY_PERCENT)
            return true;
        fuzzy_begin(ready->fuzzy);
    }
    if (!fuzzy_feed(ready->fuzzy, piece->text))
        return false;
    take_score(p, key, piece->from);
    return true;
}

/* Has a key been found? */
static bool feed(struct search_program *p, const struct text_piece *piece)
{
    bool any = false;
    for (size_t k = 0; k < p->scan.key_count; k++) {
        uint32_t key = p->scan.keys[k];
        if (!is_open(p, key) || !(scope_of(p, key) & piece->from))
            continue;
        if (p->scan.is_fuzzy ? feed_fuzzy(p, key, piece)
                             : str_find(piece->text, p->prepared[key].needle) >= 0) {
            conclude(p, key, true);
            any = true;
        }
    }
    p->scan.from = piece->from;
    return any;
}

/* At the end of a text without further pieces. */
static void finish(struct search_program *p)
{
    for (size_t k = 0; p->scan.is_fuzzy && k < p->scan.key_count; k++)
        if (is_open(p, p->scan.keys[k]))
            take_score(p, p->scan.keys[k], p->scan.from);
    search_scan_end(p);
}

int search_scan(struct search_program *p, struct session *s)
{
    struct text_piece piece;
    if (!p->scan.is_running && !begin(p))
        return 0;
    while (p->scan.is_running) {
        if (s && session_must_wait_now(s))
            return -ERR_AGAIN;
        int r = text_reader_next(&p->scan.reader, &piece, &p->err);
        if (r == 1 && feed(p, &piece))
            return 1;
        if (r == 0)
            finish(p);
        else if (search_fail(p, r) < 0)
            search_scan_end(p);
    }
    return 1;
}
