/* parser.h: the words of the IMAP grammar, over the bytes of one complete command (framer.h) with its
 * literals inline.
 * RFC 9051, 9; RFC 3501, 9; RFC 4466; RFC 7162, 7; RFC 3516, 7
 * A parser reads like its grammar (STYLE 5.3): each parse_x() reads one x and answers true, or notes the
 * first error and answers false; it moves only on success, but who fails gives up the command anyway.
 *
 *     copy = "COPY" SP sequence-set SP mailbox
 *     if (!parse_sp(p) || !parse_seqset(p, &a->set) || !parse_sp(p) || !parse_mailbox(p, &a->mailbox) ||
 *         !parse_end(p))
 *         return parser_error(p, err);
 *
 * A try_x() answers whether x comes next, reads it if so, and is no error if not.
 * Results live in the arena or borrow the input: valid until both the command's bytes and its arena go.
 * Strangers get parser_limits_before_login: hardly any nesting, short strings.
 * Threads: none. */
#ifndef LOFT_IMAP_WIRE_PARSER_H
#define LOFT_IMAP_WIRE_PARSER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/seqset.h"
#include "mail/flag.h"

struct parser_limits {
    size_t string_max;  /* bytes of one atom, string or literal */
    unsigned depth_max; /* open parentheses at a time */
    unsigned items_max; /* members of one list: flags, patterns, FETCH items ... */
};
extern const struct parser_limits parser_limits_before_login, parser_limits_after_login;

enum {
    TAG_BYTES_MAX = 128,
    SECTION_PARTS_MAX = 64, /* numbers in BODY[1.2.3...]: deeper than any message that is parsed */
};

struct search_filters;

struct parser {
    struct str in;
    size_t at;
    struct arena *arena;
    const struct parser_limits *limits;
    bool utf8; /* the client enabled IMAP4rev2 or UTF8=ACCEPT: mailbox names are UTF-8, not modified UTF-7 */
    bool uid;  /* the command came with "UID " before it: see parse_command_name */
    unsigned depth;
    enum err_kind error; /* first error; ERR_NONE: none */
    size_t error_at;
    const char *expected; /* static text */

    /* SEARCH: search_filter.h */
    const struct search_filters *filters; /* NULL: there are none */
    struct str undefined_filter;          /* -ERR_NOT_FOUND: which; else NIL */
    bool wants_utf8;                      /* -ERR_SYNTAX for the charset: a filter is in UTF-8 */
};

void parser_init(struct parser *p, struct str command, const struct parser_limits *limits, bool utf8,
                 struct arena *arena);

/* Note an error at the current byte unless there is one already. Always false, for
 * `return parser_fail(p, "a date");`.
 *   parser_fail        -ERR_SYNTAX: `expected` is what should stand here
 *   parser_fail_limit  -ERR_LIMIT: `what` names what there is too much of
 *   parser_fail_value  -ERR_INVALID: right grammar, senseless value */
bool parser_fail(struct parser *p, const char *expected);
bool parser_fail_limit(struct parser *p, const char *what);
bool parser_fail_value(struct parser *p, const char *what);

/* Note another error than those, `text` static. */
bool parser_fail_as(struct parser *p, enum err_kind kind, const char *text);

/* -ERR_SYNTAX ("expected a mailbox name at byte 14"), -ERR_LIMIT, -ERR_INVALID, or what parser_fail_as was given.
 * Never quotes the input: it may hold a password. */
int parser_error(const struct parser *p, struct err *err);

/* ---- punctuation ---- */
int parser_peek(const struct parser *p); /* next byte as 0..255, -1 at the end */
bool parse_char(struct parser *p, char c, const char *expected);
bool try_char(struct parser *p, char c);
bool parse_sp(struct parser *p);
/* CRLF, or LF alone, and nothing behind it; spaces before it are forgiven. */
bool parse_end(struct parser *p);
bool parser_at_end(const struct parser *p); /* parse_end would succeed */
bool parse_list_open(struct parser *p);     /* "(", within depth_max */
bool parse_list_close(struct parser *p);
/* False without error when there is no "(" ; a depth error fails at the next parse. */
bool try_list_open(struct parser *p);

/* Next in a list whose "(" was read: true when an item follows, false at its ")" or on error (parser_failed
 * tells). Between items one SP; at most limits->items_max.
 *   for (size_t i = 0; parse_list_next(p, i); i++) ... */
bool parse_list_next(struct parser *p, size_t index);
bool parser_failed(const struct parser *p);

/* ---- words ---- */
/* 1*<any ASTRING-CHAR except "+">, at most TAG_BYTES_MAX. */
bool parse_tag(struct parser *p, struct str *out);

