#include "admin/mbox.h"

#include "mime/date.h"
#include "mime/header.h"

#include <stdlib.h>
#include <time.h>

/* ---- flags in fields ---- */

static const struct {
    const char *field;
    char letter;
    const char *flag;
} letters[] = {
    { "Status", 'R', "\\Seen" },      { "X-Status", 'A', "\\Answered" }, { "X-Status", 'F', "\\Flagged" },
    { "X-Status", 'D', "\\Deleted" }, { "X-Status", 'T', "\\Draft" },
};

enum {
    MOZILLA_READ = 0x1,
    MOZILLA_REPLIED = 0x2,
    MOZILLA_MARKED = 0x4,
    MOZILLA_EXPUNGED = 0x8,
    MOZILLA_FORWARDED = 0x1000
};

static bool is_bookkeeping(struct str name)
{
    return str_eq_nocase(name, STR("Status")) || str_eq_nocase(name, STR("X-Status")) ||
           str_eq_nocase(name, STR("X-Keywords"));
}

static void read_letters(struct str field, struct str value, struct mailfile_message *message)
{
    for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
        if (str_eq_nocase(field, str_c(letters[i].field)) && str_find_char(value, letters[i].letter) >= 0)
            mailfile_add_flag(message, str_c(letters[i].flag));
}

static void read_keywords(struct str value, struct arena *arena, struct mailfile_message *message)
{
    while (value.n) {
        struct str word = str_trim(str_cut(value, ' ', &value));
        if (word.n)
            mailfile_add_flag(message, arena_dup(arena, word));
    }
}

static unsigned long mozilla_status(struct str value)
{
    char digits[9] = "";
    value = str_trim(value);
    memcpy(digits, value.p, value.n < 8 ? value.n : 8);
    return strtoul(digits, NULL, 16);
}

static void read_mozilla(unsigned long status, struct mailfile_message *message)
{
    static const struct {
        unsigned bit;
        const char *flag;
    } bits[] = { { MOZILLA_READ, "\\Seen" },
                 { MOZILLA_REPLIED, "\\Answered" },
                 { MOZILLA_MARKED, "\\Flagged" },
                 { MOZILLA_FORWARDED, "$Forwarded" } };
    for (size_t i = 0; i < ARRAY_COUNT(bits); i++)
        if (status & bits[i].bit)
            mailfile_add_flag(message, str_c(bits[i].flag));
}

/* Flags out of the header; the fields that only an mbox has are cut out of `bytes`. False: Thunderbird has
 * deleted this message and not yet cut it out of the file. */
static bool take_fields(struct buf *bytes, struct arena *arena, struct mailfile_message *message)
{
    struct str header = str_sub(buf_str(bytes), 0, header_length(buf_str(bytes), true, NULL, NULL, NULL));
    struct header_field field;
    unsigned long mozilla = 0;
    size_t to = 0, from = 0; /* what is kept moves down over what is cut */
    for (struct header_reader r = header_each(header); header_next(&r, &field);) {
        if (str_eq_nocase(field.name, STR("X-Mozilla-Status")))
            mozilla = mozilla_status(field.value);
        if (!is_bookkeeping(field.name))
            continue;
        read_letters(field.name, field.value, message);
        if (str_eq_nocase(field.name, STR("X-Keywords")))
            read_keywords(field.value, arena, message);
    }
    for (struct header_reader r = header_each(header); header_next(&r, &field);) {
        if (!is_bookkeeping(field.name))
            continue;
        /* The reader is ahead of what moves: it reads behind `from` only. */
        memmove(bytes->p + to, bytes->p + from, field.offset - from);
        to += field.offset - from;
        from = field.offset + field.whole.n;
    }
    if (from > to) /* an empty message has no bytes to point at */
        memmove(bytes->p + to, bytes->p + from, bytes->n - from);
    bytes->n -= from - to;
    if (mozilla && !message->flag_count)
        read_mozilla(mozilla, message);
    return !(mozilla & MOZILLA_EXPUNGED);
}

/* ---- reading ---- */

void mbox_reader_init(struct mbox_reader *reader, uint64_t bytes_max, int64_t standard_date_s,
                      mbox_message_fn *fn, void *ctx)
{
    *reader = (struct mbox_reader){
        .bytes_max = bytes_max, .standard_date_s = standard_date_s, .fn = fn, .ctx = ctx
    };
}

void mbox_reader_deinit(struct mbox_reader *reader)
{
    buf_deinit(&reader->line);
    buf_deinit(&reader->message);
    arena_deinit(&reader->arena);
}

static void add_text(struct mbox_reader *r, struct str text)
{
    if (r->message.n + text.n > r->bytes_max)
        r->too_large = true;
    else if (!r->too_large)
        buf_add(&r->message, text);
}

static int end_message(struct mbox_reader *r, struct err *err)
{
    struct mailfile_message message = { 0 };
    struct buf crlf = BUF_INIT;
    int result = 0;
    if (!r->in_message)
        return 0;
    mailfile_to_crlf(buf_str(&r->message), &crlf);
    bool is_there = take_fields(&crlf, &r->arena, &message);
    message.bytes = buf_str(&crlf);
    message.date_s = r->date_s;
    if (!r->has_date && !mailfile_date(message.bytes, &message.date_s))
        message.date_s = r->standard_date_s;
    if (is_there)
        result = r->fn(r->ctx, &message, r->too_large, err);
    buf_deinit(&crlf);
    buf_clear(&r->message);
    arena_reset(&r->arena);
    r->in_message = r->too_large = false;
    r->blank = STR_NIL;
    return result;
}

