#include "net/tls_file.h"

#include "base/file.h"
#include "net/openssl.h"
#include "net/tls.h"

#include <stdlib.h>

int tls_file_open(const char *path, struct buf *bytes, BIO **bio_out, struct err *err)
{
    int r = file_read(path, TLS_FILE_BYTES_MAX, bytes, err);
    if (r < 0)
        return r;
    if (!(*bio_out = BIO_new_mem_buf(bytes->p ? bytes->p : "", (int)bytes->n)))
        abort();
    return 0;
}

int tls_file_error(struct err *err, const char *path, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_INVALID, "%s: %s%s%s", path, what, reason ? ": " : "", reason ? reason : "");
}
