#include "imap/cmd/search_match.h"

#include "mime/fuzzy.h"
#include "mime/header.h"
#include "mime/text.h"

#include <stdlib.h>

enum verdict { NO, YES, UNKNOWN };

enum {
    NO_SCORE = FUZZY_SCORE_MAX + 1, /* not known yet, or nothing fuzzy */
    BODY_PERCENT = 60,              /* what is found in a body, beside what is in a header */
    DAYS_NEAR = 9,                  /* FUZZY SINCE and the like */
    SIZE_PERCENT_NEAR = 20,         /* FUZZY LARGER, SMALLER */
};

/* What each node was compiled to. */
struct prepared {
    struct str needle;            /* text keys: UTF-8, folded */
    int keyword;                  /* bit in the mailbox's table, -1: no message has it */
    struct seqset set;            /* SEQ: sequence numbers; UID: uids */
    bool saved;                   /* and "$" */
    uint32_t star_from, last_uid; /* UID of a lasting program: "n:*", and what "*" is */
    int64_t limit_s;              /* OLDER, YOUNGER: the moment */
    struct fuzzy *fuzzy;          /* text keys below FUZZY */
    unsigned score;               /* keys below FUZZY: of the message at hand; NO_SCORE: not asked */
    uint64_t id;                  /* EMAILID, THREADID; 0: not one of ours */
    struct str field;             /* of header keys: its name ... */
    bool field_kept;              /* ... and whether header records keep it */
};

enum stage { STAGE_ROW, STAGE_RECORDS, STAGE_BYTES };

struct search_program {
    struct search_place place;
    struct arena *arena;
    const struct search_args *args;
    struct prepared *prepared; /* as many as nodes */
    struct charset_cache *charsets;
    struct seqset saved_seqs; /* "$" as sequence numbers, once for all nodes: thousands may name it */
    bool has_saved_seqs;

    /* The message at hand. */
    uint32_t seq;
    const struct message *row;
    enum stage stage;
    const struct search_records *records; /* read ahead; NULL: none */
    bool has_view, has_header, has_bytes;
    struct meta_view view;
    struct str header;
    struct buf meta_bytes, header_bytes, bytes, text; /* records, the message, scratch for decoded text */
    int error;                                        /* of reading; 0: none */
    struct err err;
};

/* ---- compiling ---- */

static bool is_text_key(enum search_key key)
{
    return key >= SEARCH_FROM && key <= SEARCH_HEADER;
}

static bool is_sent_key(enum search_key key)
{
    return key == SEARCH_SENT_BEFORE || key == SEARCH_SENT_ON || key == SEARCH_SENT_SINCE;
}

/* "": BODY and TEXT have none. */
static struct str field_of(const struct search_node *node)
{
    switch (node->key) {
    case SEARCH_FROM:
        return STR("From");
    case SEARCH_TO:
        return STR("To");
    case SEARCH_CC:
        return STR("Cc");
    case SEARCH_BCC:
        return STR("Bcc");
    case SEARCH_SUBJECT:
        return STR("Subject");
    case SEARCH_HEADER:
        return node->header;
    default:
        return STR("");
    }
}

/* Relevance is counted on text without case, whatever the client compares by: it then finds no less. */
static enum collation collation_of(const struct search_program *p, bool fuzzy)
{
    return fuzzy ? COLLATION_UNICODE_CASEMAP : p->place.collation;
}

static int fold_needle(struct search_program *p, struct str text, enum collation collation, struct str *out,
                       struct err *err)
{
    struct buf utf8 = BUF_INIT, folded = BUF_INIT;
    uint8_t charset = str_is_nil(p->args->charset) ? CHARSET_UTF8 : charset_find(p->args->charset);
    int r = charset_to_utf8(p->charsets, charset, text, &utf8, err);
    if (r == 0) {
        collation_fold(collation, buf_str(&utf8), &folded);
        *out = arena_dup(p->arena, buf_str(&folded));
    }
    buf_deinit(&utf8);
    buf_deinit(&folded);
    return r;
}

/* "M123": the number behind the letter, 0 when it is none of ours. */
static uint64_t parse_id(struct str text, char letter)
{
    uint64_t id = 0;
    return text.n > 1 && text.p[0] == letter && str_to_u64(str_skip(text, 1), UINT64_MAX, &id) ? id : 0;
}

