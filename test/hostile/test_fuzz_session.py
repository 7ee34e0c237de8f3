"""Random commands from several connections at once, whole and broken, cut anywhere, left anywhere. The server must stay alive, answer
each whole command with its tag (or BYE), and stay small; under ASan it must not leak.

    LOFT_FUZZ_S=600 LOFT_FUZZ_SEED=3 LOFT_BINARY=build-asan/src/loft pytest-3 test/hostile/test_fuzz_session.py"""
import os
import random
import re
import socket
import struct
import threading
import time
import traceback

import loft

from grammar import Grammar, Sync

SECONDS = float(os.environ.get("LOFT_FUZZ_S", "15"))
SEED = int(os.environ.get("LOFT_FUZZ_SEED", "1"))
CONNECTIONS = int(os.environ.get("LOFT_FUZZ_CONNECTIONS", "6"))
MEMORY_KIB_MAX = 900_000  # with the overhead of a sanitizer
ANSWER_S = 60

LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


class Over(Exception):
    """The connection has ended."""


class Fuzzer:
    def __init__(self, server, users, number):
        self.server, self.users = server, users
        self.r = random.Random(SEED * 1000 + number)
        self.grammar = Grammar(self.r)
        self.sent = []  # of this connection, for the report
        self.socket = None
        self.answered = 0

    # ---- bytes ----

    def connect(self):
        self.socket = self.server.connect()
        self.socket.settimeout(ANSWER_S)
        self.buffer, self.number, self.sent = b"", 0, []
        self.line()
        if self.r.random() < 0.85:
            self.send(f'L LOGIN {self.r.choice(self.users)} "{loft.PASSWORD}"\r\n'.encode())
            self.until(b"L")
            if self.r.random() < 0.3:
                self.send(b"E ENABLE " + self.r.choice([b"QRESYNC", b"IMAP4rev2", b"CONDSTORE", b"QRESYNC IMAP4rev2"]) + b"\r\n")
                self.until(b"E")
            if self.r.random() < 0.8:
                self.send(b"S SELECT INBOX\r\n")
                self.until(b"S")

    def send(self, data):
        self.sent.append(data[:2000])
        try:
            if self.r.random() < 0.1 and len(data) < 5000: # in pieces
                while data:
                    n = self.r.randint(1, max(1, len(data) // 3))
                    self.socket.sendall(data[:n])
                    data = data[n:]
                    time.sleep(0.001)
            else:
                self.socket.sendall(data)
        except (ConnectionError, socket.timeout):
            raise Over from None

    def fill(self):
        try:
            got = self.socket.recv(1 << 16)
        except socket.timeout:
            raise AssertionError(f"no answer in {ANSWER_S} s to {self.sent[-8:]!r}") from None
        except ConnectionError:
            raise Over from None
        if not got:
            raise Over
        self.buffer += got

    def line(self):
        """A response with its literals; a literal's bytes are dropped."""
        out = b""
        while True:
            while (end := self.buffer.find(b"\n")) < 0:
                self.fill()
            piece, self.buffer = self.buffer[: end + 1], self.buffer[end + 1 :]
            out += piece
            m = LITERAL.search(piece)
            if not m:
                return out
            left = int(m.group(1))
            while len(self.buffer) < left:
                left -= len(self.buffer)
                self.buffer = b""
                self.fill()
            self.buffer = self.buffer[left:]

    def until(self, tag, stop_at_plus=False):
        while True:
            line = self.line()
            if line.startswith(tag + b" "):
                assert re.match(rb"(OK|NO|BAD) ", line[len(tag) + 1 :]), line
                self.answered += 1
                return line
            if line.startswith(b"+") and stop_at_plus:
                return None
            assert re.match(rb"\* |\+ |\S+ (OK|NO|BAD) ", line), f"not a response: {line[:300]!r} after {self.sent[-5:]!r}"

    # ---- what a client may do ----

    def next_tag(self):
        self.number += 1
        return b"f%d" % self.number

    def whole_command(self):
        """Well framed, whatever it says: it must be answered with its tag."""
        tag = self.next_tag()
        parts = self.grammar.command()
        data = tag + b" "
        for part in parts:
            if isinstance(part, Sync):
                self.send(data)
                data = b""
                if self.until(tag, stop_at_plus=True):
                    return # refused: the literal is not sent
            data += part
        self.send(data + b"\r\n")
        if b"\n" in data.replace(b"\r\n", b"") or re.search(rb"\{\d*\+?\}?\r\n", data + b"\r\n") or b"\r\n" in data:
            self.resync() # IDLE, AUTHENTICATE, or junk that made lines and literals of its own
        else:
            self.until(tag)

    def broken_command(self):
        data = b"".join(bytes(p) for p in self.grammar.command())
        self.send(self.next_tag() + b" " + self.grammar.mutate(data) + b"\r\n")
        self.resync()

    def resync(self):
        """Whatever state the framing is in, it must come back to commands, or end the connection."""
        for attempt in range(12 if time.monotonic() < self.end else 2):
            tag = self.next_tag()
            self.send(b"\r\nDONE\r\n*\r\n" + tag + b" NOOP\r\n")
            self.socket.settimeout(0.1 * (1 + attempt))
            try:
                self.until(tag)
                self.socket.settimeout(ANSWER_S)
                return
            except AssertionError as e:
                if "no answer" not in str(e):
                    raise
                # Inside a large literal that is swallowed or stored: give it something to eat.
                self.send(b"x" * 4000 * (1 + attempt))
            finally:
                try:
                    self.socket.settimeout(ANSWER_S)
                except OSError:
                    pass
        raise Over # a literal of gigabytes that we will not fill

    def pipeline(self):
        """Many at once, none of which waits for us."""
        tags, data = [], b""
        for _ in range(self.r.randint(2, 30)):
            parts = self.grammar.command()
            whole = b"".join(parts)
            if any(isinstance(p, Sync) for p in parts) or b"\n" in whole or whole.endswith(b"}"):
                continue
            tags.append(self.next_tag())
            data += tags[-1] + b" " + whole + b"\r\n"
        if tags:
            self.send(data)
            for tag in tags:
                self.until(tag)

    def leave(self):
        """In the middle of something."""
        parts = self.grammar.command()
        data = self.next_tag() + b" " + b"".join(bytes(p) for p in parts) + b"\r\n"
        self.send(data[: self.r.randint(0, len(data))])
        how = self.r.random()
        if how < 0.3:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how < 0.5:
            self.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.02)
        elif how < 0.6:
            self.send(b"\r\nz LOGOUT\r\n")
        elif how < 0.8: # what follows is no handshake, and must be no command
            self.send(b"\r\nz STARTTLS\r\nz NOOP\r\n" + self.r.choice([b"", b"\x16\x03\x01\x00\x05hello"]))
        raise Over

    def do_not_read(self):
        """Ask for much, read late."""
        tags = [self.next_tag() for _ in range(10)]
        self.send(b"".join(t + b" FETCH 1:* (FLAGS BODY.PEEK[] ENVELOPE)\r\n" for t in tags))
        time.sleep(self.r.random() * 0.3)
        if self.r.random() < 0.5:
            raise Over
        for tag in tags:
            self.until(tag)

    def step(self):
        if not self.socket:
            self.connect()
        what = self.r.random()
        if what < 0.55:
            self.whole_command()
        elif what < 0.8:
            self.broken_command()
        elif what < 0.95:
            self.pipeline()
        elif what < 0.97:
            self.do_not_read()
        else:
            self.leave()

    def run(self, until, failures):
        self.end = until
        while time.monotonic() < until and not failures:
            try:
                self.step()
            except Over:
                if self.socket:
                    self.socket.close()
                self.socket = None
            except OSError:
                self.socket = None
            except Exception:
                failures.append(traceback.format_exc() + "\nsent: " + "\n".join(repr(s) for s in self.sent[-12:]))
        if self.socket:
            self.socket.close()


def peak_kib(server):
    with open(f"/proc/{server.process.pid}/status") as f:
        return int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1))


