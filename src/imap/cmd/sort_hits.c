#include "imap/cmd/sort_hits.h"

#include "imap/cmd/search_match.h"

#include <stdlib.h>

struct finding {
    struct search_program *program;
    bool uid;
    sort_hit_fn *fn;
    void *ctx;
    struct meta_wanted *wanted;
    size_t count, cap;
};

static void add_hit(struct finding *f, uint32_t seq, const struct message *row)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 256;
        f->wanted = realloc(f->wanted, f->cap * sizeof *f->wanted);
        if (!f->wanted)
            abort();
    }
    f->wanted[f->count] = (struct meta_wanted){ row->blob, (uint32_t)f->count };
    f->count++;
    f->fn(f->ctx, f->uid ? row->uid : seq, row);
}

static int find(struct session *s, struct finding *f, struct err *err)
{
    struct snapshot_cursor cursor = snapshot_cursor_at(s->view.snapshot, 1);
    struct chunk_span span;
    int r;
    while ((r = snapshot_cursor_next(&cursor, &span, err)) == 1) {
        for (uint32_t i = span.first; i < span.columns->count; i++) {
            struct message row;
            uint32_t seq = span.seq + (i - span.first);
            chunk_row(span.columns, i, &row);
            int match = search_program_match(f->program, seq, &row, err);
            if (match < 0)
                return match;
            if (match)
                add_hit(f, seq, &row);
        }
    }
    return r;
}

int sort_find_hits(struct session *s, const struct search_args *search, sort_hit_fn *fn, void *ctx,
                   struct meta_wanted **wanted_out, size_t *count_out, struct err *err)
{
    struct finding f = { .uid = search->uid, .fn = fn, .ctx = ctx };
    if (s->utf8_accept && !str_eq_nocase(search->charset, STR("UTF-8"))) /* RFC 9755 */
        return err_set(err, ERR_SYNTAX, "No charset but UTF-8 after ENABLE UTF8=ACCEPT");
    int r = search_program_new(s, search, &f.program, err);
    if (r == -ERR_CHARSET)
        session_code(s, "BADCHARSET (US-ASCII UTF-8)"); /* RFC 5256, 3; RFC 9051, 7.1 */
    if (r < 0)
        return r;
    r = find(s, &f, err);
    search_program_free(&f.program);
    *wanted_out = f.wanted;
    *count_out = f.count;
    return r;
}

int sort_read_keys(struct session *s, struct meta_wanted *wanted, size_t count, meta_scan_fn *fn, void *ctx,
                   struct err *err)
{
    size_t damaged;
    int r = meta_scan(mail_options(account_mail(s->selected_account))->store, account_id(s->selected_account),
                      wanted, count, fn, ctx, &damaged, err);
    if (r == 0 && damaged)
        log_error(&s->log, "sort-keys-damaged", KV("messages", damaged));
    return r;
}
