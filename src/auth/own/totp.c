#include "auth/own/totp.h"

#include "auth/openssl.h"
#include "base/codec.h"

#include <assert.h>
#include <sodium.h>

enum { SHA_1_BYTES = 20 };

uint64_t totp_step(int64_t wall_ms)
{
    return wall_ms > 0 ? (uint64_t)wall_ms / 1000 / TOTP_STEP_S : 0;
}

/* RFC 4226, 5.3, of the step as eight bytes, most significant first. */
void totp_code(struct str secret, uint64_t step, unsigned digits, char out[TOTP_DIGITS_MAX + 1])
{
    unsigned char message[8], mac[SHA_1_BYTES];
    unsigned length = sizeof mac;
    assert(digits <= TOTP_DIGITS_MAX);
    store_be64(message, step);
    const void *done = HMAC(EVP_sha1(), secret.p, (int)secret.n, message, sizeof message, mac, &length);
    assert(done && length == sizeof mac);
    (void)done;
    const unsigned char *p = mac + (mac[SHA_1_BYTES - 1] & 15);
    uint32_t number = (uint32_t)(p[0] & 127) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    out[digits] = '\0';
    for (unsigned i = digits; i-- > 0; number /= 10)
        out[i] = (char)('0' + number % 10);
    sodium_memzero(mac, sizeof mac);
}

bool totp_matches(struct str secret, struct str code, uint64_t now, unsigned skew_steps, uint64_t used,
                  uint64_t *step_out)
{
    uint64_t first = now > skew_steps ? now - skew_steps : 0;
    bool found = false;
    if (code.n != TOTP_DIGITS)
        return false;
    for (uint64_t step = first; step <= now + skew_steps; step++) {
        char expected[TOTP_DIGITS_MAX + 1];
        totp_code(secret, step, TOTP_DIGITS, expected);
        if (sodium_memcmp(expected, code.p, TOTP_DIGITS) == 0 && step > used && !found) {
            found = true;
            *step_out = step;
        }
        sodium_memzero(expected, sizeof expected);
    }
    return found;
}

/* RFC 3986, 2.3: what need not be escaped. */
static void add_escaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c && strchr("-._~", c)))
            buf_add_char(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

void totp_uri(struct str secret, struct str issuer, struct str user, struct buf *out)
{
    buf_add_lit(out, "otpauth://totp/");
    add_escaped(out, issuer);
    buf_add_char(out, ':');
    add_escaped(out, user);
    buf_add_lit(out, "?secret=");
    base32_encode(secret, out);
    buf_add_lit(out, "&issuer=");
    add_escaped(out, issuer);
}
