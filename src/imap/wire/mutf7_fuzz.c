/* What decodes must encode back to the very same bytes; what is encoded must decode. */
#include "imap/wire/mutf7.h"

#include "base/utf8.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = str_make(data, n);
    struct buf once = BUF_INIT, twice = BUF_INIT;
    if (mutf7_decode(in, &once, NULL) == 0) {
        assert(utf8_is_valid(buf_str(&once)));
        mutf7_encode(buf_str(&once), &twice);
        assert(str_eq(buf_str(&twice), in));
    }
    buf_clear(&once);
    buf_clear(&twice);
    mutf7_encode(in, &once);
    int r = mutf7_decode(buf_str(&once), &twice, NULL);
    assert(r == 0);
    assert(!utf8_is_valid(in) || str_eq(buf_str(&twice), in));
    buf_deinit(&once);
    buf_deinit(&twice);
    return 0;
}
