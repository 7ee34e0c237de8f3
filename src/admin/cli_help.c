/* Help, made from the tables. */
#include "admin/cli_private.h"

#include <stdio.h>

static int width_of(const struct cli_option *o)
{
    return (int)(strlen(o->name) + (o->value ? strlen(o->value) + 1 : 0));
}

static void print_options(const char *title, const struct cli_option *options)
{
    int width = 0;
    for (const struct cli_option *o = options; o->name; o++)
        width = width_of(o) > width ? width_of(o) : width;
    printf("\n%s\n", title);
    for (const struct cli_option *o = options; o->name; o++) {
        if (o->letter)
            printf("  -%c, ", o->letter);
        else
            printf("      ");
        printf("--%s%s%s%*s  %s\n", o->name, o->value ? " " : "", o->value ? o->value : "",
               width - width_of(o), "", o->help);
    }
}

static void print_command(const struct cli_command *c)
{
    printf("loft %s%s%s%s: %s\n", c->words, c->options ? " [OPTION]..." : "", *c->args ? " " : "", c->args,
           c->help);
    if (c->details)
        printf("\n%s\n", c->details);
    if (c->options)
        print_options("Options:", c->options);
    print_options("Options of every command:", cli_common_options);
}

static unsigned print_list(struct str topic)
{
    unsigned count = 0;
    int width = 0;
    for (const struct cli_command *c = cli_commands; c->words; c++) {
        int n = (int)(strlen(c->words) + strlen(c->args));
        width = n > width ? n : width;
    }
    for (const struct cli_command *c = cli_commands; c->words; c++) {
        if (topic.n && (!str_starts(str_c(c->words), topic) || c->words[topic.n] != ' '))
            continue;
        if (count++ == 0)
            printf("Commands:\n");
        printf("  %s %s%*s  %s\n", c->words, c->args, width - (int)(strlen(c->words) + strlen(c->args)), "",
               c->help);
    }
    return count;
}

void cli_print_help(struct str topic)
{
    const struct cli_command *command = cli_command_find(cli_commands, topic);
    if (command) {
        print_command(command);
        return;
    }
    if (!topic.n)
        printf("Loft, an IMAP server.\n\nUsage: loft [OPTION]... COMMAND [ARGUMENT]...\n\n");
    if (print_list(topic) == 0) {
        printf("No help on \"" STR_FMT "\".\n\n", STR_ARG(topic));
        print_list(STR(""));
    }
    print_options("Options of every command:", cli_common_options);
    printf("\nloft help COMMAND says more. Commands ask the running server, or open the data folder "
           "themselves when none runs.\n");
}
