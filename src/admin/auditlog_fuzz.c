/* Any line is an event or none; and whatever is recorded is an event that says what was recorded: no bytes from outside make
 * another event, or another key, of it. */
#include "admin/auditlog.h"

#include <stdlib.h>

static void read_it(struct str line)
{
    json_t *event;
    struct auditlog_filter filter = { .events = 1u << AUDIT_SIGN_IN, .user = STR("anna") };
    if (cidr_parse(STR("192.0.2.0/24"), &filter.network, NULL) < 0)
        abort();
    filter.has_network = true;
    if (auditlog_parse(line, &filter, &event, NULL) == 1)
        json_decref(event);
}

static void write_it(struct str text)
{
    static const struct auditlog_filter all = { 0 };
    const struct log_field fields[] = { KV("user", text), KV("session", 17) };
    struct buf line = BUF_INIT;
    json_t *event;
    log_write_json(&line, 1700000000123, "sign-in", fields, ARRAY_COUNT(fields));
    if (str_find_char(buf_str(&line), '\n') != (ptrdiff_t)line.n - 1)
        abort();
    if (auditlog_parse(str_sub(buf_str(&line), 0, line.n - 1), &all, &event, NULL) != 1)
        abort();
    if (json_object_size(event) != 4 || json_integer_value(json_object_get(event, "session")) != 17 ||
        auditlog_time_ms(event) != 1700000000123)
        abort();
    json_decref(event);
    buf_deinit(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_it(str_make((const char *)data, size));
    write_it(str_make((const char *)data, size));
    return 0;
}
