#include "base/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights by number: headers may be older than the kernel. */
enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_FOLDER = 1 << 3,
    REMOVE = 3 << 4,
    MAKE = 0x7f << 6, /* devices, folders, files, sockets, pipes, links */
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,

    OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE,
    READS = READ_FILE | READ_FOLDER,
    WRITES = WRITE_FILE | REMOVE | MAKE | REFER | TRUNCATE,

    REFER_SINCE = 2, /* before, nothing could be linked or moved from folder to folder: of no use to us */
    TRUNCATE_SINCE = 3,
    NETWORK_SINCE = 4,
    BIND_TCP = 1 << 0,
    SCOPES_SINCE = 6,
    SCOPES = SANDBOX_NO_ABSTRACT_SOCKETS | SANDBOX_NO_SIGNALS, /* as the kernel numbers them */
};

struct ruleset {
    uint64_t files, network, scopes;
};

int sandbox_files_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version >= REFER_SINCE ? (int)version : 0;
}

/* What this kernel does not know cannot be held, and must not be named. */
static uint64_t known_rights(int version)
{
    uint64_t all = EXECUTE | READS | WRITES;
    return version < TRUNCATE_SINCE ? all & ~(uint64_t)TRUNCATE : all;
}

int sandbox_files_begin(unsigned also)
{
    int version = sandbox_files_version();
    if (version == 0)
        return -1;
    struct ruleset all = { .files = known_rights(version),
                           .network = version >= NETWORK_SINCE && also & SANDBOX_NO_PORTS ? BIND_TCP : 0,
                           .scopes = version >= SCOPES_SINCE ? also & SCOPES : 0 };
    return (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
}

bool sandbox_files_allow(int files, const char *path, unsigned rights)
{
    uint64_t access = (rights & SANDBOX_EXECUTE ? EXECUTE : 0u) | (rights & SANDBOX_READ ? READS : 0u) |
                      (rights & SANDBOX_WRITE ? WRITES : 0u);
    struct stat st;
    int place = open(path, O_PATH | O_CLOEXEC);
    if (place < 0)
        return true; /* not here, nothing to allow */
    if (fstat(place, &st) == 0 && !S_ISDIR(st.st_mode))
        access &= OF_FILES;
    struct landlock_path_beneath_attr rule = {
        .allowed_access = access & known_rights(sandbox_files_version()), .parent_fd = place
    };
    bool ok = syscall(SYS_landlock_add_rule, files, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(place);
    return ok;
}

bool sandbox_files_hold(int files)
{
    bool ok = files >= 0 && syscall(SYS_landlock_restrict_self, files, 0) == 0;
    if (files >= 0)
        close(files);
    return ok;
}
