/* SETMETADATA: values by name, and the special use of a mailbox.     RFC 5464, 4.3; RFC 6154, 4
 * What a commit needs of the values that are there (names and sizes, to count them) is read from the store once
 * and kept in the plan, with what the plan has changed since. */
#include "mail/annotation.h"
#include "mail/plan.h"

struct annotation_item {
    struct str entry;
    uint64_t bytes;
    struct str value; /* NIL: as in the store */
};

/* Of one mailbox (or the account) and one user. */
struct annotation_set {
    uint64_t mailbox_id, user;
    struct annotation_item *items;
    size_t count, cap;
    bool loading;
    struct annotation_set *next;
};

static uint64_t bytes_of(struct str entry, struct str value)
{
    return entry.n + value.n;
}

static struct annotation_set *find_set(const struct plan *p, uint64_t mailbox_id, uint64_t user)
{
    struct annotation_set *set = p->annotation_sets;
    while (set && (set->mailbox_id != mailbox_id || set->user != user))
        set = set->next;
    return set;
}

static struct annotation_set *add_set(struct plan *p, uint64_t mailbox_id, uint64_t user)
{
    struct annotation_set *set = arena_new(&p->arena, struct annotation_set);
    *set = (struct annotation_set){ .mailbox_id = mailbox_id, .user = user, .next = p->annotation_sets };
    p->annotation_sets = set;
    return set;
}

static struct annotation_item *find_item(const struct annotation_set *set, struct str entry)
{
    for (size_t i = 0; i < set->count; i++)
        if (str_eq(set->items[i].entry, entry))
            return &set->items[i];
    return NULL;
}

static void set_item(struct plan *p, struct annotation_set *set, struct str entry, struct str value,
                     uint64_t bytes)
{
    struct annotation_item *item = find_item(set, entry);
    if (!item) {
        set->items = arena_grow(&p->arena, set->items, set->count, &set->cap, sizeof *set->items);
        item = &set->items[set->count++];
        item->entry = arena_dup(&p->arena, entry);
    }
    item->bytes = bytes;
    item->value = value;
}

static void remove_item(struct annotation_set *set, struct str entry)
{
    struct annotation_item *item = find_item(set, entry);
    if (item)
        *item = set->items[--set->count];
}

/* ---- from the store ---- */

struct loading {
    struct plan *plan;
    uint64_t mailbox_id;
};

static int load_item(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct loading *l = ctx;
    struct reader k = reader_make(str_skip(key, 1 + 8));
    uint64_t user = reader_be64(&k);
    struct str entry = reader_bytes(&k, reader_left(&k));
    struct annotation_set *set = find_set(l->plan, l->mailbox_id, user);

    if (k.bad || entry.n == 0)
        return err_set(err, ERR_CORRUPT, "key of an annotation is damaged");
    if (!set) {
        set = add_set(l->plan, l->mailbox_id, user);
        set->loading = true;
    }
    if (set->loading)
        set_item(l->plan, set, entry, STR_NIL, bytes_of(entry, value));
    return 0;
}

static int load(struct plan *p, uint64_t mailbox_id, struct str from, struct str to, struct err *err)
{
    struct account *a = p->account;
    struct loading l = { p, mailbox_id };
    int r = store_scan(a->mail->options.store, a->id, from, to, NULL, load_item, &l, err);
    if (r < 0)
        p->broken = true;
    for (struct annotation_set *set = p->annotation_sets; set; set = set->next)
        set->loading = false;
    return r;
}

static int load_set(struct plan *p, uint64_t mailbox_id, uint64_t user, struct annotation_set **set_out,
                    struct err *err)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    int r = 0;

    *set_out = find_set(p, mailbox_id, user);
    if (!*set_out) {
        *set_out = add_set(p, mailbox_id, user);
        (*set_out)->loading = true;
        key_annotation(mailbox_id, user, STR(""), &to);
        buf_add_char(&to, '\xff');
        r = load(p, mailbox_id, key_annotation(mailbox_id, user, STR(""), &from), buf_str(&to), err);
    }
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}

/* Of all users. */
static int load_all(struct plan *p, uint64_t mailbox_id, struct err *err)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    int r = load(p, mailbox_id, key_number(KEY_ANNOTATION, mailbox_id, &from),
                 key_number(KEY_ANNOTATION, mailbox_id + 1, &to), err);
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}

