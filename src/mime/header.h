/* header.h: the header of a message or of a MIME part, field by field.
 * RFC 5322, 2.2 and 4.5; RFC 2045, 3.
 * What is found is taken as it is: bare LF line ends, white space before the colon, 8-bit bytes, NUL, an mbox
 * "From " line on top. Nothing is copied but by header_unfold.
 * Threads: none; values. */
#ifndef LOFT_MIME_HEADER_H
#define LOFT_MIME_HEADER_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    HEADER_FIELDS_MAX = 4096,               /* fields of one header that we interpret; all are served */
    HEADER_INTERPRETED_BYTES_MAX = 1 << 20, /* fields that begin behind it are served, not interpreted */
};

struct header_field {
    struct str name; /* as sent, without white space before the colon; never empty */
    /* Behind the colon, as sent: folded lines and leading space included, without the last line end. */
    struct str value;
    struct str whole; /* name to the last line end, as sent */
    size_t offset;    /* of `whole` in the header */
};

struct header_reader {
    struct str header;
    size_t at, count;
};

/* Told of each line that begins with "--" (offset into the bytes scanned):
 * true ends the header in front of it. */
typedef bool header_stop_fn(void *ctx, size_t offset, struct str line);

/* Length of the header at the start of `bytes`, its blank line included. It ends behind the first blank line,
 * at the end of the bytes, or where `stop` (may be NULL) says so. Lines that are no field belong to the
 * header when a field follows them; else they are the body of a message whose blank line is missing. A first
 * line that is no field means: no header at all.
 *   has_blank_out  whether there was a blank line; may be NULL */
size_t header_length(struct str bytes, bool is_message, header_stop_fn *stop, void *ctx, bool *has_blank_out);

/* for (struct header_reader r = header_each(header); header_next(&r, &field);): `header` is what
 * header_length measured; a blank line ends it. Lines that are no field are passed over. The fields borrow
 * `header`. */
struct header_reader header_each(struct str header);
bool header_next(struct header_reader *r, struct header_field *field_out);

/* The same, of the fields of that name (ASCII case-insensitive) alone; r->count does not count the others. */
bool header_next_named(struct header_reader *r, struct str name, struct header_field *field_out);

/* As header_next, but ends at the limits above: for all who interpret fields. */
bool header_next_interpreted(struct header_reader *r, struct header_field *field_out);

/* First field of that name (ASCII case-insensitive).
 * The value is NIL when there is none, within the limits above. */
struct str header_find(struct str header, struct str name);

/* Append `raw` with line ends removed (RFC 5322, 2.2.3: the white space behind them stays) and trimmed at
 * both ends. NUL is dropped, a lone CR or LF becomes a space. */
void header_unfold(struct str raw, struct buf *out);
void header_unfold_inner(struct str raw, struct buf *out); /* white space at the ends stays */

/* A set of field names (ASCII case-insensitive), made ready once for many headers. */
struct header_names {
    const struct str *sorted;
    size_t count;
    uint64_t lengths; /* bit n: there is a name of n bytes; bit 63: of that or more */
};
/* Borrows what `names` borrow; the rest is in `arena`. */
struct header_names header_names_make(const struct str *names, size_t count, struct arena *arena);
bool header_names_has(const struct header_names *names, struct str name);

/* What FETCH HEADER.FIELDS (and .NOT) returns: RFC 9051, 6.4.5.1. Appends the fields whose name is
 * (`all_but`: is not) among `names`, as sent and in order, and the blank line ("\r\n") if the header has one.
 * Cost: fields times log names. */
void header_filter(struct str header, const struct header_names *names, bool all_but, struct buf *out);

/* The same of a header that comes in pieces, for one too large to be in memory.
 *   struct header_sieve s = { .names = names, .all_but = all_but }; then feed what was not consumed, with more behind it, until s.ended or
 *   the last piece, of which all is consumed. A piece that is not the last has at least HEADER_SIEVE_BYTES.
 * A field whose name does not end within HEADER_SIEVE_BYTES is none. */
enum { HEADER_SIEVE_BYTES = 128 * 1024 };
struct header_sieve {
    const struct header_names *names;
    bool all_but;
    bool ended;   /* the blank line was met: what follows is no header */
    bool keeps;   /* the field that we are in */
    bool in_line; /* of which the beginning was consumed */
};
/* Appends; returns the bytes consumed. */
size_t header_sieve_feed(struct header_sieve *s, struct str bytes, bool last, struct buf *out);

#endif
