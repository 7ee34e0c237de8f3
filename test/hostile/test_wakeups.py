"""Many connections at once, each command answered: whoever waits for a commit, for his reader or for his turn is woken.

    LOFT_WAKEUPS_S=600 LOFT_WAKEUPS_SEED=7 LOFT_WAKEUPS_CLIENTS=200 pytest-3 test/hostile/test_wakeups.py

Clients pipeline what commits, what blocks a worker and what says much, stop to read in between, idle while others deliver, and hang up in
the middle. One who hears nothing for a minute was forgotten. What came back is not looked at but for the tags: test_stress.py does that. Few workers, so that all are blocked now and then."""
import os
import random
import re
import select
import socket
import time

import loft
import pytest

SECONDS = float(os.environ.get("LOFT_WAKEUPS_S", "10"))
SEED = int(os.environ.get("LOFT_WAKEUPS_SEED", str(os.getpid())))
CLIENTS = int(os.environ.get("LOFT_WAKEUPS_CLIENTS", "60"))
PATIENCE_S = float(os.environ.get("LOFT_WAKEUPS_PATIENCE_S", "60"))

USERS = ["a@example.org", "b@example.org", "c@example.org"]
BOXES = ["INBOX", "one", "two"]
BODY = b"Subject: wake\r\n\r\n" + b"up, up, up\r\n" * 20
TAGGED = re.compile(rb"^(t\d+) (OK|NO|BAD)", re.M)


def append(r):
    return b"APPEND %s {%d+}\r\n" % (r.choice(BOXES).encode(), len(BODY)) + BODY


def with_number(*texts):
    return lambda r: r.choice(texts).replace("#", str(r.randint(1, 20))).replace("BOX", r.choice(BOXES)).encode()


IMAP = [
    append,
    append,
    with_number("STORE # +FLAGS (\\Seen)", "STORE # -FLAGS (\\Seen)", "UID STORE #:* FLAGS (x)", "STORE 1:* +FLAGS.SILENT (y)"),
    with_number("STORE # +FLAGS (\\Deleted)", "STORE #:* +FLAGS (\\Deleted)", "EXPUNGE", "NOOP", "CHECK"),
    with_number("COPY # BOX", "MOVE # BOX", "UID COPY #:* BOX"),
    with_number("SELECT BOX", "EXAMINE BOX", "STATUS BOX (MESSAGES UNSEEN)", "CLOSE"),
    with_number("FETCH 1:* (FLAGS ENVELOPE)", "UID FETCH 1:* BODY[]", "UID SEARCH TEXT up", "SORT (SUBJECT) UTF-8 ALL"),
    with_number("CREATE c#", "DELETE c#", "RENAME c# d#", "DELETE d#"),
    with_number("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))", "NOTIFY NONE"),
]


class Client:
    """One connection after the other. IMAP mostly; some deliver by LMTP."""

    def __init__(self, server, seed):
        self.server, self.random = server, random.Random(seed)
        self.lmtp = self.random.random() < 0.15
        self.answered = 0
        self.open()

    def open(self):
        if self.lmtp:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(self.server.lmtp_socket)
        else:
            self.socket = self.server.connect()
        self.socket.setblocking(False)
        self.tail, self.out, self.waiting, self.idling = b"", b"", [], None
        self.count, self.deaf_until, self.due = 0, 0, time.monotonic() + PATIENCE_S
        self.said = [b"220"] if self.lmtp else []
        if not self.lmtp:
            self.say(b'LOGIN %s "%s"' % (self.random.choice(USERS).encode(), loft.PASSWORD.encode()))
            self.say(b"SELECT INBOX")

    def say(self, command):
        self.count += 1
        self.waiting.append(b"t%d" % self.count)
        self.said.append(command[:60])
        self.out += b"t%d %s\r\n" % (self.count, command)

    def go_on(self):
        """Everything was answered: the next few commands, in one piece or not."""
        r = self.random
        self.due = time.monotonic() + PATIENCE_S
        self.said = []
        if r.random() < 0.03:
            self.socket.close()
            self.open()
        elif self.lmtp:
            names = r.sample(USERS, r.randint(1, len(USERS)))
            self.out += b"LHLO x\r\nMAIL FROM:<>\r\n" + b"".join(b"RCPT TO:<%s>\r\n" % n.encode() for n in names) + b"DATA\r\n" + BODY + b".\r\n"
            self.waiting = [b"lmtp"] * len(names)
        elif r.random() < 0.15:
            self.say(b"IDLE")
            self.idling = time.monotonic() + r.choice([0, 0.01, 0.5])
        else:
            for _ in range(r.choice([1, 1, 3, 12])):
                self.say(r.choice(IMAP)(r))
            if r.random() < 0.1:
                self.deaf_until = time.monotonic() + r.random()
            if r.random() < 0.03: # hang up with all that under way
                self.write()
                self.socket.close()
                self.open()

    def write(self):
        if not self.out:
            return
        cut = self.random.choice([len(self.out), len(self.out), self.random.randint(1, len(self.out))])
        try:
            self.out = self.out[self.socket.send(self.out[:cut]) :]
        except BlockingIOError:
            pass

    def read(self):
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return
        if not data:
            raise EOFError
        self.due = time.monotonic() + PATIENCE_S
        lines, newline, rest = (self.tail + data).rpartition(b"\n")
        self.tail = rest[-1000:]
        if self.lmtp:
            done = [b"lmtp"] * len(re.findall(rb"^(?:250 2.0.0 <|4\d\d 4|550 )", lines, re.M))
        else:
            done = [m[0] for m in TAGGED.findall(lines + newline)]
        for tag in done:
            if self.waiting and self.waiting[0] == tag:
                self.waiting.pop(0)
                self.answered += 1

    def turn(self, now):
        """What is to be done without an event. -> what poll should wait for"""
        if self.idling and now >= self.idling:
            self.out += b"DONE\r\n"
            self.idling = None
        if not self.waiting and not self.out:
            self.go_on()
        assert now < self.due or now < self.deaf_until, f"no answer for {PATIENCE_S} s to {self.waiting[:3]} of {self.said}; seed {SEED}"
        self.write()
        return (select.POLLIN if now >= self.deaf_until else 0) | (select.POLLOUT if self.out else 0)


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_whoever_waits_is_woken(workers):
    options = {"server.workers": str(workers), "server.workers_max": "64", "limits.connections_per_account": "1000"}
    with loft.Loft(options) as server:
        for user in USERS:
            server.add_user(user)
        clients = [Client(server, SEED * 1000 + i) for i in range(CLIENTS)]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            now = time.monotonic()
            poll, by_fd = select.poll(), {}
            for client in clients:
                want = client.turn(now)
                by_fd[client.socket.fileno()] = client
                poll.register(client.socket, want)
            for fd, events in poll.poll(20):
                try:
                    if events & ~select.POLLOUT:
                        by_fd[fd].read()
                except (EOFError, ConnectionError): # BYE, or it went with what was under way
                    by_fd[fd].socket.close()
                    by_fd[fd].open()
        assert all(client.answered for client in clients)
        print(f"{workers} workers: {sum(client.answered for client in clients)} answers")
        for client in clients:
            client.socket.close()
