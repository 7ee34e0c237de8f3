/* What a name stands for. */
#include "auth/directory/names_private.h"

#include "auth/directory/grants.h"
#include "base/utf8.h"

#include <sodium.h>
#include <stdio.h>

/* ---- spellings ---- */

/* One that is too long is nobody's: left out. */
static bool add_spelling(struct spellings *s, struct str local, struct str domain)
{
    if (local.n + domain.n + (domain.n > 0) > USER_NAME_BYTES_MAX)
        return false;
    snprintf(s->name[s->count], sizeof s->name[0], STR_FMT "%s" STR_FMT, STR_ARG(local), domain.n ? "@" : "",
             STR_ARG(domain));
    s->count++;
    return true;
}

int names_spell(struct names *names, const char *normal, struct spellings *s, struct err *err)
{
    char real[USER_NAME_BYTES_MAX + 1];
    struct str whole = str_c(normal), domain = users_domain(whole), standard = str_c(names->default_domain);
    ptrdiff_t at = str_rfind_char(whole, '@');
    struct str local = at < 0 ? whole : str_sub(whole, 0, (size_t)at);

    *s = (struct spellings){ .count = 0 };
    memcpy(s->name[s->count++], normal, whole.n + 1);
    if (domain.n) {
        int r = names_read_domain(names, domain, real, err);
        if (r < 0 && r != -ERR_NOT_FOUND)
            return r;
        if (r == 0 && !str_eq(str_c(real), domain)) {
            domain = str_c(real);
            if (add_spelling(s, local, domain))
                s->canonical = s->count - 1;
        }
    }
    if (at < 0 && standard.n && add_spelling(s, local, standard))
        s->canonical = s->count - 1;
    if (standard.n && str_eq(domain, standard) && local.n)
        add_spelling(s, local, STR_NIL);
    return 0;
}

int names_find_user(struct names *names, const struct spellings *s, struct user *user_out, struct err *err)
{
    int r = -ERR_NOT_FOUND;
    for (size_t i = 0; i < s->count && r == -ERR_NOT_FOUND; i++)
        r = users_find(names->users, str_c(s->name[i]), user_out, err);
    return r;
}

/* That of the record, for whom was there before names followed RFC 8265. */
int names_normalise(struct names *names, struct str typed, char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    struct user user;
    int r = utf8_is_ascii(typed) ? -ERR_NOT_FOUND : users_find(names->users, typed, &user, err);
    if (r == 0)
        memcpy(out, user.name, sizeof user.name);
    if (r == -ERR_NOT_FOUND)
        r = users_normalise_name(typed, out, NULL) == 0
                ? 0
                : err_set(err, ERR_NOT_FOUND, "there is no such user");
    return r;
}

static int find_alias(struct names *names, struct str name, struct buf *value, struct reader *targets_out,
                      uint64_t *count_out, struct err *err)
{
    struct buf key = BUF_INIT;
    alias_key(name, &key);
    int r = names_read(names, buf_str(&key), value, err);
    buf_deinit(&key);
    return r < 0 ? r : alias_decode(name, buf_str(value), targets_out, count_out, err);
}

/* The first that is an alias. */
static int find_any_alias(struct names *names, const struct spellings *s, struct buf *value,
                          struct reader *targets_out, uint64_t *count_out, struct err *err)
{
    int r = -ERR_NOT_FOUND;
    for (size_t i = 0; i < s->count && r == -ERR_NOT_FOUND; i++)
        r = find_alias(names, str_c(s->name[i]), value, targets_out, count_out, err);
    return r;
}

/* ---- signing in ---- */

/* Follow an alias as long as it stands for one name. -ERR_NOT_FOUND: it does not, or there is no end. */
static int follow_alias(struct names *names, const struct spellings *s, char out[USER_NAME_BYTES_MAX + 1],
                        struct err *err)
{
    struct buf value = BUF_INIT;
    struct reader targets;
    uint64_t count;
    int r = find_any_alias(names, s, &value, &targets, &count, err);
    for (unsigned depth = 1; r == 0; depth++) {
        struct str target = reader_str(&targets);
        if (count > 1 || depth > NAMES_ALIAS_DEPTH_MAX || target.p[0] == '@') {
            r = -ERR_NOT_FOUND;
            break;
        }
        memcpy(out, target.p, target.n);
        out[target.n] = '\0';
        r = find_alias(names, str_c(out), &value, &targets, &count, err);
        if (r == -ERR_NOT_FOUND) { /* a user, or whom a provider knows */
            r = 0;
            break;
        }
    }
    buf_deinit(&value);
    return r;
}

