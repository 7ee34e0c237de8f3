"""Many sessions change shared mailboxes at random, and each checks that what it is told never contradicts itself, the others, or
a fresh look at the end. stress_model.py says what a contradiction is.

    LOFT_STRESS_S=600 LOFT_STRESS_SEED=7 LOFT_STRESS_SESSIONS=12 pytest-3 test/hostile/test_stress.py

The seed decides what each session does, not how the threads of the server meet: a failure may need several runs to come back."""
import os
import random
import threading
import time
import traceback

import loft
import pytest

import stress_model
from stress_model import Contradiction, Gone, Listener, Session, Truths

SECONDS = float(os.environ.get("LOFT_STRESS_S", "12"))
SEED = int(os.environ.get("LOFT_STRESS_SEED", "1"))
SESSIONS = int(os.environ.get("LOFT_STRESS_SESSIONS", "7"))

SHARED = ["INBOX", "box/a", "box/b"]
FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "\\Deleted", "work", "$Later", "a"]
KINDS = [dict(), dict(qresync=True), dict(condstore=True), dict(rev2=True), dict(rev2=True, qresync=True), dict(qresync=True, notify=True),
         dict(notify=True)]


class Actor:
    """One session that does random things."""

    def __init__(self, server, user, truths, number, boxes=SHARED):
        self.random = random.Random(SEED * 1000 + number)
        self.boxes = boxes
        self.session = Session(server, user, truths, f"session {number} {KINDS[number % len(KINDS)]}", **KINDS[number % len(KINDS)])
        self.count = 0

    def some_set(self, uids):
        """Of sequence numbers that exist, or of UIDs that exist or did."""
        box, r = self.session.box, self.random
        top = (max([u for u in box.uids if u] or [1]) + 2) if uids else len(box.uids)
        parts = []
        for _ in range(r.choice([1, 1, 1, 2, 4])):
            a, b = r.randint(1, top), r.randint(1, top)
            parts.append(r.choice([f"{a}", f"{a}:{b}", f"{a}", f"{a}:*", "*"]))
        return ",".join(parts)

    def flags(self):
        return "(" + " ".join(self.random.sample(FLAGS, self.random.randint(0, 3))) + ")"

    # ---- one of each command ----

    def append(self):
        r, s = self.random, self.session
        box = r.choice(self.boxes)
        body = b"From: x@example.org\r\nSubject: %d\r\n\r\n" % r.randint(1, 10**9) + b"text " * r.randint(1, 200) + b"\r\n"
        one = f" {self.flags()} ".encode() + b"{%d+}\r\n" % len(body) + body
        s.run(b"APPEND " + box.encode() + one * r.choice([1, 1, 1, 3]))

    def store(self):
        r, s = self.random, self.session
        uid, silent, mode = r.random() < 0.5, r.random() < 0.4, r.choice("+- ").strip()
        flags = self.flags()
        condition = ""
        if s.condstore and r.random() < 0.3 and s.box.modseq:
            condition = f"(UNCHANGEDSINCE {max(s.box.modseq.values()) - r.randint(0, 3)}) "
        # What is told between commands may cross with what the client assumes.
        if silent and (condition or None in s.box.uids or s.notify):
            silent = False
        # What the client assumes after .SILENT is its own state with the change applied.
        before = dict(s.box.flags)
        text = f"{'UID ' * uid}STORE {self.some_set(uid)} {condition}{mode}FLAGS{'.SILENT' * silent} {flags}"
        if silent:
            self.silent(text, uid, mode, frozenset(flags[1:-1].encode().split()), before)
        else:
            s.run(text, may_fail=True)

    def silent(self, text, uid, mode, flags, before):
        s = self.session
        words = text.split()
        named = self.resolve(words[2] if uid else words[1], uid)
        # Untagged FETCH of the command comes on top of what is assumed, so assume first.
        for u in named:
            if u in s.box.flags:
                old = s.box.flags[u]
                s.box.flags[u] = old | flags if mode == "+" else old - flags if mode == "-" else flags
        if s.run(text, may_fail=True) is None: # EXPUNGEISSUED: some were gone; the assumption holds for the rest
            s.settle()

    def resolve(self, text, uid):
        box = self.session.box
        known = [u for u in box.uids if u]
        top = (max(known) if known else 0) if uid else len(box.uids)
        out = set()
        for part in text.split(","):
            first, _, last = part.replace("*", str(top)).partition(":")
            a, b = int(first), int(last or first)
            for n in range(min(a, b), max(a, b) + 1):
                if uid and n in known:
                    out.add(n)
                elif not uid and 1 <= n <= len(box.uids):
                    out.add(box.uids[n - 1])
        return out

    def fetch(self):
        r, s = self.random, self.session
        uid = r.random() < 0.5
        items = r.sample(["FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY.PEEK[]", "BODY[TEXT]", "BODYSTRUCTURE",
                          "EMAILID"] + ["MODSEQ"] * s.condstore, r.randint(1, 4))
        since = ""
        if s.condstore and r.random() < 0.2:
            since = f" (CHANGEDSINCE {max([1, *s.box.modseq.values()]) - r.randint(0, 5)}{' VANISHED' * (s.qresync and uid)})"
        s.run(f"{'UID ' * uid}FETCH {self.some_set(uid)} ({' '.join(items)}){since}".replace("SINCE -", "SINCE "), may_fail=True)

    def search(self):
        r, s = self.random, self.session
        flag = r.choice(FLAGS)
        key = flag[1:].upper() if flag[0] == "\\" else f"KEYWORD {flag}"
        uid = r.random() < 0.5
        s.found = []
        if s.run(f"{'UID ' * uid}SEARCH {key}", may_fail=True) is None or not hasattr(s, "found_as"):
            return
        uids, flags = s.found_as
        if None in uids or any(u not in flags for u in uids):
            return
        wanted = [u if uid else n + 1 for n, u in enumerate(uids) if flag.encode() in flags[u]]
        if s.found != wanted:
            s.fail(f"SEARCH {key} found {s.found}, what was told says {wanted}")

    def copy(self):
        r, s = self.random, self.session
        uid = r.random() < 0.5
        verb = r.choice(["COPY", "COPY", "MOVE"]) if len(s.box.uids) < 300 else "MOVE"
        s.run(f"{'UID ' * uid}{verb} {self.some_set(uid) if len(s.box.uids) < 60 else (s.box.uids[0] or 1 if uid else 1)} {r.choice(self.boxes)}",
              may_fail=True)

    def expunge(self):
        r, s = self.random, self.session
        s.run("EXPUNGE" if r.random() < 0.6 else f"UID EXPUNGE {self.some_set(True)}", may_fail=True)

    def idle(self):
        s = self.session
        s.by_number = False
        s.send(b"i1 IDLE\r\n")
        while not (line := s.read()).startswith(b"+ "):
            s.untagged(line)
        s.wire.socket.settimeout(60)
        time.sleep(self.random.random() * 0.2)
        s.send(b"DONE\r\n")
        while not (line := s.read()).startswith(b"i1 OK"):
            s.untagged(line)

    def select(self):
        s = self.session
        if s.box and self.random.random() < 0.7:
            s.settle()
            s.note_highest()
        if self.random.random() < 0.1:
            s.run("UNSELECT")
            s.box = None
        if self.random.random() < 0.1:
            name = f"side/{self.random.randint(1, 3)}"
            if s.select(name):
                return
        s.select(self.random.choice(self.boxes), examine=False)

    def side(self):
        r, s = self.random, self.session
        a, b = f"side/{r.randint(1, 3)}", f"side/{r.randint(1, 3)}"
        s.run(r.choice([f"CREATE {a}", f"CREATE {a}", f"DELETE {a}", f"RENAME {a} {b}", f"STATUS {a} (MESSAGES UIDNEXT SIZE)",
                        'LIST "" *', f"SUBSCRIBE {a}", 'LIST "" % RETURN (STATUS (MESSAGES UNSEEN))']), may_fail=True)

        if s.box.name.startswith("side/"): # its own DELETE may have closed it
            s.box = None

    def noop(self):
        self.session.settle()

    ACTIONS = ["store"] * 8 + ["fetch"] * 5 + ["append"] * 3 + ["search"] * 2 + ["copy"] * 3 + ["expunge"] * 2 + ["idle", "noop", "noop"] + \
        ["select", "side"]

    def step(self):
        s = self.session
        try:
            if s.box is None:
                s.select(self.random.choice(self.boxes))
                return
            action = self.random.choice(self.ACTIONS)
            if not s.box.uids and action in ("store", "fetch", "copy", "search"):
                action = "append"
            getattr(self, action)()
            self.count += 1
        except Gone:
            if s.box is None or not s.box.name.startswith("side/"):
                s.fail("the server ended the session")
            s.close()
            s.connect()


