#include "auth/devices_private.h"

#include "auth/sign_in_event.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/utf8.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    FLUSH_INTERVAL_MS = 10 * 1000,
    TOUCH_MS = 60 * 60 * 1000, /* that a device was seen again is written so much later */
    DAY_MS = 24 * 60 * 60 * 1000,
    NOTICES_MAX = 1000,      /* that wait; more are not sent */
    WRITES_MAX = 1000,       /* of one commit when old ones are removed */
    IPV4_NETWORK_BYTES = 15, /* of ::ffff:a.b.c.d: /24 */
    IPV6_NETWORK_BYTES = 6,  /* /48 */
};

/* What is known of one account. */
struct known {
    struct account_id account;
    struct device_list list;
};

struct notice {
    struct account_id account;
    char user[USER_NAME_BYTES_MAX + 1];
    struct device device;
};

struct devices {
    struct devices_params params;

    pthread_mutex_t lock; /* of all below; held for no call of the store */
    struct map known;     /* account id -> struct known */
    struct device_writes removed;
    struct notice *notices; /* heap; NOTICES_MAX */
    size_t notice_count;
    uint64_t drops;      /* times that accounts were forgotten: what was read before is old */
    bool failing;        /* the log was told */
    int64_t sweep_at_ms; /* wall clock: when those too old are looked for in the store */

    pthread_mutex_t flush_lock; /* one at a time writes */
    pthread_t thread;
    bool has_thread, stopping;
    pthread_cond_t wake;
};

/* ---- the facts of a device ---- */

static bool is_ipv4(const unsigned char ip[PEER_IP_BYTES])
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    return memcmp(ip, mapped, sizeof mapped) == 0;
}

static size_t network_bytes(const struct device *d)
{
    return !d->has_ip ? 0 : is_ipv4(d->ip) ? IPV4_NETWORK_BYTES : IPV6_NETWORK_BYTES;
}

static bool same_network(const struct device *a, const struct device *b)
{
    return a->has_ip == b->has_ip && is_ipv4(a->ip) == is_ipv4(b->ip) &&
           memcmp(a->ip, b->ip, network_bytes(a)) == 0;
}

static void print_ip(const unsigned char ip[PEER_IP_BYTES], char *out, size_t room)
{
    if (is_ipv4(ip))
        inet_ntop(AF_INET, ip + 12, out, (socklen_t)room);
    else
        inet_ntop(AF_INET6, ip, out, (socklen_t)room);
}

void device_address(const struct device *d, char out[static PEER_ADDRESS_BYTES])
{
    snprintf(out, PEER_ADDRESS_BYTES, "unix");
    if (d->has_ip)
        print_ip(d->ip, out, PEER_ADDRESS_BYTES);
}

void device_network(const struct device *d, char out[static DEVICE_NETWORK_BYTES])
{
    unsigned char network[PEER_IP_BYTES] = { 0 };
    snprintf(out, DEVICE_NETWORK_BYTES, "unix");
    if (!d->has_ip)
        return;
    memcpy(network, d->ip, network_bytes(d));
    print_ip(network, out, DEVICE_NETWORK_BYTES);
    size_t n = strlen(out);
    snprintf(out + n, DEVICE_NETWORK_BYTES - n, is_ipv4(d->ip) ? "/24" : "/48");
}

static void set_text(char *out, size_t room, struct str text)
{
    struct buf clean = BUF_INIT;
    utf8_sanitize(text, &clean);
    struct str s = utf8_prefix(buf_str(&clean), room - 1);
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    buf_deinit(&clean);
}

static struct device device_of(const struct device_sighting *s, int64_t now_ms)
{
    struct device d = { .first_ms = now_ms,
                        .last_ms = now_ms,
                        .app_password_id = s->app_password_id,
                        .has_ip = s->peer->has_ip };
    if (d.has_ip)
        memcpy(d.ip, s->peer->ip, sizeof d.ip);
    snprintf(d.mechanism, sizeof d.mechanism, "%s", s->mechanism);
    set_text(d.client, sizeof d.client, s->peer->client);
    char network[DEVICE_NETWORK_BYTES];
    struct buf facts = BUF_INIT;
    device_network(&d, network);
    buf_printf(&facts, "%s\n%s\n%llu\n%s", network, d.mechanism, (unsigned long long)d.app_password_id,
               d.client);
    d.id = hash_xxh3(facts.p, facts.n);
    buf_deinit(&facts);
    return d;
}

/* ---- accounts in memory; under the lock ---- */

static struct known *find_known(const struct devices *d, struct account_id account)
{
    return map_get(&d->known, map_key_u64(&account.n));
}

