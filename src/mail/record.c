/* Layouts
 *   account   format u8; version, fold version, next mailbox id, next email id, next chunk id, last
 *             uidvalidity, mailbox count, message count, size, log count, log bytes; from format 2 on annotation
 *             bytes, annotation modseq
 *   mailbox   name (varint length, bytes), uidvalidity, use and subscription (record.h), recent uid, vanished ranges
 *   uid set   count of ranges, then for each: first minus the last of the one before, last minus first */
#include "mail/record.h"

void account_record_encode(const struct account_record *record, struct buf *out)
{
    buf_put_u8(out, ACCOUNT_FORMAT);
    buf_put_varint(out, record->version);
    buf_put_varint(out, record->fold_version);
    buf_put_varint(out, record->next_mailbox_id);
    buf_put_varint(out, record->next_email_id);
    buf_put_varint(out, record->next_chunk_id);
    buf_put_varint(out, record->last_uidvalidity);
    buf_put_varint(out, record->mailbox_count);
    buf_put_varint(out, record->message_count);
    buf_put_varint(out, record->size_bytes);
    buf_put_varint(out, record->log_count);
    buf_put_varint(out, record->log_bytes);
    buf_put_varint(out, record->annotation_bytes);
    buf_put_varint(out, record->annotation_modseq);
}

void use_encode(unsigned use, bool subscribed, struct buf *out)
{
    buf_put_u8(out, (uint8_t)use);
    buf_put_u8(out, (uint8_t)(use >> 8 << 1 | subscribed));
}

uint16_t use_decode(struct reader *r, bool *subscribed_out)
{
    unsigned low = reader_u8(r), high = reader_u8(r);
    *subscribed_out = high & 1;
    return (uint16_t)(high >> 1 << 8 | low);
}

static uint32_t read_u32(struct reader *r)
{
    uint64_t v = reader_varint(r);
    if (v > UINT32_MAX)
        r->bad = true;
    return (uint32_t)v;
}

int account_record_decode(struct str bytes, struct account_record *record_out, struct err *err)
{
    struct reader r = reader_make(bytes);
    struct account_record a = { 0 };
    unsigned format = reader_u8(&r);

    if (!r.bad && (format == 0 || format > ACCOUNT_FORMAT))
        return err_set(err, ERR_CANNOT, "account has format %u; this program knows %d: use a newer one",
                       format, ACCOUNT_FORMAT);
    a.version = reader_varint(&r);
    a.fold_version = reader_varint(&r);
    a.next_mailbox_id = reader_varint(&r);
    a.next_email_id = reader_varint(&r);
    a.next_chunk_id = reader_varint(&r);
    a.last_uidvalidity = read_u32(&r);
    a.mailbox_count = read_u32(&r);
    a.message_count = reader_varint(&r);
    a.size_bytes = reader_varint(&r);
    a.log_count = reader_varint(&r);
    a.log_bytes = reader_varint(&r);
    if (format >= 2) {
        a.annotation_bytes = reader_varint(&r);
        a.annotation_modseq = reader_varint(&r);
    }
    if (r.bad || reader_left(&r) > 0 || a.version == 0 || a.fold_version > a.version ||
        a.next_mailbox_id == 0 || a.next_email_id == 0 || a.next_chunk_id == 0)
        return err_set(err, ERR_CORRUPT, "account record is damaged");
    *record_out = a;
    return 0;
}

void mailbox_record_encode(const struct mailbox_record *record, struct buf *out)
{
    buf_put_varint(out, record->name.n);
    buf_add(out, record->name);
    buf_put_varint(out, record->uidvalidity);
    use_encode(record->use, record->subscribed, out);
    buf_put_varint(out, record->recent_uid);
    buf_put_varint(out, record->vanished_ranges);
}

bool mailbox_record_decode(struct reader *r, struct mailbox_record *record_out)
{
    struct mailbox_record m = { 0 };
    uint64_t n = reader_varint(r);

    if (n == 0 || n > MAILBOX_NAME_BYTES_MAX)
        return false;
    m.name = reader_bytes(r, n);
    m.uidvalidity = read_u32(r);
    m.use = use_decode(r, &m.subscribed);
    m.recent_uid = read_u32(r);
    m.vanished_ranges = read_u32(r);
    if (r->bad || m.uidvalidity == 0 || m.recent_uid == 0)
        return false;
    *record_out = m;
    return true;
}

struct str key_letter(enum state_key letter, struct buf *out)
{
    buf_clear(out);
    buf_put_u8(out, (uint8_t)letter);
    return buf_str(out);
}

struct str key_number(enum state_key letter, uint64_t n, struct buf *out)
{
    key_letter(letter, out);
    buf_put_be64(out, n);
    return buf_str(out);
}

struct str key_numbers(enum state_key letter, uint64_t n, uint64_t m, struct buf *out)
{
    key_number(letter, n, out);
    buf_put_be64(out, m);
    return buf_str(out);
}

struct str key_log(uint64_t version, uint8_t part, struct buf *out)
{
    key_number(KEY_LOG, version, out);
    buf_put_u8(out, part);
    return buf_str(out);
}

struct str key_annotation(uint64_t mailbox_id, uint64_t user, struct str entry, struct buf *out)
{
    key_numbers(KEY_ANNOTATION, mailbox_id, user, out);
    buf_add(out, entry);
    return buf_str(out);
}

/* A name may be longer than a key: a hash stands for the rest. The value is the whole name. */
struct str key_subscription(struct str name, struct buf *out)
{
    enum { PLAIN = STORE_KEY_BYTES_MAX - 1 - 8 };
    key_letter(KEY_SUBSCRIPTION, out);
    buf_add(out, str_sub(name, 0, PLAIN));
    if (name.n > PLAIN) {
        /* FNV-1a: equal heads are rare, and equal hashes of them rarer. */
        uint64_t h = UINT64_C(14695981039346656037);
        for (size_t i = PLAIN; i < name.n; i++)
            h = (h ^ (unsigned char)name.p[i]) * UINT64_C(1099511628211);
        buf_put_be64(out, h);
    }
    return buf_str(out);
}

void uids_encode(const struct seqset *uids, struct buf *out)
{
    uint32_t before = 0;
    buf_put_varint(out, uids->count);
    for (size_t i = 0; i < uids->count; i++) {
        const struct seqset_range *range = &uids->ranges[i];
        buf_put_varint(out, range->first - before);
        buf_put_varint(out, range->last - range->first);
        before = range->last;
    }
}

bool uids_decode(struct reader *r, struct arena *arena, struct seqset *uids_out)
{
    uint64_t count = reader_varint(r), before = 0;

    seqset_init(uids_out, arena);
    if (r->bad || count > reader_left(r) / 2)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t skip = reader_varint(r), more = reader_varint(r);
        if (r->bad || skip == 0 || skip > UINT32_MAX || more > UINT32_MAX ||
            before + skip + more > UINT32_MAX)
            return false;
        seqset_add_range(uids_out, (uint32_t)(before + skip), (uint32_t)(before + skip + more));
        before += skip + more;
    }
    return true;
}
