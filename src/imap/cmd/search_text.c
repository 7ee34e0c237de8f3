/* search_text.c: what needs a message's stored records or its bytes, and header fields. */
#include "imap/cmd/search_private.h"
#include "mail/extracted.h"
#include "mime/header.h"
#include "mime/text.h"

/* ---- what a stage needs ---- */

static struct store *store_of(const struct search_program *p)
{
    return mail_options(account_mail(p->place.account))->store;
}

static struct blob_id blob_at_hand(const struct search_program *p)
{
    return (struct blob_id){ p->columns->blob[p->lane] };
}

int search_fail(struct search_program *p, int r)
{
    if (r < 0 && r != -ERR_NOT_FOUND && p->error == 0)
        p->error = r;
    return r;
}

/* What was read ahead, else one record alone. */
static int need_record(struct search_program *p, enum blob_slot slot, struct buf *bytes, struct str *out)
{
    struct str ahead = !p->records ? STR_NIL : slot == BLOB_META ? p->records->meta : p->records->header;
    int r = 0;
    if (str_is_nil(ahead)) {
        buf_clear(bytes);
        r = store_blob_record(store_of(p), account_id(p->place.account), blob_at_hand(p), slot, bytes,
                              &p->err);
        ahead = buf_str(bytes);
    }
    *out = ahead;
    return search_fail(p, r);
}

int search_need_view(struct search_program *p)
{
    struct str record;
    if (p->has_view)
        return 0;
    int r = need_record(p, BLOB_META, &p->meta_bytes, &record);
    if (r == 0)
        r = search_fail(p, mime_meta_view(record, &p->view, &p->err));
    p->has_view = r == 0;
    return r;
}

static int need_header_record(struct search_program *p)
{
    if (p->has_header)
        return 0;
    int r = need_record(p, BLOB_HEADER, &p->header_bytes, &p->header);
    p->has_header = r == 0;
    return r;
}

int search_need_bytes(struct search_program *p)
{
    if (p->has_bytes)
        return 0;
    buf_clear(&p->bytes);
    int r = search_fail(p, store_blob_read(store_of(p), account_id(p->place.account), blob_at_hand(p), 0,
                                           p->columns->size_bytes[p->lane], &p->bytes, &p->err));
    p->has_bytes = r == 0;
    return r;
}

int search_need_blob(struct search_program *p)
{
    return search_fail(p, store_blob_open(store_of(p), account_id(p->place.account), blob_at_hand(p),
                                          &p->scan.blob, &p->err));
}

/* The message's header alone; it stays until the next. */
static int need_header_bytes(struct search_program *p, struct str *out)
{
    int r = 0;
    if (!p->has_bytes) { /* and so nobody borrows them */
        buf_clear(&p->bytes);
        r = search_fail(p, store_blob_read(store_of(p), account_id(p->place.account), blob_at_hand(p), 0,
                                           p->view.header_bytes, &p->bytes, &p->err));
    }
    *out = str_sub(buf_str(&p->bytes), 0, (size_t)p->view.header_bytes);
    return r;
}

/* What a program found in the attachments of the message. */
int search_need_extracted(struct search_program *p)
{
    buf_clear(&p->extracted);
    return search_fail(p, extracted_get(store_of(p), account_id(p->place.account), blob_at_hand(p),
                                        &p->extracted, NULL, &p->err));
}

/* ---- text ---- */

static bool holds(struct str text, struct str needle)
{
    return str_find(text, needle) >= 0;
}

void search_raise_score(struct prepared *ready, unsigned score)
{
    if (ready->score == NO_SCORE || score > ready->score)
        ready->score = score;
}

static bool value_holds(struct search_program *p, struct str value, struct prepared *ready)
{
    buf_clear(&p->text);
    mime_text_of_value(value, search_collation_of(p, ready->fuzzy != NULL), p->charsets, &p->text);
    if (!ready->fuzzy)
        return holds(buf_str(&p->text), ready->needle);
    fuzzy_begin(ready->fuzzy);
    (void)fuzzy_feed(ready->fuzzy, buf_str(&p->text));
    search_raise_score(ready, fuzzy_score(ready->fuzzy));
    return ready->score == FUZZY_SCORE_MAX;
}

/* Any field `name` of `header` whose decoded, folded value holds the needle;
 * "" asks only whether there is one. */
static enum verdict header_holds(struct search_program *p, struct str header, struct str name,
                                 struct prepared *ready)
{
    struct header_field field;
    if (ready->fuzzy)
        ready->score = 0;
    for (struct header_reader r = header_each(header); header_next_named(&r, name, &field);)
        if (value_holds(p, field.value, ready))
            return YES;
    return ready->fuzzy && ready->score ? YES : NO;
}

enum verdict search_match_header(struct search_program *p, struct prepared *ready)
{
    struct str fields;
    bool too_large = true;
    if (p->stage < STAGE_RECORDS)
        return UNKNOWN;
    if (ready->field_kept &&
        (need_header_record(p) < 0 ||
         search_fail(p, mime_header_record_view(p->header, &fields, &too_large, &p->err)) < 0))
        return NO;
    if (!too_large)
        return header_holds(p, fields, ready->field, ready);
    if (p->stage < STAGE_BYTES)
        return UNKNOWN;
    if (search_need_view(p) < 0 || need_header_bytes(p, &fields) < 0)
        return NO;
    return header_holds(p, fields, ready->field, ready);
}
