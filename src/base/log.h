/* log.h: events with fields, one line each, as text for people or as JSON.     STYLE section 7.
 *   log_info(s->log, "login", KV("account", name), KV_MS("took_ms", ms));
 * Text:  2026-11-20T11:17:00.123Z info  login session=17 account=anna took_ms=3
 * Fields are escaped: no byte from outside can start a new line or a new field.
 * Threads: any; one write(2) per line. */
#ifndef LOFT_BASE_LOG_H
#define LOFT_BASE_LOG_H

#include "base/buf.h"
#include "base/clock.h"

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_sink {
    int fd;
    enum log_level level; /* events below it are not written */
    enum log_format format;
    const struct clock *clock;
};

enum log_field_type { LOG_FIELD_NONE, LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_UINT, LOG_FIELD_BOOL };

/* Of one value; what is longer is cut: a hostile name must not fill the log. */
enum { LOG_VALUE_BYTES_MAX = 1024 };

struct log_field {
    const char *key;
    enum log_field_type type;
    union {
        struct str s;
        int64_t i;
        uint64_t u;
        bool b;
    };
};

/* A logger carries fields that each of its events shows, such as the session id. Small: copy it by value. */
struct logger {
    const struct log_sink *sink; /* borrows; NULL logs nothing */
    struct log_field context[3];
};

struct logger logger_make(const struct log_sink *sink);
struct logger logger_with(struct logger parent, struct log_field field); /* `field` borrows its bytes */

struct log_field log_field_str(const char *key, struct str s);
struct log_field log_field_c(const char *key, const char *c_string);
struct log_field log_field_i64(const char *key, int64_t i);
struct log_field log_field_u64(const char *key, uint64_t u);
/* yes, no; in JSON true, false. What KV makes of a comparison is a number. */
struct log_field log_field_bool(const char *key, bool b);

#define KV(key, value)                                                                                       \
    _Generic((value),                                                                                        \
        struct str: log_field_str,                                                                           \
        char *: log_field_c,                                                                                 \
        const char *: log_field_c,                                                                           \
        unsigned int: log_field_u64,                                                                         \
        unsigned long: log_field_u64,                                                                        \
        unsigned long long: log_field_u64,                                                                   \
        bool: log_field_bool,                                                                                \
        default: log_field_i64)((key), (value))
#define KV_MS(key, ms) log_field_i64((key), (ms))

void log_event(const struct logger *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t field_count);

#define LOG_AT(log, level, event, ...)                                                                       \
    log_event((log), (level), (event), (const struct log_field[]){ { .key = NULL }, ##__VA_ARGS__ },         \
              sizeof((const struct log_field[]){ { .key = NULL }, ##__VA_ARGS__ }) /                         \
                  sizeof(struct log_field))
#define log_debug(log, event, ...) LOG_AT((log), LEVEL_DEBUG, (event), ##__VA_ARGS__)
#define log_info(log, event, ...)  LOG_AT((log), LEVEL_INFO, (event), ##__VA_ARGS__)
#define log_warn(log, event, ...)  LOG_AT((log), LEVEL_WARN, (event), ##__VA_ARGS__)
#define log_error(log, event, ...) LOG_AT((log), LEVEL_ERROR, (event), ##__VA_ARGS__)

/* One event as a line of JSON, for a file of one's own: {"time":"...","event":"...",FIELDS} and a line feed, appended to
 * `line`. Fields of the type LOG_FIELD_NONE are left out. */
void log_write_json(struct buf *line, int64_t wall_ms, const char *event, const struct log_field *fields,
                    size_t field_count);

#endif
