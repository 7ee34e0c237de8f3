/* account_commit.h: what is done with a group of requests once account_queue.c has put it together. Between these
 * two files only. Threads: the leader of the account; a turn is handed on under the account's mutex. */
#ifndef LOFT_MAIL_ACCOUNT_COMMIT_H
#define LOFT_MAIL_ACCOUNT_COMMIT_H

#include "mail/plan.h"

/* A group that is planned as one commit, which the store works on. */
struct turn {
    struct store_commit commit; /* first */
    struct account *account;
    struct request *first;
    struct change **changes; /* of all requests */
    size_t count;
    struct plan plan;
    bool complete; /* the store has answered; account mutex */
};

/* Plan all of a group. NULL where this is not the usual case, in which one commit settles all: then run the requests one
 * by one, as far as needed. */
struct turn *turn_new(struct account *account, struct request *first);
/* Nothing changes: it needs no commit. */
bool turn_is_empty(const struct turn *turn);
void turn_start(struct turn *turn); /* turn->commit.done is called */
/* The store has answered: publish, refuse, or run the requests again on what is there now. */
void turn_end(struct turn **turn);

/* Settle a group, waiting for the store. */
void account_run_requests(struct account *account, struct request *first);

#endif
