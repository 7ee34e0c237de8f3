#include "admin/certificates.h"

#include "net/cert.h"

#include <dirent.h>
#include <errno.h>

enum { DAY_MS = 24 * 3600 * 1000 };

/* ---- which there are ---- */

struct list {
    struct tls_pair *pairs; /* TLS_PAIRS_MAX of them */
    size_t count;
};

static int own_certificate(const struct config *config, struct str host_name, struct certificates *out,
                           struct list *list, struct err *err)
{
    struct str path = arena_printf(&out->arena, "%s/self-signed.pem", config->data.folder);
    if (host_name.n == 0)
        return 0;
    int r = cert_ensure_self_signed(path.p, host_name, &clock_system, &out->made, err);
    if (r < 0)
        return r;
    out->self_signed = true;
    list->pairs[list->count++] = (struct tls_pair){ path.p, path.p };
    return 0;
}

/* Every NAME.crt of tls.sni_folder, with NAME.key. */
static int sni_certificates(const char *folder, struct arena *arena, struct list *list, struct err *err)
{
    if (!*folder)
        return 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return err_set_errno(err, errno, "tls.sni_folder %s", folder);
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(dir));) {
        struct str name = str_c(entry->d_name);
        if (!str_ends(name, STR(".crt")))
            continue;
        if (list->count == TLS_PAIRS_MAX) {
            r = err_set(err, ERR_LIMIT, "more than %d certificates in %s", TLS_PAIRS_MAX, folder);
            break;
        }
        int stem = (int)(name.n - 4);
        list->pairs[list->count++] =
            (struct tls_pair){ arena_printf(arena, "%s/%s", folder, entry->d_name).p,
                               arena_printf(arena, "%s/%.*s.key", folder, stem, entry->d_name).p };
    }
    closedir(dir);
    return r;
}

int certificates_find(const struct config *c, struct str host_name, struct certificates *out, struct err *err)
{
    int r = 0;
    *out = (struct certificates){ .made = false };
    struct list list = { arena_new_array(&out->arena, struct tls_pair, TLS_PAIRS_MAX), 0 };
    if (*c->tls.certificate)
        list.pairs[list.count++] = (struct tls_pair){ c->tls.certificate, c->tls.key };
    else
        r = own_certificate(c, host_name, out, &list, err);
    if (r == 0)
        r = sni_certificates(c->tls.sni_folder, &out->arena, &list, err);
    out->options = (struct tls_options){
        .pairs = list.pairs,
        .pair_count = list.count,
        .policy = { .min_version = c->tls.min_version == CONFIG_TLS_1_3 ? TLS_1_3 : TLS_1_2,
                    .ciphers = c->tls.ciphers,
                    .ciphersuites = c->tls.ciphersuites,
                    .groups = c->tls.groups,
                    .client_chooses = !c->tls.server_preference },
        .trust = { .ca_path = c->tls.client_ca,
                   .crl_path = c->tls.client_crl,
                   .depth = (unsigned)c->tls.client_depth,
                   .name = (enum tls_client_name)c->tls.client_name },
        .clock = &clock_system,
    };
    return r;
}

void certificates_deinit(struct certificates *certificates)
{
    arena_deinit(&certificates->arena);
}

int certificates_check(const struct config *config, struct err *err)
{
    struct certificates certificates;
    int r = certificates_find(config, STR(""), &certificates, err);
    if (r == 0)
        r = tls_options_check(&certificates.options, err);
    certificates_deinit(&certificates);
    return r < 0 ? err_context(err, "[tls]") : 0;
}

/* ---- when they run out ---- */

bool certificates_must_warn(int64_t now_wall_ms, int64_t expires_wall_ms, int32_t *told_io)
{
    static const int32_t marks[] = { 1, 3, 7, 14, 30 }; /* days left */
    int64_t left_ms = expires_wall_ms - now_wall_ms;
    int32_t told = *told_io, tell = CERTIFICATES_NOTHING_TOLD;
    if (left_ms <= 0)
        tell = (int32_t)(left_ms / DAY_MS) - 1; /* -1 on the first day, -2 on the second */
    for (size_t i = 0; left_ms > 0 && tell == CERTIFICATES_NOTHING_TOLD && i < ARRAY_COUNT(marks); i++)
        if (left_ms <= marks[i] * (int64_t)DAY_MS)
            tell = marks[i];
    *told_io = tell;
    return tell < told;
}
