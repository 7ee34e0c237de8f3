/* Messages into an account, many at a time:  import-begin, (import-mailbox, import-message...)..., import-end.
 *
 * Safe to run twice. A message of which the mailbox has a copy already, byte for byte, is not imported again;
 * when the source holds it n times and the mailbox k times, n - k are. So nothing has to be remembered beside
 * the mail itself, and a run that broke off is simply repeated. Candidates are found by size and Message-ID,
 * then compared whole. */
#include "admin/commands.h"

#include "mail/mark.h"
#include "mail/records.h"

#include <stdlib.h>

enum { BATCH_MESSAGES_MAX = 100 };
#define BATCH_BYTES_MAX (UINT64_C(32) << 20)

/* A message that the mailbox had when it was chosen. */
struct known {
    uint64_t size_bytes, message_id_hash;
    struct blob_id blob;
    bool met; /* stands for one message of the source already */
};

struct import {
    struct account *account;
    struct str mailbox; /* in `names`; NIL: none chosen */
    struct arena names;
    struct known *known; /* of that mailbox, by size and hash; heap */
    size_t known_count;
    struct new_message batch[BATCH_MESSAGES_MAX];
    size_t batch_count;
    uint64_t batch_bytes;
    struct arena batch_arena; /* keywords */
    uint64_t imported_count, known_message_count;
};

static int need_import(const struct admin_call *call, struct import **import_out, struct err *err)
{
    *import_out = call->session->import;
    return *import_out ? 0 : err_set(err, ERR_STATE, "import-begin comes first");
}

/* ---- what is there ---- */

struct known_scan {
    const uint64_t *blobs; /* by index; a blob may be there twice */
    struct known *known;
    size_t count;
};

static int by_size(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    if (x->size_bytes != y->size_bytes)
        return x->size_bytes < y->size_bytes ? -1 : 1;
    return x->message_id_hash < y->message_id_hash ? -1 : x->message_id_hash > y->message_id_hash;
}

static int take_known(void *ctx, uint32_t index, const struct meta_view *view, struct err *err)
{
    struct known_scan *scan = ctx;
    (void)err;
    scan->known[scan->count++] = (struct known){ .size_bytes = view->message_bytes,
                                                 .message_id_hash = view->message_id_hash,
                                                 .blob = { scan->blobs[index] } };
    return 0;
}

static int collect_wanted(const struct snapshot *snapshot, struct record_wanted *wanted, struct err *err)
{
    struct snapshot_cursor cursor = snapshot_cursor_at(snapshot, 1);
    struct chunk_span span;
    uint32_t count = 0;
    int r;
    while ((r = snapshot_cursor_next(&cursor, &span, err)) == 1)
        for (uint32_t i = span.first; i < span.columns->count; i++, count++)
            wanted[count] = (struct record_wanted){ span.columns->blob[i], count };
    return r;
}

static int load_known(struct import *import, const struct snapshot *snapshot, struct err *err)
{
    const struct record_source from = record_source_of(import->account, BLOB_META, snapshot->exists);
    size_t damaged;
    free(import->known);
    import->known = NULL;
    import->known_count = 0;
    if (snapshot->exists == 0)
        return 0;
    struct record_wanted *wanted = calloc(snapshot->exists, sizeof *wanted);
    uint64_t *blobs = calloc(snapshot->exists, sizeof *blobs);
    struct known_scan scan = { .blobs = blobs };
    scan.known = calloc(snapshot->exists, sizeof *scan.known);
    if (!wanted || !blobs || !scan.known)
        abort();
    int r = collect_wanted(snapshot, wanted, err);
    for (uint32_t i = 0; r == 0 && i < snapshot->exists; i++)
        blobs[i] = wanted[i].blob;
    if (r == 0) /* a damaged record is like none */
        r = records_scan_meta(&from, wanted, snapshot->exists, take_known, &scan, &damaged, err);
    free(wanted);
    free(blobs);
    import->known = scan.known;
    import->known_count = r == 0 ? scan.count : 0;
    if (import->known_count)
        qsort(import->known, import->known_count, sizeof *import->known, by_size);
    return r;
}

