/* totp.h: one-time codes that a clock and a shared secret make.     RFC 6238, RFC 4226
 * HMAC-SHA-1, six digits, steps of 30 seconds: what every authenticator program does, whatever it is told.
 * The primitive is twelve lines over OpenSSL's HMAC; a library for it (liboath) would compare codes with strcmp and take its
 * time from time_t.
 * Threads: none; values. */
#ifndef LOFT_AUTH_TOTP_H
#define LOFT_AUTH_TOTP_H

#include "base/buf.h"

enum {
    TOTP_SECRET_BYTES = 20, /* RFC 4226, 4 (R6): at least 16; as long as the hash is best */
    TOTP_DIGITS = 6,
    TOTP_DIGITS_MAX = 8,
    TOTP_STEP_S = 30,
    TOTP_SKEW_STEPS_MAX = 10,
};

/* The step that a moment lies in; before 1970: 0. */
uint64_t totp_step(int64_t wall_ms);

/* The code of one step, `digits` (at most TOTP_DIGITS_MAX) and a NUL. */
void totp_code(struct str secret, uint64_t step, unsigned digits, char out[TOTP_DIGITS_MAX + 1]);

/* Is `code` (TOTP_DIGITS digits) that of a step within `skew_steps` of `now`, and later than `used`? In constant time.
 *   step_out  the step that it is of; set when true is returned */
bool totp_matches(struct str secret, struct str code, uint64_t now, unsigned skew_steps, uint64_t used,
                  uint64_t *step_out);

/* What a QR code for authenticator programs says: "otpauth://totp/Loft:anna%40example.org?secret=...&issuer=Loft". A secret. */
void totp_uri(struct str secret, struct str issuer, struct str user, struct buf *out);

#endif
