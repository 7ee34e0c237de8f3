#include "auth/directory/policy.h"

#include "auth/sasl/sasl.h"
#include "base/file.h"
#include "base/precis.h"
#include "base/utf8.h"

#include <stdlib.h>

enum { DAY_MS = 24 * 60 * 60 * 1000 };

struct policy {
    uint32_t length_min, days;
    struct buf text;  /* the list, folded */
    struct str *list; /* lines of `text`, sorted */
    size_t count;
};

static int compare(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool is_entry(struct str line)
{
    return line.n > 0 && !str_starts(line, STR("#!comment:"));
}

static void take_lines(struct policy *p)
{
    size_t cap = 0;
    for (struct str rest = buf_str(&p->text); rest.n > 0;)
        cap += is_entry(str_cut(rest, '\n', &rest));
    p->list = calloc(cap + 1, sizeof *p->list);
    if (!p->list)
        abort();
    for (struct str rest = buf_str(&p->text); rest.n > 0;) {
        struct str line = str_cut(rest, '\n', &rest);
        if (is_entry(line))
            p->list[p->count++] = line;
    }
    qsort(p->list, p->count, sizeof *p->list, compare);
}

static int read_list(struct policy *p, const char *path, struct err *err)
{
    struct buf raw = BUF_INIT;
    int r = file_read(path, POLICY_LIST_BYTES_MAX, &raw, err);
    if (r == 0) {
        for (size_t i = 0; i < raw.n; i++)
            if (raw.p[i] == '\r')
                raw.p[i] = '\n';
        utf8_fold(buf_str(&raw), &p->text);
        take_lines(p);
    }
    buf_deinit(&raw);
    return r == -ERR_NOT_FOUND ? 0 : r;
}

int policy_new(const struct policy_params *params, struct policy **policy_out, struct err *err)
{
    struct policy *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->length_min = params->length_min;
    p->days = params->days;
    int r = params->list[0] ? read_list(p, params->list, err) : 0;
    if (r < 0)
        policy_free(&p);
    else
        *policy_out = p;
    return r;
}

void policy_free(struct policy **policy)
{
    struct policy *p = *policy;
    if (!p)
        return;
    buf_deinit(&p->text);
    free(p->list);
    free(p);
    *policy = NULL;
}

size_t policy_list_count(const struct policy *p)
{
    return p->count;
}

/* Bytes that are no UTF-8 count as a character each. */
static size_t count_characters(struct str s)
{
    size_t n = 0;
    for (const char *at = s.p, *end = str_end(s); at < end; n++)
        utf8_next(&at, end);
    return n;
}

static bool is_name(struct str name, struct str folded)
{
    struct buf own = BUF_INIT;
    utf8_fold(name, &own);
    struct str whole = buf_str(&own);
    ptrdiff_t at = str_rfind_char(whole, '@');
    bool same = str_eq(whole, folded) || (at > 0 && str_eq(str_sub(whole, 0, (size_t)at), folded));
    buf_deinit(&own);
    return same;
}

int policy_check(const struct policy *p, struct str name, struct str password, struct err *err)
{
    struct buf folded = BUF_INIT;
    int r = 0;
    if (password.n > USER_PASSWORD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the password is longer than %d bytes", USER_PASSWORD_BYTES_MAX);
    if (password.n == 0)
        return err_set(err, ERR_INVALID, "the password is empty");
    buf_reserve(&folded,
                32 * USER_PASSWORD_BYTES_MAX); /* so that it moves nowhere while it fills, and can be wiped */
    utf8_fold(password, &folded);
    struct str key = buf_str(&folded);
    if (!precis_is_allowed(password, PRECIS_FREEFORM))
        r = err_set(err, ERR_INVALID,
                    "the password has control characters in it, or others that not all programs can send");
    else if (count_characters(password) < p->length_min)
        r = err_set(err, ERR_INVALID, "the password must have at least %u characters", p->length_min);
    else if (is_name(name, key))
        r = err_set(err, ERR_INVALID, "the password must not be the user name");
    else if (p->count > 0 && bsearch(&key, p->list, p->count, sizeof *p->list, compare))
        r = err_set(err, ERR_INVALID,
                    "the password is one of those that are guessed first: it is in a list of common ones");
    sasl_wipe(&folded);
    return r;
}

int64_t policy_expiry_ms(const struct policy *p, const struct user *user)
{
    bool ends = p && p->days && !user->provider[0];
    return ends ? user->password_changed_ms + (int64_t)p->days * DAY_MS : 0;
}

bool policy_expired(const struct policy *p, const struct user *user, int64_t wall_ms)
{
    int64_t expiry_ms = policy_expiry_ms(p, user);
    return expiry_ms && wall_ms >= expiry_ms;
}
