"""LMTP as a mail transfer agent uses it, with the reader watching over IMAP. (Every reply to every command in every state, cut at
every byte, is in src/lmtp/session_test.c.)"""
import concurrent.futures
import email
import email.policy
import os
import re
import select
import socket
import stat
import time

import imapwire
import loft
import pytest
from lmtpwire import Lmtp, stuffed

MESSAGE = b"From: a@example.com\r\nSubject: hello\r\nMessage-ID: <1@example.com>\r\n\r\nbody\r\n"
OK = "250 2.0.0"


@pytest.fixture
def lmtp(server):
    with Lmtp(server) as client:
        yield client


def fetch(server, user, mailbox="INBOX", items="BODY.PEEK[]"):
    client = imapwire.Imap(server, user)
    untagged = client.ok(f'EXAMINE "{mailbox}"')
    count = int(next(re.match(rb"\* (\d+) EXISTS", line).group(1) for line in untagged if line.endswith(b" EXISTS")))
    out = []
    if count:
        for line in client.ok(f"FETCH 1:* ({items})"):
            found = imapwire.fetch_items(line)
            if found:
                out.append(found[1])
    client.close()
    return out


def bodies(server, user, mailbox="INBOX"):
    return [items[b"BODY[]"][1] for items in fetch(server, user, mailbox)]


def detail(user, mailbox):
    return user.replace("@", f"+{mailbox}@")


@pytest.mark.parametrize("mode", ["0600", "0660", "0666"])
def test_socket_has_the_mode_asked_for(mode):
    with loft.Loft({"lmtp.socket_mode": mode}) as server:
        assert stat.S_IMODE(os.stat(server.lmtp_socket).st_mode) == int(mode, 8)


# ---- what is announced, and what is put before a message ----


