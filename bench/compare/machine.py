"""What the run was made on, for the document."""
import os
import platform
import subprocess
from pathlib import Path


def first_line(path: str, start: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(start):
            return line.split(":", 1)[1].strip()
    return ""


def file_system(folder: Path) -> str:
    out = subprocess.run(["df", "--output=fstype,source", folder], capture_output=True, text=True).stdout.splitlines()
    return " on ".join(out[1].split()) if len(out) > 1 else "unknown"


def describe(folder: Path) -> dict[str, str]:
    memory_kib = int(first_line("/proc/meminfo", "MemTotal").split()[0])
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return {
        "processor": f"{os.cpu_count()} x {first_line('/proc/cpuinfo', 'model name') or platform.machine()}",
        "memory": f"{memory_kib / (1 << 20):.0f} GiB",
        "system": f"{system}, Linux {platform.release()}",
        "data on": file_system(folder),
    }
