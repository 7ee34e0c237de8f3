/* loft export USER PATH */
#include "admin/cli_private.h"
#include "admin/target.h"

#include <stdio.h>

struct export_run {
    struct cli *cli;
    struct target *target;
    struct cli_progress progress;
    struct str mailbox; /* at hand */
    uint64_t messages, mailboxes, failed, lost_flags;
};

static void tell_problem(struct export_run *run, const char *text)
{
    struct buf line = BUF_INIT;
    buf_printf(&line, STR_FMT ": %s", STR_ARG(run->mailbox), text);
    cli_progress_line(&run->progress, buf_c(&line));
    buf_deinit(&line);
}

static int write_message(struct export_run *run, const struct admin_reply *reply, struct err *err)
{
    struct mailfile_message message = { .bytes = buf_str(&reply->bytes),
                                        .date_s = json_integer_value(
                                            json_object_get(reply->result, "date_s")) };
    unsigned lost;
    size_t i;
    json_t *flag;
    json_array_foreach(json_object_get(reply->result, "flags"), i, flag)
        mailfile_add_flag(&message, str_make(json_string_value(flag), json_string_length(flag)));
    int r = target_message(run->target, &message,
                           (uint64_t)json_integer_value(json_object_get(reply->result, "uid")), &lost, err);
    if (r < 0)
        return r;
    run->lost_flags += lost;
    run->messages++;
    cli_progress_add(&run->progress, 1);
    return 0;
}

/* 1 a message, 0 the end. */
static int next_message(struct export_run *run, struct err *err)
{
    struct admin_reply reply;
    json_t *request = json_pack("{s:s}", "command", "export-next");
    int r = client_call(run->cli->client, request, STR_NIL, &reply, err);
    json_decref(request);
    if (r == -ERR_CORRUPT || r == -ERR_NOT_FOUND) { /* this one is lost; the others are not */
        tell_problem(run, err->text);
        run->failed++;
        return 1;
    }
    if (r < 0)
        return r;
    bool done = json_is_true(json_object_get(reply.result, "done"));
    r = done ? 0 : write_message(run, &reply, err);
    admin_reply_deinit(&reply);
    return r < 0 ? r : !done;
}

static int export_mailbox(struct export_run *run, const json_t *box, struct err *err)
{
    const json_t *name = json_object_get(box, "name");
    const char *renamed;
    json_t *result;
    run->mailbox = str_make(json_string_value(name), json_string_length(name));
    int r = cli_ask(run->cli,
                    json_pack("{s:s, s:o}", "command", "export-mailbox", "mailbox", cli_json(run->mailbox)),
                    &result, err);
    if (r == -ERR_NOT_FOUND) /* deleted meanwhile */
        return 0;
    if (r == 0)
        r = target_mailbox(run->target, run->mailbox, &renamed, err);
    if (r < 0)
        return r;
    if (renamed)
        tell_problem(
            run,
            arena_printf(&run->cli->arena, "the name is too long for a file: exported as %s", renamed).p);
    run->mailboxes++;
    while ((r = next_message(run, err)) == 1)
        continue;
    return r;
}

static int export_all(struct export_run *run, struct err *err)
{
    json_t *boxes, *result, *box;
    uint64_t total = 0;
    size_t i;
    int r = cli_ask(
        run->cli, json_pack("{s:s, s:o}", "command", "mailbox-list", "user", cli_json(cli_arg(run->cli, 0))),
        &boxes, err);
    if (r == 0)
        r = cli_ask(
            run->cli,
            json_pack("{s:s, s:o}", "command", "export-begin", "user", cli_json(cli_arg(run->cli, 0))),
            &result, err);
    if (r < 0)
        return r;
    json_array_foreach(boxes, i, box) total += (uint64_t)json_integer_value(json_object_get(box, "messages"));
    cli_progress_begin(&run->progress, total);
    json_array_foreach(boxes, i, box) if (r == 0 && json_is_true(json_object_get(box, "exists")))
        r = export_mailbox(run, box, err);
    cli_progress_end(&run->progress);
    return r < 0 ? r : target_finish(run->target, err);
}

static int choose_format(struct cli *cli, enum target_format *format_out, struct err *err)
{
    const char *name = cli_line_value(&cli->line, "format");
    *format_out = name && strcmp(name, "mbox") == 0 ? TARGET_MBOX : TARGET_MAILDIR;
    if (!name || *format_out == TARGET_MBOX || strcmp(name, "maildir") == 0)
        return 0;
    cli->exit_code = 2;
    return err_set(err, ERR_INVALID, "--format is maildir or mbox, not %s", name);
}

int cli_export(struct cli *cli, struct err *err)
{
    struct export_run run = { .cli = cli };
    enum target_format format;
    json_t *result;
    int r = choose_format(cli, &format, err);
    if (r == 0) /* before a folder is made for nobody */
        r = cli_ask(cli, json_pack("{s:s, s:o}", "command", "user-show", "user", cli_json(cli_arg(cli, 0))),
                    &result, err);
    if (r == 0)
        r = target_new(cli_arg(cli, 1).p, format, &run.target, err);
    if (r == 0)
        r = export_all(&run, err);
    target_free(&run.target);
    if (r < 0)
        return r;
    json_t *summary = json_pack("{s:I, s:I, s:I, s:I}", "messages", (json_int_t)run.messages, "mailboxes",
                                (json_int_t)run.mailboxes, "damaged", (json_int_t)run.failed, "lost_flags",
                                (json_int_t)run.lost_flags);
    cli_print_done(cli, summary, "%llu messages of %llu mailboxes exported to %s.",
                   (unsigned long long)run.messages, (unsigned long long)run.mailboxes, cli_arg(cli, 1).p);
    json_decref(summary);
    if (run.lost_flags)
        fprintf(stderr, "loft: %llu keywords left out: a Maildir has room for %d in a mailbox\n",
                (unsigned long long)run.lost_flags, 26);
    return run.failed ? err_set(err, ERR_CORRUPT, "%llu messages are damaged and were left out",
                                (unsigned long long)run.failed)
                      : 0;
}
