#include "admin/backend.h"

#include "auth/directory/grants.h"
#include "auth/sasl/sasl.h"
#include "base/file.h"
#include "store/rocks/rocks.h"

#include <stdlib.h>

static void on_store_event(void *ctx, enum rocks_event event, const char *text)
{
    static const struct {
        const char *name;
        enum log_level level;
    } events[] = {
        [ROCKS_SEGMENT_COLLECTED] = { "segment-collected", LEVEL_DEBUG },
        [ROCKS_DAMAGE] = { "store-damage", LEVEL_ERROR },
        [ROCKS_WRITE_FAILED] = { "store-write-failed", LEVEL_ERROR },
        [ROCKS_BALLAST_RELEASED] = { "ballast-released", LEVEL_ERROR },
        [ROCKS_BALLAST_RESTORED] = { "ballast-restored", LEVEL_INFO },
    };
    struct backend *backend = ctx;
    LOG_AT(&backend->log, events[event].level, events[event].name, KV("text", text));
}

static int open_store(const struct config *config, struct backend *b, struct err *err)
{
    static const enum rocks_compression compressions[] = {
        [CONFIG_LZ4] = ROCKS_LZ4, [CONFIG_ZSTD] = ROCKS_ZSTD, [CONFIG_UNCOMPRESSED] = ROCKS_UNCOMPRESSED
    };
    struct rocks_options options = rocks_options_default();
    struct buf folder = BUF_INIT;
    buf_printf(&folder, "%s/store", config->data.folder);
    options.folder = buf_c(&folder);
    options.clock = &clock_system;
    options.watermark_bytes = config->store.watermark_bytes;
    options.ballast_bytes = config->store.ballast_bytes;
    options.segment_bytes = config->store.segment_bytes;
    options.block_cache_bytes = config->store.cache_bytes;
    options.compression = compressions[config->store.compression];
    options.collect_below_percent = (unsigned)config->store.collect_below_percent;
    options.collect_bytes_per_s = config->store.collect_bytes_per_s;
    options.event = on_store_event;
    options.event_ctx = b;
    int r = rocks_store_open(&options, &b->store, err);
    buf_deinit(&folder);
    return r;
}

/* After the store, whose lock keeps any other process from writing there too. */
static int open_audit(const struct config *config, struct backend *b, struct err *err)
{
    const struct audit_params params = { .path = config->audit.file,
                                         .rotate_bytes = config->audit.rotate_bytes,
                                         .keep = (uint32_t)config->audit.keep_count,
                                         .clock = &clock_system,
                                         .log = b->log };
    if (!*config->audit.file)
        return 0;
    int r = audit_new(&params, &b->audit, err);
    return r < 0 ? err_context(err, "audit.file") : 0;
}

static int open_names(struct names_params params, struct backend *b, struct err *err)
{
    params.users = b->users;
    int r = names_new(&params, &b->names, err);
    return r < 0 ? err_context(err, "auth.default_domain") : 0;
}

/* What no mechanism asks for is not kept: a thief could try passwords against it. */
static void choose_verifiers(const struct config *config, struct users_params *params)
{
    const unsigned sha_1 = SASL_SCRAM_SHA_1 | SASL_SCRAM_SHA_1_PLUS;
    unsigned mechanisms;
    if (sasl_parse_mechanisms(str_c(config->auth.mechanisms), &mechanisms, NULL) < 0)
        abort(); /* config_load has looked */
    if (mechanisms & (sha_1 | SASL_SCRAM_SHA_256 | SASL_SCRAM_SHA_256_PLUS))
        params->scram_iterations = (uint32_t)config->auth.scram_iterations;
    params->scram_sha_1 = mechanisms & sha_1;
}

static int open_users(const struct config *config, struct backend *b, struct err *err)
{
    struct users_params params = { .store = b->store,
                                   .clock = &clock_system,
                                   .hash_passes = config->auth.hash_passes,
                                   .hash_memory_bytes = config->auth.hash_memory_bytes,
                                   .totp_skew_steps = (uint32_t)config->totp.skew_steps,
                                   .totp_with_password = config->totp.with_password,
                                   .totp_issuer = config->totp.issuer };
    const struct names_params names = { .default_domain = config->auth.default_domain,
                                        .delimiter = config->lmtp.recipient_delimiter[0],
                                        .sign_in_with_alias = config->auth.sign_in_with_alias };
    choose_verifiers(config, &params);
    const struct policy_params policy = { .length_min = (uint32_t)config->auth.password_length_min,
                                          .list = config->auth.common_passwords,
                                          .days = (uint32_t)config->auth.password_days };
    int r = users_open(&params, &b->users, err);
    if (r == 0)
        r = open_names(names, b, err);
    if (r == 0 && policy_new(&policy, &b->policy, err) < 0)
        r = err_context(err, "auth.common_passwords");
    return r;
}

/* Those of the settings mailboxes.* that are not empty. */
static size_t first_mailboxes(const struct config *config, struct first_mailbox out[FIRST_MAILBOXES_MAX])
{
    const struct first_mailbox all[FIRST_MAILBOXES_MAX] = {
        { config->mailboxes.drafts, USE_DRAFTS },   { config->mailboxes.sent, USE_SENT },
        { config->mailboxes.trash, USE_TRASH },     { config->mailboxes.junk, USE_JUNK },
        { config->mailboxes.archive, USE_ARCHIVE },
    };
    size_t count = 0;
    for (size_t i = 0; i < FIRST_MAILBOXES_MAX; i++)
        if (*all[i].name)
            out[count++] = all[i];
    return count;
}

