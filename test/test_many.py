"""SEARCH and FETCH of more messages than are read at a time, beside Python: in order of arrival, and copied together from all
over, so that their records lie in another order and far apart."""
import random

import imapwire
from test_sort_thread import append_all

COUNT = 700


def message(rng, n):
    subject = rng.choice(["plain words", "=?utf-8?q?gr=C3=BCn?= words", "folded\r\n words", "", "PLAIN"])
    lines = [f"Subject: {subject} {n}", f"From: {rng.choice(['Anna', 'Bert'])} <a{n}@example.org>", f"X-Number: {n % 7}"]
    if rng.random() < 0.1:
        lines.append("To: " + ", ".join(f"x{k}@example.org" for k in range(1500)))  # more than a header record takes
    if rng.random() < 0.7:
        lines.append("Date: Tue, 4 Mar 2025 10:00:00 +0000")
    text = {"subject": subject.replace("=?utf-8?q?gr=C3=BCn?=", "grün").replace("\r\n", "") + f" {n}", "lines": lines}
    body = rng.choice(["needle", "hay"])
    return text, body, ("\r\n".join(lines) + f"\r\n\r\n{body}\r\n").encode()


def expected(messages):
    def those(test):
        return [i + 1 for i, m in enumerate(messages) if test(m)]

    return {
        "SUBJECT plain": those(lambda m: "plain" in m[0]["subject"].lower()),
        "SUBJECT {6+}\r\ngrün ": those(lambda m: "grün " in m[0]["subject"]),
        "SUBJECT {5+}\r\nGRÜN": those(lambda m: "grün" in m[0]["subject"]),
        'SUBJECT "folded words"': those(lambda m: "folded words" in m[0]["subject"]),
        "FROM anna": those(lambda m: "Anna" in m[0]["lines"][1]),
        "HEADER X-Number 3": those(lambda m: m[0]["lines"][2].endswith("3")),
        "SENTSINCE 1-Jan-2025": those(lambda m: any(line.startswith("Date:") for line in m[0]["lines"])),
        "BODY needle": those(lambda m: m[1] == "needle"),
        "OR BODY needle SUBJECT plain": those(lambda m: m[1] == "needle" or "plain" in m[0]["subject"].lower()),
        "NOT FROM anna BODY hay 100:600": [n for n in those(lambda m: "Bert" in m[0]["lines"][1] and m[1] == "hay") if 100 <= n <= 600],
    }


def search(client, keys):
    (line,) = client.ok(b"SEARCH CHARSET UTF-8 " + keys.encode())
    return [int(n) for n in line.split()[2:]]


def check(client, messages):
    for keys, want in expected(messages).items():
        assert search(client, keys) == want, keys
    got = client.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (From Subject)])")
    assert len(got) == COUNT
    for seq, (line, m) in enumerate(zip(got, messages), 1):
        fields = "\r\n".join(m[0]["lines"][:2]) + "\r\n\r\n"
        assert line == f"* {seq} FETCH (BODY[HEADER.FIELDS (From Subject)] {{{len(fields)}}}\r\n{fields})".encode(), seq
    seq = COUNT // 2
    (line,) = client.ok(f"FETCH {seq} (BODY.PEEK[HEADER.FIELDS (X-Number)])")
    assert f"\r\nX-Number: {messages[seq - 1][0]['lines'][2][-1]}\r\n\r\n)".encode() in line


def test_many_messages_are_found_and_told_wherever_their_records_lie(server, user):
    client = imapwire.Imap(server, user)
    rng = random.Random(4)
    messages = [message(rng, n) for n in range(COUNT)]
    client.ok("CREATE first")
    append_all(client, "first", [m[2] for m in messages], [1_500_000_000] * COUNT)
    client.ok("SELECT first")
    check(client, messages)
    order = list(range(COUNT))
    rng.shuffle(order)
    client.ok("CREATE second")
    for n in order:
        client.ok(f"COPY {n + 1} second")
    client.ok("SELECT second")
    check(client, [messages[n] for n in order])
    (line,) = client.ok("UID SEARCH RETURN (PARTIAL -1:-5) SUBJECT plain")
    want = [i + 1 for i, n in enumerate(order) if "plain" in messages[n][0]["subject"].lower()]
    assert line.split(b"PARTIAL (-1:-5 ")[1].rstrip(b")").count(b",") <= 4
    assert str(want[-1]).encode() in line
    client.close()
