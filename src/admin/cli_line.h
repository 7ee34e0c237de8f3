/* cli_line.h: what was typed, taken apart by tables: options, command word, arguments.
 *
 *   loft [OPTION]... COMMAND [OPTION | ARGUMENT]... [-- ARGUMENT...]
 *
 * Options that every command has may stand anywhere; those of one command, behind it. "--name VALUE",
 * "--name=VALUE", "-n VALUE", "-nVALUE".
 * Threads: none; values. */
#ifndef LOFT_ADMIN_CLI_LINE_H
#define LOFT_ADMIN_CLI_LINE_H

#include "base/arena.h"
#include "base/err.h"

enum {
    CLI_ARGS_MAX = 16,      /* arguments of one command */
    CLI_OPTIONS_MAX = 8,    /* rows of one table of options */
    CLI_OVERRIDES_MAX = 256 /* -o and -d together */
};

struct cli;

struct cli_option {
    const char *name;  /* "mailbox" for --mailbox; the table ends with NULL */
    char letter;       /* 'm' for -m; 0: none */
    const char *value; /* what --help calls its value, "NAME"; NULL: it is a switch */
    const char *help;
};

struct cli_command {
    const char *words; /* "user add" */
    const char *args;  /* for people: "NAME" */
    unsigned args_min, args_max;
    const char *help;                 /* one line */
    const char *details;              /* more lines for `loft help COMMAND`; may be NULL */
    const struct cli_option *options; /* NULL: none of its own */
    int (*run)(struct cli *cli, struct err *err);
};

struct cli_line {
    const struct cli_command *command; /* NULL: none was given */
    struct str args[CLI_ARGS_MAX];
    unsigned arg_count;
    /* Of command->options, by row: NULL when not given, "" for a switch. */
    const char *values[CLI_OPTIONS_MAX];
    const char *config_file; /* -c */
    struct str overrides[CLI_OVERRIDES_MAX];
    size_t override_count;
    bool has_folder; /* -d was given */
    bool help, version, json;
};

extern const struct cli_option cli_common_options[]; /* for help texts */

/* Take `argv` (without the program's name) apart by the table `commands`, which ends with a row without
 * words. Everything borrows argv and `arena`.
 *   errors  -ERR_INVALID with a text for whoever typed it: the nearest name where one is unknown. `line_out`
 *           is filled as far as it was understood, so that help can be about the right command */
MUST_USE int cli_line_parse(const struct cli_command *commands, int argc, char *const *argv,
                            struct arena *arena, struct cli_line *line_out, struct err *err);

/* The row whose words are `words`, or NULL. */
const struct cli_command *cli_command_find(const struct cli_command *commands, struct str words);

/* The value of an option of the line's command: NULL when it was not given. */
const char *cli_line_value(const struct cli_line *line, const char *name);

#endif
