#include "lmtp/testing_lmtp.h"

/* ---- the connection ---- */

struct str conn_input(struct conn *conn)
{
    return str_make(conn->input + conn->consumed, conn->input_n - conn->consumed);
}

void conn_consume(struct conn *conn, size_t bytes)
{
    assert_true(bytes <= conn->input_n - conn->consumed);
    conn->consumed += bytes;
}

struct buf *conn_out(struct conn *conn)
{
    return &conn->out;
}

bool conn_flush(struct conn *conn)
{
    (void)conn;
    return true;
}

void conn_set_deadline(struct conn *conn, int64_t mono_ms)
{
    conn->deadline_ms = mono_ms;
}

int64_t conn_now_mono_ms(struct conn *conn)
{
    return conn->now_ms;
}

void conn_close_after_flush(struct conn *conn)
{
    conn->closing = true;
}

const struct net_addr *conn_peer(const struct conn *conn)
{
    return &conn->peer;
}

uint64_t conn_id(const struct conn *conn)
{
    (void)conn;
    return 1;
}

struct logger conn_logger(const struct conn *conn)
{
    (void)conn;
    return logger_make(NULL);
}

void conn_yield(struct conn *conn)
{
    conn->yielded = true;
}

/* The connection stands for its waker, too. */
struct conn_waker *conn_waker(struct conn *conn)
{
    return (struct conn_waker *)conn;
}

void conn_waker_unref(struct conn_waker **waker)
{
    *waker = NULL;
}

void conn_wake(struct conn_waker *waker)
{
    ((struct conn *)waker)->woken = true;
}

/* ---- the rig ---- */

static void add_user(struct rig *rig, const char *name)
{
    struct user user;
    assert_int_equal(users_add(rig->users, str_c(name), STR("secret"), &user, &rig->b.err), 0);
    assert_int_equal(mail_account_create(rig->b.mail, user.account, &rig->b.err), 0);
}

void rig_init(struct rig *rig)
{
    *rig = (struct rig){ 0 };
    bench_init(&rig->b, NULL);
    const struct users_params params = { rig->b.store, &rig->b.clock->clock, 1, 8192 };
    assert_int_equal(users_open(&params, &rig->users, &rig->b.err), 0);
    const struct names_params names = { rig->users, "", '+', true };
    assert_int_equal(names_new(&names, &rig->names, &rig->b.err), 0);
    add_user(rig, "anna@example.org");
    add_user(rig, "bob@example.org");
    add_user(rig, "carla+work@example.org");
    add_user(rig, "dora@example.org");
    assert_int_equal(users_set_disabled(rig->users, STR("dora@example.org"), true, &rig->b.err), 0);
    rig->server = (struct lmtp_server){ .settings = { .message_bytes_max = 10000,
                                                      .recipients_max = 5,
                                                      .timeout_ms = 1000,
                                                      .host_name = "loft.example.org" },
                                        .mail = rig->b.mail,
                                        .names = rig->names,
                                        .clock = &rig->b.clock->clock };
}

void rig_deinit(struct rig *rig)
{
    rig_disconnect(rig);
    names_free(&rig->names);
    users_free(&rig->users);
    bench_deinit(&rig->b);
}

void rig_connect(struct rig *rig)
{
    void *session;
    rig->conn = (struct conn){ .peer = { .family = ADDR_UNIX } };
    assert_int_equal(lmtp_handler.open(&rig->conn, &rig->server, &session, &rig->b.err), 0);
    rig->session = session;
}

void rig_disconnect(struct rig *rig)
{
    if (!rig->session)
        return;
    lmtp_handler.close(rig->session);
    rig->session = NULL;
    free(rig->conn.input);
    buf_deinit(&rig->conn.out);
}

bool rig_send(struct rig *rig, struct str bytes, unsigned events)
{
    struct conn *conn = &rig->conn;
    size_t left = conn->input_n - conn->consumed;
    char *input = malloc(left + bytes.n + 1);
    if (left)
        memcpy(input, conn->input + conn->consumed, left);
    if (bytes.n)
        memcpy(input + left, bytes.p, bytes.n);
    free(conn->input);
    conn->input = realloc(input, left + bytes.n ? left + bytes.n : 1);
    conn->input_n = left + bytes.n;
    conn->consumed = 0;
    do {
        conn->yielded = conn->woken = false;
        lmtp_handler.event(conn, rig->session, events);
        events = CONN_WOKEN;
        store_push(rig->b.store); /* as a worker does before it waits */
    } while ((conn->yielded || conn->woken) && !conn->closing);
    return !conn->closing;
}

static void open_account(struct rig *rig, const char *user_name, struct account **account_out)
{
    struct user user;
    assert_int_equal(users_find(rig->users, str_c(user_name), &user, &rig->b.err), 0);
    assert_int_equal(mail_account_open(rig->b.mail, user.account, account_out, &rig->b.err), 0);
}

static struct snapshot *open_box(struct rig *rig, struct account *account, const char *mailbox)
{
    struct mailbox *box;
    if (account_mailbox(account, str_c(mailbox), &box, &rig->b.err) < 0)
        return NULL;
    struct snapshot *snapshot = mailbox_snapshot(box);
    mailbox_unref(&box);
    return snapshot;
}

uint32_t rig_count(struct rig *rig, const char *user, const char *mailbox)
{
    struct account *account;
    open_account(rig, user, &account);
    struct snapshot *snapshot = open_box(rig, account, mailbox);
    uint32_t count = snapshot ? snapshot->exists : 0;
    if (snapshot)
        snapshot_unref(&snapshot);
    account_unref(&account);
    return count;
}

struct str rig_message(struct rig *rig, const char *user, const char *mailbox, uint32_t seq,
                       struct message *row_out)
{
    struct account *account;
    struct message row;
    struct buf bytes = BUF_INIT;
    open_account(rig, user, &account);
    struct snapshot *snapshot = open_box(rig, account, mailbox);
    assert_non_null(snapshot);
    assert_int_equal(snapshot_message(snapshot, seq, &row, &rig->b.err), 0);
    assert_int_equal(store_blob_read(rig->b.store, account_id(account), (struct blob_id){ row.blob }, 0,
                                     UINT64_MAX, &bytes, &rig->b.err),
                     0);
    assert_int_equal(bytes.n, row.size_bytes);
    struct str whole = arena_dup(&rig->b.arena, buf_str(&bytes));
    buf_deinit(&bytes);
    snapshot_unref(&snapshot);
    account_unref(&account);
    if (row_out)
        *row_out = row;
    return whole;
}
