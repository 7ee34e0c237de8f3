/* Which files a program for attachments may see: those of the system's programs, and temporary ones. */
#include "mail/extractor.h"
#include "mail/extractor_private.h"

static const struct sandbox_place places[] = {
    { "/usr", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/bin", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/sbin", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/lib", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/lib32", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/lib64", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/opt", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/nix/store", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/gnu/store", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/etc/alternatives", SANDBOX_EXECUTE | SANDBOX_READ },
    { "/etc/fonts", SANDBOX_READ },
    { "/etc/group", SANDBOX_READ },
    { "/etc/java-17-openjdk", SANDBOX_READ },
    { "/etc/java-21-openjdk", SANDBOX_READ },
    { "/etc/ld.so.cache", SANDBOX_READ },
    { "/etc/libreoffice", SANDBOX_READ },
    { "/etc/localtime", SANDBOX_READ },
    { "/etc/magic", SANDBOX_READ },
    { "/etc/mime.types", SANDBOX_READ },
    { "/etc/nsswitch.conf", SANDBOX_READ },
    { "/etc/passwd", SANDBOX_READ },
    { "/var/cache/fontconfig", SANDBOX_READ },
    { "/proc", SANDBOX_READ },
    { "/dev/null", SANDBOX_READ | SANDBOX_WRITE },
    { "/dev/zero", SANDBOX_READ },
    { "/dev/random", SANDBOX_READ },
    { "/dev/urandom", SANDBOX_READ },
    { "/tmp", SANDBOX_READ | SANDBOX_WRITE },
    { "/var/tmp", SANDBOX_READ | SANDBOX_WRITE },
};

const struct sandbox_place *extractor_places(size_t *count_out)
{
    *count_out = ARRAY_COUNT(places);
    return places;
}

bool extractor_hold_files(const char *program)
{
    if (sandbox_files_version() == 0)
        return true;
    int files = sandbox_files_begin(SANDBOX_NO_SIGNALS | SANDBOX_NO_ABSTRACT_SOCKETS);
    bool ok = files >= 0 && sandbox_files_allow(files, program, SANDBOX_EXECUTE | SANDBOX_READ);
    for (size_t i = 0; ok && i < ARRAY_COUNT(places); i++)
        ok = sandbox_files_allow(files, places[i].path, places[i].rights);
    return sandbox_files_hold(files) && ok;
}
