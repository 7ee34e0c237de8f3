#include "net/tls_ticket.h"

#include "base/codec.h"
#include "net/openssl.h"
#include "net/tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ticket_key {
    unsigned char name[16]; /* RFC 5077, 4: tells which key sealed it */
    unsigned char cipher_key[32], mac_key[32];
    int64_t made_mono_ms;
    bool set;
};

/* The newest seals; one older key for each rotation that the life of a ticket spans. */
enum { KEYS = 1 + (TLS_TICKET_LIFE_S * 1000 + TLS_TICKET_ROTATE_MS - 1) / TLS_TICKET_ROTATE_MS };

struct tls_tickets {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct ticket_key keys[KEYS]; /* newest first */
};

struct tls_tickets *tls_tickets_new(const struct clock *clock)
{
    struct tls_tickets *tickets = calloc(1, sizeof *tickets);
    if (!tickets)
        abort();
    tickets->clock = clock;
    pthread_mutex_init(&tickets->lock, NULL);
    return tickets;
}

void tls_tickets_free(struct tls_tickets **tickets)
{
    if (!*tickets)
        return;
    pthread_mutex_destroy(&(*tickets)->lock);
    OPENSSL_cleanse((*tickets)->keys, sizeof(*tickets)->keys);
    free(*tickets);
    *tickets = NULL;
}

/* Make a key when there is none or the newest has sealed long enough. False when there is no randomness. */
static bool rotate(struct tls_tickets *tickets, int64_t now_ms)
{
    struct ticket_key key = { .made_mono_ms = now_ms, .set = true };
    if (tickets->keys[0].set && now_ms - tickets->keys[0].made_mono_ms < TLS_TICKET_ROTATE_MS)
        return true;
    if (RAND_bytes(key.name, sizeof key.name) != 1 ||
        RAND_priv_bytes(key.cipher_key, sizeof key.cipher_key) != 1 ||
        RAND_priv_bytes(key.mac_key, sizeof key.mac_key) != 1)
        return false;
    memmove(&tickets->keys[1], &tickets->keys[0], (KEYS - 1) * sizeof tickets->keys[0]);
    tickets->keys[0] = key;
    OPENSSL_cleanse(&key, sizeof key);
    return true;
}

static int64_t open_ms(void)
{
    return TLS_TICKET_ROTATE_MS + (int64_t)TLS_TICKET_LIFE_S * 1000;
}

static bool find(const struct tls_tickets *tickets, const unsigned char name[16], int64_t now_ms,
                 struct ticket_key *key_out)
{
    for (size_t i = 0; i < KEYS; i++) {
        const struct ticket_key *key = &tickets->keys[i];
        if (key->set && memcmp(key->name, name, sizeof key->name) == 0 &&
            now_ms - key->made_mono_ms < open_ms()) {
            *key_out = *key;
            return true;
        }
    }
    return false;
}

static bool use_key(const struct ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, bool seal)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher_key, iv, seal) == 1 &&
           EVP_MAC_init(mac, key->mac_key, sizeof key->mac_key, params) == 1;
}

/* Returns 1 done, 0 no such key (full handshake), negative on failure. See
 * SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    struct tls_tickets *tickets = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int64_t now_ms = clock_mono_ms(tickets->clock);
    struct ticket_key key;
    bool found;

    /* RFC 5077, 3.3: TLS 1.2 has promised a ticket by now; an empty one takes that back. Who has shown a certificate
     * shows it each time, so that one that was revoked since opens nothing. */
    if (seal && SSL_get0_peer_certificate(ssl))
        return 0;
    pthread_mutex_lock(&tickets->lock);
    if (seal) {
        found = rotate(tickets, now_ms);
        key = tickets->keys[0];
    } else {
        found = find(tickets, name, now_ms, &key);
    }
    pthread_mutex_unlock(&tickets->lock);
    if (!found)
        return seal ? -1 : 0;

    bool ok = true;
    if (seal) {
        memcpy(name, key.name, sizeof key.name);
        ok = RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1;
    }
    ok = ok && use_key(&key, iv, cipher, mac, seal != 0);
    OPENSSL_cleanse(&key, sizeof key);
    return ok ? 1 : -1;
}

/* ---- over a restart ---- */

static const struct str magic = STR_INIT("LoftTix1");

void tls_tickets_encode(struct tls_tickets *tickets, struct buf *out)
{
    int64_t now_ms = clock_mono_ms(tickets->clock);
    buf_reserve(out, 1024); /* grows no more, and leaves no copies of secrets behind */
    buf_add(out, magic);
    buf_put_u64(out, (uint64_t)clock_wall_ms(tickets->clock));
    pthread_mutex_lock(&tickets->lock);
    for (size_t i = 0; i < KEYS; i++) {
        const struct ticket_key *key = &tickets->keys[i];
        if (!key->set)
            break;
        buf_add_bytes(out, key->name, sizeof key->name);
        buf_add_bytes(out, key->cipher_key, sizeof key->cipher_key);
        buf_add_bytes(out, key->mac_key, sizeof key->mac_key);
        buf_put_u64(out, (uint64_t)(now_ms - key->made_mono_ms));
    }
    pthread_mutex_unlock(&tickets->lock);
}

static void take_bytes(struct reader *r, unsigned char *out, size_t n)
{
    struct str bytes = reader_bytes(r, n);
    if (!r->bad)
        memcpy(out, bytes.p, n);
}

int tls_tickets_decode(struct tls_tickets *tickets, struct str bytes, struct err *err)
{
    struct ticket_key keys[KEYS] = { { .set = false } };
    int64_t now_ms = clock_mono_ms(tickets->clock), wall_ms = clock_wall_ms(tickets->clock);
    struct reader r = reader_make(bytes);
    size_t count = 0;
    bool known = str_eq(reader_bytes(&r, magic.n), magic);
    uint64_t written_wall_ms = reader_u64(&r);
    while (known && !r.bad && reader_left(&r) > 0 && count < KEYS) {
        struct ticket_key *key = &keys[count];
        take_bytes(&r, key->name, sizeof key->name);
        take_bytes(&r, key->cipher_key, sizeof key->cipher_key);
        take_bytes(&r, key->mac_key, sizeof key->mac_key);
        uint64_t age_ms = reader_u64(&r);
        bool later = written_wall_ms > (uint64_t)wall_ms || age_ms > (uint64_t)open_ms();
        uint64_t away_ms = later ? 0 : (uint64_t)wall_ms - written_wall_ms;
        key->set = !r.bad && !later && away_ms < (uint64_t)open_ms();
        key->made_mono_ms = now_ms - (int64_t)(key->set ? age_ms + away_ms : 0);
        count += key->set;
    }
    bool good = known && !r.bad && reader_left(&r) == 0;
    if (good && count > 0) {
        pthread_mutex_lock(&tickets->lock);
        memcpy(tickets->keys, keys, sizeof keys);
        pthread_mutex_unlock(&tickets->lock);
    }
    OPENSSL_cleanse(keys, sizeof keys);
    return good ? 0 : err_set(err, ERR_CORRUPT, "no keys of session tickets");
}

void tls_tickets_install(struct tls_tickets *tickets, struct ssl_ctx_st *ctx)
{
    SSL_CTX_set_app_data(ctx, tickets);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
