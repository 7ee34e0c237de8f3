/* Which files a program for attachments may see: those of the system's programs, and temporary ones. */
#include "mail/extractor_private.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
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

    REFER_SINCE = 2,
    TRUNCATE_SINCE = 3,
    SCOPES_SINCE = 6,
    SCOPES = 3, /* no signals to others, none of their abstract sockets */
};

struct ruleset {
    uint64_t files, network, scopes;
};

static const struct {
    const char *path;
    uint32_t rights;
} places[] = {
    { "/usr", EXECUTE | READS },
    { "/bin", EXECUTE | READS },
    { "/sbin", EXECUTE | READS },
    { "/lib", EXECUTE | READS },
    { "/lib32", EXECUTE | READS },
    { "/lib64", EXECUTE | READS },
    { "/opt", EXECUTE | READS },
    { "/nix/store", EXECUTE | READS },
    { "/gnu/store", EXECUTE | READS },
    { "/etc/alternatives", EXECUTE | READS },
    { "/etc/fonts", READS },
    { "/etc/group", READS },
    { "/etc/java-17-openjdk", READS },
    { "/etc/java-21-openjdk", READS },
    { "/etc/ld.so.cache", READS },
    { "/etc/libreoffice", READS },
    { "/etc/localtime", READS },
    { "/etc/magic", READS },
    { "/etc/mime.types", READS },
    { "/etc/nsswitch.conf", READS },
    { "/etc/passwd", READS },
    { "/var/cache/fontconfig", READS },
    { "/proc", READS },
    { "/dev/null", READS | WRITES },
    { "/dev/zero", READS },
    { "/dev/random", READS },
    { "/dev/urandom", READS },
    { "/tmp", READS | WRITES },
    { "/var/tmp", READS | WRITES },
};

static bool allow(int ruleset, const char *path, uint64_t rights)
{
    int place = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (place < 0)
        return true; /* not here, nothing to allow */
    if (fstat(place, &st) == 0 && !S_ISDIR(st.st_mode))
        rights &= OF_FILES;
    struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = place };
    bool ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(place);
    return ok;
}

bool extractor_hold_files(const char *program)
{
    struct ruleset all = { .files = EXECUTE | READS | WRITES };

    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0)
        return true;
    if (version < REFER_SINCE)
        all.files &= ~(uint64_t)REFER;
    if (version < TRUNCATE_SINCE)
        all.files &= ~(uint64_t)TRUNCATE;
    if (version >= SCOPES_SINCE)
        all.scopes = SCOPES;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    bool ok = ruleset >= 0 && allow(ruleset, program, (EXECUTE | READ_FILE) & all.files);
    for (size_t i = 0; ok && i < sizeof places / sizeof *places; i++)
        ok = allow(ruleset, places[i].path, places[i].rights & all.files);
    ok = ok && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    if (ruleset >= 0)
        close(ruleset);
    return ok;
}
