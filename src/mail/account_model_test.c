/* Random changes against a naive oracle, with folds, restarts and crashes between them; everything is
 * compared. The seed is fixed, so that a failure repeats; LOFT_TEST_SEED and LOFT_TEST_STEPS change it. */
#include "base/rand.h"
#include "mail/annotation.h"
#include "mail/testing_mail.h"

#include <stdlib.h>

enum { NAMES = 9, BOXES_MAX = 400, MESSAGES_MAX = 4000, BLOBS_MAX = 20000, KEYWORDS = 6, CRASHES_MAX = 16 };

static const char *const names[NAMES] = {
    "INBOX", "a", "a/b", "a/b/c", "b", "b/x", "c/d", "Sent", "INBOX/q"
};
static const char *const keyword_names[KEYWORDS] = { "k0", "k1", "K2", "$k3", "k4", "k5" };

struct omessage {
    uint32_t uid, size;
    uint64_t modseq, blob, email_id, thread_id;
    uint8_t flags;
    unsigned keywords; /* bits of keyword_names */
    int64_t date;
};

struct obox {
    bool exists;
    char name[32];
    uint64_t id, modseq;
    uint32_t uidvalidity, uidnext;
    struct omessage *messages;
    size_t count;
    uint64_t limits[2]; /* QUOTA_STORAGE, QUOTA_MESSAGE of it and all below */
    uint64_t *vanished; /* by uid: modseq it vanished with */
    size_t vanished_cap;
    char comment[32]; /* annotation "/comment"; "": none */
};

struct oracle {
    struct obox boxes[BOXES_MAX];
    size_t box_count;
    char subscribed[64][32];
    size_t subscribed_count;
    uint64_t last_modseq;
    uint64_t limits[2]; /* of the account */
    uint64_t blobs[BLOBS_MAX];
    size_t blob_count;
    struct bench b;
    struct bench crashed[CRASHES_MAX];
    size_t crash_count;
    struct rand_seeded rand;
};

static uint64_t below(struct oracle *o, uint64_t n)
{
    return rand_below(&o->rand.source, n);
}

static struct obox *find(struct oracle *o, const char *name)
{
    for (size_t i = 0; i < o->box_count; i++)
        if (o->boxes[i].exists && strcmp(o->boxes[i].name, name) == 0)
            return &o->boxes[i];
    return NULL;
}

static bool has_children(struct oracle *o, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < o->box_count; i++)
        if (o->boxes[i].exists && strncmp(o->boxes[i].name, name, n) == 0 && o->boxes[i].name[n] == '/')
            return true;
    return false;
}

static int find_subscribed(struct oracle *o, const char *name)
{
    for (size_t i = 0; i < o->subscribed_count; i++)
        if (strcmp(o->subscribed[i], name) == 0)
            return (int)i;
    return -1;
}

static void set_subscribed(struct oracle *o, const char *name, bool on)
{
    int at = find_subscribed(o, name);
    if (on && at < 0)
        snprintf(o->subscribed[o->subscribed_count++], 32, "%s", name);
    if (!on && at >= 0)
        memmove(o->subscribed[at], o->subscribed[--o->subscribed_count], 32);
}

static void new_box(struct oracle *o, const char *name, uint64_t modseq)
{
    struct mailbox *box;
    assert_true(o->box_count < BOXES_MAX);
    struct obox *n = &o->boxes[o->box_count++];
    *n =
        (struct obox){ .exists = true, .modseq = modseq, .uidnext = 1, .limits = { QUOTA_NONE, QUOTA_NONE } };
    snprintf(n->name, sizeof n->name, "%s", name);
    n->messages = calloc(MESSAGES_MAX, sizeof *n->messages);
    assert_int_equal(account_mailbox(o->b.account, str_c(name), &box, &o->b.err), 0);
    n->id = mailbox_id(box);
    n->uidvalidity = mailbox_uidvalidity(box);
    mailbox_unref(&box);
    for (size_t i = 0; i + 1 < o->box_count; i++) /* ids and uidvalidities are never given twice */
        assert_true(o->boxes[i].id < n->id && o->boxes[i].uidvalidity < n->uidvalidity);
}

