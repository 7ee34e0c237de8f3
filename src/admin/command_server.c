/* The running server: status, who, kick. */
#include "admin/commands.h"

#include "auth/guard.h"
#include "auth/own/app_password.h"
#include "base/file.h"
#include "net/addr.h"

#include <stdlib.h>

struct ids {
    bool (*is_meant)(const struct ids *ids, const struct presence_info *info);
    const char *user;
    const struct net_cidr *network;
    uint64_t conn_id;
    uint64_t account, app_password;
    uint64_t *list; /* heap */
    size_t count, cap;
};

/* Also where that user acts for another one. */
static bool has_user(const struct ids *ids, const struct presence_info *info)
{
    return strcmp(info->user, ids->user) == 0 || strcmp(info->by, ids->user) == 0;
}

static bool has_conn_id(const struct ids *ids, const struct presence_info *info)
{
    return info->conn_id == ids->conn_id;
}

static bool has_app_password(const struct ids *ids, const struct presence_info *info)
{
    return info->app_password_id == ids->app_password && info->app_password_account == ids->account;
}

static bool has_address(const struct ids *ids, const struct presence_info *info)
{
    struct net_addr address;
    return addr_parse_ip(str_c(info->address), &address, NULL) == 0 && cidr_contains(ids->network, &address);
}

static void take_id(void *ctx, const struct presence_info *info)
{
    struct ids *ids = ctx;
    if (!ids->is_meant(ids, info))
        return;
    if (ids->count == ids->cap) {
        ids->cap = ids->cap ? ids->cap * 2 : 16;
        ids->list = realloc(ids->list, ids->cap * sizeof *ids->list);
        if (!ids->list)
            abort();
    }
    ids->list[ids->count++] = info->conn_id;
}

static unsigned kick(const struct admin *admin, struct ids ids)
{
    unsigned kicked = 0;
    if (!admin->server)
        return 0;
    presence_each(admin->server->presence, take_id, &ids);
    /* Some may have left meanwhile. */
    for (size_t i = 0; i < ids.count; i++)
        kicked += net_shutdown_conn(admin->server->net, ids.list[i], NULL) == 0;
    free(ids.list);
    return kicked;
}

unsigned admin_kick_user(const struct admin *admin, const char *user)
{
    return kick(admin, (struct ids){ .is_meant = has_user, .user = user });
}

unsigned admin_kick_app_password(const struct admin *admin, struct account_id account, uint64_t app_password)
{
    return kick(
        admin,
        (struct ids){ .is_meant = has_app_password, .account = account.n, .app_password = app_password });
}

static int need_server(const struct admin_call *call, struct err *err)
{
    if (call->admin->server)
        return 0;
    return err_set(err, ERR_UNAVAILABLE, "no server runs on %s: nobody is signed in",
                   call->admin->config->data.folder);
}

/* A session's number, an address or network, or a user. */
static unsigned kick_anybody(const struct admin *admin, struct str who)
{
    char user[USER_NAME_BYTES_MAX + 1];
    struct user found; /* by a name from before names followed RFC 8265, perhaps */
    struct net_cidr network;
    uint64_t id;
    unsigned kicked = 0;
    if (str_to_u64(who, UINT64_MAX, &id))
        kicked = kick(admin, (struct ids){ .is_meant = has_conn_id, .conn_id = id });
    if (kicked == 0 && cidr_parse(who, &network, NULL) == 0)
        kicked = kick(admin, (struct ids){ .is_meant = has_address, .network = &network });
    if (kicked == 0 && users_find(admin->backend->users, who, &found, NULL) == 0)
        kicked = admin_kick_user(admin, found.name);
    if (kicked == 0 && users_normalise_name(who, user, NULL) == 0)
        kicked = admin_kick_user(admin, user);
    return kicked;
}

struct labelled {
    struct str label;
    uint64_t id; /* 0: not found */
};

static int find_label(void *ctx, const struct app_password *password, const struct app_password_use *use,
                      struct err *err)
{
    struct labelled *l = ctx;
    (void)use, (void)err;
    if (str_eq_nocase(str_c(password->label), l->label))
        l->id = password->id;
    return l->id != 0;
}

