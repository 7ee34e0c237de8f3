/* fetch_args.h: FETCH and UID FETCH.
 * RFC 9051, 6.4.5 and 9 (fetch); RFC 3501 (RFC822 items); RFC 7162, 7 (MODSEQ, CHANGEDSINCE, VANISHED);
 * RFC 3516 (BINARY); RFC 9394 (PARTIAL); RFC 8474 (EMAILID, THREADID); RFC 8514 (SAVEDATE); RFC 8970 (PREVIEW) */
#ifndef LOFT_IMAP_WIRE_FETCH_ARGS_H
#define LOFT_IMAP_WIRE_FETCH_ARGS_H

#include "imap/wire/partial_range.h"
#include "mime/meta.h"

enum fetch_item {
    FETCH_UID = 1u << 0,
    FETCH_FLAGS = 1u << 1,
    FETCH_INTERNALDATE = 1u << 2,
    FETCH_RFC822_SIZE = 1u << 3,
    FETCH_ENVELOPE = 1u << 4,
    FETCH_BODYSTRUCTURE = 1u << 5,
    FETCH_BODY = 1u << 6, /* BODY without a section: BODYSTRUCTURE without extension data */
    FETCH_MODSEQ = 1u << 7,
    FETCH_EMAILID = 1u << 8,
    FETCH_THREADID = 1u << 9,
    FETCH_SAVEDATE = 1u << 10,
    FETCH_PREVIEW = 1u << 11,
    FETCH_SECTION = 1u << 12,       /* BODY[...], BODY.PEEK[...] */
    FETCH_BINARY = 1u << 13,        /* BINARY[...], BINARY.PEEK[...] */
    FETCH_BINARY_SIZE = 1u << 14,   /* BINARY.SIZE[...] */
    FETCH_RFC822 = 1u << 15,        /* BODY[], told as RFC822 */
    FETCH_RFC822_HEADER = 1u << 16, /* BODY.PEEK[HEADER] */
    FETCH_RFC822_TEXT = 1u << 17,   /* BODY[TEXT] */
};

enum fetch_text {
    TEXT_ALL, /* the part itself */
    TEXT_HEADER,
    TEXT_HEADER_FIELDS,
    TEXT_HEADER_FIELDS_NOT,
    TEXT_BODY,
    TEXT_MIME,
};

/* What stands in the brackets. RFC822, RFC822.HEADER and RFC822.TEXT have theirs filled in too,
 * so that one function reads all. */
struct fetch_section {
    uint32_t *parts; /* "1.2.3" */
    size_t part_count;
    enum fetch_text text;
    struct str *fields; /* header names as the client spelled them ... */
    size_t field_count;
    struct header_names names; /* ... and the same for looking them up */
    bool in_record;            /* HEADER.FIELDS of the message itself that its header record answers ... */
    struct meta_kept kept;     /* ... and which of its fields */
};

struct fetch_att {
    enum fetch_item item;
    bool sets_seen;   /* no .PEEK: \Seen is set by reading */
    bool lazy;        /* PREVIEW (LAZY) */
    bool has_partial; /* <offset.length> */
    uint64_t offset, length;
    struct fetch_section section;
    struct str
        told; /* its name as fetch_att_write_name writes it, made once for many messages; NIL: not made */
};

struct fetch_args {
    bool uid;
    struct seqset set;
    /* In the order asked, macros spelled out, duplicates of items without a section dropped: the answer
     * follows this order (Outlook Express wants UID where it asked for it). */
    struct fetch_att *atts;
    size_t att_count;
    uint32_t items; /* enum fetch_item bits of all atts */
    bool sets_seen; /* of any att */
    bool has_changed_since;
    struct partial_range partial; /* only with UID FETCH; first 0: not given */
    uint64_t changed_since;       /* 0 is accepted: iOS 16 sends it, all messages match */
    /* Only with UID FETCH and CHANGEDSINCE: checked here; that QRESYNC is enabled: the caller. */
    bool vanished;
};

/* What stands in the brackets of BODY[...], here without them: section-spec. `section_out` is zeroed before. */
bool parse_section_spec(struct parser *p, struct fetch_section *section_out);

/* `p` stands behind the command name.
 *   args_out  struct fetch_args in p->arena
 *   returns   0; -ERR_SYNTAX, -ERR_LIMIT */
MUST_USE int fetch_args_parse(struct parser *p, const void **args_out, struct err *err);

/* "(" fetch-att *(SP fetch-att) ")", what is to be told of new messages (RFC 5465, 8). Fills atts, att_count, items and
 * sets_seen. */
bool parse_fetch_att_list(struct parser *p, struct fetch_args *args);

/* The same items once more; all is in `arena` and nothing borrowed. */
struct fetch_args *fetch_args_copy_atts(const struct fetch_args *args, struct arena *arena);

/* Add to `args` those items of `more` that it lacks; both live in `arena`. */
void fetch_args_merge(struct fetch_args *args, const struct fetch_args *more, struct arena *arena);

/* Append the name of an item as the answer tells it: "BODY[1.HEADER.FIELDS (Date)]<0>", "BINARY.SIZE[2]",
 * "RFC822.TEXT", "FLAGS". */
void fetch_att_write_name(const struct fetch_att *att, struct buf *out);
/* Make att->told. */
void fetch_att_make_name(struct fetch_att *att, struct arena *arena);

#endif
