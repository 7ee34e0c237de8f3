/* devices_store.c: devices as they lie in the directory.
 *   key    "D/" be64 account, be64 id
 *   value  u8 format 1; u64 first_ms; u64 last_ms; u64 app password; u8 DEVICE_HAS_IP | DEVICE_NOTICED; 16 bytes ip;
 *          str mechanism; str client */
#include "auth/devices_private.h"

#include "auth/directory/users_private.h"
#include "base/codec.h"

#include <stdlib.h>

enum { FORMAT = 1, KEY_BYTES = 2 + 8 + 8 };
enum { DEVICE_HAS_IP = 1u << 0, DEVICE_NOTICED = 1u << 1, DEVICE_FLAGS = DEVICE_HAS_IP | DEVICE_NOTICED };
#define DEVICES_FROM STR("D/")
#define DEVICES_TO   STR("D0") /* '0' follows '/' */

/* ---- lists ---- */

static void *grown(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return items;
    *cap = *cap ? *cap * 2 : 4;
    items = realloc(items, *cap * size);
    if (!items)
        abort();
    return items;
}

struct device_row *device_list_add(struct device_list *list)
{
    list->rows = grown(list->rows, list->count, &list->cap, sizeof *list->rows);
    struct device_row *row = &list->rows[list->count++];
    *row = (struct device_row){ .stored_ms = 0 };
    return row;
}

void device_list_deinit(struct device_list *list)
{
    free(list->rows);
    *list = (struct device_list){ 0 };
}

struct device_write *device_writes_add(struct device_writes *writes)
{
    writes->items = grown(writes->items, writes->count, &writes->cap, sizeof *writes->items);
    struct device_write *item = &writes->items[writes->count++];
    *item = (struct device_write){ .remove = false };
    return item;
}

/* ---- one record ---- */

void device_encode(const struct device *d, struct buf *out)
{
    buf_put_u8(out, FORMAT);
    buf_put_u64(out, (uint64_t)d->first_ms);
    buf_put_u64(out, (uint64_t)d->last_ms);
    buf_put_u64(out, d->app_password_id);
    buf_put_u8(out, (uint8_t)((d->has_ip ? DEVICE_HAS_IP : 0) | (d->noticed ? DEVICE_NOTICED : 0)));
    buf_add_bytes(out, d->ip, sizeof d->ip);
    buf_put_str(out, str_c(d->mechanism));
    buf_put_str(out, str_c(d->client));
}

static bool take_text(struct reader *r, char *out, size_t room)
{
    struct str s = reader_str(r);
    if (r->bad || s.n >= room || (s.n && memchr(s.p, '\0', s.n)))
        return false;
    if (s.n)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

int device_decode(struct str value, struct device *device_out, struct err *err)
{
    struct reader r = reader_make(value);
    struct device d = { .id = 0 };
    bool known = reader_u8(&r) == FORMAT;
    d.first_ms = (int64_t)reader_u64(&r);
    d.last_ms = (int64_t)reader_u64(&r);
    d.app_password_id = reader_u64(&r);
    uint8_t flags = reader_u8(&r);
    struct str ip = reader_bytes(&r, sizeof d.ip);
    bool whole = known && !r.bad && (flags & ~DEVICE_FLAGS) == 0 && d.first_ms > 0 &&
                 d.last_ms >= d.first_ms && take_text(&r, d.mechanism, sizeof d.mechanism) &&
                 take_text(&r, d.client, sizeof d.client) && reader_left(&r) == 0;
    if (!whole)
        return err_set(err, ERR_CORRUPT, "the record of a device is damaged, or a newer Loft wrote it");
    memcpy(d.ip, ip.p, sizeof d.ip);
    d.has_ip = flags & DEVICE_HAS_IP;
    d.noticed = flags & DEVICE_NOTICED;
    *device_out = d;
    return 0;
}

/* ---- the directory ---- */

static void put_key(struct account_id account, uint64_t id, struct buf *key)
{
    buf_clear(key);
    buf_add(key, DEVICES_FROM);
    buf_put_be64(key, account.n);
    buf_put_be64(key, id);
}

static bool parse_key(struct str key, struct account_id *account_out, uint64_t *id_out)
{
    if (key.n != KEY_BYTES)
        return false;
    account_out->n = load_be64(key.p + 2);
    *id_out = load_be64(key.p + 10);
    return true;
}

static int load_one(void *ctx, struct str key, struct str value, struct err *err)
{
    struct account_id account;
    struct device device;
    uint64_t id;
    (void)err;
    if (!parse_key(key, &account, &id) || device_decode(value, &device, NULL) < 0)
        return 0;
    struct device_row *row = device_list_add(ctx);
    row->device = device;
    row->device.id = id;
    row->stored_ms = device.last_ms;
    return 0;
}

int device_load(struct users *users, struct account_id account, struct device_list *list, struct err *err)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    uint64_t version;
    put_key(account, 0, &from);
    put_key((struct account_id){ account.n + 1 }, 0, &to);
    int r = store_scan(users_store(users), DIRECTORY_ACCOUNT, buf_str(&from), buf_str(&to), &version,
                       load_one, list, err);
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}

struct finding {
    int64_t before_ms;
    size_t max;
    struct device_writes *writes;
};

static int find_one(void *ctx, struct str key, struct str value, struct err *err)
{
    struct finding *f = ctx;
    struct account_id account;
    struct device device;
    uint64_t id;
    (void)err;
    if (!parse_key(key, &account, &id) || device_decode(value, &device, NULL) < 0 ||
        device.last_ms >= f->before_ms)
        return 0;
    struct device_write *write = device_writes_add(f->writes);
    write->account = account;
    write->remove = true;
    write->device.id = id;
    return f->writes->count >= f->max;
}

int device_find_old(struct users *users, int64_t before_ms, size_t max, struct device_writes *writes,
                    struct err *err)
{
    struct finding finding = { before_ms, max, writes };
    uint64_t version;
    return store_scan(users_store(users), DIRECTORY_ACCOUNT, DEVICES_FROM, DEVICES_TO, &version, find_one,
                      &finding, err);
}

static int plan_writes(struct users *users, void *args, uint64_t version, struct batch *batch,
                       struct err *err)
{
    const struct device_writes *writes = args;
    struct buf key = BUF_INIT, value = BUF_INIT;
    (void)users, (void)version, (void)err;
    for (size_t i = 0; i < writes->count; i++) {
        const struct device_write *w = &writes->items[i];
        put_key(w->account, w->device.id, &key);
        buf_clear(&value);
        device_encode(&w->device, &value);
        if (w->remove)
            batch_delete(batch, buf_str(&key));
        else
            batch_put(batch, buf_str(&key), buf_str(&value));
    }
    buf_deinit(&key);
    buf_deinit(&value);
    return 0;
}

int device_write_all(struct users *users, const struct device_writes *writes, struct err *err)
{
    struct device_writes args = *writes;
    return writes->count ? users_change(users, plan_writes, &args, err) : 0;
}
