#include "auth/passwd/scheme.h"

#include "auth/openssl.h"
#include "auth/passwd/crypt3.h"
#include "auth/password.h"
#include "base/codec.h"

#include <assert.h>
#include <sodium.h>

/* Up to KIND_SALTED they are weak. */
enum kind { KIND_PLAIN, KIND_DIGEST, KIND_SALTED, KIND_CRYPT, KIND_ARGON2, KIND_PBKDF2, KIND_SCRAM };
enum encoding { ENCODING_NONE, ENCODING_BASE64, ENCODING_HEX, ENCODING_BY_LENGTH };

static const struct scheme {
    const char *name;
    enum kind kind;
    const EVP_MD *(*digest)(void);
    size_t bytes; /* of the digest */
    enum scram_hash hash;
} schemes[] = {
    { "ARGON2ID", KIND_ARGON2, NULL, 0, 0 },
    { "ARGON2I", KIND_ARGON2, NULL, 0, 0 },
    { "ARGON2", KIND_ARGON2, NULL, 0, 0 }, /* slapd's */
    { "CRYPT", KIND_CRYPT, NULL, 0, 0 },
    { "BLF-CRYPT", KIND_CRYPT, NULL, 0, 0 },
    { "SHA512-CRYPT", KIND_CRYPT, NULL, 0, 0 },
    { "SHA256-CRYPT", KIND_CRYPT, NULL, 0, 0 },
    { "MD5-CRYPT", KIND_CRYPT, NULL, 0, 0 },
    { "DES-CRYPT", KIND_CRYPT, NULL, 0, 0 },
    { "SSHA512", KIND_SALTED, EVP_sha512, 64, 0 },
    { "SSHA256", KIND_SALTED, EVP_sha256, 32, 0 },
    { "SSHA", KIND_SALTED, EVP_sha1, 20, 0 },
    { "SMD5", KIND_SALTED, EVP_md5, 16, 0 },
    { "SHA512", KIND_DIGEST, EVP_sha512, 64, 0 },
    { "SHA256", KIND_DIGEST, EVP_sha256, 32, 0 },
    { "SHA", KIND_DIGEST, EVP_sha1, 20, 0 },
    { "SHA1", KIND_DIGEST, EVP_sha1, 20, 0 },
    { "LDAP-MD5", KIND_DIGEST, EVP_md5, 16, 0 },
    { "PLAIN-MD5", KIND_DIGEST, EVP_md5, 16, 0 },
    { "PBKDF2", KIND_PBKDF2, EVP_sha1, 20, 0 },
    { "SCRAM-SHA-256", KIND_SCRAM, EVP_sha256, 32, SCRAM_SHA_256 },
    { "SCRAM-SHA-1", KIND_SCRAM, EVP_sha1, 20, SCRAM_SHA_1 },
    { "PLAIN", KIND_PLAIN, NULL, 0, 0 },
    { "CLEARTEXT", KIND_PLAIN, NULL, 0, 0 },
    { "CLEAR", KIND_PLAIN, NULL, 0, 0 },
};

static const struct scheme *scheme_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++)
        if (str_eq_nocase(name, str_c(schemes[i].name)))
            return &schemes[i];
    return NULL;
}

bool scheme_is_known(struct str name)
{
    return str_eq_nocase(name, STR("MD5")) || scheme_find(name);
}

/* ---- from "{SCHEME.encoding}text" to what it holds ---- */

struct value {
    const struct scheme *scheme;
    struct buf text; /* decoded. A secret */
    bool never, weak;
    /* of PBKDF2 and SCRAM; `key` and `salt` borrow `text` or lie in `bytes` */
    uint32_t rounds;
    struct str salt;
    unsigned char key[32], server_key[32], salt_room[SCRAM_SALT_BYTES_MAX];
};

static void value_wipe(struct value *v)
{
    if (v->text.p)
        sodium_memzero(v->text.p, v->text.cap);
    buf_deinit(&v->text);
    sodium_memzero(v, sizeof *v);
}

static bool parse_encoding(struct str name, enum encoding *out)
{
    static const struct {
        struct str name;
        enum encoding encoding;
    } encodings[] = {
        { STR_INIT("b64"), ENCODING_BASE64 },
        { STR_INIT("base64"), ENCODING_BASE64 },
        { STR_INIT("hex"), ENCODING_HEX },
    };
    for (size_t i = 0; i < ARRAY_COUNT(encodings); i++) {
        if (str_eq_nocase(name, encodings[i].name)) {
            *out = encodings[i].encoding;
            return true;
        }
    }
    return false;
}

