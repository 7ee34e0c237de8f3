/* session.h: one IMAP client. RFC 9051, 3 has the picture of its states:
 *
 *   NOT_AUTHENTICATED --LOGIN, AUTHENTICATE--> AUTHENTICATED --SELECT--> SELECTED --CLOSE, UNSELECT--> AUTHENTICATED
 *   AUTHENTICATED, SELECTED --UNAUTHENTICATE--> NOT_AUTHENTICATED
 *                                   any --LOGOUT, error of the stream, autologout--> LOGOUT
 *
 * Beside the state stands what the next bytes from the client mean (enum session_input). A command is copied into the arena,
 * parsed and run; one that cannot finish because the client does not read returns -ERR_AGAIN and is run again, with its cursor,
 * when the output has drained. While a command is in progress no other is read.
 * Threads: net gives a session to one worker at a time: no locks here. */
#ifndef LOFT_IMAP_SESSION_H
#define LOFT_IMAP_SESSION_H

#include "base/collation.h"
#include "base/log.h"
#include "imap/server.h"
#include "mail/view.h"

struct command;
struct append;
struct door_guest;
struct sign_in;

enum {
    LOGIN_FAILURES_MAX = 10, /* of one connection, then BYE */
    CLIENT_BYTES_MAX = 127,  /* of what a client says it is; cut there */
};

enum session_state {
    STATE_NOT_AUTHENTICATED = 1u << 0,
    STATE_AUTHENTICATED = 1u << 1,
    STATE_SELECTED = 1u << 2,
    STATE_LOGOUT = 1u << 3,
};

enum session_input {
    INPUT_COMMAND, /* a new command */
    INPUT_MESSAGE, /* bytes of an APPEND literal */
    INPUT_SASL,    /* the client's answer to a SASL challenge */
    INPUT_IDLE,    /* DONE */
    INPUT_HELD, /* nothing is read: a command waits for output to drain, or a failed sign-in sits out its delay */
};

struct session {
    struct conn *conn;
    struct imap_server *server; /* borrows */
    struct logger log;
    enum session_state state;
    enum session_input input;
    struct framer framer;
    bool at_eof;       /* the client sends no more */
    struct buf client; /* what it says it is, at most CLIENT_BYTES_MAX: RFC 2971; empty: nothing yet */

    /* Who. NULL and empty before login. */
    struct account *account; /* own reference */
    char user_name[USER_NAME_BYTES_MAX + 1];
    char *by;                 /* who has signed in and acts for the user; heap; NULL: the user */
    int64_t signed_in_ms;     /* mono; 0: not yet */
    const char *mechanism;    /* static */
    uint64_t app_password_id; /* 0: none */
    int64_t
        device_due_ms; /* mono: it has signed in, and is noted as a device then at the latest: trail.h; 0: no more */
    uint64_t expunged_count;                             /* messages that the session has removed for good */
    char hidden_capabilities[USER_HIDDEN_BYTES_MAX + 1]; /* capability.h */
    struct presence_entry *presence;
    bool holds_account_limit;
    bool read_only; /* an app password let it in that may change nothing: door.h, CMD_CHANGES */

    /* door.c: the groups of the user, and the accounts of others that he has come to. */
    uint64_t *groups; /* heap; NULL: not read yet */
    size_t group_count;
    uint64_t groups_version, groups_changes; /* of the directory, when they were read */
    struct door_guest *guests;

    /* What the client understands. RFC 5161 */
    bool rev2, condstore, qresync;
    bool utf8_accept; /* RFC 9755 */
    bool uidonly;     /* RFC 9586: no sequence numbers, neither way */
    struct { /* RFC 5464: which news it has asked for, and up to where it knows them; metadata_news.c */
        bool server, mailboxes;
        struct metadata_watch {
            uint64_t account, seen;
            uint64_t skip; /* its own last change */
        } own, selected;
        uint64_t server_seen;
    } metadata;

    enum collation collation;        /* of SEARCH, SORT and THREAD: RFC 5255, 4 */
    const struct language *language; /* of the texts; NULL: as they are written. RFC 5255 */

