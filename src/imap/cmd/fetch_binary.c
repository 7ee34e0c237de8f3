/* fetch_binary.c: BINARY and BINARY.SIZE.     RFC 3516, 4.3; RFC 9051, 6.4.5
 * A large part is decoded twice, a piece at a time: to know its size, which the literal tells first, and to
 * send it. So a client that asks for many of them and does not read costs no more than the pieces. */
#include "imap/cmd/fetch.h"
#include "imap/wire/writer.h"

/* Append what the next piece of encoded bytes decodes to, without what is to be skipped. */
static int decode_piece(struct session *s, struct fetch_literal *literal, struct buf *out, struct err *err)
{
    struct buf raw = BUF_INIT;
    uint64_t n = literal->encoded_left < FETCH_PIECE_BYTES ? literal->encoded_left : FETCH_PIECE_BYTES;
    size_t before = out->n;
    int r = fetch_read_blob(s, literal->source, literal->offset, n, &raw, err);
    if (r == 0 && raw.n != n)
        r = err_set(err, ERR_CORRUPT, "message is shorter than its meta says");
    if (r == 0) {
        transfer_feed(&literal->decoder, buf_str(&raw), out);
        literal->offset += n;
        literal->encoded_left -= n;
        if (literal->encoded_left == 0)
            transfer_finish(&literal->decoder, out);
        size_t got = out->n - before, skip = literal->skip < got ? (size_t)literal->skip : got;
        if (skip) {
            memmove(out->p + before, out->p + before + skip, got - skip);
            out->n -= skip;
            literal->skip -= skip;
        }
    }
    buf_deinit(&raw);
    return r;
}

int fetch_write_decoded_piece(struct session *s, struct fetch_literal *literal, struct err *err)
{
    struct buf *out = session_out(s);
    size_t before = out->n;
    int r = 0;
    while (r == 0 && out->n == before && literal->encoded_left > 0)
        r = decode_piece(s, literal, out, err);
    if (r == 0 && out->n == before)
        r = err_set(err, ERR_CORRUPT, "part decodes to less than before");
    if (r < 0)
        return r;
    if (out->n - before > literal->left)
        out->n = before + (size_t)literal->left;
    literal->left -= out->n - before;
    literal->open = literal->left > 0;
    return 0;
}

/* How much the part decodes to, and whether a NUL is in it. */
static int measure(struct session *s, struct fetch_literal part, uint64_t *size_out, bool *has_nul_out,
                   struct err *err)
{
    struct buf piece = BUF_INIT;
    int r = 0;
    *size_out = 0;
    *has_nul_out = false;
    while (r == 0 && part.encoded_left > 0) {
        buf_clear(&piece);
        r = decode_piece(s, &part, &piece, err);
        *size_out += piece.n;
        *has_nul_out = *has_nul_out || str_find_char(buf_str(&piece), '\0') >= 0;
    }
    buf_deinit(&piece);
    return r;
}

static void write_size(struct session *s, const struct fetch_att *att, uint64_t size)
{
    fetch_att_write_name(att, session_out(s));
    buf_add_char(session_out(s), ' ');
    buf_add_u64(session_out(s), size);
}

/* One that fits a piece is decoded once, in memory. */
static int write_small(struct session *s, const struct fetch_att *att, struct fetch_literal part,
                       struct fetch_literal *literal, struct err *err)
{
    struct buf decoded = BUF_INIT;
    int r = part.encoded_left ? decode_piece(s, &part, &decoded, err) : 0;
    if (r == 0 && att->item == FETCH_BINARY_SIZE)
        write_size(s, att, decoded.n);
    else if (r == 0) /* literal8 only where it is needed: some clients know no "~" */
        fetch_begin_decoded(s, att, str_find_char(buf_str(&decoded), '\0') >= 0, &decoded, literal);
    buf_deinit(&decoded);
    return r;
}

int fetch_write_binary(struct session *s, struct fetch_message *m, const struct fetch_att *att,
                       const struct section *where, struct fetch_literal *literal, struct err *err)
{
    struct fetch_literal part = {
        .is_transfer = true, .source = m->source, .offset = where->offset, .encoded_left = where->length
    };
    bool has_nul;
    int r = transfer_init(&part.decoder, where->part.transfer, err);
    if (r < 0)
        return r;
    if (where->length <= FETCH_PIECE_BYTES)
        return write_small(s, att, part, literal, err);
    r = fetch_hold(s, m->source, err);
    if (r == 0)
        r = measure(s, part, &part.left, &has_nul, err);
    if (r < 0)
        return r;
    if (att->item == FETCH_BINARY_SIZE) {
        write_size(s, att, part.left);
        return 0;
    }
    fetch_clip(att, &part.skip, &part.left);
    fetch_att_write_name(att, session_out(s));
    buf_add_char(session_out(s), ' ');
    if (has_nul)
        write_literal8_head(session_out(s), part.left);
    else
        write_literal_head(session_out(s), part.left);
    part.open = part.left > 0;
    buf_deinit(&literal->decoded);
    *literal = part;
    return 0;
}
