/* "pattern LF name": must end soon, and agree with laws of wildcards. */
#include "imap/wire/glob.h"

#include "base/buf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The plain definition; exponential, so for short texts only. */
static bool slow_match(struct str p, struct str s)
{
    if (p.n == 0)
        return s.n == 0;
    if (p.p[0] != '*' && p.p[0] != '%')
        return s.n && p.p[0] == s.p[0] && slow_match(str_skip(p, 1), str_skip(s, 1));
    if (slow_match(str_skip(p, 1), s))
        return true;
    return s.n && (p.p[0] == '*' || s.p[0] != '/') && slow_match(p, str_skip(s, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str name, pattern = str_cut(str_make(data, n), '\n', &name);
    struct buf wider = BUF_INIT;
    bool matches = glob_match(pattern, name, '/');
    if (n <= 16 && !str_starts_nocase(name, STR("INBOX")))
        assert(matches == slow_match(pattern, name));
    buf_add(&wider, pattern);
    buf_add_char(&wider, '*');
    assert(!matches || wider.n > GLOB_PATTERN_BYTES_MAX || glob_match(buf_str(&wider), name, '/'));
    assert(glob_match(STR("*"), name, '/'));
    assert(glob_match(STR("%"), name, '/') == (str_find_char(name, '/') < 0));
    (void)glob_match_below(pattern, name, '/');
    buf_deinit(&wider);
    return 0;
}
