#include "auth/ldap/provider_ldap.h"

#include "auth/ldap/ldap_person.h"
#include "auth/ldap/ldap_pool.h"
#include "auth/passwd/scheme.h"
#include "base/file.h"

#include <sodium.h>
#include <stdlib.h>

enum { PASSWORD_FILE_BYTES_MAX = USER_PASSWORD_BYTES_MAX + 2 };

struct ldap_provider {
    struct provider_ldap_params params;
    struct ldap_reader reader;
    struct ldap_pool *pool;
    struct buf service_password; /* a secret */
};

/* ---- one sign-in, over one connection ---- */

enum want { WANT_PERSON, WANT_VERIFY, WANT_SCRAM };

struct question {
    struct ldap_provider *provider;
    enum want want;
    struct str name, password;
    enum scram_hash hash;
    struct scram_verifier *verifier_out;
    struct provider_answer *answer;
    struct arena arena;
    struct ldap_person person;
};

/* Without a service, a template tells nothing before the password is right. */
static bool only_after_bind(const struct ldap_provider *p)
{
    return *p->params.user_dn && !*p->params.bind_dn && !p->params.by_attribute;
}

static int refused(const struct question *q, enum ldap_refusal refusal, struct err *err)
{
    switch (refusal) {
    case LDAP_REFUSED_NOT:
        return 0;
    case LDAP_REFUSED_EXPIRED:
        q->answer->expired = true;
        return 0;
    case LDAP_REFUSED_DISABLED:
        q->answer->disabled = true;
        return 0;
    case LDAP_REFUSED_LOCKED:
        q->answer->locked = true;
        q->answer->reason = AUTH_LOCKED;
        return err_set(err, ERR_AUTH, "the directory has locked the account");
    case LDAP_REFUSED_WRONG:
        break;
    }
    return err_set(err, ERR_AUTH, "the directory refuses the password");
}

static int verify_by_bind(struct question *q, struct ldap_link *link, const char *dn, struct err *err)
{
    enum ldap_refusal refusal;
    if (q->password.n == 0 || q->password.n > USER_PASSWORD_BYTES_MAX)
        return err_set(err, ERR_AUTH, "the password is empty, or too long");
    int r = ldap_link_try(link, dn, q->password, &refusal, err);
    return r < 0 ? r : refused(q, refusal, err);
}

/* Values that cannot be verified do no harm to those that can. */
static int verify_by_attribute(struct question *q, struct err *err)
{
    struct err why = { .kind = ERR_NONE };
    for (size_t i = 0; i < q->person.password_count; i++) {
        int r = scheme_verify(q->person.passwords[i], "PLAIN", q->password, &why);
        if (r == 0)
            return 0;
        if (r == -ERR_UNAVAILABLE) /* it may be this one */
            return err_set(err, ERR_UNAVAILABLE, "%s", why.text);
        if (r != -ERR_AUTH)
            log_warn(&q->provider->params.log, "ldap-password", KV("dn", (const char *)q->person.dn),
                     KV("text", (const char *)why.text));
    }
    return err_set(err, ERR_AUTH,
                   q->person.password_count ? "the password is wrong"
                                            : "the entry has no password that we may see");
}

static int find_verifier(struct question *q, struct err *err)
{
    unsigned char salt[SCRAM_MADE_SALT_BYTES];
    scram_made_salt(q->provider->params.salt_secret, q->hash, q->name, salt);
    for (size_t i = 0; i < q->person.password_count; i++)
        if (scheme_scram(q->person.passwords[i], "PLAIN", q->hash, str_make(salt, sizeof salt),
                         q->verifier_out, NULL) == 0)
            return 0;
    return err_set(err, ERR_AUTH, "the directory keeps nothing for SCRAM of that user");
}

static void person_reset(struct question *q)
{
    arena_wipe(&q->arena);
    arena_deinit(&q->arena);
    buf_deinit(&q->person.groups);
    q->person = (struct ldap_person){ .arena = &q->arena, .groups = BUF_INIT };
}

static int verify_person(struct question *q, struct ldap_link *link, struct err *err)
{
    if (q->want == WANT_SCRAM)
        return find_verifier(q, err);
    if (q->want == WANT_PERSON)
        return 0;
    return q->provider->params.by_attribute ? verify_by_attribute(q, err)
                                            : verify_by_bind(q, link, q->person.dn, err);
}