static int last_uid(const struct snapshot *snapshot, uint32_t *uid_out, struct err *err)
{
    struct message last = { 0 };
    int r = snapshot->exists ? snapshot_message(snapshot, snapshot->exists, &last, err) : 0;
    *uid_out = last.uid;
    return r;
}

/* The messages that the sequence numbers of `set` are now, as UIDs; numbers that are not there are left out. */
static int keep_messages(struct search_program *p, struct seqset *set, struct err *err)
{
    struct seqset all, there;
    seqset_init(&all, p->arena);
    if (p->place.snapshot->exists)
        seqset_add_range(&all, 1, p->place.snapshot->exists);
    seqset_intersection(set, &all, p->arena, &there);
    return snapshot_seqs_to_uids(p->place.snapshot, &there, p->arena, set, err);
}

static void keep_saved(struct search_program *p, struct prepared *out)
{
    struct seqset own = out->set;
    if (out->saved && p->place.saved)
        seqset_union(&own, p->place.saved, p->arena, &out->set);
    out->saved = false;
}

static int prepare_set(struct search_program *p, const struct search_node *node, struct prepared *out,
                       struct err *err)
{
    const struct snapshot *snapshot = p->place.snapshot;
    uint32_t max = snapshot->exists;
    int r = node->key == SEARCH_UID ? last_uid(snapshot, &max, err) : 0;
    if (r < 0)
        return r;
    /* Numbers that are not there are no error: RFC 7377, 2. */
    seqset_copy(&node->set, p->arena, &out->set);
    if (p->place.lasting && node->key == SEARCH_UID) {
        out->star_from = out->set.star_from;
        out->last_uid = max;
        out->set.star_from = 0;
    }
    seqset_resolve(&out->set, max);
    out->saved = node->set.saved;
    out->set.saved = false;
    if (p->place.lasting) {
        r = node->key == SEARCH_SEQ ? keep_messages(p, &out->set, err) : 0;
        keep_saved(p, out);
        return r;
    }
    if (!out->saved || !p->place.saved || node->key == SEARCH_UID || p->has_saved_seqs)
        return 0;
    p->has_saved_seqs = true;
    return snapshot_uids_to_seqs(snapshot, p->place.saved, p->arena, &p->saved_seqs, err);
}

static int prepare(struct search_program *p, const struct search_node *node, struct prepared *out,
                   struct err *err)
{
    if (is_text_key(node->key)) {
        out->field = field_of(node);
        out->field_kept = out->field.n && mime_header_record_keeps(&out->field, 1);
        int r = fold_needle(p, node->text, collation_of(p, node->fuzzy), &out->needle, err);
        if (r == 0 && node->fuzzy) {
            out->fuzzy = arena_new(p->arena, struct fuzzy);
            fuzzy_init(out->fuzzy, out->needle);
        }
        return r;
    }
    switch (node->key) {
    case SEARCH_KEYWORD:
    case SEARCH_NO_KEYWORD:
        out->keyword = keyword_table_find(p->place.snapshot->keywords, node->text);
        return 0;
    case SEARCH_SEQ:
    case SEARCH_UID:
        return prepare_set(p, node, out, err);
    case SEARCH_OLDER:
    case SEARCH_YOUNGER:
        out->limit_s = p->place.now_s - (int64_t)node->number;
        return 0;
    case SEARCH_EMAILID:
        out->id = parse_id(node->text, 'M');
        return 0;
    case SEARCH_THREADID:
        out->id = parse_id(node->text, 'T');
        return 0;
    default:
        return 0;
    }
}

struct search_place search_place_selected(struct session *s)
{
    return (struct search_place){ .account = s->selected_account,
                                  .snapshot = s->view.snapshot,
                                  .view = &s->view,
                                  .saved = &s->saved,
                                  .now_s = clock_wall_ms(s->server->clock) / 1000,
                                  .collation = s->collation };
}

int search_program_new(const struct search_place *place, const struct search_args *args, struct arena *arena,
                       struct search_program **program_out, struct err *err)
{
    if (!str_is_nil(args->charset) && charset_find(args->charset) == CHARSET_UNKNOWN)
        return err_set(err, ERR_CHARSET, "Charset not supported");
    struct search_program *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->place = *place;
    p->arena = arena;
    p->args = args;
    p->charsets = charset_cache_new();
    p->prepared = arena_new_array(arena, struct prepared, args->node_count);
    for (size_t i = 0; i < args->node_count; i++) {
        int r = prepare(p, &args->nodes[i], &p->prepared[i], err);
        if (r < 0) {
            search_program_free(&p);
            return r;
        }
    }
    *program_out = p;
    return 0;
}