    /* SELECTED: */
    struct account *
        selected_account; /* of the selected mailbox, not always `account`; own reference, until the view is closed */
    bool over_quota; /* its account was past a limit when the client was last told, or selected it */
    unsigned rights; /* enum right bits in the selected mailbox, as the client was told last: door.h */
    bool flags_due;  /* its flags must be told anew: rights have changed */
    struct view view;
    struct context *contexts; /* RFC 5267: results that are kept up to date: context.c */
    struct update *update;    /* changes of the mailbox that are half told: update.c */
    struct notify *notify;    /* what NOTIFY asked for; NULL: the command was not used: notify.c */
    struct batches_told {     /* UIDBATCHES that it was told: cmd_uidbatches.c */
        uint32_t size;        /* 0: none */
        uint32_t first, last, exists, uidnext;
    } batches_told;
    struct seqset saved; /* RFC 5182: "$", UIDs; lives in saved_arena */
    struct arena saved_arena;
    struct watcher watcher;      /* on the selected account, or one's own */
    struct watcher home_watcher; /* on one's own account when that is not the selected one */
    bool watching, watching_home;
    struct conn_waker *waker;

    /* The command in progress. All of it lives in `arena`, which is freed with the tagged reply. */
    struct arena arena;
    const struct command *command; /* NULL: none */
    struct str tag;
    bool uid_form; /* "UID FETCH" and the like */
    const void *args;
    void *cursor;                 /* a resumable command's place; NULL on its first run */
    const struct update_own *own; /* what it did to messages itself; NULL: nothing that needs to be known */
    struct ending *ending;        /* it has run, and what is new is told before its tagged reply: input.c */
    void (*cursor_drop)(
        struct session *s);        /* releases what the cursor holds beside arena memory; NULL: nothing */
    struct pending_commit *commit; /* of the command in progress: commit.c; NULL: none is under way */
    struct str reply_code;         /* for the tagged reply: without brackets; NIL: the table's */
    struct str reply_text;         /* NIL: "NAME completed" */
    struct str limit_code;         /* [MESSAGELIMIT n uid]; NIL: the limit was not met: cmd/limit.h */
    bool updates_sent;             /* the command told all updates itself */
    bool exists_first;             /* what is new is told before what is gone: REPLACE (RFC 8508, 3.2) */
    bool half_said;      /* a response is half out and waits for its reader: nothing else may be said */
    bool answered;       /* it sent its tagged reply itself: STARTTLS */
    bool failure_logged; /* with more than log_failure() knows: cmd/sign_in.c */

    struct append *append;   /* APPEND in progress: cmd_append.c */
    struct sign_in *sign_in; /* under way; NULL: none: cmd/login.h */

    int64_t deadline_ms;  /* the session's own: login timeout or autologout (mono) */
    int64_t heartbeat_ms; /* while idling: when to show a sign of life (mono); 0 otherwise */
    int64_t
        expires_ms; /* the end of what it signed in with, where that ends it, too (mono); 0: it does not */
    uint64_t command_count;
    unsigned failed_logins; /* of this connection */
    bool binding_used;      /* a sign-in has used its channel binding */
    unsigned garbage_lines; /* before login: lines that are no IMAP */
    bool has_secret; /* `arena` holds bytes from before login, perhaps a password: wiped before it is freed */
    int64_t progress_ms; /* mono: when to say how far the command is; 0: nothing to say yet */
    int64_t turn_end_ms; /* mono: after it others get their turn, session_must_wait */
    unsigned turn_checks;
    bool turn_pushed; /* it has lasted: store_push was called */
};

/* Mailbox names and quoted strings are UTF-8 for this client (RFC 9051, 5.1; RFC 9755, 3). */
static inline bool session_utf8(const struct session *s)
{
    return s->rev2 || s->utf8_accept;
}

/* Where responses go. */
static inline struct buf *session_out(struct session *s)
{
    return conn_out(s->conn);
}

/* True when a command that takes long or produces much must save its cursor and return -ERR_AGAIN: the client does not read (what the
 * socket takes is written first), or others have waited long enough for this worker. */
bool session_must_wait(struct session *s);
bool session_must_wait_now(struct session *s); /* for who works long between two questions */

/* Commit `change` for the command in progress, without holding a worker until it is durable: -ERR_AGAIN, which the
 * command returns, to be run again. Results lie in change->arena; NULL takes the session's. Until the result is there
 * `change` (in the session's arena, say as a part of the cursor) and all it points to stay as they are, and so does the
 * reference to `account` that the session holds. */
MUST_USE int session_commit(struct session *s, struct account *account, struct change *change,
                            struct err *err);
/* The session ends: wait for what is under way. */
void session_settle_commit(struct session *s);

/* The command in progress is about to wait its turn and has done `done` of `goal` (above `done`) messages. Tells the client from time to
 * time, never inside a response: "* OK [INPROGRESS ("tag" 454 1000)] Still working on it". RFC 9585, 4 */
void session_progress(struct session *s, uint32_t done, uint32_t goal);

/* A status line, its text in the client's language: "tag OK [code] text".   tag NIL: "*"; code NIL or "": none */
void session_status(struct session *s, struct str tag, const char *kind, struct str code, struct str text);
/* Untagged: "* OK [code] text". */
void session_untagged(struct session *s, const char *kind, const char *code, const char *text);

/* Untagged, with a code that has arguments: session_untagged_code(s, "First unseen", "UNSEEN %u", seq). */
void session_untagged_code(struct session *s, const char *text, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The response code of the tagged reply, without brackets: session_code(s, "APPENDUID %u %s", ...). */
void session_code(struct session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void session_text(struct session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Say BYE and end the session after what is queued went out. */
void session_bye(struct session *s, const char *code, const char *text);

/* A command of CONDSTORE was used: from now on MODSEQ is told. The first one with a mailbox selected tells HIGHESTMODSEQ: RFC 7162, 3.1. */
void session_enable_condstore(struct session *s);

/* The client that enabled UIDONLY used message numbers: BAD [UIDREQUIRED]. RFC 9586, 3 */
MUST_USE int session_uid_required(struct session *s, struct err *err);

/* Free the command's arena. */
void session_free_arena(struct session *s);

/* End the command in progress without a word: what it holds is released. */
void session_drop_command(struct session *s);

/* Send the tagged reply for result `r` of the command in progress (0 or -ERR_x with `err`), and end the command. */
void session_finish(struct session *s, int r, const struct err *err);

/* Signed in: open the account, take the account's place in the limits, become AUTHENTICATED. -ERR_LIMIT with the limit's name; what
 * auth_look_again says, ... */
MUST_USE int session_sign_in(struct session *s, struct auth_outcome *outcome, struct err *err);

/* Who is at the other end. `peer_out` borrows the session and `key`. */
void session_peer(const struct session *s, struct auth_peer *peer_out, char key[static ADDR_KEY_BYTES]);

/* Take back all that session_sign_in and the user have brought into the session (RFC 8437): afterwards it is
 * as new, but for its tag and arena. NOT_AUTHENTICATED; LOGOUT stays. Whatever is added to struct session for a
 * user ends here. Nothing is sent. */
void session_sign_out(struct session *s);

/* Say BYE when the account has been deleted: -ERR_UNAVAILABLE, the session is at its end. */
MUST_USE int session_check_account(struct session *s);

/* Leave the selected mailbox, if any: AUTHENTICATED. Nothing is sent. */
void session_deselect(struct session *s);

/* Set the connection's timer from deadline_ms and heartbeat_ms. */
void session_arm_timer(struct session *s);

/* Watch the selected mailbox: the session is woken when it changes. */
void session_watch(struct session *s);
void session_unwatch(struct session *s);

/* input.c: take what has come and do as much as can be done. */
void session_read(struct session *s);
/* input.c: frame what comes next: a line of a SASL exchange, or a new command. */
void session_expect_input(struct session *s);
/* input.c: run the command in progress (again). */
void session_run_command(struct session *s);

/* input.c: the command in progress is done with result `r`: tell mailbox changes, then the tagged reply. */
void command_finish(struct session *s, int r, struct err *err);

#endif
