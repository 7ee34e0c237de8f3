/* delta.h: what a change does to an account, in steps small enough that one function applies each (apply.c):
 * to the working state of a commit that is being planned, to one that is replayed from the log, or to what
 * another machine committed.
 *
 * Log record   format u8, version before (varint), deltas until the end
 * Delta        kind u8, modseq minus that of the delta before (varint), then by kind (all integers varints):
 *   ADD        mailbox id, first uid, save date, count, rows: size, flags, count of keywords, their indexes,
 *              internal date minus that of the row before, zone, blob minus that of the row before, email id
 *              likewise, thread id minus email id
 *   KEYWORDS   mailbox id, count, names                                 appended to the mailbox's table
 *   FLAGS      mailbox id, mode, flags, words of keyword bits, uids     every uid is there
 *   VANISH     mailbox id, uids                                         every uid is there
 *   REFS       count; blob minus the one before, change of its count
 *   CREATE     mailbox id, uidvalidity, use and subscription (record.h), name
 *   DELETE     mailbox id
 *   RENAME     from, to                                                 the mailbox `from`, if any, and all below
 *   SUBSCRIBE  name, 0 or 1
 *   QUOTA      mailbox id or 0, limits and warning (quota_root_encode)  replace those of that root
 *   CHUNK_IDS  next chunk id                                            a fold that needed several commits
 *   ANNOTATION mailbox id, bytes more (zigzag), count; user, entry        values are state of their own ("N")
 *   USE        mailbox id, use                                          of a mailbox that exists
 *   SEEN       mailbox id, user, 0 or 1, uids                           \Seen of a reader (seen.h)
 *   ACL        mailbox id, the list as acl.h lays it out                the whole list, as it is from now on
 * Differences that can be negative are zigzag-coded.
 * Threads: none. */
#ifndef LOFT_MAIL_DELTA_H
#define LOFT_MAIL_DELTA_H

#include "mail/change.h"

enum delta_kind {
    DELTA_ADD = 1,
    DELTA_KEYWORDS,
    DELTA_FLAGS,
    DELTA_VANISH,
    DELTA_REFS,
    DELTA_CREATE,
    DELTA_DELETE,
    DELTA_RENAME,
    DELTA_SUBSCRIBE,
    DELTA_CHUNK_IDS,
    DELTA_ACL = 11,
    DELTA_SEEN = 12,
    DELTA_QUOTA = 13,
    DELTA_ANNOTATION = 14,
    DELTA_USE = 15,
};

struct blob_ref_change {
    uint64_t blob;
    int64_t by; /* not 0 */
};

struct delta {
    enum delta_kind kind;
    uint64_t modseq;
    uint64_t mailbox_id;
    union {
        struct { /* uids follow each other from the first one's; one save date; modseq is the delta's */
            const struct message *rows;
            size_t count; /* at least 1 */
        } add;
        struct {
            const struct str *names;
            size_t count;
        } keywords;
        struct {
            struct seqset uids;
            enum store_mode mode;
            uint8_t flags;
            struct keyword_set keywords;
        } flags;
        struct {
            struct seqset uids;
        } vanish;
        struct {
            const struct blob_ref_change *items; /* ascending */
            size_t count;
        } refs;
        struct {
            struct str name;
            uint32_t uidvalidity;
            uint16_t use;
            bool subscribed;
        } create;
        struct {
            struct str from, to;
        } rename;
        struct {
            struct str name;
            bool subscribed;
        } subscribe;
        uint64_t next_chunk_id;
        struct {
            int64_t bytes; /* more than before, or less */
            const struct annotation *items;
            size_t count;
            bool drops_all; /* the mailbox goes; not in the log, which says so itself */
        } annotation;
        uint16_t use;
        struct {
            struct str bytes; /* acl_encode */
        } acl;
        struct {
            uint64_t user;
            struct seqset uids;
            bool seen;
        } seen;
        struct quota_root quota;
    };
};

/* Deltas of one change as it is planned, in order; they live in the arena. */
struct delta_list {
    struct arena *arena;
    struct delta *items;
    size_t count, cap;
};
struct delta *delta_add(struct delta_list *list, enum delta_kind kind, uint64_t mailbox_id, uint64_t modseq);

/* Begin a log record; then append deltas with ascending modseq.
 * `modseq_before` runs along: it starts as `version_before`. */
void log_record_begin(uint64_t version_before, struct buf *out);
void delta_encode(const struct delta *delta, uint64_t *modseq_before, struct buf *out);

struct log_record {
    uint64_t version_before;
    struct reader rest;
    uint64_t modseq;
};
/* -ERR_CORRUPT; -ERR_CANNOT for a later format. */
MUST_USE int log_record_open(struct str bytes, struct log_record *record_out, struct err *err);
/* 1 a delta (in the arena; text borrows `bytes`), 0 the end, -ERR_CORRUPT. */
MUST_USE int log_record_next(struct log_record *record, struct arena *arena, struct delta *delta_out,
                             struct err *err);

/* What FLAGS does to a message's flags and keywords. */
void store_apply(enum store_mode mode, uint8_t flags, const struct keyword_set *keywords,
                 struct message *row);

#endif
