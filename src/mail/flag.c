#include "mail/flag.h"

#include <assert.h>
#include <stdlib.h>

bool keyword_name_is_valid(struct str name)
{
    if (name.n == 0 || name.n > KEYWORD_BYTES_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        /* RFC 9051, 9: ATOM-CHAR leaves out atom-specials; CTL and all above ASCII are no CHAR of an atom */
        char c = name.p[i];
        if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\]", c))
            return false;
    }
    return true;
}

struct keyword_table *keyword_table_new(const struct str *names, size_t count)
{
    assert(count <= KEYWORDS_MAX);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += names[i].n;
    struct keyword_table *table = malloc(sizeof *table + count * sizeof table->names[0] + bytes);
    if (!table)
        abort();
    ref_init(&table->ref);
    table->count = (uint32_t)count;
    char *p = (char *)&table->names[count];
    for (size_t i = 0; i < count; i++) {
        memcpy(p, names[i].p, names[i].n);
        table->names[i] = str_make(p, names[i].n);
        p += names[i].n;
    }
    return table;
}

struct keyword_table *keyword_table_ref(struct keyword_table *table)
{
    ref_get(&table->ref);
    return table;
}

void keyword_table_unref(struct keyword_table **table)
{
    if (*table && ref_put(&(*table)->ref))
        free(*table);
    *table = NULL;
}

static int find_name(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(names[i], name))
            return (int)i;
    return -1;
}

int keyword_table_find(const struct keyword_table *table, struct str name)
{
    return find_name(table->names, table->count, name);
}

static int refuse_name(struct str name, struct err *err)
{
    if (name.n > KEYWORD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a keyword of %zu bytes is too long: %d at most", name.n,
                       KEYWORD_BYTES_MAX);
    return err_set(err, ERR_INVALID, "a keyword must be an atom");
}

int keyword_table_intern(struct keyword_table *table, const struct str *names, size_t count,
                         struct keyword_table **table_out, struct keyword_set *set_out, struct err *err)
{
    struct str all[KEYWORDS_MAX]; /* the table's names, then the new ones */
    size_t all_count = table->count;
    struct keyword_set set = { 0 };

    memcpy(all, table->names, table->count * sizeof all[0]);
    for (size_t i = 0; i < count; i++) {
        if (!keyword_name_is_valid(names[i]))
            return refuse_name(names[i], err);
        int at = find_name(all, all_count, names[i]);
        if (at < 0) {
            if (all_count == KEYWORDS_MAX)
                return err_set(err, ERR_LIMIT, "the mailbox has %d keywords already, no more fit",
                               KEYWORDS_MAX);
            at = (int)all_count;
            all[all_count++] = names[i];
        }
        keyword_set_add(&set, (unsigned)at);
    }
    *table_out = all_count == table->count ? keyword_table_ref(table) : keyword_table_new(all, all_count);
    *set_out = set;
    return 0;
}
