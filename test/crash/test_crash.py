"""Loft is killed at any moment and everything that it acknowledged is found again.

    LOFT_CRASH_SECONDS=600   for how long to kill it (45)
    LOFT_CRASH_SEED=123      what the clients do; printed by every run"""
import collections
import os
import random
import subprocess
import tempfile
import time

import imapwire
import loft
import pytest
from load import Deliverer, Filer, Flagger, Inbox, Journal, Memory, Owner, Tokens, Watcher
from verify import Reader, check_inbox, check_owner

SECONDS = float(os.environ.get("LOFT_CRASH_SECONDS", "45"))
SEED = int(os.environ.get("LOFT_CRASH_SEED", random.randrange(10**6)))
# Small segments, collected eagerly: the collector is at work, too, when the server dies.
OPTIONS = {"store.segment_bytes": "1M", "store.collect_below_percent": "90", "store.collect_bytes_per_s": "64M",
           "quota.storage_bytes": "100G", "quota.domain_storage_bytes": "100G"}
OPEN_S_MAX = 10


class Scene:
    """A server, its users, and what everybody knows."""

    def __init__(self, server, seed):
        self.server, self.rng = server, random.Random(seed)
        self.tokens = Tokens(seed)
        self.users = [server.add_user(f"crash{i}@example.org") for i in range(2)]
        self.memories = [Memory() for _ in self.users]
        self.readers = [Reader(memory) for memory in self.memories]
        self.inboxes = [Inbox() for _ in self.users]
        self.journals = [[Journal(f"own/{k}") for k in range(2)] for _ in self.users]
        for user in self.users:
            client = imapwire.Imap(server, user)
            for name in ("own", "own/0", "own/1", "filed", "extra"):
                client.ok(f"CREATE {name}")
            client.close()

    def clients(self):
        out = []

        def add(kind, *args):
            out.append(kind(self.server, random.Random(self.rng.random()), *args))

        for _ in range(2):
            add(Deliverer, self.users, self.inboxes, self.tokens)
        for user, inbox, journals, memory in zip(self.users, self.inboxes, self.journals, self.memories):
            for kind in (Watcher, Flagger, Filer):
                add(kind, user, inbox, memory)
            for journal in journals:
                add(Owner, user, journal, self.tokens, memory)
        return out

    def load(self, seconds, end):
        """All clients at work, until end() takes the server away under them. -> how much they did"""
        self.server.ending = False
        clients = self.clients()
        for client in clients:
            client.start()
        time.sleep(seconds)
        self.server.ending = True
        end()
        for client in clients:
            client.join(30)
            assert not client.is_alive(), f"{type(client).__name__} hangs"
        for client in clients:
            log = "\n".join(self.server.log[-80:])
            assert client.error is None, f"{type(client).__name__}: {client.error}\n{log}"
        return sum(client.ops for client in clients)

    def check_quota(self):
        """What is counted is what is there, of each account and of their domain."""
        total = collections.Counter()
        for user in self.users:
            boxes = [box for box in self.server.json("mailbox", "list", user) if box["exists"]]
            there = {"storage": sum(b["size_bytes"] for b in boxes), "messages": sum(b["messages"] for b in boxes),
                     "mailboxes": len(boxes), "annotations": 0}
            assert {row["resource"]: row["used"] for row in self.server.json("quota", "show", user)} == there
            total.update(there)
        assert {row["resource"]: row["used"] for row in self.server.json("quota", "domain", "example.org")} == total

    def verify(self, everything=False):
        for user, inbox, journals, reader in zip(self.users, self.inboxes, self.journals, self.readers):
            client = imapwire.Imap(self.server, user)
            for journal in journals:
                check_owner(client, reader, journal, everything)
            check_inbox(client, reader, inbox, everything)
            client.close()
        self.check_quota()


@pytest.fixture
def scene():
    print(f"LOFT_CRASH_SEED={SEED}")
    with tempfile.TemporaryDirectory(prefix="loft-crash-") as data, loft.Loft(OPTIONS, data) as server:
        yield Scene(server, SEED)


def restart(server):
    begin = time.monotonic()
    server.start()
    took = time.monotonic() - begin
    assert took < OPEN_S_MAX, f"opening took {took:.1f} s"
    return took


def test_what_was_acknowledged_survives_kill(scene):
    end, rounds, ops, slowest = time.monotonic() + SECONDS, 0, 0, 0
    while time.monotonic() < end:
        ops += scene.load(scene.rng.choice([0.05, 0.2, 0.5, 1.5]) * scene.rng.random() + 0.05, scene.server.kill)
        slowest = max(slowest, restart(scene.server))
        scene.verify()
        rounds += 1
    scene.verify(everything=True)
    outcomes = sum((journal.outcomes for journals in scene.journals for journal in journals), collections.Counter())
    print(f"not answered: {dict(outcomes)}")
    print(f"{rounds} rounds, {ops} operations, {scene.tokens.count} messages, slowest start {slowest:.2f} s")
    assert rounds > 3 and ops > 100


def test_kill_while_it_starts(scene):
    scene.load(1.0, scene.server.kill)
    for _ in range(5):
        options = [word for key, value in scene.server.options.items() for word in ("-o", f"{key}={value}")]
        starting = subprocess.Popen(scene.server.command("serve", *options), stderr=subprocess.DEVNULL)
        time.sleep(scene.rng.random() * 0.15)
        starting.kill()
        starting.wait()
    restart(scene.server)
    scene.verify(everything=True)


def test_term_under_load_loses_nothing(scene):
    for _ in range(3):
        def end():
            assert scene.server.stop() == 0

        scene.load(1.0, end)
        restart(scene.server)
        scene.verify()
