/* cmd_compress.c: COMPRESS DEFLATE.     RFC 4978
 * After login only, though the RFC would allow it before: a stranger shall not reach a decompressor, and what
 * is sent before login is a few lines. TLS never compresses here (tls.h), so there is one layer that can be
 * active: ours. */
#include "imap/cmd/command.h"
#include "imap/wire/writer.h"

int compress_run(struct session *s, const void *args, struct err *err)
{
    (void)args; /* DEFLATE is all there is */
    /* RFC 4978, 3 calls this BAD in its list of results, and NO with this code in its text and its example. */
    if (conn_is_deflated(s->conn)) {
        session_code(s, "COMPRESSIONACTIVE");
        return err_set(err, ERR_CANNOT, "DEFLATE is active already, by COMPRESS");
    }
    /* The last words in clear. */
    session_status(s, s->tag, "OK", STR_NIL, STR("DEFLATE active"));
    s->answered = true;
    int r = conn_start_deflate(s->conn, err);
    if (r < 0)
        session_bye(s, NULL, "Compression cannot be started");
    return 0;
}
