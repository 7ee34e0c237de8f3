/* search_keys.c: keys on text: what they look for, and where. */
#include "imap/cmd/search_private.h"

/* "": BODY and TEXT have none. */
static struct str field_of(const struct search_node *node)
{
    switch (node->key) {
    case SEARCH_FROM:
        return STR("From");
    case SEARCH_TO:
        return STR("To");
    case SEARCH_CC:
        return STR("Cc");
    case SEARCH_BCC:
        return STR("Bcc");
    case SEARCH_SUBJECT:
        return STR("Subject");
    case SEARCH_HEADER:
        return node->header;
    default:
        return STR("");
    }
}

static int fold_needle(struct search_program *p, struct str text, enum collation collation, struct str *out,
                       struct err *err)
{
    struct buf utf8 = BUF_INIT, folded = BUF_INIT;
    uint8_t charset = str_is_nil(p->args->charset) ? CHARSET_UTF8 : charset_find(p->args->charset);
    int r = charset_to_utf8(p->charsets, charset, text, &utf8, err);
    if (r == 0) {
        collation_fold(collation, buf_str(&utf8), &folded);
        *out = arena_dup(p->arena, buf_str(&folded));
    }
    buf_deinit(&utf8);
    buf_deinit(&folded);
    return r;
}

int search_prepare_text(struct search_program *p, const struct search_node *node, struct prepared *out,
                        struct err *err)
{
    out->field = field_of(node);
    out->field_kept = out->field.n && mime_header_record_keeps(&out->field, 1, NULL);
    int r = fold_needle(p, node->text, search_collation_of(p, node->fuzzy), &out->needle, err);
    if (r == 0 && node->fuzzy) {
        out->fuzzy = arena_new(p->arena, struct fuzzy);
        fuzzy_init(out->fuzzy, out->needle);
    }
    return r;
}
