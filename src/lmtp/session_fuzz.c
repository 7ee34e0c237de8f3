#include "lmtp/testing_lmtp.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What the session said to `in`, sent in pieces of `piece`, in the rig's arena. */
static struct str said(struct rig *rig, struct str in, size_t piece)
{
    rig_connect(rig);
    bool open = true;
    for (size_t at = 0; open && at < in.n; at += piece)
        open = rig_send(rig, str_sub(in, at, piece), CONN_INPUT);
    if (open)
        rig_send(rig, STR_NIL, CONN_EOF);
    struct str out = arena_dup(&rig->b.arena, buf_str(&rig->conn.out));
    rig_disconnect(rig);
    return out;
}

/* Whatever comes in, replies are lines of three digits, and the same in one piece as in small ones; save
 * where a refused DATA ends the connection because more had come already. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct rig rig;
    static unsigned runs;
    if (runs++ % 1000 == 0) { /* mail piles up */
        if (runs > 1)
            rig_deinit(&rig);
        rig_init(&rig);
    }
    struct str in = str_make(data, n);
    struct str whole = said(&rig, in, n), pieces = said(&rig, in, 7);
    if (str_find(whole, STR("\r\n503 5.5.1 No valid")) < 0 &&
        str_find(whole, STR("\r\n503 5.5.1 BDAT was")) < 0)
        assert(str_eq(whole, pieces));
    for (struct str line; whole.n;) {
        line = str_cut(whole, '\n', &whole);
        assert(line.n >= 5 && line.n <= 511 && line.p[line.n - 1] == '\r');
        assert(ascii_is_digit(line.p[0]) && ascii_is_digit(line.p[1]) && ascii_is_digit(line.p[2]));
        assert(line.p[3] == ' ' || line.p[3] == '-');
    }
    arena_reset(&rig.b.arena);
    return 0;
}
