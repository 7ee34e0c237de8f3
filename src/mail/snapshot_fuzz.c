/* Any bytes as the record of a mailbox: what decodes has sound numbers, answers questions, and encodes to
 * what decodes to the same. */
#include "mail/snapshot.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int no_chunk(struct store *store, struct account_id account, struct str key, struct buf *value_out,
                    struct err *err)
{
    (void)store, (void)account, (void)key, (void)value_out;
    return err_set(err, ERR_NOT_FOUND, "nothing is stored");
}

static void ask(const struct snapshot *s)
{
    uint32_t seq;
    struct message row;
    assert(s->unseen <= s->exists && s->deleted <= s->exists && s->deleted_size_bytes <= s->size_bytes);
    assert(s->exists < s->uidnext && s->highest_modseq > 0);
    int r = snapshot_first_unseen(s, &seq, NULL);
    assert(r == (s->unseen ? -ERR_NOT_FOUND : 0));
    r = snapshot_lower_bound(s, 1, &seq, NULL);
    assert(r == 0 && seq == 1);
    r = snapshot_lower_bound(s, s->uidnext, &seq, NULL);
    assert(r == 0 && seq == s->exists + 1);
    r = snapshot_message(s, s->exists, &row, NULL);
    assert(r == -ERR_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct store_ops ops = { .name = "none", .get = no_chunk };
    struct store store = { &ops };
    struct chunk_source source = { &store, { 1 }, 2 };
    struct reader r = reader_make(str_make(data, n));
    struct snapshot *s, *again;
    struct buf bytes = BUF_INIT, second = BUF_INIT;
    if (snapshot_decode(&r, &source, &s, NULL) < 0)
        return 0;
    ask(s);
    snapshot_encode(s, &bytes);
    r = reader_make(buf_str(&bytes));
    int result = snapshot_decode(&r, &source, &again, NULL);
    assert(result == 0 && reader_left(&r) == 0);
    snapshot_encode(again, &second);
    assert(str_eq(buf_str(&bytes), buf_str(&second)));
    snapshot_unref(&s);
    snapshot_unref(&again);
    buf_deinit(&bytes);
    buf_deinit(&second);
    return 0;
}
