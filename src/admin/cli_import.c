/* loft import USER PATH */
#include "admin/cli_private.h"
#include "admin/source.h"

#include <stdio.h>

enum { NOT_MAIL_NAMED_MAX = 5 };

struct import_run {
    struct cli *cli;
    struct cli_progress progress;
    uint64_t imported, known, passed_over;
    uint64_t not_mail; /* files; the first few are named */
    bool skip;         /* the mailbox at hand is refused: so are its messages */
};

/* A problem with one message or mailbox: it is told and passed over. */
static void tell_problem(void *ctx, const char *path, const struct err *why)
{
    struct import_run *run = ctx;
    struct buf text = BUF_INIT;
    buf_printf(&text, "%s: %s", path, why->text);
    cli_progress_line(&run->progress, buf_c(&text));
    buf_deinit(&text);
    run->passed_over++;
}

static void tell_not_mail(void *ctx, const char *path)
{
    struct import_run *run = ctx;
    struct buf text = BUF_INIT;
    if (run->not_mail++ < NOT_MAIL_NAMED_MAX) {
        buf_printf(&text, "%s: does not look like mail, passed over", path);
        cli_progress_line(&run->progress, buf_c(&text));
    }
    buf_deinit(&text);
}

static void tell_not_mail_rest(struct import_run *run)
{
    struct buf text = BUF_INIT;
    if (run->not_mail > NOT_MAIL_NAMED_MAX) {
        buf_printf(&text, "%llu more files do not look like mail, passed over",
                   (unsigned long long)(run->not_mail - NOT_MAIL_NAMED_MAX));
        cli_progress_line(&run->progress, buf_c(&text));
    }
    buf_deinit(&text);
}

static int call(struct import_run *run, json_t *request, struct str body, struct admin_reply *reply,
                struct err *err)
{
    int r = request ? client_call(run->cli->client, request, body, reply, err)
                    : err_set(err, ERR_INVALID, "not UTF-8");
    json_decref(request);
    return r;
}

static int on_mailbox(void *ctx, struct str name, struct err *err)
{
    struct import_run *run = ctx;
    struct admin_reply reply;
    int r = call(run, json_pack("{s:s, s:o}", "command", "import-mailbox", "mailbox", admin_text(name)),
                 STR_NIL, &reply, err);
    run->skip = r == -ERR_INVALID || r == -ERR_LIMIT;
    if (run->skip) {
        tell_problem(run, arena_c(&run->cli->arena, name), err);
        return 0;
    }
    if (r == 0)
        admin_reply_deinit(&reply);
    return r;
}

static json_t *flags_json(const struct mailfile_message *message)
{
    json_t *list = json_array();
    for (size_t i = 0; i < message->flag_count; i++)
        json_array_append_new(list, admin_text(message->flags[i]));
    return list;
}

static int on_message(void *ctx, const char *path, const struct mailfile_message *message, struct err *err)
{
    struct import_run *run = ctx;
    struct admin_reply reply;
    if (run->skip) {
        run->passed_over++;
        return 0;
    }
    json_t *request = json_pack("{s:s, s:o, s:I}", "command", "import-message", "flags", flags_json(message),
                                "date_s", (json_int_t)message->date_s);
    int r = call(run, request, message->bytes, &reply, err);
    if (r == -ERR_LIMIT || r == -ERR_SYNTAX || r == -ERR_INVALID) {
        tell_problem(run, path, err);
        return 0;
    }
    if (r < 0)
        return r;
    if (json_is_true(json_object_get(reply.result, "known")))
        run->known++;
    else
        run->imported++;
    admin_reply_deinit(&reply);
    return 0;
}

static void on_progress(void *ctx, uint64_t bytes)
{
    struct import_run *run = ctx;
    cli_progress_add(&run->progress, bytes);
}

static int import_all(struct import_run *run, const struct source_options *options, struct err *err)
{
    const struct source_sink sink = { .ctx = run,
                                      .mailbox = on_mailbox,
                                      .message = on_message,
                                      .problem = tell_problem,
                                      .not_mail = tell_not_mail,
                                      .progress = on_progress };
    json_t *result;
    uint64_t bytes;
    int r = source_measure(options, &bytes, err); /* a wrong path is told before anything is done */
    if (r == 0)
        r = cli_ask(
            run->cli,
            json_pack("{s:s, s:o}", "command", "import-begin", "user", cli_json(cli_arg(run->cli, 0))),
            &result, err);
    if (r < 0)
        return r;
    cli_progress_begin(&run->progress, bytes);
    r = source_read(options, &sink, err);
    tell_not_mail_rest(run);
    cli_progress_end(&run->progress);
    return r < 0 ? r : cli_ask(run->cli, json_pack("{s:s}", "command", "import-end"), &result, err);
}

int cli_import(struct cli *cli, struct err *err)
{
    struct import_run run = { .cli = cli };
    int r = cli_load_config(cli, err);
    if (r < 0)
        return r;
    const struct source_options options = { .path = cli_arg(cli, 1).p,
                                            .mailbox = str_c(cli_line_value(&cli->line, "mailbox")),
                                            .bytes_max = cli->config->imap.max_append_bytes };
    r = import_all(&run, &options, err);
    if (r < 0)
        return run.imported ? err_context(err, "import broke off; run it again, nothing comes twice") : r;
    json_t *summary = json_pack("{s:I, s:I, s:I, s:I}", "imported", (json_int_t)run.imported, "known",
                                (json_int_t)run.known, "passed_over", (json_int_t)run.passed_over, "not_mail",
                                (json_int_t)run.not_mail);
    cli_print_done(
        cli, summary,
        "%llu messages imported, %llu were there already, %llu passed over; %llu files were no mail.",
        (unsigned long long)run.imported, (unsigned long long)run.known, (unsigned long long)run.passed_over,
        (unsigned long long)run.not_mail);
    json_decref(summary);
    return run.passed_over ? err_set(err, ERR_INVALID, "not everything could be imported, see above") : 0;
}
