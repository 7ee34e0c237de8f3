/* meta.h: the two records that are made once when a message arrives and stored beside its bytes.
 *
 * meta    what FETCH, SORT, THREAD and SEARCH ask for again and again; small, read by the million:
 *   0   u8  version = 1          1   u8  flags (enum meta_flag)      2   i16 zone minutes of Date      4   u32 header bytes
 *   8   u64 message bytes        16  i64 sent date, s UTC            24  u64 message id hash (0: none)
 *   32  u32 x 4: bytes of ENVELOPE, BODY, BODYSTRUCTURE, part table
 *   48  u16 x 9: bytes of base subject, from, to, cc, display from, display to, preview; count of in-reply-to
 *       and of reference hashes
 *   66  u16 0                    68  the parts in that order; hashes are u64; integers are little-endian
 *
 * header  the raw fields that are kept (meta_view.c: kept_names), so that most HEADER.FIELDS need not read the message:
 *   0   u8  version = 2          1   u8  flags (enum meta_header_flag)      2  u8 number of fields
 *   3   of each field: u8 which of kept_names, 255: kept by the beginning of its name; u16 its bytes. Then the fields as sent, in order
 *   Version 1 has only the fields, from 2 on. It is written for more than 255 of them.
 *
 * Threads: records are values; meta_view borrows and is freely shared. */
#ifndef LOFT_MIME_META_H
#define LOFT_MIME_META_H

#include "mime/header.h"
#include "mime/structure.h"

enum {
    META_VERSION = 1,
    META_HEADER_VERSION = 2,
    META_KEY_BYTES_MAX = 255,          /* of each sort key */
    META_REFERENCES_MAX = 64,          /* the newest are kept */
    META_PREVIEW_CHARS_MAX = 200,      /* RFC 8970, 3.3 */
    META_HEADER_BYTES_MAX = 16 * 1024, /* of the fields in the header record */
};

enum meta_flag {
    /* Date was there and made sense; else the caller takes INTERNALDATE (RFC 5256, 2.2). */
    META_HAS_DATE = 1u << 0,
    META_HAS_ATTACHMENT = 1u << 1, /* a part that people would call an attachment */
    META_IS_REPLY = 1u << 2,       /* Subject had "re:" or the like: RFC 5256, 3, REFERENCES (5) */
    META_TRUNCATED = 1u << 3,      /* a limit of structure.h was met */
    META_HAS_BLANK = 1u << 4,      /* a blank line ends the header */
};

enum meta_header_flag {
    META_HEADER_TOO_LARGE = 1u << 0, /* the fields were left out: read the message */
    META_HEADER_HAS_BLANK = 1u << 1,
};

/* Parse `message` once and append both records.
 *   cache    may be NULL: then charsets are opened for this message alone
 *   returns  0; -ERR_LIMIT above MESSAGE_BYTES_MAX. No message is refused for what it holds. */
MUST_USE int mime_meta_build(struct str message, struct charset_cache *cache, struct buf *meta_out,
                             struct buf *header_out, struct err *err);

struct meta_view {
    uint32_t flags; /* enum meta_flag */
    int zone_minutes;
    uint64_t message_bytes;
    uint64_t header_bytes; /* of the message's header, blank line included */
    int64_t sent_s;        /* when META_HAS_DATE: seconds since the epoch, UTC */
    /* 0: none. XXH3-64, seed 0, of the id without "<>", unquoted; see meta_hash_id. */
    uint64_t message_id_hash;
    struct str envelope, body, bodystructure; /* ready to send: "(...)" */
    struct str parts;                         /* see meta_find_section */
    struct str subject;                       /* sort keys, folded: base subject ... */
    struct str from, to, cc;                  /* ... mailbox of the first address (RFC 5256, 3) ... */
    struct str display_from, display_to;      /* ... and display name (RFC 5957, 3) */
    struct str preview;                       /* UTF-8, "" when there is nothing to show */
    size_t in_reply_to_count, reference_count;
    const char *hashes; /* u64 each: in-reply-to, then references, oldest first; read with load_u64 */
};

