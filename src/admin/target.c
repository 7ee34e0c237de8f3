#include "admin/target.h"

#include "admin/maildir.h"
#include "admin/mbox.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 255, NAME_CUT_BYTES = 180 };

struct target {
    enum target_format format;
    int root_fd, dir_fd, file_fd; /* the folder; Maildir: its cur; mbox: the file; -1: none */
    int box_fd;                   /* Maildir: the folder of the mailbox */
    struct buf path;              /* of the mailbox at hand, below the folder */
    unsigned cut_count;
    struct arena arena; /* keywords of the mailbox at hand */
    struct maildir_keywords keywords;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    unsigned entries = 0;
    while (dir && readdir(dir))
        entries++;
    if (dir)
        closedir(dir);
    return dir && entries == 2; /* "." and ".." */
}

int target_new(const char *path, enum target_format format, struct target **target_out, struct err *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set_errno(err, errno, "make folder %s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, errno, "%s", path);
    if (!is_empty(path)) {
        close(fd);
        return err_set(err, ERR_EXISTS, "%s is not empty: an export takes a new folder", path);
    }
    struct target *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    *t = (struct target){ .format = format, .root_fd = fd, .dir_fd = -1, .file_fd = -1, .box_fd = -1 };
    *target_out = t;
    return 0;
}

static int make_folder(int at, const char *name, int *fd_out, struct err *err)
{
    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
        return err_set_errno(err, errno, "make folder %s", name);
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, errno, "folder %s", name);
    *fd_out = fd;
    return 0;
}

static int make_file(int at, const char *name, int *fd_out, struct err *err)
{
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(err, errno, "make file %s", name);
    *fd_out = fd;
    return 0;
}

/* A name of at most NAME_BYTES_MAX bytes, `reserve` of them kept free. */
static bool fit_name(struct target *t, struct buf *name, size_t reserve)
{
    if (name->n + reserve <= NAME_BYTES_MAX)
        return false;
    size_t n = NAME_CUT_BYTES;
    while (n > 0 && ((unsigned char)name->p[n] & 0xc0) == 0x80) /* not inside a character */
        n--;
    name->n = n;
    buf_printf(name, "~%u", ++t->cut_count);
    return true;
}

/* ---- Maildir++ ---- */

static int finish_mailbox(struct target *t, struct err *err)
{
    struct buf keywords = BUF_INIT;
    int fd, r = 0;
    maildir_keywords_format(&t->keywords, &keywords);
    if (t->box_fd >= 0 && keywords.n) {
        r = make_file(t->box_fd, "dovecot-keywords", &fd, err);
        if (r == 0) {
            r = file_write(fd, buf_str(&keywords), err);
            close(fd);
        }
    }
    buf_deinit(&keywords);
    close_fd(&t->box_fd);
    close_fd(&t->dir_fd);
    close_fd(&t->file_fd);
    t->keywords = (struct maildir_keywords){ 0 };
    arena_reset(&t->arena);
    return r;
}

static int open_maildir(struct target *t, struct str name, bool *renamed_out, struct err *err)
{
    static const char *const others[] = { "new", "tmp" };
    bool top = str_eq(name, STR("INBOX"));
    int fd = -1, r;
    if (!top)
        maildir_format_folder(name, &t->path);
    *renamed_out = fit_name(t, &t->path, 0);
    r = make_folder(t->root_fd, top ? "." : buf_c(&t->path), &t->box_fd, err);
    for (size_t i = 0; r == 0 && i < ARRAY_COUNT(others); i++)
        if ((r = make_folder(t->box_fd, others[i], &fd, err)) == 0)
            close(fd);
    if (r == 0 && !top && (r = make_file(t->box_fd, "maildirfolder", &fd, err)) == 0)
        close(fd);
    return r == 0 ? make_folder(t->box_fd, "cur", &t->dir_fd, err) : r;
}

static int maildir_message(struct target *t, const struct mailfile_message *message, uint64_t uid,
                           unsigned *lost_out, struct err *err)
{
    struct buf bytes = BUF_INIT, name = BUF_INIT;
    struct mailfile_message copy = *message;
    int fd;
    if (!mailfile_to_lf(message->bytes, &bytes))
        buf_add(&bytes, message->bytes); /* as it is: W= in its name will say so */
    for (size_t i = 0; i < copy.flag_count; i++)
        copy.flags[i] = arena_dup(&t->arena, copy.flags[i]);
    *lost_out = maildir_format_name(&copy, uid, bytes.n, message->bytes.n, &t->keywords, &name);
    int r = make_file(t->dir_fd, buf_c(&name), &fd, err);
    if (r == 0) {
        const struct timespec times[2] = { { message->date_s, 0 }, { message->date_s, 0 } };
        r = file_write(fd, buf_str(&bytes), err);
        if (r == 0 && futimens(fd, times) < 0)
            r = err_set_errno(err, errno, "set the date of %s", buf_c(&name));
        close(fd);
    }
    buf_deinit(&bytes);
    buf_deinit(&name);
    return r;
}

/* ---- mbox ---- */

static int open_mbox(struct target *t, struct str name, bool *renamed_out, struct err *err)
{
    int at = dup(t->root_fd), next = -1, r = at < 0 ? err_set_errno(err, errno, "dup") : 0;
    *renamed_out = false;
    while (r == 0) {
        struct buf level = BUF_INIT;
        struct str one = str_cut(name, '/', &name);
        bool last = str_is_nil(name);
        mailfile_format_level(one, &level);
        *renamed_out |= fit_name(t, &level, sizeof ".mbox" - 1);
        if (last)
            buf_add_lit(&level, ".mbox");
        buf_printf(&t->path, "%s%s", t->path.n ? "/" : "", buf_c(&level));
        if (last)
            r = make_file(at, buf_c(&level), &t->file_fd, err);
        else
            r = make_folder(at, buf_c(&level), &next, err);
        buf_deinit(&level);
        if (last || r < 0)
            break;
        close(at);
        at = next;
    }
    close_fd(&at);
    return r;
}

/* ---- either ---- */

int target_mailbox(struct target *t, struct str name, const char **renamed_out, struct err *err)
{
    bool renamed = false;
    int r = finish_mailbox(t, err);
    buf_clear(&t->path);
    if (r == 0)
        r = t->format == TARGET_MAILDIR ? open_maildir(t, name, &renamed, err)
                                        : open_mbox(t, name, &renamed, err);
    if (r == 0)
        *renamed_out = renamed ? buf_c(&t->path) : NULL;
    return r;
}

int target_message(struct target *t, const struct mailfile_message *message, uint64_t uid,
                   unsigned *lost_flags_out, struct err *err)
{
    struct buf bytes = BUF_INIT;
    *lost_flags_out = 0;
    if (t->format == TARGET_MAILDIR)
        return maildir_message(t, message, uid, lost_flags_out, err);
    mbox_format(message, &bytes);
    int r = file_write(t->file_fd, buf_str(&bytes), err);
    buf_deinit(&bytes);
    return r;
}

int target_finish(struct target *t, struct err *err)
{
    int r = finish_mailbox(t, err);
    if (r == 0 && syncfs(t->root_fd) < 0)
        r = err_set_errno(err, errno, "write to disk");
    return r;
}

void target_free(struct target **target)
{
    struct target *t = *target;
    if (!t)
        return;
    close_fd(&t->box_fd);
    close_fd(&t->dir_fd);
    close_fd(&t->file_fd);
    close_fd(&t->root_fd);
    buf_deinit(&t->path);
    arena_deinit(&t->arena);
    free(t);
    *target = NULL;
}
