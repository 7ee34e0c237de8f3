/* transaction.c: a whole message to its recipients. Those of one account share one stored copy, so they go
 * one after the other; accounts go side by side, since each waits for the disk and the engine flushes for all
 * who wait. The session's own thread delivers too, and it alone writes replies: in the order of RCPT, each
 * once its own commit is durable. */
#include "lmtp/session.h"

#include "base/utf8.h"
#include "lmtp/trace.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HELPERS_MAX = 7,
    HELPER_STACK_BYTES = 256 * 1024,
    REPLY_ADDRESS_BYTES_MAX = 256, /* the line stays below the 512 of RFC 5321, 4.5.3.1.5 */
};

struct outcome {
    int result; /* valid once `done` */
    atomic_bool done;
};

/* The recipients that share an account, in the order of RCPT. */
struct group {
    const size_t *members; /* indexes of recipients; at least one */
    size_t count;
    struct delivered *places; /* where the message went so far; room for `count` */
    size_t place_count;
};

struct fan {
    struct lmtp_session *s;
    char id[LMTP_ID_BYTES];
    struct group *groups; /* in the order of their first members, so that replies can go out early */
    size_t group_count;
    atomic_size_t next_group; /* the first that nobody has taken */
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

/* The recipients of one account: the first that succeeds stores the message, the others refer to it. */
static void deliver_group(struct fan *fan, struct group *group)
{
    struct lmtp_session *s = fan->s;
    struct buf trace = BUF_INIT;
    write_trace(fan, group, &trace);
    for (size_t i = 0; i < group->count; i++) {
        const struct lmtp_recipient *recipient = &s->recipients[group->members[i]];
        struct outcome *outcome = &fan->outcomes[group->members[i]];
        const struct delivery d = { .account = recipient->account,
                                    .trace = buf_str(&trace),
                                    .mailbox = recipient->mailbox,
                                    .create_mailbox = s->server->settings.create_mailbox };
        struct delivered place;
        struct err err = s->err;
        int r = s->failed;
        if (r == 0 && group->place_count > 0)
            r = deliver_again(s->server->mail, &d, group->places, group->place_count, &place, &err);
        if (r == -ERR_EXPUNGED || (r == 0 && group->place_count == 0)) /* its reader was fast: a fresh copy */
            r = deliver_message(s->server->mail, s->incoming, &d, s->server->clock, &place, &err);
        if (r == 0)
            group->places[group->place_count++] = place;
        tell_log(fan, recipient, r, &err);
        outcome->result = r;
        atomic_store_explicit(&outcome->done, true, memory_order_release);
    }
    buf_deinit(&trace);
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

/* Reply for each recipient that is done, as far as the order allows, and send that: RFC 2033, 5. */
static void reply_done(struct fan *fan)
{
    struct lmtp_session *s = fan->s;
    size_t before = fan->replied_count;
    for (; fan->replied_count < s->recipient_count; fan->replied_count++) {
        const struct outcome *outcome = &fan->outcomes[fan->replied_count];
        struct str address = s->recipients[fan->replied_count].address;
        if (!atomic_load_explicit(&outcome->done, memory_order_acquire))
            break;
        if (outcome->result < 0) {
            lmtp_reply_failure(s, (enum err_kind)(-outcome->result), address);
            continue;
        }
        s->delivered_count++;
        lmtp_reply(s, 250, "2.0.0", "<" STR_FMT "> Delivered, %s",
                   STR_ARG(utf8_prefix(address, REPLY_ADDRESS_BYTES_MAX)), fan->id);
    }
    if (fan->replied_count > before)
        conn_flush(s->conn);
}

static bool deliver_next(struct fan *fan)
{
    size_t i = atomic_fetch_add_explicit(&fan->next_group, 1, memory_order_relaxed);
    if (i >= fan->group_count)
        return false;
    deliver_group(fan, &fan->groups[i]);
    return true;
}

static void *helper_main(void *arg)
{
    while (deliver_next(arg))
        ;
    return NULL;
}

/* Helpers are an offer: where no thread can be had, this one does it all. */
static size_t start_helpers(struct fan *fan, pthread_t *helpers)
{
    pthread_attr_t attr;
    size_t count = 0;
    if (fan->group_count == 1 || fan->s->failed < 0)
        return 0;
    if (pthread_attr_init(&attr) != 0)
        return 0;
    pthread_attr_setstacksize(&attr, HELPER_STACK_BYTES);
    while (count < HELPERS_MAX && count + 1 < fan->group_count &&
           pthread_create(&helpers[count], &attr, helper_main, fan) == 0)
        count++;
    pthread_attr_destroy(&attr);
    return count;
}

void lmtp_deliver(struct lmtp_session *s)
{
    pthread_t helpers[HELPERS_MAX];
    struct fan fan = { .s = s };
    assert(s->recipient_count > 0);
    fan.outcomes = arena_new_array(&s->arena, struct outcome, s->recipient_count);
    snprintf(fan.id, sizeof fan.id, "%llx.%llx.%llx", (unsigned long long)clock_wall_ms(s->server->clock),
             (unsigned long long)conn_id(s->conn), (unsigned long long)++s->message_count);
    make_groups(&fan);
    size_t helper_count = start_helpers(&fan, helpers);
    while (deliver_next(&fan))
        reply_done(&fan);
    for (size_t i = 0; i < helper_count; i++) {
        pthread_join(helpers[i], NULL);
        reply_done(&fan);
    }
    assert(fan.replied_count == s->recipient_count);
}
