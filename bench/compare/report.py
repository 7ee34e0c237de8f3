"""The results of a run: JSON to keep, tables to read, and doc/performance.md."""
import json
import os
from pathlib import Path
from typing import Any

from . import table
from .plan import SECTIONS
from .rows import Results, collect
from .targets import OURS, load

TITLES = {section.name: section.title for section in SECTIONS} | {"chosen": "Chosen workloads"}

INTRODUCTION = """\
# Performance

What Loft costs beside Dovecot and Cyrus, which did the same work on the same machine, in turns. Made by `script/bench` (see
[bench/README.md](../bench/README.md)); nothing here was written by hand.

Server CPU is user and system time of the server's whole process tree for one operation, work in the background included: the
figure to trust on a machine that does other things too. Rates and latencies are those of this machine under this load.
`times less` is against the better of the others. `!` marks figures of a server some of whose answers were wrong, `-` work that a
server cannot do. Each figure is the median of the turns that the servers took.
"""


LIMITS = """\
What the work takes without a mail server around it. The column `limit` above says how much of Loft's CPU is this, for the parts
that no server can do without (`bench/compare/targets.toml`).
"""


def by_section(rows: list[dict[str, Any]]) -> dict[str, Results]:
    sections: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        sections.setdefault(row.get("section", ""), []).append(row)
    return {name: collect(found) for name, found in sections.items()}


def merge(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Of several runs each section from the last that has it; everything else from the last, settings from all."""
    merged = dict(reports[-1])
    merged["rows"] = []
    for number, report in enumerate(reports):
        later = {row["section"] for other in reports[number + 1:] for row in other["rows"]}
        merged["rows"] += [row for row in report["rows"] if row["section"] not in later]
    for name in ("versions", "settings"):
        merged[name] = {key: value for report in reports for key, value in report.get(name, {}).items()}
    for name in ("broken", "commands"):
        merged[name] = [text for report in reports for text in report.get(name, [])]
    merged["seconds"] = sum(report.get("seconds", 0) for report in reports)
    for name, separator in (("command", "\n"), ("load", "; ")):
        merged[name] = separator.join(dict.fromkeys(report[name] for report in reports if name in report))
    merged["runs"] = len(reports)
    return merged


def limits_of(report: dict[str, Any]) -> dict[str, float]:
    """Row of the load generator -> milliseconds of CPU that no server could do without (targets.toml, [[limit]])."""
    measured = {row["row"]: row for row in report.get("limits", [])}
    shares: dict[str, float] = {}
    for entry in load().get("limit", []):
        parts = [measured[name]["cpu_us"] * times / 1000 for name, times in entry["of"].items() if name in measured]
        if len(parts) == len(entry["of"]):
            for row in entry["rows"]:
                shares[row] = sum(parts)
    return shares


def section_tables(report: dict[str, Any]) -> str:
    targets, limits = load(), limits_of(report)
    parts = []
    for name, results in by_section(report["rows"]).items():
        parts.append(f"## {TITLES.get(name, name.capitalize() or 'Results')}\n")
        parts += [text + "\n" for text in (table.cpu_table(name, results, targets, limits), table.figures_table(results))
                  if text]
    return "\n".join(parts)


def target_table(report: dict[str, Any]) -> str:
    verdicts = table.verdicts_of(by_section(report["rows"]), load())
    if not verdicts:
        return ""
    met = sum(verdict.met for verdict in verdicts)
    text = f"## Targets\n\n{met} of {len(verdicts)} met.\n\n{table.verdict_table(verdicts)}\n"
    reasons = table.reasons(verdicts)
    return f"{text}\nWhat stands in the way of those that are missed, where it is known:\n\n{reasons}" if reasons else text


def limit_table(report: dict[str, Any]) -> str:
    rows = report.get("limits")
    return f"## What the machine can do\n\n{LIMITS}\n{table.limits_table(rows)}\n" if rows else ""


def tables(report: dict[str, Any]) -> str:
    """For a terminal: what matters most last."""
    parts = (limit_table(report), section_tables(report), target_table(report))
    return "\n".join(part for part in parts if part)


def machine_table(report: dict[str, Any]) -> str:
    lines = table.render(["machine", ""], [[name, value] for name, value in report["machine"].items()], left=2)
    runs = report.get("runs", 1)
    how = "One run" if runs == 1 else f"{runs} runs, each section of one"
    text = f"{how}, {report['date']}, {report['seconds'] / 60:.0f} minutes; load average before: {report['load']}."
    if any(float(part.split()[0]) > (os.cpu_count() or 1) for part in report["load"].split("; ")):
        text += " The machine was busy with other work: rates and latencies are not those of a quiet one."
    if report.get("broken"):
        text += f" Not all came to its end ({', '.join(dict.fromkeys(report['broken']))}): empty figures were not measured."
    return f"{lines}\n\n{text}\n"


def settings_text(report: dict[str, Any]) -> str:
    parts = ["## Settings\n\nWhat is not a server's own default. All have one ECDSA P-256 certificate and 64 users.\n"
             "No server has a text index but in the section about it.\n"]
    for name, text in report["settings"].items():
        base, _, variant = name.partition("-")
        if variant:
            text = added(report["settings"].get(base, ""), text)
            parts.append(f"### {name}\n\nAs {base}, but for:\n\n```\n{text}\n```\n")
        else:
            parts.append(f"### {name}: {report['versions'][name]}\n\n```\n{text.strip()}\n```\n")
    return "\n".join(parts)


def document(report: dict[str, Any]) -> str:
    """For a reader: what matters most first."""
    commands = "\n".join([report["command"], *report["commands"]])
    parts = (INTRODUCTION, machine_table(report), target_table(report), section_tables(report), limit_table(report),
             settings_text(report), f"## Commands\n\n```\n{commands}\n```\n")
    return "\n".join(part for part in parts if part)


def added(base: str, variant: str) -> str:
    """Lines of a variant's settings that its base has not; ports differ always."""
    known = set(base.splitlines())
    return "\n".join(line for line in variant.splitlines() if line not in known and "port" not in line
                     and "listen=" not in line)


def wrong(report: dict[str, Any]) -> list[str]:
    """Answers that were wrong, whoever gave them."""
    return [f"{row['server']}: {row['row']}: {row['errors']} wrong: {row.get('error', '')}" for row in report["rows"]
            if row.get("errors")]


def failed(report: dict[str, Any]) -> list[str]:
    """What makes a run fail: an answer of Loft's that was wrong, a workload of anybody's that came to no end. That some
    answers of others are wrong (searches that miss hits, a STORE without its FETCH) is for the tables to tell."""
    found = list(report["broken"])
    for row in report["rows"]:
        if row.get("errors") and (row["server"] == OURS or not row.get("count")):
            found.append(f"{row['server']}: {row['row']}: {row.get('error', '')}")
    return found


def save(report: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(report, indent=1) + "\n")
