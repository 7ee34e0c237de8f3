#include "auth/passwd/passwd_file.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/network.h"

#include <sodium.h>
#include <stdlib.h>

struct passwd_file {
    struct arena arena; /* all entries and what they borrow */
    struct map by_name;
};

struct reading {
    const struct passwd_file_params *params;
    passwd_file_problem_fn *problem;
    void *ctx;
    struct passwd_file *file;
    struct passwd_file_facts facts;
    size_t line, problems;
};

static void tell(struct reading *r, const char *text)
{
    if (r->problem && r->problems++ < PASSWD_FILE_PROBLEMS_MAX)
        r->problem(r->ctx, r->line, text);
}

/* ---- one line ---- */

/* A name of an account, with the domain of names that have none, in the arena. */
static int read_name(const struct reading *r, struct str text, char **out, struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    struct buf whole = BUF_INIT;
    buf_add(&whole, text);
    if (text.n > 0 && *r->params->domain && str_find_char(text, '@') < 0) {
        buf_add_char(&whole, '@');
        buf_add(&whole, str_c(r->params->domain));
    }
    int result = users_normalise_name(buf_str(&whole), normal, err);
    buf_deinit(&whole);
    if (result == 0)
        *out = arena_c(&r->file->arena, str_c(normal));
    return result;
}

static int check_nets(struct str nets, struct err *err)
{
    struct network network;
    size_t count = 0;
    for (struct str net; !str_is_nil(net = str_next_word(&nets)); count++) {
        int r = str_eq(net, STR("local")) ? 0 : network_parse(net, &network, err);
        if (r < 0)
            return err_context(err, "allow_nets");
    }
    return count ? 0 : err_set(err, ERR_INVALID, "allow_nets names no network");
}

/* extra = key ["=" value] */
static int read_extra(struct reading *r, struct str extra, struct passwd_entry *entry, struct err *err)
{
    struct str value, key = str_cut(extra, '=', &value);
    if (str_eq(key, STR("user")))
        return read_name(r, value, &entry->account, err);
    if (str_eq(key, STR("allow_nets"))) {
        entry->nets = arena_dup(&r->file->arena, value);
        return check_nets(value, err);
    }
    if (str_eq(key, STR("nologin"))) /* also without "=y" */
        entry->nologin = true;
    else if (str_eq(key, STR("nopassword")))
        return err_set(err, ERR_INVALID, "nopassword: nobody signs in without a password");
    else
        r->facts.ignored_extras++;
    return 0;
}

static int read_extras(struct reading *r, struct str extras, struct passwd_entry *entry, struct err *err)
{
    int result = 0;
    while (result == 0 && extras.n > 0) {
        struct str extra = str_cut(extras, ' ', &extras);
        if (extra.n > 0)
            result = read_extra(r, extra, entry, err);
    }
    return result;
}

static int read_password(struct reading *r, struct str stored, struct passwd_entry *entry, struct err *err)
{
    int result = scheme_check(stored, r->params->scheme, &entry->facts, err);
    if (result < 0)
        return result;
    if (entry->facts.weak && !entry->facts.never) {
        r->facts.weak++;
        if (!r->params->allow_weak)
            return err_set(err, ERR_INVALID, "passwords with {%s} are not allowed (passwd_file.allow_weak)",
                           entry->facts.name);
    }
    entry->stored = arena_dup(&r->file->arena, stored);
    return 0;
}

static int read_line(struct reading *r, struct str line, struct passwd_entry *entry, struct err *err)
{
    enum { FIELDS_BEFORE_EXTRAS = 7 };
    struct str rest = line, name = str_cut(rest, ':', &rest);
    if (line.n > PASSWD_FILE_LINE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the line is longer than %d bytes", PASSWD_FILE_LINE_BYTES_MAX);
    if (str_is_nil(rest))
        return err_set(err, ERR_SYNTAX, "there is no \":\" behind the name");
    int result = read_name(r, name, &entry->name, err);
    if (result == 0)
        result = read_password(r, str_cut(rest, ':', &rest), entry, err);
    for (int i = 2; i < FIELDS_BEFORE_EXTRAS; i++)
        (void)str_cut(rest, ':', &rest);
    return result < 0 ? result : read_extras(r, rest, entry, err);
}

/* ---- all of them ---- */

/* Nobody comes in by a damaged line. But its name stays one of this file: not an earlier line, nor whoever is asked next, is to
 * decide in its place. NULL: no name can be read. */
static struct passwd_entry *damaged_entry(struct reading *r, struct str line)
{
    struct str rest;
    struct passwd_entry *entry = arena_new(&r->file->arena, struct passwd_entry);
    entry->damaged = true;
    struct str name = str_cut(str_sub(line, 0, PASSWD_FILE_LINE_BYTES_MAX), ':', &rest);
    return read_name(r, name, &entry->name, NULL) == 0 ? entry : NULL;
}

/* In place of an earlier line of that name. */
static int put_entry(struct reading *r, struct passwd_entry *entry, struct err *err)
{
    const struct passwd_entry *before = map_put(&r->file->by_name, str_c(entry->name), entry);
    if (before && !entry->damaged)
        tell(r, "the name has a line before this one: this one holds");
    r->facts.users += !entry->damaged;
    r->facts.users -= before && !before->damaged;
    return r->file->by_name.count > PASSWD_FILE_USERS_MAX
               ? err_set(err, ERR_LIMIT, "more than %d users", PASSWD_FILE_USERS_MAX)
               : 0;
}

static int take_line(struct reading *r, struct str line, struct err *err)
{
    struct err why = { .kind = ERR_NONE };
    struct passwd_entry *entry = arena_new(&r->file->arena, struct passwd_entry);
    if (read_line(r, line, entry, &why) < 0) {
        r->facts.damaged++;
        tell(r, why.text);
        entry = damaged_entry(r, line);
    }
    return entry ? put_entry(r, entry, err) : 0;
}

static int take_lines(struct reading *r, struct str text, struct err *err)
{
    int result = 0;
    while (result == 0 && text.n > 0) {
        struct str line = str_cut(text, '\n', &text);
        if (str_ends(line, STR("\r")))
            line.n--;
        r->line++;
        if (line.n > 0 && line.p[0] != '#' && line.p[0] != ':')
            result = take_line(r, line, err);
    }
    return result;
}

int passwd_file_parse(struct buf *text, const struct passwd_file_params *params,
                      passwd_file_problem_fn *problem, void *ctx, struct passwd_file **file_out,
                      struct passwd_file_facts *facts_out, struct err *err)
{
    struct reading r = { .params = params, .problem = problem, .ctx = ctx };
    r.file = calloc(1, sizeof *r.file);
    if (!r.file)
        abort();
    map_init(&r.file->by_name);
    int result = take_lines(&r, buf_str(text), err);
    if (text->p)
        sodium_memzero(text->p, text->cap);
    buf_clear(text);
    if (result < 0) {
        passwd_file_free(&r.file);
        return result;
    }
    *file_out = r.file;
    *facts_out = r.facts;
    return 0;
}

void passwd_file_free(struct passwd_file **file)
{
    if (!*file)
        return;
    map_deinit(&(*file)->by_name);
    arena_wipe(&(*file)->arena);
    arena_deinit(&(*file)->arena);
    free(*file);
    *file = NULL;
}

const struct passwd_entry *passwd_file_find(const struct passwd_file *file, struct str name)
{
    return map_get(&file->by_name, name);
}