/* The entry, as whom we may search, then the password; groups only for those who are in. */
static int ask_by_entry(struct question *q, struct ldap_link *link, struct err *err)
{
    const struct ldap_reader *reader = &q->provider->reader;
    int r = ldap_person_read(reader, link, q->name, LDAP_AS_SERVICE, &q->person, err);
    if (r == 0)
        r = verify_person(q, link, err);
    if (r == 0 && q->want != WANT_PERSON)
        r = ldap_person_read_groups(reader, link, q->name, LDAP_AS_SERVICE, &q->person, err);
    return r;
}

static int ask_by_template(struct question *q, struct ldap_link *link, struct err *err)
{
    const struct ldap_reader *reader = &q->provider->reader;
    int r = verify_by_bind(q, link, ldap_person_dn(reader, q->name, &q->arena), err);
    if (r < 0 || q->answer->expired || q->answer->disabled) /* such a one may not read */
        return r;
    r = ldap_person_read(reader, link, q->name, LDAP_AS_LAST_TRIED, &q->person, err);
    if (r == 0)
        r = ldap_person_read_groups(reader, link, q->name, LDAP_AS_LAST_TRIED, &q->person, err);
    return r == -ERR_NOT_FOUND
               ? err_set(err, ERR_UNAVAILABLE, "users may not read their own entries, or have no %s",
                         q->provider->params.name_attribute)
               : r;
}

static int ask_over(void *ctx, struct ldap_link *link, struct err *err)
{
    struct question *q = ctx;
    person_reset(q); /* also when it is asked again over another connection */
    return only_after_bind(q->provider) ? ask_by_template(q, link, err) : ask_by_entry(q, link, err);
}

static void fill_answer(struct question *q)
{
    struct provider_answer *a = q->answer;
    a->disabled |= q->person.disabled;
    if (q->person.name)
        snprintf(a->name, sizeof a->name, "%s", q->person.name);
    if (q->person.groups_known && q->want != WANT_PERSON) {
        a->groups_known = true;
        buf_clear(&a->groups);
        buf_add(&a->groups, buf_str(&q->person.groups));
    }
}

static int ask(struct question *q, struct err *err)
{
    q->arena = ARENA_INIT;
    q->person = (struct ldap_person){ .arena = &q->arena, .groups = BUF_INIT };
    int r = ldap_pool_ask(q->provider->pool, ask_over, q, err);
    if (r == 0)
        fill_answer(q);
    person_reset(q);
    return r;
}

/* ---- the calls of provider.h ---- */

static int ldap_find(void *ctx, struct str name, struct provider_answer *answer, struct err *err)
{
    struct question q = { .provider = ctx, .want = WANT_PERSON, .name = name, .answer = answer };
    if (only_after_bind(ctx))
        return err_set(err, ERR_NOT_FOUND, "the directory tells nobody who exists: see ldap.bind_dn");
    return ask(&q, err);
}

static int ldap_verify(void *ctx, struct str name, struct str password, const struct auth_peer *peer,
                       struct provider_answer *answer, struct err *err)
{
    struct question q = {
        .provider = ctx, .want = WANT_VERIFY, .name = name, .password = password, .answer = answer
    };
    (void)peer;
    answer->once = !q.provider->params.remember;
    return ask(&q, err);
}

static int ldap_scram(void *ctx, struct str name, enum scram_hash hash, struct scram_verifier *verifier_out,
                      struct provider_answer *answer, struct err *err)
{
    struct question q = { .provider = ctx,
                          .want = WANT_SCRAM,
                          .name = name,
                          .hash = hash,
                          .verifier_out = verifier_out,
                          .answer = answer };
    return ask(&q, err);
}

static void ldap_free(void *ctx)
{
    struct ldap_provider *p = ctx;
    ldap_pool_free(&p->pool);
    if (p->service_password.p)
        sodium_memzero(p->service_password.p, p->service_password.cap);
    buf_deinit(&p->service_password);
    sodium_memzero(p, sizeof *p);
    free(p);
}

