#include "admin/auditlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

struct auditlog {
    const char *path;
    const struct auditlog_filter *filter;
    int fd; /* -1: before the first file */
    struct stat file;
    struct buf in; /* read, and not taken yet but for the first `taken` bytes */
    size_t taken;
    bool too_long; /* the line under way is: nothing of it is kept */
    uint64_t damaged_count;
};

/* ---- one line ---- */

int auditlog_parse_events(struct str names, uint32_t *events_out, struct err *err)
{
    struct str word;
    uint32_t events = 0;
    while (!str_is_nil(word = str_next_word(&names))) {
        enum audit_event e = 0;
        while (e < AUDIT_EVENT_COUNT && !str_eq_nocase(word, str_c(audit_events[e].name)))
            e++;
        if (e < AUDIT_EVENT_COUNT) {
            events |= 1u << e;
            continue;
        }
        struct buf all = BUF_INIT;
        for (e = 0; e < AUDIT_EVENT_COUNT; e++)
            buf_printf(&all, "%s%s", e ? " " : "", audit_events[e].name);
        int r = err_set(err, ERR_INVALID, "no event " STR_FMT "; there are: %s", STR_ARG(word), buf_c(&all));
        buf_deinit(&all);
        return r;
    }
    *events_out = events;
    return 0;
}

static struct str text_of(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    return str_make(json_string_value(value), json_string_length(value));
}

/* "2026-11-20T11:17:00.123Z" */
static bool parse_time(struct str text, int64_t *wall_ms_out)
{
    struct tm tm = { 0 };
    char copy[25];
    unsigned ms;
    if (text.n != sizeof copy - 1)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end || sscanf(end, ".%3uZ", &ms) != 1)
        return false;
    *wall_ms_out = (int64_t)timegm(&tm) * 1000 + ms;
    return true;
}

int64_t auditlog_time_ms(const json_t *event)
{
    int64_t wall_ms = 0;
    (void)parse_time(text_of(event, "time"), &wall_ms); /* auditlog_parse has seen to it */
    return wall_ms;
}

static bool has_event(const json_t *event, uint32_t events)
{
    struct str name = text_of(event, "event");
    if (events == 0)
        return true;
    for (enum audit_event e = 0; e < AUDIT_EVENT_COUNT; e++)
        if (events & 1u << e && str_eq(name, str_c(audit_events[e].name)))
            return true;
    return false;
}

static bool has_user(const json_t *event, struct str user)
{
    static const char *const keys[] = { "user", "by", "owner" };
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        if (str_eq_nocase(text_of(event, keys[i]), user))
            return true;
    return str_is_nil(user);
}

static bool has_address(const json_t *event, const struct auditlog_filter *filter)
{
    struct net_addr address;
    return !filter->has_network || (addr_parse_ip(text_of(event, "address"), &address, NULL) == 0 &&
                                    cidr_contains(&filter->network, &address));
}

int auditlog_parse(struct str line, const struct auditlog_filter *filter, json_t **event_out, struct err *err)
{
    int64_t wall_ms;
    json_t *event = json_loadb(line.p ? line.p : "", line.n, JSON_REJECT_DUPLICATES, NULL);
    if (!text_of(event, "event").n || !parse_time(text_of(event, "time"), &wall_ms)) {
        json_decref(event);
        return err_set(err, ERR_SYNTAX, "no event");
    }
    const json_t *ok = json_object_get(event, "ok");
    if (wall_ms >= filter->since_ms && (filter->until_ms == 0 || wall_ms < filter->until_ms) &&
        !(filter->only_ok && !json_is_true(ok)) && !(filter->only_failed && !json_is_false(ok)) &&
        has_event(event, filter->events) && has_user(event, filter->user) && has_address(event, filter)) {
        *event_out = event;
        return 1;
    }
    json_decref(event);
    return 0;
}

/* ---- files ---- */

static const char *name_of(const struct auditlog *a, unsigned number, struct buf *room)
{
    buf_clear(room);
    buf_printf(room, number ? "%s.%u" : "%s", a->path, number);
    return buf_c(room);
}

static bool is_at(const struct auditlog *a, unsigned number, struct buf *room)
{
    struct stat st;
    return stat(name_of(a, number, room), &st) == 0 && st.st_dev == a->file.st_dev &&
           st.st_ino == a->file.st_ino;
}

/* Where the file at hand is called now; AUDIT_KEEP_MAX + 1: nowhere, so all there are come after it. */
static unsigned find_current(const struct auditlog *a, struct buf *room)
{
    unsigned number = 0;
    if (a->fd < 0)
        return AUDIT_KEEP_MAX + 1;
    while (number <= AUDIT_KEEP_MAX && !is_at(a, number, room))
        number++;
    return number;
}

