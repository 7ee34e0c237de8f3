/* testing_sasl.h: a server for exchanges, with a provider that knows every kind of credential, and a client of SCRAM.
 *
 *   anna, bob   password "pencil", token "good-token" is anna's
 *   down        the provider cannot be asked */
#ifndef LOFT_AUTH_TESTING_SASL_H
#define LOFT_AUTH_TESTING_SASL_H

#include "auth/sasl/sasl.h"
#include "base/rand.h"

#define TESTING_SALT "0123456789abcdef"

struct testing_sasl {
    struct store *store;
    struct clock_fake clock;
    struct users *users;
    struct guard *guard;
    struct auth *auth;
    struct auth_peer peer;
    struct sasl_settings settings;
    struct sasl_channel channel; /* TLS, with a binding "tls-exporter" */
    struct rand_seeded rand;
    struct sasl_params params;
};

void testing_sasl_begin(struct testing_sasl *t);
void testing_sasl_end(struct testing_sasl *t);

/* channel.binding */
int testing_sasl_binding(void *ctx, struct str name, unsigned char data_out[SASL_BINDING_BYTES_MAX],
                         size_t *bytes_out, struct err *err);
#define TESTING_BINDING "0123456789abcdef0123456789abcdef"

/* What a client answers to `server_first`, when it has sent `gs2_header` and behind it `bare`.
 *   binding  data behind the header in "c="
 *   signature_out  what "v=" should be, in base64 */
void testing_scram_final(enum scram_hash hash, struct str password, struct str gs2_header, struct str bare,
                         struct str binding, struct str server_first, struct buf *final_out,
                         struct buf *signature_out);

#endif
