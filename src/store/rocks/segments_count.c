/* segments_count.c: the part of segments.h about the life of whole files: start, live counts, retirement. */
#include "base/file.h"
#include "store/rocks/segments.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void segments_add_known(struct segments *set, uint64_t number, uint64_t salt,
                        const struct segment_counts *counts)
{
    struct segment *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    *s = (struct segment){ .number = number, .salt = salt, .fd = -1, .sealed = true, .counts = *counts };
    s->reserved = s->allocated = counts->end;
    map_put(&set->by_number, map_key_u64(&s->number), s);
    if (number >= set->next_number)
        set->next_number = number + 1;
}

/* A file of the folder that the database does not know. */
static int remove_unknown(struct segments *set, const char *name, uint64_t number, bool may_remove,
                          struct err *err)
{
    if (!may_remove)
        return err_set(err, ERR_CORRUPT,
                       "%s/%s holds mail, but the database beside it is new: restore it, or move the folder "
                       "segments away",
                       set->folder, name);
    if (unlinkat(set->folder_fd, name, 0) < 0)
        return err_set_errno(err, errno, "cannot remove %s/%s", set->folder, name);
    if (number >= set->next_number)
        set->next_number = number + 1;
    return 0;
}

/* A file whose second name belongs to a checkpoint is never written to. */
static void look_at_known(struct segments *set, struct segment *s, const char *name,
                          void (*damage)(void *, const char *), void *ctx)
{
    struct stat st;
    if (fstatat(set->folder_fd, name, &st, 0) < 0)
        return;
    uint64_t size = (uint64_t)st.st_size, end = s->counts.end;
    s->damaged = size < end;
    if (s->damaged) {
        struct buf text = BUF_INIT;
        buf_printf(&text, "%s/%s has %llu bytes, not %llu", set->folder, name, (unsigned long long)size,
                   (unsigned long long)end);
        damage(ctx, buf_c(&text));
        buf_deinit(&text);
        return;
    }
    struct buf path = BUF_INIT;
    segments_path(set, s->number, &path);
    if (st.st_nlink == 1 && size > end && truncate(buf_c(&path), (off_t)end) == 0)
        size = end;
    buf_deinit(&path);
    s->reserved = s->allocated = size;
}

/* Go on behind the last segment if there is much room left in it. */
static void reopen_last(struct segments *set)
{
    uint64_t number = set->next_number - 1;
    struct segment *s = map_get(&set->by_number, map_key_u64(&number));
    struct buf path = BUF_INIT;
    struct stat st;
    segments_path(set, number, &path);
    if (s && !s->damaged && s->reserved == s->counts.end && s->reserved < set->segment_bytes / 2 &&
        stat(buf_c(&path), &st) == 0 && st.st_nlink == 1) {
        s->fd = open(buf_c(&path), O_RDWR | O_CLOEXEC);
        if (s->fd >= 0) {
            s->sealed = false;
            s->older = set->newest_open;
            *(s->older ? &s->older->newer : &set->oldest_open) = s;
            set->newest_open = s;
            set->open_count++;
            set->heads[HEAD_ARRIVAL] = s;
        }
    }
    buf_deinit(&path);
}

static bool parse_name(const char *name, uint64_t *number_out)
{
    struct str s = str_c(name);
    return str_ends(s, STR(".seg")) && str_to_u64(str_sub(s, 0, s.n - 4), UINT64_MAX - 1, number_out);
}

