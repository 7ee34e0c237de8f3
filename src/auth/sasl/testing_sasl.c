#include "auth/sasl/testing_sasl.h"

#include "auth/guard.h"
#include "auth/openssl.h"
#include "auth/scram.h"
#include "base/codec.h"
#include "store/mem/mem.h"

#include <assert.h>
#include <stdlib.h>

/* ---- the provider ---- */

static int look(struct str name, struct err *err)
{
    if (str_eq(name, STR("down")))
        return err_set(err, ERR_UNAVAILABLE, "the provider is down");
    if (!str_eq(name, STR("anna")) && !str_eq(name, STR("bob")))
        return err_set(err, ERR_NOT_FOUND, "no such user");
    return 0;
}

static int find(void *provider, struct str name, struct provider_answer *answer, struct err *err)
{
    (void)provider, (void)answer;
    return look(name, err);
}

static int verify(void *provider, struct str name, struct str password, const struct auth_peer *peer,
                  struct provider_answer *answer, struct err *err)
{
    (void)provider, (void)peer, (void)answer;
    int r = look(name, err);
    if (r == 0 && !str_eq(password, STR("pencil")))
        r = err_set(err, ERR_AUTH, "wrong");
    return r;
}

static int scram(void *provider, struct str name, enum scram_hash hash, struct scram_verifier *verifier_out,
                 struct provider_answer *answer, struct err *err)
{
    (void)provider, (void)answer;
    int r = look(name, err);
    if (r == 0)
        r = scram_derive(hash, STR("pencil"), STR(TESTING_SALT), 4096, verifier_out, err);
    return r;
}

static int token(void *provider, struct str name, struct str token_text, const struct auth_peer *peer,
                 struct provider_answer *answer, struct err *err)
{
    (void)provider, (void)peer;
    if (str_eq(token_text, STR("down")))
        return err_set(err, ERR_UNAVAILABLE, "the issuer is down");
    if (!str_eq(token_text, STR("good-token")) || (name.n && !str_eq(name, STR("anna")))) {
        answer->reason = AUTH_TOKEN_BAD;
        answer->token_fault = TOKEN_SIGNATURE;
        return err_set(err, ERR_AUTH, "wrong");
    }
    memcpy(answer->name, "anna", sizeof "anna");
    return 0;
}

static void free_provider(void *provider)
{
    (void)provider;
}

static const struct provider_ops ops = {
    .name = "own", .find = find, .verify = verify, .scram = scram, .token = token, .free = free_provider
};

/* ---- the server ---- */

int testing_sasl_binding(void *ctx, struct str name, unsigned char data_out[SASL_BINDING_BYTES_MAX],
                         size_t *bytes_out, struct err *err)
{
    (void)ctx;
    if (!str_eq(name, STR("tls-exporter")))
        return err_set(err, ERR_CANNOT, "no such channel binding");
    *bytes_out = strlen(TESTING_BINDING);
    memcpy(data_out, TESTING_BINDING, *bytes_out);
    return 0;
}

void testing_sasl_begin(struct testing_sasl *t)
{
    struct user user;
    *t = (struct testing_sasl){ .peer = { .protocol = "imap", .address = "192.0.2.1" } };
    clock_fake_init(&t->clock, 1700000000000);
    rand_seeded_init(&t->rand, 1);
    struct users_params users_params = { .hash_passes = 1, .hash_memory_bytes = 8192 };
    if (mem_store_open((struct mem_store_options){ NULL }, &t->store, NULL) < 0)
        abort();
    users_params.store = t->store;
    users_params.clock = &t->clock.clock;
    if (users_open(&users_params, &t->users, NULL) < 0 ||
        users_add(t->users, STR("anna"), STR("another password"), &user, NULL) < 0 ||
        users_add(t->users, STR("bob"), STR("another password"), &user, NULL) < 0)
        abort();
    t->guard = guard_new(&(struct guard_params){ .clock = &t->clock.clock, .failure_forget_s = 1 });
    const struct auth_params params = { .users = t->users,
                                        .clock = &t->clock.clock,
                                        .providers = { { &ops, NULL, 2 } },
                                        .provider_count = 1,
                                        .guard = t->guard,
                                        .waiters_max = 1,
                                        .scram_iterations = 4096 };
    if (auth_new(&params, &t->auth, NULL) < 0)
        abort();
    t->settings.mechanisms = ~0u;
    t->settings.hint.scope = STR("mail");
    t->channel = (struct sasl_channel){ .private_enough = true, .binding = testing_sasl_binding };
    t->params = (struct sasl_params){ t->auth, &t->settings, &t->peer, &t->channel, &t->rand.source };
}

void testing_sasl_end(struct testing_sasl *t)
{
    auth_free(&t->auth);
    guard_free(&t->guard);
    users_free(&t->users);
    store_close(&t->store);
}

/* ---- the client ---- */

static void hmac(const EVP_MD *md, const unsigned char *key, size_t n, struct str text, unsigned char *out)
{
    if (!HMAC(md, key, (int)n, (const unsigned char *)text.p, text.n, out, NULL))
        abort();
}

void testing_scram_final(enum scram_hash hash, struct str password, struct str gs2_header, struct str bare,
                         struct str binding, struct str server_first, struct buf *final_out,
                         struct buf *signature_out)
{
    const EVP_MD *md = hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
    size_t n = scram_key_bytes(hash);
    unsigned char salted[SCRAM_KEY_BYTES_MAX], client[SCRAM_KEY_BYTES_MAX], stored[SCRAM_KEY_BYTES_MAX],
        server[SCRAM_KEY_BYTES_MAX], proof[SCRAM_KEY_BYTES_MAX];
    struct str rest = server_first, nonce = str_cut(rest, ',', &rest), salt64 = str_cut(rest, ',', &rest);
    uint64_t iterations = 0;
    struct buf salt = BUF_INIT, message = BUF_INIT;
    assert(str_to_u64(str_skip(rest, 2), SCRAM_ITERATIONS_MAX, &iterations) &&
           base64_decode(str_skip(salt64, 2), &salt));
    PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (unsigned char *)salt.p, (int)salt.n, (int)iterations, md,
                      (int)n, salted);
    hmac(md, salted, n, STR("Client Key"), client);
    hmac(md, salted, n, STR("Server Key"), server);
    EVP_Digest(client, n, stored, NULL, md, NULL);

    buf_add(&message, gs2_header);
    buf_add(&message, binding);
    buf_clear(final_out);
    buf_add_lit(final_out, "c=");
    base64_encode(buf_str(&message), final_out);
    buf_printf(final_out, "," STR_FMT, STR_ARG(nonce));
    buf_clear(&message);
    buf_printf(&message, STR_FMT "," STR_FMT "," STR_FMT, STR_ARG(bare), STR_ARG(server_first),
               STR_ARG(buf_str(final_out)));
    hmac(md, stored, n, buf_str(&message), proof);
    for (size_t i = 0; i < n; i++)
        proof[i] ^= client[i];
    buf_add_lit(final_out, ",p=");
    base64_encode(str_make(proof, n), final_out);
    hmac(md, server, n, buf_str(&message), proof);
    buf_clear(signature_out);
    base64_encode(str_make(proof, n), signature_out);
    buf_deinit(&salt);
    buf_deinit(&message);
}
