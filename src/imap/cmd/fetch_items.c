#include "imap/cmd/fetch.h"

#include "imap/wire/writer.h"
#include "mime/header.h"

static bool is_whole_message(const struct fetch_section *section)
{
    return section->part_count == 0 && section->text == TEXT_ALL;
}

bool fetch_needs_meta(const struct fetch_att *att)
{
    return !att->section.in_record && !(att->item == FETCH_SECTION && is_whole_message(&att->section)) &&
           att->item & (FETCH_ENVELOPE | FETCH_BODYSTRUCTURE | FETCH_BODY | FETCH_PREVIEW | FETCH_SECTION |
                        FETCH_BINARY | FETCH_BINARY_SIZE | FETCH_RFC822_HEADER | FETCH_RFC822_TEXT);
}

bool fetch_needs_header(const struct fetch_att *att)
{
    return att->section.in_record;
}

static struct store *store_of(struct session *s)
{
    return mail_options(account_mail(s->selected_account))->store;
}

int fetch_read_blob(struct session *s, struct fetch_source *source, uint64_t offset, uint64_t length,
                    struct buf *out, struct err *err)
{
    if (source->open)
        return store_blob_read_open(source->open, offset, length, out, err);
    return store_blob_read(store_of(s), account_id(s->selected_account), (struct blob_id){ source->blob },
                           offset, length, out, err);
}

int fetch_hold(struct session *s, struct fetch_source *source, struct err *err)
{
    if (source->open)
        return 0;
    return store_blob_open(store_of(s), account_id(s->selected_account), (struct blob_id){ source->blob },
                           &source->open, err);
}

/* The message's meta, read now if the batch did not bring it. */
static int need_view(struct session *s, struct fetch_message *m, struct err *err)
{
    if (m->has_view)
        return 0;
    if (str_is_nil(m->meta)) {
        struct buf record = BUF_INIT;
        int r = store_blob_record(store_of(s), account_id(s->selected_account),
                                  (struct blob_id){ m->row.blob }, BLOB_META, &record, err);
        m->meta = arena_dup(m->arena, buf_str(&record));
        buf_deinit(&record);
        if (r < 0)
            return r;
    }
    int r = mime_meta_view(m->meta, m->view, err);
    m->has_view = r == 0;
    return r;
}

/* ---- literals ---- */

/* A range of the wanted bytes: <offset.length>, clipped to what is there. */
void fetch_clip(const struct fetch_att *att, uint64_t *offset, uint64_t *length)
{
    if (!att->has_partial)
        return;
    uint64_t from = att->offset < *length ? att->offset : *length;
    *offset += from;
    *length = att->length < *length - from ? att->length : *length - from;
}

/* Bytes of the blob as a literal: the head and the first piece now,
 * so that an error is met before anything was said. */
static int begin_blob_literal(struct session *s, const struct fetch_message *m, const struct fetch_att *att,
                              uint64_t offset, uint64_t length, struct fetch_literal *literal,
                              struct err *err)
{
    struct buf *out = session_out(s);
    size_t before = out->n;
    fetch_clip(att, &offset, &length);
    fetch_att_write_name(att, out);
    buf_add_char(out, ' ');
    write_literal_head(out, length);
    uint64_t first = length < FETCH_PIECE_BYTES ? length : FETCH_PIECE_BYTES;
    size_t start = out->n;
    int r = length > first ? fetch_hold(s, m->source, err) : 0;
    if (r == 0 && first > 0)
        r = fetch_read_blob(s, m->source, offset, first, out, err);
    if (r == 0 && out->n - start != first)
        r = err_set(err, ERR_CORRUPT, "message is shorter than its meta says");
    if (r < 0) {
        out->n = before;
        return r;
    }
    *literal = (struct fetch_literal){ .open = length > first,
                                       .source = m->source,
                                       .offset = offset + first,
                                       .left = length - first,
                                       .decoded = literal->decoded };
    return 0;
}

void fetch_begin_decoded(struct session *s, const struct fetch_att *att, bool literal8, struct buf *bytes,
                         struct fetch_literal *literal)
{
    struct buf *out = session_out(s);
    uint64_t offset = 0, length = bytes->n;
    fetch_clip(att, &offset, &length);
    fetch_att_write_name(att, out);
    buf_add_char(out, ' ');
    if (literal8)
        write_literal8_head(out, length);
    else
        write_literal_head(out, length);
    bool now = length <= FETCH_PIECE_BYTES;
    if (now)
        buf_add(out, str_sub(buf_str(bytes), (size_t)offset, (size_t)length));
    if (bytes != &literal->decoded) {
        buf_deinit(&literal->decoded);
        literal->decoded = *bytes;
        *bytes = BUF_INIT;
    }
    *literal = (struct fetch_literal){
        .open = !now, .offset = offset, .left = length, .decoded = literal->decoded, .is_decoded = true
    };
}

