#include "load/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

static void usage(const char *fmt, const char *what) __attribute__((noreturn));

static void usage(const char *fmt, const char *what)
{
    fputs("mail_bench: ", stderr);
    fprintf(stderr, fmt, what);
    fputs("\nusage: mail_bench [OPTION...] [WORKLOAD[:KEY=VALUE,...]]... | --list    (bench/README.md)\n",
          stderr);
    exit(2);
}

/* ---- values ---- */

struct endpoint endpoint_tcp(const char *host, int port)
{
    struct endpoint e = { .length = sizeof(struct sockaddr_in) };
    struct sockaddr_in *a = (struct sockaddr_in *)&e.address;
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &a->sin_addr) != 1)
        usage("no IPv4 address: %s", host);
    return e;
}

struct endpoint endpoint_local(const char *path)
{
    struct endpoint e = { .length = sizeof(struct sockaddr_un) };
    struct sockaddr_un *a = (struct sockaddr_un *)&e.address;
    a->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof a->sun_path)
        usage("too long: %s", path);
    memcpy(a->sun_path, path, strlen(path));
    return e;
}

static struct endpoint parse_endpoint(const char *text)
{
    char host[64];
    int port;
    if (text[0] == '/')
        return endpoint_local(text);
    if (sscanf(text, "%63[^:]:%d", host, &port) != 2 || port < 1 || port > 65535)
        usage("no HOST:PORT: %s", text);
    return endpoint_tcp(host, port);
}

static const char *parse_pattern(const char *text)
{
    const char *at = strchr(text, '%');
    if (!at || at[1] != 'u' || strchr(at + 1, '%'))
        usage("no pattern with one %%u: %s", text);
    return text;
}

static unsigned parse_number(const char *text)
{
    uint64_t n;
    if (!str_to_u64(str_c(text), UINT32_MAX, &n))
        usage("no number: %s", text);
    return (unsigned)n;
}

bool options_pids(const char *list, pid_t roots[BENCH_ROOTS_MAX])
{
    size_t n = 0;
    pid_t read[BENCH_ROOTS_MAX] = { 0 };
    for (char *end; n + 1 < BENCH_ROOTS_MAX; list = end) {
        list += strspn(list, ", \n\t");
        long pid = strtol(list, &end, 10);
        if (end == list)
            break;
        read[n++] = (pid_t)pid;
    }
    if (*list || n == 0)
        return false;
    memcpy(roots, read, sizeof read);
    return true;
}

const volatile uint64_t *options_map_flushes(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *p = fd >= 0 ? mmap(NULL, sizeof(uint64_t), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (p == MAP_FAILED)
        usage("%s cannot be mapped", path);
    close(fd);
    return p;
}

/* ---- options ---- */

static void set_flag(const char *name, struct bench *b, struct options *o)
{
    if (strcmp(name, "--json") == 0)
        b->json = true;
    else if (strcmp(name, "--quick") == 0)
        b->quick = true;
    else if (strcmp(name, "--tolerate") == 0)
        o->tolerate = true;
    else if (strcmp(name, "--list") == 0)
        o->list = true;
    else
        usage("unknown option %s, or its value is missing", name);
}

/* False: it is not one with a value. */
static bool set_value(const char *name, const char *value, struct bench *b, struct options *o)
{
    struct target *t = &b->target;
    struct {
        const char *name, **where;
    } const strings[] = {
        { "--loft", &o->loft },         { "--folder", &o->folder }, { "--name", &t->name },
        { "--password", &t->password }, { "--prefix", &t->prefix }, { "--data", &t->data },
        { "--restart", &o->restart },   { "--corpus", &b->corpus },
    };
    for (size_t i = 0; i < ARRAY_COUNT(strings); i++)
        if (strcmp(name, strings[i].name) == 0) {
            *strings[i].where = value;
            return true;
        }
    if (strcmp(name, "--imap") == 0)
        t->imap = parse_endpoint(value);
    else if (strcmp(name, "--imaps") == 0)
        t->imaps = parse_endpoint(value);
    else if (strcmp(name, "--lmtp") == 0)
        t->lmtp = parse_endpoint(value);
    else if (strcmp(name, "--user") == 0)
        t->user_pattern = parse_pattern(value);
    else if (strcmp(name, "--recipient") == 0)
        t->recipient_pattern = parse_pattern(value);
    else if (strcmp(name, "--users") == 0)
        t->users = parse_number(value);
    else if (strcmp(name, "--timeout") == 0)
        b->timeout_s = parse_number(value);
    else if (strcmp(name, "--flush-counter") == 0)
        t->flushes = options_map_flushes(value);
    else if (strcmp(name, "--pid") != 0)
        return false;
    else if (!options_pids(value, t->roots))
        usage("no list of PIDs: %s", value);
    return true;
}

int options_read(int argc, char **argv, struct bench *b, struct options *out)
{
    *out = (struct options){ .folder = "/tmp" };
    *b = (struct bench){ .target = { .name = "server",
                                     .user_pattern = "user%u",
                                     .password = "correct horse",
                                     .prefix = "",
                                     .users = 64 },
                         .timeout_s = 600,
                         .corpus = getenv("LOFT_CORPUS") };
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (i + 1 < argc && set_value(argv[i], argv[i + 1], b, out))
            i++;
        else
            set_flag(argv[i], b, out);
    }
    if (!b->target.recipient_pattern)
        b->target.recipient_pattern = b->target.user_pattern;
    b->target.can_restart = out->loft || out->restart;
    if (out->list)
        return i;
    if (!out->loft && b->target.imap.length == 0)
        usage("%s", "neither --loft nor --imap: which server?");
    if (b->target.users == 0 || b->timeout_s == 0)
        usage("%s", "a number must not be 0");
    return i;
}

/* ---- workloads ---- */

static const struct workload *find_workload(struct str name)
{
    for (const struct workload *w = workloads; w->name; w++)
        if (str_eq(str_c(w->name), name))
            return w;
    return NULL;
}

static bool takes_key(const struct workload *w, struct str key)
{
    for (struct str rest = str_c(w->keys); rest.n > 0;)
        if (str_eq(str_cut(rest, ' ', &rest), key))
            return true;
    return false;
}

static bool take_param(const struct workload *w, struct str one, struct bench_param *out)
{
    struct str value, key = str_cut(one, '=', &value);
    uint64_t n;
    if (!takes_key(w, key) || !str_to_u64(value, UINT32_MAX, &n) || key.n >= sizeof out->key)
        return false;
    memcpy(out->key, key.p, key.n);
    out->value = (unsigned)n;
    return true;
}

const struct workload *options_workload(const char *argument, struct bench *b)
{
    struct str rest, name = str_cut(str_c(argument), ':', &rest);
    const struct workload *w = find_workload(name);
    bool good = w;
    memset(b->params, 0, sizeof b->params);
    for (size_t n = 0; good && rest.n > 0; n++)
        good = n < BENCH_PARAMS_MAX && take_param(w, str_cut(rest, ',', &rest), &b->params[n]);
    if (!good) {
        fprintf(stderr, "mail_bench: no such workload, or it has no such key: %s (--list tells)\n", argument);
        return NULL;
    }
    b->workload = w->name;
    return w;
}