static void make_boxes(struct oracle *o, const char *name, uint64_t modseq, bool last)
{
    char level[32];
    for (size_t i = 1; name[i]; i++) {
        snprintf(level, sizeof level, "%.*s", (int)i, name);
        if (name[i] == '/' && !find(o, level))
            new_box(o, level, modseq);
    }
    if (last)
        new_box(o, name, modseq);
}

static void vanish(struct obox *box, size_t i, uint64_t modseq)
{
    uint32_t uid = box->messages[i].uid;
    while (uid >= box->vanished_cap) {
        size_t cap = box->vanished_cap ? box->vanished_cap * 2 : 64;
        box->vanished = realloc(box->vanished, cap * sizeof *box->vanished);
        memset(box->vanished + box->vanished_cap, 0, (cap - box->vanished_cap) * sizeof *box->vanished);
        box->vanished_cap = cap;
    }
    box->vanished[uid] = modseq;
    box->modseq = modseq;
    memmove(&box->messages[i], &box->messages[i + 1], (--box->count - i) * sizeof *box->messages);
}

static void add_message(struct obox *box, struct omessage m, uint64_t modseq)
{
    assert_true(box->count < MESSAGES_MAX);
    m.uid = box->uidnext++;
    m.modseq = modseq;
    box->messages[box->count++] = m;
    box->modseq = modseq;
}

static void saw_modseq(struct oracle *o, const struct change *c, bool changed)
{
    assert_int_equal(c->modseq != 0, changed);
    if (changed) {
        assert_true(c->modseq > o->last_modseq);
        o->last_modseq = c->modseq;
    }
}

static struct seqset random_uids(struct oracle *o, const struct obox *box)
{
    struct seqset set;
    seqset_init(&set, &o->b.arena);
    uint32_t top = box ? box->uidnext + 2 : 10;
    for (uint64_t n = below(o, 4) + 1; n > 0; n--) {
        uint32_t first = (uint32_t)below(o, top) + 1,
                 more = (uint32_t)(below(o, 4) ? below(o, 4) : below(o, 40));
        seqset_add_range(&set, first, first + more);
    }
    return set;
}

static size_t keyword_list(unsigned bits, struct str out[KEYWORDS])
{
    size_t count = 0;
    for (unsigned i = 0; i < KEYWORDS; i++)
        if (bits >> i & 1)
            out[count++] = str_c(keyword_names[i]);
    return count;
}

/* ---- quota ---- */

static bool is_in_tree(const char *root, const char *name)
{
    size_t n = strlen(root);
    return n == 0 || (strncmp(root, name, n) == 0 && (name[n] == 0 || name[n] == '/'));
}

/* Bytes and messages of all mailboxes in a tree, "" for all there are. */
static void sum_tree(const struct oracle *o, const char *root, uint64_t sum[2])
{
    sum[QUOTA_STORAGE] = sum[QUOTA_MESSAGE] = 0;
    for (size_t i = 0; i < o->box_count; i++)
        if (o->boxes[i].exists && is_in_tree(root, o->boxes[i].name)) {
            sum[QUOTA_MESSAGE] += o->boxes[i].count;
            for (size_t k = 0; k < o->boxes[i].count; k++)
                sum[QUOTA_STORAGE] += o->boxes[i].messages[k].size;
        }
}

static bool is_over(const struct oracle *o, const char *root, const uint64_t limits[2], const uint64_t add[2])
{
    uint64_t sum[2];
    sum_tree(o, root, sum);
    for (int i = 0; i < 2; i++)
        if (add[i] > 0 && limits[i] != QUOTA_NONE && sum[i] + add[i] > limits[i])
            return true;
    return false;
}

/* What goes as something comes: REPLACE. */
struct oreplaced {
    const struct obox *box; /* NULL: nothing */
    uint32_t uid;
    size_t at;
    bool there;
};

