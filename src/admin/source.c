#include "admin/source.h"

#include "admin/maildir.h"
#include "admin/mbox.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 256 * 1024, FIELD_NAME_BYTES_MAX = 998 }; /* RFC 5322, 2.1.1 */

struct walk {
    const struct source_options *options;
    const struct source_sink *sink; /* NULL: measure only */
    struct arena arena;             /* paths and names */
    uint64_t bytes;                 /* measured */
    unsigned found;                 /* Maildirs and mbox files */
    const char *path;               /* of the mbox at hand */
};

static void tell_problem(struct walk *w, const char *path, const struct err *why)
{
    if (w->sink)
        w->sink->problem(w->sink->ctx, path, why);
}

static void tell_not_mail(struct walk *w, const char *path)
{
    if (w->sink)
        w->sink->not_mail(w->sink->ctx, path);
}

static const char *join(struct walk *w, const char *folder, const char *name)
{
    return arena_printf(&w->arena, "%s/%s", folder, name).p;
}

static struct str join_name(struct walk *w, struct str above, struct str name)
{
    return above.n ? arena_printf(&w->arena, STR_FMT "/" STR_FMT, STR_ARG(above), STR_ARG(name))
                   : arena_dup(&w->arena, name);
}

/* ---- listing a folder, sorted ---- */

struct listing {
    char **names; /* heap */
    size_t count;
};

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void listing_free(struct listing *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct listing){ 0 };
}

static int listing_read(const char *path, struct listing *out, struct err *err)
{
    size_t cap = 0;
    DIR *dir = opendir(path);
    *out = (struct listing){ 0 };
    if (!dir)
        return err_set_errno(err, errno, "folder %s", path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (out->count == cap) {
            cap = cap ? cap * 2 : 64;
            out->names = realloc(out->names, cap * sizeof *out->names);
        }
        if (!out->names || !(out->names[out->count++] = strdup(entry->d_name)))
            abort();
    }
    closedir(dir);
    if (out->count)
        qsort(out->names, out->count, sizeof *out->names, by_bytes);
    return 0;
}

static mode_t type_of(const char *path, uint64_t *size_out)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return 0;
    *size_out = (uint64_t)st.st_size;
    return st.st_mode & S_IFMT;
}

static bool is_folder(const char *path)
{
    return type_of(path, &(uint64_t){ 0 }) == S_IFDIR;
}

static bool is_maildir(struct walk *w, const char *path)
{
    return is_folder(join(w, path, "cur")) && is_folder(join(w, path, "new"));
}

/* ---- Maildir ---- */

static int open_file(const char *path, uint64_t *size_out, int64_t *mtime_out, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return err_set_errno(err, errno, "open");
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_INVALID, "no regular file");
    }
    *size_out = (uint64_t)st.st_size;
    *mtime_out = st.st_mtim.tv_sec;
    return fd;
}

static int read_message(const struct walk *w, const char *path, const char *name,
                        const struct maildir_keywords *keywords, struct buf *bytes,
                        struct mailfile_message *message, struct err *err)
{
    struct buf raw = BUF_INIT;
    uint64_t size;
    int fd = open_file(path, &size, &message->date_s, err);
    if (fd < 0)
        return fd;
    int r = size > w->options->bytes_max
                ? err_set(err, ERR_LIMIT, "message of %llu bytes is larger than imap.max_append_bytes (%llu)",
                          (unsigned long long)size, (unsigned long long)w->options->bytes_max)
                : 0;
    if (r == 0) {
        r = file_pread(fd, buf_reserve(&raw, size), size, 0, err);
    }
    close(fd);
    if (r == 0) {
        raw.n = size;
        if (maildir_is_wire_form(str_c(name), size))
            buf_add(bytes, buf_str(&raw));
        else
            mailfile_to_crlf(buf_str(&raw), bytes);
        message->bytes = buf_str(bytes);
        maildir_read_flags(str_c(name), keywords, message);
    }
    buf_deinit(&raw);
    return r;
}

