/* certificates.h: the settings of [tls] as net/tls.h takes them, and when to tell that a certificate runs out.
 * Threads: none needed. */
#ifndef LOFT_ADMIN_CERTIFICATES_H
#define LOFT_ADMIN_CERTIFICATES_H

#include "admin/config.h"
#include "base/arena.h"
#include "net/tls.h"

struct certificates {
    struct tls_options options; /* borrows the configuration, too */
    bool made;                  /* the self-signed one is new: tell the operator, clients will ask */
    bool self_signed;           /* the first is ours */
    struct arena arena;
};

/* Look which there are: tls.certificate, or a self-signed one in the data folder, and those of tls.sni_folder.
 *   host_name  for a self-signed one, made where there is none; "": none is made, `out` may be without any
 *   errors     -ERR_IO, -ERR_NOT_FOUND ... of the folder; -ERR_LIMIT; those of cert_ensure_self_signed
 * certificates_deinit() is needed after errors, too. */
MUST_USE int certificates_find(const struct config *config, struct str host_name, struct certificates *out,
                               struct err *err);
void certificates_deinit(struct certificates *certificates);

/* For `loft config check`: every file named in [tls] can be read and used, every cipher is known. */
MUST_USE int certificates_check(const struct config *config, struct err *err);

/* Whether to tell now: once when 30, 14, 7, 3 and 1 days are left, then once a day when it has run out.
 *   told_io  what was told last: begin with CERTIFICATES_NOTHING_TOLD, and again when there is another certificate */
enum { CERTIFICATES_NOTHING_TOLD = INT32_MAX };
bool certificates_must_warn(int64_t now_wall_ms, int64_t expires_wall_ms, int32_t *told_io);

#endif