/* May so much come to `to`? `from`: where it moves away from, or NULL. */
static bool is_refused(const struct oracle *o, const char *to, const char *from, uint64_t bytes,
                       uint64_t messages, const struct oreplaced *replaced)
{
    const uint64_t add[2] = { [QUOTA_STORAGE] = bytes, [QUOTA_MESSAGE] = messages };
    uint64_t size = replaced && replaced->there ? replaced->box->messages[replaced->at].size : 0;
    const uint64_t net[2] = {
        [QUOTA_STORAGE] = bytes > size ? bytes - size : 0, [QUOTA_MESSAGE] = size ? messages - 1 : messages
    };
    bool refused = !from && is_over(o, "", o->limits, net);
    for (size_t i = 0; i < o->box_count; i++) {
        const struct obox *root = &o->boxes[i];
        bool loses = size && is_in_tree(root->name, replaced->box->name);
        if (root->exists && is_in_tree(root->name, to) && !(from && is_in_tree(root->name, from)))
            refused |= is_over(o, root->name, root->limits, loses ? net : add);
    }
    return refused;
}

/* A limit near what is there, or none. */
static void do_quota(struct oracle *o, const char *name)
{
    struct obox *box = below(o, 2) ? find(o, name) : NULL;
    uint64_t *limits = box ? box->limits : o->limits, sum[2];
    int resource = (int)below(o, 2);

    sum_tree(o, box ? name : "", sum);
    uint64_t limit = below(o, 3) == 0 ? QUOTA_NONE
                                      : sum[resource] + below(o, resource == QUOTA_STORAGE ? 200 : 8);
    struct change c = { .kind = CHANGE_QUOTA,
                        .quota = { .mailbox = str_c(box ? name : ""), .which = 1u << resource } };
    c.quota.limits.of[resource] = limit;
    assert_int_equal(commit_one(&o->b, &c), 0);
    if (c.modseq)
        o->last_modseq = c.modseq;
    limits[resource] = limit;
}

static void compare_quota(struct oracle *o)
{
    struct quota_state *states;
    size_t count = account_quota(o->b.account, STR_NIL, &o->b.arena, &states), limited = 1;

    for (size_t i = 0; i < count; i++) {
        char name[32];
        uint64_t sum[2];
        snprintf(name, sizeof name, STR_FMT, STR_ARG(states[i].mailbox));
        const struct obox *box = states[i].mailbox_id ? find(o, name) : NULL;
        sum_tree(o, name, sum);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(states[i].used.of[k], sum[k]);
            assert_int_equal(states[i].limits.of[k], box ? box->limits[k] : o->limits[k]);
        }
    }
    for (size_t i = 0; i < o->box_count; i++)
        limited += o->boxes[i].exists &&
                   (o->boxes[i].limits[0] != QUOTA_NONE || o->boxes[i].limits[1] != QUOTA_NONE);
    assert_int_equal(count, limited);
}

/* ---- one random change each ---- */

/* Now and then a message is replaced, or one that is not there. */
static struct oreplaced choose_replaced(struct oracle *o)
{
    struct oreplaced replaced = { .box = below(o, 4) ? NULL : find(o, names[below(o, NAMES)]) };
    if (!replaced.box)
        return replaced;
    replaced.uid = replaced.box->uidnext;
    replaced.there = replaced.box->count > 0 && below(o, 8);
    if (replaced.there) {
        replaced.at = (size_t)below(o, replaced.box->count);
        replaced.uid = replaced.box->messages[replaced.at].uid;
    }
    return replaced;
}

