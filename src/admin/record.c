/* record.c: what administrators do, for auditors. */
#include "admin/commands.h"

enum { RECORD_FIELDS_MAX = ADMIN_ARGS_MAX + 4 };

/* As it is spelled everywhere else, so that it is found. */
static struct str user_text(struct str name, char room[USER_NAME_BYTES_MAX + 1])
{
    return users_normalise_name(name, room, NULL) == 0 ? str_c(room) : name;
}

void admin_record(const struct admin_call *call, const struct admin_command *command, int r,
                  const struct err *err)
{
    struct log_field fields[RECORD_FIELDS_MAX];
    char user[USER_NAME_BYTES_MAX + 1];
    size_t n = 0;
    if (command->quiet)
        return;
    fields[n++] = log_field_bool("ok", r == 0);
    fields[n++] = KV("command", command->name);
    fields[n++] = KV("uid", (uint64_t)call->session->uid);
    for (const struct admin_arg *arg = command->args; arg->type == ARG_TEXT || arg->type == ARG_NUMBER;
         arg++) {
        struct str text = call_text(call, arg->name);
        if (!json_object_get(call->request, arg->name) ||
            !audit_event_has_key(command->event, str_c(arg->name)))
            continue;
        if (arg->type == ARG_NUMBER)
            fields[n++] = KV(arg->name, call_number(call, arg->name));
        else
            fields[n++] = KV(arg->name, strcmp(arg->name, "user") == 0 ? user_text(text, user) : text);
    }
    fields[n++] = log_field_c("text", r < 0 ? err->text : NULL);
    audit_record(call->admin->backend->audit, command->event, fields, n);
}
