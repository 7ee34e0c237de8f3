"""What Loft is to reach (targets.toml), and whether it does."""
import dataclasses
import tomllib
from pathlib import Path
from typing import Any

from .measures import MEASURES, Measure, three_digits
from .rows import Key, Results

OURS = "loft"
FILE = Path(__file__).with_name("targets.toml")


@dataclasses.dataclass
class Verdict:
    section: str
    key: Key
    measure: Measure
    target: str  # for people: "5 times less", "at most 3 ms"
    reached: str
    met: bool
    why: str = ""  # what stands in the way where it is missed


def load(path: Path = FILE) -> dict[str, Any]:
    targets = tomllib.loads(path.read_text())
    for entry in targets.get("target", []) + targets.get("growth", []):
        if entry["figure"] not in MEASURES:
            raise ValueError(f"{path.name}: no figure is called {entry['figure']}")
    return targets


def best_rival(results: Results, key: Key, measure: Measure) -> tuple[str, float] | None:
    """The best of the other servers: its name and figure."""
    found = {name: measure.of(row) for name, row in results.get(key, {}).items() if name != OURS}
    values = {name: value for name, value in found.items() if value is not None}
    if not values:
        return None
    name = (max if measure.more_is_better else min)(values, key=lambda server: values[server])
    return name, values[name]


def times_better(ours: float, theirs: float, measure: Measure) -> float:
    """How many times better ours is; a figure of nothing counts as the smallest there is."""
    good, bad = (ours, theirs) if measure.more_is_better else (theirs, ours)
    return good / max(bad, 1e-9)


def check(section: str, results: Results, targets: dict[str, Any]) -> list[Verdict]:
    """One verdict for each target of each row that was measured; a row without its rivals has none."""
    verdicts = []
    for key, servers in results.items():
        for target in targets.get("target", []):
            if key.row not in target["rows"] or section not in target.get("sections", [section]):
                continue
            measure = MEASURES[target["figure"]]
            ours = measure.of(servers.get(OURS))
            if ours is None:
                continue
            if "times" in target:
                verdict = against_rivals(section, results, key, measure, ours, target["times"])
            elif "times_of" in target:
                verdict = against_itself(section, results, key, measure, ours, target)
            else:
                verdict = against_number(section, key, measure, ours, target)
            if verdict:
                verdict.why = target.get("why", "")
                verdicts.append(verdict)
    return verdicts


def against_rivals(section: str, results: Results, key: Key, measure: Measure, ours: float,
                   times: float) -> Verdict | None:
    rival = best_rival(results, key, measure)
    if not rival:
        return None
    reached = times_better(ours, rival[1], measure)
    word = "more" if measure.more_is_better else "less"
    text = "equal" if times == 1 else f"{three_digits(times)} times {word}"
    return Verdict(section, key, measure, text, f"{three_digits(reached)} times", reached >= times)


def against_itself(section: str, results: Results, key: Key, measure: Measure, ours: float,
                   target: dict[str, Any]) -> Verdict | None:
    other = dataclasses.replace(key, row=target["times_of"])
    base = measure.of(results.get(other, {}).get(OURS))
    if not base:
        return None
    reached = ours / base
    return Verdict(section, key, measure, f"at most {target['at_most']} times {target['times_of']}",
                   f"{three_digits(reached)} times", reached <= target["at_most"])


def against_number(section: str, key: Key, measure: Measure, ours: float, target: dict[str, Any]) -> Verdict:
    if "at_most" in target:
        return Verdict(section, key, measure, "at most " + measure.text(target["at_most"]), measure.text(ours),
                       ours <= target["at_most"])
    return Verdict(section, key, measure, "at least " + measure.text(target["at_least"]), measure.text(ours),
                   ours >= target["at_least"])


def growth(results: Results, targets: dict[str, Any]) -> list[Verdict]:
    """Rows of a large mailbox against the same rows of a small one. `results`: of all sections together."""
    verdicts = []
    for entry in targets.get("growth", []):
        measure = MEASURES[entry["figure"]]
        for key, servers in results.items():
            small = next((k for k in results if k.row == key.row and k.messages == entry["from"]), None)
            if key.row not in entry["rows"] or key.messages != entry["to"] or not small:
                continue
            ours, base = measure.of(servers.get(OURS)), measure.of(results[small].get(OURS))
            if ours is None or not base:
                continue
            verdicts.append(Verdict("growth", key, measure,
                                    f"at most {entry['at_most']} times that at {entry['from']:,} messages",
                                    f"{three_digits(ours / base)} times", ours / base <= entry["at_most"]))
    return verdicts
