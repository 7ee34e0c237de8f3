#include "lmtp/deliver.h"

#include "mail/mark.h"

#include <stdlib.h>

/* The mailbox does not exist and is not to be, or cannot be, made. */
static bool is_about_the_name(int r)
{
    return r == -ERR_NOT_FOUND || r == -ERR_INVALID || r == -ERR_LIMIT || r == -ERR_CANNOT;
}

/* The quota leaves no room for the mailbox that would have to be made. */
static bool is_about_a_new_mailbox(struct account *account, struct str name, int r)
{
    struct mailbox *box;
    if (r != -ERR_OVERQUOTA)
        return false;
    if (account_mailbox(account, name, &box, NULL) < 0)
        return true;
    mailbox_unref(&box);
    return false;
}

/* ---- the first time ---- */

/* A message on its way into a mailbox. */
struct deposit {
    struct account *account; /* own reference */
    struct new_message message;
    struct str mailbox; /* wanted; INBOX takes what it cannot take */
    struct arena arena;
    struct change change;
    struct pending_commit *commit;
};

static void deposit_free(struct deposit **deposit)
{
    struct deposit *d = *deposit;
    account_unref(&d->account);
    arena_deinit(&d->arena);
    free(d);
    *deposit = NULL;
}

static void append_to(struct deposit *d, struct str mailbox, bool create)
{
    d->change = (struct change){ .kind = CHANGE_APPEND, .arena = &d->arena };
    d->change.append.mailbox = mailbox;
    d->change.append.messages = &d->message;
    d->change.append.count = 1;
    d->change.append.create = create;
}

static int prepare(struct deposit *d, struct mail *mail, struct incoming *in, const struct delivery *delivery,
                   const struct clock *clock, struct err *err)
{
    int r = mail_account_open(mail, delivery->account, &d->account, err);
    if (r == 0)
        r = incoming_prepare(in, d->account, delivery->trace, &d->message, err);
    if (r < 0)
        return r;
    d->message.internal_date_s = clock_wall_ms(clock) / 1000;
    if (mail_options(mail)->mark_messages)
        mark_message(&d->message, MARK_DELIVERED);
    return 0;
}

int deliver_begin(struct mail *mail, struct incoming *in, const struct delivery *delivery,
                  const struct clock *clock, void (*wake)(void *ctx), void *ctx, struct deposit **deposit_out,
                  struct err *err)
{
    struct deposit *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    int r = prepare(d, mail, in, delivery, clock, err);
    if (r < 0) {
        deposit_free(&d);
        return r;
    }
    d->mailbox = delivery->mailbox;
    if (d->mailbox.n)
        append_to(d, d->mailbox, delivery->create_mailbox);
    else
        append_to(d, STR("INBOX"), false);
    d->commit = account_commit_begin(d->account, &d->change, 1, wake, ctx);
    *deposit_out = d;
    return 0;
}

bool deliver_is_done(struct deposit *d)
{
    return account_commit_is_done(d->commit);
}

int deliver_end(struct deposit **deposit, struct delivered *delivered_out, struct err *err)
{
    struct deposit *d = *deposit;
    int r = account_commit_end(&d->commit, err);
    if (d->mailbox.n && (is_about_the_name(r) || is_about_a_new_mailbox(d->account, d->mailbox, r))) {
        append_to(d, STR("INBOX"), false);
        r = account_commit(d->account, &d->change, 1, err);
    }
    if (r == 0)
        *delivered_out = (struct delivered){ d->change.mailbox_id, seqset_first(&d->change.uids) };
    else
        incoming_abandon(d->account, &d->message);
    deposit_free(deposit);
    return r;
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

int deliver_message(struct mail *mail, struct incoming *in, const struct delivery *delivery,
                    const struct clock *clock, struct delivered *delivered_out, struct err *err)
{
    struct deposit *d;
    int r = deliver_begin(mail, in, delivery, clock, no_wake, NULL, &d, err);
    if (r == 0)
        r = deliver_end(&d, delivered_out, err);
    store_push(mail_options(mail)->store); /* we may have set going what others wait for */
    return r;
}

/* ---- once more ---- */

static int create(struct account *account, struct str name, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct change change = { .kind = CHANGE_CREATE, .arena = &arena };
    change.create.name = name;
    change.create.subscribe = true;
    int r = account_commit(account, &change, 1, err);
    arena_deinit(&arena);
    return r == -ERR_EXISTS ? 0 : r;
}

/* The id of the mailbox `*name`, which becomes INBOX where the one asked for cannot be had. */
static int find_target(struct account *account, const struct delivery *d, struct str *name_out,
                       uint64_t *id_out, struct err *err)
{
    struct mailbox *box;
    int r = -ERR_NOT_FOUND;
    *name_out = d->mailbox;
    if (d->mailbox.n)
        r = account_mailbox(account, d->mailbox, &box, err);
    if (d->mailbox.n && r == -ERR_NOT_FOUND && d->create_mailbox) {
        r = create(account, d->mailbox, err);
        if (r == 0)
            r = account_mailbox(account, d->mailbox, &box, err);
    }
    if (is_about_the_name(r) || is_about_a_new_mailbox(account, d->mailbox, r)) {
        *name_out = STR("INBOX");
        r = account_mailbox(account, *name_out, &box, err);
    }
    if (r < 0)
        return r;
    *id_out = mailbox_id(box);
    mailbox_unref(&box);
    return 0;
}

static int copy(struct account *account, const struct delivered *first, struct str target,
                struct delivered *delivered_out, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct seqset uids;
    struct change change = { .kind = CHANGE_COPY, .arena = &arena };
    seqset_init(&uids, &arena);
    seqset_add(&uids, first->uid);
    change.copy.mailbox_id = first->mailbox_id;
    change.copy.uids = &uids;
    change.copy.target = target;
    int r = account_commit(account, &change, 1, err);
    if (r == 0 && seqset_is_empty(&change.uids))
        r = err_set(err, ERR_EXPUNGED, "the message was expunged");
    if (r == 0)
        *delivered_out = (struct delivered){ change.mailbox_id, seqset_first(&change.uids) };
    arena_deinit(&arena);
    return r;
}

int deliver_again(struct mail *mail, const struct delivery *d, const struct delivered *earlier,
                  size_t earlier_count, struct delivered *delivered_out, struct err *err)
{
    struct account *account;
    struct str target;
    uint64_t target_id;
    size_t same = 0;
    int r = mail_account_open(mail, d->account, &account, err);
    if (r < 0)
        return r;
    r = find_target(account, d, &target, &target_id, err);
    while (r == 0 && same < earlier_count && earlier[same].mailbox_id != target_id)
        same++;
    if (r == 0 && same < earlier_count) {
        *delivered_out = earlier[same];
    } else if (r == 0) {
        r = copy(account, &earlier[0], target, delivered_out, err);
        if (r == -ERR_NOT_FOUND) /* one of the two mailboxes is gone: a fresh copy finds its way */
            r = err_set(err, ERR_EXPUNGED, "the mailbox was deleted");
    }
    account_unref(&account);
    return r;
}
