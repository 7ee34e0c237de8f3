#include "base/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- system calls ---- */

#if defined(__x86_64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

bool sandbox_calls_known(void)
{
#ifdef OUR_ARCHITECTURE
    return true;
#else
    return false;
#endif
}

#ifdef OUR_ARCHITECTURE

struct program {
    struct sock_filter rows[2 * SANDBOX_CALLS_MAX + 40];
    unsigned short n;
};

static void add(struct program *p, struct sock_filter row)
{
    assert(p->n < sizeof p->rows / sizeof *p->rows);
    p->rows[p->n++] = row;
}

static struct sock_filter load(size_t offset)
{
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

static struct sock_filter leave(uint32_t with)
{
    return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, with);
}

/* If it equals `k` go on behind `yes` rows, else behind `no`. */
static struct sock_filter if_equal(uint32_t k, unsigned char yes, unsigned char no)
{
    return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no);
}

/* clone(flags, ...), and unshare and setns. What clone3 is asked lies in memory, which a filter does not see: libc goes back to
 * clone when the kernel seems to be too old. */
static void add_namespaces(struct program *p)
{
    const uint32_t spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                            CLONE_NEWPID | CLONE_NEWNET;
    add(p, if_equal(__NR_unshare, 2, 0));
    add(p, if_equal(__NR_setns, 1, 0));
    add(p, if_equal(__NR_clone3, 1, 2));
    add(p, leave(SECCOMP_RET_ERRNO | EPERM));
    add(p, leave(SECCOMP_RET_ERRNO | ENOSYS));
    add(p, if_equal(__NR_clone, 0, 4)); /* else over the 4 rows below, with the number still at hand */
    add(p, load(offsetof(struct seccomp_data, args[0])));
    add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, spaces, 0, 1));
    add(p, leave(SECCOMP_RET_ERRNO | EPERM));
    add(p, leave(SECCOMP_RET_ALLOW));
}

/* socket(family, type, protocol) and socketpair: the low halves of the arguments. */
static void add_sockets(struct program *p)
{
    const size_t family = offsetof(struct seccomp_data, args[0]),
                 type = offsetof(struct seccomp_data, args[1]),
                 protocol = offsetof(struct seccomp_data, args[2]);
    add(p, if_equal(__NR_socket, 0, 14)); /* else over the 14 rows below */
    add(p, load(family));
    add(p, if_equal(AF_UNIX, 6, 0));
    add(p, if_equal(AF_INET, 5, 0));
    add(p, if_equal(AF_INET6, 4, 0));
    add(p, if_equal(AF_NETLINK, 0, 2));
    add(p, load(protocol));
    add(p, if_equal(NETLINK_ROUTE, 5, 0));
    add(p, leave(SECCOMP_RET_ERRNO | EPERM));
    add(p, load(type));
    add(p,
        (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf)); /* without SOCK_CLOEXEC and its like */
    add(p, if_equal(SOCK_STREAM, 1, 0));
    add(p, if_equal(SOCK_DGRAM, 0, 1));
    add(p, leave(SECCOMP_RET_ALLOW));
    add(p, leave(SECCOMP_RET_ERRNO | EPERM));
}

bool sandbox_refuse_calls(const int *calls, size_t count, unsigned also)
{
    struct program p;
    assert(count <= SANDBOX_CALLS_MAX);
    p.n = 0;
    add(&p, load(offsetof(struct seccomp_data, arch)));
    add(&p, if_equal(OUR_ARCHITECTURE, 1, 0));
    add(&p, leave(SECCOMP_RET_KILL_PROCESS));
    add(&p, load(offsetof(struct seccomp_data, nr)));
#ifdef __x86_64__
    add(&p,
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1)); /* the x32 interface */
    add(&p, leave(SECCOMP_RET_ERRNO | ENOSYS));
#endif
    for (size_t i = 0; i < count; i++) {
        add(&p, if_equal((uint32_t)calls[i], 0, 1));
        add(&p, leave(SECCOMP_RET_ERRNO | EPERM));
    }
    if (also & SANDBOX_NO_NAMESPACES)
        add_namespaces(&p);
    if (also & SANDBOX_SOCKETS_ORDINARY)
        add_sockets(&p);
    add(&p, leave(SECCOMP_RET_ALLOW));
    const struct sock_fprog program = { p.n, p.rows };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

#else

bool sandbox_refuse_calls(const int *calls, size_t count, unsigned also)
{
    (void)calls, (void)count, (void)also;
    return true;
}

#endif

/* ---- privileges ---- */

bool sandbox_no_new_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Takes CAP_SETPCAP; who has not got that has nothing to gain from the bounding set either, with no_new_privs. */
static void drop_bounding_set(uint64_t keep)
{
    for (unsigned long n = 0; prctl(PR_CAPBSET_READ, n, 0, 0, 0) >= 0; n++)
        if (n >= 64 || !(keep >> n & 1))
            prctl(PR_CAPBSET_DROP, n, 0, 0, 0);
}

bool sandbox_drop_capabilities(uint64_t keep)
{
    struct __user_cap_header_struct self = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    drop_bounding_set(keep);
    if (syscall(SYS_capget, &self, sets) < 0)
        return false;
    bool none_left = true; /* then whoever started us may have forbidden to ask */
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        uint32_t half = (uint32_t)(keep >> (32 * i));
        none_left = none_left && !(sets[i].permitted & ~half) && !sets[i].inheritable;
        sets[i].permitted &= half;
        sets[i].effective &= half;
        sets[i].inheritable = 0; /* and with it what is ambient */
    }
    return none_left || syscall(SYS_capset, &self, sets) == 0;
}

int sandbox_find_user(const char *user, const char *group, uid_t *uid_out, gid_t *gid_out, struct err *err)
{
    const struct passwd *p = getpwnam(user);
    if (!p)
        return err_set(err, ERR_NOT_FOUND, "there is no user %.60s", user);
    uid_t uid = p->pw_uid;
    gid_t gid = p->pw_gid;
    const struct group *g = *group ? getgrnam(group) : NULL;
    if (*group && !g)
        return err_set(err, ERR_NOT_FOUND, "there is no group %.60s", group);
    if (uid == 0)
        return err_set(err, ERR_INVALID, "%.60s is root", user);
    *uid_out = uid;
    *gid_out = g ? g->gr_gid : gid;
    return 0;
}

/* The capabilities that were permitted are no longer effective when the user changes. */
static bool raise_again(uint64_t keep)
{
    struct __user_cap_header_struct self = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &self, sets) < 0)
        return false;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        sets[i].permitted &= (uint32_t)(keep >> (32 * i));
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    return syscall(SYS_capset, &self, sets) == 0;
}

int sandbox_become(const char *user, const char *group, uint64_t keep, struct err *err)
{
    uid_t uid;
    gid_t gid;
    int r = sandbox_find_user(user, group, &uid, &gid, err);
    if (r < 0)
        return r;
    drop_bounding_set(0); /* nothing is executed with what is kept */
    /* In this order: without root's user nobody may change groups. */
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(user, gid) < 0 || setresgid(gid, gid, gid) < 0 ||
        setresuid(uid, uid, uid) < 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 || !raise_again(keep))
        return err_set_errno(err, errno, "become user %.60s", user);
    return 0;
}

bool sandbox_is_sanitizer(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
    return true;
#else
    return false;
#endif
#else
    return false;
#endif
}
