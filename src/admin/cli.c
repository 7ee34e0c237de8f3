#include "admin/cli_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_option password_options[] = {
    { "password-stdin", 0, NULL, "read the password from the first line of standard input" },
    { NULL },
};
static const struct cli_option hold_options[] = {
    { "reason", 'r', "TEXT", "why, for administrators: loft user show tells it" },
    { "for", 0, "TIME", "it ends by itself after so long: 30m, 12h, 7d" },
    { NULL },
};
static const struct cli_option disable_options[] = {
    { "reason", 'r', "TEXT", "why, for administrators: loft user show tells it" },
    { "for", 0, "TIME", "it ends by itself after so long: 30m, 12h, 7d" },
    { "refuse-mail", 0, NULL, "refuse mail for the account (550)" },
    { NULL },
};
static const struct cli_option yes_options[] = {
    { "yes", 'y', NULL, "do not ask" },
    { NULL },
};

static const struct cli_option app_password_options[] = {
    { "scope", 0, "LIST",
      "what it opens: imap, pop3, submission, sieve, delivery, dav, jmap; otherwise all" },
    { "read-only", 0, NULL, "sessions may read, and change nothing" },
    { "expires", 0, "WHEN", "90d, 12h or 2w from now, or the last day, such as 2027-01-31; otherwise never" },
    { "from", 0, "LIST", "addresses and networks, such as 192.0.2.0/24,2001:db8::/32; otherwise anywhere" },
    { NULL },
};

static const struct cli_option import_options[] = {
    { "mailbox", 'm', "NAME",
      "import into this mailbox and below it; a Maildir, an mbox file and a message go to INBOX otherwise" },
    { NULL },
};
static const struct cli_option export_options[] = {
    { "format", 'f', "FORMAT", "maildir (a Maildir++, exact to the byte) or mbox (a tree of files)" },
    { NULL },
};
static const struct cli_option quota_options[] = {
    { "storage", 0, "SIZE", "bytes of all messages, such as 10G" },
    { "messages", 0, "NUMBER", "messages" },
    { "mailboxes", 0, "NUMBER", "mailboxes" },
    { "annotations", 0, "SIZE", "bytes of all annotations" },
    { "mailbox", 'm', "NAME", "limit this mailbox and all below it, rather than the account" },
    { NULL },
};
static const struct cli_option index_options[] = {
    { "all", 'a', NULL, "all users, and public mailboxes" },
    { NULL },
};
static const struct cli_option deliver_options[] = {
    { "from", 'f', "SENDER", "envelope sender, for Return-Path" },
    { NULL },
};

static const struct cli_option kick_options[] = {
    { "app-password", 0, "NAME", "of the user, only the sessions that this app password has let in" },
    { NULL },
};
static const struct cli_option log_options[] = {
    { "since", 0, "TIME",
      "from then on: 2026-11-20, 2026-11-20T11:17 (local; with a Z, UTC), or 2h for two hours ago" },
    { "until", 0, "TIME", "up to then" },
    { "user", 'u', "NAME", "what concerns this user, or was done by or in the name of that one" },
    { "event", 'e', "EVENT,...", "these events, such as sign-in,lock: loft-audit(5) has them all" },
    { "address", 'a', "ADDRESS", "from this address, or a network such as 192.0.2.0/24" },
    { "ok", 0, NULL, "what was done" },
    { "failed", 0, NULL, "what was refused or failed" },
    { "follow", 0, NULL, "go on with what happens; without --since, begin now" },
    { NULL },
};

