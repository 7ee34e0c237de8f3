/* Aliases and domains. */
#include "admin/commands.h"

static struct names *names_of(const struct admin_call *call)
{
    return call->admin->backend->names;
}

static void done(struct admin_call *call, const char *event, const char *what, json_t **result_out)
{
    struct str target = call_text(call, "target");
    if (target.n)
        log_info(&call->admin->log, event, KV(what, call_text(call, what)), KV("target", target));
    else
        log_info(&call->admin->log, event, KV(what, call_text(call, what)));
    *result_out = json_pack("{s:o, s:o}", "name", admin_text(call_text(call, what)), "target",
                            admin_text(target));
}

int admin_alias_add(struct admin_call *call, json_t **result_out, struct err *err)
{
    const struct backend *b = call->admin->backend;
    int r = names_add_alias(b->names, call_text(call, "alias"), call_text(call, "target"), b->find_user,
                            b->find_ctx, err);
    if (r == 0)
        done(call, "alias-added", "alias", result_out);
    return r;
}

int admin_alias_delete(struct admin_call *call, json_t **result_out, struct err *err)
{
    int r = names_delete_alias(names_of(call), call_text(call, "alias"), call_text(call, "target"), err);
    if (r == 0)
        done(call, "alias-deleted", "alias", result_out);
    return r;
}

static int add_row(void *ctx, struct str name, struct str target, struct err *err)
{
    (void)err;
    json_array_append_new(ctx,
                          json_pack("{s:o, s:o}", "name", admin_text(name), "target", admin_text(target)));
    return 0;
}

int admin_alias_list(struct admin_call *call, json_t **result_out, struct err *err)
{
    *result_out = json_array();
    int r = names_list_aliases(names_of(call), add_row, *result_out, err);
    if (r < 0)
        json_decref(*result_out);
    return r;
}

int admin_domain_add(struct admin_call *call, json_t **result_out, struct err *err)
{
    int r = names_add_domain(names_of(call), call_text(call, "domain"), call_text(call, "target"), err);
    if (r == 0)
        done(call, "domain-added", "domain", result_out);
    return r;
}

int admin_domain_delete(struct admin_call *call, json_t **result_out, struct err *err)
{
    int r = names_delete_domain(names_of(call), call_text(call, "domain"), err);
    if (r == 0)
        done(call, "domain-deleted", "domain", result_out);
    return r;
}

int admin_domain_list(struct admin_call *call, json_t **result_out, struct err *err)
{
    *result_out = json_array();
    int r = names_list_domains(names_of(call), add_row, *result_out, err);
    if (r < 0)
        json_decref(*result_out);
    return r;
}
