"""One run: for each section, start its servers, let them do the work in turns, keep what the load generator says."""
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from .control import Control
from .plan import Section
from .rows import Row, parse
from .server import PASSWORD, Server
from .servers import USERS, Factory

TURN_SECONDS = 3600  # for all workloads of a section, once, on one server


def say(text: str) -> None:
    print(time.strftime("%H:%M:%S ") + text, file=sys.stderr, flush=True)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """An ECDSA P-256 certificate that all servers share."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "30", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    key.chmod(0o644)  # of one run, and no secret: servers that give up being root read it late
    return certificate, key


class Run:
    """`build`: where mail_bench and its library are. `extra`: options for mail_bench (--quick, --corpus DIR)."""

    def __init__(self, build: Path, folder: Path, factory: Factory, extra: list[str]):
        self.build, self.folder, self.factory, self.extra = build, folder, factory, extra
        self.rows: list[Row] = []
        self.commands: list[str] = []
        self.versions: dict[str, str] = {}
        self.settings: dict[str, str] = {}
        self.broken: list[str] = []  # what did not come to an end as it should
        self._numbers = iter(range(1 << 30))

    def section(self, section: Section, only: list[str]) -> None:
        names = [name for name in section.servers if not only or name in only]
        servers: list[Server] = []
        try:
            for name in names:
                if self.factory.has(name):
                    servers.append(self._start(name, section.index))
                else:
                    say(f"{name}: left out")
            for turn in range(section.turns):
                for server in servers:
                    self._turn(section, turn, server)
        finally:
            for server in servers:
                server.stop()  # its folder goes with that of the run: removing many files disturbs who comes next

    def _start(self, name: str, index: bool) -> Server:
        folder = self.folder / f"{next(self._numbers)}-{name}"
        folder.mkdir()
        server = self.factory.make(name, folder, index)
        library = self.build / "bench/libflushcount.so"
        server.preload = library if library.exists() else None
        server.prepare()
        server.start()
        self.versions.setdefault(name, server.version())
        self.settings.setdefault(f"{name}-index" if index and "-" not in name else name, server.settings())
        return server

    def _turn(self, section: Section, turn: int, server: Server) -> None:
        say(f"{section.title}: {server.name}, turn {turn + 1} of {section.turns}")
        begin = time.monotonic()
        groups = [section.workloads[:1], section.workloads[1:]] if section.index else [section.workloads]
        for number, workloads in enumerate(groups):
            rows = self._generate(section, turn, server, list(workloads))
            if section.index and number == 0:
                for row in self._index(server, rows):
                    self._keep(section, turn, row)
        say(f"{server.name} took {time.monotonic() - begin:.0f} s")

    def _keep(self, section: Section, turn: int, row: Row) -> None:
        self.rows.append(row | {"section": section.name, "turn": turn})

    def _generate(self, section: Section, turn: int, server: Server, workloads: list[str]) -> list[Row]:
        control = Control(server, self.folder / "control")
        command = [str(self.build / "bench/mail_bench"), "--json", "--tolerate", "--name", server.name,
                   "--imap", f"127.0.0.1:{server.imap_port}", "--imaps", f"127.0.0.1:{server.imaps_port}",
                   "--lmtp", server.lmtp(), "--users", str(len(USERS)), "--password", PASSWORD,
                   "--pid", str(server.child.pid), "--data", str(server.data_folder()), "--restart", control.command(),
                   *(["--flush-counter", str(server.flush_counter)] if server.preload else []),
                   *self.extra, *workloads]
        if turn == 0:
            options = ["FOLDER" if option.startswith("/") else option for option in self.extra]
            self.commands.append(" ".join(["mail_bench", "--name", server.name, *options, *workloads]))
        what = f"{server.name}: {' '.join(workloads)}"
        generator = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                     start_new_session=True)

        def end() -> None:  # with its workload, which is a process of its own
            with contextlib.suppress(ProcessLookupError):
                os.killpg(generator.pid, signal.SIGKILL)

        late = threading.Timer(TURN_SECONDS, end)
        late.start()
        rows = []
        try:
            for line in generator.stdout:
                for row in parse([line]):
                    rows.append(row)
                    self._keep(section, turn, row)
            generator.wait()
        finally:
            late.cancel()
            if generator.poll() is None:
                end()
                generator.wait()
            control.close()
        if generator.returncode == -signal.SIGKILL:
            self.broken.append(f"{what} took more than {TURN_SECONDS} s")
        elif generator.returncode != 0:
            self.broken.append(f"{what} ended with status {generator.returncode}")
        return rows

    def _index(self, server: Server, rows: list[Row]) -> list[Row]:
        """What it takes to index what `fill` put in: CPU for a message, and the size of the index beside the mail's."""
        filled = next((row for row in rows if row["row"] == "fill" and row.get("count")), None)
        if not filled:
            return []
        count, params = filled["count"], filled.get("params", {})
        server.settle()
        before, tools = server.cpu_s(), resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        if not server.index_now("user0"):
            return []
        wall = time.monotonic() - begin
        tools_now = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (server.cpu_s() - before + tools_now.ru_utime - tools.ru_utime + tools_now.ru_stime - tools.ru_stime)
        server.settle()
        row: dict[str, Any] = {"server": server.name, "workload": "index", "row": "index.build",
                               "name": "indexing the text of a message", "unit": "message", "params": params,
                               "count": count, "errors": 0, "wall_s": wall, "rate": count / wall,
                               "server_cpu_s_per_1000": cpu * 1000 / count}
        if params.get("bytes"):
            row["index_share"] = server.index_bytes("user0") / (count * params["bytes"])
        return [row]


def new_folder(parent: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="loft-compare-", dir=parent))
    folder.chmod(0o755)
    return folder


def load_average() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())
