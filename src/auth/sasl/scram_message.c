#include "auth/sasl/scram_message.h"

#include "auth/openssl.h"
#include "base/codec.h"

#include <sodium.h>
#include <stdlib.h>

static const EVP_MD *md_of(enum scram_hash hash)
{
    return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

/* OpenSSL fails here only when memory is out. */
static void hmac(enum scram_hash hash, const unsigned char *key, struct str text, unsigned char *out)
{
    unsigned n;
    if (!HMAC(md_of(hash), key, (int)scram_key_bytes(hash), (const unsigned char *)text.p, text.n, out, &n))
        abort();
}

static void digest(enum scram_hash hash, const unsigned char *key, unsigned char *out)
{
    unsigned n;
    if (EVP_Digest(key, scram_key_bytes(hash), out, &n, md_of(hash), NULL) != 1)
        abort();
}

bool scram_proof_matches(const struct scram_verifier *verifier, struct str auth_message,
                         const struct scram_client_final *final)
{
    unsigned char key[SCRAM_KEY_BYTES_MAX], stored[SCRAM_KEY_BYTES_MAX];
    size_t n = scram_key_bytes(verifier->hash);
    hmac(verifier->hash, verifier->stored_key, auth_message, key); /* ClientSignature */
    for (size_t i = 0; i < n; i++)
        key[i] ^= final->proof[i];
    digest(verifier->hash, key, stored);
    bool matches = sodium_memcmp(stored, verifier->stored_key, n) == 0 && final->proof_bytes == n;
    sodium_memzero(key, sizeof key); /* with a proof that is right, ClientKey: it signs in anywhere */
    sodium_memzero(stored, sizeof stored);
    return matches;
}

bool scram_binding_matches(struct str binding, struct str gs2_header, struct str data)
{
    struct buf got = BUF_INIT;
    bool matches = base64_decode(binding, &got) && got.n == gs2_header.n + data.n &&
                   sodium_memcmp(got.p, gs2_header.p, gs2_header.n) == 0 &&
                   (data.n == 0 || sodium_memcmp(got.p + gs2_header.n, data.p, data.n) == 0);
    buf_deinit(&got);
    return matches;
}

/* attr-val = ALPHA "=" value; `rest` is what follows the comma behind it, NIL at the end. False: not that attribute. */
static bool cut_attribute(char name, struct str *rest, struct str *value_out)
{
    struct str behind, attribute = str_cut(*rest, ',', &behind);
    if (attribute.n < 2 || attribute.p[0] != name || attribute.p[1] != '=')
        return false;
    *value_out = str_skip(attribute, 2);
    *rest = behind;
    return true;
}

/* extensions = attr-val *("," attr-val), where value = 1*value-char: no comma, no NUL */
static bool is_extension(struct str attribute)
{
    return attribute.n >= 3 && attribute.p[1] == '=' && ascii_lower(attribute.p[0]) >= 'a' &&
           ascii_lower(attribute.p[0]) <= 'z' && str_find_char(attribute, '\0') < 0;
}

/* printable = %x21-2B / %x2D-7E: no comma */
static bool is_nonce(struct str nonce)
{
    for (size_t i = 0; i < nonce.n; i++)
        if (nonce.p[i] < 0x21 || nonce.p[i] > 0x7e || nonce.p[i] == ',')
            return false;
    return nonce.n > 0;
}

int scram_parse_client_first(struct str message, struct scram_client_first *first_out, struct err *err)
{
    struct scram_client_first first;
    struct str rest, name;
    int r = gs2_parse(message, &first.header, &rest, err);
    if (r < 0)
        return r;
    first.bare = rest;
    if (str_starts(rest, STR("m="))) /* RFC 5802, 5.1: must cause failure */
        return err_set(err, ERR_CANNOT, "a SCRAM extension that is not known here");
    if (!cut_attribute('n', &rest, &name) || !cut_attribute('r', &rest, &first.nonce) ||
        !is_nonce(first.nonce))
        return err_set(err, ERR_SYNTAX, "the SCRAM message has no n= and r=");
    if (first.nonce.n > SCRAM_NONCE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a nonce of more than %d bytes", SCRAM_NONCE_BYTES_MAX);
    while (!str_is_nil(rest))
        if (!is_extension(str_cut(rest, ',', &rest)))
            return err_set(err, ERR_SYNTAX, "the SCRAM message has something behind its nonce");
    r = gs2_decode_name(name, first.name, err);
    if (r == 0)
        *first_out = first;
    return r;
}

int scram_parse_client_final(struct str message, struct scram_client_final *final_out, struct err *err)
{
    struct scram_client_final final = { .proof_bytes = 0 };
    struct str rest = message;
    if (!cut_attribute('c', &rest, &final.binding) || !cut_attribute('r', &rest, &final.nonce) ||
        !is_nonce(final.nonce))
        return err_set(err, ERR_SYNTAX, "the SCRAM message has no c= and r=");
    if (final.binding.n > SCRAM_BINDING_BYTES_MAX * 4 / 3)
        return err_set(err, ERR_LIMIT, "a channel binding of more than %d bytes", SCRAM_BINDING_BYTES_MAX);
    struct str proof = STR_NIL;
    while (!str_is_nil(rest) && !cut_attribute('p', &rest, &proof))
        if (!is_extension(str_cut(rest, ',', &rest)))
            return err_set(err, ERR_SYNTAX, "the SCRAM message has something before its proof");
    if (str_is_nil(proof) || !str_is_nil(rest)) /* proof is the last: RFC 5802, 7 */
        return err_set(err, ERR_SYNTAX, "the SCRAM message does not end with its proof");
    final.without_proof = str_make(message.p, (size_t)(proof.p - message.p) - strlen(",p="));

    struct buf bytes = BUF_INIT;
    bool good = proof.n <= SCRAM_KEY_BYTES_MAX * 2 && base64_decode(proof, &bytes) &&
                (bytes.n == scram_key_bytes(SCRAM_SHA_1) || bytes.n == scram_key_bytes(SCRAM_SHA_256));
    if (good) {
        memcpy(final.proof, bytes.p, bytes.n);
        final.proof_bytes = bytes.n;
    }
    if (bytes.p)
        sodium_memzero(bytes.p, bytes.cap);
    buf_deinit(&bytes);
    if (!good)
        return err_set(err, ERR_SYNTAX, "the SCRAM proof is no base64 of a hash");
    *final_out = final;
    sodium_memzero(&final, sizeof final);
    return 0;
}

void scram_write_server_first(const struct scram_verifier *verifier, struct str nonce, struct buf *out)
{
    buf_add_lit(out, "r=");
    buf_add(out, nonce);
    buf_add_lit(out, ",s=");
    base64_encode(str_make(verifier->salt, verifier->salt_bytes), out);
    buf_printf(out, ",i=%u", verifier->iterations);
}

void scram_write_server_final(const struct scram_verifier *verifier, struct str auth_message, struct buf *out)
{
    unsigned char signature[SCRAM_KEY_BYTES_MAX];
    hmac(verifier->hash, verifier->server_key, auth_message, signature);
    buf_add_lit(out, "v=");
    base64_encode(str_make(signature, scram_key_bytes(verifier->hash)), out);
}
