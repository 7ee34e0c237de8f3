#include "mail/delta.h"

#include "mail/record.h"

#include <assert.h>

enum {
    LOG_FORMAT = 1,
    ROW_BYTES_MIN = 8,
    ACL_BYTES_MAX = 256 * 1024, /* of a stored access control list */
};

struct delta *delta_add(struct delta_list *list, enum delta_kind kind, uint64_t mailbox_id, uint64_t modseq)
{
    list->items = arena_grow(list->arena, list->items, list->count, &list->cap, sizeof *list->items);
    struct delta *d = &list->items[list->count++];
    *d = (struct delta){ .kind = kind, .mailbox_id = mailbox_id, .modseq = modseq };
    return d;
}

void store_apply(enum store_mode mode, uint8_t flags, const struct keyword_set *keywords, struct message *row)
{
    switch (mode) {
    case STORE_REPLACE:
        row->flags = flags;
        row->keywords = *keywords;
        break;
    case STORE_ADD:
        row->flags |= flags;
        for (size_t i = 0; i < KEYWORD_WORDS; i++)
            row->keywords.words[i] |= keywords->words[i];
        break;
    case STORE_REMOVE:
        row->flags &= (uint8_t)~flags;
        for (size_t i = 0; i < KEYWORD_WORDS; i++)
            row->keywords.words[i] &= ~keywords->words[i];
        break;
    }
}

static bool names_mailbox(enum delta_kind kind)
{
    return kind <= DELTA_VANISH || kind == DELTA_CREATE || kind == DELTA_DELETE || kind == DELTA_ACL ||
           kind == DELTA_SEEN || kind >= DELTA_ANNOTATION;
}

/* ---- writing ---- */

static void put_zigzag(struct buf *out, uint64_t now, uint64_t before)
{
    int64_t d = (int64_t)(now - before);
    buf_put_varint(out, ((uint64_t)d << 1) ^ (uint64_t)(d >> 63));
}

static void put_text(struct buf *out, struct str s)
{
    buf_put_varint(out, s.n);
    buf_add(out, s);
}

static void put_keyword_indexes(const struct keyword_set *set, struct buf *out)
{
    unsigned count = 0;
    for (size_t w = 0; w < KEYWORD_WORDS; w++)
        count += (unsigned)__builtin_popcountll(set->words[w]);
    buf_put_varint(out, count);
    for (size_t w = 0; w < KEYWORD_WORDS; w++)
        for (uint64_t bits = set->words[w]; bits; bits &= bits - 1)
            buf_put_u8(out, (uint8_t)(w * 64 + (unsigned)__builtin_ctzll(bits)));
}

static void put_rows(const struct delta *d, struct buf *out)
{
    const struct message *before = &(const struct message){ 0 };

    buf_put_varint(out, d->add.rows[0].uid);
    put_zigzag(out, (uint64_t)d->add.rows[0].save_date_s, 0);
    buf_put_varint(out, d->add.count);
    for (size_t i = 0; i < d->add.count; i++) {
        const struct message *row = &d->add.rows[i];
        assert(i == 0 || row->uid == before->uid + 1);
        buf_put_varint(out, row->size_bytes);
        buf_put_u8(out, row->flags);
        put_keyword_indexes(&row->keywords, out);
        put_zigzag(out, (uint64_t)row->internal_date_s, (uint64_t)before->internal_date_s);
        put_zigzag(out, (uint64_t)(int64_t)row->internal_zone_min, 0);
        put_zigzag(out, row->blob, before->blob);
        put_zigzag(out, row->email_id, before->email_id);
        put_zigzag(out, row->thread_id, row->email_id);
        before = row;
    }
}

static void put_refs(const struct delta *d, struct buf *out)
{
    uint64_t before = 0;
    buf_put_varint(out, d->refs.count);
    for (size_t i = 0; i < d->refs.count; i++) {
        buf_put_varint(out, d->refs.items[i].blob - before);
        put_zigzag(out, (uint64_t)d->refs.items[i].by, 0);
        before = d->refs.items[i].blob;
    }
}

