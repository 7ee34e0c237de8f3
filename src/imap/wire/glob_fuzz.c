/* "pattern LF name": must end soon, and agree with laws of wildcards. */
#include "imap/wire/glob.h"

#include "base/buf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str name, pattern = str_cut(str_make(data, n), '\n', &name);
    struct buf wider = BUF_INIT;
    bool matches = glob_match(pattern, name, '/');
    buf_add(&wider, pattern);
    buf_add_char(&wider, '*');
    assert(!matches || wider.n > GLOB_PATTERN_BYTES_MAX || glob_match(buf_str(&wider), name, '/'));
    assert(glob_match(STR("*"), name, '/'));
    assert(glob_match(STR("%"), name, '/') == (str_find_char(name, '/') < 0));
    (void)glob_match_below(pattern, name, '/');
    buf_deinit(&wider);
    return 0;
}
