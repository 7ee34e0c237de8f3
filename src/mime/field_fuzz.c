/* Any bytes as the value of a header field: addresses, dates, encoded-words, parameters, subjects. What comes
 * out is valid UTF-8 where that is promised, groups are closed. */
#include "base/utf8.h"
#include "mime/address.h"
#include "mime/date.h"
#include "mime/encoded_word.h"
#include "mime/param.h"
#include "mime/subject.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_addresses(struct str in, struct arena *arena)
{
    struct address a;
    int open = 0;
    for (struct address_reader r = address_each(in, arena); address_next(&r, &a);) {
        open += (a.kind == ADDRESS_GROUP_START) - (a.kind == ADDRESS_GROUP_END);
        assert(open == 0 || open == 1);
        assert(a.kind != ADDRESS_MAILBOX || (!str_is_nil(a.mailbox) && !str_is_nil(a.host)));
    }
    assert(open == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = str_make(n ? (const char *)data : "", n), value;
    struct arena arena = ARENA_INIT;
    struct charset_cache *cache = charset_cache_new();
    struct buf out = BUF_INIT;
    struct param_list params;
    struct mail_date date;

    check_addresses(in, &arena);
    if (date_parse_field(in, &date, NULL) == 0)
        assert(date.zone_minutes > -24 * 60 && date.zone_minutes < 24 * 60);
    encoded_word_decode(in, cache, &out);
    assert(utf8_is_valid(buf_str(&out)));
    buf_clear(&out);
    subject_base(in, cache, &out, NULL);
    param_parse(in, &arena, cache, &value, &params);
    for (size_t i = 0; i < params.count; i++)
        assert(params.items[i].value.n <= PARAM_VALUE_BYTES_MAX);
    arena_deinit(&arena);
    charset_cache_free(&cache);
    buf_deinit(&out);
    return 0;
}
