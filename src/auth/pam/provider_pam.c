#include "auth/pam/provider_pam.h"

#include "auth/pam/pam_helper.h"
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Over the conversation's own time: for the helper to kill it. */
enum { GRACE_MS = 1000 };

struct pam_helper {
    pid_t pid;
    int requests; /* sends to the helper; any thread */
    char domain[USER_NAME_BYTES_MAX + 1];
    bool remember;
    struct pam_helper_params params;
};

/* ---- starting and stopping ---- */

/* Everything that the server has open and the helper needs not. */
static void close_others(int keep)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (keep > 3)
        close_range(3, (unsigned)keep - 1, 0);
    close_range((unsigned)keep + 1, ~0U, 0);
}

/* The child says how it went: the kind of an error, and its text. */
_Noreturn static void be_helper(const struct pam_helper *helper, const struct provider_pam_params *params,
                                int requests)
{
    struct err err = { .kind = ERR_NONE };
    close_others(requests);
    if (*params->user)
        (void)!sandbox_become(params->user, params->group, 0, &err);
    if (send(requests, &err, sizeof err, MSG_NOSIGNAL) != (ssize_t)sizeof err || err.kind != ERR_NONE)
        _exit(1);
    pam_helper_run(&helper->params, requests);
}

static int check_params(const struct provider_pam_params *params, struct err *err)
{
    struct str service = str_c(params->service);
    if (service.n == 0 || service.n > PAM_SERVICE_BYTES_MAX || str_find_char(service, '/') >= 0 ||
        service.p[0] == '.')
        return err_set(err, ERR_INVALID, "pam.service: \"%.64s\" is no name of a PAM service",
                       params->service);
    char domain[USER_NAME_BYTES_MAX + 1];
    if (params->domain && *params->domain && users_normalise_domain(str_c(params->domain), domain, err) < 0)
        return err_context(err, "pam.domain");
    return 0;
}

static int hear_how_it_went(struct pam_helper *helper, struct err *err)
{
    struct err said;
    if (recv(helper->requests, &said, sizeof said, 0) != (ssize_t)sizeof said)
        return err_set(err, ERR_IO, "the PAM helper did not start");
    return said.kind == ERR_NONE ? 0 : err_set(err, said.kind, "%s", said.text);
}

int pam_helper_start(const struct provider_pam_params *params, struct pam_helper **helper_out,
                     struct err *err)
{
    int ends[2], r = check_params(params, err);
    if (r < 0)
        return r;
    struct pam_helper *helper = calloc(1, sizeof *helper);
    if (!helper)
        abort();
    snprintf(helper->params.service, sizeof helper->params.service, "%s", params->service);
    helper->params.folder = *params->folder ? strdup(params->folder) : NULL;
    if (params->domain && *params->domain &&
        users_normalise_domain(str_c(params->domain), helper->domain, NULL) < 0)
        helper->domain[0] = '\0'; /* check_params has looked */
    helper->remember = params->remember;
    helper->params.timeout_ms = params->timeout_ms;
    helper->params.calls_max = params->calls_max;
    helper->requests = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        r = err_set_errno(err, errno, "a socket for the PAM helper");
    else if ((helper->pid = fork()) < 0)
        r = err_set_errno(err, errno, "the PAM helper cannot be forked");
    else if (helper->pid == 0)
        be_helper(helper, params, ends[1]);
    if (r == 0) {
        close(ends[1]);
        helper->requests = ends[0];
        r = hear_how_it_went(helper, err);
    }
    if (r < 0)
        pam_helper_stop(&helper);
    else
        *helper_out = helper;
    return r;
}

void pam_helper_stop(struct pam_helper **helper)
{
    struct pam_helper *h = *helper;
    if (!h)
        return;
    if (h->requests >= 0)
        close(h->requests); /* it ends by that */
    if (h->pid > 0)
        waitpid(h->pid, NULL, 0);
    free(h->params.folder);
    free(h);
    *helper = NULL;
}

/* ---- one sign-in ---- */

