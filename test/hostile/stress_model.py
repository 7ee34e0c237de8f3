"""What a client believes about its mailbox, from what the server told it, and what contradicts it.

`Truths` is shared by all sessions: what must hold across them. `Session` is one connection with its own belief. A contradiction
raises Contradiction with the last lines of that connection."""
import collections
import re
import socket
import threading

import imapwire
import loft


class Contradiction(AssertionError):
    pass


class Gone(Exception):
    """BYE, or the end of the connection."""


def numbers(text):
    """b"1:3,7" -> [1, 2, 3, 7]"""
    out = []
    for part in text.decode().split(","):
        first, _, last = part.partition(":")
        a, b = int(first), int(last or first)
        out.extend(range(min(a, b), max(a, b) + 1))
    return out


class Truths:
    def __init__(self):
        self.lock = threading.Lock()
        self.flags = {}  # (uidvalidity, uid, modseq) -> flags
        self.email_ids = {}  # (uidvalidity, uid) -> EMAILID
        self.given = set()  # (uidvalidity, uid) that APPENDUID or COPYUID told
        self.modseq_seen = collections.defaultdict(int)  # uidvalidity -> highest that anybody was told

    def of_another_user(self):
        """\\Seen and modseqs may differ; which messages there are may not."""
        other = Truths()
        other.lock, other.email_ids, other.given = self.lock, self.email_ids, self.given
        return other

    def state(self, who, key, modseq, flags):
        with self.lock:
            known = self.flags.setdefault((*key, modseq), flags)
            self.modseq_seen[key[0]] = max(self.modseq_seen[key[0]], modseq)
        if known != flags:
            who.fail(f"message {key} at modseq {modseq} has flags {set(flags)}, another session was told {set(known)}")

    def email_id(self, who, key, value):
        with self.lock:
            known = self.email_ids.setdefault(key, value)
        if known != value:
            who.fail(f"UID reused: {key} was {known}, is {value}")

    def new_uid(self, who, key):
        with self.lock:
            again = key in self.given
            self.given.add(key)
        if again:
            who.fail(f"UID given twice: {key}")

    def highest(self, uidvalidity):
        with self.lock:
            return self.modseq_seen[uidvalidity]


class Box:
    """The selected mailbox, as told."""

    def __init__(self, name):
        self.name = name
        self.uidvalidity = None
        self.uids = []  # by sequence number; None: not told yet
        self.flags = {}  # uid -> frozenset
        self.modseq = {}  # uid -> int
        self.highest = 0  # all changes up to here are known, once settled


class Listener(threading.Thread):
    """A session that says nothing after NOTIFY: what it is told must be all that it needs to know."""

    def __init__(self, server, user, truths, selected, others, **kinds):
        super().__init__()
        self.session, self.failure, self.over, self.others = Session(server, user, truths, f"listener {kinds}", **kinds), None, False, others
        self.session.select(selected)
        self.session.run(f"NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange)) "
                         f"(mailboxes ({' '.join(others)}) (MessageNew MessageExpunge FlagChange))")

    def run(self):
        s = self.session
        s.by_number, s.results = False, []
        s.wire.socket.settimeout(1)
        try:
            while True:
                try:
                    line = s.wire.raw()
                except socket.timeout:
                    if self.over: # all is quiet
                        return
                    continue
                s.log.append(f"  S: {line[:300]!r}")
                s.untagged(line)
        except Exception as e:
            self.failure = f"{type(e).__name__} {e}"

    def check(self, state):
        """`state`: mailbox name -> (uids, uid -> (flags, modseq))"""
        s = self.session
        self.over = True
        self.join()
        if self.failure:
            raise Contradiction(self.failure)
        uids, truth = state[s.box.name]
        if s.box.uids != uids:
            s.fail(f"it was told that {s.box.name} holds {s.box.uids}, it holds {uids}")
        for uid in uids:
            if s.box.flags.get(uid) != truth[uid][0]:
                s.fail(f"it was told that UID {uid} has {s.box.flags.get(uid)}, it has {truth[uid][0]} (modseq {truth[uid][1]})")
        for name in self.others:
            uids, truth = state[name]
            unseen = sum(b"\\Seen" not in flags for flags, _ in truth.values())
            told = s.status[name]
            if told[b"MESSAGES"] != len(uids) or told.get(b"UNSEEN", unseen) != unseen or (uids and told[b"UIDNEXT"] <= uids[-1]):
                s.fail(f"it was told of {name} {told}, there are {len(uids)} messages, {unseen} unseen")
        s.close()


