/* Builds loft-audit.5.scd: prints what stands on standard input, with the tables of audit_events.c where a line says @EVENTS@
 * or @KEYS@. */
#include "base/audit.h"

#include <stdio.h>

/* scdoc takes _ for underlining. */
static void print_plain(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        printf(text.p[i] == '_' ? "\\_" : "%c", text.p[i]);
}

static void print_events(void)
{
    for (enum audit_event e = 0; e < AUDIT_EVENT_COUNT; e++) {
        const struct audit_event_row *row = &audit_events[e];
        printf("*%s*\n\t%s", row->name, row->help);
        if (*row->keys) {
            printf("++\nKeys: ");
            print_plain(str_c(row->keys));
        }
        printf("\n\n");
    }
}

static void print_keys(void)
{
    for (size_t i = 0; i < audit_key_count; i++) {
        printf("*");
        print_plain(str_c(audit_keys[i].name));
        printf("*\n\t%s\n\n", audit_keys[i].help);
    }
}

int main(void)
{
    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        if (strcmp(line, "@EVENTS@\n") == 0)
            print_events();
        else if (strcmp(line, "@KEYS@\n") == 0)
            print_keys();
        else
            fputs(line, stdout);
    }
    return ferror(stdin) || fflush(stdout) != 0;
}
