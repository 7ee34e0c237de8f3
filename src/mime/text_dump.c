/* A tool for tests: prints the text of message files as SEARCH sees it, so that a program which knows nothing of searching can look for it
 * itself. File names on standard input.
 *   M FILE                                    a message; then for each of its texts
 *   H|B NAME|- VALUE-AT BYTES, LF, the text   whose it is (header, body), the name of the header field, where in it the value begins
 *   .                                         its end */
#include "base/file.h"
#include "mime/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 256 * 1024 * 1024 };

/* The text at hand, from its pieces. */
struct dump {
    struct buf text;
    enum text_scope from;
    struct buf name;
    size_t value_at;
};

static void print_text(const struct dump *d)
{
    printf("%c %.*s %zu %zu\n", d->from == TEXT_HEADER ? 'H' : 'B', d->name.n ? (int)d->name.n : 1,
           d->name.n ? d->name.p : "-", d->value_at, d->text.n);
    fwrite(d->text.p, 1, d->text.n, stdout);
    putchar('\n');
}

static int take_piece(void *ctx, const struct text_piece *piece)
{
    struct dump *d = ctx;
    if (piece->begins) {
        if (d->text.n)
            print_text(d);
        buf_clear(&d->text);
        buf_clear(&d->name);
        buf_add(&d->name, piece->name);
        d->from = piece->from;
        d->value_at = piece->value_at;
    }
    buf_add(&d->text, piece->text);
    return 0;
}

static int print_message(struct str message, struct charset_cache *cache, struct err *err)
{
    struct buf meta = BUF_INIT, header = BUF_INIT;
    struct dump d = { 0 };
    struct meta_view view;
    int r = mime_meta_build(message, cache, &meta, &header, err);
    if (r == 0)
        r = mime_meta_view(buf_str(&meta), &view, err);
    if (r == 0)
        r = mime_text_each(message, &view, TEXT_HEADER | TEXT_BODY, 0, COLLATION_UNICODE_CASEMAP, cache,
                           take_piece, &d, err);
    if (d.text.n)
        print_text(&d);
    buf_deinit(&d.text);
    buf_deinit(&d.name);
    buf_deinit(&meta);
    buf_deinit(&header);
    return r;
}

static int print_file(const char *path, struct charset_cache *cache)
{
    struct buf message = BUF_INIT;
    struct err err = { 0 };
    printf("M %s\n", path);
    int r = file_read(path, FILE_BYTES_MAX, &message, &err);
    if (r == 0)
        r = print_message(buf_str(&message), cache, &err);
    if (r < 0)
        fprintf(stderr, "%s: %s\n", path, err.text);
    puts(".");
    buf_deinit(&message);
    return r;
}

int main(void)
{
    struct charset_cache *cache = charset_cache_new();
    char *line = NULL;
    size_t cap = 0;
    int status = EXIT_SUCCESS;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        if (print_file(line, cache) < 0)
            status = EXIT_FAILURE;
    }
    free(line);
    charset_cache_free(&cache);
    return status;
}
