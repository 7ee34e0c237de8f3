#include "auth/guard_private.h"

#include "base/audit.h"
#include "base/network.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct guard *guard_new(const struct guard_params *params)
{
    assert(params->failure_forget_s > 0);
    struct guard *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->params = *params;
    struct throttle_params throttle = { .delay_ms = params->failure_delay_ms,
                                        .delay_max_ms = params->failure_delay_max_ms,
                                        .forget_ms = (int64_t)params->failure_forget_s * 1000,
                                        .lock_ms = (int64_t)params->lock_s * 1000 };
    throttle.lock_failures[THROTTLE_ACCOUNT] = throttle.lock_failures[THROTTLE_DEVICE] =
        params->lock_failures;
    g->throttle = throttle_new(&throttle);
    g->familiar = familiar_new();
    if (params->path)
        guard_file_begin(g, params->path);
    return g;
}

void guard_free(struct guard **guard)
{
    struct guard *g = *guard;
    if (!g)
        return;
    if (g->path)
        guard_file_end(g);
    throttle_free(&g->throttle);
    familiar_free(&g->familiar);
    free(g);
    *guard = NULL;
}

/* ---- who tries ---- */

/* The network of so many bits that `ip` is in: "192.0.2.1", "2001:db8::/48". */
static void format_network(const unsigned char ip[PEER_IP_BYTES], unsigned ipv4_bits, unsigned ipv6_bits,
                           char out[THROTTLE_TEXT_BYTES])
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    bool ipv4 = memcmp(ip, mapped, sizeof mapped) == 0;
    unsigned skip = ipv4 ? sizeof mapped : 0, bits = ipv4 ? ipv4_bits : ipv6_bits;
    unsigned char base[PEER_IP_BYTES];
    char text[INET6_ADDRSTRLEN];
    memset(base, 0, sizeof base);
    memcpy(base, ip + skip, bits / 8); /* whole bytes */
    inet_ntop(ipv4 ? AF_INET : AF_INET6, base, text, sizeof text);
    if (ipv4 && bits == 32)
        snprintf(out, THROTTLE_TEXT_BYTES, "%s", text);
    else
        snprintf(out, THROTTLE_TEXT_BYTES, "%s/%u", text, bits);
}

static void subject_init(struct guard *g, const struct auth_peer *peer, const char *name, uint64_t account,
                         struct guard_subject *s)
{
    *s = (struct guard_subject){ .place = "" };
    snprintf(s->account, sizeof s->account, "%s", name);
    if (!peer->has_ip)
        return;
    format_network(peer->ip, 32, 64, s->place);
    if (account && familiar_knows(g->familiar, account, str_c(s->place), clock_wall_ms(g->params.clock)))
        snprintf(s->device, sizeof s->device, "%s %s", name, s->place);
    if (g->params.trusted && network_list_contains(str_c(g->params.trusted), peer->ip))
        return;
    memcpy(s->address, s->place, sizeof s->address);
    if (g->params.network_failures)
        format_network(peer->ip, 24, 48, s->network);
}

/* What the account's score is kept under, for this client. */
static enum throttle_kind account_kind(const struct guard_subject *s)
{
    return s->device[0] ? THROTTLE_DEVICE : THROTTLE_ACCOUNT;
}

static struct str account_key(const struct guard_subject *s)
{
    return str_c(s->device[0] ? s->device : s->account);
}

static uint32_t longer(struct throttle_score x, struct throttle_score y)
{
    return x.delay_ms > y.delay_ms ? x.delay_ms : y.delay_ms;
}

/* Too often: one attempt in failure_delay_max_ms. */
static int64_t wait_for(const struct guard *g, struct throttle_score score, uint32_t failures_max)
{
    int64_t left = g->params.failure_delay_max_ms - score.age_ms;
    return failures_max && score.failures >= failures_max && left > 0 ? left : 0;
}

/* So many failures of an account an old password alone can make: from there on it is held back, and there is still room for
 * somebody who mistypes a new one. */
static uint32_t repeated_max(const struct guard *g)
{
    uint32_t half = (g->params.lock_failures + 1) / 2;
    return half && half < GUARD_ADDRESS_FAILURES_MAX ? half : GUARD_ADDRESS_FAILURES_MAX;
}

