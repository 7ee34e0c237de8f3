/* loft status, who, kick; loft config ... */
#include "admin/certificates.h"
#include "admin/cli_private.h"

#include <stdio.h>

enum { CERTIFICATE_WARN_S = 30 * 24 * 3600 };

static void print_certificate(const json_t *server, struct buf *out)
{
    int64_t left_s = json_integer_value(json_object_get(server, "certificate_expires_s")) -
                     clock_wall_ms(&clock_system) / 1000;
    const char *file = json_string_value(json_object_get(server, "certificate_file"));
    buf_add_lit(out, "Certificate  ");
    if (left_s <= 0) {
        buf_add_lit(out, "HAS RUN OUT");
    } else {
        buf_add_lit(out, "runs out in ");
        cli_format_duration(left_s, out);
    }
    if (file && left_s <= CERTIFICATE_WARN_S)
        buf_printf(out, ": %s", file);
    buf_add_char(out, '\n');
}

static void print_guessing(const json_t *server, struct buf *out)
{
    json_int_t accounts = json_integer_value(json_object_get(server, "locked_accounts")) +
                          json_integer_value(json_object_get(server, "locked_devices"));
    json_int_t addresses = json_integer_value(json_object_get(server, "slowed_addresses")) +
                           json_integer_value(json_object_get(server, "slowed_networks"));
    if (accounts || addresses)
        buf_printf(out, "Guessing     %lld accounts locked, %lld addresses slowed down; loft throttle list\n",
                   (long long)accounts, (long long)addresses);
}

static void print_sign_ins(const json_t *server, struct buf *out)
{
    const json_t *s = json_object_get(server, "sign_ins");
#define NUMBER(key) (long long)json_integer_value(json_object_get(s, key))
    buf_printf(out, "Sign-ins     %lld ok, %lld of them known; %lld failed, %lld turned away\n", NUMBER("ok"),
               NUMBER("known_good"), NUMBER("failed"), NUMBER("turned_away"));
    if (NUMBER("audit_events_lost"))
        buf_printf(out, "Audit log    %lld EVENTS COULD NOT BE WRITTEN; see the log\n",
                   NUMBER("audit_events_lost"));
#undef NUMBER
}

static void print_sandbox(const json_t *server, struct buf *out)
{
    const char *text = json_string_value(json_object_get(json_object_get(server, "sandbox"), "text"));
    if (text) /* an older server does not say */
        buf_printf(out, "Sandbox      %s\n", text);
}

static void print_status(const json_t *status)
{
    const json_t *store = json_object_get(status, "store"), *server = json_object_get(status, "server");
    struct buf out = BUF_INIT;
#define NUMBER(object, key) json_integer_value(json_object_get(object, key))
    buf_printf(&out, "Loft %s on %s\n", json_string_value(json_object_get(status, "version")),
               json_string_value(json_object_get(status, "data_folder")));
    if (server) {
        buf_add_lit(&out, "Server       running since ");
        cli_format_duration(NUMBER(server, "uptime_s"), &out);
        buf_printf(&out, "\nConnections  %lld, %lld signed in; %lld accepted, %lld refused\n",
                   (long long)NUMBER(server, "connections"), (long long)NUMBER(server, "signed_in"),
                   (long long)NUMBER(server, "accepted"), (long long)NUMBER(server, "refused"));
        print_certificate(server, &out);
        print_sandbox(server, &out);
        print_sign_ins(server, &out);
        print_guessing(server, &out);
    } else {
        buf_add_lit(&out, "Server       not running\n");
    }
    buf_printf(&out, "Users        %lld\nMail         ", (long long)NUMBER(status, "users"));
    cli_format_bytes((uint64_t)NUMBER(store, "mail_bytes"), &out);
    buf_add_lit(&out, ", stored in ");
    cli_format_bytes((uint64_t)NUMBER(store, "stored_bytes"), &out);
    buf_add_lit(&out, "; to be collected ");
    cli_format_bytes((uint64_t)NUMBER(store, "dead_bytes"), &out);
    buf_add_lit(&out, "\nFree space   ");
    cli_format_bytes((uint64_t)NUMBER(store, "free_bytes"), &out);
#undef NUMBER
    if (json_is_true(json_object_get(store, "below_watermark")))
        buf_add_lit(&out, "; below store.watermark_bytes: NO MAIL IS TAKEN");
    if (json_is_true(json_object_get(store, "failed")))
        buf_add_lit(
            &out,
            "\nStore        FAILED: a write went wrong and no change is taken; see the log, then restart");
    puts(buf_c(&out));
    buf_deinit(&out);
}