class Session:
    def __init__(self, server, user, truths, name, rev2=False, condstore=False, qresync=False, notify=False):
        self.server, self.user, self.truths, self.name = server, user, truths, name
        self.rev2, self.condstore, self.qresync = rev2, condstore or qresync, qresync
        self.log = collections.deque(maxlen=60)
        self.notify = notify  # is told of changes between commands, too
        self.box = None
        self.status = {}  # mailbox name -> what STATUS told last of it
        self.remembered = {}  # mailbox name -> Box, for QRESYNC
        self.connect()

    # ---- the wire ----

    def connect(self):
        self.wire = imapwire.Imap(self.server)
        self.wire.socket.settimeout(60)
        self.box, self.number, self.earlier_ok = None, 0, False
        self.by_number, self.results, self.pending_flags = False, [], []
        self.run(f'LOGIN {self.user} "{loft.PASSWORD}"')
        enable = ["IMAP4rev2"] * self.rev2 + ["CONDSTORE"] * (self.condstore and not self.qresync) + ["QRESYNC"] * self.qresync
        if enable:
            self.run("ENABLE " + " ".join(enable))

    def close(self):
        self.wire.close()

    def fail(self, what):
        raise Contradiction(f"{self.name}: {what}\n" + "\n".join(self.log))

    def read(self):
        try:
            line = self.wire.raw()
        except socket.timeout:
            self.fail("no answer in time")
        except (EOFError, ConnectionError):
            raise Gone() from None
        self.log.append(f"  S: {line[:300]!r}")
        return line

    def send(self, data):
        self.log.append(f"  C: {data[:300]!r}")
        try:
            self.wire.send(data)
        except ConnectionError:
            raise Gone() from None

    def run(self, command, may_fail=False):
        """One command to its end. `may_fail` accepts NO. -> tagged text after OK, or None"""
        command = command if isinstance(command, bytes) else command.encode()
        verb = command.split()[0].upper()
        self.number += 1
        tag = b"s%d" % self.number
        self.by_number = verb in (b"FETCH", b"STORE", b"SEARCH")
        self.earlier_ok = b"QRESYNC" in command or b"VANISHED" in command
        self.results = []
        self.uids_known = set(self.box.uids) if self.box else set()
        self.send(tag + b" " + command + b"\r\n")
        while True:
            line = self.read()
            if line.startswith(tag + b" "):
                break
            self.untagged(line)
        tagged = line[len(tag) + 1 :]
        if tagged.startswith(b"OK"):
            self.told_code(tagged)
            return tagged
        if not tagged.startswith(b"NO") or not may_fail:
            self.fail(f"{command[:200]!r} was answered {tagged!r}")
        return None

    # ---- what is told ----

    def untagged(self, line):
        if line.startswith(b"* BYE"):
            raise Gone()
        m = re.match(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH|RECENT)", line)
        if m:
            getattr(self, "on_" + m.group(2).decode().lower())(int(m.group(1)), line)
        elif line.startswith(b"* VANISHED (EARLIER) "):
            self.on_vanished_earlier(numbers(line[21:]))
        elif line.startswith(b"* VANISHED "):
            self.on_vanished(numbers(line[11:]))
        elif line.startswith((b"* SEARCH", b"* ESEARCH")):
            self.on_search(line)
        elif line.startswith(b"* OK ["):
            self.told_code(line[2:])
        elif line.startswith(b"* STATUS "):
            self.on_status(line)
        elif line.startswith(b"+"):
            self.fail(f"a continuation nobody asked for: {line!r}")

    def on_status(self, line):
        m = re.match(rb"\* STATUS (\S+) \((.*)\)$", line)
        if m:
            words = m.group(2).split()
            self.status.setdefault(m.group(1).decode(), {}).update(zip(words[::2], map(int, words[1::2])))

    def on_recent(self, n, line):
        if self.rev2:
            self.fail("RECENT to a client of IMAP4rev2")
        if n > len(self.box.uids):
            self.fail(f"RECENT {n} of {len(self.box.uids)}")

    def on_exists(self, n, line):
        if n < len(self.box.uids):
            self.fail(f"EXISTS {n} after {len(self.box.uids)}")
        self.box.uids.extend([None] * (n - len(self.box.uids)))

    def on_expunge(self, n, line):
        if self.by_number:
            self.fail("EXPUNGE while a command by sequence number is answered")
        if self.qresync:
            self.fail("EXPUNGE to a client of QRESYNC")
        if not 1 <= n <= len(self.box.uids):
            self.fail(f"EXPUNGE {n} of {len(self.box.uids)}")
        self.forget(self.box.uids.pop(n - 1))

    def forget(self, uid):
        self.box.flags.pop(uid, None)
        self.box.modseq.pop(uid, None)

    def on_vanished(self, uids):
        if self.by_number:
            self.fail("VANISHED while a command by sequence number is answered")
        if not self.qresync:
            self.fail("VANISHED without QRESYNC")
        for uid in uids:
            if uid in self.box.uids:
                self.box.uids.remove(uid)
                self.forget(uid)
            elif (at := self.untold(uid)) is not None:
                self.box.uids.pop(at)
            else:
                self.fail(f"VANISHED {uid}, which is not there")

    def untold(self, uid):
        """Where `uid` must stand among those whose UID was not told yet."""
        uids = self.box.uids
        first = max([i + 1 for i, u in enumerate(uids) if u and u < uid] or [0])
        return first if first < len(uids) and uids[first] is None else None

    def on_vanished_earlier(self, uids):
        if not self.earlier_ok:
            self.fail("VANISHED (EARLIER) that nobody asked for")
        self.vanished_earlier = set(uids)

    def on_fetch(self, seq, line):
        box = self.box
        if not 1 <= seq <= len(box.uids):
            self.fail(f"FETCH {seq} of {len(box.uids)}")
        items = imapwire.fetch_items(line)[1]
        uid = box.uids[seq - 1]
        if b"UID" in items:
            told = int(items[b"UID"])
            if uid is None:
                before = [u for u in box.uids[: seq - 1] if u]
                after = [u for u in box.uids[seq:] if u]
                if (before and before[-1] >= told) or (after and after[0] <= told):
                    self.fail(f"UID {told} at {seq} is out of order")
                box.uids[seq - 1] = uid = told
            elif uid != told:
                self.fail(f"message {seq} is UID {uid}, told as {told}")
        if uid is None:
            return
        self.uids_known.add(uid)
        key = (box.uidvalidity, uid)
        modseq = int(items[b"MODSEQ"][0]) if b"MODSEQ" in items else None
        if modseq is not None:
            if modseq < box.modseq.get(uid, 0):
                self.fail(f"modseq of UID {uid} goes back from {box.modseq[uid]} to {modseq}")
            box.modseq[uid] = modseq
        if b"FLAGS" in items:
            flags = frozenset(f for f in items[b"FLAGS"] if f != b"\\Recent")
            box.flags[uid] = flags
            if modseq is not None:
                self.truths.state(self, key, modseq, flags)
        if b"EMAILID" in items:
            self.truths.email_id(self, key, items[b"EMAILID"][0])
        self.results.append((seq, uid, items))

    def on_search(self, line):
        line = re.sub(rb" \(MODSEQ \d+\)| MODSEQ \d+", b"", line)
        if line.startswith(b"* SEARCH"):
            found = [int(n) for n in line[8:].split()]
        else:
            m = re.search(rb" ALL ([\d:,]+)", line)
            found = numbers(m.group(1)) if m else []
        self.found = found
        self.found_as = list(self.box.uids), dict(self.box.flags)

    def told_code(self, text):
        m = re.match(rb"OK \[([A-Z]+) ([^\]]*)\]", text)
        if not m:
            return
        code, value = m.groups()
        if code == b"UIDVALIDITY":
            self.box.uidvalidity = int(value)
        elif code == b"HIGHESTMODSEQ" and self.box:
            self.told_highest = int(value)
        elif code in (b"APPENDUID", b"COPYUID"):
            words = value.split()
            for uid in numbers(words[-1]):
                self.truths.new_uid(self, (int(words[0]), uid))
            if code == b"COPYUID":
                self.on_copied(words)

    def on_copied(self, words):
        sources, copies = numbers(words[1]), numbers(words[2])
        if len(sources) != len(copies):
            self.fail("COPYUID with sets of different size")
        unknown = set(sources) - set(self.box.uids) - self.uids_known # a copied one may be told, and its EXPUNGE, before the reply
        if unknown and None not in self.box.uids and None not in self.uids_known:
            self.fail(f"COPYUID of unknown UIDs {unknown}")

    # ---- what a client does ----

    def select(self, name, examine=False):
        if not self.notify:
            return self.open(name, examine)
        if self.box: # or what is told of the former mailbox would be taken for the next one's
            self.run("NOTIFY NONE")
        done = self.open(name, examine)
        if done:
            self.run("NOTIFY SET (selected-delayed (MessageNew (UID FLAGS) MessageExpunge FlagChange)) "
                     "(personal (MessageNew MessageExpunge MailboxName))")
        return done

    def open(self, name, examine):
        if self.box and self.qresync:
            self.remembered[self.box.name] = self.box
        old, self.box, self.told_highest = self.remembered.get(name), Box(name), 0
        self.vanished_earlier = None
        at_least = {} if old is None else {old.uidvalidity: self.truths.highest(old.uidvalidity)}
        command = ("EXAMINE " if examine else "SELECT ") + name
        if self.qresync and old and old.highest and all(uid in old.flags for uid in old.uids):
            return self.resync(command, old)
        if self.condstore and not self.qresync:
            command += " (CONDSTORE)"
        if self.run(command, may_fail=True) is None:
            self.box = None
            return False
        if self.told_highest < at_least.get(self.box.uidvalidity, 0):
            self.fail(f"HIGHESTMODSEQ {self.told_highest} below what was told before")
        self.learn()
        self.box.highest = self.told_highest
        return True

    def resync(self, command, old):
        """SELECT with QRESYNC: what we remember, less VANISHED, plus FETCH, must be what is there."""
        # FETCH responses name sequence numbers of the mailbox as it is now: they are looked at by UID.
        if self.run(f"{command} (QRESYNC ({old.uidvalidity} {old.highest}))", may_fail=True) is None:
            self.box = None
            return False
        box, highest = self.box, self.told_highest
        if box.uidvalidity == old.uidvalidity:
            believed = {u: old.flags.get(u) for u in old.uids if u not in (self.vanished_earlier or ())}
            for _, uid, items in self.results:
                believed[uid] = frozenset(f for f in items[b"FLAGS"] if f != b"\\Recent")
            modseqs = {u: old.modseq.get(u, 0) for u in believed}
        self.learn(quiet=box.uidvalidity == old.uidvalidity)
        if box.uidvalidity == old.uidvalidity:
            for uid in self.learned_gone:
                believed.pop(uid, None)
            for uid, flags in believed.items():
                if uid not in self.learned:
                    self.fail(f"after QRESYNC from {old.highest} UID {uid} is believed to be there, and is not")
                now, modseq = self.learned[uid]
                if flags != now and modseq <= highest:
                    self.fail(f"after QRESYNC from {old.highest} UID {uid} is believed to have {flags}, it has {now} since {modseq}"
                              f" (known at {modseqs.get(uid)})")
            for uid, (_, modseq) in self.learned.items():
                if uid not in believed and modseq <= highest:
                    self.fail(f"after QRESYNC from {old.highest} UID {uid} of modseq {modseq} was not told")
        box.highest = highest
        return True

    def learn(self, quiet=False):
        """Read all flags. `learned`: uid -> (flags, modseq) as the FETCH told them."""
        self.learned, self.learned_gone = {}, set()
        if not self.box.uids:
            return
        before = set(self.box.uids)
        count = len(self.box.uids)
        self.run(f"FETCH 1:{count} (UID FLAGS EMAILID{' MODSEQ' if self.condstore else ''})", may_fail=True)
        for _, uid, items in self.results:
            self.learned[uid] = (self.box.flags[uid], self.box.modseq.get(uid, 0))
        self.learned_gone = before - set(self.box.uids) - {None}

    def settle(self):
        """After this everything that was committed before it began is known."""
        self.run("NOOP")
        untold = [i for i, uid in enumerate(self.box.uids) if uid not in self.box.flags]
        if untold:
            first = untold[0] + 1
            self.run(f"FETCH {first}:{len(self.box.uids)} (UID FLAGS EMAILID{' MODSEQ' if self.condstore else ''})", may_fail=True)

    def note_highest(self):
        """After NOOP nothing is held back: what was told so far is all there was."""
        self.run("NOOP")
        if self.box and all(uid in self.box.flags for uid in self.box.uids):
            self.box.highest = max([self.box.highest, *self.box.modseq.values()])
