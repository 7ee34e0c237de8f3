/* Threads as RFC 8474, 5.2 wants them: a message belongs to the thread of a message with its Message-ID, or
 * else of the nearest one it refers to that we have heard of. Ids that were asked for in vain become known
 * with the new message, so that two replies to a message which never came meet. */
#include "mail/plan.h"

static uint64_t pending(const struct plan *p, uint64_t hash)
{
    return (uint64_t)(uintptr_t)map_get(&p->threads, map_key_u64(&hash));
}

/* The thread of a Message-ID, 0 when it is not known. */
static int look_up(struct plan *p, uint64_t hash, uint64_t *thread_id_out, struct err *err)
{
    struct account *a = p->account;
    struct buf key = BUF_INIT, value = BUF_INIT;

    *thread_id_out = pending(p, hash);
    if (*thread_id_out)
        return 0;
    int r = store_get(a->mail->options.store, a->id, key_number(KEY_THREAD, hash, &key), &value, err);
    if (r == 0) {
        struct reader reader = reader_make(buf_str(&value));
        *thread_id_out = reader_varint(&reader);
        if (reader.bad || *thread_id_out == 0)
            r = err_set(err, ERR_CORRUPT, "thread record %016llx is damaged", (unsigned long long)hash);
    } else if (r == -ERR_NOT_FOUND) {
        r = 0;
    }
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}

static void remember(struct plan *p, uint64_t hash, uint64_t thread_id)
{
    struct buf key = BUF_INIT, value = BUF_INIT;

    if (pending(p, hash)) /* the same id twice in one message */
        return;
    if (!p->threads.slots)
        map_init(&p->threads);
    map_put(&p->threads, map_key_u64(&hash), (void *)(uintptr_t)thread_id);
    buf_put_varint(&value, thread_id);
    batch_put(&p->batch, key_number(KEY_THREAD, hash, &key), buf_str(&value));
    buf_deinit(&key);
    buf_deinit(&value);
}

int plan_thread(struct plan *p, const struct new_message *message, uint64_t email_id, uint64_t *thread_id_out,
                struct err *err)
{
    uint64_t unknown[1 + THREAD_REFERENCES_MAX], thread_id = 0;
    size_t unknown_count = 0;

    for (size_t i = 0; i <= message->reference_count && i <= THREAD_REFERENCES_MAX && thread_id == 0; i++) {
        uint64_t hash = i == 0 ? message->message_id_hash : message->references[i - 1];
        if (hash == 0)
            continue;
        int r = look_up(p, hash, &thread_id, err);
        if (r < 0) {
            p->broken = true;
            return r;
        }
        if (thread_id == 0)
            unknown[unknown_count++] = hash;
    }
    if (thread_id == 0)
        thread_id = email_id;
    for (size_t i = 0; i < unknown_count; i++)
        remember(p, unknown[i], thread_id);
    *thread_id_out = thread_id;
    return 0;
}
