#include "imap/wire/partial_range.h"

bool parse_partial_range(struct parser *p, struct partial_range *out)
{
    out->from_end = try_char(p, '-');
    return parse_nz_number(p, &out->first) && parse_char(p, ':', "\":\"") &&
           (!out->from_end || parse_char(p, '-', "\"-\"")) && parse_nz_number(p, &out->last);
}

void partial_range_window(const struct partial_range *range, size_t count, size_t *from_out,
                          size_t *count_out)
{
    size_t low = range->first < range->last ? range->first : range->last;
    size_t high = range->first < range->last ? range->last : range->first;
    *from_out = *count_out = 0;
    if (low > count)
        return;
    high = high < count ? high : count;
    *from_out = range->from_end ? count - high : low - 1;
    *count_out = high - low + 1;
}

void partial_range_write(const struct partial_range *range, struct buf *out)
{
    const char *sign = range->from_end ? "-" : "";
    buf_printf(out, "%s%u:%s%u", sign, range->first, sign, range->last);
}
