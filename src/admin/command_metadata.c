/* Annotations of the server that all users share: list, set, delete.     RFC 5464, 3.2.1.1 */
#include "admin/commands.h"
#include "auth/directory/server_metadata.h"
#include "imap/wire/search_filter.h"

static int add_row(void *ctx, struct str entry, struct str value, struct err *err)
{
    (void)err;
    json_t *name = json_sprintf("/shared" STR_FMT, STR_ARG(entry));
    json_array_append_new(ctx, json_pack("{s:o, s:o}", "name", name, "value", admin_text(value)));
    return 0;
}

int admin_metadata_list(struct admin_call *call, json_t **result_out, struct err *err)
{
    json_t *list = json_array();
    int r = server_metadata_read(call->admin->backend->store, STR(""), UINT_MAX, add_row, list, err);
    if (r == 0)
        *result_out = list;
    else
        json_decref(list);
    return r;
}

/* "value" is absent to delete. */
int admin_metadata_set(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct str name = call_text(call, "name"), value = call_text(call, "value");
    if (!str_starts_nocase(name, STR("/shared/")))
        return err_set(err, ERR_INVALID,
                       "the server's own annotations begin with /shared/, such as /shared/comment");
    struct str filter = STR("/shared/filters/values/");
    int r = 0;
    if (str_starts_nocase(name, filter) && !str_is_nil(value)) {
        r = search_filter_check_name(str_skip(name, filter.n), err);
        r = r < 0 ? r : search_filter_check(value, err);
    }
    if (r < 0)
        return r;
    r = server_metadata_set(call->admin->backend->store, str_skip(name, strlen("/shared")), value, err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, str_is_nil(value) ? "metadata-deleted" : "metadata-set", KV("name", name));
    *result_out = json_pack("{s:o}", "name", admin_text(name));
    return 0;
}
