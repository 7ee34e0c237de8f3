/* cmd_thread.c: THREAD and UID THREAD.     RFC 5256, 3 */
#include "imap/cmd/command.h"
#include "imap/cmd/sort_hits.h"
#include "imap/wire/sort_args.h"
#include "mail/thread_tree.h"

#include <stdlib.h>

enum { PIECE_NODES = 4096 }; /* written before we look whether the client still reads */

struct thread_cursor {
    struct sort_hits found;
    bool is_found; /* all of them; their keys are being read */
    bool answering;
    struct thread_input input;
    struct thread_tree tree;
    struct thread_writer writer;
};

static void cursor_drop(struct session *s)
{
    struct thread_cursor *c = s->cursor;
    sort_hits_deinit(&c->found);
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

static struct key_cache *key_cache_of(struct session *s)
{
    return mail_key_cache(account_mail(s->selected_account));
}

static int begin(struct session *s, const struct thread_args *a, struct err *err)
{
    struct thread_cursor *c = arena_new(&s->arena, struct thread_cursor);
    if (a->search.uses_modseq)
        session_enable_condstore(s);
    int r = sort_hits_init(&c->found, s, &a->search, take_hit, c, err);
    if (r < 0)
        return r;
    struct thread_keys *known = thread_keys_find(key_cache_of(s), account_id(s->selected_account).n,
                                                 mailbox_id(s->view.mailbox), s->view.snapshot->exists,
                                                 s->collation);
    thread_input_init(&c->input, a->algorithm, s->collation, known, &rand_system);
    thread_keys_unref(&known);
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    return 0;
}

static int find_and_thread(struct session *s, const struct thread_args *a, struct err *err)
{
    int r = s->cursor ? 0 : begin(s, a, err);
    if (r < 0)
        return r;
    struct thread_cursor *c = s->cursor;
    if (!c->is_found && (r = sort_hits_find(&c->found, s, err)) == 0) {
        c->is_found = true;
        sort_hits_keep(&c->found, c->input.missing, c->input.missing_count);
    }
    if (r == 0)
        r = sort_hits_read_keys(&c->found, s, take_keys, c, err);
    if (r < 0)
        return r;
    if (c->input.missing_count && !c->found.damaged)
        thread_input_keep(&c->input, key_cache_of(s), account_id(s->selected_account).n,
                          mailbox_id(s->view.mailbox));
    thread_tree_build(&c->input, &rand_system, &c->tree);
    c->writer = thread_writer_make(&c->tree);
    c->answering = true;
    buf_add_lit(session_out(s), "* THREAD");
    if (c->input.count > 0)
        buf_add_char(session_out(s), ' ');
    return 0;
}

int thread_run(struct session *s, const void *args, struct err *err)
{
    struct thread_cursor *c = s->cursor;
    int r = c && c->answering ? 0 : find_and_thread(s, args, err);
    if (r < 0)
        return r;
    c = s->cursor;
    while (thread_writer_next(&c->writer, session_out(s), PIECE_NODES)) {
        s->half_said = session_must_wait(s);
        if (s->half_said)
            return -ERR_AGAIN;
    }
    s->half_said = false;
    buf_add_lit(session_out(s), "\r\n");
    return 0;
}
