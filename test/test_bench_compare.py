"""The pure parts of bench/compare: rows, ratios, targets, tables, configurations. Nothing is started or measured."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from compare import measures, packages, plan, report, rows, table, targets  # noqa: E402
from compare.cyrus import Cyrus  # noqa: E402
from compare.dovecot import Dovecot  # noqa: E402

CPU = rows.CPU


def row(server, name="lmtp.32", **figures):
    return {"server": server, "workload": "lmtp", "row": name, "name": name, "params": {"clients": 32}, "count": 10,
            "errors": 0, **figures}


def test_lines_that_are_no_rows_are_passed_over():
    assert rows.parse(['{"row":"a","server":"x"}', "warning: slow", "[1]", '{"other":1}', ""]) == [
        {"row": "a", "server": "x"}]


def test_turns_become_medians_and_errors_add_up():
    turns = [row("loft", **{CPU: cpu, "p99_ms": 1}) for cpu in (3, 1, 2)]
    turns[1] |= {"errors": 2, "error": "no EXISTS"}
    (servers,) = rows.collect(turns).values()
    assert servers["loft"][CPU] == 2
    assert (servers["loft"]["errors"], servers["loft"]["error"], servers["loft"]["count"]) == (2, "no EXISTS", 30)
    assert servers["loft"]["turns"] == 3


def test_work_on_other_sizes_is_other_work():
    found = rows.collect([row("loft") | {"params": {"messages": n}} for n in (20000, 100000)])
    assert [key.messages for key in found] == [20000, 100000]


@pytest.mark.parametrize("value, text", [
    (0, "0"), (0.00123, "0.00123"), (0.5, "0.5"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (123456, "123,456"),
    (9.999, "10"),
])
def test_figures_have_three_digits(value, text):
    assert measures.three_digits(value) == text


@pytest.mark.parametrize("ms, text", [(0.0004, "0.4 us"), (0.95, "950 us"), (1.2, "1.2 ms"), (1500, "1.5 s")])
def test_durations_choose_their_unit(ms, text):
    assert measures.duration(ms) == text


def test_memory_below_nothing_is_no_figure():
    assert measures.MEASURES["kernel"].of({"kernel_bytes_per_op": -1}) is None
    assert measures.MEASURES["kernel"].of({"kernel_bytes_per_op": 0}) == 0


def verdicts(found, **target):
    return targets.check("work", rows.collect(found), {"target": [{"rows": ["lmtp.32"], **target}]})


def test_the_better_rival_counts():
    found = [row("loft", **{CPU: 1}), row("dovecot", **{CPU: 9}), row("cyrus", **{CPU: 7})]
    (missed,) = verdicts(found, figure="cpu", times=8)
    assert (missed.met, missed.reached, missed.target) == (False, "7 times", "8 times less")
    (met,) = verdicts(found, figure="cpu", times=7)
    assert met.met


def test_reasons_are_told_only_where_a_target_is_missed():
    found = [row("loft", **{CPU: 1}), row("dovecot", **{CPU: 7})]
    assert table.reasons(verdicts(found, figure="cpu", times=8, why="the disk")) == "- `lmtp.32`: the disk\n"
    assert table.reasons(verdicts(found, figure="cpu", times=7, why="the disk")) == ""


def test_more_is_better_for_rates():
    (met,) = verdicts([row("loft", rate=500), row("dovecot", rate=90), row("cyrus", rate=100)], figure="rate", times=5)
    assert (met.met, met.target) == (True, "5 times more")


def test_a_row_without_rivals_has_no_verdict_about_them():
    assert verdicts([row("loft", **{CPU: 1})], figure="cpu", times=8) == []
    assert verdicts([row("loft", **{CPU: 1}), row("cyrus", unsupported="LMTP")], figure="cpu", times=8) == []


def test_numbers_need_no_rival():
    assert [v.met for v in verdicts([row("loft", flushes_per_op=0.3)], figure="flushes", at_most=0.3)] == [True]
    assert [v.met for v in verdicts([row("loft", flushes_per_op=0.31)], figure="flushes", at_most=0.3)] == [False]


def test_first_is_held_against_second():
    found = [row("loft", "fetch.flags.first", **{CPU: 2}), row("loft", "fetch.flags.warm", **{CPU: 1})]
    target = {"rows": ["fetch.flags.first"], "figure": "cpu", "times_of": "fetch.flags.warm", "at_most": 1.3}
    (verdict,) = targets.check("mailbox", rows.collect(found), {"target": [target]})
    assert (verdict.met, verdict.reached) == (False, "2 times")


def test_growth_compares_sizes():
    found = [row("loft", "status", **{CPU: cpu}) | {"params": {"messages": n}} for n, cpu in ((20000, 1), (1000000, 1.2))]
    entry = {"rows": ["status"], "figure": "cpu", "from": 20000, "to": 1000000, "at_most": 1.3}
    (verdict,) = targets.growth(rows.collect(found), {"growth": [entry]})
    assert verdict.met and verdict.key.messages == 1000000


def test_targets_of_the_project_are_whole():
    known = targets.load()
    for target in known["target"]:
        assert {"times", "at_most", "at_least"} & target.keys(), target
        assert set(target.get("sections", [])) <= {section.name for section in plan.SECTIONS}
    assert known["growth"] and known["limit"]


def test_tables_show_ratio_target_and_wrong_answers():
    found = rows.collect([row("loft", **{CPU: 0.1}), row("dovecot", **{CPU: 1.0}) | {"errors": 1},
                          row("cyrus", unsupported="LMTP")])
    lines = table.cpu_table("work", found, targets.load(), {"lmtp.32": 0.05}).splitlines()
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells[1:] == ["100 us", "1 ms !", "-", "10", "8 times less", "met", "50 %"]
    assert len({len(line) for line in lines}) == 1


def test_wrong_answers_of_loft_fail_the_run_and_workloads_that_died():
    bad = {"errors": 1, "error": "three hits missing"}
    assert report.failed({"broken": [], "rows": [row("dovecot", "search.body_rare") | bad]}) == []
    died = {key: value for key, value in (row("cyrus", "login") | bad).items() if key != "count"}
    assert len(report.failed({"broken": ["x"], "rows": [row("loft", "search.body_rare") | bad, died]})) == 3


def test_a_later_run_replaces_sections_of_an_earlier():
    runs = [{"rows": [{"section": "work", "n": 1}, {"section": "idle", "n": 1}], "versions": {"loft": "1"}, "seconds": 5},
            {"rows": [{"section": "idle", "n": 2}], "versions": {"cyrus": "3"}, "seconds": 6}]
    merged = report.merge(runs)
    assert merged["rows"] == [{"section": "work", "n": 1}, {"section": "idle", "n": 2}]
    assert merged["versions"] == {"loft": "1", "cyrus": "3"} and merged["seconds"] == 11


@pytest.mark.parametrize(("broken", "told"), [([], False), (["interrupted"], True)])
def test_the_document_says_when_a_run_came_to_no_end(broken, told):
    lines = report.machine_table({"machine": {}, "date": "2026-01-01", "seconds": 60, "load": "0.1 0.1 0.1", "broken": broken})
    assert ("Not all came to its end (interrupted)" in lines) == told


def test_chosen_workloads_make_one_section():
    (section,) = plan.chosen([], ["lmtp:count=5"], quick=False)
    assert section.workloads == ("lmtp:count=5",)
    assert all(section.turns == 1 and section.quick for section in plan.chosen([], [], quick=True))
    assert [section.name for section in plan.chosen(["idle"], [], quick=False)] == ["idle"]


def balanced(text):
    return text.count("{") == text.count("}")


@pytest.mark.parametrize("options", [{}, {"index": True}, {"hibernate": True}])
def test_dovecot_is_configured(tmp_path, options):
    text = Dovecot(tmp_path, ["user0"], Path("/c.pem"), Path("/k.pem"), **options).config()
    assert balanced(text) and "sdbox:~/sdbox" in text and "ssl_cert = </c.pem" in text
    assert ("fts_xapian" in text) == bool(options.get("index"))
    assert ("imap_hibernate_timeout" in text) == bool(options.get("hibernate"))


@pytest.mark.parametrize("index", [False, True])
def test_cyrus_is_configured(tmp_path, index):
    server = Cyrus(tmp_path, ["user0"], Path("/c.pem"), Path("/k.pem"), unpacked=Path("/unpacked"), index=index)
    assert ("search_engine: xapian" in server.config()) == index
    assert balanced(server.services()) and "/unpacked/usr/lib/cyrus/bin/imapd -C" in server.services()
    assert str(tmp_path) not in server.settings()


def test_libraries_are_read_from_depends():
    depends = "cyrus-common (>= 3.6.1), libclamav12 (>= 1.2), libical3 (>= 3.0.0), libssl3 | libssl4, zlib1g:any, perl:any"
    assert packages.libraries_of(depends) == ["libical3", "libssl3", "zlib1g"]