/* Check a record and borrow from it: no copy, no allocation, well under 0.1 us.
 *   returns  0; -ERR_CORRUPT when it is damaged or of a version unknown */
MUST_USE int mime_meta_view(struct str record, struct meta_view *view_out, struct err *err);

uint64_t meta_in_reply_to(const struct meta_view *view, size_t i); /* i < in_reply_to_count */
uint64_t meta_reference(const struct meta_view *view, size_t i);   /* i < reference_count */

/* Hash of a message id as stored above: "<a@b>", "a@b" and "<\"a\"@b>" are the same. Never 0. */
uint64_t meta_hash_id(struct str id);

/* ---- header record ---- */

/* Some of the fields that header records keep, by the table of a record. */
struct meta_kept {
    uint64_t names; /* bit i: the i-th of kept_names */
    bool others;    /* some that are kept by the beginning of their name */
};

/* Are all these fields kept in header records? Then HEADER.FIELDS of them need not read the message, unless its record
 * is one of too many bytes.   kept_out: these; may be NULL */
bool mime_header_record_keeps(const struct str *names, size_t count, struct meta_kept *kept_out);

/* Append what HEADER.FIELDS (names) returns, the blank line included.
 *   kept     the same names, of which mime_header_record_keeps has told that they are kept
 *   returns  1; 0 too large: read the message; -ERR_CORRUPT */
MUST_USE int mime_header_record_fields(struct str record, const struct header_names *names,
                                       const struct meta_kept *kept, struct buf *out, struct err *err);

/* The raw fields of the record ("" when too large), for header_find and the like.
 *   returns  0; -ERR_CORRUPT */
MUST_USE int mime_header_record_view(struct str record, struct str *fields_out, bool *too_large_out,
                                     struct err *err);

/* ---- sections: RFC 9051, 6.4.5.1 ---- */

enum section_kind {
    SECTION_WHOLE,  /* BODY[] or BODY[1.2] */
    SECTION_HEADER, /* BODY[HEADER], BODY[1.HEADER]; also the bytes to filter for HEADER.FIELDS */
    SECTION_TEXT,   /* BODY[TEXT], BODY[1.TEXT] */
    SECTION_MIME,   /* BODY[1.MIME] */
};

/* What is known of a part without reading the message again. */
struct meta_part {
    enum part_kind kind;
    enum transfer transfer;
    bool is_html;     /* text/html */
    bool is_attached; /* Content-Disposition: attachment */
    bool has_blank;   /* a blank line ends its header */
    uint8_t charset;  /* text parts; CHARSET_UNKNOWN: none or not known */
    uint32_t depth;   /* 1: the body of the message */
    uint64_t header_offset, header_bytes, body_offset, body_bytes, lines;
};

struct section {
    uint64_t offset, length; /* bytes of the message */
    struct meta_part part;   /* the part that the numbers lead to: transfer, charset ... */
};

/* Where a section lies in the message.
 *   path     part numbers, path_count of them; none: the message itself
 *   returns  0; -ERR_NOT_FOUND: no such part, or HEADER, TEXT of a part that is no message, or MIME without
 *            numbers; -ERR_CORRUPT
 * BODY[1] and BODY[1.MIME] of a message that is no multipart are its body and its header. For SECTION_WHOLE
 * with numbers, part.transfer is what BINARY has to decode; for multiparts, embedded messages sent unencoded
 * and the message itself it is TRANSFER_IDENTITY. */
MUST_USE int meta_find_section(const struct meta_view *view, const uint32_t *path, size_t path_count,
                               enum section_kind kind, struct section *section_out, struct err *err);

/* All parts in order, parents first: struct meta_part_reader r = meta_each_part(view); then 1 a part, 0 the
 * end, -ERR_CORRUPT. */
struct meta_part_reader {
    const char *p, *end;
    uint64_t message_bytes;
    uint32_t depth_left[STRUCTURE_DEPTH_MAX + 2];
    uint32_t depth;
};
struct meta_part_reader meta_each_part(const struct meta_view *view);
MUST_USE int meta_next_part(struct meta_part_reader *r, struct meta_part *part_out, struct err *err);

#endif