/* ---- mailboxes that go, or leave their name to another ---- */

int plan_drop_annotations(struct plan *p, uint64_t mailbox_id, struct delta_list *deltas, struct err *err)
{
    uint64_t bytes = 0;
    size_t count = 0;
    int r = load_all(p, mailbox_id, err);
    if (r < 0)
        return r;
    for (struct annotation_set *set = p->annotation_sets; set; set = set->next)
        for (size_t i = 0; set->mailbox_id == mailbox_id && i < set->count; i++, count++)
            bytes += set->items[i].bytes;
    if (count == 0)
        return 0;
    struct delta *d = delta_add(deltas, DELTA_ANNOTATION, mailbox_id, plan_modseq(p));
    d->annotation.bytes = -(int64_t)bytes;
    d->annotation.drops_all = true;
    return 0;
}

static int read_value(struct plan *p, uint64_t mailbox_id, uint64_t user, const struct annotation_item *item,
                      struct str *value_out, struct err *err)
{
    struct account *a = p->account;
    struct buf key = BUF_INIT, value = BUF_INIT;
    int r = 0;

    *value_out = item->value;
    if (str_is_nil(item->value)) {
        r = store_get(a->mail->options.store, a->id, key_annotation(mailbox_id, user, item->entry, &key),
                      &value, err);
        *value_out = arena_dup(&p->arena, buf_str(&value));
    }
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}

int plan_copy_annotations(struct plan *p, uint64_t from, uint64_t to, struct delta_list *deltas,
                          struct err *err)
{
    struct annotation *copies = NULL;
    size_t count = 0, cap = 0;
    uint64_t bytes = 0;

    int r = load_all(p, from, err);
    for (struct annotation_set *set = p->annotation_sets; r == 0 && set; set = set->next) {
        if (set->mailbox_id != from || set->count == 0)
            continue;
        add_set(p, to, set->user); /* the mailbox is new: the store has none */
        for (size_t i = 0; r == 0 && i < set->count; i++) {
            copies = arena_grow(&p->arena, copies, count, &cap, sizeof *copies);
            copies[count] = (struct annotation){ .user = set->user, .entry = set->items[i].entry };
            r = read_value(p, from, set->user, &set->items[i], &copies[count++].value, err);
            bytes += set->items[i].bytes;
        }
    }
    if (r < 0 || count == 0)
        return r;
    struct delta *d = delta_add(deltas, DELTA_ANNOTATION, to, plan_modseq(p));
    d->annotation.bytes = (int64_t)bytes;
    d->annotation.items = copies;
    d->annotation.count = count;
    return 0;
}

/* ---- values ---- */

static int check_sizes(const struct plan *p, const struct change *c, struct err *err)
{
    for (size_t i = 0; i < c->annotate.count; i++) {
        const struct annotation *item = &c->annotate.items[i];
        if (item->entry.n == 0 || item->entry.n > ANNOTATION_ENTRY_BYTES_MAX)
            return err_set(err, ERR_LIMIT, "the name of an annotation may have %d bytes",
                           ANNOTATION_ENTRY_BYTES_MAX);
        if (item->value.n > p->account->mail->options.annotation_bytes_max)
            return err_set(err, ERR_LIMIT, "an annotation may have %u bytes",
                           p->account->mail->options.annotation_bytes_max);
    }
    return 0;
}

static bool is_named_again(const struct change *c, size_t i)
{
    const struct annotation *item = &c->annotate.items[i];
    for (size_t k = i + 1; k < c->annotate.count; k++)
        if (c->annotate.items[k].user == item->user && str_eq(c->annotate.items[k].entry, item->entry))
            return true;
    return false;
}