/* "From sender date": the date tells it from a sentence that begins so. */
static bool is_separator(const struct mbox_reader *r, struct str line, bool *has_date_out,
                         int64_t *date_s_out)
{
    struct str rest;
    struct mail_date date;
    if (!str_starts(line, STR("From ")) || (r->in_message && str_is_nil(r->blank)))
        return false;
    str_cut(str_trim(str_skip(line, 5)), ' ', &rest);
    *has_date_out = !str_is_nil(rest) && date_parse_field(rest, &date, NULL) == 0;
    *date_s_out = *has_date_out ? date.utc_s : 0;
    return *has_date_out || !r->in_message; /* the first line of the file is one, whatever it says */
}

/* mboxrd: ">From ", ">>From " lose one '>'. */
static struct str unquote(struct str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] == '>')
        n++;
    return n > 0 && str_starts(str_skip(line, n), STR("From ")) ? str_skip(line, 1) : line;
}

/* A line with its end, or without one at the end of the file. */
static int take_line(struct mbox_reader *r, struct str line, struct err *err)
{
    bool has_date;
    int64_t date_s;
    if (is_separator(r, line, &has_date, &date_s)) {
        int result = end_message(r, err);
        r->in_message = true;
        r->has_date = has_date;
        r->date_s = date_s;
        return result;
    }
    if (!r->in_message) {
        if (str_trim(line).n == 0) /* empty lines at the top of a file hurt nobody */
            return 0;
        return err_set(err, ERR_SYNTAX, "no mbox: it does not begin with \"From \"");
    }
    if (!str_is_nil(r->blank))
        add_text(r, r->blank);
    r->blank = STR_NIL;
    if (str_eq(line, STR("\n")))
        r->blank = STR("\n");
    else if (str_eq(line, STR("\r\n")))
        r->blank = STR("\r\n");
    else
        add_text(r, unquote(line));
    return 0;
}

static int take_piece(struct mbox_reader *r, struct str piece, struct err *err)
{
    bool ends = piece.n && piece.p[piece.n - 1] == '\n';
    int result = 0;
    if (r->mid_line) { /* of a line so long that its beginning has been taken */
        add_text(r, piece);
        r->mid_line = !ends;
        return 0;
    }
    buf_add(&r->line, piece);
    if (!ends && r->line.n < MBOX_LINE_BYTES_MAX)
        return 0;
    result = take_line(r, buf_str(&r->line), err);
    r->mid_line = !ends;
    buf_clear(&r->line);
    return result;
}

int mbox_feed(struct mbox_reader *reader, struct str bytes, struct err *err)
{
    int result = 0;
    while (result == 0 && bytes.n) {
        ptrdiff_t end = str_find_char(bytes, '\n');
        size_t n = end < 0 ? bytes.n : (size_t)end + 1;
        if (!reader->mid_line && n > MBOX_LINE_BYTES_MAX - reader->line.n)
            n = MBOX_LINE_BYTES_MAX - reader->line.n;
        result = take_piece(reader, str_sub(bytes, 0, n), err);
        bytes = str_skip(bytes, n);
    }
    return result;
}

int mbox_end(struct mbox_reader *reader, struct err *err)
{
    int result = reader->line.n ? take_line(reader, buf_str(&reader->line), err) : 0;
    buf_clear(&reader->line);
    return result == 0 ? end_message(reader, err) : result;
}

/* ---- writing ---- */

static void add_from_line(int64_t date_s, struct buf *out)
{
    char text[64];
    struct tm tm;
    time_t t = (time_t)date_s;
    if (!gmtime_r(&t, &tm) || !strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm)) /* RFC 4155: UTC */
        memcpy(text, "Thu Jan  1 00:00:00 1970", sizeof "Thu Jan  1 00:00:00 1970");
    buf_printf(out, "From MAILER-DAEMON %s\n", text);
}

static void add_fields(const struct mailfile_message *message, struct buf *out)
{
    bool seen = mailfile_has_flag(message, "\\Seen"), any = false;
    buf_printf(out, "Status: %sO\n", seen ? "R" : "");
    for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
        if (strcmp(letters[i].field, "X-Status") == 0 && mailfile_has_flag(message, letters[i].flag)) {
            buf_printf(out, "%s%c", any ? "" : "X-Status: ", letters[i].letter);
            any = true;
        }
    buf_add(out, any ? STR("\n") : STR(""));
    any = false;
    for (size_t i = 0; i < message->flag_count; i++)
        if (message->flags[i].p[0] != '\\') {
            buf_printf(out, "%s " STR_FMT, any ? "" : "X-Keywords:", STR_ARG(message->flags[i]));
            any = true;
        }
    buf_add(out, any ? STR("\n") : STR(""));
}

void mbox_format(const struct mailfile_message *message, struct buf *out)
{
    struct str left = message->bytes;
    add_from_line(message->date_s, out);
    add_fields(message, out);
    while (left.n) {
        ptrdiff_t end = str_find_char(left, '\n');
        struct str line = str_sub(left, 0, end < 0 ? left.n : (size_t)end);
        left = str_skip(left, end < 0 ? left.n : (size_t)end + 1);
        if (end >= 0 && line.n && line.p[line.n - 1] == '\r')
            line.n--;
        size_t n = 0;
        while (n < line.n && line.p[n] == '>')
            n++;
        if (str_starts(str_skip(line, n), STR("From ")))
            buf_add_char(out, '>');
        buf_add(out, line);
        buf_add_char(out, '\n');
    }
    buf_add_char(out, '\n');
}
