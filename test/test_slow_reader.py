"""What is told unasked goes at the pace of its reader: memory does not grow with what a client does not read."""
import base64
import re
import socket
import time

import loft
import pytest
import transcript

MESSAGES = 10000
KEYWORDS = " ".join(f"k{i:02}" + "x" * 97 for i in range(10))  # 10 MB of FETCH responses for all messages
LIMIT_BYTES = 24 << 20


class SlowClient(transcript.Client):
    """Its socket takes little in advance."""

    def __init__(self, server, user):
        self.server, self.buffer = server, b""
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.socket.connect(("127.0.0.1", server.imap_port))
        self.response()
        self.run(b'L LOGIN %s "%s"' % (user.encode(), loft.PASSWORD.encode()))

    def run(self, command):
        """The responses to a command, without the tagged one, which must be OK."""
        self.send(command + b"\r\n")
        return self.until(command.split(b" ")[0])

    def until(self, tag):
        lines = []
        while not (line := self.response(120)).startswith(tag + b" "):
            lines.append(line)
        assert line.startswith(tag + b" OK"), line
        return lines


@pytest.fixture(scope="module")
def filled():
    with loft.Loft({"limits.connections_per_account": "1000"}) as server:
        user = server.add_user("slow@example.org")
        client = SlowClient(server, user)
        for _ in range(MESSAGES // 1000):
            client.run(b"A APPEND INBOX " + b" ".join([b"{15+}\r\nSubject: x\r\n\r\n."] * 1000))
        client.close()
        yield server, user


def toggle(client, on):
    client.run(b"T UID STORE 1:* %sFLAGS.SILENT (%s)" % (b"+" if on else b"-", KEYWORDS.encode()))


def check_flags(lines):
    """FETCH of every message, in order, and nothing else but FLAGS."""
    seqs = [int(m.group(1)) for line in lines if (m := re.match(rb"\* (\d+) FETCH \(", line))]
    assert seqs == list(range(1, MESSAGES + 1))
    rest = [line for line in lines if b" FETCH (" not in line]
    assert all(line.startswith((b"* FLAGS ", b"* OK [PERMANENTFLAGS ")) for line in rest), rest[:5]


@pytest.mark.parametrize("waits_in", ["IDLE", "NOOP", "STORE", "SELECT"])
def test_memory_stays_when_nobody_reads(filled, waits_in):
    server, user = filled
    actor = SlowClient(server, user)
    actor.run(b"S SELECT INBOX")
    toggle(actor, False)
    slow = [SlowClient(server, user) for _ in range(6)]
    for client in slow:
        client.run(b"E ENABLE QRESYNC")
        opened = client.run(b"S SELECT INBOX")
        if waits_in == "IDLE":
            client.send(b"I IDLE\r\n")
            assert client.response() == b"+ idling"
    text = b" ".join(opened)
    validity = re.search(rb"UIDVALIDITY (\d+)", text).group(1)
    modseq = re.search(rb"HIGHESTMODSEQ (\d+)", text).group(1)
    before = server.rss_bytes()
    if waits_in != "STORE":
        toggle(actor, True)
    for client in slow:
        if waits_in == "NOOP":
            client.send(b"N NOOP\r\n")
        elif waits_in == "SELECT":
            client.send(b"N SELECT INBOX (QRESYNC (%s %s))\r\n" % (validity, modseq))
        elif waits_in == "STORE":
            client.send(b"N UID STORE 1:* FLAGS (%s)\r\n" % KEYWORDS.encode())
    time.sleep(2)
    grown = server.rss_bytes() - before
    assert grown < LIMIT_BYTES, f"{len(slow)} clients that do not read took {grown} bytes"
    actor.run(b"N NOOP")  # and they hold nobody up
    if waits_in == "IDLE":
        slow[0].send(b"DONE\r\n")
        lines = slow[0].until(b"I")
    else:
        lines = slow[0].until(b"N")
    if waits_in == "SELECT":
        lines = [line for line in lines if b" FETCH (" in line]
    check_flags(lines)
    slow[0].run(b"M NOOP")
    for client in slow + [actor]:
        client.close()


@pytest.mark.parametrize("item", ["BODY.PEEK[]", "BODY.PEEK[1]", "BINARY.PEEK[1]"])
def test_a_message_expunged_while_it_is_read_comes_whole(item):
    """Its bytes are held until its client has them: the literal was promised."""
    raw = b"".join(b"line %07d\r\n" % n for n in range(400000))  # 5.6 MB: more than the socket and the server hold
    encoded = b"\r\n".join(base64.b64encode(raw[at : at + 57]) for at in range(0, len(raw), 57))
    message = b"Subject: large\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded
    want = {"BODY.PEEK[]": message, "BODY.PEEK[1]": encoded, "BINARY.PEEK[1]": raw}[item]
    with loft.Loft() as server:
        user = server.add_user("slow@example.org")
        reader, other = SlowClient(server, user), SlowClient(server, user)
        other.run(b"A APPEND INBOX {%d+}\r\n%b" % (len(message), message))
        other.run(b"S SELECT INBOX")
        reader.run(b"S SELECT INBOX")
        reader.send(b"F FETCH 1 (UID %b)\r\n" % item.encode())
        time.sleep(0.5)
        other.run(b"D STORE 1 +FLAGS.SILENT (\\Deleted)")
        other.run(b"E EXPUNGE")
        time.sleep(0.5)
        (line,) = [line for line in reader.until(b"F") if b" FETCH (UID 1 " in line]
        head, _, rest = line.partition(b"}\r\n")
        assert head.endswith(b"{%d" % len(want))
        assert rest[: len(want)] == want and rest[len(want) :].startswith(b")")
        assert [line.rstrip() for line in reader.run(b"N NOOP")] == [b"* 1 EXPUNGE"]
        reader.close()
        other.close()


@pytest.mark.parametrize("fields", [b"HEADER.FIELDS (X-LARGE To)", b"HEADER.FIELDS.NOT (x-large)", b"HEADER.FIELDS (To)"])
def test_fields_of_a_large_header_come_in_pieces(fields):
    """A header of many megabytes is never whole in memory."""
    small = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 500) for n in range(3000))
    large = b"".join(b"x-Large: %s\r\n %s\r\n" % (b"z" * 100, b"z" * 800000) for _ in range(6))
    message = b"To: a\r\n" + small + large + b"To: b\r\n\r\nbody\r\n"
    want = {
        b"HEADER.FIELDS (X-LARGE To)": b"To: a\r\n" + large + b"To: b\r\n\r\n",
        b"HEADER.FIELDS.NOT (x-large)": b"To: a\r\n" + small + b"To: b\r\n\r\n",
        b"HEADER.FIELDS (To)": b"To: a\r\nTo: b\r\n\r\n",
    }[fields]
    with loft.Loft() as server:
        client = SlowClient(server, server.add_user("slow@example.org"))
        client.run(b"A APPEND INBOX {%d+}\r\n%b" % (len(message), message))
        client.run(b"S SELECT INBOX")
        for partial, part in ((b"", want), (b"<7.1000000>", want[7:1000007]), (b"<%d.9>" % (len(want) - 3), want[-3:])):
            (line,) = client.run(b"F FETCH 1 (BODY.PEEK[%b]%b UID)" % (fields, partial))
            head, _, rest = line.partition(b"}\r\n")
            assert head.endswith(b"{%d" % len(part))
            assert rest[: len(part)] == part and rest[len(part) :].startswith(b" UID 1)")
        client.close()