/* What one of the user's app passwords has let in. */
static int kick_app_password(struct admin_call *call, struct str who, struct str label, unsigned *kicked_out,
                             struct err *err)
{
    struct users *users = call->admin->backend->users;
    struct labelled found = { label, 0 };
    struct user user;
    int r = users_find(users, who, &user, err);
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "no user " STR_FMT, STR_ARG(who));
    if (r == 0)
        r = app_password_each(users, &user, find_label, &found, err);
    if (r == 0 && !found.id)
        r = err_set(err, ERR_NOT_FOUND, "%s has no app password " STR_FMT, user.name, STR_ARG(label));
    if (r == 0)
        *kicked_out = admin_kick_app_password(call->admin, user.account, found.id);
    return r;
}

/* "name" is the label of an app password of the user "who". */
int admin_kick(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct str who = call_text(call, "who"), label = call_text(call, "name");
    unsigned kicked = 0;
    int r = need_server(call, err);
    if (r == 0 && label.n)
        r = kick_app_password(call, who, label, &kicked, err);
    else if (r == 0)
        kicked = kick_anybody(call->admin, who);
    if (r < 0)
        return r;
    if (kicked == 0)
        return err_set(err, ERR_NOT_FOUND, "no session of " STR_FMT "; loft who lists them", STR_ARG(who));
    log_info(&call->admin->log, "kicked", KV("who", who), KV("sessions", kicked));
    *result_out = json_pack("{s:I}", "kicked", (json_int_t)kicked);
    return 0;
}

static void add_session(void *ctx, const struct presence_info *info)
{
    json_array_append_new(
        ctx,
        json_pack("{s:I, s:o, s:o, s:s, s:o, s:s, s:b, s:o, s:o, s:I}", "session", (json_int_t)info->conn_id,
                  "user", admin_text(str_c(info->user)), "by", admin_text(str_c(info->by)), "protocol",
                  info->protocol, "address", admin_text(str_c(info->address)), "mechanism", info->mechanism,
                  "tls", info->tls, "client", admin_text(str_c(info->client)), "mailbox",
                  admin_text(str_c(info->mailbox)), "since_s", (json_int_t)(info->since_ms / 1000)));
}

int admin_who(struct admin_call *call, json_t **result_out, struct err *err)
{
    int r = need_server(call, err);
    if (r < 0)
        return r;
    *result_out = json_array();
    presence_each(call->admin->server->presence, add_session, *result_out);
    return 0;
}

/* ---- sessions: those of one user, and the devices that were ---- */

struct user_sessions {
    const char *user;
    json_t *list;
};

static void add_session_of(void *ctx, const struct presence_info *info)
{
    struct user_sessions *s = ctx;
    if (strcmp(info->user, s->user) == 0)
        add_session(s->list, info);
}

static void add_device(void *ctx, const struct device *device)
{
    char network[DEVICE_NETWORK_BYTES], address[PEER_ADDRESS_BYTES];
    device_network(device, network);
    device_address(device, address);
    json_array_append_new(ctx, json_pack("{s:I, s:I, s:o, s:s, s:s, s:s, s:I}", "first_s",
                                         (json_int_t)(device->first_ms / 1000), "last_s",
                                         (json_int_t)(device->last_ms / 1000), "client",
                                         admin_text(str_c(device->client)), "address", address, "network",
                                         network, "mechanism", device->mechanism, "app_password_id",
                                         (json_int_t)device->app_password_id));
}

/* The devices that this app password has let in are told its label. */
static int add_label(void *ctx, const struct app_password *password, const struct app_password_use *use,
                     struct err *err)
{
    size_t i;
    json_t *device;
    (void)use, (void)err;
    json_array_foreach((json_t *)ctx, i, device)
    {
        if (json_integer_value(json_object_get(device, "app_password_id")) == (json_int_t)password->id)
            json_object_set_new(device, "app_password", admin_text(str_c(password->label)));
    }
    return 0;
}

int admin_sessions(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct str name = call_text(call, "user");
    struct user user;
    int r = users_find(call->admin->backend->users, name, &user, err);
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "no user " STR_FMT, STR_ARG(name));
    struct user_sessions now = { user.name, json_array() };
    json_t *devices = json_array();
    if (r == 0 && call->admin->server)
        presence_each(call->admin->server->presence, add_session_of, &now);
    if (r == 0)
        r = devices_each(call->admin->backend->devices, user.account, add_device, devices, err);
    if (r == 0)
        r = app_password_each(call->admin->backend->users, &user, add_label, devices, err);
    json_t *result = json_pack("{s:s, s:o, s:o, s:I}", "user", user.name, "now", now.list, "devices", devices,
                               "keep_s", (json_int_t)call->admin->config->devices.keep_s);
    if (r == 0)
        *result_out = result;
    else
        json_decref(result);
    return r;
}

