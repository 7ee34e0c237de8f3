/* Quota in planning: what is refused, what a change of limits does, which warnings are due; and an account's roots as
 * they stand.    RFC 9208 */
#include "mail/plan.h"
#include "mail/quota_domain.h"

#include <assert.h>
#include <stdlib.h>

static bool covers(struct str root, struct str name)
{
    return str_eq(root, name) || mailbox_name_is_below(name, root);
}

/* What a mailbox holds: as the plan would leave it, or as it is. */
static void add_mailbox(struct quota_amounts *sum, struct mailbox *mailbox, bool planned)
{
    struct plan_box *box = planned ? mailbox->box : NULL;
    const struct snapshot *snapshot = mailbox_peek(mailbox);

    sum->of[QUOTA_MAILBOX]++;
    sum->of[QUOTA_MESSAGE] += box ? plan_box_exists(box) : snapshot->exists;
    sum->of[QUOTA_STORAGE] += box ? plan_box_size_bytes(box) : snapshot->size_bytes;
}

static struct quota_amounts tree_used(const struct tree *tree, struct str name, bool planned)
{
    struct quota_amounts sum = { 0 };
    const struct tree_entry *self = tree_find(tree, name);
    uint32_t first, end;

    if (self && self->mailbox)
        add_mailbox(&sum, self->mailbox, planned);
    tree_children(tree, name, &first, &end);
    for (; first < end; first++)
        if (tree->entries[first].mailbox)
            add_mailbox(&sum, tree->entries[first].mailbox, planned);
    return sum;
}

static struct quota_amounts record_used(const struct account_record *record)
{
    return (struct quota_amounts){ .of = { [QUOTA_STORAGE] = record->size_bytes,
                                           [QUOTA_MESSAGE] = record->message_count,
                                           [QUOTA_MAILBOX] = record->mailbox_count,
                                           [QUOTA_ANNOTATION] = record->annotation_bytes } };
}

static struct quota_amounts account_limits(const struct account *a, const struct quota *quota)
{
    const struct mail_options *options = &a->mail->options;
    const struct quota_amounts inherent = { .of = { [QUOTA_STORAGE] = QUOTA_NONE,
                                                    [QUOTA_MESSAGE] = QUOTA_NONE,
                                                    [QUOTA_MAILBOX] = options->mailboxes_max,
                                                    [QUOTA_ANNOTATION] = options->annotations_bytes_max } };
    return quota_effective(&options->quota, quota, &inherent);
}

/* ---- what a change may add ---- */

static struct quota_amounts net_need(const struct quota_need *need)
{
    struct quota_amounts net = need->add;
    for (int i = 0; i < QUOTA_RESOURCES; i++)
        net.of[i] -= net.of[i] < need->lost.of[i] ? net.of[i] : need->lost.of[i];
    return net;
}

static int check_account(struct plan *p, struct change *c, const struct quota_need *need, struct err *err)
{
    struct quota_amounts used = record_used(&p->record), limits = account_limits(p->account, p->quota);
    struct quota_amounts add = net_need(need);
    unsigned grace = p->account->mail->options.quota.grace_percent;

    int r = quota_check(&used, &add, &limits, grace, "account", err);
    if (r < 0)
        return r;
    c->soft_quota |= r > 0;
    if (!p->account->domain_member)
        return 0;
    r = quota_member_reserve(p->account->domain_member, &add, err);
    for (int i = 0; r == 0 && i < QUOTA_RESOURCES; i++)
        p->reserved.of[i] += add.of[i];
    return r;
}

static int check_trees(struct plan *p, struct change *c, const struct quota_need *need, struct err *err)
{
    unsigned grace = p->account->mail->options.quota.grace_percent;

    for (size_t i = 0; i < p->quota->count; i++) {
        const struct quota_root *root = &p->quota->roots[i];
        struct plan_box *box = root->mailbox_id ? plan_box(p, root->mailbox_id) : NULL;
        if (!box || !covers(box->name, need->mailbox) || (need->from.n && covers(box->name, need->from)))
            continue;
        struct quota_amounts used = tree_used(p->tree, box->name, true);
        bool loses = need->lost_from.n && covers(box->name, need->lost_from);
        struct quota_amounts add = loses ? net_need(need) : need->add;
        int r = quota_check(&used, &add, &root->limits, grace, "mailbox and those below it", err);
        if (r < 0)
            return r;
        c->soft_quota |= r > 0;
    }
    return 0;
}

int plan_quota(struct plan *p, struct change *c, const struct quota_need *need, struct err *err)
{
    if (c->ignore_quota)
        return 0;
    int r = check_trees(p, c, need, err); /* first: the account's check reserves in its domain */
    return r < 0 || need->from.n ? r : check_account(p, c, need, err);
}

int plan_quota_deltas(struct plan *p, struct change *c, struct str mailbox, const struct delta_list *deltas,
                      struct err *err)
{
    struct quota_need need = { .mailbox = mailbox };
    bool any = false;

