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

/* What libsodium writes: "$argon2id$v=19$m=65536,t=2,p=1$" salt "$" hash */
struct argon2 {
    int algorithm;
    uint64_t memory_kib, passes;
    unsigned char salt[crypto_pwhash_SALTBYTES], hash[32];
};

static bool number_behind(struct str field, struct str key, uint64_t min, uint64_t max, uint64_t *out)
{
    return str_starts(field, key) && str_to_u64(str_skip(field, key.n), max, out) && *out >= min;
}

static bool bytes_of(struct str base64, unsigned char *out, size_t n)
{
    size_t got;
    return sodium_base642bin(out, n, base64.p, base64.n, NULL, &got, NULL,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           got == n;
}

static bool read_argon2(struct str text, struct argon2 *out)
{
    struct str rest = text, empty = str_cut(rest, '$', &rest), variant = str_cut(rest, '$', &rest),
               version = str_cut(rest, '$', &rest), costs = str_cut(rest, '$', &rest),
               salt = str_cut(rest, '$', &rest), memory = str_cut(costs, ',', &costs),
               passes = str_cut(costs, ',', &costs);
    bool is_id = str_eq(variant, STR("argon2id"));
    out->algorithm = is_id ? crypto_pwhash_ALG_ARGON2ID13 : crypto_pwhash_ALG_ARGON2I13;
    return empty.n == 0 && (is_id || str_eq(variant, STR("argon2i"))) && str_eq(version, STR("v=19")) &&
           str_eq(costs, STR("p=1")) && number_behind(memory, STR("m="), 8, UINT32_MAX, &out->memory_kib) &&
           number_behind(passes, STR("t="), is_id ? 1 : 3, UINT32_MAX, &out->passes) &&
           bytes_of(salt, out->salt, sizeof out->salt) && bytes_of(rest, out->hash, sizeof out->hash);
}

static int verify_argon2(struct str prepared, const struct argon2 *a, bool *same_out, struct err *err)
{
    unsigned char own[sizeof a->hash];
    if (crypto_pwhash(own, sizeof own, prepared.p, prepared.n, a->salt, a->passes,
                      (size_t)a->memory_kib * 1024, a->algorithm) != 0)
        return err_set(err, ERR_UNAVAILABLE, "no memory for argon2 of %llu KiB",
                       (unsigned long long)a->memory_kib);
    *same_out = sodium_memcmp(own, a->hash, sizeof own) == 0;
    sodium_memzero(own, sizeof own);
    return 0;
}

/* libsodium's own verify answers the same, errno too, to a wrong password and for want of memory. */
int password_verify(struct str prepared, const char *hash, struct err *err)
{
    struct argon2 argon2;
    bool same = false;
    int r = 0;
    if (read_argon2(str_c(hash), &argon2))
        r = verify_argon2(prepared, &argon2, &same, err);
    else
        same = crypto_pwhash_str_verify(hash, prepared.p, prepared.n) == 0;
    sodium_memzero(&argon2, sizeof argon2);
    return r < 0 || same ? r : err_set(err, ERR_AUTH, "the password is wrong");
}
