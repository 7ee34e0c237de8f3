/* Who has failed to sign in too often: list, clear.     auth/guard.h */
#include "admin/commands.h"

#include "auth/guard.h"

static void add_row(void *ctx, const struct throttle_entry *entry)
{
    const struct throttle_score *score = &entry->score;
    json_array_append_new(
        ctx,
        json_pack("{s:s, s:o, s:I, s:I, s:I, s:b}", "kind", throttle_kind_name(entry->kind), "who",
                  admin_text(str_c(entry->key)), "failures", (json_int_t)score->failures, "last_s_ago",
                  (json_int_t)(score->age_ms / 1000), "locked_s",
                  (json_int_t)((score->locked_for_ms + 999) / 1000), "locked", score->locked_for_ms > 0));
}

static int need_guard(const struct admin_call *call, struct guard **guard_out, struct err *err)
{
    if (!call->admin->server)
        return err_set(err, ERR_UNAVAILABLE, "no server runs on %s: nobody can fail to sign in",
                       call->admin->config->data.folder);
    *guard_out = call->admin->server->guard;
    return 0;
}

int admin_throttle_list(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct guard *guard;
    int r = need_guard(call, &guard, err);
    if (r < 0)
        return r;
    *result_out = json_array();
    guard_each(guard, add_row, *result_out);
    return 0;
}

int admin_throttle_clear(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct str who = call_text(call, "who");
    char name[USER_NAME_BYTES_MAX + 1];
    struct guard *guard;
    int r = need_guard(call, &guard, err);
    if (r < 0)
        return r;
    if (users_normalise_name(who, name, NULL) ==
        0) /* an account; addresses are spelled as `list` shows them */
        who = str_c(name);
    size_t cleared = guard_clear(guard, str_is_nil(who) ? STR_NIL : who);
    if (cleared == 0 && !str_is_nil(who))
        return err_set(err, ERR_NOT_FOUND,
                       "no failures of \"" STR_FMT "\" are known; loft throttle list shows all",
                       STR_ARG(str_sub(who, 0, 100)));
    *result_out = json_pack("{s:I}", "cleared", (json_int_t)cleared);
    return 0;
}