static void do_append(struct oracle *o, const char *name)
{
    const struct oreplaced replaced = choose_replaced(o);
    struct new_message m[4];
    struct str keywords[4][KEYWORDS];
    struct omessage om[4];
    size_t count = below(o, 4) + 1;
    struct obox *box = find(o, name);

    for (size_t i = 0; i < count; i++) {
        char body[64];
        int n = snprintf(body, sizeof body, "%0*d", (int)below(o, 50) + 1, (int)i);
        m[i] = message_of(&o->b, body);
        om[i] = (struct omessage){ .size = (uint32_t)n, .blob = m[i].blob.n };
        om[i].flags = m[i].flags = (uint8_t)below(o, FLAG_ALL + 1);
        om[i].keywords = below(o, 3) ? 0 : (unsigned)below(o, 1u << KEYWORDS);
        om[i].date = m[i].internal_date_s = (int64_t)below(o, 2000000000) - 1000;
        m[i].keywords = keywords[i];
        m[i].keyword_count = keyword_list(om[i].keywords, keywords[i]);
        m[i].message_id_hash = below(o, 30);
        m[i].reference_count = below(o, 3);
        for (size_t k = 0; k < m[i].reference_count; k++)
            m[i].references[k] = below(o, 30);
        assert_true(o->blob_count < BLOBS_MAX);
        o->blobs[o->blob_count++] = om[i].blob;
    }
    struct change c = append_change(&o->b, name, m, count);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += om[i].size;
    if (replaced.box) {
        c.append.replaced_mailbox_id = replaced.box->id;
        c.append.replaced_uid = replaced.uid;
    }
    int expected = !box                                                 ? -ERR_NOT_FOUND
                   : replaced.box && !replaced.there                    ? -ERR_EXPUNGED
                   : is_refused(o, name, NULL, bytes, count, &replaced) ? -ERR_OVERQUOTA
                                                                        : 0;
    int r = commit_one(&o->b, &c);
    assert_int_equal(r, expected);
    saw_modseq(o, &c, r == 0);
    for (size_t i = 0; i < count; i++) {
        if (r < 0) {
            store_blob_abandon(o->b.store, account_id(o->b.account), m[i].blob);
            continue;
        }
        struct snapshot *s = box_snapshot(&o->b, name);
        struct message row;
        assert_int_equal(snapshot_message(s, s->exists - (uint32_t)(count - 1 - i), &row, &o->b.err), 0);
        om[i].email_id = row.email_id;
        om[i].thread_id = row.thread_id;
        snapshot_unref(&s);
        assert_true(seqset_contains(&c.uids, box->uidnext));
        add_message(box, om[i], c.modseq);
    }
    if (r == 0 && replaced.box)
        vanish(find(o, replaced.box->name), replaced.at, c.modseq);
}

static void do_store(struct oracle *o, const char *name)
{
    struct obox *box = find(o, name);
    struct seqset uids = random_uids(o, box);
    struct str keywords[KEYWORDS];
    unsigned bits = below(o, 2) ? 0 : (unsigned)below(o, 1u << KEYWORDS);
    struct change c = { .kind = CHANGE_STORE,
                        .store = { .mailbox_id = box ? box->id : 424242,
                                   .uids = &uids,
                                   .mode = (enum store_mode)below(o, 3),
                                   .flags = (uint8_t)below(o, FLAG_ALL + 1),
                                   .keywords = keywords,
                                   .conditional = below(o, 4) == 0,
                                   .unchanged_since = below(o, o->last_modseq + 2) } };
    bool changed = false;

    c.store.keyword_count = keyword_list(bits, keywords);
    int r = commit_one(&o->b, &c);
    assert_int_equal(r, box ? 0 : -ERR_NOT_FOUND);
    for (size_t i = 0; box && i < box->count; i++) {
        struct omessage *m = &box->messages[i], next = *m;
        if (!seqset_contains(&uids, m->uid))
            continue;
        assert_false(seqset_contains(&c.missing, m->uid));
        if (c.store.conditional && m->modseq > c.store.unchanged_since) {
            assert_true(seqset_contains(&c.modified, m->uid));
            continue;
        }
        if (c.store.mode == STORE_REPLACE)
            next.flags = c.store.flags, next.keywords = bits;
        else if (c.store.mode == STORE_ADD)
            next.flags |= c.store.flags, next.keywords |= bits;
        else
            next.flags &= (uint8_t)~c.store.flags, next.keywords &= ~bits;
        bool differs = next.flags != m->flags || next.keywords != m->keywords;
        assert_int_equal(seqset_contains(&c.uids, m->uid), differs);
        if (differs) {
            next.modseq = box->modseq = c.modseq;
            *m = next;
            changed = true;
        }
    }
    saw_modseq(o, &c, changed);
}

static void do_expunge(struct oracle *o, const char *name)
{
    struct obox *box = find(o, name);
    struct seqset uids = random_uids(o, box);
    struct change c = { .kind = CHANGE_EXPUNGE,
                        .expunge = { .mailbox_id = box ? box->id : 424242,
                                     .uids = below(o, 8) ? &uids : NULL,
                                     .only_deleted = below(o, 3) > 0 } };
    int r = commit_one(&o->b, &c);
    bool changed = false;

    assert_int_equal(r, box ? 0 : -ERR_NOT_FOUND);
    for (size_t i = 0; box && i < box->count;) {
        struct omessage *m = &box->messages[i];
        bool goes = (!c.expunge.uids || seqset_contains(&uids, m->uid)) &&
                    (!c.expunge.only_deleted || (m->flags & FLAG_DELETED));
        assert_int_equal(seqset_contains(&c.uids, m->uid), goes);
        if (goes)
            vanish(box, i, c.modseq);
        else
            i++;
        changed |= goes;
    }
    saw_modseq(o, &c, changed);
}

