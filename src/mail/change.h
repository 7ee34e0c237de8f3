/* change.h: a change is a value. Each kind has one function that plans it against the account as it stands
 * and yields records to write; planning touches nothing, so a change can be refused, retried on a newer
 * version and batched with others (DESIGN: five ideas). The caller fills a struct, hands it to
 * account_commit() and reads the results from it. All `str`, arrays and sets are borrowed until
 * account_commit returns; results live in the change's arena, which the caller hands in. */
#ifndef LOFT_MAIL_CHANGE_H
#define LOFT_MAIL_CHANGE_H

#include "mail/acl.h"
#include "mail/quota.h"
#include "mail/snapshot.h"
#include "mail/tree.h"

enum change_kind {
    CHANGE_APPEND, /* new messages into one mailbox: APPEND, MULTIAPPEND, delivery, import */
    CHANGE_STORE,  /* flags and keywords */
    CHANGE_EXPUNGE,
    CHANGE_COPY, /* COPY, or MOVE when `move` is set */
    CHANGE_CREATE,
    CHANGE_DELETE,
    CHANGE_RENAME,
    CHANGE_SUBSCRIBE, /* or unsubscribe */
    CHANGE_ANNOTATE,  /* METADATA, and the special use of a mailbox */
    CHANGE_SET_ACL,   /* one entry of a mailbox's access control list, or whether \Seen is shared there */
    CHANGE_QUOTA,     /* limits */
};

enum { THREAD_REFERENCES_MAX = 20 }; /* Message-ID hashes looked at to find a new message's thread */

/* A message whose bytes are a pending blob already (incoming.h makes it). */
struct new_message {
    struct blob_id blob;
    uint32_t size_bytes;
    uint8_t flags;
    const struct str *keywords;
    size_t keyword_count;
    const struct str
        *marks; /* keywords that the server adds (mark.h), left out where a mailbox has no room for them */
    size_t mark_count;
    bool has_attachment; /* incoming.h: as JMAP's hasAttachment */
    int64_t internal_date_s;
    int16_t internal_zone_min;
    uint64_t message_id_hash;                   /* 0: none */
    uint64_t references[THREAD_REFERENCES_MAX]; /* hashes of In-Reply-To and References, nearest first */
    size_t reference_count;
};

enum { ANNOTATION_ENTRY_BYTES_MAX = 256 };

/* A named value: annotation.h. */
struct annotation {
    uint64_t user;    /* ANNOTATION_SHARED, or the account id of whom it is private to */
    struct str entry; /* small letters, without its scope: "/comment" */
    struct str value; /* NIL: to be deleted */
};

struct change {
    enum change_kind kind;
    struct arena *arena; /* results go here */
    bool ignore_quota;   /* administration: do it, whatever the limits say */

