#include "imap/wire/framer.h"

#include "imap/wire/chars.h"
#include "imap/wire/parser.h"

#include <assert.h>

/* An announcement is at most "~{" 20 digits "+}" CR LF: what is kept of a line whose start was dropped. */
enum { TAIL_BYTES = 32, DIGITS_MAX = 20 };

const struct framer_limits framer_limits_before_login = {
    .line_max = 16 * 1024, /* an OAuth token as initial response takes several KiB */
    .literal_max = 4096,
    .nonsync_max = 4096,
    .command_max = 24 * 1024,
    .literals_max = 4,
    .message_max = 0,
    .messages_max = 0,
    .swallow_max = 64 * 1024,
};

const struct framer_limits framer_limits_after_login = {
    .line_max = 128 * 1024, /* clients send long sets of UIDs */
    .literal_max = 128 * 1024,
    .nonsync_max = UINT64_MAX, /* LITERAL+ */
    .command_max = 1024 * 1024,
    .literals_max = 256,
    .message_max = 64 * 1024 * 1024,
    .messages_max = 1000,
    .swallow_max = 128 * 1024 * 1024,
};

struct announcement {
    bool found, sync, literal8;
    uint64_t bytes; /* UINT64_MAX: more digits than any number has */
    size_t at;      /* of "{" or "~" */
};

void framer_start(struct framer *f, const struct framer_limits *limits)
{
    *f = (struct framer){ .limits = limits };
}

void framer_start_line(struct framer *f, const struct framer_limits *limits)
{
    framer_start(f, limits);
    f->single_line = true;
}

static uint64_t digits_value(const char *p, const char *end)
{
    uint64_t value;
    bool fits = str_to_u64(str_make(p, (size_t)(end - p)), INT64_MAX, &value); /* number64 has 63 bits */
    return fits ? value : UINT64_MAX;
}

/* Does the line that ends before `end` (behind its LF) announce a literal? Looks back a few bytes only. */
static struct announcement read_announcement(struct str bytes, size_t end)
{
    struct announcement a = { .sync = true };
    const char *from = bytes.p, *p = bytes.p + end - 1; /* at LF */
    if (p > from && p[-1] == '\r')
        p--;
    if (p == from || *--p != '}')
        return a;
    if (p > from && p[-1] == '+') {
        a.sync = false;
        p--;
    }
    const char *digits_end = p;
    while (p > from && ascii_is_digit(p[-1]) && digits_end - p <= DIGITS_MAX)
        p--;
    bool too_many = digits_end - p > DIGITS_MAX;
    if (digits_end == p || (!too_many && (p == from || p[-1] != '{')))
        return a;
    a.found = true;
    a.bytes = too_many ? UINT64_MAX : digits_value(p, digits_end);
    a.at = (size_t)(p - from) - (too_many ? 0 : 1);
    if (a.at > 0 && from[a.at - 1] == '~') {
        a.literal8 = true;
        a.at--;
    }
    return a;
}

/* ---- refused commands ---- */

static enum framer_event close_or(struct framer *f, uint64_t more, enum framer_event event)
{
    if (more > f->limits->swallow_max || f->swallowed > f->limits->swallow_max - more)
        return FRAMER_CLOSE;
    return event;
}

static enum framer_event drop(struct framer *f, size_t n, enum framer_event event)
{
    f->n = n;
    f->swallowed += n;
    return close_or(f, 0, event);
}

static void start_dropping(struct framer *f, uint64_t literal_left)
{
    f->state = literal_left ? FRAMER_DROP_LITERAL : FRAMER_DROP_LINE;
    f->drop = literal_left;
    f->looked = 0;
}

static enum framer_event over(struct framer *f, size_t n)
{
    f->state = FRAMER_OVER;
    f->looked = 0;
    return drop(f, n, FRAMER_SKIPPED);
}

static enum framer_event drop_literal(struct framer *f, struct str bytes)
{
    size_t n = f->drop < bytes.n ? (size_t)f->drop : bytes.n;
    /* Told at once, not after gigabytes. */
    enum framer_event event = close_or(f, f->drop, n ? FRAMER_SKIP : FRAMER_MORE);
    if (event == FRAMER_CLOSE)
        return event;
    f->drop -= n;
    if (f->drop == 0)
        start_dropping(f, 0);
    return drop(f, n, event);
}

