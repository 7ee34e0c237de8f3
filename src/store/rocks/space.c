#include "store/rocks/space.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

enum {
    ASK_AGAIN_MS = 100,
    ASK_AGAIN_BYTES = 8 << 20,
    BALLAST_PART = 4,
    FLOOR_PART = 16,
};

/* Make BALLAST if there is room for it above the watermark. Failing is no error: it is a reserve. */
static bool make_ballast(struct space *s)
{
    if (s->ballast_bytes == 0 || s->free_bytes < s->watermark_bytes + s->ballast_bytes)
        return false;
    int fd = open(s->ballast_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    int e = s->files->allocate(s->files->ctx, fd, 0, (off_t)s->ballast_bytes);
    close(fd);
    if (e != 0)
        unlink(s->ballast_path);
    return e == 0;
}

static void ask(struct space *s)
{
    uint64_t free_bytes;
    if (s->files->free_bytes(s->files->ctx, s->folder, &free_bytes) != 0)
        return; /* go on with what was known; asked again next time */
    s->free_bytes = free_bytes;
    s->asked_ms = clock_mono_ms(s->clock);
    s->written_bytes = 0;
    s->asked = true;
}

/* Called with the lock held. */
static void refresh(struct space *s)
{
    if (s->asked && s->written_bytes < ASK_AGAIN_BYTES &&
        clock_mono_ms(s->clock) - s->asked_ms < ASK_AGAIN_MS)
        return;
    ask(s);
    if (s->have_ballast && s->free_bytes < s->watermark_bytes / BALLAST_PART) {
        unlink(s->ballast_path);
        s->have_ballast = false;
        ask(s);
        if (s->event)
            s->event(s->event_ctx, ROCKS_BALLAST_RELEASED, "nearly out of space: only deleting works");
    } else if (!s->have_ballast && make_ballast(s)) {
        s->have_ballast = true;
        ask(s);
        if (s->event)
            s->event(s->event_ctx, ROCKS_BALLAST_RESTORED, "the reserve for deleting is there again");
    }
}

void space_init(struct space *s, const struct rocks_options *options)
{
    struct buf path = BUF_INIT;
    struct stat st;
    buf_printf(&path, "%s/BALLAST", options->folder);
    *s = (struct space){
        .folder = strdup(options->folder),
        .ballast_path = strdup(buf_c(&path)),
        .files = options->files,
        .clock = options->clock,
        .watermark_bytes = options->watermark_bytes,
        .ballast_bytes = options->ballast_bytes,
    };
    buf_deinit(&path);
    if (!s->folder || !s->ballast_path)
        abort();
    pthread_mutex_init(&s->lock, NULL);
    s->have_ballast = stat(s->ballast_path, &st) == 0;
    if (s->have_ballast && (uint64_t)st.st_size != s->ballast_bytes) { /* the setting changed */
        unlink(s->ballast_path);
        s->have_ballast = false;
    }
    refresh(s);
    s->event = options->event; /* the first one is nothing to tell */
    s->event_ctx = options->event_ctx;
}

void space_deinit(struct space *s)
{
    free(s->folder);
    free(s->ballast_path);
    pthread_mutex_destroy(&s->lock);
}

int space_check(struct space *s, enum space_use use, uint64_t bytes, struct err *err)
{
    if (use == SPACE_RELEASE)
        return 0;
    pthread_mutex_lock(&s->lock);
    refresh(s);
    uint64_t left = s->free_bytes > s->written_bytes ? s->free_bytes - s->written_bytes : 0;
    uint64_t keep = use == SPACE_NEW_MAIL ? s->watermark_bytes : s->watermark_bytes / FLOOR_PART;
    bool full = s->asked && left < keep + bytes;
    if (!full)
        s->written_bytes += bytes;
    pthread_mutex_unlock(&s->lock);
    if (!full)
        return 0;
    return err_set(err, ERR_FULL, "%llu MB left in %s, %llu MB are kept free",
                   (unsigned long long)(left >> 20), s->folder, (unsigned long long)(keep >> 20));
}

void space_state(struct space *s, uint64_t *free_bytes_out, bool *below_watermark_out)
{
    pthread_mutex_lock(&s->lock);
    refresh(s);
    *free_bytes_out = s->free_bytes;
    *below_watermark_out = s->asked && s->free_bytes < s->watermark_bytes;
    pthread_mutex_unlock(&s->lock);
}