static struct known *add_known(struct devices *d, struct account_id account, struct device_list *list)
{
    struct known *k = calloc(1, sizeof *k);
    if (!k)
        abort();
    k->account = account;
    k->list = *list;
    *list = (struct device_list){ 0 };
    map_put(&d->known, map_key_u64(&k->account.n), k);
    return k;
}

static void free_known(struct known *k)
{
    if (!k)
        return;
    device_list_deinit(&k->list);
    free(k);
}

static bool is_written(const struct known *k)
{
    for (size_t i = 0; i < k->list.count; i++)
        if (k->list.rows[i].stored_ms != k->list.rows[i].device.last_ms)
            return false;
    return true;
}

static void drop_written(struct devices *d)
{
    struct str key;
    void *value;
    for (size_t i = 0; map_next(&d->known, &i, &key, &value);)
        if (is_written(value)) {
            map_remove(&d->known, key);
            free_known(value);
        }
    d->drops++;
}

static struct device_row *find_row(struct known *k, uint64_t id)
{
    for (size_t i = 0; k && i < k->list.count; i++)
        if (k->list.rows[i].device.id == id)
            return &k->list.rows[i];
    return NULL;
}

static void remove_row(struct devices *d, struct known *k, size_t i)
{
    if (k->list.rows[i].stored_ms) {
        struct device_write *write = device_writes_add(&d->removed);
        write->account = k->account;
        write->remove = true;
        write->device.id = k->list.rows[i].device.id;
    }
    k->list.rows[i] = k->list.rows[--k->list.count];
}

/* It was here on another day, too: so it is no stranger who makes up a new client with each sign-in. */
static bool is_of_old(const struct device *device)
{
    return device->last_ms - device->first_ms >= DAY_MS;
}

static bool goes_first(const struct device *a, const struct device *b)
{
    return is_of_old(a) != is_of_old(b) ? is_of_old(b) : a->last_ms < b->last_ms;
}

/* Those too old go, and, where there is no room for one more, the one not seen for longest of those that are new. */
static void make_room(struct devices *d, struct known *k, int64_t now_ms)
{
    size_t first = 0;
    for (size_t i = k->list.count; i-- > 0;)
        if (k->list.rows[i].device.last_ms < now_ms - (int64_t)d->params.keep_s * 1000)
            remove_row(d, k, i);
    for (size_t i = 0; i < k->list.count; i++)
        if (goes_first(&k->list.rows[i].device, &k->list.rows[first].device))
            first = i;
    if (k->list.count >= DEVICES_PER_ACCOUNT_MAX)
        remove_row(d, k, first);
}

/* A network and a client that are both new for an account that is not. Clients that do not say what they are may be any. Whoever
 * is on this machine is no stranger. */
static bool is_suspicious(const struct known *k, const struct device *new)
{
    for (size_t i = 0; i < k->list.count; i++) {
        const struct device *old = &k->list.rows[i].device;
        if (same_network(old, new) || (new->client[0] && strcmp(old->client, new->client) == 0))
            return false;
    }
    return k->list.count > 0 && new->has_ip;
}

static unsigned notices_today(const struct known *k, int64_t now_ms)
{
    unsigned count = 0;
    for (size_t i = 0; i < k->list.count; i++)
        count += k->list.rows[i].device.noticed && k->list.rows[i].device.first_ms > now_ms - DAY_MS;
    return count;
}

static void queue_notice(struct devices *d, const struct device_sighting *s, const struct device *device)
{
    struct notice *notice = &d->notices[d->notice_count++];
    notice->account = s->account;
    notice->device = *device;
    snprintf(notice->user, sizeof notice->user, "%s", s->user);
    pthread_cond_signal(&d->wake);
}

/* ---- a sign-in ---- */

static void record(const struct devices *d, const struct device_sighting *s, const struct device *device)
{
    struct log_field fields[16];
    char network[DEVICE_NETWORK_BYTES];
    size_t n = 0;
    device_network(device, network);
    fields[n++] = KV("user", s->user);
    fields[n++] = KV("mechanism", s->mechanism);
    fields[n++] = s->app_password_id ? log_field_u64("app_password", s->app_password_id)
                                     : log_field_c("app_password", NULL);
    sign_in_event_add_peer(fields, &n, s->peer);
    fields[n++] = KV("network", (const char *)network);
    fields[n++] = log_field_bool("notified", device->noticed);
    audit_record(d->params.audit, AUDIT_NEW_DEVICE, fields, n);
}

