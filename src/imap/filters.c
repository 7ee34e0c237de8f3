#include "imap/filters.h"

#include "auth/directory/server_metadata.h"

static const struct str values = STR_INIT("/filters/values/");

struct found {
    struct arena *arena;
    struct str value; /* NIL: none */
};

static int take(void *ctx, struct str entry, struct str value, struct err *err)
{
    struct found *found = ctx;
    (void)entry, (void)err;
    found->value = arena_dup(found->arena, value);
    return 1;
}

static struct str entry_of(struct str name, struct arena *arena)
{
    char *entry = arena_c(arena, arena_printf(arena, STR_FMT STR_FMT, STR_ARG(values), STR_ARG(name)));
    for (size_t i = 0; i < values.n + name.n; i++)
        entry[i] = ascii_lower(entry[i]);
    return str_make(entry, values.n + name.n);
}

static int find(void *ctx, struct str name, struct arena *arena, struct str *value_out, struct err *err)
{
    const struct session *s = ctx;
    struct found found = { arena, STR_NIL };
    struct str entry = entry_of(name, arena);

    int r = account_annotations(s->account, ANNOTATION_ON_ACCOUNT, account_id(s->account).n, entry, 0, take,
                                &found, err);
    if (r == 0 && str_is_nil(found.value))
        r = server_metadata_read(mail_options(s->server->mail)->store, entry, 0, take, &found, err);
    if (r == 0 && str_is_nil(found.value))
        r = err_set(err, ERR_NOT_FOUND, "no such filter");
    if (r == 0)
        *value_out = found.value;
    return r;
}

struct search_filters filters_of(struct session *s)
{
    return (struct search_filters){ find, s };
}

int filters_check(struct str entry, struct str value, struct err *err)
{
    int r = 0;
    if (!str_starts(entry, values) || str_is_nil(value))
        return 0;
    r = search_filter_check_name(str_skip(entry, values.n), err);
    if (r == 0)
        r = search_filter_check(value, err);
    if (r == -ERR_INVALID) {
        err->kind = ERR_CANNOT;
        r = -ERR_CANNOT;
    }
    return r;
}
