#include "admin/cli_line.h"

#include <assert.h>

enum { WORDS_BYTES_MAX = 64 };

enum common { COMMON_CONFIG, COMMON_DATA, COMMON_OPTION, COMMON_JSON, COMMON_HELP, COMMON_VERSION };

const struct cli_option cli_common_options[] = {
    [COMMON_CONFIG] = { "config", 'c', "FILE", "read settings from FILE" },
    [COMMON_DATA] = { "data", 'd', "FOLDER", "the data folder; the same as -o data.folder=FOLDER" },
    [COMMON_OPTION] = { "option", 'o', "SECTION.KEY=VALUE", "one setting; may be given several times" },
    [COMMON_JSON] = { "json", 0, NULL, "print data as JSON" },
    [COMMON_HELP] = { "help", 'h', NULL, "say what there is, or what the command does" },
    [COMMON_VERSION] = { "version", 0, NULL, "say which version this is" },
    { NULL },
};

struct parse {
    const struct cli_command *commands;
    struct arena *arena;
    struct cli_line *line;
    int argc, at;
    char *const *argv;
    bool only_args;              /* behind "--" */
    char words[WORDS_BYTES_MAX]; /* of a command, as far as given */
};

/* ---- names ---- */

const struct cli_command *cli_command_find(const struct cli_command *commands, struct str words)
{
    for (const struct cli_command *c = commands; c->words; c++)
        if (str_eq(words, str_c(c->words)))
            return c;
    return NULL;
}

static bool begins_command(const struct cli_command *commands, struct str words)
{
    for (const struct cli_command *c = commands; c->words; c++)
        if (str_starts(str_c(c->words), words) && c->words[words.n] == ' ')
            return true;
    return false;
}

/* Nearest of all commands to `words`; one of its words alone counts too,
 * so that "lst" finds "user list" only behind "user". */
static const char *nearest_command(const struct cli_command *commands, struct str words)
{
    const char *nearest = NULL;
    size_t least = words.n / 2 + 1; /* farther ones would only puzzle */
    for (const struct cli_command *c = commands; c->words; c++) {
        size_t distance = str_edit_distance(words, str_c(c->words));
        if (str_find_char(words, ' ') < 0) {
            size_t first = str_edit_distance(words, str_cut(str_c(c->words), ' ', &(struct str){ 0 }));
            distance = first < distance ? first : distance;
        }
        if (distance < least) {
            least = distance;
            nearest = c->words;
        }
    }
    return nearest;
}

static int unknown_command(const struct parse *p, struct str words, struct err *err)
{
    const char *nearest = nearest_command(p->commands, words);
    return err_set(err, ERR_INVALID, "there is no command \"" STR_FMT "\"%s%s%s", STR_ARG(words),
                   nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                   nearest ? "\"?" : "; loft --help lists all");
}

/* ---- options ---- */

static const struct cli_option *find_option(const struct cli_option *table, struct str name, char letter)
{
    for (const struct cli_option *o = table; o && o->name; o++)
        if (letter ? o->letter == letter : str_eq(name, str_c(o->name)))
            return o;
    return NULL;
}

static void nearest_in(const struct cli_option *table, struct str name, size_t *least, const char **nearest)
{
    for (const struct cli_option *o = table; o && o->name; o++) {
        size_t distance = str_edit_distance(name, str_c(o->name));
        if (distance < *least) {
            *least = distance;
            *nearest = o->name;
        }
    }
}

static int unknown_option(const struct parse *p, const char *given, struct str name, struct err *err)
{
    const struct cli_command *command = p->line->command;
    const char *nearest = NULL;
    size_t least = name.n / 2 + 1;
    nearest_in(cli_common_options, name, &least, &nearest);
    if (command)
        nearest_in(command->options, name, &least, &nearest);
    return err_set(err, ERR_INVALID, "%s%s has no option %s%s%s%s", command ? "loft " : "loft",
                   command ? command->words : "", given, nearest && name.n > 1 ? "; did you mean --" : "",
                   nearest && name.n > 1 ? nearest : "", nearest && name.n > 1 ? "?" : "");
}

static int add_override(struct parse *p, struct str text, struct err *err)
{
    if (p->line->override_count == CLI_OVERRIDES_MAX)
        return err_set(err, ERR_INVALID,
                       "more than %d settings on the command line; put them into a file, -c FILE",
                       CLI_OVERRIDES_MAX);
    p->line->overrides[p->line->override_count++] = text;
    return 0;
}

static int take_common(struct parse *p, enum common which, const char *value, struct err *err)
{
    switch (which) {
    case COMMON_CONFIG:
        p->line->config_file = value;
        return 0;
    case COMMON_DATA:
        p->line->has_folder = true;
        return add_override(p, arena_printf(p->arena, "data.folder=%s", value), err);
    case COMMON_OPTION:
        return add_override(p, str_c(value), err);
    case COMMON_JSON:
        p->line->json = true;
        return 0;
    case COMMON_HELP:
        p->line->help = true;
        return 0;
    case COMMON_VERSION:
        p->line->version = true;
        return 0;
    }
    return 0;
}

