"""The load generator (bench/README.md): its answers about a server that tells the truth, and about ones that lie."""
import json
import os
import re
import socket
import subprocess
import threading

import pytest

from loft import BINARY, PASSWORD, Loft, free_port

GENERATOR = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(BINARY))), "bench", "mail_bench")
USERS = 32
BIG = "messages=1000,bytes=2500"
QUICK = ["login:count=32", "lmtp:count=100,bytes=2500", "append:count=100,bytes=2500", f"fill:{BIG}", f"select:{BIG},count=5",
         f"fetch:{BIG},count=20", "store:count=100,messages=100", f"search:{BIG},count=1", f"sort:{BIG},count=1",
         f"thread:{BIG},count=1", "copy:messages=500", "idle:clients=40", "push:count=3", "mix:count=500"]

pytestmark = pytest.mark.skipif(not os.path.exists(GENERATOR), reason="built without the load generator")


def generate(*args):
    done = subprocess.run([GENERATOR, "--json", "--quick", "--timeout", "120", *args], capture_output=True, timeout=600)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


@pytest.fixture(scope="module")
def loft():
    with Loft({"limits.connections_per_account": "1000", "imap.max_append_bytes": "1G"}) as server:
        for i in range(USERS):
            server.add_user(f"user{i}")
        yield server


def described(server, imap_port=None, lmtp=None):
    return ["--imap", f"127.0.0.1:{imap_port or server.imap_port}", "--lmtp", lmtp or server.lmtp_socket,
            "--password", PASSWORD, "--users", str(USERS)]


def test_generator_finds_nothing_wrong_with_loft_and_tells_of_all_that_the_manual_names():
    code, rows, err = generate("--loft", BINARY, "--users", str(USERS), *QUICK)
    assert [r for r in rows if r.get("errors", 0) > 0 or "unsupported" in r] == []
    assert code == 0, err
    with open(os.path.join(os.path.dirname(__file__), "..", "bench", "README.md")) as f:
        manual = f.read()
    for row in rows:
        group = re.sub(r"\.[^.]*$", "", row["row"])
        assert row["row"] in manual or group in manual or row["row"].split(".")[0] in manual, row["row"]
        if row["row"] not in ("fill.disk", "idle.plain", "idle.tls"):
            assert row["count"] > 0 and row["rate"] > 0 and row["server_cpu_s_per_1000"] >= 0, row
    by_row = {r["row"]: r for r in rows}
    assert by_row["login.tls_resumed"]["resumed"] > 0.9
    assert by_row["login.tls"]["resumed"] == 0
    assert by_row["search.text_rare"]["hits"] == by_row["search.text_rare"]["hits_expected"] == 3
    assert by_row["search.body_common"]["hits"] == 834
    assert by_row["search.body_three"]["hits"] == 20


def test_generator_says_what_is_not_there(loft):
    code, rows, err = generate(*described(loft), "login:count=32", f"select:{BIG},count=2")
    assert code == 0, err
    missing = {r["row"]: r["unsupported"] for r in rows if "unsupported" in r}
    assert missing == {"login.tls": "--imaps", "login.tls_resumed": "--imaps", "select.cold": "--restart"}
    assert all("server_cpu_s_per_1000" not in r for r in rows)


@pytest.mark.parametrize("args", [["nothing"], ["login:messages=3"], ["login:count=x"], ["--no-such"], ["--imap", "here"]])
def test_generator_refuses_what_it_does_not_understand(args):
    assert generate("--imap", "127.0.0.1:1", *args)[0] == 2


class Liar:
    """Stands between the generator and a server, and changes answers: each line goes through `lie`."""

    def __init__(self, port, lie):
        self.to, self.lie = port, lie
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self._pass_on, args=(client, server, lambda line: line), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, self.lie), daemon=True).start()

    @staticmethod
    def _pass_on(source, sink, change):
        rest = b""
        try:
            while data := source.recv(65536):
                *lines, rest = (rest + data).split(b"\n")
                sink.sendall(b"".join(change(line + b"\n") for line in lines))
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            sink.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.listener.close()