def run_actor(actor, until, failures):
    try:
        while time.monotonic() < until and not failures:
            actor.step()
    except Exception as e:
        failures.append(f"{e}" if isinstance(e, Contradiction) else f"{actor.session.name}: {traceback.format_exc()}\n" + "\n".join(actor.session.log))


def final_look(server, user, truths, boxes=SHARED):
    look = Session(server, user, truths, "final look", condstore=True)
    state = {}
    for name in boxes:
        look.select(name, examine=True)
        state[name] = (list(look.box.uids), {u: look.learned[u] for u in look.box.uids})
    look.close()
    return state


def compare(actor, state):
    s = actor.session
    if s.box is None or s.box.name not in state:
        return
    s.settle()
    uids, truth = state[s.box.name]
    if s.box.uids != uids:
        s.fail(f"at the end it believes {s.box.name} to hold {s.box.uids}, it holds {uids}")
    for uid, flags in s.box.flags.items():
        if flags != truth[uid][0]:
            s.fail(f"at the end it believes UID {uid} of {s.box.name} to have {set(flags)}, it has {set(truth[uid][0])} (modseq {truth[uid][1]}, "
                   f"known {s.box.modseq.get(uid)})")


def run_all(actors, round_number):
    failures = []
    until = time.monotonic() + SECONDS / 2
    threads = [threading.Thread(target=run_actor, args=(a, until, failures)) for a in actors]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, f"seed {SEED}, round {round_number}\n" + "\n\n".join(failures)