static void do_copy(struct oracle *o, const char *name, const char *to)
{
    struct obox *box = find(o, name), *target = find(o, to);
    struct seqset uids = random_uids(o, box);
    struct change c = { .kind = CHANGE_COPY,
                        .copy = { .mailbox_id = box ? box->id : 424242,
                                  .uids = &uids,
                                  .target = str_c(to),
                                  .move = below(o, 2) == 0 } };
    uint64_t bytes = 0, messages = 0;
    for (size_t i = 0; box && i < box->count; i++)
        if (seqset_contains(&uids, box->messages[i].uid)) {
            bytes += box->messages[i].size;
            messages++;
        }
    int expected = !box || !target                                                       ? -ERR_NOT_FOUND
                   : is_refused(o, to, c.copy.move ? name : NULL, bytes, messages, NULL) ? -ERR_OVERQUOTA
                                                                                         : 0;
    int r = commit_one(&o->b, &c);

    assert_int_equal(r, expected);
    if (r == -ERR_OVERQUOTA) {
        saw_modseq(o, &c, false);
        return;
    }
    size_t count = r == 0 ? box->count : 0, done = 0;
    for (size_t i = 0; i < count; i++)
        if (seqset_contains(&uids, box->messages[i].uid)) {
            add_message(target, box->messages[i], c.modseq);
            done++;
        }
    for (size_t i = 0; i < count && c.copy.move;)
        if (seqset_contains(&uids, box->messages[i].uid)) {
            vanish(box, i, c.modseq);
            count--;
        } else {
            i++;
        }
    assert_int_equal(seqset_count(&c.uids), done);
    assert_int_equal(seqset_count(&c.source_uids), done);
    saw_modseq(o, &c, done > 0);
}

static void do_create(struct oracle *o, const char *name)
{
    struct obox *box = find(o, name);
    struct change c = { .kind = CHANGE_CREATE,
                        .create = { .name = str_c(name), .subscribe = below(o, 2) == 0 } };
    int r = commit_one(&o->b, &c);

    assert_int_equal(r, box ? -ERR_EXISTS : 0);
    saw_modseq(o, &c, r == 0);
    if (r == 0) {
        make_boxes(o, name, c.modseq, true);
        if (c.create.subscribe)
            set_subscribed(o, name, true);
    }
}

static void do_delete(struct oracle *o, const char *name)
{
    struct obox *box = find(o, name);
    int expected = strcmp(name, "INBOX") == 0 ? -ERR_CANNOT
                   : box                      ? 0
                   : has_children(o, name)    ? -ERR_HAS_CHILDREN
                                              : -ERR_NOT_FOUND;
    assert_int_equal(delete_box(&o->b, name), expected);
    if (expected == 0) {
        box->exists = false;
        box->count = 0;
    }
}

