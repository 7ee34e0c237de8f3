/* Any bytes as one command: every argument grammar, as stranger and as user, both mailbox encodings. */
#include "base/buf.h"
#include "imap/wire/acl_args.h"
#include "imap/wire/append_args.h"
#include "imap/wire/esearch_args.h"
#include "imap/wire/fetch_args.h"
#include "imap/wire/list_args.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/message_args.h"
#include "imap/wire/metadata_args.h"
#include "imap/wire/notify_args.h"
#include "imap/wire/quota_args.h"
#include "imap/wire/search_args.h"
#include "imap/wire/search_filter.h"
#include "imap/wire/session_args.h"
#include "imap/wire/sort_args.h"
#include "imap/wire/writer.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_fetch(const void *args)
{
    const struct fetch_args *fetch = args;
    struct buf out = BUF_INIT;
    assert(fetch->att_count > 0);
    for (size_t i = 0; i < fetch->att_count; i++)
        fetch_att_write_name(&fetch->atts[i], &out);
    for (size_t i = 0; i < out.n; i++)
        assert(out.p[i] >= 0x20);
    buf_deinit(&out);
}

static void check_search(const void *args)
{
    const struct search_args *search = args;
    assert(search->node_count > 1 && search->nodes[0].end == search->node_count);
    for (uint32_t i = 0; i < search->node_count; i++) {
        const struct search_node *node = &search->nodes[i];
        unsigned children = 0;
        assert(node->end > i && node->end <= search->node_count);
        for (uint32_t child = i + 1; child < node->end; child = search->nodes[child].end)
            children++;
        assert(node->key == SEARCH_AND   ? children >= 1
               : node->key == SEARCH_OR  ? children == 2
               : node->key == SEARCH_NOT ? children == 1
                                         : children == 0);
    }
}

static void check_esearch(const void *args)
{
    const struct esearch_args *esearch = args;
    assert(esearch->source_count >= 1 && esearch->search.uid);
    for (size_t i = 0; i < esearch->source_count; i++)
        assert(esearch->sources[i].filter != NOTIFY_SELECTED_DELAYED &&
               (esearch->sources[i].filter < NOTIFY_SUBTREE || esearch->sources[i].name_count > 0));
    check_search(&esearch->search);
}

static void check_sort(const void *args)
{
    const struct sort_args *sort = args;
    assert(sort->criterion_count >= 1 && sort->criterion_count <= SORT_CRITERIA_MAX &&
           sort->search.charset.p);
    for (size_t i = 0; i < sort->criterion_count; i++)
        for (size_t k = 0; k < i; k++)
            assert(sort->criteria[i].key != sort->criteria[k].key);
    check_search(&sort->search);
}

static void check_thread(const void *args)
{
    const struct thread_args *thread = args;
    assert(thread->algorithm <= THREAD_REFS && !thread->search.has_return && thread->search.charset.p);
    check_search(&thread->search);
}

static void check_entries(const struct metadata_entries *entries)
{
    assert(entries->count >= 1 && entries->count <= METADATA_ENTRIES_MAX);
    for (size_t i = 0; i < entries->count; i++)
        for (size_t k = 0; k < entries->items[i].name.n; k++)
            assert(entries->items[i].name.p[k] >= 0x20 && entries->items[i].name.p[k] < 0x7f);
}

static void check_getmetadata(const void *args)
{
    check_entries(&((const struct getmetadata_args *)args)->entries);
}

static void check_setmetadata(const void *args)
{
    check_entries(&((const struct setmetadata_args *)args)->entries);
}

static void check_mailbox(const void *args)
{
    const struct mailbox_args *mailbox = args;
    struct buf out = BUF_INIT;
    write_mailbox(&out, mailbox->mailbox, false);
    write_mailbox(&out, mailbox->mailbox, true);
    buf_deinit(&out);
}

static void check_notify(const void *args)
{
    const struct notify_args *notify = args;
    struct arena arena = ARENA_INIT;
    const struct notify_args *copy = notify_args_copy(notify, &arena);
    const unsigned both = EVENT_MESSAGE_NEW | EVENT_MESSAGE_EXPUNGE;
    size_t selected = 0;
    assert(notify->none == (notify->group_count == 0) && copy->group_count == notify->group_count);
    for (size_t i = 0; i < copy->group_count; i++) {
        const struct notify_group *group = &copy->groups[i];
        bool named = group->filter == NOTIFY_SUBTREE || group->filter == NOTIFY_MAILBOXES;
        assert(named == (group->name_count > 0));
        assert(!(group->events & EVENTS_OF_MESSAGES) || (group->events & both) == both);
        assert(!group->fetch || group->filter <= NOTIFY_SELECTED_DELAYED);
        if (group->fetch)
            check_fetch(group->fetch);
        selected += group->filter <= NOTIFY_SELECTED_DELAYED;
    }
    assert(selected <= 1);
    arena_deinit(&arena);
}

