"""Rows of the load generator: what was measured, by whom, and medians of several turns."""
import dataclasses
import json
import statistics
from typing import Any, Iterable

Row = dict[str, Any]

# Figures with which a row is compared; everything else in it names or counts.
CPU = "server_cpu_s_per_1000"  # which is milliseconds for each operation


@dataclasses.dataclass(frozen=True)
class Key:
    """Rows of one key are the same work."""

    row: str
    messages: int  # of the mailbox, 0 where it has no part in it
    rest: tuple[tuple[str, Any], ...] = ()

    def label(self) -> str:
        return f"{self.row} @{self.messages}" if self.messages else self.row


def key_of(row: Row) -> Key:
    params = dict(row.get("params") or {})
    messages = int(params.pop("messages", 0))
    return Key(row["row"], messages, tuple(sorted(params.items())))


def parse(lines: Iterable[str]) -> list[Row]:
    """Rows of JSON lines; lines that are not objects with a row are passed over."""
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and "row" in row:
            rows.append(row)
    return rows


def is_figure(name: str, value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and name not in ("count", "errors")


def median_row(rows: list[Row]) -> Row:
    """One row for several turns: medians of the figures, sums of operations and errors, the first error told."""
    merged = dict(rows[-1])
    for name in {name for row in rows for name in row}:
        figures = [row[name] for row in rows if is_figure(name, row.get(name))]
        if figures:
            merged[name] = statistics.median(figures)
    for name in ("count", "errors"):
        if any(name in row for row in rows):
            merged[name] = sum(row.get(name, 0) for row in rows)
    merged["turns"] = len(rows)
    for row in rows:
        if row.get("error"):
            merged["error"] = row["error"]
            break
    return merged


Results = dict[Key, dict[str, Row]]  # work -> server -> its median row


def collect(rows: Iterable[Row]) -> Results:
    """In the order in which work was first seen."""
    turns: dict[Key, dict[str, list[Row]]] = {}
    for row in rows:
        turns.setdefault(key_of(row), {}).setdefault(row["server"], []).append(row)
    return {key: {server: median_row(found) for server, found in servers.items()} for key, servers in turns.items()}