int fetch_write_piece(struct session *s, struct fetch_literal *literal, struct err *err)
{
    struct buf *out = session_out(s);
    if (literal->is_made)
        return fetch_write_made_piece(s, literal, err);
    uint64_t n = literal->left < FETCH_PIECE_BYTES ? literal->left : FETCH_PIECE_BYTES;
    size_t before = out->n;
    int r = 0;
    if (literal->is_decoded)
        buf_add(out, str_sub(buf_str(&literal->decoded), (size_t)literal->offset, (size_t)n));
    else
        r = fetch_read_blob(s, literal->source, literal->offset, n, out, err);
    if (r == 0 && out->n - before != n)
        r = err_set(err, ERR_CORRUPT, "message is shorter than its meta says");
    if (r < 0)
        return r;
    literal->offset += n;
    literal->left -= n;
    if (literal->left == 0) {
        literal->open = false;
        buf_deinit(&literal->decoded);
    }
    return 0;
}

/* ---- BODY[...] ---- */

/* The message has no such part. */
static void write_none(struct session *s, const struct fetch_att *att)
{
    fetch_att_write_name(att, session_out(s));
    /* The one must be a number. */
    buf_add(session_out(s), att->item == FETCH_BINARY_SIZE ? STR(" 0") : STR(" NIL"));
}

enum section_kind fetch_section_kind(const struct fetch_section *section)
{
    switch (section->text) {
    case TEXT_HEADER:
    case TEXT_HEADER_FIELDS:
    case TEXT_HEADER_FIELDS_NOT:
        return SECTION_HEADER;
    case TEXT_BODY:
        return SECTION_TEXT;
    case TEXT_MIME:
        return SECTION_MIME;
    case TEXT_ALL:
        break;
    }
    return SECTION_WHOLE;
}

/* HEADER.FIELDS from the header record. 1: done; 0: that does not have them. */
static int write_kept_fields(struct session *s, const struct fetch_message *m, const struct fetch_att *att,
                             struct fetch_literal *literal, struct err *err)
{
    struct buf *fields = &literal->decoded;
    if (!att->section.in_record || str_is_nil(m->header))
        return 0;
    buf_clear(fields);
    int r = mime_header_record_fields(m->header, &att->section.names, &att->section.kept, fields, err);
    if (r == 1)
        fetch_begin_decoded(s, att, false, fields, literal);
    return r;
}

static int write_fields_of_large(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                                 const struct section *where, struct fetch_literal *literal, struct err *err)
{
    const struct fetch_section *want = &att->section;
    const struct fetch_literal fields = {
        .is_made = true,
        .is_fields = true,
        .source = m->source,
        .offset = where->offset,
        .encoded_left = where->length,
        .sieve = { .names = &want->names, .all_but = want->text == TEXT_HEADER_FIELDS_NOT },
    };
    uint64_t size;
    bool has_nul;
    int r = fetch_measure_made(s, &fields, &size, &has_nul, err);
    if (r == 0)
        fetch_begin_made(s, att, &fields, size, false, literal);
    return r;
}

static int write_header_fields(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                               const struct section *where, struct fetch_literal *literal, struct err *err)
{
    struct buf fields = BUF_INIT, raw = BUF_INIT;
    const struct fetch_section *want = &att->section;
    if (where->length > FETCH_PIECE_BYTES)
        return write_fields_of_large(s, m, att, where, literal, err);
    int r = fetch_read_blob(s, m->source, where->offset, where->length, &raw, err);
    if (r == 0) {
        header_filter(buf_str(&raw), &want->names, want->text == TEXT_HEADER_FIELDS_NOT, &fields);
        fetch_begin_decoded(s, att, false, &fields, literal);
    }
    buf_deinit(&raw);
    return r;
}

