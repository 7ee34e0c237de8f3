/* A tool for tests: prints what the parser sees of message files, one JSON line each, for comparison with
 * another parser.
 *   mime_dump [-w] FILE...      -w: ENVELOPE and BODYSTRUCTURE as well;  file names on standard input when there is no FILE
 * Every reader of the record is run over each message, so that a sanitizer sees all of them on real mail. */
#include "base/file.h"
#include "mime/header.h"
#include "mime/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 256 * 1024 * 1024 };

static void print_string(struct str s)
{
    putchar('"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < ' ' || c >= 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static int count_text(void *ctx, const struct text_piece *piece)
{
    *(size_t *)ctx += piece->text.n;
    return 0;
}

static void print_parts(const struct structure *s)
{
    printf(",\"parts\":[");
    for (size_t i = 1; i < s->count; i++) {
        const struct part *part = &s->parts[i];
        printf("%s{\"depth\":%u,\"type\":", i > 1 ? "," : "", part->depth);
        print_string(part->type);
        printf(",\"subtype\":");
        print_string(part->subtype);
        printf(",\"header\":[%llu,%llu],\"body\":[%llu,%llu],\"lines\":%llu,\"transfer\":%d,\"children\":%s}",
               (unsigned long long)part->header_offset, (unsigned long long)part->header_bytes,
               (unsigned long long)part->body_offset, (unsigned long long)part->body_bytes,
               (unsigned long long)part->lines, (int)part->transfer, part->first_child ? "true" : "false");
    }
    printf("]");
}

/* The record must tell the same parts as the tree it was made of. */
static bool check_view(struct str message, const struct structure *s, const struct meta_view *view,
                       size_t *text_bytes, struct charset_cache *cache)
{
    struct meta_part part;
    struct meta_part_reader r = meta_each_part(view);
    size_t i = 1;
    for (; meta_next_part(&r, &part, NULL) == 1; i++) {
        const struct part *p = &s->parts[i];
        if (i >= s->count || p->depth != part.depth || p->body_offset != part.body_offset ||
            p->body_bytes != part.body_bytes || p->kind != part.kind || p->lines != part.lines)
            return false;
    }
    *text_bytes = 0;
    return i == s->count &&
           mime_text_each(message, view, TEXT_HEADER | TEXT_BODY, 99, COLLATION_UNICODE_CASEMAP, cache,
                          count_text, text_bytes, NULL) == 0;
}

static bool dump(const char *path, bool wire, struct charset_cache *cache)
{
    struct buf message = BUF_INIT, meta = BUF_INIT, header = BUF_INIT;
    struct arena arena = ARENA_INIT;
    struct structure s;
    struct meta_view view;
    struct err err = { 0 };
    size_t text_bytes = 0;
    bool right = false;

    int r = file_read(path, FILE_BYTES_MAX, &message, &err);
    if (r == 0)
        r = structure_parse(buf_str(&message), &arena, cache, &s, &err);
    if (r == 0)
        r = mime_meta_build(buf_str(&message), cache, &meta, &header, &err);
    if (r == 0)
        r = mime_meta_view(buf_str(&meta), &view, &err);
    if (r == 0) {
        right = check_view(buf_str(&message), &s, &view, &text_bytes, cache);
        printf("{\"file\":");
        print_string(str_c(path));
        printf(",\"bytes\":%zu,\"meta\":%zu,\"header\":%zu,\"text\":%zu,\"consistent\":%s", message.n, meta.n,
               header.n, text_bytes, right ? "true" : "false");
        print_parts(&s);
        if (wire) {
            printf(",\"envelope\":");
            print_string(view.envelope);
            printf(",\"bodystructure\":");
            print_string(view.bodystructure);
            printf(",\"body\":");
            print_string(view.body);
            printf(",\"subject\":");
            print_string(view.subject);
            printf(",\"preview\":");
            print_string(view.preview);
            printf(",\"sent\":%lld,\"flags\":%u", (long long)view.sent_s, view.flags);
        }
        printf("}\n");
    } else {
        fprintf(stderr, "%s: %s\n", path, err.text);
    }
    arena_deinit(&arena);
    buf_deinit(&message);
    buf_deinit(&meta);
    buf_deinit(&header);
    return right;
}

int main(int argc, char **argv)
{
    struct charset_cache *cache = charset_cache_new();
    bool wire = argc > 1 && strcmp(argv[1], "-w") == 0, right = true;
    char *line = NULL;
    size_t cap = 0;

    for (int i = wire ? 2 : 1; i < argc; i++)
        right &= dump(argv[i], wire, cache);
    if (argc == 1 + wire)
        for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
            line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
            right &= dump(line, wire, cache);
        }
    free(line);
    charset_cache_free(&cache);
    return right ? 0 : 1;
}
