/* config_load.h: what a loaded config remembers beside its values, for config*.c only. */
#ifndef LOFT_ADMIN_CONFIG_LOAD_H
#define LOFT_ADMIN_CONFIG_LOAD_H

#include "admin/config.h"
#include "base/arena.h"

struct config_loaded {
    struct config config; /* first: callers hold a pointer to it */
    struct arena arena;   /* owns all strings */
    const char **origins; /* for each row of config_settings: "loft.conf:12", "-o", or NULL for the default */
};

#endif