static void do_rename(struct oracle *o, const char *from, const char *to)
{
    struct obox *box = find(o, from);
    size_t n = strlen(from);
    struct change c = { .kind = CHANGE_RENAME, .rename = { str_c(from), str_c(to) } };
    uint64_t moved_sum[2] = { 0 };
    if (strcmp(from, "INBOX") != 0)
        sum_tree(o, from, moved_sum);
    for (size_t i = 0; box && strcmp(from, "INBOX") == 0 && i < box->count; i++) {
        moved_sum[QUOTA_STORAGE] += box->messages[i].size;
        moved_sum[QUOTA_MESSAGE]++;
    }
    bool refused = is_refused(o, to, from, moved_sum[QUOTA_STORAGE], moved_sum[QUOTA_MESSAGE], NULL);
    int r = commit_one(&o->b, &c), expected = 0;

    if (!box && !has_children(o, from))
        expected = -ERR_NOT_FOUND;
    else if (find(o, to))
        expected = -ERR_EXISTS;
    else if (strcmp(from, "INBOX") == 0)
        expected = 0;
    else if (strcmp(from, to) == 0 || (strncmp(to, from, n) == 0 && to[n] == '/'))
        expected = -ERR_INVALID;
    else
        for (size_t i = 0; i < o->box_count; i++) {
            char renamed[128];
            struct obox *child = &o->boxes[i];
            snprintf(renamed, sizeof renamed, "%s%s", to, child->name + (strlen(child->name) >= n ? n : 0));
            if (child->exists && strncmp(child->name, from, n) == 0 && child->name[n] == '/' &&
                find(o, renamed))
                expected = -ERR_EXISTS;
        }
    if (expected == 0 && refused)
        expected = -ERR_OVERQUOTA;
    assert_int_equal(r, expected);
    saw_modseq(o, &c, r == 0);
    if (r < 0)
        return;
    if (strcmp(from, "INBOX") == 0) {
        make_boxes(o, to, c.modseq, true);
        struct obox *target = find(o, to);
        memcpy(target->comment, find(o, "INBOX")->comment, sizeof target->comment);
        for (size_t i = 0; i < box->count; i++)
            add_message(target, box->messages[i], c.modseq);
        while (box->count)
            vanish(box, 0, c.modseq);
        return;
    }
    size_t before = o->box_count; /* levels above are made after: their names are free then */
    bool subscribed[BOXES_MAX] = { false };
    for (size_t i = 0; i < before; i++) {
        struct obox *moved = &o->boxes[i];
        char rest[32];
        if (!moved->exists || strncmp(moved->name, from, n) != 0 ||
            (moved->name[n] != '/' && moved->name[n] != 0))
            continue;
        subscribed[i] = find_subscribed(o, moved->name) >= 0;
        set_subscribed(o, moved->name, false);
        snprintf(rest, sizeof rest, "%s", moved->name + n);
        snprintf(moved->name, sizeof moved->name, "%.20s%.11s", to, rest);
    }
    for (size_t i = 0; i < before; i++)
        if (subscribed[i])
            set_subscribed(o, o->boxes[i].name, true);
    make_boxes(o, to, c.modseq, false);
}

static void do_annotate(struct oracle *o, const char *name)
{
    struct obox *box = find(o, name);
    char comment[32] = "";
    if (below(o, 3))
        snprintf(comment, sizeof comment, "%*u", (int)below(o, 20) + 1, (unsigned)below(o, 1000));
    struct annotation item = { 0, STR("/comment"), *comment ? str_c(comment) : STR_NIL };
    struct change c = { .kind = CHANGE_ANNOTATE, .annotate = { box ? box->id : 12345, &item, 1 } };
    int r = commit_one(&o->b, &c);
    assert_int_equal(r, box ? 0 : -ERR_NOT_FOUND);
    saw_modseq(o, &c, r == 0 && (*comment || *box->comment));
    if (r == 0)
        memcpy(box->comment, comment, sizeof comment);
}

static int check_comment(void *ctx, struct str entry, struct str value, struct err *err)
{
    (void)entry, (void)err;
    assert_true(str_eq(value, str_c(ctx)));
    return 1;
}

/* Returns the bytes that it takes. */
static uint64_t compare_annotations(struct oracle *o, struct obox *box)
{
    size_t n = strlen(box->comment);
    assert_int_equal(account_annotations(o->b.account, box->id, ANNOTATION_SHARED, STR("/comment"), 0,
                                         check_comment, box->comment, &o->b.err),
                     0);
    return n ? n + strlen("/comment") : 0;
}

static void do_subscribe(struct oracle *o, const char *name)
{
    bool on = below(o, 2) == 0;
    assert_int_equal(subscribe_box(&o->b, name, on), 0);
    set_subscribed(o, name, on);
}

/* So that log records have parts, and folds several commits. */
static void make_small(struct bench *b, size_t part_bytes)
{
    b->log_part_bytes = part_bytes;
    b->fold_batch_bytes = part_bytes * 2;
    if (part_bytes) {
        b->mail->log_part_bytes = b->log_part_bytes;
        b->mail->fold_batch_bytes = b->fold_batch_bytes;
    }
}

/* The instance goes away without a word: another one opens the same world. */
static void do_crash(struct oracle *o)
{
    if (o->crash_count == CRASHES_MAX) {
        bench_reopen(&o->b);
        return;
    }
    struct bench next;
    bench_init_with(&next, o->b.world, &o->b.options);
    make_small(&next, o->b.log_part_bytes);
    bench_open_account(&next);
    o->crashed[o->crash_count++] = o->b;
    o->b = next;
}

