/* Any bytes as a stored chunk, then as a row of summaries: what decodes keeps the invariants, and encodes to
 * what decodes to the same. */
#include "mail/chunk.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_row(const struct chunk_columns *a, const struct chunk_columns *b, uint32_t i)
{
    struct message x, y;
    chunk_row(a, i, &x);
    chunk_row(b, i, &y);
    assert(x.uid == y.uid && x.size_bytes == y.size_bytes && x.modseq == y.modseq && x.blob == y.blob);
    assert(x.internal_date_s == y.internal_date_s && x.internal_zone_min == y.internal_zone_min);
    assert(x.save_date_s == y.save_date_s && x.email_id == y.email_id && x.thread_id == y.thread_id &&
           x.flags == y.flags);
    assert(memcmp(&x.keywords, &y.keywords, sizeof x.keywords) == 0);
    assert(x.uid > 0 && x.uid <= UID_MAX && x.modseq > 0 && (x.flags & ~FLAG_ALL) == 0);
    assert(i == 0 || a->uid[i - 1] < a->uid[i]);
    assert(chunk_lower_bound(a, x.uid) == i);
}

static void check_chunk(struct str in)
{
    struct chunk_columns *columns, *again;
    struct buf bytes = BUF_INIT;
    if (chunk_decode(in, &columns, NULL) < 0)
        return;
    chunk_encode(columns, &bytes);
    int r = chunk_decode(buf_str(&bytes), &again, NULL);
    assert(r == 0 && columns->count == again->count && columns->count > 0);
    for (uint32_t i = 0; i < columns->count; i++)
        check_row(columns, again, i);
    free(columns);
    free(again);
    buf_deinit(&bytes);
}

static void check_summaries(struct str in)
{
    struct reader r = reader_make(in);
    struct chunk_summary a, b;
    while (chunk_summary_decode(&r, &a)) {
        struct buf bytes = BUF_INIT;
        chunk_summary_encode(&a, &bytes);
        struct reader again = reader_make(buf_str(&bytes));
        bool fine = chunk_summary_decode(&again, &b);
        assert(fine && reader_left(&again) == 0 && a.id == b.id && a.uid_last == b.uid_last &&
               a.size_bytes == b.size_bytes);
        buf_deinit(&bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_chunk(str_make(data, n));
    check_summaries(str_make(data, n));
    return 0;
}
