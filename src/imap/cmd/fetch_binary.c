/* fetch_binary.c: BINARY and BINARY.SIZE.     RFC 3516, 4.3; RFC 9051, 6.4.5 */
#include "imap/cmd/fetch.h"
#include "imap/wire/writer.h"

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
    int r = part.encoded_left ? fetch_make_piece(s, &part, &decoded, err) : 0;
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
        .is_made = true, .source = m->source, .offset = where->offset, .encoded_left = where->length
    };
    uint64_t size;
    bool has_nul;
    int r = transfer_init(&part.decoder, where->part.transfer, err);
    if (r < 0)
        return r;
    if (where->length <= FETCH_PIECE_BYTES)
        return write_small(s, att, part, literal, err);
    r = fetch_measure_made(s, &part, &size, &has_nul, err);
    if (r < 0)
        return r;
    if (att->item == FETCH_BINARY_SIZE)
        write_size(s, att, size);
    else
        fetch_begin_made(s, att, &part, size, has_nul, literal);
    return 0;
}