/* Under the lock. Whether it is suspicious. */
static bool add_device(struct devices *d, struct known *k, const struct device_sighting *s,
                       struct device *device)
{
    make_room(d, k, device->first_ms);
    bool suspicious = is_suspicious(k, device);
    device->noticed = suspicious && d->params.notice && d->notice_count < NOTICES_MAX &&
                      notices_today(k, device->first_ms) < DEVICE_NOTICES_A_DAY;
    device_list_add(&k->list)->device = *device;
    if (device->noticed)
        queue_notice(d, s, device);
    return suspicious;
}

static int write_some(struct devices *d, bool all, struct err *err);

/* Under the lock, which is let go while the store is read or written. NULL: it cannot be. */
static struct known *load_known(struct devices *d, struct account_id account)
{
    struct known *k;
    while (!(k = find_known(d, account))) {
        struct device_list list = { 0 };
        bool full = d->known.count >= DEVICES_ACCOUNTS_MAX;
        uint64_t drops = d->drops;
        pthread_mutex_unlock(&d->lock);
        int r = full ? write_some(d, true, NULL) : device_load(d->params.users, account, &list, NULL);
        pthread_mutex_lock(&d->lock);
        if (r == 0 && full)
            drop_written(d);
        else if (r == 0 && d->drops == drops && !find_known(d, account))
            add_known(d, account, &list);
        device_list_deinit(&list);
        if (r < 0)
            return NULL;
    }
    return k;
}

void devices_note(struct devices *d, const struct device_sighting *s)
{
    bool suspicious = false;
    if (!d)
        return;
    struct device device = device_of(s, clock_wall_ms(d->params.clock));
    pthread_mutex_lock(&d->lock);
    struct known *k = load_known(d, s->account);
    struct device_row *row = find_row(k, device.id);
    if (row) {
        row->device.last_ms = device.last_ms > row->device.last_ms ? device.last_ms : row->device.last_ms;
        memcpy(row->device.ip, device.ip, sizeof device.ip);
    } else if (k) {
        suspicious = add_device(d, k, s, &device);
    }
    pthread_mutex_unlock(&d->lock);
    if (suspicious)
        record(d, s, &device);
}

/* ---- looking ---- */

static int later_first(const void *a, const void *b)
{
    const struct device_row *x = a, *y = b;
    return (x->device.last_ms < y->device.last_ms) - (x->device.last_ms > y->device.last_ms);
}

int devices_each(struct devices *d, struct account_id account, device_fn *fn, void *ctx, struct err *err)
{
    struct device_list list = { 0 };
    if (!d)
        return 0;
    int64_t oldest_ms = clock_wall_ms(d->params.clock) - (int64_t)d->params.keep_s * 1000;
    pthread_mutex_lock(&d->lock);
    const struct known *k = find_known(d, account);
    for (size_t i = 0; k && i < k->list.count; i++)
        *device_list_add(&list) = k->list.rows[i];
    pthread_mutex_unlock(&d->lock);
    int r = k ? 0 : device_load(d->params.users, account, &list, err);
    if (list.count)
        qsort(list.rows, list.count, sizeof *list.rows, later_first);
    for (size_t i = 0; r == 0 && i < list.count; i++)
        if (list.rows[i].device.last_ms >= oldest_ms)
            fn(ctx, &list.rows[i].device);
    device_list_deinit(&list);
    return r;
}

int devices_forget(struct devices *d, struct account_id account, struct err *err)
{
    struct device_list list = { 0 };
    struct device_writes writes = { 0 };
    if (!d)
        return 0;
    pthread_mutex_lock(&d->flush_lock);
    pthread_mutex_lock(&d->lock);
    free_known(map_remove(&d->known, map_key_u64(&account.n)));
    d->drops++;
    pthread_mutex_unlock(&d->lock);
    int r = device_load(d->params.users, account, &list, err);
    for (size_t i = 0; i < list.count; i++) {
        struct device_write *write = device_writes_add(&writes);
        *write = (struct device_write){ account, true, list.rows[i].device };
    }
    if (r == 0)
        r = device_write_all(d->params.users, &writes, err);
    pthread_mutex_unlock(&d->flush_lock);
    device_list_deinit(&list);
    free(writes.items);
    return r;
}

/* ---- writing ---- */

/* Under the lock: takes what the store does not know. `all`: also that a device was seen again a moment ago. */
static void collect(struct devices *d, bool all, struct device_writes *writes)
{
    struct str key;
    void *value;
    *writes = d->removed;
    d->removed = (struct device_writes){ 0 };
    for (size_t i = 0; map_next(&d->known, &i, &key, &value);) {
        struct known *k = value;
        for (size_t j = 0; j < k->list.count; j++) {
            struct device_row *row = &k->list.rows[j];
            if (row->device.last_ms - row->stored_ms < (all ? 1 : TOUCH_MS))
                continue;
            struct device_write *write = device_writes_add(writes);
            *write = (struct device_write){ k->account, false, row->device };
            row->stored_ms = row->device.last_ms;
        }
    }
}