def test_capabilities(lmtp):
    host = lmtp.greeting.split()[1]
    assert lmtp.greeting.startswith("220 ") and "LMTP" in lmtp.greeting
    assert lmtp.capabilities[0] == f"250-{host}"
    words = {line[4:] for line in lmtp.capabilities[1:]}
    assert words == {"PIPELINING", "SIZE 67108864", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES"}


def test_trace_lines_come_first(server, user, lmtp):
    assert lmtp.deliver(MESSAGE, user) == [OK]
    (raw,) = bodies(server, user)
    assert raw.endswith(MESSAGE)
    head = raw[: -len(MESSAGE)].decode()
    host = re.escape(lmtp.greeting.split()[1])
    assert re.fullmatch(
        rf"Return-Path: <sender@example\.com>\r\nDelivered-To: {re.escape(user)}\r\n"
        rf"Received: from client\.example\.com\r\n\tby {host} with LMTP id [\w.]+;\r\n\t\w{{3}}, \d\d \w{{3}} \d{{4}} \d\d:\d\d:\d\d [+-]\d{{4}}\r\n",
        head,
    ), head
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert parsed.keys()[:3] == ["Return-Path", "Delivered-To", "Received"] and parsed["Subject"] == "hello"
    identity = re.search(r" id ([\w.]+);", head).group(1)
    assert identity in lmtp.text  # who looks for it in the logs of the sender finds it


def test_received_over_tcp_names_the_address(user):
    port = loft.free_port()
    with loft.Loft({"lmtp.listen": f"127.0.0.1:{port}"}) as server:
        server.add_user(user)
        with Lmtp(server, greet=False, port=port) as client:
            client.send("LHLO evil\tname (comment); x")
            client.lines()
            assert client.deliver(MESSAGE, user, parameters=" SMTPUTF8") == [OK]
        (raw,) = bodies(server, user)
        assert b"Received: from evil?name??comment???x ([127.0.0.1])\r\n\tby " in raw
        assert b" with UTF8LMTP id " in raw


def test_null_sender(server, user, lmtp):
    assert lmtp.deliver(MESSAGE, user, sender="") == [OK]
    assert bodies(server, user)[0].startswith(b"Return-Path: <>\r\n")


def test_received_agrees_with_structure(server, user, lmtp):
    """Trace lines count for every size and offset."""
    raw = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    assert lmtp.deliver(raw, user) == [OK]
    (items,) = fetch(server, user, items="RFC822.SIZE BODY.PEEK[] BODY.PEEK[2]")
    assert int(items[b"RFC822.SIZE"]) == len(items[b"BODY[]"][1])
    assert items[b"BODY[2]"][1] == b"two"


# ---- where it goes ----


def test_idle_session_sees_mail_at_once(server, user, lmtp):
    reader = imapwire.Imap(server, user)
    reader.ok("SELECT INBOX")
    tag = reader.start("IDLE")
    assert reader.raw().startswith(b"+ ")
    for n in range(1, 4):
        assert lmtp.deliver(MESSAGE, user) == [OK]
        told = time.monotonic()
        while reader.raw() != b"* %d EXISTS" % n:
            pass
        assert time.monotonic() - told < 1
    reader.send(b"DONE\r\n")
    reader.until(tag)
    untagged = reader.ok("FETCH 1:* (UID FLAGS)")
    assert len(untagged) == 3 and all(b"\\Seen" not in line for line in untagged)
    reader.close()


def test_user_and_folder(server, user, lmtp):
    client = imapwire.Imap(server, user)
    client.ok("CREATE lists/dev")
    client.ok("CREATE Entw&APw-rfe")
    client.close()
    expected = {"lists/dev": "lists/dev", "Sent": "Sent", "inBOX": "INBOX", "missing": "INBOX", "lists//x": "INBOX", "": "INBOX"}
    for name in expected:
        assert lmtp.deliver(MESSAGE, detail(user, name)) == [OK]
    assert lmtp.deliver(MESSAGE, detail(user, "Entwürfe"), parameters=" SMTPUTF8") == [OK]
    assert lmtp.deliver(MESSAGE, '"' + detail(user, "lists/dev").replace("@", '"@')) == [OK]
    counts = {"lists/dev": 2, "Sent": 1, "INBOX": 4, "Entw&APw-rfe": 1}
    assert {name: len(fetch(server, user, name)) for name in counts} == counts


def test_folder_is_made_when_the_setting_says_so():
    with loft.Loft({"lmtp.create_folder": "yes"}) as server:
        user = server.add_user("anna@example.org")
        watcher = imapwire.Imap(server, user)
        with Lmtp(server) as client:
            assert client.deliver(MESSAGE, detail(user, "new/deep"), detail(user, "new/deep"), detail(user, "/bad//name")) == [OK] * 3
            assert client.deliver(MESSAGE, user, detail(user, "second")) == [OK] * 2
        assert len(fetch(server, user, "new/deep")) == 1
        assert len(fetch(server, user, "second")) == 1
        assert len(fetch(server, user)) == 2
        assert any(line.endswith(b"new/deep") for line in watcher.ok('LSUB "" *'))
        watcher.close()


def test_one_account_many_addresses_one_copy(server, user, lmtp):
    """RFC 2033, 4.2: a reply for each; the bytes are stored once, each mailbox has the message once."""
    to = [user, detail(user, "Sent"), user, detail(user, "missing"), detail(user, "inbox"), detail(user, "Sent")]
    assert lmtp.deliver(MESSAGE, *to) == [OK] * len(to)
    (inbox,) = fetch(server, user, items="EMAILID BODY.PEEK[]")
    (sent,) = fetch(server, user, "Sent", items="EMAILID BODY.PEEK[]")
    assert inbox[b"EMAILID"] == sent[b"EMAILID"] and inbox[b"BODY[]"] == sent[b"BODY[]"]
    assert re.findall(rb"Delivered-To: (.*)\r\n", sent[b"BODY[]"][1]) == [a.encode() for a in dict.fromkeys(to)]


def test_recipients_of_different_accounts_do_not_see_each_other(server, lmtp):
    a, b = server.add_user("secret-a@example.org"), server.add_user("secret-b@example.org")
    assert lmtp.deliver(MESSAGE, a, b) == [OK, OK]
    assert b"secret-b" not in bodies(server, a)[0] and b"secret-a" not in bodies(server, b)[0]


def test_many_recipients(server, lmtp):
    users = [server.add_user(f"many{i}@example.org") for i in range(40)]
    assert lmtp.begin(*users, "nobody@example.org") == ["250 2.1.5"] * 40 + ["550 5.1.1"]
    assert lmtp.ask("DATA") == "354"
    lmtp.raw(MESSAGE + b".\r\n")
    for user in users:  # in the order of RCPT
        assert lmtp.reply() == OK and lmtp.text.startswith(f"<{user}>")
    for user in users[::7]:
        assert len(bodies(server, user)) == 1


def test_large_message_to_many(server, lmtp):
    """Beyond what is kept in memory: each account has its own trace lines before the same bytes."""
    users = [server.add_user(f"large{i}@example.org") for i in range(5)]
    raw = MESSAGE + b"0123456789abcdef" * 4 * 20000 + b"\r\n" + os.urandom(300_000).replace(b"\r\n.", b"") + b"\r\n"
    assert lmtp.deliver(raw, *users) == [OK] * 5
    for user in users:
        (stored,) = bodies(server, user)
        assert stored.endswith(raw) and stored.startswith(f"Return-Path: <sender@example.com>\r\nDelivered-To: {user}\r\n".encode())


def test_deliveries_side_by_side(server):
    user = server.add_user("parallel@example.org")

    def sender(k):
        with Lmtp(server) as client:
            for n in range(10):
                assert client.deliver(MESSAGE + b"%d.%d\r\n" % (k, n), user) == [OK]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(sender, range(8)))
    last = [raw.rsplit(b"\r\n", 2)[1] for raw in bodies(server, user)]
    assert sorted(last) == sorted(b"%d.%d" % (k, n) for k in range(8) for n in range(10))
    for k in range(8):  # what one sender sent stands in its order
        mine = [line for line in last if line.startswith(b"%d." % k)]
        assert mine == [b"%d.%d" % (k, n) for n in range(10)]


# ---- who may not ----


def test_unknown_and_disabled_users(server, lmtp):
    assert lmtp.begin("nobody@example.org", "nobody+x@example.org", "@example.org:x@y") == ["550 5.1.1"] * 3
    assert lmtp.ask("DATA") == "503 5.5.1"


