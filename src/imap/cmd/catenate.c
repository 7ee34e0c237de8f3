#include "imap/cmd/catenate.h"

#include "imap/cmd/fetch.h"
#include "imap/door.h"
#include "imap/wire/url.h"
#include "mime/header.h"

enum {
    PIECE_BYTES = 256 * 1024,
    COPIES_MAX = 4, /* times the size of the largest message: what the URLs of one command may copy */
};

/* Where the bytes of a URL are: a range of a blob, or, for header fields, in memory. */
struct source {
    struct account *account; /* own reference */
    uint64_t blob, offset, length;
    bool is_decoded;
    struct buf decoded;
};

/* `err` says why. */
static int bad_url(struct session *s, struct str url, struct err *err)
{
    struct buf shown = BUF_INIT;
    url_write_bad(url, &shown);
    session_code(s, "BADURL \"" STR_FMT "\"", STR_ARG(buf_str(&shown)));
    buf_deinit(&shown);
    err->kind = ERR_CANNOT;
    return -ERR_CANNOT;
}

static int read_source(const struct source *source, uint64_t length, struct buf *out, struct err *err)
{
    return store_blob_read(mail_options(account_mail(source->account))->store, account_id(source->account),
                           (struct blob_id){ source->blob }, source->offset, length, out, err);
}

/* -ERR_NOT_FOUND when there is no such mailbox or message, or the mailbox has been made anew. */
static int find_message(struct session *s, const struct url_message *url, struct account **account_out,
                        struct message *row_out, struct err *err)
{
    struct place place;
    uint32_t seq;
    int r = door_open(s, url->mailbox, RIGHT_READ, &place, err);
    if (r < 0)
        return r;
    struct snapshot *snapshot = mailbox_snapshot(place.mailbox);
    if (url->uidvalidity && url->uidvalidity != mailbox_uidvalidity(place.mailbox))
        r = err_set(err, ERR_NOT_FOUND, "the mailbox has another UIDVALIDITY");
    if (r == 0)
        r = snapshot_seq_of_uid(snapshot, url->uid, &seq, err);
    if (r == 0)
        r = seq ? snapshot_message(snapshot, seq, row_out, err)
                : err_set(err, ERR_NOT_FOUND, "no message with UID %u", url->uid);
    if (r == 0)
        *account_out = account_ref(place.account);
    snapshot_unref(&snapshot);
    place_leave(&place);
    return r;
}

static int find_section(const struct fetch_section *want, const struct message *row, struct source *source,
                        struct err *err)
{
    struct buf record = BUF_INIT;
    struct meta_view view;
    struct section where;
    int r = store_blob_record(mail_options(account_mail(source->account))->store, account_id(source->account),
                              (struct blob_id){ row->blob }, BLOB_META, &record, err);
    if (r == 0)
        r = mime_meta_view(buf_str(&record), &view, err);
    if (r == 0)
        r = meta_find_section(&view, want->parts, want->part_count, fetch_section_kind(want), &where, err);
    if (r == 0) {
        source->offset = where.offset;
        source->length = where.length;
    }
    buf_deinit(&record);
    return r;
}

static int charge(struct session *s, uint64_t bytes, uint64_t *copied_bytes, struct err *err)
{
    uint64_t max = COPIES_MAX * s->server->settings.message_bytes_max;
    if (bytes > max - *copied_bytes)
        return err_set(err, ERR_LIMIT, "URLs of one command name more than %llu bytes",
                       (unsigned long long)max);
    *copied_bytes += bytes;
    return 0;
}

/* What is read counts, too. */
static int filter_fields(struct session *s, const struct fetch_section *want, struct source *source,
                         uint64_t *copied_bytes, struct err *err)
{
    struct buf raw = BUF_INIT;
    int r = charge(s, source->length, copied_bytes, err);
    if (r == 0)
        r = read_source(source, source->length, &raw, err);
    if (r == 0) {
        header_filter(buf_str(&raw), &want->names, want->text == TEXT_HEADER_FIELDS_NOT, &source->decoded);
        source->is_decoded = true;
        source->offset = 0;
        source->length = source->decoded.n;
    }
    buf_deinit(&raw);
    return r;
}

static int find_source(struct session *s, const struct url_message *url, struct source *source,
                       uint64_t *copied_bytes, struct err *err)
{
    const struct fetch_section *want = &url->section;
    struct message row;
    int r = find_message(s, url, &source->account, &row, err);
    if (r < 0)
        return r;
    source->blob = row.blob;
    source->length = row.size_bytes;
    if (want->part_count > 0 || want->text != TEXT_ALL)
        r = find_section(want, &row, source, err);
    if (r == 0 && (want->text == TEXT_HEADER_FIELDS || want->text == TEXT_HEADER_FIELDS_NOT))
        r = filter_fields(s, want, source, copied_bytes, err);
    if (r == 0 && url->has_partial) {
        uint64_t from = url->offset < source->length ? url->offset : source->length;
        source->offset += from;
        source->length -= from;
        if (url->length < source->length)
            source->length = url->length;
    }
    return r;
}

static int copy(struct source *source, struct incoming *in, struct err *err)
{
    struct buf piece = BUF_INIT;
    int r = 0;
    if (source->is_decoded)
        return incoming_write(
            in, str_sub(buf_str(&source->decoded), (size_t)source->offset, (size_t)source->length), err);
    while (r == 0 && source->length > 0) {
        uint64_t n = source->length < PIECE_BYTES ? source->length : PIECE_BYTES;
        buf_clear(&piece);
        r = read_source(source, n, &piece, err);
        if (r == 0 && piece.n != n)
            r = err_set(err, ERR_CORRUPT, "message is shorter than its meta says");
        if (r == 0)
            r = incoming_write(in, buf_str(&piece), err);
        source->offset += n;
        source->length -= n;
    }
    buf_deinit(&piece);
    return r;
}

int catenate_url(struct session *s, struct str text, struct incoming *in, uint64_t *copied_bytes,
                 struct err *err)
{
    struct source source = { 0 };
    struct url_message url;
    int r = url_parse_message(text, &s->arena, &url, err);
    if (r < 0)
        return bad_url(s, text, err);
    r = find_source(s, &url, &source, copied_bytes, err);
    if (r == 0)
        r = charge(s, source.length, copied_bytes, err);
    if (r == 0)
        r = copy(&source, in, err);
    buf_deinit(&source.decoded);
    account_unref(&source.account);
    if (r == -ERR_NOT_FOUND || r == -ERR_DENIED)
        return bad_url(s, text, err);
    if (r == -ERR_LIMIT)
        session_code(s, "TOOBIG");
    return r;
}
