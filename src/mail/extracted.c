#include "mail/extracted.h"

#include "base/codec.h"

enum { SWEEP_AT_ONCE = 1000, PLACE_BYTES = 8, PARTLY = 1 };

static struct blob_id place_in(struct str value)
{
    return (struct blob_id){ value.n >= PLACE_BYTES ? load_be64(value.p) : 0 };
}

/* 1, or 0 when there is no such row. */
static int get_place(struct store *store, struct account_id texts, struct blob_id message,
                     struct blob_id *place_out, bool *whole_out, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;

    buf_put_be64(&key, message.n);
    int r = store_get(store, texts, buf_str(&key), &value, err);
    *place_out = place_in(buf_str(&value));
    if (whole_out)
        *whole_out = value.n <= PLACE_BYTES;
    buf_deinit(&key);
    buf_deinit(&value);
    return r == -ERR_NOT_FOUND ? 0 : r < 0 ? r : 1;
}

int extracted_get(struct store *store, struct account_id account, struct blob_id message,
                  struct buf *text_out, bool *whole_out, struct err *err)
{
    struct account_id texts = account_id_of_extracted(account);
    struct blob_id place = { 0 }, before;
    int r;

    do { /* again when it was replaced in between */
        before = place;
        r = get_place(store, texts, message, &place, whole_out, err);
        if (r == 1 && place.n != 0) {
            r = store_blob_read(store, texts, place, 0, EXTRACTED_BYTES_MAX, text_out, err);
            r = r < 0 ? r : 1;
        }
    } while (r == -ERR_NOT_FOUND && place.n != before.n);
    return r;
}

int extracted_put(struct store *store, struct account_id account, struct blob_id message, struct str text,
                  bool whole, struct err *err)
{
    struct account_id texts = account_id_of_extracted(account);
    struct batch batch = BATCH_INIT;
    struct buf key = BUF_INIT, value = BUF_INIT;
    struct blob_id place = { 0 }, old = { 0 };
    uint64_t version;

    int r = store_version(store, texts, &version, err);
    if (r == 0)
        r = get_place(store, texts, message, &old, NULL, err);
    r = r < 0 ? r : 0;
    if (r == 0 && text.n > 0)
        r = store_blob_write(store, texts, str_sub(text, 0, EXTRACTED_BYTES_MAX), STR(""), STR(""), &place,
                             err);
    if (r == 0) {
        buf_put_be64(&key, message.n);
        if (place.n) {
            buf_put_be64(&value, place.n);
            batch_add_blob(&batch, place);
            if (!whole)
                buf_put_u8(&value, PARTLY);
        }
        if (old.n)
            batch_drop_blob(&batch, old);
        batch_put(&batch, buf_str(&key), buf_str(&value));
        r = store_commit(store, texts, version, version + 1, &batch, err);
        if (r < 0 && place.n)
            store_blob_abandon(store, texts, place);
    }
    batch_deinit(&batch);
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}

struct sweep {
    bool (*is_alive)(void *ctx, struct blob_id message);
    void *ctx;
    struct batch batch;
    size_t count;
};

static int look_at(void *ctx, struct str key, struct str value, struct err *err)
{
    struct sweep *s = ctx;

    (void)err;
    if (key.n == 8 && s->is_alive(s->ctx, (struct blob_id){ load_be64(key.p) }))
        return 0;
    batch_delete(&s->batch, key);
    if (place_in(value).n)
        batch_drop_blob(&s->batch, place_in(value));
    return ++s->count == SWEEP_AT_ONCE;
}

int extracted_sweep(struct store *store, struct account_id account,
                    bool (*is_alive)(void *ctx, struct blob_id message), void *ctx, struct err *err)
{
    struct account_id texts = account_id_of_extracted(account);
    struct sweep s = { .is_alive = is_alive, .ctx = ctx, .batch = BATCH_INIT };
    uint64_t version;
    int r;

    do {
        s.count = 0;
        batch_clear(&s.batch);
        r = store_scan(store, texts, STR(""), STR_NIL, &version, look_at, &s, err);
        if (r == 0 && s.count > 0)
            r = store_commit(store, texts, version, version + 1, &s.batch, err);
    } while (r == 0 && s.count == SWEEP_AT_ONCE);
    batch_deinit(&s.batch);
    return r;
}
