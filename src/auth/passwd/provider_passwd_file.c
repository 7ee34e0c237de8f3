#include "auth/passwd/provider_passwd_file.h"

#include "base/file.h"
#include "base/network.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    /* A file that was changed this shortly before it was read may be changed again without a new time. */
    SETTLE_MS = 100,
};

/* One reading of the file. */
struct copy {
    struct passwd_file *file; /* NULL: it could not be read */
    size_t users;             /* who hold it; the provider is one */
};

struct passwd_provider {
    struct provider_passwd_file_params params;

    pthread_mutex_t lock;
    struct copy *copy;
    struct stat seen;
    bool settled;   /* `seen` says all: read it again only when it differs */
    struct err why; /* it could not be read */
    uint64_t generation;
};

/* ---- copies ---- */

static void copy_unref(struct passwd_provider *p, struct copy *copy)
{
    pthread_mutex_lock(&p->lock);
    bool last = --copy->users == 0;
    pthread_mutex_unlock(&p->lock);
    if (!last)
        return;
    passwd_file_free(&copy->file);
    free(copy);
}

static void on_problem(void *ctx, size_t line, const char *text)
{
    struct passwd_provider *p = ctx;
    log_warn(&p->params.log, "passwd-file-line", KV("file", p->params.path), KV("line", line),
             KV("text", text));
}