/* The delta for those values that change something; a name given twice counts with its last value. */
static int plan_values(struct plan *p, struct change *c, struct delta_list *deltas, struct err *err)
{
    uint32_t max = p->account->mail->options.annotations_max;
    struct delta d = { DELTA_ANNOTATION, plan_modseq(p), c->annotate.mailbox_id };
    struct annotation *items = arena_new_array(&p->arena, struct annotation, c->annotate.count);
    struct annotation_set *sets[2] = { NULL }; /* shared, and of the user who asks */
    size_t added[2] = { 0 }, removed[2] = { 0 };

    for (size_t i = 0; i < c->annotate.count; i++) {
        const struct annotation *item = &c->annotate.items[i];
        bool private = item->user != ANNOTATION_SHARED;
        if (is_named_again(c, i))
            continue;
        int r = load_set(p, c->annotate.mailbox_id, item->user, &sets[private], err);
        if (r < 0)
            return r;
        const struct annotation_item *old = find_item(sets[private], item->entry);
        if (!old && str_is_nil(item->value))
            continue;
        added[private] += !old;
        removed[private] += str_is_nil(item->value);
        d.annotation.bytes += str_is_nil(item->value) ? 0 : (int64_t)bytes_of(item->entry, item->value);
        d.annotation.bytes -= old ? (int64_t)old->bytes : 0;
        items[d.annotation.count++] = *item;
    }
    if (d.annotation.count == 0)
        return 0;
    for (int i = 0; i < 2; i++)
        if (added[i] > removed[i] && sets[i]->count + added[i] - removed[i] > max)
            return err_set(err, ERR_LIMIT, "a mailbox may have %u annotations", max);
    d.annotation.items = items;
    *delta_add(deltas, d.kind, d.mailbox_id, d.modseq) = d;
    return plan_quota_deltas(p, c, STR_NIL, deltas, err);
}

/* ---- special use ---- */

static void plan_use(struct plan *p, uint64_t mailbox_id, uint16_t use, struct delta_list *deltas)
{
    struct annotation *told = arena_new(&p->arena, struct annotation);
    *told = (struct annotation){ .user = p->account->id.n, .entry = ANNOTATION_SPECIAL_USE };
    delta_add(deltas, DELTA_USE, mailbox_id, plan_modseq(p))->use = use;
    struct delta *d = delta_add(deltas, DELTA_ANNOTATION, mailbox_id, plan_modseq(p));
    d->annotation.items = told;
    d->annotation.count = 1;
}

/* RFC 6154, 5.4: the mailbox that had the use so far loses it. */
static void plan_uses(struct plan *p, const struct change *c, struct delta_list *deltas)
{
    for (uint32_t i = 0; i < p->tree->count; i++) {
        const struct tree_entry *entry = &p->tree->entries[i];
        if (!entry->mailbox)
            continue;
        unsigned use = entry->mailbox->id == c->annotate.mailbox_id ? c->annotate.use
                                                                    : entry->use & ~c->annotate.use;
        if (use != entry->use)
            plan_use(p, entry->mailbox->id, (uint16_t)use, deltas);
    }
}

int plan_annotate(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };

    if (c->annotate.mailbox_id != ANNOTATION_ON_ACCOUNT && !plan_box(p, c->annotate.mailbox_id))
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    int r = check_sizes(p, c, err);
    if (r == 0)
        r = plan_values(p, c, &deltas, err);
    if (r == 0 && c->annotate.sets_use)
        plan_uses(p, c, &deltas);
    return r < 0 || deltas.count == 0 ? r : plan_accept(p, c, &deltas, err);
}

/* ---- what was accepted ---- */

void plan_put_annotations(struct plan *p, const struct delta *d)
{
    struct buf key = BUF_INIT, to = BUF_INIT;

    for (struct annotation_set *set = p->annotation_sets; d->annotation.drops_all && set; set = set->next)
        if (set->mailbox_id == d->mailbox_id)
            set->count = 0;
    if (d->annotation.drops_all)
        batch_delete_range(&p->batch, key_number(KEY_ANNOTATION, d->mailbox_id, &key),
                           key_number(KEY_ANNOTATION, d->mailbox_id + 1, &to));
    for (size_t i = 0; i < d->annotation.count; i++) {
        const struct annotation *item = &d->annotation.items[i];
        struct annotation_set *set = find_set(p, d->mailbox_id, item->user);
        if (str_eq(item->entry, ANNOTATION_SPECIAL_USE)) /* only told */
            continue;
        key_annotation(d->mailbox_id, item->user, item->entry, &key);
        if (str_is_nil(item->value)) {
            remove_item(set, item->entry);
            batch_delete(&p->batch, buf_str(&key));
        } else {
            set_item(p, set, item->entry, item->value, bytes_of(item->entry, item->value));
            batch_put(&p->batch, buf_str(&key), item->value);
        }
    }
    buf_deinit(&key);
    buf_deinit(&to);
}
