/* One message to one recipient, as LMTP would deliver it. */
#include "admin/commands.h"

#include "base/rand.h"
#include "lmtp/address.h"
#include "lmtp/deliver.h"
#include "lmtp/trace.h"

#include <unistd.h>

/* A user whose name holds the delimiter is found by its whole name first. */
static int find_recipient(const struct admin_call *call, struct str address, struct user *user_out,
                          struct str *mailbox_out, struct err *err)
{
    struct str name;
    *mailbox_out = STR_NIL;
    int r = users_find(call->admin->backend->users, address, user_out, err);
    if (r == -ERR_NOT_FOUND) {
        lmtp_address_split(address, call->admin->config->lmtp.recipient_delimiter[0], call->arena, &name,
                           mailbox_out);
        if (!str_is_nil(*mailbox_out))
            r = users_find(call->admin->backend->users, name, user_out, err);
    }
    return r == -ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "no user " STR_FMT, STR_ARG(address)) : r;
}

/* Both addresses become header fields: nothing of them may end the line or the brackets. */
static int parse_address(const struct admin_call *call, const char *name, struct lmtp_path *path_out,
                         struct err *err)
{
    struct str rest, text = arena_printf(call->arena, "<" STR_FMT ">", STR_ARG(call_text(call, name)));
    int r = lmtp_path_parse(text, call->arena, path_out, &rest, err);
    if (r == 0 && rest.n)
        r = err_set(err, ERR_SYNTAX, "no address");
    return r < 0 ? err_context(err, "%s", name) : 0;
}

static void write_trace(const struct admin_call *call, struct str sender, struct str recipient,
                        struct buf *out)
{
    char host[256] = "localhost";
    struct buf id = BUF_INIT;
    (void)!gethostname(host, sizeof host - 1);
    buf_printf(&id, "%016llx", (unsigned long long)rand_u64(&rand_system));
    const struct trace trace = { .sender = sender,
                                 .by = str_c(host),
                                 .id = buf_str(&id),
                                 .wall_s = clock_wall_ms(call->admin->clock) / 1000 };
    trace_write(&trace, &recipient, 1, out);
    buf_deinit(&id);
}

static int deliver(struct admin_call *call, const struct user *user, const struct delivery *delivery,
                   struct err *err)
{
    struct delivered delivered;
    int r = deliver_message(call->admin->backend->mail, call->body, delivery, call->admin->clock, &delivered,
                            err);
    if (r == 0)
        log_info(&call->admin->log, "delivered", KV("account", (const char *)user->name),
                 KV("bytes", incoming_size(call->body)));
    return r;
}

int admin_deliver(struct admin_call *call, json_t **result_out, struct err *err)
{
    const struct config *config = call->admin->config;
    struct lmtp_path sender, recipient;
    struct str mailbox;
    struct buf trace = BUF_INIT;
    struct user user;
    if (incoming_size(call->body) == 0)
        return err_set(err, ERR_SYNTAX, "the message is empty");
    if (incoming_size(call->body) > config->lmtp.max_message_bytes)
        return err_set(err, ERR_LIMIT, "message of %llu bytes is larger than lmtp.max_message_bytes (%llu)",
                       (unsigned long long)incoming_size(call->body),
                       (unsigned long long)config->lmtp.max_message_bytes);
    int r = parse_address(call, "sender", &sender, err);
    if (r == 0)
        r = parse_address(call, "recipient", &recipient, err);
    if (r == 0)
        r = find_recipient(call, recipient.address, &user, &mailbox, err);
    if (r < 0)
        return r;
    write_trace(call, sender.text, recipient.text, &trace);
    const struct delivery delivery = { .account = user.account,
                                       .trace = buf_str(&trace),
                                       .mailbox = mailbox,
                                       .create_mailbox = config->lmtp.create_folder };
    r = deliver(call, &user, &delivery, err);
    buf_deinit(&trace);
    if (r == 0)
        *result_out = json_pack("{s:s}", "name", user.name);
    return r;
}
