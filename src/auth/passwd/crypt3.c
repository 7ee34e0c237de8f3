#include "auth/passwd/crypt3.h"

#include "auth/directory/users.h"

#include <crypt.h>
#include <sodium.h>
#include <stdlib.h>

#define LETTERS "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* ---- what a text may ask for ---- */

static int check_nothing(struct str rest, struct err *err)
{
    (void)rest;
    (void)err;
    return 0;
}

/* rest = 2DIGIT "$" ... */
static int check_bcrypt(struct str rest, struct err *err)
{
    uint64_t cost;
    if (rest.n < 3 || rest.p[2] != '$' || !str_to_u64(str_sub(rest, 0, 2), 99, &cost))
        return err_set(err, ERR_SYNTAX, "bcrypt without a cost of two digits");
    if (cost > CRYPT3_BCRYPT_COST_MAX)
        return err_set(err, ERR_LIMIT, "bcrypt of cost %llu: at most %d", (unsigned long long)cost,
                       CRYPT3_BCRYPT_COST_MAX);
    return 0;
}

/* rest = ["rounds=" number "$"] salt "$" ... */
static int check_sha(struct str rest, struct err *err)
{
    uint64_t rounds;
    struct str behind;
    if (!str_starts(rest, STR("rounds=")))
        return 0;
    struct str number = str_cut(str_skip(rest, 7), '$', &behind);
    if (!str_to_u64(number, UINT64_MAX, &rounds))
        return err_set(err, ERR_SYNTAX, "rounds= without a number");
    if (rounds > CRYPT3_SHA_ROUNDS_MAX)
        return err_set(err, ERR_LIMIT, "%llu rounds: at most %d", (unsigned long long)rounds,
                       CRYPT3_SHA_ROUNDS_MAX);
    return 0;
}

static int value_of(char letter)
{
    const char *at = letter ? strchr(LETTERS, letter) : NULL;
    return at ? (int)(at - LETTERS) : -1;
}

/* rest = "j" N r "$" ..., as crypt_gensalt writes it: N is a power of two, one letter for its logarithm less 1; r, one
 * letter less 1; it takes 128 * N * r bytes. Further parameters, and larger ones that take more letters, are nothing
 * that crypt_gensalt makes. */
static int check_yescrypt(struct str rest, struct err *err)
{
    int n = rest.n > 3 ? value_of(rest.p[1]) : -1, r = rest.n > 3 ? value_of(rest.p[2]) : -1;
    if (rest.n < 4 || rest.p[0] != 'j' || rest.p[3] != '$' || n < 0 || r < 0)
        return err_set(err, ERR_CANNOT, "yescrypt with parameters that mkpasswd does not make");
    uint64_t mib = (uint64_t)CRYPT3_YESCRYPT_MEMORY_MAX * 1024 * 1024;
    if (n + 1 > 30 || ((UINT64_C(128) * (unsigned)(r + 1)) << (n + 1)) > mib)
        return err_set(err, ERR_LIMIT, "yescrypt with more than %d MiB of memory",
                       CRYPT3_YESCRYPT_MEMORY_MAX);
    return 0;
}

static const struct form {
    struct str prefix;
    bool weak;
    int (*check)(struct str rest, struct err *err); /* of what follows the prefix */
} forms[] = {
    { STR_INIT("$y$"), false, check_yescrypt }, { STR_INIT("$gy$"), false, check_yescrypt },
    { STR_INIT("$2a$"), false, check_bcrypt },  { STR_INIT("$2b$"), false, check_bcrypt },
    { STR_INIT("$2y$"), false, check_bcrypt },  { STR_INIT("$6$"), false, check_sha },
    { STR_INIT("$5$"), false, check_sha },      { STR_INIT("$1$"), true, check_nothing },
};

static bool is_des(struct str text)
{
    bool good = text.n == 13;
    for (size_t i = 0; good && i < text.n; i++)
        good = value_of(text.p[i]) >= 0;
    return good;
}

/* crypt(5): printable ASCII without these, which mean something in passwd(5). */
static bool is_clean(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || strchr("!*:;\\", text.p[i]))
            return false;
    return true;
}

int crypt3_check(struct str text, bool *weak_out, struct err *err)
{
    if (text.n > CRYPT3_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a hash of more than %d bytes", CRYPT3_BYTES_MAX);
    if (!is_clean(text))
        return err_set(err, ERR_SYNTAX, "a hash with characters that crypt(3) does not make");
    if (is_des(text)) {
        *weak_out = true;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        if (!str_starts(text, forms[i].prefix))
            continue;
        int r = forms[i].check(str_skip(text, forms[i].prefix.n), err);
        if (r == 0)
            *weak_out = forms[i].weak;
        return r;
    }
    return err_set(err, ERR_CANNOT, "a hash of crypt(3) in a form that is not known here");
}

/* ---- yes or no ---- */

bool crypt3_matches(struct str text, struct str password)
{
    char setting[CRYPT3_BYTES_MAX + 1], phrase[USER_PASSWORD_BYTES_MAX + 1];
    if (text.n >= sizeof setting || password.n >= sizeof phrase || str_find_char(password, '\0') >= 0)
        return false;
    memcpy(setting, text.p, text.n);
    setting[text.n] = '\0';
    memcpy(phrase, password.p, password.n);
    phrase[password.n] = '\0';
    struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        abort();
    const char *made = crypt_rn(phrase, setting, data, (int)sizeof *data); /* NULL when it cannot */
    bool same = made && strlen(made) == text.n && sodium_memcmp(made, setting, text.n) == 0;
    sodium_memzero(data, sizeof *data);
    sodium_memzero(phrase, sizeof phrase);
    sodium_memzero(setting, sizeof setting);
    free(data);
    return same;
}
