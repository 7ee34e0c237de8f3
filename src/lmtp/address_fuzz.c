#include "lmtp/address.h"

#include "base/utf8.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What comes out is fit for a header field: UTF-8 without control bytes;
 * and written in brackets again it reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena = ARENA_INIT;
    struct lmtp_path path, again;
    struct str rest, key, value;
    struct err err;
    if (lmtp_path_parse(str_make(data, n), &arena, &path, &rest, &err) == 0) {
        assert(path.text.n <= LMTP_PATH_BYTES_MAX && path.address.n <= path.text.n);
        assert((path.text.n == 0) == (path.address.n == 0) && utf8_is_valid(path.text));
        for (size_t i = 0; i < path.text.n; i++)
            assert((unsigned char)path.text.p[i] >= 0x20 && path.text.p[i] != 0x7f);
        struct str bracketed = arena_printf(&arena, "<" STR_FMT ">", STR_ARG(path.text));
        while (lmtp_parameter_next(&rest, &key, &value))
            assert(key.n + value.n <= n);
        int r = lmtp_path_parse(bracketed, &arena, &again, &rest, &err);
        assert(r == 0 && str_eq(path.text, again.text) && str_eq(path.address, again.address) && rest.n == 0);
    }
    arena_deinit(&arena);
    return 0;
}