/* `inline_value` is what stood behind "=" or behind the letter: NULL when nothing did. */
static int take_option(struct parse *p, const char *given, struct str name, char letter,
                       const char *inline_value, struct err *err)
{
    const struct cli_option *own_table = p->line->command ? p->line->command->options : NULL;
    const struct cli_option *own = find_option(own_table, name, letter);
    const struct cli_option *option = own ? own : find_option(cli_common_options, name, letter);
    const char *value = inline_value;
    if (!option)
        return unknown_option(p, given, name, err);
    if (!option->value && inline_value)
        return err_set(err, ERR_INVALID, "option --%s takes no value", option->name);
    if (option->value && !value) {
        if (p->at == p->argc)
            return err_set(err, ERR_INVALID, "option %s needs a value: %s", given, option->value);
        value = p->argv[p->at++];
    }
    if (!own)
        return take_common(p, (enum common)(option - cli_common_options), value, err);
    p->line->values[own - own_table] = value ? value : "";
    return 0;
}

static int take_long(struct parse *p, const char *text, struct err *err)
{
    struct str value, name = str_cut(str_c(text + 2), '=', &value);
    const char *given = arena_printf(p->arena, "--" STR_FMT, STR_ARG(name)).p;
    return take_option(p, given, name, 0, value.p, err);
}

/* "-n VALUE", "-nVALUE"; switches may stand together: "-ab". */
static int take_short(struct parse *p, const char *text, struct err *err)
{
    for (const char *c = text + 1; *c; c++) {
        char given[3] = { '-', *c, '\0' };
        const struct cli_option *own = find_option(p->line->command ? p->line->command->options : NULL,
                                                   STR_NIL, *c);
        const struct cli_option *option = own ? own : find_option(cli_common_options, STR_NIL, *c);
        bool takes_rest = option && option->value && c[1];
        int r = take_option(p, given, str_make(c, 1), *c, takes_rest ? c + 1 : NULL, err);
        if (r < 0 || takes_rest)
            return r;
    }
    return 0;
}

/* ---- words and arguments ---- */

static int take_word(struct parse *p, struct str word, struct err *err)
{
    struct str words = str_c(p->words);
    if (words.n + 1 + word.n >= sizeof p->words)
        return unknown_command(p, word, err);
    if (words.n)
        p->words[words.n++] = ' ';
    memcpy(p->words + words.n, word.p, word.n);
    p->words[words.n + word.n] = '\0';
    words = str_c(p->words);
    p->line->command = cli_command_find(p->commands, words);
    return p->line->command || begins_command(p->commands, words) ? 0 : unknown_command(p, words, err);
}

static int take_positional(struct parse *p, struct str text, struct err *err)
{
    if (!p->line->command)
        return take_word(p, text, err);
    unsigned max = p->line->command->args_max;
    assert(max <= CLI_ARGS_MAX);
    if (p->line->arg_count == max)
        return err_set(err, ERR_INVALID, "\"" STR_FMT "\" is one argument too many for loft %s",
                       STR_ARG(text), p->line->command->words);
    p->line->args[p->line->arg_count++] = text;
    return 0;
}

static int check_complete(const struct parse *p, struct err *err)
{
    const struct cli_line *line = p->line;
    if (line->help || line->version)
        return 0;
    if (!line->command && p->words[0])
        return err_set(err, ERR_INVALID, "loft %s needs one more word; loft help %s lists them", p->words,
                       p->words);
    if (!line->command)
        return err_set(err, ERR_INVALID, "which command? loft --help lists all");
    if (line->arg_count < line->command->args_min)
        return err_set(err, ERR_INVALID, "an argument is missing: loft %s %s", line->command->words,
                       line->command->args);
    return 0;
}

int cli_line_parse(const struct cli_command *commands, int argc, char *const *argv, struct arena *arena,
                   struct cli_line *line_out, struct err *err)
{
    struct parse p = { .commands = commands, .arena = arena, .line = line_out, .argc = argc, .argv = argv };
    int r = 0;
    *line_out = (struct cli_line){ 0 };
    while (r == 0 && p.at < argc) {
        const char *text = argv[p.at++];
        if (p.only_args || text[0] != '-' || !text[1])
            r = take_positional(&p, str_c(text), err);
        else if (strcmp(text, "--") == 0)
            p.only_args = true;
        else
            r = text[1] == '-' ? take_long(&p, text, err) : take_short(&p, text, err);
    }
    return r < 0 ? r : check_complete(&p, err);
}

const char *cli_line_value(const struct cli_line *line, const char *name)
{
    for (size_t i = 0; line->command->options && line->command->options[i].name; i++)
        if (strcmp(line->command->options[i].name, name) == 0)
            return line->values[i];
    assert(!"an option of this command");
    return NULL;
}