static void put_flags(const struct delta *d, struct buf *out)
{
    unsigned words = KEYWORD_WORDS;
    while (words > 0 && d->flags.keywords.words[words - 1] == 0)
        words--;
    buf_put_u8(out, (uint8_t)d->flags.mode);
    buf_put_u8(out, d->flags.flags);
    buf_put_u8(out, (uint8_t)words);
    for (unsigned i = 0; i < words; i++)
        buf_put_varint(out, d->flags.keywords.words[i]);
    uids_encode(&d->flags.uids, out);
}

static void put_annotations(const struct delta *d, struct buf *out)
{
    put_zigzag(out, (uint64_t)d->annotation.bytes, 0);
    buf_put_varint(out, d->annotation.count);
    for (size_t i = 0; i < d->annotation.count; i++) {
        buf_put_varint(out, d->annotation.items[i].user);
        put_text(out, d->annotation.items[i].entry);
    }
}

void log_record_begin(uint64_t version_before, struct buf *out)
{
    buf_put_u8(out, LOG_FORMAT);
    buf_put_varint(out, version_before);
}

void delta_encode(const struct delta *d, uint64_t *modseq_before, struct buf *out)
{
    assert(d->modseq >= *modseq_before);
    buf_put_u8(out, (uint8_t)d->kind);
    buf_put_varint(out, d->modseq - *modseq_before);
    *modseq_before = d->modseq;
    if (names_mailbox(d->kind))
        buf_put_varint(out, d->mailbox_id);
    switch (d->kind) {
    case DELTA_ADD:
        put_rows(d, out);
        break;
    case DELTA_KEYWORDS:
        buf_put_varint(out, d->keywords.count);
        for (size_t i = 0; i < d->keywords.count; i++)
            put_text(out, d->keywords.names[i]);
        break;
    case DELTA_FLAGS:
        put_flags(d, out);
        break;
    case DELTA_VANISH:
        uids_encode(&d->vanish.uids, out);
        break;
    case DELTA_REFS:
        put_refs(d, out);
        break;
    case DELTA_CREATE:
        buf_put_varint(out, d->create.uidvalidity);
        use_encode(d->create.use, d->create.subscribed, out);
        put_text(out, d->create.name);
        break;
    case DELTA_DELETE:
        break;
    case DELTA_RENAME:
        put_text(out, d->rename.from);
        put_text(out, d->rename.to);
        break;
    case DELTA_SUBSCRIBE:
        put_text(out, d->subscribe.name);
        buf_put_u8(out, d->subscribe.subscribed);
        break;
    case DELTA_CHUNK_IDS:
        buf_put_varint(out, d->next_chunk_id);
        break;
    case DELTA_ANNOTATION:
        put_annotations(d, out);
        break;
    case DELTA_USE:
        buf_put_varint(out, d->use);
        break;
    case DELTA_ACL:
        put_text(out, d->acl.bytes);
        break;
    case DELTA_SEEN:
        buf_put_varint(out, d->seen.user);
        buf_put_u8(out, d->seen.seen);
        uids_encode(&d->seen.uids, out);
        break;
    case DELTA_QUOTA:
        buf_put_varint(out, d->mailbox_id);
        quota_root_encode(&d->quota, out);
        break;
    }
}

/* ---- reading: bytes may be damaged; a bad value makes the reader bad ---- */

static uint64_t get_zigzag(struct reader *r, uint64_t before)
{
    uint64_t z = reader_varint(r);
    return before + ((z >> 1) ^ (~(z & 1) + 1));
}

static uint64_t get_at_most(struct reader *r, uint64_t max)
{
    uint64_t v = reader_varint(r);
    if (v > max)
        r->bad = true;
    return r->bad ? 0 : v;
}