const struct cli_command cli_commands[] = {
    { "serve", "", 0, 0, "run the server until SIGTERM",
      "Stays in the foreground and prints \"ready\" to standard error once it accepts connections.\n"
      "SIGHUP reads the certificates again.",
      NULL, cli_serve },

    { "user add", "NAME", 1, 1, "add a user with an account",
      "Asks for the password, unless it comes on standard input.", password_options, cli_user_add },
    { "user list", "", 0, 0, "list all users", NULL, NULL, cli_user_list },
    { "user show", "NAME", 1, 1, "show one user", NULL, NULL, cli_user_show },
    { "user passwd", "NAME", 1, 1, "give a user a new password",
      "Sessions that are signed in stay so; loft kick NAME ends them.", password_options, cli_user_passwd },
    { "user delete", "NAME", 1, 1, "delete a user and all of the user's mail", NULL, yes_options,
      cli_user_delete },
    { "user disable", "NAME", 1, 1, "take an account out of use; mail is still delivered",
      "Nobody signs in to it any more, whatever the password, and sessions end at once.", disable_options,
      cli_user_disable },
    { "user enable", "NAME", 1, 1, "let a disabled user sign in again", NULL, NULL, cli_user_enable },
    { "user lock", "NAME", 1, 1, "keep everybody out of an account whose password somebody may know",
      "As loft user disable, but it is always the user's account still: mail is delivered, and both may be "
      "on at\n"
      "once. A new password does not end it; loft user unlock does.",
      hold_options, cli_user_lock },
    { "user unlock", "NAME", 1, 1, "let the user of a locked account sign in again", NULL, NULL,
      cli_user_unlock },

    { "user hide-capability", "NAME CAPABILITY", 2, 2, "announce a capability of IMAP to this user no more",
      "For clients with faults. CAPABILITY* hides all that begin so. Holds from the next sign-in on; for\n"
      "everybody there is the setting imap.hide_capabilities.",
      NULL, cli_user_hide_capability },
    { "user show-capability", "NAME CAPABILITY", 2, 2, "announce it again", NULL, NULL,
      cli_user_show_capability },
    { "user refer", "NAME [URL]", 1, 2, "send a user's clients to another server after sign-in",
      "An IMAP URL such as imap://anna;AUTH=*@imap.example.org/ (RFC 2221); without one, the user is here "
      "again.",
      NULL, cli_user_refer },

    { "user totp enable", "NAME", 1, 1, "ask a user for codes of an authenticator program (RFC 6238)",
      "Draws the QR code for the program, and asks for a code before anything changes. From then on "
      "passwords "
      "alone no\nlonger open the account: clients use app passwords or tokens or, where totp.with_password "
      "allows it, the password\nwith the code directly behind it. Ten recovery codes are shown, once. The "
      "code "
      "is read from standard input. With --json\nit prints two objects: the secret before that, the recovery "
      "codes after it.",
      NULL, cli_totp_enable },
    { "user totp disable", "NAME", 1, 1, "let the password alone open the account again", NULL, NULL,
      cli_totp_disable },
    { "user totp show", "NAME", 1, 1, "whether a user has a second factor", NULL, NULL, cli_totp_show },
    { "user totp recovery", "NAME", 1, 1, "make new recovery codes; those before are good no more", NULL,
      NULL, cli_totp_recovery },
    { "user app-password add", "USER NAME", 2, 2, "make a password for one program of a user",
      "It is shown once. NAME is what the user calls it, such as phone. It opens the account also where a "
      "second "
      "factor is\nasked for, under the user's name; clients that sign in by SCRAM type it as it is shown. "
      "Where another "
      "server keeps\nthe user's password, SCRAM needs USER/NAME as the name to sign in with.",
      app_password_options, cli_app_password_add },
    { "user app-password list", "USER", 1, 1, "list a user's app passwords, and when each was last used",
      NULL, NULL, cli_app_password_list },
    { "user app-password delete", "USER NAME", 2, 2, "revoke one, and end the sessions that it opened", NULL,
      NULL, cli_app_password_delete },

    { "mailbox list", "USER", 1, 1, "list the mailboxes of a user", NULL, NULL, cli_mailbox_list },
    { "mailbox status", "USER MAILBOX", 2, 2, "show one mailbox", NULL, NULL, cli_mailbox_status },
    { "mailbox create", "USER MAILBOX", 2, 2, "make a mailbox, and subscribe to it",
      "Levels are separated by /, as in Work/Reports. Shared/ in place of USER means public mailboxes, which "
      "belong to\nnobody, Shared/example.org those of a domain; so it does in all commands on mailboxes. "
      "loft acl set says "
      "who may\nuse them.",
      NULL, cli_mailbox_create },
    { "mailbox rename", "USER MAILBOX NEW", 3, 3, "rename a mailbox and all below it", NULL, NULL,
      cli_mailbox_rename },
    { "mailbox delete", "USER MAILBOX", 2, 2, "delete a mailbox and its messages; those below it stay", NULL,
      yes_options, cli_mailbox_delete },

    { "alias add", "ALIAS USER...", 2, CLI_ARGS_MAX, "let a name stand for users, or for other aliases",
      "Mail for it goes to all of them, and users whom it stands for are added when it is there already. Who "
      "is the\n"
      "only one may sign in with it (auth.sign_in_with_alias). @example.org is for all addresses of that "
      "domain that\n"
      "nobody else has.",
      NULL, cli_alias_add },
    { "alias delete", "ALIAS [USER...]", 1, CLI_ARGS_MAX,
      "delete an alias, or let it stand for some users no more", NULL, NULL, cli_alias_delete },
    { "alias list", "", 0, 0, "list all aliases", NULL, NULL, cli_alias_list },

    { "domain add", "DOMAIN [OTHER]", 1, 2, "take mail for a domain; or make it another name for OTHER",
      "As long as no domain was added, there may be users of any. With the first one all others are refused, "
      "but those that\n"
      "have users then: they are added, too. The default domain (auth.default_domain) need not be.",
      NULL, cli_domain_add },
    { "domain delete", "DOMAIN", 1, 1, "take no mail for a domain any more; it must have no users", NULL,
      NULL, cli_domain_delete },
    { "domain list", "", 0, 0, "list all domains", NULL, NULL, cli_domain_list },

    { "group add", "NAME", 1, 1, "add a group of users, to whom rights can be granted together",
      "In access control lists it is called group:NAME.", NULL, cli_group_add },
    { "group delete", "NAME", 1, 1, "delete a group; its members stay", NULL, NULL, cli_group_delete },
    { "group list", "", 0, 0, "list all groups", NULL, NULL, cli_group_list },
    { "group members", "NAME", 1, 1, "list the members of a group", NULL, NULL, cli_group_members },
    { "group member add", "NAME USER", 2, 2, "put a user into a group", NULL, NULL, cli_group_member_add },
    { "group member remove", "NAME USER", 2, 2, "take a user out of a group", NULL, NULL,
      cli_group_member_remove },

    { "acl show", "USER MAILBOX", 2, 2, "show who else may do what with a mailbox (RFC 4314)", NULL, NULL,
      cli_acl_show },
    { "acl set", "USER MAILBOX WHO RIGHTS", 4, 4, "set the rights of a user, a group or anyone on a mailbox",
      "WHO is a user, group:NAME, or anyone, which means all users of the owner's domain; with a - in front "
      "the\nrights are taken away whatever else grants them (write -- before such arguments). RIGHTS are "
      "letters: l "
      "see it, r read,\ns keep seen and unseen, w set other flags, i put messages in, p post, k make "
      "mailboxes below, x "
      "delete it,\nt mark messages deleted, e expunge, a administer. \"\" takes all away.",
      NULL, cli_acl_set },
    { "acl delete", "USER MAILBOX WHO", 3, 3, "take somebody off the list", NULL, NULL, cli_acl_delete },
    { "acl seen", "USER MAILBOX MODE", 3, 3, "make \\Seen private to each reader, or shared by all",
      "MODE is private or shared. With private, the default, what one reader has seen stays unseen for the "
      "others.\nSessions that have the mailbox open see it when they select it again.",
      NULL, cli_acl_seen },

    { "metadata list", "", 0, 0, "list the annotations of the server that all users see", NULL, NULL,
      cli_metadata_list },
    { "metadata set", "NAME VALUE", 2, 2, "set one, such as /shared/comment or /shared/admin",
      "/shared/admin says how to reach the administrator: a URI, such as mailto:postmaster@example.org.\n"
      "/shared/filters/values/NAME is a search that all users may refer to as FILTER NAME (RFC 5466).",
      NULL, cli_metadata_set },
    { "metadata delete", "NAME", 1, 1, "delete one", NULL, NULL, cli_metadata_delete },

    { "quota show", "USER", 1, 1, "what a user holds, and may hold", NULL, NULL, cli_quota_show },
    { "quota set", "USER", 1, 1, "limit what a user may hold",
      "Limits that are not named stay. Each may be a number, none, or default: as the settings quota.* say.",
      quota_options, cli_quota_set },
    { "quota domain", "DOMAIN", 1, 1, "what all users of a domain hold together, and may hold", NULL, NULL,
      cli_quota_domain },

    { "index status", "[USER]", 0, 1, "how much of a user's mail, or of everybody's, is in the search index",
      "Messages that wait for the index are found too: they are scanned. Gone are messages that were "
      "deleted\n"
      "and fall out of the index with its next merge.",
      index_options, cli_index_status },
    { "index rebuild", "[USER]", 0, 1, "make a search index anew",
      "Searches give the same answers meanwhile, only slower. It may be stopped at any time: the server goes "
      "on with\nwhat is missing.",
      index_options, cli_index_rebuild },
    { "index check", "[USER]", 0, 1, "compare a search index with the mail",
      "Reads all messages that are in it. Exit code 1 when something is wrong.", index_options,
      cli_index_check },

    { "import", "USER PATH", 2, 2,
      "take over mail from a Maildir, an mbox file, a message, or a folder of such",
      "Folders, flags and dates are kept. It may be run again at any time: messages that are there already, "
      "byte for\n"
      "byte and in the same mailbox, are not imported a second time. What cannot be read is told and passed "
      "over.\n"
      "A folder of .eml files is one mailbox, named as the folder is. Files that do not look like mail are "
      "counted,\n"
      "and the first few named.",
      import_options, cli_import },
    { "export", "USER PATH", 2, 2, "write all mail of a user into a new folder",
      "Folders, flags and dates are kept. A Maildir gives every message back byte for byte; in an mbox all\n"
      "lines end alike.",
      export_options, cli_export },
    { "deliver", "USER[+MAILBOX]", 1, 1, "deliver the message on standard input",
      "For the pipe transport of a mail transfer agent. Exit codes are those of sysexits.h: 0 delivered, 67 "
      "no such\n"
      "user, 69 the message is too large, 75 try again later.",
      deliver_options, cli_deliver },

    { "status", "", 0, 0, "how the server and its store are", NULL, NULL, cli_status },
    { "log", "", 0, 0, "who came in or was refused, and what was changed or deleted by whom",
      "Reads the file audit.file and those that it became, the oldest first; no server need run. Lines that "
      "are damaged\n"
      "are passed over, and counted at the end. --json prints the events as they stand there, an object a "
      "line.",
      log_options, cli_log },
    { "who", "", 0, 0, "who is signed in", NULL, NULL, cli_who },
    { "sessions", "USER", 1, 1, "what is signed in to an account, and what was in the last 90 days",
      "A device is a program, by what it says of itself, with the network that it came from, how it signed "
      "in, and "
      "with\nwhich app password. How long they are kept is the setting devices.keep_s.",
      NULL, cli_sessions },
    { "kick", "USER|SESSION|ADDRESS", 1, 1,
      "end all sessions of a user, of an address or network, or the one with that number",
      "They may sign in again: a new password, loft user disable, or loft user app-password delete keeps "
      "them out.",
      kick_options, cli_kick },
    { "throttle list", "", 0, 0, "whose failed sign-ins are remembered, and who is locked",
      "An account is named whether it exists or not. A device is an account at an address that it was used "
      "from "
      "in the\nlast 90 days. See the settings auth.failure_delay_ms, auth.lock_failures and "
      "auth.network_failures.",
      NULL, cli_throttle_list },
    { "throttle clear", "USER|ADDRESS|NETWORK|all", 1, 1, "forget failures and end locks",
      "ADDRESS and NETWORK are spelled as loft throttle list shows them.", NULL, cli_throttle_clear },

    { "config check", "", 0, 0, "look for mistakes in the configuration", NULL, NULL, cli_config_check },
    { "config show", "", 0, 0, "show all settings as they are in effect, and where each comes from", NULL,
      NULL, cli_config_show },
    { "config explain", "NAME", 1, 1,
      "what a setting means, such as imap.listen, or all of a section, such as imap", NULL, NULL,
      cli_config_explain },

    { "help", "[COMMAND]", 0, 3, "say what a command does", NULL, NULL, cli_help },
    { NULL },
};