struct guard_verdict guard_look(struct guard *g, const struct auth_peer *peer, const char *name,
                                uint64_t account, struct guard_subject *s)
{
    int64_t now = clock_mono_ms(g->params.clock);
    subject_init(g, peer, name, account, s);
    struct throttle_score address = { 0 }, network = { 0 };
    if (!s->device[0]) {
        address = throttle_look(g->throttle, THROTTLE_ADDRESS, str_c(s->address), now);
        network = throttle_look(g->throttle, THROTTLE_NETWORK, str_c(s->network), now);
    }
    struct throttle_score user = throttle_look(g->throttle, account_kind(s), account_key(s), now);
    struct guard_verdict verdict = { .delay_ms = longer(address, user) };
    int64_t by_address = s->device[0] ? wait_for(g, user, repeated_max(g))
                                      : wait_for(g, address, GUARD_ADDRESS_FAILURES_MAX);
    int64_t by_network = wait_for(g, network, g->params.network_failures);
    verdict.wait_ms = by_address > by_network ? by_address : by_network;
    if (verdict.wait_ms)
        verdict.answer = GUARD_TURN_AWAY;
    else if (user.locked_for_ms)
        verdict.answer = GUARD_LOCKED;
    return verdict;
}

static void record_lock(const struct guard *g, const struct guard_subject *s, struct throttle_score score)
{
    int64_t until_ms = clock_wall_ms(g->params.clock) + score.locked_for_ms;
    AUDIT(g->params.audit, AUDIT_LOCK, AUDIT_BOOL("ok", true), KV("user", (const char *)s->account),
          KV("address", (const char *)s->place),
          KV("reason", s->device[0] ? "failures-of-device" : "failures"), KV("failures", score.failures),
          KV("until_s", until_ms / 1000));
}

static struct throttle_score blame_account(struct guard *g, const struct guard_subject *s,
                                           enum guard_failure failure, int64_t now)
{
    switch (failure) {
    case GUARD_GUESSED:
        return throttle_add_failure(g->throttle, account_kind(s), account_key(s), now);
    case GUARD_REPEATED:
        return throttle_add_repeated(g->throttle, account_kind(s), account_key(s), repeated_max(g), now);
    default:
        return throttle_look(g->throttle, account_kind(s), account_key(s), now);
    }
}

uint32_t guard_failed(struct guard *g, const struct guard_subject *s, enum guard_failure failure)
{
    int64_t now = clock_mono_ms(g->params.clock);
    (void)throttle_add_failure(g->throttle, THROTTLE_NETWORK, str_c(s->network), now);
    struct throttle_score address = throttle_add_failure(g->throttle, THROTTLE_ADDRESS, str_c(s->address),
                                                         now);
    struct throttle_score user = blame_account(g, s, failure, now);
    if (failure == GUARD_GUESSED && user.locked_for_ms > 0)
        record_lock(g, s, user);
    return s->device[0] ? user.delay_ms : longer(address, user);
}

/* Who comes from a familiar address forgives the device only: else each of its sign-ins would give strangers a fresh start. */
void guard_succeeded(struct guard *g, const struct guard_subject *s, uint64_t account)
{
    throttle_forgive(g->throttle, account_kind(s), account_key(s));
    familiar_add(g->familiar, account, str_c(s->place), clock_wall_ms(g->params.clock));
}

/* ---- for administrators ---- */

struct counting {
    const struct guard *guard;
    struct guard_counts *counts;
};

static void count_entry(void *ctx, const struct throttle_entry *entry)
{
    struct counting *c = ctx;
    uint32_t network_failures = c->guard->params.network_failures;
    c->counts->locked_accounts += entry->kind == THROTTLE_ACCOUNT && entry->score.locked_for_ms > 0;
    c->counts->locked_devices += entry->kind == THROTTLE_DEVICE && entry->score.locked_for_ms > 0;
    c->counts->addresses += entry->kind == THROTTLE_ADDRESS &&
                            entry->score.failures >= GUARD_ADDRESS_FAILURES_MAX;
    c->counts->networks += entry->kind == THROTTLE_NETWORK && network_failures &&
                           entry->score.failures >= network_failures;
}

void guard_counts(struct guard *g, struct guard_counts *out)
{
    struct counting counting = { g, out };
    *out = (struct guard_counts){ 0 };
    throttle_each(g->throttle, clock_mono_ms(g->params.clock), count_entry, &counting);
}

void guard_each(struct guard *g, throttle_fn *fn, void *ctx)
{
    throttle_each(g->throttle, clock_mono_ms(g->params.clock), fn, ctx);
}

size_t guard_clear(struct guard *g, struct str key)
{
    return throttle_clear(g->throttle, key);
}
