"""Clients that load a server and keep a journal of what it acknowledged, and the comparison with what is there after a crash.

Every message carries a token from which all its bytes follow, so whatever is found can be checked to the byte. Three kinds of truth:
  Owner   alone changes its mailboxes (below "own/N"), one command at a time: after a crash they are as its model says, or as the one
          command that was not answered would have made them, whole. Nothing in between.
  Inbox   many act on one INBOX at once: deliveries, a client that moves mail out, one that flags, one that watches. What each was
          told must hold: a delivered message is in exactly one place, a flag is set, a message once seen is there with its UID.
  Memory  of what only grows: UIDVALIDITY and EMAILID of what was seen, UIDNEXT, HIGHESTMODSEQ."""
import collections
import random
import re
import select
import socket
import threading
import time

import imapwire

NAMES = ["a", "b", "c", "d", "e", "f"]
FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Work", "$Later"]
ENDED = (EOFError, ConnectionError, BrokenPipeError)


class Violation(AssertionError):
    pass


def message(token):
    rng = random.Random(token)
    size = rng.choice([300, 1500, 4000, 20000]) if rng.random() < 0.97 else rng.choice([260_000, 700_000])
    line = bytes(rng.choices(range(33, 127), k=72)) + b"\r\n"
    head = f"From: a@example.org\r\nSubject: {token}\r\nMessage-ID: <{token}@example.org>\r\nX-Token: {token}\r\n\r\n".encode()
    return head + line * (size // len(line))


class Tokens:
    def __init__(self, seed):
        self.seed, self.count, self.lock = seed, 0, threading.Lock()

    def next(self):
        with self.lock:
            self.count += 1
            return f"t{self.seed}-{self.count}"


def numbers(text):
    """'3:5,9' in the order given."""
    out = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        out += range(int(first), int(last or first) + 1)
    return out


def uid_list(uids):
    return ",".join(map(str, uids))


class Memory:
    """What a mailbox was once seen to be; by the mailbox's id, since names change."""

    def __init__(self):
        self.lock = threading.Lock()
        self.uidvalidity, self.uidnext, self.modseq, self.tokens, self.emails = {}, {}, {}, {}, {}

    def grows(self, what, box, value, exact=False):
        with self.lock:
            before = what.get(box)
            if exact and before is not None and before < value:
                what[box] = value
            elif before is None or value > before:
                what[box] = value
            elif exact and value < before:
                names = {id(self.uidnext): "UIDNEXT", id(self.modseq): "HIGHESTMODSEQ"}
                raise Violation(f"{names[id(what)]} of {box} went back from {before} to {value}")

    def same(self, what, key, value):
        with self.lock:
            before = what.setdefault(key, value)
        if before != value:
            raise Violation(f"{key} was {before} and is now {value}")


class Client(threading.Thread):
    """Acts until the server goes away. `error` is what it found wrong."""

    def __init__(self, server, rng):
        super().__init__(daemon=True)
        self.server, self.rng, self.error, self.ops = server, rng, None, 0

    def run(self):
        try:
            self.open()
            while not self.server.ending:
                self.step()
                self.ops += 1
        except ENDED:
            if not self.server.ending:
                self.error = "the server closed the connection"
        except Exception as e:
            import traceback

            self.error = f"{e!r}\n{traceback.format_exc()}"
        finally:
            self.close()


class ImapClient(Client):
    def __init__(self, server, rng, user):
        super().__init__(server, rng)
        self.user, self.imap = user, None

    def open(self):
        self.imap = imapwire.Imap(self.server, self.user)

    def close(self):
        if self.imap:
            self.imap.close()

    def ok(self, command):
        untagged, tagged = self.imap.run(command)
        if tagged.startswith(b"NO") and b"UNAVAILABLE" in tagged and self.server.ending:
            raise EOFError
        if not tagged.startswith(b"OK"):
            raise Violation(f"{command[:200]!r}: {tagged!r}")
        return untagged, tagged.decode()


# ---- one client, its own mailboxes ----


class Box:
    def __init__(self, mailbox_id=None, messages=None):
        self.id, self.messages = mailbox_id, messages or {}  # uid -> (token, flags)
        self.new = []  # (token, flags) of messages whose UIDs are not known

    def copy(self):
        return Box(self.id, dict(self.messages))


class Journal:
    """The mailboxes of an Owner: as acknowledged, and as a command under way would leave them (None: none is)."""

    def __init__(self, prefix):
        self.prefix, self.boxes, self.pending, self.command = prefix, {}, None, ""
        self.outcomes = collections.Counter()  # of commands that were not answered

    def begin(self, command, change):
        self.command = command[:300]
        pending = {name: box.copy() for name, box in self.boxes.items()}
        change(pending)
        self.pending = pending

    def end(self, boxes):
        self.boxes, self.pending = boxes, None


class Owner(ImapClient):
    def __init__(self, server, rng, user, journal, tokens, memory):
        super().__init__(server, rng, user)
        self.journal, self.tokens, self.memory, self.selected = journal, tokens, memory, None

    def open(self):
        super().open()
        self.ok("ENABLE CONDSTORE")

    def step(self):
        names = list(self.journal.boxes)
        if not names:
            return self.create()
        weights = {self.append: 8, self.store: 6, self.copy: 3, self.move: 4, self.expunge: 3, self.create: 2, self.rename: 2, self.delete: 1}
        self.rng.choices(list(weights), list(weights.values()))[0]()

    def any_name(self):
        return self.rng.choice(list(self.journal.boxes))

    def full(self, name):
        return f"{self.journal.prefix}/{name}"

    def some(self, most=6):
        """A mailbox with messages, selected, and some of its UIDs; or None."""
        names = [n for n, b in self.journal.boxes.items() if b.messages]
        if not names:
            return None
        name = self.rng.choice(names)
        if self.selected != name:
            self.ok(f'SELECT "{self.full(name)}"')
            self.selected = name
        uids = sorted(self.journal.boxes[name].messages)
        return name, sorted(self.rng.sample(uids, min(len(uids), self.rng.randrange(1, most))))

    def finish(self):
        self.journal.end(self.journal.pending)

    def append(self):
        name = self.any_name()
        count = 1 if self.rng.random() < 0.6 else self.rng.randrange(2, 6)
        added = [(self.tokens.next(), frozenset(self.rng.sample(FLAGS, self.rng.randrange(3)))) for _ in range(count)]
        command = f'APPEND "{self.full(name)}"'.encode()
        for token, flags in added:
            raw = message(token)
            command += b" (" + " ".join(sorted(flags)).encode() + b") {%d+}\r\n" % len(raw) + raw
        self.journal.begin(f"append {name} {added}", lambda boxes: boxes[name].new.extend(added))
        _, tagged = self.ok(command)
        uidvalidity, uids = re.search(r"APPENDUID (\d+) ([\d:,]+)", tagged).groups()
        self.placed(name, uidvalidity, numbers(uids))

    def placed(self, name, uidvalidity, uids):
        box = self.journal.pending[name]
        assert len(uids) == len(box.new), (uids, box.new)
        box.messages.update(zip(uids, box.new))
        self.memory.same(self.memory.uidvalidity, box.id, int(uidvalidity))
        for uid, (token, _) in zip(uids, box.new):
            self.memory.same(self.memory.tokens, (box.id, uid), token)
        self.memory.grows(self.memory.uidnext, box.id, max(uids) + 1)
        box.new = []
        self.finish()

    def store(self):
        chosen = self.some()
        if not chosen:
            return self.append()
        name, uids = chosen
        flags = frozenset(self.rng.sample(FLAGS, self.rng.randrange(1, 4)))
        mode = self.rng.choice(["+FLAGS", "-FLAGS", "FLAGS"])

        def change(boxes):
            messages = boxes[name].messages
            for uid in uids:
                token, old = messages[uid]
                messages[uid] = (token, old | flags if mode[0] == "+" else old - flags if mode[0] == "-" else flags)

        command = f"UID STORE {uid_list(uids)} {mode} ({' '.join(sorted(flags))})"
        self.journal.begin(f"{name}: {command}", change)
        untagged, _ = self.ok(command)
        for line in untagged:
            m = re.search(rb"MODSEQ \((\d+)\)", line)
            if m:
                self.memory.grows(self.memory.modseq, self.journal.boxes[name].id, int(m.group(1)))
        self.finish()

    def copy(self, move=False):
        chosen = self.some()
        if not chosen:
            return self.append()
        name, uids = chosen
        target = self.any_name()
        if target == name:
            return

        def change(boxes):
            boxes[target].new += [boxes[name].messages[uid] for uid in uids]
            if move:
                for uid in uids:
                    del boxes[name].messages[uid]

        command = f'UID {"MOVE" if move else "COPY"} {uid_list(uids)} "{self.full(target)}"'
        self.journal.begin(f"{name}: {command}", change)
        untagged, tagged = self.ok(command)
        text = tagged + "".join(line.decode("utf-8", "replace") for line in untagged)
        uidvalidity, source, placed = re.search(r"COPYUID (\d+) ([\d:,]+) ([\d:,]+)", text).groups()
        assert numbers(source) == uids, (text, uids)
        self.placed(target, uidvalidity, numbers(placed))

    def move(self):
        self.copy(move=True)

    def expunge(self):
        chosen = self.some(most=4)
        if not chosen:
            return self.append()
        name, uids = chosen

        def mark(boxes):
            for uid in uids:
                token, old = boxes[name].messages[uid]
                boxes[name].messages[uid] = (token, old | {"\\Deleted"})

        def remove(boxes):
            for uid in uids:
                del boxes[name].messages[uid]

        self.journal.begin(f"{name}: delete {uids}", mark)
        self.ok(f"UID STORE {uid_list(uids)} +FLAGS.SILENT (\\Deleted)")
        self.finish()
        self.journal.begin(f"{name}: expunge {uids}", remove)
        self.ok(f"UID EXPUNGE {uid_list(uids)}")
        self.finish()

    def free_name(self):
        free = [n for n in NAMES if n not in self.journal.boxes]
        return self.rng.choice(free) if free else None

    def create(self):
        name = self.free_name()
        if not name:
            return
        self.journal.begin(f"create {name}", lambda boxes: boxes.update({name: Box()}))
        _, tagged = self.ok(f'CREATE "{self.full(name)}"')
        self.journal.pending[name].id = re.search(r"MAILBOXID \(([^)]*)\)", tagged).group(1)
        self.finish()

    def rename(self):
        old, new = self.any_name(), self.free_name()
        if not new:
            return

        def change(boxes):
            boxes[new] = boxes.pop(old)

        self.journal.begin(f"rename {old} {new}", change)
        self.ok(f'RENAME "{self.full(old)}" "{self.full(new)}"')
        self.selected = new if self.selected == old else self.selected
        self.finish()

    def delete(self):
        name = self.any_name()
        if self.selected == name:
            self.ok("UNSELECT")
            self.selected = None
        self.journal.begin(f"delete {name}", lambda boxes: boxes.pop(name))
        self.ok(f'DELETE "{self.full(name)}"')
        self.finish()


# ---- many clients, one INBOX ----


class Inbox:
    """What the clients of one account were told about INBOX and about `filed` and `extra` beside it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.inbox_acked, self.extra_acked = set(), set()  # tokens delivered
        self.offered = set()  # tokens that may be there
        self.filed = {}  # token -> uid in `filed`
        self.filing = []  # tokens of a MOVE that was not answered
        self.flags = {}  # token -> keywords


class Deliverer(Client):
    """LMTP to two accounts at once, and to one of them twice: INBOX and extra. Every reply is an acknowledgement of its own."""

    def __init__(self, server, rng, users, inboxes, tokens):
        super().__init__(server, rng)
        self.users, self.inboxes, self.tokens = users, inboxes, tokens

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(self.server.lmtp_socket)
        self.file = self.socket.makefile("rb")
        self.reply(b"220")
        self.socket.sendall(b"LHLO test\r\n")
        self.reply(b"250")

    def close(self):
        if hasattr(self, "socket"):
            self.socket.close()

    def reply(self, code):
        while True:
            line = self.file.readline()
            if not line.endswith(b"\n") or (line.startswith(b"421") and self.server.ending):
                raise EOFError
            if line[3:4] != b"-":
                break
        if not line.startswith(code):
            raise Violation(f"wanted {code!r}, got {line!r}")

    def step(self):
        token = self.tokens.next()
        raw = message(token)
        to = [(user, "", inbox, inbox.inbox_acked) for user, inbox in zip(self.users, self.inboxes)]
        if self.rng.random() < 0.3:
            k = self.rng.randrange(2)
            to.insert(self.rng.randrange(3), (self.users[k], "+extra", self.inboxes[k], self.inboxes[k].extra_acked))
        for _, _, inbox, _ in to:
            inbox.offered.add(token)
        self.socket.sendall(b"MAIL FROM:<sender@example.com>\r\n")
        self.reply(b"250")
        for user, detail, _, _ in to:
            self.socket.sendall(f"RCPT TO:<{user.replace('@', detail + '@')}>\r\n".encode())
            self.reply(b"250")
        if self.rng.random() < 0.5:
            half = len(raw) // 2
            self.socket.sendall(b"BDAT %d\r\n" % half + raw[:half] + b"BDAT %d LAST\r\n" % (len(raw) - half) + raw[half:])
            self.reply(b"250")
        else:
            self.socket.sendall(b"DATA\r\n")
            self.reply(b"354")
            self.socket.sendall((b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
        for _, _, inbox, acked in to:
            self.reply(b"250")
            with inbox.lock:
                acked.add(token)


class InboxClient(ImapClient):
    """Knows the tokens of INBOX by UID, as far as it has looked."""

    def __init__(self, server, rng, user, inbox, memory):
        super().__init__(server, rng, user)
        self.inbox, self.memory, self.tokens, self.last = inbox, memory, {}, 0

    def open(self):
        super().open()
        self.ok("ENABLE QRESYNC")
        untagged, _ = self.ok("SELECT INBOX")
        text = b"\n".join(untagged).decode()
        self.uidvalidity = int(re.search(r"UIDVALIDITY (\d+)", text).group(1))
        self.box = re.search(r"MAILBOXID \(([^)]*)\)", text).group(1)
        self.memory.same(self.memory.uidvalidity, self.box, self.uidvalidity)

    def look(self):
        """Fetch what is new. Seen means durable: it must survive."""
        untagged, _ = self.ok(f"UID FETCH {self.last + 1}:* (UID EMAILID BODY.PEEK[HEADER.FIELDS (X-TOKEN)])")
        for line in untagged:
            self.take(line)

    def take(self, line):
        vanished = re.match(rb"\* VANISHED (?:\(EARLIER\) )?([\d:,]+)", line)
        if vanished:
            for uid in numbers(vanished.group(1).decode()):
                self.tokens.pop(uid, None)
        found = imapwire.fetch_items(line)
        if found and b"EMAILID" in found[1]:
            items = found[1]
            uid = int(items[b"UID"])
            token = re.search(rb"X-Token: (\S+)", next(v for k, v in items.items() if k.startswith(b"BODY["))[1]).group(1).decode()
            self.tokens[uid] = token
            self.memory.same(self.memory.tokens, (self.box, uid), token)
            self.memory.same(self.memory.emails, (self.box, uid), items[b"EMAILID"][0])
            self.last = max(self.last, uid)
            with self.inbox.lock:
                self.inbox.inbox_acked.add(token)  # who is shown a message may rely on it


class Watcher(InboxClient):
    def step(self):
        tag = self.imap.start("IDLE")
        self.imap.raw()
        select.select([self.imap.socket], [], [], 0.3)
        self.imap.send(b"DONE\r\n")
        for line in self.imap.until(tag)[0]:
            self.take(line)
        self.look()


class Flagger(InboxClient):
    def step(self):
        self.look()
        uids = sorted(self.rng.sample(sorted(self.tokens), min(len(self.tokens), 5)))
        if not uids:
            time.sleep(0.01)
            return
        keyword = self.rng.choice(["$One", "$Two", "\\Seen"])
        untagged, tagged = self.imap.run(f"UID STORE {uid_list(uids)} +FLAGS ({keyword})")
        if not tagged.startswith((b"OK", b"NO [EXPUNGEISSUED]")):
            raise Violation(f"STORE: {tagged!r}")
        with self.inbox.lock:
            for found in filter(None, map(imapwire.fetch_items, untagged)):
                token = self.tokens.get(int(found[1][b"UID"]))
                if token and keyword.encode() in found[1][b"FLAGS"]:
                    self.inbox.flags.setdefault(token, set()).add(keyword)
        for line in untagged:
            self.take(line)


class Filer(InboxClient):
    def step(self):
        self.look()
        uids = sorted(self.rng.sample(sorted(self.tokens), min(len(self.tokens), self.rng.randrange(1, 5))))
        if not uids or len(self.tokens) < 10:
            time.sleep(0.01)
            return
        names = [self.tokens[uid] for uid in uids]
        self.inbox.filing = names
        untagged, tagged = self.ok(f"UID MOVE {uid_list(uids)} filed")
        text = tagged + "".join(line.decode("utf-8", "replace") for line in untagged)
        source, placed = re.search(r"COPYUID \d+ ([\d:,]+) ([\d:,]+)", text).groups()
        assert numbers(source) == uids, (text, uids)
        with self.inbox.lock:
            self.inbox.filed.update(zip(names, numbers(placed)))
            self.inbox.filing = []
        for line in untagged:
            self.take(line)
