/* One message to one recipient, as LMTP would deliver it. */
#include "admin/commands.h"

#include "lmtp/address.h"
#include "lmtp/deliver.h"

int admin_deliver(struct admin_call *call, json_t **result_out, struct err *err)
{
    const struct config *config = call->admin->config;
    struct str recipient = call_text(call, "recipient"), name, detail, rest;
    struct str sender = call_text(call, "sender");
    struct user user;
    if (incoming_size(call->body) > config->lmtp.max_message_bytes)
        return err_set(err, ERR_LIMIT, "message of %llu bytes is larger than lmtp.max_message_bytes (%llu)",
                       (unsigned long long)incoming_size(call->body),
                       (unsigned long long)config->lmtp.max_message_bytes);
    /* It becomes a header field: nothing of it may end the line or the brackets. */
    int r = lmtp_path_parse(arena_printf(call->arena, "<" STR_FMT ">", STR_ARG(sender)), call->arena, &sender,
                            &rest, err);
    if (r == 0 && rest.n)
        r = err_set(err, ERR_SYNTAX, "no address");
    if (r < 0)
        return err_context(err, "sender");
    lmtp_address_split(recipient, config->lmtp.recipient_delimiter[0], call->arena, &name, &detail);
    r = users_find(call->admin->backend->users, name, &user, err);
    if (r == -ERR_NOT_FOUND) { /* the delimiter may be part of the name */
        r = users_find(call->admin->backend->users, recipient, &user, err);
        detail = STR_NIL;
    }
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "no user " STR_FMT, STR_ARG(recipient));
    if (r < 0)
        return r;
    const struct delivery delivery = { .account = user.account,
                                       .user = str_c(user.name),
                                       .mailbox = detail,
                                       .sender = sender,
                                       .create_mailbox = config->lmtp.create_folder };
    r = deliver_message(call->admin->backend->mail, call->body, &delivery, call->admin->clock, err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, "delivered", KV("account", (const char *)user.name),
             KV("bytes", incoming_size(call->body)));
    *result_out = json_pack("{s:s}", "name", user.name);
    return 0;
}
