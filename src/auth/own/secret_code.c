#include "auth/own/secret_code.h"

#include "base/codec.h"
#include "base/rand.h"

#include <assert.h>
#include <sodium.h>

static const char characters[] = "0123456789abcdefghjkmnpqrstvwxyz";

void secret_code_make(size_t chars, char shown_out[SECRET_CODE_SHOWN_BYTES])
{
    unsigned char random[SECRET_CODE_CHARS_MAX];
    char *p = shown_out;
    assert(chars > 0 && chars <= SECRET_CODE_CHARS_MAX);
    rand_system.bytes(&rand_system, random, chars);
    for (size_t i = 0; i < chars; i++) {
        if (i > 0 && i % SECRET_CODE_GROUP == 0)
            *p++ = '-';
        *p++ = characters[random[i] & 31];
    }
    *p = '\0';
    sodium_memzero(random, sizeof random);
}

/* '\0': it stands for none. */
static char one_spelling(char c)
{
    c = ascii_lower(c);
    if (c == 'o')
        return '0';
    if (c == 'i' || c == 'l')
        return '1';
    return c && strchr(characters, c) ? c : '\0';
}

bool secret_code_read(struct str typed, size_t chars, char out[SECRET_CODE_CHARS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < typed.n; i++) {
        char c = typed.p[i];
        if (c == '-' || c == ' ')
            continue;
        c = one_spelling(c);
        if (c == '\0' || n == chars)
            return false;
        out[n++] = c;
    }
    return n == chars;
}

void secret_code_hash(const char *purpose, struct account_id account, struct str code,
                      unsigned char out[SECRET_CODE_HASH_BYTES])
{
    crypto_generichash_state state;
    unsigned char id[8];
    store_u64(id, account.n);
    crypto_generichash_init(&state, NULL, 0, SECRET_CODE_HASH_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
    crypto_generichash_update(&state, id, sizeof id);
    crypto_generichash_update(&state, (const unsigned char *)code.p, code.n);
    crypto_generichash_final(&state, out, SECRET_CODE_HASH_BYTES);
    sodium_memzero(&state, sizeof state);
}
