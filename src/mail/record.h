/* record.h: the state keys of an account and the bytes of its records (see account.h for the list).
 * Integers in keys are big-endian, in records varints.     Threads: none; values. */
#ifndef LOFT_MAIL_RECORD_H
#define LOFT_MAIL_RECORD_H

#include "mail/snapshot.h"
#include "mail/tree.h"

enum {
    /* Of the account record; an account of a later format is refused. Format 1 had no annotations and eight
     * special uses. */
    ACCOUNT_FORMAT = 2,
    LOG_PART_BYTES = 8 * 1024 * 1024,        /* a log record is cut into values of this size */
    LOG_RECORD_BYTES_MAX = 40 * 1024 * 1024, /* so that a commit stays below STORE_BATCH_BYTES_MAX */
};

/* The account record: as of the last commit. */
struct account_record {
    uint64_t version;
    /* Log records up to here are gone; the first one left names it as the version before. */
    uint64_t fold_version;
    uint64_t next_mailbox_id, next_email_id, next_chunk_id;
    uint32_t last_uidvalidity;
    uint32_t mailbox_count;
    uint64_t message_count, size_bytes;
    uint64_t log_count, log_bytes; /* of records after fold_version */
    uint64_t annotation_bytes;     /* names and values of all annotations */
    uint64_t annotation_modseq;    /* of the last change to one; 0: never */
};

/* Use and subscription take two bytes, u8 each: bits 0 to 7 of the use, then "subscribed" in bit 0 with the further
 * bits of the use above it, which were 0 when a use had eight bits. In mailbox records and in DELTA_CREATE. */
void use_encode(unsigned use, bool subscribed, struct buf *out);
uint16_t use_decode(struct reader *r, bool *subscribed_out);

void account_record_encode(const struct account_record *record, struct buf *out);
/* -ERR_CORRUPT, -ERR_CANNOT. */
MUST_USE int account_record_decode(struct str bytes, struct account_record *record_out, struct err *err);

/* A mailbox record: as of the last fold. The snapshot follows it (snapshot_encode). */
struct mailbox_record {
    struct str name; /* borrows the bytes it was decoded from */
    uint32_t uidvalidity;
    uint16_t use;
    bool subscribed;
    uint32_t recent_uid;
    uint32_t vanished_ranges;
};

void mailbox_record_encode(const struct mailbox_record *record, struct buf *out);
bool mailbox_record_decode(struct reader *r, struct mailbox_record *record_out);

/* Keys. Each clears `out` first. */
enum state_key {
    KEY_ACCOUNT = 'A',
    KEY_CHUNK = 'C',
    KEY_LOG = 'L',
    KEY_MAILBOX = 'M',
    KEY_ANNOTATION = 'N',
    KEY_ACL = 'O',
    KEY_SEEN = 'P',
    KEY_QUOTA = 'Q',
    KEY_REFERENCES = 'R',
    KEY_SUBSCRIPTION = 'S',
    KEY_THREAD = 'T',
    KEY_VANISHED = 'V',
};
struct str key_letter(enum state_key letter, struct buf *out);
struct str key_number(enum state_key letter, uint64_t n, struct buf *out);
struct str key_numbers(enum state_key letter, uint64_t n, uint64_t m, struct buf *out);
struct str key_log(uint64_t version, uint8_t part, struct buf *out);
struct str key_annotation(uint64_t mailbox_id, uint64_t user, struct str entry, struct buf *out);
struct str key_subscription(struct str name, struct buf *out);

/* UID sets, in log records and under "V". */
void uids_encode(const struct seqset *uids, struct buf *out);
bool uids_decode(struct reader *r, struct arena *arena, struct seqset *uids_out); /* false: damaged */

#endif