@pytest.mark.parametrize("round_number", range(2))
def test_sessions_never_contradict_each_other(server, user, round_number):
    truths = Truths()
    first = Session(server, user, truths, "first")
    for name in SHARED[1:]:
        first.run(f"CREATE {name}")
    first.close()
    actors = [Actor(server, user, truths, n + 100 * round_number) for n in range(SESSIONS)]
    listeners = [Listener(server, user, truths, SHARED[n], SHARED[:n] + SHARED[n + 1 :], **KINDS[n]) for n in range(3)]
    for listener in listeners:
        listener.start()
    try:
        run_all(actors, round_number)
        state = final_look(server, user, truths)
    finally:
        for listener in listeners:
            listener.over = True
    for listener in listeners:
        listener.check(state)
    for a in actors:
        compare(a, state)
        a.session.close()
    assert sum(a.count for a in actors) > 10 * SECONDS


@pytest.mark.parametrize("round_number", range(2))
def test_users_of_shared_mailboxes_never_contradict_each_other(server, user, round_number):
    """The same with several users in the mailboxes of one of them. \\Seen is each one's own; all else is everybody's."""
    users = [user, server.add_user("b-" + user), server.add_user("c-" + user)]
    first_truths = Truths()
    truths = [first_truths, first_truths.of_another_user(), first_truths.of_another_user()]
    first = Session(server, user, first_truths, "first")
    for name in SHARED:
        if name != "INBOX":
            first.run(f"CREATE {name}")
        for other in users[1:]:
            first.run(f"SETACL {name} {other} lrswite")
    first.close()
    boxes = [SHARED] + [[f'"Other Users/{user}/{name}"' for name in SHARED]] * 2
    actors = [Actor(server, users[n % 3], truths[n % 3], n + 100 * round_number + 50, boxes[n % 3]) for n in range(SESSIONS)]
    run_all(actors, round_number)
    states = [final_look(server, users[n], truths[n], boxes[n]) for n in range(3)]
    for n, a in enumerate(actors):
        compare(a, states[n % 3])
        a.session.close()
    own = states[0]
    for n in (1, 2):
        for name, shown in zip(SHARED, boxes[n]):
            uids, rows = states[n][shown]
            assert uids == own[name][0], f"{shown} holds other messages for user {n}"
            for uid in uids:
                assert rows[uid][0] - {b"\\Seen"} == own[name][1][uid][0] - {b"\\Seen"}, f"UID {uid} of {shown}"
    assert sum(a.count for a in actors) > 10 * SECONDS