/* Whoever is there in one of the spellings. -ERR_NOT_FOUND: nobody, and `out` is what a new user is called; "": the name can be
 * nobody's. */
static int find_spelled(struct names *names, struct str name, struct spellings *s,
                        char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    struct user user;
    out[0] = '\0';
    int r = names_normalise(names, name, normal, err);
    if (r == 0)
        r = names_spell(names, normal, s, err);
    if (r < 0)
        return r;
    r = names_find_user(names, s, &user, err);
    if (r == -ERR_NOT_FOUND)
        memcpy(out, s->name[s->canonical], sizeof s->name[0]);
    if (r == 0) {
        memcpy(out, user.name, sizeof user.name);
        sodium_memzero(user.hash, sizeof user.hash);
    }
    return r;
}

int names_of_provider(struct names *names, struct str told, char out[USER_NAME_BYTES_MAX + 1],
                      struct err *err)
{
    struct spellings s;
    int r = find_spelled(names, told, &s, out, err);
    return r == -ERR_NOT_FOUND && out[0] ? 0 : r;
}

int names_sign_in(struct names *names, struct str typed, char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    char target[USER_NAME_BYTES_MAX + 1];
    struct spellings s;
    int r = find_spelled(names, typed, &s, out, err);
    if (r != -ERR_NOT_FOUND || !out[0])
        return r;
    if (names->sign_in_with_alias && s.name[0][0] != '@') /* nobody is the catch-all */
        r = follow_alias(names, &s, target, err);
    if (r == 0)
        memcpy(out, target, strlen(target) + 1);
    return r == -ERR_NOT_FOUND ? 0 : r;
}

/* ---- deliveries ---- */

struct expansion {
    struct names *names;
    names_find_fn *find;
    void *ctx;
    struct arena *arena;
    struct names_recipients *out;
    struct str path[NAMES_ALIAS_DEPTH_MAX]; /* the aliases that led here */
    size_t looked;
    int refused; /* why the first of those was left out who were */
    struct err *err;
};

static int take_user(struct expansion *e, const struct user *user)
{
    struct names_recipients *out = e->out;
    if (user->disabled && user->refuses_mail)
        return err_set(e->err, ERR_DENIED, "%.200s takes no mail", user->name);
    for (size_t i = 0; i < out->count; i++)
        if (out->list[i].account.n == user->account.n)
            return 0;
    if (out->count >= NAMES_RECIPIENTS_MAX)
        return err_set(e->err, ERR_LIMIT, "an alias stands for more than %d users", NAMES_RECIPIENTS_MAX);
    out->list = arena_grow(e->arena, out->list, out->count, &out->cap, sizeof *out->list);
    out->list[out->count++] = (struct names_recipient){ user->account,
                                                        arena_dup(e->arena, str_c(user->name)) };
    return 0;
}

static int find_anywhere(struct expansion *e, struct str name, struct user *user_out)
{
    return e->find
               ? e->find(e->ctx, name, user_out, e->err)
               : err_set(e->err, ERR_NOT_FOUND, "there is no user " STR_FMT, STR_ARG(str_sub(name, 0, 200)));
}

static int expand(struct expansion *e, struct reader targets, uint64_t count, unsigned depth);

static int take_target(struct expansion *e, struct str target, unsigned depth)
{
    struct buf value = BUF_INIT;
    struct reader targets = { 0 };
    struct user user;
    uint64_t count = 0;
    if (++e->looked > NAMES_LOOKED_MAX)
        return err_set(e->err, ERR_LIMIT, "an alias stands for too many names");
    int r = users_find(e->names->users, target, &user, e->err);
    if (r == 0)
        return take_user(e, &user);
    for (unsigned i = 0; i < depth; i++)
        if (str_eq(e->path[i], target))
            return 0; /* a loop: those behind it are there already */
    if (r == -ERR_NOT_FOUND)
        r = find_alias(e->names, target, &value, &targets, &count, e->err);
    if (r == 0 && depth >= NAMES_ALIAS_DEPTH_MAX) {
        r = err_set(e->err, ERR_LIMIT, "aliases stand for aliases more than %d deep", NAMES_ALIAS_DEPTH_MAX);
    } else if (r == 0) {
        e->path[depth] = target;
        r = expand(e, targets, count, depth + 1);
    } else if (r == -ERR_NOT_FOUND) {
        r = find_anywhere(e, target, &user);
        r = r == 0 ? take_user(e, &user) : r;
    }
    buf_deinit(&value);
    return r;
}

