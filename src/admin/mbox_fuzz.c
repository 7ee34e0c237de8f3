/* Any file, in pieces of a size that its first byte says, gives the messages that it gives whole. */
#include "admin/mbox.h"

#include <stdlib.h>

static int collect(void *ctx, const struct mailfile_message *message, bool too_large, struct err *err)
{
    struct buf *out = ctx;
    (void)err;
    buf_printf(out, "%lld %zu %d ", (long long)message->date_s, message->flag_count, too_large);
    buf_add(out, message->bytes);
    return 0;
}

static void read_pieces(struct str file, size_t piece, struct buf *out)
{
    struct mbox_reader reader;
    int r = 0;
    mbox_reader_init(&reader, 4096, 0, collect, out);
    for (size_t at = 0; r == 0 && at < file.n; at += piece)
        r = mbox_feed(&reader, str_sub(file, at, piece), NULL);
    if (r == 0)
        (void)!mbox_end(&reader, NULL);
    mbox_reader_deinit(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = BUF_INIT, pieces = BUF_INIT;
    if (size == 0)
        return 0;
    struct str file = str_make(data + 1, size - 1);
    read_pieces(file, SIZE_MAX / 2, &whole);
    read_pieces(file, (size_t)data[0] + 1, &pieces);
    if (!str_eq(buf_str(&whole), buf_str(&pieces)))
        abort();
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