    union {
        struct {
            struct str mailbox; /* by name */
            const struct new_message *messages;
            size_t count;
            bool create; /* make and subscribe a mailbox that does not exist: delivery to user+folder */
            /* The messages warn the owner that the account is so full (percent). -ERR_EXISTS when that was
             * told already. */
            unsigned warning;
            /* REPLACE (RFC 8508): the message that goes in the same change, in whatever mailbox; 0: none. */
            uint64_t replaced_mailbox_id;
            uint32_t replaced_uid;
            uint64_t reader; /* as in store: \Seen of the new messages is that of this user */
        } append;
        struct {
            uint64_t mailbox_id;
            const struct seqset *uids;
            enum store_mode mode;
            uint8_t flags;
            const struct str *keywords;
            size_t keyword_count;
            bool conditional; /* UNCHANGEDSINCE was given */
            uint64_t unchanged_since;
            uint64_t
                reader; /* \Seen is that of this user, not of the owner (seen.h), unless it is shared; 0: the owner */
            uint8_t protected_flags; /* these stay as they are: the right to them lacks (RFC 4314, 4) */
            bool protect_keywords;
        } store;
        struct {
            uint64_t mailbox_id;
            const struct seqset *uids; /* NULL: all */
            bool only_deleted;         /* only those with \Deleted: EXPUNGE, UID EXPUNGE, CLOSE */
        } expunge;
        struct {
            uint64_t mailbox_id;
            const struct seqset *uids;
            struct str target; /* mailbox name */
            bool move;
            uint64_t reader;    /* as in store: whose \Seen goes where \Seen is shared */
            uint8_t lose_flags; /* the copies are without these: the right to them lacks (RFC 4314, 4) */
            bool lose_keywords;
        } copy;
        struct { /* missing levels above are made too */
            struct str name;
            uint16_t use; /* enum special_use bits; -ERR_CANNOT when another mailbox has one of them */
            bool subscribe;
        } create;
        struct { /* children and the subscription stay */
            struct str name;
        } delete;
        /* With all children; subscriptions and special use move along. INBOX: its messages move to a new
         * mailbox, it stays, and so do its children (RFC 9051, 6.3.6). A level without a mailbox of its own
         * can be renamed for its children. */
        struct {
            struct str from, to;
        } rename;
        struct { /* the name need not exist */
            struct str name;
            bool subscribe;
        } subscribe;
        struct {                            /* all or none; of a name given twice the last one counts */
            uint64_t mailbox_id;            /* ANNOTATION_ON_ACCOUNT */
            const struct annotation *items; /* shared ones and those of one user */
            size_t count;
            bool sets_use;
            uint16_t
                use; /* enum special_use bits: the mailbox has these from now on, and no other has them */
        } annotate;
        struct { /* acl_edit with the list as it stands */
            uint64_t mailbox_id;
            const struct acl_entry *entry; /* NULL: none */
            enum acl_mode mode;
            bool sets_seen, seen_shared; /* sets_seen: \Seen becomes shared, or private */
        } acl;
        /* Who may do so is the caller's business. */
        struct {
            struct str mailbox; /* and all below it; NIL or "": the account */
            struct quota_amounts limits;
            unsigned which; /* 1u << resource: the limits to set; the others stay */
            /* Instead: it was told, by other means than a message, that the account is so full (percent). -ERR_EXISTS
             * when that was told already. */
            unsigned warning;
        } quota;
    };

    /* Results. `result` is 0 or -ERR_x with `err`: this change alone was refused, others of the group may
     * have gone through.
     *   -ERR_NOT_FOUND     the mailbox does not exist (the response code TRYCREATE is the session's business)
     *   -ERR_EXISTS        CREATE, RENAME: the new name, or that of a child, is taken
     *   -ERR_INVALID       CREATE, RENAME, SUBSCRIBE: no name for a mailbox; RENAME below itself
     *   -ERR_LIMIT         keywords, mailboxes, uids, entries of an access control list used up; ANNOTATE: a value
     *                      or name too long, too many
     *   -ERR_CANNOT        DELETE INBOX; CREATE with a special use that another mailbox has (the session says
     *                      USEATTR); QUOTA: a limit that there cannot be
     *   -ERR_OVERQUOTA     it would hold more than it may
     *   -ERR_HAS_CHILDREN  DELETE of a name that has only children
     *   -ERR_EXPUNGED      APPEND: the message to be replaced, or its mailbox, is gone
     *   -ERR_UNAVAILABLE   the account was deleted, or other machines change it all the time
     *   or an error of the store: -ERR_FULL, -ERR_IO, -ERR_CORRUPT ... */
    int result;
    struct err err;
    uint64_t modseq;      /* given to what changed; 0 when nothing did */
    uint64_t mailbox_id;  /* APPEND, COPY: target; CREATE: the new one */
    uint32_t uidvalidity; /* of that mailbox */
    struct seqset uids;   /* APPEND, COPY, MOVE: new uids. STORE: really changed. EXPUNGE: gone */
    /* COPY, MOVE: those copied or moved, matching `uids` one to one in order. REPLACE: the one replaced */
    struct seqset source_uids;
    struct seqset modified; /* STORE: failed the UNCHANGEDSINCE test */
    struct seqset missing;  /* STORE, COPY, MOVE: asked for, but not there */
    bool soft_quota;        /* a limit is passed now, within the grace */
};

#endif
