/* Any stream, cut anywhere (the first byte says how): the same commands come out,
 * and nothing is told twice. */
#include "imap/wire/framer.h"

#include "base/buf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct framer_limits limits = {
    .line_max = 60,
    .literal_max = 20,
    .nonsync_max = 10,
    .command_max = 120,
    .literals_max = 3,
    .message_max = 30,
    .messages_max = 2,
    .swallow_max = 300,
};

struct run {
    struct framer framer;
    struct buf in, told;
    uint64_t message_left;
    bool closed;
};

/* Takes what the last event freed; false: more bytes are wanted. */
static bool step(struct run *r)
{
    struct framer *f = &r->framer;
    if (r->message_left) {
        size_t take = r->message_left < r->in.n ? (size_t)r->message_left : r->in.n;
        buf_drop(&r->in, take);
        r->message_left -= take;
        return take > 0;
    }
    enum framer_event event = framer_next(f, buf_str(&r->in), NULL);
    assert(f->n <= r->in.n);
    if (event == FRAMER_MORE)
        return false;
    if (event != FRAMER_SKIP)
        buf_add_char(&r->told, (char)('0' + event));
    if (event == FRAMER_COMMAND || event == FRAMER_MESSAGE)
        buf_add(&r->told, str_sub(buf_str(&r->in), 0, f->n));
    if (event == FRAMER_COMMAND)
        assert(f->n > 0 && f->n <= limits.command_max);
    if (event == FRAMER_CLOSE) {
        r->closed = true;
        return false;
    }
    buf_drop(&r->in, f->n);
    if (event == FRAMER_MESSAGE) {
        r->message_left = f->literal_bytes;
        framer_resume(f);
    }
    if (event == FRAMER_COMMAND || event == FRAMER_SKIPPED)
        framer_start(f, &limits);
    return true;
}

static void run(struct run *r, struct str in, size_t piece)
{
    *r = (struct run){ 0 };
    framer_start(&r->framer, &limits);
    for (size_t at = 0; at < in.n && !r->closed; at += piece) {
        buf_add(&r->in, str_sub(in, at, piece));
        while (!r->closed && step(r))
            ;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct run whole, cut;
    if (n == 0)
        return 0;
    struct str in = str_make(data + 1, n - 1);
    run(&whole, in, in.n ? in.n : 1);
    run(&cut, in, 1 + data[0] % 40);
    assert(str_eq(buf_str(&whole.told), buf_str(&cut.told)));
    buf_deinit(&whole.in);
    buf_deinit(&whole.told);
    buf_deinit(&cut.in);
    buf_deinit(&cut.told);
    return 0;
}