static enum encoding usual_encoding(const struct scheme *s, struct str text)
{
    switch (s->kind) {
    case KIND_DIGEST:
        return text.n == 2 * s->bytes ? ENCODING_HEX : ENCODING_BASE64;
    case KIND_SALTED:
        return ENCODING_BASE64;
    case KIND_PLAIN:
    case KIND_CRYPT:
    case KIND_ARGON2:
    case KIND_PBKDF2:
    case KIND_SCRAM:
        break;
    }
    return ENCODING_NONE;
}

static int decode(struct value *v, struct str text, enum encoding encoding, struct err *err)
{
    /* Nothing moves while it fills: no copy of a secret is left behind. */
    buf_reserve(&v->text, text.n + 1);
    bool good = true;
    if (encoding == ENCODING_NONE)
        buf_add(&v->text, text);
    else if (encoding == ENCODING_HEX)
        good = hex_decode(text, &v->text);
    else
        good = base64_decode(text, &v->text);
    return good ? 0 : err_set(err, ERR_SYNTAX, "{%s} is not encoded as it should be", v->scheme->name);
}

/* stored = ["{" scheme ["." encoding] "}"] text */
static int split(struct str stored, const char *standard, struct value *v, struct err *err)
{
    struct str name = str_c(standard), text = stored, encoding_name = STR_NIL;
    enum encoding encoding = ENCODING_BY_LENGTH;
    if (str_starts(stored, STR("{"))) {
        name = str_cut(str_skip(stored, 1), '}', &text);
        if (str_is_nil(text))
            return err_set(err, ERR_SYNTAX, "the name of the scheme does not end");
        name = str_cut(name, '.', &encoding_name);
    } else if (str_starts(stored, STR("$1$"))) {
        name = STR("MD5-CRYPT");
    }
    if (!str_is_nil(encoding_name) && !parse_encoding(encoding_name, &encoding))
        return err_set(err, ERR_CANNOT, "the encoding of the password's scheme is not known here");
    if (str_eq_nocase(name, STR("MD5")))
        name = str_starts(text, STR("$1$")) ? STR("MD5-CRYPT") : STR("LDAP-MD5");
    v->scheme = scheme_find(name);
    if (!v->scheme)
        return err_set(err, ERR_CANNOT, "scheme {" STR_FMT "} is not known here",
                       STR_ARG(str_sub(name, 0, name.n > 24 ? 0 : name.n)));
    v->never = text.n == 0 || (v->scheme->kind != KIND_PLAIN && (text.p[0] == '!' || text.p[0] == '*'));
    if (v->never)
        return 0;
    return decode(v, text, encoding == ENCODING_BY_LENGTH ? usual_encoding(v->scheme, text) : encoding, err);
}

/* ---- is it whole, and does it ask for no more than it may? ---- */

static int damaged(const struct value *v, struct err *err)
{
    return err_set(err, ERR_SYNTAX, "{%s} is damaged", v->scheme->name);
}

static bool number_behind(struct str field, const char *key, uint64_t max, uint64_t *out)
{
    return str_starts(field, str_c(key)) && str_to_u64(str_skip(field, strlen(key)), max, out);
}

/* "$argon2id$v=19$m=65536,t=2,p=1$salt$hash" */
static int check_argon2(struct value *v, struct err *err)
{
    struct str rest = buf_str(&v->text), parameters;
    uint64_t memory, passes, lanes;
    if (rest.n >= USER_HASH_BYTES_MAX || str_find_char(rest, '\0') >= 0)
        return damaged(v, err);
    struct str empty = str_cut(rest, '$', &rest), variant = str_cut(rest, '$', &rest);
    struct str version = str_cut(rest, '$', &rest);
    parameters = str_cut(rest, '$', &rest);
    struct str m = str_cut(parameters, ',', &parameters), t = str_cut(parameters, ',', &parameters);
    if (empty.n > 0 || !str_starts(variant, STR("argon2i")) || !str_eq(version, STR("v=19")) ||
        !number_behind(m, "m=", UINT32_MAX, &memory) || !number_behind(t, "t=", UINT32_MAX, &passes) ||
        !number_behind(parameters, "p=", UINT32_MAX, &lanes))
        return damaged(v, err);
    if (memory > SCHEME_ARGON2_MEMORY_MAX || memory * passes > SCHEME_ARGON2_WORK_MAX || lanes > 64)
        return err_set(err, ERR_LIMIT, "argon2 with more memory or passes than %d MiB, %d MiB in all",
                       SCHEME_ARGON2_MEMORY_MAX / 1024, SCHEME_ARGON2_WORK_MAX / 1024);
    return 0;
}