LIES = [
    ("a flag is not told", rb"^(\* 501 FETCH \(UID 501 FLAGS \()\\Seen", rb"\1", f"fetch:{BIG},count=1", "fetch.flags.warm"),
    ("a message comes twice", rb"^\* 700 FETCH \(UID 700", rb"* 699 FETCH (UID 699", f"fetch:{BIG},count=1", "fetch.flags.warm"),
    ("a subject belongs to another", rb"message 00000501", rb"message 00000502", f"fetch:{BIG},count=1", "fetch.envelope.warm"),
    ("bytes of a body are wrong", rb"Message-ID: <00000501", rb"Message-ID: <00000510", f"fetch:{BIG},count=1", "fetch.body.warm"),
    ("a hit is missing", rb"^\* SEARCH 7 333 777", rb"* SEARCH 7 777", f"search:{BIG},count=1", "search.body_rare"),
    ("a hit is another", rb"^\* SEARCH 7 333 777", rb"* SEARCH 7 334 777", f"search:{BIG},count=1", "search.text_rare"),
    ("two messages change places", rb"^\* SORT (\d+) (\d+)", rb"* SORT \2 \1", f"sort:{BIG},count=1", "sort.date"),
    ("a thread lacks a message", rb"\(1000\)", rb"", f"thread:{BIG},count=1", "thread.refs"),
    ("a flag was not set", rb"^(\* 1 FETCH \(.*)\\Answered", rb"\1\\Draft", "store:count=100,messages=100", "store.1"),
    ("a mailbox is smaller", rb"^\* 1000 EXISTS", rb"* 999 EXISTS", f"select:{BIG},count=2", "select.known"),
    ("copies are missing", rb"MESSAGES 500\)", rb"MESSAGES 499)", "copy:messages=500", "copy"),
    ("a sign-in is refused", rb"^(T1) OK .*", rb"\1 NO not today\r", "login:count=32", "login.plain"),
]


@pytest.mark.parametrize("pattern, lie, workload, row", [x[1:] for x in LIES], ids=[x[0] for x in LIES])
def test_generator_catches_an_answer_that_is_wrong(loft, pattern, lie, workload, row):
    pattern = re.compile(pattern)
    with Liar(loft.imap_port, lambda line: pattern.sub(lie, line)) as liar:
        code, rows, err = generate(*described(loft, liar.port), workload)
        wrong = [r for r in rows if r.get("errors", 0) > 0]
        assert code == 1 and wrong, (rows, err)
        assert row in [r["row"] for r in wrong], wrong
        assert all(r["error"] for r in wrong)
        if row == "copy":
            assert generate(*described(loft, liar.port), "--tolerate", workload)[0] == 0


def test_generator_misses_mail_that_was_acknowledged_and_thrown_away(loft):
    def swallow(connection):
        lines = connection.makefile("rb")
        connection.sendall(b"220 liar LMTP\r\n")
        for line in lines:
            if line.startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
                while lines.readline() != b".\r\n":
                    pass
            connection.sendall(b"250 OK\r\n")

    def accept(listener):
        while True:
            threading.Thread(target=swallow, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        lmtp = f"127.0.0.1:{listener.getsockname()[1]}"
        code, rows, err = generate(*described(loft, lmtp=lmtp), "lmtp:count=20,clients=1")
    assert code == 1 and len(rows) == 1, err
    assert rows[0]["errors"] == 1 and "arrived" in rows[0]["error"]


def test_generator_counts_connections_that_are_closed_and_goes_on(loft):
    opened = []

    def close_each_tenth(line):
        if line.startswith(b"* OK"):
            opened.append(line)
            if len(opened) % 10 == 0:
                raise OSError
        return line

    with Liar(loft.imap_port, close_each_tenth) as liar:
        code, rows, err = generate(*described(loft, liar.port), "login:count=100,clients=1")
    plain = rows[0]
    assert code == 1 and plain["row"] == "login.plain" and plain["count"] == 100, err
    assert plain["errors"] == 10 and "closed" in plain["error"]


def test_generator_tells_of_a_server_that_goes_away(loft):
    code, rows, err = generate(*described(loft, free_port()), f"select:{BIG},count=2", "login:count=32")
    assert code == 1
    assert [r["errors"] for r in rows] == [1, 1] and "connect" in rows[0]["error"], err
