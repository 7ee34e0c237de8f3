#include "imap/wire/message_args.h"

/* clang-format off */
static const struct store_row {
    struct str name;
    enum store_mode mode;
    bool silent;
} store_rows[] = {
    { STR_INIT("FLAGS"),         STORE_REPLACE, false },
    { STR_INIT("FLAGS.SILENT"),  STORE_REPLACE, true  },
    { STR_INIT("+FLAGS"),        STORE_ADD,     false },
    { STR_INIT("+FLAGS.SILENT"), STORE_ADD,     true  },
    { STR_INIT("-FLAGS"),        STORE_REMOVE,  false },
    { STR_INIT("-FLAGS.SILENT"), STORE_REMOVE,  true  },
};
/* clang-format on */

/* store-modifiers = "(" store-modifier *(SP store-modifier) ")" SP
 * RFC 4466; RFC 7162, 7: UNCHANGEDSINCE, once */
static bool parse_store_modifiers(struct parser *p, struct store_args *args)
{
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        if (args->conditional || !try_word(p, STR("UNCHANGEDSINCE")))
            return parser_fail(p, "UNCHANGEDSINCE, once");
        args->conditional = true;
        if (!parse_sp(p) || !parse_number64(p, &args->unchanged_since))
            return false;
    }
    return !parser_failed(p) && parse_sp(p);
}

/* store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag))) */
static bool parse_store_att(struct parser *p, struct store_args *args)
{
    size_t from = p->at;
    struct str name;
    if (!parse_atom(p, &name))
        return false;
    const struct store_row *row = FIND_ROW(name, store_rows);
    if (!row) {
        p->at = from;
        return parser_fail(p, "FLAGS, +FLAGS or -FLAGS");
    }
    args->mode = row->mode;
    args->silent = row->silent;
    return parse_sp(p) && parse_store_flags(p, &args->flags);
}

int store_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct store_args *args = arena_new(p->arena, struct store_args);
    args->uid = p->uid;
    if (!parse_sp(p) || !parse_seqset(p, &args->set) || !parse_sp(p) ||
        (parser_peek(p) == '(' && !parse_store_modifiers(p, args)) || !parse_store_att(p, args) ||
        !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* copy = "COPY" SP sequence-set SP mailbox; move likewise (RFC 6851, 5) */
int copy_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct copy_args *args = arena_new(p->arena, struct copy_args);
    args->uid = p->uid;
    if (!parse_sp(p) || !parse_seqset(p, &args->set) || !parse_sp(p) || !parse_mailbox(p, &args->mailbox) ||
        !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* uid-expunge = "EXPUNGE" SP sequence-set */
int set_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct set_args *args = arena_new(p->arena, struct set_args);
    args->uid = p->uid;
    if (!parse_sp(p) || !parse_seqset(p, &args->set) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

/* message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]     RFC 10022 */
int uidbatches_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct uidbatches_args *args = arena_new(p->arena, struct uidbatches_args);
    args->first = 1;
    args->last = UINT32_MAX;
    if (!parse_sp(p) || !parse_nz_number(p, &args->size))
        return parser_error(p, err);
    if (!parser_at_end(p) && (!parse_sp(p) || !parse_nz_number(p, &args->first) ||
                              !parse_char(p, ':', "\":\"") || !parse_nz_number(p, &args->last)))
        return parser_error(p, err);
    if (!parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}