def test_user_with_delimiter_in_the_name(server, lmtp):
    user = server.add_user("carla+work@example.org")
    assert lmtp.deliver(MESSAGE, user) == [OK]
    assert len(bodies(server, user)) == 1


# ---- size ----


@pytest.fixture(scope="module")
def small():
    with loft.Loft({"lmtp.max_message_bytes": "65536", "lmtp.max_recipients": "100"}) as server:
        server.add_user("anna@example.org")
        yield server


@pytest.mark.parametrize("size, reply", [(65535, OK), (65536, OK), (65537, "552 5.3.4"), (500_000, "552 5.3.4")])
def test_message_too_large_is_swallowed(small, size, reply):
    raw = (b"x" * 70 + b"\r\n") * (size // 72)
    raw += b"y" * (size - len(raw) - 2) + b"\r\n"
    with Lmtp(small) as client:
        assert client.deliver(raw, "anna@example.org") == [reply]
        client.begin("anna@example.org")
        client.raw(b"BDAT %d\r\n" % size + raw + b"BDAT 0 LAST\r\nNOOP\r\n")
        assert client.reply() == reply
        assert client.reply() == reply
        assert client.ask("RSET") == "250 2.0.0"


def test_size_parameter(small):
    with Lmtp(small) as client:
        assert client.ask("MAIL FROM:<> SIZE=65537") == "552 5.3.4"
        assert client.ask("MAIL FROM:<> SIZE=65536") == "250 2.1.0"


def test_too_many_recipients(small):
    with Lmtp(small) as client:
        replies = client.begin(*["anna@example.org"] * 101)
        assert replies == ["250 2.1.5"] * 100 + ["452 4.5.3"]
        assert client.data(MESSAGE, 100) == [OK] * 100


# ---- the stream ----


def test_whole_session_in_one_packet(server, user):
    with Lmtp(server, greet=False) as client:
        one = f"MAIL FROM:<a@b>\r\nRCPT TO:<{user}>\r\nRCPT TO:<nobody@x>\r\n".encode()
        client.raw(b"LHLO x\r\n" + one + b"BDAT 4 LAST\r\nab\r\n" + one + b"DATA\r\n" + stuffed(MESSAGE) + b".\r\n" + one + b"RSET\r\nQUIT\r\n")
        client.lines()
        replies = [client.reply() for _ in range(13)]
        start = ["250 2.1.0", "250 2.1.5", "550 5.1.1"]
        assert replies == start + [OK] + start + ["354", OK] + start + ["250 2.0.0"]
        assert client.reply() == "221 2.0.0" and client.at_end()


def test_smuggled_end_of_message(server, user, lmtp):
    """Whatever looks like an end to other servers ends nothing here, and comes out as it went in."""
    raw = MESSAGE
    for end in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r\n.\n", b"\r\n\0.\r\n", b"\r.\r\n", b"\n\n.\r\n"):
        raw += b"x" + end + f"MAIL FROM:<evil@example.com>\r\nRCPT TO:<{user}>\r\nDATA\r\nevil\r\n".encode()
    assert lmtp.deliver(raw, user) == [OK]
    assert lmtp.ask("NOOP") == "250 2.0.0"
    (stored,) = bodies(server, user)
    assert stored.endswith(raw)


def test_data_that_was_refused_is_not_run(server, user, lmtp):
    lmtp.send("MAIL FROM:<a@b>", "RCPT TO:<nobody@x>", "DATA", "Subject: x", "", "MAIL FROM:<evil@x>", f"RCPT TO:<{user}>", "DATA", "evil", ".")
    assert [lmtp.reply() for _ in range(3)] == ["250 2.1.0", "550 5.1.1", "503 5.5.1"]
    assert lmtp.at_end()
    assert bodies(server, user) == []


def test_message_cut_off_is_dropped(server, user):
    for half in (b"DATA\r\nSubject: half\r\n\r\nbody", b"DATA\r\nSubject: half\r\n\r\nbody\r\n.", b"BDAT 100 LAST\r\nhalf"):
        with Lmtp(server) as client:
            client.begin(user)
            client.raw(half)
            client.socket.shutdown(socket.SHUT_WR)
            client.file.read()
    assert bodies(server, user) == []


def test_line_too_long(server):
    with Lmtp(server) as client:
        client.raw(b"NOOP " + b"x" * 5000)
        assert client.reply() == "500 5.5.2" and client.at_end()


def test_silence_is_answered_with_421():
    with loft.Loft({"lmtp.timeout_s": "10"}) as server:
        with Lmtp(server) as client:
            readable, _, _ = select.select([client.socket], [], [], 20)
            assert readable and client.reply() == "421 4.4.2" and client.at_end()


def test_server_that_stops_says_so():
    with loft.Loft() as server:
        server.add_user("anna@example.org")
        with Lmtp(server) as client:
            client.begin("anna@example.org")
            server.process.terminate()
            assert client.reply() == "421 4.3.2" and client.at_end()
            assert server.process.wait(20) == 0
