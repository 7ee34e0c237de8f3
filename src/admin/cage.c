#include "admin/cage.h"

#include "base/file.h"
#include "base/sandbox.h"
#include "mail/extractor.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t bind_ports = UINT64_C(1) << CAP_NET_BIND_SERVICE;

/* ---- who the server is ---- */

static int check_owner(const char *folder, uid_t uid, const char *user, struct err *err)
{
    struct stat st;
    if (stat(folder, &st) < 0)
        return err_set_errno(err, errno, "data folder %s", folder);
    if (st.st_uid != uid)
        return err_set(err, ERR_DENIED, "data folder %s belongs to another user: chown -R %s it", folder,
                       user);
    return 0;
}

/* Whoever starts it may have made the folder's parents only for root. */
static int give_data_folder(const char *folder, uid_t uid, gid_t gid, const char *user, struct err *err)
{
    struct stat st;
    if (stat(folder, &st) == 0)
        return check_owner(folder, uid, user, err);
    int r = file_mkdir_all(folder, 0700, err);
    if (r == 0 && chown(folder, uid, gid) < 0)
        r = err_set_errno(err, errno, "data folder %s", folder);
    return r;
}

int cage_become_user(const struct config *config, struct err *err)
{
    uid_t uid;
    gid_t gid;
    const char *user = config->server.user;
    int r = 0;
    if (!*user || geteuid() != 0)
        return file_mkdir_all(config->data.folder, 0700, err);
    if ((r = sandbox_find_user(user, config->server.group, &uid, &gid, err)) < 0)
        return err_context(err, "server.user");
    r = give_data_folder(config->data.folder, uid, gid, user, err);
    if (r == 0)
        r = sandbox_become(user, config->server.group, bind_ports, err);
    return r;
}

/* ---- files ---- */

/* What libraries read: names and addresses, certificates, character sets, time zones, processors. */
static const struct sandbox_place system_places[] = {
    { "/usr", SANDBOX_READ },
    { "/lib", SANDBOX_READ },
    { "/lib32", SANDBOX_READ },
    { "/lib64", SANDBOX_READ },
    { "/nix/store", SANDBOX_READ },
    { "/gnu/store", SANDBOX_READ },
    { "/etc/alternatives", SANDBOX_READ },
    { "/etc/ca-certificates", SANDBOX_READ },
    { "/etc/crypto-policies", SANDBOX_READ },
    { "/etc/gai.conf", SANDBOX_READ },
    { "/etc/group", SANDBOX_READ },
    { "/etc/gss", SANDBOX_READ },
    { "/etc/gssapi_mech.conf", SANDBOX_READ },
    { "/etc/host.conf", SANDBOX_READ },
    { "/etc/hosts", SANDBOX_READ },
    { "/etc/krb5.conf", SANDBOX_READ },
    { "/etc/krb5.conf.d", SANDBOX_READ },
    { "/etc/krb5.keytab", SANDBOX_READ },
    { "/etc/ld.so.cache", SANDBOX_READ },
    { "/etc/ldap", SANDBOX_READ },
    { "/etc/localtime", SANDBOX_READ },
    { "/etc/nsswitch.conf", SANDBOX_READ },
    { "/etc/passwd", SANDBOX_READ },
    { "/etc/pki", SANDBOX_READ },
    { "/etc/resolv.conf", SANDBOX_READ },
    { "/etc/services", SANDBOX_READ },
    { "/etc/ssl", SANDBOX_READ },
    { "/run/systemd/resolve", SANDBOX_READ },
    { "/proc", SANDBOX_READ },
    { "/sys", SANDBOX_READ },
    { "/dev/null", SANDBOX_READ | SANDBOX_WRITE },
    { "/dev/zero", SANDBOX_READ },
    { "/dev/random", SANDBOX_READ },
    { "/dev/urandom", SANDBOX_READ },
};

struct files {
    int ruleset;
    bool ok;
};

static void allow(struct files *f, const char *path, unsigned rights)
{
    f->ok = f->ok && sandbox_files_allow(f->ruleset, path, rights);
}

/* The folder that `path` is in, so that the file can be replaced; but not one that is near the root and holds everything:
 * then the file as it is now. */
static void allow_folder_of(struct files *f, const char *path, unsigned rights)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    dirname(folder);
    bool near_root = folder[0] == '/' && !strchr(folder + 1, '/');
    if (strcmp(folder, "/") == 0 || (near_root && !(rights & SANDBOX_WRITE)))
        allow(f, path, rights);
    else
        allow(f, folder, rights);
}

/* A symbolic link counts as what it leads to: /etc/letsencrypt/live is full of links to ../archive. */
static void allow_target(struct files *f, const char *path, unsigned rights)
{
    char target[PATH_MAX];
    if (realpath(path, target))
        allow_folder_of(f, target, rights);
}

static void allow_links_in(struct files *f, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[PATH_MAX];
        if (entry->d_type == DT_LNK && snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < PATH_MAX)
            allow_target(f, path, SANDBOX_READ);
    }
    if (dir)
        closedir(dir);
}

static void allow_setting(void *ctx, const char *name, const char *path, bool written)
{
    struct files *f = ctx;
    struct stat st;
    unsigned rights = SANDBOX_READ | (written ? SANDBOX_WRITE : 0u);
    if (!*path || strcmp(name, "index.extractor") == 0)
        return;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        allow(f, path, rights);
        allow_links_in(f, path);
        return;
    }
    allow_folder_of(f, path, rights);
    allow_target(f, path, rights);
}

