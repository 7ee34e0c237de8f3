"""Where Dovecot and Cyrus come from: Debian's packages. Dovecot is installed (nothing is started by that), Cyrus is
unpacked into a folder of the user's, because its packages and Dovecot's exclude each other."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

DOVECOT = ["dovecot-imapd", "dovecot-lmtpd", "dovecot-fts-xapian"]
CYRUS = ["cyrus-imapd", "cyrus-common", "cyrus-admin", "sasl2-bin"]
NEEDLESS = re.compile(r"libclamav|libcyrus")  # for scanning for viruses, and for Perl
BOOTSTRAP = Path(__file__).resolve().parents[2] / "script/bootstrap"
SECONDS = 600


def note(text: str) -> None:
    print("bench: " + text, flush=True, file=sys.stderr)


def install(packages: list[str]) -> bool:
    done = subprocess.run([BOOTSTRAP, "packages", *packages], timeout=SECONDS, capture_output=True, text=True)
    if done.returncode != 0:
        note(f"could not install {' '.join(packages)}: {(done.stderr.strip().splitlines() or ['no reason told'])[-1]}")
    return done.returncode == 0


def dovecot() -> bool:
    """Whether Dovecot is here, or could be brought here."""
    return Path("/usr/sbin/dovecot").exists() and Path("/usr/lib/dovecot/lmtp").exists() or install(DOVECOT)


def dovecot_xapian() -> bool:
    return Path("/usr/lib/dovecot/modules/lib21_fts_xapian_plugin.so").exists()


def cyrus_folder() -> Path:
    if os.geteuid() == 0:  # its processes become another user, who cannot look into root's home
        return Path("/var/cache/loft-bench/cyrus")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "loft-bench/cyrus"


def libraries_of(depends: str) -> list[str]:
    """The libraries in a Depends field of Debian, in their first alternative."""
    names = [entry.split("|")[0].split("(")[0].strip().split(":")[0] for entry in depends.split(",")]
    return [name for name in names if name.startswith(("lib", "zlib")) and not NEEDLESS.match(name)]


def cyrus() -> Path | None:
    """The folder of an unpacked Cyrus, made when it is not there; None where Debian's archive is out of reach."""
    folder = cyrus_folder()
    if (folder / "usr/lib/cyrus/bin/master").exists():
        return folder
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        note("Cyrus comes from Debian packages, and there is no apt-get")
        return None
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        download = ["apt-get", "download", *CYRUS]
        if subprocess.run(download, cwd=partial, timeout=SECONDS, capture_output=True).returncode != 0:
            subprocess.run(["apt-get", "update", "-q"], timeout=SECONDS, capture_output=True)
            subprocess.run(download, cwd=partial, check=True, timeout=SECONDS, capture_output=True)
        depends = set()
        for package in sorted(partial.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, partial], check=True)
            field = subprocess.run(["dpkg-deb", "-f", package, "Depends"], check=True, capture_output=True, text=True)
            depends.update(libraries_of(field.stdout))
            package.unlink()
    except (subprocess.SubprocessError, OSError) as error:
        note(f"no Cyrus: {error}")
        return None
    if not install(sorted(depends)):
        return None
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder
