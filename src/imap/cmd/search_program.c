/* search_program.c: making a search program ready for a mailbox, and for what becomes of it. */
#include "imap/cmd/search_private.h"

#include <stdlib.h>

/* ---- compiling ---- */

/* "M123": the number behind the letter, 0 when it is none of ours. */
static uint64_t parse_id(struct str text, char letter)
{
    uint64_t id = 0;
    return text.n > 1 && text.p[0] == letter && str_to_u64(str_skip(text, 1), UINT64_MAX, &id) ? id : 0;
}

static int last_uid(const struct snapshot *snapshot, uint32_t *uid_out, struct err *err)
{
    struct message last = { 0 };
    int r = snapshot->exists ? snapshot_message(snapshot, snapshot->exists, &last, err) : 0;
    *uid_out = last.uid;
    return r;
}

/* The messages that the sequence numbers of `set` are now, as UIDs; numbers that are not there are left out. */
static int keep_messages(struct search_program *p, struct seqset *set, struct err *err)
{
    struct seqset all, there;
    seqset_init(&all, p->arena);
    if (p->place.snapshot->exists)
        seqset_add_range(&all, 1, p->place.snapshot->exists);
    seqset_intersection(set, &all, p->arena, &there);
    return snapshot_seqs_to_uids(p->place.snapshot, &there, p->arena, set, err);
}

static void keep_saved(struct search_program *p, struct prepared *out)
{
    struct seqset own = out->set;
    if (out->saved && p->place.saved)
        seqset_union(&own, p->place.saved, p->arena, &out->set);
    out->saved = false;
}

static int prepare_set(struct search_program *p, const struct search_node *node, struct prepared *out,
                       struct err *err)
{
    const struct snapshot *snapshot = p->place.snapshot;
    uint32_t max = snapshot->exists;
    int r = node->key == SEARCH_UID ? last_uid(snapshot, &max, err) : 0;
    if (r < 0)
        return r;
    /* Numbers that are not there are no error: RFC 7377, 2. */
    seqset_copy(&node->set, p->arena, &out->set);
    if (p->place.lasting && node->key == SEARCH_UID) {
        out->star_from = out->set.star_from;
        out->last_uid = max;
        out->set.star_from = 0;
    }
    seqset_resolve(&out->set, max);
    out->saved = node->set.saved;
    out->set.saved = false;
    if (p->place.lasting) {
        r = node->key == SEARCH_SEQ ? keep_messages(p, &out->set, err) : 0;
        keep_saved(p, out);
        return r;
    }
    if (!out->saved || !p->place.saved || node->key == SEARCH_UID || p->has_saved_seqs)
        return 0;
    p->has_saved_seqs = true;
    return snapshot_uids_to_seqs(snapshot, p->place.saved, p->arena, &p->saved_seqs, err);
}

static int prepare(struct search_program *p, const struct search_node *node, struct prepared *out,
                   struct err *err)
{
    if (search_is_text_key(node->key))
        return search_prepare_text(p, node, out, err);
    switch (node->key) {
    case SEARCH_KEYWORD:
    case SEARCH_NO_KEYWORD:
        out->keyword = keyword_table_find(p->place.snapshot->keywords, node->text);
        return 0;
    case SEARCH_SEQ:
    case SEARCH_UID:
        return prepare_set(p, node, out, err);
    case SEARCH_OLDER:
    case SEARCH_YOUNGER:
        out->limit_s = p->place.now_s - (int64_t)node->number;
        return 0;
    case SEARCH_EMAILID:
        out->id = parse_id(node->text, 'M');
        return 0;
    case SEARCH_THREADID:
        out->id = parse_id(node->text, 'T');
        return 0;
    default:
        return 0;
    }
}

struct search_place search_place_selected(struct session *s)
{
    return (struct search_place){ .account = s->selected_account,
                                  .snapshot = s->view.snapshot,
                                  .view = &s->view,
                                  .saved = &s->saved,
                                  .now_s = clock_wall_ms(s->server->clock) / 1000,
                                  .collation = s->collation };
}

int search_program_new(const struct search_place *place, const struct search_args *args, struct arena *arena,
                       struct search_program **program_out, struct err *err)
{
    if (!str_is_nil(args->charset) && charset_find(args->charset) == CHARSET_UNKNOWN)
        return err_set(err, ERR_CHARSET, "Charset not supported");
    struct search_program *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->place = *place;
    p->arena = arena;
    p->args = args;
    p->charsets = charset_cache_new();
    p->prepared = arena_new_array(arena, struct prepared, args->node_count);
    for (size_t i = 0; i < args->node_count; i++) {
        int r = prepare(p, &args->nodes[i], &p->prepared[i], err);
        if (r < 0) {
            search_program_free(&p);
            return r;
        }
    }
    if (!place->lasting) /* else when it is asked again */
        search_take_index(p, place->snapshot);
    *program_out = p;
    return 0;
}

