#include "mail/thread_tree.h"

#include "mail/thread_private.h"

#include <stdlib.h>
#include <xxhash.h>

/* ---- input ---- */

static void *grow(void *p, size_t *cap, size_t needed, size_t size)
{
    if (needed <= *cap)
        return p;
    while (*cap < needed)
        *cap = *cap ? 2 * *cap : 256;
    p = realloc(p, *cap * size);
    if (!p)
        abort();
    return p;
}

void thread_input_init(struct thread_input *in, enum thread_algorithm algorithm, enum collation collation,
                       struct thread_keys *known, struct rand_source *random)
{
    *in = (struct thread_input){ .algorithm = algorithm, .known = known };
    if (known)
        ref_get(&known->cached.ref);
    in->seed = known ? known->seed : rand_u64(random);
    collator_init(&in->collator, collation);
}

void thread_input_deinit(struct thread_input *in)
{
    thread_keys_unref(&in->known);
    free(in->messages);
    free(in->missing);
    free(in->references);
    collator_deinit(&in->collator);
    *in = (struct thread_input){ 0 };
}

static bool find_known(struct thread_input *in, uint32_t uid, struct thread_key *key_out)
{
    const struct thread_keys *known = in->known;
    if (!known)
        return false;
    while (in->known_at < known->count && known->uids[in->known_at] < uid)
        in->known_at++;
    if (in->known_at == known->count || known->uids[in->known_at] != uid)
        return false;
    *key_out = known->keys[in->known_at];
    return true;
}

void thread_input_add(struct thread_input *in, uint32_t number, const struct message *row)
{
    in->messages = grow(in->messages, &in->cap, in->count + 1, sizeof *in->messages);
    struct thread_message *m = &in->messages[in->count];
    assert(in->count == 0 || m[-1].uid < row->uid);
    *m = (struct thread_message){ .number = number, .uid = row->uid, .internal_s = row->internal_date_s };
    m->is_known = find_known(in, row->uid, &m->key);
    if (!m->is_known) {
        m->key.sent_s = row->internal_date_s; /* RFC 5256, 2.2: unless Date is known */
        in->missing = grow(in->missing, &in->missing_cap, in->missing_count + 1, sizeof *in->missing);
        in->missing[in->missing_count++] = (uint32_t)in->count;
    }
    in->count++;
}

/* RFC 5256, 3: References, or without any the first of In-Reply-To. */
static void take_references(struct thread_input *in, struct thread_key *key, const struct meta_view *view)
{
    size_t count = view->reference_count;
    if (count == 0 && view->in_reply_to_count > 0)
        count = 1;
    if (in->reference_count + count > UINT32_MAX)
        return;
    in->references = grow(in->references, &in->reference_cap, in->reference_count + count,
                          sizeof *in->references);
    key->reference = (uint32_t)in->reference_count;
    key->reference_count = (uint16_t)count;
    for (size_t i = 0; i < count; i++)
        in->references[in->reference_count++] = view->reference_count ? meta_reference(view, i)
                                                                      : meta_in_reply_to(view, 0);
}

void thread_input_take_meta(struct thread_input *in, uint32_t i, const struct meta_view *view)
{
    assert(i < in->missing_count);
    struct thread_key *key = &in->messages[in->missing[i]].key;
    if (view->flags & META_HAS_DATE)
        key->sent_s = view->sent_s;
    key->is_reply = view->flags & META_IS_REPLY;
    key->id = view->message_id_hash;
    take_references(in, key, view);
    view = collator_view(&in->collator, view);
    key->subject = view->subject.n ? XXH3_64bits_withSeed(view->subject.p, view->subject.n, in->seed) : 0;
}

void thread_input_keep(const struct thread_input *in, struct key_cache *cache, uint64_t account,
                       uint64_t mailbox)
{
    struct thread_new_key *more = calloc(in->missing_count + 1, sizeof *more);
    if (!more)
        abort();
    for (size_t i = 0; i < in->missing_count; i++) {
        const struct thread_message *m = &in->messages[in->missing[i]];
        more[i] = (struct thread_new_key){ m->uid, &m->key };
    }
    thread_keys_keep(cache, account, mailbox, in->collator.collation, in->seed, in->known, more,
                     in->missing_count, in->references);
    free(more);
}

/* ---- links ---- */

uint32_t thread_new_node(struct thread_tree *t)
{
    t->nodes = grow(t->nodes, &t->cap, t->count + 1, sizeof *t->nodes);
    t->nodes[t->count] = (struct thread_node){ THREAD_NONE, THREAD_NONE, THREAD_NONE, THREAD_NONE,
                                               THREAD_NONE };
    return (uint32_t)t->count++;
}

void thread_link(struct thread_tree *t, uint32_t parent, uint32_t node)
{
    struct thread_node *n = &t->nodes[node], *p = &t->nodes[parent];
    assert(n->parent == THREAD_NONE && node != parent);
    n->parent = parent;
    n->prev = p->last;
    n->next = THREAD_NONE;
    if (p->last == THREAD_NONE)
        p->first = node;
    else
        t->nodes[p->last].next = node;
    p->last = node;
}

void thread_unlink(struct thread_tree *t, uint32_t node)
{
    struct thread_node *n = &t->nodes[node], *p = &t->nodes[n->parent];
    if (n->prev == THREAD_NONE)
        p->first = n->next;
    else
        t->nodes[n->prev].next = n->next;
    if (n->next == THREAD_NONE)
        p->last = n->prev;
    else
        t->nodes[n->next].prev = n->prev;
    n->parent = n->next = n->prev = THREAD_NONE;
}

/* ---- order ---- */

