"""Rows as tables in Markdown, columns aligned so that a terminal shows them as well."""
from typing import Any

from .measures import MEASURES, Measure, three_digits
from .rows import Key, Results, Row
from .targets import OURS, Verdict, best_rival, check, growth, times_better

MORE = ("rate", "p50", "p99", "flushes", "written", "pss", "kernel", "disk", "index_share", "resumed")


def render(header: list[str], lines: list[list[str]], left: int = 1) -> str:
    """A table whose first `left` columns are words, the others figures."""
    widths = [max(len(line[column]) for line in [header, *lines]) for column in range(len(header))]

    def row(cells: list[str]) -> str:
        padded = (cell.ljust(width) if column < left else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(cells, widths)))
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join(("-" * (width + 2)) if column < left else "-" * (width + 1) + ":"
                          for column, width in enumerate(widths)) + "|"
    return "\n".join([row(header), rule, *map(row, lines)])


def work(key: Key, row: Row) -> str:
    """What a line is about. Names tell, the row's id is what targets speak of."""
    name = row.get("name", "").replace("|", "/")
    return f"`{key.row}` {name}".strip()


def cell(row: Row | None, measure: Measure) -> str:
    if row is None:
        return ""
    if "unsupported" in row:
        return "-"
    value = measure.of(row)
    if value is None:
        return ""
    return measure.text(value) + (" !" if row.get("errors") else "")


def names_in(results: Results) -> list[str]:
    found = dict.fromkeys(name for servers in results.values() for name in servers)
    return sorted(found, key=lambda name: (name != OURS, list(found).index(name)))


def cpu_table(section: str, results: Results, targets: dict[str, Any], limits: dict[str, float]) -> str:
    """Server CPU for each operation, with ratios, targets, and the share of it that no server could save."""
    names, measure = names_in(results), MEASURES["cpu"]
    verdicts: dict[Key, Verdict] = {}
    for verdict in check(section, results, targets):
        if verdict.measure is measure:
            verdicts.setdefault(verdict.key, verdict)
    header = ["work", *names, "times less", "target", ""] + (["limit"] if limits else [])
    lines = []
    for key, servers in results.items():
        if not any(measure.of(row) is not None for row in servers.values()):
            continue
        ours, rival, verdict = measure.of(servers.get(OURS)), best_rival(results, key, measure), verdicts.get(key)
        ratio = three_digits(times_better(ours, rival[1], measure)) if ours is not None and rival else ""
        line = [work(key, next(iter(servers.values()))), *(cell(servers.get(name), measure) for name in names), ratio,
                verdict.target if verdict else "", mark(verdict)]
        if limits:
            limit = limits.get(key.row)
            line.append(f"{limit / ours * 100:.0f} %" if limit and ours else "")
        lines.append(line)
    return render(header, lines) if lines else ""


def mark(verdict: Verdict | None) -> str:
    return "" if verdict is None else "met" if verdict.met else "MISSED"


def figures_table(results: Results, names: tuple[str, ...] = MORE) -> str:
    """All other figures: a line for each row and server."""
    measures = [MEASURES[name] for name in names]
    measures = [measure for measure in measures
                if any(measure.of(row) is not None for servers in results.values() for row in servers.values())]
    lines = []
    for key, servers in results.items():
        for name in names_in(results):
            row = servers.get(name)
            if row is None:
                continue
            note = f"no {row['unsupported']}" if "unsupported" in row else ""
            if row.get("errors"):
                note = f"{row['errors']:,} wrong"
            lines.append([f"`{key.row}`", name, note, *(cell(row, measure).rstrip(" !") for measure in measures)])
    return render(["work", "server", "", *(measure.title for measure in measures)], lines, left=3)


def verdict_table(verdicts: list[Verdict]) -> str:
    lines = [[f"`{verdict.key.row}`", f"{verdict.key.messages:,}" if verdict.key.messages else "",
              verdict.measure.title, verdict.target, verdict.reached, mark(verdict)] for verdict in verdicts]
    return render(["work", "messages", "figure", "target", "reached", ""], lines, left=1)


def reasons(verdicts: list[Verdict]) -> str:
    """Where a target is missed, and it is known why: one line for each reason."""
    rows: dict[str, dict[str, None]] = {}
    for verdict in verdicts:
        if verdict.why and not verdict.met:
            rows.setdefault(verdict.why, {})[f"`{verdict.key.row}`"] = None
    return "".join(f"- {', '.join(names)}: {why}\n" for why, names in rows.items())


def verdicts_of(sections: dict[str, Results], targets: dict[str, Any]) -> list[Verdict]:
    found = [verdict for name, results in sections.items() for verdict in check(name, results, targets)]
    together: Results = {}
    for results in sections.values():
        for key, servers in results.items():
            together.setdefault(key, servers)
    return found + growth(together, targets)


def limits_table(rows: list[Row]) -> str:
    lines = [[f"`{row['row']}` {row['name']}", MEASURES["rate"].text(row["rate"]), three_digits(row["cpu_us"]) + " us"]
             for row in rows]
    return render(["what", "rate", "CPU"], lines)
