#include "admin/control.h"

#include "net/listener.h"

#include <stdlib.h>

struct control {
    const struct admin *admin;
};

enum control_state {
    CONTROL_LINE,  /* the next request */
    CONTROL_BODY,  /* raw bytes of `request` */
    CONTROL_ENDED, /* closing */
};

/* One client of the socket. */
struct talk {
    struct conn *conn;
    const struct admin *admin;
    struct admin_session *session;
    enum control_state state;
    bool at_eof;
    json_t *request;
    struct incoming *body;
    uint64_t body_left;
    struct err body_err; /* the bytes are skipped; then it is the answer */
};

static void send_json(struct talk *t, json_t *json)
{
    struct buf *out = conn_out(t->conn);
    char *text = json_dumps(json, JSON_COMPACT);
    if (!text)
        abort(); /* our own value, without cycles: memory is out */
    buf_add(out, str_c(text));
    buf_add_char(out, '\n');
    free(text);
    json_decref(json);
}

static void send_reply(struct talk *t, struct admin_reply *reply)
{
    json_t *json = json_pack("{s:b, s:O}", "ok", 1, "result", reply->result);
    if (reply->bytes.n)
        json_object_set_new(json, "bytes", json_integer((json_int_t)reply->bytes.n));
    send_json(t, json);
    buf_add(conn_out(t->conn), buf_str(&reply->bytes));
    admin_reply_deinit(reply);
}

static void run(struct talk *t)
{
    struct admin_reply reply;
    struct err err = t->body_err;
    int r = err.kind != ERR_NONE ? -(int)err.kind : admin_run(t->session, t->request, t->body, &reply, &err);
    if (r < 0)
        send_json(t, admin_error_json(&err));
    else
        send_reply(t, &reply);
    json_decref(t->request);
    t->request = NULL;
    incoming_free(&t->body);
    t->body_err = (struct err){ 0 };
    t->state = CONTROL_LINE;
}

static void end(struct talk *t)
{
    t->state = CONTROL_ENDED;
    conn_close_after_flush(t->conn);
}

/* The stream cannot be trusted any more: say why, and close. */
static void end_with(struct talk *t, const struct err *err)
{
    send_json(t, admin_error_json(err));
    end(t);
}

static bool take_line(struct talk *t)
{
    struct str in = conn_input(t->conn);
    ptrdiff_t length = str_find_char(in, '\n');
    struct err err;
    json_error_t json_err;
    if (length < 0) {
        if (conn_input_full(t->conn)) {
            err_set(&err, ERR_LIMIT, "request of more than %d bytes", CONTROL_LINE_BYTES_MAX);
            end_with(t, &err);
        }
        return false;
    }
    t->request = json_loadb(in.p, (size_t)length, JSON_REJECT_DUPLICATES, &json_err);
    conn_consume(t->conn, (size_t)length + 1);
    if (!json_is_object(t->request)) {
        err_set(&err, ERR_SYNTAX, "request is no JSON object%s%s", t->request ? "" : ": ",
                t->request ? "" : json_err.text);
        end_with(t, &err);
        return false;
    }
    int r = admin_body_new(t->admin, t->request, &t->body, &t->body_left, &t->body_err);
    if (r < 0 && r != -ERR_LIMIT) {
        end_with(t, &t->body_err);
        return false;
    }
    t->state = CONTROL_BODY;
    return true;
}

static bool take_body(struct talk *t)
{
    struct str in = str_sub(conn_input(t->conn), 0,
                            t->body_left < SIZE_MAX ? (size_t)t->body_left : SIZE_MAX);
    if (t->body_err.kind == ERR_NONE && in.n)
        (void)!incoming_write(t->body, in, &t->body_err);
    t->body_left -= in.n;
    conn_consume(t->conn, in.n);
    if (t->body_left > 0)
        return false;
    run(t);
    return !conn_output_full(t->conn); /* else CONN_DRAINED goes on */
}

static void read_all(struct talk *t)
{
    bool more = true;
    while (more && t->state != CONTROL_ENDED)
        more = t->state == CONTROL_LINE ? take_line(t) : take_body(t);
}

static int on_open(struct conn *conn, void *ctx, void **session_out, struct err *err)
{
    const struct control *control = ctx;
    uid_t uid;
    if (!conn_peer_uid(conn, &uid))
        return err_set(err, ERR_DENIED, "it cannot be told who connects");
    struct talk *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->conn = conn;
    t->admin = control->admin;
    t->session = admin_session_new(control->admin, uid);
    *session_out = t;
    return 0;
}

static void on_event(struct conn *conn, void *session, unsigned events)
{
    struct talk *t = session;
    (void)conn;
    if (t->state == CONTROL_ENDED)
        return;
    t->at_eof = t->at_eof || events & CONN_EOF;
    read_all(t);
    if (t->state != CONTROL_ENDED && (t->at_eof || events & CONN_SHUTDOWN))
        end(t);
}

static void on_close(void *session)
{
    struct talk *t = session;
    json_decref(t->request);
    incoming_free(&t->body);
    admin_session_free(&t->session);
    free(t);
}

static void on_refuse(void *ctx, const struct err *why, struct buf *out)
{
    (void)ctx;
    json_t *json = admin_error_json(why);
    char *text = json_dumps(json, JSON_COMPACT);
    buf_printf(out, "%s\n", text ? text : "{}");
    json_decref(json);
    free(text);
}

static const struct conn_handler handler = { "control", on_open, on_event, on_close, on_refuse };

int control_start(const struct admin *admin, struct control **control_out, struct err *err)
{
    const char *path = admin->config->server.control_socket;
    struct buf address = BUF_INIT;
    struct control *control = calloc(1, sizeof *control);
    if (!control)
        abort();
    control->admin = admin;
    buf_printf(&address, "%s%s", path[0] == '/' ? "" : "./", path);
    const struct listener_options options = { .address = buf_str(&address),
                                              .handler = &handler,
                                              .ctx = control,
                                              .unix_mode = 0600,
                                              .input_bytes_max = CONTROL_LINE_BYTES_MAX };
    int r = net_listen(admin->server->net, &options, NULL, err);
    buf_deinit(&address);
    if (r < 0) {
        free(control);
        return err_context(err, "server.control_socket");
    }
    *control_out = control;
    return 0;
}

void control_free(struct control **control)
{
    free(*control);
    *control = NULL;
}