/* Recursion ends at NAMES_ALIAS_DEPTH_MAX; the work, at NAMES_LOOKED_MAX. */
static int expand(struct expansion *e, struct reader targets, uint64_t count, unsigned depth)
{
    for (uint64_t i = 0; i < count; i++) {
        int r = take_target(e, reader_str(&targets), depth);
        if (r == -ERR_NOT_FOUND || r == -ERR_DENIED)
            e->refused = e->refused ? e->refused : r;
        else if (r < 0)
            return r;
    }
    return 0;
}

static int expand_alias(struct expansion *e, struct str name, struct reader targets, uint64_t count)
{
    e->path[0] = name;
    int r = expand(e, targets, count, 1);
    if (r == 0 && e->out->count == 0)
        return e->refused == -ERR_DENIED ? err_set(e->err, ERR_DENIED, "nobody of the alias takes mail")
                                         : err_set(e->err, ERR_NOT_FOUND, "nobody of the alias is there");
    return r;
}

/* A user or an alias that is here, whichever way it is spelled. */
static int take_local(struct expansion *e, const struct spellings *s)
{
    struct buf value = BUF_INIT;
    struct reader targets = { 0 };
    struct user user;
    uint64_t count = 0;
    int r = names_find_user(e->names, s, &user, e->err);
    if (r == 0)
        return take_user(e, &user);
    if (r == -ERR_NOT_FOUND)
        r = find_any_alias(e->names, s, &value, &targets, &count, e->err);
    if (r == 0)
        r = expand_alias(e, str_c(s->name[0]), targets, count);
    buf_deinit(&value);
    return r;
}

static int take_elsewhere(struct expansion *e, const struct spellings *s)
{
    struct user user;
    int r = find_anywhere(e, str_c(s->name[s->canonical]), &user);
    return r == 0 ? take_user(e, &user) : r;
}

static int take_catch_all(struct expansion *e, const struct spellings *s)
{
    struct buf value = BUF_INIT;
    struct reader targets;
    uint64_t count;
    int r = -ERR_NOT_FOUND;
    for (size_t i = 0; i < s->count && r == -ERR_NOT_FOUND; i++) {
        struct str name = str_c(s->name[i]);
        ptrdiff_t at = str_rfind_char(name, '@');
        if (at < 0)
            continue;
        name = str_skip(name, (size_t)at);
        r = find_alias(e->names, name, &value, &targets, &count, e->err);
        if (r == 0)
            r = expand_alias(e, name, targets, count);
    }
    buf_deinit(&value);
    return r;
}

/* 1: mail for this domain is ours; 0: not. */
static int is_our_domain(struct names *names, struct str domain, struct err *err)
{
    char real[USER_NAME_BYTES_MAX + 1];
    if (domain.n == 0 || str_eq(domain, str_c(names->default_domain)))
        return 1;
    int r = names_have_domains(names, err);
    if (r <= 0)
        return r < 0 ? r : 1;
    r = names_read_domain(names, domain, real, err);
    return r == -ERR_NOT_FOUND ? 0 : r < 0 ? r : 1;
}

int names_check_domain(struct names *names, struct str name, struct err *err)
{
    struct str domain = users_domain(name);
    int r = is_our_domain(names, domain, err);
    return r == 0  ? err_set(err, ERR_CANNOT, STR_FMT " is no domain of this server",
                             STR_ARG(str_sub(domain, 0, 200)))
           : r < 0 ? r
                   : 0;
}