static void allow_sockets(struct files *f, const struct config_listen *listen)
{
    for (size_t i = 0; i < listen->count; i++)
        if (listen->addresses[i].path) /* removed at the end */
            allow_folder_of(f, listen->addresses[i].path, SANDBOX_READ | SANDBOX_WRITE);
}

static void allow_extractor(struct files *f, const char *program)
{
    size_t count;
    const struct sandbox_place *places = extractor_places(&count);
    allow(f, program, SANDBOX_EXECUTE | SANDBOX_READ);
    for (size_t i = 0; i < count; i++)
        allow(f, places[i].path, places[i].rights);
}

/* systemd is told from inside, and its socket may be an abstract one: sd_notify(3). */
static unsigned held_beside_files(void)
{
    const char *notify = getenv("NOTIFY_SOCKET");
    bool abstract = notify && notify[0] == '@';
    return SANDBOX_NO_SIGNALS | SANDBOX_NO_PORTS | (abstract ? 0u : SANDBOX_NO_ABSTRACT_SOCKETS);
}

static bool hold_files(const struct config *config, const char *config_file)
{
    struct files f = { .ruleset = sandbox_files_begin(held_beside_files()) };
    f.ok = f.ruleset >= 0;
    for (size_t i = 0; i < ARRAY_COUNT(system_places); i++)
        allow(&f, system_places[i].path, system_places[i].rights);
    config_each_path(config, allow_setting, &f);
    if (config_file)
        allow_setting(&f, "", config_file, false);
    allow_sockets(&f, &config->imap.listen);
    allow_sockets(&f, &config->imaps.listen);
    allow_sockets(&f, &config->lmtp.listen);
    if (*config->index.extractor)
        allow_extractor(&f, config->index.extractor);
    return sandbox_files_hold(f.ruleset) && f.ok;
}

/* ---- system calls ---- */

static const int refused[] = {
    SYS_execve, /* the first two: not with index.extractor */
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
    SYS_mount,
    SYS_umount2,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
#ifdef SYS_mount_setattr
    SYS_mount_setattr,
#endif
    SYS_pivot_root,
    SYS_chroot,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_vhangup,
    SYS_personality,
    SYS_fanotify_init,
    SYS_lookup_dcookie,
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
    SYS_mknod,
#endif
    SYS_mknodat,
};
enum { EXEC_CALLS = 2 };

static bool refuse_calls(bool may_exec)
{
    size_t skip = may_exec ? EXEC_CALLS : 0;
    return sandbox_refuse_calls(refused + skip, ARRAY_COUNT(refused) - skip,
                                SANDBOX_SOCKETS_ORDINARY | SANDBOX_NO_NAMESPACES);
}

/* ---- all of it ---- */

static void name_user(struct cage *cage)
{
    const struct passwd *p = getpwuid(geteuid());
    if (p)
        snprintf(cage->user, sizeof cage->user, "%s", p->pw_name);
    else
        snprintf(cage->user, sizeof cage->user, "%u", (unsigned)geteuid());
}

static void tell(const struct cage *cage, struct logger log)
{
    struct buf text = BUF_INIT;
    cage_format(cage, &text);
    if (geteuid() == 0)
        log_warn(&log, "runs-as-root",
                 KV("text", "without root's capabilities, but its files are open; set server.user"));
    if (!cage->off && (cage->files_version == 0 || !cage->calls))
        log_warn(&log, "sandbox", KV("text", buf_str(&text)),
                 KV("missing", cage->files_version == 0
                                   ? "Landlock: the kernel is too old or has it switched off"
                                   : "seccomp: not for this machine"));
    else
        log_info(&log, "sandbox", KV("text", buf_str(&text)));
    buf_deinit(&text);
}

int cage_enter(const struct config *config, const char *config_file, struct logger log, struct cage *cage_out,
               struct err *err)
{
    struct cage cage = { .off = !config->sandbox.enabled ? "sandbox.enabled = no"
                                : sandbox_is_sanitizer() ? "built with a sanitizer"
                                                         : NULL };
    name_user(&cage);
    if (!sandbox_drop_capabilities(0) || !sandbox_no_new_privileges())
        return err_set(err, ERR_DENIED, "privileges could not be given up");
    if (!cage.off) {
        cage.files_version = sandbox_files_version();
        cage.calls = sandbox_calls_known();
        cage.may_exec = *config->index.extractor != '\0';
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
            (cage.files_version > 0 && !hold_files(config, config_file)) || !refuse_calls(cage.may_exec))
            return err_set_errno(err, errno,
                                 "the sandbox could not be laid on (sandbox.enabled = no goes without)");
    }
    tell(&cage, log);
    *cage_out = cage;
    return 0;
}

void cage_format(const struct cage *cage, struct buf *out)
{
    if (cage->off)
        buf_printf(out, "off: %s", cage->off);
    else if (cage->files_version > 0)
        buf_printf(out, "files%s held", cage->calls ? " and system calls" : "");
    else
        buf_printf(out, "%s held", cage->calls ? "system calls" : "nothing");
    if (cage->may_exec)
        buf_add_lit(out, ", but for programs that index.extractor runs");
    buf_printf(out, "; user %s", cage->user);
}
