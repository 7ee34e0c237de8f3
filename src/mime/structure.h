/* structure.h: the tree of MIME parts of a message, found in one pass over its bytes.
 * RFC 2045, RFC 2046, 5; RFC 6532, 3.7.
 * No recursion, linear in the message: nesting beyond the limits is not looked into; such a part is one
 * opaque leaf (application/octet-stream), and the bytes are all still there to be served.
 *
 *   message            parts[0]: the message itself, kind PART_MESSAGE, its body is all of it
 *   `- body            parts[1]: header = the message's, body = behind the blank line; a leaf, a multipart or ...
 *      |- child        header = its MIME header, body up to the line end in front of the next boundary (RFC 2046, 5.1.1)
 *      `- message      kind PART_MESSAGE (message/rfc822, message/global); its only child is the embedded message's body part
 *
 * Broken multiparts: the innermost open boundary wins; a missing end boundary ends where an outer one comes,
 * or the message. A multipart without any part, or without boundary parameter, is shown as a text/plain leaf
 * of its whole body: the grammar has no empty multipart (RFC 9051, 9, body-type-mpart) and a person sees the
 * text. Content-Type that is not type/subtype is text/plain (RFC 2045, 5.2).
 * Threads: none; the result is a value that borrows. */
#ifndef LOFT_MIME_STRUCTURE_H
#define LOFT_MIME_STRUCTURE_H

#include "mime/param.h"
#include "mime/transfer.h"

enum {
    STRUCTURE_DEPTH_MAX = 100,   /* parts inside parts */
    STRUCTURE_PARTS_MAX = 10000, /* of one message */
    BOUNDARY_BYTES_MAX = 998,    /* RFC 2046 says 70; a line holds no more */
    MESSAGE_BYTES_MAX = 0x7fffffff,
};

/* Stored: never renumber. */
enum part_kind {
    PART_TEXT = 0,
    PART_MULTIPART = 1,
    PART_MESSAGE = 2,
    PART_OTHER = 3,
};

struct part {
    enum part_kind kind;
    uint32_t parent, first_child, next; /* indexes into parts; 0: none, for parts[0] is nobody's child */
    uint32_t depth;
    uint64_t header_offset, header_bytes; /* blank line included */
    uint64_t body_offset, body_bytes;
    uint64_t lines; /* LF bytes in the body */
    enum transfer transfer;
    bool header_has_blank;
    bool defaulted;           /* type was not given, or replaced: `params` are ours */
    struct str type, subtype; /* as sent, else defaults; never empty */
    struct param_list params;
    struct str encoding;                                 /* as sent, trimmed; NIL when absent */
    struct str id, description, md5, language, location; /* raw values; NIL when absent */
    struct str disposition;                              /* as sent; NIL when absent */
    struct param_list disposition_params;
    uint8_t charset; /* of a text part; see charset.h */
};

struct structure {
    struct str message; /* borrows */
    struct part *parts; /* in order of appearance, parents first */
    size_t count;       /* at least 2 */
    bool truncated;     /* a limit was met: something is opaque */
};

/* Find the parts of `message`.
 *   out      borrows `message` and `arena`
 *   returns  0; -ERR_LIMIT above MESSAGE_BYTES_MAX */
MUST_USE int structure_parse(struct str message, struct arena *arena, struct charset_cache *cache,
                             struct structure *out, struct err *err);

/* Make the body of the message one opaque leaf: for a structure that is too large to be told. */
void structure_collapse(struct structure *s);

/* Header bytes of a part; for parts[0] NIL. */
struct str structure_header(const struct structure *s, const struct part *part);
struct str structure_body(const struct structure *s, const struct part *part);

#endif
