/* loft user totp ..., loft user app-password ... */
#include "admin/cli_private.h"
#include "admin/cli_qr.h"

#include "auth/own/totp.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static json_t *user_request(const struct cli *cli, const char *command)
{
    return json_pack("{s:s, s:o}", "command", command, "user", cli_json(cli_arg(cli, 0)));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- second factors ---- */

static bool has_colours(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

static void show_secret(const struct cli *cli, const json_t *begun)
{
    struct buf drawing = BUF_INIT;
    if (cli->line.json) {
        cli_print_json(begun);
        fflush(stdout); /* whoever reads it makes a code of it, and sends us that */
        return;
    }
    cli_qr_draw(str_c(text_of(begun, "uri")), has_colours(), &drawing);
    printf(STR_FMT "\n%s\nSecret: %s\n\n", STR_ARG(buf_str(&drawing)), text_of(begun, "uri"),
           text_of(begun, "secret"));
    printf("Scan it with an authenticator program, or type the secret into one.\n");
    fflush(stdout);
    explicit_bzero(drawing.p, drawing.n);
    buf_deinit(&drawing);
}

static void show_recovery(const struct cli *cli, const json_t *result)
{
    const json_t *code;
    size_t i;
    if (cli->line.json) {
        cli_print_json(result);
        return;
    }
    printf(
        "Recovery codes of %s. Each stands once for a code, when the program is lost. They are shown now and "
        "never again:\n",
        text_of(result, "name"));
    json_array_foreach(json_object_get(result, "recovery_codes"), i, code)
        printf("  %s\n", json_string_value(code));
}

int cli_totp_enable(struct cli *cli, struct err *err)
{
    json_t *result;
    struct str code;
    int r = cli_ask(cli, user_request(cli, "user-totp-begin"), &result, err);
    if (r < 0)
        return r;
    show_secret(cli, result);
    r = cli_read_text(cli, "The code that it shows now: ", TOTP_DIGITS_MAX, &code, err);
    if (r < 0)
        return r;
    json_t *request = user_request(cli, "user-totp-confirm");
    json_object_set_new(request, "code", cli_json(code));
    r = cli_ask(cli, request, &result, err);
    if (r < 0)
        return r;
    if (!cli->line.json)
        printf("The second factor of %s is active. Passwords alone no longer open the account; app passwords "
               "do: "
               "loft user app-password add.\n",
               text_of(result, "name"));
    show_recovery(cli, result);
    return 0;
}

int cli_totp_disable(struct cli *cli, struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, user_request(cli, "user-totp-disable"), &result, err);
    if (r == 0)
        cli_print_done(cli, result, "%s has no second factor any more.", text_of(result, "name"));
    return r;
}

int cli_totp_recovery(struct cli *cli, struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, user_request(cli, "user-totp-recovery"), &result, err);
    if (r == 0)
        show_recovery(cli, result);
    return r;
}

int cli_totp_show(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "Name", "name", COLUMN_TEXT },
        { "Second factor", "state", COLUMN_TEXT },
        { "Since", "since_s", COLUMN_TIME },
        { "Recovery codes left", "recovery_codes_left", COLUMN_COUNT },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli, user_request(cli, "user-totp-show"), &result, err);
    if (r == 0)
        cli_print_object(cli, result, columns);
    return r;
}

/* ---- app passwords ---- */

/* "90d", "12h", "2w": from now; "2027-01-31": until that day ends, in UTC. */
static int parse_expires(const char *text, int64_t *at_s_out, struct err *err)
{
    static const struct {
        char letter;
        int64_t s;
    } units[] = { { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 } };
    enum { NUMBER_MAX = 100000 };
    struct tm day = { 0 };
    uint64_t number;
    size_t n = strlen(text);
    for (size_t i = 0; n > 0 && i < ARRAY_COUNT(units); i++)
        if (text[n - 1] == units[i].letter && str_to_u64(str_make(text, n - 1), NUMBER_MAX, &number)) {
            *at_s_out = clock_wall_ms(&clock_system) / 1000 + (int64_t)number * units[i].s;
            return 0;
        }
    const char *end = strptime(text, "%Y-%m-%d", &day);
    if (!end || *end)
        return err_set(err, ERR_INVALID,
                       "--expires %.40s: say how long, such as 90d, or a day, such as 2027-01-31", text);
    *at_s_out = (int64_t)timegm(&day) + 86400;
    return 0;
}

static json_t *add_request(const struct cli *cli, int64_t expires_s)
{
    static const char *const options[][2] = { { "scope", "scope" }, { "from", "networks" } };
    json_t *request = user_request(cli, "user-app-password-add");
    if (!request || json_object_set_new(request, "name", cli_json(cli_arg(cli, 1))) < 0)
        goto not_utf8;
    for (size_t i = 0; i < ARRAY_COUNT(options); i++) {
        const char *value = cli_line_value(&cli->line, options[i][0]);
        if (value && json_object_set_new(request, options[i][1], cli_json(str_c(value))) < 0)
            goto not_utf8;
    }
    if (cli_line_value(&cli->line, "read-only"))
        json_object_set_new(request, "read_only", json_integer(1));
    if (expires_s)
        json_object_set_new(request, "expires", json_integer(expires_s));
    return request;
not_utf8:
    json_decref(request);
    return NULL;
}

int cli_app_password_add(struct cli *cli, struct err *err)
{
    const char *expires = cli_line_value(&cli->line, "expires");
    int64_t expires_s = 0;
    json_t *result;
    int r = expires ? parse_expires(expires, &expires_s, err) : 0;
    if (r < 0) {
        cli->exit_code = 2;
        return r;
    }
    r = cli_ask(cli, add_request(cli, expires_s), &result, err);
    if (r < 0)
        return r;
    cli_print_done(cli, result, "App password %s of %s, shown now and never again:", text_of(result, "name"),
                   text_of(result, "user"));
    if (!cli->line.json)
        printf("\n  %s\n\n", text_of(result, "password"));
    return 0;
}

int cli_app_password_list(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_TEXT },
        { "SCOPE", "scope", COLUMN_TEXT },
        { "READ ONLY", "read_only", COLUMN_YES },
        { "FROM", "networks", COLUMN_TEXT },
        { "CREATED", "created_s", COLUMN_TIME },
        { "EXPIRES", "expires_s", COLUMN_TIME },
        { "LAST USED", "used_s", COLUMN_TIME },
        { "BY", "used_from", COLUMN_TEXT },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli, user_request(cli, "user-app-password-list"), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "None. loft user app-password add USER NAME makes one.");
    return r;
}

int cli_app_password_delete(struct cli *cli, struct err *err)
{
    json_t *result, *request = user_request(cli, "user-app-password-delete");
    if (request && json_object_set_new(request, "name", cli_json(cli_arg(cli, 1))) < 0) {
        json_decref(request);
        request = NULL; /* not UTF-8 */
    }
    int r = cli_ask(cli, request, &result, err);
    if (r == 0)
        cli_print_done(cli, result,
                       "App password %s of %s is revoked; %" JSON_INTEGER_FORMAT " sessions were ended.",
                       text_of(result, "name"), text_of(result, "user"),
                       json_integer_value(json_object_get(result, "kicked")));
    return r;
}