/* The set of a SEQ or UID key, as sequence numbers. */
static int set_of_key(const struct search_program *p, const struct search_node *node,
                      const struct prepared *prepared, struct seqset *seqs_out, struct err *err)
{
    bool are_uids = node->key == SEARCH_UID || p->place.lasting;
    struct seqset own = prepared->set, with_star, with_saved;
    if (prepared->star_from) {
        uint32_t low = prepared->star_from < prepared->last_uid ? prepared->star_from : prepared->last_uid;
        seqset_copy(&own, p->arena, &with_star);
        seqset_add_range(&with_star, low, UINT32_MAX);
        own = with_star;
    }
    if (prepared->saved && p->place.saved) {
        seqset_union(&own, are_uids ? p->place.saved : &p->saved_seqs, p->arena, &with_saved);
        own = with_saved;
    }
    if (are_uids)
        return snapshot_uids_to_seqs(p->place.snapshot, &own, p->arena, seqs_out, err);
    *seqs_out = own;
    return 0;
}

int search_program_scope(const struct search_program *p, struct seqset *seqs_out, struct err *err)
{
    const struct search_node *nodes = p->args->nodes;
    struct seqset scope;
    seqset_init(&scope, p->arena);
    if (p->place.snapshot->exists)
        seqset_add_range(&scope, 1, p->place.snapshot->exists);
    for (uint32_t i = 1; i < nodes[0].end; i = nodes[i].end) {
        struct seqset set, both;
        if (nodes[i].key != SEARCH_SEQ && nodes[i].key != SEARCH_UID)
            continue;
        int r = set_of_key(p, &nodes[i], &p->prepared[i], &set, err);
        if (r < 0)
            return r;
        seqset_intersection(&scope, &set, p->arena, &both);
        scope = both;
    }
    *seqs_out = scope;
    return 0;
}

void search_program_rest(struct search_program *p)
{
    buf_deinit(&p->bytes);
    buf_deinit(&p->text);
    p->has_bytes = false;
}

void search_program_free(struct search_program **program)
{
    struct search_program *p = *program;
    if (!p)
        return;
    charset_cache_free(&p->charsets);
    buf_deinit(&p->meta_bytes);
    buf_deinit(&p->header_bytes);
    buf_deinit(&p->bytes);
    buf_deinit(&p->text);
    free(p);
    *program = NULL;
}

/* ---- programs that last ---- */

static bool ages(enum search_key key)
{
    return key == SEARCH_OLDER || key == SEARCH_YOUNGER;
}

bool search_program_ages(const struct search_program *p)
{
    for (size_t i = 0; i < p->args->node_count; i++)
        if (ages(p->args->nodes[i].key))
            return true;
    return false;
}

int search_program_follow(struct search_program *p, const struct snapshot *snapshot, int64_t now_s,
                          struct err *err)
{
    uint32_t last;
    int r = last_uid(snapshot, &last, err);
    for (size_t i = 0; r == 0 && i < p->args->node_count; i++) {
        const struct search_node *node = &p->args->nodes[i];
        struct prepared *ready = &p->prepared[i];
        if (node->key == SEARCH_KEYWORD || node->key == SEARCH_NO_KEYWORD)
            ready->keyword = keyword_table_find(snapshot->keywords, node->text);
        else if (node->key == SEARCH_UID)
            ready->last_uid = last;
        else if (ages(node->key))
            ready->limit_s = now_s - (int64_t)node->number;
    }
    return r;
}

static int add_last(const struct snapshot *snapshot, struct seqset *uids, struct err *err)
{
    uint32_t uid;
    int r = last_uid(snapshot, &uid, err);
    if (r == 0 && uid)
        seqset_add(uids, uid);
    return r;
}