static enum framer_event drop_line(struct framer *f, struct str bytes)
{
    ptrdiff_t lf = str_find_char(str_skip(bytes, f->looked), '\n');
    if (lf < 0) {
        size_t keep = bytes.n < TAIL_BYTES ? bytes.n : TAIL_BYTES;
        f->looked = keep;
        return drop(f, bytes.n - keep, bytes.n > keep ? FRAMER_SKIP : FRAMER_MORE);
    }
    size_t end = f->looked + (size_t)lf + 1;
    struct announcement a = read_announcement(bytes, end);
    if (f->single_line || !a.found || a.sync)
        return over(f, end); /* a client that waits for "+" takes our tagged answer instead */
    start_dropping(f, a.bytes);
    return drop(f, end, FRAMER_SKIP);
}

static enum framer_event refuse_line(struct framer *f, const char *what, size_t max, struct err *err)
{
    f->state = FRAMER_DROP_LINE;
    f->looked = f->line_at;
    err_set(err, ERR_LIMIT, "%s above %zu bytes", what, max);
    return FRAMER_REFUSE;
}

/* The announcing line ends at `end`; it goes with the literal. */
static enum framer_event refuse_literal(struct framer *f, const struct announcement *a, size_t end)
{
    if (a->sync) {
        f->state = FRAMER_OVER;
        f->looked = end;
    } else {
        f->state = FRAMER_DROP_LITERAL;
        f->drop = a->bytes > UINT64_MAX - end ? UINT64_MAX : a->bytes + end;
    }
    return FRAMER_REFUSE;
}

/* ---- commands ---- */

/* tag SP "APPEND" SP, or tag SP ["UID" SP] "REPLACE" SP number SP: where the mailbox begins; 0 when the first
 * line is another command. */
static size_t find_append_args(struct str line)
{
    struct str rest, args, number;
    str_cut(line, ' ', &rest);
    struct str name = str_cut(rest, ' ', &args);
    bool uid = str_eq_nocase(name, STR("UID"));
    if (uid)
        name = str_cut(args, ' ', &rest);
    if (str_eq_nocase(name, STR("REPLACE"))) {
        number = uid ? rest : args;
        str_cut(number, ' ', &args);
    } else if (uid || !str_eq_nocase(name, STR("APPEND"))) {
        return 0;
    }
    return str_is_nil(args) ? 0 : (size_t)(args.p - line.p);
}

/* CATENATE: a literal behind the word URL is an argument, no message (RFC 4469, 5). Not when that word is the
 * mailbox: "a APPEND URL {5}". */
static bool follows_url(const struct framer *f, struct str bytes, size_t at)
{
    static const size_t n = 5; /* " URL " or "(URL " */
    if (at < f->line_at + n || at - n < f->args_at)
        return false;
    struct str word = str_sub(bytes, at - n, n);
    return (word.p[0] == ' ' || word.p[0] == '(') && str_eq_nocase(str_skip(word, 1), STR("URL "));
}

static enum framer_event begin_message(struct framer *f, const struct announcement *a, size_t end,
                                       struct err *err)
{
    const struct framer_limits *limits = f->limits;
    if (f->message_count >= limits->messages_max) {
        err_set(err, ERR_LIMIT, "more than %u messages or texts in one command", limits->messages_max);
        return refuse_literal(f, a, end);
    }
    if (a->bytes > limits->message_max || (!a->sync && a->bytes > limits->nonsync_max)) {
        f->too_big = true;
        err_set(
            err, ERR_LIMIT, "message above %llu bytes",
            (unsigned long long)(a->bytes > limits->message_max ? limits->message_max : limits->nonsync_max));
        return refuse_literal(f, a, end);
    }
    f->message_count++;
    f->n = end;
    f->literal_bytes = a->bytes;
    f->literal_sync = a->sync;
    f->literal8 = a->literal8;
    f->state = FRAMER_AT_MESSAGE;
    return FRAMER_MESSAGE;
}