    for (size_t i = 0; i < deltas->count; i++) {
        const struct delta *d = &deltas->items[i];
        if (d->kind == DELTA_CREATE)
            need.add.of[QUOTA_MAILBOX]++;
        if (d->kind == DELTA_ANNOTATION && d->annotation.bytes > 0)
            need.add.of[QUOTA_ANNOTATION] += (uint64_t)d->annotation.bytes;
        any |= need.add.of[QUOTA_MAILBOX] || need.add.of[QUOTA_ANNOTATION];
    }
    return any ? plan_quota(p, c, &need, err) : 0;
}

int plan_quota_rename(struct plan *p, struct change *c, struct str from, struct str to, struct err *err)
{
    if (p->quota->count == 0)
        return 0;
    struct quota_need need = { .mailbox = to, .from = from, .add = tree_used(p->tree, from, true) };
    return plan_quota(p, c, &need, err);
}

/* ---- changing limits ---- */

static void add_quota_delta(struct plan *p, const struct quota_root *root, struct delta_list *deltas)
{
    struct delta *d = delta_add(deltas, DELTA_QUOTA, root->mailbox_id, plan_modseq(p));
    d->quota = *root;
}

static int find_root(struct plan *p, const struct change *c, uint64_t *id_out, struct err *err)
{
    struct str name;

    *id_out = 0;
    if (c->quota.mailbox.n == 0)
        return 0;
    struct plan_box *box = mailbox_name_check(c->quota.mailbox, &p->arena, &name, NULL) == 0
                               ? plan_box_by_name(p, name)
                               : NULL;
    if (!box)
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    *id_out = box->mailbox->id;
    return 0;
}

static int check_limit(uint64_t mailbox_id, enum quota_resource resource, uint64_t *limit, struct err *err)
{
    if (mailbox_id && *limit == QUOTA_DEFAULT)
        *limit = QUOTA_NONE;
    if (mailbox_id && resource == QUOTA_ANNOTATION && *limit != QUOTA_NONE)
        return err_set(err, ERR_CANNOT, "annotations are limited for the account as a whole only");
    if (*limit<QUOTA_DEFAULT && * limit> QUOTA_LIMIT_MAX)
        return err_set(err, ERR_CANNOT, "a limit is at most %llu", (unsigned long long)QUOTA_LIMIT_MAX);
    return 0;
}

/* Beside the account's own. */
static size_t tree_count(const struct quota *quota)
{
    return quota->count - (quota->count > 0 && quota->roots[0].mailbox_id == 0);
}

static bool is_one_too_many(const struct quota *quota, const struct quota_root *root)
{
    struct quota *next = quota_put(quota, root);
    size_t count = tree_count(next);
    quota_unref(&next);
    return count > QUOTA_TREES_MAX && count > tree_count(quota);
}

int plan_change_quota(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    uint64_t id;

    if (c->quota.warning && !plan_quota_tell(p, c->quota.warning, &deltas))
        return err_set(err, ERR_EXISTS, "the warning was given before");
    if (c->quota.warning)
        return plan_accept(p, c, &deltas, err);
    int r = find_root(p, c, &id, err);
    if (r < 0)
        return r;
    struct quota_root root = quota_find(p->quota, id), before = root;
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        if (!(c->quota.which & 1u << i))
            continue;
        root.limits.of[i] = c->quota.limits.of[i];
        r = check_limit(id, (enum quota_resource)i, &root.limits.of[i], err);
        if (r < 0)
            return r;
    }
    c->mailbox_id = id;
    if (memcmp(&root.limits, &before.limits, sizeof root.limits) == 0)
        return 0;
    if (is_one_too_many(p->quota, &root))
        return err_set(err, ERR_LIMIT, "the account has %d mailboxes with limits of their own",
                       QUOTA_TREES_MAX);
    add_quota_delta(p, &root, &deltas);
    return plan_accept(p, c, &deltas, err);
}

int plan_apply_quota(struct plan *p, const struct delta *d, struct err *err)
{
    if (d->mailbox_id && !plan_box(p, d->mailbox_id))
        return err_set(err, ERR_CORRUPT, "quota of mailbox %llu, which is not there",
                       (unsigned long long)d->mailbox_id);
    struct quota *next = quota_put(p->quota, &d->quota);
    quota_unref(&p->quota);
    p->quota = next;
    p->quota_changed = true;
    return 0;
}

void plan_quota_forget(struct plan *p, uint64_t mailbox_id)
{
    struct quota_root none = { .mailbox_id = mailbox_id };
    struct delta d = { .kind = DELTA_QUOTA };

    for (int i = 0; i < QUOTA_RESOURCES; i++)
        none.limits.of[i] = QUOTA_NONE;
    if (p->quota->count == 0)
        return;
    d.quota = none;
    int r = plan_apply_quota(p, &d, NULL); /* of no mailbox that it could miss */
    assert(r == 0);
}

