"""Inputs that once hurt Loft, or that hurt other servers. Each must be answered, refused or end its own connection, nothing more."""
import re
import socket
import time

import imapwire
import loft
import pytest

MESSAGE = b"From: anna@example.org\r\nSubject: hello\r\n\r\ntext\r\n"


def memory(server, what="VmRSS"):
    """KiB"""
    with open(f"/proc/{server.process.pid}/status") as f:
        return int(re.search(what + r":\s+(\d+) kB", f.read()).group(1))


def assert_small(kib, limit_kib):
    """Sanitizers keep what is freed: there it says nothing."""
    assert kib < limit_kib or is_sanitized(), f"{kib} KiB"


def is_sanitized():
    with open(loft.BINARY, "rb") as f:
        return b"__asan_init" in f.read() or b"__tsan_init" in f.read()


def is_alive(server, user):
    c = imapwire.Imap(server, user)
    c.ok("NOOP")
    c.close()


def kick(server, user):
    server.run("kick", user)


def all_input(s):
    s.settimeout(10)
    out = b""
    while True:
        try:
            got = s.recv(65536)
        except ConnectionResetError:
            got = b""
        if not got:
            return out
        out += got


def test_vanished_of_the_saved_result(server, user):
    c = imapwire.Imap(server, user)
    c.append_many("INBOX", [MESSAGE] * 10)
    c.ok("ENABLE QRESYNC")
    c.ok("SELECT INBOX")
    c.ok("STORE 3,5 +FLAGS.SILENT (\\Deleted)")
    c.ok("UID SEARCH RETURN (SAVE) 1:6")
    before = max(int(n) for n in re.findall(rb"MODSEQ \((\d+)\)", b" ".join(c.ok("FETCH 1:* (MODSEQ)"))))
    c.ok("EXPUNGE")
    assert c.ok(f"UID FETCH $ (FLAGS) (CHANGEDSINCE {before} VANISHED)") == [b"* VANISHED (EARLIER) 3,5"]


def test_saved_result_named_a_thousand_times(server, user):
    """It was copied for each."""
    c = imapwire.Imap(server, user)
    c.append_many("INBOX", [MESSAGE] * 2000, at_once=100)
    c.ok("SELECT INBOX")
    odd = ",".join(str(n) for n in range(1, 2001, 2))
    c.ok(f"STORE {odd} +FLAGS.SILENT (\\Flagged)")
    c.ok("SEARCH RETURN (SAVE) FLAGGED")
    before = memory(server, "VmHWM")
    found = c.ok("SEARCH RETURN (COUNT) " + " ".join(["$"] * 4000))
    assert b"COUNT 1000" in found[0]
    assert_small(memory(server, "VmHWM") - before, 30_000)


@pytest.mark.parametrize("second", [b"{99999999999}\r\n", b"{99999999999+}\r\n"])
def test_second_message_too_large_is_answered_with_the_tag(server, user, second):
    c = imapwire.Imap(server, user)
    c.send(b"t9 APPEND INBOX {5+}\r\nabcde " + second)
    assert c.raw().startswith(b"t9 NO [TOOBIG]")


def test_browser_is_sent_away_before_its_body_is_read(server):
    """ALPACA: an HTTP request whose body holds commands."""
    s = server.connect()
    s.sendall(b"POST / HTTP/1.1\r\nHost: mail.example.org\r\nContent-Length: 40\r\n\r\nx1 CAPABILITY\r\nx2 LOGOUT\r\n")
    got = all_input(s)
    assert b"x1" not in got and b"x2" not in got and got.endswith(b"* BYE This is an IMAP server\r\n")


def test_garbage_before_login_ends_the_connection(server):
    s = server.connect()
    s.sendall(b"EHLO example.org\r\n" + b"Header: value\r\n" * 9 + b"x1 CAPABILITY\r\n")
    got = all_input(s)
    assert b"x1" not in got and got.count(b" BAD ") == 10


def test_late_answers_leave_the_next_command_whole():
    """A failed sign-in is answered late. What was framed for one state must not be read by the rules of another."""
    with loft.Loft({"auth.failure_delay_ms": "100", "auth.failure_delay_max_ms": "200"}) as server:
        user = server.add_user("anna@example.org")
        c = imapwire.Imap(server)
        tag = c.start("AUTHENTICATE PLAIN")
        assert c.raw() == b"+ "
        c.send(b"AGFubmFAZXhhbXBsZS5vcmcAd3Jvbmc=\r\n")
        assert c.until(tag)[1].startswith(b"NO [AUTHENTICATIONFAILED]")
        # A right password after a wrong one is answered late too; its literals must be literals.
        c.send(b"L1 LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n" % (len(user), user.encode(), len(loft.PASSWORD), loft.PASSWORD.encode()))
        assert c.until("L1")[1].startswith(b"OK")
        # And APPEND right behind it is streamed, beyond what a stranger may send.
        c.append_many("INBOX", [b"From: x@y.z\r\n\r\n" + b"x" * 100_000])


