"""Compare what the server holds with the journals of load.py."""
import re

import imapwire
from load import Box, Violation, message


class Reader:
    """Reads whole mailboxes; knows which messages it has compared to the byte already."""

    def __init__(self, memory):
        self.memory, self.compared = memory, set()

    def names(self, imap, pattern):
        out = []
        for line in imap.ok(f'LIST "" "{pattern}"'):
            attributes, name = re.match(rb'\* LIST \(([^)]*)\) "/" "?([^"]*)"?$', line).groups()
            if b"\\NonExistent" not in attributes and b"\\Noselect" not in attributes:
                out.append(name.decode())
        return out

    def read(self, imap, name, everything=False):
        """-> Box of what is there. Also checks all that may only grow."""
        text = b"\n".join(imap.ok(f'EXAMINE "{name}" (CONDSTORE)')).decode("utf-8", "replace")
        box = Box(re.search(r"MAILBOXID \(([^)]*)\)", text).group(1))
        memory = self.memory
        memory.same(memory.uidvalidity, box.id, int(re.search(r"UIDVALIDITY (\d+)", text).group(1)))
        memory.grows(memory.uidnext, box.id, int(re.search(r"UIDNEXT (\d+)", text).group(1)), exact=True)
        memory.grows(memory.modseq, box.id, int(re.search(r"HIGHESTMODSEQ (\d+)", text).group(1)), exact=True)
        count = int(re.search(r"\* (\d+) EXISTS", text).group(1))
        found = [imapwire.fetch_items(line) for line in imap.ok("UID FETCH 1:* (UID FLAGS EMAILID MODSEQ)")] if count else []
        if len(found) != count:
            raise Violation(f"{name}: {count} EXISTS, {len(found)} fetched")
        last = 0
        for _, items in found:
            uid = int(items[b"UID"])
            if not last < uid < memory.uidnext[box.id] or int(items[b"MODSEQ"][0]) > memory.modseq[box.id]:
                raise Violation(f"{name}: UID {uid} behind {last}, UIDNEXT {memory.uidnext[box.id]}, {items}")
            last = uid
            memory.same(memory.emails, (box.id, uid), items[b"EMAILID"][0])
            flags = frozenset(f.decode() for f in items[b"FLAGS"]) - {"\\Recent"}
            box.messages[uid] = (None, flags)
        self._bytes(imap, name, box, everything)
        for uid, (_, flags) in box.messages.items():
            box.messages[uid] = (memory.tokens[(box.id, uid)], flags)
        return box

    def _bytes(self, imap, name, box, everything):
        wanted = [uid for uid in sorted(box.messages) if everything or (box.id, uid) not in self.compared]
        for at in range(0, len(wanted), 100):
            some = wanted[at : at + 100]
            got = 0
            for line in imap.ok(f"UID FETCH {','.join(map(str, some))} (UID RFC822.SIZE BODY.PEEK[])"):
                _, items = imapwire.fetch_items(line)
                raw, uid = items[b"BODY[]"][1], int(items[b"UID"])
                m = re.search(rb"^X-Token: (\S+)\r$", raw[:4000], re.M)
                if not m:
                    raise Violation(f"{name}: UID {uid} holds what nobody sent: {raw[:300]!r}")
                token = m.group(1).decode()
                expected = message(token)
                trace = raw[: len(raw) - len(expected)]
                if not raw.endswith(expected) or (trace and not trace.startswith(b"Return-Path: ")) or len(trace) > 600:
                    raise Violation(f"{name}: UID {uid} differs from {token}")
                if int(items[b"RFC822.SIZE"]) != len(raw):
                    raise Violation(f"{name}: UID {uid} has a wrong size")
                self.memory.same(self.memory.tokens, (box.id, uid), token)
                self.compared.add((box.id, uid))
                got += 1
            if got != len(some):
                raise Violation(f"{name}: {len(some)} bodies asked, {got} came")


def _difference(expected, actual):
    """None, or in what the mailboxes differ from the expected ones."""
    if set(expected) != set(actual):
        return f"mailboxes {sorted(expected)} expected, {sorted(actual)} there"
    for name, box in expected.items():
        there = actual[name]
        if box.id and box.id != there.id:
            return f"{name}: MAILBOXID {box.id} became {there.id}"
        for uid, value in box.messages.items():
            if there.messages.get(uid) != value:
                return f"{name}: UID {uid} should be {value}, is {there.messages.get(uid)}"
        rest = [there.messages[uid] for uid in sorted(there.messages) if uid not in box.messages]
        if rest != box.new:
            return f"{name}: besides {len(box.messages)} messages {box.new} expected, {rest} there"
    return None


def check_owner(imap, reader, journal, everything=False):
    prefix = journal.prefix + "/"
    actual = {name[len(prefix) :]: reader.read(imap, name, everything) for name in reader.names(imap, prefix + "*")}
    without = _difference(journal.boxes, actual)
    if journal.pending is not None:
        journal.outcomes["undone" if without is None else "done"] += 1
    if without and journal.pending is None:
        raise Violation(f"{journal.prefix}: {without}\nlast command: {journal.command}")
    if without:
        difference = _difference(journal.pending, actual)
        if difference:
            raise Violation(f"{journal.prefix}: half done: {journal.command}\nwithout it: {without}\nwith it: {difference}")
    journal.end(actual)


def check_inbox(imap, reader, inbox, everything=False):
    boxes = {name: reader.read(imap, name, everything) for name in ("INBOX", "filed", "extra")}
    tokens = {name: {} for name in boxes}
    for name, box in boxes.items():
        for uid, (token, flags) in box.messages.items():
            if token in tokens[name]:
                raise Violation(f"{token} is twice in {name}")
            if token not in inbox.offered:
                raise Violation(f"{name}: {token} was never sent there")
            tokens[name][token] = (uid, flags)
    here, filed, extra = tokens["INBOX"], tokens["filed"], tokens["extra"]
    both = set(here) & set(filed)
    if both:
        raise Violation(f"in INBOX and in filed: {sorted(both)[:5]}")
    lost = inbox.inbox_acked - set(here) - set(filed)
    if lost:
        raise Violation(f"acknowledged and lost: {sorted(lost)[:5]} of {len(lost)}")
    if inbox.extra_acked - set(extra):
        raise Violation(f"acknowledged for extra and lost: {sorted(inbox.extra_acked - set(extra))[:5]}")
    moved = [token in filed for token in inbox.filing]
    if any(moved) and not all(moved):
        raise Violation(f"a MOVE was torn: {list(zip(inbox.filing, moved))}")
    for token, uid in inbox.filed.items():
        if filed.get(token, (0, 0))[0] != uid:
            raise Violation(f"{token} was moved to filed, UID {uid}; there is {filed.get(token)}")
    for token in set(filed) - set(inbox.filed):
        if token not in inbox.filing:
            raise Violation(f"{token} is in filed and nobody put it there")
    for token, keywords in inbox.flags.items():
        uid, flags = here.get(token) or filed[token]
        if keywords - flags:
            raise Violation(f"{token} lost {keywords - flags}")
    with inbox.lock:
        inbox.filed = {token: uid for token, (uid, _) in filed.items()}
        inbox.filing = []
        inbox.inbox_acked |= set(here) | set(filed)
        inbox.extra_acked |= set(extra)
