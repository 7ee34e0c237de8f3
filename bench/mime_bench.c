/* Time of CPU that the MIME parser takes for a message.
 *   mime_bench [ROUNDS] < list-of-files       e.g.  find corpus -type f | build/bench/mime_bench 3
 * Prints microseconds for mime_meta_build and nanoseconds for mime_meta_view, and the size of the records. */
#include "base/file.h"
#include "mime/meta.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FILE_BYTES_MAX = 256 * 1024 * 1024, VIEW_ROUNDS = 200 };

struct sample {
    struct buf message, meta, header;
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct sample *load_samples(size_t *count_out, size_t *bytes_out)
{
    struct sample *samples = NULL;
    size_t count = 0, cap = 0, line_cap = 0;
    char *line = NULL;

    for (ssize_t n; (n = getline(&line, &line_cap, stdin)) > 0;) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        if (count == cap) {
            cap = cap ? cap * 2 : 1024;
            samples = realloc(samples, cap * sizeof *samples);
            if (!samples)
                abort();
        }
        samples[count] = (struct sample){ .message = BUF_INIT };
        if (file_read(line, FILE_BYTES_MAX, &samples[count].message, NULL) == 0)
            *bytes_out += samples[count++].message.n;
    }
    free(line);
    *count_out = count;
    return samples;
}

static double time_build(struct sample *samples, size_t count, int rounds, struct charset_cache *cache)
{
    double start = cpu_s();
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++) {
            buf_clear(&samples[i].meta);
            buf_clear(&samples[i].header);
            if (mime_meta_build(buf_str(&samples[i].message), cache, &samples[i].meta, &samples[i].header,
                                NULL) < 0)
                abort();
        }
    return cpu_s() - start;
}

static double time_view(struct sample *samples, size_t count, size_t *sum)
{
    struct meta_view view;
    double start = cpu_s();
    for (int round = 0; round < VIEW_ROUNDS; round++)
        for (size_t i = 0; i < count; i++) {
            if (mime_meta_view(buf_str(&samples[i].meta), &view, NULL) < 0)
                abort();
            *sum += view.bodystructure.n;
        }
    return cpu_s() - start;
}

int main(int argc, char **argv)
{
    size_t count, bytes = 0, meta_bytes = 0, header_bytes = 0, sum = 0;
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    struct charset_cache *cache = charset_cache_new();
    struct sample *samples = load_samples(&count, &bytes);

    if (count == 0) {
        fprintf(stderr, "mime_bench: no message files named on standard input\n");
        return 1;
    }
    double build_s = time_build(samples, count, rounds, cache), view_s = time_view(samples, count, &sum);
    for (size_t i = 0; i < count; i++) {
        meta_bytes += samples[i].meta.n;
        header_bytes += samples[i].header.n;
        buf_deinit(&samples[i].message);
        buf_deinit(&samples[i].meta);
        buf_deinit(&samples[i].header);
    }
    double n = (double)count;
    printf("messages %zu, average %.0f bytes\n", count, (double)bytes / n);
    printf("mime_meta_build %.2f us a message, %.0f MB/s\n", build_s * 1e6 / n / rounds,
           (double)bytes * rounds / build_s / 1e6);
    printf("mime_meta_view %.1f ns\n", view_s * 1e9 / n / VIEW_ROUNDS);
    printf("records: meta %.0f bytes, header %.0f bytes on average\n", (double)meta_bytes / n,
           (double)header_bytes / n);
    free(samples);
    charset_cache_free(&cache);
    return 0;
}
