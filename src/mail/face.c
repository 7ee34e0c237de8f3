#include "mail/face.h"

#include "mail/snapshot_build.h"

/* A place in the face before, which has the same nodes and chunks as its base. */
struct former {
    const struct face *face; /* NULL: none */
    uint32_t node, chunk;
};

static uint64_t seen_until(const struct former *f)
{
    return f->face->seen ? f->face->seen->modseq_max : 0;
}

/* Go on to where UIDs from `uid` on are. */
static bool seek_node(struct former *f, uint32_t uid)
{
    const struct snapshot *base = f->face ? f->face->base : NULL;
    while (base && f->node < base->node_count && base->nodes[f->node]->uid_last < uid) {
        f->node++;
        f->chunk = 0;
    }
    return base && f->node < base->node_count;
}

static bool seek_chunk(struct former *f, uint32_t uid)
{
    if (!seek_node(f, uid))
        return false;
    const struct snapshot_node *node = f->face->base->nodes[f->node];
    while (f->chunk < node->chunk_count && node->chunks[f->chunk]->summary.uid_last < uid)
        f->chunk++;
    return f->chunk < node->chunk_count;
}

/* The face's node for a node of the base, where it is known without looking at messages. */
static struct snapshot_node *known_node(struct former *f, const struct seen *seen, struct snapshot_node *node)
{
    if (seek_node(f, node->uid_first) && f->face->base->nodes[f->node] == node &&
        !seen_changed_in(seen, node->uid_first, node->uid_last, seen_until(f)))
        return f->face->shown->nodes[f->node];
    bool plain = node->unseen == node->count && !seen_changed_in(seen, node->uid_first, node->uid_last, 0);
    return plain ? node : NULL;
}

static struct chunk *known_chunk(struct former *f, const struct seen *seen, struct chunk *chunk)
{
    const struct chunk_summary *s = &chunk->summary;
    if (seek_chunk(f, s->uid_first) && f->face->base->nodes[f->node]->chunks[f->chunk] == chunk &&
        !seen_changed_in(seen, s->uid_first, s->uid_last, seen_until(f)))
        return f->face->shown->nodes[f->node]->chunks[f->chunk];
    return s->unseen == s->count && !seen_changed_in(seen, s->uid_first, s->uid_last, 0) ? chunk : NULL;
}

static int make_chunk(struct chunk *chunk, const struct seen *seen, struct chunk **out, struct err *err)
{
    const struct chunk_columns *columns;
    struct message rows[CHUNK_MESSAGES_MAX];
    int r = chunk_columns(chunk, &columns, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < columns->count; i++) {
        chunk_row(columns, i, &rows[i]);
        seen_apply(seen, &rows[i]);
    }
    *out = chunk_new(rows, columns->count);
    return 0;
}

static int add_node(struct snapshot_builder *b, struct former *f, const struct seen *seen,
                    const struct snapshot_node *node, struct err *err)
{
    for (uint32_t i = 0; i < node->chunk_count; i++) {
        struct chunk *chunk = known_chunk(f, seen, node->chunks[i]);
        int r = 0;
        if (chunk)
            chunk_ref(chunk);
        else
            r = make_chunk(node->chunks[i], seen, &chunk, err);
        if (r < 0)
            return r;
        snapshot_builder_add_chunk(b, chunk);
    }
    snapshot_builder_close_node(b);
    return 0;
}

int face_make(struct snapshot *base, struct seen *seen, const struct face *before,
              struct snapshot **shown_out, struct err *err)
{
    struct former former = { .face = before };
    struct snapshot_builder b;
    uint64_t modseq = seen && seen->modseq_max > base->highest_modseq ? seen->modseq_max
                                                                      : base->highest_modseq;

    snapshot_builder_init(&b, base->node_count);
    for (uint32_t i = 0; i < base->node_count; i++) {
        struct snapshot_node *known = known_node(&former, seen, base->nodes[i]);
        int r = 0;
        if (known)
            snapshot_builder_add_node(&b, known);
        else
            r = add_node(&b, &former, seen, base->nodes[i], err);
        if (r < 0) {
            snapshot_builder_deinit(&b);
            return r;
        }
    }
    *shown_out = snapshot_builder_finish(&b, base->uidnext, modseq, base->keywords);
    return 0;
}

void face_deinit(struct face *face)
{
    snapshot_unref(&face->base);
    snapshot_unref(&face->shown);
    seen_unref(&face->seen);
}