static const struct provider_ops ldap_ops = {
    .name = "ldap", .find = ldap_find, .verify = ldap_verify, .free = ldap_free
};
static const struct provider_ops ldap_scram_ops = {
    .name = "ldap", .find = ldap_find, .verify = ldap_verify, .scram = ldap_scram, .free = ldap_free
};

/* ---- settings ---- */

static int check_uris(const struct provider_ldap_params *p, struct err *err)
{
    struct str rest = str_c(p->uris), uri;
    size_t count = 0;
    while (!str_is_nil(uri = str_next_word(&rest))) {
        int r = ldap_uri_check(uri, p->starttls, p->allow_plaintext, err);
        if (r < 0)
            return err_context(err, "ldap.uris");
        if (++count > LDAP_URIS_MAX)
            return err_set(err, ERR_INVALID, "ldap.uris: more than %d servers", LDAP_URIS_MAX);
    }
    return count ? 0 : err_set(err, ERR_INVALID, "ldap.uris names no server");
}

static int check_templates(const struct provider_ldap_params *p, struct err *err)
{
    const struct {
        const char *setting, *text;
        enum ldap_template_kind kind;
        bool used;
    } all[] = {
        { "ldap.user_filter", p->user_filter, LDAP_FILTER, !*p->user_dn },
        { "ldap.user_dn", p->user_dn, LDAP_DN, *p->user_dn },
        { "ldap.group_filter", p->group_filter, LDAP_GROUP_FILTER, *p->group_filter },
    };
    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        if (all[i].used && ldap_template_check(all[i].kind, str_c(all[i].text), err) < 0)
            return err_context(err, "%s", all[i].setting);
    return 0;
}

/* One line; the end of it does not count. An empty one would bind anybody (RFC 4513, 5.1.2). */
static int read_service_password(struct ldap_provider *p, struct err *err)
{
    const struct provider_ldap_params *params = &p->params;
    if (!*params->bind_dn)
        return 0;
    if (!*params->bind_password_file)
        return err_set(err, ERR_INVALID, "ldap.bind_dn needs ldap.bind_password_file");
    buf_reserve(&p->service_password, 128 * 1024); /* nothing moves: no copy is left */
    int r = file_read(params->bind_password_file, PASSWORD_FILE_BYTES_MAX, &p->service_password, err);
    if (r < 0)
        return err_context(err, "ldap.bind_password_file");
    while (p->service_password.n > 0 && strchr("\r\n", p->service_password.p[p->service_password.n - 1]))
        p->service_password.n--;
    if (p->service_password.n == 0 || p->service_password.n > USER_PASSWORD_BYTES_MAX)
        return err_set(err, ERR_INVALID,
                       "ldap.bind_password_file: the password is empty, or longer than %d bytes",
                       USER_PASSWORD_BYTES_MAX);
    return 0;
}

static int check_settings(struct ldap_provider *p, struct err *err)
{
    int r = check_uris(&p->params, err);
    if (r == 0)
        r = check_templates(&p->params, err);
    if (r == 0 && ldap_rule_parse(str_c(p->params.disabled), &p->reader.disabled, err) < 0)
        r = err_context(err, "ldap.disabled");
    if (r == 0 && p->params.scram && !p->params.by_attribute)
        r = err_set(err, ERR_INVALID, "ldap.scram takes ldap.verify = attribute");
    return r < 0 ? r : read_service_password(p, err);
}

int provider_ldap_new(const struct provider_ldap_params *params, struct provider *provider_out,
                      struct err *err)
{
    struct ldap_provider *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->params = *params;
    p->reader.params = &p->params;
    int r = check_settings(p, err);
    if (r < 0) {
        ldap_free(p);
        return r;
    }
    const struct ldap_pool_params pool = { .link = { .ca_file = params->ca_file,
                                                     .service_dn = params->bind_dn,
                                                     .service_password = buf_c(&p->service_password),
                                                     .timeout_ms = params->timeout_ms,
                                                     .starttls = params->starttls },
                                           .uris = params->uris,
                                           .clock = params->clock,
                                           .links_max = params->connections };
    p->pool = ldap_pool_new(&pool);
    *provider_out = (struct provider){ params->scram ? &ldap_scram_ops : &ldap_ops, p, params->connections,
                                       SCRAM_ITERATIONS_MIN };
    return 0;
}
