/* loft deliver: for a transfer agent's pipe transport, which reads the exit code: sysexits.h. Whatever may
 * pass is EX_TEMPFAIL, so that mail waits in the queue. */
#include "admin/cli_private.h"
#include "admin/mailfile.h"

#include <errno.h>
#include <sysexits.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

static int read_stdin(uint64_t bytes_max, struct buf *out, struct err *err)
{
    for (;;) {
        ssize_t n = read(STDIN_FILENO, buf_reserve(out, READ_BYTES), READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set_errno(err, errno, "read standard input");
        if (n == 0)
            return 0;
        out->n += (size_t)n;
        if (out->n > bytes_max)
            return err_set(err, ERR_LIMIT, "message is larger than lmtp.max_message_bytes (%llu)",
                           (unsigned long long)bytes_max);
    }
}

/* A pipe transport may put the separator of an mbox on top (Postfix: flags=F);
 * it is no part of the message. */
static struct str without_from_line(struct str message)
{
    struct str rest;
    if (!str_starts(message, STR("From ")))
        return message;
    str_cut(message, '\n', &rest);
    return str_is_nil(rest) ? STR("") : rest;
}

static int deliver(struct cli *cli, struct err *err)
{
    struct buf raw = BUF_INIT, message = BUF_INIT;
    struct admin_reply reply;
    const char *sender = cli_line_value(&cli->line, "from");
    int r = cli_load_config(cli, err);
    if (r == 0)
        r = read_stdin(cli->config->lmtp.max_message_bytes, &raw, err);
    json_t *request = json_pack("{s:s, s:o, s:o}", "command", "deliver", "recipient",
                                cli_json(cli_arg(cli, 0)), "sender", cli_json(str_c(sender ? sender : "")));
    if (r == 0 && !request)
        r = err_set(err, ERR_NOT_FOUND, "no such user: the address is not UTF-8");
    if (r == 0)
        r = cli_connect(cli, err);
    if (r == 0) {
        mailfile_to_crlf(without_from_line(buf_str(&raw)), &message);
        r = client_call(cli->client, request, buf_str(&message), &reply, err);
    }
    if (r == 0)
        admin_reply_deinit(&reply);
    json_decref(request);
    buf_deinit(&raw);
    buf_deinit(&message);
    return r;
}

int cli_deliver(struct cli *cli, struct err *err)
{
    static const struct {
        enum err_kind kind;
        int code;
    } codes[] = { { ERR_NOT_FOUND, EX_NOUSER },
                  { ERR_CANNOT, EX_NOHOST },
                  { ERR_DENIED, EX_NOUSER },
                  { ERR_SYNTAX, EX_DATAERR },
                  { ERR_LIMIT, EX_UNAVAILABLE } };
    int r = deliver(cli, err);
    cli->exit_code = EX_TEMPFAIL;
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++)
        if (r == -(int)codes[i].kind && (cli->client || r == -ERR_LIMIT))
            cli->exit_code = codes[i].code;
    return r;
}
