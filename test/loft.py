"""Start and stop a real `loft serve` for tests: on loopback, free ports, a temporary data folder, ended by pid."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("LOFT_BINARY", os.path.join(HERE, "..", "build", "src", "loft"))
PASSWORD = "correct horse"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Loft:
    """A running server. `options` are settings: {"imap.login_timeout_s": 1}. Use as a context manager."""

    def __init__(self, options=None, data=None):
        self._own_data = None
        if data is None:
            self._own_data = tempfile.TemporaryDirectory(prefix="loft-test-")
            data = self._own_data.name
        self.data = data
        self.imap_port, self.imaps_port = free_port(), free_port()
        self.lmtp_socket = os.path.join(data, "lmtp.sock")
        self.options = {
            "imap.listen": f"127.0.0.1:{self.imap_port}",
            "imaps.listen": f"127.0.0.1:{self.imaps_port}",
            "lmtp.listen": self.lmtp_socket,
            "auth.plaintext_on_loopback": "yes",
            "auth.password_length_min": "1",
            "auth.common_passwords": "",
            "auth.failure_delay_ms": "0",
            "auth.failure_delay_max_ms": "0",
            "auth.lock_failures": "0",
            "auth.hash_passes": "1",
            "auth.hash_memory_bytes": "65536",
            "auth.scram_iterations": "4096",
            "store.ballast_bytes": "0",
            "store.watermark_bytes": "0",
            "limits.connections_per_address": "1000",
            "imap.language_folder": os.path.join(os.path.dirname(HERE), "languages"),
        }
        self.options.update(options or {})
        self.process = None
        self.log = []

    def rss_bytes(self):
        """Resident memory. 0 of a server whose sanitizer keeps freed memory: there is nothing to measure."""
        with open(BINARY, "rb") as f:
            if b"__asan_init" in f.read():
                return 0
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024

    def command(self, *args):
        return [BINARY, "-d", self.data, *args]

    def start(self, timeout_s=30):
        args = self.command("serve")
        for key, value in self.options.items():
            args += ["-o", f"{key}={value}"]
        self.process = subprocess.Popen(args, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        ready = threading.Event()
        self.log = []

        def read_log(stream):
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip("\n")
                self.log.append(line)
                if line == "ready":
                    ready.set()
            ready.set()

        self._reader = threading.Thread(target=read_log, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        if not ready.wait(timeout_s) or "ready" not in self.log:
            self.stop()
            raise RuntimeError("loft serve did not become ready:\n" + "\n".join(self.log))
        return self

    def kill(self):
        """As a power cut would end it, as far as the process goes."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError("loft serve did not end on SIGTERM:\n" + "\n".join(self.log[-50:]))
        if self.process:
            self._reader.join(5)
            self.process.stderr.close()
        return self.process.returncode if self.process else 0

    def stop(self):
        code = self._end()
        if self._own_data:
            self._own_data.cleanup()
            self._own_data = None
        return code

    def restart(self):
        """End cleanly, start again on the same data and ports."""
        code = self._end()
        assert code == 0, f"exit code {code}:\n" + "\n".join(self.log[-100:])
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        code = self.stop()
        if exc[0] is None:
            assert code in (0, -signal.SIGKILL), f"exit code {code}:\n" + "\n".join(self.log[-100:])

    def run(self, *args, input=None, check=True):
        """A subcommand, such as run("user", "list", "--json")."""
        done = subprocess.run(self.command(*args), input=input, capture_output=True, timeout=120)
        if check and done.returncode != 0:
            raise RuntimeError(f"loft {' '.join(args)}: exit {done.returncode}\n{done.stderr.decode()}")
        return done

    def json(self, *args):
        return json.loads(self.run(*args, "--json").stdout)

    def add_user(self, name, password=PASSWORD):
        self.run("user", "add", name, "--password-stdin", input=password.encode() + b"\n")
        return name

    def connect(self, port=None):
        s = socket.create_connection(("127.0.0.1", port or self.imap_port), timeout=20)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s


def wait_until(condition, timeout_s=10, step_s=0.02):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(step_s)
    raise AssertionError("condition did not become true in time")
