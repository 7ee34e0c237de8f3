/* cmd_thread.c: THREAD and UID THREAD.     RFC 5256, 3 */
#include "imap/cmd/command.h"
#include "imap/cmd/sort_hits.h"
#include "imap/wire/sort_args.h"
#include "mail/thread_tree.h"

#include <stdlib.h>

enum { PIECE_NODES = 4096 }; /* written before we look whether the client still reads */

struct thread_cursor {
    struct thread_input input;
    struct thread_tree tree;
    struct thread_writer writer;
};

static void cursor_drop(struct session *s)
{
    struct thread_cursor *c = s->cursor;
    thread_tree_deinit(&c->tree);
    thread_input_deinit(&c->input);
}

static void take_hit(void *ctx, uint32_t number, const struct message *row)
{
    struct thread_cursor *c = ctx;
    thread_input_add(&c->input, number, row);
}

static int take_keys(void *ctx, uint32_t index, const struct meta_view *view, struct err *err)
{
    struct thread_cursor *c = ctx;
    (void)err;
    thread_input_take_meta(&c->input, index, view);
    return 0;
}

static int begin(struct session *s, const struct thread_args *a, struct err *err)
{
    struct thread_cursor *c = arena_new(&s->arena, struct thread_cursor);
    struct meta_wanted *wanted = NULL;
    size_t count;
    thread_input_init(&c->input, a->algorithm);
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    if (a->search.uses_modseq)
        session_enable_condstore(s);
    int r = sort_find_hits(s, &a->search, take_hit, c, &wanted, &count, err);
    if (r == 0)
        r = sort_read_keys(s, wanted, count, take_keys, c, err);
    free(wanted);
    if (r < 0)
        return r;
    thread_tree_build(&c->input, &rand_system, &c->tree);
    c->writer = thread_writer_make(&c->tree);
    buf_add_lit(session_out(s), "* THREAD");
    if (count > 0)
        buf_add_char(session_out(s), ' ');
    return 0;
}

int thread_run(struct session *s, const void *args, struct err *err)
{
    int r = s->cursor ? 0 : begin(s, args, err);
    if (r < 0)
        return r;
    struct thread_cursor *c = s->cursor;
    while (thread_writer_next(&c->writer, session_out(s), PIECE_NODES)) {
        s->half_said = session_must_wait(s);
        if (s->half_said)
            return -ERR_AGAIN;
    }
    s->half_said = false;
    buf_add_lit(session_out(s), "\r\n");
    return 0;
}
