#include "mime/envelope.h"

#include "base/utf8.h"
#include "mime/address.h"
#include "mime/header.h"

enum { REPEATED_FIELDS_MAX = 16 }; /* of one name: To twice is one list */

enum text_item { ITEM_DATE, ITEM_SUBJECT, ITEM_IN_REPLY_TO, ITEM_MESSAGE_ID, TEXT_ITEM_COUNT };
enum list_item { ITEM_FROM, ITEM_SENDER, ITEM_REPLY_TO, ITEM_TO, ITEM_CC, ITEM_BCC, LIST_ITEM_COUNT };

static const struct str text_names[TEXT_ITEM_COUNT] = {
    [ITEM_DATE] = STR_INIT("Date"),
    [ITEM_SUBJECT] = STR_INIT("Subject"),
    [ITEM_IN_REPLY_TO] = STR_INIT("In-Reply-To"),
    [ITEM_MESSAGE_ID] = STR_INIT("Message-ID"),
};

static const struct str list_names[LIST_ITEM_COUNT] = {
    [ITEM_FROM] = STR_INIT("From"),
    [ITEM_SENDER] = STR_INIT("Sender"),
    [ITEM_REPLY_TO] = STR_INIT("Reply-To"),
    [ITEM_TO] = STR_INIT("To"),
    [ITEM_CC] = STR_INIT("Cc"),
    [ITEM_BCC] = STR_INIT("Bcc"),
};

struct fields {
    struct str texts[TEXT_ITEM_COUNT]; /* the first of each name */
    struct str lists[LIST_ITEM_COUNT][REPEATED_FIELDS_MAX];
    size_t list_counts[LIST_ITEM_COUNT];
};

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0 || s.p[i] == '\r' || s.p[i] == '\n')
            return false;
    return true;
}

void wire_add_nstring(struct buf *out, struct str s)
{
    struct buf clean = BUF_INIT;

    if (str_is_nil(s)) {
        buf_add_lit(out, "NIL");
        return;
    }
    if (s.n && memchr(s.p, 0, s.n)) {
        for (size_t i = 0; i < s.n; i++)
            if (s.p[i])
                buf_add_char(&clean, s.p[i]);
        s = buf_str(&clean);
    }
    if (s.n <= WIRE_QUOTED_BYTES_MAX && is_plain(s)) {
        char *to = buf_reserve(out, s.n * 2 + 2), *start = to;
        *to++ = '"';
        for (size_t i = 0; i < s.n; i++) {
            if (s.p[i] == '"' || s.p[i] == '\\')
                *to++ = '\\';
            *to++ = s.p[i];
        }
        *to++ = '"';
        out->n += (size_t)(to - start);
    } else {
        buf_add_char(out, '{');
        buf_add_u64(out, s.n);
        buf_add_lit(out, "}\r\n");
        buf_add(out, s);
    }
    buf_deinit(&clean);
}

/* A header value: unfolded, cut at the limit. */
static void add_text(struct buf *out, struct str raw)
{
    struct buf text = BUF_INIT;
    if (str_is_nil(raw)) {
        buf_add_lit(out, "NIL");
        return;
    }
    header_unfold(raw, &text);
    wire_add_nstring(out, utf8_prefix(buf_str(&text), ENVELOPE_TEXT_BYTES_MAX));
    buf_deinit(&text);
}

static struct str limited(struct str s)
{
    return str_is_nil(s) ? s : utf8_prefix(s, ENVELOPE_TEXT_BYTES_MAX);
}

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"     RFC 9051, 9 */
static void add_address(struct buf *out, const struct address *a)
{
    buf_add_char(out, '(');
    wire_add_nstring(out, limited(a->name));
    buf_add_char(out, ' ');
    wire_add_nstring(out, limited(a->route));
    buf_add_char(out, ' ');
    wire_add_nstring(out, limited(a->mailbox));
    buf_add_char(out, ' ');
    wire_add_nstring(out, limited(a->host));
    buf_add_char(out, ')');
}

/* "(" 1*address ")" / nil     RFC 9051, 7.5.2: absent or empty is NIL. */
static void add_list(struct buf *out, const struct str *raws, size_t count, size_t limit, struct arena *arena)
{
    size_t before = out->n;
    struct address a;

    for (size_t i = 0; i < count; i++) {
        struct address_reader r = address_each(raws[i], arena);
        while (address_next(&r, &a)) {
            if (out->n >= limit && a.kind != ADDRESS_GROUP_END)
                continue; /* a group that is open is closed all the same */
            if (out->n == before)
                buf_add_char(out, '(');
            add_address(out, &a);
        }
    }
    if (out->n == before)
        buf_add_lit(out, "NIL");
    else
        buf_add_char(out, ')');
}

static void collect_field(const struct header_field *field, struct fields *fields)
{
    for (size_t i = 0; i < TEXT_ITEM_COUNT; i++)
        if (str_is_nil(fields->texts[i]) && str_eq_nocase(field->name, text_names[i]))
            fields->texts[i] = field->value;
    for (size_t i = 0; i < LIST_ITEM_COUNT; i++)
        if (fields->list_counts[i] < REPEATED_FIELDS_MAX && str_eq_nocase(field->name, list_names[i]))
            fields->lists[i][fields->list_counts[i]++] = field->value;
}

/* RFC 9051, 7.5.2: Sender and Reply-To are told as From when they are absent or empty. */
static void add_list_or_from(struct buf *out, const struct fields *fields, enum list_item item,
                             size_t from_at, size_t from_n, size_t limit, struct arena *arena)
{
    size_t before = out->n;
    add_list(out, fields->lists[item], fields->list_counts[item], limit, arena);
    if (!str_eq(str_skip(buf_str(out), before), STR("NIL")))
        return;
    out->n = before;
    buf_reserve(out, from_n);
    buf_add_bytes(out, out->p + from_at, from_n);
}

void envelope_write(struct str header, struct arena *arena, struct buf *out)
{
    struct fields fields = { .list_counts = { 0 } };
    struct header_field field;
    size_t limit = out->n + ENVELOPE_BYTES_MAX / 3; /* From is told up to three times */

    for (struct header_reader r = header_each(header); header_next_interpreted(&r, &field);)
        collect_field(&field, &fields);
    buf_add_char(out, '(');
    add_text(out, fields.texts[ITEM_DATE]);
    buf_add_char(out, ' ');
    add_text(out, fields.texts[ITEM_SUBJECT]);
    buf_add_char(out, ' ');
    size_t from_at = out->n;
    add_list(out, fields.lists[ITEM_FROM], fields.list_counts[ITEM_FROM], limit, arena);
    size_t from_n = out->n - from_at;
    limit = from_at - 1 + ENVELOPE_BYTES_MAX;
    for (enum list_item i = ITEM_SENDER; i < LIST_ITEM_COUNT; i++) {
        buf_add_char(out, ' ');
        if (i == ITEM_SENDER || i == ITEM_REPLY_TO)
            add_list_or_from(out, &fields, i, from_at, from_n, limit, arena);
        else
            add_list(out, fields.lists[i], fields.list_counts[i], limit, arena);
    }
    buf_add_char(out, ' ');
    add_text(out, fields.texts[ITEM_IN_REPLY_TO]);
    buf_add_char(out, ' ');
    add_text(out, fields.texts[ITEM_MESSAGE_ID]);
    buf_add_char(out, ')');
}