/* ---- status ---- */

static int count_user(void *ctx, const struct user *user, struct err *err)
{
    (void)user;
    (void)err;
    ++*(json_int_t *)ctx;
    return 0;
}

static json_t *store_json(const struct admin *admin)
{
    struct store_stats s;
    store_stats(admin->backend->store, &s);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "mail_bytes",
                     (json_int_t)s.blob_bytes_raw, "stored_bytes", (json_int_t)s.blob_bytes_stored,
                     "dead_bytes", (json_int_t)s.dead_bytes, "commits", (json_int_t)s.commit_count, "flushes",
                     (json_int_t)s.flush_count, "free_bytes", (json_int_t)s.free_bytes, "watermark_bytes",
                     (json_int_t)s.watermark_bytes, "below_watermark", s.below_watermark, "failed", s.failed);
}

static json_t *cage_json(const struct cage *cage)
{
    struct buf text = BUF_INIT;
    cage_format(cage, &text);
    json_t *result = json_pack("{s:o, s:s, s:b, s:b, s:b}", "text", admin_text(buf_str(&text)), "user",
                               cage->user, "files", cage->files_version > 0, "calls", cage->calls, "may_exec",
                               cage->may_exec || cage->off);
    buf_deinit(&text);
    return result;
}

static json_t *sign_ins_json(const struct admin *admin)
{
    struct auth_stats s;
    struct audit_stats audit;
    auth_stats(admin->server->auth, &s);
    audit_stats(admin->backend->audit, &audit);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "ok", (json_int_t)s.ok_count, "known_good",
                     (json_int_t)s.known_good_count, "failed", (json_int_t)s.failed_count, "turned_away",
                     (json_int_t)s.turned_away_count, "audit_events", (json_int_t)audit.event_count,
                     "audit_events_lost", (json_int_t)audit.lost_count);
}

static json_t *server_json(const struct admin *admin)
{
    const struct admin_server *server = admin->server;
    struct net_stats s = net_stats(server->net);
    json_t *sessions = json_array();
    presence_each(server->presence, add_session, sessions);
    struct buf path = BUF_INIT;
    int64_t expires_wall_ms = tls_context_expires_wall_ms(server->tls, &path);
    json_t *result = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "uptime_s",
        (json_int_t)((clock_wall_ms(admin->clock) - server->started_wall_ms) / 1000), "connections",
        (json_int_t)s.connections, "signed_in", (json_int_t)json_array_size(sessions), "accepted",
        (json_int_t)s.accepted, "refused", (json_int_t)s.refused, "workers", (json_int_t)s.workers,
        "bytes_in", (json_int_t)s.bytes_in, "bytes_out", (json_int_t)s.bytes_out, "certificate_expires_s",
        (json_int_t)(expires_wall_ms / 1000), "certificate_file", admin_text(buf_str(&path)), "sandbox",
        cage_json(server->cage));
    buf_deinit(&path);
    json_decref(sessions);
    struct guard_counts guard;
    guard_counts(server->guard, &guard);
    json_object_set_new(result, "locked_accounts", json_integer((json_int_t)guard.locked_accounts));
    json_object_set_new(result, "locked_devices", json_integer((json_int_t)guard.locked_devices));
    json_object_set_new(result, "slowed_addresses", json_integer((json_int_t)guard.addresses));
    json_object_set_new(result, "slowed_networks", json_integer((json_int_t)guard.networks));
    json_object_set_new(result, "sign_ins", sign_ins_json(admin));
    return result;
}

int admin_status(struct admin_call *call, json_t **result_out, struct err *err)
{
    const struct admin *admin = call->admin;
    json_int_t users = 0;
    int r = users_list(admin->backend->users, count_user, &users, err);
    if (r < 0)
        return r;
    *result_out = json_pack("{s:s, s:b, s:s, s:I, s:o}", "version", LOFT_VERSION, "running",
                            admin->server != NULL, "data_folder", admin->config->data.folder, "users", users,
                            "store", store_json(admin));
    if (admin->server)
        json_object_set_new(*result_out, "server", server_json(admin));
    return 0;
}