/* Those with an INTERNALDATE from `from_s` to `to_s`. */
static int add_dated(const struct snapshot *snapshot, int64_t from_s, int64_t to_s, struct seqset *uids,
                     struct err *err)
{
    struct snapshot_cursor cursor = snapshot_cursor_at(snapshot, 1);
    struct chunk_span span;
    int r;
    while ((r = snapshot_cursor_next(&cursor, &span, err)) == 1)
        for (uint32_t i = span.first; i < span.columns->count; i++)
            if (span.columns->internal_date_s[i] >= from_s && span.columns->internal_date_s[i] <= to_s)
                seqset_add(uids, span.columns->uid[i]);
    return r;
}

int search_program_aged(const struct search_program *p, const struct snapshot *before,
                        const struct snapshot *now, int64_t since_s, struct arena *arena,
                        struct seqset *uids_out, struct err *err)
{
    int r = 0;
    seqset_init(uids_out, arena);
    for (size_t i = 0; r == 0 && i < p->args->node_count; i++) {
        const struct search_node *node = &p->args->nodes[i];
        if (node->key == SEARCH_UID && p->prepared[i].star_from && before != now) {
            r = add_last(before, uids_out, err);
            r = r < 0 ? r : add_last(now, uids_out, err);
        } else if (ages(node->key)) {
            r = add_dated(now, since_s - (int64_t)node->number, p->prepared[i].limit_s, uids_out, err);
        }
    }
    return r;
}

/* ---- what a stage needs ---- */

static struct store *store_of(const struct search_program *p)
{
    return mail_options(account_mail(p->place.account))->store;
}

static int fail(struct search_program *p, int r)
{
    if (r < 0 && r != -ERR_NOT_FOUND && p->error == 0)
        p->error = r;
    return r;
}

/* What was read ahead, else one record alone. */
static int need_record(struct search_program *p, enum blob_slot slot, struct buf *bytes, struct str *out)
{
    struct str ahead = !p->records ? STR_NIL : slot == BLOB_META ? p->records->meta : p->records->header;
    int r = 0;
    if (str_is_nil(ahead)) {
        buf_clear(bytes);
        r = store_blob_record(store_of(p), account_id(p->place.account), (struct blob_id){ p->row->blob },
                              slot, bytes, &p->err);
        ahead = buf_str(bytes);
    }
    *out = ahead;
    return fail(p, r);
}

static int need_view(struct search_program *p)
{
    struct str record;
    if (p->has_view)
        return 0;
    int r = need_record(p, BLOB_META, &p->meta_bytes, &record);
    if (r == 0)
        r = fail(p, mime_meta_view(record, &p->view, &p->err));
    p->has_view = r == 0;
    return r;
}

static int need_header_record(struct search_program *p)
{
    if (p->has_header)
        return 0;
    int r = need_record(p, BLOB_HEADER, &p->header_bytes, &p->header);
    p->has_header = r == 0;
    return r;
}

static int need_bytes(struct search_program *p)
{
    if (p->has_bytes)
        return 0;
    buf_clear(&p->bytes);
    int r = fail(p,
                 store_blob_read(store_of(p), account_id(p->place.account), (struct blob_id){ p->row->blob },
                                 0, p->row->size_bytes, &p->bytes, &p->err));
    p->has_bytes = r == 0;
    return r;
}

/* ---- text ---- */

static bool holds(struct str text, struct str needle)
{
    return str_find(text, needle) >= 0;
}

static void raise_score(struct prepared *ready, unsigned score)
{
    if (ready->score == NO_SCORE || score > ready->score)
        ready->score = score;
}

static bool value_holds(struct search_program *p, struct str value, struct prepared *ready)
{
    buf_clear(&p->text);
    mime_text_of_value(value, collation_of(p, ready->fuzzy != NULL), p->charsets, &p->text);
    if (!ready->fuzzy)
        return holds(buf_str(&p->text), ready->needle);
    fuzzy_begin(ready->fuzzy);
    (void)fuzzy_feed(ready->fuzzy, buf_str(&p->text));
    raise_score(ready, fuzzy_score(ready->fuzzy));
    return ready->score == FUZZY_SCORE_MAX;
}

/* Any field `name` of `header` whose decoded, folded value holds the needle;
 * "" asks only whether there is one. */
static enum verdict header_holds(struct search_program *p, struct str header, struct str name,
                                 struct prepared *ready)
{
    struct header_field field;
    if (ready->fuzzy)
        ready->score = 0;
    for (struct header_reader r = header_each(header); header_next(&r, &field);)
        if (str_eq_nocase(field.name, name) && value_holds(p, field.value, ready))
            return YES;
    return ready->fuzzy && ready->score ? YES : NO;
}