/* "anna+lists@example.org" with '+': "anna@example.org", and "lists". False without a detail. */
static bool split_detail(struct str address, char delimiter, struct arena *arena, struct str *user_out,
                         struct str *detail_out)
{
    ptrdiff_t at = str_rfind_char(address, '@');
    struct str local = at < 0 ? address : str_sub(address, 0, (size_t)at);
    struct str domain = at < 0 ? STR("") : str_skip(address, (size_t)at);
    ptrdiff_t mark = delimiter ? str_find_char(local, delimiter) : -1;
    if (mark <= 0)
        return false;
    /* Byte by byte: a NUL must not make another name of it. */
    char *user = arena_alloc(arena, (size_t)mark + domain.n + 1);
    memcpy(user, local.p, (size_t)mark);
    if (domain.n)
        memcpy(user + mark, domain.p, domain.n);
    *user_out = str_make(user, (size_t)mark + domain.n);
    *detail_out = str_skip(local, (size_t)mark + 1);
    return true;
}

/* The whole address, then the one without its detail: who has the delimiter in his name is found first. */
struct forms {
    struct spellings list[2];
    size_t count;
    struct str detail;
};

static int make_forms(struct names *names, struct str address, struct arena *arena, struct forms *forms,
                      struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    struct str user;
    *forms = (struct forms){ .count = 0 };
    int r = names_normalise(names, address, normal, err);
    if (r < 0 && r != -ERR_NOT_FOUND)
        return r;
    if (r == 0) {
        r = names_check_domain(names, str_c(normal), err);
        r = r < 0 ? r : names_spell(names, normal, &forms->list[forms->count++], err);
        if (r < 0)
            return r;
    }
    /* A detail may be what no name may be. */
    if (!split_detail(address, names->delimiter, arena, &user, &forms->detail))
        return forms->count ? 0 : r;
    r = names_normalise(names, user, normal, err);
    if (r < 0 && r != -ERR_NOT_FOUND)
        return r;
    if (r == 0) {
        r = names_check_domain(names, str_c(normal), err);
        r = r < 0 ? r : names_spell(names, normal, &forms->list[forms->count++], err);
        if (r < 0)
            return r;
    }
    return forms->count ? 0 : err_set(err, ERR_NOT_FOUND, "there is no such user");
}

int names_recipients(struct names *names, struct str address, names_find_fn *find, void *ctx,
                     struct arena *arena, struct names_recipients *out, struct err *err)
{
    struct forms forms;
    struct expansion e = { .names = names, .find = find, .ctx = ctx, .arena = arena, .out = out, .err = err };
    *out = (struct names_recipients){ .mailbox = STR_NIL };
    int r = make_forms(names, address, arena, &forms, err);
    if (r < 0)
        return r;
    r = -ERR_NOT_FOUND;
    size_t i = 0;
    for (; i < forms.count && r == -ERR_NOT_FOUND; i++)
        r = take_local(&e, &forms.list[i]);
    if (r == -ERR_NOT_FOUND)
        for (i = 0; i < forms.count && r == -ERR_NOT_FOUND; i++)
            r = take_elsewhere(&e, &forms.list[i]);
    bool without_detail = i == 2 || (i == 1 && forms.count == 1);
    if (r == 0 && without_detail && out->count == 1)
        out->mailbox = forms.detail;
    if (r == -ERR_NOT_FOUND)
        r = take_catch_all(&e, &forms.list[0]);
    return r == -ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "there is no such user") : r;
}

/* ---- new names ---- */

int names_check_new(struct names *names, struct str name, struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    struct buf value = BUF_INIT;
    struct reader targets;
    struct spellings s;
    struct user user;
    uint64_t count;
    int r = users_normalise_name(name, normal, err);
    if (r == 0)
        r = names_check_domain(names, str_c(normal), err);
    if (r == 0)
        r = names_spell(names, normal, &s, err);
    if (r < 0)
        return r;
    r = names_find_user(names, &s, &user, err);
    if (r == 0)
        return err_set(err, ERR_EXISTS, "user %.200s exists already", user.name);
    if (r == -ERR_NOT_FOUND)
        r = find_any_alias(names, &s, &value, &targets, &count, err);
    if (r == 0)
        r = err_set(err, ERR_EXISTS, "%.200s is an alias", normal);
    else if (r == -ERR_NOT_FOUND)
        r = 0;
    buf_deinit(&value);
    return r;
}