/* They could not be written: the next flush tries again. */
static void take_back(struct devices *d, const struct device_writes *writes)
{
    for (size_t i = 0; i < writes->count; i++) {
        const struct device_write *w = &writes->items[i];
        if (w->remove) {
            *device_writes_add(&d->removed) = *w;
            continue;
        }
        struct device_row *row = find_row(find_known(d, w->account), w->device.id);
        if (row)
            row->stored_ms = 0;
    }
}

static void tell(struct devices *d, int r, const struct err *err)
{
    if (r < 0 && !d->failing)
        log_warn(&d->params.log, "devices-not-written", KV("text", (const char *)err->text));
    d->failing = r < 0;
}

static int write_some(struct devices *d, bool all, struct err *err)
{
    struct device_writes writes;
    struct err own = { 0 };
    pthread_mutex_lock(&d->flush_lock);
    pthread_mutex_lock(&d->lock);
    collect(d, all, &writes);
    pthread_mutex_unlock(&d->lock);
    int r = device_write_all(d->params.users, &writes, &own);
    pthread_mutex_lock(&d->lock);
    if (r < 0)
        take_back(d, &writes);
    tell(d, r, &own);
    pthread_mutex_unlock(&d->lock);
    pthread_mutex_unlock(&d->flush_lock);
    free(writes.items);
    return r < 0 ? err_set(err, own.kind, "%s", own.text) : 0;
}

static void send_notices(struct devices *d)
{
    struct notice notice;
    struct err err;
    pthread_mutex_lock(&d->lock);
    while (d->notice_count > 0) {
        notice = d->notices[--d->notice_count];
        pthread_mutex_unlock(&d->lock);
        if (d->params.notice(d->params.notice_ctx, notice.account, notice.user, &notice.device, &err) < 0)
            log_warn(&d->params.log, "device-notice-failed", KV("account", (const char *)notice.user),
                     KV("text", (const char *)err.text));
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
}

int devices_flush(struct devices *d, struct err *err)
{
    int r = write_some(d, true, err);
    send_notices(d);
    return r;
}

/* Once a day: accounts to which nobody signs in any more are in no memory. */
static void sweep(struct devices *d)
{
    int64_t now_ms = clock_wall_ms(d->params.clock);
    struct device_writes writes = { 0 };
    struct err err;
    if (now_ms < d->sweep_at_ms)
        return;
    int r = device_find_old(d->params.users, now_ms - (int64_t)d->params.keep_s * 1000, WRITES_MAX, &writes,
                            &err);
    if (r == 0)
        r = device_write_all(d->params.users, &writes, &err);
    if (r < 0 || writes.count < WRITES_MAX)
        d->sweep_at_ms = now_ms + DAY_MS;
    free(writes.items);
}

static void *run(void *ctx)
{
    struct devices *d = ctx;
    pthread_mutex_lock(&d->lock);
    while (!d->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += FLUSH_INTERVAL_MS / 1000;
        if (d->notice_count == 0)
            pthread_cond_timedwait(&d->wake, &d->lock, &until);
        pthread_mutex_unlock(&d->lock);
        (void)!write_some(d, false, NULL); /* the log is told */
        send_notices(d);
        sweep(d);
        pthread_mutex_lock(&d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* ---- begin and end ---- */

struct devices *devices_new(const struct devices_params *params)
{
    assert(params->keep_s > 0);
    struct devices *d = calloc(1, sizeof *d);
    if (!d || !(d->notices = calloc(NOTICES_MAX, sizeof *d->notices)))
        abort();
    d->params = *params;
    map_init(&d->known);
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->flush_lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->wake, &attr);
    pthread_condattr_destroy(&attr);
    return d;
}

int devices_start(struct devices *d, struct err *err)
{
    int r = pthread_create(&d->thread, NULL, run, d);
    if (r != 0)
        return err_set_errno(err, r, "cannot start a thread");
    d->has_thread = true;
    return 0;
}

void devices_free(struct devices **devices)
{
    struct devices *d = *devices;
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    if (d->has_thread)
        pthread_join(d->thread, NULL);
    (void)!devices_flush(d, NULL); /* the log is told */
    struct str key;
    void *value;
    for (size_t i = 0; map_next(&d->known, &i, &key, &value);)
        free_known(value);
    map_deinit(&d->known);
    free(d->removed.items);
    free(d->notices);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->flush_lock);
    free(d);
    *devices = NULL;
}
