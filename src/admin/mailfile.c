#include "admin/mailfile.h"

#include "mime/date.h"
#include "mime/header.h"

void mailfile_add_flag(struct mailfile_message *message, struct str flag)
{
    if (message->flag_count < MAILFILE_FLAGS_MAX)
        message->flags[message->flag_count++] = flag;
}

bool mailfile_has_flag(const struct mailfile_message *message, const char *flag)
{
    for (size_t i = 0; i < message->flag_count; i++)
        if (str_eq_nocase(message->flags[i], str_c(flag)))
            return true;
    return false;
}

void mailfile_to_crlf(struct str in, struct buf *out)
{
    ptrdiff_t end = str_find_char(in, '\n');
    if (end > 0 && in.p[end - 1] == '\r') {
        buf_add(out, in);
        return;
    }
    while (in.n) {
        end = str_find_char(in, '\n');
        struct str line = str_sub(in, 0, end < 0 ? in.n : (size_t)end);
        in = str_skip(in, end < 0 ? in.n : (size_t)end + 1);
        buf_add(out, line);
        if (end >= 0)
            buf_add(out, line.n && line.p[line.n - 1] == '\r' ? STR("\n") : STR("\r\n"));
    }
}

bool mailfile_to_lf(struct str in, struct buf *out)
{
    size_t before = out->n;
    for (struct str left = in; left.n;) {
        ptrdiff_t end = str_find_char(left, '\n');
        size_t n = end < 0 ? left.n : (size_t)end;
        if (end == 0 || (end > 0 && left.p[n - 1] != '\r') || (end > 1 && left.p[n - 2] == '\r')) {
            out->n = before;
            return false;
        }
        buf_add(out, str_sub(left, 0, end < 0 ? n : n - 1));
        if (end >= 0)
            buf_add_char(out, '\n');
        left = str_skip(left, end < 0 ? n : n + 1);
    }
    return true;
}

bool mailfile_date(struct str bytes, int64_t *date_s_out)
{
    struct str header = str_sub(bytes, 0, header_length(bytes, true, NULL, NULL, NULL));
    struct str received = header_find(header, STR("Received")), date = header_find(header, STR("Date"));
    struct mail_date when;
    ptrdiff_t semicolon = str_rfind_char(received, ';'); /* RFC 5322, 3.6.7 */
    if ((semicolon < 0 || date_parse_field(str_skip(received, (size_t)semicolon + 1), &when, NULL) < 0) &&
        (str_is_nil(date) || date_parse_field(date, &when, NULL) < 0))
        return false;
    *date_s_out = when.utc_s;
    return true;
}

void mailfile_unescape(struct str name, struct buf *out)
{
    static const struct {
        struct str escape;
        char c;
    } escapes[] = { { STR_INIT("\\2e"), '.' }, { STR_INIT("\\5c"), '\\' }, { STR_INIT("\\7e"), '~' } };
    while (name.n) {
        size_t i = 0;
        while (i < ARRAY_COUNT(escapes) && !str_starts_nocase(name, escapes[i].escape))
            i++;
        bool found = i < ARRAY_COUNT(escapes);
        buf_add_char(out, found ? escapes[i].c : name.p[0]);
        name = str_skip(name, found ? escapes[i].escape.n : 1);
    }
}

void mailfile_format_level(struct str level, struct buf *out)
{
    static const struct str ends[] = { STR_INIT(".mbox"), STR_INIT(".sbd") };
    size_t hidden_dot = SIZE_MAX;
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++)
        if (str_ends(level, ends[i]))
            hidden_dot = level.n - ends[i].n;
    for (size_t i = 0; i < level.n; i++)
        if (level.p[i] == '\\')
            buf_add_lit(out, "\\5c");
        else if (level.p[i] == '.' && (i == 0 || i == hidden_dot))
            buf_add_lit(out, "\\2e");
        else
            buf_add_char(out, level.p[i]);
}
