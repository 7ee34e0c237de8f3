/* work_login.c: connect, be greeted, sign in, log out: plain, with a full TLS handshake, and resumed. */
#include "load/workload.h"

static bool sign_in(struct client *c, enum client_kind kind)
{
    if (c->state == CLIENT_LOST) {
        bench_wrong(c->bench, "a connection was closed at step %u", c->step);
        client_close(c);
        return true;
    }
    switch (c->step) {
    case 0:
        c->may_be_lost = true;
        client_open(c, kind);
        return false;
    case 1:
        client_login(c, c->index);
        return false;
    case 2:
        c->closing = true;
        client_send(c, "LOGOUT");
        return false;
    default:
        c->n += c->resumed;
        client_close(c);
        return true;
    }
}

static bool sign_in_plain(struct client *c)
{
    return sign_in(c, CLIENT_IMAP);
}

static bool sign_in_tls_resumed(struct client *c)
{
    return sign_in(c, CLIENT_IMAPS);
}

static bool sign_in_tls_full(struct client *c)
{
    if (c->step == 0) {
        SSL_SESSION_free(c->session);
        c->session = NULL;
    }
    return sign_in(c, CLIENT_IMAPS);
}

static void measure(struct bench *b, struct row *r, client_op *op, unsigned count)
{
    struct crowd crowd;
    struct samples samples;
    struct meter m;
    unsigned clients = bench_param(b, "clients", 16, 16), resumed = 0;
    row_param(r, "clients", clients);
    crowd_init(&crowd, b, clients);
    samples_init(&samples, count);
    crowd_run(&crowd, clients * 2, op, NULL); /* passwords are known, sessions held */
    for (unsigned i = 0; i < clients; i++)
        crowd.clients[i].n = 0;
    meter_start(b, &m);
    crowd_run(&crowd, count, op, &samples);
    meter_hold(&m);
    for (unsigned i = 0; i < clients; i++)
        resumed += crowd.clients[i].n;
    if (op != sign_in_plain)
        row_figure(r, "resumed", (double)resumed / count, "resumed");
    if (op == sign_in_tls_full && resumed > 0)
        bench_wrong(b, "%u handshakes were resumed that should not be", resumed);
    meter_stop(b, &m, r, count, &samples);
    samples_deinit(&samples);
    crowd_deinit(&crowd);
}

void login_run(struct bench *b)
{
    static const struct {
        const char *row, *name;
        client_op *op;
        bool tls;
    } kinds[] = {
        { "login.plain", "connect and sign in, plain", sign_in_plain, false },
        { "login.tls", "connect and sign in, TLS, full handshake", sign_in_tls_full, true },
        { "login.tls_resumed", "connect and sign in, TLS, resumed", sign_in_tls_resumed, true },
    };
    unsigned count = bench_param(b, "count", 4000, 100);
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct row r;
        row_init(&r, kinds[i].row, "connection", "%s", kinds[i].name);
        if (kinds[i].tls && b->target.imaps.length == 0)
            row_unsupported(b, &r, "--imaps");
        else
            measure(b, &r, kinds[i].op, count);
    }
}
