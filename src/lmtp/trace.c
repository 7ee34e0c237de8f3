#include "lmtp/trace.h"

#include <time.h>

static void add_name(struct buf *out, struct str name)
{
    name = str_sub(name, 0, TRACE_NAME_BYTES_MAX);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i], lower = ascii_lower(c);
        bool plain = (lower >= 'a' && lower <= 'z') || ascii_is_digit(c) || (c && strchr("._:-[]", c));
        buf_add_char(out, plain ? c : '?');
    }
    if (name.n == 0)
        buf_add_lit(out, "unknown");
}

/* date-time of RFC 5322, 3.3. The process has no locale, so names of days and months are English. */
void trace_write_date(int64_t wall_s, struct buf *out)
{
    time_t at = (time_t)wall_s;
    struct tm local;
    char text[64];
    if (localtime_r(&at, &local) && strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &local) > 0)
        buf_add(out, str_c(text));
    else
        buf_add_lit(out, "Thu, 01 Jan 1970 00:00:00 +0000");
}

/* "from NAME ([IP])": the name as it was given, the address as we saw it. */
static void add_from(struct buf *out, const struct trace *t)
{
    buf_add_lit(out, "from ");
    add_name(out, t->from);
    if (!str_is_nil(t->from_ip))
        buf_printf(out, " ([%s" STR_FMT "])", str_find_char(t->from_ip, ':') >= 0 ? "IPv6:" : "",
                   STR_ARG(t->from_ip));
    buf_add_lit(out, "\r\n\t");
}

void trace_write(const struct trace *t, const struct str *recipients, size_t recipient_count, struct buf *out)
{
    buf_printf(out, "Return-Path: <" STR_FMT ">\r\n", STR_ARG(t->sender));
    for (size_t i = 0; i < recipient_count && i < TRACE_RECIPIENTS_MAX; i++)
        buf_printf(out, "Delivered-To: " STR_FMT "\r\n", STR_ARG(recipients[i]));
    buf_add_lit(out, "Received: ");
    if (!str_is_nil(t->from))
        add_from(out, t);
    buf_add_lit(out, "by ");
    add_name(out, t->by);
    if (!str_is_nil(t->from)) /* RFC 3848; RFC 6531, 4.3 */
        buf_add(out, t->utf8 ? STR(" with UTF8LMTP") : STR(" with LMTP"));
    buf_printf(out, " id " STR_FMT ";\r\n\t", STR_ARG(t->id));
    trace_write_date(t->wall_s, out);
    buf_add_lit(out, "\r\n");
}
