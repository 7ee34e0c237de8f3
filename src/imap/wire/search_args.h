/* search_args.h: SEARCH and UID SEARCH.
 * RFC 9051, 6.4.4 and 9 (search); RFC 3501; RFC 4731 and 5182 (RETURN); RFC 7162, 3.1.5;
 * RFC 9394 (PARTIAL); RFC 5267 (UPDATE, CONTEXT); RFC 6203 (FUZZY); RFC 5032 (OLDER, YOUNGER);
 * RFC 8474 (EMAILID, THREADID); RFC 8514 (SAVED...); RFC 9738 (UIDAFTER, UIDBEFORE)
 * The program is a tree in one flat array, parents before children: node i's subtree is
 * nodes[i .. nodes[i].end), its first child i + 1, the next child nodes[child].end.
 * nodes[0] is SEARCH_AND over all keys given. */
#ifndef LOFT_IMAP_WIRE_SEARCH_ARGS_H
#define LOFT_IMAP_WIRE_SEARCH_ARGS_H

#include "imap/wire/partial_range.h"

enum {
    SEARCH_NODES_MAX = 4096,
    SEARCH_DEPTH_MAX = 128,
    SEARCH_TEXT_KEYS_MAX = 64 /* BODY and TEXT: each reads whole messages */
};

struct fetch_args; /* fetch_args.h */

enum search_key {
    SEARCH_AND, /* one child or more */
    SEARCH_OR,  /* two children */
    SEARCH_NOT, /* one child */
    SEARCH_ALL,
    SEARCH_FLAG,       /* flag; ANSWERED ... */
    SEARCH_NO_FLAG,    /* flag; UNANSWERED ... */
    SEARCH_KEYWORD,    /* text */
    SEARCH_NO_KEYWORD, /* text */
    SEARCH_RECENT,     /* RFC 3501 */
    SEARCH_OLD,        /* NOT RECENT */
    SEARCH_NEW,        /* RECENT UNSEEN */
    SEARCH_SEQ,        /* set */
    SEARCH_UID,        /* set */
    SEARCH_BEFORE,     /* day, of INTERNALDATE, time and zone disregarded */
    SEARCH_ON,
    SEARCH_SINCE,
    SEARCH_SENT_BEFORE, /* day, of the Date header */
    SEARCH_SENT_ON,
    SEARCH_SENT_SINCE,
    SEARCH_SAVED_BEFORE, /* day, of SAVEDATE */
    SEARCH_SAVED_ON,
    SEARCH_SAVED_SINCE,
    SEARCH_SAVEDATE_SUPPORTED,
    SEARCH_OLDER,   /* number: seconds */
    SEARCH_YOUNGER, /* number: seconds */
    SEARCH_LARGER,  /* number: bytes, above */
    SEARCH_SMALLER, /* number: bytes, below */
    SEARCH_MODSEQ, /* number: at least; any entry name and type were checked and dropped: all flags share one modseq here */
    SEARCH_FROM, /* text, in the charset told, as it came: the caller decodes and folds it */
    SEARCH_TO,
    SEARCH_CC,
    SEARCH_BCC,
    SEARCH_SUBJECT,
    SEARCH_BODY,
    SEARCH_TEXT,
    SEARCH_HEADER,  /* header: name; text: "" asks whether the header is there */
    SEARCH_EMAILID, /* text */
    SEARCH_THREADID,
};

struct search_node {
    enum search_key key;
    uint32_t end; /* index behind the subtree */
    bool fuzzy;   /* below FUZZY (RFC 6203), and not below a NOT below that: it may match more, never less */
    union {
        enum flag flag;
        int32_t day; /* days since 1970-01-01 */
        uint64_t number;
        struct seqset set; /* "*" and "$" symbolic */
        struct {
            struct str text, header;
        };
    };
};

/* RFC 4731, 3.1; RFC 5182; RFC 5267, 4; RFC 9394 */
enum search_return {
    SEARCH_RETURN_MIN = 1u << 0,
    SEARCH_RETURN_MAX = 1u << 1,
    SEARCH_RETURN_ALL = 1u << 2,
    SEARCH_RETURN_COUNT = 1u << 3,
    SEARCH_RETURN_SAVE = 1u << 4,
    SEARCH_RETURN_PARTIAL = 1u << 5, /* never with ALL: RFC 9394, 3.1 */
    SEARCH_RETURN_UPDATE = 1u << 6,
    SEARCH_RETURN_CONTEXT = 1u << 7, /* a hint: the same will be asked again */
    SEARCH_RETURN_RELEVANCY = 1u << 8,
};

struct search_args {
    bool uid;
    bool has_return;      /* RETURN was given: answer ESEARCH */
    unsigned return_bits; /* enum search_return; ALL where "RETURN ()" was given (RFC 4731, 3.1) */
    struct partial_range partial;
    struct fetch_args
        *update_items;  /* UPDATE (...): what new results are told with, RFC 5465, 7; NULL: nothing */
    struct str charset; /* NIL: none given, US-ASCII or UTF-8 */
    struct search_node *nodes;
    size_t node_count;
    bool uses_modseq; /* a MODSEQ key: CONDSTORE is enabled by it, results carry MODSEQ (RFC 7162, 3.1.5) */
    bool uses_fuzzy;  /* a FUZZY key: without one RELEVANCY is refused (RFC 6203, 4 and 6) */
    bool wants_relevancy; /* it is told, or sorted by */
    bool uses_saved;      /* "$" */
    bool uses_seq;        /* a message set, that is, sequence numbers even in UID SEARCH */
};

/* `p` stands behind the command name. args_out: struct search_args in p->arena.
 * -ERR_SYNTAX, -ERR_LIMIT (nodes, depth); -ERR_NOT_FOUND: a FILTER of p->filters, see parser.undefined_filter. */
MUST_USE int search_args_parse(struct parser *p, const void **args_out, struct err *err);

/* [search-return-opts SP] ["CHARSET" SP charset SP] search-key *(SP search-key), to the end of the line. */
bool parse_search_command(struct parser *p, struct search_args *args);

/* All of it anew in `arena`: what was parsed and the command's bytes may go. */
void search_args_copy(const struct search_args *args, struct arena *arena, struct search_args *out);

enum { CANCELUPDATE_TAGS_MAX = 64 };

struct cancelupdate_args {
    struct str *tags;
    size_t count; /* at least 1 */
};
/* CANCELUPDATE: RFC 5267, 4.3.5. -ERR_SYNTAX, -ERR_LIMIT */
MUST_USE int cancelupdate_args_parse(struct parser *p, const void **args_out, struct err *err);

/* RFC 5256 and others embed a search program: charset apart,
 * "search-key *(SP search-key)" to the end of the line. */
bool parse_search_keys(struct parser *p, struct search_args *args);

/* The whole of a searching command has been read: RELEVANCY without FUZZY is an error. */
bool check_search_relevancy(struct parser *p, const struct search_args *args);

/* What stands behind "RETURN", the SP after its list included. Fills has_return and return_bits. */
bool parse_search_return(struct parser *p, struct search_args *args);

#endif