static int write_section(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                         struct fetch_literal *literal, struct err *err)
{
    const struct fetch_section *want = &att->section;
    struct section where;
    int r;
    if (is_whole_message(want)) /* needs no meta */
        return begin_blob_literal(s, m, att, 0, m->row.size_bytes, literal, err);
    r = write_kept_fields(s, m, att, literal, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = need_view(s, m, err);
    if (r < 0)
        return r;
    r = meta_find_section(m->view, want->parts, want->part_count, fetch_section_kind(want), &where, err);
    if (r == -ERR_NOT_FOUND) {
        write_none(s, att);
        return 0;
    }
    if (r < 0)
        return r;
    if (want->text == TEXT_HEADER_FIELDS || want->text == TEXT_HEADER_FIELDS_NOT)
        return write_header_fields(s, m, att, &where, literal, err);
    return begin_blob_literal(s, m, att, where.offset, where.length, literal, err);
}

/* ---- BINARY: RFC 3516, 4.3; RFC 9051, 6.4.5 ---- */

static int write_binary(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                        struct fetch_literal *literal, struct err *err)
{
    struct section where = { 0 };
    int r = need_view(s, m, err);
    if (r == 0)
        r = meta_find_section(m->view, att->section.parts, att->section.part_count, SECTION_WHOLE, &where,
                              err);
    if (r == -ERR_NOT_FOUND) {
        write_none(s, att);
        return 0;
    }
    return r < 0 ? r : fetch_write_binary(s, m, att, &where, literal, err);
}

/* ---- everything else ---- */

static int write_from_meta(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                           struct err *err)
{
    struct buf *out = session_out(s);
    int r = need_view(s, m, err);
    if (r < 0)
        return r;
    if (att->item == FETCH_ENVELOPE) {
        buf_add_lit(out, "ENVELOPE ");
        buf_add(out, m->view->envelope);
    } else if (att->item == FETCH_BODYSTRUCTURE) {
        buf_add_lit(out, "BODYSTRUCTURE ");
        buf_add(out, m->view->bodystructure);
    } else if (att->item == FETCH_BODY) {
        buf_add_lit(out, "BODY ");
        buf_add(out, m->view->body);
    } else { /* FETCH_PREVIEW; RFC 8970, 3.1: it is there at once, LAZY or not */
        buf_add_lit(out, "PREVIEW ");
        write_string(out, m->view->preview, session_utf8(s));
    }
    return 0;
}

static void write_id(struct session *s, const char *name, struct str id)
{
    buf_printf(session_out(s), "%s (" STR_FMT ")", name, STR_ARG(id));
}

int fetch_write_item(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                     struct fetch_literal *literal, struct err *err)
{
    struct buf *out = session_out(s);
    switch (att->item) {
    case FETCH_UID:
        buf_add_lit(out, "UID ");
        buf_add_u64(out, m->row.uid);
        return 0;
    case FETCH_FLAGS:
        buf_add_lit(out, "FLAGS ");
        write_flags(out, m->row.flags, !s->rev2 && view_is_recent(&s->view, m->row.uid), &m->row.keywords,
                    s->view.snapshot->keywords);
        return 0;
    case FETCH_INTERNALDATE:
        buf_add_lit(out, "INTERNALDATE ");
        write_date_time(out, m->row.internal_date_s, m->row.internal_zone_min);
        return 0;
    case FETCH_RFC822_SIZE:
        buf_add_lit(out, "RFC822.SIZE ");
        buf_add_u64(out, m->row.size_bytes);
        return 0;
    case FETCH_MODSEQ:
        buf_add_lit(out, "MODSEQ (");
        buf_add_u64(out, m->row.modseq);
        buf_add_char(out, ')');
        return 0;
    case FETCH_EMAILID:
        write_id(s, "EMAILID", email_id_text(m->row.email_id, m->arena));
        return 0;
    case FETCH_THREADID:
        write_id(s, "THREADID", thread_id_text(m->row.thread_id, m->arena));
        return 0;
    case FETCH_SAVEDATE:
        buf_add_lit(out, "SAVEDATE ");
        write_date_time(out, m->row.save_date_s, 0);
        return 0;
    case FETCH_ENVELOPE:
    case FETCH_BODYSTRUCTURE:
    case FETCH_BODY:
    case FETCH_PREVIEW:
        return write_from_meta(s, m, att, err);
    case FETCH_SECTION:
    case FETCH_RFC822:
    case FETCH_RFC822_HEADER:
    case FETCH_RFC822_TEXT:
        return write_section(s, m, att, literal, err);
    case FETCH_BINARY:
    case FETCH_BINARY_SIZE:
        return write_binary(s, m, att, literal, err);
    }
    return err_set(err, ERR_SYNTAX, "unknown FETCH item");
}
