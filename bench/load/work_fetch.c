/* work_fetch.c: FETCH from the big mailbox: of all messages, for the first time, after a restart, and again; of
 * one, and of a part of one. Each message that comes is compared with what was put in. */
#include "load/reply.h"
#include "load/workload.h"

#include <stdio.h>
#include <string.h>

enum { PART_FROM = 2000, PART_BYTES = 4096 };

struct walk {
    const struct big *big;
    const struct kind *kind;
    unsigned next; /* sequence number that is to come */
    struct buf want;
};

struct kind {
    const char *name, *items, *title;
    bool (*is_right)(struct walk *w, struct bench *b, struct str response, unsigned n);
};

static bool has(struct str value, const char *fmt, unsigned n)
{
    char want[96];
    int length = snprintf(want, sizeof want, fmt, n);
    return str_find(value, str_make(want, (size_t)length)) >= 0;
}

static bool flags_right(struct walk *w, struct bench *b, struct str r, unsigned n)
{
    struct str flags, uid;
    uint64_t number;
    (void)w, (void)b;
    return reply_fetch_item(r, "UID", &uid) && str_to_u64(uid, UINT32_MAX, &number) && number >= w->next &&
           reply_fetch_item(r, "FLAGS", &flags) && reply_has_flag(flags, "\\Seen") == text_is_seen(n) &&
           reply_has_flag(flags, "\\Flagged") == text_is_flagged(n);
}

/* "01-Jan" and " 1-Jan" are the same. RFC 9051, 9 (date-day-fixed) */
static struct str date_start(struct str date)
{
    while (date.n && (date.p[0] == ' ' || date.p[0] == '0'))
        date = str_skip(date, 1);
    return date;
}

static bool size_right(const struct walk *w, struct str r, unsigned n)
{
    struct str size;
    uint64_t bytes;
    return reply_fetch_item(r, "RFC822.SIZE", &size) && str_to_u64(size, UINT32_MAX, &bytes) &&
           bytes == (w->big->corpus.n ? w->big->corpus.messages[n - 1].n : w->big->bytes);
}

static bool envelope_right(struct walk *w, struct bench *b, struct str r, unsigned n)
{
    struct str envelope, structure, date;
    char want[96];
    (void)b;
    buf_clear(&w->want);
    text_internal_date(n, &w->want);
    if (!size_right(w, r, n) || !reply_fetch_item(r, "ENVELOPE", &envelope) ||
        !reply_fetch_item(r, "BODYSTRUCTURE", &structure) || structure.n < 10 ||
        !reply_fetch_item(r, "INTERNALDATE", &date) ||
        !str_eq(date_start(date), date_start(buf_str(&w->want))))
        return false;
    snprintf(want, sizeof want, TEXT_SUBJECT, n, text_topic(n));
    return w->big->corpus.n > 0 || /* what is in those we do not know */
           (str_find(envelope, str_c(want)) >= 0 && has(envelope, TEXT_MESSAGE_ID, n) &&
            has(envelope, "sender%u", n % TEXT_SENDERS));
}

static bool fields_right(struct walk *w, struct bench *b, struct str r, unsigned n)
{
    struct str fields;
    char want[96];
    (void)b;
    snprintf(want, sizeof want, "Subject: " TEXT_SUBJECT "\r\n", n, text_topic(n));
    if (!reply_fetch_item(r, "BODY[HEADER.FIELDS", &fields) || !str_ends(fields, STR("\r\n")) ||
        str_find(fields, STR("\nReceived:")) >= 0)
        return false;
    return w->big->corpus.n > 0 ||
           (str_find(fields, str_c(want)) >= 0 && has(fields, "<" TEXT_SENDER ">\r\n", n % TEXT_SENDERS) &&
            has(fields, TEXT_MESSAGE_ID, n));
}

static bool body_right(struct walk *w, struct bench *b, struct str r, unsigned n)
{
    struct str body;
    buf_clear(&w->want);
    big_message(b, w->big, n, &w->want);
    return reply_fetch_item(r, "BODY[]", &body) && str_eq(body, buf_str(&w->want));
}

static bool part_right(struct walk *w, struct bench *b, struct str r, unsigned n)
{
    struct str body;
    buf_clear(&w->want);
    big_message(b, w->big, n, &w->want);
    return reply_fetch_item(r, "BODY[]<2000>", &body) &&
           str_eq(body, str_sub(buf_str(&w->want), PART_FROM, PART_BYTES));
}

static const struct kind all[] = {
    { "flags", "(UID FLAGS)", "flags", flags_right },
    { "envelope", "(UID FLAGS ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)", "envelopes",
      envelope_right },
    { "fields", "(BODY.PEEK[HEADER.FIELDS (DATE FROM TO CC SUBJECT MESSAGE-ID REFERENCES)])", "header fields",
      fields_right },
    { "body", "(BODY.PEEK[])", "whole bodies", body_right },
};
static const struct kind one = { "one", "(BODY.PEEK[])", "one message", body_right };
static const struct kind part = { "part", "(BODY.PEEK[]<2000.4096>)", "4 KB of one message", part_right };

