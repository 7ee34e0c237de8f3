/* search_private.h: a compiled search program, as search_program.c makes it and search_text.c and search_match.c run it. */
#ifndef LOFT_IMAP_CMD_SEARCH_PRIVATE_H
#define LOFT_IMAP_CMD_SEARCH_PRIVATE_H

#include "imap/cmd/search_index.h"
#include "imap/cmd/search_match.h"
#include "mime/charset.h"
#include "mime/fuzzy.h"
#include "mime/meta.h"
#include "mime/text.h"

enum verdict { NO, YES, UNKNOWN };

enum {
    SCAN_WHOLE_BYTES_MAX =
        256 * 1024, /* larger messages are read in windows: one that waits for its turn shall keep little */
    NO_SCORE = FUZZY_SCORE_MAX + 1, /* not known yet, or nothing fuzzy */
    BODY_PERCENT = 60,              /* what is found in a body, beside what is in a header */
    DAYS_NEAR = 9,                  /* FUZZY SINCE and the like */
    SIZE_PERCENT_NEAR = 20,         /* FUZZY LARGER, SMALLER */
};

/* What each node was compiled to. */
struct prepared {
    struct str needle;            /* text keys: UTF-8, folded */
    int keyword;                  /* bit in the mailbox's table, -1: no message has it */
    struct seqset set;            /* SEQ: sequence numbers; UID: uids */
    bool saved;                   /* and "$" */
    uint32_t star_from, last_uid; /* UID of a lasting program: "n:*", and what "*" is */
    int64_t limit_s;              /* OLDER, YOUNGER: the moment */
    struct fuzzy *fuzzy;          /* text keys below FUZZY */
    unsigned score;               /* keys below FUZZY: of the message at hand; NO_SCORE: not asked */
    uint64_t id;                  /* EMAILID, THREADID; 0: not one of ours */
    struct str field;             /* of header keys: its name ... */
    bool field_kept;              /* ... and whether header records keep it */
    bool is_exact;                /* the index may be taken at its word */

    /* What is known of the messages of the chunk at hand. Who finds out more writes it here. */
    struct lane_verdicts lanes;
    uint32_t looked; /* the number of that chunk */
    bool is_indexed; /* and the index was asked */
};

/* What is looked at, what costs little first. */
enum stage { STAGE_ROW, STAGE_INDEX, STAGE_RECORDS, STAGE_BYTES };

/* The text of a message while it is looked through, which may take more than one turn. */
struct search_scan {
    bool is_running, is_fuzzy;
    uint32_t keys[SEARCH_TEXT_KEYS_MAX]; /* nodes */
    size_t key_count;
    struct open_blob *blob; /* a large message, which `reader` reads as it goes; else NULL */
    struct text_reader reader;
    enum text_scope from; /* of the piece before */
};

struct search_program {
    struct search_place place;
    struct arena *arena;
    const struct search_args *args;
    struct prepared *prepared; /* as many as nodes */
    struct charset_cache *charsets;
    struct seqset saved_seqs; /* "$" as sequence numbers, once for all nodes: thousands may name it */
    bool has_saved_seqs;
    enum stage stage;

    struct search_index *index; /* NULL: there is none, everything is scanned */
    bool owns_index;            /* else it is the place's */

    /* The chunk at hand. */
    const struct chunk_columns *columns;
    uint32_t first_seq, chunk_number;
    bool is_found;            /* its open messages were looked for in the index */
    struct chunk_columns one; /* a chunk of one message alone */

    /* The message at hand. */
    uint32_t lane;                        /* LANE_NONE: none yet */
    const struct search_records *records; /* read ahead; NULL: none */
    bool has_view, has_header, has_bytes;
    struct meta_view view;
    struct str header;
    struct search_scan scan;
    struct buf meta_bytes, header_bytes, bytes, extracted,
        text;  /* records, the message, scratch for decoded text */
    int error; /* of reading; 0: none */
    struct err err;
};

static inline bool search_is_text_key(enum search_key key)
{
    return key >= SEARCH_FROM && key <= SEARCH_HEADER;
}

/* Relevance is counted on text without case, whatever the client compares by: it then finds no less. */
static inline enum collation search_collation_of(const struct search_program *p, bool fuzzy)
{
    return fuzzy ? COLLATION_UNICODE_CASEMAP : p->place.collation;
}

/* ---- search_keys.c ---- */

/* errors: -ERR_CHARSET and others of charset_to_utf8 */
MUST_USE int search_prepare_text(struct search_program *p, const struct search_node *node,
                                 struct prepared *out, struct err *err);

/* Have the index of the place's account, if there is one, a key could use it and `snapshot` is worth asking it for; and let go of it. */
void search_take_index(struct search_program *p, const struct snapshot *snapshot);
void search_leave_index(struct search_program *p);

/* ---- search_rows.c ---- */

bool search_is_row_key(enum search_key key);
/* What a row key says of the chunk at hand. */
struct lanes search_rows(const struct search_program *p, const struct search_node *node,
                         const struct prepared *ready);

/* 1 to 100; 0: it does not match. */
unsigned search_score_day(const struct search_node *node, int64_t unix_s, int zone_min);
unsigned search_score_size(const struct search_node *node, uint64_t size);

/* ---- search_text.c ---- */

/* What reading a record or the message comes to: an error that is more than "not there" is kept for the caller of the program. */
MUST_USE int search_need_view(struct search_program *p);
enum verdict search_match_header(struct search_program *p, struct prepared *ready);
MUST_USE int search_need_bytes(struct search_program *p);
/* The message stays readable as p->scan.blob until the scan ends. */
MUST_USE int search_need_blob(struct search_program *p);
MUST_USE int search_need_extracted(struct search_program *p); /* into p->extracted */
MUST_USE int search_fail(struct search_program *p, int r);    /* keeps an error; returns `r` */
void search_raise_score(struct prepared *ready, unsigned score);

/* ---- search_scan.c ---- */

/* Look through the text of the message at hand until more is known: 1, or 0 when no BODY or TEXT is open any more, or -ERR_AGAIN.
 *   s  may have to wait; NULL: nobody */
MUST_USE int search_scan(struct search_program *p, struct session *s);
/* It is given up: what is still looked for is not there. */
void search_scan_end(struct search_program *p);

/* ---- search_match.c ---- */

/* What is known of the message at hand so far. */
enum verdict search_look_at_leaf(struct search_program *p, uint32_t key);

#endif
