#include "base/audit.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FIELDS_MAX = 32,         /* of one event */
    LOOK_INTERVAL_MS = 1000, /* how often the file is looked for at its path */
};

struct audit {
    struct audit_params params;
    char *path;

    pthread_mutex_t lock; /* of all below; held for one write, or a rotation's renames */
    int fd;               /* -1: could not be opened */
    dev_t device;
    ino_t inode;
    uint64_t bytes, rotate_at; /* of the file at hand */
    bool cut;                  /* it does not end with a line feed */
    bool failing;              /* the log has been told */
    uint64_t missing_count;    /* events that the file lacks and does not say so yet */
    int64_t look_at_ms;        /* mono */
    struct audit_stats stats;
};

/* ---- the file ---- */

static bool ends_cut(int fd, off_t size)
{
    char last;
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* Takes the place of the file at hand, if there is one; on failure that stays. */
static int open_file(struct audit *a, struct err *err)
{
    struct stat st;
    /* O_NONBLOCK: a pipe without a reader would hold us here. */
    int fd = open(a->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0)
        return err_set_errno(err, errno, "cannot open %s", a->path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_INVALID, "%s is no regular file", a->path);
    }
    if (a->fd >= 0)
        close(a->fd);
    a->fd = fd;
    a->device = st.st_dev;
    a->inode = st.st_ino;
    a->bytes = (uint64_t)st.st_size;
    a->rotate_at = a->params.rotate_bytes ? a->params.rotate_bytes : UINT64_MAX;
    a->cut = ends_cut(fd, st.st_size);
    return 0;
}

static void tell_failure(struct audit *a, const struct err *err)
{
    if (!a->failing)
        log_error(&a->params.log, "audit-failed", KV("file", (const char *)a->path),
                  KV("text", (const char *)err->text));
    a->failing = true;
}

/* Somebody may have moved or removed it: what is recorded from now on belongs to the path. */
static void look_for_file(struct audit *a, bool now)
{
    int64_t mono_ms = clock_mono_ms(a->params.clock);
    struct stat st;
    struct err err;
    if (!now && a->fd >= 0 && mono_ms < a->look_at_ms)
        return;
    a->look_at_ms = mono_ms + LOOK_INTERVAL_MS;
    bool ours = a->fd >= 0 && stat(a->path, &st) == 0 && st.st_dev == a->device && st.st_ino == a->inode;
    if (!ours && open_file(a, &err) < 0)
        tell_failure(a, &err);
}

/* path.2 -> path.3, path.1 -> path.2, path -> path.1 */
static int shift_files(const struct audit *a, struct err *err)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    int r = 0;
    for (uint32_t i = a->params.keep; r == 0 && i > 0; i--) {
        buf_clear(&from);
        buf_clear(&to);
        buf_printf(&to, "%s.%u", a->path, i);
        buf_printf(&from, i > 1 ? "%s.%u" : "%s", a->path, i - 1);
        if (rename(buf_c(&from), buf_c(&to)) < 0 && errno != ENOENT)
            r = err_set_errno(err, errno, "cannot rename %s", buf_c(&from));
    }
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}

static void rotate_before(struct audit *a, size_t more)
{
    struct err err;
    if (a->fd < 0 || a->bytes == 0 || a->bytes + more <= a->rotate_at)
        return;
    look_for_file(a, true); /* never another's file, which somebody put there */
    if (a->bytes + more <= a->rotate_at)
        return;
    if (shift_files(a, &err) < 0 || open_file(a, &err) < 0) {
        log_warn(&a->params.log, "audit-not-rotated", KV("file", (const char *)a->path),
                 KV("text", (const char *)err.text));
        a->rotate_at = a->bytes + a->params.rotate_bytes; /* until then it grows */
    }
}

/* ---- recording ---- */

