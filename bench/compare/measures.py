"""The figures that are compared: where they stand in a row, which way is better, how they are written."""
import dataclasses
from typing import Callable

from .rows import CPU, Row


def three_digits(value: float) -> str:
    """At most three digits that count, no exponent: 0.0123, 1.23, 12.3, 1230."""
    if value == 0:
        return "0"
    for limit, places in ((0.01, 5), (0.1, 4), (1, 3), (10, 2), (100, 1)):
        if abs(value) < limit:
            return f"{value:.{places}f}".rstrip("0").rstrip(".")
    return f"{round(value):,}"


def duration(ms: float) -> str:
    if ms < 1:
        return three_digits(ms * 1000) + " us"
    if ms < 1000:
        return three_digits(ms) + " ms"
    return three_digits(ms / 1000) + " s"


def byte_count(value: float) -> str:
    for unit, size in (("MB", 1 << 20), ("KB", 1 << 10)):
        if abs(value) >= size:
            return f"{three_digits(value / size)} {unit}"
    return f"{three_digits(value)} B"


def share(value: float) -> str:
    return f"{three_digits(value * 100)} %"


@dataclasses.dataclass(frozen=True)
class Measure:
    name: str
    key: str  # in the row
    title: str
    more_is_better: bool
    text: Callable[[float], str]

    def of(self, row: Row | None) -> float | None:
        """None: not measured; or below nothing, as what others do to the kernel's memory meanwhile can make it."""
        value = row.get(self.key) if row else None
        return float(value) if isinstance(value, (int, float)) and value >= 0 else None


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("cpu", CPU, "server CPU", False, duration),
        Measure("rate", "rate", "rate", True, lambda value: three_digits(value) + "/s"),
        Measure("p50", "p50_ms", "p50", False, duration),
        Measure("p99", "p99_ms", "p99", False, duration),
        Measure("flushes", "flushes_per_op", "flushes", False, three_digits),
        Measure("written", "written_bytes_per_op", "written", False, byte_count),
        Measure("pss", "pss_bytes_per_op", "memory", False, byte_count),
        Measure("kernel", "kernel_bytes_per_op", "kernel memory", False, byte_count),
        Measure("disk", "disk_bytes_per_op", "disk", False, byte_count),
        Measure("resumed", "resumed", "resumed", True, share),
        Measure("index_share", "index_share", "index / mail", False, three_digits),
    )
}