int cli_status(struct cli *cli, struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, json_pack("{s:s}", "command", "status"), &result, err);
    if (r < 0)
        return r;
    if (cli->line.json)
        cli_print_json(result);
    else
        print_status(result);
    return 0;
}

int cli_who(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "SESSION", "session", COLUMN_COUNT },
        { "USER", "user", COLUMN_TEXT },
        { "BY", "by", COLUMN_TEXT },
        { "FROM", "address", COLUMN_TEXT },
        { "TLS", "tls", COLUMN_YES },
        { "SINCE", "since_s", COLUMN_TIME },
        { "MAILBOX", "mailbox", COLUMN_TEXT },
        { "CLIENT", "client", COLUMN_TEXT },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli, json_pack("{s:s}", "command", "who"), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "Nobody is signed in.");
    return r;
}

int cli_sessions(struct cli *cli, struct err *err)
{
    static const struct column now_columns[] = {
        { "SESSION", "session", COLUMN_COUNT }, { "BY", "by", COLUMN_TEXT },
        { "FROM", "address", COLUMN_TEXT },     { "HOW", "mechanism", COLUMN_TEXT },
        { "SINCE", "since_s", COLUMN_TIME },    { "MAILBOX", "mailbox", COLUMN_TEXT },
        { "CLIENT", "client", COLUMN_TEXT },    { NULL },
    };
    static const struct column device_columns[] = {
        { "LAST SEEN", "last_s", COLUMN_TIME }, { "FIRST SEEN", "first_s", COLUMN_TIME },
        { "FROM", "address", COLUMN_TEXT },     { "NETWORK", "network", COLUMN_TEXT },
        { "HOW", "mechanism", COLUMN_TEXT },    { "APP PASSWORD", "app_password", COLUMN_TEXT },
        { "CLIENT", "client", COLUMN_TEXT },    { NULL },
    };
    json_t *result;
    struct buf kept = BUF_INIT;
    int r = cli_ask(cli, json_pack("{s:s, s:o}", "command", "sessions", "user", cli_json(cli_arg(cli, 0))),
                    &result, err);
    if (r < 0)
        return r;
    if (cli->line.json) {
        cli_print_json(result);
        return 0;
    }
    cli_print_rows(cli, json_object_get(result, "now"), now_columns, "Nobody is signed in.");
    cli_format_duration(json_integer_value(json_object_get(result, "keep_s")), &kept);
    printf("\nDevices of the last %s:\n", buf_c(&kept));
    buf_deinit(&kept);
    cli_print_rows(cli, json_object_get(result, "devices"), device_columns, "None.");
    return 0;
}

int cli_kick(struct cli *cli, struct err *err)
{
    const char *app_password = cli_line_value(&cli->line, "app-password");
    json_t *result, *request = json_pack("{s:s, s:o}", "command", "kick", "who", cli_json(cli_arg(cli, 0)));
    if (request && app_password && json_object_set_new(request, "name", cli_json(str_c(app_password))) < 0) {
        json_decref(request);
        request = NULL; /* not UTF-8 */
    }
    int r = cli_ask(cli, request, &result, err);
    if (r < 0)
        return r;
    long long kicked = json_integer_value(json_object_get(result, "kicked"));
    cli_print_done(cli, result, kicked == 1 ? "%lld session ended." : "%lld sessions ended.", kicked);
    return 0;
}

/* ---- config ---- */

struct problems {
    unsigned count;
};

static void print_problem(void *ctx, const char *text)
{
    struct problems *p = ctx;
    p->count++;
    fprintf(stderr, "loft: %s\n", text);
}

int cli_config_check(struct cli *cli, struct err *err)
{
    struct problems problems = { 0 };
    int r = config_load(&cli->sources, print_problem, &problems, &cli->config, err);
    if (r == 0)
        r = certificates_check(cli->config, err);
    if (r == 0)
        printf("%s: no mistakes found.\n", cli->sources.file ? cli->sources.file : "No configuration file");
    else if (problems.count)
        err->text[0] = '\0'; /* all have been told */
    return r;
}

static int print_text(int r, struct buf *text)
{
    if (r == 0)
        fwrite(text->p, 1, text->n, stdout);
    buf_deinit(text);
    return r;
}

int cli_config_show(struct cli *cli, struct err *err)
{
    struct buf text = BUF_INIT;
    int r = cli_load_config(cli, err);
    if (r == 0)
        config_show(cli->config, cli->line.json, &text);
    return print_text(r, &text);
}

int cli_config_explain(struct cli *cli, struct err *err)
{
    struct buf text = BUF_INIT;
    return print_text(config_explain(cli_arg(cli, 0), cli->line.json, &text, err), &text);
}
