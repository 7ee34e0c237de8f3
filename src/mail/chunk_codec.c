/* The stored form of a chunk. The engine checksums it; the decoder believes nothing all the same.
 *
 *   u8      format, CHUNK_FORMAT
 *   varint  count, 1..CHUNK_MESSAGES_MAX
 *   varint  keyword words a message, 0..KEYWORD_WORDS
 *   then the columns one after the other, each of `count` elements:
 *     uid            varint  difference to the one before (to 0), so that it is never 0
 *     flags          u8
 *     keywords       varint  count * words of them
 *     size           varint
 *     modseq         zigzag  difference to the one before (to 0), as all zigzag columns but the last two
 *     internal date  zigzag
 *     zone           zigzag
 *     blob           zigzag
 *     email id       zigzag
 *     save date      zigzag  difference to the internal date of the message
 *     thread id      zigzag  difference to the email id of the message
 *
 * A summary is nine varints: id, count, unseen, deleted, uid_first, uid_last - uid_first, modseq_max,
 * size_bytes, deleted_size_bytes. A zigzag is a varint of a signed number: 0, -1, 1, -2 ... are 0, 1, 2, 3.
 * Differences wrap at 64 bits. */
#include "mail/chunk_writer.h"

#include <assert.h>
#include <stdlib.h>

enum { CHUNK_FORMAT = 1 };
#define MODSEQ_MAX INT64_MAX /* RFC 7162, 8: mod-sequence-value is 63 bits */

/* ---- numbers: the one-byte case, which nearly all are, without a call ---- */

static inline uint64_t get_varint(struct reader *r)
{
    if (r->p < r->end && *r->p < 0x80)
        return *r->p++;
    return reader_varint(r);
}

static inline uint64_t get_delta(struct reader *r, uint64_t from)
{
    uint64_t v = get_varint(r);
    return from + ((v >> 1) ^ -(v & 1));
}

static void put_delta(struct buf *out, uint64_t from, uint64_t to)
{
    uint64_t d = to - from;
    buf_put_varint(out, d << 1 ^ -(d >> 63));
}

/* ---- encoding ---- */

void chunk_encode(const struct chunk_columns *c, struct buf *out)
{
    uint32_t n = c->count;
    assert(n > 0 && n <= CHUNK_MESSAGES_MAX);
    buf_put_u8(out, CHUNK_FORMAT);
    buf_put_varint(out, n);
    buf_put_varint(out, c->keyword_words);
    for (uint32_t i = 0; i < n; i++)
        buf_put_varint(out, c->uid[i] - (i ? c->uid[i - 1] : 0));
    buf_add_bytes(out, c->flags, n);
    for (uint32_t i = 0; i < n * c->keyword_words; i++)
        buf_put_varint(out, c->keywords[i]);
    for (uint32_t i = 0; i < n; i++)
        buf_put_varint(out, c->size_bytes[i]);
    for (uint32_t i = 0; i < n; i++)
        put_delta(out, i ? c->modseq[i - 1] : 0, c->modseq[i]);
    for (uint32_t i = 0; i < n; i++)
        put_delta(out, i ? (uint64_t)c->internal_date_s[i - 1] : 0, (uint64_t)c->internal_date_s[i]);
    for (uint32_t i = 0; i < n; i++)
        put_delta(out, i ? (uint64_t)c->internal_zone_min[i - 1] : 0, (uint64_t)c->internal_zone_min[i]);
    for (uint32_t i = 0; i < n; i++)
        put_delta(out, i ? c->blob[i - 1] : 0, c->blob[i]);
    for (uint32_t i = 0; i < n; i++)
        put_delta(out, i ? c->email_id[i - 1] : 0, c->email_id[i]);
    for (uint32_t i = 0; i < n; i++)
        put_delta(out, (uint64_t)c->internal_date_s[i], (uint64_t)c->save_date_s[i]);
    for (uint32_t i = 0; i < n; i++)
        put_delta(out, c->email_id[i], c->thread_id[i]);
}

/* ---- decoding: each column answers whether all its values are allowed; reading past the end shows in r->bad
 * ---- */

static bool get_uids(struct reader *r, struct chunk_writer *w, uint32_t n)
{
    uint64_t uid = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t step = get_varint(r);
        if (step == 0 || step > UID_MAX - uid)
            return false;
        uid += step;
        w->uid[i] = (uint32_t)uid;
    }
    return true;
}

static bool get_flags(struct reader *r, struct chunk_writer *w, uint32_t n)
{
    struct str flags = reader_bytes(r, n);
    unsigned all = 0;
    if (r->bad)
        return false;
    memcpy(w->flags, flags.p, n);
    for (uint32_t i = 0; i < n; i++)
        all |= w->flags[i];
    return (all & ~(unsigned)FLAG_ALL) == 0;
}

static bool get_keywords(struct reader *r, struct chunk_writer *w, uint32_t n)
{
    for (uint32_t i = 0; i < n * w->columns->keyword_words; i++)
        w->keywords[i] = get_varint(r);
    return true;
}

static bool get_sizes(struct reader *r, struct chunk_writer *w, uint32_t n)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t size = get_varint(r);
        all |= size;
        w->size_bytes[i] = (uint32_t)size;
    }
    return all <= UINT32_MAX;
}

