/* loft index status|rebuild|check [USER] */
#include "admin/cli_private.h"

/* Those that the command is about: the user named, or all. */
static int find_names(struct cli *cli, bool all_by_default, json_t **names_out, struct err *err)
{
    bool all = cli_line_value(&cli->line, "all") != NULL;
    struct str user = cli_arg(cli, 0);

    if (all && !str_is_nil(user)) {
        cli->exit_code = 2;
        return err_set(err, ERR_INVALID, "a user, or --all; not both");
    }
    if (!str_is_nil(user)) {
        json_t *name = cli_json(user);
        *names_out = name ? json_pack("[o]", name) : NULL;
        return name ? 0 : err_set(err, ERR_INVALID, "the user's name is not UTF-8");
    }
    if (!all && !all_by_default) {
        cli->exit_code = 2;
        return err_set(err, ERR_INVALID, "which user? or --all");
    }
    int r = cli_ask(cli, json_pack("{s:s}", "command", "index-accounts"), names_out, err);
    if (r == 0)
        json_incref(*names_out);
    return r;
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* What the index takes of the messages that are in it, in percent. */
static json_t *share_json(const json_t *row)
{
    struct buf text = BUF_INIT;
    json_int_t raw = number(row, "indexed_bytes");
    if (raw > 0)
        buf_printf(&text, "%.1f %%", 100.0 * (double)number(row, "index_bytes") / (double)raw);
    json_t *json = cli_json(buf_str(&text));
    buf_deinit(&text);
    return json;
}

int cli_index_status(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "USER", "user", COLUMN_TEXT },          { "MESSAGES", "messages", COLUMN_COUNT },
        { "SIZE", "bytes", COLUMN_BYTES },        { "INDEXED", "indexed", COLUMN_COUNT },
        { "WAITING", "waiting", COLUMN_COUNT },   { "GONE", "gone", COLUMN_COUNT },
        { "INDEX", "index_bytes", COLUMN_BYTES }, { "SHARE", "share", COLUMN_TEXT },
        { "SEGMENTS", "segments", COLUMN_COUNT }, { NULL },
    };
    json_t *names, *name, *row, *rows = json_array();
    size_t i;

    int r = find_names(cli, true, &names, err);
    if (r == 0) {
        json_array_foreach(names, i, name)
        {
            r = cli_ask(cli, json_pack("{s:s, s:O}", "command", "index-status", "user", name), &row, err);
            if (r < 0)
                break;
            if (!cli->line.json)
                json_object_set_new(row, "share", share_json(row));
            json_array_append(rows, row);
        }
        json_decref(names);
    }
    if (r == 0)
        cli_print_rows(cli, rows, columns, "No users.");
    json_decref(rows);
    return r;
}

/* ---- long work, step by step ---- */

struct steps {
    struct cli *cli;
    struct cli_progress progress;
    json_t *findings; /* of this user */
    json_int_t looked, found;
};

static void note_step(struct steps *s, const json_t *name, const json_t *result)
{
    json_t *finding;
    size_t i;

    s->looked += number(result, "looked");
    s->found += number(result, "found");
    cli_progress_add(&s->progress, (uint64_t)number(result, "looked"));
    json_array_foreach(json_object_get(result, "findings"), i, finding)
    {
        struct buf line = BUF_INIT;
        buf_printf(&line, "%s: %s", json_string_value(name), json_string_value(finding));
        if (!s->cli->line.json)
            cli_progress_line(&s->progress, buf_c(&line));
        buf_deinit(&line);
        json_array_append(s->findings, finding);
    }
}

/* The first request of a user, and those that go on with it. */
static json_t *make_request(const char *command, bool checks, const json_t *name, bool first)
{
    if (checks)
        return first ? json_pack("{s:s, s:O}", "command", command, "user", name)
                     : json_pack("{s:s}", "command", command);
    return json_pack("{s:s, s:O, s:i}", "command", command, "user", name, "afresh", (int)first);
}

static int run_user(struct steps *s, const char *command, bool checks, json_t *name, json_t *rows,
                    struct err *err)
{
    bool first = true, done = false;
    json_t *status;
    int r;

    r = cli_ask(s->cli, json_pack("{s:s, s:O}", "command", "index-status", "user", name), &status, err);
    if (r == -ERR_CORRUPT && !checks)
        r = 0; /* to be made anew */
    else if (r == 0)
        cli_progress_begin(&s->progress, (uint64_t)number(status, checks ? "indexed" : "messages"));
    s->findings = json_array();
    s->looked = 0;
    json_int_t found = s->found;
    while (r == 0 && !done) {
        struct admin_reply reply;
        json_t *request = make_request(command, checks, name, first);
        r = client_call(s->cli->client, request, STR_NIL, &reply, err);
        json_decref(request);
        if (r < 0)
            break;
        note_step(s, name, reply.result);
        done = json_is_true(json_object_get(reply.result, "done"));
        first = false;
        admin_reply_deinit(&reply);
    }
    cli_progress_end(&s->progress);
    if (r == 0)
        json_array_append_new(rows,
                              checks ? json_pack("{s:O, s:I, s:I, s:O}", "user", name, "messages", s->looked,
                                                 "found", s->found - found, "findings", s->findings)
                                     : json_pack("{s:O, s:I}", "user", name, "messages", s->looked));
    json_decref(s->findings);
    return r;
}

static int run_all(struct steps *s, const char *command, bool checks, json_t *rows, struct err *err)
{
    json_t *names, *name;
    size_t i;

    int r = find_names(s->cli, false, &names, err);
    if (r < 0)
        return r;
    json_array_foreach(names, i, name)
    {
        r = run_user(s, command, checks, name, rows, err);
        if (r < 0) {
            err_context(err, "%s", json_string_value(name));
            break;
        }
    }
    json_decref(names);
    return r;
}

static const struct column step_columns[] = {
    { "USER", "user", COLUMN_TEXT },
    { "MESSAGES", "messages", COLUMN_COUNT },
    { NULL },
};

int cli_index_rebuild(struct cli *cli, struct err *err)
{
    struct steps s = { .cli = cli };
    json_t *rows = json_array();

    int r = run_all(&s, "index-rebuild", false, rows, err);
    if (r == 0)
        cli_print_rows(cli, rows, step_columns, "No users.");
    json_decref(rows);
    return r;
}

int cli_index_check(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "USER", "user", COLUMN_TEXT },
        { "MESSAGES", "messages", COLUMN_COUNT },
        { "FINDINGS", "found", COLUMN_COUNT },
        { NULL },
    };
    struct steps s = { .cli = cli };
    json_t *rows = json_array();

    int r = run_all(&s, "index-check", true, rows, err);
    if (r == 0)
        cli_print_rows(cli, rows, columns, "No users.");
    json_decref(rows);
    if (r == 0 && s.found > 0)
        r = err_set(err, ERR_CORRUPT, "%lld findings; loft index rebuild makes an index anew",
                    (long long)s.found);
    return r;
}