/* command name as an atom; "UID" SP name sets p->uid and yields the second word.
 * Compare with str_eq_nocase. */
bool parse_command_name(struct parser *p, struct str *out);

bool parse_atom(struct parser *p, struct str *out);
bool parse_astring(struct parser *p, struct str *out);
bool parse_string(struct parser *p, struct str *out);  /* quoted or literal */
bool parse_nstring(struct parser *p, struct str *out); /* NIL becomes STR_NIL */
bool parse_quoted(struct parser *p, struct str *out);
bool parse_literal(struct parser *p, struct str *out);  /* {n} or {n+}; no NUL inside */
bool parse_literal8(struct parser *p, struct str *out); /* ~{n} or ~{n+} too; any byte */

/* Reads `word`, without case, if it stands here and ends here (no further atom byte). */
bool try_word(struct parser *p, struct str word);

/* Letters, digits and dots: the names of FETCH items end before "[", which is legal in an atom. */
bool parse_label(struct parser *p, struct str *out, const char *expected);

/* Rows of a keyword table: any struct whose first member is `struct str name`.
 * Row with that name, without case; NULL: none. */
const void *find_row(struct str name, const void *rows, size_t row_count, size_t row_size);
#define FIND_ROW(name, rows) find_row((name), (rows), ARRAY_COUNT(rows), sizeof(rows)[0])

/* ---- numbers ---- */
bool parse_number(struct parser *p, uint32_t *out);
bool parse_nz_number(struct parser *p, uint32_t *out);
bool parse_number64(struct parser *p, uint64_t *out); /* 63 bits: RFC 9051, 9 */
bool parse_nz_number64(struct parser *p, uint64_t *out);
bool parse_seqset(struct parser *p, struct seqset *out); /* "*" and "$" stay symbolic: seqset.h */

/* ---- names and flags ---- */

/* Mailbox name: UTF-8 in NFC, the first level "INBOX" spelled so, one trailing separator cut
 * (RFC 9051, 6.3.4; Thunderbird sends it with every name). Unless p->utf8, modified UTF-7 is decoded; a name
 * with 8-bit bytes is then taken for UTF-8 as it stands. -ERR_INVALID when it is not valid UTF-7 or UTF-8.
 * What else makes a good name (levels, length) mailbox_name_check decides. */
bool parse_mailbox(struct parser *p, struct str *out);

/* The same; given_out: the name as the client spelled it (in UTF-8) where that is another, else NIL.
 * It is told as OLDNAME: RFC 9051, 6.3.9.7 */
bool parse_mailbox_given(struct parser *p, struct str *out, struct str *given_out);

/* The same for a name that is plain UTF-8, as in a URL. False: it is no UTF-8. */
bool mailbox_name_from_utf8(struct str utf8, struct arena *arena, struct str *out);

/* The same for LIST: nothing cut, "%" and "*" allowed without quotes (list-mailbox); INBOX kept as it stands,
 * glob.h compares it right. */
bool parse_list_mailbox(struct parser *p, struct str *out);
bool parse_list_reference(struct parser *p, struct str *out);

struct flag_list {
    uint8_t flags;        /* enum flag */
    struct str *keywords; /* each once (without case), as first spelled; borrow the input */
    size_t keyword_count;
};
bool parse_flag_list(struct parser *p, struct flag_list *out);   /* "(" [flag *(SP flag)] ")" */
bool parse_store_flags(struct parser *p, struct flag_list *out); /* flag-list / (flag *(SP flag)) */
bool parse_keyword(struct parser *p, struct str *out);           /* flag-keyword, for SEARCH */

/* A system flag by name with its backslash; 0: none such, also "\Recent", which clients may not set
 * (RFC 3501, 2.3.2). */
enum flag flag_by_name(struct str name);
struct str flag_name(enum flag one_bit);

/* ---- dates ---- */

/* "1-Feb-1994", with or without quotes, as days since 1970-01-01 (negative before). */
bool parse_date(struct parser *p, int32_t *day_out);

struct date_time {
    int64_t unix_s;
    int16_t zone_min; /* minutes east of Greenwich */
};
bool parse_date_time(struct parser *p, struct date_time *out); /* quoted; day as " 1", "01" or "1" */

int64_t days_from_civil(int year, unsigned month, unsigned day); /* days since 1970-01-01, Gregorian */
void civil_from_days(int64_t days, int *year_out, unsigned *month_out, unsigned *day_out);
extern const char month_names[12][4]; /* "Jan" ... */

#endif