/* The set of a SEQ or UID key, as sequence numbers. */
static int set_of_key(const struct search_program *p, const struct search_node *node,
                      const struct prepared *prepared, struct seqset *seqs_out, struct err *err)
{
    bool are_uids = node->key == SEARCH_UID || p->place.lasting;
    struct seqset own = prepared->set, with_star, with_saved;
    if (prepared->star_from) {
        uint32_t low = prepared->star_from < prepared->last_uid ? prepared->star_from : prepared->last_uid;
        seqset_copy(&own, p->arena, &with_star);
        seqset_add_range(&with_star, low, UINT32_MAX);
        own = with_star;
    }
    if (prepared->saved && p->place.saved) {
        seqset_union(&own, are_uids ? p->place.saved : &p->saved_seqs, p->arena, &with_saved);
        own = with_saved;
    }
    if (are_uids)
        return snapshot_uids_to_seqs(p->place.snapshot, &own, p->arena, seqs_out, err);
    *seqs_out = own;
    return 0;
}

int search_program_scope(const struct search_program *p, struct seqset *seqs_out, struct err *err)
{
    const struct search_node *nodes = p->args->nodes;
    struct seqset scope;
    seqset_init(&scope, p->arena);
    if (p->place.snapshot->exists)
        seqset_add_range(&scope, 1, p->place.snapshot->exists);
    for (uint32_t i = 1; i < nodes[0].end; i = nodes[i].end) {
        struct seqset set, both;
        if (nodes[i].key != SEARCH_SEQ && nodes[i].key != SEARCH_UID)
            continue;
        int r = set_of_key(p, &nodes[i], &p->prepared[i], &set, err);
        if (r < 0)
            return r;
        seqset_intersection(&scope, &set, p->arena, &both);
        scope = both;
    }
    *seqs_out = scope;
    return 0;
}

void search_program_rest(struct search_program *p)
{
    if (!p->scan.is_running) {
        buf_deinit(&p->bytes);
        buf_deinit(&p->extracted);
        p->has_bytes = false;
    }
    buf_deinit(&p->text);
    if (p->place.lasting)
        search_leave_index(p);
}

void search_program_free(struct search_program **program)
{
    struct search_program *p = *program;
    if (!p)
        return;
    if (p->scan.is_running)
        text_reader_deinit(&p->scan.reader);
    store_blob_close(&p->scan.blob);
    search_leave_index(p);
    charset_cache_free(&p->charsets);
    buf_deinit(&p->meta_bytes);
    buf_deinit(&p->header_bytes);
    buf_deinit(&p->bytes);
    buf_deinit(&p->extracted);
    buf_deinit(&p->text);
    free(p);
    *program = NULL;
}

/* ---- programs that last ---- */

static bool ages(enum search_key key)
{
    return key == SEARCH_OLDER || key == SEARCH_YOUNGER;
}

bool search_program_ages(const struct search_program *p)
{
    for (size_t i = 0; i < p->args->node_count; i++)
        if (ages(p->args->nodes[i].key))
            return true;
    return false;
}

int search_program_follow(struct search_program *p, const struct snapshot *snapshot, int64_t now_s,
                          struct err *err)
{
    uint32_t last;
    int r = last_uid(snapshot, &last, err);
    for (size_t i = 0; r == 0 && i < p->args->node_count; i++) {
        const struct search_node *node = &p->args->nodes[i];
        struct prepared *ready = &p->prepared[i];
        if (node->key == SEARCH_KEYWORD || node->key == SEARCH_NO_KEYWORD)
            ready->keyword = keyword_table_find(snapshot->keywords, node->text);
        else if (node->key == SEARCH_UID)
            ready->last_uid = last;
        else if (ages(node->key))
            ready->limit_s = now_s - (int64_t)node->number;
    }
    search_take_index(p, snapshot);
    return r;
}

static int add_last(const struct snapshot *snapshot, struct seqset *uids, struct err *err)
{
    uint32_t uid;
    int r = last_uid(snapshot, &uid, err);
    if (r == 0 && uid)
        seqset_add(uids, uid);
    return r;
}

/* Those with an INTERNALDATE from `from_s` to `to_s`; none when no time has gone by. */
static int add_dated(const struct snapshot *snapshot, int64_t from_s, int64_t to_s, struct seqset *uids,
                     struct err *err)
{
    struct snapshot_cursor cursor = snapshot_cursor_at(snapshot, 1);
    struct chunk_span span;
    int r = 0;
    while (from_s < to_s && (r = snapshot_cursor_next(&cursor, &span, err)) == 1)
        for (uint32_t i = span.first; i < span.columns->count; i++)
            if (span.columns->internal_date_s[i] >= from_s && span.columns->internal_date_s[i] <= to_s)
                seqset_add(uids, span.columns->uid[i]);
    return r;
}

int search_program_aged(const struct search_program *p, const struct snapshot *before,
                        const struct snapshot *now, int64_t since_s, struct arena *arena,
                        struct seqset *uids_out, struct err *err)
{
    int r = 0;
    seqset_init(uids_out, arena);
    for (size_t i = 0; r == 0 && i < p->args->node_count; i++) {
        const struct search_node *node = &p->args->nodes[i];
        if (node->key == SEARCH_UID && p->prepared[i].star_from && before != now) {
            r = add_last(before, uids_out, err);
            r = r < 0 ? r : add_last(now, uids_out, err);
        } else if (ages(node->key)) {
            r = add_dated(now, since_s - (int64_t)node->number, p->prepared[i].limit_s, uids_out, err);
        }
    }
    return r;
}
