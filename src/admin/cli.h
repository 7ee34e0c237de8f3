/* cli.h: the command line: `loft COMMAND`. The table of commands is in cli.c, what they print in cli_*.c,
 * what they do in commands.c. Exit codes: 0 done, 1 it failed (the reason is on standard error), 2 the
 * command line or configuration was wrong; `deliver` has those of sysexits.h. */
#ifndef LOFT_ADMIN_CLI_H
#define LOFT_ADMIN_CLI_H

#include "admin/config.h"

typedef int cli_serve_fn(const struct config_sources *sources, struct err *err);

struct cli_params {
    int argc;
    char *const *argv; /* with the program's name */
    cli_serve_fn *serve;
};

/* Run what was typed; returns the exit code. */
int cli_main(const struct cli_params *params);

#endif
