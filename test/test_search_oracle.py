"""Random searches find exactly what a plain look at all text finds: on real mail, on generated mail, on letters whose text is known without
any decoder; while the index is being built, when it is, and after changes.

LOFT_SEARCH_QUERIES=10000 asks that many, of all mail there is; without it some hundred, of a part of it."""
import concurrent.futures
import os
import random

import corpus
import imapwire
import letters_made
import loft
import pytest
import search_oracle

QUERIES = int(os.environ.get("LOFT_SEARCH_QUERIES", "0"))
SAMPLE = 500
LOG = os.environ.get("LOFT_SEARCH_LOG")


def real_messages():
    """[(raw, None)], a part of them unless all are asked for."""
    every = corpus.own() + corpus.generated(200) + list(corpus.real())
    if not QUERIES and len(every) > SAMPLE:
        every = random.Random(5).sample(every, SAMPLE)
    return [raw for _, raw in every]


def decode(raws, folder):
    paths = []
    for i, raw in enumerate(raws):
        paths.append(os.path.join(folder, f"{i}.eml"))
        with open(paths[-1], "wb") as f:
            f.write(raw)
    return search_oracle.read_dump(paths)


def give_figures(messages, raws, seed):
    rng = random.Random(seed)
    for m, raw in zip(messages, raws):
        m.size, m.day = len(raw), rng.randrange(8000, 8400)
        m.flags = {f for f in search_oracle.SYSTEM + ["$label"] if rng.randrange(4) == 0}


def append(client, messages, raws):
    for first in range(0, len(raws), 50):
        tags = []
        for m, raw in list(zip(messages, raws))[first : first + 50]:
            flags = " ".join(f if f[0] == "$" else "\\" + f for f in sorted(m.flags))
            date = search_oracle.date_of(m.day).rjust(11) + " 12:00:00 +0000"
            tag = client.tag()
            head = f'{tag} APPEND INBOX ({flags}) "{date}" '.encode()
            client.send(head + (b"~" if b"\0" in raw else b"") + b"{%d+}\r\n%b\r\n" % (len(raw), raw))
            tags.append(tag)
        for tag in tags:
            _, tagged = client.until(tag)
            assert tagged.startswith(b"OK [APPENDUID "), tagged


class Box:
    def __init__(self, server, user, messages, raws):
        self.server, self.user, self.raws = server, user, raws
        self.client = imapwire.Imap(server, user)
        give_figures(messages, raws, 3)
        append(self.client, messages, raws)
        self.reconnect()
        self.corpus = search_oracle.Corpus(messages)

    def reconnect(self):
        """Others may have been at work for longer than a client may be silent."""
        self.client.close()
        self.client = imapwire.Imap(self.server, self.user)
        self.client.ok("SELECT INBOX")


def search(client, query, command=b"SEARCH"):
    tag = client.tag()
    client.send(tag.encode() + b" " + command + b" RETURN (ALL) CHARSET UTF-8 " + query + b"\r\n")
    untagged, tagged = client.until(tag)
    assert tagged.startswith(b"OK"), (query, tagged)
    for line in untagged:
        if line.startswith(b"* ESEARCH") and b" ALL " in line:
            out = []
            for part in line.rsplit(b" ", 1)[1].split(b","):
                first, _, last = part.partition(b":")
                out += range(int(first), int(last or first) + 1)
            return out
    return []


def check(box, count, seed):
    box.reconnect()
    queries = search_oracle.Queries(box.corpus, seed)
    hits = 0
    for i in range(count):
        query, found = queries.query()
        expected, got = search_oracle.numbers(found), search(box.client, query)
        if got != expected:
            missing, wrong = sorted(set(expected) - set(got)), sorted(set(got) - set(expected))
            raise AssertionError(f"query {i} of seed {seed}: {query!r}\n{len(expected)} messages; missing {missing[:10]}, wrong {wrong[:10]}")
        hits += len(got)
        if LOG and i % 500 == 0:
            with open(LOG, "a") as f:
                print(f"{i} of {count}, seed {seed}, {len(box.raws)} messages, {hits} hits", file=f)
    return hits


def status(box):
    return box.server.json("index", "status", box.user)[0]


def change(box, seed):
    """Some messages go, some are copied, some are moved away and back."""
    box.reconnect()
    rng, client, messages = random.Random(seed), box.client, box.corpus.messages
    count = len(messages)
    picked = rng.sample(range(count), 30)
    gone, copied, moved = (set(picked[:10]), picked[10:20], picked[20:])

    def numbers(indexes):
        return ",".join(str(i + 1) for i in sorted(indexes))

    client.ok(f"COPY {numbers(copied)} INBOX")
    client.ok(f"MOVE {numbers(moved)} INBOX")
    messages = messages + [messages[i] for i in sorted(copied)] + [messages[i] for i in sorted(moved)]
    kept = [m for i, m in enumerate(messages) if i not in moved]
    client.ok("SELECT INBOX")
    positions = [i for i, m in enumerate(kept) if any(m is messages[g] for g in gone)]
    client.ok("UID STORE 1:* -FLAGS.SILENT (\\Deleted)")
    client.ok(f"STORE {numbers(positions)} +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    kept = [m for i, m in enumerate(kept) if i not in set(positions)]
    for m in kept:
        m.flags.discard("DELETED")
    box.corpus = search_oracle.Corpus(kept, search(client, b"ALL", b"UID SEARCH"))


@pytest.fixture(scope="module")
def indexing():
    """A server that indexes when it is told to."""
    with loft.Loft({"index.delay_s": "3600", "index.cpu_percent": "1"}) as server:
        yield server


@pytest.fixture(scope="module")
def real(indexing, tmp_path_factory):
    raws = real_messages()
    user = indexing.add_user("oracle-real@example.org")
    return Box(indexing, user, decode(raws, str(tmp_path_factory.mktemp("mail"))), raws)


@pytest.fixture(scope="module")
def made(indexing):
    letters = letters_made.letters(3000 if QUERIES else 300, seed=7)
    user = indexing.add_user("oracle-made@example.org")
    return Box(indexing, user, [l.message for l in letters], [l.raw for l in letters])


def test_fresh_mail_is_found(real, made):
    """Whatever part of it is in the index."""
    assert check(made, 100, 1) > 0
    assert check(real, 40, 2) > 0


def test_letters_of_known_text(made):
    made.server.run("index", "rebuild", made.user)
    assert status(made)["waiting"] == 0
    assert check(made, QUERIES // 2 or 300, 4) > 0


def test_real_mail(real):
    real.server.run("index", "rebuild", real.user)
    assert status(real)["waiting"] == 0
    assert check(real, QUERIES // 2 or 200, 6) > 0


def test_what_comes_goes_and_is_copied(made):
    for seed in range(4):
        change(made, seed)
        assert check(made, 40, 10 + seed) > 0
        if seed == 1:
            made.server.run("index", "rebuild", made.user)
    assert made.server.json("index", "check", made.user)[0]["found"] == 0


def test_a_search_while_the_index_is_made_anew(made):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            done = pool.submit(made.server.run, "index", "rebuild", made.user)
            while True:
                was_done = done.done()
                check(made, 10, 20)
                if was_done:
                    break
            done.result()