static int maildir_file(struct walk *w, const char *path, const char *name,
                        const struct maildir_keywords *keywords, struct err *err)
{
    struct mailfile_message message = { 0 };
    struct buf bytes = BUF_INIT;
    struct err why;
    uint64_t size = 0;
    mode_t type = type_of(path, &size);
    int r = 0;
    if (name[0] == '.')
        return 0;
    if (type != S_IFREG) {
        tell_not_mail(w, path);
        return 0;
    }
    if (!w->sink) {
        w->bytes += size;
        return 0;
    }
    if (read_message(w, path, name, keywords, &bytes, &message, &why) < 0)
        tell_problem(w, path, &why);
    else
        r = w->sink->message(w->sink->ctx, path, &message, err);
    buf_deinit(&bytes);
    w->sink->progress(w->sink->ctx, size);
    return r;
}

static int maildir_messages(struct walk *w, const char *folder, const struct maildir_keywords *keywords,
                            struct err *err)
{
    struct listing list;
    struct err why;
    int r = 0;
    if (listing_read(folder, &list, &why) < 0) {
        tell_problem(w, folder, &why);
        return 0;
    }
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        struct buf path = BUF_INIT; /* there are many: not in the arena */
        buf_printf(&path, "%s/%s", folder, list.names[i]);
        r = maildir_file(w, buf_c(&path), list.names[i], keywords, err);
        buf_deinit(&path);
    }
    listing_free(&list);
    return r;
}

static int one_maildir(struct walk *w, const char *path, struct str name, struct err *err)
{
    struct maildir_keywords keywords = { 0 };
    struct buf file = BUF_INIT;
    int r = w->sink ? w->sink->mailbox(w->sink->ctx, name, err) : 0;
    w->found++;
    if (r < 0)
        return r;
    if (file_read(join(w, path, "dovecot-keywords"), MAILDIR_KEYWORDS_FILE_BYTES_MAX, &file, NULL) == 0)
        maildir_keywords_parse(buf_str(&file), &keywords);
    r = maildir_messages(w, join(w, path, "cur"), &keywords, err);
    if (r == 0)
        r = maildir_messages(w, join(w, path, "new"), &keywords, err);
    buf_deinit(&file);
    return r;
}

/* ---- mbox ---- */

static int mbox_message(void *ctx, const struct mailfile_message *message, bool too_large, struct err *err)
{
    struct walk *w = ctx;
    struct err why;
    if (!too_large)
        return w->sink->message(w->sink->ctx, w->path, message, err);
    err_set(&why, ERR_LIMIT, "a message is larger than imap.max_append_bytes (%llu)",
            (unsigned long long)w->options->bytes_max);
    tell_problem(w, w->path, &why);
    return 0;
}

