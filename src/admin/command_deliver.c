/* One message to one recipient, as LMTP would deliver it. */
#include "admin/commands.h"

#include "base/rand.h"
#include "lmtp/address.h"
#include "lmtp/deliver.h"
#include "lmtp/trace.h"

#include <unistd.h>

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

static int deliver(struct admin_call *call, struct str user, const struct delivery *delivery, struct err *err)
{
    struct delivered delivered;
    int r = deliver_message(call->admin->backend->mail, call->body, delivery, call->admin->clock, &delivered,
                            err);
    if (r == 0)
        log_info(&call->admin->log, "delivered", KV("account", user), KV("bytes", incoming_size(call->body)));
    return r;
}

/* An alias may stand for several: all of them get it, and the first failure is told. As in LMTP, one who is full does
 * not count while somebody else was not: who tries again would send to all again. */
static int deliver_to_all(struct admin_call *call, const struct names_recipients *to, struct str trace,
                          struct err *err)
{
    struct err failure = { 0 }, one;
    size_t done = 0;
    bool only_full = true;
    for (size_t i = 0; i < to->count; i++) {
        const struct delivery delivery = { .account = to->list[i].account,
                                           .trace = trace,
                                           .mailbox = to->mailbox,
                                           .create_mailbox = call->admin->config->lmtp.create_folder };
        int r = deliver(call, to->list[i].name, &delivery, &one);
        done += r == 0;
        if (r < 0 && (!failure.kind || (only_full && r != -ERR_OVERQUOTA)))
            failure = one;
        only_full = only_full && (r == 0 || r == -ERR_OVERQUOTA);
    }
    if (!failure.kind || (done && only_full))
        return 0;
    return err_set(err, failure.kind, "%s", failure.text);
}

static int check_size(const struct admin_call *call, struct err *err)
{
    uint64_t max = call->admin->config->lmtp.max_message_bytes;
    if (incoming_size(call->body) == 0)
        return err_set(err, ERR_SYNTAX, "the message is empty");
    if (incoming_size(call->body) > max)
        return err_set(err, ERR_LIMIT, "message of %llu bytes is larger than lmtp.max_message_bytes (%llu)",
                       (unsigned long long)incoming_size(call->body), (unsigned long long)max);
    return 0;
}

int admin_deliver(struct admin_call *call, json_t **result_out, struct err *err)
{
    const struct backend *b = call->admin->backend;
    struct lmtp_path sender, recipient;
    struct names_recipients to;
    struct buf trace = BUF_INIT;
    int r = check_size(call, err);
    if (r == 0)
        r = parse_address(call, "sender", &sender, err);
    if (r == 0)
        r = parse_address(call, "recipient", &recipient, err);
    if (r == 0)
        r = names_recipients(b->names, recipient.address, b->find_user, b->find_ctx, call->arena, &to, err);
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "no user " STR_FMT, STR_ARG(str_sub(recipient.address, 0, 200)));
    if (r < 0)
        return r;
    write_trace(call, sender.text, recipient.text, &trace);
    r = deliver_to_all(call, &to, buf_str(&trace), err);
    buf_deinit(&trace);
    if (r == 0)
        *result_out = json_pack("{s:o}", "name", admin_text(to.list[0].name));
    return r;
}