static enum verdict match_header(struct search_program *p, struct prepared *ready)
{
    struct str fields;
    bool too_large = true;
    if (p->stage < STAGE_RECORDS)
        return UNKNOWN;
    if (ready->field_kept && (need_header_record(p) < 0 ||
                              fail(p, mime_header_record_view(p->header, &fields, &too_large, &p->err)) < 0))
        return NO;
    if (!too_large)
        return header_holds(p, fields, ready->field, ready);
    if (p->stage < STAGE_BYTES)
        return UNKNOWN;
    if (need_view(p) < 0 || need_bytes(p) < 0)
        return NO;
    fields = str_sub(buf_str(&p->bytes), 0, (size_t)p->view.header_bytes);
    return header_holds(p, fields, ready->field, ready);
}

static int piece_holds(void *ctx, struct str piece)
{
    return holds(piece, *(const struct str *)ctx);
}

static int piece_is_best(void *ctx, struct str piece)
{
    return fuzzy_feed(ctx, piece);
}

static enum verdict match_scope(struct search_program *p, unsigned scope, unsigned percent,
                                struct prepared *ready)
{
    size_t overlap = fuzzy_overlap(ready->fuzzy);
    fuzzy_begin(ready->fuzzy);
    int r = mime_text_each(buf_str(&p->bytes), &p->view, scope,
                           overlap < TEXT_OVERLAP_BYTES_MAX ? overlap : TEXT_OVERLAP_BYTES_MAX,
                           COLLATION_UNICODE_CASEMAP, p->charsets, piece_is_best, ready->fuzzy, &p->err);
    if (fail(p, r) < 0)
        return NO;
    unsigned score = fuzzy_score(ready->fuzzy);
    raise_score(ready, score ? 1 + (score - 1) * percent / 100 : 0);
    return score ? YES : NO;
}

static enum verdict match_fuzzy_text(struct search_program *p, unsigned scope, struct prepared *ready)
{
    enum verdict header = NO;
    ready->score = 0;
    if (scope & TEXT_HEADER)
        header = match_scope(p, TEXT_HEADER, 100, ready);
    if (ready->score > BODY_PERCENT)
        return YES;
    enum verdict body = match_scope(p, TEXT_BODY, scope & TEXT_HEADER ? BODY_PERCENT : 100, ready);
    return header == YES ? YES : body;
}

static enum verdict match_text(struct search_program *p, unsigned scope, struct prepared *ready)
{
    struct str needle = ready->needle;
    if (needle.n == 0) {
        ready->score = FUZZY_SCORE_MAX;
        return YES;
    }
    if (p->stage < STAGE_BYTES)
        return UNKNOWN;
    if (needle.n > TEXT_OVERLAP_BYTES_MAX || need_view(p) < 0 || need_bytes(p) < 0)
        return NO;
    if (ready->fuzzy)
        return match_fuzzy_text(p, scope, ready);
    int r = mime_text_each(buf_str(&p->bytes), &p->view, scope, needle.n - 1, p->place.collation, p->charsets,
                           piece_holds, &needle, &p->err);
    return fail(p, r) == 1 ? YES : NO;
}

/* ---- dates ---- */

static int32_t day_of(int64_t unix_s, int zone_min)
{
    int64_t local = unix_s + zone_min * 60;
    int64_t day = local / 86400;
    return (int32_t)(local % 86400 < 0 ? day - 1 : day);
}

/* How many days lie between `day` and those that match; none: it does. */
static int64_t days_off(int32_t day, int32_t wanted, enum search_key key, enum search_key before,
                        enum search_key on)
{
    int64_t late = (int64_t)day - wanted;
    if (key == before)
        return late < 0 ? 0 : late + 1;
    if (key == on && late > 0)
        return late;
    return late < 0 ? -late : 0;
}

static enum verdict compare_day(int32_t day, const struct search_node *node, enum search_key before,
                                enum search_key on, struct prepared *ready)
{
    int64_t off = days_off(day, node->day, node->key, before, on);
    if (!node->fuzzy || off > DAYS_NEAR)
        return off == 0 ? YES : NO;
    ready->score = FUZZY_SCORE_MAX - (unsigned)off * FUZZY_SCORE_MAX / (DAYS_NEAR + 1);
    return YES;
}