static void index_failed(void *ctx, struct account_id account, const struct err *err)
{
    struct backend *backend = ctx;
    log_warn(&backend->log, "index-failed", KV("account_id", account.n), KV("text", (const char *)err->text));
}

static struct index_settings index_settings(const struct config *config, struct backend *b)
{
    return (struct index_settings){ .off = !config->index.enabled,
                                    .cpu_percent = (uint32_t)config->index.cpu_percent,
                                    .delay_s = (uint32_t)config->index.delay_s,
                                    .memory_bytes = config->index.memory_bytes,
                                    .cache_bytes = config->index.cache_bytes,
                                    .extractor = config->index.extractor,
                                    .failed = index_failed,
                                    .failed_ctx = b };
}

static int open_mail(const struct config *config, struct backend *b, struct err *err)
{
    struct buf spool = BUF_INIT;
    buf_printf(&spool, "%s/spool", config->data.folder);
    int r = file_mkdir_all(buf_c(&spool), 0700, err);
    b->spool_folder = strdup(buf_c(&spool));
    buf_deinit(&spool);
    if (!b->spool_folder)
        abort();
    struct quota_settings quota;
    if (r == 0)
        r = quota_service_open(config, b->log, b->users, &b->quota, &quota, err);
    if (r < 0)
        return r;
    const struct mail_options options = { .store = b->store,
                                          .clock = &clock_system,
                                          .spool_folder = b->spool_folder,
                                          .mailboxes_max = (uint32_t)config->limits.mailboxes_per_account,
                                          .first_mailboxes = b->first_mailboxes,
                                          .first_mailbox_count = first_mailboxes(config, b->first_mailboxes),
                                          .message_bytes_max = config->imap.max_append_bytes,
                                          .mark_messages = config->delivery.keywords,
                                          .annotation_bytes_max = (uint32_t)config->limits.annotation_bytes,
                                          .annotations_max = (uint32_t)config->limits.annotations_per_mailbox,
                                          .annotations_bytes_max = config->limits.account_annotation_bytes,
                                          .idle_bytes_max = config->limits.idle_account_bytes,
                                          .key_cache_bytes_max = config->imap.sort_cache_bytes,
                                          .quota = quota,
                                          .index = index_settings(config, b) };
    return mail_open(&options, &b->mail, err);
}

static void open_devices(const struct config *config, struct backend *b)
{
    b->notifier = (struct devices_notifier){ .mail = b->mail, .clock = &clock_system };
    b->devices = devices_new(
        &(struct devices_params){ .users = b->users,
                                  .clock = &clock_system,
                                  .audit = b->audit,
                                  .log = b->log,
                                  .keep_s = config->devices.keep_s,
                                  .notice = config->devices.notify ? devices_notice_send : NULL,
                                  .notice_ctx = &b->notifier });
}

/* What a crash between the deletion of a user and that of the mail left behind. */
static int purge_deleted(struct backend *b, struct err *err)
{
    struct account_id id;
    int r;
    while ((r = users_next_deleted(b->users, &id, err)) == 1) {
        r = users_purge(b->users, id, err);
        if (r < 0)
            return r;
    }
    return r;
}

int backend_open(const struct config *config, struct logger log, struct backend *backend_out, struct err *err)
{
    struct backend *b = backend_out;
    *b = (struct backend){ .log = log };
    int r = file_mkdir_all(config->data.folder, 0700, err);
    if (r == 0)
        r = open_store(config, b, err);
    if (r == 0)
        r = open_audit(config, b, err);
    if (r == 0)
        r = open_users(config, b, err);
    if (r == 0)
        r = open_mail(config, b, err);
    if (r == 0)
        open_devices(config, b);
    if (r == 0)
        r = purge_deleted(b, err);
    if (r == 0)
        r = quota_service_enter_all(b->quota, b->mail, err);
    if (r < 0)
        backend_close(b);
    return r;
}

void backend_close(struct backend *b)
{
    devices_free(&b->devices);
    if (b->mail)
        mail_close(&b->mail);
    quota_service_free(&b->quota);
    policy_free(&b->policy);
    names_free(&b->names);
    users_free(&b->users);
    if (b->store)
        store_close(&b->store);
    audit_free(&b->audit);
    free(b->spool_folder);
    b->spool_folder = NULL;
}

int backend_make_account(struct backend *b, const struct user *user, struct err *err)
{
    int r = mail_account_create(b->mail, user->account, err);
    if (r == -ERR_EXISTS)
        return 0;
    return r < 0
               ? r
               : quota_service_enter(b->quota, b->mail, users_domain(str_c(user->name)), user->account, err);
}

int backend_add_user(struct backend *b, struct str name, struct str password, struct user *user_out,
                     struct err *err)
{
    int r = names_check_new(b->names, name, err);
    if (r == 0)
        r = policy_check(b->policy, name, password, err);
    if (r == 0)
        r = users_add(b->users, name, password, user_out, err);
    if (r < 0)
        return r;
    r = backend_make_account(b, user_out, err);
    if (r < 0) {
        struct err ignored;
        struct account_id id;
        /* The next start tries again. */
        if (users_delete(b->users, name, &id, &ignored) == 0 && users_purge(b->users, id, &ignored) < 0)
            log_warn(&b->log, "purge-failed", KV("text", (const char *)ignored.text));
    }
    return r;
}