static int send_request(const struct pam_helper *helper, struct pam_request *request, int answer,
                        struct err *err)
{
    struct iovec bytes = { request, sizeof *request };
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { .room = { 0 } };
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof answer);
    memcpy(CMSG_DATA(c), &answer, sizeof answer);
    ssize_t n;
    while ((n = sendmsg(helper->requests, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)sizeof *request
               ? 0
               : err_set(err, ERR_UNAVAILABLE, "the PAM helper has ended: restart the server");
}

static int read_reply(const struct pam_helper *helper, int from, struct pam_reply *reply_out, struct err *err)
{
    struct pollfd p = { .fd = from, .events = POLLIN };
    int r;
    while ((r = poll(&p, 1, (int)helper->params.timeout_ms + GRACE_MS)) < 0 && errno == EINTR)
        ;
    if (r <= 0)
        return err_set(err, ERR_UNAVAILABLE, "PAM does not answer");
    if (recv(from, reply_out, sizeof *reply_out, 0) != (ssize_t)sizeof *reply_out)
        return err_set(err, ERR_UNAVAILABLE, "PAM came to no end in %u ms, or crashed, or is busy",
                       helper->params.timeout_ms);
    reply_out->name[sizeof reply_out->name - 1] = '\0';
    reply_out->text[sizeof reply_out->text - 1] = '\0';
    return 0;
}

static int converse(const struct pam_helper *helper, struct pam_request *request, struct pam_reply *reply_out,
                    struct err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_set(err, ERR_UNAVAILABLE, "a socket for PAM: %s", strerror(errno));
    int r = send_request(helper, request, ends[1], err);
    close(ends[1]);
    if (r == 0)
        r = read_reply(helper, ends[0], reply_out, err);
    close(ends[0]);
    return r;
}

/* "anna@example.org" to "anna", where that is the domain of PAM's users. */
static struct str without_domain(const struct pam_helper *helper, struct str name)
{
    ptrdiff_t at = str_rfind_char(name, '@');
    bool ours = at > 0 && helper->domain[0] && str_eq(str_skip(name, (size_t)at + 1), str_c(helper->domain));
    return ours ? str_sub(name, 0, (size_t)at) : name;
}

/* `name` as it was asked for, `asked` as PAM was: a module may call the user otherwise still. */
static int as_answer(const struct pam_helper *helper, struct str name, struct str asked,
                     const struct pam_reply *reply, struct provider_answer *answer, struct err *err)
{
    bool in_domain = name.n != asked.n && !strchr(reply->name, '@');
    switch (reply->verdict) {
    case PAM_IS_RIGHT:
    case PAM_IS_EXPIRED:
    case PAM_IS_DISABLED:
        answer->once = !helper->remember;
        answer->expired = reply->verdict == PAM_IS_EXPIRED;
        answer->disabled = reply->verdict == PAM_IS_DISABLED;
        if (!str_eq(str_c(reply->name), asked) &&
            (size_t)snprintf(answer->name, sizeof answer->name, "%s%s%s", reply->name, in_domain ? "@" : "",
                             in_domain ? helper->domain : "") >= sizeof answer->name)
            return err_set(err, ERR_NOT_FOUND, "PAM calls the user by a name that is too long");
        return 0;
    case PAM_IS_WRONG:
        return err_set(err, ERR_AUTH, "PAM refuses the password");
    case PAM_IS_UNKNOWN:
        return err_set(err, ERR_NOT_FOUND, "PAM knows no such user");
    case PAM_IS_DOWN:
        break;
    }
    return err_set(err, ERR_UNAVAILABLE, "PAM: %s", reply->text);
}

static int pam_verify(void *ctx, struct str name, struct str password, const struct auth_peer *peer,
                      struct provider_answer *answer, struct err *err)
{
    struct pam_request request = { .name = "" };
    struct pam_reply reply;
    struct str asked = without_domain(ctx, name);
    if (asked.n == 0 || asked.n >= sizeof request.name)
        return err_set(err, ERR_NOT_FOUND, "PAM knows no such user");
    /* A password that PAM would see cut short is nobody's. Who it is, PAM is not asked: it says so of wrong ones only. */
    if (password.n == 0 || password.n >= sizeof request.password || str_find_char(password, '\0') >= 0)
        password = STR("");
    memcpy(request.name, asked.p, asked.n);
    memcpy(request.password, password.p, password.n);
    if (peer->has_ip)
        snprintf(request.address, sizeof request.address, "%s", peer->address);
    int r = converse(ctx, &request, &reply, err);
    sodium_memzero(&request, sizeof request);
    if (r == 0)
        r = as_answer(ctx, name, asked, &reply, answer, err);
    return r == 0 && password.n == 0 ? err_set(err, ERR_AUTH, "an empty password") : r;
}

static void pam_free(void *ctx)
{
    struct pam_helper *helper = ctx;
    pam_helper_stop(&helper);
}

static const struct provider_ops pam_ops = { .name = "pam", .verify = pam_verify, .free = pam_free };

int provider_pam_new(struct pam_helper **helper, struct provider *provider_out, struct err *err)
{
    (void)err;
    *provider_out = (struct provider){ &pam_ops, *helper, (*helper)->params.calls_max };
    *helper = NULL;
    return 0;
}