static bool check(struct client *c, struct str r)
{
    struct walk *w = c->ctx;
    unsigned seq = reply_fetch_seq(r);
    if (seq == 0)
        return false;
    if (seq != w->next || !w->kind->is_right(w, c->bench, r, big_number(w->big, seq)))
        bench_wrong(c->bench, "FETCH %u %s: %.*s", w->next, w->kind->items, (int)(r.n < 300 ? r.n : 300),
                    r.p);
    w->next = seq + 1;
    return true;
}

/* Rows live as long as they are printed. */
struct named_row {
    struct row row;
    char name[32];
};

static void row_begin(struct named_row *r, const struct walk *w, const char *when, const char *when_name)
{
    char name[32];
    snprintf(name, sizeof name, "fetch.%s.%s", w->kind->name, when);
    row_init(&r->row, NULL, NULL, "FETCH %s of %u, %s", w->kind->title, w->big->messages, when_name);
    memcpy(r->name, name, sizeof name);
    r->row.row = r->name;
    big_params(w->big, &r->row);
}

static void fetch_all(struct client *c, struct walk *w, const char *when, const char *when_name)
{
    struct named_row r;
    struct samples samples;
    struct meter m;
    /* Behind that come copies: whole bodies of a million are much of the same. */
    unsigned count = w->kind->is_right == body_right ? w->big->base : w->big->messages;
    samples_init(&samples, 1);
    w->next = 1;
    c->ctx = w;
    c->check = check;
    meter_start(c->bench, &m);
    client_command(c, (int)count, "FETCH 1:%u %s", count, w->kind->items);
    meter_hold(&m);
    samples.s[samples.n++] = m.wall_s;
    row_begin(&r, w, when, when_name);
    r.row.unit = "message";
    meter_stop(c->bench, &m, &r.row, count, &samples);
    samples_deinit(&samples);
    c->check = NULL;
}

/* One message after the other, from all over; always the same ones. */
static void fetch_some(struct client *c, struct walk *w, unsigned count, struct samples *samples)
{
    for (unsigned i = 0; i < count; i++) {
        w->next = (unsigned)((uint64_t)(i + 1) * 2654435761u % w->big->messages) + 1;
        client_command(c, 1, "FETCH %u %s", w->next, w->kind->items);
        if (samples)
            samples->s[samples->n++] = now_s() - c->sent_s;
    }
}

/*   is_warm  they have been asked for before: after a restart they are on the disk */
static void fetch_single(struct client *c, struct walk *w, const char *when, const char *when_name,
                         bool is_warm, unsigned count)
{
    struct named_row r;
    struct samples samples;
    struct meter m;
    samples_init(&samples, count);
    c->ctx = w;
    c->check = check;
    if (is_warm)
        fetch_some(c, w, count, NULL);
    meter_start(c->bench, &m);
    fetch_some(c, w, count, &samples);
    meter_hold(&m);
    row_begin(&r, w, when, when_name);
    r.row.unit = "command";
    meter_stop(c->bench, &m, &r.row, count, &samples);
    samples_deinit(&samples);
    c->check = NULL;
}

static void open_selected(struct bench *b, const struct big *big, struct client *c)
{
    big_open(b, big, c);
    client_command(c, -1, "SELECT %s", big->name);
}

static void measure(struct bench *b, struct walk *w, bool single, const char *when, const char *when_name,
                    bool is_warm, unsigned count)
{
    struct client c;
    open_selected(b, w->big, &c);
    if (single)
        fetch_single(&c, w, when, when_name, is_warm, count);
    else
        fetch_all(&c, w, when, when_name);
    client_deinit(&c);
}

static void measure_cold(struct bench *b, struct walk *w, bool single, unsigned count)
{
    struct named_row r;
    if (!b->target.can_restart) {
        row_begin(&r, w, "cold", "not in memory");
        row_unsupported(b, &r.row, "--restart");
        return;
    }
    bench_restart_cold(b);
    measure(b, w, single, "cold", "not in memory", false, count);
}

void fetch_run(struct bench *b)
{
    struct big big;
    struct client c;
    unsigned count = bench_param(b, "count", 2000, 100);
    big_find(b, &big);
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        struct walk w = { .big = &big, .kind = &all[i] };
        if (big.is_new)
            measure(b, &w, false, "first", "first time", false, 0);
        measure_cold(b, &w, false, 0);
        measure(b, &w, false, "warm", "again", true, 0);
        buf_deinit(&w.want);
    }
    for (int i = 0; i < 2; i++) {
        struct walk w = { .big = &big, .kind = i ? &part : &one };
        measure_cold(b, &w, true, count / 10);
        measure(b, &w, true, "warm", "again", true, count);
        buf_deinit(&w.want);
    }
    big_open(b, &big, &c);
    big_touch(&c, &big);
    client_deinit(&c);
    big_deinit(&big);
}
