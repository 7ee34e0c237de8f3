/* commit.c: a command at its commit waits without a thread. See session_commit. */
#include "imap/session.h"

static void wake(void *ctx)
{
    conn_wake(ctx);
}

int session_commit(struct session *s, struct account *account, struct change *change, struct err *err)
{
    if (!s->commit) {
        if (!s->waker)
            s->waker = conn_waker(s->conn);
        if (!change->arena)
            change->arena = &s->arena;
        s->commit = account_commit_begin(account, change, 1, wake, s->waker);
    }
    return account_commit_is_done(s->commit) ? account_commit_end(&s->commit, err) : -ERR_AGAIN;
}

void session_settle_commit(struct session *s)
{
    if (s->commit && account_commit_end(&s->commit, NULL) < 0)
        return; /* nobody is left to be told */
}
