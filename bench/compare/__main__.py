"""python3 -m compare: the driver behind script/bench. See bench/README.md."""
import argparse
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
    parser.add_argument("--servers", default="loft,dovecot,cyrus", help="which (default: %(default)s)")
    parser.add_argument("--sections", default="", help="of " + ",".join(section.name for section in SECTIONS))
    parser.add_argument("--folder", type=Path, default=Path("/tmp"), help="where servers keep data (default: /tmp)")
    parser.add_argument("--corpus", type=Path, help="a folder of real messages, one a file")
    parser.add_argument("--output", type=Path, help="write the results as JSON to this file")
    parser.add_argument("--document", type=Path, help="write them as a document to this file")
    parser.add_argument("--from", dest="source", type=Path, help="measure nothing: take the results from this JSON")
    parser.add_argument("--limits", action="store_true", help="measure only what the machine can do at all")
    parser.add_argument("workloads", nargs="*", help="of mail_bench; without, all sections")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict:
    begin = time.monotonic()
    folder = new_folder(options.folder)
    results = {"date": datetime.date.today().isoformat(), "load": load_average(), "machine": machine.describe(folder),
               "command": "script/bench " + shlex.join(sys.argv[3:])}
    extra = (["--quick"] if options.quick else []) + (["--corpus", str(options.corpus)] if options.corpus else [])
    commit = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty"], capture_output=True, text=True)
    try:
        factory = Factory(options.build / "src/loft", *make_certificate(folder), commit.stdout.strip())
        run = Run(options.build, folder, factory, extra)
        try:
            for section in chosen([name for name in options.sections.split(",") if name], options.workloads,
                                  options.quick):
                if not section.corpus or options.corpus:
                    run.section(section, options.servers.split(","))
        except KeyboardInterrupt:
            run.broken.append("interrupted")
        results["limits"] = limits.measure(options.build, folder, options.quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return results | {"rows": run.rows, "commands": run.commands, "versions": run.versions, "settings": run.settings,
                      "broken": run.broken, "seconds": round(time.monotonic() - begin)}


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped and folders removed
    if options.source:
        results = json.loads(options.source.read_text())
    elif options.limits:
        results = {"rows": [], "broken": [], "limits": limits.measure(options.build, options.folder, options.quick)}
    else:
        results = measure(options)
    if options.output and not options.source:
        report.save(results, options.output)
    if options.document:
        options.document.write_text(report.document(results))
    print(report.tables(results))
    for text in report.wrong(results):
        say("WRONG " + text)
    return 1 if report.wrong(results) else 0


if __name__ == "__main__":
    sys.exit(main())
