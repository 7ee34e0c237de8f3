"""Results that are kept up to date (RFC 5267): a client that only follows ADDTO and REMOVEFROM must come to what a new search says."""
import os
import random
import re

import imapwire
import pytest

ROUNDS = 150
PAIR = re.compile(rb"(\d+) ([0-9:,]+)")

CONTEXTS = [
    ("a", "UID SEARCH RETURN (UPDATE ALL) UNDELETED"),
    ("b", "SEARCH RETURN (UPDATE ALL) UNSEEN"),
    ("c", "UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNDELETED"),
    ("d", "SORT RETURN (UPDATE ALL) (REVERSE SUBJECT SIZE) UTF-8 ALL"),
    ("e", "UID SORT RETURN (UPDATE ALL) (SIZE REVERSE ARRIVAL) UTF-8 OR SEEN SUBJECT 3"),
    ("f", "SEARCH RETURN (UPDATE ALL) OR DELETED TEXT 5"),
    ("g", "UID SEARCH RETURN (UPDATE ALL) NOT UID 5:*"),
    ("h", "UID SEARCH RETURN (UPDATE ALL) KEYWORD $late"),
]


def expand(numbers):
    out = []
    for part in numbers.split(b","):
        first, _, last = part.partition(b":")
        out += range(int(first), int(last or first) + 1)
    return out


class Follower:
    """The lists of a client, by what it is told."""

    def __init__(self):
        self.lists = {}

    def take(self, line):
        if m := re.match(rb"\* (\d+) EXPUNGE", line):
            gone = int(m.group(1))
            for tag, command in CONTEXTS:
                if not command.startswith("UID"):
                    assert gone not in self.lists[tag], (tag, gone)
                    self.lists[tag] = [n - (n > gone) for n in self.lists[tag]]
        m = re.match(rb'\* ESEARCH \(TAG "([a-h])"\)( UID)?(.*)', line)
        if not m:
            return
        tag, rest = m.group(1).decode(), m.group(3)
        if tag not in self.lists:
            found = re.search(rb"ALL ([0-9:,]+)", rest)
            self.lists[tag] = expand(found.group(1)) if found else []
            return
        items = re.findall(rb" (ADDTO|REMOVEFROM) \(([^)]*)\)", rest)
        assert items and b"".join(b" %b (%b)" % i for i in items) == rest, line
        for kind, pairs in items:
            for position, numbers in PAIR.findall(pairs):
                self.change(tag, kind, int(position), expand(numbers), line)

    def change(self, tag, kind, position, numbers, line):
        have = self.lists[tag]
        if kind == b"REMOVEFROM" and position:
            assert have[position - 1 : position - 1 + len(numbers)] == numbers, (line, have)
            del have[position - 1 : position - 1 + len(numbers)]
        elif kind == b"REMOVEFROM":
            for n in numbers:
                have.remove(n)
        elif position:
            assert not set(numbers) & set(have) and position <= len(have) + 1, (line, have)
            have[position - 1 : position - 1] = numbers
        else:
            assert not set(numbers) & set(have), (line, have)
            have[:] = sorted(have + numbers)


def change_something(rng, client):
    what = rng.random()
    if what < 0.3:
        command = b"APPEND INBOX"
        for _ in range(rng.choice((1, 1, 2, 20))):
            flags = rng.choice((b"", b"(\\Seen) ", b"(\\Deleted) "))
            raw = b"Subject: %d\r\n\r\n%b" % (rng.randrange(60), b"x" * rng.randrange(9))
            command += b" %b{%d+}\r\n%b" % (flags, len(raw), raw)
        client.ok(command)
    elif what < 0.8:
        first = rng.randrange(1, 400)
        flag = rng.choice(("\\Seen", "\\Deleted", "\\Seen", "$late"))
        client.ok(f"UID STORE {first}:{first + rng.choice((0, 1, 5, 60))} {rng.choice('+-')}FLAGS.SILENT ({flag})")
    elif what < 0.9:
        first = rng.randrange(1, 400)
        client.ok(f"UID EXPUNGE {first}:{first + rng.choice((0, 3, 30))}")
    else:
        client.ok("NOOP")


@pytest.mark.parametrize("enable", ["", "IMAP4rev2"])
def test_following_updates_comes_to_what_a_search_finds(server, user, enable):
    seed = int(os.environ.get("LOFT_TEST_SEED", random.randrange(1 << 30)))
    print(f"LOFT_TEST_SEED={seed}")
    rng = random.Random(seed)
    watcher, other = imapwire.Imap(server, user), imapwire.Imap(server, user)
    follower = Follower()
    if enable:
        watcher.ok(f"ENABLE {enable}")
    for client in (watcher, other):
        client.ok("SELECT INBOX")
    for tag, command in CONTEXTS:
        watcher.send(f"{tag} {command}\r\n".encode())
        untagged, tagged = watcher.until(tag)
        assert tagged.startswith(b"OK"), tagged
        for line in untagged:
            follower.take(line)
    for _ in range(ROUNDS):
        for _ in range(rng.randrange(1, 4)):
            change_something(rng, other)
        command = rng.choice(("NOOP", "CHECK", "FETCH 1 UID", "SEARCH RETURN (COUNT) ALL"))
        for line in watcher.run(command)[0]:  # FETCH: the mailbox may be empty
            follower.take(line)
        if rng.random() < 0.2:
            for line in watcher.ok("NOOP"):
                follower.take(line)
            for tag, command in CONTEXTS:
                (line,) = [l for l in watcher.ok(command.replace("UPDATE ", "")) if l.startswith(b"* ESEARCH")]
                found = re.search(rb"ALL ([0-9:,]+)", line)
                assert follower.lists[tag] == (expand(found.group(1)) if found else []), (tag, seed)
    watcher.close()
    other.close()


def test_a_reader_that_stops_in_the_midst_is_told_the_rest(server, user):
    """Updates of many messages go out at the pace of their reader, in pieces that fit together."""
    watcher, other = imapwire.Imap(server, user), imapwire.Imap(server, user)
    other.ok("SELECT INBOX")
    for _ in range(20):
        other.ok(b"APPEND INBOX" + b"".join(b" {%d+}\r\nSubject: %05d\r\n\r\n" % (18, random.randrange(99999)) for _ in range(500)))
    watcher.ok("SELECT INBOX")
    follower = Follower()
    watcher.send(b"c UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNDELETED\r\n")
    for line in watcher.until("c")[0]:
        follower.take(line)
    for sign in "+-":
        other.ok(f"UID STORE 1:9000 {sign}FLAGS.SILENT (\\Deleted)")
        for line in watcher.ok("NOOP"):
            follower.take(line)
        assert len(follower.lists["c"]) == (1000 if sign == "+" else 10000)
    (line,) = watcher.ok("UID SORT RETURN (ALL) (SUBJECT) UTF-8 UNDELETED")
    assert follower.lists["c"] == expand(re.search(rb"ALL ([0-9:,]+)", line).group(1))
    watcher.close()
    other.close()