def disturb(server, users, until, rnd):
    """The administrator kicks, and deletes an account in use."""
    while time.monotonic() < until:
        time.sleep(min(1.5, max(0, until - time.monotonic())))
        if server.process.poll() is not None:
            return
        if rnd.random() < 0.5:
            server.run("kick", rnd.choice(users), check=False)
        else:
            server.run("user", "delete", users[-1], "--yes", check=False)
            server.run("user", "add", users[-1], "--password-stdin", input=loft.PASSWORD.encode() + b"\n", check=False)


def test_random_commands(monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16")
    with loft.Loft({"auth.failure_delay_ms": "1", "auth.failure_delay_max_ms": "5", "imap.max_append_bytes": "3M"}) as server:
        users = [server.add_user("anna@example.org"), server.add_user("ben@example.org")]
        failures = []
        until = time.monotonic() + SECONDS
        fuzzers = [Fuzzer(server, users, n) for n in range(CONNECTIONS)]
        threads = [threading.Thread(target=f.run, args=(until, failures)) for f in fuzzers]
        threads.append(threading.Thread(target=disturb, args=(server, users, until, random.Random(SEED))))
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        dead = server.process.poll() is not None
        assert not dead, f"seed {SEED}: the server died\n" + "\n".join(server.log[-80:])
        assert not failures, f"seed {SEED}\n" + "\n".join(failures)
        assert sum(f.answered for f in fuzzers) > 20 * SECONDS
        assert peak_kib(server) < MEMORY_KIB_MAX
    assert not [line for line in server.log if "runtime error" in line or "AddressSanitizer" in line]