/* ---- warnings ---- */

static unsigned percent_now(const struct account *a, const struct account_record *record,
                            const struct quota *quota)
{
    struct quota_amounts used = record_used(record), limits = account_limits(a, quota);
    return quota_percent(&used, &limits);
}

bool plan_quota_told_less(const struct plan *p, struct delta *delta_out)
{
    const struct quota_settings *settings = &p->account->mail->options.quota;

    if (p->quota->count == 0 || p->quota->roots[0].told == 0)
        return false;
    struct quota_root root = p->quota->roots[0];
    unsigned kept = quota_level_kept(settings, percent_now(p->account, &p->record, p->quota), root.told);
    if (kept == root.told)
        return false;
    root.told = (uint8_t)kept;
    *delta_out = (struct delta){ .kind = DELTA_QUOTA, .modseq = plan_modseq(p), .quota = root };
    return true;
}

bool plan_quota_tell(struct plan *p, unsigned level, struct delta_list *deltas)
{
    struct quota_root root = quota_find(p->quota, 0);

    if (root.told >= level)
        return false;
    root.told = (uint8_t)level;
    add_quota_delta(p, &root, deltas);
    return true;
}

unsigned account_warning_due(const struct account *a)
{
    const struct quota_settings *settings = &a->mail->options.quota;

    if (settings->warning_count == 0 || !settings->warn)
        return 0;
    unsigned level = quota_level(settings, percent_now(a, &a->record, a->quota));
    return level > quota_find(a->quota, 0).told ? level : 0;
}

/* ---- domains ---- */

void plan_quota_settle(struct plan *p, bool committed)
{
    struct quota_amounts holds = record_used(&p->record);

    if (!p->account->domain_member)
        return;
    quota_member_settle(p->account->domain_member, committed ? &holds : NULL, &p->reserved);
    p->reserved = (struct quota_amounts){ 0 };
}

void account_quota_gone(struct account *a)
{
    static const struct quota_amounts nothing;

    if (a->domain_member)
        quota_member_settle(a->domain_member, &nothing, &nothing);
}

/* ---- the account as it stands ---- */

static int compare_states(const void *a, const void *b)
{
    const struct quota_state *x = a, *y = b;
    if (!x->mailbox_id || !y->mailbox_id)
        return (x->mailbox_id > 0) - (y->mailbox_id > 0);
    return mailbox_name_compare(x->mailbox, y->mailbox);
}

size_t account_quota(struct account *a, struct str mailbox, struct arena *arena,
                     struct quota_state **states_out)
{
    struct str name = mailbox;
    size_t count = 1;

    if (mailbox.n && mailbox_name_check(mailbox, arena, &name, NULL) < 0)
        name = STR(""); /* lies below nothing */
    pthread_mutex_lock(&a->mutex);
    struct quota_state *states = arena_new_array(arena, struct quota_state, a->quota->count + 1);
    states[0] = (struct quota_state){ .used = record_used(&a->record),
                                      .limits = account_limits(a, a->quota) };
    for (size_t i = 0; i < a->quota->count; i++) {
        const struct quota_root *root = &a->quota->roots[i];
        const struct mailbox *box = root->mailbox_id ? account_find(a, root->mailbox_id) : NULL;
        struct str root_name = box ? mailbox_peek_name(box) : STR_NIL;
        if (!box || !(str_is_nil(mailbox) || covers(root_name, name)))
            continue;
        states[count++] = (struct quota_state){ .mailbox_id = root->mailbox_id,
                                                .mailbox = arena_dup(arena, root_name),
                                                .used = tree_used(a->tree, root_name, false),
                                                .limits = root->limits };
    }
    pthread_mutex_unlock(&a->mutex);
    qsort(states, count, sizeof *states, compare_states);
    *states_out = states;
    return count;
}

int mail_account_holds(struct mail *mail, struct account_id id, struct quota_amounts *holds_out,
                       struct err *err)
{
    struct account_record record;
    int r = account_read_record(mail->options.store, id, &record, err);
    if (r == 0)
        *holds_out = record_used(&record);
    return r;
}

int account_quota_check(struct account *a, const struct quota_amounts *add, struct err *err)
{
    pthread_mutex_lock(&a->mutex);
    struct quota_amounts used = record_used(&a->record), limits = account_limits(a, a->quota);
    pthread_mutex_unlock(&a->mutex);
    int r = quota_check(&used, add, &limits, a->mail->options.quota.grace_percent, "account", err);
    return r < 0 ? r : 0;
}

bool account_is_over_quota(struct account *a)
{
    bool over = false;

    pthread_mutex_lock(&a->mutex);
    struct quota_amounts used = record_used(&a->record), limits = account_limits(a, a->quota);
    pthread_mutex_unlock(&a->mutex);
    for (int i = 0; i < QUOTA_RESOURCES; i++)
        over |= used.of[i] > limits.of[i];
    return over;
}
