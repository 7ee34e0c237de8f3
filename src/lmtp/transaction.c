/* transaction.c: a whole message to its recipients. Those of one account share one stored copy, so they go
 * one after the other; accounts go side by side: for each the message is parsed and stored as a pending blob, all
 * commits begin, and whoever else is served meanwhile, one flush of the disk is enough for them. Replies are written in the order of
 * RCPT, each once its own commit is durable. */
#include "lmtp/session.h"

#include "base/utf8.h"
#include "lmtp/trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REPLY_ADDRESS_BYTES_MAX = 256, /* the line stays below the 512 of RFC 5321, 4.5.3.1.5 */
};

struct outcome {
    int result; /* valid once `done` */
    bool done;
};

/* The recipients that share an account, in the order of RCPT. */
struct group {
    const size_t *members; /* indexes of recipients; at least one */
    size_t count;
    struct deposit *first;    /* the message for the first of them, under way; NULL: settled */
    bool settled;             /* all of them */
    struct delivered *places; /* where the message went so far; room for `count` */
    size_t place_count;
};

struct fan {
    struct lmtp_session *s;
    char id[LMTP_ID_BYTES];
    struct group *groups; /* in the order of their first members, so that replies can go out early */
    size_t group_count;
    struct outcome *outcomes; /* by index of recipient */
    size_t replied_count;
};

/* ---- failures ---- */

static const struct {
    enum err_kind kind;
    unsigned code;
    const char *enhanced, *text;
    enum log_level level;
} failures[] = {
    { ERR_LIMIT, 552, "5.3.4", "Message too large", LEVEL_WARN },
    { ERR_OVERQUOTA, 452, "4.2.2", "Mailbox is full", LEVEL_WARN },
    { ERR_FULL, 452, "4.3.1", "Short of disk space, try again later", LEVEL_ERROR },
    { ERR_UNAVAILABLE, 451, "4.3.2", "Not available, try again later", LEVEL_ERROR },
    { ERR_NONE, 451, "4.3.0", "Temporary failure, try again later",
      LEVEL_ERROR }, /* all others; an account just deleted too */
};

static size_t failure_of(enum err_kind kind)
{
    size_t i = 0;
    while (failures[i].kind != kind && failures[i].kind != ERR_NONE)
        i++;
    return i;
}

void lmtp_reply_failure(struct lmtp_session *s, enum err_kind kind, struct str address)
{
    size_t i = failure_of(kind);
    unsigned code = failures[i].code;
    const char *enhanced = failures[i].enhanced;
    if (kind == ERR_OVERQUOTA && s->server->settings.over_quota_permanent) {
        code = 552;
        enhanced = "5.2.2";
    }
    address = str_is_nil(address) ? address : utf8_prefix(address, REPLY_ADDRESS_BYTES_MAX);
    if (str_is_nil(address))
        lmtp_reply(s, code, enhanced, "%s", failures[i].text);
    else
        lmtp_reply(s, code, enhanced, "<" STR_FMT "> %s", STR_ARG(address), failures[i].text);
}

/* ---- one account ---- */

static void write_trace(const struct fan *fan, const struct group *group, struct buf *out)
{
    struct lmtp_session *s = fan->s;
    const struct net_addr *peer = conn_peer(s->conn);
    struct str addresses[TRACE_RECIPIENTS_MAX];
    char ip[ADDR_TEXT_BYTES];
    struct trace trace = { .sender = s->sender,
                           .from = buf_str(&s->helo),
                           .by = str_c(s->server->settings.host_name),
                           .id = str_c(fan->id),
                           .utf8 = s->smtputf8,
                           .wall_s = clock_wall_ms(s->server->clock) / 1000 };
    if (peer->family == ADDR_IPV4 || peer->family == ADDR_IPV6)
        trace.from_ip = str_c(addr_format(peer, false, ip));
    size_t named = 0;
    for (size_t i = 0; i < group->count && named < TRACE_RECIPIENTS_MAX; i++) {
        struct str address = s->recipients[group->members[i]].address;
        bool again = false;
        for (size_t k = 0; k < named; k++)
            again = again || str_eq(addresses[k], address);
        if (!again)
            addresses[named++] = address;
    }
    trace_write(&trace, addresses, named, out);
}

