/* devices.h: what has signed in to each account, and when: for `loft sessions`, and to notice a sign-in that looks like nobody's.
 *
 *   device      what a client says it is (RFC 2971 ID), the network of its address (/24, or /48 with IPv6), the mechanism, the
 *               app password: those four. First and last seen, and the last address, are kept with it
 *   suspicious  a network and a client that are both new for an account that has signed in before; a client that does not say what
 *               it is counts as new. Event "new-device", and a notice where somebody wants one, at most DEVICE_NOTICES_A_DAY an account
 * State of account 0, the directory (auth/directory/users.h): "D/" be64 account, be64 id of the device; laid out in devices_store.c.
 *
 * Signing in commits nothing: it is noted in memory, and a thread writes what is new some seconds later. That a device was seen
 * again is written once an hour has passed, or at the end. So kill -9 costs the devices of the last FLUSH_INTERVAL_MS, and an hour
 * of "last seen". Notices come from that thread, too.
 * Memory: DEVICES_PER_ACCOUNT_MAX an account, DEVICES_ACCOUNTS_MAX accounts; when those are full, all are written and forgotten.
 * Threads: any. A first sign-in of an account reads the store. */
#ifndef LOFT_AUTH_DEVICES_H
#define LOFT_AUTH_DEVICES_H

#include "auth/directory/users.h"
#include "auth/peer.h"
#include "base/audit.h"

enum {
    DEVICES_PER_ACCOUNT_MAX = 64, /* the one not seen for longest goes, first of those new within a day */
    DEVICES_ACCOUNTS_MAX = 10000,
    DEVICE_NOTICES_A_DAY = 3,
    DEVICE_CLIENT_BYTES = 128, /* with a NUL */
    DEVICE_MECHANISM_BYTES = 32,
    DEVICE_NETWORK_BYTES = 64, /* as text */
};

struct device {
    uint64_t id;               /* of the four facts */
    int64_t first_ms, last_ms; /* wall clock */
    uint64_t app_password_id;  /* 0: none */
    bool has_ip;               /* false: a local socket */
    bool noticed;              /* it was suspicious, and the user was told */
    unsigned char ip[PEER_IP_BYTES];
    char mechanism[DEVICE_MECHANISM_BYTES];
    char client[DEVICE_CLIENT_BYTES]; /* "": it did not say */
};

/* "192.0.2.0/24", "2001:db8:1::/48"; "unix" */
void device_network(const struct device *device, char out[static DEVICE_NETWORK_BYTES]);
void device_address(const struct device *device, char out[static PEER_ADDRESS_BYTES]);

/* Somebody signed in to `account` from what nobody has seen there before. On the devices' thread; may block. */
typedef int device_notice_fn(void *ctx, struct account_id account, const char *user,
                             const struct device *device, struct err *err);

struct devices_params {
    struct users *users;       /* borrows */
    const struct clock *clock; /* borrows */
    struct audit *audit;       /* borrows; NULL: nothing is recorded */
    struct logger log;         /* told when they cannot be written */
    uint64_t keep_s;           /* those not seen for so long are forgotten; not 0 */
    device_notice_fn *notice;  /* NULL: nobody wants to know */
    void *notice_ctx;          /* borrows */
};

struct devices; /* NULL everywhere: nothing is noted */

struct devices *devices_new(const struct devices_params *params);
/* The thread that writes; without it devices_flush does. -ERR_IO */
MUST_USE int devices_start(struct devices *devices, struct err *err);
void devices_free(struct devices **devices); /* writes what is not written yet; accepts NULL */

/* A sign-in, by now with what the client says it is. Borrows for the call. */
struct device_sighting {
    struct account_id account;
    const char *user; /* its name */
    const struct auth_peer *peer;
    const char *mechanism;
    uint64_t app_password_id;
};
void devices_note(struct devices *devices, const struct device_sighting *sighting);

/* All that were seen at an account in the last keep_s, the latest first. `device` borrows until `fn` returns.
 * -ERR_IO, -ERR_CORRUPT. */
typedef void device_fn(void *ctx, const struct device *device);
MUST_USE int devices_each(struct devices *devices, struct account_id account, device_fn *fn, void *ctx,
                          struct err *err);

/* The account is gone, and what was known of its devices. */
MUST_USE int devices_forget(struct devices *devices, struct account_id account, struct err *err);

/* Write everything that differs from the store, and send notices that wait. For tests; the thread does it by itself. */
MUST_USE int devices_flush(struct devices *devices, struct err *err);

#endif
