/* work_search.c: SEARCH in the big mailbox. What it finds is compared, number by number, with what was put in. */
#include "load/reply.h"
#include "load/workload.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOPIC = 17, FROM = 3, SINCE_S = 1751328000 /* 1 July 2025 */ };

struct query {
    const char *row, *keys;
    bool (*finds)(unsigned n, unsigned word);
    unsigned word, times;
};

static bool finds_unseen(unsigned n, unsigned word)
{
    (void)word;
    return !text_is_seen(n);
}

static bool finds_topic(unsigned n, unsigned word)
{
    (void)word;
    return text_topic(n) == TOPIC;
}

static bool finds_sender_since(unsigned n, unsigned word)
{
    (void)word;
    return n % TEXT_SENDERS == FROM && text_date_s(n) >= SINCE_S;
}

static bool finds_word(unsigned n, unsigned word)
{
    return text_has_word(n, (enum text_word)word);
}

static const struct query queries[] = {
    { "unseen", "UNSEEN", finds_unseen, 0, 50 },
    { "subject", "SUBJECT \"topic 000017\"", finds_topic, 0, 20 },
    { "from_since", "FROM \"sender3@example.org\" SINCE 1-Jul-2025", finds_sender_since, 0, 20 },
    { "body_rare", "BODY marzipan", finds_word, TEXT_RARE, 20 },
    { "body_common", "BODY jubilee", finds_word, TEXT_COMMON, 10 },
    { "body_three", "BODY jet", finds_word, TEXT_THREE, 10 },
    { "body_absent", "BODY quixotry", finds_word, TEXT_ABSENT, 20 },
    { "text_rare", "TEXT marzipan", finds_word, TEXT_RARE, 20 },
    { "text_common", "TEXT jubilee", finds_word, TEXT_COMMON, 10 },
    { "text_three", "TEXT jet", finds_word, TEXT_THREE, 10 },
    { "text_absent", "TEXT quixotry", finds_word, TEXT_ABSENT, 20 },
};

struct search {
    const struct big *big;
    const struct query *query;
    unsigned hits, misplaced; /* hits that should not be, or come twice */
    unsigned char *found;     /* by sequence number */
};

static bool take_hits(struct client *c, struct str r)
{
    struct search *s = c->ctx;
    unsigned seq;
    if (!str_starts_nocase(r, STR("* SEARCH")))
        return false;
    r = str_skip(r, strlen("* SEARCH"));
    while (reply_next_number(&r, &seq)) {
        s->hits++;
        if (seq == 0 || seq > s->big->messages || s->found[seq]++ ||
            !s->query->finds(big_number(s->big, seq), s->query->word))
            s->misplaced++;
    }
    return true;
}

static unsigned expected(const struct search *s)
{
    unsigned n = 0;
    for (unsigned i = 1; i <= s->big->base; i++)
        n += s->query->finds(i, s->query->word);
    return n * (s->big->messages / s->big->base);
}

static void search_once(struct client *c, struct search *s, unsigned want)
{
    s->hits = s->misplaced = 0;
    memset(s->found, 0, s->big->messages + 1);
    client_command(c, 1, "SEARCH %s", s->query->keys);
    if (s->hits != want || s->misplaced > 0)
        bench_wrong(c->bench, "SEARCH %s: %u hits instead of %u, %u of them wrong", s->query->keys, s->hits,
                    want, s->misplaced);
}

static void measure(struct client *c, struct search *s)
{
    struct bench *b = c->bench;
    struct samples samples;
    struct meter m;
    struct row r;
    char row[48];
    unsigned want = expected(s), times = bench_param(b, "count", s->query->times, 3);
    c->ctx = s;
    c->check = take_hits;
    search_once(c, s, want); /* warm; what is wrong is wrong here already */
    samples_init(&samples, times);
    meter_start(b, &m);
    unsigned done = 0;
    for (; done < times && (done == 0 || now_s() - m.begin_s < 10); done++) { /* a scan is slow enough */
        search_once(c, s, want);
        samples.s[samples.n++] = now_s() - c->sent_s;
    }
    meter_hold(&m);
    snprintf(row, sizeof row, "search.%s", s->query->row);
    row_init(&r, row, "command", "SEARCH %s of %u", s->query->keys, s->big->messages);
    big_params(s->big, &r);
    row_figure(&r, "hits", s->hits, NULL);
    row_figure(&r, "hits_expected", want, NULL);
    meter_stop(b, &m, &r, done, &samples);
    samples_deinit(&samples);
}

void search_run(struct bench *b)
{
    struct big big;
    struct client c;
    big_find(b, &big);
    struct search s = { .big = &big, .found = calloc(big.messages + 1, 1) };
    if (!s.found)
        bench_die("no memory");
    big_open(b, &big, &c);
    client_command(&c, -1, "SELECT %s", big.name);
    for (size_t i = 0; i < ARRAY_COUNT(queries); i++) {
        s.query = &queries[i];
        measure(&c, &s);
    }
    client_deinit(&c);
    free(s.found);
}
