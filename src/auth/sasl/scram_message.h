/* scram_message.h: the messages of SCRAM, and its proofs, as a server needs them.     RFC 5802; RFC 7677
 *
 *   C: n,,n=user,r=cnonce                      client-first: GS2 header, then "bare"
 *   S: r=cnonce snonce,s=salt,i=4096           server-first
 *   C: c=base64(GS2 header, channel binding),r=cnonce snonce,p=proof
 *   S: v=signature                             server-final
 *
 *   AuthMessage = client-first-bare "," server-first "," client-final without ",p=..."
 *   proof = ClientKey XOR HMAC(StoredKey, AuthMessage)      signature = HMAC(ServerKey, AuthMessage)
 * Bytes in, values out, no I/O. Extensions that we do not know are skipped, but for "m=", which must be refused (5.1).
 * Threads: none needed. */
#ifndef LOFT_AUTH_SCRAM_MESSAGE_H
#define LOFT_AUTH_SCRAM_MESSAGE_H

#include "auth/sasl/gs2.h"
#include "auth/scram.h"
#include "base/buf.h"

enum {
    SCRAM_NONCE_BYTES_MAX = 256,   /* of the client */
    SCRAM_BINDING_BYTES_MAX = 512, /* in base64 it may take 4/3 of that */
};

struct scram_client_first {
    struct gs2_header header;
    char name[USER_NAME_BYTES_MAX + 1]; /* decoded */
    struct str nonce, bare;             /* borrow the message */
};

/* -ERR_SYNTAX; -ERR_LIMIT: a name or nonce above its limit; -ERR_CANNOT: an extension that must be understood */
MUST_USE int scram_parse_client_first(struct str message, struct scram_client_first *first_out,
                                      struct err *err);

/* Append "r=...,s=...,i=...".
 *   nonce  the client's and behind it ours, which is printable and has no comma */
void scram_write_server_first(const struct scram_verifier *verifier, struct str nonce, struct buf *out);

struct scram_client_final {
    struct str binding;       /* borrows: base64 */
    struct str nonce;         /* borrows: client's and server's */
    struct str without_proof; /* borrows: what goes into AuthMessage */
    unsigned char proof[SCRAM_KEY_BYTES_MAX];
    size_t proof_bytes; /* 20 or 32 */
};

/* -ERR_SYNTAX; -ERR_LIMIT */
MUST_USE int scram_parse_client_final(struct str message, struct scram_client_final *final_out,
                                      struct err *err);

/* Is `binding`, as it came in base64, just the GS2 header and then `data`? In time that depends on their lengths alone. */
bool scram_binding_matches(struct str binding, struct str gs2_header, struct str data);

/* Does whoever made `proof` know the password? In time that does not depend on the answer. */
bool scram_proof_matches(const struct scram_verifier *verifier, struct str auth_message,
                         const struct scram_client_final *final);

/* Append "v=...", which shows the client that we know the verifier. */
void scram_write_server_final(const struct scram_verifier *verifier, struct str auth_message,
                              struct buf *out);

#endif
