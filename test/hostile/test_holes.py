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
    assert memory(server, "VmHWM") - before < 30_000


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
    assert grown < (60_000 if is_sanitized() else 15_000), f"{grown} KiB"
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
