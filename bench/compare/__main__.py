"""python3 -m compare: the driver behind script/bench. See bench/README.md."""
import argparse
import dataclasses
import datetime
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from . import limits, machine, report
from .plan import SECTIONS, chosen
from .run import Run, load_average, make_certificate, new_folder, say
from .servers import Factory

TOP = Path(__file__).resolve().parents[2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description="Compare Loft with Dovecot and Cyrus.")
    parser.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the work, one turn, the short sections")
    parser.add_argument("--servers", default="", help="only these, of loft, dovecot, dovecot-mdbox, cyrus ...")
    parser.add_argument("--sections", default="", help="of " + ",".join(section.name for section in SECTIONS))
    parser.add_argument("--folder", type=Path, default=Path("/tmp"), help="where servers keep data (default: /tmp)")
    parser.add_argument("--corpus", type=Path, help="a folder of real messages, one a file")
    parser.add_argument("--output", type=Path, help="write the results as JSON to this file")
    parser.add_argument("--document", type=Path, help="write them as a document to this file")
    parser.add_argument("--from", dest="sources", type=Path, action="append", default=[],
                        help="measure nothing: take the results from this JSON; of several, each section from the last")
    parser.add_argument("--turns", type=int, default=0, help="how often each server does the work, instead of the plan's")
    parser.add_argument("--compare", action="store_true", help="with workloads: these, beside the other servers")
    parser.add_argument("--limits", action="store_true", help="measure only what the machine can do at all")
    parser.add_argument("workloads", nargs="*", help="of mail_bench; without, all sections")
    return parser.parse_args()


def command_line(options: argparse.Namespace) -> str:
    """What measures the same again; where results go has no part in it."""
    words = ["script/bench"]
    for name in ("quick", "compare"):
        words += [f"--{name}"] if getattr(options, name) else []
    for name in ("servers", "sections", "turns"):
        words += [f"--{name}", str(getattr(options, name))] if getattr(options, name) else []
    words += ["--corpus", "FOLDER"] if options.corpus else []
    return shlex.join(words + options.workloads)


def measure(options: argparse.Namespace, folder: Path) -> dict:
    begin = time.monotonic()
    results = {"date": datetime.date.today().isoformat(), "load": load_average(), "machine": machine.describe(folder),
               "command": command_line(options)}
    extra = (["--quick"] if options.quick else []) + (["--corpus", str(options.corpus)] if options.corpus else [])
    commit = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty"], capture_output=True, text=True)
    factory = Factory(options.build / "src/loft", *make_certificate(folder), commit.stdout.strip())
    run = Run(options.build, folder, factory, extra)
    try:
        for section in chosen([name for name in options.sections.split(",") if name], options.workloads, options.quick):
            if not section.corpus or options.corpus:
                run.section(dataclasses.replace(section, turns=options.turns or section.turns),
                            [name for name in options.servers.split(",") if name])
        results["limits"] = limits.measure(options.build, folder, options.quick)
    except KeyboardInterrupt:
        run.broken.append("interrupted")
    return results | {"rows": run.rows, "commands": run.commands, "versions": run.versions, "settings": run.settings,
                      "broken": run.broken, "seconds": round(time.monotonic() - begin)}


def results_of(options: argparse.Namespace, folder: Path) -> dict:
    if options.limits:
        return {"rows": [], "broken": [], "limits": limits.measure(options.build, folder, options.quick)}
    return measure(options, folder)


def tell(options: argparse.Namespace, results: dict) -> int:
    if options.output:
        report.save(results, options.output)
    if options.document:
        options.document.write_text(report.document(results))
    print(report.tables(results), flush=True)
    for text in report.wrong(results):
        say("wrong: " + text)
    for text in report.failed(results):
        say("FAILED: " + text)
    return 1 if report.failed(results) else 0


def main() -> int:
    options = arguments()
    options.build = options.build.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped and folders removed
    if options.sources:
        return tell(options, report.merge([json.loads(path.read_text()) for path in options.sources]))
    folder = new_folder(options.folder)
    try:
        return tell(options, results_of(options, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
