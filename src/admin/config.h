/* config.h: settings. config_table.c has one row for each: name, type, unit, default, range, help. From
 * that table come the parser, the
 * checks, `loft config show|explain` and the manual page loft.conf(5).
 *
 * Sources, the later wins: default, INI file, overrides ("section.key=value", from -o) in their order.
 * A number may carry a suffix: bytes K M G (1024), seconds and milliseconds ms s m h d; bare, it is in the
 * unit in the setting's name.
 * A relative path in a file counts from the folder of that file, in an override from the working folder,
 * in a default from data.folder.
 * Threads: a struct config never changes once loaded; reloading makes a new one. */
#ifndef LOFT_ADMIN_CONFIG_H
#define LOFT_ADMIN_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

enum {
    CONFIG_FILE_BYTES_MAX = 1024 * 1024,
    CONFIG_VALUE_BYTES_MAX = 4096,
    CONFIG_LISTEN_MAX = 16, /* addresses of one listener */
};

/* One address to listen on: "HOST:PORT", "[IPV6]:PORT", "*:PORT" (all addresses, IPv4 and IPv6), or a path
 * with a '/' in it. */
struct config_address {
    const char *path; /* of a local socket; NULL for TCP */
    const char *host; /* numeric or a name; "*" for all; NULL for a local socket */
    uint16_t port;    /* 0 lets the system choose */
};

struct config_listen {
    struct config_address addresses[CONFIG_LISTEN_MAX];
    size_t count; /* 0: does not listen */
};

enum config_tls_version { CONFIG_TLS_1_2, CONFIG_TLS_1_3 };
enum config_socket_mode { CONFIG_SOCKET_0600, CONFIG_SOCKET_0660, CONFIG_SOCKET_0666 };
enum config_over_reply { CONFIG_OVER_TEMPORARY, CONFIG_OVER_PERMANENT };
enum config_ldap_verify { CONFIG_LDAP_BIND, CONFIG_LDAP_ATTRIBUTE };
enum config_compression { CONFIG_LZ4, CONFIG_ZSTD, CONFIG_UNCOMPRESSED };

enum config_oauth_validation { CONFIG_OAUTH_LOCAL, CONFIG_OAUTH_INTROSPECTION, CONFIG_OAUTH_EITHER };
enum config_client_auth { CONFIG_CLIENT_BASIC, CONFIG_CLIENT_POST };

/* Fields are named as the settings are; `section.key` is .section.key here. Strings are never NULL and
 * belong to the config. */