struct sibling {
    int64_t date_s;
    uint32_t message, node; /* message: by whose date and number it is sorted */
};

static int compare_siblings(const void *x, const void *y)
{
    const struct sibling *a = x, *b = y;
    if (a->date_s != b->date_s)
        return a->date_s < b->date_s ? -1 : 1;
    return (a->message > b->message) - (a->message < b->message);
}

struct sorting {
    struct sibling *siblings;
    size_t cap;
    const int64_t *latest_s; /* by node; NULL: by sent date */
};

/* RFC 5256, 2.2 and 3, (6): by sent date, then by sequence number; a dummy as its first child. */
static void sort_children(struct thread_tree *t, uint32_t parent, struct sorting *s)
{
    size_t count = 0;
    uint32_t node = t->nodes[parent].first;
    if (node == t->nodes[parent].last)
        return;
    for (; node != THREAD_NONE; node = t->nodes[node].next) {
        uint32_t by = thread_is_dummy(t, node) ? t->nodes[node].first : node;
        s->siblings = grow(s->siblings, &s->cap, count + 1, sizeof *s->siblings);
        s->siblings[count++] = (struct sibling){ s->latest_s ? s->latest_s[node]
                                                             : thread_message_of(t, by)->key.sent_s,
                                                 by, node };
    }
    qsort(s->siblings, count, sizeof *s->siblings, compare_siblings);
    t->nodes[parent].first = t->nodes[parent].last = THREAD_NONE;
    for (size_t i = 0; i < count; i++) {
        t->nodes[s->siblings[i].node].parent = THREAD_NONE;
        thread_link(t, parent, s->siblings[i].node);
    }
}

/* The latest arrival in each thread, by the node of its head. */
static int64_t *latest_of_threads(const struct thread_tree *t)
{
    int64_t *latest_s = malloc(t->count * sizeof *latest_s);
    if (!latest_s)
        abort();
    for (uint32_t head = t->nodes[THREAD_ROOT].first; head != THREAD_NONE; head = t->nodes[head].next) {
        latest_s[head] = INT64_MIN;
        for (uint32_t n = head;;) {
            if (!thread_is_dummy(t, n) && thread_message_of(t, n)->internal_s > latest_s[head])
                latest_s[head] = thread_message_of(t, n)->internal_s;
            if (t->nodes[n].first != THREAD_NONE) {
                n = t->nodes[n].first;
                continue;
            }
            while (n != head && t->nodes[n].next == THREAD_NONE)
                n = t->nodes[n].parent;
            if (n == head)
                break;
            n = t->nodes[n].next;
        }
    }
    return latest_s;
}

/* Every set of siblings; the root's comes last, since dummies under it are sorted by their first child. */
static void sort_all(struct thread_tree *t)
{
    struct sorting s = { 0 };
    for (uint32_t node = 1; node < t->count; node++)
        sort_children(t, node, &s);
    int64_t *latest_s = t->in->algorithm == THREAD_REFS ? latest_of_threads(t) : NULL;
    s.latest_s = latest_s;
    sort_children(t, THREAD_ROOT, &s);
    free(latest_s);
    free(s.siblings);
}

void thread_tree_build(const struct thread_input *in, struct rand_source *random,
                       struct thread_tree *tree_out)
{
    struct thread_tree t = { .in = in };
    for (size_t i = 0; i <= in->count; i++)
        thread_new_node(&t);
    if (in->algorithm == THREAD_ORDEREDSUBJECT) {
        thread_by_subject(&t, random);
    } else {
        thread_link_references(&t, random);
        thread_prune(&t);
        if (in->algorithm == THREAD_REFERENCES) {
            sort_all(&t); /* (4), of which (5) needs the order of heads and of the children of dummies */
            thread_merge_subjects(&t, random);
        }
    }
    sort_all(&t);
    *tree_out = t;
}

void thread_tree_deinit(struct thread_tree *tree)
{
    free(tree->nodes);
    *tree = (struct thread_tree){ 0 };
}

/* ---- text ---- */

struct thread_writer thread_writer_make(const struct thread_tree *tree)
{
    return (struct thread_writer){ tree, tree->nodes[THREAD_ROOT].first };
}

/* A node begins a list of its own unless it is the only child of a message. */
static bool opens_list(const struct thread_tree *t, uint32_t node)
{
    const struct thread_node *parent = &t->nodes[t->nodes[node].parent];
    return t->nodes[node].parent == THREAD_ROOT || parent->first != parent->last;
}

static bool has_number(const struct thread_tree *t, uint32_t node)
{
    return node != THREAD_ROOT && !thread_is_dummy(t, node);
}

static uint32_t write_node(const struct thread_tree *t, uint32_t node, struct buf *out)
{
    bool first_child = t->nodes[node].prev == THREAD_NONE;
    if (first_child && has_number(t, t->nodes[node].parent))
        buf_add_char(out, ' ');
    if (opens_list(t, node))
        buf_add_char(out, '(');
    if (has_number(t, node))
        buf_add_u64(out, thread_message_of(t, node)->number);
    if (t->nodes[node].first != THREAD_NONE)
        return t->nodes[node].first;
    while (node != THREAD_ROOT) {
        if (opens_list(t, node))
            buf_add_char(out, ')');
        if (t->nodes[node].next != THREAD_NONE)
            return t->nodes[node].next;
        node = t->nodes[node].parent;
    }
    return THREAD_NONE;
}

bool thread_writer_next(struct thread_writer *w, struct buf *out, size_t nodes_max)
{
    for (size_t i = 0; i < nodes_max && w->node != THREAD_NONE; i++)
        w->node = write_node(w->tree, w->node, out);
    return w->node != THREAD_NONE;
}
