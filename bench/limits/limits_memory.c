#include "limits.h"

#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { SEND_BYTES = 64 * 1024, OUT_BYTES = 256 * 1024 };

/* Lines that stand ready are put one behind the other: the least that a FETCH of flags can be. */
static void measure_copy(const struct limits *l, char *out)
{
    static const char line[] = "* 12345 FETCH (UID 23456 FLAGS (\\Seen))\r\n";
    unsigned count = 20000000 / l->scale;
    size_t n = 0;
    struct limits_meter m = limits_start();
    for (unsigned i = 0; i < count; i++) {
        if (n + sizeof line > SEND_BYTES)
            n = 0;
        memcpy(out + n, line, sizeof line - 1);
        n += sizeof line - 1;
        __asm__ volatile("" ::"r"(out + n) : "memory"); /* it is really written */
    }
    limits_row(&m, "copy.line", "memcpy of a line of FETCH", count);
}

static void measure_lz4(const struct limits *l, char *packed, char *out)
{
    unsigned count = 20000 / l->scale;
    int size = (int)l->message.n, n = 0;
    struct limits_meter m = limits_start();
    for (unsigned i = 0; i < count; i++)
        n = LZ4_compress_default(l->message.p, packed, size, OUT_BYTES);
    limits_row(&m, "lz4.pack", "LZ4, 24 KB packed", count);
    m = limits_start();
    for (unsigned i = 0; i < count; i++)
        if (LZ4_decompress_safe(packed, out, n, OUT_BYTES) != size)
            limits_die("LZ4");
    limits_row(&m, "lz4.unpack", "LZ4, 24 KB unpacked", count);
}

static void measure_zstd(const struct limits *l, char *packed, char *out)
{
    unsigned count = 5000 / l->scale;
    size_t n = 0;
    ZSTD_CCtx *pack = ZSTD_createCCtx();
    ZSTD_DCtx *unpack = ZSTD_createDCtx();
    struct limits_meter m = limits_start();
    for (unsigned i = 0; i < count; i++)
        n = ZSTD_compressCCtx(pack, packed, OUT_BYTES, l->message.p, l->message.n, 3);
    limits_row(&m, "zstd.pack", "zstd level 3, 24 KB packed", count);
    m = limits_start();
    for (unsigned i = 0; i < count; i++)
        if (ZSTD_decompressDCtx(unpack, out, OUT_BYTES, packed, n) != l->message.n)
            limits_die("zstd");
    limits_row(&m, "zstd.unpack", "zstd level 3, 24 KB unpacked", count);
    ZSTD_freeCCtx(pack);
    ZSTD_freeDCtx(unpack);
}

static void measure_scan(const struct limits *l)
{
    unsigned count = 20000 / l->scale, found = 0;
    struct limits_meter m = limits_start();
    for (unsigned i = 0; i < count; i++) {
        const char *p = l->message.p;
        __asm__ volatile("" : "+r"(p)); /* another message, for all the compiler knows */
        found += memmem(p, l->message.n, "qqxzqqxz", 8) != NULL;
    }
    limits_row(&m, "scan", "memmem through 24 KB", count);
    if (found)
        limits_die("scan");
}

void limits_memory(const struct limits *l)
{
    char *packed = malloc(OUT_BYTES), *out = malloc(OUT_BYTES);
    if (!packed || !out)
        limits_die("malloc");
    measure_copy(l, out);
    measure_lz4(l, packed, out);
    measure_zstd(l, packed, out);
    measure_scan(l);
    free(packed);
    free(out);
}