static const struct command_row {
    struct str name;
    int (*parse)(struct parser *p, const void **args_out, struct err *err);
    void (*check)(const void *args);
} rows[] = {
    { STR_INIT("NOOP"), no_args_parse, NULL },
    { STR_INIT("LOGIN"), login_args_parse, NULL },
    { STR_INIT("AUTHENTICATE"), authenticate_args_parse, NULL },
    { STR_INIT("ENABLE"), enable_args_parse, NULL },
    { STR_INIT("COMPRESS"), compress_args_parse, NULL },
    { STR_INIT("ID"), id_args_parse, NULL },
    { STR_INIT("SELECT"), select_args_parse, NULL },
    { STR_INIT("CREATE"), create_args_parse, NULL },
    { STR_INIT("DELETE"), mailbox_args_parse, check_mailbox },
    { STR_INIT("RENAME"), rename_args_parse, NULL },
    { STR_INIT("STATUS"), status_args_parse, NULL },
    { STR_INIT("LIST"), list_args_parse, NULL },
    { STR_INIT("LSUB"), lsub_args_parse, NULL },
    { STR_INIT("FETCH"), fetch_args_parse, check_fetch },
    { STR_INIT("ESEARCH"), esearch_args_parse, check_esearch },
    { STR_INIT("SEARCH"), search_args_parse, check_search },
    { STR_INIT("SORT"), sort_args_parse, check_sort },
    { STR_INIT("CANCELUPDATE"), cancelupdate_args_parse, NULL },
    { STR_INIT("THREAD"), thread_args_parse, check_thread },
    { STR_INIT("STORE"), store_args_parse, NULL },
    { STR_INIT("COPY"), copy_args_parse, NULL },
    { STR_INIT("EXPUNGE"), set_args_parse, NULL },
    { STR_INIT("UIDBATCHES"), uidbatches_args_parse, NULL },
    { STR_INIT("NOTIFY"), notify_args_parse, check_notify },
    { STR_INIT("GETMETADATA"), getmetadata_args_parse, check_getmetadata },
    { STR_INIT("SETMETADATA"), setmetadata_args_parse, check_setmetadata },
    { STR_INIT("SETACL"), setacl_args_parse, NULL },
    { STR_INIT("DELETEACL"), acl_args_parse, NULL },
    { STR_INIT("APPEND"), append_args_parse, NULL },
    { STR_INIT("REPLACE"), replace_args_parse, NULL },
    { STR_INIT("GETQUOTA"), quota_args_parse, NULL },
    { STR_INIT("SETQUOTA"), setquota_args_parse, NULL },
};

static void parse_message(struct parser *p)
{
    struct append_message message;
    struct append_part part = { .kind = APPEND_PART_URL };
    int r = append_message_parse(p, &message, NULL);
    for (bool first = true; r == 0 && message.is_catenate && part.kind == APPEND_PART_URL; first = false)
        r = append_part_parse(p, first, &part, NULL);
}

/* Filters that lead on, to themselves, or nowhere. */
static int find_filter(void *ctx, struct str name, struct arena *arena, struct str *value_out,
                       struct err *err)
{
    (void)ctx, (void)arena;
    if (str_eq_nocase(name, STR("none")))
        return err_set(err, ERR_NOT_FOUND, "no such filter");
    *value_out = str_eq_nocase(name, STR("loop"))   ? STR("OR FILTER loop FILTER other")
                 : str_eq_nocase(name, STR("half")) ? STR("OR SEEN")
                                                    : STR("NOT (FROM {1}\r\nx UID 1:*) FILTER last");
    if (str_eq_nocase(name, STR("last")))
        *value_out = STR("ALL");
    return 0;
}

static void parse(struct str in, const struct parser_limits *limits, bool utf8)
{
    struct arena arena = ARENA_INIT;
    struct parser p;
    struct str tag, name;
    struct err err = { 0 };
    const void *args = NULL;

    static const struct search_filters filters = { find_filter, NULL };
    parser_init(&p, in, limits, utf8, &arena);
    p.filters = &filters;
    if (parse_tag(&p, &tag) && parse_sp(&p) && parse_command_name(&p, &name)) {
        const struct command_row *row = FIND_ROW(name, rows);
        int r = row ? row->parse(&p, &args, &err) : -ERR_SYNTAX;
        assert(r <= 0 && (r == 0 || !row || (int)err.kind == -r));
        if (r == 0 && row->check)
            row->check(args);
        if (r == 0 && (row->parse == append_args_parse || row->parse == replace_args_parse))
            parse_message(&p);
    }
    assert(p.at <= in.n);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    parse(str_make(data, n), &parser_limits_before_login, false);
    parse(str_make(data, n), &parser_limits_after_login, false);
    parse(str_make(data, n), &parser_limits_after_login, true);
    return 0;
}
