"""NOTIFY beyond transcripts: many mailboxes on one connection, bursts, COMPRESS, a client that does not read."""
import re
import time
import zlib

import loft
import transcript
from test_slow_reader import SlowClient

BOXES = 50


def finish(client, tag):
    lines = []
    while not (line := client.response()).startswith(tag + b" "):
        lines.append(line)
    assert line.startswith(tag + b" OK"), line
    return lines


def run(client, command):
    client.send(command + b"\r\n")
    return finish(client, command.split(b" ")[0])


def sign_in(server, user):
    client = transcript.Client(server)
    client.response()
    run(client, f'L LOGIN {user} "{loft.PASSWORD}"'.encode())
    return client


def append(client, name, count=1):
    run(client, b"A APPEND " + name + b" " + b" ".join([b"{15+}\r\nSubject: x\r\n\r\n."] * count))


def figures(line):
    m = re.match(rb"\* STATUS (\S+) \((.*)\)$", line)
    assert m, line
    words = m.group(2).split()
    return m.group(1), {k: int(v) for k, v in zip(words[::2], words[1::2])}


def test_fifty_mailboxes_on_one_connection(server, user):
    """Each is told once for a burst, its last STATUS is how it stands; those that do not change are not told of."""
    actor, watcher = sign_in(server, user), sign_in(server, user)
    names = [b"box%02d" % i for i in range(BOXES)]
    for name in names:
        run(actor, b"C CREATE " + name)
    told = run(watcher, b"N NOTIFY SET STATUS (mailboxes (%s) (MessageNew MessageExpunge))" % b" ".join(names))
    assert sorted(figures(line)[0] for line in told) == names
    busy = names[::2]
    for _ in range(20):
        for name in busy:
            append(actor, name)
    last, count = {}, 0
    while last != {name: 20 for name in busy}:
        name, values = figures(watcher.response())
        last[name] = values[b"MESSAGES"]
        count += 1
        assert name in busy
    assert count < 20 * len(busy), "bursts are not gathered"
    assert watcher.silent(0.3)
    watcher.close()
    actor.close()


def test_a_burst_is_told_in_few(server, user):
    """A thousand messages that come one by one make some tens of STATUS, not a thousand."""
    actor, watcher = sign_in(server, user), sign_in(server, user)
    run(watcher, b"N NOTIFY SET (personal (MessageNew MessageExpunge))")
    begin = time.monotonic()
    for _ in range(1000):
        actor.send(b"A APPEND Archive {15+}\r\nSubject: x\r\n\r\n.\r\n")
    for _ in range(1000):
        finish(actor, b"A")
    took = time.monotonic() - begin
    lines = []
    while not lines or figures(lines[-1])[1][b"MESSAGES"] < 1000:
        lines.append(watcher.response())
    assert len(lines) <= 3 + took / 0.1, f"{len(lines)} STATUS in {took:.1f} s"
    watcher.close()
    actor.close()


def test_notify_is_compressed(server, user):
    """What is told between commands is flushed, so that it can be read at once."""
    actor, watcher = sign_in(server, user), sign_in(server, user)
    run(watcher, b"N NOTIFY SET (mailboxes Sent (MessageNew MessageExpunge)) (selected (MessageNew (UID) MessageExpunge))")
    run(watcher, b"S SELECT INBOX")
    run(watcher, b"Z COMPRESS DEFLATE")
    inflate = zlib.decompressobj(-15)
    watcher.socket.settimeout(10)

    def read_until(text):
        got = b""
        while text not in got:
            got += inflate.decompress(watcher.socket.recv(65536))
        return got

    append(actor, b"Sent")
    assert b"* STATUS Sent (MESSAGES 1 UIDNEXT 2)\r\n" in read_until(b"UIDNEXT 2)")
    append(actor, b"INBOX")
    assert read_until(b"FETCH (UID 1)").startswith(b"* 1 EXISTS\r\n")
    watcher.close()
    actor.close()


def test_a_client_that_does_not_read_costs_little():
    """New messages are told with their text, to clients that do not read: nothing piles up, and all comes in the end."""
    with loft.Loft({"limits.connections_per_account": "1000"}) as server:
        user = server.add_user("slow@example.org")
        actor = SlowClient(server, user)
        slow = [SlowClient(server, user) for _ in range(6)]
        for client in slow:
            client.run(b"N NOTIFY SET (selected (MessageNew (UID BODY.PEEK[TEXT]) MessageExpunge FlagChange)) "
                       b"(personal (MailboxName SubscriptionChange MessageNew MessageExpunge FlagChange))")
            client.run(b"S SELECT INBOX")
        text = b"0123456789abcde\n" * 4096
        message = b"Subject: x\r\n\r\n" + text
        before = server.rss_bytes()
        for _ in range(200):
            actor.run(b"A APPEND INBOX {%d+}\r\n%b" % (len(message), message))
        for i in range(300):
            actor.run(b"C CREATE a%d" % (i % 10) if i % 2 == 0 else b"C DELETE a%d" % ((i - 1) % 10))
            actor.run(b"A APPEND Sent {15+}\r\nSubject: x\r\n\r\n.")
        time.sleep(1)
        grown = server.rss_bytes() - before
        assert grown < 40 << 20, f"clients that do not read took {grown} bytes"
        uids, sent = [], 0
        while len(uids) < 200 or sent < 300:
            line = slow[0].response(60)
            if m := re.match(rb"\* \d+ FETCH \(UID (\d+) BODY\[TEXT\] \{65536\}\r\n", line):
                uids.append(int(m.group(1)))
                assert text in line
            elif line.startswith(b"* STATUS Sent"):
                sent = figures(line)[1][b"MESSAGES"]
            else:
                assert line.startswith((b"* LIST ", b"* STATUS a")) or line.endswith((b"EXISTS", b"RECENT")), line
        assert uids == list(range(1, 201))
        slow[0].run(b"X NOOP")
        for client in slow + [actor]:
            client.close()