/* A count of things that take at least `bytes_each`: so that damage cannot ask for much memory. */
static size_t get_count(struct reader *r, size_t bytes_each)
{
    return (size_t)get_at_most(r, reader_left(r) / bytes_each);
}

static struct str get_text(struct reader *r, size_t max)
{
    struct str s = reader_bytes(r, (size_t)get_at_most(r, max));
    if (s.n == 0)
        r->bad = true;
    return s;
}

static void get_keyword_indexes(struct reader *r, struct keyword_set *set_out)
{
    unsigned count = (unsigned)get_at_most(r, KEYWORDS_MAX);
    _Static_assert(KEYWORDS_MAX == 256, "an index is one byte");
    for (unsigned i = 0; i < count && !r->bad; i++)
        keyword_set_add(set_out, reader_u8(r));
}

static void get_rows(struct reader *r, struct arena *arena, struct delta *d)
{
    uint64_t uid = get_at_most(r, UID_MAX);
    int64_t save_date_s = (int64_t)get_zigzag(r, 0);
    size_t count = get_count(r, ROW_BYTES_MIN);
    struct message before = { 0 };

    if (r->bad || uid == 0 || count == 0 || uid + count - 1 > UID_MAX) {
        r->bad = true;
        return;
    }
    struct message *rows = arena_new_array(arena, struct message, count);
    for (size_t i = 0; i < count && !r->bad; i++) {
        struct message *row = &rows[i];
        row->uid = (uint32_t)(uid + i);
        row->modseq = d->modseq;
        row->save_date_s = save_date_s;
        row->size_bytes = (uint32_t)get_at_most(r, UINT32_MAX);
        row->flags = reader_u8(r) & FLAG_ALL;
        get_keyword_indexes(r, &row->keywords);
        row->internal_date_s = (int64_t)get_zigzag(r, (uint64_t)before.internal_date_s);
        row->internal_zone_min = (int16_t)get_zigzag(r, 0);
        row->blob = get_zigzag(r, before.blob);
        row->email_id = get_zigzag(r, before.email_id);
        row->thread_id = get_zigzag(r, row->email_id);
        before = *row;
    }
    d->add.rows = rows;
    d->add.count = count;
}

static void get_keywords(struct reader *r, struct arena *arena, struct delta *d)
{
    size_t count = (size_t)get_at_most(r, KEYWORDS_MAX);
    struct str *names = arena_new_array(arena, struct str, count);
    for (size_t i = 0; i < count && !r->bad; i++)
        names[i] = get_text(r, KEYWORD_BYTES_MAX);
    d->keywords.names = names;
    d->keywords.count = count;
}

static void get_refs(struct reader *r, struct arena *arena, struct delta *d)
{
    size_t count = get_count(r, 2);
    struct blob_ref_change *items = arena_new_array(arena, struct blob_ref_change, count);
    uint64_t before = 0;
    for (size_t i = 0; i < count && !r->bad; i++) {
        items[i].blob = before += reader_varint(r);
        items[i].by = (int64_t)get_zigzag(r, 0);
    }
    d->refs.items = items;
    d->refs.count = count;
}

static void get_flags(struct reader *r, struct arena *arena, struct delta *d)
{
    unsigned mode = reader_u8(r);
    d->flags.flags = reader_u8(r) & FLAG_ALL;
    unsigned words = reader_u8(r);
    if (mode > STORE_REMOVE || words > KEYWORD_WORDS) {
        r->bad = true;
        return;
    }
    d->flags.mode = (enum store_mode)mode;
    for (unsigned i = 0; i < words; i++)
        d->flags.keywords.words[i] = reader_varint(r);
    if (!uids_decode(r, arena, &d->flags.uids))
        r->bad = true;
}

