/* search_keys.c: keys on text: what they look for, where, and what they ask the search index. */
#include "imap/cmd/search_private.h"
#include "mail/indexer.h"

enum { INDEX_MESSAGES_MIN = 16 }; /* of a mailbox: fewer are read faster than an index is asked */

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

/* ---- the index ---- */

/* Fields that the index keeps apart. */
static const struct {
    struct str name;
    enum index_field field;
} indexed_fields[] = {
    { STR_INIT("Subject"), INDEX_SUBJECT }, { STR_INIT("From"), INDEX_FROM }, { STR_INIT("To"), INDEX_TO },
    { STR_INIT("Cc"), INDEX_CC },           { STR_INIT("Bcc"), INDEX_BCC },
};

static unsigned fields_of(enum search_key key, struct str field)
{
    if (key == SEARCH_BODY)
        return INDEX_BODY;
    if (key == SEARCH_TEXT)
        return INDEX_ANY;
    for (size_t i = 0; i < ARRAY_COUNT(indexed_fields); i++)
        if (str_eq_nocase(field, indexed_fields[i].name))
            return indexed_fields[i].field;
    return INDEX_HEADER;
}

/* The index is folded as text is compared by default: a key that is compared otherwise, or of a field that is one of many there, gets
 * candidates from it. */
static void set_key(struct search_program *p, size_t i)
{
    const struct search_node *node = &p->args->nodes[i];
    struct prepared *ready = &p->prepared[i];
    unsigned fields = fields_of(node->key, ready->field);
    struct buf needle = BUF_INIT;
    ready->is_exact = fields != INDEX_HEADER && !node->fuzzy &&
                      p->place.collation == COLLATION_UNICODE_CASEMAP;
    if (ready->needle.n == 0 && ready->field.n) { /* RFC 9051, 6.4.4: asks only whether the field is there */
        fields = INDEX_HEADER;
        ready->is_exact = false;
        collation_fold(COLLATION_UNICODE_CASEMAP, ready->field, &needle);
    } else {
        collation_fold(COLLATION_UNICODE_CASEMAP, ready->needle, &needle);
    }
    search_index_set_key(p->index, i, buf_str(&needle), fields,
                         node->fuzzy && ready->needle.n ? INDEX_FUZZY : INDEX_EXACT);
    buf_deinit(&needle);
}

struct search_index *search_index_of(struct account *account, const struct search_args *args)
{
    struct index_view *view = NULL;
    bool has_text = false;
    for (size_t i = 0; i < args->node_count && !has_text; i++)
        has_text = search_is_text_key(args->nodes[i].key);
    if (has_text)
        view = account_index_view(account);
    if (has_text && !view)
        account_index_wanted(account);
    return view ? search_index_new(&view, args->node_count) : NULL;
}

void search_take_index(struct search_program *p, const struct snapshot *snapshot)
{
    if (!p->place.index && snapshot->exists < INDEX_MESSAGES_MIN)
        return;
    if (!p->index) {
        p->owns_index = !p->place.index;
        p->index = p->place.index ? p->place.index : search_index_of(p->place.account, p->args);
    }
    for (size_t i = 0; p->index && i < p->args->node_count; i++)
        if (search_is_text_key(p->args->nodes[i].key))
            set_key(p, i);
}

void search_leave_index(struct search_program *p)
{
    if (p->index && search_index_has_missed(p->index))
        account_index_wanted(p->place.account);
    if (p->index && search_index_is_damaged(p->index))
        account_index_damaged(p->place.account);
    if (p->owns_index)
        search_index_free(&p->index);
    p->index = NULL;
}