static enum verdict match_sent(struct search_program *p, const struct search_node *node,
                               struct prepared *ready)
{
    if (p->stage < STAGE_RECORDS)
        return UNKNOWN;
    if (need_view(p) < 0 || !(p->view.flags & META_HAS_DATE))
        return NO;
    return compare_day(day_of(p->view.sent_s, p->view.zone_minutes), node, SEARCH_SENT_BEFORE, SEARCH_SENT_ON,
                       ready);
}

/* ---- sizes ---- */

static enum verdict match_size(uint64_t size, const struct search_node *node, struct prepared *ready)
{
    bool larger = node->key == SEARCH_LARGER;
    uint64_t wanted = node->number, off = larger ? wanted - size : size - wanted;
    bool matches = larger ? size > wanted : size < wanted;
    if (matches)
        ready->score = FUZZY_SCORE_MAX;
    if (matches || !node->fuzzy || wanted == 0 || off > wanted / (100 / SIZE_PERCENT_NEAR))
        return matches ? YES : NO;
    ready->score = FUZZY_SCORE_MAX - 1 -
                   (unsigned)((double)off / (double)wanted * 100 * 98 / SIZE_PERCENT_NEAR);
    return YES;
}

/* ---- nodes ---- */

static enum verdict yes_if(bool condition)
{
    return condition ? YES : NO;
}

static enum verdict match_leaf(struct search_program *p, const struct search_node *node,
                               struct prepared *ready)
{
    const struct message *row = p->row;
    bool recent = p->place.view && view_is_recent(p->place.view, row->uid);
    switch (node->key) {
    case SEARCH_ALL:
    case SEARCH_SAVEDATE_SUPPORTED:
        return YES;
    case SEARCH_FLAG:
        return yes_if(row->flags & node->flag);
    case SEARCH_NO_FLAG:
        return yes_if(!(row->flags & node->flag));
    case SEARCH_KEYWORD:
        return yes_if(ready->keyword >= 0 && keyword_set_has(&row->keywords, (unsigned)ready->keyword));
    case SEARCH_NO_KEYWORD:
        return yes_if(ready->keyword < 0 || !keyword_set_has(&row->keywords, (unsigned)ready->keyword));
    case SEARCH_RECENT:
        return yes_if(recent);
    case SEARCH_OLD:
        return yes_if(!recent);
    case SEARCH_NEW:
        return yes_if(recent && !(row->flags & FLAG_SEEN));
    case SEARCH_SEQ:
        return yes_if(seqset_contains(&ready->set, p->place.lasting ? row->uid : p->seq) ||
                      (ready->saved && seqset_contains(&p->saved_seqs, p->seq)));
    case SEARCH_UID:
        return yes_if(seqset_contains(&ready->set, row->uid) ||
                      (ready->star_from && (row->uid >= ready->star_from || row->uid == ready->last_uid)) ||
                      (ready->saved && p->place.saved && seqset_contains(p->place.saved, row->uid)));
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
        return compare_day(day_of(row->internal_date_s, row->internal_zone_min), node, SEARCH_BEFORE,
                           SEARCH_ON, ready);
    case SEARCH_SAVED_BEFORE:
    case SEARCH_SAVED_ON:
    case SEARCH_SAVED_SINCE:
        return compare_day(day_of(row->save_date_s, 0), node, SEARCH_SAVED_BEFORE, SEARCH_SAVED_ON, ready);
    case SEARCH_SENT_BEFORE:
    case SEARCH_SENT_ON:
    case SEARCH_SENT_SINCE:
        return match_sent(p, node, ready);
    case SEARCH_OLDER:
        return yes_if(row->internal_date_s <= ready->limit_s);
    case SEARCH_YOUNGER:
        return yes_if(row->internal_date_s >= ready->limit_s);
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
        return match_size(row->size_bytes, node, ready);
    case SEARCH_MODSEQ:
        return yes_if(row->modseq >= node->number);
    case SEARCH_EMAILID:
        return yes_if(ready->id && row->email_id == ready->id);
    case SEARCH_THREADID:
        return yes_if(ready->id && row->thread_id == ready->id);
    case SEARCH_FROM:
    case SEARCH_TO:
    case SEARCH_CC:
    case SEARCH_BCC:
    case SEARCH_SUBJECT:
    case SEARCH_HEADER:
        return match_header(p, ready);
    case SEARCH_BODY:
        return match_text(p, TEXT_BODY, ready);
    case SEARCH_TEXT:
        return match_text(p, TEXT_HEADER | TEXT_BODY, ready);
    case SEARCH_AND:
    case SEARCH_OR:
    case SEARCH_NOT:
        break;
    }
    return NO;
}