static void get_annotations(struct reader *r, struct arena *arena, struct delta *d)
{
    d->annotation.bytes = (int64_t)get_zigzag(r, 0);
    size_t count = get_count(r, 3);
    struct annotation *items = arena_new_array(arena, struct annotation, count);
    for (size_t i = 0; i < count && !r->bad; i++) {
        items[i].user = reader_varint(r);
        items[i].entry = get_text(r, ANNOTATION_ENTRY_BYTES_MAX);
    }
    d->annotation.items = items;
    d->annotation.count = count;
}

static void get_delta(struct reader *r, struct arena *arena, struct delta *d)
{
    if (names_mailbox(d->kind))
        d->mailbox_id = reader_varint(r);
    switch (d->kind) {
    case DELTA_ADD:
        get_rows(r, arena, d);
        return;
    case DELTA_KEYWORDS:
        get_keywords(r, arena, d);
        return;
    case DELTA_FLAGS:
        get_flags(r, arena, d);
        return;
    case DELTA_VANISH:
        if (!uids_decode(r, arena, &d->vanish.uids))
            r->bad = true;
        return;
    case DELTA_REFS:
        get_refs(r, arena, d);
        return;
    case DELTA_CREATE:
        d->create.uidvalidity = (uint32_t)get_at_most(r, UINT32_MAX);
        d->create.use = use_decode(r, &d->create.subscribed);
        d->create.name = get_text(r, MAILBOX_NAME_BYTES_MAX);
        return;
    case DELTA_DELETE:
        return;
    case DELTA_RENAME:
        d->rename.from = get_text(r, MAILBOX_NAME_BYTES_MAX);
        d->rename.to = get_text(r, MAILBOX_NAME_BYTES_MAX);
        return;
    case DELTA_SUBSCRIBE:
        d->subscribe.name = get_text(r, MAILBOX_NAME_BYTES_MAX);
        d->subscribe.subscribed = reader_u8(r) != 0;
        return;
    case DELTA_CHUNK_IDS:
        d->next_chunk_id = reader_varint(r);
        return;
    case DELTA_ANNOTATION:
        get_annotations(r, arena, d);
        return;
    case DELTA_USE:
        d->use = (uint16_t)get_at_most(r, (1u << SPECIAL_USE_BITS) - 1);
        return;
    case DELTA_ACL:
        d->acl.bytes = get_text(r, ACL_BYTES_MAX);
        return;
    case DELTA_SEEN:
        d->seen.user = reader_varint(r);
        d->seen.seen = reader_u8(r) != 0;
        if (!uids_decode(r, arena, &d->seen.uids))
            r->bad = true;
        return;
    case DELTA_QUOTA:
        d->quota.mailbox_id = d->mailbox_id = reader_varint(r);
        quota_root_decode(r, &d->quota);
        return;
    }
    r->bad = true;
}

int log_record_open(struct str bytes, struct log_record *record_out, struct err *err)
{
    struct reader r = reader_make(bytes);
    unsigned format = reader_u8(&r);

    if (!r.bad && format != LOG_FORMAT)
        return err_set(err, ERR_CANNOT, "log record has format %u; this program knows %d: use a newer one",
                       format, LOG_FORMAT);
    uint64_t before = reader_varint(&r);
    if (r.bad)
        return err_set(err, ERR_CORRUPT, "log record is damaged");
    *record_out = (struct log_record){ .version_before = before, .rest = r, .modseq = before };
    return 0;
}

int log_record_next(struct log_record *record, struct arena *arena, struct delta *delta_out, struct err *err)
{
    struct reader *r = &record->rest;
    struct delta d = { 0 };

    if (reader_left(r) == 0)
        return 0;
    d.kind = (enum delta_kind)reader_u8(r);
    d.modseq = record->modseq + reader_varint(r);
    get_delta(r, arena, &d);
    if (r->bad || d.modseq < record->modseq || d.modseq > STORE_VERSION_MAX)
        return err_set(err, ERR_CORRUPT, "log record after version %llu is damaged",
                       (unsigned long long)record->version_before);
    record->modseq = d.modseq;
    *delta_out = d;
    return 1;
}