/* ---- what commands use ---- */

struct str cli_arg(const struct cli *cli, unsigned i)
{
    return i < cli->line.arg_count ? cli->line.args[i] : STR_NIL;
}

int cli_load_config(struct cli *cli, struct err *err)
{
    if (cli->config)
        return 0;
    int r = config_load(&cli->sources, NULL, NULL, &cli->config, err);
    if (r < 0)
        cli->exit_code = 2;
    return r;
}

int cli_connect(struct cli *cli, struct err *err)
{
    int r = cli_load_config(cli, err);
    if (r < 0 || cli->client)
        return r;
    cli->log_sink = (struct log_sink){ STDERR_FILENO, LEVEL_WARN, (enum log_format)cli->config->log.format,
                                       &clock_system };
    return client_open(cli->config, &clock_system, logger_make(&cli->log_sink), cli->creates_folder,
                       &cli->client, err);
}

json_t *cli_json(struct str text)
{
    return json_stringn(text.p, text.n);
}

int cli_ask(struct cli *cli, json_t *request, json_t **result_out, struct err *err)
{
    struct admin_reply reply;
    if (!request) {
        cli->exit_code = 2;
        return err_set(err, ERR_INVALID, "an argument is not UTF-8 text");
    }
    int r = cli_connect(cli, err);
    if (r == 0)
        r = client_call(cli->client, request, STR_NIL, &reply, err);
    json_decref(request);
    if (r < 0)
        return r;
    json_array_append_new(cli->results, reply.result);
    *result_out = reply.result;
    buf_deinit(&reply.bytes);
    return 0;
}

