/* A progress bar on standard error, when that is a terminal. */
#include "admin/cli_private.h"

#include <stdio.h>
#include <unistd.h>

enum { REDRAW_MS = 100, BAR_WIDTH = 30 };

void cli_progress_begin(struct cli_progress *p, uint64_t total)
{
    *p = (struct cli_progress){ .total = total, .shown = isatty(STDERR_FILENO) };
}

static void draw(const struct cli_progress *p)
{
    unsigned percent = p->total && p->done < p->total ? (unsigned)(p->done * 100 / p->total) : 100;
    int filled = (int)percent * BAR_WIDTH / 100;
    fprintf(stderr, "\r[%.*s%*s] %3u %%", filled, "##############################", BAR_WIDTH - filled, "",
            percent);
    fflush(stderr);
}

void cli_progress_add(struct cli_progress *p, uint64_t done)
{
    int64_t now_ms = clock_mono_ms(&clock_system);
    p->done += done;
    if (!p->shown || now_ms < p->next_ms)
        return;
    p->next_ms = now_ms + REDRAW_MS;
    draw(p);
}

static void wipe(const struct cli_progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
}

void cli_progress_line(struct cli_progress *p, const char *text)
{
    struct buf safe = BUF_INIT;
    wipe(p);
    cli_add_safe(&safe, str_c(text));
    fprintf(stderr, "loft: %s\n", buf_c(&safe));
    buf_deinit(&safe);
    p->next_ms = 0;
}

void cli_progress_end(struct cli_progress *p)
{
    wipe(p);
    p->shown = false;
}
