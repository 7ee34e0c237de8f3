/* workload.h: the table of workloads, and what several of them need: mailboxes with known messages in them. */
#ifndef LOFT_BENCH_LOAD_WORKLOAD_H
#define LOFT_BENCH_LOAD_WORKLOAD_H

#include "load/corpus.h"
#include "load/crowd.h"

struct workload {
    const char *name;
    const char *keys; /* KEY=VALUE that it takes, separated by spaces */
    const char *help;
    void (*run)(struct bench *b);
};

extern const struct workload workloads[]; /* ends with name NULL */

void login_run(struct bench *b); /* work_login.c */
void lmtp_run(struct bench *b);  /* work_arrive.c */
void append_run(struct bench *b);
void fill_run(struct bench *b);   /* big.c */
void select_run(struct bench *b); /* work_select.c */
void fetch_run(struct bench *b);  /* work_fetch.c */
void store_run(struct bench *b);  /* work_store.c */
void search_run(struct bench *b); /* work_search.c */
void sort_run(struct bench *b);   /* work_sort.c */
void thread_run(struct bench *b);
void copy_run(struct bench *b); /* work_copy.c */
void idle_run(struct bench *b); /* work_idle.c */
void push_run(struct bench *b);
void mix_run(struct bench *b); /* work_mix.c */

enum { WORK_BYTES = 24 * 1024, WORK_BATCH = 100, WORK_SMALL_BYTES = 1000 };

/* Make it, empty, anew. */
void mailbox_make(struct client *c, const char *mailbox);

/* APPEND messages `first` to `first + count - 1` with their flags and dates, `batch` a command where the server
 * has MULTIAPPEND. RFC 3502 */
void mailbox_append(struct client *c, const char *mailbox, unsigned first, unsigned count, unsigned bytes);

/* One such command, queued. `flags`: with those that text.h says, and the internal date. */
void mailbox_begin_append(struct client *c, const char *mailbox);
void mailbox_add_message(struct client *c, struct str message, unsigned n);

/* ---- the big mailbox ---- */

struct big {
    unsigned user, messages;
    unsigned base;        /* messages that differ; those behind are copies, in the same order */
    unsigned bytes;       /* of each; of real ones the average */
    struct corpus corpus; /* real=1: these; else empty */
    bool is_new;          /* nobody has read it yet */
    char name[48];
};

/* The one with `messages` (parameter), made where it is missing. */
void big_find(struct bench *b, struct big *out);
void big_deinit(struct big *big);
/* Append message `n` to `out`. */
void big_message(const struct bench *b, const struct big *big, unsigned n, struct buf *out);
/* A client that is signed in to its user. */
void big_open(struct bench *b, const struct big *big, struct client *out);
void big_params(const struct big *big, struct row *r);
/* The number of the message at `seq`. */
static inline unsigned big_number(const struct big *big, unsigned seq)
{
    return (seq - 1) % big->base + 1;
}
/* Note that it is not new any more. */
void big_touch(struct client *c, const struct big *big);

/* Sign in and select INBOX or another mailbox; for crowd operations: true while steps are left. */
bool work_open_step(struct client *c, enum client_kind kind, unsigned user, const char *mailbox);

#endif