static enum framer_event begin_literal(struct framer *f, const struct announcement *a, size_t end,
                                       struct err *err)
{
    const struct framer_limits *limits = f->limits;
    uint64_t max = a->sync || limits->literal_max < limits->nonsync_max ? limits->literal_max
                                                                        : limits->nonsync_max;
    if (a->bytes > max) {
        f->too_big = true;
        err_set(err, ERR_LIMIT, "literal above %llu bytes", (unsigned long long)max);
        return refuse_literal(f, a, end);
    }
    if (f->literal_count >= limits->literals_max) {
        err_set(err, ERR_LIMIT, "more than %u literals in one command", limits->literals_max);
        return refuse_literal(f, a, end);
    }
    if (a->bytes > limits->command_max - end) {
        err_set(err, ERR_LIMIT, "command above %zu bytes", limits->command_max);
        return refuse_literal(f, a, end);
    }
    f->literal_count++;
    f->literal_bytes = a->bytes;
    f->state = FRAMER_IN_LITERAL;
    f->looked = end + (size_t)a->bytes;
    return a->sync ? FRAMER_CONTINUE : FRAMER_MORE;
}

static enum framer_event end_line(struct framer *f, struct str bytes, size_t end, struct err *err)
{
    if (end - f->line_at > f->limits->line_max)
        return refuse_line(f, "line", f->limits->line_max, err);
    if (end > f->limits->command_max)
        return refuse_line(f, "command", f->limits->command_max, err);

    struct announcement a = { .found = false };
    if (!f->single_line)
        a = read_announcement(bytes, end);
    if (!a.found) {
        f->n = end;
        return FRAMER_COMMAND;
    }
    if (!f->has_name) {
        f->has_name = true;
        f->args_at = f->limits->messages_max ? find_append_args(str_sub(bytes, 0, end)) : 0;
        f->is_append = f->args_at > 0;
    }
    /* The mailbox may be a literal too: it stands right at args_at. */
    bool is_message = f->is_append && a.at > f->args_at && !follows_url(f, bytes, a.at);
    return is_message ? begin_message(f, &a, end, err) : begin_literal(f, &a, end, err);
}

static enum framer_event scan_line(struct framer *f, struct str bytes, struct err *err)
{
    ptrdiff_t lf = str_find_char(str_skip(bytes, f->looked), '\n');
    if (lf >= 0)
        return end_line(f, bytes, f->looked + (size_t)lf + 1, err);
    f->looked = bytes.n;
    if (bytes.n - f->line_at >= f->limits->line_max)
        return refuse_line(f, "line", f->limits->line_max, err);
    if (bytes.n >= f->limits->command_max)
        return refuse_line(f, "command", f->limits->command_max, err);
    return FRAMER_MORE;
}

enum framer_event framer_next(struct framer *f, struct str bytes, struct err *err)
{
    f->n = 0;
    for (;;) {
        switch (f->state) {
        case FRAMER_IN_LINE: {
            enum framer_event event = scan_line(f, bytes, err);
            if (event == FRAMER_MORE && f->state == FRAMER_IN_LITERAL)
                continue; /* a non-synchronizing literal: its bytes may be here already */
            return event;
        }
        case FRAMER_IN_LITERAL:
            if (bytes.n < f->looked)
                return FRAMER_MORE;
            f->line_at = f->looked;
            f->state = FRAMER_IN_LINE;
            continue;
        case FRAMER_DROP_LINE:
            return drop_line(f, bytes);
        case FRAMER_DROP_LITERAL:
            return drop_literal(f, bytes);
        case FRAMER_OVER:
            return over(f, f->looked);
        case FRAMER_AT_MESSAGE:
            break;
        }
        assert(!"framer_next: the caller has not decided on a message");
    }
}

void framer_resume(struct framer *f)
{
    assert(f->state == FRAMER_AT_MESSAGE);
    f->state = FRAMER_IN_LINE;
    f->line_at = f->looked = 0;
    f->args_at = 0; /* every literal from here on is a message, or a URL */
}

void framer_refuse_message(struct framer *f)
{
    assert(f->state == FRAMER_AT_MESSAGE);
    if (f->literal_sync) {
        f->state = FRAMER_OVER;
        f->looked = 0;
    } else {
        start_dropping(f, f->literal_bytes);
    }
}

void framer_drop_rest(struct framer *f, uint64_t left)
{
    start_dropping(f, left);
}

struct str framer_tag(struct str bytes)
{
    size_t n = 0;
    while (n < bytes.n && n <= TAG_BYTES_MAX && char_is_tag((unsigned char)bytes.p[n]))
        n++;
    bool ends = n < bytes.n && (bytes.p[n] == ' ' || bytes.p[n] == '\r' || bytes.p[n] == '\n');
    return n > 0 && n <= TAG_BYTES_MAX && ends ? str_sub(bytes, 0, n) : STR_NIL;
}