def test_one_who_idles_and_does_not_read_costs_little(server, user):
    writer = imapwire.Imap(server, user)
    writer.append_many("INBOX", [MESSAGE] * 2000, at_once=100)
    idler = imapwire.Imap(server)
    idler.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
    idler.ok(f'LOGIN {user} "{loft.PASSWORD}"')
    idler.ok("SELECT INBOX")
    idler.start("IDLE")
    assert idler.raw() == b"+ idling"
    writer.ok("SELECT INBOX")
    writer.ok("STORE 1:* +FLAGS.SILENT (\\Seen)")
    before = memory(server)
    for _ in range(300):
        writer.ok("STORE 1:* -FLAGS.SILENT (\\Seen)")
        writer.ok("STORE 1:* +FLAGS.SILENT (\\Seen)")
    grown = memory(server) - before
    assert_small(grown, 15_000)
    # When it reads again it is told the present.
    idler.send(b"DONE\r\n")
    told = []
    while True:
        line = idler.raw()
        if b" OK IDLE" in line:
            break
        told.append(line)
    assert told[-1].endswith(b"FETCH (FLAGS (\\Seen \\Recent))") or told[-1].endswith(b"FETCH (FLAGS (\\Seen))")


def test_end_in_the_middle_of_a_literal_says_nothing_there(server, user):
    """BYE would be taken for mail."""
    c = imapwire.Imap(server)
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.ok(f'LOGIN {user} "{loft.PASSWORD}"')
    body = b"From: x@y.z\r\n\r\n" + b"0123456789abcde\n" * 400_000
    c.append_many("INBOX", [body])
    c.ok("SELECT INBOX")
    c.start("FETCH 1 BODY[]")
    time.sleep(0.5)
    kick(server, user)


def test_arguments_of_many_appends_have_a_limit(server, user):
    c = imapwire.Imap(server, user)
    flags = b"(" + b" ".join(b"k%05d" % n for n in range(1000)) + b")"
    before = memory(server, "VmHWM")
    c.send(b"t1x APPEND INBOX")
    try:
        for _ in range(900):
            c.send(b" " + flags + b" {1+}\r\nx")
        c.send(b"\r\n")
    except ConnectionError:
        pass
    line = c.raw()
    assert line.startswith(b"t1x NO [LIMIT]"), line
    assert_small(memory(server, "VmHWM") - before, 40_000)


def test_store_silent_tells_what_others_changed(server, user):
    """The client assumes that only its own change happened; another session's change must be told."""
    a, b = imapwire.Imap(server, user), imapwire.Imap(server, user)
    a.append_many("INBOX", [MESSAGE])
    for c in (a, b):
        c.ok("SELECT INBOX")
    b.ok("STORE 1 +FLAGS.SILENT (\\Seen work)")
    told = a.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")
    fetches = [imapwire.fetch_items(line)[1][b"FLAGS"] for line in told if b"FETCH" in line]
    assert [set(f) - {b"\\Recent"} for f in fetches] == [{b"\\Seen", b"\\Flagged", b"work"}]
    assert [line for line in a.ok("STORE 1 -FLAGS.SILENT (\\Flagged)") if b"FETCH" in line] == []


def test_binary_of_a_large_part_is_not_held_in_memory(server, user):
    import base64

    c = imapwire.Imap(server, user)
    raw = bytes(range(256)) * 80_000  # 20 MB
    c.append_many("INBOX", [b"From: x@y.z\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
                            b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(raw).replace(b"\n", b"\r\n")])
    c.ok("SELECT INBOX")
    before = memory(server, "VmHWM")
    assert c.ok("FETCH 1 (BINARY.SIZE[1])") == [b"* 1 FETCH (BINARY.SIZE[1] %d)" % len(raw)]
    whole = c.ok("FETCH 1 (BINARY.PEEK[1])")[0]
    assert whole.startswith(b"* 1 FETCH (BINARY[1] ~{%d}\r\n" % len(raw)) and whole.endswith(raw + b")")
    part = c.ok("FETCH 1 (BINARY.PEEK[1]<1000001.300000>)")[0]
    assert part.endswith(raw[1000001:1300001] + b")")
    assert_small(memory(server, "VmHWM") - before, 20_000)


def test_long_search_can_be_left(server, user):
    """SIGTERM, kick and the other clients do not wait for it."""
    c = imapwire.Imap(server, user)
    c.append_many("INBOX", [b"From: x@y.z\r\n\r\n" + b"abcdefgh " * 20_000 + b"\r\n"] * 200, at_once=50)
    c.ok("SELECT INBOX")
    started = time.monotonic()
    c.start("SEARCH " + " ".join(f'NOT BODY "never{n}"' for n in range(60)))
    time.sleep(0.3)
    kick(server, user)
    assert b"BYE" in all_input(c.socket)
    assert time.monotonic() - started < 8


def test_refused_recipients_cost_little(server):
    s = socket.socket(socket.AF_UNIX)
    s.connect(server.lmtp_socket)
    f = s.makefile("rb")
    s.sendall(b"LHLO x\r\nMAIL FROM:<>\r\n")
    while not f.readline().startswith(b"250 2.1.0"):
        pass
    before = memory(server, "VmHWM")
    for _ in range(200):
        s.sendall(b"".join(b"RCPT TO:<%s@example.org>\r\n" % (b"n" * 480) for _ in range(100)))
        last = [f.readline() for _ in range(100)][-1]
    assert last.startswith(b"452 4.5.3"), last
    assert_small(memory(server, "VmHWM") - before, 20_000)


@pytest.mark.parametrize("count, answer", [(255, b"OK"), (256, b"OK"), (257, b"NO [LIMIT]")])
def test_patterns_of_a_list_have_a_limit(server, user, count, answer):
    c = imapwire.Imap(server, user)
    assert c.run('LIST "" (' + " ".join(["x*"] * count) + ")")[1].startswith(answer)
