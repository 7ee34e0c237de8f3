/* cmd_esearch.c: ESEARCH, a search of several mailboxes, one after the other.     RFC 7377
 * A mailbox is seen as it is when its turn comes; the selected one as its client knows it. */
#include "imap/cmd/command.h"
#include "imap/cmd/esearch_targets.h"
#include "imap/cmd/search_find.h"
#include "imap/cmd/search_index.h"
#include "imap/context.h"
#include "imap/door.h"
#include "imap/wire/writer.h"

struct esearch_cursor {
    struct esearch_targets targets;
    size_t next;         /* the target at hand */
    uint32_t done, goal; /* messages of the targets before it, and of all */
    enum { TARGET_OPEN, TARGET_FIND, TARGET_ANSWER } stage;
    bool updates; /* the selected mailbox was among them */

    /* Of the account searched last, so that the mailboxes of one are searched by one index. */
    struct account *indexed;
    struct search_index *index;

    /* The target at hand. Its memory is in target_arena. */
    struct arena target_arena;
    struct snapshot *snapshot; /* own reference */
    struct search_find find;
    struct answer answer;
    struct str source;
};

static void leave_target(struct esearch_cursor *c)
{
    search_find_deinit(&c->find);
    if (c->snapshot)
        c->done += c->snapshot->exists;
    snapshot_unref(&c->snapshot);
    arena_reset(&c->target_arena);
    c->stage = TARGET_OPEN;
}

static void cursor_drop(struct session *s)
{
    struct esearch_cursor *c = s->cursor;
    leave_target(c);
    search_index_free(&c->index);
    arena_deinit(&c->target_arena);
    esearch_targets_leave(&c->targets);
}

/* For its progress. */
static uint32_t count_messages(const struct esearch_targets *targets)
{
    uint32_t count = 0;
    for (size_t i = 0; i < targets->count; i++) {
        struct snapshot *snapshot = mailbox_snapshot(targets->items[i].mailbox);
        count = count + snapshot->exists < count ? UINT32_MAX : count + snapshot->exists;
        snapshot_unref(&snapshot);
    }
    return count;
}

static int begin(struct session *s, const struct esearch_args *a, struct err *err)
{
    bool updates = a->search.return_bits & SEARCH_RETURN_UPDATE;
    if (s->utf8_accept &&
        !str_is_nil(a->search.charset)) /* RFC 9755: the client has said that all is UTF-8 */
        return err_set(err, ERR_SYNTAX, "No CHARSET after ENABLE UTF8=ACCEPT");
    if (updates && s->state != STATE_SELECTED) /* RFC 7377, 2.2 */
        return err_set(err, ERR_STATE, "No mailbox selected");
    int r = context_check_tag(s, &a->search, err);
    if (r < 0)
        return r;
    struct esearch_cursor *c = arena_new(&s->arena, struct esearch_cursor);
    r = esearch_targets_find(s, a, &c->targets, err);
    if (r < 0) {
        esearch_targets_leave(&c->targets);
        return r;
    }
    if (a->search.uses_modseq)
        session_enable_condstore(s);
    c->goal = count_messages(&c->targets);
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    return 0;
}

/* ---- a target ---- */

static int place_of(struct session *s, struct esearch_cursor *c, const struct esearch_target *target,
                    struct search_place *place_out, struct err *err)
{
    if (target->is_selected) {
        c->snapshot = snapshot_ref(s->view.snapshot);
        *place_out = search_place_selected(s);
        return 0;
    }
    int r = mailbox_snapshot_for(target->mailbox, door_reader(s, target->account), &c->snapshot, err);
    if (r < 0)
        return r;
    *place_out = (struct search_place){ .account = target->account,
                                        .snapshot = c->snapshot,
                                        .now_s = clock_wall_ms(s->server->clock) / 1000 };
    return 0;
}

static int open_target(struct session *s, struct esearch_cursor *c, const struct esearch_args *a,
                       struct err *err)
{
    const struct esearch_target *target = &c->targets.items[c->next];
    struct search_place place;
    struct buf source = BUF_INIT;
    int r = place_of(s, c, target, &place, err);
    if (r < 0)
        return r;
    if (c->indexed != place.account) {
        c->indexed = place.account;
        search_index_free(&c->index);
        c->index = search_index_of(place.account, &a->search);
    }
    place.index = c->index;
    buf_add_lit(&source, " MAILBOX ");
    write_mailbox(&source, target->name, session_utf8(s));
    buf_printf(&source, " UIDVALIDITY %u", mailbox_uidvalidity(target->mailbox));
    c->source = arena_dup(&c->target_arena, buf_str(&source));
    buf_deinit(&source);
    r = search_find_init(&c->find, s, &place, &a->search, &c->target_arena, err);
    c->find.walk.done_before = c->done;
    c->find.walk.goal = c->goal;
    return r;
}

/* What "$" and updates want to know of the selected mailbox, answered or not. */
static int keep(struct session *s, struct esearch_cursor *c, const struct search_args *a, struct err *err)
{
    if (!c->targets.items[c->next].is_selected)
        return 0;
    if (a->return_bits & SEARCH_RETURN_SAVE)
        answer_save(&c->answer, s);
    if (!(a->return_bits & SEARCH_RETURN_UPDATE))
        return 0;
    c->updates = true;
    return context_add(s, a, NULL, 0, &c->answer.found.uids, c->answer.correlator, err);
}

static int search_target(struct session *s, struct esearch_cursor *c, const struct esearch_args *a,
                         struct err *err)
{
    struct found found;
    int r = 0;
    if (c->stage == TARGET_OPEN) {
        r = open_target(s, c, a, err);
        if (r < 0)
            return r;
        c->stage = TARGET_FIND;
    }
    if (c->stage == TARGET_FIND) {
        r = search_find_run(&c->find, s, &found, err);
        if (r == 0)
            r = answer_init(&c->answer, s, &a->search, &found, &c->find.walk.place, NULL, c->source,
                            &c->target_arena, err);
        if (r < 0)
            return r;
        c->stage = TARGET_ANSWER;
    }
    if (c->find.any) /* RFC 7377, 2.1: of the others nothing is told */
        r = answer_write(&c->answer, s);
    return r < 0 ? r : keep(s, c, &a->search, err);
}

static int search_targets(struct session *s, const struct esearch_args *a, struct err *err)
{
    int r = s->cursor ? 0 : begin(s, a, err);
    if (r < 0)
        return r;
    struct esearch_cursor *c = s->cursor;
    for (; c->next < c->targets.count; c->next++) {
        if (c->stage == TARGET_OPEN && session_must_wait(s))
            return -ERR_AGAIN;
        if (c->stage == TARGET_OPEN && mailbox_is_deleted(c->targets.items[c->next].mailbox))
            continue;
        r = search_target(s, c, a, err);
        if (r < 0)
            return r;
        leave_target(c);
    }
    if (a->search.return_bits & SEARCH_RETURN_UPDATE && !c->updates)
        context_refuse(s); /* updates are told of the selected mailbox alone: RFC 7377, 2.2 */
    return 0;
}

int esearch_run(struct session *s, const void *args, struct err *err)
{
    const struct esearch_args *a = args;
    int r = search_targets(s, a, err);
    if (a->search.return_bits & SEARCH_RETURN_SAVE && r < 0 && r != -ERR_AGAIN)
        answer_save_nothing(s);
    return r;
}