/* ---- comparing ---- */

static unsigned keyword_bits(const struct snapshot *s, const struct message *row)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < s->keywords->count; i++)
        if (keyword_set_has(&row->keywords, i))
            for (unsigned k = 0; k < KEYWORDS; k++)
                if (str_eq(s->keywords->names[i], str_c(keyword_names[k])))
                    bits |= 1u << k;
    return bits;
}

static void compare_vanished(struct oracle *o, const struct obox *box, struct mailbox *mailbox,
                             const struct snapshot *s)
{
    uint64_t since = below(o, o->last_modseq + 1);
    struct seqset gone;
    bool complete;
    uint64_t count = 0;

    assert_int_equal(
        mailbox_vanished_since(mailbox, s, since, NULL, &o->b.arena, &gone, &complete, &o->b.err), 0);
    assert_true(complete);
    for (uint32_t uid = 1; uid < box->vanished_cap; uid++)
        if (box->vanished[uid] > since) {
            assert_true(seqset_contains(&gone, uid));
            count++;
        }
    assert_int_equal(seqset_count(&gone), count);
}

static void compare_box(struct oracle *o, const struct obox *box)
{
    struct mailbox *mailbox;
    uint32_t unseen = 0, deleted = 0;
    uint64_t size = 0;

    assert_int_equal(account_mailbox(o->b.account, str_c(box->name), &mailbox, &o->b.err), 0);
    assert_int_equal(mailbox_id(mailbox), box->id);
    assert_int_equal(mailbox_uidvalidity(mailbox), box->uidvalidity);
    struct snapshot *s = mailbox_snapshot(mailbox);
    assert_int_equal(s->exists, box->count);
    assert_int_equal(s->uidnext, box->uidnext);
    assert_int_equal(s->highest_modseq, box->modseq);
    for (size_t i = 0; i < box->count; i++) {
        const struct omessage *m = &box->messages[i];
        struct message row;
        assert_int_equal(snapshot_message(s, (uint32_t)i + 1, &row, &o->b.err), 0);
        assert_int_equal(row.uid, m->uid);
        assert_int_equal(row.modseq, m->modseq);
        assert_int_equal(row.flags, m->flags);
        assert_int_equal(keyword_bits(s, &row), m->keywords);
        assert_int_equal(row.blob, m->blob);
        assert_int_equal(row.email_id, m->email_id);
        assert_int_equal(row.thread_id, m->thread_id);
        assert_int_equal(row.size_bytes, m->size);
        assert_int_equal(row.internal_date_s, m->date);
        unseen += !(m->flags & FLAG_SEEN);
        deleted += (m->flags & FLAG_DELETED) != 0;
        size += m->size;
    }
    assert_int_equal(s->unseen, unseen);
    assert_int_equal(s->deleted, deleted);
    assert_int_equal(s->size_bytes, size);
    compare_vanished(o, box, mailbox, s);
    snapshot_unref(&s);
    mailbox_unref(&mailbox);
}

static void compare_blobs(struct oracle *o)
{
    struct buf out = BUF_INIT;
    for (size_t n = 0; n < o->blob_count; n++) {
        bool wanted = false;
        for (size_t i = 0; i < o->box_count && !wanted; i++)
            for (size_t k = 0; k < o->boxes[i].count && !wanted; k++)
                wanted = o->boxes[i].messages[k].blob == o->blobs[n];
        buf_clear(&out);
        int r = store_blob_read(o->b.store, account_id(o->b.account), (struct blob_id){ o->blobs[n] }, 0, 1,
                                &out, &o->b.err);
        assert_int_equal(r, wanted ? 0 : -ERR_NOT_FOUND);
        if (!wanted) /* gone for good */
            o->blobs[n--] = o->blobs[--o->blob_count];
    }
    buf_deinit(&out);
}

