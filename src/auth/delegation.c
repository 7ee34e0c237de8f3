#include "auth/delegation.h"

#include "auth/directory/users.h"

#include <stdlib.h>

struct rule {
    struct rule *next;
    char who[USER_NAME_BYTES_MAX + 1];
    char target[USER_NAME_BYTES_MAX + 2]; /* a name, "*@domain" or "*" */
};

struct delegation {
    struct rule *rules;
};

static int bad_rule(struct str rule, const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID, "\"" STR_FMT "\": %s", STR_ARG(str_sub(rule, 0, 100)), what);
}

/* The target in its one spelling. */
static bool normalise_target(struct str target, char out[USER_NAME_BYTES_MAX + 2])
{
    bool wild = str_starts(target, STR("*"));
    out[0] = '*';
    out[1] = '\0';
    if (str_eq(target, STR("*")))
        return true;
    if (wild && (!str_starts(target, STR("*@")) || target.n < 3))
        return false;
    struct str rest = wild ? str_skip(target, 1) : target;
    return str_find_char(rest, '*') < 0 && users_normalise_name(rest, out + wild, NULL) == 0;
}

static int add_targets(struct delegation *d, struct str rule, const char *who, struct str targets,
                       struct err *err)
{
    size_t count = 0;
    for (struct str target; (target = str_next_word(&targets)).n > 0; count++) {
        struct rule *r = calloc(1, sizeof *r);
        if (!r)
            abort();
        r->next = d->rules;
        d->rules = r;
        memcpy(r->who, who, sizeof r->who);
        if (!normalise_target(target, r->target))
            return bad_rule(rule, "for whom must be names, *@domain or *", err);
    }
    return count ? 0 : bad_rule(rule, "it does not say for whom", err);
}

int delegation_parse(struct str rules, struct delegation **delegation_out, struct err *err)
{
    struct delegation *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    int r = 0;
    while (r == 0 && rules.n > 0) {
        struct str targets, rule = str_trim(str_cut(rules, ';', &rules));
        char who[USER_NAME_BYTES_MAX + 1] = "";
        if (rule.n == 0)
            continue;
        struct str name = str_trim(str_cut(rule, ':', &targets));
        if (str_is_nil(targets))
            r = bad_rule(rule, "a rule is USER: NAME ...", err);
        else if (str_find_char(name, '*') >= 0 || users_normalise_name(name, who, NULL) < 0)
            r = bad_rule(rule, "who may act must be the name of one user", err);
        else
            r = add_targets(d, rule, who, targets, err);
    }
    if (r < 0)
        delegation_free(&d);
    else
        *delegation_out = d;
    return r;
}

void delegation_free(struct delegation **delegation)
{
    if (!*delegation)
        return;
    for (struct rule *rule = (*delegation)->rules, *next; rule; rule = next) {
        next = rule->next;
        free(rule);
    }
    free(*delegation);
    *delegation = NULL;
}

static bool acts_for_others(const struct delegation *d, struct str name)
{
    for (const struct rule *rule = d->rules; rule; rule = rule->next)
        if (str_eq(str_c(rule->who), name))
            return true;
    return false;
}

static bool matches(const struct delegation *d, const char *target, struct str whom)
{
    if (target[0] != '*')
        return str_eq(str_c(target), whom);
    return str_ends(whom, str_c(target + 1)) && !acts_for_others(d, whom);
}

bool delegation_allows(const struct delegation *d, struct str who, struct str whom)
{
    for (const struct rule *rule = d->rules; rule; rule = rule->next)
        if (str_eq(str_c(rule->who), who) && matches(d, rule->target, whom))
            return true;
    return false;
}
