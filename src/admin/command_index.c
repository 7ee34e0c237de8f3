/* The search indexes: figures, rebuild, check. Long work comes in steps, so that no request holds a worker for long and the asker
 * can show how far it is. */
#include "admin/commands.h"

#include "auth/directory/grants.h"
#include "mail/indexer.h"

#include <stdlib.h>

enum { STEP_MS = 1000, FINDINGS_MAX = 100 /* told in one step; the others are only counted */ };

struct check_session {
    struct indexer_check *check;
    json_t *findings; /* of this step; borrowed */
    json_int_t count;
};

static struct indexer *indexer_of(const struct admin_call *call)
{
    return mail_indexer(call->admin->backend->mail);
}

/* The public mailboxes of the domain of `user`, once each. */
static void add_public(const struct admin_call *call, json_t *names, json_t *seen, const char *user)
{
    struct str domain = users_domain(str_c(user));
    struct buf name = BUF_INIT;
    struct account_id id;

    buf_printf(&name, "Shared/" STR_FMT, STR_ARG(domain));
    if (!json_object_get(seen, buf_c(&name))) {
        json_object_set_new(seen, buf_c(&name), json_true());
        if (grants_public_account(call->admin->backend->users, domain, &id, NULL) == 0)
            json_array_append_new(names, admin_text(buf_str(&name)));
    }
    buf_deinit(&name);
}

struct naming {
    const struct admin_call *call;
    json_t *names, *public, *seen;
};

static int add_name(void *ctx, const struct user *user, struct err *err)
{
    struct naming *n = ctx;
    (void)err;
    json_array_append_new(n->names, admin_text(str_c(user->name)));
    add_public(n->call, n->public, n->seen, user->name);
    return 0;
}

/* All that have an account: users, and Shared/DOMAIN where there are public mailboxes. */
int admin_index_accounts(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct naming n = { call, json_array(), json_array(), json_object() };

    int r = users_list(call->admin->backend->users, add_name, &n, err);
    json_array_extend(n.names, n.public);
    json_decref(n.public);
    json_decref(n.seen);
    if (r == 0)
        *result_out = n.names;
    else
        json_decref(n.names);
    return r;
}

static int find_account(const struct admin_call *call, struct account_id *id_out, struct err *err)
{
    struct account *account;
    int r = call_open_account(call, &account, err);
    if (r < 0)
        return r;
    *id_out = account_id(account);
    account_unref(&account);
    return 0;
}

int admin_index_status(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct indexer_status status;
    struct account_id id;

    int r = find_account(call, &id, err);
    if (r == 0)
        r = indexer_status(indexer_of(call), id, &status, err);
    if (r == 0)
        *result_out = json_pack(
            "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "user", admin_text(call_text(call, "user")),
            "messages", (json_int_t)status.messages, "bytes", (json_int_t)status.raw_bytes, "indexed",
            (json_int_t)status.documents, "indexed_bytes", (json_int_t)status.indexed_bytes, "waiting",
            (json_int_t)status.waiting, "gone", (json_int_t)status.gone, "index_bytes",
            (json_int_t)status.index_bytes, "segments", (json_int_t)status.segments);
    return r;
}

/* {"done": false, "looked": 1200}: ask again, without "afresh". */
int admin_index_rebuild(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct account_id id;
    uint64_t looked;

    int r = find_account(call, &id, err);
    if (r < 0)
        return r;
    r = indexer_run(indexer_of(call), id, call_number(call, "afresh") != 0, STEP_MS, &looked, err);
    if (r < 0 && r != -ERR_AGAIN)
        return r;
    if (r == 0)
        log_info(&call->admin->log, "index-rebuilt", KV("account", call_text(call, "user")));
    *result_out = json_pack("{s:b, s:I}", "done", r == 0, "looked", (json_int_t)looked);
    return 0;
}

static void take_finding(void *ctx, const char *what)
{
    struct check_session *s = ctx;
    if (s->count++ < FINDINGS_MAX)
        json_array_append_new(s->findings, admin_text(str_c(what)));
}

void index_check_session_free(struct check_session **session)
{
    if (!*session)
        return;
    indexer_check_free(&(*session)->check);
    free(*session);
    *session = NULL;
}

static int begin_check(struct admin_call *call, struct err *err)
{
    struct account_id id;

    index_check_session_free(&call->session->check);
    int r = find_account(call, &id, err);
    if (r < 0)
        return r;
    struct check_session *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    call->session->check = s;
    return indexer_check_new(indexer_of(call), id, take_finding, s, &s->check, err);
}

/* With "user" begins; without goes on. {"done": false, "looked": 1200, "findings": ["..."], "found": 1} */
int admin_index_check(struct admin_call *call, json_t **result_out, struct err *err)
{
    uint64_t looked;
    int r = 0;

    if (!str_is_nil(call_text(call, "user")))
        r = begin_check(call, err);
    struct check_session *s = call->session->check;
    if (r < 0)
        return r;
    if (!s)
        return err_set(err, ERR_STATE, "no check is under way");
    s->findings = json_array();
    s->count = 0;
    r = indexer_check_step(s->check, STEP_MS, &looked, err);
    if (r == 0 || r == -ERR_AGAIN)
        *result_out = json_pack("{s:b, s:I, s:O, s:I}", "done", r == 0, "looked", (json_int_t)looked,
                                "findings", s->findings, "found", s->count);
    json_decref(s->findings);
    s->findings = NULL;
    if (r != -ERR_AGAIN)
        index_check_session_free(&call->session->check);
    return r == -ERR_AGAIN ? 0 : r;
}
