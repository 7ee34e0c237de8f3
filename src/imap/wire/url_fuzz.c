/* Any bytes as a URL; what is told of a bad one fits into a response code. */
#include "base/buf.h"
#include "imap/wire/url.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    struct url_message url;
    struct str text = str_make(data, n);
    if (url_parse_message(text, &arena, &url, NULL) == 0)
        assert(url.uid > 0 && url.mailbox.n > 0 && url.length > 0 && str_find_char(url.mailbox, '\0') < 0);
    url_write_bad(text, &out);
    for (size_t i = 0; i < out.n; i++)
        assert(out.p[i] > 0x20 && out.p[i] < 0x7f && out.p[i] != ']' && out.p[i] != '"');
    buf_deinit(&out);
    arena_deinit(&arena);
    return 0;
}
