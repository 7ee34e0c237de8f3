/* work_sort.c: SORT and THREAD of the big mailbox. The order is known (RFC 5256); of threads each message must be
 * told once, and where none is a copy, there must be as many threads as were made. */
#include "load/reply.h"
#include "load/workload.h"

#include <stdio.h>
#include <stdlib.h>

struct order {
    const struct big *big;
    unsigned *want; /* sequence numbers as they are to come; THREAD: none */
    unsigned char *told;
    unsigned n, wrong, roots;
};

static bool take_sorted(struct client *c, struct str r)
{
    struct order *o = c->ctx;
    unsigned seq;
    if (!str_starts_nocase(r, STR("* SORT")))
        return false;
    r = str_skip(r, strlen("* SORT"));
    for (; reply_next_number(&r, &seq); o->n++)
        o->wrong += o->n >= o->big->messages || o->want[o->n] != seq;
    return true;
}

static bool take_threads(struct client *c, struct str r)
{
    struct order *o = c->ctx;
    unsigned seq;
    int depth = 0;
    if (!str_starts_nocase(r, STR("* THREAD")))
        return false;
    r = str_skip(r, strlen("* THREAD"));
    for (size_t i = 0; i < r.n; i++) {
        o->roots += r.p[i] == '(' && depth == 0;
        depth += r.p[i] == '(' ? 1 : r.p[i] == ')' ? -1 : 0;
    }
    for (; reply_next_number(&r, &seq); o->n++)
        o->wrong += seq == 0 || seq > o->big->messages || o->told[seq]++;
    return true;
}

/* ---- what is to come ---- */

struct sort_row {
    const char *row, *program;
    int64_t (*key)(unsigned n); /* ties keep the order of the mailbox */
};

static int64_t key_subject(unsigned n)
{
    return n;
}

static int64_t key_from_date(unsigned n)
{
    return (int64_t)(n % TEXT_SENDERS) << 40 | text_date_s(n);
}

static const struct sort_row sorts[] = {
    { "sort.arrival", "ARRIVAL", text_date_s },
    { "sort.date", "DATE", text_date_s },
    { "sort.subject", "SUBJECT", key_subject },
    { "sort.from_date", "FROM DATE", key_from_date },
};
static const char *const threads[][2] = { { "thread.references", "REFERENCES" }, { "thread.refs", "REFS" } };

struct keyed {
    int64_t key;
    unsigned seq;
};

static int compare(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static void sort_expected(struct order *o, int64_t (*key)(unsigned n))
{
    struct keyed *keyed = calloc(o->big->messages, sizeof *keyed);
    if (!keyed)
        bench_die("no memory");
    for (unsigned i = 0; i < o->big->messages; i++)
        keyed[i] = (struct keyed){ key(big_number(o->big, i + 1)), i + 1 };
    qsort(keyed, o->big->messages, sizeof *keyed, compare);
    for (unsigned i = 0; i < o->big->messages; i++)
        o->want[i] = keyed[i].seq;
    free(keyed);
}

/* ---- measuring ---- */

static void ask(struct client *c, struct order *o, const char *command)
{
    o->n = o->wrong = o->roots = 0;
    memset(o->told, 0, o->big->messages + 1);
    client_command(c, 1, "%s UTF-8 ALL", command);
    if (o->n != o->big->messages || o->wrong > 0)
        bench_wrong(c->bench, "%s: %u messages, %u of them wrong", command, o->n, o->wrong);
}

static void measure(struct client *c, struct order *o, const char *row, const char *command, unsigned roots)
{
    struct bench *b = c->bench;
    struct samples samples;
    struct meter m;
    struct row r;
    unsigned times = bench_param(b, "count", 10, 2);
    ask(c, o, command); /* warm */
    if (roots && o->roots != roots)
        bench_wrong(b, "%s: %u threads instead of %u", command, o->roots, roots);
    samples_init(&samples, times);
    meter_start(b, &m);
    for (unsigned i = 0; i < times; i++) {
        ask(c, o, command);
        samples.s[samples.n++] = now_s() - c->sent_s;
    }
    meter_hold(&m);
    row_init(&r, row, "message", "%s of %u", command, o->big->messages);
    big_params(o->big, &r);
    meter_stop(b, &m, &r, (uint64_t)o->big->messages * times, &samples);
    samples_deinit(&samples);
}

static void order_open(struct bench *b, struct big *big, struct order *o, struct client *c)
{
    big_find(b, big);
    *o = (struct order){ .big = big,
                         .want = calloc(big->messages, sizeof *o->want),
                         .told = calloc(big->messages + 1, 1) };
    if (!o->want || !o->told)
        bench_die("no memory");
    big_open(b, big, c);
    client_command(c, -1, "SELECT %s", big->name);
    c->ctx = o;
}

static void order_close(struct order *o, struct client *c)
{
    client_deinit(c);
    free(o->want);
    free(o->told);
}

static void say_unsupported(struct bench *b, const char *row, const char *capability)
{
    struct row r;
    row_init(&r, row, NULL, "%s", row);
    row_unsupported(b, &r, capability);
}

void sort_run(struct bench *b)
{
    struct big big;
    struct order o;
    struct client c;
    char command[48];
    bool has = client_server_has(b, "SORT");
    if (has)
        order_open(b, &big, &o, &c);
    for (size_t i = 0; i < ARRAY_COUNT(sorts); i++) {
        if (!has) {
            say_unsupported(b, sorts[i].row, "SORT");
            continue;
        }
        c.check = take_sorted;
        sort_expected(&o, sorts[i].key);
        snprintf(command, sizeof command, "SORT (%s)", sorts[i].program);
        measure(&c, &o, sorts[i].row, command, 0);
    }
    if (has)
        order_close(&o, &c);
}

void thread_run(struct bench *b)
{
    struct big big;
    struct order o;
    struct client c;
    char command[48], capability[48];
    bool is_open = false;
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
        snprintf(capability, sizeof capability, "THREAD=%s", threads[i][1]);
        if (!client_server_has(b, capability)) {
            say_unsupported(b, threads[i][0], capability);
            continue;
        }
        if (!is_open)
            order_open(b, &big, &o, &c);
        is_open = true;
        c.check = take_threads;
        snprintf(command, sizeof command, "THREAD %s", threads[i][1]);
        measure(&c, &o, threads[i][0], command,
                big.messages == big.base ? (big.messages + TEXT_THREAD - 1) / TEXT_THREAD : 0);
    }
    if (is_open)
        order_close(&o, &c);
}