static int write_lines(struct audit *a, struct str lines, struct err *err)
{
    ssize_t n;
    if (a->fd < 0)
        return err_set(err, ERR_IO, "cannot open %s", a->path);
    do
        n = write(a->fd, lines.p, lines.n);
    while (n < 0 && errno == EINTR);
    int errnum = errno;
    if (n > 0) {
        a->bytes += (uint64_t)n;
        a->cut = lines.p[n - 1] != '\n';
    }
    if (n == (ssize_t)lines.n)
        return 0;
    return err_set_errno(err, n < 0 ? errnum : ENOSPC, "cannot write %s", a->path);
}

/* `line` with what has to stand before it. */
static int append(struct audit *a, struct str line, struct err *err)
{
    if (!a->cut && a->missing_count == 0)
        return write_lines(a, line, err);
    struct buf lines = BUF_INIT;
    if (a->cut)
        buf_add_char(&lines, '\n');
    if (a->missing_count) {
        const struct log_field missing = KV("events", a->missing_count);
        log_write_json(&lines, clock_wall_ms(a->params.clock), audit_events[AUDIT_LOST].name, &missing, 1);
    }
    buf_add(&lines, line);
    int r = write_lines(a, buf_str(&lines), err);
    buf_deinit(&lines);
    return r;
}

static void write_event(struct audit *a, struct str line)
{
    struct err err;
    pthread_mutex_lock(&a->lock);
    look_for_file(a, false);
    rotate_before(a, line.n);
    if (append(a, line, &err) < 0) {
        a->missing_count++;
        a->stats.lost_count++;
        tell_failure(a, &err);
    } else {
        if (a->failing)
            log_warn(&a->params.log, "audit-resumed", KV("file", (const char *)a->path),
                     KV("lost", a->missing_count));
        a->failing = false;
        a->missing_count = 0;
        a->stats.event_count++;
    }
    pthread_mutex_unlock(&a->lock);
}

static bool is_left_out(const struct log_field *field)
{
    return field->type == LOG_FIELD_STR && field->s.n == 0;
}

void audit_record(struct audit *a, enum audit_event event, const struct log_field *fields, size_t field_count)
{
    struct log_field kept[FIELDS_MAX];
    size_t kept_count = 0;
    if (!a)
        return;
    assert(field_count <= FIELDS_MAX);
    for (size_t i = 0; i < field_count; i++)
        if (!is_left_out(&fields[i]))
            kept[kept_count++] = fields[i];
    struct buf line = BUF_INIT;
    log_write_json(&line, clock_wall_ms(a->params.clock), audit_events[event].name, kept, kept_count);
    write_event(a, buf_str(&line));
    buf_deinit(&line);
}

void audit_stats(struct audit *a, struct audit_stats *out)
{
    *out = (struct audit_stats){ 0 };
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    *out = a->stats;
    pthread_mutex_unlock(&a->lock);
}

/* ---- open, close ---- */

int audit_new(const struct audit_params *params, struct audit **audit_out, struct err *err)
{
    assert(params->keep >= 1 && params->keep <= AUDIT_KEEP_MAX);
    struct audit *a = calloc(1, sizeof *a);
    if (!a || !(a->path = strdup(params->path)))
        abort();
    a->params = *params;
    a->fd = -1;
    int r = open_file(a, err);
    if (r == -ERR_FULL)
        tell_failure(a, err); /* mail can be read, and deleted, all the same */
    else if (r < 0) {
        free(a->path);
        free(a);
        return r;
    }
    a->look_at_ms = clock_mono_ms(params->clock) + LOOK_INTERVAL_MS;
    pthread_mutex_init(&a->lock, NULL);
    *audit_out = a;
    return 0;
}

void audit_reopen(struct audit *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    look_for_file(a, true);
    pthread_mutex_unlock(&a->lock);
}

void audit_free(struct audit **audit)
{
    struct audit *a = *audit;
    if (!a)
        return;
    if (a->fd >= 0)
        close(a->fd);
    pthread_mutex_destroy(&a->lock);
    free(a->path);
    free(a);
    *audit = NULL;
}