static void tell_log(const struct fan *fan, const struct lmtp_recipient *recipient, int result,
                     const struct err *err)
{
    struct logger *log = &fan->s->log;
    if (result == 0)
        log_info(log, "delivered", KV("account", recipient->user), KV("id", (const char *)fan->id),
                 KV("bytes", incoming_size(fan->s->incoming)));
    else
        LOG_AT(log, failures[failure_of(err->kind)].level, "delivery-failed", KV("account", recipient->user),
               KV("id", (const char *)fan->id), KV("kind", err_kind_name(err->kind)),
               KV("text", (const char *)err->text));
}

static void settle(struct fan *fan, struct group *group, size_t member, int r, const struct delivered *place,
                   const struct err *err)
{
    size_t i = group->members[member];
    if (r == 0)
        group->places[group->place_count++] = *place;
    tell_log(fan, &fan->s->recipients[i], r, err);
    fan->outcomes[i] = (struct outcome){ r, true };
    group->settled = member + 1 == group->count;
}

static struct delivery delivery_to(const struct fan *fan, const struct group *group, size_t member,
                                   const struct buf *trace)
{
    const struct lmtp_recipient *recipient = &fan->s->recipients[group->members[member]];
    return (struct delivery){ .account = recipient->account,
                              .trace = buf_str(trace),
                              .mailbox = recipient->mailbox,
                              .create_mailbox = fan->s->server->settings.create_mailbox };
}

static void wake(void *ctx)
{
    conn_wake(ctx);
}

/* The first recipient of an account. */
static void begin_group(struct fan *fan, struct group *group)
{
    struct lmtp_session *s = fan->s;
    struct buf trace = BUF_INIT;
    struct err err = s->err;
    int r = s->failed;
    write_trace(fan, group, &trace);
    struct delivery d = delivery_to(fan, group, 0, &trace);
    if (r == 0)
        r = deliver_begin(s->server->mail, s->incoming, &d, s->server->clock, wake, s->waker, &group->first,
                          &err);
    if (r < 0)
        settle(fan, group, 0, r, NULL, &err);
    buf_deinit(&trace);
}

/* The others of the account: the first that succeeded has stored the message, they refer to it. */
static void deliver_to_others(struct fan *fan, struct group *group)
{
    struct lmtp_session *s = fan->s;
    struct buf trace = BUF_INIT;
    write_trace(fan, group, &trace);
    for (size_t i = 1; i < group->count; i++) {
        const struct delivery d = delivery_to(fan, group, i, &trace);
        struct delivered place;
        struct err err = s->err;
        int r = s->failed;
        if (r == 0 && group->place_count > 0)
            r = deliver_again(s->server->mail, &d, group->places, group->place_count, &place, &err);
        if (r == -ERR_EXPUNGED || (r == 0 && group->place_count == 0)) /* its reader was fast: a fresh copy */
            r = deliver_message(s->server->mail, s->incoming, &d, s->server->clock, &place, &err);
        settle(fan, group, i, r, &place, &err);
    }
    buf_deinit(&trace);
}

static void end_first(struct fan *fan, struct group *group)
{
    struct delivered place;
    struct err err = { 0 };
    int r = deliver_end(&group->first, &place, &err);
    settle(fan, group, 0, r, &place, &err);
}

/* ---- all accounts ---- */

static int by_account(const void *a, const void *b, void *recipients)
{
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    uint64_t x = ((const struct lmtp_recipient *)recipients)[i].account.n;
    uint64_t y = ((const struct lmtp_recipient *)recipients)[k].account.n;
    return x != y ? (x > y) - (x < y) : (i > k) - (i < k);
}

static int by_first_member(const void *a, const void *b)
{
    size_t i = ((const struct group *)a)->members[0], k = ((const struct group *)b)->members[0];
    return (i > k) - (i < k);
}

static void make_groups(struct fan *fan)
{
    struct lmtp_session *s = fan->s;
    size_t n = s->recipient_count;
    size_t *order = arena_new_array(&s->arena, size_t, n);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, by_account, s->recipients);
    fan->groups = arena_new_array(&s->arena, struct group, n);
    struct delivered *places = arena_new_array(&s->arena, struct delivered, n);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || s->recipients[order[i]].account.n != s->recipients[order[i - 1]].account.n)
            fan->groups[fan->group_count++] = (struct group){ .members = &order[i], .places = &places[i] };
        fan->groups[fan->group_count - 1].count++;
    }
    qsort(fan->groups, fan->group_count, sizeof *fan->groups, by_first_member);
}