static int read_copy(struct passwd_provider *p, const struct stat *st, struct passwd_file **file_out,
                     struct err *err)
{
    struct passwd_file_facts facts;
    struct buf text = BUF_INIT;
    if (st->st_size > PASSWD_FILE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s is larger than %d bytes", p->params.path, PASSWD_FILE_BYTES_MAX);
    buf_reserve(&text, (size_t)st->st_size + 128 * 1024); /* nothing moves: no copies of secrets are left */
    int r = file_read(p->params.path, PASSWD_FILE_BYTES_MAX, &text, err);
    if (r == 0)
        r = passwd_file_parse(&text, &p->params.format, on_problem, p, file_out, &facts, err);
    if (r < 0)
        sodium_memzero(text.p, text.cap);
    buf_deinit(&text);
    if (r < 0)
        return r;
    log_info(&p->params.log, "passwd-file-read", KV("file", p->params.path), KV("users", facts.users),
             KV("damaged_lines", facts.damaged), KV("weak_passwords", facts.weak),
             KV("ignored_extra_fields", facts.ignored_extras));
    return 0;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool is_settled(const struct passwd_provider *p, const struct stat *st)
{
    int64_t changed_ms = (int64_t)st->st_ctim.tv_sec * 1000 + st->st_ctim.tv_nsec / 1000000;
    return clock_wall_ms(p->params.clock) - changed_ms > SETTLE_MS;
}

/* In place of the copy that was there. `file` NULL: nobody is known until it can be read. */
static void replace_copy(struct passwd_provider *p, struct passwd_file *file)
{
    struct copy *fresh = calloc(1, sizeof *fresh), *old = p->copy;
    if (!fresh)
        abort();
    *fresh = (struct copy){ file, 1 };
    p->copy = fresh;
    p->generation++;
    if (old && --old->users == 0) {
        passwd_file_free(&old->file);
        free(old);
    }
}

/* Look at the file, and read it when it is another one. Under the lock: who comes meanwhile waits for what holds now. */
static void refresh(struct passwd_provider *p)
{
    struct stat st = { .st_ino = 0 };
    struct err err = { .kind = ERR_NONE };
    struct passwd_file *file = NULL;
    bool there = stat(p->params.path, &st) == 0;
    if (p->copy && there && p->settled && same_file(&st, &p->seen))
        return;
    int r = there             ? read_copy(p, &st, &file, &err)
            : errno == ENOENT ? err_set(&err, ERR_NOT_FOUND, "%s does not exist", p->params.path)
                              : err_set_errno(&err, errno, "%s", p->params.path);
    p->settled = r == 0 && is_settled(p, &st);
    p->seen = st;
    if (r < 0 && p->copy && !p->copy->file)
        return; /* as before */
    if (r < 0)
        log_error(&p->params.log, "passwd-file-unreadable", KV("file", p->params.path),
                  KV("text", (const char *)err.text));
    p->why = err;
    replace_copy(p, file);
}

/* The copy that holds now; copy_unref it. */
static int current(struct passwd_provider *p, struct copy **copy_out, struct err *err)
{
    int r = 0;
    pthread_mutex_lock(&p->lock);
    refresh(p);
    if (p->copy->file) {
        p->copy->users++;
        *copy_out = p->copy;
    } else {
        r = err_set(err, ERR_UNAVAILABLE, "%s", p->why.text);
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

/* ---- the calls of provider.h ---- */

/* 0; -ERR_NOT_FOUND: none. -ERR_AUTH: of this file, and nobody else is to decide (passwd_file.h). */
static int check_entry(const struct passwd_entry *entry, struct err *err)
{
    if (!entry)
        return err_set(err, ERR_NOT_FOUND, "the file has no such user");
    return entry->damaged ? err_set(err, ERR_AUTH, "the line of the user is damaged, or not allowed") : 0;
}

static void fill_answer(const struct passwd_entry *entry, struct provider_answer *answer)
{
    answer->disabled = entry->nologin;
    if (entry->account)
        snprintf(answer->name, sizeof answer->name, "%s", entry->account);
}

static bool may_come_from(const struct passwd_entry *entry, const struct auth_peer *peer)
{
    struct network network;
    if (str_is_nil(entry->nets))
        return true;
    for (struct str nets = entry->nets, net; !str_is_nil(net = str_next_word(&nets));) {
        if (str_eq(net, STR("local")) ? !peer->has_ip
                                      : peer->has_ip && network_parse(net, &network, NULL) == 0 &&
                                            network_contains(&network, peer->ip))
            return true;
    }
    return false;
}

static int passwd_find(void *ctx, struct str name, struct provider_answer *answer, struct err *err)
{
    struct passwd_provider *p = ctx;
    struct copy *copy;
    int r = current(p, &copy, err);
    if (r < 0)
        return r;
    const struct passwd_entry *entry = passwd_file_find(copy->file, name);
    r = check_entry(entry, err);
    if (r == 0)
        fill_answer(entry, answer);
    copy_unref(p, copy);
    return r;
}

static int verify_entry(const struct passwd_provider *p, const struct passwd_entry *entry,
                        struct str password, const struct auth_peer *peer, struct provider_answer *answer,
                        struct err *err)
{
    int r = check_entry(entry, err);
    if (r < 0)
        return r;
    fill_answer(entry, answer);
    /* A yes is remembered for a client, and an IPv6 client is a /64: a network of allow_nets may be narrower. */
    answer->once = !str_is_nil(entry->nets);
    r = scheme_verify(entry->stored, p->params.format.scheme, password, err);
    if (r == 0 && !may_come_from(entry, peer)) {
        answer->reason = AUTH_ADDRESS_REFUSED;
        r = err_set(err, ERR_AUTH, "the user may not sign in from there");
    }
    return r;
}

static int passwd_verify(void *ctx, struct str name, struct str password, const struct auth_peer *peer,
                         struct provider_answer *answer, struct err *err)
{
    struct passwd_provider *p = ctx;
    struct copy *copy;
    int r = current(p, &copy, err);
    if (r < 0)
        return r;
    r = verify_entry(p, passwd_file_find(copy->file, name), password, peer, answer, err);
    copy_unref(p, copy);
    return r;
}

static int passwd_scram(void *ctx, struct str name, enum scram_hash hash, struct scram_verifier *verifier_out,
                        struct provider_answer *answer, struct err *err)
{
    struct passwd_provider *p = ctx;
    struct copy *copy;
    unsigned char salt[SCRAM_MADE_SALT_BYTES];
    int r = current(p, &copy, err);
    if (r < 0)
        return r;
    const struct passwd_entry *entry = passwd_file_find(copy->file, name);
    scram_made_salt(p->params.salt_secret, hash, name, salt);
    r = check_entry(entry, err);
    if (r == 0 && !str_is_nil(entry->nets))
        r = err_set(err, ERR_AUTH, "SCRAM is not for users with allow_nets");
    if (r == 0)
        r = scheme_scram(entry->stored, p->params.format.scheme, hash, str_make(salt, sizeof salt),
                         verifier_out, err);
    if (r == 0)
        fill_answer(entry, answer);
    copy_unref(p, copy);
    return r == -ERR_CANNOT ? err_set(err, ERR_AUTH, "the file keeps nothing for SCRAM of that user") : r;
}

static uint64_t passwd_generation(void *ctx)
{
    struct passwd_provider *p = ctx;
    pthread_mutex_lock(&p->lock);
    refresh(p);
    uint64_t generation = p->generation;
    pthread_mutex_unlock(&p->lock);
    return generation;
}

static void passwd_free(void *ctx)
{
    struct passwd_provider *p = ctx;
    if (p->copy)
        copy_unref(p, p->copy);
    pthread_mutex_destroy(&p->lock);
    sodium_memzero(p, sizeof *p);
    free(p);
}

static const struct provider_ops passwd_ops = { .name = "passwd-file",
                                                .find = passwd_find,
                                                .verify = passwd_verify,
                                                .generation = passwd_generation,
                                                .free = passwd_free };
static const struct provider_ops passwd_scram_ops = { .name = "passwd-file",
                                                      .find = passwd_find,
                                                      .verify = passwd_verify,
                                                      .scram = passwd_scram,
                                                      .generation = passwd_generation,
                                                      .free = passwd_free };

int provider_passwd_file_new(const struct provider_passwd_file_params *params, struct provider *provider_out,
                             struct err *err)
{
    if (!scheme_is_known(str_c(params->format.scheme)))
        return err_set(err, ERR_INVALID, "passwd_file.scheme: \"%.40s\" is no scheme that is known here",
                       params->format.scheme);
    struct passwd_provider *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->params = *params;
    pthread_mutex_init(&p->lock, NULL);
    refresh(p);
    int r = p->copy->file ? 0 : err_set(err, p->why.kind, "%s", p->why.text);
    if (r == 0)
        *provider_out = (struct provider){ params->scram ? &passwd_scram_ops : &passwd_ops, p,
                                           params->hashes_max, SCRAM_ITERATIONS_MIN };
    else
        passwd_free(p);
    return r;
}