/* The nearest file that is newer than number `older`, open: 0 and -1 when there is none. */
static int open_newer(const struct auditlog *a, unsigned older, struct buf *room, int *fd_out,
                      struct err *err)
{
    *fd_out = -1;
    while (older-- > 0) {
        *fd_out = open(name_of(a, older, room), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (*fd_out >= 0)
            return 0;
        if (errno != ENOENT)
            return err_set_errno(err, errno, "cannot open %s", buf_c(room));
    }
    return 0;
}

/* Open the file after the one at hand. While we look, the server may rotate: then again. */
static int open_next(const struct auditlog *a, int *fd_out, struct err *err)
{
    struct buf room = BUF_INIT;
    unsigned current;
    int r;
    *fd_out = -1;
    do {
        if (*fd_out >= 0)
            close(*fd_out);
        current = find_current(a, &room);
        r = open_newer(a, current, &room, fd_out, err);
    } while (*fd_out >= 0 && current <= AUDIT_KEEP_MAX && !is_at(a, current, &room));
    buf_deinit(&room);
    return r;
}

static bool is_too_old(const struct auditlog *a)
{
    return (int64_t)a->file.st_mtim.tv_sec * 1000 + 999 < a->filter->since_ms;
}

/* More of the file at hand. 1; 0: its end, for now. */
static int read_more(struct auditlog *a, struct err *err)
{
    if (a->taken) {
        buf_drop(&a->in, a->taken);
        a->taken = 0;
    }
    if (a->in.n > AUDITLOG_LINE_BYTES_MAX) {
        a->too_long = true;
        buf_clear(&a->in);
    }
    ssize_t n;
    do
        n = read(a->fd, buf_reserve(&a->in, READ_BYTES), READ_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set_errno(err, errno, "cannot read a file of %s", a->path);
    a->in.n += (size_t)n;
    return n > 0;
}

static bool take_line(struct auditlog *a, struct str *line_out)
{
    struct str left = str_skip(buf_str(&a->in), a->taken);
    ptrdiff_t length = str_find_char(left, '\n');
    if (length < 0)
        return false;
    *line_out = str_sub(left, 0, (size_t)length);
    a->taken += (size_t)length + 1;
    return true;
}

static bool has_rest(const struct auditlog *a)
{
    return a->too_long || a->in.n > a->taken;
}

/* Go on with the next file, if there is one. 1: there is something to read; 0. */
static int go_on(struct auditlog *a, struct err *err)
{
    int fd;
    int r = open_next(a, &fd, err);
    if (r < 0 || fd < 0)
        return r;
    if (a->fd >= 0) {
        r = read_more(a,
                      err); /* what came between our last look and its rotation; nothing comes after that */
        if (r != 0) {
            close(fd);
            return r;
        }
        close(a->fd);
        a->damaged_count += has_rest(a);
        a->too_long = false;
        buf_clear(&a->in);
        a->taken = 0;
    }
    a->fd = fd;
    if (fstat(fd, &a->file) < 0 || (is_too_old(a) && lseek(fd, 0, SEEK_END) < 0))
        return err_set_errno(err, errno, "cannot read a file of %s", a->path);
    return 1;
}

/* ---- reading ---- */

static int parse_line(struct auditlog *a, struct str line, json_t **event_out)
{
    int r = a->too_long ? -ERR_SYNTAX : auditlog_parse(line, a->filter, event_out, NULL);
    a->damaged_count += r < 0 && (line.n > 0 || a->too_long);
    a->too_long = false;
    return r;
}

int auditlog_next(struct auditlog *a, json_t **event_out, struct str *line_out, struct err *err)
{
    for (;;) {
        struct str line;
        while (take_line(a, &line)) {
            if (parse_line(a, line, event_out) != 1)
                continue;
            if (line_out)
                *line_out = line;
            return 1;
        }
        int r = read_more(a, err);
        if (r == 0)
            r = go_on(a, err);
        if (r <= 0)
            return r;
    }
}

int auditlog_open(const char *path, const struct auditlog_filter *filter, struct auditlog **auditlog_out,
                  struct err *err)
{
    struct auditlog *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    *a = (struct auditlog){ .path = path, .filter = filter, .fd = -1 };
    int r = go_on(a, err);
    if (r == 0)
        r = err_set(err, ERR_NOT_FOUND, "%s does not exist: nothing has been recorded yet", path);
    if (r < 0) {
        auditlog_close(&a);
        return r;
    }
    *auditlog_out = a;
    return 0;
}

void auditlog_close(struct auditlog **auditlog)
{
    struct auditlog *a = *auditlog;
    if (!a)
        return;
    if (a->fd >= 0)
        close(a->fd);
    buf_deinit(&a->in);
    free(a);
    *auditlog = NULL;
}

uint64_t auditlog_damaged_count(const struct auditlog *a, bool at_end)
{
    return a->damaged_count + (at_end && has_rest(a));
}
