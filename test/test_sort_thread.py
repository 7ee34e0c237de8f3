"""SORT and THREAD beside a plain implementation in Python (thread_oracle.py), on made up and on real threads."""
import itertools
import os
import random
import re
import time

import corpus
import imapwire
import pytest
import thread_oracle as oracle

KEYS = ["ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO"]
EPOCH = 1_500_000_000


def date_time(at):
    return time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(at))


def append_all(client, mailbox, raws, arrivals):
    for first in range(0, len(raws), 100):
        command = b"APPEND " + mailbox.encode()
        for raw, at in itertools.islice(zip(raws, arrivals), first, first + 100):
            command += b' "%b" {%d+}\r\n%b' % (date_time(at).encode(), len(raw), raw)
        client.ok(command)


def fill(client, mailbox, raws, arrivals):
    client.ok(f"CREATE {mailbox}")
    append_all(client, mailbox, raws, arrivals)
    client.ok(f"SELECT {mailbox}")
    return [oracle.Message(i + 1, raw, at) for i, (raw, at) in enumerate(zip(raws, arrivals))]


def threads(client, algorithm, keys="ALL"):
    (line,) = client.ok(f"THREAD {algorithm} UTF-8 {keys}")
    assert line.startswith(b"* THREAD")
    return line[9:].decode()


def numbers(client, criteria, keys="ALL"):
    text = " ".join(("REVERSE " if reverse else "") + key for key, reverse in criteria)
    (line,) = client.ok(f"SORT ({text}) UTF-8 {keys}")
    assert line.startswith(b"* SORT")
    return [int(n) for n in line[7:].split()]