int segments_start(struct segments *set, bool may_remove, void (*damage)(void *, const char *), void *ctx,
                   struct err *err)
{
    int r = file_mkdir_all(set->folder, 0700, err);
    if (r < 0)
        return r;
    set->folder_fd = open(set->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = set->folder_fd >= 0 ? opendir(set->folder) : NULL;
    if (!dir)
        return err_set_errno(err, errno, "cannot open folder %s", set->folder);
    struct map seen;
    map_init(&seen);
    const struct dirent *e;
    while (r == 0 && (e = readdir(dir))) {
        uint64_t number;
        if (!parse_name(e->d_name, &number))
            continue;
        struct segment *s = map_get(&set->by_number, map_key_u64(&number));
        if (!s) {
            r = remove_unknown(set, e->d_name, number, may_remove, err);
            continue;
        }
        map_put(&seen, map_key_u64(&number), s);
        look_at_known(set, s, e->d_name, damage, ctx);
    }
    closedir(dir);
    size_t i = 0;
    struct str key;
    void *value;
    while (map_next(&set->by_number, &i, &key, &value)) {
        struct segment *s = value;
        if (s->counts.live_count == 0 || map_get(&seen, key))
            continue;
        struct buf text = BUF_INIT;
        segments_path(set, s->number, &text);
        buf_add_lit(&text, " is missing");
        damage(ctx, buf_c(&text));
        buf_deinit(&text);
        s->damaged = true;
    }
    map_deinit(&seen);
    if (r == 0)
        reopen_last(set);
    return r;
}

struct segment *segments_find(struct segments *set, uint64_t number)
{
    pthread_mutex_lock(&set->lock);
    struct segment *s = map_get(&set->by_number, map_key_u64(&number));
    pthread_mutex_unlock(&set->lock);
    return s;
}

struct segment_counts segments_counts(struct segments *set, const struct segment *s)
{
    pthread_mutex_lock(&set->lock);
    struct segment_counts c = s->counts;
    pthread_mutex_unlock(&set->lock);
    return c;
}

void segments_count(struct segments *set, struct segment *s, const struct segment_counts *counts)
{
    pthread_mutex_lock(&set->lock);
    s->counts = *counts;
    pthread_mutex_unlock(&set->lock);
}

static bool is_empty(const struct segment *s)
{
    return s->sealed && s->writers == 0 && s->pending_count == 0 && s->counts.live_count == 0;
}

bool segments_is_empty(struct segments *set, const struct segment *s)
{
    pthread_mutex_lock(&set->lock);
    bool empty = is_empty(s);
    pthread_mutex_unlock(&set->lock);
    return empty;
}

void segments_retire(struct segments *set, struct segment *s)
{
    struct buf path = BUF_INIT;
    segments_path(set, s->number, &path);
    pthread_mutex_lock(&set->lock);
    assert(is_empty(s));
    unlink(buf_c(&path)); /* if that fails, the next start removes it */
    map_remove(&set->by_number, map_key_u64(&s->number));
    s->retired = true;
    s->users++;
    pthread_mutex_unlock(&set->lock);
    segments_release(set, s);
    buf_deinit(&path);
}

bool segments_worst(struct segments *set, unsigned percent, uint64_t *number_out)
{
    size_t i = 0;
    struct str key;
    void *value;
    double worst = percent / 100.0;
    bool found = false;
    pthread_mutex_lock(&set->lock);
    while (map_next(&set->by_number, &i, &key, &value)) {
        const struct segment *s = value;
        if (!s->sealed || s->writers > 0 || s->pending_count > 0 || (s->damaged && s->counts.live_count > 0))
            continue;
        uint64_t size = s->reserved - SEGMENT_HEAD_BYTES;
        double live = size > 0 ? (double)s->counts.live_bytes / (double)size : 0;
        if (s->counts.live_count == 0)
            live = -1;
        if (live < worst) {
            worst = live;
            found = true;
            *number_out = s->number;
        }
    }
    pthread_mutex_unlock(&set->lock);
    return found;
}

void segments_mark_damaged(struct segments *set, uint64_t number)
{
    pthread_mutex_lock(&set->lock);
    struct segment *s = map_get(&set->by_number, map_key_u64(&number));
    if (s)
        s->damaged = true;
    pthread_mutex_unlock(&set->lock);
}

void segments_each(struct segments *set, void (*fn)(void *ctx, const struct segment *s), void *ctx)
{
    size_t i = 0;
    struct str key;
    void *value;
    pthread_mutex_lock(&set->lock);
    while (map_next(&set->by_number, &i, &key, &value))
        fn(ctx, value);
    pthread_mutex_unlock(&set->lock);
}
