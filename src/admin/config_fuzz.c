#include "admin/config.h"
#include "base/file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a file holds: no crash; and what loads, shows as a text that loads to the same. */
static struct config *load(struct str text)
{
    struct config *config = NULL;
    struct err err;
    char path[64];
    int fd = memfd_create("config", MFD_CLOEXEC);
    if (fd < 0 || file_write(fd, text, &err) < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct config_sources sources = { .file = path, .default_data_folder = "/data" };
    int r = config_load(&sources, NULL, NULL, &config, &err);
    assert((r == 0) == (config != NULL));
    assert(r == 0 || err.text[0] != '\0');
    close(fd);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config = load(str_make(data, size));
    if (config) {
        struct buf shown = BUF_INIT;
        config_show(config, true, &shown);
        buf_deinit(&shown);
    }
    config_free(&config);
    return 0;
}
