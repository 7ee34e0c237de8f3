/* What leads from one tree of names to another: a table of what was done, and what is told of it. */
#include "imap/notify_names.h"
#include "mail/testing_mail.h"

static const char *const events[] = { "created", "deleted", "renamed", "parent", "subscribed" };

static void print_changes(const struct name_change *changes, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct name_change *c = &changes[i];
        buf_printf(out, "%s%s " STR_FMT, i ? ", " : "", events[c->event], STR_ARG(c->name));
        if (!str_is_nil(c->old_name))
            buf_printf(out, " from " STR_FMT, STR_ARG(c->old_name));
        if (c->is_named_too)
            buf_add_lit(out, " too");
    }
}

/* "+a" creates, "-a" deletes, "a>b" renames, "*a" subscribes, "/a" unsubscribes; words with spaces between. */
static void act(struct bench *b, const char *what)
{
    struct str rest = str_c(what), word;
    while (rest.n) {
        struct str behind;
        word = str_cut(rest, ' ', &behind);
        rest = str_is_nil(behind) ? STR("") : behind;
        struct change change = { .arena = &b->arena };
        struct str name = str_sub(word, 1, word.n - 1), to;
        struct str from = str_cut(word, '>', &to);
        if (!str_is_nil(to)) {
            change.kind = CHANGE_RENAME;
            change.rename.from = from;
            change.rename.to = to;
        } else if (word.p[0] == '+') {
            change.kind = CHANGE_CREATE;
            change.create.name = name;
        } else if (word.p[0] == '-') {
            change.kind = CHANGE_DELETE;
            change.delete.name = name;
        } else {
            change.kind = CHANGE_SUBSCRIBE;
            change.subscribe.name = name;
            change.subscribe.subscribe = word.p[0] == '*';
        }
        assert_int_equal(account_commit(b->account, &change, 1, &b->err), 0);
    }
}

static uint64_t id_of(struct bench *b, const char *name)
{
    struct mailbox *mailbox;
    if (account_mailbox(b->account, str_c(name), &mailbox, NULL) < 0)
        return 0;
    uint64_t id = mailbox_id(mailbox);
    mailbox_unref(&mailbox);
    return id;
}

enum own { NOTHING, CREATES_A, DELETES_A, RENAMES_A_TO_B, SUBSCRIBES_A };

static struct name_doing doing(enum own own, uint64_t id)
{
    struct name_doing d = { .name = STR("a"), .mailbox_id = id };
    d.what = own == CREATES_A        ? DOING_CREATE
             : own == DELETES_A      ? DOING_DELETE
             : own == RENAMES_A_TO_B ? DOING_RENAME
                                     : DOING_SUBSCRIBE;
    d.subscribed = own == SUBSCRIBES_A;
    if (own == RENAMES_A_TO_B) {
        d.from = STR("a");
        d.name = STR("b");
    }
    return d;
}

static const struct {
    const char *before, *own_act;
    enum own own;
    const char *others_act, *want;
} cases[] = {
    { "", "", NOTHING, "", "" },
    { "", "", NOTHING, "+a", "created a" },
    { "+a", "", NOTHING, "-a", "deleted a" },
    { "+a", "", NOTHING, "a>b", "renamed b from a" },
    { "+a", "", NOTHING, "a>b b>c", "renamed c from a" },
    { "+a", "", NOTHING, "a>b b>a", "" },
    { "+a", "", NOTHING, "-a +a", "created a" },
    { "", "", NOTHING, "+a -a", "" },
    /* children are renamed too, and not told of; unless they went elsewhere */
    { "+a +a/x +a/x/y", "", NOTHING, "a>b", "renamed b from a" },
    { "+a +a/x +a/y", "", NOTHING, "a>b b/x>c", "renamed b from a, renamed c from a/x" },
    /* a parent is affected, mailbox or not; once */
    { "", "", NOTHING, "+a/x +a/y", "created a, created a/x, created a/y" },
    { "+a", "", NOTHING, "+a/x +a/y", "created a/x, created a/y, parent a" },
    { "+a/x -a", "", NOTHING, "-a/x", "deleted a/x, parent a" },
    /* subscriptions */
    { "+a", "", NOTHING, "*a", "subscribed a" },
    { "", "", NOTHING, "*ghost", "subscribed ghost" },
    { "*ghost", "", NOTHING, "/ghost", "subscribed ghost" },
    { "", "", NOTHING, "+a *a", "created a, subscribed a too" },
    { "+a *a", "", NOTHING, "a>b", "renamed b from a, subscribed a, subscribed b too" },
    /* one's own doing is not told ... */
    { "", "+a", CREATES_A, "", "" },
    { "+a", "-a", DELETES_A, "", "" },
    { "+a +a/x *a/x", "a>b", RENAMES_A_TO_B, "", "" },
    { "+a", "*a", SUBSCRIBES_A, "", "" },
    { "", "+a", CREATES_A, "+c", "created c" },
    /* ... as long as nobody undid it */
    { "", "+a", CREATES_A, "-a", "deleted a" },
    { "", "+a", CREATES_A, "-a +a", "created a" },
    { "+a", "-a", DELETES_A, "+a", "created a" },
    { "+a", "a>b", RENAMES_A_TO_B, "-b", "deleted a, deleted b" },
    { "+a", "a>b", RENAMES_A_TO_B, "b>c", "renamed c from a, deleted b" },
    { "+a", "*a", SUBSCRIBES_A, "/a", "subscribed a" },
};

static void test_name_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bench b;
        struct buf out = BUF_INIT;
        struct name_change *changes;
        size_t count;
        bench_init(&b, NULL);
        act(&b, cases[i].before);
        struct tree *old = account_tree(b.account);
        act(&b, cases[i].own_act);
        struct name_doing own = doing(cases[i].own, id_of(&b, "a"));
        act(&b, cases[i].others_act);
        struct tree *now = account_tree(b.account);
        name_changes_find(old, now, cases[i].own ? &own : NULL, &b.arena, &changes, &count);
        print_changes(changes, count, &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].want)))
            print_error("got <%s>\n", buf_c(&out));
        assert_row(str_eq(buf_str(&out), str_c(cases[i].want)), i, cases[i].want);
        tree_unref(&old);
        tree_unref(&now);
        buf_deinit(&out);
        bench_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_name_changes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
