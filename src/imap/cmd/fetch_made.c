/* fetch_made.c: literals that are made while they are sent: BINARY of a large part, fields of a large header.
 * They are made twice, a piece at a time: to know the size, which the literal tells first, and to send it. So a client that asks for
 * many of them and does not read costs no more than the pieces. */
#include "imap/cmd/fetch.h"
#include "imap/wire/writer.h"

/* Append what is made of `raw`; returns how much of it was consumed. */
static size_t make(struct fetch_literal *made, struct str raw, struct buf *out)
{
    bool last = raw.n == made->encoded_left;
    if (made->is_fields) {
        size_t consumed = header_sieve_feed(&made->sieve, raw, last, out);
        return made->sieve.ended ? (size_t)made->encoded_left : consumed;
    }
    transfer_feed(&made->decoder, raw, out);
    if (last)
        transfer_finish(&made->decoder, out);
    return raw.n;
}

int fetch_make_piece(struct session *s, struct fetch_literal *made, struct buf *out, struct err *err)
{
    struct buf raw = BUF_INIT;
    uint64_t n = made->encoded_left < FETCH_PIECE_BYTES ? made->encoded_left : FETCH_PIECE_BYTES;
    size_t before = out->n;
    int r = fetch_read_blob(s, made->source, made->offset, n, &raw, err);
    if (r == 0 && raw.n != n)
        r = err_set(err, ERR_CORRUPT, "message is shorter than its meta says");
    if (r == 0) {
        n = make(made, buf_str(&raw), out);
        made->offset += n;
        made->encoded_left -= n;
        size_t got = out->n - before, skip = made->skip < got ? (size_t)made->skip : got;
        if (skip) {
            memmove(out->p + before, out->p + before + skip, got - skip);
            out->n -= skip;
            made->skip -= skip;
        }
    }
    buf_deinit(&raw);
    return r;
}

int fetch_write_made_piece(struct session *s, struct fetch_literal *made, struct err *err)
{
    struct buf *out = session_out(s);
    size_t before = out->n;
    int r = 0;
    while (r == 0 && out->n == before && made->encoded_left > 0)
        r = fetch_make_piece(s, made, out, err);
    if (r == 0 && out->n == before)
        r = err_set(err, ERR_CORRUPT, "less is made of a part than before");
    if (r < 0)
        return r;
    if (out->n - before > made->left)
        out->n = before + (size_t)made->left;
    made->left -= out->n - before;
    made->open = made->left > 0;
    return 0;
}

int fetch_measure_made(struct session *s, const struct fetch_literal *made, uint64_t *size_out,
                       bool *has_nul_out, struct err *err)
{
    struct fetch_literal part = *made;
    struct buf piece = BUF_INIT;
    *size_out = 0;
    *has_nul_out = false;
    int r = fetch_hold(s, part.source, err);
    while (r == 0 && part.encoded_left > 0) {
        buf_clear(&piece);
        r = fetch_make_piece(s, &part, &piece, err);
        *size_out += piece.n;
        *has_nul_out = *has_nul_out || str_find_char(buf_str(&piece), '\0') >= 0;
    }
    buf_deinit(&piece);
    return r;
}

void fetch_begin_made(struct session *s, const struct fetch_att *att, const struct fetch_literal *made,
                      uint64_t size, bool literal8, struct fetch_literal *literal)
{
    struct buf *out = session_out(s);
    buf_deinit(&literal->decoded);
    *literal = *made;
    literal->left = size;
    fetch_clip(att, &literal->skip, &literal->left);
    literal->open = literal->left > 0;
    fetch_att_write_name(att, out);
    buf_add_char(out, ' ');
    if (literal8)
        write_literal8_head(out, literal->left);
    else
        write_literal_head(out, literal->left);
}
