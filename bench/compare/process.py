"""What a server consumes: its whole process tree, those that have ended included. (mail_bench measures likewise; this
is for what the driver itself must know: when a server has come to rest, what indexing costs.)"""
import os
import time
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (field 3 of proc(5) is [0]); [] when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2:].split()


def process_tree(root: int) -> list[int]:
    """`root` and all that descends from it, parents first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def cpu_of(pid: int) -> float:
    """User and system time of a process, to the nanosecond, and of its children that were waited for, to the tick."""
    fields = stat_fields(pid)
    if not fields:
        return 0.0
    waited = (int(fields[13]) + int(fields[14])) / TICKS_PER_S
    try:
        own = time.clock_gettime(~pid << 3 | 2)  # its CPU clock: clock_getcpuclockid(3)
    except OSError:
        own = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    return own + waited


def tree_cpu_s(root: int) -> float:
    return sum(cpu_of(pid) for pid in process_tree(root))


def disk_bytes(folder: Path) -> int:
    """Space that the files below `folder` take, hard links once."""
    seen: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(place, name))
            except OSError:
                continue
            seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def forget_files(folder: Path) -> None:
    """Push the files below `folder` out of the page cache."""
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                fd = os.open(os.path.join(place, name), os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                os.fdatasync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            except OSError:
                pass
            finally:
                os.close(fd)