static int check_rounds(struct str text, struct value *v, struct err *err)
{
    uint64_t rounds;
    if (!str_to_u64(text, UINT64_MAX, &rounds) || rounds == 0)
        return damaged(v, err);
    if (rounds > SCHEME_PBKDF2_ROUNDS_MAX)
        return err_set(err, ERR_LIMIT, "{%s} with more than %d rounds", v->scheme->name,
                       SCHEME_PBKDF2_ROUNDS_MAX);
    v->rounds = (uint32_t)rounds;
    return 0;
}

/* Decoded bytes of just that length. */
static bool decode_into(struct str text, bool hex, unsigned char *out, size_t n)
{
    struct buf bytes = BUF_INIT;
    buf_reserve(&bytes, text.n + 1);
    bool good = (hex ? hex_decode(text, &bytes) : base64_decode(text, &bytes)) && bytes.n == n;
    if (good)
        memcpy(out, bytes.p, n);
    sodium_memzero(bytes.p, bytes.cap);
    buf_deinit(&bytes);
    return good;
}

/* "$1$" salt "$" rounds "$" hex */
static int check_pbkdf2(struct value *v, struct err *err)
{
    struct str rest = buf_str(&v->text);
    if (!str_starts(rest, STR("$1$")))
        return damaged(v, err);
    v->salt = str_cut(str_skip(rest, 3), '$', &rest);
    struct str rounds = str_cut(rest, '$', &rest);
    if (v->salt.n == 0 || !decode_into(rest, true, v->key, v->scheme->bytes))
        return damaged(v, err);
    return check_rounds(rounds, v, err);
}

/* iterations "," salt "," StoredKey "," ServerKey */
static int check_scram(struct value *v, struct err *err)
{
    struct str rest = buf_str(&v->text), rounds = str_cut(rest, ',', &rest), salt = str_cut(rest, ',', &rest),
               stored = str_cut(rest, ',', &rest);
    struct buf bytes = BUF_INIT;
    bool good = base64_decode(salt, &bytes) && bytes.n > 0 && bytes.n <= sizeof v->salt_room &&
                decode_into(stored, false, v->key, v->scheme->bytes) &&
                decode_into(rest, false, v->server_key, v->scheme->bytes);
    if (good) {
        memcpy(v->salt_room, bytes.p, bytes.n);
        v->salt = str_make(v->salt_room, bytes.n);
    }
    buf_deinit(&bytes);
    return good ? check_rounds(rounds, v, err) : damaged(v, err);
}

static int check(struct value *v, struct err *err)
{
    v->weak = v->scheme->kind <= KIND_SALTED;
    switch (v->scheme->kind) {
    case KIND_PLAIN:
        return v->text.n > USER_PASSWORD_BYTES_MAX || str_find_char(buf_str(&v->text), '\0') >= 0
                   ? damaged(v, err)
                   : 0;
    case KIND_DIGEST:
        return v->text.n == v->scheme->bytes ? 0 : damaged(v, err);
    case KIND_SALTED:
        return v->text.n >= v->scheme->bytes ? 0 : damaged(v, err);
    case KIND_CRYPT:
        return crypt3_check(buf_str(&v->text), &v->weak, err);
    case KIND_ARGON2:
        return check_argon2(v, err);
    case KIND_PBKDF2:
        return check_pbkdf2(v, err);
    case KIND_SCRAM:
        return check_scram(v, err);
    }
    return damaged(v, err);
}

static int parse(struct str stored, const char *standard, struct value *v, struct err *err)
{
    if (stored.n > SCHEME_STORED_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a password's text of more than %d bytes", SCHEME_STORED_BYTES_MAX);
    int r = split(stored, standard, v, err);
    return r < 0 || v->never ? r : check(v, err);
}

int scheme_check(struct str stored, const char *standard, struct scheme_facts *facts_out, struct err *err)
{
    struct value v = { .scheme = NULL };
    int r = parse(stored, standard, &v, err);
    if (r == 0)
        *facts_out = (struct scheme_facts){ .name = v.scheme->name,
                                            .weak = v.weak,
                                            .plain = v.scheme->kind == KIND_PLAIN && !v.never,
                                            .never = v.never };
    value_wipe(&v);
    return r;
}

/* ---- yes or no ---- */

/* Neither time nor memory access says where they differ, or how long the other is. */
static bool same_text(struct str a, struct str b)
{
    unsigned char x[crypto_generichash_BYTES], y[crypto_generichash_BYTES];
    crypto_generichash(x, sizeof x, (const unsigned char *)a.p, a.n, NULL, 0);
    crypto_generichash(y, sizeof y, (const unsigned char *)b.p, b.n, NULL, 0);
    bool same = sodium_memcmp(x, y, sizeof x) == 0;
    sodium_memzero(x, sizeof x);
    sodium_memzero(y, sizeof y);
    return same;
}

/* digest = H(password salt) */
static bool same_digest(const struct value *v, struct str password)
{
    unsigned char own[EVP_MAX_MD_SIZE];
    struct str salt = str_skip(buf_str(&v->text), v->scheme->bytes);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx)
        abort();
    bool done = EVP_DigestInit_ex(ctx, v->scheme->digest(), NULL) == 1 &&
                EVP_DigestUpdate(ctx, password.p, password.n) == 1 &&
                EVP_DigestUpdate(ctx, salt.p, salt.n) == 1 && EVP_DigestFinal_ex(ctx, own, NULL) == 1;
    bool same = done && sodium_memcmp(own, v->text.p, v->scheme->bytes) == 0;
    EVP_MD_CTX_free(ctx);
    sodium_memzero(own, sizeof own);
    return same;
}

static bool same_pbkdf2(const struct value *v, struct str password)
{
    unsigned char own[sizeof v->key];
    bool same = PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)v->salt.p,
                                  (int)v->salt.n, (int)v->rounds, v->scheme->digest(), (int)v->scheme->bytes,
                                  own) == 1 &&
                sodium_memcmp(own, v->key, v->scheme->bytes) == 0;
    sodium_memzero(own, sizeof own);
    return same;
}

static void verifier_of(const struct value *v, struct scram_verifier *out)
{
    *out =
        (struct scram_verifier){ .hash = v->scheme->hash, .iterations = v->rounds, .salt_bytes = v->salt.n };
    memcpy(out->salt, v->salt.p, v->salt.n);
    memcpy(out->stored_key, v->key, v->scheme->bytes);
    memcpy(out->server_key, v->server_key, v->scheme->bytes);
}

static bool same_scram(const struct value *v, struct str password)
{
    struct scram_verifier verifier;
    verifier_of(v, &verifier);
    bool same = scram_matches(&verifier, password);
    sodium_memzero(&verifier, sizeof verifier);
    return same;
}

static bool matches(const struct value *v, struct str password)
{
    switch (v->scheme->kind) {
    case KIND_PLAIN:
        return same_text(buf_str(&v->text), password);
    case KIND_DIGEST:
    case KIND_SALTED:
        return same_digest(v, password);
    case KIND_CRYPT:
        return crypt3_matches(buf_str(&v->text), password);
    case KIND_PBKDF2:
        return same_pbkdf2(v, password);
    case KIND_SCRAM:
        return same_scram(v, password);
    case KIND_ARGON2:
        break;
    }
    return false;
}

static int verify(struct value *v, struct str password, struct err *err)
{
    bool possible = password.n > 0 && password.n <= USER_PASSWORD_BYTES_MAX &&
                    str_find_char(password, '\0') < 0;
    if (possible && !v->never && v->scheme->kind == KIND_ARGON2)
        return password_verify(password, buf_c(&v->text), err);
    if (possible && !v->never && matches(v, password))
        return 0;
    return err_set(err, ERR_AUTH, "the password is wrong");
}

int scheme_verify(struct str stored, const char *standard, struct str password, struct err *err)
{
    struct value v = { .scheme = NULL };
    int r = parse(stored, standard, &v, err);
    if (r == 0)
        r = verify(&v, password, err);
    value_wipe(&v);
    return r;
}

int scheme_scram(struct str stored, const char *standard, enum scram_hash hash, struct str salt,
                 struct scram_verifier *verifier_out, struct err *err)
{
    struct value v = { .scheme = NULL };
    int r = parse(stored, standard, &v, err);
    if (r == 0 && !v.never && v.scheme->kind == KIND_SCRAM && v.scheme->hash == hash)
        verifier_of(&v, verifier_out);
    else if (r == 0 && !v.never && v.scheme->kind == KIND_PLAIN)
        r = scram_derive(hash, buf_str(&v.text), salt, SCRAM_ITERATIONS_MIN, verifier_out, err);
    else if (r == 0)
        r = err_set(err, ERR_CANNOT, "SCRAM cannot be had of {%s}", v.scheme->name);
    value_wipe(&v);
    return r;
}
