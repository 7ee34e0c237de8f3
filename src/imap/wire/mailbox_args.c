#include "imap/wire/mailbox_args.h"

#include "mail/tree.h"

int mailbox_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct mailbox_args *args = arena_new(p->arena, struct mailbox_args);
    if (!parse_sp(p) || !parse_mailbox_given(p, &args->mailbox, &args->given) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* rename = "RENAME" SP mailbox SP mailbox */
int rename_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct rename_args *args = arena_new(p->arena, struct rename_args);
    if (!parse_sp(p) || !parse_mailbox_given(p, &args->from, &args->from_given) || !parse_sp(p) ||
        !parse_mailbox_given(p, &args->to, &args->to_given) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* ---- SELECT, EXAMINE ---- */

/* Sets that the client remembers are plain numbers: RFC 7162, 7 ("*" is not allowed). */
static bool parse_known_set(struct parser *p, struct seqset *out)
{
    size_t from = p->at;
    if (!parse_seqset(p, out))
        return false;
    if (out->star_from || out->saved) {
        p->at = from;
        return parser_fail(p, "a set of numbers without \"*\"");
    }
    return true;
}

/* seq-match-data = "(" known-sequence-set SP known-uid-set ")" */
static bool parse_match_data(struct parser *p, struct select_args *args)
{
    size_t from = p->at;
    args->has_match = true;
    if (!parse_list_open(p) || !parse_known_set(p, &args->match_seqs) || !parse_sp(p) ||
        !parse_known_set(p, &args->match_uids) || !parse_list_close(p))
        return false;
    if (seqset_count(&args->match_seqs) != seqset_count(&args->match_uids)) {
        p->at = from;
        return parser_fail(p, "as many known UIDs as known sequence numbers");
    }
    return true;
}

/* "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"     RFC 7162, 7
 * A modseq of 0 is forgiven, as in CHANGEDSINCE. */
static bool parse_qresync(struct parser *p, struct select_args *args)
{
    if (!parse_sp(p) || !parse_list_open(p) || !parse_nz_number(p, &args->uidvalidity) || !parse_sp(p) ||
        !parse_number64(p, &args->modseq))
        return false;
    args->qresync = true;
    bool more = try_char(p, ' ');
    if (more && parser_peek(p) != '(') {
        args->has_known_uids = true;
        if (!parse_known_set(p, &args->known_uids))
            return false;
        more = try_char(p, ' ');
    }
    if (more && !parse_match_data(p, args))
        return false;
    return parse_list_close(p);
}

/* select-params = SP "(" select-param *(SP select-param) ")" */
static bool parse_select_params(struct parser *p, struct select_args *args)
{
    if (!parse_sp(p) || !parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        if (try_word(p, STR("CONDSTORE")))
            args->condstore = true;
        else if (args->qresync || !try_word(p, STR("QRESYNC")))
            return parser_fail(p, "CONDSTORE or QRESYNC");
        else if (!parse_qresync(p, args))
            return false;
    }
    return !parser_failed(p);
}

int select_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct select_args *args = arena_new(p->arena, struct select_args);
    if (!parse_sp(p) || !parse_mailbox_given(p, &args->mailbox, &args->given) ||
        (!parser_at_end(p) && !parse_select_params(p, args)) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* ---- CREATE ---- */

/* "USE" SP "(" [use-attr *(SP use-attr)] ")"     RFC 6154, 6 */
static bool parse_use(struct parser *p, struct create_args *args)
{
    if (!try_word(p, STR("USE")))
        return parser_fail(p, "USE");
    if (!parse_sp(p) || !parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        struct str name;
        size_t from = p->at;
        if (!parse_char(p, '\\', "a special use, such as \\Sent") || !parse_atom(p, &name))
            return false;
        unsigned use = special_use_by_name(str_sub(p->in, from, p->at - from));
        args->use |= (uint16_t)use;
        args->use_unknown |= use == 0;
    }
    return !parser_failed(p);
}

static bool parse_create_params(struct parser *p, struct create_args *args)
{
    if (!parse_sp(p) || !parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!parse_use(p, args))
            return false;
    return !parser_failed(p);
}

int create_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct create_args *args = arena_new(p->arena, struct create_args);
    if (!parse_sp(p) || !parse_mailbox_given(p, &args->mailbox, &args->given) ||
        (!parser_at_end(p) && !parse_create_params(p, args)) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* ---- STATUS ---- */

static const struct status_row {
    struct str name;
    enum status_item item;
} status_rows[] = {
    { STR_INIT("MESSAGES"), STATUS_MESSAGES },
    { STR_INIT("RECENT"), STATUS_RECENT }, /* RFC 3501 */
    { STR_INIT("UIDNEXT"), STATUS_UIDNEXT },
    { STR_INIT("UIDVALIDITY"), STATUS_UIDVALIDITY },
    { STR_INIT("UNSEEN"), STATUS_UNSEEN },
    { STR_INIT("DELETED"), STATUS_DELETED },
    { STR_INIT("SIZE"), STATUS_SIZE },                       /* RFC 8438 */
    { STR_INIT("HIGHESTMODSEQ"), STATUS_HIGHESTMODSEQ },     /* RFC 7162 */
    { STR_INIT("MAILBOXID"), STATUS_MAILBOXID },             /* RFC 8474 */
    { STR_INIT("APPENDLIMIT"), STATUS_APPENDLIMIT },         /* RFC 7889 */
    { STR_INIT("DELETED-STORAGE"), STATUS_DELETED_STORAGE }, /* RFC 9208, 4.1.4 */
};

struct str status_item_name(enum status_item one_bit)
{
    for (size_t i = 0; i < ARRAY_COUNT(status_rows); i++)
        if (status_rows[i].item == one_bit)
            return status_rows[i].name;
    return STR_NIL;
}

bool parse_status_items(struct parser *p, unsigned *items_out)
{
    unsigned items = 0;
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        size_t from = p->at;
        struct str name;
        if (!parse_atom(p, &name))
            return false;
        const struct status_row *row = FIND_ROW(name, status_rows);
        if (!row) {
            p->at = from;
            return parser_fail(p, "a STATUS item");
        }
        items |= row->item;
    }
    if (items == 0)
        return parser_fail(p, "a STATUS item");
    *items_out = items;
    return !parser_failed(p);
}

/* status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
int status_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct status_args *args = arena_new(p->arena, struct status_args);
    if (!parse_sp(p) || !parse_mailbox(p, &args->mailbox) || !parse_sp(p) ||
        !parse_status_items(p, &args->items) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}
