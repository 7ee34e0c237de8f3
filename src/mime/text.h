/* text.h: the text of a message as SEARCH sees it: decoded, in UTF-8, folded by collation_fold.
 * RFC 9051, 6.4.4.
 * In pieces, memory bounded whatever the size of the message. What a person sees is searched: encoded-words,
 * transfer encodings and charsets decoded; HTML without its tags, scripts and comments, entities resolved.
 * Parts that are not text are passed over; their file names are told as people see them (RFC 2231, RFC 2047).
 * The scan of a message and the search index both take their text from here, so they cannot differ.
 * Threads: see charset.h. */
#ifndef LOFT_MIME_TEXT_H
#define LOFT_MIME_TEXT_H

#include "base/collation.h"
#include "mime/header.h"
#include "mime/html.h"
#include "mime/meta.h"

enum {
    TEXT_PIECE_BYTES = 64 * 1024, /* of a message's bytes that are decoded at a time */
    TEXT_OVERLAP_BYTES_MAX = 4096,
    TEXT_WINDOW_BYTES = 256 * 1024, /* of a message that is not at hand as a whole */
};

/* SEARCH BODY is TEXT_BODY, SEARCH TEXT is both. */
enum text_scope {
    TEXT_HEADER = 1u << 0, /* the message's header */
    TEXT_BODY = 1u << 1,   /* all text parts, MIME headers of parts, headers of embedded messages */
};

/* One piece of folded text. A text is a header field, a file name or the body of a part; a long body comes in several
 * pieces. All borrow until the callback returns. */
struct text_piece {
    struct str text;
    bool begins;          /* a text begins with this piece; else it goes on */
    enum text_scope from; /* whose */
    struct str name; /* of a header field and of the file name in one: the field's, as sent; NIL: a body */
    size_t value_at; /* a header field is "name: value": where in `text` the value begins; else 0 */
};

/* Return 0 to go on, 1 to stop (found), -ERR_x to fail.
 * A piece begins with the last `overlap` bytes of the one before if both are of one text: a needle of at most
 * overlap + 1 bytes is never cut. Without overlap the pieces of a text make up the text. */
typedef int mime_text_fn(void *ctx, const struct text_piece *piece);

/* Tell the text of a message.
 *   message  its bytes, those that `view` was made of (checked: -ERR_CORRUPT)
 *   overlap  at most TEXT_OVERLAP_BYTES_MAX (asserted): length of the longest needle, less one
 *   returns  1 when `fn` stopped, 0 at the end, or what `fn` failed with; -ERR_CORRUPT */
MUST_USE int mime_text_each(struct str message, const struct meta_view *view, unsigned scope, size_t overlap,
                            enum collation collation, struct charset_cache *cache, mime_text_fn *fn,
                            void *ctx, struct err *err);

/* Append one header value decoded and folded: for SEARCH SUBJECT, FROM, HEADER ... */
void mime_text_of_value(struct str raw, enum collation collation, struct charset_cache *cache,
                        struct buf *out);

/* The text of one part, from its bytes as sent to UTF-8, in pieces: transfer encoding and charset decoded,
 * HTML stripped. An unknown transfer encoding is taken as none, a charset that is not known or not installed
 * is guessed. */
struct part_text {
    struct transfer_decoder transfer;
    struct charset_stream charset;
    struct html_stripper html;
    bool is_html;
    struct buf bytes, utf8; /* between the stages */
};
void part_text_init(struct part_text *t, enum transfer transfer, uint8_t charset, bool is_html,
                    struct charset_cache *cache);
void part_text_feed(struct part_text *t, struct str in, bool last, struct buf *out);
void part_text_deinit(struct part_text *t);

/* Append bytes [offset, offset + length) of a message to `out`. */
typedef int text_read_fn(void *ctx, uint64_t offset, uint64_t length, struct buf *out, struct err *err);

/* The text of a message piece by piece, for who cannot take all of it at once: text_reader_next answers 1 and a piece, 0 at the end, or
 * -ERR_CORRUPT. What pieces borrow is valid until the next. `message` and what `view` borrows stay where they are meanwhile. */
struct text_reader {
    struct str message; /* or, where it is not at hand as a whole: */
    text_read_fn *read; /* NULL: it is */
    void *read_ctx;
    uint64_t message_bytes;
    struct buf window; /* its bytes from window_at on */
    uint64_t window_at;

    unsigned scope;
    size_t overlap;
    enum collation collation;
    struct charset_cache *cache;

    enum {
        TEXT_READER_PART,
        TEXT_READER_FIELD,
        TEXT_READER_FILE_NAME,
        TEXT_READER_BODY_BEGIN,
        TEXT_READER_BODY
    } state; /* what comes next */
    struct meta_part_reader parts;
    struct meta_part part;
    enum text_scope from;
    struct header_reader fields;
    struct header_field field;
    struct part_text decoder;
    size_t body_at;
    bool begins;
    struct buf plain, folded;
    struct str extra; /* see text_reader_add */
};

/* As mime_text_each; text_reader_deinit also after an error. */
MUST_USE int text_reader_init(struct text_reader *r, struct str message, const struct meta_view *view,
                              unsigned scope, size_t overlap, enum collation collation,
                              struct charset_cache *cache, struct err *err);
/* The same of a message that is read as it is needed: TEXT_WINDOW_BYTES of it are in memory, or a header that is larger. Then
 * text_reader_next fails with what `read` failed with, too. */
void text_reader_init_from(struct text_reader *r, text_read_fn *read, void *read_ctx,
                           const struct meta_view *view, unsigned scope, size_t overlap,
                           enum collation collation, struct charset_cache *cache);
MUST_USE int text_reader_next(struct text_reader *r, struct text_piece *piece_out, struct err *err);
/* Text in UTF-8 that belongs to the message and is kept elsewhere: told last, as the body of one more part. Borrowed until
 * text_reader_deinit. "" is none. */
void text_reader_add(struct text_reader *r, struct str extra);
void text_reader_deinit(struct text_reader *r);

#endif