/* ---- serve, help ---- */

int cli_serve(struct cli *cli, struct err *err)
{
    return cli->params->serve(&cli->sources, err);
}

int cli_help(struct cli *cli, struct err *err)
{
    struct buf topic = BUF_INIT;
    (void)err;
    for (unsigned i = 0; i < cli->line.arg_count; i++)
        buf_printf(&topic, "%s" STR_FMT, i ? " " : "", STR_ARG(cli->line.args[i]));
    cli_print_help(buf_str(&topic));
    buf_deinit(&topic);
    return 0;
}

/* ---- main ---- */

static void find_sources(struct cli *cli)
{
    static const char standard_file[] = "/etc/loft/loft.conf";
    struct buf folder = BUF_INIT;
    config_default_data_folder(geteuid() == 0, getenv("HOME"), getenv("XDG_DATA_HOME"), &folder);
    cli->sources = (struct config_sources){ .file = cli->line.config_file,
                                            .overrides = cli->line.overrides,
                                            .override_count = cli->line.override_count,
                                            .default_data_folder = arena_c(&cli->arena, buf_str(&folder)) };
    buf_deinit(&folder);
    /* The file of the installed server is for whoever does not speak of another one. */
    if (!cli->sources.file && !cli->line.has_folder && access(standard_file, R_OK) == 0)
        cli->sources.file = standard_file;
}