/* The recipients of one RCPT, from `first` on; false: not all are done. An alias has one reply for all for whom it stands. Who tries
 * again sends to all of them again, so one who is full does not count while somebody else was not; anything else does,
 * since a second copy is better than none. */
static bool rcpt_outcome(const struct fan *fan, size_t first, size_t *end_out, int *result_out)
{
    const struct lmtp_session *s = fan->s;
    int over_quota = 0, failure = 0;
    size_t i = first, done = 0;
    do {
        int r = fan->outcomes[i].result;
        if (!fan->outcomes[i].done)
            return false;
        if (r == -ERR_OVERQUOTA)
            over_quota = r;
        else if (r < 0 && !failure)
            failure = r;
        done += r == 0;
    } while (++i < s->recipient_count && s->recipients[i].of_same_rcpt);
    *end_out = i;
    *result_out = failure ? failure : done ? 0 : over_quota;
    return true;
}

/* Reply for each RCPT that is done, as far as the order allows, and send that: RFC 2033, 5. */
static void reply_done(struct fan *fan)
{
    struct lmtp_session *s = fan->s;
    size_t before = fan->replied_count, end;
    int result;
    while (fan->replied_count < s->recipient_count && rcpt_outcome(fan, fan->replied_count, &end, &result)) {
        struct str address = s->recipients[fan->replied_count].address;
        for (size_t i = fan->replied_count; i < end; i++)
            s->delivered_count += fan->outcomes[i].result == 0;
        fan->replied_count = end;
        if (result < 0)
            lmtp_reply_failure(s, (enum err_kind)(-result), address);
        else
            lmtp_reply(s, 250, "2.0.0", "<" STR_FMT "> Delivered, %s",
                       STR_ARG(utf8_prefix(address, REPLY_ADDRESS_BYTES_MAX)), fan->id);
    }
    if (fan->replied_count > before)
        conn_flush(s->conn);
}

/* What has become durable: true when all is settled and answered.   wait: for all of it */
static bool go_on(struct fan *fan, bool wait)
{
    bool all = true;
    for (size_t i = 0; i < fan->group_count; i++) {
        struct group *group = &fan->groups[i];
        if (group->first && !wait && !deliver_is_done(group->first)) {
            all = false;
            continue;
        }
        if (group->first)
            end_first(fan, group);
        if (!group->settled)
            deliver_to_others(fan, group);
        reply_done(fan);
    }
    assert(!all || fan->replied_count == fan->s->recipient_count);
    return all;
}

static void finish(struct lmtp_session *s)
{
    s->fan = NULL;
    lmtp_reset(s);
}

void lmtp_deliver(struct lmtp_session *s)
{
    struct fan *fan = arena_new(&s->arena, struct fan);
    assert(s->recipient_count > 0);
    if (!s->waker)
        s->waker = conn_waker(s->conn);
    s->fan = fan;
    fan->s = s;
    fan->outcomes = arena_new_array(&s->arena, struct outcome, s->recipient_count);
    snprintf(fan->id, sizeof fan->id, "%llx.%llx.%llx", (unsigned long long)clock_wall_ms(s->server->clock),
             (unsigned long long)conn_id(s->conn), (unsigned long long)++s->message_count);
    make_groups(fan);
    for (size_t i = 0; i < fan->group_count; i++)
        begin_group(fan, &fan->groups[i]);
    lmtp_deliver_go_on(s);
}

void lmtp_deliver_go_on(struct lmtp_session *s)
{
    if (go_on(s->fan, false))
        finish(s);
}

void lmtp_deliver_wait(struct lmtp_session *s)
{
    if (go_on(s->fan, true))
        finish(s);
}

void lmtp_deliver_drop(struct lmtp_session *s)
{
    for (size_t i = 0; s->fan && i < s->fan->group_count; i++)
        if (s->fan->groups[i].first)
            end_first(s->fan, &s->fan->groups[i]);
    s->fan = NULL;
}