struct config {
    struct {
        const char *folder;
    } data;
    struct {
        uint64_t level;  /* enum log_level */
        uint64_t format; /* enum log_format */
    } log;
    struct {
        const char *file; /* "": none */
        uint64_t rotate_bytes, keep_count;
    } audit;
    struct {
        uint64_t keep_s;
        bool notify;
    } devices;
    struct {
        uint64_t workers, workers_max;
        const char *control_socket;
        const char *user, *group; /* "": whoever started it */
    } server;
    struct {
        bool enabled;
    } sandbox;
    struct {
        struct config_listen listen;
        bool proxy_protocol;
        uint64_t login_timeout_s, autologout_s, idle_heartbeat_s, progress_interval_ms, notify_mailboxes;
        bool unauthenticate, refuse_8bit_header;
        const char *language_folder, *language;
        uint64_t max_line_bytes, max_literal_bytes, max_command_bytes, max_append_bytes;
        uint64_t message_limit, save_limit, sort_cache_bytes;
        const char *hide_capabilities;
        uint64_t client_certificate; /* enum tls_client_certificate */
    } imap;
    struct {
        struct config_listen listen;
        bool proxy_protocol;
        const char *hide_capabilities;
        uint64_t client_certificate; /* enum tls_client_certificate */
    } imaps;
    struct {
        struct config_listen listen;
        bool proxy_protocol;
        uint64_t socket_mode; /* enum config_socket_mode */
        uint64_t max_message_bytes, max_recipients, timeout_s;
        bool create_folder;
        const char *recipient_delimiter;
    } lmtp;
    struct {
        const char *certificate, *key; /* "": a self-signed pair is made in the data folder */
        const char *sni_folder;        /* "": none */
        uint64_t min_version;          /* enum config_tls_version */
        const char *ciphers, *ciphersuites, *groups;
        bool server_preference;
        const char *client_ca, *client_crl; /* "": none */
        uint64_t client_depth, client_name; /* enum tls_client_name */
    } tls;
    struct {
        const char *providers; /* list: config_providers.h */
        const char *mechanisms;
        bool plaintext_on_loopback;
        const char *default_domain; /* "": none */
        bool sign_in_with_alias;
        uint64_t password_length_min, password_days;
        const char *common_passwords; /* "": none */
        uint64_t failure_delay_ms, failure_delay_max_ms, failure_forget_s;
        uint64_t known_good_count, known_good_s;
        uint64_t hashes_at_once, hash_passes, hash_memory_bytes;
        uint64_t scram_iterations;
        uint64_t lock_failures, lock_s, network_failures;
        const char *trusted_networks; /* list: base/network.h */
        const char *may_act_for;      /* rules: auth/delegation.h */
    } auth;
    struct {
        bool with_password;
        uint64_t skew_steps;
        const char *issuer;
    } totp;
    struct {
        const char *path, *scheme, *domain;
        bool allow_weak, scram;
    } passwd_file;
    struct {
        const char *uris;
        bool starttls, allow_plaintext;
        const char *ca_file;
        const char *bind_dn, *bind_password_file; /* "": anonymous */
        const char *base, *user_filter, *user_dn;
        uint64_t verify; /* enum config_ldap_verify */
        bool remember, scram;
        const char *password_attribute, *name_attribute, *disabled;
        const char *group_attribute, *group_base, *group_filter, *group_name_attribute;
        uint64_t connections, timeout_ms;
    } ldap;
    struct {
        const char *keytab, *host, *realms;
    } gssapi;
    struct {
        const char *service, *folder, *user, *group; /* "": the system's; who started the server */
        const char *domain;                          /* "": none */
        uint64_t timeout_ms, at_once;
        bool remember;
    } pam;
    struct {
        uint64_t validation; /* enum config_oauth_validation */
        const char *issuer, *audience, *scope, *user_claim, *groups_claim, *algorithms;
        bool unverified_email, access_tokens_only;
        uint64_t leeway_s;
        const char *keys_file, *keys_url; /* "": by the issuer's OpenID configuration */
        uint64_t keys_fresh_s, keys_stale_s, keys_retry_s;
        const char *introspection_url; /* "": as above */
        const char *client_id, *client_secret_file;
        uint64_t client_auth; /* enum config_client_auth */
        uint64_t cache_s, cache_count;
        const char *ca_file, *proxy; /* "": those of the system; none */
        uint64_t timeout_ms, requests_at_once;
        bool plain_on_loopback, end_sessions;
    } oauth;
    struct {
        uint64_t connections, connections_per_address, connections_per_account;
        uint64_t mailboxes_per_account;
        uint64_t annotation_bytes, annotations_per_mailbox, account_annotation_bytes;
        uint64_t idle_account_bytes;
    } limits;
    struct {
        bool keywords;
    } delivery;
    struct {
        const char *drafts, *sent, *trash, *junk, *archive; /* made for a new account; "": not made */
    } mailboxes;
    struct {
        uint64_t storage_bytes, messages, mailboxes, annotation_bytes; /* of an account; 0: no limit */
        uint64_t grace_percent;
        const char *warnings, *administrators; /* lists: config_quota.h */
        uint64_t over_reply;                   /* enum config_over_reply */
        uint64_t domain_storage_bytes, domain_messages;
        const char *domains; /* list: config_quota.h */
    } quota;
    struct {
        bool across_domains;
    } sharing;
    struct {
        bool enabled;
        uint64_t cpu_percent, delay_s, memory_bytes, cache_bytes;
        const char *extractor; /* "": none */
    } index;
    struct {
        uint64_t cache_bytes, segment_bytes, watermark_bytes, ballast_bytes;
        uint64_t collect_below_percent, collect_bytes_per_s;
        uint64_t compression; /* enum config_compression */
    } store;
};

struct config_sources {
    const char *file;            /* NULL: no file */
    const struct str *overrides; /* each "section.key=value" */
    size_t override_count;
    const char *default_data_folder; /* for data.folder while nothing sets it */
};

/* One mistake: `text` says where ("loft.conf:12" or "-o"), what, and what to do. Borrows until the
 * callback returns. */
typedef void config_problem_fn(void *ctx, const char *text);

/* Read everything; tells `problem` (may be NULL) of every mistake, and `err` of the first. config_out only
 * on success.
 *   errors  -ERR_NOT_FOUND, -ERR_IO, -ERR_LIMIT for the file; -ERR_SYNTAX for lines that are no settings;
 *           -ERR_INVALID for unknown names (with the nearest known one) and values outside type or range
 *           (with both) */
MUST_USE int config_load(const struct config_sources *sources, config_problem_fn *problem, void *ctx,
                         struct config **config_out, struct err *err);
void config_free(struct config **config);

/* Whether file or override set it, or the default holds. `name` is a known "section.key". */
bool config_is_set(const struct config *config, const char *name);

/* Append the effective values: "section.key = value  # where from" a line, or one JSON object
 * {"section.key": value, ...}. */
void config_show(const struct config *config, bool json, struct buf *out);

/* Each setting that names a file or folder; `path` "" where there is none. */
typedef void config_path_fn(void *ctx, const char *name, const char *path, bool written);
void config_each_path(const struct config *config, config_path_fn *each, void *ctx);

/* Append what there is to know about `name` ("imap.listen"), or of all settings of a section ("imap").
 * -ERR_NOT_FOUND, with the nearest known name. */
MUST_USE int config_explain(struct str name, bool json, struct buf *out, struct err *err);

/* Append the settings section of loft.conf(5) as scdoc. */
void config_manual(struct buf *out);

/* Folder for data when nothing is configured: `home` and `xdg_data_home` are the environment's, may be NULL.
 * root: /var/lib/loft; others: $XDG_DATA_HOME/loft or ~/.local/share/loft. */
void config_default_data_folder(bool root, const char *home, const char *xdg_data_home, struct buf *out);

#endif
