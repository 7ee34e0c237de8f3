/* scheme.h: passwords as other servers keep them, "{SCHEME}text", so that people move in without new ones. The names and forms
 * are Dovecot's and those of LDAP's userPassword (RFC 2307, 5.3):
 *
 *   ARGON2ID ARGON2I ARGON2       as libsodium writes them
 *   CRYPT BLF-CRYPT SHA512-CRYPT SHA256-CRYPT MD5-CRYPT DES-CRYPT    crypt3.h; what the text says counts, not the name
 *   SSHA512 SSHA256 SSHA SMD5     digest and salt          weak
 *   SHA512 SHA256 SHA SHA1 LDAP-MD5 PLAIN-MD5              weak
 *   MD5                           MD5-CRYPT when it begins with "$1$", else LDAP-MD5, as Dovecot and RFC 2307 have it
 *   PBKDF2                        "$1$" salt "$" rounds "$" hex, with SHA-1
 *   SCRAM-SHA-256 SCRAM-SHA-1     iterations "," salt "," StoredKey "," ServerKey, in base64
 *   PLAIN CLEARTEXT CLEAR         the password itself      weak
 * Behind the name ".b64", ".base64" or ".hex" says how the text is encoded; digests without are base64, or hex when the
 * length says so. Scheme names are case-insensitive. Text without a scheme has the one that the caller says.
 * Weak is what is readable, or guessed by the million a second, once the text is stolen.
 * All comparing is in constant time; the work that a text may ask for is bounded.
 * Threads: any. Nothing is cached. */
#ifndef LOFT_AUTH_SCHEME_H
#define LOFT_AUTH_SCHEME_H

#include "auth/scram.h"

enum {
    SCHEME_STORED_BYTES_MAX = 2048,
    SCHEME_ARGON2_MEMORY_MAX = 1024 * 1024,   /* KiB */
    SCHEME_ARGON2_WORK_MAX = 8 * 1024 * 1024, /* KiB times passes */
    SCHEME_PBKDF2_ROUNDS_MAX = 10000000,
};

struct scheme_facts {
    const char *name; /* static: "SHA512-CRYPT" */
    bool weak;
    bool plain; /* the password itself: SCRAM with any hash can be had of it */
    bool never; /* "", or begins with "!" or "*" as passwd(5) has it: matches no password */
};

bool scheme_is_known(struct str name); /* as a default */

/* Look without verifying. `standard` is the scheme of text that names none: scheme_is_known().
 *   errors  -ERR_CANNOT: a scheme that is not known here; -ERR_SYNTAX: the text is damaged; -ERR_LIMIT: it is too long, or asks
 *           for too much work. No error's text holds a part of `stored` but the name of its scheme */
MUST_USE int scheme_check(struct str stored, const char *standard, struct scheme_facts *facts_out,
                          struct err *err);

/* 0: it is the password; -ERR_AUTH; -ERR_UNAVAILABLE: no memory to find out; the errors of scheme_check. `password` is taken as it is, byte by byte. */
MUST_USE int scheme_verify(struct str stored, const char *standard, struct str password, struct err *err);

/* The verifier for SCRAM with `hash`: the stored one, or from a plain password with `salt` and SCRAM_ITERATIONS_MIN.
 * -ERR_CANNOT: none can be had of this; the errors of scheme_check. Wipe it. */
MUST_USE int scheme_scram(struct str stored, const char *standard, enum scram_hash hash, struct str salt,
                          struct scram_verifier *verifier_out, struct err *err);

#endif
