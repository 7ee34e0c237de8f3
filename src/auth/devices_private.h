/* devices_private.h: what devices.c (memory, and what is suspicious) and devices_store.c (the store) share. */
#ifndef LOFT_AUTH_DEVICES_PRIVATE_H
#define LOFT_AUTH_DEVICES_PRIVATE_H

#include "auth/devices.h"

/* A list of devices. Frees with device_list_deinit. */
struct device_list {
    struct device_row {
        struct device device;
        int64_t stored_ms; /* last_ms as it is in the store; 0: not there */
    } * rows;              /* heap */
    size_t count, cap;
};
struct device_row *device_list_add(struct device_list *list);
void device_list_deinit(struct device_list *list);

/* One key to be written, or removed. */
struct device_write {
    struct account_id account;
    bool remove;
    struct device device; /* of one to be removed, the id */
};
struct device_writes {
    struct device_write *items; /* heap */
    size_t count, cap;
};
struct device_write *device_writes_add(struct device_writes *writes);

void device_encode(const struct device *device, struct buf *out);
MUST_USE int device_decode(struct str value, struct device *device_out, struct err *err); /* -ERR_CORRUPT */

/* Appends those of `account`. One that is damaged is left out. */
MUST_USE int device_load(struct users *users, struct account_id account, struct device_list *list,
                         struct err *err);
/* Adds a removal for each that was not seen since `before_ms`, of any account, up to `max`. What cannot be read stays: a newer
 * Loft may have written it. */
MUST_USE int device_find_old(struct users *users, int64_t before_ms, size_t max, struct device_writes *writes,
                             struct err *err);
/* One commit. */
MUST_USE int device_write_all(struct users *users, const struct device_writes *writes, struct err *err);

#endif