static void compare(struct oracle *o)
{
    struct tree *tree = account_tree(o->b.account);
    struct account_totals totals;
    uint64_t messages = 0, size = 0, annotations = 0;
    uint32_t boxes = 0, subscribed = 0;

    for (size_t i = 0; i < o->box_count; i++)
        if (o->boxes[i].exists) {
            compare_box(o, &o->boxes[i]);
            annotations += compare_annotations(o, &o->boxes[i]);
            boxes++;
            messages += o->boxes[i].count;
            for (size_t k = 0; k < o->boxes[i].count; k++)
                size += o->boxes[i].messages[k].size;
        }
    for (uint32_t i = 0; i < tree->count; i++)
        if (tree->entries[i].subscribed) {
            char name[64];
            snprintf(name, sizeof name, STR_FMT, STR_ARG(tree->entries[i].name));
            assert_true(find_subscribed(o, name) >= 0);
            subscribed++;
        }
    assert_int_equal(tree->mailbox_count, boxes);
    assert_int_equal(subscribed, o->subscribed_count);
    tree_unref(&tree);
    account_totals(o->b.account, &totals);
    assert_int_equal(totals.mailbox_count, boxes);
    assert_int_equal(totals.message_count, messages);
    assert_int_equal(totals.size_bytes, size);
    assert_int_equal(totals.annotation_bytes, annotations);
    compare_quota(o);
    compare_blobs(o);
    arena_reset(&o->b.arena);
}

static void step(struct oracle *o)
{
    const char *name = names[below(o, NAMES)], *to = names[below(o, NAMES)];
    uint64_t what = below(o, 100);

    if (what < 30)
        do_append(o, name);
    else if (what < 50)
        do_store(o, name);
    else if (what < 65)
        do_expunge(o, name);
    else if (what < 78)
        do_copy(o, name, to);
    else if (what < 84)
        do_create(o, name);
    else if (what < 86)
        do_delete(o, name);
    else if (what < 89)
        do_rename(o, name, to);
    else if (what < 92)
        do_subscribe(o, name);
    else if (what < 93)
        do_quota(o, name);
    else if (what < 95)
        assert_int_equal(account_fold(o->b.account, &o->b.err), 0);
    else if (what < 97)
        bench_reopen(&o->b);
    else if (what < 98)
        do_crash(o);
    else
        do_annotate(o, name);
    clock_fake_advance(o->b.clock, (int64_t)below(o, 500));
}

static void take_first_boxes(struct oracle *o)
{
    struct tree *tree = account_tree(o->b.account);
    for (uint64_t id = 1; id <= tree->mailbox_count; id++)
        for (uint32_t i = 0; i < tree->count; i++)
            if (mailbox_id(tree->entries[i].mailbox) == id) {
                char name[32];
                snprintf(name, sizeof name, STR_FMT, STR_ARG(tree->entries[i].name));
                struct snapshot *s = box_snapshot(&o->b, name);
                new_box(o, name, s->highest_modseq);
                set_subscribed(o, name, true);
                snapshot_unref(&s);
            }
    tree_unref(&tree);
}

static void run_seed(uint64_t seed, uint64_t steps)
{
    struct oracle *o = calloc(1, sizeof *o);

    print_message("seed %llu\n", (unsigned long long)seed);
    bench_init(&o->b, &(struct mail_options){ .fold_log_records = 40 });
    make_small(&o->b, seed % 2 ? 200 : 0);
    rand_seeded_init(&o->rand, seed);
    o->limits[0] = o->limits[1] = QUOTA_NONE;
    take_first_boxes(o);
    for (uint64_t i = 0; i < steps; i++) {
        step(o);
        if (i % 7 == 0 || i + 1 == steps)
            compare(o);
    }
    for (size_t i = 0; i < o->crash_count; i++) { /* they find out that the world went on */
        bench_detach(&o->crashed[i]);
        bench_free(&o->crashed[i]);
    }
    compare(o);
    for (size_t i = 0; i < o->box_count; i++) {
        free(o->boxes[i].messages);
        free(o->boxes[i].vanished);
    }
    bench_deinit(&o->b);
    free(o);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 10) : otherwise;
}

static void test_random_changes_equal_the_oracle(void **state)
{
    uint64_t seed = setting("LOFT_TEST_SEED", 1), steps = setting("LOFT_TEST_STEPS", 1200);
    (void)state;
    for (uint64_t i = 0; i < 5; i++)
        run_seed(seed + i, steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_changes_equal_the_oracle) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
