#include "auth/password.h"

#include "base/utf8.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(USER_HASH_BYTES_MAX == crypto_pwhash_STRBYTES, "a hash fits its field");

/* Unicode's Zs but U+0020 itself. RFC 8265, 4.2.2: non-ASCII spaces become the ASCII one. */
static bool is_other_space(int32_t c)
{
    return c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

static void map_spaces(struct str s, struct buf *out)
{
    for (const char *p = s.p, *end = str_end(s); p < end;) {
        const char *from = p;
        if (is_other_space(utf8_next(&p, end)))
            buf_add_char(out, ' ');
        else
            buf_add_bytes(out, from, (size_t)(p - from));
    }
}

static void add_normalised(struct str password, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    struct str nfc;
    char *bytes = arena_c(&arena, password);
    bool valid = utf8_to_nfc(str_make(bytes, password.n), &arena, &nfc);
    assert(valid);
    map_spaces(nfc, out);
    (void)valid;
    sodium_memzero(bytes, password.n);
    arena_deinit(&arena);
}

int password_prepare(struct str password, struct buf *out, struct err *err)
{
    buf_clear(out);
    if (password.n == 0)
        return err_set(err, ERR_INVALID, "the password is empty");
    if (password.n > USER_PASSWORD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the password is longer than %d bytes", USER_PASSWORD_BYTES_MAX);
    if (str_find_char(password, '\0') >= 0)
        return err_set(err, ERR_INVALID, "the password has a NUL byte in it");
    /* NFC grows at most threefold: nothing moves while it fills. */
    buf_reserve(out, 3 * USER_PASSWORD_BYTES_MAX);
    if (utf8_is_ascii(password) || !utf8_is_valid(password))
        buf_add(out, password);
    else
        add_normalised(password, out);
    return 0;
}

int password_hash(struct str prepared, uint64_t passes, uint64_t memory_bytes,
                  char hash_out[USER_HASH_BYTES_MAX], struct err *err)
{
    if (crypto_pwhash_str_alg(hash_out, prepared.p, prepared.n, passes, (size_t)memory_bytes,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return err_set(err, ERR_UNAVAILABLE, "no memory for argon2id of %llu bytes",
                       (unsigned long long)memory_bytes);
    return 0;
}

bool password_matches(struct str prepared, const char *hash)
{
    return crypto_pwhash_str_verify(hash, prepared.p, prepared.n) == 0;
}