/* Depth is bounded by SEARCH_DEPTH_MAX. */
static enum verdict match_node(struct search_program *p, uint32_t i)
{
    const struct search_node *node = &p->args->nodes[i];
    if (node->key != SEARCH_AND && node->key != SEARCH_OR && node->key != SEARCH_NOT)
        return match_leaf(p, node, &p->prepared[i]);
    if (node->key == SEARCH_NOT) {
        enum verdict v = match_node(p, i + 1);
        return v == UNKNOWN ? UNKNOWN : v == YES ? NO : YES;
    }
    enum verdict decisive = node->key == SEARCH_AND ? NO : YES;
    enum verdict so_far = node->key == SEARCH_AND ? YES : NO;
    for (uint32_t child = i + 1; child < node->end; child = p->args->nodes[child].end) {
        enum verdict v = match_node(p, child);
        if (v == decisive)
            return v;
        if (v == UNKNOWN)
            so_far = UNKNOWN;
    }
    return so_far;
}

static void look_at(struct search_program *p, uint32_t seq, const struct message *row,
                    const struct search_records *records)
{
    for (size_t i = 0; p->args->uses_fuzzy && i < p->args->node_count; i++)
        p->prepared[i].score = NO_SCORE;
    p->seq = seq;
    p->row = row;
    p->records = records;
    p->has_view = p->has_header = p->has_bytes = false;
    p->error = 0;
}

bool search_program_needs_records(struct search_program *p, uint32_t seq, const struct message *row)
{
    look_at(p, seq, row, NULL);
    p->stage = STAGE_ROW;
    return match_node(p, 0) == UNKNOWN;
}

unsigned search_program_slots(const struct search_program *p)
{
    unsigned slots = 0;
    for (size_t i = 0; i < p->args->node_count; i++) {
        enum search_key key = p->args->nodes[i].key;
        if (p->prepared[i].field_kept)
            slots |= 1u << BLOB_HEADER;
        else if (is_text_key(key) || is_sent_key(key))
            slots |= 1u << BLOB_META;
    }
    return slots;
}

int search_program_match(struct search_program *p, uint32_t seq, const struct message *row,
                         const struct search_records *records, struct err *err)
{
    enum verdict v = UNKNOWN;
    look_at(p, seq, row, records);
    for (p->stage = STAGE_ROW; v == UNKNOWN && p->stage <= STAGE_BYTES; p->stage++)
        v = match_node(p, 0);
    if (p->error < 0)
        *err = p->err;
    return p->error < 0 ? p->error : v == YES;
}

/* NO_SCORE: nothing fuzzy below. Depth is bounded by SEARCH_DEPTH_MAX. */
static unsigned score_node(struct search_program *p, uint32_t i)
{
    const struct search_node *node = &p->args->nodes[i];
    unsigned sum = 0, count = 0, best = 0;
    if (match_node(p, i) != YES)
        return 0;
    if (node->key == SEARCH_NOT)
        return NO_SCORE;
    if (node->key != SEARCH_AND && node->key != SEARCH_OR)
        return !node->fuzzy                       ? NO_SCORE
               : p->prepared[i].score == NO_SCORE ? FUZZY_SCORE_MAX
                                                  : p->prepared[i].score;
    for (uint32_t child = i + 1; child < node->end; child = p->args->nodes[child].end) {
        unsigned score = score_node(p, child);
        if (score == NO_SCORE || (score == 0 && node->key == SEARCH_OR))
            continue;
        count++;
        sum += score;
        best = score > best ? score : best;
    }
    return count == 0 ? NO_SCORE : node->key == SEARCH_OR ? best : sum / count;
}

int search_program_score(struct search_program *p, unsigned *score_out, struct err *err)
{
    p->stage = STAGE_BYTES;
    unsigned score = score_node(p, 0);
    if (p->error < 0) {
        *err = p->err;
        return p->error;
    }
    *score_out = score == NO_SCORE ? FUZZY_SCORE_MAX : score ? score : 1;
    return 0;
}
