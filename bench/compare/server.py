"""A mail server under measurement: what the driver asks of each, whoever wrote it."""
import ctypes
import os
import pwd
import random
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import process

PASSWORD = "correct horse"
START_SECONDS = 30
STOP_SECONDS = 60
SETTLE_SECONDS = 60
PR_SET_PDEATHSIG = 1
PORTS = range(12000, 32000)


class ServerError(Exception):
    pass


def free_port() -> int:
    """Below those that the kernel gives to connections, so that it is still free after a restart."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError("no free port")


def before_exec() -> None:
    """In the child: end when the driver does, even when it is killed; take all the descriptors there are."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run_as() -> str:
    """Whom a server that refuses to work as root works as: the user `mail` of every Debian, or who we are."""
    return "mail" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


class Server:
    """Lives in a folder of its own on loopback ports: prepare(), start(), stop(), again start() ..."""

    name = ""
    ready_banner = b"* OK"

    def __init__(self, folder: Path, users: list[str]):
        self.folder = folder
        self.users = users
        self.imap_port, self.imaps_port, self.lmtp_port = free_port(), free_port(), free_port()
        self.child: subprocess.Popen | None = None
        self.log = folder / "log"
        self.flush_counter = folder / "flushes"
        self.preload: Path | None = None  # counts fsync and its like: flush_count.c

    # What each server says of itself.

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def prepare(self) -> None:
        """Write configuration and users. The folder exists."""
        raise NotImplementedError

    def version(self) -> str:
        raise NotImplementedError

    def settings(self) -> str:
        """The configuration that is not the server's own default, for the document."""
        raise NotImplementedError

    def shown(self, text: str) -> str:
        """Configuration without what differs from run to run."""
        text = text.replace(str(self.folder), "FOLDER").replace(str(self.folder.parent), "RUN")
        return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"

    def data_folder(self) -> Path:
        return self.folder / "data"

    def index_now(self, user: str) -> bool:
        """Bring the text index of a user up to date, and return when it is. False: there is none."""
        del user
        return False

    def index_bytes(self, user: str) -> int:
        """What that index takes on disk."""
        del user
        return 0

    def lmtp(self) -> str:
        """HOST:PORT, or the path of a socket."""
        return f"127.0.0.1:{self.lmtp_port}"

    # What they share.

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self.environment()}
        if self.preload:
            environment |= {"LD_PRELOAD": str(self.preload), "LOFT_FLUSH_COUNTER": str(self.flush_counter)}
            if not self.flush_counter.exists():
                self.flush_counter.write_bytes(bytes(4096))
                self.flush_counter.chmod(0o666)
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=environment, cwd=self.folder, start_new_session=True,
                                          preexec_fn=before_exec)
        self._await_ready()

    def _await_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.child.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.imap_port), timeout=5) as connection:
                    if connection.recv(100).startswith(self.ready_banner):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        text = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        raise ServerError(f"{self.name} did not answer within {START_SECONDS} s:\n{text}")

    def stop(self) -> None:
        if not self.child:
            return
        tree = process.process_tree(self.child.pid)
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self._end_strays(tree)
        self.child = None

    def _end_strays(self, tree: list[int]) -> None:
        """Processes that outlive their master by more than a moment (they are in its session)."""
        session = self.child.pid

        def ours() -> list[int]:
            return [pid for pid in tree if (f := process.stat_fields(pid)) and int(f[3]) == session and f[0] != "Z"]

        until = time.monotonic() + 5
        while ours() and time.monotonic() < until:
            time.sleep(0.05)
        for pid in ours():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

    def restart(self, cold: bool = False) -> None:
        self.stop()
        if cold:
            process.forget_files(self.data_folder())
        self.start()
        self.settle()

    def cpu_s(self) -> float:
        return process.tree_cpu_s(self.child.pid)

    def settle(self) -> None:
        """Wait until background work has come to rest."""
        until = time.monotonic() + SETTLE_SECONDS
        quiet = 0
        before = self.cpu_s()
        while quiet < 3 and time.monotonic() < until:
            time.sleep(0.1)
            now = self.cpu_s()
            quiet = quiet + 1 if now - before < 0.002 else 0
            before = now
