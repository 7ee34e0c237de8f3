/* config_table.h: the rows behind config.h, for config*.c only. */
#ifndef LOFT_ADMIN_CONFIG_TABLE_H
#define LOFT_ADMIN_CONFIG_TABLE_H

#include "admin/config.h"
#include "base/arena.h"

/* A field in struct config:  BOOL bool;  NUMBER and WORD uint64_t;  STRING and PATH const char *;  LISTEN
 * struct config_listen. */
enum config_type { CONFIG_BOOL, CONFIG_NUMBER, CONFIG_WORD, CONFIG_STRING, CONFIG_PATH, CONFIG_LISTEN };

/* What a number counts. The name of the setting ends in the unit: config_test.c sees to that. */
enum config_unit { CONFIG_COUNT, CONFIG_BYTES, CONFIG_SECONDS, CONFIG_MILLISECONDS };

struct config_setting {
    const char *name; /* "section.key" */
    enum config_type type;
    enum config_unit unit;
    const char *standard; /* default, as it would be written in the file; NULL: given by config_sources */
    uint64_t min, max;    /* NUMBER: the value; STRING and PATH: the length in bytes (0 min: may be empty) */
    const char *const *words; /* WORD: NULL-terminated; the value is the index */
    size_t offset;            /* of the field in struct config */
    bool written;             /* PATH: the server writes there, or makes and removes it */
    const char *help;         /* sentences, in scdoc's plain characters: no '*', '_' or '\' outside words */
};

struct config_section {
    const char *name, *help;
};

extern const struct config_setting config_settings[];
extern const size_t config_setting_count;
extern const struct config_section config_sections[];
extern const size_t config_section_count;

const struct config_setting *config_setting_find(struct str name);    /* NULL: unknown */
const struct config_setting *config_setting_nearest(struct str name); /* fewest edits; never NULL */

/* Parse `text` into the field of `setting`. Strings go to `arena`; a relative path is put behind `base`
 * ("" leaves it).
 * -ERR_INVALID with what was expected; `err` does not name the setting. */
MUST_USE int config_value_parse(const struct config_setting *setting, struct str text, const char *base,
                                struct arena *arena, struct config *config, struct err *err);

/* Append the value as it could be written in the file, or as JSON. */
void config_value_format(const struct config_setting *setting, const struct config *config, bool json,
                         struct buf *out);

/* "0 to 64M", "30m to 1d", "info, warn or error": what config_value_parse accepts. */
void config_range_format(const struct config_setting *setting, struct buf *out);

/* Text as a JSON string, with its quotes. */
void config_json_string(struct str s, struct buf *out);

#endif
