/* main.c: wiring only. What `loft` does stands in the table of admin/cli.c. */
#include "admin/cli.h"
#include "serve.h"

int main(int argc, char **argv)
{
    const struct cli_params params = { .argc = argc, .argv = argv, .serve = serve };
    return cli_main(&params);
}