def made_up(rng, count):
    """Mail in which everything happens: missing parents, circles, ids twice, references cut short, few subjects, equal dates."""
    ids = [f"<{i}@example.org>" for i in range(count)]
    out = []
    for i in range(count):
        lines = []
        if rng.random() < 0.95:
            lines.append("Message-ID: " + (rng.choice(ids) if rng.random() < 0.05 else ids[i]))
        references = rng.choices(ids[: i + 1] if rng.random() < 0.8 else ids, k=rng.choice([0, 0, 1, 1, 2, 3, 5]))
        if references and rng.random() < 0.8:
            lines.append("References: " + "\r\n ".join(references))
        if rng.random() < 0.3:
            lines.append("In-Reply-To: " + " ".join(rng.choices(ids, k=rng.choice([1, 1, 2]))) + " of some day")
        subject = rng.choice(["", "a", "b", "c", "Zoo", "_x", "[list] a"] + [str(k) for k in range(count // 2)])
        prefix = rng.choice(["", "", "", "Re: ", "Fwd: ", "re[2]: ", "FW: RE: "])
        lines.append(f"Subject: {prefix}{subject}{rng.choice(['', '', '', ' (fwd)'])}")
        if rng.random() < 0.9:
            at = EPOCH + rng.randrange(count // 2 + 1) * 60
            lines.append("Date: " + time.strftime("%a, %d %b %Y %H:%M:%S ", time.gmtime(at)) + rng.choice(["+0000", "+0000", "-0800"]))
        for field in ("From", "To", "Cc"):
            if rng.random() < 0.8:
                name = rng.choice(["anna", "Bert", "_c", "zoe", "Zoe"])
                lines.append(f"{field}: " + rng.choice([f"{name}@example.org", f"{name.upper()} X <{rng.choice('abAB')}@example.net>"]))
        out.append(("\r\n".join(lines) + "\r\n\r\n" + "x" * rng.randrange(50) + "\r\n").encode())
    return out


@pytest.mark.parametrize("seed", range(40))
def test_made_up_threads(server, user, seed):
    rng = random.Random(seed)
    client = imapwire.Imap(server, user)
    count = rng.choice([3, 8, 20, 60, 150])
    arrivals = [EPOCH + rng.randrange(count) for _ in range(count)]
    messages = fill(client, "box", made_up(rng, count), arrivals)
    for algorithm in ("REFERENCES", "REFS", "ORDEREDSUBJECT"):
        assert threads(client, algorithm) == oracle.threads(messages, algorithm), (seed, algorithm)
        some = sorted(rng.sample(range(1, count + 1), max(1, count * 2 // 3)))
        chosen = [m for m in messages if m.number in some]
        keys = ",".join(map(str, some))
        assert threads(client, algorithm, keys) == oracle.threads(chosen, algorithm), (seed, algorithm, keys)
    for key in KEYS:
        for criteria in ([(key, False)], [(key, True)], [(key, rng.random() < 0.5), (rng.choice(KEYS), rng.random() < 0.5)]):
            assert numbers(client, criteria) == oracle.order(messages, criteria), (seed, criteria)
    client.close()


@pytest.mark.parametrize("seed", range(6))
def test_what_was_kept_of_a_mailbox_that_changed(server, user, seed):
    """Keys of messages are kept from one SORT or THREAD to the next: mail that comes and goes in between must find its place."""
    rng = random.Random(1000 + seed)
    client = imapwire.Imap(server, user)
    count, rounds = 150, 5
    raws, arrivals = made_up(rng, count), [EPOCH + rng.randrange(count) for _ in range(count)]
    client.ok("CREATE box")
    client.ok("SELECT box")
    there = []
    for turn in range(rounds):
        coming = range(turn * count // rounds, (turn + 1) * count // rounds)
        append_all(client, "box", [raws[i] for i in coming], [arrivals[i] for i in coming])
        there += coming
        gone = sorted(rng.sample(range(len(there)), len(there) // 6))
        client.ok("STORE " + ",".join(str(i + 1) for i in gone) + " +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        there = [m for i, m in enumerate(there) if i not in gone]
        messages = [oracle.Message(i + 1, raws[m], arrivals[m]) for i, m in enumerate(there)]
        some = sorted(rng.sample(range(1, len(there) + 1), len(there) // 2))
        for keys, chosen in ((",".join(map(str, some)), [messages[n - 1] for n in some]), ("ALL", messages)):
            for algorithm in rng.sample(["REFERENCES", "REFS", "ORDEREDSUBJECT"], 2):
                assert threads(client, algorithm, keys) == oracle.threads(chosen, algorithm), (seed, turn, algorithm, keys)
            for _ in range(4):
                criteria = [(rng.choice(KEYS), rng.random() < 0.5) for _ in range(rng.choice([1, 1, 2, 3]))]
                assert numbers(client, criteria, keys) == oracle.order(chosen, criteria), (seed, turn, criteria, keys)
    client.close()


def real_list(name):
    """Messages of one list of the corpus in the order of its archive; skips where there is none."""
    folder = corpus.corpus_folder()
    if not folder:
        pytest.skip("no corpus")
    top, raws = corpus.unpack_one(folder, name), []
    for path in sorted(os.path.join(p, n) for p, _, names in os.walk(top) for n in names):
        with open(path, "rb") as f:
            raw = f.read()
        if path.endswith(".mbox"):
            parts = re.split(rb"(?:\A|\n\n)From [^\n]* at [^\n]*\n", raw)
            raws += [corpus.to_crlf(part + b"\n") for part in parts if part.strip()]
        elif raw:
            raws.append(corpus.to_crlf(raw))
    return raws


@pytest.mark.parametrize("name", ["list-linux-api", "r-devel-pipermail"])
def test_real_threads(server, user, name):
    raws = real_list(name)
    random.Random(7).shuffle(raws)
    client = imapwire.Imap(server, user)
    messages = fill(client, "box", raws, [EPOCH + i for i in range(len(raws))])
    for algorithm in ("REFERENCES", "REFS", "ORDEREDSUBJECT"):
        got, want = threads(client, algorithm), oracle.threads(messages, algorithm)
        assert sorted(re.findall(r"\d+", got), key=int) == [str(m.number) for m in messages]
        assert got == want, algorithm
    for key in ("DATE", "SIZE", "ARRIVAL", "SUBJECT"):
        assert numbers(client, [(key, False)]) == oracle.order(messages, [(key, False)]), key
    client.close()


def test_a_slow_reader_gets_every_number(server, user):
    """Long answers wait for their reader and go on where they stopped; nothing is said in between."""
    count, copies = 1000, 6
    client = imapwire.Imap(server, user)
    rng = random.Random(3)
    raws = [f"Subject: {rng.randrange(10**6):06}\r\n\r\n".encode() for _ in range(count)]
    fill(client, "box", raws, [EPOCH] * count)
    for _ in range(copies):
        client.ok("COPY 1:* box")
        client.ok("NOOP")
    total = count * 2**copies
    tags = [client.start(c) for c in ("SORT (SUBJECT) UTF-8 ALL", "SORT RETURN (ALL COUNT) (SUBJECT) UTF-8 ALL", "THREAD REFS UTF-8 ALL") * 8]
    time.sleep(1)
    for tag in tags:
        (line,), tagged = client.until(tag)
        assert tagged.startswith(b"OK")
        line = line[: line.index(b" COUNT")] if b" COUNT" in line else line
        line = line[line.index(b" ALL") :] if b" ALL" in line else line
        found = set()
        for first, last in re.findall(rb"(\d+)(?::(\d+))?", line):
            found.update(range(int(first), int(last or first) + 1))
        assert len(found) == total
    client.close()
