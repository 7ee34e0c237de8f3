"""What the machine can do at all: the rows of limits_bench."""
import subprocess
from pathlib import Path
from typing import Any

from .rows import parse

SECONDS = 300


def measure(build: Path, folder: Path, quick: bool) -> list[dict[str, Any]]:
    program = build / "bench/limits_bench"
    out = subprocess.run([program, folder, *(["--quick"] if quick else [])], capture_output=True, text=True, check=True,
                         timeout=SECONDS)
    return parse(out.stdout.splitlines())
