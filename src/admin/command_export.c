/* Messages out of an account:  export-begin, (export-mailbox, export-next...)...
 * A mailbox is given as it was when it was chosen. */
#include "admin/commands.h"

#include <stdlib.h>

struct export
{
    struct account *account;
    struct mailbox *mailbox; /* NULL: none chosen */
    struct snapshot *snapshot;
    uint32_t next_seq;
};

static void leave_mailbox(struct export *export)
{
    if (!export->mailbox)
        return;
    snapshot_unref(&export->snapshot);
    mailbox_unref(&export->mailbox);
}

void export_free(struct export **export)
{
    if (!*export)
        return;
    leave_mailbox(*export);
    account_unref(&(*export)->account);
    free(*export);
    *export = NULL;
}

static int need_export(const struct admin_call *call, struct export **export_out, struct err *err)
{
    *export_out = call->session->export;
    return *export_out ? 0 : err_set(err, ERR_STATE, "export-begin comes first");
}

int admin_export_begin(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct account *account;
    (void)result_out;
    int r = call_open_account(call, &account, err);
    if (r < 0)
        return r;
    export_free(&call->session->export);
    struct export *export = calloc(1, sizeof *export);
    if (!export)
        abort();
    export->account = account;
    call->session->export = export;
    return 0;
}

int admin_export_mailbox(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct export *export;
    struct mailbox *mailbox;
    int r = need_export(call, &export, err);
    if (r == 0)
        r = account_mailbox(export->account, call_text(call, "mailbox"), &mailbox, err);
    if (r < 0)
        return r;
    leave_mailbox(export);
    export->mailbox = mailbox;
    export->snapshot = mailbox_snapshot(mailbox);
    export->next_seq = 1;
    *result_out = json_pack("{s:I}", "messages", (json_int_t) export->snapshot->exists);
    return 0;
}

static json_t *flags_json(const struct snapshot *snapshot, const struct message *message)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ADMIN_FLAG_COUNT; i++)
        if (message->flags & admin_flags[i].flag)
            json_array_append_new(list, json_string(admin_flags[i].name));
    for (uint32_t i = 0; i < snapshot->keywords->count; i++)
        if (keyword_set_has(&message->keywords, i))
            json_array_append_new(list, admin_text(snapshot->keywords->names[i]));
    return list;
}

/* After an error the next call gives the next message: one that is damaged does not keep the others. */
int admin_export_next(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct export *export;
    struct message message;
    int r = need_export(call, &export, err);
    if (r == 0 && !export->mailbox)
        r = err_set(err, ERR_STATE, "export-mailbox comes first");
    if (r < 0)
        return r;
    if (export->next_seq > export->snapshot->exists) {
        *result_out = json_pack("{s:b}", "done", 1);
        return 0;
    }
    uint32_t seq = export->next_seq++;
    r = snapshot_message(export->snapshot, seq, &message, err);
    if (r == 0)
        r = store_blob_read(call->admin->backend->store, account_id(export->account),
                            (struct blob_id){ message.blob }, 0, UINT64_MAX, call->bytes, err);
    if (r < 0)
        return err_context(err, "message %u", seq);
    *result_out = json_pack("{s:b, s:I, s:I, s:I, s:o}", "done", 0, "uid", (json_int_t)message.uid, "date_s",
                            (json_int_t)message.internal_date_s, "zone_min",
                            (json_int_t)message.internal_zone_min, "flags",
                            flags_json(export->snapshot, &message));
    return 0;
}