static int run(struct cli *cli)
{
    struct err err = { 0 };
    int r = cli_line_parse(cli_commands, cli->params->argc - 1, cli->params->argv + 1, &cli->arena,
                           &cli->line, &err);
    if (r < 0) {
        fprintf(stderr, "loft: %s\n", err.text);
        return 2;
    }
    if (cli->line.version) {
        printf("loft %s\n", LOFT_VERSION);
        return 0;
    }
    if (cli->line.help) {
        cli_print_help(str_c(cli->line.command ? cli->line.command->words : ""));
        return 0;
    }
    find_sources(cli);
    cli->exit_code = 1;
    r = cli->line.command->run(cli, &err);
    if (fflush(stdout) != 0 && r == 0)
        r = err_set(&err, ERR_IO, "cannot write to standard output");
    if (r < 0 && err.text[0]) {
        struct buf text = BUF_INIT;
        cli_add_safe(&text, str_c(err.text));
        fprintf(stderr, "loft: %s\n", buf_c(&text));
        buf_deinit(&text);
    }
    return r < 0 ? cli->exit_code : 0;
}

int cli_main(const struct cli_params *params)
{
    struct cli cli = { .params = params, .results = json_array() };
    int code = run(&cli);
    client_close(&cli.client);
    config_free(&cli.config);
    json_decref(cli.results);
    arena_deinit(&cli.arena);
    return code;
}
