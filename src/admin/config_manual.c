/* Builds loft.conf.5.scd: prints what stands on standard input, with the settings where a line says
 * @SETTINGS@. */
#include "admin/config.h"

#include <stdio.h>

int main(void)
{
    struct buf settings = BUF_INIT;
    char line[1024];
    config_manual(&settings);
    while (fgets(line, sizeof line, stdin))
        fputs(strcmp(line, "@SETTINGS@\n") == 0 ? buf_c(&settings) : line, stdout);
    buf_deinit(&settings);
    return ferror(stdin) || fflush(stdout) != 0;
}
