#include "load/corpus.h"

#include "base/file.h"
#include "load/bench.h"

#include <ftw.h>
#include <stdlib.h>

enum { CORPUS_BYTES_MAX = 512 << 20, CORPUS_MESSAGE_BYTES_MAX = 16 << 20, LINE_BYTES_MAX = 998 };

static struct corpus *loading; /* nftw has no context */

static void add_crlf(struct str raw, struct buf *out)
{
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\n')
            buf_add_char(out, '\r');
        if (raw.p[i] != '\r')
            buf_add_char(out, raw.p[i]);
    }
    if (!str_ends(buf_str(out), STR("\r\n")))
        buf_add_lit(out, "\r\n");
}

/* "Name: ...", or the next line of one. */
static bool is_field(struct str line, bool first)
{
    size_t i = 0;
    if (!first && (line.p[0] == ' ' || line.p[0] == '\t'))
        return true;
    while (i < line.n && line.p[i] > ' ' && line.p[i] != ':')
        i++;
    return i > 0 && i < line.n && line.p[i] == ':';
}

static bool is_taken_everywhere(struct str message)
{
    struct str rest = message;
    bool in_header = true, first = true;
    if (memchr(message.p, '\0', message.n))
        return false;
    while (rest.n > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        line.n -= line.n > 0; /* CR */
        if (line.n > LINE_BYTES_MAX)
            return false;
        in_header = in_header && line.n > 0;
        if (in_header && !is_field(line, first))
            return false;
        for (size_t i = 0; in_header && i < line.n; i++)
            if ((unsigned char)line.p[i] >= 0x80)
                return false;
        first = false;
    }
    return !in_header;
}

static int load_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    struct buf raw = BUF_INIT;
    struct err err;
    (void)ftw;
    if (type != FTW_F || st->st_size == 0 || st->st_size > CORPUS_MESSAGE_BYTES_MAX ||
        loading->bytes.n > CORPUS_BYTES_MAX)
        return 0;
    if (file_read(path, CORPUS_MESSAGE_BYTES_MAX, &raw, &err) < 0)
        bench_die("%s: %s", path, err.text);
    size_t begin = loading->bytes.n;
    add_crlf(buf_str(&raw), &loading->bytes);
    buf_deinit(&raw);
    if (!is_taken_everywhere(str_skip(buf_str(&loading->bytes), begin))) {
        loading->bytes.n = begin;
        return 0;
    }
    if (loading->n % 1024 == 0)
        loading->messages = realloc(loading->messages, (loading->n + 1024) * sizeof *loading->messages);
    if (!loading->messages)
        bench_die("no memory");
    loading->messages[loading->n++] = str_make(NULL, loading->bytes.n - begin); /* the bytes may yet move */
    return 0;
}

void corpus_load(struct corpus *c, const char *folder)
{
    *c = (struct corpus){ .messages = NULL };
    loading = c;
    nftw(folder, load_file, 64, FTW_PHYS);
    if (c->n == 0)
        bench_die("%s: no messages in it that all servers take", folder);
    const char *p = c->bytes.p;
    for (size_t i = 0; i < c->n; i++) {
        c->messages[i].p = p;
        p += c->messages[i].n;
    }
}

void corpus_deinit(struct corpus *c)
{
    free(c->messages);
    buf_deinit(&c->bytes);
    *c = (struct corpus){ .messages = NULL };
}

void corpus_stuff_dots(struct str message, struct buf *out)
{
    for (size_t i = 0; i < message.n; i++) {
        if (message.p[i] == '.' && (i == 0 || message.p[i - 1] == '\n'))
            buf_add_char(out, '.');
        buf_add_char(out, message.p[i]);
    }
}