static int feed_file(struct walk *w, int fd, struct mbox_reader *reader, struct err *err)
{
    char *piece = malloc(READ_BYTES);
    int r = 0;
    if (!piece)
        abort();
    while (r == 0) {
        ssize_t n = read(fd, piece, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            r = err_set_errno(err, errno, "%s", w->path);
        if (n <= 0)
            break;
        r = mbox_feed(reader, str_make(piece, (size_t)n), err);
        w->sink->progress(w->sink->ctx, (uint64_t)n);
    }
    free(piece);
    return r == 0 ? mbox_end(reader, err) : r;
}

static int mbox_file(struct walk *w, const char *path, struct str name, struct err *err)
{
    struct mbox_reader reader;
    uint64_t size;
    int64_t mtime;
    int fd = open_file(path, &size, &mtime, err);
    w->found++;
    if (fd < 0)
        return err_context(err, "%s", path);
    int r = 0;
    w->bytes += size;
    if (w->sink) {
        w->path = path;
        mbox_reader_init(&reader, w->options->bytes_max, mtime, mbox_message, w);
        r = w->sink->mailbox(w->sink->ctx, name, err);
        if (r == 0)
            r = feed_file(w, fd, &reader, err);
        mbox_reader_deinit(&reader);
    }
    close(fd);
    return r;
}

/* An mbox begins with "From "; an empty file is an empty one. */
static bool looks_like_mbox(const char *path)
{
    char start[5];
    uint64_t size;
    int64_t mtime;
    int fd = open_file(path, &size, &mtime, NULL);
    bool yes = fd >= 0 &&
               ((size == 0 && str_ends(str_c(path), STR(".mbox"))) ||
                (size >= 5 && file_pread(fd, start, 5, 0, NULL) == 0 && memcmp(start, "From ", 5) == 0));
    if (fd >= 0)
        close(fd);
    return yes;
}

/* ---- one message in one file ---- */

/* A message begins with a header field: RFC 5322, 2.2; blanks before the colon are obsolete: 4.5.8. */
static bool looks_like_message(const char *path)
{
    char start[FIELD_NAME_BYTES_MAX + 1];
    uint64_t size;
    int64_t mtime;
    int fd = open_file(path, &size, &mtime, NULL);
    if (fd < 0)
        return false;
    size_t i = 0, n = size < sizeof start ? (size_t)size : sizeof start;
    bool yes = file_pread(fd, start, n, 0, NULL) == 0;
    close(fd);
    while (yes && i < n && start[i] > ' ' && start[i] < 127 && start[i] != ':')
        i++;
    yes = yes && i > 0;
    while (yes && i < n && (start[i] == ' ' || start[i] == '\t'))
        i++;
    return yes && i < n && start[i] == ':';
}

static bool is_eml(const char *entry)
{
    size_t n = strlen(entry);
    return entry[0] != '.' && n > 4 && str_eq_nocase(str_make(entry + n - 4, 4), STR(".eml"));
}

/* It goes to the mailbox that was named last. */
static int message_file(struct walk *w, const char *path, struct err *err)
{
    static const struct maildir_keywords none;
    struct mailfile_message message = { 0 };
    struct buf bytes = BUF_INIT;
    struct err why;
    uint64_t size = 0;
    int r = 0;
    w->found++;
    (void)type_of(path, &size);
    w->bytes += size;
    if (!w->sink)
        return 0;
    if (read_message(w, path, "", &none, &bytes, &message, &why) < 0) {
        tell_problem(w, path, &why);
    } else {
        (void)mailfile_date(message.bytes, &message.date_s); /* else the file's, which is when it was saved */
        r = w->sink->message(w->sink->ctx, path, &message, err);
    }
    buf_deinit(&bytes);
    w->sink->progress(w->sink->ctx, size);
    return r;
}

static int one_message(struct walk *w, const char *path, struct str name, struct err *err)
{
    int r = w->sink ? w->sink->mailbox(w->sink->ctx, name, err) : 0;
    return r < 0 ? r : message_file(w, path, err);
}

/* All that lie in one folder, before anything else of it: they are one mailbox. */
static int eml_files(struct walk *w, const char *folder, const struct listing *list, struct str name,
                     bool in_maildir, struct err *err)
{
    int r = 0;
    bool named = false;
    for (size_t i = 0; r == 0 && i < list->count; i++) {
        if (!is_eml(list->names[i]))
            continue;
        struct buf path = BUF_INIT; /* there are many: not in the arena */
        buf_printf(&path, "%s/%s", folder, list->names[i]);
        if (type_of(buf_c(&path), &(uint64_t){ 0 }) != S_IFREG) {
            /* a folder or a link: walk_entry() */
        } else if (looks_like_message(buf_c(&path))) {
            if (!named && w->sink)
                r = w->sink->mailbox(w->sink->ctx, name, err);
            named = true;
            if (r == 0)
                r = message_file(w, buf_c(&path), err);
        } else if (in_maildir || !looks_like_mbox(buf_c(&path))) {
            struct err why;
            err_set(&why, ERR_INVALID, "no message: it does not begin with a header field");
            tell_problem(w, buf_c(&path), &why);
        }
        buf_deinit(&path);
    }
    return r;
}

/* ---- trees ---- */

static struct str without_end(struct str name, struct str end)
{
    return str_ends(name, end) && name.n > end.n ? str_sub(name, 0, name.n - end.n) : name;
}

/* The level that a file or folder stands for. */
static struct str level_of(struct walk *w, const char *entry)
{
    struct buf name = BUF_INIT;
    mailfile_unescape(without_end(without_end(str_c(entry), STR(".mbox")), STR(".sbd")), &name);
    struct str level = arena_dup(&w->arena, buf_str(&name));
    buf_deinit(&name);
    return level;
}

static int walk_folder(struct walk *w, const char *path, struct str name, unsigned depth, struct err *err);

static bool is_maildir_part(const char *entry)
{
    return strcmp(entry, "cur") == 0 || strcmp(entry, "new") == 0 || strcmp(entry, "tmp") == 0;
}

/* What the folder at the top is called on disk. */
static struct str own_name(struct walk *w, const char *path)
{
    char *real = realpath(path, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;
    struct str name = slash && slash[1] ? level_of(w, slash + 1) : STR("INBOX");
    free(real);
    return name;
}

static int walk_entry(struct walk *w, const char *folder, const char *entry, struct str above,
                      bool in_maildir, unsigned depth, struct err *err)
{
    const char *path = join(w, folder, entry);
    struct buf sub = BUF_INIT;
    uint64_t size;
    mode_t type = type_of(path, &size);
    int r = 0;
    if (type == S_IFDIR && entry[0] == '.' && is_maildir(w, path)) {
        maildir_read_folder(str_c(entry), &sub);
        r = one_maildir(w, path, join_name(w, above, buf_str(&sub)), err);
    } else if (in_maildir &&
               (type == S_IFREG ? !is_eml(entry) && !looks_like_mbox(path) : is_maildir_part(entry))) {
        r = 0; /* its own: an index, a list of subscriptions */
    } else if (entry[0] == '.') {
        tell_not_mail(w, path);
    } else if (type == S_IFDIR) {
        r = walk_folder(w, path, join_name(w, above, level_of(w, entry)), depth + 1, err);
    } else if (type == S_IFREG && !in_maildir && looks_like_mbox(path)) {
        r = mbox_file(w, path, join_name(w, above, level_of(w, entry)), err);
    } else if (type != S_IFREG || !is_eml(entry)) { /* those have had their turn */
        tell_not_mail(w, path);
    }
    buf_deinit(&sub);
    return r;
}

/* `name` is what the folder itself is called; "" at the top. */
static int walk_folder(struct walk *w, const char *path, struct str name, unsigned depth, struct err *err)
{
    struct listing list;
    struct err why;
    bool maildir = is_maildir(w, path);
    int r = 0;
    if (depth > SOURCE_DEPTH_MAX) {
        err_set(&why, ERR_LIMIT, "more than %d levels", SOURCE_DEPTH_MAX);
        tell_problem(w, path, &why);
        return 0;
    }
    if (maildir)
        r = one_maildir(w, path, name.n ? name : STR("INBOX"), err);
    if (r < 0)
        return r;
    if (listing_read(path, &list, &why) < 0) {
        tell_problem(w, path, &why);
        return 0;
    }
    struct str own = maildir ? STR("INBOX") : own_name(w, path);
    r = eml_files(w, path, &list, name.n ? name : own, maildir, err);
    for (size_t i = 0; r == 0 && i < list.count; i++)
        r = walk_entry(w, path, list.names[i], name, maildir, depth, err);
    listing_free(&list);
    return r;
}

static int walk(struct walk *w, struct err *err)
{
    struct stat st;
    const char *path = w->options->path;
    struct str name = w->options->mailbox;
    int r;
    if (stat(path, &st) < 0)
        return err_set_errno(err, errno, "%s", path);
    if (S_ISDIR(st.st_mode)) {
        r = walk_folder(w, path, name, 1, err);
    } else {
        /* The path that was given may be a link; what lies below may not. */
        char *real = realpath(path, NULL);
        const char *given = real ? arena_c(&w->arena, str_c(real)) : path;
        free(real);
        name = name.n ? name : STR("INBOX");
        if (looks_like_mbox(given))
            r = mbox_file(w, given, name, err);
        else if (looks_like_message(given))
            r = one_message(w, given, name, err);
        else
            r = err_set(err, ERR_INVALID,
                        "%s is no mail: it begins neither with \"From \", as an mbox file, nor with a header "
                        "field, as a message",
                        path);
    }
    if (r == 0 && w->found == 0)
        r = err_set(err, ERR_INVALID,
                    "no mail at %s: neither a Maildir, nor an mbox file, nor a message, nor a folder of such",
                    path);
    return r;
}

int source_measure(const struct source_options *options, uint64_t *bytes_out, struct err *err)
{
    struct walk w = { .options = options };
    int r = walk(&w, err);
    *bytes_out = w.bytes;
    arena_deinit(&w.arena);
    return r;
}

int source_read(const struct source_options *options, const struct source_sink *sink, struct err *err)
{
    struct walk w = { .options = options, .sink = sink };
    int r = walk(&w, err);
    arena_deinit(&w.arena);
    return r;
}