/* First entry of that size, or where it would be. */
static size_t known_lower_bound(const struct import *import, uint64_t size_bytes)
{
    size_t low = 0, high = import->known_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (import->known[middle].size_bytes < size_bytes)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int message_id_hash(struct str bytes, uint64_t *hash_out, struct err *err)
{
    struct buf meta = BUF_INIT, header = BUF_INIT;
    struct meta_view view;
    int r = mime_meta_build(bytes, NULL, &meta, &header, err);
    if (r == 0)
        r = mime_meta_view(buf_str(&meta), &view, err);
    if (r == 0)
        *hash_out = view.message_id_hash;
    buf_deinit(&meta);
    buf_deinit(&header);
    return r;
}

static bool has_bytes(const struct admin_call *call, const struct known *known, struct str bytes)
{
    struct buf stored = BUF_INIT;
    bool same = store_blob_read(call->admin->backend->store, account_id(call->session->import->account),
                                known->blob, 0, UINT64_MAX, &stored, NULL) == 0 &&
                str_eq(buf_str(&stored), bytes);
    buf_deinit(&stored);
    return same;
}

/* *known_out: the mailbox has it. */
static int look_up(const struct admin_call *call, struct import *import, struct str bytes, bool *known_out,
                   struct err *err)
{
    size_t i = known_lower_bound(import, bytes.n);
    uint64_t hash;
    *known_out = false;
    if (i == import->known_count || import->known[i].size_bytes != bytes.n)
        return 0;
    int r = message_id_hash(bytes, &hash, err);
    for (; r == 0 && !*known_out && i < import->known_count && import->known[i].size_bytes == bytes.n; i++) {
        struct known *known = &import->known[i];
        if (known->met || known->message_id_hash != hash || !has_bytes(call, known, bytes))
            continue;
        known->met = *known_out = true;
    }
    return r;
}

/* ---- batches ---- */

static void clear_batch(struct import *import)
{
    import->batch_count = 0;
    import->batch_bytes = 0;
    arena_reset(&import->batch_arena);
}

static void abandon_batch(struct import *import)
{
    for (size_t i = 0; i < import->batch_count; i++)
        if (import->batch[i].blob.n)
            incoming_abandon(import->account, &import->batch[i]);
    clear_batch(import);
}

static int append(struct import *import, struct new_message *messages, size_t count, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct change change = { .kind = CHANGE_APPEND, .arena = &arena, .ignore_quota = true };
    change.append.mailbox = import->mailbox;
    change.append.messages = messages;
    change.append.count = count;
    change.append.create = true; /* somebody may have deleted it meanwhile */
    int r = account_commit(import->account, &change, 1, err);
    arena_deinit(&arena);
    if (r == 0)
        for (size_t i = 0; i < count; i++)
            messages[i].blob.n = 0; /* no longer ours to abandon */
    return r;
}

/* Something in the batch is beyond a limit, such as too many keywords: each message for itself,
 * then without its keywords. */
static int append_each(struct import *import, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < import->batch_count; i++) {
        r = append(import, &import->batch[i], 1, err);
        if (r == -ERR_LIMIT || r == -ERR_INVALID) {
            import->batch[i].keyword_count = 0;
            r = append(import, &import->batch[i], 1, err);
        }
    }
    return r;
}

static int commit_batch(struct import *import, struct err *err)
{
    size_t count = import->batch_count;
    if (count == 0)
        return 0;
    int r = append(import, import->batch, count, err);
    if (r == -ERR_LIMIT || r == -ERR_INVALID)
        r = append_each(import, err);
    if (r < 0) {
        abandon_batch(import);
        return r;
    }
    import->imported_count += count;
    clear_batch(import);
    return 0;
}

void import_free(struct import **import)
{
    struct import *i = *import;
    if (!i)
        return;
    abandon_batch(i);
    arena_deinit(&i->batch_arena);
    arena_deinit(&i->names);
    free(i->known);
    account_unref(&i->account);
    free(i);
    *import = NULL;
}

/* ---- flags ---- */

/* System flags into bits; keywords that are valid into the batch's arena.
 * Others are left out: the mail matters more. */
