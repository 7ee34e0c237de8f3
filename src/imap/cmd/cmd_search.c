/* cmd_search.c: SEARCH and UID SEARCH.
 * RFC 9051, 6.4.4 and 7.3.4; RFC 4731 (ESEARCH); RFC 5182 (SEARCHRES); RFC 7162, 3.1.5; RFC 9394 (PARTIAL);
 * RFC 5267 (UPDATE) */
#include "imap/cmd/command.h"
#include "imap/cmd/limit.h"
#include "imap/cmd/search_find.h"
#include "imap/context.h"

struct search_cursor {
    struct search_find find;
    bool answering;
    struct answer answer;
};

static void cursor_drop(struct session *s)
{
    struct search_cursor *c = s->cursor;
    search_find_deinit(&c->find);
}

static int begin(struct session *s, const struct search_args *a, struct err *err)
{
    struct search_cursor *c = arena_new(&s->arena, struct search_cursor);
    struct search_place place = search_place_selected(s);
    if (s->utf8_accept && !str_is_nil(a->charset)) /* RFC 9755: the client has said that all is UTF-8 */
        return err_set(err, ERR_SYNTAX, "No CHARSET after ENABLE UTF8=ACCEPT");
    int r = context_check_tag(s, a, err);
    if (r == 0 && a->partial.first)
        r = limit_page(s, &a->partial, err);
    if (r < 0)
        return r;
    if (a->uses_modseq)
        session_enable_condstore(s);
    r = search_find_init(&c->find, s, &place, a, &s->arena, err);
    if (r < 0)
        return r;
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    return search_walk_limit(&c->find.walk, s, false, err);
}

static int find(struct session *s, const struct search_args *a, struct err *err)
{
    struct found found;
    int r = s->cursor ? 0 : begin(s, a, err);
    if (r < 0)
        return r;
    struct search_cursor *c = s->cursor;
    r = search_find_run(&c->find, s, &found, err);
    if (r < 0)
        return r;
    c->answering = true;
    return answer_init(&c->answer, s, a, &found, &c->find.walk.place, s->rev2 ? NULL : "* SEARCH", STR_NIL,
                       &s->arena, err);
}

int search_run(struct session *s, const void *args, struct err *err)
{
    const struct search_args *a = args;
    struct search_cursor *c = s->cursor;
    if (!c || !c->answering) {
        int r = find(s, a, err);
        bool saves = a->return_bits & SEARCH_RETURN_SAVE;
        if (saves && r < 0 && r != -ERR_AGAIN)
            answer_save_nothing(s);
        if (r < 0)
            return r;
        c = s->cursor;
        if (saves)
            answer_save(&c->answer, s);
    }
    int r = answer_write(&c->answer, s);
    if (r == 0 && a->return_bits & SEARCH_RETURN_UPDATE)
        r = context_add(s, a, NULL, 0, &c->answer.found.uids, c->answer.correlator, err);
    return r;
}