static bool get_modseqs(struct reader *r, struct chunk_writer *w, uint32_t n)
{
    uint64_t modseq = 0;
    for (uint32_t i = 0; i < n; i++) {
        modseq = get_delta(r, modseq);
        if (modseq == 0 || modseq > MODSEQ_MAX)
            return false;
        w->modseq[i] = modseq;
    }
    return true;
}

static bool get_internal_dates(struct reader *r, struct chunk_writer *w, uint32_t n)
{
    uint64_t date = 0, zone = 0;
    for (uint32_t i = 0; i < n; i++)
        w->internal_date_s[i] = (int64_t)(date = get_delta(r, date));
    for (uint32_t i = 0; i < n; i++) {
        zone = get_delta(r, zone);
        w->internal_zone_min[i] = (int16_t)zone;
        if ((uint64_t)w->internal_zone_min[i] != zone)
            return false;
    }
    return true;
}

static bool get_ids(struct reader *r, struct chunk_writer *w, uint32_t n)
{
    uint64_t blob = 0, email_id = 0;
    for (uint32_t i = 0; i < n; i++)
        w->blob[i] = blob = get_delta(r, blob);
    for (uint32_t i = 0; i < n; i++)
        w->email_id[i] = email_id = get_delta(r, email_id);
    return true;
}

static bool get_relative(struct reader *r, struct chunk_writer *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        w->save_date_s[i] = (int64_t)get_delta(r, (uint64_t)w->internal_date_s[i]);
    for (uint32_t i = 0; i < n; i++)
        w->thread_id[i] = get_delta(r, w->email_id[i]);
    return true;
}

int chunk_decode(struct str bytes, struct chunk_columns **columns_out, struct err *err)
{
    struct reader r = reader_make(bytes);
    struct chunk_writer w;

    uint8_t format = reader_u8(&r);
    if (!r.bad && format != CHUNK_FORMAT)
        return err_set(err, ERR_CORRUPT, "messages are stored in format %u, which is not known", format);
    uint64_t count = get_varint(&r), words = get_varint(&r);
    if (r.bad || count == 0 || count > CHUNK_MESSAGES_MAX || words > KEYWORD_WORDS)
        return err_set(err, ERR_CORRUPT, "the head of stored messages is damaged");

    uint32_t n = (uint32_t)count;
    chunk_writer_init(&w, n, (uint32_t)words);
    bool fine = get_uids(&r, &w, n) && get_flags(&r, &w, n) && get_keywords(&r, &w, n) &&
                get_sizes(&r, &w, n) && get_modseqs(&r, &w, n) && get_internal_dates(&r, &w, n) &&
                get_ids(&r, &w, n) && get_relative(&r, &w, n);
    if (!fine || r.bad || reader_left(&r) > 0) {
        size_t at = bytes.n - reader_left(&r);
        chunk_writer_deinit(&w);
        return err_set(err, ERR_CORRUPT, "stored messages are damaged at byte %zu", at);
    }
    w.columns->count = n;
    *columns_out = chunk_writer_finish(&w);
    return 0;
}

/* ---- summaries ---- */

void chunk_summary_encode(const struct chunk_summary *s, struct buf *out)
{
    buf_put_varint(out, s->id);
    buf_put_varint(out, s->count);
    buf_put_varint(out, s->unseen);
    buf_put_varint(out, s->deleted);
    buf_put_varint(out, s->uid_first);
    buf_put_varint(out, s->uid_last - s->uid_first);
    buf_put_varint(out, s->modseq_max);
    buf_put_varint(out, s->size_bytes);
    buf_put_varint(out, s->deleted_size_bytes);
}

/* Sizes are bounded by the count, so that sums over a mailbox cannot wrap. */
bool chunk_summary_decode(struct reader *r, struct chunk_summary *summary_out)
{
    uint64_t id = get_varint(r), count = get_varint(r), unseen = get_varint(r), deleted = get_varint(r);
    uint64_t uid_first = get_varint(r), uid_span = get_varint(r);
    uint64_t modseq_max = get_varint(r), size_bytes = get_varint(r), deleted_size_bytes = get_varint(r);
    if (r->bad || id == 0 || count == 0 || count > CHUNK_MESSAGES_MAX || unseen > count || deleted > count)
        return false;
    if (uid_first == 0 || uid_first > UID_MAX || uid_span > UID_MAX - uid_first || uid_span < count - 1 ||
        (count == 1 && uid_span > 0))
        return false;
    if (modseq_max == 0 || modseq_max > MODSEQ_MAX || size_bytes > count * UINT32_MAX ||
        deleted_size_bytes > size_bytes)
        return false;
    *summary_out = (struct chunk_summary){
        .id = id,
        .count = (uint32_t)count,
        .unseen = (uint32_t)unseen,
        .deleted = (uint32_t)deleted,
        .uid_first = (uint32_t)uid_first,
        .uid_last = (uint32_t)(uid_first + uid_span),
        .modseq_max = modseq_max,
        .size_bytes = size_bytes,
        .deleted_size_bytes = deleted_size_bytes,
    };
    return true;
}