static void take_flags(struct import *import, const json_t *list, struct new_message *message)
{
    size_t i;
    const json_t *item;
    struct str *keywords = arena_new_array(&import->batch_arena, struct str, json_array_size(list) + 1);
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
    {
        struct str name = str_make(json_string_value(item), json_string_length(item));
        uint8_t flag;
        if (admin_flag_by_name(name, &flag))
            message->flags |= flag;
        else if (keyword_name_is_valid(name))
            keywords[message->keyword_count++] = arena_dup(&import->batch_arena, name);
    }
    message->keywords = keywords;
}

/* ---- commands ---- */

int admin_import_begin(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct account *account;
    (void)result_out;
    int r = call_open_account(call, &account, err);
    if (r < 0)
        return r;
    import_free(&call->session->import);
    struct import *import = calloc(1, sizeof *import);
    if (!import)
        abort();
    import->account = account;
    call->session->import = import;
    return 0;
}

static int create_mailbox(struct import *import, struct str name, struct arena *arena, struct err *err)
{
    struct change change = { .kind = CHANGE_CREATE,
                             .ignore_quota = true,
                             .arena = arena,
                             .create = { .name = name, .subscribe = true } };
    int r = account_commit(import->account, &change, 1, err);
    return r == -ERR_EXISTS ? 0 : r;
}

int admin_import_mailbox(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct import *import;
    struct mailbox *box;
    struct str name;
    int r = need_import(call, &import, err);
    if (r == 0)
        r = commit_batch(import, err);
    if (r == 0)
        r = mailbox_name_check(call_text(call, "mailbox"), call->arena, &name, err);
    if (r == 0)
        r = create_mailbox(import, name, call->arena, err);
    if (r == 0)
        r = account_mailbox(import->account, name, &box, err);
    if (r < 0)
        return r;
    struct snapshot *snapshot = mailbox_snapshot(box);
    import->mailbox = arena_dup(&import->names, name);
    r = load_known(import, snapshot, err);
    snapshot_unref(&snapshot);
    mailbox_unref(&box);
    if (r == 0)
        *result_out = json_pack("{s:o}", "name", admin_text(name));
    return r;
}

/* Put the message of the call into the batch. */
static int add_to_batch(const struct admin_call *call, struct import *import, uint64_t size_bytes,
                        struct err *err)
{
    struct new_message *message = &import->batch[import->batch_count];
    *message = (struct new_message){ 0 };
    int r = incoming_prepare(call->body, import->account, STR_NIL, message, err);
    if (r < 0)
        return r;
    message->internal_date_s = call_number(call, "date_s");
    message->internal_zone_min = (int16_t)call_number(call, "zone_min");
    take_flags(import, call_list(call, "flags"), message);
    if (mail_options(call->admin->backend->mail)->mark_messages)
        mark_message(message, MARK_IMPORTED);
    import->batch_count++;
    import->batch_bytes += size_bytes;
    if (import->batch_count < BATCH_MESSAGES_MAX && import->batch_bytes < BATCH_BYTES_MAX)
        return 0;
    r = commit_batch(import, err);
    /* This is about all of the batch: the client must not take it for a fault of the last message. */
    if (r < 0)
        import_free(&call->session->import);
    return r;
}

int admin_import_message(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct import *import;
    struct str bytes = STR_NIL;
    bool known = false;
    int r = need_import(call, &import, err);
    if (r == 0 && str_is_nil(import->mailbox))
        r = err_set(err, ERR_STATE, "import-mailbox comes first");
    if (r == 0)
        r = incoming_bytes(call->body, &bytes, err);
    if (r == 0)
        r = look_up(call, import, bytes, &known, err);
    if (r == 0 && known)
        import->known_message_count++;
    else if (r == 0)
        r = add_to_batch(call, import, bytes.n, err);
    if (r == 0)
        *result_out = json_pack("{s:b}", "known", known);
    return r;
}

int admin_import_end(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct import *import;
    int r = need_import(call, &import, err);
    if (r == 0)
        r = commit_batch(import, err);
    if (r == 0) {
        log_info(&call->admin->log, "imported", KV("messages", import->imported_count),
                 KV("known", import->known_message_count));
        *result_out = json_pack("{s:I, s:I}", "imported", (json_int_t)import->imported_count, "known",
                                (json_int_t)import->known_message_count);
    }
    import_free(&call->session->import);
    return r;
}
